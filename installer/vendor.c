/* SPDX-License-Identifier: Apache-2.0 */
#include "vendor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "file.h"
#include "state.h"
#include "yaml.h"

#define KEY_BYTES_MAX (1U << 20)
#define REMEMBERED "vendors" /* STATE/vendors */

void vendor_release(struct vendor *v)
{
	rpmsig_keyring_free(v->keyring);
	pgp_keys_release(&v->keys);
	strv_release(&v->pins);
	*v = (struct vendor)VENDOR_INIT;
}

static int add_pin(struct vendor *v, const struct yaml_node *node, struct err *err)
{
	char fpr[PGP_FPR_SIZE] = "";

	if (node->type != YAML_SCALAR || !pgp_fpr_is_valid(node->text))
		return yaml_error(node, err, "no fingerprint of a primary key");
	for (size_t i = 0; node->text[i]; i++)
		fpr[i] = (char)(node->text[i] >= 'a' ? node->text[i] - 0x20 : node->text[i]);
	return strv_has(&v->pins, fpr) ? 0 : strv_add(&v->pins, fpr, err);
}

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

static int load_pins(const struct install *in, struct vendor *v, struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	cleanup_free char *path = NULL;
	const struct yaml_node *trust = NULL;
	int r = 0;

	if ((r = path_join(in->staging, "manifests/bundle.yaml", &path, err)) ||
	    (r = yaml_load(path, ERR_CONFIG, &doc, err)))
		return r;
	trust = yaml_get(yaml_root(doc), "trust");
	if (!trust || trust->type != YAML_MAPPING)
		return yaml_error(yaml_root(doc), err, "no 'trust': which keys sign the RPMs?");
	for (size_t i = 0; i < trust->count; i++) {
		const struct yaml_node *list = trust->items[i];

		if (list->type != YAML_SEQUENCE)
			return yaml_error(list, err, "no list of fingerprints");
		for (size_t j = 0; j < list->count; j++) {
			if ((r = add_pin(v, list->items[j], err)))
				return r;
		}
	}
	strv_sort(&v->pins);
	return 0;
}

static int load_keys(const struct install *in, struct vendor *v, struct err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < in->index.member_count; i++) {
		const char *member = in->index.members[i].path;
		cleanup_free char *path = NULL;
		cleanup_free char *data = NULL;
		size_t size = 0;

		if (!str_starts(member, "keys/"))
			continue;
		if ((r = path_join(in->staging, member, &path, err)) ||
		    (r = file_read(path, KEY_BYTES_MAX, ERR_FAILED, &data, &size, err)))
			break;
		r = pgp_read(member, data, size, &v->keys, err);
	}
	return r;
}

/*
 * A bundle carries the keys that signed its packages. A pin without its key (of a repository that gave
 * nothing, of a successor that has not signed yet) lets nothing in, and is not remembered either: what
 * the node knows was shown with its owner's name.
 */
static int drop_pins_without_key(struct vendor *v, struct err *err)
{
	struct strv kept = STRV_INIT;
	int r = 0;

	for (size_t i = 0; !r && i < v->pins.count; i++) {
		if (pgp_find(&v->keys, v->pins.items[i]))
			r = strv_add(&kept, v->pins.items[i], err);
	}
	strv_release(&v->pins);
	v->pins = kept;
	return r;
}

int vendor_load(const struct install *in, struct vendor *v, struct err *err)
{
	int r = 0;

	if ((r = load_pins(in, v, err)) || (r = load_keys(in, v, err)) ||
	    (r = drop_pins_without_key(v, err)))
		return r;
	return rpmsig_keyring_new(&v->keys, (const char *const *)v->pins.items, &v->keyring, err);
}

int vendor_check_list(const char *list, struct err *err)
{
	while (list) {
		size_t n = strcspn(list, ",");

		if (n != (PGP_FPR_SIZE - 1) || strspn(list, "0123456789abcdefABCDEF") < n)
			return err_set(err, ERR_USAGE,
				       "--accept-key: '%.*s' is no fingerprint: %d hexadecimal "
				       "digits, as the refusal of the new key shows it",
				       (int)(n < 100 ? n : 100), list, (PGP_FPR_SIZE - 1));
		list = list[n] ? list + n + 1 : NULL;
	}
	return 0;
}

static bool is_accepted(const char *list, const char *fpr)
{
	size_t len = strlen(fpr);

	while (list && *list) {
		size_t n = strcspn(list, ",");

		if (n == len && !strncasecmp(list, fpr, len))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

int vendor_confirm(const struct install *in, const struct vendor *v, struct strv *news,
		   struct err *err)
{
	CLEANUP(strv_release) struct strv known = STRV_INIT;
	int r = state_list_load(in, REMEMBERED, &known, err);

	for (size_t i = 0; !r && i < v->pins.count; i++) {
		const char *fpr = v->pins.items[i];
		const struct pgp_key *key = pgp_find(&v->keys, fpr);
		const char *who = key ? key->user_id : "";

		if (strv_has(&known, fpr))
			continue;
		if (known.count && !is_accepted(in->accept_key, fpr))
			return err_set(err, ERR_VERIFY,
				       "the vendor key %s (%.100s) is new on this node: compare it "
				       "with what the vendor publishes, then use --accept-key %s",
				       fpr, who, fpr);
		r = strv_addf(news, err, "%s %s", fpr, who);
	}
	return r;
}

int vendor_remember(const struct install *in, const struct vendor *v, struct err *err)
{
	CLEANUP(strv_release) struct strv known = STRV_INIT;
	size_t before = 0;
	int r = state_list_load(in, REMEMBERED, &known, err);

	before = known.count;
	for (size_t i = 0; !r && i < v->pins.count; i++) {
		if (!strv_has(&known, v->pins.items[i]))
			r = strv_add(&known, v->pins.items[i], err);
	}
	if (r || known.count == before)
		return r;
	strv_sort(&known);
	return state_list_save(in, REMEMBERED, &known, err);
}

static int check(const struct install *in, const struct vendor *v, const char *file,
		 struct stamp *ret_stamp, struct err *err)
{
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	const struct index_member *member = index_find(&in->index, file);
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	struct stamp stamp;
	int r = 0;

	if (!member || !member->key)
		return err_set(err, ERR_VERIFY, "the bundle holds no '%.200s'", file);
	if ((r = path_join(in->staging, file, &path, err)))
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || stamp_take(fd, &stamp) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", path);
	if ((r = rpmsig_check(v->keyring, fd, path, NULL, &info, err)))
		return r;
	if (strcasecmp(info.signer, member->key) != 0)
		return err_set(err, ERR_VERIFY, "'%.200s' is signed by %s, the index names %s",
			       file, info.signer, member->key);
	if (ret_stamp && info.payload_compared)
		*ret_stamp = stamp;
	return 0;
}

int vendor_check_rpm(const struct install *in, const struct vendor *v, const char *file,
		     struct err *err)
{
	return check(in, v, file, NULL, err);
}

int vendor_check_package(const struct install *in, const struct vendor *v,
			 struct plan_package *package, struct err *err)
{
	package->checked = (struct stamp){ .taken = false };
	return check(in, v, package->file, &package->checked, err);
}
