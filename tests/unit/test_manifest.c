/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "file.h"
#include "manifest.h"

static char dir[] = "/tmp/pgha-manifest-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

static void put(const char *name, const char *text)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(0, path_join(dir, name, &path, &err));
	assert_int_equal(0, file_write_atomic(path, 0600, text, strlen(text), &err));
}

static int load(const char *name, struct manifest **ret, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;

	assert_int_equal(0, strv_add(&names, name, err));
	return manifest_load(dir, &names, ret, err);
}

static void make_service(const char *yaml)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(0, path_join(dir, "s/templates", &path, &err));
	assert_int_equal(0, dir_make(path, 0700, &err));
	put("s/service.yaml", yaml);
	put("s/templates/plain", "a {{node.name}}\n");
	put("s/templates/secret", "{{>inner}}\n");
	put("s/templates/inner", "{{#env}}{{PW}}{{/env}}\n");
}

static void a_service_is_read_whole(void **state)
{
	CLEANUP(manifest_freep) struct manifest *m = NULL;
	const struct service *s = NULL;
	const struct service_certificate *cert = NULL;
	const struct service_unit *units = NULL;
	const struct service_probe *probe = NULL;
	const struct service_once *once = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_service(
		"service: s\nlayer: l\npackages: [p, 'q{{platform.python}}']\n"
		"users: [{name: u, group: g, home: /var/lib/u, shell: /sbin/nologin}]\n"
		"groups: [{name: g2, members: [u]}]\n"
		"directories: [{path: /etc/s, owner: root, group: g, mode: '0750'}]\n"
		"venv: {path: /opt/v, python: '/usr/bin/python{{platform.python}}'}\n"
		"certificates:\n"
		"  - {name: server, subject: {O: o, CN: '{{node.name}}'}, usage: [serverAuth, "
		"clientAuth],\n"
		"     sans: ['{{vip}}'], cert: /etc/s/c, key: /etc/s/k, ca: /etc/s/ca, bundle: "
		"/etc/s/b,"
		"\n     owner: root, group: g, mode: '0640', on_change: reload, on_ca_change: "
		"restart}\n"
		"files:\n"
		"  - {template: plain, dest: /etc/s/plain, owner: root, group: root, mode: "
		"'0644',\n"
		"     format: yaml, on_change: restart, when: '{{env.ON}}'}\n"
		"  - {template: secret, dest: /etc/s/secret, owner: root, group: g, mode: '0640'}\n"
		"units: [{name: s.service}, {name: s@1.service, enable: false, start: no-block},\n"
		"        {name: s.timer, start: false}]\n"
		"command_env: {A: '1'}\n"
		"probes:\n"
		"  - {name: alive, scope: node, exec: [/bin/true, '{{node.name}}'], timeout_s: 3,\n"
		"     within_s: 4, user: u, env: {B: '{{env.PW}}'}, stdin: \"{{env.PW}}\\n\", "
		"expect: "
		"yes}\n"
		"  - {name: all, scope: cluster, exec: ['{{venv.path}}/bin/x']}\n"
		"restart: {lock: {exec: [/bin/x], expect: held, within_s: 9}, before: [all, "
		"alive],\n"
		"          after: [alive], due: all, on_update: reload}\n"
		"once: [{name: first, when: all, unless: [/bin/false], expect: no, exec: "
		"[/bin/true]}]\n"
		"env: [{name: ON, default: true}, {name: PW, secret: true}, {name: E, default: "
		"''}]\n"
		"ports: [{env: PORT, default: 99}, {env: EACH, per_node: true, when: "
		"'{{env.ON}}'}]\n"
		"preflight: {memory_mib: 5, disk_mib: {/var: 6}, conflicts: [other]}\n"
		"selinux: {booleans: [b], ports: []}\n");
	if (load("s", &m, &err) < 0)
		fail_msg("%s", err.msg);
	s = manifest_find(m, "s");
	assert_non_null(s);
	assert_null(manifest_find(m, "t"));
	assert_int_equal(2, s->packages.count);
	assert_string_equal("u", ((struct service_user *)s->users.items)->name);
	assert_string_equal("u", ((struct service_group *)s->groups.items)->members.items[0]);
	assert_int_equal(0750, ((struct service_directory *)s->directories.items)->mode);
	cert = s->certificates.items;
	assert_int_equal(SERVICE_USAGE_SERVER | SERVICE_USAGE_CLIENT, cert->usage);
	assert_null(cert->subject.ou);
	assert_int_equal(SERVICE_RELOAD, cert->on_change);
	assert_int_equal(SERVICE_RESTART, cert->on_ca_change);
	assert_string_equal("yaml", ((struct service_file *)s->files.items)[0].format->name);
	assert_string_equal("text", ((struct service_file *)s->files.items)[1].format->name);
	units = s->units.items;
	assert_true(units[0].enable && units[0].start == SERVICE_START_WAIT);
	assert_true(!units[1].enable && units[1].start == SERVICE_START_NO_BLOCK);
	assert_true(units[2].enable && units[2].start == SERVICE_START_NO);
	probe = s->probes.items;
	assert_int_equal(3, probe->timeout_s);
	assert_string_equal("{{env.PW}}\n", probe->command.stdin_text);
	assert_int_equal(60, probe[1].within_s);
	assert_int_equal(SERVICE_RELOAD, s->restart.on_update);
	assert_int_equal(9, s->restart.lock.within_s);
	assert_string_equal("alive", s->restart.before.items[1]);
	assert_string_equal("all", s->restart.due);
	assert_true(service_is_guarded(s));
	once = s->once.items;
	assert_ptr_equal(&probe[1], once->when);
	assert_true(service_has_secret(s, "PW"));
	assert_false(service_has_secret(s, "ON"));
	assert_string_equal("", ((struct service_variable *)s->variables.items)[2].fallback);
	assert_string_equal("a {{node.name}}\n", service_template(s, "plain"));
	assert_null(service_template(s, "other"));
	assert_int_equal(6, ((struct service_disk *)s->preflight.disks.items)->mib);
	assert_string_equal("other", s->preflight.conflicts.items[0]);
	assert_null(((struct service_port *)s->ports.items)[0].when);
	assert_string_equal("{{env.ON}}", ((struct service_port *)s->ports.items)[1].when);
}

