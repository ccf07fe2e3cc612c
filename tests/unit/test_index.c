/* SPDX-License-Identifier: Apache-2.0 */
#include "index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"

#define H0 "0000000000000000000000000000000000000000000000000000000000000000"
#define HA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY "D4BF08AE67A0B4C7A1DBCCD240BCA2B408B40D20"

static int make_index(struct index *index, struct err *err)
{
	int r = 0;

	index->cluster = strdup("test-cluster");
	index->sequence = 7;
	index->created = 1770000000;
	index->expires = 1780000000;
	index->platform.id = strdup("platform:el8");
	index->platform.arch = strdup("x86_64");
	index->platform.glibc = strdup("2.28");
	memcpy(index->installer_sha256, HA, SHA256_HEX_SIZE);
	if ((r = index_add(index, "repo/Packages/a-1-1.noarch.rpm", 5, H0, KEY, err)) ||
	    (r = index_add(index, "certs/node1/etcd-peer.crt", 0, HA, NULL, err)) ||
	    (r = index_add(index, "repo/repodata/repomd.xml", 9, HA, NULL, err)) ||
	    (r = index_add(index, "manifests/bundle.yaml", 12, HA, NULL, err)) ||
	    (r = index_add(index, "wheels/requirements.lock", 1, HA, NULL, err)) ||
	    (r = index_sort(index, err)))
		return r;
	return index_payload_digest(index, index->payload_sha256, err);
}

static void make_text(struct str *text)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(make_index(&index, &err), 0);
	assert_int_equal(index_format(&index, text, &err), 0);
}

static void an_index_reads_as_it_was_written(void **state)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;
	const struct index_member *m = NULL;

	(void)state;
	make_text(&text);
	if (index_parse("index.yaml", text.buf, text.len, &index, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(index.sequence, 7);
	assert_string_equal(index.cluster, "test-cluster");
	assert_string_equal(index.platform.id, "platform:el8");
	assert_string_equal(index.platform.glibc, "2.28");
	assert_null(index.platform.python);
	assert_int_equal(index.created, 1770000000);
	assert_int_equal(index.expires, 1780000000);
	assert_int_equal(index.member_count, 5);
	assert_string_equal(index.members[0].path, "certs/node1/etcd-peer.crt");
	m = index_find(&index, "repo/Packages/a-1-1.noarch.rpm");
	assert_non_null(m);
	assert_string_equal(m->key, KEY);
	assert_int_equal(m->size_bytes, 5);
	assert_null(index_find(&index, "repo"));
	assert_int_equal(index_total_bytes(&index), 27);
}

static void the_payload_digest_leaves_out_what_differs_between_builds(void **state)
{
	/* sha256sum of the three lines as they stand in the text */
	static const char lines[] =
		"  - {path: manifests/bundle.yaml, size: 12, sha256: " HA "}\n"
		"  - {path: repo/Packages/a-1-1.noarch.rpm, size: 5, sha256: \"" H0 "\", key: " KEY
		"}\n"
		"  - {path: wheels/requirements.lock, size: 1, sha256: " HA "}\n";
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;
	char hex[SHA256_HEX_SIZE];

	(void)state;
	assert_int_equal(make_index(&index, &err), 0);
	assert_int_equal(sha256_hex(lines, strlen(lines), hex, &err), 0);
	assert_string_equal(index.payload_sha256, hex);
	/* A certificate and repodata change nothing, an RPM does. */
	index.members[0].size_bytes++;
	assert_string_equal(index.members[3].path, "repo/repodata/repomd.xml");
	index.members[3].size_bytes++;
	assert_int_equal(index_payload_digest(&index, hex, &err), 0);
	assert_string_equal(index.payload_sha256, hex);
	index.members[2].size_bytes++;
	assert_int_equal(index_payload_digest(&index, hex, &err), 0);
	assert_string_not_equal(index.payload_sha256, hex);
}

/* FROM, which must be there, becomes TO. */
static void replace(const struct str *text, const char *from, const char *to, struct str *out)
{
	const char *at = strstr(text->buf, from);

	if (!at)
		fail_msg("'%s' is not in the index", from);
	str_add_len(out, text->buf, (size_t)(at - text->buf));
	str_add(out, to);
	str_add(out, at + strlen(from));
	assert_false(out->failed);
}

static void another_spelling_is_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "pgha-index: 1\n", "pgha-index: 2\n" },
		{ "pgha-index: 1\n", "" },
		{ "sequence: 7", "sequence: 07" },
		{ "sequence: 7", "sequence: 0" },
		{ "sequence: 7", "sequence: -7" },
		{ "sequence: 7", "sequence: 7 " },
		{ "sequence: 7", "sequence: 7 # seven" },
		{ "sequence: 7", "sequence: \"7\"" },
		{ "sequence: 7\n", "sequence: 7\nextra: 1\n" },
		{ "cluster: test-cluster", "cluster: 'test-cluster'" },
		{ "cluster: test-cluster", "cluster: test/cluster" },
		{ "created: ", "created:  " },
		{ "expires: ", "expired: " },
		{ "x86_64", "x86_64, other: 1" },
		{ "size: 5", "size: 6" },
		{ "size: 5", "size: 0x5" },
		{ "size: 5", "size: 99999999999999999999" },
		{ "payload: ", "payload: 1" },
		{ "sha256: " HA, "sha256: AAAA" },
		{ "sha256: " HA, "sha256: A" HA },
		{ ", key: " KEY, "" },
		{ KEY, "d4bf08ae67a0b4c7a1dbccd240bca2b408b40d20" },
		{ "size: 12, sha256: " HA, "size: 12, sha256: " HA ", key: " KEY },
		{ "certs/node1/etcd-peer.crt", "../node1/etcd-peer.crt" },
		{ "certs/node1/etcd-peer.crt", "/certs/node1/etcd-peer.crt" },
		{ "certs/node1/etcd-peer.crt", "certs//etcd-peer.crt" },
		{ "certs/node1/etcd-peer.crt", "certs/./etcd-peer.crt" },
		{ "certs/node1/etcd-peer.crt", "certs/node1/" },
		{ "certs/node1/etcd-peer.crt", "\"certs/node1/etcd\\npeer.crt\"" },
		{ "certs/node1/etcd-peer.crt", "\"certs/node1/etcd\\0peer.crt\"" },
		{ "certs/node1/etcd-peer.crt", "zz" },
		{ "certs/node1/etcd-peer.crt", "manifests" },
		{ "certs/node1/etcd-peer.crt", "manifests/bundle.yaml" },
		{ "certs/node1/etcd-peer.crt", "index.yaml" },
		{ "certs/node1/etcd-peer.crt", "index.yaml.p7s" },
		{ "members:\n", "members: &a\n" },
		{ "members:\n", "members:\n  - []\n" },
		{ "members:\n", "members: []\nrest:\n" },
		{ "pgha-index", "---\npgha-index" },
	};
	CLEANUP(str_release) struct str text = STR_INIT;

	(void)state;
	make_text(&text);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str changed = STR_INIT;
		CLEANUP(index_release) struct index index = INDEX_INIT;
		struct err err = ERR_INIT;

		replace(&text, cases[i].from, cases[i].to, &changed);
		if (index_parse("index.yaml", changed.buf, changed.len, &index, &err) !=
		    -ERR_VERIFY)
			fail_msg("'%s' as '%s' was taken", cases[i].from, cases[i].to);
		assert_non_null(strstr(err.msg, "index.yaml"));
		assert_int_equal(index.member_count, 0);
	}
}

