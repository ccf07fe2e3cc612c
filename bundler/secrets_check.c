/* SPDX-License-Identifier: Apache-2.0 */
/* What a .env must be before anything is built with it. */
#include <string.h>

#include "file.h"
#include "secrets.h"
#include "weakness.h"

#define SHOWN_MAX 30 /* problems in one error */

struct check {
	const struct context_cluster *cluster;
	const struct definition *def;
	const struct context_declarations *declared;
	const struct dotenv *env;
	const char *name;   /* the file's */
	struct strv *found; /* problems */
	struct err *err;
};

/* Remembered; later ones are looked for all the same. */
static int problem(const struct check *c, const char *variable, const char *text)
{
	unsigned int line = dotenv_line(c->env, variable);

	if (line)
		return strv_addf(c->found, c->err, "%s:%u: %s", c->name, line, text);
	return strv_addf(c->found, c->err, "%s: %s", c->name, text);
}

static const struct context_declaration *find(const struct check *c, const char *name)
{
	for (size_t i = 0; i < c->declared->count; i++)
		if (!strcmp(c->declared->items[i].name, name))
			return &c->declared->items[i];
	return NULL;
}

/* --- a value ------------------------------------------------------------------------------------ */

/* What may stand for D's password in a guess: its name, who reads it, and each plain setting. */
static int names_around(const struct check *c, const struct context_declaration *d,
			struct strv *ret)
{
	int r = strv_add(ret, d->name, c->err);

	if (r == 0)
		r = strv_add(ret, d->service->name, c->err);
	if (r == 0 && c->cluster->cluster)
		r = strv_add(ret, c->cluster->cluster, c->err);
	for (size_t i = 0; r == 0 && i < c->declared->count; i++) {
		const struct context_declaration *other = &c->declared->items[i];
		const char *value = dotenv_get(c->env, other->name);

		if (other->secret || other->port)
			continue;
		value = value ? value : other->fallback;
		if (value)
			r = strv_add(ret, value, c->err);
	}
	return r;
}

static int check_secret(const struct check *c, const struct context_declaration *d,
			const char *value)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *text = NULL;
	const char *why = NULL;
	int r = names_around(c, d, &names);

	if (r == 0)
		why = weakness(value, &names);
	if (why)
		r = str_printf(&text, c->err, "'%s' %s", d->name, why);
	return why && r == 0 ? problem(c, d->name, text) : r;
}

static int check_port(const struct check *c, const struct context_declaration *d, const char *value)
{
	cleanup_free char *text = NULL;
	struct err inner = ERR_INIT;
	uint64_t port = 0;
	int r = 0;

	if (str_u64(&port, value, 1, 65535, &inner) == 0)
		return 0;
	r = str_printf(&text, c->err, "'%s' is no port: a number from 1 to 65535", d->name);
	return r < 0 ? r : problem(c, d->name, text);
}

static int check_value(const struct check *c, const struct context_declaration *d)
{
	const char *value = dotenv_get(c->env, d->name);
	cleanup_free char *text = NULL;
	int r = 0;

	if (value && d->secret && *value)
		return check_secret(c, d, value);
	if (value && d->port)
		return check_port(c, d, value);
	if ((value && !d->secret) || d->fallback)
		return 0;
	r = str_printf(&text, c->err, "variable '%s' is %s: service '%s' needs it", d->name,
		       value ? "empty" : "not set", d->service->name);
	return r < 0 ? r : problem(c, d->name, text);
}

/* One password for two purposes: who learns it at the weaker place has it at the other. Each is told
 * once, with the first that has it. */
static int check_distinct(const struct check *c, size_t at)
{
	const struct context_declaration *d = &c->declared->items[at];
	const char *value = d->secret ? dotenv_get(c->env, d->name) : NULL;
	cleanup_free char *text = NULL;
	int r = 0;

	for (size_t i = 0; value && *value && i < at; i++) {
		const struct context_declaration *other = &c->declared->items[i];
		const char *same = NULL;

		if (other->secret && other->wanted)
			same = dotenv_get(c->env, other->name);
		if (!same || strcmp(same, value) != 0)
			continue;
		r = str_printf(&text, c->err,
			       "variables '%s' and '%s' have the same value: give each a password "
			       "of its own",
			       other->name, d->name);
		return r < 0 ? r : problem(c, d->name, text);
	}
	return 0;
}

