/* SPDX-License-Identifier: Apache-2.0 */
/* lib/context.c over two small services, `a` on three nodes and `b` on one. */
#include "unit.h"

#include "context.h"
#include "dotenv.h"
#include "file.h"

DEFINE_CLEANUP(struct dotenv *, dotenv_free);

static char dir[] = "/tmp/pgha-context-XXXXXX";

static const char topology_yaml[] =
	"domain: example.org\nnodes:\n"
	"  - {name: n1, address: 10.0.0.1, datacenter: d1, priority: 3, services: [a]}\n"
	"  - {name: n-2, address: 'fd00::2', datacenter: d2, services: [a, b],"
	" vars: {quiet: true}}\n"
	"  - {name: n3, address: 10.0.0.3, datacenter: d2, services: [a]}\n";

static const char a_yaml[] =
	"service: a\nlayer: l\npackages: [base, 'py{{platform.python}}']\n"
	"venv: {path: /opt/v, python: '/usr/bin/python{{platform.python}}'}\n"
	"certificates:\n"
	"  - {name: server, subject: {O: o, CN: '{{node.name}}'}, usage: [serverAuth],\n"
	"     sans: ['{{vip}}', '{{#services.b.nodes}}{{name}} {{address}} "
	"{{/services.b.nodes}}'],\n"
	"     cert: /a/c, key: /a/k, ca: /a/ca, owner: root, group: root, mode: '0600'}\n"
	"  - {name: client, subject: {OU: 'client of {{node.datacenter}}'}, usage: [clientAuth],\n"
	"     cert: /a/c2, key: /a/k2, ca: /a/ca, bundle: /a/b2, owner: root, group: root,\n"
	"     mode: '0600'}\n"
	"env: [{name: TLS, default: true}, {name: A_PW, secret: true}, {name: NAME}]\n"
	"ports: [{env: A_PORT, default: 1000}, {env: A_EACH, default: 2000, per_node: true}]\n";

static const char b_yaml[] = "service: b\nlayer: l\n"
			     "env: [{name: TLS, default: true}, {name: B_PW, secret: true}, {name: "
			     "EMPTY, default: ''}]\n"
			     "ports: [{env: B_PORT}]\n";

static const char env_text[] =
	"NAME=it's me\nA_PW=alpha secret\nB_PW=true\nB_PORT=3000\nA_EACH_N_2=2002\nOTHER=x\n";

struct world {
	struct topology *topology;
	struct manifest *manifest;
	struct context_cluster cluster;
};

static void put(const char *name, const char *text)
{
	cleanup_free char *path = NULL;
	cleanup_free char *parent = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(0, path_join(dir, name, &path, &err));
	assert_int_equal(0, path_beside(path, ".", &parent, &err));
	assert_int_equal(0, dir_make(parent, 0700, &err));
	assert_int_equal(0, file_write_atomic(path, 0600, text, strlen(text), &err));
}

static int remove_dir(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static void make_world(struct world *w, const char *a, const char *b)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *topology = NULL;
	cleanup_free char *services = NULL;
	struct err err = ERR_INIT;

	put("topology.yaml", topology_yaml);
	put("services/a/service.yaml", a);
	put("services/b/service.yaml", b);
	assert_int_equal(0, strv_add(&names, "a", &err));
	assert_int_equal(0, strv_add(&names, "b", &err));
	assert_int_equal(0, path_join(dir, "topology.yaml", &topology, &err));
	assert_int_equal(0, path_join(dir, "services", &services, &err));
	if (topology_load(topology, &names, &w->topology, &err) < 0 ||
	    manifest_load(services, &names, &w->manifest, &err) < 0)
		fail_msg("%s", err.msg);
	w->cluster = (struct context_cluster){ .cluster = "c",
					       .platform_id = "platform:el8",
					       .platform_arch = "x86_64",
					       .platform_python = "3.12",
					       .topology = w->topology,
					       .manifest = w->manifest };
}

static void world_release(struct world *w)
{
	topology_free(w->topology);
	manifest_free(w->manifest);
}

static const char *lookup(const void *from, const char *name)
{
	return dotenv_get(from, name);
}

static int resolve(const struct world *w, const char *node, const char *text,
		   struct context_env **ret, struct err *err)
{
	CLEANUP(dotenv_freep) struct dotenv *env = NULL;

