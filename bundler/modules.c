/* SPDX-License-Identifier: Apache-2.0 */
#include "modules.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cleanup.h"

#define ARTIFACTS_MAX 4000000 /* RHEL 8 AppStream has some 60,000 */

/*
 * libyaml's events are read one after the other and nothing is built: whatever a document says beside
 * its artifacts, and however deep, costs nothing. (libmodulemd rejects a whole file for a number that
 * does not fit.)
 */
struct reader {
	const char *name; /* borrowed */
	yaml_parser_t parser;
	yaml_event_t event;
};

static void reader_release(struct reader *reader)
{
	yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->parser);
}

static int next(struct reader *reader, struct err *err)
{
	yaml_event_delete(&reader->event);
	if (yaml_parser_parse(&reader->parser, &reader->event))
		return 0;
	return err_set(err, ERR_VERIFY, "%s:%zu:%zu: not YAML: %s", reader->name,
		       reader->parser.problem_mark.line + 1, reader->parser.problem_mark.column + 1,
		       reader->parser.problem ? reader->parser.problem : "cannot be read");
}

static bool is_start(const yaml_event_t *event)
{
	return event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
}

static bool is_end(const yaml_event_t *event)
{
	return event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
}

/* Reads to the end of the value whose first event is the present one. */
static int skip(struct reader *reader, struct err *err)
{
	size_t depth = 0;
	int r = 0;

	for (;;) {
		if (is_start(&reader->event))
			depth++;
		else if (is_end(&reader->event))
			depth--;
		if (!depth)
			return 0;
		r = next(reader, err);
		if (r < 0)
			return r;
	}
}

/* "name-0:version…" and "name-version…" become the same. */
static int add_artifact(const char *nevra, struct strv *list, struct err *err)
{
	const char *colon = strchr(nevra, ':');

	if (list->count >= ARTIFACTS_MAX)
		return err_set(err, ERR_VERIFY, "more than %d module artifacts", ARTIFACTS_MAX);
	if (colon && colon - nevra >= 2 && !strncmp(colon - 2, "-0", 2))
		return strv_addf(list, err, "%.*s%s", (int)(colon - 1 - nevra), nevra, colon + 1);
	return strv_add(list, nevra, err);
}

/* The present event is the value of data.artifacts.rpms. */
static int read_artifacts(struct reader *reader, struct strv *list, struct err *err)
{
	int r = 0;

	if (reader->event.type != YAML_SEQUENCE_START_EVENT)
		return skip(reader, err);
	for (;;) {
		r = next(reader, err);
		if (r < 0 || reader->event.type == YAML_SEQUENCE_END_EVENT)
			return r;
		if (reader->event.type == YAML_SCALAR_EVENT)
			r = add_artifact((const char *)reader->event.data.scalar.value, list, err);
		else
			r = skip(reader, err);
		if (r < 0)
			return r;
	}
}

/* Follows PATH, key by key, through mappings; the present event is the first of a value. */
static int follow(struct reader *reader, const char *const *path, struct strv *list,
		  struct err *err)
{
	int r = 0;

	if (!*path)
		return read_artifacts(reader, list, err);
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return skip(reader, err);
	for (;;) {
		bool wanted = false;

		r = next(reader, err);
		if (r < 0 || reader->event.type == YAML_MAPPING_END_EVENT)
			return r;
		wanted = reader->event.type == YAML_SCALAR_EVENT &&
			 !strcmp((const char *)reader->event.data.scalar.value, *path);
		r = skip(reader, err); /* the key */
		if (r == 0)
			r = next(reader, err);
		if (r == 0)
			r = wanted ? follow(reader, path + 1, list, err) : skip(reader, err);
		if (r < 0)
			return r;
	}
}

int modules_artifacts(const char *name, FILE *in, struct strv *ret_nevras, struct err *err)
{
	static const char *const path[] = { "data", "artifacts", "rpms", NULL };
	CLEANUP(reader_release) struct reader reader = { .name = name };
	int r = 0;

	if (!yaml_parser_initialize(&reader.parser))
		return err_nomem(err);
	yaml_parser_set_input_file(&reader.parser, in);
	do {
		r = next(&reader, err);
		if (r == 0 && reader.event.type == YAML_DOCUMENT_START_EVENT) {
			r = next(&reader, err);
			if (r == 0)
				r = follow(&reader, path, ret_nevras, err);
		}
	} while (r == 0 && reader.event.type != YAML_STREAM_END_EVENT);
	return r;
}

void modules_free(struct modules *modules)
{
	(void)modules;
}
