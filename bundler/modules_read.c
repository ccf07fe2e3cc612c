/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules.yaml to a block. libyaml's events are read one after the other, and of a document only what
 * decides about streams is kept: the rest is passed over, however deep, whether it makes sense or not.
 * What is kept must make sense as libmodulemd has it, or the document is left out, as it would be there.
 */
#include "modules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cleanup.h"
#include "modules_block.h"

#define DOCUMENTS_MAX 50000U /* RHEL 8 AppStream has 862 */
#define RECORDS_MAX 4000000U /* of one table; its artifacts are some 40,000 */
#define STRINGS_MAX (1U << 30)
#define NOTES_MAX 10U
#define DEPTH_MAX 100U /* libyaml's work grows with its square; the field's documents have 8 */
#define KEY_SIZE 256
#define CONTEXT_LEN_MAX 10 /* libmodulemd's, for a static one */

struct slot {
	uint32_t offset; /* 0: free */
	uint32_t hash;
};

/* What is known of the document that is being read. Offsets are of strings. */
struct document {
	const char *problem; /* the first one; static */
	size_t problem_line;
	size_t line;
	char type[32];
	uint64_t version;
	bool has_data;
	bool has_summary;
	bool has_description;
	bool has_license;
	struct block_stream stream;
	struct block_default def;
	uint32_t groups; /* of requires */
};

struct reader {
	const char *name; /* borrowed */
	yaml_parser_t parser;
	yaml_event_t event;
	struct document doc;
	struct str tables[BLOCK_TABLES];
	uint32_t counts[BLOCK_TABLES];
	struct slot *slots; /* of the strings, by hash; a power of two */
	uint32_t slot_count;
	uint32_t string_count;
	size_t left_out;
	size_t depth; /* of what the present event belongs to */
};

static void reader_release(struct reader *rd)
{
	yaml_event_delete(&rd->event);
	yaml_parser_delete(&rd->parser);
	for (size_t t = 0; t < BLOCK_TABLES; t++)
		str_release(&rd->tables[t]);
	free(rd->slots);
}

/* --- tables ---------------------------------------------------------------------------------------- */

static int add_record(struct reader *rd, enum block_table table, const void *record,
		      struct err *err)
{
	if (rd->counts[table] >= RECORDS_MAX)
		return err_set(err, ERR_VERIFY, "%s: more than %u records of one kind", rd->name,
			       RECORDS_MAX);
	str_add_len(&rd->tables[table], record, block_record_size(table));
	rd->counts[table]++;
	return str_check(&rd->tables[table], err);
}

static int grow_slots(struct reader *rd, struct err *err)
{
	uint32_t count = rd->slot_count ? rd->slot_count * 2 : 4096;
	struct slot *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return err_nomem(err);
	for (uint32_t i = 0; i < rd->slot_count; i++) {
		uint32_t k = rd->slots[i].hash & (count - 1);

		if (!rd->slots[i].offset)
			continue;
		while (slots[k].offset)
			k = (k + 1) & (count - 1);
		slots[k] = rd->slots[i];
	}
	free(rd->slots);
	rd->slots = slots;
	rd->slot_count = count;
	return 0;
}

/* The offset of TEXT, which is kept once. */
static int intern(struct reader *rd, const char *text, size_t len, uint32_t *ret, struct err *err)
{
	struct str *strings = &rd->tables[BLOCK_STRINGS];
	uint64_t full = block_hash(BLOCK_HASH_INIT, text, len);
	uint32_t hash = (uint32_t)(full ^ full >> 32);
	uint32_t k = 0;

	*ret = 0;
	if (!len)
		return 0;
	if (rd->string_count >= rd->slot_count / 2 && grow_slots(rd, err) < 0)
		return -(int)err->code;
	for (k = hash & (rd->slot_count - 1); rd->slots[k].offset;
	     k = (k + 1) & (rd->slot_count - 1)) {
		const char *other = strings->buf + rd->slots[k].offset;

		if (rd->slots[k].hash == hash && !strncmp(other, text, len) && !other[len]) {
			*ret = rd->slots[k].offset;
			return 0;
		}
	}
	if (strings->len + len + 1 > STRINGS_MAX)
		return err_set(err, ERR_VERIFY, "%s: more than %u bytes of names", rd->name,
			       STRINGS_MAX);
	*ret = (uint32_t)strings->len;
	str_add_len(strings, text, len);
	str_add_len(strings, "", 1);
	rd->slots[k] = (struct slot){ .offset = *ret, .hash = hash };
	rd->string_count++;
	return str_check(strings, err);
}

