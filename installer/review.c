/* SPDX-License-Identifier: Apache-2.0 */
#include "review.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "review_private.h"

static void certificates_release(struct review_certificate *certs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(certs[i].subject);
		free(certs[i].names);
		free(certs[i].serial);
		free(certs[i].until);
	}
	free(certs);
}

void review_release(struct review *review)
{
	for (size_t i = 0; i < review->section_count; i++)
		strv_release(&review->sections[i].lines);
	for (size_t i = 0; i < review->detail_count; i++) {
		struct review_detail *d = &review->details[i];

		free(d->line);
		free(d->path);
		free(d->diff);
		free(d->note);
		certificates_release(d->old_certs, d->old_count);
		certificates_release(d->new_certs, d->new_count);
	}
	free(review->details);
	strv_release(&review->one_way);
	strv_release(&review->kept);
	strv_release(&review->considered);
	*review = (struct review)REVIEW_INIT;
}

int review_add(struct review *review, const char *name, const struct strv *changes, size_t from,
	       struct err *err)
{
	struct review_section *s = &review->sections[review->section_count];
	int r = 0;

	if (review->section_count == REVIEW_SECTIONS_MAX)
		return err_set(err, ERR_FAILED, "a plan has at most %d parts", REVIEW_SECTIONS_MAX);
	review->section_count++;
	s->name = name;
	for (size_t i = from; r == 0 && i < changes->count; i++)
		r = strv_add(&s->lines, changes->items[i], err);
	return r;
}

const struct review_detail *review_find(const struct review *review, const char *line)
{
	for (size_t i = 0; i < review->detail_count; i++)
		if (!strcmp(review->details[i].line, line))
			return &review->details[i];
	return NULL;
}

/* --- for machines --------------------------------------------------------------------------- */

static void json_packages(struct json *j, const struct plan *plan)
{
	static const char *const actions[] = {
		[PLAN_INSTALL] = "install",
		[PLAN_UPGRADE] = "upgrade",
		[PLAN_REINSTALL] = "reinstall",
		[PLAN_DOWNGRADE] = "downgrade",
	};

	json_open(j, "packages", '[');
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_package *p = &plan->packages[i];

		json_open(j, NULL, '{');
		json_string(j, "action", actions[p->action]);
		json_string(j, "package", p->nevra);
		json_string(j, "replaces", p->old);
		json_number(j, "bytes", p->size_bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_certificates(struct json *j, const char *key,
			      const struct review_certificate *certs, size_t count)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < count; i++) {
		json_open(j, NULL, '{');
		json_string(j, "subject", certs[i].subject);
		json_string(j, "names", certs[i].names);
		json_string(j, "serial", certs[i].serial);
		json_string(j, "until", certs[i].until);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* "restart x.service" is an action and what it is done to. */
static int json_line(struct json *j, const struct review *review, const char *line, struct err *err)
{
	const struct review_detail *d = review_find(review, line);
	size_t len = strcspn(line, " ");
	cleanup_free char *verb = strndup(line, len);

	if (!verb)
		return err_nomem(err);
	json_open(j, NULL, '{');
	json_string(j, "action", verb);
	json_string(j, "what", line[len] ? line + len + 1 : NULL);
	if (d) {
		json_string(j, "path", d->path);
		if (d->diff)
			json_string(j, "diff", d->diff);
		if (d->note)
			json_string(j, "note", d->note);
		if (d->old_count || d->new_count) {
			json_certificates(j, "old", d->old_certs, d->old_count);
			json_certificates(j, "new", d->new_certs, d->new_count);
		}
	}
	json_close(j, '}');
	return 0;
}

static int json_lines(struct json *j, const struct review *review, const char *key,
		      const struct strv *lines, struct err *err)
{
	int r = 0;

	json_open(j, key, '[');
	for (size_t i = 0; r == 0 && i < lines->count; i++)
		r = json_line(j, review, lines->items[i], err);
	json_close(j, ']');
	return r;
}

int review_json(const struct review *review, const struct install *in, const char *index_sha256,
		const struct plan *plan, struct json *j, struct err *err)
{
	int r = 0;

	json_string(j, "cluster", in->index.cluster);
	json_string(j, "node", in->node);
	json_number(j, "sequence", in->index.sequence);
	json_string(j, "index", index_sha256);
	json_packages(j, plan);
	json_strings(j, "irreversible", &review->one_way);
	for (size_t i = 0; r == 0 && i < review->section_count; i++)
		if (strcmp(review->sections[i].name, "packages") != 0)
			r = json_lines(j, review, review->sections[i].name,
				       &review->sections[i].lines, err);
	if (r == 0)
		r = json_lines(j, review, "kept", &review->kept, err);
	json_strings(j, "considered", &review->considered);
	return r;
}

int review_digest(const struct review *review, const struct install *in, const char *index_sha256,
		  const struct plan *plan, char ret_sha256[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	r = review_json(review, in, index_sha256, plan, &j, err);
	json_close(&j, '}');
	if (r == 0)
		r = json_done(&j, &text, err);
	return r < 0 ? r : sha256_hex(text, strlen(text), ret_sha256, err);
}

/* --- for people ----------------------------------------------------------------------------- */

static void text_block(struct str *out, const char *text)
{
	for (const char *end = NULL; *text; text = end + 1) {
		end = strchr(text, '\n');
		if (!end)
			end = text + strlen(text);
		str_add(out, "    ");
		str_add_len(out, text, (size_t)(end - text));
		str_addc(out, '\n');
		if (!*end)
			return;
	}
}

static void text_certificates(struct str *out, char sign, const struct review_certificate *certs,
			      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		str_addf(out, "    %c subject %s\n", sign, certs[i].subject);
		if (*certs[i].names)
			str_addf(out, "    %c names   %s\n", sign, certs[i].names);
		str_addf(out, "    %c serial  %s\n    %c until   %s\n", sign, certs[i].serial, sign,
			 certs[i].until);
	}
}

static void text_lines(const struct review *review, const char *title, const struct strv *lines,
		       struct str *out)
{
	if (!lines->count)
		return;
	str_addf(out, "%s\n", title);
	for (size_t i = 0; i < lines->count; i++) {
		const struct review_detail *d = review_find(review, lines->items[i]);

		str_add(out, "  ");
		str_add_plain(out, lines->items[i]);
		str_addc(out, '\n');
		if (!d)
			continue;
		text_certificates(out, '-', d->old_certs, d->old_count);
		text_certificates(out, '+', d->new_certs, d->new_count);
		if (d->note)
			str_addf(out, "    (%s)\n", d->note);
		if (d->diff)
			text_block(out, d->diff);
	}
}

void review_text(const struct review *review, const struct install *in, struct str *out)
{
	bool any = false;

	for (size_t i = 0; i < review->section_count; i++) {
		const struct review_section *s = &review->sections[i];

		any |= s->lines.count != 0;
		text_lines(review, s->name, &s->lines, out);
	}
	if (!any)
		str_addf(out, "%s: nothing to do\n", in->node);
	text_lines(review, "kept, as changed by hand", &review->kept, out);
	text_lines(review, "irreversible", &review->one_way, out);
	text_lines(review, "considered then, unless they are done", &review->considered, out);
}
