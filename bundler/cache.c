/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "str.h"

int cache_dir(const char *dir, char **ret_dir, struct err *err)
{
	const char *env = getenv("PGHA_CACHE_DIR");
	const char *home = getenv("HOME");

	if (dir && *dir)
		return str_dup(ret_dir, dir, err);
	if (env && *env)
		return str_dup(ret_dir, env, err);
	if (!home || home[0] != '/')
		return err_set(err, ERR_USAGE,
			       "no place for the cache: HOME is not set; pass --cache DIR");
	return path_join(home, ".cache/pgha", ret_dir, err);
}

int cache_path(const char *cache, const char *sha256, char **ret_path, struct err *err)
{
	if (strlen(sha256) != SHA256_HEX_SIZE - 1 ||
	    strspn(sha256, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
		return err_set(err, ERR_VERIFY, "'%.80s' is no SHA-256 in lower-case hexadecimal",
			       sha256);
	return str_printf(ret_path, err, "%s/sha256/%.2s/%s", cache, sha256, sha256 + 2);
}

int cache_open_verified(const char *cache, const char *sha256, int *ret_fd, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	char got[SHA256_HEX_SIZE];
	uint64_t size = 0;
	struct stat st;

	if (cache_path(cache, sha256, &path, err) < 0)
		return -err->code;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		*ret_fd = -1;
		return 0;
	}
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_FAILED, "'%s' is no plain file: remove it, and run again",
			       path);
	if (sha256_fd(fd, path, got, &size, err) < 0)
		return -err->code;
	if (strcmp(got, sha256) != 0) {
		unlink(path);
		return err_set(err, ERR_VERIFY,
			       "'%s' was damaged, its SHA-256 is %s: removed from the cache", path,
			       got);
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rewind '%s'", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int cache_put(const char *cache, const void *data, size_t size_bytes,
	      char ret_sha256[SHA256_HEX_SIZE], struct err *err)
{
	cleanup_free char *path = NULL;
	char *slash = NULL;

	if (sha256_hex(data, size_bytes, ret_sha256, err) < 0 ||
	    cache_path(cache, ret_sha256, &path, err) < 0)
		return -err->code;
	slash = strrchr(path, '/');
	*slash = '\0';
	if (dir_make(path, 0755, err) < 0)
		return -err->code;
	*slash = '/';
	return file_write_atomic(path, 0644, data, size_bytes, err);
}

int cache_remove(const char *cache, const char *sha256, struct err *err)
{
	cleanup_free char *path = NULL;

	if (cache_path(cache, sha256, &path, err) < 0)
		return -err->code;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path);
	return 0;
}