static const char *string_at(const struct reader *rd, uint32_t offset)
{
	return rd->tables[BLOCK_STRINGS].buf + offset;
}

/* --- events ------------------------------------------------------------------------------------------ */

static bool is_start(const yaml_event_t *event)
{
	return event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
}

static bool is_end(const yaml_event_t *event)
{
	return event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
}

static int next(struct reader *rd, struct err *err)
{
	yaml_event_delete(&rd->event);
	if (yaml_parser_parse(&rd->parser, &rd->event)) {
		if (is_end(&rd->event))
			rd->depth--;
		else if (is_start(&rd->event) && ++rd->depth > DEPTH_MAX)
			return err_set(err, ERR_VERIFY, "%s:%zu:%zu: nested too deeply", rd->name,
				       rd->event.start_mark.line + 1,
				       rd->event.start_mark.column + 1);
		return 0;
	}
	return err_set(err, ERR_VERIFY, "%s:%zu:%zu: not YAML: %s", rd->name,
		       rd->parser.problem_mark.line + 1, rd->parser.problem_mark.column + 1,
		       rd->parser.problem ? rd->parser.problem : "cannot be read");
}

/* Reads to the end of the value whose first event is the present one. */
static int skip(struct reader *rd, struct err *err)
{
	size_t depth = 0;
	int r = 0;

	for (;;) {
		if (is_start(&rd->event))
			depth++;
		else if (is_end(&rd->event))
			depth--;
		if (!depth)
			return 0;
		r = next(rd, err);
		if (r < 0)
			return r;
	}
}

static void set_problem(struct reader *rd, const char *problem)
{
	if (rd->doc.problem)
		return;
	rd->doc.problem = problem;
	rd->doc.problem_line = rd->event.start_mark.line + 1;
}

/* The present event's text, or NULL with a problem noted. Borrowed until the next event. */
static const char *scalar(struct reader *rd, const char *problem)
{
	const char *text = NULL;

	if (rd->event.type == YAML_SCALAR_EVENT) {
		text = (const char *)rd->event.data.scalar.value;
		if (strlen(text) != rd->event.data.scalar.length)
			text = NULL;
	}
	if (!text)
		set_problem(rd, problem);
	return text;
}

/* Reads a value, whose first event is the present one, to its last event. */
typedef int (*value_reader)(struct reader *rd, const char *key, struct err *err);

/* Calls READ for each pair of a mapping. Keys that are no short text are passed over. */
static int read_mapping(struct reader *rd, const char *problem, value_reader read, struct err *err)
{
	int r = 0;

	if (rd->event.type != YAML_MAPPING_START_EVENT) {
		set_problem(rd, problem);
		return skip(rd, err);
	}
	for (;;) {
		char key[KEY_SIZE] = "";
		bool known = false;

		r = next(rd, err);
		if (r < 0 || rd->event.type == YAML_MAPPING_END_EVENT)
			return r;
		known = rd->event.type == YAML_SCALAR_EVENT &&
			rd->event.data.scalar.length < sizeof(key);
		if (known)
			memcpy(key, rd->event.data.scalar.value, rd->event.data.scalar.length);
		r = skip(rd, err);
		if (r == 0)
			r = next(rd, err);
		if (r == 0)
			r = known ? read(rd, key, err) : skip(rd, err);
		if (r < 0)
			return r;
	}
}

