/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel_tags.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "str.h"

#define PARTS_MIN 5 /* name-version-python-abi-platform.whl, and perhaps a build number */
#define PARTS_MAX 6
#define MINOR_MAX 9999

/* A file name in its parts; the last three are sets of tags with '.' between. */
struct tags {
	char *text; /* cut up */
	char *name;
	struct strv pythons, abis, platforms;
};

static void tags_release(struct tags *tags)
{
	free(tags->text);
	strv_release(&tags->pythons);
	strv_release(&tags->abis);
	strv_release(&tags->platforms);
}

static int split(char *text, const char *separators, struct strv *ret, struct err *err)
{
	char *save = NULL;
	int r = 0;

	for (char *part = strtok_r(text, separators, &save); r == 0 && part;
	     part = strtok_r(NULL, separators, &save))
		r = strv_add(ret, part, err);
	return r;
}

static int parse(const char *file, struct tags *ret, struct err *err)
{
	char *parts[PARTS_MAX + 1] = { NULL };
	size_t count = 0;
	char *rest = NULL;
	int r = str_dup(&ret->text, file, err);

	if (r < 0)
		return r;
	if (!str_ends(file, ".whl"))
		return err_set(err, ERR_VERIFY, "'%.200s' is no wheel", file);
	ret->text[strlen(file) - strlen(".whl")] = '\0';
	rest = ret->text;
	while (rest && count <= PARTS_MAX)
		parts[count++] = strsep(&rest, "-");
	for (size_t i = 0; i < count; i++)
		if (!*parts[i])
			count = 0;
	if (count < PARTS_MIN || count > PARTS_MAX)
		return err_set(err, ERR_VERIFY,
			       "'%.200s' is no wheel's name: "
			       "NAME-VERSION-PYTHON-ABI-PLATFORM.whl is expected",
			       file);
	ret->name = parts[0];
	r = split(parts[count - 3], ".", &ret->pythons, err);
	if (r == 0)
		r = split(parts[count - 2], ".", &ret->abis, err);
	return r < 0 ? r : split(parts[count - 1], ".", &ret->platforms, err);
}

bool wheel_tags_minor(const char *version, const char *major, unsigned int *ret)
{
	struct err ignored = ERR_INIT;
	uint64_t minor = 0;

	if (!str_starts(version, major) ||
	    str_u64(&minor, version + strlen(major), 0, MINOR_MAX, &ignored) < 0)
		return false;
	*ret = (unsigned int)minor;
	return true;
}

/* What packaging.tags gives for CPython 3.MINOR: cp3M-cp3M, cp3N-abi3, cp3M-none, py3N-none. */
static bool python_fits(const char *python, const char *abi, unsigned int minor)
{
	unsigned int n = 0, m = 0;

	if (!strcmp(abi, "none") && !strcmp(python, "py3"))
		return true;
	if (!strcmp(abi, "none") && wheel_tags_minor(python, "py3", &n))
		return n <= minor;
	if (!wheel_tags_minor(python, "cp3", &n))
		return false;
	if (!strcmp(abi, "abi3"))
		return n >= 2 && n <= minor;
	return n == minor &&
	       (!strcmp(abi, "none") || (wheel_tags_minor(abi, "cp3", &m) && m == minor));
}

/* The glibc 2.N that a platform of this architecture needs; false: another one, or no glibc. */
static bool platform_glibc(const char *platform, const char *arch, unsigned int *ret)
{
	static const struct {
		const char *start;
		unsigned int glibc;
	} legacy[] = { { "manylinux1_", 5 },
		       { "manylinux2010_", 12 },
		       { "manylinux2014_", 17 },
		       { "linux_", 0 } };
	char *end = NULL;
	unsigned long minor = 0;

	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++)
		if (str_starts(platform, legacy[i].start)) {
			*ret = legacy[i].glibc;
			return !strcmp(platform + strlen(legacy[i].start), arch);
		}
	if (!str_starts(platform, "manylinux_2_"))
		return false;
	minor = strtoul(platform + strlen("manylinux_2_"), &end, 10);
	if (end == platform + strlen("manylinux_2_") || *end != '_' || minor > MINOR_MAX)
		return false;
	*ret = (unsigned int)minor;
	return !strcmp(end + 1, arch);
}

