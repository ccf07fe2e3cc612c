/* SPDX-License-Identifier: Apache-2.0 */
/* The whole command, from a signed tarball to an installed root: real RPMs, real keys, and a
 * service that needs no system manager. */
/* As test_rpmtx.c, coarser: PBKDF2 allocates so often that the slow unwinder would take minutes. */
#define RPMS_LEAK "leak:libsolv.so\n"
#include "rpms.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "../../installer/commands.h" /* the bundler has one too */
#include "capsule.h"
#include "cli.h"
#include "clock.h"
#include "deliver.h"
#include "keys.h"
#include "pack.h"
#include "pkcs8.h"

#define PASSPHRASE "correct horse battery"

static const char topology[] =
	"domain: test\nnodes:\n"
	"  - {name: node1, address: 10.0.0.1, datacenter: dc1, services: [demo]}\n"
	"  - {name: node2, address: 10.0.0.2, datacenter: dc1, services: [demo]}\n";

static const char service[] =
	"service: demo\nlayer: demo\npackages: [app]\n"
	"directories:\n  - {path: /etc/demo, owner: root, group: root, mode: \"0750\"}\n"
	"certificates:\n"
	"  - {name: server, subject: {O: pgha, CN: \"{{node.name}}\"}, usage: [serverAuth], "
	"cert: /etc/demo/server.crt, key: /etc/demo/server.key, ca: /etc/demo/ca.crt, owner: root, "
	"group: root, mode: \"0600\"}\n"
	"files:\n"
	"  - {template: demo.conf, dest: /etc/demo/demo.conf, owner: root, group: root, mode: "
	"\"0640\", format: ini}\n"
	"env:\n  - {name: DEMO_PASSWORD, secret: true}\n"
	"ports:\n  - {env: DEMO_PORT, default: 1234}\n";

static const char template[] = "node = {{node.name}}\nport = {{env.DEMO_PORT}}\n"
			       "password = {{env.DEMO_PASSWORD}}\n";

static struct rpms rpms;
static bool usable;
static char *dir, *keys_dir, *ca_path, *passphrase_path;

static void put_path(char **ret, const char *name)
{
	struct err err = ERR_INIT;

	assert_ok(path_join(dir, name, ret, &err));
}

static int make_all(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	usable = rpms_can();
	if (!usable)
		return 0;
	clock_set(PKI_NOW);
	rpms_make(&rpms);
	dir = tree_new();
	put_path(&keys_dir, "keys");
	put_path(&ca_path, "keys/ca.crt");
	put_path(&passphrase_path, "passphrase");
	write_file(dir, "passphrase", PASSPHRASE "\n", strlen(PASSPHRASE) + 1, 0600);
	write_file(dir, "wrong", "wrong\n", 6, 0600);
	assert_ok(keys_init(keys_dir, &(struct keys_options){ .cluster = "test" }, &err));
	return 0;
}

static int release_all(void **state)
{
	(void)state;
	if (!usable)
		return 0;
	rpms_drop(&rpms);
	free(keys_dir);
	free(ca_path);
	free(passphrase_path);
	tree_drop(dir);
	return 0;
}

