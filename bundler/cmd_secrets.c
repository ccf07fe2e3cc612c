/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle secrets …: the .env of a definition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "file.h"
#include "progress.h"
#include "secrets.h"

struct options {
	const char *definition;
	const char *output;
};

static const struct cli_option secrets_options[] = {
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml", "the bundle's definition", true,
	  offsetof(struct options, definition) },
	{ "output", 'o', CLI_VALUE, "FILE", "the file to make (default: the definition's 'env')",
	  false, offsetof(struct options, output) },
	CLI_OPTION_END,
};

/* The definition's own .env unless -o names another; borrowed. */
static int env_path(const struct secrets *s, const struct options *o, const char **ret,
		    struct err *err)
{
	*ret = o->output ? o->output : s->def.env;
	return definition_need(&s->def, "env", *ret, err);
}

static int cmd_init(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	CLEANUP(secrets_release) struct secrets s = SECRETS_INIT;
	CLEANUP(str_release) struct str text = STR_SECRET;
	const char *path = NULL;
	size_t count = 0;
	int r = secrets_load(o->definition, &s, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = env_path(&s, o, &path, err);
	if (r == 0)
		r = secrets_text(&s, true, &text, err);
	if (r == 0)
		r = file_write_new(path, 0600, text.buf, text.len, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s.declared.count; i++) {
		const struct context_declaration *d = &s.declared.items[i];

		count += d->secret && d->wanted;
		if (!d->secret && d->wanted && !d->fallback)
			notice("'%s' has no default: fill it in", d->name);
	}
	notice("%s: %zu random passwords; never put it under version control", path, count);
	return 0;
}

static int cmd_check(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	CLEANUP(secrets_release) struct secrets s = SECRETS_INIT;
	CLEANUP(strv_release) struct strv problems = STRV_INIT;
	struct dotenv *env = NULL;
	int r = secrets_load(o->definition, &s, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = definition_need(&s.def, "env", s.def.env, err);
	if (r == 0)
		r = dotenv_load(s.def.env, &env, err);
	if (r == 0)
		r = secrets_check(&s.cluster, &s.def, env, s.def.env, &problems, err);
	dotenv_free(env);
	for (size_t i = 0; r == 0 && i < problems.count; i++)
		printf("%s\n", problems.items[i]);
	if (r == 0 && problems.count)
		return err_set(err, ERR_CONFIG, "%zu %s in '%s'", problems.count,
			       problems.count == 1 ? "problem" : "problems", s.def.env);
	if (r == 0)
		printf("%s: nothing wrong\n", s.def.env);
	return r;
}

/* Who holds the secret NAME: their capsules carry it. */
static void print_holders(const struct secrets *s, const char *name)
{
	printf("%s:", name);
	for (size_t i = 0; i < s->topology->count; i++) {
		const struct topology_node *node = &s->topology->nodes[i];

		for (size_t j = 0; j < s->manifest->count; j++) {
			const struct service *service = s->manifest->services[j];

			if (strv_has(&node->services, service->name) &&
			    service_has_secret(service, name))
				printf(" %s@%s", service->name, node->name);
		}
	}
	printf("\n");
}

/* What new files alone do not change. */
static void tell_held(const struct service *service, const struct service_variable *v)
{
	if (v->held.change) {
		notice("%s: the running cluster holds it, and gets it when the nodes of service "
		       "'%s' "
		       "are installed",
		       v->name, service->name);
		return;
	}
	notice("%s: the running cluster (service '%s') holds it, and nothing changes it there by "
	       "itself",
	       v->name, service->name);
	notice("by hand: %s", v->held.by_hand.en);
	notice("à la main : %s", v->held.by_hand.fr);
}

static void tell_holders(const struct secrets *s, const char *name)
{
	for (size_t i = 0; i < s->manifest->count; i++) {
		const struct service *service = s->manifest->services[i];

		SERVICE_EACH(struct service_variable, v, service->variables)
		if (service_is_held(v) && !strcmp(v->name, name))
			tell_held(service, v);
	}
}

static int cmd_rotate(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	CLEANUP(secrets_release) struct secrets s = SECRETS_INIT;
	cleanup_free const char **names = calloc((size_t)argc + 1, sizeof(*names));
	cleanup_free char *kept = NULL;
	int r = names ? secrets_load(o->definition, &s, err) : err_nomem(err);

	if (r == 0)
		r = definition_need(&s.def, "env", s.def.env, err);
	for (int i = 0; r == 0 && i < argc; i++)
		names[i] = argv[i];
	if (r == 0)
		r = secrets_rotate(&s, names, &kept, err);
	if (r < 0)
		return r;
	for (int i = 0; i < argc; i++)
		print_holders(&s, argv[i]);
	for (int i = 0; i < argc; i++)
		tell_holders(&s, argv[i]);
	notice("what was before is in '%s': a running cluster has the old passwords until its "
	       "services are given the new ones; remove that file then",
	       kept);
	return 0;
}

static int cmd_example(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	CLEANUP(secrets_release) struct secrets s = SECRETS_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	int r = secrets_load(o->definition, &s, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = secrets_text(&s, false, &text, err);
	if (r == 0)
		cli_print(text.buf);
	return r;
}

const struct cli_command bundle_cmd_secrets_init = {
	.name = "secrets init",
	.args = "",
	.summary = "write a .env with random passwords, and defaults for everything else",
	.options = secrets_options,
	.run = cmd_init,
	.options_size = sizeof(struct options),
};

static const struct cli_option definition_options[] = {
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml", "the bundle's definition", true,
	  offsetof(struct options, definition) },
	CLI_OPTION_END,
};

const struct cli_command bundle_cmd_secrets_example = {
	.name = "secrets example",
	.args = "",
	.summary = "print a .env without passwords, each variable described, to be committed",
	.options = definition_options,
	.run = cmd_example,
	.options_size = sizeof(struct options),
};

const struct cli_command bundle_cmd_secrets_check = {
	.name = "secrets check",
	.args = "",
	.summary = "tell what is missing, weak, shared or unknown in the definition's .env",
	.options = definition_options,
	.run = cmd_check,
	.options_size = sizeof(struct options),
};

const struct cli_command bundle_cmd_secrets_rotate = {
	.name = "secrets rotate",
	.args = "NAME…",
	.min_args = 1,
	.max_args = 1000,
	.summary = "new random passwords in the definition's .env; the old file is kept",
	.options = definition_options,
	.run = cmd_rotate,
	.options_size = sizeof(struct options),
};