static int check_python(const char *file, const struct tags *tags, const char *python,
			struct err *err)
{
	unsigned int minor = 0;

	if (!wheel_tags_minor(python, "3.", &minor))
		return err_set(err, ERR_CONFIG,
			       "'python: %.40s' of the platform is no version "
			       "such as \"3.12\"",
			       python);
	for (size_t i = 0; i < tags->pythons.count; i++)
		for (size_t k = 0; k < tags->abis.count; k++)
			if (python_fits(tags->pythons.items[i], tags->abis.items[k], minor))
				return 0;
	return err_set(err, ERR_VERIFY,
		       "wheel '%.200s' is for Python '%s' with ABI '%s', and the "
		       "target has CPython %s",
		       file, tags->pythons.items[0], tags->abis.items[0], python);
}

static int check_platform(const char *file, const struct tags *tags,
			  const struct lock_platform *platform, struct err *err)
{
	unsigned int have = 0, least = MINOR_MAX + 1;

	if (!wheel_tags_minor(platform->glibc, "2.", &have))
		return err_set(err, ERR_CONFIG,
			       "'glibc: %.40s' of the platform is no version such "
			       "as \"2.28\"",
			       platform->glibc);
	for (size_t i = 0; i < tags->platforms.count; i++) {
		unsigned int need = 0;

		if (!strcmp(tags->platforms.items[i], "any"))
			return 0;
		if (platform_glibc(tags->platforms.items[i], platform->arch, &need) && need < least)
			least = need;
	}
	if (least <= have)
		return 0;
	if (least <= MINOR_MAX)
		return err_set(err, ERR_VERIFY,
			       "wheel '%.200s' needs glibc 2.%u, and the target "
			       "has %s",
			       file, least, platform->glibc);
	return err_set(err, ERR_VERIFY,
		       "wheel '%.200s' is for '%s', and the target is Linux with "
		       "glibc on %s",
		       file, tags->platforms.items[0], platform->arch);
}

int wheel_tags_check(const char *file, const struct lock_platform *platform, struct err *err)
{
	CLEANUP(tags_release) struct tags tags = { .text = NULL };
	int r = parse(file, &tags, err);

	if (r == 0 && platform->python)
		r = check_python(file, &tags, platform->python, err);
	if (r == 0 && platform->glibc)
		r = check_platform(file, &tags, platform, err);
	return r;
}

/* PEP 503: lower case, and '-' for each run of '-', '_' and '.'. */
static void add_normal(struct str *out, const char *name)
{
	for (const char *p = name; *p; p++) {
		bool separator = strchr("-_.", *p);

		if (separator && out->len && out->buf[out->len - 1] == '-')
			continue;
		str_addc(out, (char)(separator ? '-' : *p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p));
	}
}

int wheel_tags_check_name(const char *file, const char *name, struct err *err)
{
	CLEANUP(tags_release) struct tags tags = { .text = NULL };
	CLEANUP(str_release) struct str normal = STR_INIT;
	int r = parse(file, &tags, err);

	if (r < 0)
		return r;
	add_normal(&normal, tags.name);
	if (str_check(&normal, err) < 0)
		return -(int)err->code;
	if (strcmp(normal.buf, name) != 0)
		return err_set(err, ERR_VERIFY, "'%.200s' is a wheel of '%s', not of '%.80s'", file,
			       normal.buf, name);
	return 0;
}

bool wheel_tags_is_local(const char *file)
{
	CLEANUP(tags_release) struct tags tags = { .text = NULL };
	struct err ignored = ERR_INIT;

	if (parse(file, &tags, &ignored) < 0)
		return false;
	for (size_t i = 0; i < tags.platforms.count; i++)
		if (str_starts(tags.platforms.items[i], "linux_"))
			return true;
	return false;
}