/* Certificate, key and secrets of NODE. */
static void add_node(struct pack *pack, struct keys *keys, const char *node)
{
	CLEANUP(capsule_release) struct capsule capsule = CAPSULE_INIT;
	CLEANUP(X509_freep) X509 *transport = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *transport_key = NULL;
	CLEANUP(str_release) struct str cert = STR_INIT;
	CLEANUP(str_release) struct str key = STR_SECRET;
	CLEANUP(str_release) struct str text = STR_SECRET;
	CLEANUP(str_release) struct str cms = STR_INIT;
	CLEANUP(str_release) struct str sealed = STR_INIT;
	const struct x509_profile profile = { .organization = "pgha",
					      .common_name = node,
					      .usage = X509_USE_SERVER };
	char path[64];
	struct err err = ERR_INIT;

	assert_ok(keys_node_certificate(keys, node, "demo-server", &profile, &cert, &key, &err));
	snprintf(path, sizeof(path), "certs/%s/demo-server.crt", node);
	assert_ok(pack_add_data(pack, path, cert.buf, cert.len, &err));
	assert_ok(capsule_set_names(&capsule, "test", node, &err));
	assert_ok(capsule_add_env(&capsule, "DEMO_PASSWORD", "s3cret", &err));
	assert_ok(capsule_add_env(&capsule, "DEMO_PORT", "1234", &err));
	assert_ok(capsule_add_key(&capsule, "demo-server", key.buf, &err));
	assert_ok(capsule_format(&capsule, &text, &err));
	assert_ok(keys_transport(keys, node, &transport, &transport_key, &err));
	assert_ok(cms_seal(text.buf, text.len, transport, &cms, &err));
	assert_ok(pkcs8_encrypt(transport_key, PASSPHRASE, &sealed, &err));
	snprintf(path, sizeof(path), "nodes/%s.cms", node);
	assert_ok(pack_add_data(pack, path, cms.buf, cms.len, &err));
	snprintf(path, sizeof(path), "nodes/%s.key", node);
	assert_ok(pack_add_data(pack, path, sealed.buf, sealed.len, &err));
}

static void add_text(struct pack *pack, const char *path, const char *text)
{
	struct err err = ERR_INIT;

	assert_ok(pack_add_data(pack, path, text, strlen(text), &err));
}

/* The repository and keys, made as a staging directory somewhere else. */
static void add_repo(struct pack *pack, const char *const *names)
{
	CLEANUP(install_release) struct install in = { .node = NULL };
	struct err err = ERR_INIT;
	char *away = tree_new();

	assert_ok(str_printf(&in.staging, &err, "%s/staging", away));
	rpms_stage(&rpms, &in, names);
	for (size_t i = 0; i < in.index.member_count; i++) {
		const struct index_member *m = &in.index.members[i];
		cleanup_free char *data = NULL;
		cleanup_free char *path = NULL;
		size_t size = 0;

		assert_ok(path_join(in.staging, m->path, &path, &err));
		assert_ok(file_read(path, 0, ERR_FAILED, &data, &size, &err));
		assert_ok(pack_add_data(pack, m->path, data, size, &err));
		if (m->key)
			assert_ok(str_dup(&pack->members[pack->count - 1].key, m->key, &err));
	}
	tree_drop(away);
}

/* Writes PACK's bundle into DIR/OUT, in volumes of at most VOLUME_BYTES (0: one archive) and on top of the
 * tarball BASE (or NULL); gives the archives. */
static void deliver(struct pack *pack, struct keys *keys, const char *out, uint64_t volume_bytes,
		    const char *base, struct strv *ret_paths)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(delta_release) struct delta delta = DELTA_INIT;
	const struct bundle_file none[] = { { .path = NULL } };
	cleanup_free char *output = NULL;
	cleanup_free char *work = NULL;
	struct deliver d = { .volume_bytes = volume_bytes, .delta = base ? &delta : NULL };
	struct err err = ERR_INIT;

	put_path(&output, out);
	assert_ok(path_join(output, "work", &work, &err));
	assert_ok(dir_make(work, 0700, &err));
	d.output = output;
	d.work_dir = work;
	if (base)
		assert_ok(delta_open(base, keys->chain, &delta, &err));
	bundle_index(none, 1, &index);
	assert_ok(deliver_bundle(&d, pack, &index, keys, ret_paths, &err));
	assert_ok(tree_remove(work, &err));
}

/* As DIR/NAME. */
static void deliver_as(struct pack *pack, struct keys *keys, const char *path)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;

	deliver(pack, keys, "out", 0, NULL, &paths);
	assert_int_equal(paths.count, 1);
	assert_int_equal(rename(paths.items[0], path), 0);
}

static void fill_pack(struct pack *pack, struct keys *keys, const char *const *names)
{
	add_repo(pack, names);
	add_text(pack, "manifests/topology.yaml", topology);
	add_text(pack, "manifests/services/demo/service.yaml", service);
	add_text(pack, "manifests/services/demo/templates/demo.conf", template);
	add_node(pack, keys, "node1");
	add_node(pack, keys, "node2");
}

