/* SPDX-License-Identifier: Apache-2.0 */
#include "held.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "record.h"
#include "state.h"
#include "verifier.h"

#define REMEMBERED "secrets" /* STATE/secrets */
#define CHANGING " changing"

/* A secret of this node. */
struct secret {
	const struct context_variable *variable; /* borrowed from setup->env */
	char *verifier;                          /* remembered; NULL: new here */
	bool changing;                           /* a step may have changed it */
	bool differs;                            /* the bundle has another value */
	bool held;                               /* the cluster has the old value, or had it */
	bool by_hand;                            /* the operator has changed it there */
	size_t due;                              /* steps that have still to change it */
};

struct held {
	struct secret *secrets;
	size_t count;
	struct strv others; /* lines of secrets that this node has no more */
	bool same;          /* nothing is new, and nothing changed or is changing */
};

void held_free(struct held *held)
{
	if (!held)
		return;
	for (size_t i = 0; i < held->count; i++)
		free(held->secrets[i].verifier);
	free(held->secrets);
	strv_release(&held->others);
	free(held);
}

/* --- what is remembered --------------------------------------------------------------------- */

static struct secret *find(const struct held *held, const char *name)
{
	for (size_t i = 0; i < held->count; i++)
		if (!strcmp(held->secrets[i].variable->name, name))
			return &held->secrets[i];
	return NULL;
}

/* "NAME VERIFIER" or "NAME VERIFIER changing" */
static int read_line(struct held *held, const char *line, struct err *err)
{
	size_t len = strcspn(line, " ");
	cleanup_free char *name = strndup(line, len);
	struct secret *secret = name ? find(held, name) : NULL;
	const char *verifier = line + len + (line[len] == ' ');

	if (!name)
		return err_nomem(err);
	if (!*verifier)
		return err_set(err, ERR_FAILED, "the line of '%.80s' is not whole", name);
	if (!secret)
		return strv_add(&held->others, line, err);
	secret->changing = str_ends(verifier, CHANGING);
	free(secret->verifier);
	secret->verifier = strdup(verifier);
	if (!secret->verifier)
		return err_nomem(err);
	if (secret->changing)
		secret->verifier[strlen(verifier) - strlen(CHANGING)] = '\0';
	return 0;
}

static int load(const struct setup *setup, struct held *held, struct err *err)
{
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	const struct context_env *env = setup->env;
	int r = state_list_load(setup->in, REMEMBERED, &lines, err);

	held->secrets = calloc(env->count + 1, sizeof(*held->secrets));
	if (!held->secrets)
		return err_nomem(err);
	for (size_t i = 0; i < env->count; i++)
		if (env->items[i].secret)
			held->secrets[held->count++].variable = &env->items[i];
	for (size_t i = 0; r == 0 && i < lines.count; i++)
		r = read_line(held, lines.items[i], err);
	return r;
}

static int compare(struct held *held, bool same_bundle, struct err *err)
{
	int r = 0;

	held->same = true;
	for (size_t i = 0; r == 0 && i < held->count; i++) {
		struct secret *s = &held->secrets[i];
		bool same = true;

		if (s->verifier && (!same_bundle || s->changing))
			r = verifier_check(s->verifier, s->variable->value, &same, err);
		s->differs = !same;
		held->same &= s->verifier && same && !s->changing;
	}
	return r;
}

static int save(const struct setup *setup, struct err *err)
{
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	const struct held *held = setup->held;
	int r = 0;

	for (size_t i = 0; r == 0 && i < held->others.count; i++)
		r = strv_add(&lines, held->others.items[i], err);
	for (size_t i = 0; r == 0 && i < held->count; i++) {
		struct secret *s = &held->secrets[i];

		r = strv_addf(&lines, err, "%s %s%s", s->variable->name, s->verifier,
			      s->changing ? CHANGING : "");
	}
	strv_sort(&lines);
	return r < 0 ? r : state_list_save(setup->in, REMEMBERED, &lines, err);
}

/* From now on S has the bundle's value. */
static int renew(struct secret *s, struct err *err)
{
	char *verifier = NULL;
	int r = verifier_make(s->variable->value, &verifier, err);

	if (r < 0)
		return r;
	free(s->verifier);
	s->verifier = verifier;
	s->differs = s->changing = false;
	return 0;
}

/* --- what the operator says ----------------------------------------------------------------- */

