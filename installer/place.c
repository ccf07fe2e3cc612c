/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <string.h>

#include "capsule.h"
#include "file.h"
#include "ours.h"
#include "place_file.h"
#include "proc.h"
#include "record.h"
#include "rehearse.h"
#include "sysctl.h"

#define CERTIFICATE_MODE 0644
#define TOOL_TIMEOUT_MS 60000
#define NO_SHELL "/sbin/nologin"

/* --- accounts ------------------------------------------------------------------------------- */

/* Runs groupadd, useradd or usermod, for another root with --root. */
static int run_tool(const struct setup *setup, struct strv *args, struct err *err)
{
	CLEANUP(strv_release) struct strv argv = STRV_INIT;
	const struct proc proc = { .timeout_ms = TOOL_TIMEOUT_MS };
	struct proc p = proc;
	int r = strv_add(&argv, args->items[0], err);

	if (r == 0 && !install_is_live(setup->in)) {
		r = strv_add(&argv, "--root", err);
		if (r == 0)
			r = strv_add(&argv, setup->in->root, err);
	}
	for (size_t i = 1; r == 0 && i < args->count; i++)
		r = strv_add(&argv, args->items[i], err);
	p.argv = (const char *const *)argv.items;
	return r < 0 ? r : proc_check(&p, NULL, err);
}

static int add_args(struct strv *args, struct err *err, const char *const *items)
{
	int r = 0;

	for (; r == 0 && *items; items++)
		r = strv_add(args, *items, err);
	return r;
}

#define ADD_ARGS(args, err, ...) add_args(args, err, (const char *const[]){ __VA_ARGS__, NULL })

static int make_group(struct setup *setup, const char *name, bool apply, struct strv *changes,
		      struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	bool found = false;
	gid_t gid = 0;
	int r = place_gid(setup, name, &found, &gid, err);

	if (r < 0 || found)
		return r;
	r = strv_addf(changes, err, "create group %s", name);
	if (r == 0 && apply)
		r = record_add(setup->in->record, RECORD_GROUP, name, RECORD_ABSENT, "there", err);
	if (r == 0 && apply)
		r = ADD_ARGS(&args, err, "groupadd", "--system", name);
	return r < 0 || !apply ? r : run_tool(setup, &args, err);
}

static int make_user(struct setup *setup, const struct service_user *user, bool apply,
		     struct strv *changes, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	bool found = false;
	uid_t uid = 0;
	int r = place_uid(setup, user->name, &found, &uid, err);

	if (r < 0 || found)
		return r;
	if (user->group)
		r = make_group(setup, user->group, apply, changes, err);
	if (r == 0)
		r = strv_addf(changes, err, "create user %s", user->name);
	if (r < 0 || !apply)
		return r;
	r = record_add(setup->in->record, RECORD_USER, user->name, RECORD_ABSENT, "there", err);
	if (r == 0)
		r = ADD_ARGS(&args, err, "useradd", "--system", "--no-create-home", "--shell",
			     user->shell ? user->shell : NO_SHELL);
	if (r == 0)
		r = user->group ? ADD_ARGS(&args, err, "--gid", user->group)
				: ADD_ARGS(&args, err, "--user-group");
	if (r == 0 && user->home)
		r = ADD_ARGS(&args, err, "--home-dir", user->home);
	if (r == 0)
		r = strv_add(&args, user->name, err);
	return r < 0 ? r : run_tool(setup, &args, err);
}

static int make_member(struct setup *setup, const char *group, const char *user, bool apply,
		       struct strv *changes, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	cleanup_free char *object = NULL;
	bool member = false;
	int r = place_is_member(setup, group, user, &member, err);

	if (r < 0 || member)
		return r;
	r = strv_addf(changes, err, "add user %s to group %s", user, group);
	if (r == 0)
		r = str_printf(&object, err, "%s:%s", group, user);
	if (r == 0 && apply)
		r = record_add(setup->in->record, RECORD_MEMBER, object, RECORD_ABSENT, "there",
			       err);
	if (r == 0 && apply)
		r = ADD_ARGS(&args, err, "usermod", "--append", "--groups", group, user);
	return r < 0 || !apply ? r : run_tool(setup, &args, err);
}

static int service_accounts(struct setup *setup, const struct service *service, bool apply,
			    struct strv *changes, struct err *err)
{
	int r = 0;

	SERVICE_EACH(struct service_group, group, service->groups)
	if (r == 0)
		r = make_group(setup, group->name, apply, changes, err);
	SERVICE_EACH(struct service_user, user, service->users)
	if (r == 0)
		r = make_user(setup, user, apply, changes, err);
	SERVICE_EACH(struct service_group, group, service->groups)
	for (size_t i = 0; r == 0 && i < group->members.count; i++)
		r = make_member(setup, group->name, group->members.items[i], apply, changes, err);
	return r < 0 ? err_prefix(err, "service '%s': accounts", service->name) : 0;
}

