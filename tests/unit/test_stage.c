/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <sched.h>
#include <sys/mount.h>

#include "clock.h"
#include "stage.h"
#include "state.h"
#include "verify.h"

static const struct bundle_file files[] = {
	{ .path = "certs/node1/etcd-peer.crt", .data = "certificate" },
	{ .path = "keys/D4BF.asc", .data = "key" },
	{ .path = "manifests/bundle.yaml", .data = "cluster: test\n" },
	{ .path = "nodes/node1.cms", .data = "capsule of node1" },
	{ .path = "nodes/node1.key", .data = "key of node1" },
	{ .path = "nodes/node2.cms", .data = "capsule of node2" },
	{ .path = "repo/Packages/a-1-1.noarch.rpm", .data = "an rpm" },
	{ .path = "repo/repodata/primary.xml.gz", .data = "metadata" },
	{ .path = "wheels/requirements.lock", .data = "" },
	{ .path = NULL },
};

static struct pki ca, other_ca, signer, other_signer, tls;
static char *dir; /* of everything that is written */
static char *ca_path, *bundle_path;
static struct strv bundle_files;

static int make_all(void **state)
{
	CLEANUP(str_release) struct str pem = STR_INIT;
	const unsigned int both = X509_USE_EMAIL | X509_USE_BUNDLE;
	struct err err = ERR_INIT;

	(void)state;
	clock_set(PKI_NOW);
	ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL);
	other_ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL);
	signer = pki_issue("signer", both, X509_KEY_P256, &ca);
	other_signer = pki_issue("signer", both, X509_KEY_P256, &other_ca);
	tls = pki_issue("node1", X509_USE_SERVER | X509_USE_CLIENT, X509_KEY_P256, &ca);
	dir = tree_new();
	assert_ok(x509_to_pem(ca.cert, &pem, &err));
	write_file(dir, "ca.crt", pem.buf, pem.len, 0644);
	assert_ok(path_join(dir, "ca.crt", &ca_path, &err));
	assert_ok(path_join(dir, "pgha-test-7.tar", &bundle_path, &err));
	assert_ok(strv_add(&bundle_files, bundle_path, &err));
	return 0;
}

static int release_all(void **state)
{
	(void)state;
	pki_release(&ca);
	pki_release(&other_ca);
	pki_release(&signer);
	pki_release(&other_signer);
	pki_release(&tls);
	free(ca_path);
	free(bundle_path);
	strv_release(&bundle_files);
	tree_drop(dir);
	return 0;
}

static int open_path(struct verify *v, const char *path, const char *ca_file, struct err *ret_err)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	struct err err = ERR_INIT;

	assert_ok(strv_add(&paths, path, &err));
	return verify_open(v, &paths, ca_file, ret_err);
}

static void right_bundle(struct str *bundle)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;

	bundle_index(files, 7, &index);
	bundle_make(bundle, files, &index, &signer);
}

/* Stages BUNDLE in a root of its own whose contents stand in LISTING afterwards; whether staging
 * was left, and anything else was touched, is checked when it fails. */
static int stage_in(const char *root, const struct str *bundle, struct install *in, struct err *err)
{
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	struct stage_result result;
	struct state st = STATE_INIT;
	int r = 0;

	write_file(dir, "pgha-test-7.tar", bundle->buf, bundle->len, 0644);
	in->node = "node1";
	in->root = root;
	in->bundle_files = &bundle_files;
	in->ca_path = ca_path;
	if (install_init(in, err) || state_open(in, &st, err))
		fail_msg("%s", err->msg);
	tree_list(root, &before);
	r = stage_bundle(in, &result, err);
	tree_list(root, &after);
	state_close(in, &st);
	if (r)
		assert_string_equal(before.buf, after.buf);
	return r;
}

static int stage(const struct str *bundle, struct err *err)
{
	CLEANUP(install_release) struct install in = { .node = NULL };
	char *root = tree_new();
	int r = stage_in(root, bundle, &in, err);

	tree_drop(root);
	return r;
}

