/* SPDX-License-Identifier: Apache-2.0 */
/* All certificates of a keys directory, and what is wrong with them. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "file.h"
#include "keys.h"
#include "keys_private.h"

static void item_release(struct keys_item *item)
{
	free(item->name);
	free(item->problem);
	x509_facts_release(&item->facts);
}

void keys_list_release(struct keys_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		item_release(&list->items[i]);
	free(list->items);
	*list = (struct keys_list)KEYS_LIST_INIT;
}

static int add_item(struct keys_list *list, const char *name, struct keys_item **ret,
		    struct err *err)
{
	struct keys_item *more = reallocarray(list->items, list->count + 1, sizeof(*more));

	if (!more)
		return err_nomem(err);
	list->items = more;
	*ret = &more[list->count++];
	**ret = (struct keys_item){ .name = NULL };
	return str_dup(&(*ret)->name, name, err);
}

/* -- one certificate -------------------------------------------------------------------------- */

/* A node's transport key may be signed by itself: nobody but cms_seal() looks at it. */
static bool is_transport(const char *name)
{
	return str_ends(name, "/transport");
}

static int check_key(const struct keys_pair *pair, struct err *err)
{
	/* An application's key may have been handed over. */
	if (!pair->key)
		return str_starts(pair->name, "clients/")
			       ? 0
			       : err_set(err, ERR_FAILED, "'%s' is not there", pair->key_path);
	if (X509_check_private_key(pair->cert, pair->key) != 1)
		return x509_error(err, ERR_FAILED, "'%s' and '%s' do not belong together",
				  pair->cert_path, pair->key_path);
	return 0;
}

static int examine(struct keys *keys, const struct keys_pair *pair, struct keys_item *item,
		   struct err *err)
{
	int r = 0;

	if (!pair->cert)
		return err_set(err, ERR_FAILED, "'%s' is not there", pair->cert_path);
	r = x509_describe(pair->cert, &item->facts, err);
	if (r < 0)
		return r;
	item->loaded = true;
	r = check_key(pair, err);
	if (r == 0 && !keys->ca)
		r = err_set(err, ERR_FAILED, "'%s/ca.crt' is not there", keys->dir);
	if (r == 0 && keys->crl && x509_crl_has(keys->crl, pair->cert))
		r = err_set(err, ERR_FAILED, "is revoked");
	if (r == 0 && is_transport(item->name))
		r = item->facts.not_after <= clock_now()
			    ? err_set(err, ERR_FAILED, "certificate has expired")
			    : 0;
	else if (r == 0 && (item->facts.usage & (X509_USE_OTHER | X509_USE_CA | X509_USE_SEAL)))
		r = err_set(err, ERR_FAILED, "has usages that nothing here has");
	else if (r == 0 && (item->facts.usage & (X509_USE_EMAIL | X509_USE_BUNDLE)) &&
		 strcmp(item->name, "signer") != 0)
		r = err_set(err, ERR_FAILED, "has a usage that is the signer's alone");
	else if (r == 0)
		r = keys_check_usage(keys, pair->cert, item->facts.usage, err);
	return r;
}

static int note(struct keys_item *item, const struct err *problem, struct err *err)
{
	if (problem->code == ERR_INTERRUPTED || problem->code == ERR_HOST)
		return err_set(err, problem->code, "%s", problem->msg);
	return str_dup(&item->problem, problem->msg, err);
}

static int add_pair(struct keys *keys, const char *name, struct keys_list *list, struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	cleanup_free char *request = NULL;
	struct err problem = ERR_INIT;
	struct keys_item *item = NULL;
	int r = add_item(list, name, &item, err);

	if (r == 0)
		r = str_printf(&request, err, "%s/requests/%s.csr", keys->dir, name);
	if (r < 0)
		return r;
	item->waits = keys_exists(request);
	r = keys_pair_open(keys, name, &pair, &problem);
	if (r == 0)
		r = examine(keys, &pair, item, &problem);
	return r < 0 ? note(item, &problem, err) : 0;
}

/* Before its own check, which wants a copy that may be put in order. */
static int check_chain(const struct keys *keys, struct err *err)
{
	STACK_OF(X509) *copy = sk_X509_dup(keys->chain);
	cleanup_free char *path = NULL;
	int r = copy ? path_join(keys->dir, "ca.crt", &path, err) : err_nomem(err);

	if (r == 0)
		r = x509_ca_chain(path, copy, NULL, clock_now(), err);
	sk_X509_free(copy);
	return r;
}