	assert_int_equal(0, dotenv_parse(".env", text, &env, err));
	return context_env_resolve(&w->cluster, node ? topology_find(w->topology, node) : NULL,
				   lookup, env, ret, err);
}

static void expect_text(const struct world *w, const char *node, const char *service,
			const char *template, const char *expected)
{
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	CLEANUP(mustache_freep) struct mustache_value *context = NULL;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	if (resolve(w, node, env_text, &env, &err) < 0 ||
	    context_build(&w->cluster, env, topology_find(w->topology, node),
			  manifest_find(w->manifest, service), &context, &err) < 0 ||
	    context_text(context, "t", template, true, &text, &err) < 0) {
		assert_string_equal(expected, err.msg);
		return;
	}
	assert_string_equal(expected, text);
}

static void templates_see_what_the_schema_promises(void **state)
{
	static const struct {
		const char *node, *service, *template, *expected;
	} cases[] = {
		{ "n1", "a", "{{cluster}} {{domain}} [{{vip}}]", "c example.org []" },
		{ "n1", "a",
		  "{{#node}}{{name}} {{fqdn}} {{address}} {{host}} {{cidr}} {{datacenter}} "
		  "{{priority}}{{/node}}",
		  "n1 n1.example.org 10.0.0.1 10.0.0.1 10.0.0.1/32 d1 3" },
		{ "n-2", "a",
		  "{{node.host}} {{node.cidr}} {{#node.services}}{{.}};{{/node.services}}",
		  "[fd00::2] fd00::2/128 a;b;" },
		{ "n-2", "a",
		  "{{#nodes}}{{name}}{{#self}}*{{/self}}{{#first}}<{{/first}}{{#last}}>"
		  "{{/last}}{{^last}},{{/last}}{{/nodes}}",
		  "n1<,n-2*,n3>" },
		{ "n1", "a",
		  "{{#services.b.nodes}}{{name}}{{#first}}{{#last}}!{{/last}}{{/first}}"
		  "{{/services.b.nodes}}{{^services.b.nodes}}none{{/services.b.nodes}}",
		  "n-2!" },
		{ "n1", "a",
		  "{{#services.a.here}}a{{/services.a.here}}{{#services.b.here}}b{{/"
		  "services.b.here}}",
		  "a" },
		{ "n-2", "a",
		  "{{#services.a.here}}a{{/services.a.here}}{{#services.b.here}}b{{/"
		  "services.b.here}}",
		  "ab" },
		{ "n1", "a", "{{#services.c.nodes}}{{/services.c.nodes}}",
		  "t:1: unknown variable 'services.c.nodes'" },
		{ "n1", "a", "{{#nodes}}{{ports.A_EACH}} {{/nodes}}{{env.A_EACH_N_2}}",
		  "2000 2002 2000 2002" },
		{ "n1", "a",
		  "{{#nodes}}{{#vars.quiet}}{{name}}{{/vars.quiet}}{{/nodes}}"
		  "[{{node.vars.quiet}}]{{#node.vars.quite}}x{{/node.vars.quite}}",
		  "n-2[]" },
		{ "n1", "a", "{{node.vars.quite}}", "t:1: unknown variable 'node.vars.quite'" },
		{ "n1", "a",
		  "{{#env.TLS}}on{{/env.TLS}} {{env.NAME}} {{env.A_PORT}} {{env.B_PORT}} "
		  "{{env.A_PW}} [{{env.EMPTY}}]",
		  "on it's me 1000 3000 alpha secret []" },
		{ "n1", "a", "{{env.B_PW}}", "t:1: unknown variable 'env.B_PW'" },
		{ "n-2", "a", "{{env.B_PW}}", "t:1: unknown variable 'env.B_PW'" },
		{ "n-2", "b", "{{env.B_PW}}", "true" },
		{ "n-2", "b", "{{env.A_PW}}", "t:1: unknown variable 'env.A_PW'" },
		{ "n1", "a",
		  "{{certs.client.cert}} {{certs.client.key}} {{certs.client.ca}} "
		  "{{certs.client.bundle}}[{{certs.server.bundle}}]",
		  "/a/c2 /a/k2 /a/ca /a/b2[]" },
		{ "n1", "a", "{{venv.path}} {{venv.python}}", "/opt/v /usr/bin/python3.12" },
		{ "n-2", "b", "{{venv.path}}", "t:1: unknown variable 'venv.path'" },
		{ "n1", "a", "{{platform.id}} {{platform.arch}} {{platform.python}}",
		  "platform:el8 x86_64 3.12" },
	};
	CLEANUP(world_release) struct world w = { .topology = NULL };

	(void)state;
	make_world(&w, a_yaml, b_yaml);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_text(&w, cases[i].node, cases[i].service, cases[i].template,
			    cases[i].expected);
}

