/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "interrupt.h"
#include "unit.h"

#define PAUSE_MS 500             /* between two tries */
#define SEQUENCE "PGHA_SEQUENCE" /* of the bundle, in every command's environment */
#define SAID_LINES 12            /* of what a command said, in a message */

/* Cleansed: environment and standard input hold secrets. */
static void release_secrets(struct strv *v)
{
	for (size_t i = 0; i < v->count; i++)
		secret_cleanse(v->items[i], strlen(v->items[i]));
	strv_release(v);
}

static int render_exec(const struct setup_service *service, const struct strv *exec,
		       struct strv *ret, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < exec->count; i++) {
		char *text = NULL;

		r = context_text(service->context, "exec", exec->items[i], false, &text, err);
		if (r == 0)
			r = strv_take(ret, text, err);
	}
	if (r == 0 && (!ret->count || ret->items[0][0] != '/'))
		r = err_set(err, ERR_CONFIG, "exec: '%.200s' is no absolute path",
			    ret->count ? ret->items[0] : "");
	return r;
}

static bool is_set(const struct strv *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->count; i++)
		if (!strncmp(env->items[i], name, len) && env->items[i][len] == '=')
			return true;
	return false;
}

static int render_settings(const struct setup_service *service, const struct schema_list *settings,
			   struct strv *env, struct err *err)
{
	SERVICE_EACH(struct service_setting, setting, *settings)
	{
		CLEANUP(str_release) struct str item = STR_SECRET;
		char *value = NULL;
		int r = 0;

		if (is_set(env, setting->name))
			continue;
		r = context_text(service->context, setting->name, setting->value,
				 !service->no_secrets, &value, err);
		if (r < 0)
			return r;
		str_addf(&item, "%s=%s", setting->name, value);
		secret_cleanse(value, strlen(value));
		free(value);
		value = NULL;
		r = str_done(&item, &value, err);
		if (r == 0)
			r = strv_take(env, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void say(struct err *why, char *text)
{
	char *start = text ? text + strlen(text) : NULL;
	char *save = NULL;
	unsigned int lines = 0;

	while (start && start > text && lines <= SAID_LINES) {
		start--;
		lines += *start == '\n' && start[1];
	}
	for (char *l = start ? strtok_r(start, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save))
		err_detail(why, "%s", l);
}

static bool judge(struct proc_result *res, const char *name, const char *expect,
		  unsigned int timeout_ms, struct err *why)
{
	struct err ignored = ERR_INIT;
	bool said = !expect || (res->out.buf && strstr(res->out.buf, expect));

	if (!why)
		why = &ignored;
	if (res->timed_out)
		err_set(why, ERR_UNHEALTHY, "'%s' did not end within %u s", name,
			timeout_ms / 1000);
	else if (res->status)
		err_set(why, ERR_UNHEALTHY, "'%s' ended with status %d", name, res->status);
	else if (!said)
		err_set(why, ERR_UNHEALTHY, "'%s' did not say '%.100s'", name, expect);
	else
		return true;
	say(why, res->out.buf);
	say(why, res->err_out.buf);
	return false;
}

void probe_rendered_release(struct probe_rendered *rendered)
{
	strv_release(&rendered->argv);
	release_secrets(&rendered->env);
	release_secrets(&rendered->texts);
}

static int add_text(const struct setup_service *service, const char *what, const char *source,
		    bool secrets, struct probe_rendered *ret, const char **ret_text,
		    struct err *err)
{
	char *text = NULL;
	int r = context_text(service->context, what, source, secrets, &text, err);

	if (r == 0)
		r = strv_take(&ret->texts, text, err);
	if (r == 0)
		*ret_text = text;
	return r;
}

int probe_render(const struct setup_service *service, const struct service_command *command,
		 const struct strv *exec, bool with_stdin, const char *expect,
		 struct probe_rendered *ret, struct err *err)
{
	int r = render_exec(service, exec, &ret->argv, err);

	if (r == 0)
		r = render_settings(service, &command->env, &ret->env, err);
	if (r == 0)
		r = render_settings(service, &service->service->command_env, &ret->env, err);
	if (r == 0 && !is_set(&ret->env, SEQUENCE))
		r = strv_addf(&ret->env, err, SEQUENCE "=%" PRIu64,
			      service->setup->in->index.sequence);
	if (r == 0 && with_stdin && command->stdin_text)
		r = add_text(service, "stdin", command->stdin_text, !service->no_secrets, ret,
			     &ret->proc.stdin_data, err);
	if (r == 0 && expect)
		r = add_text(service, "expect", expect, false, ret, &ret->expected, err);
	ret->proc.user = command->user;
	ret->proc.dir = "/";
	ret->proc.argv = (const char *const *)ret->argv.items;
	ret->proc.env = (const char *const *)ret->env.items;
	return r;
}

int probe_command(const struct setup_service *service, const struct service_command *command,
		  const struct strv *exec, bool with_stdin, const char *expect,
		  unsigned int timeout_ms, bool *ret_holds, struct err *why, struct err *err)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	CLEANUP(probe_rendered_release) struct probe_rendered rendered = PROBE_RENDERED_INIT;
	int r = probe_render(service, command, exec, with_stdin, expect, &rendered, err);

	if (r < 0)
		return r;
	rendered.proc.timeout_ms = timeout_ms;
	res.out.secret = res.err_out.secret = true;
	r = proc_run(&rendered.proc, &res, err);
	if (r == 0)
		*ret_holds =
			judge(&res, rendered.argv.items[0], rendered.expected, timeout_ms, why);
	return r;
}

/* Again and again until it holds or END_MS of the monotonic clock is over; once at least. */
static int try_until(const struct setup_service *service, const struct service_probe *probe,
		     unsigned int timeout_ms, uint64_t end_ms, bool *ret_holds, struct err *why,
		     struct err *err)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

	for (;;) {
		int r = probe_command(service, &probe->command, &probe->command.exec, true,
				      probe->expect, timeout_ms, ret_holds, why, err);

		if (r < 0)
			return err_prefix(err, "service '%s': probe '%s'", service->service->name,
					  probe->name);
		if (*ret_holds || clock_monotonic_ms() >= end_ms)
			return 0;
		nanosleep(&pause, NULL); /* a signal ends it, and the check below sees that */
		r = interrupt_check(err);
		if (r < 0)
			return r;
	}
}

int probe_try_cluster(const struct setup *setup, const struct setup_service *service,
		      const struct service_probe *probe, uint64_t start_ms, unsigned int budget_ms,
		      bool *ret_holds, struct err *why, struct err *err)
{
	unsigned int timeout_ms = probe->timeout_s * 1000;
	uint64_t end_ms = start_ms + budget_ms;

	if (setup->in->wait)
		end_ms = clock_monotonic_ms() + probe->within_s * UINT64_C(1000);
	else if (timeout_ms > PROBE_TRY_MS)
		timeout_ms = PROBE_TRY_MS;
	return try_until(service, probe, timeout_ms, end_ms, ret_holds, why, err);
}

bool probe_lacks_secret(const struct setup_service *service, const struct service_command *command,
			struct err *why)
{
	CLEANUP(release_secrets) struct strv env = STRV_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	if (!service->no_secrets)
		return false;
	r = render_settings(service, &command->env, &env, why);
	if (r == 0)
		r = render_settings(service, &service->service->command_env, &env, why);
	if (r == 0 && command->stdin_text)
		r = context_text(service->context, "stdin", command->stdin_text, false, &text, why);
	return r < 0;
}

int probe_ask(const struct setup *setup, const struct setup_service *service,
	      const struct service_probe *probe, uint64_t start_ms, enum probe_state *ret,
	      struct err *why, struct err *err)
{
	bool cluster = probe->scope == SERVICE_SCOPE_CLUSTER;
	bool holds = false;
	int r = 0;