/* A bundle with these RPMs, as DIR/NAME. */
static char *make_bundle(const char *name, const char *const *names)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;
	char *path = NULL;

	assert_ok(keys_open(keys_dir, &keys, &err));
	fill_pack(&pack, &keys, names);
	put_path(&path, name);
	deliver_as(&pack, &keys, path);
	return path;
}

/* A root with what a package set of a distribution would have brought. */
static char *make_root(void)
{
	char *root = tree_new();
	cleanup_free char *etc = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(root, "etc", &etc, &err));
	assert_ok(dir_make(etc, 0755, &err));
	write_file(etc, "passwd", "root:x:0:0:root:/root:/bin/sh\n", 30, 0644);
	write_file(etc, "group", "root:x:0:\n", 10, 0644);
	return root;
}

/* Runs the program's command line; RET_OUT gets what went to standard output. */
static int run(const char *const *args, struct str *ret_out)
{
	static const struct cli_command *const commands[] = { &install_install_command,
							      &install_verify_command, NULL };
	static const struct cli_program program = {
		.name = "pgha-install", .summary = "test", .version = "0", .commands = commands
	};
	char *argv[24] = { (char *)"pgha-install" };
	cleanup_close int out = memfd_create("out", MFD_CLOEXEC);
	int saved = dup(STDOUT_FILENO);
	struct err err = ERR_INIT;
	int argc = 1;
	int code = 0;

	for (; *args; args++)
		argv[argc++] = (char *)*args;
	fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	code = cli_main(&program, argc, argv);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_ok(fd_read_all(out, "out", 1U << 20, ret_out, &err));
	str_add(ret_out, "");
	return code;
}