static void a_right_bundle_is_staged_whole_but_for_other_nodes_secrets(void **state)
{
	CLEANUP(install_release) struct install in = { .node = NULL };
	CLEANUP(str_release) struct str bundle = STR_INIT;
	struct err err = ERR_INIT;
	char *root = tree_new();
	struct stat st;

	(void)state;
	right_bundle(&bundle);
	assert_ok(stage_in(root, &bundle, &in, &err));
	assert_int_equal(in.index.sequence, 7);
	assert_int_equal(stat(in.staging, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (const struct bundle_file *f = files; f->path; f++) {
		cleanup_free char *path = NULL;
		cleanup_free char *data = NULL;

		assert_ok(path_join(in.staging, f->path, &path, &err));
		if (str_starts(f->path, "nodes/node2.")) {
			assert_int_equal(access(path, F_OK), -1);
			continue;
		}
		assert_ok(file_read(path, 0, ERR_FAILED, &data, NULL, &err));
		assert_string_equal(data, f->data);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	assert_ok(stage_clear(&in, &err));
	assert_int_equal(access(in.staging, F_OK), -1);
	tree_drop(root);
}

enum part { HEADER, CONTENTS, PADDING };

static void one_changed_byte_is_refused_and_nothing_stays(void **state)
{
	static const struct {
		const char *what, *member;
		enum part part;
		size_t offset;
	} cases[] = {
		{ "the index", INDEX_NAME, CONTENTS, 40 },
		{ "a digest in the index", INDEX_NAME, CONTENTS, 700 },
		{ "the index's size", INDEX_NAME, HEADER, 130 },
		{ "the index's padding", INDEX_NAME, PADDING, 0 },
		{ "the signature", INDEX_SIGNATURE_NAME, CONTENTS, 100 },
		{ "the signature's header", INDEX_SIGNATURE_NAME, HEADER, 0 },
		{ "the signature's padding", INDEX_SIGNATURE_NAME, PADDING, 3 },
		{ "a member's name", "certs/node1/etcd-peer.crt", HEADER, 5 },
		{ "a member's mode", "repo/Packages/a-1-1.noarch.rpm", HEADER, 105 },
		{ "a member's owner", "repo/Packages/a-1-1.noarch.rpm", HEADER, 110 },
		{ "a member's size", "repo/Packages/a-1-1.noarch.rpm", HEADER, 134 },
		{ "a member's time", "repo/Packages/a-1-1.noarch.rpm", HEADER, 140 },
		{ "a member's checksum", "repo/Packages/a-1-1.noarch.rpm", HEADER, 150 },
		{ "a member's type", "repo/Packages/a-1-1.noarch.rpm", HEADER, 156 },
		{ "a member's link", "repo/Packages/a-1-1.noarch.rpm", HEADER, 157 },
		{ "a header's last byte", "repo/Packages/a-1-1.noarch.rpm", HEADER, 511 },
		{ "an RPM", "repo/Packages/a-1-1.noarch.rpm", CONTENTS, 0 },
		{ "an RPM's padding", "repo/Packages/a-1-1.noarch.rpm", PADDING, 100 },
		{ "metadata", "repo/repodata/primary.xml.gz", CONTENTS, 7 },
		{ "a certificate", "certs/node1/etcd-peer.crt", CONTENTS, 2 },
		{ "a manifest", "manifests/bundle.yaml", CONTENTS, 9 },
		{ "this node's capsule", "nodes/node1.cms", CONTENTS, 0 },
		{ "this node's key", "nodes/node1.key", CONTENTS, 11 },
		{ "another node's capsule", "nodes/node2.cms", CONTENTS, 1 },
		{ "the end mark", "wheels/requirements.lock", PADDING, 0 },
		{ "the end mark's last byte", "wheels/requirements.lock", PADDING, 1023 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str bundle = STR_INIT;
		struct err err = ERR_INIT;
		size_t at = 0;
		size_t size = 0;

		right_bundle(&bundle);
		at = bundle_offset(&bundle, cases[i].member);
		size = strtoul(bundle.buf + at + 124, NULL, 8);
		if (cases[i].part == CONTENTS)
			at += TAR_BLOCK;
		else if (cases[i].part == PADDING)
			at += TAR_BLOCK + size;
		assert_true(at + cases[i].offset < bundle.len);
		bundle.buf[at + cases[i].offset] ^= 1;
		if (stage(&bundle, &err) != -ERR_VERIFY)
			fail_msg("a changed byte of %s was not refused: %d %s", cases[i].what,
				 err.code, err.msg);
		assert_null(strchr(err.msg, '\n'));
		assert_string_equal(err.detail, "");
	}
}

static void no_cut_and_no_addition_is_taken(void **state)
{
	CLEANUP(str_release) struct str bundle = STR_INIT;
	size_t len = 0;

	(void)state;
	right_bundle(&bundle);
	len = bundle.len;
	for (size_t at = 0; at < len; at += at % TAR_BLOCK ? 1 : TAR_BLOCK - 1) {
		struct str cut = { .buf = bundle.buf, .len = at };
		struct err err = ERR_INIT;

		if (stage(&cut, &err) != -ERR_VERIFY)
			fail_msg("cut at %zu: %d %s", at, err.code, err.msg);
	}
	for (size_t more = 1; more <= 10240; more += 511) {
		struct err err = ERR_INIT;

		while (bundle.len < len + more)
			str_addc(&bundle, '\0');
		assert_int_equal(stage(&bundle, &err), -ERR_VERIFY);
	}
}

/* What a signer could do, or somebody who has the signature over a true index. */

static void add_unlisted(struct str *b, const struct index *index)
{
	for (size_t i = 0; i < index->member_count; i++)
		bundle_member(b, files[i].path, files[i].data, bundle_size(&files[i]));
	bundle_member(b, "zz", "unlisted", 8);
	bundle_end(b);
}

static void add_unlisted_first(struct str *b, const struct index *index)
{
	bundle_member(b, "aa", "unlisted", 8);
	for (size_t i = 0; i < index->member_count; i++)
		bundle_member(b, files[i].path, files[i].data, bundle_size(&files[i]));
	bundle_end(b);
}

static void leave_out(struct str *b, const struct index *index)
{
	for (size_t i = 0; i < index->member_count; i++) {
		if (i != 4)
			bundle_member(b, files[i].path, files[i].data, bundle_size(&files[i]));
	}
	bundle_end(b);
}

static void leave_out_last(struct str *b, const struct index *index)
{
	for (size_t i = 0; i + 1 < index->member_count; i++)
		bundle_member(b, files[i].path, files[i].data, bundle_size(&files[i]));
	bundle_end(b);
}

static void twice(struct str *b, const struct index *index)
{
	for (size_t i = 0; i < index->member_count; i++) {
		bundle_member(b, files[i].path, files[i].data, bundle_size(&files[i]));
		if (i == 3)
			bundle_member(b, files[i].path, files[i].data, bundle_size(&files[i]));
	}
	bundle_end(b);
}

static void another_order(struct str *b, const struct index *index)
{
	for (size_t i = 0; i < index->member_count; i++) {
		size_t j = i == 2 ? 3 : i == 3 ? 2 : i;

		bundle_member(b, files[j].path, files[j].data, bundle_size(&files[j]));
	}
	bundle_end(b);
}

/* Member 2 becomes something else, with a right checksum. */
static void as_type(struct str *b, const struct index *index, char type, const char *link)
{
	size_t at = 0;
	unsigned int sum = 0;
	size_t before = b->len;

	for (size_t i = 0; i < index->member_count; i++)
		bundle_member(b, files[i].path, files[i].data, bundle_size(&files[i]));
	bundle_end(b);
	at = bundle_offset(b, files[2].path);
	assert_true(at >= before);
	b->buf[at + 156] = type;
	memcpy(b->buf + at + 157, link, strlen(link));
	memset(b->buf + at + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)b->buf[at + i];
	snprintf(b->buf + at + 148, 8, "%06o", sum);
}

static void symbolic_link(struct str *b, const struct index *index)
{
	as_type(b, index, '2', "/etc/passwd");
}

static void hard_link(struct str *b, const struct index *index)
{
	as_type(b, index, '1', "certs/node1/etcd-peer.crt");
}

static void device(struct str *b, const struct index *index)
{
	as_type(b, index, '3', "");
}

static void directory(struct str *b, const struct index *index)
{
	as_type(b, index, '5', "");
}

static void other_contents(struct str *b, const struct index *index)
{
	for (size_t i = 0; i < index->member_count; i++)
		bundle_member(b, files[i].path, i == 6 ? "bn rpm" : files[i].data,
			      bundle_size(&files[i]));
	bundle_end(b);
}

static void longer_contents(struct str *b, const struct index *index)
{
	for (size_t i = 0; i < index->member_count; i++)
		bundle_member(b, files[i].path, i == 6 ? "an rpm." : files[i].data,
			      bundle_size(&files[i]) + (i == 6));
	bundle_end(b);
}

static void members_other_than_the_signed_ones_are_refused(void **state)
{
	static const struct {
		const char *what;
		void (*make)(struct str *bundle, const struct index *index);
	} cases[] = {
		{ "an unlisted member at the end", add_unlisted },
		{ "an unlisted member at the beginning", add_unlisted_first },
		{ "a missing member", leave_out },
		{ "the last member missing", leave_out_last },
		{ "a member twice", twice },
		{ "another order", another_order },
		{ "a symbolic link", symbolic_link },
		{ "a hard link", hard_link },
		{ "a device", device },
		{ "a directory", directory },
		{ "other contents of the same size", other_contents },
		{ "longer contents", longer_contents },
	};
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	bundle_index(files, 7, &index);
	assert_ok(index_format(&index, &text, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str bundle = STR_INIT;

		bundle_head(&bundle, &text, &signer);
		cases[i].make(&bundle, &index);
		if (stage(&bundle, &err) != -ERR_VERIFY)
			fail_msg("%s: %d %s", cases[i].what, err.code, err.msg);
	}
}

static void only_the_clusters_signer_is_believed(void **state)
{
	static const struct {
		const char *what;
		struct pki *who;
		int ret;
	} cases[] = {
		{ "the signer", &signer, 0 },
		{ "a signer of another CA of the same name", &other_signer, -ERR_VERIFY },
		{ "a TLS certificate of the CA", &tls, -ERR_VERIFY },
		{ "the CA itself", &ca, -ERR_VERIFY },
	};
	CLEANUP(index_release) struct index index = INDEX_INIT;

	(void)state;
	bundle_index(files, 7, &index);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str bundle = STR_INIT;
		struct err err = ERR_INIT;

		bundle_make(&bundle, files, &index, cases[i].who);
		if (stage(&bundle, &err) != cases[i].ret)
			fail_msg("%s: %d %s", cases[i].what, err.code, err.msg);
	}
}

static void stale_media_are_refused(void **state)
{
	CLEANUP(str_release) struct str bundle = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	right_bundle(&bundle);
	clock_set(PKI_NOW + 90 * (time_t)PKI_DAY - 1);
	assert_ok(stage(&bundle, &err));
	clock_set(PKI_NOW + 90 * (time_t)PKI_DAY);
	assert_fails(ERR_VERIFY, stage(&bundle, &err));
	assert_contains(err.msg, "expired");
	clock_set(PKI_NOW);
}

/* What the node has committed, against the bundle with sequence 7. */
static void an_older_or_a_forked_sequence_is_refused(void **state)
{
	static const struct {
		const char *cluster, *node;
		uint64_t sequence;
		bool same;
		int ret;
	} cases[] = {
		{ "test", "node1", 0, false, 0 },
		{ "test", "node1", 6, false, 0 },
		{ "test", "node1", 7, true, 0 },
		{ "test", "node1", 7, false, -ERR_VERIFY },
		{ "test", "node1", 8, false, -ERR_VERIFY },
		{ "other", "node1", 6, false, -ERR_VERIFY },
		{ "test", "node2", 6, false, -ERR_USAGE },
	};
	CLEANUP(index_release) struct index index = INDEX_INIT;
	char digest[SHA256_HEX_SIZE];
	char other[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	bundle_index(files, 7, &index);
	assert_ok(sha256_hex("a", 1, digest, &err));
	assert_ok(sha256_hex("b", 1, other, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct state_committed c = { .cluster = (char *)cases[i].cluster,
					     .node = (char *)cases[i].node,
					     .sequence = cases[i].sequence };

		memcpy(c.index_sha256, cases[i].same ? digest : other, SHA256_HEX_SIZE);
		if (state_committed_check(&c, "node1", &index, digest, &err) != cases[i].ret)
			fail_msg("case %zu: %s", i, err.msg);
	}
}

static void what_is_committed_is_remembered_and_kept(void **state)
{
	CLEANUP(install_release) struct install in = { .node = NULL };
	CLEANUP(state_committed_release) struct state_committed c = STATE_COMMITTED_INIT;
	CLEANUP(str_release) struct str bundle = STR_INIT;
	cleanup_free char *kept = NULL;
	cleanup_free char *data = NULL;
	char digest[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;
	char *root = tree_new();

	(void)state;
	right_bundle(&bundle);
	assert_ok(sha256_hex("a", 1, digest, &err));
	assert_ok(stage_in(root, &bundle, &in, &err));
	assert_ok(state_committed_load(&in, &c, &err));
	assert_int_equal(c.sequence, 0);
	assert_ok(state_commit(&in, digest, &err));
	assert_ok(state_commit(&in, digest, &err)); /* a repair */
	assert_ok(state_committed_load(&in, &c, &err));
	assert_int_equal(c.sequence, 7);
	assert_string_equal(c.cluster, "test");
	assert_string_equal(c.node, "node1");
	assert_string_equal(c.index_sha256, digest);
	assert_ok(path_join(in.state_dir, "bundles/7/manifests/bundle.yaml", &kept, &err));
	assert_ok(file_read(kept, 0, ERR_FAILED, &data, NULL, &err));
	assert_string_equal(data, "cluster: test\n");
	tree_drop(root);
}

static void missing_disk_space_is_said_before_anything_is_written(void **state)
{
	CLEANUP(str_release) struct str bundle = STR_INIT;
	CLEANUP(install_release) struct install in = { .node = NULL };
	struct err err = ERR_INIT;
	char *root = tree_new();

	(void)state;
	right_bundle(&bundle);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		tree_drop(root);
		skip();
	}
	assert_int_equal(mount("none", root, "tmpfs", 0, "size=4m"), 0);
	assert_fails(ERR_HOST, stage_in(root, &bundle, &in, &err));
	assert_contains(err.msg, "MiB are missing in");
	assert_contains(err.msg, "/var/lib/pgha/staging");
	assert_int_equal(umount(root), 0);
	tree_drop(root);
}

static void a_dry_run_stages_outside_of_the_root(void **state)
{
	CLEANUP(install_release) struct install in = { .node = "node1", .dry_run = true };
	CLEANUP(str_release) struct str bundle = STR_INIT;
	CLEANUP(str_release) struct str listing = STR_INIT;
	struct stage_result result;
	struct err err = ERR_INIT;
	char *root = tree_new();

	(void)state;
	right_bundle(&bundle);
	write_file(dir, "pgha-test-7.tar", bundle.buf, bundle.len, 0644);
	in.root = root;
	in.bundle_files = &bundle_files;
	in.ca_path = ca_path;
	assert_ok(install_init(&in, &err));
	assert_ok(stage_bundle(&in, &result, &err));
	assert_false(str_starts(in.staging, root));
	tree_list(root, &listing);
	/* The root itself and nothing in it. */
	assert_ptr_equal(strchr(listing.buf, '\n'), listing.buf + listing.len - 1);
	assert_ok(stage_clear(&in, &err));
	tree_drop(root);
}

static void verify_stores_nothing(void **state)
{
	CLEANUP(verify_release) struct verify v = VERIFY_INIT;
	CLEANUP(str_release) struct str bundle = STR_INIT;
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	right_bundle(&bundle);
	write_file(dir, "pgha-test-7.tar", bundle.buf, bundle.len, 0644);
	tree_list(dir, &before);
	assert_ok(open_path(&v, bundle_path, ca_path, &err));
	assert_ok(verify_members(&v, -1, NULL, &err));
	tree_list(dir, &after);
	assert_string_equal(before.buf, after.buf);
	verify_release(&v);
	assert_fails(ERR_USAGE, open_path(&v, "/nonexistent.tar", ca_path, &err));
	verify_release(&v);
	assert_fails(ERR_USAGE, open_path(&v, bundle_path, "/nonexistent.crt", &err));
}

static void write_in_place(const char *path, const struct str *data)
{
	cleanup_close int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	struct err err = ERR_INIT;

	assert_true(fd >= 0);
	assert_ok(fd_write_all(fd, path, data->buf, data->len, &err));
}

/* Another bundle, signed as well, in the place of the one whose index was believed. */
static void a_bundle_that_changes_after_it_was_opened_is_refused_or_not_seen(void **state)
{
	static const struct bundle_file others[] = {
		{ "manifests/topology.yaml", "nodes: [] # of another" },
		{ NULL, NULL },
	};
	CLEANUP(str_release) struct str bundle = STR_INIT;
	CLEANUP(str_release) struct str other = STR_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;

	(void)state;
	right_bundle(&bundle);
	bundle_index(others, 8, &index);
	bundle_make(&other, others, &index, &signer);
	for (int renamed = 0; renamed < 2; renamed++) {
		CLEANUP(verify_release) struct verify v = VERIFY_INIT;
		cleanup_close int fd = -1;
		struct err err = ERR_INIT;
		char *staging = tree_new();

		write_file(dir, "pgha-test-7.tar", bundle.buf, bundle.len, 0644);
		assert_ok(open_path(&v, bundle_path, ca_path, &err));
		if (renamed)
			write_file(dir, "pgha-test-7.tar", other.buf, other.len, 0644);
		else
			write_in_place(bundle_path, &other);
		fd = open(staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(fd >= 0);
		if (!renamed) {
			assert_fails(ERR_VERIFY, verify_members(&v, fd, "node1", &err));
			tree_drop(staging);
			continue;
		}
		assert_ok(verify_members(&v, fd, "node1", &err));
		/* What is staged no longer hangs on the file. */
		assert_int_equal(unlink(bundle_path), 0);
		for (size_t i = 0; i < v.set.index.member_count; i++) {
			const struct index_member *m = &v.set.index.members[i];
			cleanup_free char *path = NULL;
			char hex[SHA256_HEX_SIZE];

			assert_ok(path_join(staging, m->path, &path, &err));
			if (str_starts(m->path, "nodes/node2."))
				continue;
			assert_ok(sha256_file(path, hex, NULL, &err));
			assert_string_equal(hex, m->sha256);
		}
		tree_drop(staging);
	}
}

static void a_fifo_is_no_bundle(void **state)
{
	CLEANUP(verify_release) struct verify v = VERIFY_INIT;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(path_join(dir, "fifo", &path, &err));
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10); /* ends a test that waits for somebody to write */
	assert_fails(ERR_USAGE, open_path(&v, path, ca_path, &err));
	alarm(0);
	assert_int_equal(unlink(path), 0);
}

static void a_dry_run_that_fails_leaves_another_runs_staging(void **state)
{
	CLEANUP(install_release)
	struct install in = { .node = "node1", .dry_run = true };
	struct stage_result result;
	struct err err = ERR_INIT;
	char *root = tree_new();
	cleanup_free char *staging = NULL;

	(void)state;
	assert_ok(path_join(root, "var/lib/pgha/staging/repo", &staging, &err));
	assert_ok(dir_make(staging, 0700, &err));
	write_file(dir, "pgha-test-7.tar", "nothing", 7, 0644);
	in.root = root;
	in.bundle_files = &bundle_files;
	in.ca_path = ca_path;
	assert_ok(install_init(&in, &err));
	assert_fails(ERR_VERIFY, stage_bundle(&in, &result, &err));
	assert_ok(stage_clear(&in, &err));
	assert_int_equal(access(staging, F_OK), 0);
	tree_drop(root);
}

/* Whoever brings a bundle of his own may bring a CA file that goes with it. */
static void another_ca_is_refused_where_one_is_known(void **state)
{
	CLEANUP(str_release) struct str bundle = STR_INIT;
	CLEANUP(str_release) struct str known = STR_INIT;
	CLEANUP(str_release) struct str both = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	right_bundle(&bundle);
	assert_ok(x509_to_pem(other_ca.cert, &known, &err));
	assert_ok(x509_to_pem(other_ca.cert, &both, &err));
	assert_ok(x509_to_pem(ca.cert, &both, &err));
	for (int i = 0; i < 2; i++) {
		const struct str *pem = i ? &both : &known;
		CLEANUP(install_release) struct install in = { .node = NULL };
		char *root = tree_new();
		cleanup_free char *state_dir = NULL;

		assert_ok(path_join(root, "var/lib/pgha", &state_dir, &err));
		assert_ok(dir_make(state_dir, 0700, &err));
		write_file(state_dir, INSTALL_CA_NAME, pem->buf, pem->len, 0644);
		if (i)
			assert_ok(stage_in(root, &bundle, &in, &err));
		else
			assert_fails(ERR_VERIFY, stage_in(root, &bundle, &in, &err));
		tree_drop(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_bundle_is_staged_whole_but_for_other_nodes_secrets),
		cmocka_unit_test(one_changed_byte_is_refused_and_nothing_stays),
		cmocka_unit_test(no_cut_and_no_addition_is_taken),
		cmocka_unit_test(members_other_than_the_signed_ones_are_refused),
		cmocka_unit_test(only_the_clusters_signer_is_believed),
		cmocka_unit_test(stale_media_are_refused),
		cmocka_unit_test(an_older_or_a_forked_sequence_is_refused),
		cmocka_unit_test(what_is_committed_is_remembered_and_kept),
		cmocka_unit_test(a_dry_run_stages_outside_of_the_root),
		cmocka_unit_test(verify_stores_nothing),
		cmocka_unit_test(a_bundle_that_changes_after_it_was_opened_is_refused_or_not_seen),
		cmocka_unit_test(a_fifo_is_no_bundle),
		cmocka_unit_test(a_dry_run_that_fails_leaves_another_runs_staging),
		cmocka_unit_test(another_ca_is_refused_where_one_is_known),
		/* Last: it leaves the process in a mount namespace of its own. */
		cmocka_unit_test(missing_disk_space_is_said_before_anything_is_written),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