static void mistakes_are_told_with_their_position(void **state)
{
#define FILE_ITEM(t, d, m) \
	"files: [{template: " t ", dest: " d ", owner: root, group: root, mode: '" m "'}]"
#define CERT(mode, rest)                                                             \
	"certificates: [{name: c, usage: [serverAuth], cert: /c, key: /k, ca: /ca, " \
	"owner: root, group: root, mode: '" mode "', " rest "}]"
	static const struct {
		const char *yaml, *message;
	} cases[] = {
		{ "unit: []", "3:1: unknown key 'unit' (did you mean 'units'?)" },
		{ "files: [{}]", "3:9: key 'template' is missing" },
		{ FILE_ITEM("nope", "/etc/x", "0600"),
		  "3:20: there is no template 'nope' below templates/" },
		{ FILE_ITEM("plain", "etc/x", "0600"),
		  "3:33: 'etc/x' must be an absolute path without '.' and '..'" },
		{ FILE_ITEM("plain", "/etc/../x", "0600"),
		  "3:33: '/etc/../x' must be an absolute path without '.' and '..'" },
		{ FILE_ITEM("plain", "/x", "4755"),
		  "3:69: 'mode' must be a quoted octal mode such as \"0640\"" },
		{ FILE_ITEM("plain", "/x", "0666"),
		  "3:69: mode 0666: neither set-id nor writable by everybody" },
		{ FILE_ITEM("secret", "/x", "0644"),
		  "3:70: mode 0644: everybody could read secret 'PW'" },
		{ "files: [{template: plain, dest: /x, owner: 'a:b', group: root, mode: '0600'}]",
		  "3:44: 'a:b' can be no account's name" },
		{ "files: [{template: plain, dest: /x, owner: a, group: root, mode: '0600',\n"
		  "  format: yml}]",
		  "4:11: unknown format (did you mean 'yaml'?)" },
		{ "files: [{template: plain, dest: /x, owner: a, group: root, mode: '0600',\n"
		  "  on_change: reboot}]",
		  "4:14: this must be none, reload or restart" },
		{ CERT("0644", "subject: {O: o}"),
		  "3:107: mode 0644: a private key is for its owner and its group alone" },
		{ CERT("0600", "subject: {}"), "3:124: the subject is empty" },
		{ CERT("0600", "subject: {CN: '{{env.PW}}'}"),
		  "3:124: secret 'PW' would be visible here: pass it by 'stdin' or 'env'" },
		{ "units: [{name: nounit}]",
		  "3:16: 'nounit' is no unit's name (such as x.service)" },
		{ "units: [{name: a.service, start: later}]",
		  "3:34: this must be true, false or no-block" },
		{ "probes: [{name: p, scope: node, exec: [true]}]",
		  "3:40: 'true' must be an absolute path: nothing is looked up in PATH" },
		{ "probes: [{name: p, scope: node, exec: [/bin/x, '-p={{env.PW}}']}]",
		  "3:48: secret 'PW' would be visible here: pass it by 'stdin' or 'env'" },
		{ "probes: [{name: p, scope: node, exec: [/bin/x, '{{#env}}{{PW}}{{/env}}']}]",
		  "3:48: secret 'PW' would be visible here: pass it by 'stdin' or 'env'" },
		{ "probes: [{name: p, scope: node, exec: [/bin/x, '{{>inner}}']}]",
		  "3:48: a partial cannot stand here" },
		{ "probes: [{name: p, scope: node, exec: [/bin/x, '{{a']}]",
		  "3:48: template:1: a tag that does not end" },
		{ "probes: [{name: p, scope: all, exec: [/bin/x]}]",
		  "3:27: this must be node, cluster or step" },
		{ "probes: [{name: p, scope: node, exec: [/bin/x], timeout_s: 0}]",
		  "3:60: 'timeout_s': '0' is not a number from 1 to 3600" },
		{ "once: [{name: o, when: p, exec: [/bin/x]}]",
		  "3:24: this service has no probe 'p'" },
		{ "once: [{name: o, expect: x, exec: [/bin/x]}]",
		  "3:26: 'expect' needs 'unless', whose output it is about" },
		{ "once: [{name: o, exec: [/bin/x]}, {name: o, exec: [/bin/x]}]",
		  "3:42: step 'o' stands twice" },
		{ "ports: [{env: PORT, default: 65536}]",
		  "3:30: 'default': '65536' is not a number from 1 to 65535" },
		{ "ports: [{env: port}]",
		  "3:15: a variable's name may hold A-Z, 0-9 and '_' only" },
		{ "command_env: {A-B: x}", "3:15: 'A-B' can be no environment variable's name" },
		{ "venv: {path: opt, python: /x}",
		  "3:14: 'opt' must be an absolute path without '.' and '..'" },
		{ "preflight: {disk_mib: {/var: x}}", "3:30: a number of MiB is expected here" },
		{ "preflight: {conflicts: ['a b']}", "3:25: this must be a package's name" },
		{ "packages: [a]\npreflight: {conflicts: [a]}",
		  "4:25: 'a' is one of this service's own packages" },
		{ "ports: [{env: P, default: 1, when: '{{env.PW}}'}]",
		  "3:36: secret 'PW' would be visible here: pass it by 'stdin' or 'env'" },
		{ "restart: {before: [p]}", "3:20: this service has no probe 'p'" },
		{ "restart: {after: [p]}", "3:19: this service has no probe 'p'" },
		{ "restart: {due: p}", "3:16: this service has no probe 'p'" },
		{ "restart: {on_update: start}", "3:22: this must be none, reload or restart" },
		{ "restart: {lock: {exec: [/bin/x]}}", "3:17: key 'expect' is missing" },
		{ "restart: {lock: {exec: [x], expect: y}}",
		  "3:25: 'x' must be an absolute path: nothing is looked up in PATH" },
		{ "restart: {lock: {exec: [/bin/x, '{{env.PW}}'], expect: y}}",
		  "3:33: secret 'PW' would be visible here: pass it by 'stdin' or 'env'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(manifest_freep) struct manifest *m = NULL;
		cleanup_free char *yaml = NULL;
		cleanup_free char *expected = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(0, str_printf(&yaml, &err,
					       "service: s\nlayer: l\n%s\n"
					       "env: [{name: PW, secret: true}]\n",
					       cases[i].yaml));
		make_service(yaml);
		assert_int_equal(-ERR_CONFIG, load("s", &m, &err));
		assert_int_equal(0, str_printf(&expected, &err, "%s/s/service.yaml:%s", dir,
					       cases[i].message));
		assert_string_equal(expected, err.msg);
	}
}

static void without_a_word_about_it_units_restart_and_wait_for_nobody(void **state)
{
	CLEANUP(manifest_freep) struct manifest *m = NULL;
	const struct service_certificate *cert = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_service("service: s\nlayer: l\nenv: [{name: PW, secret: true}]\n" CERT(
		"0600", "subject: {O: o}, on_change: reload") "\n");
	assert_ok(load("s", &m, &err));
	cert = m->services[0]->certificates.items;
	assert_int_equal(SERVICE_RESTART, m->services[0]->restart.on_update);
	assert_int_equal(SERVICE_RELOAD, cert->on_ca_change);
	assert_false(service_is_guarded(m->services[0]));
}

static void names_and_templates_of_a_service_are_checked(void **state)
{
	CLEANUP(manifest_freep) struct manifest *m = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_service("service: other\nlayer: l\n");
	assert_int_equal(-ERR_CONFIG, load("s", &m, &err));
	assert_non_null(strstr(err.msg, "must be that of its directory, 's'"));
	assert_int_equal(-ERR_CONFIG, load("../s", &m, &err));
	assert_int_equal(-ERR_CONFIG, load("absent", &m, &err));
	make_service("service: s\nlayer: l\nenv: [{name: P, secret: true, default: x}]\n");
	assert_int_equal(-ERR_CONFIG, load("s", &m, &err));
	assert_non_null(strstr(err.msg, "3:40: secret 'P' may have no default"));
	make_service("service: s\nlayer: l\n");
	put("s/templates/bad", "x\n{{#a}}\n");
	assert_int_equal(-ERR_CONFIG, load("s", &m, &err));
	assert_string_equal("service 's': templates: bad:2: a section that is not closed: 'a'",
			    err.msg);
	put("s/templates/bad", "{{>nowhere}}\n");
	assert_int_equal(-ERR_CONFIG, load("s", &m, &err));
	assert_string_equal("service 's': template 'bad': unknown partial 'nowhere'", err.msg);
	put("s/templates/bad", "{{>bad}}\n");
	assert_int_equal(-ERR_CONFIG, load("s", &m, &err));
	put("s/templates/bad", "");
	assert_int_equal(0, load("s", &m, &err));
}

static void what_the_cluster_holds_names_a_step_or_says_what_to_do(void **state)
{
#define BY_HAND "by_hand: {fr: 'à la main', en: 'by hand'}"
	static const struct {
		const char *held, *message;
	} cases[] = {
		{ "secret: true, held: {}",
		  ":5:44: this must say either 'change' (a step) or 'by_hand'" },
		{ "secret: true, held: {change: new, " BY_HAND "}",
		  ":5:44: this must say either 'change' (a step) or 'by_hand'" },
		{ "held: {change: new}", ":5:30: only a secret can be 'held'" },
		{ "secret: true, held: {change: old}", ":5:53: this service has no step 'old'" },
		{ "secret: true, held: {change: always}",
		  ":4:10: a step that changes what the cluster holds needs 'unless'" },
		{ "secret: true, held: {by_hand: {fr: x}}", ":5:54: key 'en' is missing" },
		{ "secret: true, held: {change: new}", NULL },
		{ "secret: true, held: {" BY_HAND "}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(manifest_freep) struct manifest *m = NULL;
		cleanup_free char *yaml = NULL;
		const struct service_variable *v = NULL;
		const struct service_once *steps = NULL;
		struct err err = ERR_INIT;

		assert_ok(str_printf(
			&yaml, &err,
			"service: s\nlayer: l\nonce: [{name: new, unless: [/bin/x], exec: "
			"[/bin/x]},\n  {name: always, exec: [/bin/x]}]\n"
			"env: [{name: PASSWORD, %s}]\n",
			cases[i].held));
		make_service(yaml);
		put("s/templates/secret", "");
		put("s/templates/inner", "");
		if (cases[i].message) {
			assert_fails(ERR_CONFIG, load("s", &m, &err));
			assert_contains(err.msg, cases[i].message);
			continue;
		}
		assert_ok(load("s", &m, &err));
		v = m->services[0]->variables.items;
		steps = m->services[0]->once.items;
		assert_true(service_is_held(v));
		assert_ptr_equal(v->held.change ? &steps[0] : NULL, v->held.step);
		assert_int_equal(!!v->held.change, steps[0].on_change);
		assert_false(steps[1].on_change);
	}
}

static void our_own_manifests_load(void **state)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	CLEANUP(manifest_freep) struct manifest *m = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, dir_list("manifests/services", &names, &err));
	if (manifest_load("manifests/services", &names, &m, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(m->count > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_is_read_whole),
		cmocka_unit_test(mistakes_are_told_with_their_position),
		cmocka_unit_test(without_a_word_about_it_units_restart_and_wait_for_nobody),
		cmocka_unit_test(names_and_templates_of_a_service_are_checked),
		cmocka_unit_test(what_the_cluster_holds_names_a_step_or_says_what_to_do),
		cmocka_unit_test(our_own_manifests_load),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