int place_accounts(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++)
		r = service_accounts(setup, setup->services[i].service, apply, changes, err);
	return r;
}

/* --- directories ---------------------------------------------------------------------------- */

int place_note_directories(struct setup *setup, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++)
		SERVICE_EACH(struct service_directory, d, setup->services[i].service->directories)
	if (r == 0)
		r = place_note_directory(setup, d->path, err);
	return r;
}

int place_directories(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		SERVICE_EACH(struct service_directory, d, setup->services[i].service->directories)
		{
			const struct place_item item = { .path = d->path,
							 .owner = d->owner,
							 .group = d->group,
							 .mode = d->mode };

			r = strv_add(&setup->declared, d->path, err);
			if (r == 0)
				r = place_directory(setup, &item, apply, changes, err);
			if (r < 0)
				return r;
		}
	}
	return r;
}

/* --- certificates --------------------------------------------------------------------------- */

/* systemd.unit(5): where units and their drop-ins of packages and administrators lie. */
bool place_is_unit_file(const char *path)
{
	return str_starts(path, "/etc/systemd/system/") ||
	       str_starts(path, "/usr/lib/systemd/system/") ||
	       str_starts(path, "/lib/systemd/system/");
}

/* Somebody has changed the file: what the bundle has for it goes beside. */
static int put_beside(struct setup *setup, const struct place_item *item, bool apply,
		      struct strv *changes, struct err *err)
{
	cleanup_free char *path = NULL;
	struct place_item beside = *item;
	enum place_verdict verdict = PLACE_SAME;
	bool news = false;
	int r = place_file_is_news(setup, item, &news, err);

	if (r < 0 || !news)
		return r;
	r = str_printf(&path, err, "%s" OURS_NEW, item->path);
	beside.path = path;
	if (r == 0)
		r = place_file_compare(setup, &beside, false, changes, &verdict, err);
	return r == 0 && apply && verdict == PLACE_WRITE ? place_file_write(setup, &beside, err)
							 : r;
}

/* What the units need is noted before the file is changed, so that a killed run's successor knows
 * it. KEEP: it goes together with one that is kept. */
static int put(struct setup *setup, struct setup_service *service, enum service_on_change on_change,
	       const struct place_item *item, bool keep, bool apply, struct strv *changes,
	       struct err *err)
{
	enum place_verdict verdict = PLACE_SAME;
	int r = place_file_compare(setup, item, keep, changes, &verdict, err);

	if (r < 0 || verdict == PLACE_SAME)
		return r;
	if (verdict == PLACE_KEEP) {
		r = place_file_narrow(setup, item, apply, changes, err);
		return r < 0 ? r : put_beside(setup, item, apply, changes, err);
	}
	r = setup_want(setup, service, on_change, apply, err);
	if (r == 0 && place_is_unit_file(item->path))
		r = setup_want_reload(setup, apply, err);
	return r < 0 || !apply ? r : place_file_write(setup, item, err);
}

struct material {
	struct str cert, key, ca;
};

static void material_release(struct material *m)
{
	str_release(&m->cert);
	str_release(&m->key);
	str_release(&m->ca);
}

static int read_into(const char *path, enum err_code code, struct str *ret, struct err *err)
{
	cleanup_free char *text = NULL;
	size_t size = 0;
	int r = file_read(path, 0, code, &text, &size, err);

	if (r < 0)
		return r;
	str_add_len(ret, text, size);
	if (ret->len && ret->buf[ret->len - 1] != '\n')
		str_addc(ret, '\n');
	return str_check(ret, err);
}

static int load_material(const struct setup *setup, const char *id, struct material *m,
			 struct err *err)
{
	const char *key = capsule_key(setup->in->capsule, id);
	cleanup_free char *path = NULL;
	int r = str_printf(&path, err, "%s/certs/%s/%s.crt", setup->in->staging, setup->node->name,
			   id);

	if (r == 0)
		r = read_into(path, ERR_CONFIG, &m->cert, err);
	if (r == 0 && !key)
		r = err_set(err, ERR_CONFIG, "the node's capsule holds no key '%s'", id);
	if (r < 0)
		return r;
	str_add(&m->key, key);
	return str_check(&m->key, err);
}

/* A key is of no use with another's certificate: they are kept together. The CA is the cluster's. */
static int is_one_kept(struct setup *setup, const struct place_item *items, size_t count, bool *ret,
		       struct err *err)
{
	int r = 0;

	*ret = false;
	for (size_t i = 0; r == 0 && i < count; i++) {
		enum place_verdict verdict = PLACE_SAME;

		if (items[i].path)
			r = place_file_judge(setup, &items[i], &verdict, err);
		*ret |= verdict == PLACE_KEEP;
	}
	return r;
}

