/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "mustache_value.h"

static struct mustache_value *value_new(enum mustache_type type)
{
	struct mustache_value *value = calloc(1, sizeof(*value));

	if (value)
		value->type = type;
	return value;
}

struct mustache_value *mustache_string(const char *text)
{
	struct mustache_value *value = value_new(MUSTACHE_STRING);

	if (!value)
		return NULL;
	value->text = strdup(text);
	if (!value->text) {
		free(value);
		return NULL;
	}
	return value;
}

struct mustache_value *mustache_bool(bool on)
{
	struct mustache_value *value = value_new(MUSTACHE_BOOL);

	if (value)
		value->on = on;
	return value;
}

struct mustache_value *mustache_scalar(const char *text)
{
	if (!strcmp(text, "true"))
		return mustache_bool(true);
	if (!strcmp(text, "false"))
		return mustache_bool(false);
	return mustache_string(text);
}

struct mustache_value *mustache_list(void)
{
	return value_new(MUSTACHE_LIST);
}

struct mustache_value *mustache_map(void)
{
	return value_new(MUSTACHE_MAP);
}

/* The trees are built by us and at most as deep as the documents they come from (lib/yaml.h). */
void mustache_free(struct mustache_value *value)
{
	if (!value)
		return;
	if (value->text) {
		secret_cleanse(value->text, strlen(value->text));
		free(value->text);
	}
	for (size_t i = 0; i < value->count; i++) {
		mustache_free(value->items[i]);
		if (value->keys)
			free(value->keys[i]);
	}
	free(value->items);
	free(value->keys);
	free(value);
}

void mustache_mark_secret(struct mustache_value *value)
{
	if (value)
		value->secret = true;
}

void mustache_mark_open(struct mustache_value *map)
{
	if (map)
		map->open = true;
}

static int value_grow(struct mustache_value *value, struct err *err)
{
	size_t size = value->size ? value->size * 2 : 8;
	struct mustache_value **items = NULL;
	char **keys = NULL;

	if (value->count < value->size)
		return 0;
	items = reallocarray(value->items, size, sizeof(struct mustache_value *));
	if (!items)
		return err_nomem(err);
	value->items = items;
	if (value->type == MUSTACHE_MAP) {
		keys = reallocarray(value->keys, size, sizeof(*keys));
		if (!keys)
			return err_nomem(err);
		value->keys = keys;
	}
	value->size = size;
	return 0;
}

int mustache_append(struct mustache_value *list, struct mustache_value *value, struct err *err)
{
	CLEANUP(mustache_freep) struct mustache_value *owned = value;
	int r = 0;

	if (!list || !value)
		return err_nomem(err);
	r = value_grow(list, err);
	if (r < 0)
		return r;
	list->items[list->count++] = steal_ptr(&owned);
	return 0;
}

int mustache_set(struct mustache_value *map, const char *key, struct mustache_value *value,
		 struct err *err)
{
	CLEANUP(mustache_freep) struct mustache_value *owned = value;
	cleanup_free char *name = NULL;
	int r = 0;

	if (!map || !value)
		return err_nomem(err);
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->keys[i], key) != 0)
			continue;
		mustache_free(map->items[i]);
		map->items[i] = steal_ptr(&owned);
		return 0;
	}
	name = strdup(key);
	if (!name)
		return err_nomem(err);
	r = value_grow(map, err);
	if (r < 0)
		return r;
	map->keys[map->count] = steal_ptr(&name);
	map->items[map->count++] = steal_ptr(&owned);
	return 0;
}

const struct mustache_value *mustache_get_len(const struct mustache_value *map, const char *key,
					      size_t len)
{
	if (!map || map->type != MUSTACHE_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (!strncmp(map->keys[i], key, len) && map->keys[i][len] == '\0')
			return map->items[i];
	return NULL;
}

struct mustache_value *mustache_get(const struct mustache_value *map, const char *key)
{
	return (struct mustache_value *)mustache_get_len(map, key, strlen(key));
}