/* --- names -------------------------------------------------------------------------------------- */

static bool declares(const struct service *service, const char *name)
{
	SERVICE_EACH(struct service_variable, v, service->variables)
	if (!strcmp(v->name, name))
		return true;
	SERVICE_EACH(struct service_port, port, service->ports)
	if (port->per_node ? str_starts(name, port->env) : !strcmp(port->env, name))
		return true;
	return false;
}

/* One .env may serve several definitions, of which this one leaves services out. */
static bool is_read_elsewhere(const struct check *c, const char *name)
{
	CLEANUP(strv_release) struct strv services = STRV_INIT;
	cleanup_free char *dir = NULL;
	struct err ignored = ERR_INIT; /* what cannot be read declares nothing */
	bool found = false;

	if (path_beside(c->def->path, "services", &dir, &ignored) < 0 ||
	    dir_list(dir, &services, &ignored) < 0)
		return false;
	for (size_t i = 0; !found && i < services.count; i++) {
		CLEANUP(strv_release) struct strv one = STRV_INIT;
		CLEANUP(manifest_freep) struct manifest *manifest = NULL;

		if (manifest_find(c->cluster->manifest, services.items[i]))
			continue;
		if (strv_add(&one, services.items[i], &ignored) == 0 &&
		    manifest_load(dir, &one, &manifest, &ignored) == 0)
			found = declares(manifest->services[0], name);
	}
	return found;
}

/* A slip in the name of a variable that has a default would pass in silence. */
static int check_names(const struct check *c)
{
	cleanup_free const char **known = calloc(c->declared->count + 1, sizeof(*known));
	const char *name = NULL;
	int r = 0;

	if (!known)
		return err_nomem(c->err);
	for (size_t i = 0; i < c->declared->count; i++)
		known[i] = c->declared->items[i].name;
	for (size_t i = 0; r == 0 && (name = dotenv_name(c->env, i)); i++) {
		cleanup_free char *text = NULL;
		const char *near = NULL;

		if (find(c, name) || is_read_elsewhere(c, name))
			continue;
		near = str_nearest(name, known);
		r = str_printf(&text, c->err, "no service reads '%s'%s%s%s", name,
			       near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
		if (r == 0)
			r = problem(c, name, text);
	}
	return r;
}

int secrets_check(const struct context_cluster *cluster, const struct definition *def,
		  const struct dotenv *env, const char *path, struct strv *ret, struct err *err)
{
	CLEANUP(context_declarations_release) struct context_declarations d = { .items = NULL };
	const struct check c = { .cluster = cluster,
				 .def = def,
				 .declared = &d,
				 .env = env,
				 .name = path,
				 .found = ret,
				 .err = err };
	int r = context_declarations(cluster, &d, err);

	for (size_t i = 0; r == 0 && i < d.count; i++)
		if (d.items[i].wanted)
			r = check_value(&c, &d.items[i]);
	for (size_t i = 0; r == 0 && i < d.count; i++)
		if (d.items[i].wanted)
			r = check_distinct(&c, i);
	return r < 0 ? r : check_names(&c);
}

int secrets_require(const struct context_cluster *cluster, const struct definition *def,
		    const struct dotenv *env, const char *path, struct err *err)
{
	CLEANUP(strv_release) struct strv found = STRV_INIT;
	int r = secrets_check(cluster, def, env, path, &found, err);

	if (r < 0 || !found.count)
		return r;
	if (found.count == 1)
		return err_set(err, ERR_CONFIG, "%s", found.items[0]);
	err_set(err, ERR_CONFIG, "'%s': %zu variables must be mended", path, found.count);
	for (size_t i = 0; i < found.count && i < SHOWN_MAX; i++)
		err_detail(err, "%s", found.items[i]);
	if (found.count > SHOWN_MAX)
		err_detail(err, "and %zu more: 'pgha-bundle secrets check' lists them",
			   found.count - SHOWN_MAX);
	return -ERR_CONFIG;
}
