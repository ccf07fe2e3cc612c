/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes a machine unfit, in a scratch root that has /proc and /sys of its own: a healthy machine, and
 * one thing after the other that is wrong with it.
 */
#include "scene.h"

#include "clock.h"
#include "pki.h"
#include "preflight.h"

#define MIB (UINT64_C(1) << 20)

static const char service_text[] =
	"service: svc\nlayer: l\npackages: [svc]\n"
	"venv: {path: /opt/svc/venv, python: /usr/bin/python9}\n"
	"directories: [{path: /srv/data, owner: root, group: root, mode: '0700'}]\n"
	"certificates:\n"
	"  - {name: server, subject: {O: pgha, CN: '{{node.name}}'}, usage: [serverAuth], cert: "
	"/e/c, "
	"key: /e/k, ca: /e/a, owner: root, group: root, mode: '0600'}\n"
	"files: [{template: run, dest: /usr/libexec/svc/run, owner: root, group: root, mode: "
	"'0755'}]\n"
	"units: [{name: svc.service}]\n"
	"env: [{name: PROXY, default: ''}]\n"
	"ports: [{env: PORT, default: 5432}, {env: EACH, default: 5433, per_node: true},\n"
	"        {env: SOMETIMES, default: 5434, when: '{{#env.PROXY}}true{{/env.PROXY}}'}]\n"
	"preflight: {memory_mib: 1024, disk_mib: {/srv/data: 100}, conflicts: [other-svc]}\n"
	"selinux: {booleans: [can_talk], ports: []}\n";

/* Two listeners: inode 4242 of a stranger, 4343 of the service's own unit. */
#define TCP(address, port, inode)                                              \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n" \
	"   0: " address ":" port                                              \
	" 00000000:0000 0A 00000000:00000000 00:00000000 00000000  26   "      \
	"     0 " inode " 1 0 100 0 0 10 0\n"

static const struct {
	const char *path, *text;
} healthy[] = {
	{ "etc/os-release",
	  "NAME=x\nPRETTY_NAME=\"Rocky Linux 8\"\nPLATFORM_ID=\"platform:el8\"\n" },
	{ "etc/hosts", "127.0.0.1 localhost # other\n10.0.0.2 other.t other\nfd00::2 other\n" },
	{ "usr/bin/python9", "" },
	{ "proc/meminfo", "MemTotal:  1048576 kB\nMemFree: 1 kB\n" },
	{ "proc/sys/kernel/hostname", "box\n" },
	{ "proc/sys/crypto/fips_enabled", "0\n" },
	{ "proc/net/tcp", TCP("0100007F", "0016", "1") },
	{ "proc/net/tcp6", "" },
	{ "proc/1/comm", "systemd\n" },
	{ "proc/77/comm", "squatter\n" },
	{ "proc/77/cgroup", "0::/system.slice/foreign.service\n" },
	{ "proc/78/comm", "svc-child\n" },
	{ "proc/78/cgroup", "2:cpu:/\n1:name=systemd:/system.slice/svc.service/sub\n0::/\n" },
	{ "sys/fs/selinux/enforce", "1" },
	{ "sys/fs/selinux/booleans/can_talk", "1 1" },
	{ "run/systemd/system/x", "" },
	{ "srv/x", "" },
};

static char root[] = "/tmp/pgha-preflight-XXXXXX";
static struct pki ca;
static struct strv addresses;
static struct preflight_source from;
static struct preflight_space spaces[2]; /* of /, of /srv */

static int give_space(const char *path, struct preflight_space *ret, struct err *err)
{
	(void)err;
	*ret = spaces[str_starts(path + strlen(root), "/srv")];
	return 0;
}

static char *whole(const char *name)
{
	struct err err = ERR_INIT;
	char *path = NULL;

	assert_ok(path_join(root, name, &path, &err));
	return path;
}

