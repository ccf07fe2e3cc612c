/* SPDX-License-Identifier: Apache-2.0 */
/* What units said last, without the secrets that a service may have written there. */
#include <string.h>

#include "context_env.h"
#include "proc.h"
#include "unit.h"

#define QUICK_MS 60000
#define JOURNAL_LINES "15"
#define MASK_LEN 3   /* stars */
#define SECRET_MIN 4 /* what is shorter is found in every word */

/* LINE is changed in place: the mask is no longer than what it stands for. */
static void mask(char *line, const char *secret)
{
	size_t len = strlen(secret);

	if (len < SECRET_MIN)
		return;
	for (char *at = strstr(line, secret); at; at = strstr(at, secret)) {
		const char *rest = at + len;

		memset(at, '*', MASK_LEN);
		at += MASK_LEN;
		memmove(at, rest, strlen(rest) + 1);
	}
}

void unit_mask_secrets(const struct setup *setup, char *line)
{
	for (size_t i = 0; setup->env && i < setup->env->count; i++) {
		const struct context_variable *v = &setup->env->items[i];

		if (v->secret && v->value)
			mask(line, v->value);
	}
}

static void one_journal(const struct setup_service *service, const char *unit, struct err *err)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	const char *const argv[] = { "journalctl", "--no-pager",  "--quiet",
				     "--lines",    JOURNAL_LINES, "--output=short",
				     "--unit",     unit,          NULL };
	const struct proc proc = { .argv = argv, .timeout_ms = QUICK_MS };
	struct err ignored = ERR_INIT; /* no journal: the failure itself is told */
	char *save = NULL;

	res.out.secret = true;
	if (proc_run(&proc, &res, &ignored) < 0 || res.status || !res.out.len)
		return;
	err_detail(err, "the journal of %s:", unit);
	for (char *l = strtok_r(res.out.buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		unit_mask_secrets(service->setup, l);
		err_detail(err, "  %s", l);
	}
}

void unit_journal(const struct setup_service *service, struct err *err)
{
	SERVICE_EACH(struct service_unit, unit, service->service->units)
	one_journal(service, unit->name, err);
}