static int put_certificate(struct setup *setup, struct setup_service *service,
			   const struct service_certificate *spec, struct material *m, bool apply,
			   struct strv *changes, struct err *err)
{
	CLEANUP(str_release) struct str bundle = STR_SECRET;
	struct place_item items[] = {
		{ .path = spec->ca, .data = m->ca.buf, .size_bytes = m->ca.len },
		{ .path = spec->cert, .data = m->cert.buf, .size_bytes = m->cert.len },
		{ .path = spec->key, .data = m->key.buf, .size_bytes = m->key.len },
		{ .path = spec->bundle },
	};
	bool keep = false;
	int r = 0;

	str_add_len(&bundle, m->cert.buf, m->cert.len);
	str_add_len(&bundle, m->key.buf, m->key.len);
	r = str_check(&bundle, err);
	items[3].data = bundle.buf;
	items[3].size_bytes = bundle.len;
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		bool private = i >= 2;

		items[i].owner = private ? spec->owner : "root";
		items[i].group = private ? spec->group : "root";
		items[i].mode = private ? spec->mode : CERTIFICATE_MODE;
		items[i].masked = private ? NULL : items[i].data;
		items[i].is_certificate = i != 2;
	}
	if (r == 0)
		r = is_one_kept(setup, items + 1, ARRAY_SIZE(items) - 1, &keep, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(items); i++)
		if (items[i].path)
			r = put(setup, service, i ? spec->on_change : spec->on_ca_change, &items[i],
				keep && i, apply, changes, err);
	return r;
}

/* Services of a node may share it, as the CA. */
static int put_crl(struct setup *setup, struct setup_service *service,
		   const struct service_certificate *spec, bool apply, struct strv *changes,
		   struct err *err)
{
	struct place_item item = { .path = spec->crl,
				   .owner = "root",
				   .group = "root",
				   .mode = CERTIFICATE_MODE,
				   .data = setup->crl,
				   .masked = setup->crl };

	if (!spec->crl || !setup->crl)
		return 0;
	item.size_bytes = strlen(setup->crl);
	return put(setup, service, spec->on_change, &item, false, apply, changes, err);
}

static int service_certificates(struct setup *setup, struct setup_service *service, bool apply,
				struct strv *changes, struct err *err)
{
	SERVICE_EACH(struct service_certificate, spec, service->service->certificates)
	{
		CLEANUP(material_release)
		struct material m = { .key = STR_SECRET };
		cleanup_free char *id = NULL;
		int r = str_printf(&id, err, "%s-%s", service->service->name, spec->name);

		if (r == 0)
			r = load_material(setup, id, &m, err);
		if (r == 0)
			r = read_into(setup->in->ca_path, ERR_USAGE, &m.ca, err);
		if (r == 0)
			r = put_certificate(setup, service, spec, &m, apply, changes, err);
		if (r == 0)
			r = put_crl(setup, service, spec, apply, changes, err);
		if (r < 0)
			return err_prefix(err, "service '%s': certificate '%s'",
					  service->service->name, spec->name);
	}
	return 0;
}

int place_certificates(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++)
		r = service_certificates(setup, &setup->services[i], apply, changes, err);
	return r;
}

/* --- files ---------------------------------------------------------------------------------- */

static int put_file(struct setup *setup, struct setup_service *service,
		    const struct service_file *file, bool apply, struct strv *changes,
		    struct err *err)
{
	CLEANUP(str_release) struct str text = STR_SECRET;
	CLEANUP(str_release) struct str masked = STR_INIT;
	struct place_item item = {
		.path = file->dest, .owner = file->owner, .group = file->group, .mode = file->mode
	};
	bool wanted = false;
	int r = rehearse_render(service->service, service->context, file, &wanted, &text, err);

	if (r == 0 && wanted && setup->review)
		r = rehearse_render(service->service, service->masked, file, &wanted, &masked, err);
	if (r < 0 || !wanted)
		return r;
	item.data = text.buf ? text.buf : "";
	item.size_bytes = text.len;
	item.masked = masked.buf ? masked.buf : "";
	return put(setup, service, file->on_change, &item, false, apply, changes, err);
}

static int put_sysctl(struct setup *setup, struct setup_service *service, bool apply,
		      struct strv *changes, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	struct place_item item = { .owner = "root", .group = "root", .mode = 0644 };
	int r = 0;

	if (!service->service->sysctl.count)
		return 0;
	if ((r = str_printf(&path, err, SYSCTL_FILE, service->service->name)) ||
	    (r = sysctl_text(service->service, &text, err)))
		return r;
	item.path = path;
	item.data = item.masked = text.buf;
	item.size_bytes = text.len;
	return put(setup, service, SERVICE_NONE, &item, false, apply, changes, err);
}

int place_files(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	for (size_t i = 0; i < setup->count; i++) {
		struct setup_service *service = &setup->services[i];
		int r = 0;

		SERVICE_EACH(struct service_file, file, service->service->files)
		{
			r = put_file(setup, service, file, apply, changes, err);
			if (r < 0)
				return r;
		}
		r = put_sysctl(setup, service, apply, changes, err);
		if (r < 0)
			return r;
	}
	return 0;
}
