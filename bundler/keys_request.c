/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that somebody else's CA issues: requests, and taking in the answers. */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "keys.h"
#include "keys_private.h"

#define FOLDER "requests"
#define FILE_MAX (1U << 20) /* bytes */

/* DIR/requests/NAME.{key,csr}. */
static int request_paths(const struct keys *keys, const char *name, char **ret_key, char **ret_csr,
			 struct err *err)
{
	cleanup_free char *key = NULL;
	cleanup_free char *csr = NULL;
	int r = str_printf(&key, err, FOLDER "/%s.key", name);

	if (r == 0)
		r = str_printf(&csr, err, FOLDER "/%s.csr", name);
	if (r == 0)
		r = keys_path(keys, key, ret_key, err);
	return r < 0 ? r : keys_path(keys, csr, ret_csr, err);
}

static int make_dir_of(const char *path, struct err *err)
{
	cleanup_free char *dir = strndup(path, (size_t)(strrchr(path, '/') - path));

	return dir ? dir_make(dir, 0700, err) : err_nomem(err);
}

static int write_request(struct keys *keys, const char *name, const struct x509_profile *profile,
			 char **ret_path, struct err *err)
{
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(str_release) struct str pem = STR_INIT;
	cleanup_free char *key_path = NULL;
	cleanup_free char *path = NULL;
	bool there = false;
	int r = request_paths(keys, name, &key_path, &path, err);

	if (r == 0)
		r = make_dir_of(key_path, err);
	if (r < 0)
		return r;
	there = keys_exists(key_path);
	r = there ? x509_key_load(key_path, ERR_CONFIG, &key, err) : keys_new_key(keys, &key, err);
	if (r == 0)
		r = x509_request(profile, key, &pem, err);
	if (r == 0 && !there)
		r = x509_key_write(key_path, key, err);
	if (r == 0)
		r = file_write_atomic(path, 0644, pem.buf, pem.len, err);
	if (r == 0)
		*ret_path = steal_ptr(&path);
	return r;
}

int keys_request(struct keys *keys, const char *name, const struct x509_profile *profile,
		 char **ret_path, struct err *err)
{
	int r = keys_lock(keys, err);

	if (r < 0)
		return r;
	r = write_request(keys, name, profile, ret_path, err);
	keys_unlock(keys);
	return r < 0 ? err_prefix(err, "request '%s'", name) : 0;
}

int keys_request_named(struct keys *keys, const char *name, char **ret_path, struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	struct x509_profile profile = keys_signer_profile(keys);
	cleanup_free char *common_name = NULL;
	int r = 0;

	if (!strcmp(name, "ca") || str_ends(name, "/transport"))
		return err_set(err, ERR_USAGE, "for '%s' nothing is to be requested", name);
	r = keys_pair_open(keys, name, &pair, err);
	if (r == 0 && strcmp(name, "signer") != 0) {
		if (pair.cert) {
			r = x509_describe(pair.cert, &facts, err);
			profile = x509_profile_of(&facts);
		} else if (str_starts(name, "clients/")) {
			r = str_printf(&common_name, err, "client %s", name + strlen("clients/"));
			profile = keys_client_profile(common_name);
		} else {
			r = err_set(err, ERR_USAGE, "'%s' is not there", pair.cert_path);
		}
	}
	return r < 0 ? r : keys_request(keys, name, &profile, ret_path, err);
}

/* -- the CA's certificates -------------------------------------------------------------------- */

int keys_import_ca(struct keys *keys, const char *path, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *chain = NULL;
	int r = x509_load_all(path, ERR_USAGE, &chain, err);

	if (r == 0)
		r = x509_ca_chain(path, chain, NULL, clock_now(), err);
	if (r < 0)
		return r;
	if (keys->ca && X509_cmp(keys->ca, sk_X509_value(chain, 0)) != 0)
		return err_set(err, ERR_FAILED,
			       "'%s/ca.crt' is another CA than '%s', and was not touched: new keys "
			       "need a new directory",
			       keys->dir, path);
	r = keys_lock(keys, err);
	if (r < 0)
		return r;
	r = keys_ca_write(keys, chain, err);
	keys_unlock(keys);
	return r;
}

/* -- the answers ------------------------------------------------------------------------------ */

/* What a certificate must be, and where it goes. */
struct answer {
	char *name;
	EVP_PKEY *key;
	struct x509_facts asked;
	char *key_path,
		*csr_path; /* of the request; NULL: it renews what is there, with the same key */
};