static bool is_accepted(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (list && *list) {
		size_t n = strcspn(list, ",");

		if (n == len && !strncmp(list, name, len))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static bool is_secret(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->count; i++)
		if (service_has_secret(manifest->services[i], name))
			return true;
	return false;
}

static int check_accepted(const struct setup *setup, struct err *err)
{
	cleanup_free char *copy = NULL;
	const char *list = setup->in->accept_change;
	char *save_ptr = NULL;
	int r = list ? str_dup(&copy, list, err) : 0;

	if (r < 0 || !copy)
		return r;
	for (char *name = strtok_r(copy, ",", &save_ptr); name;
	     name = strtok_r(NULL, ",", &save_ptr))
		if (!is_secret(setup->manifest, name))
			return err_set(
				err, ERR_USAGE,
				"--accept-change: no service of this bundle has a secret '%.80s'",
				name);
	return 0;
}

/* REFUSED gets one message for all. */
static void refuse(const struct service *service, const struct service_variable *v,
		   struct err *refused)
{
	if (refused->code == ERR_NONE)
		err_set(refused, ERR_CONFIG,
			"'%s' changed, and the running cluster (service '%s') holds the old value: "
			"change it by hand as told below, with --accept-change %s; or put the old "
			"value back into .env",
			v->name, service->name, v->name);
	else
		err_detail(refused, "'%s' (service '%s') too:", v->name, service->name);
	err_detail(refused, "by hand: %s", v->held.by_hand.en);
	err_detail(refused, "à la main : %s", v->held.by_hand.fr);
}

/* --- the plan ------------------------------------------------------------------------------- */

/* S changed, and SERVICE holds it. */
static int plan_change(struct setup *setup, const struct service *service,
		       const struct service_variable *v, struct secret *s, struct strv *notices,
		       struct err *refused, struct err *err)
{
	if (!v->held.step) {
		s->by_hand = is_accepted(setup->in->accept_change, v->name);
		if (!s->by_hand)
			refuse(service, v, refused);
		return 0;
	}
	if (strv_has(&setup->node->services, service->name)) {
		s->due++;
		return strv_addf(notices, err,
				 "%s changes, and the running cluster holds it: the step '%s' "
				 "gives it the new value",
				 v->name, v->held.change);
	}
	return strv_addf(notices, err,
			 "%s changes, and the running cluster holds it: service '%s' gives it the "
			 "new value when that is installed",
			 v->name, service->name);
}

static int plan_service(struct setup *setup, const struct service *service, struct strv *notices,
			struct err *refused, struct err *err)
{
	int r = 0;

	SERVICE_EACH(struct service_variable, v, service->variables)
	{
		struct secret *s = service_is_held(v) ? find(setup->held, v->name) : NULL;

		if (r == 0 && s && (s->differs || s->changing)) {
			s->held = true;
			r = plan_change(setup, service, v, s, notices, refused, err);
		}
	}
	return r;
}

int held_plan(struct setup *setup, bool same_bundle, struct strv *notices, struct err *err)
{
	struct held *held = setup->held = calloc(1, sizeof(*held));
	struct err refused = ERR_INIT;
	int r = held ? check_accepted(setup, err) : err_nomem(err);

	if (r < 0)
		return r;
	r = load(setup, held, err);
	if (r == 0)
		r = compare(held, same_bundle, err);
	if (r < 0)
		return err_prefix(err, "'%s/" REMEMBERED "'", setup->in->state_dir);
	/* Every service of the bundle, whoever runs it: others have what it holds in their files. */
	for (size_t i = 0; r == 0 && i < setup->manifest->count; i++)
		r = plan_service(setup, setup->manifest->services[i], notices, &refused, err);
	if (r == 0 && refused.code != ERR_NONE) {
		*err = refused;
		r = -(int)refused.code;
	}
	return r;
}

static int copy(const char *from, const char *to, struct err *err)
{
	cleanup_free char *text = NULL;
	size_t size = 0;
	int r = 0;

	if (access(from, F_OK) == 0)
		r = file_read(from, 0, ERR_FAILED, &text, &size, err);
	return r < 0 ? r : file_write_atomic(to, 0600, text ? text : "", size, err);
}

/* Once: a run that follows a killed one finds the new values already. */
static int keep(const struct setup *setup, struct err *err)
{
	const struct install *in = setup->in;
	cleanup_free char *remembered = NULL;
	cleanup_free char *kept = NULL;
	int r = in->record ? path_join(in->state_dir, REMEMBERED, &remembered, err) : 0;

	if (r < 0 || !in->record)
		return r;
	r = record_path(in, record_sequence(in->record), REMEMBERED, &kept, err);
	return r < 0 || access(kept, F_OK) == 0 ? r : copy(remembered, kept, err);
}

int held_restore(const struct install *in, uint64_t sequence, struct err *err)
{
	cleanup_free char *remembered = NULL;
	cleanup_free char *kept = NULL;
	int r = path_join(in->state_dir, REMEMBERED, &remembered, err);

	if (r == 0)
		r = record_path(in, sequence, REMEMBERED, &kept, err);
	return r < 0 || access(kept, F_OK) < 0 ? r : copy(kept, remembered, err);
}

int held_begin(const struct setup *setup, struct err *err)
{
	struct held *held = setup->held;
	int r = 0;

	if (held->same)
		return 0;
	r = keep(setup, err);
	for (size_t i = 0; r == 0 && i < held->count; i++) {
		struct secret *s = &held->secrets[i];

		if (s->held)
			r = record_add(setup->in->record, RECORD_HELD, s->variable->name, "old",
				       s->by_hand ? RECORD_HELD_BY_HAND : "new", err);
		if (r < 0)
			break;
		if (s->due)
			s->changing = true;
		else if (!s->verifier || s->differs || s->changing)
			r = renew(s, err);
	}
	return r < 0 ? r : save(setup, err);
}

/* --- the steps ------------------------------------------------------------------------------ */

bool held_is_due(const struct setup *setup, const struct service_once *step)
{
	for (size_t i = 0; setup->held && i < setup->count; i++) {
		SERVICE_EACH(struct service_variable, v, setup->services[i].service->variables)
		{
			const struct secret *s = find(setup->held, v->name);

			if (v->held.step == step && s && s->due)
				return true;
		}
	}
	return false;
}

int held_describe(const struct setup *setup, struct strv *lines, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		const struct service *service = setup->services[i].service;

		SERVICE_EACH(struct service_once, step, service->once)
		if (r == 0 && step->on_change && held_is_due(setup, step))
			r = strv_addf(lines, err, "%s: %s", service->name, step->name);
	}
	return r;
}

int held_done(const struct setup *setup, const struct service_once *step, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		SERVICE_EACH(struct service_variable, v, setup->services[i].service->variables)
		{
			struct secret *s = v->held.step == step ? find(setup->held, v->name) : NULL;

			if (r == 0 && s && s->due && --s->due == 0)
				r = renew(s, err);
		}
	}
	return r < 0 ? r : save(setup, err);
}
