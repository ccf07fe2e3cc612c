/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of real RPMs and real keys, and roots that they are installed into by the whole command. */
#ifndef PGHA_TESTS_INSTALLED_H
#define PGHA_TESTS_INSTALLED_H

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

static inline void put_path(char **ret, const char *name)
{
	struct err err = ERR_INIT;

	assert_ok(path_join(dir, name, ret, &err));
}

static inline int make_all(void **state)
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

static inline int release_all(void **state)
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
static inline void add_node(struct pack *pack, struct keys *keys, const char *node)
{
	CLEANUP(capsule_release) struct capsule capsule = CAPSULE_INIT;
	CLEANUP(X509_freep) X509 *transport = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *transport_key = NULL;
	CLEANUP(str_release) struct str cert = STR_INIT;
	CLEANUP(str_release) struct str key = STR_SECRET;
	CLEANUP(str_release) struct str text = STR_SECRET;
	CLEANUP(str_release) struct str cms = STR_INIT;
	CLEANUP(str_release) struct str sealed = STR_INIT;
	char fqdn[32];
	const char *const sans[] = {
		node,        fqdn,        strcmp(node, "node1") ? "10.0.0.2" : "10.0.0.1",
		"localhost", "127.0.0.1", NULL
	};
	const struct x509_profile profile = {
		.organization = "pgha", .common_name = node, .sans = sans, .usage = X509_USE_SERVER
	};
	char path[64];
	struct err err = ERR_INIT;

	snprintf(fqdn, sizeof(fqdn), "%s.test", node);
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

static inline void add_text(struct pack *pack, const char *path, const char *text)
{
	struct err err = ERR_INIT;

	assert_ok(pack_add_data(pack, path, text, strlen(text), &err));
}

/* The repository and keys, made as a staging directory somewhere else. */
static inline void add_repo(struct pack *pack, const char *const *names)
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
static inline void deliver(struct pack *pack, struct keys *keys, const char *out,
			   uint64_t volume_bytes, const char *base, struct strv *ret_paths)
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
static inline void deliver_as(struct pack *pack, struct keys *keys, const char *path)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;

	deliver(pack, keys, "out", 0, NULL, &paths);
	assert_int_equal(paths.count, 1);
	assert_int_equal(rename(paths.items[0], path), 0);
}

static inline void fill_pack_of(struct pack *pack, struct keys *keys, const char *const *names,
				const char *yaml, const char *text)
{
	add_repo(pack, names);
	add_text(pack, "manifests/topology.yaml", topology);
	add_text(pack, "manifests/services/demo/service.yaml", yaml);
	add_text(pack, "manifests/services/demo/templates/demo.conf", text);
	add_node(pack, keys, "node1");
	add_node(pack, keys, "node2");
}

static inline void fill_pack(struct pack *pack, struct keys *keys, const char *const *names)
{
	fill_pack_of(pack, keys, names, service, template);
}

/* A bundle with these RPMs and this service, as DIR/NAME. */
static inline char *make_bundle_of(const char *name, const char *const *names, const char *yaml,
				   const char *text)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;
	char *path = NULL;

	assert_ok(keys_open(keys_dir, &keys, &err));
	fill_pack_of(&pack, &keys, names, yaml, text);
	put_path(&path, name);
	deliver_as(&pack, &keys, path);
	return path;
}

/* A bundle with these RPMs, as DIR/NAME. */
static inline char *make_bundle(const char *name, const char *const *names)
{
	return make_bundle_of(name, names, service, template);
}

/* A root with what a package set of a distribution would have brought. */
static inline char *make_root(void)
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

static char told[8192]; /* what the last run() said on standard error */

static inline void take_messages(int fd)
{
	struct err err = ERR_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ok(fd_read_all(fd, "messages", 1U << 20, &text, &err));
	snprintf(told, sizeof(told), "%s", text.buf ? text.buf : "");
	fputs(told, stderr);
}

/* Runs the program's command line; RET_OUT gets what went to standard output. */
static inline int run(const char *const *args, struct str *ret_out)
{
	static const struct cli_command *const commands[] = { &install_install_command,
							      &install_plan_command,
							      &install_rollback_command,
							      &install_status_command,
							      &install_uninstall_command,
							      &install_verify_command,
							      NULL };
	static const struct cli_program program = {
		.name = "pgha-install", .summary = "test", .version = "0", .commands = commands
	};
	char *argv[24] = { (char *)"pgha-install" };
	cleanup_close int out = memfd_create("out", MFD_CLOEXEC);
	cleanup_close int messages = memfd_create("messages", MFD_CLOEXEC);
	int saved[] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
	struct err err = ERR_INIT;
	int argc = 1;
	int code = 0;

	for (; *args; args++)
		argv[argc++] = (char *)*args;
	fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0 && dup2(messages, STDERR_FILENO) >= 0);
	code = cli_main(&program, argc, argv);
	fflush(stdout);
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		assert_true(dup2(saved[fd - STDOUT_FILENO], fd) >= 0);
		close(saved[fd - STDOUT_FILENO]);
	}
	take_messages(messages);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_ok(fd_read_all(out, "out", 1U << 20, ret_out, &err));
	str_add(ret_out, "");
	return code;
}

/* JSON as one line: breaks and indentation go, and a blank stays behind a comma. */
static inline void one_line(struct str *json)
{
	char *to = json->buf;

	for (const char *from = json->buf; *from;) {
		*to++ = *from++;
		if (*from != '\n')
			continue;
		from += strspn(from, "\n ");
		if (to[-1] == ',')
			*to++ = ' ';
	}
	*to = '\0';
	json->len = (size_t)(to - json->buf);
}

#define RUN(out, ...) run((const char *const[]){ __VA_ARGS__, NULL }, out)
#define INSTALL(out, root, bundle, ...)                                                  \
	RUN(out, "--node", "node1", "--root", root, "--bundle", bundle, "--ca", ca_path, \
	    "--passphrase-file", passphrase_path, ##__VA_ARGS__)

/* What stands in ROOT, but for what has PATH (or NULL) or the rpm database's place in its name: looking at that
 * makes files there with older librpms. The caller frees. */
static inline char *listing_without(const char *root, const char *path)
{
	CLEANUP(str_release) struct str all = STR_INIT;
	CLEANUP(str_release) struct str kept = STR_INIT;
	struct err err = ERR_INIT;
	char *save = NULL;
	char *ret = NULL;

	tree_list(root, &all);
	for (char *l = strtok_r(all.buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (!strstr(l, "/var/lib/rpm") && (!path || !strstr(l, path)))
			str_addf(&kept, "%s\n", l);
	str_add(&kept, "");
	assert_ok(str_done(&kept, &ret, &err));
	return ret;
}

static inline void assert_in_root(const char *root, const char *name, const char *expected,
				  mode_t mode)
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

#endif
