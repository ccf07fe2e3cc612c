/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a file's change is shown. In the new content the secrets' places are known, because it was rendered
 * with a mask in them too. What an old file holds is not: the secrets of yesterday, or what somebody wrote
 * there. So of a file that not everybody may read, an old line that has no like in the new content is shown
 * without its value.
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "diff.h"
#include "review.h"
#include "review_private.h"
#include "x509.h"

#define SECRET_MIN 4 /* shorter values would mask what is no secret */

/* --- certificates --------------------------------------------------------------------------- */

static int add_certificate(struct review_certificate **certs, size_t *count, X509 *cert,
			   struct err *err)
{
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	CLEANUP(str_release) struct str names = STR_INIT;
	struct review_certificate *c = NULL;
	char until[CLOCK_TEXT_SIZE];
	int r = x509_describe(cert, &facts, err);

	if (r < 0)
		return r;
	c = realloc(*certs, (*count + 1) * sizeof(*c));
	if (!c)
		return err_nomem(err);
	*certs = c;
	c += (*count)++;
	*c = (struct review_certificate){ .subject = NULL };
	clock_format(facts.not_after, until);
	for (size_t i = 0; i < facts.sans.count; i++)
		str_addf(&names, "%s%s", i ? ", " : "", facts.sans.items[i]);
	if ((r = str_done(&names, &c->names, err)) ||
	    (r = str_dup(&c->subject, facts.subject, err)) ||
	    (r = str_dup(&c->serial, facts.serial, err)))
		return r;
	return str_dup(&c->until, until, err);
}

/* All that stand in TEXT; what is none is passed over. */
static int read_certificates(const char *text, size_t len, struct review_certificate **certs,
			     size_t *count, struct err *err)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	int r = 0;

	while (r == 0) {
		const char *from = memmem(text, len, begin, strlen(begin));
		const char *to = NULL;
		CLEANUP(X509_freep) X509 *cert = NULL;
		struct err none = ERR_INIT;

		if (!from)
			return 0;
		len -= (size_t)(from - text);
		to = memmem(from, len, end, strlen(end));
		if (!to)
			return 0;
		to += strlen(end);
		if (x509_from_pem("it", from, (size_t)(to - from), ERR_FAILED, &cert, &none) == 0)
			r = add_certificate(certs, count, cert, err);
		len -= (size_t)(to - from);
		text = to;
	}
	return r;
}

/* --- texts ---------------------------------------------------------------------------------- */

struct sides {
	const struct review_file *file;
	struct diff_lines old_text, new_text, masked;
	struct strv open_keys;   /* what lines without a secret begin with */
	struct strv secret_keys; /* what lines with one do */
};

static void sides_release(struct sides *s)
{
	diff_lines_release(&s->old_text);
	diff_lines_release(&s->new_text);
	diff_lines_release(&s->masked);
	strv_release(&s->open_keys);
	strv_release(&s->secret_keys);
}

static size_t length(const struct diff_line *line)
{
	return line->len && line->text[line->len - 1] == '\n' ? line->len - 1 : line->len;
}

/* For a terminal; a tab stays one. */
static void add_plain(struct str *out, const char *text, size_t len)
{
	while (len) {
		size_t n = *text == '\t' ? 1 : strcspn(text, "\t");
		cleanup_free char *piece = strndup(text, n < len ? n : len);

		if (!piece) {
			out->failed = true;
			return;
		}
		n = strlen(piece);
		if (*piece == '\t')
			str_addc(out, '\t');
		else
			str_add_plain(out, piece);
		secret_cleanse(piece, n);
		text += n;
		len -= n;
	}
}

/* "  - password: x" is "password", of LEN bytes at *RET; the value begins at the returned offset. */
static size_t find_key(const char *line, const char **ret, size_t *ret_len)
{
	const char *p = line + strspn(line, " \t");

	while (*p == '-' && p[1] == ' ')
		p += 1 + strspn(p + 1, " ");
	*ret = p;
	*ret_len = strcspn(p, " \t=:");
	p += *ret_len;
	return (size_t)(p + strspn(p, " \t=:") - line);
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return *line == '#' || *line == ';' || str_starts(line, "--") || str_starts(line, "//");
}

/* A word that tells of a secret, wherever it stands. */
static const char *find_telling(const char *line)
{
	static const char *const words[] = { "passw",   "pwd",        "secret",
					     "token",   "passphrase", "SCRAM-SHA-256$",
					     "PRIVATE", "hash" };
	const char *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strcasestr(line, words[i]);

		if (at && (!first || at < first))
			first = at;
	}
	return first;
}

static bool has_key(const struct strv *keys, const char *key, size_t len)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strlen(keys->items[i]) == len && !strncmp(keys->items[i], key, len))
			return true;
	return false;
}

/* From where on LINE, which the new content does not have, is not shown; its length: all is. */
static size_t find_value(const struct sides *s, const char *line)
{
	const char *telling = find_telling(line);
	const char *key = NULL;
	size_t len = 0;
	size_t value = find_key(line, &key, &len);
	size_t all = strlen(line);

	if (telling && (is_comment(line) || (size_t)(telling - line) > value)) {
		value = (size_t)(telling - line);
		value += strcspn(line + value, " \t=:");
		return value + strspn(line + value, " \t=:");
	}
	if (!all || is_comment(line))
		return all;
	if (!telling && has_key(&s->open_keys, key, len) && !has_key(&s->secret_keys, key, len))
		return all;
	/* A word alone may be the secret itself; "key:" is none. */
	return value < all ? value : line[all - 1] == ':' ? all : (size_t)(key - line);
}