#define RUN(out, ...) run((const char *const[]){ __VA_ARGS__, NULL }, out)
#define INSTALL(out, root, bundle, ...)                                                  \
	RUN(out, "--node", "node1", "--root", root, "--bundle", bundle, "--ca", ca_path, \
	    "--passphrase-file", passphrase_path, ##__VA_ARGS__)

static void assert_in_root(const char *root, const char *name, const char *expected, mode_t mode)
{
	cleanup_free char *path = NULL;
	cleanup_free char *data = NULL;
	struct stat st;
	struct err err = ERR_INIT;

	assert_ok(path_join(root, name, &path, &err));
	if (!expected) {
		assert_int_equal(access(path, F_OK), -1);
		return;
	}
	assert_ok(file_read(path, 0, ERR_FAILED, &data, NULL, &err));
	assert_contains(data, expected);
	assert_int_equal(stat(path, &st), 0);
	if (mode)
		assert_int_equal(st.st_mode & 07777, mode);
}

/* What a second run may change: the journal grows. */
static void list_without_journal(const char *root, struct str *ret)
{
	CLEANUP(str_release) struct str all = STR_INIT;
	char *save = NULL;

	tree_list(root, &all);
	for (char *l = strtok_r(all.buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (!strstr(l, "/pgha/journal ") && !strstr(l, "/var/lib/rpm"))
			str_addf(ret, "%s\n", l);
	}
}

static void a_node_is_installed_and_the_second_run_changes_nothing(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	static const char *const names[] = { "liba-1", "app-1", "extra-1", NULL };
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-a.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	assert_contains(out.buf, "install app-1-1.noarch\n");
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	assert_in_root(root, "opt/extra", NULL, 0);
	assert_in_root(root, "etc/demo/demo.conf", "password = s3cret\n", 0640);
	assert_in_root(root, "etc/demo/server.key", "PRIVATE KEY", 0600);
	assert_in_root(root, "etc/demo/server.crt", "CERTIFICATE", 0644);
	assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
	assert_in_root(root, "var/lib/pgha/packages", NULL, 0);
	assert_in_root(root, "var/lib/pgha/committed", "node: node1\n", 0600);
	assert_in_root(root, "var/lib/pgha/vendors", rpms.fpr, 0600);
	assert_in_root(root, "var/lib/pgha/journal", " end commit", 0600);
	list_without_journal(root, &before);
	/* The CA is remembered. */
	assert_int_equal(RUN(&again, "--node", "node1", "--root", root, "--bundle", bundle,
			     "--passphrase-file", passphrase_path),
			 0);
	assert_string_equal(again.buf, "node1: nothing to do\n");
	list_without_journal(root, &after);
	assert_string_equal(before.buf, after.buf);
	tree_drop(root);
}

/* As a run leaves it that is killed between librpm's work and the journal. */
static void packages_in_doubt_are_installed_again_once(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	CLEANUP(str_release) struct str third = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-i.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	write_file(root, "var/lib/pgha/packages", "app-1-1.noarch\n", 15, 0600);
	assert_int_equal(INSTALL(&again, root, bundle), 0);
	assert_string_equal(again.buf, "install again app-1-1.noarch\n");
	assert_int_equal(INSTALL(&third, root, bundle), 0);
	assert_string_equal(third.buf, "node1: nothing to do\n");
	tree_drop(root);
}

static void without_root_verify_works_and_an_installation_says_why_not(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *ca = NULL;
	cleanup_free char *data = NULL;
	struct err err = ERR_INIT;
	int status = 0;
	size_t size = 0;
	pid_t pid = 0;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-j.tar", names);
	assert_ok(file_read(ca_path, 0, ERR_FAILED, &data, &size, &err));
	write_file(dir, "ca.crt", data, size, 0644);
	put_path(&ca, "ca.crt");
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(bundle, 0644), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(100);
		status = RUN(&out, "verify", "--bundle", bundle, "--ca", ca);
		_exit(status ? status
			     : RUN(&out, "--node", "node1", "--bundle", bundle, "--ca", ca));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ERR_HOST);
}

static void a_dry_run_says_the_same_and_changes_nothing(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str dry = STR_INIT;
	CLEANUP(str_release) struct str real = STR_INIT;
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-b.tar", names);
	root = make_root();
	tree_list(root, &before);
	assert_int_equal(INSTALL(&dry, root, bundle, "--dry-run"), 0);
	tree_list(root, &after);
	assert_string_equal(before.buf, after.buf);
	assert_int_equal(INSTALL(&real, root, bundle), 0);
	assert_string_equal(dry.buf, real.buf);
	tree_drop(root);
}

static void results_come_as_json(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-c.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle, "--dry-run", "--json"), 0);
	assert_true(str_starts(out.buf, "{\"cluster\": \"test\", \"node\": \"node1\", "));
	assert_contains(out.buf, "\"dry_run\": true, \"changes\": [\"install app-1-1.noarch\", ");
	assert_contains(out.buf, "\"pending\": []}\n");
	tree_drop(root);
}

static void an_older_bundle_is_refused_and_a_newer_one_upgrades(void **state)
{
	static const char *const old_names[] = { "liba-1", "app-1", NULL };
	static const char *const new_names[] = { "liba-2", "app-2", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *old_bundle = NULL;
	cleanup_free char *new_bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	old_bundle = make_bundle("pgha-test-d.tar", old_names);
	new_bundle = make_bundle("pgha-test-e.tar", new_names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, old_bundle), 0);
	assert_int_equal(INSTALL(&out, root, new_bundle), 0);
	assert_contains(out.buf, "upgrade app-2-1.noarch (from app-1-1.noarch)\n");
	assert_in_root(root, "opt/app", "app 2\n", 0);
	assert_in_root(root, "opt/liba", "liba 1\n", 0);
	assert_int_equal(INSTALL(&out, root, old_bundle), ERR_VERIFY);
	assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
	tree_drop(root);
}