static void put_link(const char *name, const char *target)
{
	cleanup_free char *path = whole(name);
	cleanup_free char *parent = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_beside(path, ".", &parent, &err));
	assert_ok(dir_make(parent, 0755, &err));
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void drop(const char *name)
{
	cleanup_free char *path = whole(name);
	struct err err = ERR_INIT;

	assert_ok(tree_remove(path, &err));
}

/* --- certificates --------------------------------------------------------------------------- */

static char *key_pem; /* of the node's own */

static void put_certificate(const char *node, const char *address, time_t from_time, time_t to)
{
	char fqdn[64];
	const char *const sans[] = { node, fqdn, address, "localhost", "127.0.0.1", NULL };
	const struct x509_profile profile = { .organization = "pgha",
					      .common_name = node,
					      .sans = sans,
					      .usage = X509_USE_SERVER,
					      .not_before = from_time,
					      .not_after = to };
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(X509_freep) X509 *cert = NULL;
	CLEANUP(str_release) struct str pem = STR_INIT;
	CLEANUP(str_release) struct str secret = STR_SECRET;
	char path[128];
	struct err err = ERR_INIT;

	snprintf(fqdn, sizeof(fqdn), "%s.t", node);
	assert_ok(x509_key_generate(X509_KEY_P256, &key, &err));
	assert_ok(x509_create(&profile, key, ca.cert, ca.key, &cert, &err));
	assert_ok(x509_to_pem(cert, &pem, &err));
	snprintf(path, sizeof(path), SCENE_STAGING "certs/%s/svc-server.crt", node);
	scene_put(root, path, pem.buf);
	if (strcmp(node, "box") != 0)
		return;
	assert_ok(x509_key_to_pem(key, &secret, &err));
	free(key_pem);
	assert_ok(str_dup(&key_pem, secret.buf, &err));
}

static void put_good_certificates(void)
{
	put_certificate("box", "10.0.0.1", PKI_NOW - PKI_DAY, PKI_NOW + 300 * PKI_DAY);
	put_certificate("other", "10.0.0.2", PKI_NOW - PKI_DAY, PKI_NOW + 300 * PKI_DAY);
}

/* --- a healthy machine ---------------------------------------------------------------------- */

static void heal(void)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(healthy); i++)
		scene_put(root, healthy[i].path, healthy[i].text);
	strv_release(&addresses);
	addresses = (struct strv)STRV_INIT;
	assert_ok(strv_add(&addresses, "10.0.0.1", &err));
	from.machine = "x86_64";
	from.glibc = "2.28";
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		spaces[i] = (struct preflight_space){ .device = i + 1,
						      .free_bytes = 1000 * MIB,
						      .block_bytes = 4096 };
	clock_set(PKI_NOW);
}

static int make_machine(void **state)
{
	CLEANUP(str_release) struct str pem = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	if (!mkdtemp(root))
		return -1;
	ca = pki_issue("ca", X509_USE_CA, X509_KEY_P256, NULL);
	from = (struct preflight_source){ .proc = whole("proc"),
					  .sys = whole("sys"),
					  .run = whole("run"),
					  .addresses = &addresses,
					  .space = give_space,
					  .live = true };
	scene_put(root, SCENE_STAGING "manifests/services/svc/service.yaml", service_text);
	scene_put(root, SCENE_STAGING "manifests/services/svc/templates/run", "#!/bin/sh\n");
	scene_put(root, SCENE_STAGING "manifests/topology.yaml",
		  "domain: t\nnodes:\n"
		  "  - {name: box, address: 10.0.0.1, datacenter: d, services: [svc]}\n"
		  "  - {name: other, address: 10.0.0.2, datacenter: d, services: [svc]}\n");
	scene_put(root, SCENE_STAGING "wheels/requirements.lock", "a==1\n");
	assert_ok(x509_to_pem(ca.cert, &pem, &err));
	scene_put(root, "ca.crt", pem.buf);
	put_good_certificates();
	put_link("proc/77/fd/3", "socket:[4242]");
	put_link("proc/78/fd/9", "socket:[4343]");
	heal();
	return 0;
}

