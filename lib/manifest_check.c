/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks walk the structures and the YAML tree side by side, so that what is wrong is told
 * where it stands.
 */
#include "manifest_check.h"

#include <string.h>
#include <sys/stat.h>

#include "file.h"

#define PARTIALS_MAX 1000 /* of one template, those of its partials counted */

struct check {
	struct service *service;
	const struct yaml_node *root;
	struct err *err;
};

/* The node of KEY in item AT of the list LIST. */
static const struct yaml_node *where(const struct check *c, const char *list, size_t at,
				     const char *key)
{
	const struct yaml_node *item = yaml_get(c->root, list)->items[at];
	const struct yaml_node *node = yaml_get(item, key);

	return node ? node : item;
}

static bool is_absolute(const char *path)
{
	return path[0] == '/' && path_is_safe(path + 1);
}

static int check_path(const struct check *c, const struct yaml_node *node, const char *path)
{
	if (!path || is_absolute(path))
		return 0;
	return yaml_error(node, c->err, "'%.200s' must be an absolute path without '.' and '..'",
			  path);
}

static int check_account(const struct check *c, const struct yaml_node *node, const char *name)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	if (!name || (strlen(name) <= 31 && strspn(name, chars) == strlen(name) &&
		      strchr("abcdefghijklmnopqrstuvwxyz_", name[0]) && name[0]))
		return 0;
	return yaml_error(node, c->err, "'%.80s' can be no account's name", name);
}

static bool is_variable(const char *name)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	return name[0] && strspn(name, chars) == strlen(name) && !strchr("0123456789", name[0]);
}

/* --- templates ------------------------------------------------------------------------------ */

struct visit {
	const struct service *service;
	const char *secret;  /* found: the name of a secret variable, borrowed from the service */
	const char *unknown; /* found: a partial that is not there */
	char partial[128];
	bool partials;        /* these may stand here */
	unsigned int visited; /* partials so far */
};

static bool names_secret(const char *tag, const char *secret)
{
	size_t len = strlen(secret);

	for (const char *part = tag; part; part = strchr(part, '.')) {
		part += *part == '.';
		if (!strncmp(part, secret, len) && (part[len] == '\0' || part[len] == '.'))
			return true;
	}
	return false;
}

static int visit_tag(void *context, char kind, const char *tag, unsigned int line, struct err *err)
{
	struct visit *v = context;
	const char *text = NULL;

	(void)line;
	SERVICE_EACH(struct service_variable, variable, v->service->variables)
	if (variable->secret && names_secret(tag, variable->name))
		v->secret = variable->name;
	if (kind != '>')
		return 0;
	text = v->partials ? service_template(v->service, tag) : NULL;
	if (!text) {
		snprintf(v->partial, sizeof(v->partial), "%s", tag);
		v->unknown = v->partial;
		return 0;
	}
	if (v->visited++ == PARTIALS_MAX)
		return err_set(err, ERR_CONFIG, "%s: partials without end", tag);
	return mustache_check(tag, text, visit_tag, v, err);
}

/* Checks one text of service.yaml; SECRETS says whether a secret may stand in it. */
static int check_text(const struct check *c, const struct yaml_node *node, const char *text,
		      bool secrets)
{
	struct visit v = { .service = c->service };
	struct err inner = ERR_INIT;

	if (!text)
		return 0;
	if (mustache_check("template", text, visit_tag, &v, &inner) < 0)
		return yaml_error(node, c->err, "%s", inner.msg);
	if (v.unknown)
		return yaml_error(node, c->err, "a partial cannot stand here");
	if (v.secret && !secrets)
		return yaml_error(node, c->err,
				  "secret '%s' would be visible here: pass it by 'stdin' or 'env'",
				  v.secret);
	return 0;
}

static int check_texts(const struct check *c, const struct yaml_node *node,
		       const struct strv *texts)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->count; i++)
		r = check_text(c, node->items[i], texts->items[i], false);
	return r;
}

static int check_templates(const struct check *c)
{
	SERVICE_EACH(struct service_template, t, c->service->templates)
	{
		struct visit v = { .service = c->service, .partials = true };
		int r = 0;

		if (!str_is_word(t->name, "._-+@"))
			return err_set(c->err, ERR_CONFIG,
				       "%s: template '%.80s': a name may hold letters, digits and "
				       "'._-+@' only",
				       c->service->file, t->name);
		r = mustache_check(t->name, t->text, visit_tag, &v, c->err);
		if (r < 0)
			return err_prefix(c->err, "service '%s': templates", c->service->name);
		if (v.unknown)
			return err_set(c->err, ERR_CONFIG,
				       "service '%s': template '%s': unknown partial '%s'",
				       c->service->name, t->name, v.unknown);
	}
	return 0;
}