/* Calls READ for each item of a sequence, or for a single text that is not empty. */
static int read_list(struct reader *rd, const char *problem, value_reader read, struct err *err)
{
	int r = 0;

	if (rd->event.type == YAML_SCALAR_EVENT)
		return rd->event.data.scalar.length ? read(rd, "", err) : 0;
	if (rd->event.type != YAML_SEQUENCE_START_EVENT) {
		set_problem(rd, problem);
		return skip(rd, err);
	}
	for (;;) {
		r = next(rd, err);
		if (r < 0 || rd->event.type == YAML_SEQUENCE_END_EVENT)
			return r;
		r = read(rd, "", err);
		if (r < 0)
			return r;
	}
}

/* --- values ------------------------------------------------------------------------------------------ */

static int read_string(struct reader *rd, uint32_t *ret, struct err *err)
{
	const char *text = scalar(rd, "a text is expected");

	return text ? intern(rd, text, strlen(text), ret, err) : skip(rd, err);
}

static int read_number(struct reader *rd, uint64_t *ret, struct err *err)
{
	const char *text = scalar(rd, "a number is expected");
	struct err ignored = ERR_INIT;

	if (!text)
		return skip(rd, err);
	if (str_u64(ret, text, 0, UINT64_MAX, &ignored) < 0)
		set_problem(rd, "a number from 0 to 18446744073709551615 is expected");
	return 0;
}

static int add_word(struct reader *rd, const char *text, struct err *err)
{
	uint32_t offset = 0;
	int r = intern(rd, text, strlen(text), &offset, err);

	return r < 0 ? r : add_record(rd, BLOCK_WORDS, &offset, err);
}

static int read_word(struct reader *rd, const char *key, struct err *err)
{
	const char *text = scalar(rd, "a list of texts is expected");

	(void)key;
	return text ? add_word(rd, text, err) : skip(rd, err);
}

static int cmp_words(const void *a, const void *b, void *arg)
{
	const char *strings = arg;

	return strcmp(strings + *(const uint32_t *)a, strings + *(const uint32_t *)b);
}

/* Sorts the words from FIRST to the end of the table and drops doubles. */
static struct block_range sort_words(struct reader *rd, uint32_t first)
{
	struct str *table = &rd->tables[BLOCK_WORDS];
	struct block_range range = { .first = first };
	uint32_t count = rd->counts[BLOCK_WORDS] - first;
	uint32_t *words = NULL;

	if (!count)
		return range;
	words = (uint32_t *)(void *)(table->buf) + first;
	qsort_r(words, count, sizeof(*words), cmp_words, rd->tables[BLOCK_STRINGS].buf);
	for (uint32_t i = 0; i < count; i++)
		if (!range.count || words[i] != words[range.count - 1])
			words[range.count++] = words[i];
	rd->counts[BLOCK_WORDS] = first + range.count;
	table->len = (size_t)rd->counts[BLOCK_WORDS] * sizeof(*words);
	return range;
}

/* --- artifacts --------------------------------------------------------------------------------------- */

/* The places of what separates name-epoch:version-release.arch; the epoch must be there. */
struct nevra {
	size_t name_len;
	const char *epoch;
	size_t epoch_len;
	const char *version; /* to the end */
	const char *arch;
};

static bool parse_nevra(const char *text, struct nevra *ret)
{
	const char *dot = strrchr(text, '.');
	const char *release = dot ? memrchr(text, '-', (size_t)(dot - text)) : NULL;
	const char *colon = release ? memrchr(text, ':', (size_t)(release - text)) : NULL;
	const char *dash = colon ? memrchr(text, '-', (size_t)(colon - text)) : NULL;

	if (!dash || dash == text || memchr(colon, '-', (size_t)(release - colon)))
		return false;
	*ret = (struct nevra){ .name_len = (size_t)(dash - text),
			       .epoch = dash + 1,
			       .epoch_len = (size_t)(colon - dash - 1),
			       .version = colon + 1,
			       .arch = dot + 1 };
	for (size_t i = 0; i < ret->epoch_len; i++)
		if (!isdigit((unsigned char)ret->epoch[i]))
			return false;
	return ret->epoch_len > 0;
}

