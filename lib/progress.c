/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "str.h"

#define REDRAW_MS 200
#define PLAIN_MS 10000

static bool all_quiet;
static struct progress *active; /* the one whose line is on the terminal; borrowed */

void progress_set_quiet(bool quiet)
{
	all_quiet = quiet;
}

static void format_bytes(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* A dumb terminal gets the plain lines of a pipe. */
static bool can_redraw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) == 1 && term && strcmp(term, "dumb") != 0;
}

static void print_line(const struct progress *p, uint64_t now)
{
	uint64_t elapsed = now - p->start_ms;
	uint64_t moved = p->done_bytes > p->skipped_bytes ? p->done_bytes - p->skipped_bytes : 0;
	uint64_t rate = elapsed ? moved * 1000 / elapsed : 0;
	char done[32], total[32], speed[32];

	format_bytes(done, sizeof(done), p->done_bytes);
	format_bytes(total, sizeof(total), p->total_bytes);
	format_bytes(speed, sizeof(speed), rate);
	fprintf(stderr, "%s%s: ", p->terminal ? "\r\033[K" : "", p->what);
	if (p->total_items)
		fprintf(stderr, "%u/%u, ", p->done_items, p->total_items);
	fprintf(stderr, "%s", done);
	if (p->total_bytes)
		fprintf(stderr, " of %s", total);
	if (rate)
		fprintf(stderr, ", %s/s", speed);
	if (rate && p->total_bytes > p->done_bytes)
		fprintf(stderr, ", %llu s left",
			(unsigned long long)((p->total_bytes - p->done_bytes) / rate));
	if (!p->terminal)
		fputc('\n', stderr);
}

void progress_start(struct progress *p, const char *what, uint64_t total_bytes,
		    unsigned int total_items)
{
	*p = (struct progress){ .what = what,
				.total_bytes = total_bytes,
				.total_items = total_items,
				.start_ms = clock_monotonic_ms(),
				.terminal = can_redraw(),
				.quiet = all_quiet };
	p->last_ms = p->start_ms;
	if (!p->quiet)
		active = p->terminal ? p : NULL;
}

void progress_update(struct progress *p, uint64_t done_bytes, unsigned int done_items)
{
	uint64_t now = clock_monotonic_ms();

	p->done_bytes = done_bytes;
	p->done_items = done_items;
	if (p->quiet || now - p->last_ms < (p->terminal ? REDRAW_MS : PLAIN_MS))
		return;
	p->last_ms = now;
	print_line(p, now);
}

void progress_skip(struct progress *p, uint64_t bytes)
{
	p->skipped_bytes = bytes;
}

void progress_done(struct progress *p)
{
	uint64_t elapsed = clock_monotonic_ms() - p->start_ms;
	char done[32];

	if (p->quiet)
		return;
	format_bytes(done, sizeof(done), p->done_bytes);
	fprintf(stderr, "%s%s: ", p->terminal ? "\r\033[K" : "", p->what);
	if (p->total_items)
		fprintf(stderr, "%u done, ", p->done_items);
	fprintf(stderr, "%s in %llu.%llu s\n", done, (unsigned long long)(elapsed / 1000),
		(unsigned long long)(elapsed / 100 % 10));
	active = NULL;
}

void progress_abort(struct progress *p)
{
	if (!p->quiet && p->terminal)
		fputs("\r\033[K", stderr);
	active = NULL;
}

void progress_message(const char *who, const char *gap, const char *text)
{
	CLEANUP(str_release) struct str line = STR_INIT;

	str_add_plain(&line, text);
	if (active)
		fputs("\r\033[K", stderr);
	/* In one piece, so that another process's line does not come in between. */
	fprintf(stderr, "%s%s%s\n", who, gap, line.buf && !line.failed ? line.buf : "");
}

static void print_message(const char *who, const char *gap, const char *fmt, va_list ap)
{
	cleanup_free char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	progress_message(who, gap, text ? text : "out of memory");
}

void notice(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!all_quiet)
		print_message("", "", fmt, ap);
	va_end(ap);
}

void warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_message("warning", ": ", fmt, ap);
	va_end(ap);
}
