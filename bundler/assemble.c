/* SPDX-License-Identifier: Apache-2.0 */
#include "assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capsule.h"
#include "certificates.h"
#include "cms.h"
#include "contents.h"
#include "dotenv.h"
#include "file.h"
#include "lock_public.h"
#include "pkcs8.h"
#include "progress.h"
#include "rehearse.h"
#include "repodata.h"
#include "secrets.h"
#include "str.h"
#include "tar.h"
#include "wheel.h"
#include "wheel_inside.h"

static const char *lookup_dotenv(const void *from, const char *name)
{
	return dotenv_get(from, name);
}

/* What the node would refuse is refused here, where it can be mended. */
static int rehearse(const struct assemble *a, const struct topology_node *node, struct err *err)
{
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	int r = context_env_resolve(a->cluster, node, lookup_dotenv, a->env, &env, err);

	if (r == 0)
		r = rehearse_node(a->cluster, env, node, err);
	return r < 0 ? err_prefix(err, "node '%s'", node->name) : 0;
}

int assemble_check_wheels(const struct definition *def, const struct manifest *manifest,
			  struct err *err)
{
	for (size_t i = 0; i < manifest->count; i++) {
		const struct service *service = manifest->services[i];

		if (service->venv.path && !def->wheels.requirements.count)
			return err_set(err, ERR_CONFIG,
				       "%s: service '%s' makes a virtual environment and the "
				       "bundle has no wheels: name them under 'wheels:'",
				       def->path, service->name);
	}
	return 0;
}

int assemble_check(const struct assemble *a, struct err *err)
{
	const char *passphrase = NULL;
	int r = secrets_require(a->cluster, a->def, a->env, a->def->env, err);

	if (r == 0)
		r = assemble_check_wheels(a->def, a->cluster->manifest, err);
	for (size_t i = 0; r == 0 && i < a->cluster->topology->count; i++)
		r = keys_passphrase(a->passphrases, a->cluster->topology->nodes[i].name,
				    &passphrase, err);
	if (r == 0)
		keys_passphrases_tell_unknown(a->passphrases, a->cluster->topology);
	for (size_t i = 0; r == 0 && i < a->cluster->topology->count; i++)
		r = rehearse(a, &a->cluster->topology->nodes[i], err);
	return r;
}

static void emit_pair(struct str *s, const char *key, const char *value)
{
	str_add(s, key);
	str_add(s, ": ");
	yaml_emit_scalar(s, value);
}

static void emit_list(struct str *s, const struct strv *list)
{
	str_addc(s, '[');
	for (size_t i = 0; i < list->count; i++) {
		str_add(s, i ? ", " : "");
		yaml_emit_scalar(s, list->items[i]);
	}
	str_add(s, "]\n");
}

/* What the installer must know of the definition. */
static int format_bundle(const struct definition *def, struct str *s, struct err *err)
{
	const struct definition_trust *trust = def->trust.items;
	const struct definition_platform *p = &def->platform;

	str_add(s, "pgha: 1\n");
	emit_pair(s, "cluster", def->cluster);
	emit_pair(s, "\nplatform: {id", p->id);
	emit_pair(s, ", arch", p->arch);
	if (p->glibc)
		emit_pair(s, ", glibc", p->glibc);
	if (p->python)
		emit_pair(s, ", python", p->python);
	str_add(s, "}\ntrust:\n");
	for (size_t i = 0; i < def->trust.count; i++) {
		str_add(s, "  ");
		yaml_emit_scalar(s, trust[i].repo);
		str_add(s, ": ");
		emit_list(s, &trust[i].keys);
	}
	str_add(s, "services: ");
	emit_list(s, &def->services);
	return str_check(s, err);
}

static int add_service(const struct definition *def, const char *name, struct pack *pack,
		       struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *source = NULL;
	cleanup_free char *path = NULL;
	int r = definition_service_dir(def, name, &dir, err);

	if (r == 0)
		r = path_join(dir, "service.yaml", &source, err);
	if (r == 0)
		r = str_printf(&path, err, "manifests/services/%s/service.yaml", name);
	if (r == 0)
		r = pack_add_file(pack, path, source, err);
	if (r < 0)
		return r;
	free(steal_ptr(&source));
	free(steal_ptr(&path));
	r = path_join(dir, "templates", &source, err);
	if (r == 0)
		r = str_printf(&path, err, "manifests/services/%s/templates", name);
	if (r < 0 || access(source, F_OK) < 0)
		return r; /* a service may have no template */
	return pack_add_tree(pack, path, source, err);
}

