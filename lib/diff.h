/* SPDX-License-Identifier: Apache-2.0 */
/* Two texts compared by lines: the shortest edit script after Myers, "An O(ND) Difference Algorithm and
 * Its Variations" (1986), printed as a unified diff. */
#ifndef PGHA_DIFF_H
#define PGHA_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "str.h"

/* A line with its line end, if it has one; borrowed from the text. */
struct diff_line {
	const char *text;
	size_t len;
};

struct diff_lines {
	struct diff_line *items;
	size_t count;
};

int diff_split(const char *text, size_t len, struct diff_lines *ret, struct err *err) MUST_CHECK;
void diff_lines_release(struct diff_lines *lines);

/* How a line is shown, without its line end: number INDEX of the new text, or else of the old one. */
struct diff_show {
	void (*line)(void *context, bool is_new, size_t index, struct str *out);
	void *context;
};

/*
 * Appends the hunks, each with three lines of context, to OUT; nothing when the texts are equal. The
 * same texts give the same diff. SHOW is NULL: lines are shown as they are. Texts with more than some
 * thousand differing lines are told as one replacement: right, and not the shortest.
 */
int diff_unified(const struct diff_lines *old_text, const struct diff_lines *new_text,
		 const struct diff_show *show, struct str *out, struct err *err) MUST_CHECK;

#endif
