/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel_input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "pip_index.h"

#define INPUT_SIZE_MAX (512U << 20)

/* The last component of a URL, without query and fragment; percent-encoding of '+' and '!' undone. */
static int url_file(const char *url, char **ret_file, struct err *err)
{
	size_t len = strcspn(url, "?#");
	const char *end = url + len;
	const char *start = end;
	CLEANUP(str_release) struct str file = STR_INIT;

	while (start > url && start[-1] != '/')
		start--;
	for (const char *p = start; p < end; p++) {
		unsigned char c = 0;
		char hex[3] = { 0 };

		if (*p != '%' || end - p < 3) {
			str_addc(&file, *p);
			continue;
		}
		memcpy(hex, p + 1, 2);
		if (!hex_decode(&c, 1, hex))
			return err_set(err, ERR_VERIFY, "'%.200s' is no URL", url);
		str_addc(&file, (char)c);
		p += 2;
	}
	return str_done(&file, ret_file, err);
}

int wheel_url_file(const char *url, char **ret_file, struct err *err)
{
	cleanup_free char *file = NULL;
	int r = url_file(url, &file, err);

	if (r < 0)
		return r;
	if (!str_is_word(file, "._-+!") || file[0] == '.' || !str_ends(file, ".whl"))
		return err_set(err, ERR_VERIFY, "'%.200s' names no wheel", url);
	*ret_file = steal_ptr(&file);
	return 0;
}

int wheel_url_source(const char *url, char **ret_file, struct err *err)
{
	cleanup_free char *file = NULL;
	int r = url_file(url, &file, err);

	if (r < 0)
		return r;
	if (!str_is_word(file, "._-+!") || file[0] == '.')
		return err_set(err, ERR_VERIFY, "'%.200s' names no source archive", url);
	*ret_file = steal_ptr(&file);
	return 0;
}

void wheel_inputs_release(struct wheel_inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++)
		free(inputs->items[i].file);
	free(inputs->items);
	*inputs = (struct wheel_inputs){ .items = NULL };
}

int wheel_inputs_list(const char *name, const struct lock_sdist *sdist, struct wheel_inputs *ret,
		      struct err *err)
{
	CLEANUP(wheel_inputs_release) struct wheel_inputs list = { .items = NULL };
	const struct lock_build *builds = sdist->build.items;
	int r = 0;

	list.items = calloc(sdist->build.count + 1, sizeof(*list.items));
	if (!list.items)
		return err_nomem(err);
	list.items[list.count++] =
		(struct wheel_input){ .name = name, .url = sdist->url, .sha256 = sdist->sha256 };
	for (size_t i = 0; i < sdist->build.count; i++)
		list.items[list.count++] = (struct wheel_input){ .name = builds[i].name,
								 .url = builds[i].url,
								 .sha256 = builds[i].sha256 };
	r = wheel_url_source(sdist->url, &list.items[0].file, err);
	for (size_t i = 1; r == 0 && i < list.count; i++)
		r = wheel_url_file(list.items[i].url, &list.items[i].file, err);
	if (r < 0)
		return r;
	*ret = list;
	list = (struct wheel_inputs){ .items = NULL };
	return 0;
}

bool wheel_input_cached(const char *cache, const char *sha256)
{
	struct err ignored = ERR_INIT;
	cleanup_free char *path = NULL;

	return cache_path(cache, sha256, &path, &ignored) == 0 && access(path, R_OK) == 0;
}

/* *RET_FOUND: it was there, and right; what is damaged is removed from the cache. */
static int from_cache(const char *cache, const char *sha256, const char *dest, bool *ret_found,
		      struct err *err)
{
	CLEANUP(str_release) struct str data = STR_INIT;
	cleanup_close int fd = -1;
	int r = cache_open_verified(cache, sha256, &fd, err);

	*ret_found = false;
	if (r < 0 && err->code == ERR_VERIFY) {
		*err = (struct err)ERR_INIT;
		return 0;
	}
	if (r < 0 || fd < 0)
		return r;
	r = fd_read_all(fd, dest, INPUT_SIZE_MAX, &data, err);
	if (r == 0)
		r = file_write_atomic(dest, 0644, data.buf, data.len, err);
	*ret_found = r == 0;
	return r;
}

int wheel_input_bring(const struct pip *pip, const char *cache, const char *name, const char *url,
		      const char *sha256, const char *dest, struct err *err)
{
	cleanup_free char *data = NULL;
	char kept[SHA256_HEX_SIZE];
	size_t size = 0;
	bool found = false;
	int r = from_cache(cache, sha256, dest, &found, err);

	if (r < 0 || found)
		return r;
	r = pip_index_download(pip, name, url, sha256, dest, err);
	if (r == 0)
		r = file_read(dest, INPUT_SIZE_MAX, ERR_FAILED, &data, &size, err);
	return r < 0 ? r : cache_put(cache, data, size, kept, err);
}