/* A delta of the same, in two volumes; the certificate and the RPM are the base's. */
static void make_parts_text(struct str *text)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(make_index(&index, &err), 0);
	index.base_sequence = 6;
	memcpy(index.base_sha256, HA, SHA256_HEX_SIZE);
	index.members[0].from_base = true;
	index.members[2].from_base = true;
	assert_int_equal(strv_add(&index.volumes, "manifests/bundle.yaml", &err), 0);
	assert_int_equal(strv_add(&index.volumes, "repo/repodata/repomd.xml", &err), 0);
	assert_int_equal(index_format(&index, text, &err), 0);
}

static void volumes_and_a_base_read_as_they_were_written(void **state)
{
	CLEANUP(str_release) struct str whole = STR_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(index_release) struct index complete = INDEX_INIT;
	struct err err = ERR_INIT;
	size_t from = 9;
	size_t to = 9;

	(void)state;
	make_text(&whole);
	make_parts_text(&text);
	assert_int_equal(index_parse("index.yaml", whole.buf, whole.len, &complete, &err), 0);
	if (index_parse("index.yaml", text.buf, text.len, &index, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(strncmp(whole.buf, "pgha-index: 1\n", 14), 0);
	assert_int_equal(strncmp(text.buf, "pgha-index: 2\n", 14), 0);
	/* What is carried does not change what is in it. */
	assert_string_equal(index.payload_sha256, complete.payload_sha256);
	assert_int_equal(index.base_sequence, 6);
	assert_string_equal(index.base_sha256, HA);
	assert_true(index.members[0].from_base);
	assert_false(index.members[1].from_base);
	assert_true(index.members[2].from_base);
	assert_int_equal(index_total_bytes(&index), 27);
	assert_int_equal(index_carried_bytes(&index), 22);
	assert_int_equal(index_volume_count(&index), 2);
	index_volume_range(&index, 0, &from, &to);
	assert_int_equal(from, 0);
	assert_int_equal(to, 3);
	index_volume_range(&index, 1, &from, &to);
	assert_int_equal(from, 3);
	assert_int_equal(to, 5);
	index_volume_range(&complete, 0, &from, &to);
	assert_int_equal(from, 0);
	assert_int_equal(to, 5);
}

static void wrong_parts_are_refused(void **state)
{
	static const char volumes[] = "volumes:\n  - manifests/bundle.yaml\n"
				      "  - repo/repodata/repomd.xml\n";
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "pgha-index: 2", "pgha-index: 1" },
		{ "pgha-index: 2", "pgha-index: 3" },
		{ "base: {sequence: 6", "base: {sequence: 7" },
		{ "base: {sequence: 6", "base: {sequence: 0" },
		{ "index: " HA, "index: a" },
		{ "base: {sequence: 6, index: " HA "}\n", "" },
		{ "from: base", "from: other" },
		{ volumes, "volumes: []\n" },
		{ volumes, "volumes:\n  - manifests/bundle.yaml\n" },
		{ volumes,
		  "volumes:\n  - repo/repodata/repomd.xml\n  - wheels/requirements.lock\n" },
		{ volumes, "volumes:\n  - repo/repodata/repomd.xml\n  - manifests/bundle.yaml\n" },
		{ volumes, "volumes:\n  - manifests/bundle.yaml\n  - manifests/bundle.yaml\n" },
		{ volumes, "volumes:\n  - manifests/bundle.yaml\n  - repo\n" },
		{ volumes, "volumes:\n  - manifests/bundle.yaml\n"
			   "  - repo/Packages/a-1-1.noarch.rpm\n" },
		{ volumes, "volumes: manifests/bundle.yaml\n" },
		{ volumes, "volumes:\n  - {a: b}\n  - manifests/bundle.yaml\n" },
	};
	CLEANUP(str_release) struct str text = STR_INIT;

	(void)state;
	make_parts_text(&text);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str changed = STR_INIT;
		CLEANUP(index_release) struct index index = INDEX_INIT;
		struct err err = ERR_INIT;

		replace(&text, cases[i].from, cases[i].to, &changed);
		if (index_parse("index.yaml", changed.buf, changed.len, &index, &err) !=
		    -ERR_VERIFY)
			fail_msg("'%s' as '%s' was taken", cases[i].from, cases[i].to);
	}
}