static void what_is_refused_installs_nothing_and_leaves_no_staging(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	cleanup_free char *bundle = NULL;
	cleanup_free char *wrong = NULL;
	cleanup_free char *broken = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-f.tar", names);
	put_path(&wrong, "wrong");
	put_path(&broken, "nowhere.tar");
	const struct {
		const char *node, *bundle, *passphrase;
		int code;
	} cases[] = {
		{ "node3", bundle, passphrase_path, ERR_USAGE },
		{ "node1", broken, passphrase_path, ERR_USAGE },
		{ "node1", bundle, wrong, ERR_VERIFY },
		{ "node1", bundle, ca_path, ERR_CONFIG }, /* readable by others */
		{ "node1", ca_path, passphrase_path, ERR_VERIFY },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		char *root = make_root();
		int code = RUN(&out, "--node", cases[i].node, "--root", root, "--bundle",
			       cases[i].bundle, "--ca", ca_path, "--passphrase-file",
			       cases[i].passphrase);

		if (code != cases[i].code)
			fail_msg("case %zu: exit %d", i, code);
		assert_string_equal(out.buf, "");
		assert_in_root(root, "opt", NULL, 0);
		assert_in_root(root, "etc/demo", NULL, 0);
		assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
		assert_in_root(root, "var/lib/pgha/committed", NULL, 0);
		tree_drop(root);
	}
}

/* The bundle's signer can list any fingerprint; the RPM's own signature is looked at. */
static void an_rpm_of_no_pinned_vendor_is_refused_at_installation(void **state)
{
	static const struct {
		const char *const names[3];
		const char *package;
	} cases[] = {
		{ { "unsigned-1", NULL }, "unsigned" },
		{ { "stranger-1", NULL }, "stranger" },
	};

	(void)state;
	if (!usable)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		CLEANUP(pack_release) struct pack pack = PACK_INIT;
		CLEANUP(keys_release) struct keys keys = KEYS_INIT;
		cleanup_free char *bundle = NULL;
		cleanup_free char *text = NULL;
		struct err err = ERR_INIT;
		char *root = make_root();
		const char *rest = strstr(service, "packages: [app]") + strlen("packages: [app]");

		assert_ok(str_printf(&text, &err, "service: demo\nlayer: demo\npackages: [%s]%s",
				     cases[i].package, rest));
		assert_ok(keys_open(keys_dir, &keys, &err));
		add_repo(&pack, cases[i].names);
		add_text(&pack, "manifests/topology.yaml", topology);
		add_text(&pack, "manifests/services/demo/service.yaml", text);
		add_text(&pack, "manifests/services/demo/templates/demo.conf", template);
		add_node(&pack, &keys, "node1");
		put_path(&bundle, "pgha-test-g.tar");
		deliver_as(&pack, &keys, bundle);
		assert_int_equal(INSTALL(&out, root, bundle), ERR_VERIFY);
		assert_in_root(root, "opt", NULL, 0);
		/* Ours refused before librpm was asked, and nothing stands on record. */
		assert_in_root(root, "var/lib/pgha/journal", NULL, 0);
		assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
		tree_drop(root);
	}
}

static void verify_needs_no_state_and_says_what_it_saw(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-h.tar", names);
	assert_int_equal(RUN(&out, "verify", "--bundle", bundle, "--ca", ca_path), 0);
	assert_contains(out.buf, "pgha-test-h.tar: intact\n");
	assert_contains(out.buf, "cluster    test\n");
}

/* -- volumes and deltas -- */

static void make_parts(const char *out, const char *const *names, uint64_t volume_bytes,
		       const char *base, struct strv *ret_paths)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;

	assert_ok(keys_open(keys_dir, &keys, &err));
	fill_pack(&pack, &keys, names);
	deliver(&pack, &keys, out, volume_bytes, base, ret_paths);
}

static const char *const ones[] = { "liba-1", "app-1", "extra-1", NULL };
static const char *const twos[] = { "liba-1", "app-2", "extra-1", NULL };

#define VOLUME_BYTES (40U << 10) /* makes two */

static void assert_refused(const char *root, int code)
{
	assert_int_equal(code, ERR_VERIFY);
	assert_in_root(root, "opt", NULL, 0);
	assert_in_root(root, "var/lib/pgha/journal", NULL, 0);
	assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
}