/* What the reviewer approved travels with what came of it: origin, licence and reason of each part. */
static int add_lock(const struct lock *lock, struct pack *pack, struct err *err)
{
	cleanup_free char *text = NULL;
	int r = lock_public_format(lock, &text, err);

	return r < 0 ? r : pack_add_data(pack, CONTENTS_LOCK, text, strlen(text), err);
}

int assemble_manifests(const struct assemble *a, struct pack *pack, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	int r = format_bundle(a->def, &text, err);

	if (r == 0)
		r = pack_add_data(pack, "manifests/bundle.yaml", text.buf, text.len, err);
	if (r == 0)
		r = pack_add_file(pack, "manifests/topology.yaml", a->def->topology, err);
	for (size_t i = 0; r == 0 && i < a->def->services.count; i++)
		r = add_service(a->def, a->def->services.items[i], pack, err);
	return r < 0 ? r : add_lock(a->lock, pack, err);
}

static int add_rpms(const struct assemble *a, struct pack *pack, struct err *err)
{
	const struct lock_rpm *rpms = a->lock->rpms.items;
	cleanup_free char *packages = NULL;
	cleanup_free char *repo = NULL;
	int r = path_join(a->work_dir, "repo", &repo, err);

	if (r == 0)
		r = path_join(repo, "Packages", &packages, err);
	if (r == 0)
		r = dir_make(packages, 0700, err);
	for (size_t i = 0; r == 0 && i < a->lock->rpms.count; i++) {
		const struct fetch_rpm *rpm = &a->fetched->rpms[i];
		const char *file = path_basename(rpms[i].path);
		cleanup_free char *path = NULL;

		r = str_printf(&path, err, "repo/Packages/%s", file);
		if (r == 0)
			r = repodata_link(packages, file, rpm->path, err);
		if (r == 0)
			r = pack_add_known(pack, path, rpm->path, rpms[i].size_bytes,
					   rpms[i].sha256, rpm->signer, err);
	}
	return r;
}

int assemble_repodata(const struct assemble *a, struct pack *pack, struct err *err)
{
	cleanup_free char *repodata = NULL;
	cleanup_free char *repo = NULL;
	int r = path_join(a->work_dir, "repo", &repo, err);

	if (r == 0)
		r = repodata_make(repo, a->cache, a->lock, a->published, err);
	if (r == 0)
		r = path_join(repo, "repodata", &repodata, err);
	return r < 0 ? r : pack_add_tree(pack, "repo/repodata", repodata, err);
}

static int add_wheels(const struct assemble *a, struct pack *pack, struct err *err)
{
	const struct lock_wheel *wheels = a->lock->wheels.items;
	cleanup_free char *requirements = NULL;
	int r = 0;

	if (a->lock->wheels.count == 0)
		return 0;
	for (size_t i = 0; r == 0 && i < a->lock->wheels.count; i++) {
		cleanup_free char *path = NULL;

		r = str_printf(&path, err, "wheels/%s", wheels[i].file);
		if (r == 0)
			r = pack_add_file(pack, path, a->fetched->wheels.items[i], err);
		if (r == 0 && strcmp(pack->members[pack->count - 1].sha256, wheels[i].sha256))
			r = err_set(err, ERR_VERIFY, "'%s' is not the wheel '%s' of the lock",
				    a->fetched->wheels.items[i], wheels[i].file);
		if (r == 0)
			r = wheel_inside_check(a->fetched->wheels.items[i], &wheels[i], err);
	}
	if (r == 0)
		r = wheel_requirements(a->lock, &requirements, err);
	if (r == 0)
		r = pack_add_data(pack, "wheels/requirements.lock", requirements,
				  strlen(requirements), err);
	return r;
}