static void answer_release(struct answer *a)
{
	free(a->name);
	EVP_PKEY_free(a->key);
	x509_facts_release(&a->asked);
	free(a->key_path);
	free(a->csr_path);
}

static bool belongs(X509 *cert, EVP_PKEY *key)
{
	bool yes = X509_check_private_key(cert, key) == 1;

	ERR_clear_error();
	return yes;
}

static int match_request(const struct keys *keys, const char *name, X509 *cert, struct answer *ret,
			 struct err *err)
{
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(X509_freep) X509 *request = NULL;
	cleanup_free char *key_path = NULL;
	cleanup_free char *csr_path = NULL;
	cleanup_free char *pem = NULL;
	size_t len = 0;
	int r = request_paths(keys, name, &key_path, &csr_path, err);

	if (r < 0 || !keys_exists(key_path) || !keys_exists(csr_path))
		return r;
	r = x509_key_load(key_path, ERR_CONFIG, &key, err);
	if (r < 0 || !belongs(cert, key))
		return r;
	r = file_read(csr_path, FILE_MAX, ERR_CONFIG, &pem, &len, err);
	if (r == 0)
		r = x509_request_read(csr_path, pem, len, &request, err);
	if (r == 0)
		r = x509_describe(request, &ret->asked, err);
	if (r == 0)
		r = str_dup(&ret->name, name, err);
	ret->key = steal_ptr(&key);
	ret->key_path = steal_ptr(&key_path);
	ret->csr_path = steal_ptr(&csr_path);
	return r;
}

static int match_pair(const struct keys *keys, const char *name, X509 *cert, struct answer *ret,
		      struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	int r = keys_pair_open(keys, name, &pair, err);

	if (r < 0 || !pair.key || !pair.cert || !belongs(cert, pair.key))
		return r;
	ret->key = steal_ptr(&pair.key);
	r = x509_describe(pair.cert, &ret->asked, err);
	return r < 0 ? r : str_dup(&ret->name, name, err);
}

/* Below DIR/requests, without ".csr"; one level of nodes. */
static int pending(const struct keys *keys, const char *folder, struct strv *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv files = STRV_INIT;
	cleanup_free char *path = NULL;
	int r = str_printf(&path, err, "%s/" FOLDER "%s%s", keys->dir, *folder ? "/" : "", folder);

	if (r < 0 || !keys_exists(path))
		return r;
	r = dir_list(path, &files, err);
	for (size_t i = 0; r == 0 && i < files.count; i++) {
		char *file = files.items[i];
		cleanup_free char *name = NULL;

		r = str_printf(&name, err, "%s%s%s", folder, *folder ? "/" : "", file);
		if (r == 0 && str_ends(name, ".csr")) {
			name[strlen(name) - strlen(".csr")] = '\0';
			r = strv_add(ret, name, err);
		} else if (r == 0 && !str_ends(name, ".key")) {
			r = pending(keys, name, ret, err);
		}
	}
	return r;
}

static int find_answer(struct keys *keys, const char *path, X509 *cert, struct answer *ret,
		       struct err *err)
{
	CLEANUP(strv_release) struct strv requests = STRV_INIT;
	CLEANUP(keys_list_release) struct keys_list list = KEYS_LIST_INIT;
	char subject[256];
	int r = pending(keys, "", &requests, err);

	for (size_t i = 0; r == 0 && !ret->name && i < requests.count; i++)
		r = match_request(keys, requests.items[i], cert, ret, err);
	if (r < 0 || ret->name)
		return r;
	r = keys_list_load(keys, &list, err);
	for (size_t i = 0; r == 0 && !ret->name && i < list.count; i++)
		if (strcmp(list.items[i].name, "ca") != 0)
			r = match_pair(keys, list.items[i].name, cert, ret, err);
	x509_subject(cert, subject, sizeof(subject));
	if (r == 0 && !ret->name)
		r = err_set(err, ERR_VERIFY,
			    "'%s': no request of '%s' has the key of certificate '%s'", path,
			    keys->dir, subject);
	return r;
}

static void detail_names(struct err *err, const char *what, const struct strv *names)
{
	CLEANUP(str_release) struct str text = STR_INIT;

	for (size_t i = 0; i < names->count; i++)
		str_addf(&text, " %s", names->items[i]);
	err_detail(err, "%s:%s", what, text.buf ? text.buf : " none");
}

