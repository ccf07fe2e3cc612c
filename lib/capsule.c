/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "schema.h"
#include "yaml.h"

static void free_secret(char *text)
{
	if (text)
		secret_cleanse(text, strlen(text));
	free(text);
}

static void release_pairs(struct capsule_pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(pairs[i].name);
		free_secret(pairs[i].value);
	}
	free(pairs);
}

void capsule_release(struct capsule *c)
{
	free(c->cluster);
	free(c->node);
	release_pairs(c->env, c->env_count);
	release_pairs(c->keys, c->key_count);
	*c = (struct capsule)CAPSULE_INIT;
}

int capsule_set_names(struct capsule *c, const char *cluster, const char *node, struct err *err)
{
	cleanup_free char *cluster_copy = strdup(cluster);
	cleanup_free char *node_copy = strdup(node);

	if (!cluster_copy || !node_copy)
		return err_nomem(err);
	free(c->cluster);
	free(c->node);
	c->cluster = steal_ptr(&cluster_copy);
	c->node = steal_ptr(&node_copy);
	return 0;
}

static const char *find(const struct capsule_pair *pairs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(pairs[i].name, name))
			return pairs[i].value;
	return NULL;
}

static int add(struct capsule_pair **pairs, size_t *count, const char *name, const char *value,
	       struct err *err)
{
	const char *known = find(*pairs, *count, name);
	struct capsule_pair *more = NULL;
	struct capsule_pair pair = { .name = NULL };

	if (known)
		return strcmp(known, value) == 0
			       ? 0
			       : err_set(err, ERR_CONFIG, "'%s' has two values for one node", name);
	more = reallocarray(*pairs, *count + 1, sizeof(*more)); /* holds pointers, no secret */
	if (!more)
		return err_nomem(err);
	*pairs = more;
	pair = (struct capsule_pair){ .name = strdup(name), .value = strdup(value) };
	if (!pair.name || !pair.value) {
		free(pair.name);
		free_secret(pair.value);
		return err_nomem(err);
	}
	(*pairs)[(*count)++] = pair;
	return 0;
}

int capsule_add_env(struct capsule *c, const char *name, const char *value, struct err *err)
{
	return add(&c->env, &c->env_count, name, value, err);
}

int capsule_add_key(struct capsule *c, const char *name, const char *pem, struct err *err)
{
	return add(&c->keys, &c->key_count, name, pem, err);
}

const char *capsule_env(const struct capsule *c, const char *name)
{
	return find(c->env, c->env_count, name);
}

const char *capsule_key(const struct capsule *c, const char *name)
{
	return find(c->keys, c->key_count, name);
}

/* -- writing ---------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct capsule_pair *)a)->name,
		      ((const struct capsule_pair *)b)->name);
}

static int format_pairs(const char *key, const struct capsule_pair *pairs, size_t count,
			struct str *ret, struct err *err)
{
	cleanup_free struct capsule_pair *sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return err_nomem(err);
	if (count) {
		memcpy(sorted, pairs, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), by_name);
	}
	str_addf(ret, "%s:%s\n", key, count ? "" : " {}");
	for (size_t i = 0; i < count; i++) {
		str_add(ret, "  ");
		yaml_emit_scalar(ret, sorted[i].name);
		str_add(ret, ": ");
		yaml_emit_scalar(ret, sorted[i].value);
		str_addc(ret, '\n');
	}
	return str_check(ret, err);
}

/* What the node will read must be what was put in: YAML has no place for some characters. */
static int check_same(const char *key, const struct capsule_pair *pairs, size_t count,
		      const struct capsule_pair *again, size_t again_count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = find(again, again_count, pairs[i].name);

		if (!value || strcmp(value, pairs[i].value) != 0)
			return err_set(err, ERR_CONFIG,
				       "%s '%s' has characters that YAML cannot carry", key,
				       pairs[i].name);
	}
	return 0;
}