static int add_artifact(struct reader *rd, const char *text, struct err *err)
{
	CLEANUP(str_release) struct str full = STR_INIT;
	struct block_artifact artifact = { .name_len = 0 };
	struct nevra nevra = { .name_len = 0 };
	int r = 0;

	if (!parse_nevra(text, &nevra)) {
		set_problem(rd, "an artifact is not name-epoch:version-release.arch");
		return 0;
	}
	str_add_len(&full, text, nevra.name_len + 1);
	if (strspn(nevra.epoch, "0") < nevra.epoch_len)
		str_add_len(&full, nevra.epoch, nevra.epoch_len + 1);
	str_add(&full, nevra.version);
	r = str_check(&full, err);
	if (r == 0)
		r = intern(rd, full.buf, full.len, &artifact.text, err);
	if (r < 0)
		return r;
	artifact.hash = block_hash(BLOCK_HASH_INIT, full.buf, full.len);
	if (strcmp(nevra.arch, "src") != 0 && strcmp(nevra.arch, "nosrc") != 0)
		artifact.name_len = (uint32_t)nevra.name_len;
	return add_record(rd, BLOCK_ARTIFACTS, &artifact, err);
}

static int read_artifact(struct reader *rd, const char *key, struct err *err)
{
	const char *text = scalar(rd, "a list of texts is expected");

	(void)key;
	return text ? add_artifact(rd, text, err) : skip(rd, err);
}

static int read_artifacts(struct reader *rd, const char *key, struct err *err)
{
	struct block_range *range = &rd->doc.stream.artifacts;
	int r = 0;

	if (strcmp(key, "rpms") != 0)
		return skip(rd, err);
	range->first = rd->counts[BLOCK_ARTIFACTS];
	r = read_list(rd, "a list of artifacts is expected", read_artifact, err);
	range->count = rd->counts[BLOCK_ARTIFACTS] - range->first;
	return r;
}

static int read_demodularized(struct reader *rd, const char *key, struct err *err)
{
	uint32_t first = rd->counts[BLOCK_WORDS];
	int r = 0;

	if (strcmp(key, "rpms") != 0)
		return skip(rd, err);
	r = read_list(rd, "a list of names is expected", read_word, err);
	rd->doc.stream.demodularized = sort_words(rd, first);
	return r;
}

/* --- dependencies ------------------------------------------------------------------------------------ */

/* libmodulemd wants either streams that will do, or streams that will not. */
static void check_signs(struct reader *rd, struct block_range range)
{
	const uint32_t *words = (const uint32_t *)(void *)(rd->tables[BLOCK_WORDS].buf);
	bool negative = false;

	for (uint32_t i = 0; i < range.count; i++) {
		bool is_negative = string_at(rd, words[range.first + i])[0] == '-';

		if (i && is_negative != negative)
			set_problem(rd, "a dependency has streams with and without '-'");
		negative = is_negative;
	}
}

static int read_require(struct reader *rd, const char *key, struct err *err)
{
	struct block_require require = { .group = rd->doc.groups };
	uint32_t first = rd->counts[BLOCK_WORDS];
	int r = intern(rd, key, strlen(key), &require.module, err);

	if (r == 0)
		r = read_list(rd, "a list of streams is expected", read_word, err);
	if (r < 0)
		return r;
	require.streams = sort_words(rd, first);
	check_signs(rd, require.streams);
	return add_record(rd, BLOCK_REQUIRES, &require, err);
}

static int cmp_requires(const void *a, const void *b, void *arg)
{
	const char *strings = arg;

	return strcmp(strings + ((const struct block_require *)a)->module,
		      strings + ((const struct block_require *)b)->module);
}

