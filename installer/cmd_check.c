/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install check: whether this node's services and their cluster do their work, by the probes of what is installed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "commands.h"
#include "interrupt.h"
#include "json.h"
#include "kept.h"
#include "probe.h"

struct check_options {
	bool wait;
	bool json;
};

struct check_result {
	const struct setup_service *service;
	const struct service_probe *probe;
	enum probe_state state;
	struct err why;
};

struct check {
	struct install in;
	struct state_committed committed;
	struct setup *setup;
	struct check_result *results;
	size_t count;
};

static const char *const states[] = {
	[PROBE_HEALTHY] = "healthy",
	[PROBE_PENDING] = "pending",
	[PROBE_UNHEALTHY] = "unhealthy",
	[PROBE_NOT_ASKED] = "not asked",
};

static void check_release(struct check *c)
{
	setup_free(c->setup);
	install_release(&c->in);
	state_committed_release(&c->committed);
	free(c->results);
}

static size_t count_of(const struct check *c, enum probe_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		count += c->results[i].state == state;
	return count;
}

/* The probes of one scope, in the order of the services. */
static int ask(struct check *c, enum service_scope scope, struct err *err)
{
	uint64_t start = clock_monotonic_ms();
	int r = 0;

	for (size_t i = 0; i < c->setup->count; i++) {
		const struct setup_service *service = &c->setup->services[i];

		SERVICE_EACH(struct service_probe, probe, service->service->probes)
		{
			struct check_result *result = &c->results[c->count];

			if (probe->scope != scope)
				continue;
			*result = (struct check_result){ .service = service, .probe = probe };
			r = interrupt_check(err);
			if (r == 0)
				r = probe_ask(c->setup, service, probe, start, &result->state,
					      &result->why, err);
			if (r < 0)
				return r;
			c->count++;
		}
	}
	return 0;
}

static int ask_all(struct check *c, struct err *err)
{
	size_t probes = 0;
	int r = 0;

	for (size_t i = 0; i < c->setup->count; i++)
		probes += c->setup->services[i].service->probes.count;
	c->results = calloc(probes + 1, sizeof(*c->results));
	if (!c->results)
		return err_nomem(err);
	r = ask(c, SERVICE_SCOPE_NODE, err);
	return r < 0 ? r : ask(c, SERVICE_SCOPE_CLUSTER, err);
}

/* Results */

static const char *sum(const struct check *c)
{
	return states[count_of(c, PROBE_UNHEALTHY) ? PROBE_UNHEALTHY
		      : count_of(c, PROBE_PENDING) ? PROBE_PENDING
						   : PROBE_HEALTHY];
}

static void print_text(const struct check *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct check_result *result = &c->results[i];

		printf("%-10s %-10s %s%s%s\n", result->service->service->layer,
		       states[result->state], result->probe->name,
		       result->state == PROBE_HEALTHY ? "" : ": ",
		       result->state == PROBE_HEALTHY ? "" : result->why.msg);
		if (result->state == PROBE_UNHEALTHY)
			cli_print(result->why.detail);
	}
	printf("%s: %s\n", c->committed.node, sum(c));
}

static int print_json(const struct check *c, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	json_string(&j, "cluster", c->committed.cluster);
	json_string(&j, "node", c->committed.node);
	json_number(&j, "sequence", c->committed.sequence);
	json_string(&j, "state", sum(c));
	json_open(&j, "probes", '[');
	for (size_t i = 0; i < c->count; i++) {
		const struct check_result *result = &c->results[i];
		bool healthy = result->state == PROBE_HEALTHY;

		json_open(&j, NULL, '{');
		json_string(&j, "service", result->service->service->name);
		json_string(&j, "layer", result->service->service->layer);
		json_string(&j, "probe", result->probe->name);
		json_string(&j, "scope",
			    result->probe->scope == SERVICE_SCOPE_NODE ? "node" : "cluster");
		json_string(&j, "state", states[result->state]);
		json_string(&j, "why", healthy ? NULL : result->why.msg);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}

static int judge(const struct check *c, struct err *err)
{
	size_t bad = count_of(c, PROBE_UNHEALTHY);

	if (!bad)
		return 0;
	cli_flush();
	return err_set(err, ERR_UNHEALTHY, "%zu of %zu probes %s not hold", bad, c->count,
		       bad == 1 ? "does" : "do");
}

static int run_check(const void *options, int argc, char **argv, struct err *err)
{
	const struct check_options *o = options;
	CLEANUP(check_release)
	struct check c = { .in = { .root = "/", .dry_run = true, .wait = o->wait } };
	int r = 0;

	(void)argc;
	(void)argv;
	if (geteuid() != 0)
		return err_set(err, ERR_HOST,
			       "probes run as the services' own accounts: run it with sudo");
	r = install_init(&c.in, err);
	if (r == 0)
		r = kept_open(&c.in, &c.committed, err);
	if (r == 0)
		r = setup_new_kept(&c.in, &c.setup, err);
	if (r == 0)
		r = ask_all(&c, err);
	if (r == 0 && o->json)
		r = print_json(&c, err);
	else if (r == 0)
		print_text(&c);
	return r < 0 ? r : judge(&c, err);
}

static const struct cli_option options[] = {
	{ .name = "wait",
	  .type = CLI_FLAG,
	  .help = "give each probe its time; what is still pending in the cluster is a failure",
	  .offset = offsetof(struct check_options, wait) },
	{ .name = "json",
	  .type = CLI_FLAG,
	  .help = "results as JSON",
	  .offset = offsetof(struct check_options, json) },
	CLI_OPTION_END,
};

const struct cli_command install_check_command = {
	.name = "check",
	.args = "",
	.summary = "whether this node's services and their cluster do their work",
	.options = options,
	.run = run_check,
	.options_size = sizeof(struct check_options),
};