/* Who revokes one of two that share a number revokes both, and takes notice of one. */
static int check_serial(const struct keys *keys, const struct x509_facts *has,
			const struct answer *a, struct err *err)
{
	cleanup_free char *other = NULL;
	int r = keys_log_find(keys, has->serial, &other, err);

	if (r < 0 || !other || !strcmp(other, a->name))
		return r;
	return err_set(err, ERR_VERIFY,
		       "it has serial number %s, which '%s' has: the CA must number each anew",
		       has->serial, other);
}

static int check_answer(const struct keys *keys, const char *path, X509 *cert,
			const struct answer *a, struct err *err)
{
	const struct x509_profile profile = x509_profile_of(&a->asked);
	CLEANUP(x509_facts_release) struct x509_facts has = { .usage = 0 };
	const char *why = NULL;
	int r = x509_describe(cert, &has, err);

	if (r == 0)
		r = keys_check_usage(keys, cert, profile.usage, err);
	if (r == 0)
		r = check_serial(keys, &has, a, err);
	if (r < 0)
		return err_prefix(err, "'%s' for '%s'", path, a->name);
	if (keys->crl && x509_crl_has(keys->crl, cert))
		return err_set(err, ERR_VERIFY, "'%s' for '%s' is revoked", path, a->name);
	why = x509_unfit(cert, &profile, keys->ca, clock_now(), 0);
	if (!why)
		return 0;
	err_set(err, ERR_VERIFY, "'%s' is not what the request for '%s' asked for: %s", path,
		a->name, why);
	if (!strcmp(why, "names")) {
		detail_names(err, "asked for", &a->asked.sans);
		detail_names(err, "it has", &has.sans);
	} else if (!strcmp(why, "subject")) {
		err_detail(err, "asked for: %s", a->asked.subject);
		err_detail(err, "it has: %s", has.subject);
	}
	return -err->code;
}

static int put_in_place(const struct keys *keys, X509 *cert, const struct answer *a,
			struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	int r = keys_pair_open(keys, a->name, &pair, err);

	if (r < 0)
		return r;
	X509_free(pair.cert);
	EVP_PKEY_free(pair.key);
	pair.cert = X509_dup(cert);
	pair.key = EVP_PKEY_up_ref(a->key) == 1 ? a->key : NULL;
	if (!pair.cert || !pair.key)
		return err_nomem(err);
	r = keys_pair_write(keys, &pair, "import", err);
	/* Only now: a run that is killed before can be done again. */
	if (r == 0 && a->key_path && (unlink(a->csr_path) < 0 || unlink(a->key_path) < 0))
		r = err_errno(err, ERR_FAILED, errno, "cannot remove the request '%s'",
			      a->csr_path);
	return r;
}

/* What comes with the certificate must be the CA's known chain, or nothing would use it. */
static int check_companions(const struct keys *keys, const char *path, STACK_OF(X509) *certs,
			    struct err *err)
{
	for (int i = 1; i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);
		bool known = false;
		char subject[256];

		for (int j = 0; !known && j < sk_X509_num(keys->chain); j++)
			known = !X509_cmp(cert, sk_X509_value(keys->chain, j));
		x509_subject(cert, subject, sizeof(subject));
		if (!known)
			return err_set(err, ERR_VERIFY,
				       "'%s' also holds '%s', which is not in '%s/ca.crt'", path,
				       subject, keys->dir);
	}
	return 0;
}

static int import(struct keys *keys, const char *path, char **ret_name, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = NULL;
	CLEANUP(answer_release) struct answer answer = { .name = NULL };
	X509 *cert = NULL;
	int r = x509_load_all(path, ERR_USAGE, &certs, err);

	if (r == 0)
		r = check_companions(keys, path, certs, err);
	if (r < 0)
		return r;
	cert = sk_X509_value(certs, 0);
	r = find_answer(keys, path, cert, &answer, err);
	if (r == 0)
		r = check_answer(keys, path, cert, &answer, err);
	if (r == 0)
		r = put_in_place(keys, cert, &answer, err);
	if (r == 0)
		*ret_name = steal_ptr(&answer.name);
	return r;
}

int keys_import(struct keys *keys, const char *path, char **ret_name, struct err *err)
{
	int r = 0;

	if (!keys->ca)
		return err_set(
			err, ERR_USAGE,
			"'%s/ca.crt' is not there: name the CA's certificates with --ca-cert",
			keys->dir);
	r = keys_lock(keys, err);
	if (r < 0)
		return r;
	r = import(keys, path, ret_name, err);
	keys_unlock(keys);
	return r;
}
