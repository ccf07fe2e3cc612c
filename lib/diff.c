/* SPDX-License-Identifier: Apache-2.0 */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define CONTEXT_LINES 3
#define EDITS_MAX 2000 /* the paths kept for going back take four bytes for each of its square */

void diff_lines_release(struct diff_lines *lines)
{
	free(lines->items);
	*lines = (struct diff_lines){ .items = NULL };
}

int diff_split(const char *text, size_t len, struct diff_lines *ret, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += text[i] == '\n' || i + 1 == len;
	*ret = (struct diff_lines){ .items = calloc(count + 1, sizeof(*ret->items)) };
	if (!ret->items)
		return err_nomem(err);
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) + 1 : len;

		ret->items[ret->count++] = (struct diff_line){ .text = text, .len = n };
		text += n;
		len -= n;
	}
	return 0;
}

/* --- the edit script ------------------------------------------------------------------------ */

struct script {
	const struct diff_line *a, *b; /* what is left of both between equal beginnings and ends */
	int a_count, b_count;
	bool *gone;  /* lines of A that go */
	bool *fresh; /* lines of B that come */
	int *paths;  /* for each number of edits d: how far each diagonal -d..d came */
};

static bool same(const struct diff_line *x, const struct diff_line *y)
{
	return x->len == y->len && !memcmp(x->text, y->text, x->len);
}

/* Where the 2d+1 ends of D edits lie in the list of all. */
static int *path_ends(const struct script *s, int d)
{
	return s->paths + (size_t)d * (size_t)d + d;
}

/* As far as diagonal K is reached with D edits, from those with one edit less. */
static int furthest(const struct script *s, int d, int k)
{
	const int *before = d ? path_ends(s, d - 1) : NULL;
	int x = 0;

	if (d && (k == -d || (k != d && before[k - 1] < before[k + 1])))
		x = before[k + 1];
	else if (d)
		x = before[k - 1] + 1;
	while (x < s->a_count && x - k < s->b_count && same(&s->a[x], &s->b[x - k]))
		x++;
	return x;
}

/* The number of edits; -1: more than EDITS_MAX. */
static int search(struct script *s)
{
	for (int d = 0; d <= EDITS_MAX && d <= s->a_count + s->b_count; d++) {
		int *ends = path_ends(s, d);

		for (int k = -d; k <= d; k += 2) {
			ends[k] = furthest(s, d, k);
			if (ends[k] >= s->a_count && ends[k] - k >= s->b_count)
				return d;
		}
	}
	return -1;
}

static void mark(struct script *s, int edits)
{
	int x = s->a_count, y = s->b_count;

	for (int d = edits; d > 0; d--) {
		const int *before = path_ends(s, d - 1);
		int k = x - y;
		bool down = k == -d || (k != d && before[k - 1] < before[k + 1]);

		x = down ? before[k + 1] : before[k - 1];
		y = x - (down ? k + 1 : k - 1);
		if (down)
			s->fresh[y] = true;
		else
			s->gone[x] = true;
	}
}

static int compare(struct script *s, struct err *err)
{
	int most = s->a_count + s->b_count < EDITS_MAX ? s->a_count + s->b_count : EDITS_MAX;
	int edits = 0;

	s->paths = calloc(((size_t)most + 1) * ((size_t)most + 1), sizeof(*s->paths));
	if (!s->paths)
		return err_nomem(err);
	edits = search(s);
	if (edits >= 0) {
		mark(s, edits);
	} else {
		memset(s->gone, true, (size_t)s->a_count);
		memset(s->fresh, true, (size_t)s->b_count);
	}
	free(s->paths);
	return 0;
}

/* --- the hunks ------------------------------------------------------------------------------ */

struct marks {
	const struct diff_lines *old_text, *new_text;
	const struct diff_show *show;
	bool *gone, *fresh;
};

static void show_line(const struct marks *m, char sign, bool is_new, size_t index, struct str *out)
{
	const struct diff_line *line =
		is_new ? &m->new_text->items[index] : &m->old_text->items[index];
	bool ended = line->len && line->text[line->len - 1] == '\n';

	str_addc(out, sign);
	if (m->show)
		m->show->line(m->show->context, is_new, index, out);
	else
		str_add_len(out, line->text, line->len - ended);
	str_add(out, ended ? "\n" : "\n\\ No newline at end of file\n");
}

