/* SPDX-License-Identifier: Apache-2.0 */
#include "stamp.h"

int stamp_take(int fd, struct stamp *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	*ret = (struct stamp){
		.taken = true,
		.device = st.st_dev,
		.inode = st.st_ino,
		.size_bytes = st.st_size,
		.modified = st.st_mtim,
		.changed = st.st_ctim,
	};
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool stamp_holds(const struct stamp *stamp, int fd)
{
	struct stamp now;

	return stamp->taken && stamp_take(fd, &now) == 0 && now.device == stamp->device &&
	       now.inode == stamp->inode && now.size_bytes == stamp->size_bytes &&
	       same_time(&now.modified, &stamp->modified) &&
	       same_time(&now.changed, &stamp->changed);
}