/* --- one key after the other ----------------------------------------------------------------- */

static int check_accounts(const struct check *c)
{
	const struct service_user *users = c->service->users.items;
	const struct service_group *groups = c->service->groups.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->service->users.count; i++) {
		r = check_account(c, where(c, "users", i, "name"), users[i].name);
		if (r == 0)
			r = check_account(c, where(c, "users", i, "group"), users[i].group);
		if (r == 0)
			r = check_path(c, where(c, "users", i, "home"), users[i].home);
		if (r == 0)
			r = check_path(c, where(c, "users", i, "shell"), users[i].shell);
	}
	for (size_t i = 0; r == 0 && i < c->service->groups.count; i++) {
		r = check_account(c, where(c, "groups", i, "name"), groups[i].name);
		for (size_t j = 0; r == 0 && j < groups[i].members.count; j++)
			r = check_account(c, where(c, "groups", i, "members"),
					  groups[i].members.items[j]);
	}
	return r;
}

/* Owner, group and mode of what LIST's item AT lays down. */
static int check_owner(const struct check *c, const char *list, size_t at, const char *owner,
		       const char *group, mode_t mode, mode_t refused, const char *why)
{
	int r = check_account(c, where(c, list, at, "owner"), owner);

	if (r == 0)
		r = check_account(c, where(c, list, at, "group"), group);
	if (r == 0 && (mode & refused))
		r = yaml_error(where(c, list, at, "mode"), c->err, "mode %04o: %s",
			       (unsigned int)mode, why);
	return r;
}

static int check_directories(const struct check *c)
{
	const struct service_directory *d = c->service->directories.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->service->directories.count; i++) {
		r = check_path(c, where(c, "directories", i, "path"), d[i].path);
		if (r == 0)
			r = check_owner(c, "directories", i, d[i].owner, d[i].group, d[i].mode,
					S_IWOTH, "everybody could write there");
	}
	return r;
}

static int check_certificate(const struct check *c, size_t at)
{
	const struct service_certificate *certs = c->service->certificates.items;
	const struct service_certificate *cert = &certs[at];
	const struct yaml_node *subject = where(c, "certificates", at, "subject");
	int r = check_path(c, where(c, "certificates", at, "cert"), cert->cert);

	for (size_t i = 0; r == 0 && i < at; i++)
		if (!strcmp(certs[i].name, cert->name))
			r = yaml_error(where(c, "certificates", at, "name"), c->err,
				       "certificate '%s' stands twice", cert->name);
	if (r == 0)
		r = check_path(c, where(c, "certificates", at, "key"), cert->key);
	if (r == 0)
		r = check_path(c, where(c, "certificates", at, "ca"), cert->ca);
	if (r == 0)
		r = check_path(c, where(c, "certificates", at, "bundle"), cert->bundle);
	if (r == 0)
		r = check_path(c, where(c, "certificates", at, "crl"), cert->crl);
	if (r == 0)
		r = check_owner(c, "certificates", at, cert->owner, cert->group, cert->mode,
				07000 | S_IWGRP | S_IRWXO,
				"a private key is for its owner and its group alone");
	if (r == 0 && !cert->subject.o && !cert->subject.ou && !cert->subject.cn)
		r = yaml_error(subject, c->err, "the subject is empty");
	if (r == 0)
		r = check_text(c, subject, cert->subject.o, false);
	if (r == 0)
		r = check_text(c, subject, cert->subject.ou, false);
	if (r == 0)
		r = check_text(c, subject, cert->subject.cn, false);
	if (r == 0)
		r = check_texts(c, where(c, "certificates", at, "sans"), &cert->sans);
	return r;
}