static int add_ca(struct keys *keys, struct keys_list *list, struct err *err)
{
	struct err problem = ERR_INIT;
	struct keys_item *item = NULL;
	int r = add_item(list, "ca", &item, err);

	if (r < 0)
		return r;
	if (!keys->ca)
		return str_dup(&item->problem, "the CA's certificates were not imported yet", err);
	r = x509_describe(keys->ca, &item->facts, &problem);
	item->loaded = r == 0;
	if (r == 0)
		r = check_chain(keys, &problem);
	return r < 0 ? note(item, &problem, err) : 0;
}

/* -- directories ------------------------------------------------------------------------------ */

/* Names of the pairs in FOLDER, without ".crt" and ".key", sorted and each once. */
static int pair_names(const struct keys *keys, const char *folder, struct strv *ret, bool dirs,
		      struct err *err)
{
	CLEANUP(strv_release) struct strv files = STRV_INIT;
	cleanup_free char *path = NULL;
	int r = path_join(keys->dir, folder, &path, err);

	if (r < 0 || !keys_exists(path))
		return r;
	r = dir_list(path, &files, err);
	for (size_t i = 0; r == 0 && i < files.count; i++) {
		char *file = files.items[i];
		cleanup_free char *name = NULL;

		if (!dirs && !str_ends(file, ".crt") && !str_ends(file, ".key"))
			continue;
		if (!dirs)
			file[strlen(file) - strlen(".crt")] = '\0';
		r = str_printf(&name, err, "%s/%s", folder, file);
		if (r == 0 && !strv_has(ret, name))
			r = strv_add(ret, name, err);
	}
	return r;
}

int keys_list_load(struct keys *keys, struct keys_list *ret, struct err *err)
{
	CLEANUP(keys_list_release) struct keys_list list = KEYS_LIST_INIT;
	CLEANUP(strv_release) struct strv nodes = STRV_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	int r = pair_names(keys, "nodes", &nodes, true, err);

	for (size_t i = 0; r == 0 && i < nodes.count; i++)
		r = pair_names(keys, nodes.items[i], &names, false, err);
	if (r == 0)
		r = pair_names(keys, "clients", &names, false, err);
	if (r == 0)
		r = add_ca(keys, &list, err);
	if (r == 0)
		r = add_pair(keys, "signer", &list, err);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = add_pair(keys, names.items[i], &list, err);
	if (r < 0)
		return r;
	*ret = list;
	list = (struct keys_list)KEYS_LIST_INIT;
	return 0;
}

bool keys_item_is(const struct keys_item *item, const char *name)
{
	const char *rest = strchr(item->name, '/');
	size_t len = strlen(name);

	if (!strcmp(item->name, name))
		return true;
	if (!rest)
		return false;
	rest++;
	if (!strcmp(rest, name))
		return true;
	return str_starts(item->name, "nodes/") && !is_transport(item->name) &&
	       !strncmp(rest, name, len) && rest[len] == '/';
}

/* -- renewal ---------------------------------------------------------------------------------- */

bool keys_is_due(const struct keys *keys, const struct keys_item *item)
{
	time_t left = item->facts.not_after - clock_now();

	if (!item->loaded || !strcmp(item->name, "ca"))
		return false;
	if (keys->ca && item->facts.not_after >= x509_not_after(keys->ca))
		return left <= 0;
	return left <= keys_min_life(keys, item->name);
}

static int renew(struct keys *keys, const char *name, struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	struct x509_profile profile = keys_signer_profile(keys);
	int r = keys_pair_open(keys, name, &pair, err);

	if (r < 0)
		return r;
	if (strcmp(name, "signer") != 0) {
		if (!pair.cert)
			return err_set(err, ERR_USAGE, "'%s' is not there", pair.cert_path);
		r = x509_describe(pair.cert, &facts, err);
		profile = x509_profile_of(&facts);
	}
	return r < 0 ? r
		     : keys_pair_make(keys, &pair, &profile, keys_life(keys, name), "renew", err);
}

int keys_renew(struct keys *keys, const char *name, struct err *err)
{
	int r = 0;

	if (!strcmp(name, "ca"))
		return err_set(err, ERR_USAGE,
			       "a CA is not renewed: make new keys with 'keys init', carry the new "
			       "ca.crt to every node, and build with it");
	r = keys_lock(keys, err);
	if (r < 0)
		return r;
	r = renew(keys, name, err);
	keys_unlock(keys);
	return r < 0 ? err_prefix(err, "certificate '%s'", name) : 0;
}