static void a_secret_is_refused_where_it_could_be_seen(void **state)
{
	CLEANUP(world_release) struct world w = { .topology = NULL };
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	CLEANUP(mustache_freep) struct mustache_value *context = NULL;
	char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_world(&w, a_yaml, b_yaml);
	assert_int_equal(0, resolve(&w, "n1", env_text, &env, &err));
	assert_int_equal(0, context_build(&w.cluster, env, topology_find(w.topology, "n1"),
					  manifest_find(w.manifest, "a"), &context, &err));
	assert_int_equal(-ERR_CONFIG,
			 context_text(context, "exec", "{{env.A_PW}}", false, &text, &err));
	assert_null(strstr(err.msg, "alpha"));
}

static void list_names(const struct context_env *env, struct str *out)
{
	for (size_t i = 0; i < env->count; i++)
		str_addf(out, "%s%s ", env->items[i].name, env->items[i].secret ? "!" : "");
}

static void a_capsule_carries_the_secrets_of_its_own_services_alone(void **state)
{
	static const struct {
		const char *node, *names;
	} cases[] = {
		{ "n1", "A_EACH_N1 A_EACH_N3 A_EACH_N_2 A_PORT A_PW! B_PORT EMPTY NAME TLS " },
		{ "n-2",
		  "A_EACH_N1 A_EACH_N3 A_EACH_N_2 A_PORT A_PW! B_PORT B_PW! EMPTY NAME TLS " },
		{ NULL,
		  "A_EACH_N1 A_EACH_N3 A_EACH_N_2 A_PORT A_PW! B_PORT B_PW! EMPTY NAME TLS " },
	};
	CLEANUP(world_release) struct world w = { .topology = NULL };

	(void)state;
	make_world(&w, a_yaml, b_yaml);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(context_env_freep) struct context_env *env = NULL;
		CLEANUP(str_release) struct str names = STR_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(0, resolve(&w, cases[i].node, env_text, &env, &err));
		list_names(env, &names);
		assert_string_equal(cases[i].names, names.buf);
		assert_string_equal("2002", context_env_find(env, "A_EACH_N_2")->value);
		assert_string_equal("true", context_env_find(env, "TLS")->value);
		assert_null(context_env_find(env, "OTHER"));
	}
}

static void what_is_missing_is_named_with_who_needs_it(void **state)
{
	CLEANUP(world_release) struct world w = { .topology = NULL };
	struct context_env *env = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_world(&w, a_yaml, b_yaml);
	assert_int_equal(-ERR_CONFIG, resolve(&w, NULL, "NAME=\nA_PW=\n", &env, &err));
	assert_string_equal("variable 'A_PW' is not set: service 'a' needs it", err.msg);
	assert_string_equal("and 'B_PORT' (service 'b')\nand 'B_PW' (service 'b')\n", err.detail);
	/* Another service's secret is nothing to n1. */
	assert_int_equal(0, resolve(&w, "n1", "NAME=x\nA_PW=x\nB_PORT=1\n", &env, &err));
	context_env_free(env);
}

static void ports_are_numbers_that_can_be_ports(void **state)
{
	static const char *const bad[] = { "0", "65536", "x", "-1", "" };
	CLEANUP(world_release) struct world w = { .topology = NULL };
	struct context_env *env = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_world(&w, a_yaml, b_yaml);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(str_release) struct str text = STR_INIT;

		str_addf(&text, "NAME=x\nA_PW=x\nB_PW=x\nB_PORT=1\nA_EACH_N3=%s\n", bad[i]);
		assert_int_equal(-ERR_CONFIG, resolve(&w, NULL, text.buf, &env, &err));
		assert_non_null(strstr(err.msg, "variable 'A_EACH_N3' (service 'a'): '"));
	}
}