int capsule_format(const struct capsule *c, struct str *ret, struct err *err)
{
	CLEANUP(capsule_release) struct capsule again = CAPSULE_INIT;
	CLEANUP(str_release) struct str text = STR_SECRET;
	int r = 0;

	str_add(&text, "pgha-capsule: 1\ncluster: ");
	yaml_emit_scalar(&text, c->cluster);
	str_add(&text, "\nnode: ");
	yaml_emit_scalar(&text, c->node);
	str_addc(&text, '\n');
	r = format_pairs("env", c->env, c->env_count, &text, err);
	if (r == 0)
		r = format_pairs("keys", c->keys, c->key_count, &text, err);
	if (r < 0)
		return r;
	r = capsule_parse("capsule", text.buf, text.len, &again, err);
	if (r < 0)
		return err_set(err, ERR_CONFIG,
			       "a variable of node '%s' has characters that YAML cannot carry",
			       c->node);
	r = check_same("variable", c->env, c->env_count, again.env, again.env_count, err);
	if (r == 0)
		r = check_same("key", c->keys, c->key_count, again.keys, again.key_count, err);
	if (r < 0)
		return r;
	str_add_len(ret, text.buf, text.len);
	return str_check(ret, err);
}

/* -- reading ---------------------------------------------------------------------------------- */

struct capsule_text {
	unsigned int version;
	char *cluster;
	char *node;
	const struct yaml_node *env;
	const struct yaml_node *keys;
};

static const struct schema_field capsule_fields[] = {
	SCHEMA_UINT(struct capsule_text, version, "pgha-capsule", SCHEMA_REQUIRED, 1, 1),
	SCHEMA_STRING(struct capsule_text, cluster, "cluster", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct capsule_text, node, "node", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_NODE(struct capsule_text, env, "env", SCHEMA_REQUIRED),
	SCHEMA_NODE(struct capsule_text, keys, "keys", SCHEMA_REQUIRED),
	SCHEMA_END,
};

static void release_text(struct capsule_text *text)
{
	schema_release(capsule_fields, text);
}

static void cleanse_node(struct yaml_node *node)
{
	if (node->text)
		secret_cleanse(node->text, node->text_len);
	for (size_t i = 0; i < node->count; i++)
		cleanse_node(node->items[i]);
}

/* The tree is ours alone and about to be freed: its texts are overwritten first. libyaml's own
 * buffers are out of reach. */
static void free_secret_doc(struct yaml_doc **doc)
{
	if (*doc)
		cleanse_node((struct yaml_node *)yaml_root(*doc));
	yaml_doc_free(*doc);
}

static int parse_pairs(const struct yaml_node *node,
		       int (*add_pair)(struct capsule *, const char *, const char *, struct err *),
		       struct capsule *c, struct err *err)
{
	if (node->type != YAML_MAPPING)
		return yaml_error(node, err, "expected a mapping");
	for (size_t i = 0; i < node->count; i++) {
		const struct yaml_node *value = node->items[i];
		int r = 0;

		if (value->type != YAML_SCALAR)
			return yaml_error(value, err, "expected text");
		r = add_pair(c, node->keys[i]->text, value->text, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int capsule_parse(const char *name, const char *text, size_t len, struct capsule *ret,
		  struct err *err)
{
	CLEANUP(free_secret_doc) struct yaml_doc *doc = NULL;
	CLEANUP(release_text) struct capsule_text fields = { .version = 0 };
	CLEANUP(capsule_release) struct capsule c = CAPSULE_INIT;
	int r = yaml_parse(name, text, len, ERR_VERIFY, &doc, err);

	if (r == 0)
		r = schema_load(yaml_root(doc), capsule_fields, &fields, err);
	if (r == 0)
		r = capsule_set_names(&c, fields.cluster, fields.node, err);
	if (r == 0)
		r = parse_pairs(fields.env, capsule_add_env, &c, err);
	if (r == 0)
		r = parse_pairs(fields.keys, capsule_add_key, &c, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct capsule)CAPSULE_INIT;
	return 0;
}
