/* SPDX-License-Identifier: Apache-2.0 */
/* The manifests that we ship, rendered for the example's nodes with the settings of .env.example. */
#include "unit.h"

#include "context.h"
#include "dotenv.h"
#include "file.h"

DEFINE_CLEANUP(struct dotenv *, dotenv_free);

static struct strv names;
static struct manifest *manifest;
static struct topology *topology;
static char *example;

static int load_ours(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(dir_list("manifests/services", &names, &err));
	assert_ok(manifest_load("manifests/services", &names, &manifest, &err));
	assert_ok(topology_load("manifests/topology.yaml", &names, &topology, &err));
	assert_ok(file_read("manifests/.env.example", 0, ERR_FAILED, &example, NULL, &err));
	return 0;
}

static int free_ours(void **state)
{
	(void)state;
	free(example);
	topology_free(topology);
	manifest_free(manifest);
	strv_release(&names);
	return 0;
}

/* What .env.example leaves empty is a password: one with everything that a format must quote. */
#define PASSWORD "p'\"\\%:;{{#$"

static const char *lookup(const void *from, const char *name)
{
	const char *value = dotenv_get(from, name);

	return value && !*value ? PASSWORD : value;
}

typedef void check_fn(const struct service_file *file, const char *text, bool verify);

static void render(const struct context_cluster *cluster, const struct context_env *env,
		   const struct topology_node *node, const struct service *service, bool verify,
		   check_fn *check)
{
	CLEANUP(mustache_freep) struct mustache_value *context = NULL;
	struct err err = ERR_INIT;

	assert_ok(context_build(cluster, env, node, service, &context, &err));
	SERVICE_EACH(struct service_file, file, service->files)
	{
		CLEANUP(str_release) struct str out = STR_INIT;
		struct mustache_options options = { .format = file->format,
						    .strict = true,
						    .partial = service_template,
						    .context = service };

		assert_ok(mustache_render(file->template, service_template(service, file->template),
					  context, &options, &out, &err));
		str_addc(&out, '\0');
		check(file, out.buf, verify);
	}
}

static void render_all(const char *more, bool verify, check_fn *check)
{
	cleanup_free char *text = NULL;
	CLEANUP(dotenv_freep) struct dotenv *settings = NULL;
	struct context_cluster cluster = { .cluster = "c",
					   .platform_id = "platform:el8",
					   .platform_arch = "x86_64",
					   .platform_python = "3.12",
					   .topology = topology,
					   .manifest = manifest };
	struct err err = ERR_INIT;
	char *line;

	assert_true(asprintf(&text, "%s%s", example, more) > 0);
	line = strstr(text, "\nVERIFY_CLIENT_CERT=true\n");
	assert_non_null(line);
	if (!verify)
		memcpy(line, "\nVERIFY_CLIENT_CERT=false", strlen("\nVERIFY_CLIENT_CERT=false"));
	assert_ok(dotenv_parse(".env", text, &settings, &err));
	for (size_t i = 0; i < topology->count; i++) {
		const struct topology_node *node = &topology->nodes[i];
		CLEANUP(context_env_freep) struct context_env *env = NULL;

		assert_ok(context_env_resolve(&cluster, node, lookup, settings, &env, &err));
		for (size_t s = 0; s < node->services.count; s++)
			render(&cluster, env, node,
			       manifest_find(manifest, node->services.items[s]), verify, check);
	}
}

static void check_all(check_fn *check)
{
	static const char balancers[] = "HAPROXY_LB_ADDRESSES='10.77.1.5 10.77.1.6'\n";

	render_all("", true, check);
	render_all("", false, check);
	render_all(balancers, true, check);
}

static void is_comment_or_head(const struct service_file *file, const char *text, bool verify)
{
	bool comment = false;
	cleanup_free char *copy = strdup(text);
	char *rest = copy;
	char *line;

	(void)verify;
	/* Programs and statements go over several lines; their comments stand where they help. */
	if (!strcmp(file->format->name, "text") || !strcmp(file->format->name, "sql"))
		return;
	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t");
		if (*line && !strchr("#;[", *line) && !comment)
			fail_msg("%s: a line without a comment above it: %s", file->template, line);
		comment = *line == '#' || *line == ';';
	}
}

static void every_rendered_line_is_documented(void **state)
{
	(void)state;
	check_all(is_comment_or_head);
}

static void hba_asks_for_certificates(const struct service_file *file, const char *text,
				      bool verify)
{
	cleanup_free char *copy = strdup(text);
	char *rest = copy;
	char *line;

	while ((line = strsep(&rest, "\n"))) {
		if (!strstr(line, "\"hostssl "))
			continue;
		assert_contains(line, " scram-sha-256");
		if (verify != !!strstr(line, " clientcert=verify-ca\""))
			fail_msg("%s, verification %s: %s", file->template, verify ? "on" : "off",
				 line);
	}
}

static void database_clients_show_certificates_when_asked(void **state)
{
	(void)state;
	check_all(hba_asks_for_certificates);
}

static void has_no_clear_flow(const struct service_file *file, const char *text, bool verify)
{
	static const char *const bad[] = { "http://",       "\"host all all 1", "sslmode: prefer",
					   "verify none",   "trust\"",          "md5\"",
					   "insecure: true" };

	(void)verify;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (strstr(text, bad[i]))
			fail_msg("%s: '%s'", file->template, bad[i]);
}

static void nothing_is_sent_in_clear(void **state)
{
	(void)state;
	check_all(has_no_clear_flow);
}

static void is_private_with_a_password(const struct service_file *file, const char *text,
				       bool verify)
{
	(void)verify;
	/* What no format changes in PASSWORD. */
	if (strstr(text, "%:;{{#$") || strstr(text, "%%:;{{#$"))
		assert_int_equal(0, file->mode & 07);
}

static void passwords_stand_in_private_files(void **state)
{
	(void)state;
	check_all(is_private_with_a_password);
}

/* Whoever holds a client certificate with an account's name may be taken for that account. */
static void client_certificates_carry_no_account_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < manifest->count; i++)
		SERVICE_EACH(struct service_certificate, c, manifest->services[i]->certificates)
	if (c->usage == SERVICE_USAGE_CLIENT && c->subject.cn)
		fail_msg("%s: %s has CN=%s", manifest->services[i]->name, c->name, c->subject.cn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rendered_line_is_documented),
		cmocka_unit_test(database_clients_show_certificates_when_asked),
		cmocka_unit_test(nothing_is_sent_in_clear),
		cmocka_unit_test(passwords_stand_in_private_files),
		cmocka_unit_test(client_certificates_carry_no_account_name),
	};

	return cmocka_run_group_tests(tests, load_ours, free_ours);
}