static int read_dependency_key(struct reader *rd, const char *key, struct err *err)
{
	struct block_range *range = &rd->doc.stream.requires;
	uint32_t first = rd->counts[BLOCK_REQUIRES];
	struct block_require *group = NULL;
	int r = 0;

	if (strcmp(key, "requires") != 0)
		return skip(rd, err);
	r = read_mapping(rd, "a mapping of modules is expected", read_require, err);
	if (r < 0 || rd->counts[BLOCK_REQUIRES] == first)
		return r;
	range->count = rd->counts[BLOCK_REQUIRES] - range->first;
	group = (struct block_require *)(void *)rd->tables[BLOCK_REQUIRES].buf + first;
	qsort_r(group, rd->counts[BLOCK_REQUIRES] - first, sizeof(*group), cmp_requires,
		rd->tables[BLOCK_STRINGS].buf);
	for (uint32_t i = first + 1; i < rd->counts[BLOCK_REQUIRES]; i++, group++)
		if (group[0].module == group[1].module)
			set_problem(rd, "a dependency names a module twice");
	return 0;
}

static int read_dependency(struct reader *rd, const char *key, struct err *err)
{
	(void)key;
	rd->doc.groups++;
	return read_mapping(rd, "a mapping of dependencies is expected", read_dependency_key, err);
}

/* Version 2 has a list of mappings, version 1 one mapping. */
static int read_dependencies(struct reader *rd, struct err *err)
{
	rd->doc.stream.requires.first = rd->counts[BLOCK_REQUIRES];
	if (rd->event.type == YAML_MAPPING_START_EVENT)
		return read_dependency(rd, "", err);
	rd->doc.groups = 1;
	return read_list(rd, "a list of dependencies is expected", read_dependency, err);
}

/* --- defaults ---------------------------------------------------------------------------------------- */

/* The profiles of one stream, as one word. Those of a modulemd document are something else. */
static int read_profile(struct reader *rd, const char *key, struct err *err)
{
	CLEANUP(str_release) struct str joined = STR_INIT;
	struct str *table = &rd->tables[BLOCK_WORDS];
	struct block_range range = { .count = 0 };
	uint32_t first = 0;
	int r = 0;

	if (rd->event.type == YAML_MAPPING_START_EVENT)
		return skip(rd, err);
	r = add_word(rd, key, err);
	first = rd->counts[BLOCK_WORDS];
	if (r == 0)
		r = read_list(rd, "a list of profiles is expected", read_word, err);
	if (r < 0)
		return r;
	range = sort_words(rd, first);
	for (uint32_t i = 0; i < range.count; i++)
		str_addf(&joined, "%s%s", i ? "," : "",
			 string_at(rd, ((uint32_t *)(void *)table->buf)[first + i]));
	rd->counts[BLOCK_WORDS] = first;
	table->len = (size_t)first * sizeof(uint32_t);
	r = str_check(&joined, err);
	return r < 0 ? r : add_word(rd, joined.buf ? joined.buf : "", err);
}

static int read_profiles(struct reader *rd, struct err *err)
{
	struct block_range *range = &rd->doc.def.profiles;
	int r = 0;

	range->first = rd->counts[BLOCK_WORDS];
	r = read_mapping(rd, "a mapping of profiles is expected", read_profile, err);
	range->count = rd->counts[BLOCK_WORDS] - range->first;
	return r;
}

/* --- documents --------------------------------------------------------------------------------------- */

static int read_license(struct reader *rd, const char *key, struct err *err)
{
	if (!strcmp(key, "module"))
		rd->doc.has_license = true;
	return skip(rd, err);
}

static int read_static_context(struct reader *rd, struct err *err)
{
	const char *text = scalar(rd, "'static_context' is neither true nor false");

	if (!text)
		return skip(rd, err);
	if (!strcmp(text, "true"))
		rd->doc.stream.flags |= BLOCK_STATIC_CONTEXT;
	else if (strcmp(text, "false") != 0)
		set_problem(rd, "'static_context' is neither true nor false");
	return 0;
}