static void volumes_are_taken_from_anywhere_in_any_order(void **state)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *elsewhere = NULL;
	cleanup_free char *moved = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("volumes", ones, VOLUME_BYTES, NULL, &paths);
	assert_int_equal(paths.count, 2);
	assert_contains(paths.items[1], ".2of2.tar");
	root = make_root();
	/* Each is checked alone; one is not enough to install from. */
	assert_int_equal(RUN(&out, "verify", "--bundle", paths.items[1], "--ca", ca_path), 0);
	assert_contains(out.buf, ".2of2.tar: intact, volume 2 of 2\n");
	assert_contains(out.buf, "volume 1 of 2: not given\n");
	assert_refused(root, INSTALL(&out, root, paths.items[0]));
	assert_refused(root, INSTALL(&out, root, paths.items[1]));
	assert_int_equal(INSTALL(&out, root, paths.items[0], "--bundle", paths.items[0]),
			 ERR_USAGE);
	/* As two media. */
	put_path(&elsewhere, "medium");
	assert_ok(dir_make(elsewhere, 0755, &err));
	assert_ok(path_join(elsewhere, path_basename(paths.items[0]), &moved, &err));
	assert_int_equal(rename(paths.items[0], moved), 0);
	assert_int_equal(INSTALL(&out, root, paths.items[1], "--bundle", elsewhere), 0);
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	tree_drop(root);
}

static void volumes_of_two_bundles_are_not_mixed(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *whole = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	/* The same contents: only the secrets and the sequence differ. */
	make_parts("mixed", ones, VOLUME_BYTES, NULL, &first);
	make_parts("mixed", ones, VOLUME_BYTES, NULL, &second);
	whole = make_bundle("pgha-test-w.tar", ones);
	root = make_root();
	assert_refused(root, INSTALL(&out, root, first.items[0], "--bundle", second.items[1]));
	assert_refused(root, INSTALL(&out, root, second.items[0], "--bundle", first.items[1]));
	assert_refused(root, INSTALL(&out, root, first.items[0], "--bundle", whole));
	assert_int_equal(INSTALL(&out, root, whole, "--bundle", first.items[0]), ERR_USAGE);
	assert_int_equal(RUN(&out, "verify", "--bundle", first.items[0], "--bundle",
			     second.items[1], "--ca", ca_path),
			 ERR_VERIFY);
	tree_drop(root);
}

/* Inverts the byte in the middle of FILE. */
static void damage(const char *file)
{
	cleanup_close int fd = open(file, O_RDWR | O_CLOEXEC);
	struct stat st;
	char byte = 0;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
	byte = (char)~byte;
	assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
}

static void a_damaged_volume_is_refused_alone_and_with_the_others(void **state)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("damaged", ones, VOLUME_BYTES, NULL, &paths);
	root = make_root();
	for (size_t i = 0; i < paths.count; i++) {
		const char *other = paths.items[1 - i];

		damage(paths.items[i]);
		assert_int_equal(RUN(&out, "verify", "--bundle", paths.items[i], "--ca", ca_path),
				 ERR_VERIFY);
		assert_int_equal(RUN(&out, "verify", "--bundle", other, "--ca", ca_path), 0);
		assert_refused(root, INSTALL(&out, root, paths.items[i], "--bundle", other));
		damage(paths.items[i]);
	}
	/* The one in the place of the other. */
	assert_int_equal(truncate(paths.items[0], 100), 0);
	assert_int_equal(RUN(&out, "verify", "--bundle", paths.items[0], "--ca", ca_path),
			 ERR_VERIFY);
	tree_drop(root);
}

static unsigned int with_two_names;

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	with_two_names += type == FTW_F && st->st_nlink == 2 && str_ends(path, ".rpm");
	return 0;
}

static unsigned int files_with_two_names(const char *path)
{
	with_two_names = 0;
	assert_int_equal(nftw(path, count_entry, 16, FTW_PHYS), 0);
	return with_two_names;
}

