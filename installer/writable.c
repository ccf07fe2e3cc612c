/* SPDX-License-Identifier: Apache-2.0 */
#include "writable.h"

#include <errno.h>
#include <rpm/header.h>
#include <rpm/rpmtd.h>
#include <unistd.h>

#include "cleanup.h"
#include "eachpkg.h"

static inline void td_free(rpmtd *td)
{
	rpmtdFreeData(*td);
	rpmtdFree(*td);
}

static int check_directory(const struct install *in, const char *dir, struct err *err)
{
	cleanup_free char *seen = NULL;
	int r = install_path(in, dir, &seen, err);

	if (r < 0 || access(seen, W_OK) == 0 || errno == ENOENT || errno == ENOTDIR)
		return r;
	return err_errno(err, ERR_HOST, errno,
			 "nothing is changed yet: see why packages cannot write in '%.200s', then "
			 "run this again",
			 seen);
}

static int check_package(Header h, const char *nevra, void *context, struct err *err)
{
	const struct install *const *in = context;
	CLEANUP(td_free) rpmtd dirs = rpmtdNew();
	const char *dir = NULL;
	int r = 0;

	(void)nevra;
	headerGet(h, RPMTAG_DIRNAMES, dirs, HEADERGET_MINMEM);
	while (r == 0 && (dir = rpmtdNextString(dirs)))
		r = check_directory(*in, dir, err);
	return r;
}

int writable_packages(const struct install *in, const struct strv *nevras, struct err *err)
{
	return eachpkg_installed(in, nevras, check_package, &in, err);
}