static int read_data_key(struct reader *rd, const char *key, struct err *err)
{
	struct document *doc = &rd->doc;
	const struct {
		const char *key;
		uint32_t *ret;
	} texts[] = {
		{ "name", &doc->stream.name },       { "stream", &doc->stream.stream },
		{ "context", &doc->stream.context }, { "arch", &doc->stream.arch },
		{ "module", &doc->def.module },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(key, texts[i].key))
			return read_string(rd, texts[i].ret, err);
	if (!strcmp(key, "version"))
		return read_number(rd, &doc->stream.version, err);
	if (!strcmp(key, "modified"))
		return read_number(rd, &doc->def.modified, err);
	if (!strcmp(key, "static_context"))
		return read_static_context(rd, err);
	if (!strcmp(key, "dependencies"))
		return read_dependencies(rd, err);
	if (!strcmp(key, "artifacts"))
		return read_mapping(rd, "a mapping of artifacts is expected", read_artifacts, err);
	if (!strcmp(key, "demodularized"))
		return read_mapping(rd, "a mapping is expected", read_demodularized, err);
	if (!strcmp(key, "license"))
		return read_mapping(rd, "a mapping of licenses is expected", read_license, err);
	if (!strcmp(key, "profiles"))
		return read_profiles(rd, err);
	doc->has_summary = doc->has_summary || !strcmp(key, "summary");
	doc->has_description = doc->has_description || !strcmp(key, "description");
	return skip(rd, err);
}

static int read_document_key(struct reader *rd, const char *key, struct err *err)
{
	const char *text = NULL;

	if (!strcmp(key, "version"))
		return read_number(rd, &rd->doc.version, err);
	if (!strcmp(key, "data")) {
		rd->doc.has_data = true;
		return read_mapping(rd, "'data' is no mapping", read_data_key, err);
	}
	if (strcmp(key, "document") != 0)
		return skip(rd, err);
	text = scalar(rd, "'document' is no text");
	if (text)
		snprintf(rd->doc.type, sizeof(rd->doc.type), "%s", text);
	return skip(rd, err);
}

static bool is_type(const struct document *doc, const char *type)
{
	return !strcmp(doc->type, type);
}

static bool is_stream(const struct document *doc)
{
	return is_type(doc, "modulemd") || is_type(doc, "modulemd-stream");
}

/* What is wrong with the stream, or NULL: libmodulemd's checks of what is kept here, and of what a
 * document must have. */
static const char *check_stream(const struct reader *rd)
{
	const struct document *doc = &rd->doc;
	const char *context = string_at(rd, doc->stream.context);

	if (doc->version != 1 && doc->version != 2)
		return "a modulemd document is of version 1 or 2";
	if (!doc->stream.name || !doc->stream.stream)
		return "it names no module and stream";
	if (!doc->has_summary || !doc->has_description || !doc->has_license)
		return "it has no summary, description or license";
	if (doc->stream.flags & BLOCK_STATIC_CONTEXT && *context &&
	    (strlen(context) > CONTEXT_LEN_MAX || !str_is_word(context, "_")))
		return "its static context is not up to 10 letters and digits";
	return NULL;
}

static const char *check_document(const struct reader *rd)
{
	const struct document *doc = &rd->doc;

	if (!*doc->type)
		return "it has no 'document', the kind of document";
	if (!doc->version)
		return "it has no 'version'";
	if (!doc->has_data)
		return "it has no 'data'";
	if (is_stream(doc))
		return check_stream(rd);
	if (!is_type(doc, "modulemd-defaults"))
		return "it is of a kind that is not known here";
	if (doc->version != 1)
		return "a modulemd-defaults document is of version 1";
	return doc->def.module ? NULL : "it names no module";
}

static int add_note(struct reader *rd, const char *note, struct err *err)
{
	uint32_t offset = 0;
	int r = intern(rd, note, strlen(note), &offset, err);

	return r < 0 ? r : add_record(rd, BLOCK_NOTES, &offset, err);
}

static int leave_out(struct reader *rd, const char *problem, size_t line, struct err *err)
{
	cleanup_free char *note = NULL;
	int r = 0;

	rd->left_out++;
	if (rd->left_out > NOTES_MAX)
		return 0;
	r = str_printf(&note, err,
		       "%s:%zu: the module document that begins at line %zu is left out: %s",
		       rd->name, line, rd->doc.line, problem);
	return r < 0 ? r : add_note(rd, note, err);
}