static int add_keys(const struct fetch_result *fetched, struct pack *pack, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < fetched->key_count; i++) {
		cleanup_free char *path = NULL;

		r = str_printf(&path, err, "keys/%s.asc", fetched->keys[i].fpr);
		if (r == 0)
			r = pack_add_data(pack, path, fetched->keys[i].armor,
					  strlen(fetched->keys[i].armor), err);
	}
	return r;
}

int assemble_artifacts(const struct assemble *a, struct pack *pack, struct err *err)
{
	int r = add_rpms(a, pack, err);

	if (r == 0)
		r = add_wheels(a, pack, err);
	return r < 0 ? r : add_keys(a->fetched, pack, err);
}

static int add_certificate(const struct context_certificate *c, const char *node, struct keys *keys,
			   struct capsule *capsule, struct pack *pack, struct err *err)
{
	const struct x509_profile profile = certificates_profile(c);
	CLEANUP(str_release) struct str cert = STR_INIT;
	CLEANUP(str_release) struct str key = STR_SECRET;
	cleanup_free char *path = NULL;
	int r = keys_node_certificate(keys, node, c->id, &profile, &cert, &key, err);

	if (r == 0)
		r = str_printf(&path, err, "certs/%s/%s.crt", node, c->id);
	if (r == 0)
		r = pack_add_data(pack, path, cert.buf, cert.len, err);
	return r < 0 ? r : capsule_add_key(capsule, c->id, key.buf, err);
}

static int seal_node(const struct assemble *a, struct keys *keys, const char *node,
		     const struct capsule *capsule, struct pack *pack, struct err *err)
{
	CLEANUP(X509_freep) X509 *cert = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(str_release) struct str text = STR_SECRET;
	CLEANUP(str_release) struct str sealed = STR_INIT;
	CLEANUP(str_release) struct str pem = STR_SECRET;
	cleanup_free char *cms_path = NULL;
	cleanup_free char *key_path = NULL;
	const char *passphrase = NULL;
	int r = keys_passphrase(a->passphrases, node, &passphrase, err);

	if (r == 0)
		r = keys_transport(keys, node, &cert, &key, err);
	if (r == 0)
		r = capsule_format(capsule, &text, err);
	if (r == 0)
		r = cms_seal(text.buf, text.len, cert, &sealed, err);
	if (r == 0)
		r = pkcs8_encrypt(key, passphrase, &pem, err);
	if (r == 0)
		r = str_printf(&cms_path, err, "nodes/%s.cms", node);
	if (r == 0)
		r = str_printf(&key_path, err, "nodes/%s.key", node);
	if (r == 0)
		r = pack_add_data(pack, cms_path, sealed.buf, sealed.len, err);
	return r < 0 ? r : pack_add_data(pack, key_path, pem.buf, pem.len, err);
}

/* The node's certificates go into PACK, what is secret into CAPSULE. */
static int fill_capsule(const struct assemble *a, const struct topology_node *node,
			struct keys *keys, struct capsule *capsule, struct pack *pack,
			struct err *err)
{
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	CLEANUP(context_certificates_freep) struct context_certificates *certs = NULL;
	int r = context_env_resolve(a->cluster, node, lookup_dotenv, a->env, &env, err);

	if (r == 0)
		r = context_certificates(a->cluster, env, node, &certs, err);
	if (r == 0)
		r = capsule_set_names(capsule, a->cluster->cluster, node->name, err);
	for (size_t i = 0; r == 0 && i < env->count; i++)
		r = capsule_add_env(capsule, env->items[i].name, env->items[i].value, err);
	for (size_t i = 0; r == 0 && i < certs->count; i++)
		r = add_certificate(&certs->items[i], node->name, keys, capsule, pack, err);
	return r;
}

static int add_node(const struct assemble *a, const struct topology_node *node, struct keys *keys,
		    struct pack *pack, struct err *err)
{
	CLEANUP(capsule_release) struct capsule capsule = CAPSULE_INIT;
	int r = fill_capsule(a, node, keys, &capsule, pack, err);

	if (r == 0)
		r = seal_node(a, keys, node->name, &capsule, pack, err);
	return r < 0 ? err_prefix(err, "node '%s'", node->name) : 0;
}

