/* SPDX-License-Identifier: Apache-2.0 */
#include "netopts.h"

#include <string.h>

#include "cleanup.h"
#include "str.h"

#define PARALLEL_MAX 64

static int parse_count(const char *text, const char *option, unsigned int *ret, struct err *err)
{
	struct err ignored = ERR_INIT;
	uint64_t n = 0;

	if (!text)
		return 0;
	if (str_u64(&n, text, 1, PARALLEL_MAX, &ignored) < 0)
		return err_set(err, ERR_USAGE, "--%s '%s' is no number from 1 to %d", option, text,
			       PARALLEL_MAX);
	*ret = (unsigned int)n;
	return 0;
}

/* As curl and wget: K, M and G are powers of 1024. */
static int parse_rate(const char *text, uint64_t *ret, struct err *err)
{
	static const char suffixes[] = "KMG";
	struct err ignored = ERR_INIT;
	cleanup_free char *digits = NULL;
	const char *suffix = NULL;
	size_t len = text ? strlen(text) : 0;
	unsigned int shift = 0;
	uint64_t n = 0;

	if (!text)
		return 0;
	if (len > 1)
		suffix = strchr(suffixes, text[len - 1] & ~0x20);
	if (suffix && *suffix) {
		shift = 10U * (unsigned int)(suffix - suffixes + 1);
		len--;
	}
	digits = strndup(text, len);
	if (!digits)
		return err_nomem(err);
	if (str_u64(&n, digits, 1, UINT64_MAX >> 31, &ignored) < 0 || n > UINT64_MAX >> 1 >> shift)
		return err_set(err, ERR_USAGE,
			       "--limit-rate '%s' is no number of bytes a second, like 500K or 2M",
			       text);
	*ret = n << shift;
	return 0;
}

int netopts_parse(const struct netopts *options, struct http_limits *ret, struct err *err)
{
	struct http_limits limits = { .offline = options->offline };

	if (parse_count(options->parallel, "parallel", &limits.parallel, err) < 0 ||
	    parse_count(options->per_host, "per-host", &limits.per_host, err) < 0 ||
	    parse_rate(options->limit_rate, &limits.rate_bytes, err) < 0)
		return -err->code;
	*ret = limits;
	return 0;
}
