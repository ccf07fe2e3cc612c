/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the installer starts where nothing was installed yet. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "elf_needs.h"
#include "file.h"

/* What every machine that was installed with rpm and dnf has; their own versions follow the platform's. */
static const char *const minimal[] = {
	"ld-linux-x86-64",
	"ld-linux-aarch64",
	"libarchive",
	"libc",
	"libcrypto",
	"libdl",
	"libgcc_s",
	"libm",
	"libpthread",
	"librpm",
	"librpmio",
	"librt",
	"libselinux",
	"libsolv",
	"libsolvext",
	"libyaml-0",
	"libz",
};

static const struct {
	const char *arch;
	unsigned int machine;
} machines[] = {
	{ "x86_64", EM_X86_64 },
	{ "aarch64", EM_AARCH64 },
	{ "ppc64le", EM_PPC64 },
	{ "s390x", EM_S390 },
};

static bool is_minimal(const char *library)
{
	for (size_t i = 0; i < ARRAY_SIZE(minimal); i++)
		if (str_starts(library, minimal[i]) &&
		    str_starts(library + strlen(minimal[i]), ".so"))
			return true;
	return false;
}

/* -1, 0, 1 as the dotted numbers A and B compare. */
static int compare_dotted(const char *a, const char *b)
{
	while (*a || *b) {
		char *a_end = NULL, *b_end = NULL;
		unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);

		if (x != y)
			return x < y ? -1 : 1;
		if ((a == a_end && *a) || (b == b_end && *b))
			return strcmp(a, b);
		a = *a_end == '.' ? a_end + 1 : a_end;
		b = *b_end == '.' ? b_end + 1 : b_end;
	}
	return 0;
}

/* The glibc that VERSION came with, or NULL: another library's, or one that all have. */
static const char *glibc_of(const char *version)
{
	if (!strcmp(version, "GLIBC_ABI_DT_RELR"))
		return "2.36";
	if (!str_starts(version, "GLIBC_"))
		return NULL;
	version += strlen("GLIBC_");
	return *version >= '0' && *version <= '9' ? version : NULL;
}

static int check_machine(const char *path, const struct elf_needs *needs, const char *arch,
			 struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (!strcmp(arch, machines[i].arch) && needs->machine != machines[i].machine)
			return err_set(err, ERR_CONFIG,
				       "the installer '%.200s' is not built for %s", path, arch);
	return 0;
}

static int check_needs(const char *path, const struct elf_needs *needs, const char *glibc,
		       struct err *err)
{
	CLEANUP(str_release) struct str bad = STR_INIT;
	const char *newest = NULL;
	int r = 0;

	for (size_t i = 0; glibc && i < needs->versions.count; i++) {
		const char *version = glibc_of(needs->versions.items[i]);

		if (version && compare_dotted(version, glibc) > 0 &&
		    (!newest || compare_dotted(version, newest) > 0))
			newest = version;
	}
	if (newest)
		str_addf(&bad, "glibc %s", newest);
	for (size_t i = 0; i < needs->libraries.count; i++)
		if (!is_minimal(needs->libraries.items[i]))
			str_addf(&bad, "%s%s", bad.len ? ", " : "", needs->libraries.items[i]);
	for (size_t i = 0; i < needs->places.count; i++)
		str_addf(&bad, "%slibraries in '%s'", bad.len ? ", " : "", needs->places.items[i]);
	r = str_check(&bad, err);
	if (r || !bad.len)
		return r;
	return err_set(err, ERR_CONFIG,
		       "the installer '%.150s' does not start on a minimal machine with glibc %s: "
		       "it needs %.200s; build it on the target's release",
		       path, glibc ? glibc : "of any version", bad.buf);
}

int elf_check_installer(const char *path, const char *arch, const char *glibc, struct err *err)
{
	CLEANUP(elf_needs_release) struct elf_needs needs = ELF_NEEDS_INIT;
	cleanup_free char *data = NULL;
	size_t size = 0;
	int r = file_read(path, 0, ERR_CONFIG, &data, &size, err);

	if (r || (size > 2 && !memcmp(data, "#!", 2)))
		return r;
	r = elf_read(path, data, size, &needs, err);
	if (r)
		return err_prefix(err, "the installer");
	r = arch ? check_machine(path, &needs, arch, err) : 0;
	return r ? r : check_needs(path, &needs, glibc, err);
}