static int check_file(const struct check *c, size_t at)
{
	const struct service_file *files = c->service->files.items;
	const struct service_file *file = &files[at];
	const char *text = service_template(c->service, file->template);
	struct visit v = { .service = c->service, .partials = true };
	int r = check_path(c, where(c, "files", at, "dest"), file->dest);

	if (r == 0 && !text)
		r = yaml_error(where(c, "files", at, "template"), c->err,
			       "there is no template '%.80s' below templates/", file->template);
	for (size_t i = 0; r == 0 && i < at; i++)
		if (!strcmp(files[i].dest, file->dest) && !(files[i].when && file->when))
			r = yaml_error(where(c, "files", at, "dest"), c->err, "'%s' stands twice",
				       file->dest);
	if (r == 0)
		r = check_owner(c, "files", at, file->owner, file->group, file->mode,
				07000 | S_IWOTH, "neither set-id nor writable by everybody");
	if (r == 0)
		r = check_text(c, where(c, "files", at, "when"), file->when, false);
	if (r == 0)
		r = mustache_check(file->template, text, visit_tag, &v, c->err);
	if (r == 0 && v.secret && (file->mode & S_IROTH))
		r = yaml_error(where(c, "files", at, "mode"), c->err,
			       "mode %04o: everybody could read secret '%s'",
			       (unsigned int)file->mode, v.secret);
	return r;
}

static int check_unit(const struct check *c, size_t at)
{
	const struct service_unit *unit = (const struct service_unit *)c->service->units.items + at;
	const char *dot = strrchr(unit->name, '.');

	if (str_is_word(unit->name, "._-@:") && dot && dot != unit->name && dot[1])
		return 0;
	return yaml_error(where(c, "units", at, "name"), c->err,
			  "'%.80s' is no unit's name (such as x.service)", unit->name);
}

static int check_settings(const struct check *c, const struct yaml_node *node,
			  const struct schema_list *list)
{
	const struct service_setting *s = list->items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		if (!str_is_word(s[i].name, "_"))
			r = yaml_error(node->keys[i], c->err,
				       "'%.80s' can be no environment variable's name", s[i].name);
		else
			r = check_text(c, node->items[i], s[i].value, true);
	}
	return r;
}

static int check_exec(const struct check *c, const struct yaml_node *node, const struct strv *exec)
{
	if (exec->count && exec->items[0][0] != '/' && !str_starts(exec->items[0], "{{"))
		return yaml_error(node->items[0], c->err,
				  "'%.200s' must be an absolute path: nothing is looked up in PATH",
				  exec->items[0]);
	return check_texts(c, node, exec);
}

static int check_command_at(const struct check *c, const struct yaml_node *node,
			    const struct service_command *command)
{
	int r = check_exec(c, yaml_get(node, "exec"), &command->exec);

	if (r == 0)
		r = check_account(c, yaml_get(node, "user"), command->user);
	if (r == 0)
		r = check_settings(c, yaml_get(node, "env"), &command->env);
	if (r == 0)
		r = check_text(c, yaml_get(node, "stdin"), command->stdin_text, true);
	return r;
}

static int check_command(const struct check *c, const char *list, size_t at,
			 const struct service_command *command)
{
	return check_command_at(c, yaml_get(c->root, list)->items[at], command);
}

static int check_probe(const struct check *c, size_t at)
{
	const struct service_probe *probes = c->service->probes.items;
	int r = check_command(c, "probes", at, &probes[at].command);

	for (size_t i = 0; r == 0 && i < at; i++)
		if (!strcmp(probes[i].name, probes[at].name))
			r = yaml_error(where(c, "probes", at, "name"), c->err,
				       "probe '%.80s' stands twice", probes[at].name);
	if (r == 0)
		r = check_text(c, where(c, "probes", at, "expect"), probes[at].expect, false);
	return r;
}

static int check_once(const struct check *c, size_t at)
{
	struct service_once *steps = c->service->once.items;
	struct service_once *step = &steps[at];
	int r = check_command(c, "once", at, &step->command);

	for (size_t i = 0; r == 0 && i < at; i++)
		if (!strcmp(steps[i].name, step->name))
			r = yaml_error(where(c, "once", at, "name"), c->err,
				       "step '%.80s' stands twice", step->name);
	if (step->when_name)
		step->when = service_probe_named(c->service, step->when_name);
	if (r == 0 && step->when_name && !step->when)
		r = yaml_error(where(c, "once", at, "when"), c->err,
			       "this service has no probe '%.80s'", step->when_name);
	if (r == 0)
		r = check_exec(c, where(c, "once", at, "unless"), &step->unless);
	if (r == 0 && step->expect && !step->unless.count)
		r = yaml_error(where(c, "once", at, "expect"), c->err,
			       "'expect' needs 'unless', whose output it is about");
	if (r == 0)
		r = check_text(c, where(c, "once", at, "expect"), step->expect, false);
	return r;
}

static int check_probe_names(const struct check *c, const struct yaml_node *node,
			     const struct strv *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (!service_probe_named(c->service, names->items[i]))
			return yaml_error(node->items[i], c->err,
					  "this service has no probe '%.80s'", names->items[i]);
	return 0;
}