/* Behind the change that I and J stand at. */
static void skip_change(const struct marks *m, size_t *i, size_t *j)
{
	while (*i < m->old_text->count && m->gone[*i])
		(*i)++;
	while (*j < m->new_text->count && m->fresh[*j])
		(*j)++;
}

/* How many lines from I and J on are in both. */
static size_t count_common(const struct marks *m, size_t i, size_t j)
{
	size_t n = 0;

	while (i + n < m->old_text->count && !m->gone[i + n] && j + n < m->new_text->count &&
	       !m->fresh[j + n])
		n++;
	return n;
}

static void show_change(const struct marks *m, size_t *i, size_t *j, struct str *out)
{
	size_t old_end = *i, new_end = *j;

	skip_change(m, &old_end, &new_end);
	for (; *i < old_end; (*i)++)
		show_line(m, '-', false, *i, out);
	for (; *j < new_end; (*j)++)
		show_line(m, '+', true, *j, out);
}

static void add_range(struct str *out, char sign, size_t start, size_t count)
{
	/* POSIX diff: an empty range has the number of the line before it. */
	str_addf(out, "%c%zu", sign, count ? start + 1 : start);
	if (count != 1)
		str_addf(out, ",%zu", count);
}

/* From the change at I and J to where the next one is further away than two contexts; LEAD common lines
 * stand before it. */
static void show_hunk(const struct marks *m, size_t lead, size_t *ret_i, size_t *ret_j,
		      struct str *out)
{
	size_t i = *ret_i, j = *ret_j, common = 0;

	lead = lead < CONTEXT_LINES ? lead : CONTEXT_LINES;
	for (;;) {
		skip_change(m, &i, &j);
		common = count_common(m, i, j);
		if (common > 2 * CONTEXT_LINES ||
		    (i + common == m->old_text->count && j + common == m->new_text->count))
			break;
		i += common;
		j += common;
	}
	common = common < CONTEXT_LINES ? common : CONTEXT_LINES;
	str_add(out, "@@ ");
	add_range(out, '-', *ret_i - lead, i + common - (*ret_i - lead));
	str_addc(out, ' ');
	add_range(out, '+', *ret_j - lead, j + common - (*ret_j - lead));
	str_add(out, " @@\n");
	for (size_t n = lead; n; n--)
		show_line(m, ' ', true, *ret_j - n, out);
	while (*ret_i < i || *ret_j < j) {
		show_change(m, ret_i, ret_j, out);
		for (size_t n = *ret_i < i ? count_common(m, *ret_i, *ret_j) : common; n; n--) {
			show_line(m, ' ', true, (*ret_j)++, out);
			(*ret_i)++;
		}
	}
}

static void show_hunks(const struct marks *m, struct str *out)
{
	size_t i = 0, j = 0;

	for (;;) {
		size_t lead = count_common(m, i, j);

		if (i + lead == m->old_text->count && j + lead == m->new_text->count)
			return;
		i += lead;
		j += lead;
		show_hunk(m, lead, &i, &j, out);
	}
}

int diff_unified(const struct diff_lines *old_text, const struct diff_lines *new_text,
		 const struct diff_show *show, struct str *out, struct err *err)
{
	cleanup_free bool *gone = calloc(old_text->count + 1, sizeof(*gone));
	cleanup_free bool *fresh = calloc(new_text->count + 1, sizeof(*fresh));
	const struct marks marks = { old_text, new_text, show, gone, fresh };
	size_t start = 0, a_end = old_text->count, b_end = new_text->count;
	struct script s;
	int r = 0;

	if (!gone || !fresh)
		return err_nomem(err);
	while (start < a_end && start < b_end &&
	       same(&old_text->items[start], &new_text->items[start]))
		start++;
	while (a_end > start && b_end > start &&
	       same(&old_text->items[a_end - 1], &new_text->items[b_end - 1])) {
		a_end--;
		b_end--;
	}
	s = (struct script){ .a = old_text->items + start,
			     .b = new_text->items + start,
			     .a_count = (int)(a_end - start),
			     .b_count = (int)(b_end - start),
			     .gone = gone + start,
			     .fresh = fresh + start };
	r = compare(&s, err);
	if (r == 0)
		show_hunks(&marks, out);
	return r < 0 ? r : str_check(out, err);
}
