/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program wants of the machine that runs it: libraries, and which versions of their symbols. Read from its
 * dynamic section (System V gABI; symbol versions as in the LSB), 64-bit little-endian ELF alone.
 */
#ifndef PGHA_ELF_NEEDS_H
#define PGHA_ELF_NEEDS_H

#include "err.h"
#include "str.h"

struct elf_needs {
	unsigned int machine;  /* EM_… */
	struct strv libraries; /* DT_NEEDED, in their order */
	struct strv versions;  /* "GLIBC_2.34" …, each once */
	struct strv places;    /* DT_RPATH, DT_RUNPATH */
};

#define ELF_NEEDS_INIT        \
	{                     \
		.machine = 0, \
	}

void elf_needs_release(struct elf_needs *needs);

/* DATA is a program's whole file; a static one needs nothing. ERR_CONFIG for what is no such file, or a damaged one.
 * RET is released by the caller, also after a failure. */
int elf_read(const char *name, const void *data, size_t size, struct elf_needs *ret,
	     struct err *err) MUST_CHECK;

/*
 * Whether the installer in PATH starts on a minimal machine of ARCH with GLIBC ("2.28"; NULL: not known), or
 * ERR_CONFIG with all that it wants too much. A script needs nothing that could be read here.
 */
int elf_check_installer(const char *path, const char *arch, const char *glibc,
			struct err *err) MUST_CHECK;

#endif