static int check_restart(const struct check *c)
{
	const struct service_restart *restart = &c->service->restart;
	const struct yaml_node *node = yaml_get(c->root, "restart");
	const struct yaml_node *lock = yaml_get(node, "lock");
	int r = check_probe_names(c, yaml_get(node, "before"), &restart->before);

	if (r == 0)
		r = check_probe_names(c, yaml_get(node, "after"), &restart->after);
	if (r == 0 && restart->due && !service_probe_named(c->service, restart->due))
		r = yaml_error(yaml_get(node, "due"), c->err, "this service has no probe '%.80s'",
			       restart->due);
	if (r < 0 || !lock)
		return r;
	r = check_command_at(c, lock, &restart->lock.command);
	if (r == 0)
		r = check_text(c, yaml_get(lock, "when"), restart->lock.when, false);
	return r < 0 ? r : check_text(c, yaml_get(lock, "expect"), restart->lock.expect, false);
}

/* It becomes a comment: a line end within it would begin a variable of its own. */
static int check_help(const struct check *c, const struct yaml_node *node,
		      const struct service_help *help)
{
	if (help->fr && !str_is_plain(help->fr))
		return yaml_error(yaml_get(node, "fr"), c->err, "this must be one line of text");
	if (help->en && !str_is_plain(help->en))
		return yaml_error(yaml_get(node, "en"), c->err, "this must be one line of text");
	return 0;
}

/* Finds the step that changes the variable. */
static int check_held(const struct check *c, size_t at)
{
	struct service_variable *v = (struct service_variable *)c->service->variables.items + at;
	const struct yaml_node *item = yaml_get(c->root, "env")->items[at];
	const struct yaml_node *node = yaml_get(item, "held");
	struct service_once *steps = c->service->once.items;

	if (!node)
		return 0;
	if (!v->secret)
		return yaml_error(node, c->err, "only a secret can be 'held'");
	if (!!v->held.change == !!v->held.by_hand.en)
		return yaml_error(node, c->err,
				  "this must say either 'change' (a step) or 'by_hand'");
	for (size_t i = 0; v->held.change && i < c->service->once.count; i++)
		if (!strcmp(steps[i].name, v->held.change)) {
			if (!steps[i].unless.count)
				return yaml_error(where(c, "once", i, "name"), c->err,
						  "a step that changes what the cluster holds "
						  "needs 'unless'");
			steps[i].on_change = true;
			v->held.step = &steps[i];
		}
	if (v->held.change && !v->held.step)
		return yaml_error(yaml_get(node, "change"), c->err,
				  "this service has no step '%.80s'", v->held.change);
	return check_help(c, yaml_get(node, "by_hand"), &v->held.by_hand);
}

static int check_variables(const struct check *c)
{
	const struct service_variable *v = c->service->variables.items;
	const struct service_port *ports = c->service->ports.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->service->variables.count; i++) {
		if (!is_variable(v[i].name))
			r = yaml_error(where(c, "env", i, "name"), c->err,
				       "a variable's name may hold A-Z, 0-9 and '_' only");
		else if (v[i].secret && v[i].fallback)
			r = yaml_error(where(c, "env", i, "default"), c->err,
				       "secret '%s' may have no default", v[i].name);
		else
			r = check_help(c, where(c, "env", i, "help"), &v[i].help);
		if (r == 0)
			r = check_held(c, i);
		for (size_t j = 0; r == 0 && j < i; j++)
			if (!strcmp(v[j].name, v[i].name))
				r = yaml_error(where(c, "env", i, "name"), c->err,
					       "variable '%s' stands twice", v[i].name);
	}
	for (size_t i = 0; r == 0 && i < c->service->ports.count; i++) {
		if (!is_variable(ports[i].env))
			r = yaml_error(where(c, "ports", i, "env"), c->err,
				       "a variable's name may hold A-Z, 0-9 and '_' only");
		else
			r = check_help(c, where(c, "ports", i, "help"), &ports[i].help);
		if (r == 0)
			r = check_text(c, where(c, "ports", i, "when"), ports[i].when, false);
		for (size_t j = 0; r == 0 && j < i; j++)
			if (!strcmp(ports[j].env, ports[i].env))
				r = yaml_error(where(c, "ports", i, "env"), c->err,
					       "port '%s' stands twice", ports[i].env);
	}
	return r;
}

