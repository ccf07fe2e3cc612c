/* SPDX-License-Identifier: Apache-2.0 */
#include "yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h> /* libyaml's own; ours is found by quotes */

#include "cleanup.h"
#include "file.h"

#define DEPTH_MAX 32
#define FEW_KEYS 32
#define NODES_MAX 4000000 /* an index of a bundle with a million members */

struct yaml_doc {
	char *name;
	enum err_code code;
	struct yaml_node *root;
};

struct build {
	yaml_parser_t parser;
	struct yaml_doc *doc;
	size_t nodes;
	struct err *err;
};

static void node_free(struct yaml_node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++) {
		node_free(node->items[i]);
		if (node->keys)
			node_free(node->keys[i]);
	}
	if (node->text)
		secret_cleanse(node->text, node->text_len); /* a capsule is YAML too */
	free(node->text);
	free(node->items);
	free(node->keys);
	free(node);
}

DEFINE_CLEANUP(struct yaml_node *, node_free);
DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

static int build_error(struct build *b, const yaml_mark_t *mark, const char *what)
{
	return err_set(b->err, b->doc->code, "%s:%zu:%zu: %s", b->doc->name, mark->line + 1,
		       mark->column + 1, what);
}

static int next_event(struct build *b, yaml_event_t *event)
{
	if (yaml_parser_parse(&b->parser, event))
		return 0;
	if (b->parser.error == YAML_MEMORY_ERROR)
		return err_nomem(b->err);
	if (b->parser.error == YAML_READER_ERROR)
		return err_set(b->err, b->doc->code, "%s: %s at byte %zu", b->doc->name,
			       b->parser.problem, b->parser.problem_offset);
	if (!strcmp(b->parser.problem, "found character that cannot start any token"))
		return build_error(b, &b->parser.problem_mark,
				   "this character cannot begin a value: put '@', '`' and '%' in "
				   "quotes, and indent with blanks, not with tabs");
	return build_error(b, &b->parser.problem_mark, b->parser.problem);
}

static int node_new(struct build *b, enum yaml_type type, const yaml_event_t *event,
		    struct yaml_node **ret)
{
	struct yaml_node *node = NULL;

	if (++b->nodes > NODES_MAX)
		return build_error(b, &event->start_mark, "too many nodes");
	node = calloc(1, sizeof(*node));
	if (!node)
		return err_nomem(b->err);
	node->type = type;
	node->line = (unsigned int)event->start_mark.line + 1;
	node->column = (unsigned int)event->start_mark.column + 1;
	node->doc = b->doc;
	*ret = node;
	return 0;
}

static int append(struct build *b, struct yaml_node *parent, struct yaml_node *key,
		  struct yaml_node *item)
{
	/* Grows at each power of two, so the count alone says how much room there is. */
	if ((parent->count & (parent->count - 1)) == 0) {
		size_t size = parent->count ? parent->count * 2 : 1;
		void *items = reallocarray(parent->items, size, sizeof(*parent->items));

		if (!items)
			return err_nomem(b->err);
		parent->items = items;
		if (key) {
			void *keys = reallocarray(parent->keys, size, sizeof(*parent->keys));

			if (!keys)
				return err_nomem(b->err);
			parent->keys = keys;
		}
	}
	if (key)
		parent->keys[parent->count] = key;
	parent->items[parent->count++] = item;
	return 0;
}

static int build_node(struct build *b, yaml_event_t *event, unsigned int depth,
		      struct yaml_node **ret);

static int build_scalar(struct build *b, const yaml_event_t *event, struct yaml_node **ret)
{
	CLEANUP(node_freep) struct yaml_node *node = NULL;
	size_t len = event->data.scalar.length;
	int r = node_new(b, YAML_SCALAR, event, &node);

	if (r < 0)
		return r;
	node->text = malloc(len + 1);
	if (!node->text)
		return err_nomem(b->err);
	memcpy(node->text, event->data.scalar.value, len);
	node->text[len] = '\0';
	node->text_len = len;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (strlen(node->text) != len)
		return build_error(b, &event->start_mark, "a NUL character is not allowed");
	*ret = steal_ptr(&node);
	return 0;
}

