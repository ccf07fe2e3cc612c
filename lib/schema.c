/* SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "cleanup.h"

#define KEYS_MAX 64 /* fields of one table */

static void *member(void *target, const struct schema_field *f)
{
	return (char *)target + f->offset;
}

static int want(const struct yaml_node *node, enum yaml_type type, const struct schema_field *f,
		struct err *err)
{
	static const char *const names[] = {
		[YAML_SCALAR] = "a value", [YAML_SEQUENCE] = "a list", [YAML_MAPPING] = "a mapping"
	};

	if (node->type == type)
		return 0;
	return yaml_error(node, err, "'%s' must be %s", f->key, names[type]);
}

static int load_string(const struct yaml_node *node, const struct schema_field *f, char **target,
		       struct err *err)
{
	if ((f->flags & SCHEMA_NONEMPTY) && !*node->text)
		return yaml_error(node, err, "'%s' may not be empty", f->key);
	if ((f->flags & SCHEMA_WORD) && !str_is_word(node->text, "._-+"))
		return yaml_error(node, err,
				  "'%s' may hold letters, digits, '.', '_', '-' and '+' only",
				  f->key);
	free(steal_ptr(target));
	return str_dup(target, node->text, err);
}

static int load_bool(const struct yaml_node *node, const struct schema_field *f, bool *target,
		     struct err *err)
{
	if (node->plain && !strcmp(node->text, "true"))
		*target = true;
	else if (node->plain && !strcmp(node->text, "false"))
		*target = false;
	else
		return yaml_error(node, err, "'%s' must be true or false", f->key);
	return 0;
}

static int load_uint(const struct yaml_node *node, const struct schema_field *f,
		     unsigned int *target, struct err *err)
{
	struct err inner = ERR_INIT;
	uint64_t value = 0;

	if (str_u64(&value, node->text, f->min, f->max, &inner) < 0)
		return yaml_error(node, err, "'%s': %s", f->key, inner.msg);
	*target = (unsigned int)value;
	return 0;
}

static int load_mode(const struct yaml_node *node, const struct schema_field *f, mode_t *target,
		     struct err *err)
{
	size_t len = strlen(node->text);

	if (node->plain || len != 4 || node->text[0] != '0' ||
	    strspn(node->text, "01234567") != len)
		return yaml_error(node, err, "'%s' must be a quoted octal mode such as \"0640\"",
				  f->key);
	*target = (mode_t)strtoul(node->text, NULL, 8);
	return 0;
}

static int load_strv(const struct yaml_node *node, const struct schema_field *f,
		     struct strv *target, struct err *err)
{
	int r = want(node, YAML_SEQUENCE, f, err);

	if (r == 0 && (f->flags & SCHEMA_NONEMPTY) && node->count == 0)
		r = yaml_error(node, err, "'%s' may not be empty", f->key);
	strv_release(target);
	for (size_t i = 0; r == 0 && i < node->count; i++) {
		r = want(node->items[i], YAML_SCALAR, f, err);
		if (r == 0)
			r = strv_add(target, node->items[i]->text, err);
	}
	return r;
}

static int load_list(const struct yaml_node *node, const struct schema_field *f,
		     struct schema_list *target, struct err *err)
{
	int r = want(node, YAML_SEQUENCE, f, err);

	if (r == 0 && (f->flags & SCHEMA_NONEMPTY) && node->count == 0)
		r = yaml_error(node, err, "'%s' may not be empty", f->key);
	if (r < 0 || node->count == 0)
		return r;
	target->items = calloc(node->count, f->item_size);
	if (!target->items)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < node->count; i++) {
		target->count = i + 1; /* what was begun is released too */
		r = schema_load(node->items[i], f->fields, (char *)target->items + i * f->item_size,
				err);
	}
	return r;
}

static int load_field(const struct yaml_node *node, const struct schema_field *f, void *target,
		      struct err *err)
{
	bool scalar = f->type <= SCHEMA_T_MODE;
	int r = scalar ? want(node, YAML_SCALAR, f, err) : 0;

	if (r < 0)
		return r;
	switch (f->type) {
	case SCHEMA_T_STRING:
		return load_string(node, f, target, err);
	case SCHEMA_T_BOOL:
		return load_bool(node, f, target, err);
	case SCHEMA_T_UINT:
		return load_uint(node, f, target, err);
	case SCHEMA_T_MODE:
		return load_mode(node, f, target, err);
	case SCHEMA_T_STRV:
		return load_strv(node, f, target, err);
	case SCHEMA_T_LIST:
		return load_list(node, f, target, err);
	case SCHEMA_T_STRUCT:
		return schema_load(node, f->fields, target, err);
	case SCHEMA_T_NODE:
		*(const struct yaml_node **)target = node;
		return 0;
	case SCHEMA_T_CUSTOM:
		return f->parse(node, target, err);
	}
	return 0;
}

static const struct schema_field *find_field(const struct schema_field *fields, const char *key)
{
	for (; fields->key; fields++)
		if (!strcmp(fields->key, key))
			return fields;
	return NULL;
}

static int unknown_key(const struct yaml_node *key, const struct schema_field *fields,
		       struct err *err)
{
	const char *names[KEYS_MAX + 1] = { NULL };
	const char *near = NULL;

	for (size_t i = 0; i < KEYS_MAX && fields[i].key; i++)
		names[i] = fields[i].key;
	near = str_nearest(key->text, names);
	if (near)
		return yaml_error(key, err, "unknown key '%.80s' (did you mean '%s'?)", key->text,
				  near);
	return yaml_error(key, err, "unknown key '%.80s'", key->text);
}

int schema_load(const struct yaml_node *node, const struct schema_field *fields, void *target,
		struct err *err)
{
	int r = 0;

	if (node->type != YAML_MAPPING)
		return yaml_error(node, err, "a mapping (key: value) is expected here");
	for (size_t i = 0; r == 0 && i < node->count; i++) {
		const struct schema_field *f = find_field(fields, node->keys[i]->text);

		if (!f)
			r = unknown_key(node->keys[i], fields, err);
		else
			r = load_field(node->items[i], f, member(target, f), err);
	}
	for (const struct schema_field *f = fields; r == 0 && f->key; f++)
		if ((f->flags & SCHEMA_REQUIRED) && !yaml_get(node, f->key))
			r = yaml_error(node, err, "key '%s' is missing", f->key);
	return r;
}

static void release_list(const struct schema_field *f, struct schema_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		schema_release(f->fields, (char *)list->items + i * f->item_size);
	free(list->items);
	*list = (struct schema_list){ .items = NULL };
}

void schema_release(const struct schema_field *fields, void *target)
{
	for (const struct schema_field *f = fields; f->key; f++) {
		void *m = member(target, f);

		if (f->type == SCHEMA_T_STRING)
			free(steal_ptr((char **)m));
		else if (f->type == SCHEMA_T_STRV)
			strv_release(m);
		else if (f->type == SCHEMA_T_LIST)
			release_list(f, m);
		else if (f->type == SCHEMA_T_STRUCT)
			schema_release(f->fields, m);
		else if (f->type == SCHEMA_T_CUSTOM && f->release)
			f->release(m);
	}
}