static int issue(const struct assemble *a, const struct topology_node *node, struct keys *keys,
		 struct err *err)
{
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	CLEANUP(context_certificates_freep) struct context_certificates *certs = NULL;
	CLEANUP(X509_freep) X509 *transport = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *transport_key = NULL;
	int r = context_env_resolve(a->cluster, node, lookup_dotenv, a->env, &env, err);

	if (r == 0)
		r = context_certificates(a->cluster, env, node, &certs, err);
	for (size_t i = 0; r == 0 && i < certs->count; i++) {
		const struct x509_profile profile = certificates_profile(&certs->items[i]);
		CLEANUP(str_release) struct str cert = STR_INIT;
		CLEANUP(str_release) struct str key = STR_SECRET;

		r = keys_node_certificate(keys, node->name, certs->items[i].id, &profile, &cert,
					  &key, err);
	}
	if (r == 0)
		r = keys_transport(keys, node->name, &transport, &transport_key, err);
	return r < 0 ? err_prefix(err, "node '%s'", node->name) : 0;
}

int assemble_certificates(const struct assemble *a, struct keys *keys, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->cluster->topology->count; i++)
		r = issue(a, &a->cluster->topology->nodes[i], keys, err);
	return r;
}

/* certs/crl.pem: nodes check bundles with it, and services may. */
static int add_crl(const struct keys *keys, struct pack *pack, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_INIT;
	int r = keys_crl_pem(keys, &pem, err);

	return r < 0 || !pem.len ? r : pack_add_data(pack, "certs/crl.pem", pem.buf, pem.len, err);
}

int assemble_nodes(const struct assemble *a, struct keys *keys, struct pack *pack, struct err *err)
{
	int r = add_crl(keys, pack, err);

	for (size_t i = 0; r == 0 && i < a->cluster->topology->count; i++)
		r = add_node(a, &a->cluster->topology->nodes[i], keys, pack, err);
	return r;
}

static void describe_members(const struct pack *pack, struct str *ret)
{
	for (size_t i = 0; i < pack->count; i++) {
		const struct pack_member *m = &pack->members[i];

		str_addf(ret, "member %s %s %s\n", m->path, m->sha256, m->key ? m->key : "-");
	}
}

/* Sealing gives other bytes each time: what is sealed counts, and for whom. */
static int describe_node(const struct assemble *a, struct keys *keys,
			 const struct topology_node *node, struct str *ret, struct err *err)
{
	CLEANUP(pack_release) struct pack certificates = PACK_INIT;
	CLEANUP(capsule_release) struct capsule capsule = CAPSULE_INIT;
	CLEANUP(X509_freep) X509 *cert = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	const char *passphrase = NULL;
	int r = fill_capsule(a, node, keys, &capsule, &certificates, err);

	if (r == 0)
		r = capsule_format(&capsule, ret, err);
	if (r == 0)
		r = keys_transport(keys, node->name, &cert, &key, err);
	if (r == 0)
		r = x509_to_pem(cert, ret, err);
	if (r == 0)
		r = keys_passphrase(a->passphrases, node->name, &passphrase, err);
	if (r < 0)
		return err_prefix(err, "node '%s'", node->name);
	str_addf(ret, "passphrase %s\n", passphrase);
	describe_members(&certificates, ret);
	return 0;
}

int assemble_describe(const struct assemble *a, struct keys *keys, const struct pack *pack,
		      struct str *ret, struct err *err)
{
	int r = 0;

	describe_members(pack, ret);
	str_addf(ret, "updateinfo %zu\n", a->published->updateinfo.len);
	str_add_len(ret, a->published->updateinfo.buf, a->published->updateinfo.len);
	str_addf(ret, "modules %zu\n", a->published->modules.len);
	str_add_len(ret, a->published->modules.buf, a->published->modules.len);
	for (size_t i = 0; r == 0 && i < a->cluster->topology->count; i++)
		r = describe_node(a, keys, &a->cluster->topology->nodes[i], ret, err);
	if (r == 0)
		r = keys_crl_pem(keys, ret, err);
	for (int i = 0; r == 0 && i < sk_X509_num(keys->chain); i++)
		r = x509_to_pem(sk_X509_value(keys->chain, i), ret, err);
	if (r == 0)
		r = x509_to_pem(keys->signer, ret, err);
	return r < 0 ? r : str_check(ret, err);
}
