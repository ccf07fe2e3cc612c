/* SPDX-License-Identifier: Apache-2.0 */
#include "licenses.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "digest.h"

#define TOKENS_MAX 200

/* Identifiers that packages of this field carry (SPDX licence list 3.20), sorted. */
static const char *const ids[] = {
	"0BSD",
	"AFL-2.1",
	"AGPL-3.0-only",
	"AGPL-3.0-or-later",
	"Apache-1.1",
	"Apache-2.0",
	"Artistic-1.0-Perl",
	"Artistic-2.0",
	"BSD-1-Clause",
	"BSD-2-Clause",
	"BSD-3-Clause",
	"BSD-4-Clause",
	"BSD-4-Clause-UC",
	"BSL-1.0",
	"BlueOak-1.0.0",
	"CC-BY-3.0",
	"CC-BY-4.0",
	"CC-BY-SA-4.0",
	"CC0-1.0",
	"CDDL-1.0",
	"CPL-1.0",
	"EPL-1.0",
	"EPL-2.0",
	"FSFAP",
	"FSFUL",
	"FSFULLR",
	"FTL",
	"GFDL-1.1-or-later",
	"GFDL-1.2-or-later",
	"GFDL-1.3-only",
	"GFDL-1.3-or-later",
	"GPL-1.0-only",
	"GPL-1.0-or-later",
	"GPL-2.0-only",
	"GPL-2.0-or-later",
	"GPL-3.0-only",
	"GPL-3.0-or-later",
	"HPND",
	"ICU",
	"ISC",
	"LGPL-2.0-only",
	"LGPL-2.0-or-later",
	"LGPL-2.1-only",
	"LGPL-2.1-or-later",
	"LGPL-3.0-only",
	"LGPL-3.0-or-later",
	"MIT",
	"MIT-0",
	"MIT-CMU",
	"MPL-1.1",
	"MPL-2.0",
	"NCSA",
	"OFL-1.1",
	"OLDAP-2.8",
	"OpenSSL",
	"PSF-2.0",
	"PostgreSQL",
	"Python-2.0",
	"Python-2.0.1",
	"RSA-MD",
	"Ruby",
	"SISSL",
	"Spencer-94",
	"TCL",
	"Unicode-DFS-2016",
	"Unlicense",
	"Vim",
	"WTFPL",
	"X11",
	"Zlib",
	"ZPL-2.1",
	"bzip2-1.0.6",
	"curl",
	"zlib-acknowledgement",
};

static const char *const exceptions[] = {
	"Autoconf-exception-3.0",
	"Bison-exception-2.2",
	"Classpath-exception-2.0",
	"GCC-exception-3.1",
	"LLVM-exception",
	"Libtool-exception",
	"OCaml-LGPL-linking-exception",
	"cryptsetup-OpenSSL-exception",
	"openvpn-openssl-exception",
};

static bool has(const char *const *list, size_t count, const char *word, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == len && !strncmp(list[i], word, len))
			return true;
	return false;
}

struct reader {
	const char *at;
	unsigned int tokens;
};

/* The next word or bracket; 0 at the end. */
static size_t next(struct reader *r, const char **ret)
{
	r->at += strspn(r->at, " ");
	*ret = r->at;
	r->tokens++;
	if (!*r->at || r->tokens > TOKENS_MAX)
		return 0;
	return *r->at == '(' || *r->at == ')' ? 1 : strcspn(r->at, " ()");
}

static bool is_word(struct reader *r, const char *word)
{
	const char *start = NULL;
	size_t len = next(r, &start);

	if (len != strlen(word) || strncmp(start, word, len) != 0)
		return false;
	r->at = start + len;
	return true;
}

/* TERM [WITH exception] {AND|OR TERM …}; brackets as deep as DEPTH allows. */
static bool read_expression(struct reader *r, unsigned int depth)
{
	do {
		const char *start = NULL;
		size_t len = 0;

		if (!depth)
			return false;
		if (is_word(r, "(")) {
			if (!read_expression(r, depth - 1) || !is_word(r, ")"))
				return false;
			continue;
		}
		len = next(r, &start);
		if (!has(ids, ARRAY_SIZE(ids), start, len))
			return false;
		r->at = start + len;
		if (!is_word(r, "WITH"))
			continue;
		len = next(r, &start);
		if (!has(exceptions, ARRAY_SIZE(exceptions), start, len))
			return false;
		r->at = start + len;
	} while (is_word(r, "AND") || is_word(r, "OR"));
	return true;
}

bool license_is_spdx(const char *text)
{
	struct reader r = { .at = text };
	const char *rest = NULL;

	return read_expression(&r, 16) && next(&r, &rest) == 0 && !*rest;
}

int license_ref(const char *text, char ret[LICENSE_REF_SIZE], struct err *err)
{
	char hex[SHA256_HEX_SIZE];
	int r = sha256_hex(text, strlen(text), hex, err);

	if (r == 0)
		snprintf(ret, LICENSE_REF_SIZE, "LicenseRef-pgha-%.12s", hex);
	return r;
}