static int take_document(struct reader *rd, struct err *err)
{
	const struct document *doc = &rd->doc;
	const char *problem = NULL;

	/* dnf follows obsoletes only when it is told to; translations are for people. */
	if (is_type(doc, "modulemd-obsoletes") || is_type(doc, "modulemd-translations"))
		return 0;
	problem = doc->problem ? doc->problem : check_document(rd);
	if (problem)
		return leave_out(rd, problem, doc->problem ? doc->problem_line : doc->line, err);
	if (is_stream(doc))
		return add_record(rd, BLOCK_STREAMS, &doc->stream, err);
	return 0;
}

static int read_document(struct reader *rd, struct err *err)
{
	uint32_t counts[BLOCK_TABLES];
	bool kept = false;
	int r = 0;

	memcpy(counts, rd->counts, sizeof(counts));
	rd->doc = (struct document){ .line = rd->event.start_mark.line + 1 };
	r = next(rd, err);
	if (r == 0)
		r = read_mapping(rd, "it is no mapping", read_document_key, err);
	if (r == 0)
		r = take_document(rd, err);
	if (r < 0)
		return r;
	if (is_type(&rd->doc, "modulemd-defaults") && !rd->doc.problem && !check_document(rd)) {
		/* The stream's name is the same key in both kinds of document. */
		rd->doc.def.stream = rd->doc.stream.stream;
		return add_record(rd, BLOCK_DEFAULTS, &rd->doc.def, err);
	}
	kept = rd->counts[BLOCK_STREAMS] > counts[BLOCK_STREAMS];
	for (size_t t = 0; !kept && t <= BLOCK_WORDS; t++) {
		rd->counts[t] = counts[t];
		rd->tables[t].len = counts[t] * block_record_size(t);
	}
	return 0;
}

static int read_documents(struct reader *rd, struct err *err)
{
	cleanup_free char *note = NULL;
	size_t documents = 0;
	int r = 0;

	do {
		r = next(rd, err);
		if (r == 0 && rd->event.type == YAML_DOCUMENT_START_EVENT) {
			if (++documents > DOCUMENTS_MAX)
				return err_set(err, ERR_VERIFY, "%s: more than %u documents",
					       rd->name, DOCUMENTS_MAX);
			r = read_document(rd, err);
		}
	} while (r == 0 && rd->event.type != YAML_STREAM_END_EVENT);
	if (r == 0 && rd->left_out > NOTES_MAX)
		r = str_printf(&note, err, "%s: %zu more module documents are left out", rd->name,
			       rd->left_out - NOTES_MAX);
	if (r == 0 && note)
		r = add_note(rd, note, err);
	return r;
}

static int emit(struct reader *rd, struct str *ret, struct err *err)
{
	struct block_header header = { .format = MODULES_FORMAT };

	memcpy(header.magic, BLOCK_MAGIC, sizeof(header.magic));
	for (size_t t = 0; t < BLOCK_STRINGS; t++)
		header.counts[t] = rd->counts[t];
	header.counts[BLOCK_STRINGS] = rd->tables[BLOCK_STRINGS].len;
	str_add_len(ret, &header, sizeof(header));
	for (size_t t = 0; t < BLOCK_TABLES; t++)
		if (rd->tables[t].len)
			str_add_len(ret, rd->tables[t].buf, rd->tables[t].len);
	return str_check(ret, err);
}

int modules_compile(const char *name, FILE *in, struct str *ret_block, struct err *err)
{
	CLEANUP(reader_release) struct reader rd = { .name = name };
	int r = 0;

	if (!yaml_parser_initialize(&rd.parser))
		return err_nomem(err);
	yaml_parser_set_input_file(&rd.parser, in);
	str_add_len(&rd.tables[BLOCK_STRINGS], "", 1);
	r = grow_slots(&rd, err);
	if (r == 0)
		r = str_check(&rd.tables[BLOCK_STRINGS], err);
	if (r == 0)
		r = read_documents(&rd, err);
	return r < 0 ? r : emit(&rd, ret_block, err);
}