static int stands_twice(struct build *b, const struct yaml_node *key)
{
	return yaml_error(key, b->err, "key '%.80s' stands here twice", key->text);
}

static int cmp_keys(const void *a, const void *b)
{
	const struct yaml_node *x = *(struct yaml_node *const *)a;
	const struct yaml_node *y = *(struct yaml_node *const *)b;
	int cmp = strcmp(x->text, y->text);

	if (cmp)
		return cmp;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* Of MAPPING, which is whole. */
static int check_many_keys(struct build *b, const struct yaml_node *mapping)
{
	cleanup_free struct yaml_node **keys = NULL;

	if (!mapping->keys || mapping->count <= FEW_KEYS)
		return 0;
	keys = reallocarray(NULL, mapping->count, sizeof(*keys));
	if (!keys)
		return err_nomem(b->err);
	memcpy(keys, mapping->keys, mapping->count * sizeof(*keys));
	qsort(keys, mapping->count, sizeof(*keys), cmp_keys);
	for (size_t i = 1; i < mapping->count; i++)
		if (!strcmp(keys[i - 1]->text, keys[i]->text))
			return stands_twice(b, keys[i]);
	return 0;
}

static int build_pair(struct build *b, yaml_event_t *event, unsigned int depth,
		      struct yaml_node *mapping)
{
	CLEANUP(node_freep) struct yaml_node *key = NULL;
	CLEANUP(node_freep) struct yaml_node *value = NULL;
	yaml_event_t next;
	int r = build_node(b, event, depth, &key);

	if (r < 0)
		return r;
	if (key->type != YAML_SCALAR)
		return yaml_error(key, b->err, "a key must be a word");
	/* Of many keys all are compared at the end, or a hostile file would take minutes. */
	if (mapping->count < FEW_KEYS && yaml_get(mapping, key->text))
		return stands_twice(b, key);
	r = next_event(b, &next);
	if (r < 0)
		return r;
	r = build_node(b, &next, depth, &value);
	yaml_event_delete(&next);
	if (r == 0)
		r = append(b, mapping, key, value);
	if (r == 0)
		key = value = NULL; /* the mapping's now */
	return r;
}

static int build_collection(struct build *b, const yaml_event_t *start, unsigned int depth,
			    struct yaml_node **ret)
{
	bool mapping = start->type == YAML_MAPPING_START_EVENT;
	CLEANUP(node_freep) struct yaml_node *node = NULL;
	bool more = true;
	int r = node_new(b, mapping ? YAML_MAPPING : YAML_SEQUENCE, start, &node);

	if (r == 0 && depth >= DEPTH_MAX)
		r = build_error(b, &start->start_mark, "nested too deeply");
	while (r == 0 && more) {
		yaml_event_t event;

		r = next_event(b, &event);
		if (r < 0)
			return r;
		more = event.type != YAML_MAPPING_END_EVENT &&
		       event.type != YAML_SEQUENCE_END_EVENT;
		if (more && mapping) {
			r = build_pair(b, &event, depth + 1, node);
		} else if (more) {
			CLEANUP(node_freep) struct yaml_node *item = NULL;

			r = build_node(b, &event, depth + 1, &item);
			if (r == 0)
				r = append(b, node, NULL, item);
			if (r == 0)
				item = NULL; /* the sequence's now */
		}
		yaml_event_delete(&event);
	}
	if (r == 0)
		r = check_many_keys(b, node);
	if (r == 0)
		*ret = steal_ptr(&node);
	return r;
}

static int build_node(struct build *b, yaml_event_t *event, unsigned int depth,
		      struct yaml_node **ret)
{
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		return build_error(b, &event->start_mark, "an alias is not allowed");
	}
	if (anchor || tag)
		return build_error(b, &event->start_mark, "anchors and tags are not allowed");
	if (event->type == YAML_SCALAR_EVENT)
		return build_scalar(b, event, ret);
	return build_collection(b, event, depth, ret);
}