static void any_cut_and_any_addition_is_refused(void **state)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_text(&text);
	/* The last member belongs to the payload, so that its digest misses a whole line too. */
	for (size_t i = 0; i < text.len; i++)
		assert_int_equal(index_parse("index.yaml", text.buf, i, &index, &err), -ERR_VERIFY);
	str_add(&text, "\n");
	assert_int_equal(index_parse("index.yaml", text.buf, text.len, &index, &err), -ERR_VERIFY);
}

static void an_incomplete_index_is_not_written(void **state)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make_index(&index, &err), 0);
	index.expires = index.created;
	assert_int_equal(index_format(&index, &text, &err), -ERR_FAILED);
	assert_int_equal(text.len, 0);
}

static void a_large_index_is_within_the_parsers_limits(void **state)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(index_release) struct index again = INDEX_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	char path[64];

	(void)state;
	assert_int_equal(make_index(&index, &err), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "repo/Packages/package-%u-1.noarch.rpm", i);
		assert_int_equal(index_add(&index, path, i, H0, KEY, &err), 0);
	}
	assert_int_equal(index_sort(&index, &err), 0);
	assert_int_equal(index_payload_digest(&index, index.payload_sha256, &err), 0);
	assert_int_equal(index_format(&index, &text, &err), 0);
	if (index_parse("index.yaml", text.buf, text.len, &again, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(again.member_count, 2005);
}

static void a_path_stands_once_and_never_for_a_directory(void **state)
{
	static const char *const paths[] = { "manifests/bundle.yaml", "manifests" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(index_release) struct index index = INDEX_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(make_index(&index, &err), 0);
		assert_int_equal(index_add(&index, paths[i], 12, HA, NULL, &err), 0);
		assert_int_equal(index_sort(&index, &err), -ERR_VERIFY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_reads_as_it_was_written),
		cmocka_unit_test(the_payload_digest_leaves_out_what_differs_between_builds),
		cmocka_unit_test(another_spelling_is_refused),
		cmocka_unit_test(volumes_and_a_base_read_as_they_were_written),
		cmocka_unit_test(wrong_parts_are_refused),
		cmocka_unit_test(a_path_stands_once_and_never_for_a_directory),
		cmocka_unit_test(any_cut_and_any_addition_is_refused),
		cmocka_unit_test(an_incomplete_index_is_not_written),
		cmocka_unit_test(a_large_index_is_within_the_parsers_limits),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