static int drop_machine(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	free((char *)from.proc);
	free((char *)from.sys);
	free((char *)from.run);
	free(key_pem);
	strv_release(&addresses);
	pki_release(&ca);
	clock_set(0);
	return tree_remove(root, &err);
}

/* What the checks say, "KIND NAME: TEXT" a line. NODE is who this machine is to be, PROXY and PORT are
 * variables. */
struct asked {
	const char *proxy, *port;
	const char *const *ignore;
	bool without_plan;
};

static size_t ask_as(const struct asked *how, struct str *ret)
{
	static const char *const kinds[] = { "problem", "ignored", "note", "skipped" };
	struct scene s = SCENE_INIT;
	struct preflight p = PREFLIGHT_INIT;
	const struct plan plan = PLAN_INIT;
	struct err err = ERR_INIT;
	size_t problems = 0;

	assert_ok(capsule_add_env(&s.capsule, "PROXY", how->proxy ? how->proxy : "", &err));
	if (how->port)
		assert_ok(capsule_add_env(&s.capsule, "PORT", how->port, &err));
	assert_ok(capsule_add_key(&s.capsule, "svc-server", key_pem, &err));
	assert_ok(scene_open(&s, root, root, &err));
	assert_ok(str_dup(&s.in.index.platform.glibc, "2.28", &err));
	s.in.index.created = PKI_NOW - 60;
	assert_ok(index_add(&s.in.index, "wheels/a.whl", 10 * MIB,
			    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			    NULL, &err));
	assert_ok(preflight_run(&from, s.setup, how->without_plan ? NULL : &plan, how->ignore, &p,
				&err));
	for (size_t i = 0; i < p.count; i++)
		str_addf(ret, "%s %s: %s\n", kinds[p.items[i].kind], p.items[i].name,
			 p.items[i].text);
	str_add(ret, "");
	problems = preflight_count(&p, PREFLIGHT_PROBLEM);
	assert_int_equal(preflight_verdict(&p, "box", &err), problems ? -ERR_HOST : 0);
	preflight_release(&p);
	scene_release(&s);
	return problems;
}