static void a_delta_goes_on_top_of_what_the_machine_has_kept(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(strv_release) struct strv third = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("delta", ones, 0, NULL, &first);
	make_parts("delta", twos, 0, first.items[0], &second);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first.items[0]), 0);
	assert_int_equal(RUN(&out, "verify", "--bundle", second.items[0], "--ca", ca_path), 0);
	assert_contains(out.buf, "whose part was not looked at\n");
	assert_int_equal(INSTALL(&out, root, second.items[0], "--dry-run"), 0);
	assert_int_equal(INSTALL(&out, root, second.items[0]), 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	/* What did not change is there once, and secrets are not there. */
	str_release(&out);
	tree_list(root, &out);
	assert_non_null(strstr(out.buf, "/var/lib/pgha/bundles/"));
	assert_null(strstr(out.buf, "/nodes/"));
	assert_true(files_with_two_names(root) > 0);
	/* A delta on top of a delta, because the second one is whole here. */
	make_parts("delta", ones, 0, second.items[0], &third);
	assert_int_equal(INSTALL(&out, root, third.items[0]), 0);
	tree_drop(root);
}

static void a_delta_without_its_base_is_refused(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv other = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("base", ones, VOLUME_BYTES, NULL, &first);
	make_parts("base", ones, 0, NULL, &other);
	make_parts("base", twos, 0, first.items[1], &second);
	root = make_root();
	assert_refused(root, INSTALL(&out, root, second.items[0]));
	assert_refused(root, INSTALL(&out, root, second.items[0], "--base", other.items[0]));
	assert_refused(root, INSTALL(&out, root, second.items[0], "--base", first.items[0]));
	assert_int_equal(INSTALL(&out, root, other.items[0], "--base", first.items[0]), ERR_USAGE);
	damage(first.items[0]);
	assert_refused(root, INSTALL(&out, root, second.items[0], "--base", first.items[0],
				     "--base", first.items[1]));
	damage(first.items[0]);
	assert_int_equal(INSTALL(&out, root, second.items[0], "--base", first.items[1], "--base",
				 first.items[0]),
			 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	tree_drop(root);
}

static void what_was_changed_in_what_is_kept_is_refused(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str list = STR_INIT;
	cleanup_free char *line = NULL;
	char *root = NULL;
	char *rpm = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("kept", ones, 0, NULL, &first);
	make_parts("kept", twos, 0, first.items[0], &second);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first.items[0]), 0);
	tree_list(root, &list);
	rpm = strstr(list.buf, "/var/lib/pgha/bundles/");
	while (rpm && !strstr(strndupa(rpm, strcspn(rpm, "\n")), "liba-1"))
		rpm = strstr(rpm + 1, "/var/lib/pgha/bundles/");
	assert_non_null(rpm);
	line = strndup(rpm, strcspn(rpm, " "));
	assert_non_null(line);
	{
		cleanup_free char *path = NULL;
		struct err err = ERR_INIT;

		assert_ok(str_printf(&path, &err, "%s%s", root, line));
		damage(path);
		assert_int_equal(INSTALL(&out, root, second.items[0]), ERR_VERIFY);
		assert_in_root(root, "opt/app", "app 1\n", 0644);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(INSTALL(&out, root, second.items[0]), ERR_VERIFY);
	}
	assert_int_equal(INSTALL(&out, root, second.items[0], "--base", first.items[0]), 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_installed_and_the_second_run_changes_nothing),
		cmocka_unit_test(packages_in_doubt_are_installed_again_once),
		cmocka_unit_test(without_root_verify_works_and_an_installation_says_why_not),
		cmocka_unit_test(a_dry_run_says_the_same_and_changes_nothing),
		cmocka_unit_test(results_come_as_json),
		cmocka_unit_test(an_older_bundle_is_refused_and_a_newer_one_upgrades),
		cmocka_unit_test(what_is_refused_installs_nothing_and_leaves_no_staging),
		cmocka_unit_test(an_rpm_of_no_pinned_vendor_is_refused_at_installation),
		cmocka_unit_test(verify_needs_no_state_and_says_what_it_saw),
		cmocka_unit_test(volumes_are_taken_from_anywhere_in_any_order),
		cmocka_unit_test(volumes_of_two_bundles_are_not_mixed),
		cmocka_unit_test(a_damaged_volume_is_refused_alone_and_with_the_others),
		cmocka_unit_test(a_delta_goes_on_top_of_what_the_machine_has_kept),
		cmocka_unit_test(a_delta_without_its_base_is_refused),
		cmocka_unit_test(what_was_changed_in_what_is_kept_is_refused),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
