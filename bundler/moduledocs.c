/* SPDX-License-Identifier: Apache-2.0 */
#include "moduledocs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cleanup.h"
#include "yaml.h"

#define DOCUMENT_BYTES_MAX (64U << 20)
#define DEPTH_MAX 64
#define KEY_SIZE 64

void moduledocs_release(struct moduledocs *docs)
{
	str_release(&docs->text);
	strv_release(&docs->defaults);
}

/* What is looked for in one document. */
struct document {
	const struct inside *inside;
	bool is_stream; /* document: modulemd, modulemd-stream */
	bool wanted;
	char name[128], stream[128];
};

/* Where the parser stands: keys of mappings from the root on, "" for a sequence. */
struct place {
	char keys[DEPTH_MAX][KEY_SIZE];
	bool mapping[DEPTH_MAX], value[DEPTH_MAX]; /* VALUE: the key was read, its value comes */
	int depth;
};

static bool place_is(const struct place *p, const char *a, const char *b, const char *c)
{
	const char *const want[] = { a, b, c };
	int depth = c ? 3 : b ? 2 : 1;

	for (int i = 0; i < depth; i++)
		if (strcmp(p->keys[i], want[i]) != 0)
			return false;
	return p->depth == depth;
}

static void copy(char *to, size_t size, const char *from)
{
	if (strlen(from) < size)
		memcpy(to, from, strlen(from) + 1);
}

static void on_value(const struct place *p, struct document *d, const char *text)
{
	if (place_is(p, "document", NULL, NULL))
		d->is_stream = !strcmp(text, "modulemd") || !strcmp(text, "modulemd-stream");
	else if (place_is(p, "data", "name", NULL))
		copy(d->name, sizeof(d->name), text);
	else if (place_is(p, "data", "stream", NULL))
		copy(d->stream, sizeof(d->stream), text);
}

static void on_scalar(struct place *p, struct document *d, const char *text)
{
	int at = p->depth - 1;

	if (at < 0)
		return;
	if (!p->mapping[at]) {
		if (p->depth == 4 && !strcmp(p->keys[0], "data") &&
		    !strcmp(p->keys[1], "artifacts") && !strcmp(p->keys[2], "rpms"))
			d->wanted = d->wanted || inside_has(d->inside, text);
	} else if (!p->value[at]) {
		p->keys[at][0] = '\0';
		copy(p->keys[at], KEY_SIZE, text);
		p->value[at] = true;
	} else {
		on_value(p, d, text);
		p->value[at] = false;
	}
}

static bool go_down(struct place *p, bool mapping)
{
	if (p->depth == DEPTH_MAX)
		return false;
	p->mapping[p->depth] = mapping;
	p->value[p->depth] = false;
	p->keys[p->depth][0] = '\0';
	p->depth++;
	return true;
}

static void go_up(struct place *p)
{
	p->depth--;
	if (p->depth > 0)
		p->value[p->depth - 1] = false;
}

static bool take_event(const yaml_event_t *event, struct place *p, struct document *d)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		on_scalar(p, d, (const char *)event->data.scalar.value);
		return true;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return go_down(p, event->type == YAML_MAPPING_START_EVENT);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		go_up(p);
		return true;
	default:
		return true;
	}
}

static bool read_document(const struct str *text, struct document *d)
{
	struct place place = { .depth = 0 };
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;
	bool good = true;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text->buf, text->len);
	while (good && !end) {
		good = yaml_parser_parse(&parser, &event) != 0;
		if (!good)
			break;
		end = event.type == YAML_STREAM_END_EVENT;
		good = take_event(&event, &place, d);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return good;
}

static int remember_default(struct moduledocs *docs, const struct document *d, struct err *err)
{
	cleanup_free char *item = NULL;
	int r = str_printf(&item, err, "%s %s", d->name, d->stream);

	if (r < 0 || strv_has(&docs->defaults, item))
		return r;
	return strv_add(&docs->defaults, item, err);
}

/* TEXT, from its "---" on, is one document or what stands between two. */
static int judge(const char *name, unsigned long line, const struct str *text,
		 const struct inside *inside, struct moduledocs *docs, struct err *err)
{
	struct document d = { .inside = inside };

	if (!text->len)
		return 0;
	if (!read_document(text, &d))
		return err_set(err, ERR_VERIFY, "'%.200s': the document at line %lu is not YAML",
			       name, line);
	if (!d.is_stream || !d.wanted || !*d.name || !*d.stream)
		return 0;
	str_add_len(&docs->text, text->buf, text->len);
	return remember_default(docs, &d, err);
}

static bool ends_document(const char *line)
{
	return !strncmp(line, "...", 3) && (line[3] == '\0' || strchr(" \t\r\n", line[3]));
}

static bool begins_document(const char *line)
{
	return !strncmp(line, "---", 3) && (line[3] == '\0' || strchr(" \t\r\n", line[3]));
}

int moduledocs_choose(const char *name, FILE *in, const struct inside *inside,
		      struct moduledocs *ret, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *line = NULL;
	size_t line_size = 0;
	unsigned long number = 0;
	unsigned long begin = 1;
	ssize_t n = 0;
	int r = 0;

	while (r == 0 && (n = getline(&line, &line_size, in)) > 0) {
		bool end = ends_document(line);

		number++;
		if (end || begins_document(line)) {
			r = judge(name, begin, &text, inside, ret, err);
			text.len = 0;
			begin = number;
		}
		if (!end)
			str_add_len(&text, line, (size_t)n);
		if (r == 0 && (text.failed || text.len > DOCUMENT_BYTES_MAX))
			r = err_set(err, ERR_VERIFY,
				    "'%.200s': the document at line %lu is too long", name, begin);
	}
	if (r == 0)
		r = judge(name, begin, &text, inside, ret, err);
	return r < 0 ? r : str_check(&ret->text, err);
}

int moduledocs_format(const struct moduledocs *docs, struct str *ret, struct err *err)
{
	str_add_len(ret, docs->text.buf ? docs->text.buf : "", docs->text.len);
	for (size_t i = 0; i < docs->defaults.count; i++) {
		const char *stream = strchr(docs->defaults.items[i], ' ');
		cleanup_free char *name = strndup(docs->defaults.items[i],
						  (size_t)(stream - docs->defaults.items[i]));

		if (!name)
			return err_nomem(err);
		str_add(ret, "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: ");
		yaml_emit_scalar(ret, name);
		/* Quoted: "5.30" is no number here. */
		str_addf(ret, "\n  stream: \"%s\"\n", stream + 1);
	}
	if (docs->defaults.count)
		str_add(ret, "...\n");
	return str_check(ret, err);
}