static void mask_values(const struct strv *secrets, struct str *line)
{
	for (size_t i = 0; i < secrets->count; i++) {
		const char *value = secrets->items[i];
		size_t len = strlen(value);
		CLEANUP(str_release) struct str out = STR_SECRET;
		const char *from = line->buf;
		const char *at = NULL;

		if (len < SECRET_MIN)
			continue;
		for (; (at = strstr(from, value)); from = at + len) {
			str_add_len(&out, from, (size_t)(at - from));
			str_add(&out, REVIEW_MASK);
		}
		str_add(&out, from);
		str_reset(line);
		line->failed |= out.failed;
		str_add(line, out.buf ? out.buf : "");
	}
}

static void show_old(const struct sides *s, const struct diff_line *l, struct str *out)
{
	CLEANUP(str_release) struct str line = STR_SECRET;
	size_t shown = 0;

	str_add_len(&line, l->text, length(l));
	str_add(&line, "");
	if (line.failed) {
		out->failed = true;
		return;
	}
	shown = s->file->is_private ? find_value(s, line.buf) : line.len;
	if (shown < line.len) {
		cleanup_free char *before = strndup(line.buf, shown);

		out->failed |= !before;
		str_reset(&line);
		str_add(&line, before ? before : "");
		str_add(&line, REVIEW_MASK);
	}
	mask_values(s->file->secrets, &line);
	out->failed |= line.failed;
	if (!line.failed)
		add_plain(out, line.buf, line.len);
}

static void show(void *context, bool is_new, size_t index, struct str *out)
{
	const struct sides *s = context;

	if (is_new)
		add_plain(out, s->masked.items[index].text, length(&s->masked.items[index]));
	else
		show_old(s, &s->old_text.items[index], out);
}

static int collect_keys(struct sides *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->masked.count; i++) {
		const struct diff_line *l = &s->masked.items[i];
		bool secret = memmem(l->text, l->len, REVIEW_MASK, strlen(REVIEW_MASK)) != NULL;
		cleanup_free char *line = strndup(l->text, length(l));
		cleanup_free char *word = NULL;
		const char *key = NULL;
		size_t len = 0;

		if (!line)
			return err_nomem(err);
		find_key(line, &key, &len);
		word = strndup(key, len);
		if (!word)
			return err_nomem(err);
		r = strv_add(secret ? &s->secret_keys : &s->open_keys, word, err);
	}
	return r;
}

static int compare(const struct review_file *file, struct review_detail *d, struct err *err)
{
	static const struct str nothing = STR_INIT;
	const struct str *old_text = file->old_text ? file->old_text : &nothing;
	CLEANUP(sides_release) struct sides s = { .file = file };
	CLEANUP(str_release) struct str out = STR_INIT;
	const struct diff_show how = { .line = show, .context = &s };
	int r = diff_split(old_text->buf, old_text->len, &s.old_text, err);

	if (r == 0)
		r = diff_split(file->new_text, file->new_len, &s.new_text, err);
	if (r == 0)
		r = diff_split(file->masked, strlen(file->masked), &s.masked, err);
	if (r < 0)
		return r;
	if ((old_text->len && memchr(old_text->buf, '\0', old_text->len)) ||
	    s.masked.count != s.new_text.count)
		return str_dup(&d->note, "not shown: it is no text", err);
	r = collect_keys(&s, err);
	if (r < 0)
		return r;
	str_addf(&out, "--- %s\n+++ %s\n", file->old_text ? file->path : "/dev/null", file->path);
	r = diff_unified(&s.old_text, &s.new_text, &how, &out, err);
	return r < 0 ? r : str_done(&out, &d->diff, err);
}

int review_add_file(struct review *review, const char *line, const struct review_file *file,
		    struct err *err)
{
	struct review_detail *d = NULL;
	int r = 0;

	if (review_find(review, line))
		return 0;
	d = realloc(review->details, (review->detail_count + 1) * sizeof(*d));
	if (!d)
		return err_nomem(err);
	review->details = d;
	d += review->detail_count++;
	*d = (struct review_detail){ .line = NULL };
	if ((r = str_dup(&d->line, line, err)) || (r = str_dup(&d->path, file->path, err)))
		return r;
	if (file->old_text && file->old_text->len == file->new_len &&
	    (!file->new_len || !memcmp(file->old_text->buf, file->new_text, file->new_len)))
		return str_dup(&d->note, "only owner or mode", err);
	if (file->is_certificate) {
		if (file->old_text && file->old_text->len)
			r = read_certificates(file->old_text->buf, file->old_text->len,
					      &d->old_certs, &d->old_count, err);
		if (r == 0)
			r = read_certificates(file->new_text, file->new_len, &d->new_certs,
					      &d->new_count, err);
		if (r < 0 || file->masked)
			return r;
		return str_dup(&d->note, "and its private key", err);
	}
	if (!file->masked)
		return str_dup(&d->note, "a private key is not shown", err);
	return compare(file, d, err);
}