static int build_document(struct build *b)
{
	bool more = true;
	int r = 0;

	while (r == 0 && more) {
		yaml_event_t event;

		r = next_event(b, &event);
		if (r < 0)
			return r;
		if (event.type == YAML_DOCUMENT_START_EVENT && b->doc->root) {
			r = build_error(b, &event.start_mark, "only one document is allowed");
		} else if (event.type == YAML_SCALAR_EVENT || event.type == YAML_ALIAS_EVENT ||
			   event.type == YAML_SEQUENCE_START_EVENT ||
			   event.type == YAML_MAPPING_START_EVENT) {
			r = build_node(b, &event, 0, &b->doc->root);
		}
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return r;
}

/* An empty file, or one with comments alone, stands for an empty mapping. */
static int build_empty(struct build *b)
{
	struct yaml_node *root = b->doc->root;
	yaml_event_t none = { .type = YAML_NO_EVENT };

	if (root && (root->type != YAML_SCALAR || root->text_len || !root->plain))
		return 0;
	node_free(steal_ptr(&b->doc->root));
	return node_new(b, YAML_MAPPING, &none, &b->doc->root);
}

int yaml_parse(const char *name, const char *text, size_t len, enum err_code code,
	       struct yaml_doc **ret, struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = calloc(1, sizeof(*doc));
	struct build b = { .doc = doc, .err = err };
	int r;

	if (!doc)
		return err_nomem(err);
	doc->code = code;
	r = str_dup(&doc->name, name, err);
	if (r < 0)
		return r;
	if (!yaml_parser_initialize(&b.parser))
		return err_nomem(err);
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
	r = build_document(&b);
	if (r == 0)
		r = build_empty(&b);
	yaml_parser_delete(&b.parser);
	if (r == 0)
		*ret = steal_ptr(&doc);
	return r;
}

int yaml_load(const char *path, enum err_code open_code, struct yaml_doc **ret, struct err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = file_read(path, 0, open_code, &text, &len, err);

	return r < 0 ? r : yaml_parse(path, text, len, ERR_CONFIG, ret, err);
}

void yaml_doc_free(struct yaml_doc *doc)
{
	if (!doc)
		return;
	node_free(doc->root);
	free(doc->name);
	free(doc);
}

const struct yaml_node *yaml_root(const struct yaml_doc *doc)
{
	return doc->root;
}

const char *yaml_name(const struct yaml_doc *doc)
{
	return doc->name;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
	if (!node || node->type != YAML_MAPPING)
		return NULL;
	for (size_t i = 0; i < node->count; i++)
		if (!strcmp(node->keys[i]->text, key))
			return node->items[i];
	return NULL;
}

int yaml_error(const struct yaml_node *node, struct err *err, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return err_set(err, node->doc->code, "%s:%u:%u: %s", node->doc->name, node->line,
		       node->column, msg);
}

/* Words that YAML 1.1 reads as something else than a string. */
static bool is_reserved(const char *text)
{
	static const char *const words[] = { "y",     "n",  "yes", "no",   "true",
					     "false", "on", "off", "null", "~" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

static bool is_plain(const char *text)
{
	/* Holds nothing that YAML gives a meaning, and is no number: it starts with a letter or
	 * '/', or holds a letter that no number has in any of YAML's notations. */
	char first = (char)(*text | 0x20);

	if (!(first >= 'a' && first <= 'z') && *text != '/' &&
	    !(*text >= '0' && *text <= '9' && text[strcspn(text, "acdfghijklmnpqrstuvwyz")]))
		return false;
	return str_is_word(text, "._-+/~^@=%") && !is_reserved(text);
}

static bool is_digits(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) && (*text != '0' || !text[1]);
}

void yaml_emit_scalar(struct str *out, const char *text)
{
	if (is_plain(text) || is_digits(text)) {
		str_add(out, text);
		return;
	}
	str_addc(out, '"');
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			str_addf(out, "\\%c", c);
		else if (c == '\n')
			str_add(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			str_addf(out, "\\x%02x", c);
		else
			str_addc(out, (char)c);
	}
	str_addc(out, '"');
}
