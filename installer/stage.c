/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "revoked.h"
#include "state.h"
#include "verify.h"
#include "x509.h"

#define MIB (UINT64_C(1) << 20)
#define SPARE_BYTES (16 * MIB) /* for directories, the journal, the rpm database's growth */
#define SCRATCH_PREFIX "pgha-plan"
#define FILE_BYTES 4096 /* a file takes whole blocks */

static int check_space(const struct install *in, int staging_fd, const struct verify *v,
		       struct err *err)
{
	uint64_t need = verify_staged_bytes(v, in->node) +
			v->set.index.member_count * (uint64_t)FILE_BYTES + SPARE_BYTES;
	struct statvfs fs;
	uint64_t have = 0;

	if (fstatvfs(staging_fd, &fs) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot ask for space in '%s'",
				 in->staging);
	have = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (have < need)
		return err_set(err, ERR_HOST,
			       "%" PRIu64 " MiB are missing in '%s': %" PRIu64
			       " MiB are needed, %" PRIu64 " MiB are free",
			       (need - have + MIB - 1) / MIB, in->staging, (need + MIB - 1) / MIB,
			       have / MIB);
	return 0;
}

static const char *scratch_parent(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp && *tmp ? tmp : "/var/tmp";
}

static int make_staging(struct install *in, int *ret_fd, struct err *err)
{
	int r = 0;

	if (in->dry_run) {
		in->scratch = (struct workdir)WORKDIR_INIT;
		r = workdir_make(&in->scratch, scratch_parent(), SCRATCH_PREFIX, err);
		if (!r)
			r = str_dup(&in->staging, in->scratch.path, err);
	} else if (mkdir(in->staging, 0700) < 0) {
		r = err_errno(err, ERR_FAILED, errno, "cannot create '%s'", in->staging);
	}
	if (r)
		return r;
	*ret_fd = open(in->staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", in->staging);
	return 0;
}

int stage_clear(struct install *in, struct err *err)
{
	if (in->scratch.path)
		return workdir_remove(&in->scratch, err);
	return in->staging ? tree_remove(in->staging, err) : 0;
}

static int check_committed(const struct install *in, const struct verify *v, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed committed = STATE_COMMITTED_INIT;
	int r = state_committed_load(in, &committed, err);

	return r ? r
		 : state_committed_check(&committed, in->node, &v->set.index, v->set.index_sha256,
					 err);
}

/*
 * The CA that this machine was first installed with stays: a bundle signed under another one is
 * refused, also when the medium that brought it has a CA file to go with it.
 */
static int check_known_ca(const struct install *in, const struct verify *v, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *known = NULL;
	cleanup_free char *path = NULL;
	struct cms_signer signer;
	struct err why = ERR_INIT;
	int r = path_join(in->state_dir, INSTALL_CA_NAME, &path, err);

	if (r || access(path, F_OK) < 0)
		return r;
	if ((r = x509_load_all(path, ERR_FAILED, &known, err)))
		return r;
	if (!cms_verify(v->set.signature.buf, v->set.signature.len, v->set.index_text.buf,
			v->set.index_text.len, known, NULL, clock_now(), &signer, &why))
		return 0;
	return err_set(err, ERR_VERIFY,
		       "'%.200s' is signed under another CA than the one that this machine was "
		       "installed with; if the cluster's CA was replaced, remove '%.200s'",
		       v->set.name, path);
}

static int open_base(const struct install *in, struct verify *v, struct err *err)
{
	static const struct strv none = STRV_INIT;
	cleanup_free char *kept = NULL;
	int r = 0;

	if ((r = state_kept_path(in, v->set.index.base_sequence, &kept, err)) ||
	    (r = verify_open_base(v, in->base_files ? in->base_files : &none, kept, err)) ||
	    (r = verify_need_base(v, err)))
		return r;
	v->copy_kept = in->dry_run;
	return v->base.count ? archives_need_all(&v->base, "base", err) : 0;
}

static int stage_verified(struct install *in, struct verify *v, struct err *err)
{
	cleanup_close int staging_fd = -1;
	int r = 0;

	if ((r = archives_need_all(&v->set, "bundle", err)) || (r = check_known_ca(in, v, err)) ||
	    (r = revoked_check(in, v, err)) || (r = check_committed(in, v, err)) ||
	    (r = open_base(in, v, err)) || (r = make_staging(in, &staging_fd, err)) ||
	    (r = check_space(in, staging_fd, v, err)))
		return r;
	return verify_members(v, staging_fd, in->node, err);
}

int stage_bundle(struct install *in, struct stage_result *ret, struct err *err)
{
	CLEANUP(verify_release) struct verify v = VERIFY_INIT;
	struct err ignored = ERR_INIT;
	int r = 0;

	/* Of no concern to this run. */
	if (!in->dry_run && workdir_sweep(scratch_parent(), SCRATCH_PREFIX, &ignored))
		ignored = (struct err)ERR_INIT;
	if (!in->dry_run && (r = stage_clear(in, err)))
		return r;
	if ((r = verify_open(&v, in->bundle_files, in->ca_path, err)))
		return r;
	r = stage_verified(in, &v, err);
	if (r) {
		struct err second = ERR_INIT;

		if (stage_clear(in, &second))
			err_detail(err, "and %s", second.msg);
		return r;
	}
	memcpy(ret->index_sha256, v.set.index_sha256, SHA256_HEX_SIZE);
	ret->signer = v.signer;
	in->index = v.set.index;
	v.set.index = (struct index)INDEX_INIT;
	return 0;
}
