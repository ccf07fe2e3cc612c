/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of the service "toy", done and taken back on a record, in the directory that is base and root. */
#ifndef PGHA_TESTS_STEPS_SCENE_H
#define PGHA_TESTS_STEPS_SCENE_H

#include "scene.h"

#include "record.h"
#include "removal.h"

typedef int (*steps_scene_run)(struct setup *setup, bool apply, struct strv *changes,
			       struct err *err);

static inline int steps_scene_open(struct scene *s, const char *root, struct err *ret_err)
{
	struct err err = ERR_INIT;

	assert_ok(capsule_add_key(&s->capsule, "toy-server", "key\n", &err));
	assert_ok(capsule_add_env(&s->capsule, "TOY_PASSWORD", "a secret", &err));
	return scene_open(s, root, root, ret_err);
}

/* "" when there is none. The caller frees. */
static inline char *steps_scene_lines(const struct strv *changes)
{
	struct str lines = STR_INIT;
	struct err err = ERR_INIT;
	char *text = NULL;

	str_add(&lines, "");
	for (size_t i = 0; i < changes->count; i++)
		str_addf(&lines, "%s\n", changes->items[i]);
	assert_ok(str_done(&lines, &text, &err));
	return text;
}

/* The step's lines; with SEQUENCE it is done, on that record. The caller frees. */
static inline char *steps_scene_do(const char *root, steps_scene_run step, uint64_t sequence)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct record *record = NULL;
	struct err err = ERR_INIT;

	assert_ok(steps_scene_open(&s, root, &err));
	if (sequence)
		assert_ok(record_open(&s.in, sequence, &record, &err));
	s.in.record = record;
	assert_ok(step(s.setup, sequence > 0, &changes, &err));
	s.in.record = NULL;
	record_free(record);
	return steps_scene_lines(&changes);
}

/* Takes the units and the machine's settings back; SEQUENCE 0: all that is on record, as an uninstallation. */
static inline void steps_scene_take_back(const char *root, uint64_t sequence, const char *expected)
{
	CLEANUP(record_entries_release) struct record_entries entries = RECORD_ENTRIES_INIT;
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(removal_release) struct removal removal = { .entries = &entries, .apply = true };
	cleanup_free char *lines = NULL;
	struct err err = ERR_INIT;

	assert_ok(steps_scene_open(&s, root, &err));
	removal.in = &s.in;
	assert_ok(sequence ? record_load_one(&s.in, sequence, &entries, &err)
			   : record_load(&s.in, &entries, &err));
	assert_ok(removal_units(&removal, &err));
	lines = steps_scene_lines(&removal.changes);
	assert_string_equal(lines, expected);
}

#endif
