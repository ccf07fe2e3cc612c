/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "x509.h"

void verify_release(struct verify *v)
{
	archives_release(&v->set);
	archives_release(&v->base);
	cleanup_closep(&v->kept_fd);
	*v = (struct verify)VERIFY_INIT;
}

static int check_expiry(const struct verify *v, time_t now, struct err *err)
{
	char expires[CLOCK_TEXT_SIZE];
	char now_text[CLOCK_TEXT_SIZE];

	if (now < v->set.index.expires)
		return 0;
	clock_format(v->set.index.expires, expires);
	clock_format(now, now_text);
	return err_set(err, ERR_VERIFY,
		       "'%.200s' expired at %s (this machine's clock says %s): build a new one",
		       v->set.name, expires, now_text);
}

static int trust_signature(const struct archives *a, void *arg, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	struct verify *v = arg;
	int r = x509_load_all(v->ca_path, ERR_USAGE, &cas, err);

	if (r)
		return r;
	r = cms_verify(a->signature.buf, a->signature.len, a->index_text.buf, a->index_text.len,
		       cas, NULL, clock_now(), &v->signer, err);
	return r ? err_prefix(err, "'%.200s'", a->name) : 0;
}

int verify_open(struct verify *v, const struct strv *files, const char *ca_path, struct err *err)
{
	int r = 0;

	v->ca_path = ca_path;
	if (access(ca_path, R_OK) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot read the CA '%.300s'", ca_path);
	r = archives_open(&v->set, files, trust_signature, v, err);
	return r ? r : check_expiry(v, clock_now(), err);
}

/* -- the base of a delta -- */

/* The signed index names it by its digest: its own signature, and how old it is, do not matter. */
static int trust_digest(const struct archives *a, void *arg, struct err *err)
{
	const struct verify *v = arg;
	const struct index *index = &v->set.index;

	if (strcmp(a->index_sha256, index->base_sha256) == 0)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "'%.200s' is not the base of '%.200s': that is sequence %" PRIu64
		       ", whose index has the SHA-256 %s",
		       a->name, v->set.name, index->base_sequence, index->base_sha256);
}

static int open_kept(struct verify *v, const char *dir, struct err *err)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int index_fd = -1;
	char hex[SHA256_HEX_SIZE];
	int r = 0;

	if (fd >= 0)
		index_fd = openat(fd, INDEX_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (index_fd < 0)
		return 0;
	r = sha256_fd(index_fd, INDEX_NAME, hex, NULL, err);
	if (!r && strcmp(hex, v->set.index.base_sha256) == 0)
		v->kept_fd = steal_fd(&fd);
	return r;
}

int verify_open_base(struct verify *v, const struct strv *files, const char *kept_dir,
		     struct err *err)
{
	if (files->count && !v->set.index.base_sequence)
		return err_set(err, ERR_USAGE, "'%.200s' is complete: leave --base out",
			       v->set.name);
	if (files->count)
		return archives_open(&v->base, files, trust_digest, v, err);
	return v->set.index.base_sequence && kept_dir ? open_kept(v, kept_dir, err) : 0;
}

int verify_need_base(const struct verify *v, struct err *err)
{
	const struct index *index = &v->set.index;

	if (!index->base_sequence || v->base.count || v->kept_fd >= 0)
		return 0;
	err_set(err, ERR_VERIFY,
		"'%.200s' is a delta on top of sequence %" PRIu64
		", which this machine does not have: name that bundle with --base, or bring a "
		"complete one",
		v->set.name, index->base_sequence);
	err_detail(err, "the base's index.yaml has the SHA-256 %s", index->base_sha256);
	return -(int)err->code;
}