static size_t ask(struct str *ret)
{
	return ask_as(&(struct asked){ .proxy = NULL }, ret);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void a_healthy_machine_has_no_problem(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	assert_int_equal(ask(&said), 0);
	assert_contains(said.buf, "note selinux: SELinux is enforcing");
	assert_null(strstr(said.buf, "skipped"));
}

/* TEXT NULL: the file is gone. */
static void one_file_that_says_otherwise_is_one_problem(void **state)
{
	static const struct {
		const char *path, *text, *said;
	} cases[] = {
		{ "etc/os-release", "PRETTY_NAME='Rocky 9'\nPLATFORM_ID=platform:el9\n",
		  "os: 'Rocky 9' is platform:el9, the bundle is for platform:el8" },
		{ "etc/os-release", "PRETTY_NAME=\"Debian 12\"\n",
		  "os: 'Debian 12' is of no platform that it names" },
		{ "etc/os-release", NULL, "os: there is no /etc/os-release" },
		{ "usr/bin/python9", NULL, "python: '/usr/bin/python9' is neither here" },
		{ "proc/meminfo", "MemTotal:  1047552 kB\n",
		  "memory: this machine has 1023 MiB, its services want 1024 MiB (svc 1024): give "
		  "it "
		  "1 MiB more" },
		{ "run/systemd", NULL, "systemd: systemd does not run this machine" },
		{ "proc/sys/kernel/hostname", "OTHER.t\n",
		  "hostname: this machine calls itself 'OTHER.t', the name of another node than "
		  "'box': pass --node other" },
		{ "etc/hosts", "10.0.0.9\tx OTHER\n",
		  "hosts: /etc/hosts says that 'OTHER' is 10.0.0.9, the topology says 10.0.0.2" },
		{ "etc/hosts", "127.0.0.1 localhost other.t\n", "'other.t' is 127.0.0.1" },
		{ "etc/hosts", "::1 other\n", "'other' is ::1" },
		{ "etc/hosts", "10.0.0.2 box\n", "'box' is 10.0.0.2, the topology says 10.0.0.1" },
		{ "proc/net/tcp", TCP("0100007F", "1538", "4242"),
		  "ports: TCP port 5432 (PORT of service 'svc') is taken on 127.0.0.1 by process "
		  "77 "
		  "(squatter, foreign.service)" },
		{ "proc/net/tcp", TCP("00000000", "1539", "4242"),
		  "TCP port 5433 (EACH_BOX of service 'svc') is taken on 0.0.0.0" },
		{ "proc/net/tcp6", TCP("00000000000000000000000001000000", "1538", "4242"),
		  "is taken on ::1 by process 77" },
		{ "proc/net/tcp", TCP("00000000", "1538", "99"),
		  "is taken on 0.0.0.0 by a process that cannot be seen from here" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str said = STR_INIT;
		size_t problems = 0;

		if (cases[i].text)
			scene_put(root, cases[i].path, cases[i].text);
		else
			drop(cases[i].path);
		problems = ask(&said);
		heal();
		assert_contains(said.buf, cases[i].said);
		assert_int_equal(problems, 1);
	}
}

static void what_is_no_problem_passes(void **state)
{
	static const struct {
		const char *path, *text, *said;
	} cases[] = {
		{ "etc/hosts", "127.0.1.1 box.t box\n",
		  "note hosts: /etc/hosts gives this machine's own" },
		{ "etc/hosts", "10.0.0.9 otherwise other.example\n", "" },
		{ "etc/hosts", NULL, "" },
		{ "proc/sys/kernel/hostname", "localhost.localdomain\n", "" },
		{ "sys/fs/selinux/enforce", "0", "note selinux: SELinux is permissive" },
		{ "sys/fs/selinux/booleans/can_talk", "0 0",
		  "note selinux: the SELinux boolean 'can_talk', which service 'svc' wants on, is "
		  "off: it will be set" },
		{ "sys/fs/selinux/booleans/can_talk", NULL, "is none of this machine's policy" },
		{ "sys/fs/selinux", NULL, "" },
		{ "proc/sys/crypto/fips_enabled", "1\n", "note fips: FIPS mode is on" },
		/* Our own unit, as on a node that runs. */
		{ "proc/net/tcp", TCP("00000000", "1538", "4343"), "" },
		/* A port that is open with PROXY alone, another port, a connection. */
		{ "proc/net/tcp", TCP("00000000", "153A", "4242"), "" },
		{ "proc/net/tcp", TCP("00000000", "1540", "4242"), "" },
		{ "proc/net/tcp", "h\n 0: 00000000:1538 00000000:0000 01 0:0 0:0 0 0 0 4242 1\n",
		  "" },
		{ "proc/net/tcp", "nonsense\n 0: x 0 0A 0 0 0 0 0 4242\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str said = STR_INIT;
		size_t problems = 0;

		if (cases[i].text)
			scene_put(root, cases[i].path, cases[i].text);
		else
			drop(cases[i].path);
		problems = ask(&said);
		heal();
		assert_contains(said.buf, cases[i].said);
		if (problems)
			fail_msg("%s", said.buf);
	}
}

static void a_port_counts_when_the_service_listens_there(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	scene_put(root, "proc/net/tcp", TCP("00000000", "153A", "4242"));
	assert_int_equal(ask_as(&(struct asked){ .proxy = "10.0.0.9" }, &said), 1);
	assert_contains(said.buf, "TCP port 5434 (SOMETIMES of");
	heal();
}

static void two_services_cannot_have_one_port(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	assert_int_equal(ask_as(&(struct asked){ .port = "5433" }, &said), 1);
	assert_contains(said.buf, "TCP port 5433 is both PORT and EACH_BOX on this node");
}

static void the_machine_itself_must_fit(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	from.machine = "aarch64";
	from.glibc = "2.4";
	clock_set(PKI_NOW - 3600);
	assert_int_equal(ask(&said), 3);
	assert_contains(said.buf,
			"problem arch: this machine is aarch64, the bundle is for x86_64");
	assert_contains(said.buf, "problem glibc: glibc is 2.4, the bundle is made for 2.28");
	assert_contains(said.buf, "problem time: this machine's clock says 2026-09-21T");
	heal();
}

static void the_address_tells_which_node_a_machine_is(void **state)
{
	CLEANUP(str_release) struct str none = STR_INIT;
	CLEANUP(str_release) struct str others = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	free(addresses.items[0]);
	addresses.items[0] = strdup("192.168.0.7");
	assert_int_equal(ask(&none), 1);
	assert_contains(none.buf, "problem address: no interface has 10.0.0.1, the address of node "
				  "'box' (there is 192.168.0.7)");
	assert_ok(strv_add(&addresses, "10.0.0.2", &err));
	assert_int_equal(ask(&others), 1);
	assert_contains(others.buf, "this machine has 10.0.0.2, the address of node 'other'");
	assert_contains(others.buf, "pass --node other");
	heal();
}

/* 10 MiB of wheels are 66 MiB of environment, and the data wants 100 MiB. */
static void room_is_added_up_by_file_system(void **state)
{
	CLEANUP(str_release) struct str two = STR_INIT;
	CLEANUP(str_release) struct str one = STR_INIT;
	CLEANUP(str_release) struct str used = STR_INIT;
	cleanup_free char *data = calloc(1, 3 * MIB);
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(data);
	spaces[0].free_bytes = 65 * MIB;
	spaces[1].free_bytes = 98 * MIB;
	assert_int_equal(ask(&two), 2);
	assert_contains(two.buf,
			"problem disk: 1 MiB are missing on the file system of '/': 65 MiB are "
			"free, 66 MiB are needed (66 MiB for virtual environments)");
	assert_contains(two.buf,
			"problem disk: 2 MiB are missing on the file system of '/srv': 98 MiB "
			"are free, 100 MiB are needed (100 MiB for 'svc' in '/srv/data')");
	/* One file system for both. */
	spaces[0].free_bytes = 165 * MIB;
	spaces[1] = spaces[0];
	assert_int_equal(ask(&one), 1);
	assert_contains(one.buf,
			"165 MiB are free, 166 MiB are needed (66 MiB for virtual environments, "
			"100 MiB for 'svc' in '/srv/data')");
	/* What the data takes already is not asked for again. */
	drop("srv");
	scene_put(root, "srv/data/x", "");
	path = whole("srv/data/x");
	memset(data, 'x', 3 * MIB);
	assert_ok(file_write_atomic(path, 0600, data, 3 * MIB, &err));
	assert_int_equal(ask(&used), 0);
	drop("srv");
	heal();
}

static void how_it_is_mounted_matters(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	spaces[0].no_exec = true;
	spaces[1].read_only = true;
	assert_int_equal(ask(&said), 2);
	assert_contains(said.buf,
			"problem mounts: the file system of '/opt/svc/venv' is mounted noexec");
	assert_contains(said.buf,
			"problem mounts: the file system of '/srv/data' is mounted read-only");
	heal();
}

static void a_directory_that_is_mounted_over_itself_read_only_is_no_other_device(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	spaces[1].device = spaces[0].device;
	spaces[1].read_only = true;
	assert_int_equal(ask(&said), 1);
	assert_contains(said.buf,
			"problem mounts: the file system of '/srv/data' is mounted read-only");
	heal();
}

static void a_masked_unit_cannot_start(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	put_link("etc/systemd/system/svc.service", "/dev/null");
	assert_int_equal(ask(&said), 1);
	assert_contains(said.buf, "problem units: the unit 'svc.service' is masked");
	drop("etc/systemd");
}

static void certificates_fit_names_keys_and_the_time(void **state)
{
	static const time_t day = PKI_DAY;
	static const struct {
		const char *node, *address;
		time_t from, to; /* days */
		size_t problems;
		const char *said;
	} cases[] = {
		{ "box", "10.0.0.1", -9, -1, 1,
		  "problem certificates: the certificate 'svc-server' is good from " },
		{ "box", "10.0.0.1", 1, 9, 1, ": set the clock" },
		{ "box", "10.0.0.1", -9, 9, 0,
		  "note certificates: the certificate 'svc-server' ends soon" },
		{ "box", "10.0.0.7", -9, 99, 1,
		  "the certificate 'svc-server' of node 'box' is not what topology and manifests "
		  "ask for "
		  "(names)" },
		{ "other", "10.0.0.7", -9, 99, 1, "of node 'other' is not what topology" },
		/* The others' time is their own machines' affair. */
		{ "other", "10.0.0.2", -9, -1, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str said = STR_INIT;

		put_certificate(cases[i].node, cases[i].address, PKI_NOW + cases[i].from * day,
				PKI_NOW + cases[i].to * day);
		assert_int_equal(ask(&said), cases[i].problems);
		assert_contains(said.buf, cases[i].said);
		put_good_certificates();
	}
}

static void a_key_of_another_certificate_is_told(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *kept = strdup(key_pem);

	(void)state;
	put_good_certificates();
	free(key_pem);
	key_pem = steal_ptr(&kept);
	assert_int_equal(ask(&said), 1);
	assert_contains(said.buf, "the private key 'svc-server' in the node's capsule is not that");
	put_good_certificates();
}

static void fapolicyd_must_let_our_programs_run(void **state)
{
	CLEANUP(str_release) struct str refused = STR_INIT;
	CLEANUP(str_release) struct str half = STR_INIT;
	CLEANUP(str_release) struct str allowed = STR_INIT;
	CLEANUP(str_release) struct str permissive = STR_INIT;

	(void)state;
	scene_put(root, "proc/90/comm", "fapolicyd\n");
	scene_put(root, "etc/fapolicyd/rules.d/90-deny.rules", "deny perm=any all : dir=/usr/\n");
	assert_int_equal(ask(&refused), 2);
	assert_contains(refused.buf,
			"no rule lets programs run from '/opt/svc/': put 'allow perm=any all "
			": dir=/opt/svc/'");
	assert_contains(refused.buf, "run from '/usr/libexec/svc/'");
	scene_put(root, "etc/fapolicyd/rules.d/80-x.rules",
		  "# dir=/usr/libexec/svc/\nallow perm=any all : dir=/usr/lib\n"
		  "allow perm=any all : dir=/opt/\n");
	assert_int_equal(ask(&half), 1);
	assert_contains(half.buf, "run from '/usr/libexec/svc/'");
	scene_put(root, "etc/fapolicyd/rules.d/81-x.rules",
		  "allow perm=any all : dir=/usr/libexec/svc/ trust=0\n");
	assert_int_equal(ask(&allowed), 0);
	drop("etc/fapolicyd/rules.d");
	scene_put(root, "etc/fapolicyd/fapolicyd.conf", "# permissive = 0\npermissive = 1\n");
	assert_int_equal(ask(&permissive), 0);
	assert_contains(permissive.buf, "note fapolicyd: fapolicyd is permissive");
	drop("etc/fapolicyd");
	drop("proc/90");
}

static void problems_are_ignored_by_name(void **state)
{
	static const char *const ignore[] = { "memory", "hosts", NULL };
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	scene_put(root, "proc/meminfo", "MemTotal: 1 kB\n");
	scene_put(root, "proc/sys/kernel/hostname", "other\n");
	assert_int_equal(ask_as(&(struct asked){ .ignore = ignore }, &said), 1);
	assert_contains(said.buf, "ignored memory: this machine has 0 MiB");
	assert_contains(said.buf, "problem hostname: ");
	heal();
}

static void a_check_that_is_not_there_cannot_be_ignored(void **state)
{
	static const char *const known[] = { "memory", "os", "fapolicyd", NULL };
	static const char *const wrong[] = { "os", "memry", NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(preflight_check_names(known, &err));
	assert_fails(ERR_USAGE, preflight_check_names(wrong, &err));
	assert_contains(err.msg, "there is no check 'memry' (did you mean 'memory'?)");
	assert_contains(err.detail, "os, arch, glibc, python, ");
}

static void all_problems_are_told_and_those_that_do_not_fit_counted(void **state)
{
	struct preflight_finding items[60];
	const struct preflight p = { .items = items, .count = ARRAY_SIZE(items) };
	char text[201];
	struct err err = ERR_INIT;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = (struct preflight_finding){ .name = "disk", .text = text };
	assert_fails(ERR_HOST, preflight_verdict(&p, "box", &err));
	assert_contains(err.msg, "not fit for node 'box' (60 problems): nothing was changed");
	assert_contains(err.msg, "--ignore-preflight NAME");
	assert_contains(err.detail, "disk: xxx");
	assert_contains(err.detail, " more: --json lists all\n");
}

/* Without a plan nobody knows what the packages bring. */
static void without_a_plan_the_interpreter_is_no_matter(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	drop("usr/bin/python9");
	assert_int_equal(ask_as(&(struct asked){ .without_plan = true }, &said), 0);
	heal();
}

static void another_root_is_asked_for_what_it_has_alone(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	from.live = false;
	from.glibc = "1.0";
	scene_put(root, "proc/meminfo", "MemTotal: 1 kB\n");
	scene_put(root, "etc/hosts", "10.0.0.9 other\n");
	drop("etc/os-release");
	assert_int_equal(ask(&said), 1);
	from.live = true;
	heal();
	assert_contains(said.buf, "problem hosts: ");
	assert_contains(said.buf, "note os: the root has no os-release");
	for (const char *const *name =
		     (const char *const[]){ "memory", "systemd", "ports", "address", "hostname",
					    "selinux", "fips", "fapolicyd", NULL };
	     *name; name++) {
		char line[64];

		snprintf(line, sizeof(line), "skipped %s: ", *name);
		assert_contains(said.buf, line);
	}
}

/* A link of the root may lead out of it: it is not followed. */
static void another_root_is_not_left_by_a_link(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	scene_put(root, "outside", "10.0.0.9 other\n");
	put_link("etc/hosts", "/tmp/nowhere");
	{
		cleanup_free char *outside = whole("outside");

		put_link("etc/hosts", outside);
	}
	assert_int_equal(ask(&said), 0);
	drop("etc/hosts");
	heal();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_machine_has_no_problem),
		cmocka_unit_test(one_file_that_says_otherwise_is_one_problem),
		cmocka_unit_test(what_is_no_problem_passes),
		cmocka_unit_test(a_port_counts_when_the_service_listens_there),
		cmocka_unit_test(two_services_cannot_have_one_port),
		cmocka_unit_test(the_machine_itself_must_fit),
		cmocka_unit_test(the_address_tells_which_node_a_machine_is),
		cmocka_unit_test(room_is_added_up_by_file_system),
		cmocka_unit_test(how_it_is_mounted_matters),
		cmocka_unit_test(
			a_directory_that_is_mounted_over_itself_read_only_is_no_other_device),
		cmocka_unit_test(a_masked_unit_cannot_start),
		cmocka_unit_test(certificates_fit_names_keys_and_the_time),
		cmocka_unit_test(a_key_of_another_certificate_is_told),
		cmocka_unit_test(fapolicyd_must_let_our_programs_run),
		cmocka_unit_test(problems_are_ignored_by_name),
		cmocka_unit_test(a_check_that_is_not_there_cannot_be_ignored),
		cmocka_unit_test(all_problems_are_told_and_those_that_do_not_fit_counted),
		cmocka_unit_test(without_a_plan_the_interpreter_is_no_matter),
		cmocka_unit_test(another_root_is_asked_for_what_it_has_alone),
		cmocka_unit_test(another_root_is_not_left_by_a_link),
	};

	return cmocka_run_group_tests(tests, make_machine, drop_machine);
}