	*ret = PROBE_NOT_ASKED;
	if (probe_lacks_secret(service, &probe->command, why)) {
		err_set(why, ERR_CONFIG,
			"it needs a secret, and none is kept for it here: an installation asks it");
		return 0;
	}
	r = probe_try_cluster(setup, service, probe, start_ms, cluster ? PROBE_PATIENCE_MS : 0,
			      &holds, why, err);
	*ret = holds                         ? PROBE_HEALTHY
	       : cluster && !setup->in->wait ? PROBE_PENDING
					     : PROBE_UNHEALTHY;
	return r;
}

int probe_try_step(const struct setup_service *service, const struct service_probe *probe,
		   unsigned int within_s, bool *ret_holds, struct err *why, struct err *err)
{
	return try_until(service, probe, probe->timeout_s * 1000,
			 clock_monotonic_ms() + within_s * UINT64_C(1000), ret_holds, why, err);
}

static int unhealthy(const struct setup_service *service, const struct service_probe *probe,
		     const struct err *why, struct err *err)
{
	*err = *why;
	err_prefix(err, "service '%s': probe '%s' does not hold after %u s", service->service->name,
		   probe->name, probe->within_s);
	unit_journal(service, err);
	return -(int)err->code;
}

int probe_node(struct setup *setup, struct err *err)
{
	if (!install_is_live(setup->in))
		return 0;
	for (size_t i = 0; i < setup->count; i++) {
		const struct setup_service *service = &setup->services[i];

		SERVICE_EACH(struct service_probe, probe, service->service->probes)
		{
			struct err why = ERR_INIT;
			bool holds = false;
			int r = 0;

			if (probe->scope != SERVICE_SCOPE_NODE)
				continue;
			r = try_until(service, probe, probe->timeout_s * 1000,
				      clock_monotonic_ms() + probe->within_s * UINT64_C(1000),
				      &holds, &why, err);
			if (r < 0)
				return r;
			if (!holds)
				return unhealthy(service, probe, &why, err);
		}
	}
	return 0;
}

int probe_cluster(struct setup *setup, struct strv *pending, struct err *err)
{
	uint64_t start = clock_monotonic_ms();

	if (!install_is_live(setup->in))
		return 0;
	for (size_t i = 0; i < setup->count; i++) {
		const struct setup_service *service = &setup->services[i];

		SERVICE_EACH(struct service_probe, probe, service->service->probes)
		{
			struct err why = ERR_INIT;
			bool holds = false;
			int r = 0;

			if (probe->scope != SERVICE_SCOPE_CLUSTER)
				continue;
			r = probe_try_cluster(setup, service, probe, start, PROBE_PATIENCE_MS,
					      &holds, &why, err);
			if (r == 0 && !holds && setup->in->wait)
				r = unhealthy(service, probe, &why, err);
			if (r == 0 && !holds)
				r = strv_addf(pending, err, "%s: pending: waits for %s",
					      service->service->layer, probe->name);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
