/* SPDX-License-Identifier: Apache-2.0 */
#include "recheck.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cms.h"
#include "digest_pool.h"
#include "file.h"
#include "x509.h"

static int read_member(const struct install *in, const char *name, char **ret, size_t *ret_len,
		       struct err *err)
{
	cleanup_free char *path = NULL;
	int r = path_join(in->staging, name, &path, err);

	return r ? r : file_read(path, 0, ERR_VERIFY, ret, ret_len, err);
}

/* As of the time that the index gives itself: it is signed with it. */
static int check_signature(const struct install *in, const char *text, size_t len, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	cleanup_free char *ca = NULL;
	cleanup_free char *signature = NULL;
	size_t size = 0;
	int r = path_join(in->state_dir, INSTALL_CA_NAME, &ca, err);

	if (r)
		return r;
	if (access(ca, F_OK) < 0)
		return err_set(err, ERR_VERIFY,
			       "there is no '%.200s' to check its signature with: put the "
			       "certificate of the cluster's CA there",
			       ca);
	if ((r = x509_load_all(ca, ERR_VERIFY, &cas, err)) ||
	    (r = read_member(in, INDEX_SIGNATURE_NAME, &signature, &size, err)))
		return r;
	return cms_verify(signature, size, text, len, cas, NULL, in->index.created, NULL, err);
}

/* The secrets are not kept. */
static bool is_kept(const struct index_member *m)
{
	return !str_starts(m->path, "nodes/");
}

static int check_member(const struct index_member *m, const struct digest_job *job, struct err *err)
{
	if (job->errnum)
		return err_errno(err, ERR_VERIFY, job->errnum, "cannot read '%.200s'", m->path);
	if (job->size_bytes != m->size_bytes || strcmp(job->sha256, m->sha256) != 0)
		return err_set(err, ERR_VERIFY,
			       "'%.200s' has changed since it was installed: install the earlier "
			       "state as a new bundle",
			       m->path);
	return 0;
}

struct work {
	struct digest_job *jobs;
	const struct index_member **members;
	struct strv paths;
	size_t count;
};

static void work_release(struct work *w)
{
	strv_release(&w->paths);
	free(w->jobs);
	free(w->members);
}

static int list_members(const struct install *in, struct work *w, struct err *err)
{
	const struct index *index = &in->index;
	int r = 0;

	w->jobs = calloc(index->member_count + 1, sizeof(*w->jobs));
	w->members = calloc(index->member_count + 1, sizeof(*w->members));
	if (!w->jobs || !w->members)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < index->member_count; i++) {
		if (!is_kept(&index->members[i]))
			continue;
		r = strv_addf(&w->paths, err, "%s/%s", in->staging, index->members[i].path);
		w->members[w->count++] = &index->members[i];
	}
	for (size_t i = 0; r == 0 && i < w->count; i++)
		w->jobs[i].path = w->paths.items[i];
	return r;
}

static int check_members(const struct install *in, struct err *err)
{
	CLEANUP(work_release) struct work w = { .count = 0 };
	struct digest_pool *pool = NULL;
	int r = list_members(in, &w, err);

	if (r == 0)
		r = digest_pool_start(w.jobs, w.count, &pool, err);
	for (size_t i = 0; r == 0 && i < w.count; i++) {
		r = digest_pool_wait(pool, i, err);
		if (r == 0)
			r = check_member(w.members[i], &w.jobs[i], err);
	}
	digest_pool_free(pool);
	return r;
}

int recheck_kept(struct install *in, const struct state_committed *committed,
		 char ret_sha256[SHA256_HEX_SIZE], struct err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = read_member(in, INDEX_NAME, &text, &len, err);

	if (r == 0)
		r = sha256_hex(text, len, ret_sha256, err);
	if (r == 0 && index_parse(INDEX_NAME, text, len, &in->index, err) < 0) {
		err->code = ERR_VERIFY;
		r = -ERR_VERIFY;
	}
	if (r == 0 && strcmp(ret_sha256, committed->index_sha256) != 0)
		r = check_signature(in, text, len, err);
	if (r == 0)
		r = check_members(in, err);
	return r < 0 ? err_prefix(err, "the bundle kept in '%.200s'", in->staging) : 0;
}
