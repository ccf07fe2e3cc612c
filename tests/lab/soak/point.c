/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into pgha-install by the soak test: counts the calls that reach the disk or make a process, and does something at
 * one of them. The installer itself knows nothing of it; what it starts is left alone, and so is its write-behind thread (writeback.h),
 * whose calls are as many as there is time for.
 *
 *	POINT_LOG=FILE    a line for each point: NUMBER CALL PATH
 *	POINT_AT=N        the point
 *	POINT_DO=kill     SIGKILL to the installer before the call is made (default)
 *	         after    the same right after it
 *	         tree     to all that it has started too, before the call
 *	         fail     the call fails with EIO, once
 *	         fill     from here on the file system of POINT_FILE is full, but for POINT_FREE KiB
 *	         readonly from here on / cannot be written
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PROGRAM "pgha-install"

static pid_t self;
static long count, at;
static const char *what = "kill";
static int log_fd = -1;

__attribute__((constructor)) static void begin(void)
{
	char exe[PATH_MAX] = "";
	const char *text = NULL;
	size_t len = 0;

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return;
	len = strlen(exe);
	if (len < strlen(PROGRAM) || strcmp(exe + len - strlen(PROGRAM), PROGRAM) != 0)
		return;
	self = getpid();
	text = getenv("POINT_AT");
	at = text ? atol(text) : 0;
	text = getenv("POINT_DO");
	what = text ? text : what;
	text = getenv("POINT_LOG");
	if (text)
		log_fd = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	/* Neither for scriptlets nor for what they start. */
	unsetenv("LD_PRELOAD");
}

static void kill_children(pid_t parent)
{
	char path[64];
	FILE *f = NULL;
	int child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1) {
		kill_children(child);
		kill(child, SIGKILL);
	}
	if (f)
		fclose(f);
}

/* Blocks of any size are taken until nothing is left; then FREE KiB are given back. */
static void fill(void)
{
	const char *path = getenv("POINT_FILE");
	const char *keep = getenv("POINT_FREE");
	int fd = open(path ? path : "/ballast", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	static char block[1 << 16];
	struct stat st;

	for (size_t size = sizeof(block); fd >= 0 && size; size /= 2)
		while (write(fd, block, size) > 0)
			;
	if (fd >= 0 && keep && fstat(fd, &st) == 0 && st.st_size > atol(keep) * 1024 &&
	    ftruncate(fd, st.st_size - atol(keep) * 1024) < 0)
		abort();
	if (fd >= 0)
		close(fd);
}

/* The child of a fork() that is the point has nothing to do with it. */
static void act(void)
{
	if (getpid() != self)
		return;
	if (!strcmp(what, "fill"))
		fill();
	else if (!strcmp(what, "readonly")) {
		if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
			abort();
	} else {
		if (!strcmp(what, "tree"))
			kill_children(self);
		kill(self, SIGKILL);
		pause();
	}
}

static int is_writeback(void)
{
	char name[16] = "";

	return prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "writeback");
}

enum then { GO_ON, END, FAIL };

/* What follows the call, or takes its place. */
static enum then point(const char *call, int fd, const char *name)
{
	char path[PATH_MAX] = "", link[64], line[PATH_MAX + 64];
	int saved = errno, len = 0;

	if (!self || getpid() != self || is_writeback())
		return GO_ON;
	count++;
	if (log_fd >= 0) {
		if (fd >= 0) {
			snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
			if (readlink(link, path, sizeof(path) - 1) < 0)
				*path = '\0';
		}
		len = snprintf(line, sizeof(line), "%ld %s %s%s%s\n", count, call, path,
			       *path && name ? "/" : "", name ? name : "");
		if (write(log_fd, line, (size_t)len) < 0)
			abort();
	}
	errno = saved;
	if (count != at)
		return GO_ON;
	if (!strcmp(what, "after"))
		return END;
	if (!strcmp(what, "fail"))
		return FAIL;
	act();
	errno = saved;
	return GO_ON;
}

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define AROUND(call, fd, path, expression)              \
	do {                                            \
		enum then then = point(call, fd, path); \
		__typeof__(expression) ret = -1;        \
		int saved = EIO;                        \
		if (then != FAIL) {                     \
			ret = (expression);             \
			saved = errno;                  \
		}                                       \
		if (then == END)                        \
			act();                          \
		errno = saved;                          \
		return ret;                             \
	} while (0)

int fsync(int fd)
{
	NEXT(fsync);
	AROUND("fsync", fd, NULL, next(fd));
}

int fdatasync(int fd)
{
	NEXT(fdatasync);
	AROUND("fdatasync", fd, NULL, next(fd));
}

int syncfs(int fd)
{
	NEXT(syncfs);
	AROUND("syncfs", fd, NULL, next(fd));
}

int rename(const char *from, const char *to)
{
	NEXT(rename);
	AROUND("rename", -1, to, next(from, to));
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	NEXT(renameat);
	AROUND("rename", to_fd, to, next(from_fd, from, to_fd, to));
}

int link(const char *from, const char *to)
{
	NEXT(link);
	AROUND("link", -1, to, next(from, to));
}

int symlinkat(const char *target, int fd, const char *path)
{
	NEXT(symlinkat);
	AROUND("symlink", fd, path, next(target, fd, path));
}

int mkdirat(int fd, const char *path, mode_t mode)
{
	NEXT(mkdirat);
	AROUND("mkdir", fd, path, next(fd, path, mode));
}

int unlinkat(int fd, const char *path, int flags)
{
	NEXT(unlinkat);
	AROUND("unlink", fd, path, next(fd, path, flags));
}

int unlink(const char *path)
{
	NEXT(unlink);
	AROUND("unlink", -1, path, next(path));
}

pid_t fork(void)
{
	NEXT(fork);
	AROUND("fork", -1, "", next());
}
