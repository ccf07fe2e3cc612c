/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An installation as the steps after the packages find it: a staged bundle with one service on one
 * node, "box", below a directory BASE, which is the root that is installed into or, for what runs
 * on this machine itself, a place beside it.
 */
#ifndef PGHA_TESTS_SCENE_H
#define PGHA_TESTS_SCENE_H

#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capsule.h"
#include "file.h"
#include "setup.h"
#include "topology.h"

#define SCENE_STAGING "var/lib/pgha/staging/"
#define SCENE_TOY "tests/data/services/toy"

struct scene {
	struct install in;
	struct capsule capsule;
	struct setup *setup;
};

#define SCENE_INIT                                                     \
	{                                                              \
		.in = { .index = INDEX_INIT }, .capsule = CAPSULE_INIT \
	}

static inline void scene_put(const char *base, const char *path, const char *text)
{
	cleanup_free char *whole = NULL;
	cleanup_free char *parent = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&whole, &err, "%s/%s", base, path));
	assert_ok(path_beside(whole, ".", &parent, &err));
	assert_ok(dir_make(parent, 0755, &err));
	assert_ok(file_write_atomic(whole, 0644, text, strlen(text), &err));
}

static inline bool scene_has(const char *base, const char *path)
{
	cleanup_free char *whole = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(base, path, &whole, &err));
	return access(whole, F_OK) == 0;
}

/* NULL when there is no such file. The caller frees. */
static inline char *scene_get(const char *base, const char *path)
{
	cleanup_free char *whole = NULL;
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_ok(str_printf(&whole, &err, "%s/%s", base, path));
	return file_read(whole, 0, ERR_FAILED, &text, NULL, &err) < 0 ? NULL : text;
}

/* Stages DATA (a service's directory) as service NAME. */
static inline void scene_stage(const char *base, const char *name, const char *data)
{
	CLEANUP(strv_release) struct strv templates = STRV_INIT;
	CLEANUP(str_release) struct str topology = STR_INIT;
	cleanup_free char *dir = NULL;
	cleanup_free char *yaml = NULL;
	cleanup_free char *to = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&dir, &err, "%s/templates", data));
	assert_ok(dir_list(dir, &templates, &err));
	for (size_t i = 0; i < templates.count; i++) {
		cleanup_free char *from = NULL;
		cleanup_free char *text = NULL;
		cleanup_free char *dest = NULL;

		assert_ok(path_join(dir, templates.items[i], &from, &err));
		assert_ok(file_read(from, 0, ERR_FAILED, &text, NULL, &err));
		assert_ok(str_printf(&dest, &err,
				     SCENE_STAGING "manifests/services/%s/templates/%s", name,
				     templates.items[i]));
		scene_put(base, dest, text);
	}
	assert_ok(str_printf(&to, &err, "%s/service.yaml", data));
	assert_ok(file_read(to, 0, ERR_FAILED, &yaml, NULL, &err));
	cleanup_freep(&to);
	assert_ok(str_printf(&to, &err, SCENE_STAGING "manifests/services/%s/service.yaml", name));
	scene_put(base, to, yaml);
	str_addf(&topology,
		 "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [%s]}]\n", name);
	scene_put(base, SCENE_STAGING "manifests/topology.yaml", topology.buf);
	scene_put(base, "ca.crt", "the CA\n");
	cleanup_freep(&to);
	assert_ok(str_printf(&to, &err, SCENE_STAGING "certs/box/%s-server.crt", name));
	scene_put(base, to, "certificate\n");
}

/* Variables and keys go into s->capsule beforehand. */
static inline int scene_open(struct scene *s, const char *base, const char *root,
			     struct err *ret_err)
{
	struct err err = ERR_INIT;
	cleanup_free char *topology = NULL;
	char *ca = NULL;

	s->in.node = "box";
	s->in.root = root;
	assert_ok(str_printf(&s->in.state_dir, &err, "%s/var/lib/pgha", base));
	assert_ok(str_printf(&s->in.staging, &err, "%s/var/lib/pgha/staging", base));
	assert_ok(path_join(s->in.staging, "manifests/topology.yaml", &topology, &err));
	assert_ok(topology_load(topology, NULL, &s->in.topology, &err));
	assert_ok(str_printf(&ca, &err, "%s/ca.crt", base));
	s->in.ca_path = ca;
	assert_ok(str_dup(&s->in.index.cluster, "c", &err));
	assert_ok(str_dup(&s->in.index.platform.id, "platform:el8", &err));
	assert_ok(str_dup(&s->in.index.platform.arch, "x86_64", &err));
	assert_ok(str_dup(&s->in.index.platform.python, "3.12", &err));
	s->in.capsule = &s->capsule;
	return setup_new(&s->in, &s->setup, ret_err);
}

static inline void scene_release(struct scene *s)
{
	setup_free(s->setup);
	s->in.capsule = NULL; /* ours */
	capsule_release(&s->capsule);
	free((char *)s->in.ca_path);
	install_release(&s->in);
}

#endif