static int check_preflight(const struct check *c)
{
	const struct yaml_node *root = yaml_get(c->root, "preflight");
	const struct yaml_node *disks = yaml_get(root, "disk_mib");
	const struct yaml_node *conflicts = yaml_get(root, "conflicts");
	const struct service *s = c->service;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->preflight.disks.count; i++)
		r = check_path(c, disks->keys[i], disks->keys[i]->text);
	for (size_t i = 0; r == 0 && i < s->preflight.conflicts.count; i++) {
		const char *name = s->preflight.conflicts.items[i];

		if (!str_is_word(name, "._+-"))
			r = yaml_error(conflicts->items[i], c->err,
				       "this must be a package's name");
		else if (strv_has(&s->packages, name))
			r = yaml_error(conflicts->items[i], c->err,
				       "'%s' is one of this service's own packages", name);
	}
	return r;
}

/* What becomes a path below /proc/sys, and a line of a file. */
static int check_sysctl(const struct check *c)
{
	const struct yaml_node *node = yaml_get(c->root, "sysctl");
	const struct service_setting *s = c->service->sysctl.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->service->sysctl.count; i++) {
		if (!str_is_word(s[i].name, "._-/") || strstr(s[i].name, "..") ||
		    strchr("./", s[i].name[0]))
			r = yaml_error(node->keys[i], c->err,
				       "'%.80s' is no name of a kernel's setting", s[i].name);
		for (const char *p = s[i].value; r == 0 && *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				r = yaml_error(node->items[i], c->err,
					       "a value of one line is expected here");
		if (r == 0 && !s[i].value[0])
			r = yaml_error(node->items[i], c->err, "a value is expected here");
	}
	return r;
}

/* What stands on the command lines of the policy's tools. */
static int check_selinux(const struct check *c)
{
	const struct yaml_node *node = yaml_get(c->root, "selinux");
	const struct yaml_node *ports = yaml_get(node, "ports");
	const struct service_selinux *s = &c->service->selinux;
	const struct service_selinux_port *p = s->ports.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->booleans.count; i++)
		if (!str_is_word(s->booleans.items[i], "_"))
			r = yaml_error(yaml_get(node, "booleans")->items[i], c->err,
				       "'%.80s' is no name of a boolean", s->booleans.items[i]);
	for (size_t i = 0; r == 0 && i < s->ports.count; i++) {
		bool known = false;

		SERVICE_EACH(struct service_port, port, c->service->ports)
		known |= !strcmp(port->env, p[i].env);
		if (!known)
			r = yaml_error(yaml_get(ports->items[i], "env"), c->err,
				       "this service declares no port '%.80s'", p[i].env);
		else if (!str_is_word(p[i].type, "_"))
			r = yaml_error(yaml_get(ports->items[i], "type"), c->err,
				       "'%.80s' is no name of a type", p[i].type);
	}
	return r;
}

static int check_rest(const struct check *c)
{
	const struct service *s = c->service;
	const struct yaml_node *venv = yaml_get(c->root, "venv");
	int r = check_settings(c, yaml_get(c->root, "command_env"), &s->command_env);

	if (r == 0)
		r = check_texts(c, yaml_get(c->root, "packages"), &s->packages);
	if (r == 0)
		r = check_path(c, yaml_get(venv, "path"), s->venv.path);
	if (r == 0)
		r = check_text(c, yaml_get(venv, "python"), s->venv.python, false);
	if (r == 0)
		r = check_sysctl(c);
	if (r == 0)
		r = check_selinux(c);
	return r == 0 ? check_preflight(c) : r;
}

static int check_each(const struct check *c, size_t count,
		      int (*one)(const struct check *c, size_t at))
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = one(c, i);
	return r;
}

int manifest_check(struct service *service, const struct yaml_node *root, struct err *err)
{
	const struct check c = { .service = service, .root = root, .err = err };
	int r = check_templates(&c);

	if (r == 0)
		r = check_variables(&c);
	if (r == 0)
		r = check_accounts(&c);
	if (r == 0)
		r = check_directories(&c);
	if (r == 0)
		r = check_each(&c, service->certificates.count, check_certificate);
	if (r == 0)
		r = check_each(&c, service->files.count, check_file);
	if (r == 0)
		r = check_each(&c, service->units.count, check_unit);
	if (r == 0)
		r = check_each(&c, service->probes.count, check_probe);
	if (r == 0)
		r = check_each(&c, service->once.count, check_once);
	if (r == 0)
		r = check_restart(&c);
	return r == 0 ? check_rest(&c) : r;
}