static void services_must_agree_about_a_shared_variable(void **state)
{
	static const struct {
		const char *b, *message;
	} cases[] = {
		{ "service: b\nlayer: l\nenv: [{name: A_PW}]\n",
		  "variable 'A_PW' is secret for service 'a' and not for service 'b'" },
		{ "service: b\nlayer: l\nenv: [{name: TLS, default: false}]\n",
		  "services 'a' and 'b' declare variable 'TLS' differently" },
		{ "service: b\nlayer: l\nports: [{env: A_PORT, default: 1001}]\n",
		  "services 'a' and 'b' declare variable 'A_PORT' differently" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(world_release) struct world w = { .topology = NULL };
		struct context_env *env = NULL;
		struct err err = ERR_INIT;

		make_world(&w, a_yaml, cases[i].b);
		assert_int_equal(-ERR_CONFIG, resolve(&w, NULL, env_text, &env, &err));
		assert_string_equal(cases[i].message, err.msg);
	}
}

static void expect_list(const char *expected, const struct strv *list)
{
	CLEANUP(str_release) struct str all = STR_INIT;

	str_add(&all, "");
	for (size_t i = 0; i < list->count; i++)
		str_addf(&all, "%s ", list->items[i]);
	assert_string_equal(expected, all.buf);
}

static void certificates_are_rendered_for_their_node(void **state)
{
	CLEANUP(world_release) struct world w = { .topology = NULL };
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	CLEANUP(context_certificates_freep) struct context_certificates *certs = NULL;
	const struct topology_node *node = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_world(&w, a_yaml, b_yaml);
	node = topology_find(w.topology, "n1");
	assert_int_equal(0, resolve(&w, "n1", env_text, &env, &err));
	assert_int_equal(0, context_certificates(&w.cluster, env, node, &certs, &err));
	assert_int_equal(2, certs->count);
	assert_string_equal("a-server", certs->items[0].id);
	assert_string_equal("o", certs->items[0].o);
	assert_null(certs->items[0].ou);
	assert_string_equal("n1", certs->items[0].cn);
	expect_list("n1 n1.example.org 10.0.0.1 localhost 127.0.0.1 n-2 fd00::2 ",
		    &certs->items[0].sans);
	assert_string_equal("client of d1", certs->items[1].ou);
	expect_list("", &certs->items[1].sans);
}

static void a_name_that_cannot_be_a_san_is_refused(void **state)
{
	CLEANUP(world_release) struct world w = { .topology = NULL };
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	CLEANUP(str_release) struct str yaml = STR_INIT;
	struct context_certificates *certs = NULL;
	struct err err = ERR_INIT;
	char *vip = NULL;

	(void)state;
	str_add(&yaml, a_yaml);
	vip = strstr(yaml.buf, "{{vip}}");
	memcpy(vip, "bad/san", 7);
	make_world(&w, yaml.buf, b_yaml);
	assert_int_equal(0, resolve(&w, "n1", env_text, &env, &err));
	assert_int_equal(-ERR_CONFIG,
			 context_certificates(&w.cluster, env, topology_find(w.topology, "n1"),
					      &certs, &err));
	assert_string_equal("service 'a': certificate 'server': 'bad/san' is neither a host's name "
			    "nor an address",
			    err.msg);
}

static void packages_follow_the_platform(void **state)
{
	CLEANUP(world_release) struct world w = { .topology = NULL };
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_world(&w, a_yaml, b_yaml);
	assert_int_equal(
		0, context_packages(&w.cluster, manifest_find(w.manifest, "a"), &names, &err));
	expect_list("base py3.12 ", &names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_see_what_the_schema_promises),
		cmocka_unit_test(a_secret_is_refused_where_it_could_be_seen),
		cmocka_unit_test(a_capsule_carries_the_secrets_of_its_own_services_alone),
		cmocka_unit_test(what_is_missing_is_named_with_who_needs_it),
		cmocka_unit_test(ports_are_numbers_that_can_be_ports),
		cmocka_unit_test(services_must_agree_about_a_shared_variable),
		cmocka_unit_test(certificates_are_rendered_for_their_node),
		cmocka_unit_test(a_name_that_cannot_be_a_san_is_refused),
		cmocka_unit_test(packages_follow_the_platform),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
