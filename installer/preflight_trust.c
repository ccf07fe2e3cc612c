/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: the clock, and the certificates that this node and the others get. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capsule.h"
#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "preflight_private.h"
#include "x509.h"

#define CERTIFICATE_MAX (1U << 20)
#define CLOCK_SLACK_S 300
#define SOON_S (30 * 86400)

/* Bundles are made before they are installed. */
int preflight_time(struct preflight_run *run, struct err *err)
{
	time_t now = clock_now();
	time_t created = run->setup->in->index.created;
	char now_text[CLOCK_TEXT_SIZE];
	char created_text[CLOCK_TEXT_SIZE];

	if (now + CLOCK_SLACK_S >= created)
		return 0;
	clock_format(now, now_text);
	clock_format(created, created_text);
	return preflight_problem(
		run, err,
		"this machine's clock says %s, the bundle was made at %s: set the clock "
		"(chronyc makestep, or timedatectl set-time), or that of the build host",
		now_text, created_text);
}

/* --- certificates --------------------------------------------------------------------------- */

/* The authority among CAS that issued CERT, borrowed; or the first. */
static X509 *issuer_of(X509 *cert, STACK_OF(X509) *cas)
{
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (X509_NAME_cmp(X509_get_issuer_name(cert),
				  X509_get_subject_name(sk_X509_value(cas, i))) == 0)
			return sk_X509_value(cas, i);
	return sk_X509_value(cas, 0);
}

static struct x509_profile profile_of(const struct context_certificate *c)
{
	unsigned int usage = c->spec->usage;

	return (struct x509_profile){
		.organization = c->o,
		.unit = c->ou,
		.common_name = c->cn,
		.sans = (const char *const *)c->sans.items,
		.usage = (usage & SERVICE_USAGE_SERVER ? X509_USE_SERVER : 0U) |
			 (usage & SERVICE_USAGE_CLIENT ? X509_USE_CLIENT : 0U),
	};
}

static int check_validity(struct preflight_run *run, const char *id, const struct x509_facts *facts,
			  struct err *err)
{
	time_t now = clock_now();
	char now_text[CLOCK_TEXT_SIZE];
	char from[CLOCK_TEXT_SIZE];
	char to[CLOCK_TEXT_SIZE];

	clock_format(now, now_text);
	clock_format(facts->not_before, from);
	clock_format(facts->not_after, to);
	if (now < facts->not_before || now >= facts->not_after)
		return preflight_problem(
			run, err,
			"the certificate '%s' is good from %s to %s, and this machine's clock "
			"says %s: %s",
			id, from, to, now_text,
			now < facts->not_before ? "set the clock"
						: "build the bundle again, or set the clock");
	if (facts->not_after - now < SOON_S)
		return preflight_note(
			run, err,
			"the certificate '%s' ends soon, at %s: build a bundle with a new "
			"one in time",
			id, to);
	return 0;
}

/* The private key belongs to it. */
static int check_key(struct preflight_run *run, const char *id, X509 *cert, struct err *err)
{
	const char *pem = capsule_key(run->setup->in->capsule, id);
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	struct err why = ERR_INIT;

	if (pem && x509_key_from_pem(id, pem, strlen(pem), &key, &why) == 0 &&
	    X509_check_private_key(cert, key) == 1)
		return 0;
	(void)x509_error(&why, ERR_VERIFY, "key"); /* OpenSSL's queue is emptied */
	return preflight_problem(run, err,
				 "the private key '%s' in the node's capsule is not that of the "
				 "certificate: build the bundle again",
				 id);
}

/* Of NODE; what only its own machine can be asked about is left out for the others. */
static int check_certificate(struct preflight_run *run, const struct topology_node *node,
			     const struct context_certificate *c, STACK_OF(X509) *cas,
			     struct err *err)
{
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	CLEANUP(X509_freep) X509 *cert = NULL;
	const struct x509_profile profile = profile_of(c);
	bool own = node == run->setup->node;
	cleanup_free char *path = NULL;
	const char *why = NULL;
	struct err reason = ERR_INIT;
	int r = str_printf(&path, err, "%s/certs/%s/%s.crt", run->setup->in->staging, node->name,
			   c->id);

	if (r < 0)
		return r;
	if (!own && access(path, F_OK) < 0)
		return 0;
	if (x509_load(path, ERR_VERIFY, &cert, &reason) < 0 ||
	    x509_describe(cert, &facts, &reason) < 0)
		return preflight_problem(
			run, err,
			"the certificate '%s' of node '%s' cannot be read: build the bundle "
			"again",
			c->id, node->name);
	if (own && ((r = check_validity(run, c->id, &facts, err)) ||
		    (r = check_key(run, c->id, cert, err))))
		return r;
	/* Its times were judged: here they do not matter. */
	why = x509_unfit(cert, &profile, issuer_of(cert, cas), facts.not_before + 1, 0);
	return why ? preflight_problem(
			     run, err,
			     "the certificate '%s' of node '%s' is not what topology and manifests "
			     "ask for (%s): build the bundle again",
			     c->id, node->name, why)
		   : 0;
}

int preflight_certificates(struct preflight_run *run, struct err *err)
{
	const struct topology *topology = run->setup->in->topology;
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	int r = x509_load_all(run->setup->in->ca_path, ERR_FAILED, &cas, err);

	for (size_t i = 0; r == 0 && i < topology->count; i++) {
		CLEANUP(context_certificates_freep) struct context_certificates *all = NULL;
		const struct topology_node *node = &topology->nodes[i];

		r = context_certificates(&run->setup->cluster, run->setup->env, node, &all, err);
		for (size_t j = 0; r == 0 && j < all->count; j++)
			r = check_certificate(run, node, &all->items[j], cas, err);
	}
	return r;
}
