/* SPDX-License-Identifier: Apache-2.0 */
#include "solvfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <solv/pool.h>
#include <solv/repo_comps.h>
#include <solv/repo_rpmmd.h>
#include <solv/repo_solv.h>
#include <solv/repo_updateinfoxml.h>
#include <solv/repo_write.h>
#include <solv/solvversion.h>

#include "cache.h"
#include "cleanup.h"
#include "metafile.h"

/* Changes with KEPT below and with whatever else makes another content of the same metadata. */
#define FORMAT 1

DEFINE_CLEANUP(Pool *, pool_free);
DEFINE_CLEANUP(Repowriter *, repowriter_free);

static const char *const kind_names[] = { "primary", "filelists", "groups", "advisories" };

void solvfile_key_kind(enum solvfile_kind kind, char *buf, size_t size)
{
	/* Whatever reads or writes it: this program, and the libsolv that it runs with. */
	snprintf(buf, size, "solv %s %d pgha %s libsolv %s", kind_names[kind], FORMAT, PGHA_VERSION,
		 solv_version);
}

/* --- writing ------------------------------------------------------------------------------------ */

/* Of a package, what solving and the lock need: a description is never looked at. */
static const Id kept_of_packages[] = {
	SOLVABLE_NAME,         SOLVABLE_ARCH,      SOLVABLE_EVR,
	SOLVABLE_VENDOR,       SOLVABLE_PROVIDES,  SOLVABLE_REQUIRES,
	SOLVABLE_CONFLICTS,    SOLVABLE_OBSOLETES, SOLVABLE_RECOMMENDS,
	SOLVABLE_SUPPLEMENTS,  SOLVABLE_SUGGESTS,  SOLVABLE_ENHANCES,
	SOLVABLE_CHECKSUM,     SOLVABLE_MEDIADIR,  SOLVABLE_MEDIAFILE,
	SOLVABLE_MEDIANR,      SOLVABLE_MEDIABASE, SOLVABLE_LICENSE,
	SOLVABLE_DOWNLOADSIZE, SOLVABLE_FILELIST,  REPOSITORY_FILTEREDFILELIST,
};

static int filter_packages(Repo *repo, Repokey *key, void *arg)
{
	(void)repo;
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(kept_of_packages); i++)
		if (key->name == kept_of_packages[i])
			return KEY_STORAGE_INCORE;
	return KEY_STORAGE_DROPPED;
}

static int filter_nothing(Repo *repo, Repokey *key, void *arg)
{
	(void)repo;
	(void)key;
	(void)arg;
	return KEY_STORAGE_INCORE;
}

/* The last repodata alone for what extends the others. */
static int write_repo(Repo *repo, enum solvfile_kind kind, int fd, struct err *err)
{
	CLEANUP(repowriter_freep) Repowriter *writer = repowriter_create(repo);
	cleanup_close int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	cleanup_fclose FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	int failed = 0;

	if (!out)
		return err_errno(err, ERR_HOST, errno, "cannot write");
	steal_fd(&copy);
	repowriter_set_keyfilter(writer,
				 kind == SOLVFILE_PRIMARY || kind == SOLVFILE_FILELISTS
					 ? filter_packages
					 : filter_nothing,
				 NULL);
	if (kind == SOLVFILE_FILELISTS) {
		repowriter_set_flags(writer, REPOWRITER_NO_STORAGE_SOLVABLE);
		repowriter_set_repodatarange(writer, repo->nrepodata - 1, repo->nrepodata);
	}
	failed = repowriter_write(writer, out);
	if (fclose(steal_ptr(&out)) != 0 || failed)
		return err_errno(err, ERR_HOST, errno, "cannot write what was read");
	return 0;
}

/* --- reading ------------------------------------------------------------------------------------ */

static int read_source(enum solvfile_kind kind, Repo *repo, FILE *in, struct err *err)
{
	int failed = 0;

	switch (kind) {
	case SOLVFILE_PRIMARY:
		failed = repo_add_rpmmd(repo, in, NULL, 0);
		break;
	case SOLVFILE_FILELISTS:
		failed = repo_add_rpmmd(repo, in, NULL, REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL);
		break;
	case SOLVFILE_GROUPS:
		failed = repo_add_comps(repo, in, 0);
		break;
	case SOLVFILE_ADVISORIES:
		failed = repo_add_updateinfoxml(repo, in, 0);
		break;
	}
	return failed ? err_set(err, ERR_VERIFY, "%s", pool_errstr(repo->pool)) : 0;
}

struct reading {
	enum solvfile_kind kind;
	Repo *repo;
};

static int read_stream(FILE *in, void *arg, struct err *err)
{
	const struct reading *reading = arg;

	return read_source(reading->kind, reading->repo, in, err);
}

int solvfile_make(enum solvfile_kind kind, const struct metafile *from, int primary_fd, int out_fd,
		  struct err *err)
{
	CLEANUP(pool_freep) Pool *pool = pool_create();
	struct reading reading = { .kind = kind };
	int r = 0;

	if (pool_setdisttype(pool, DISTTYPE_RPM) < 0)
		return err_set(err, ERR_HOST, "this libsolv was built without rpm's rules");
	reading.repo = repo_create(pool, "");
	if (primary_fd >= 0)
		r = solvfile_load(SOLVFILE_PRIMARY, reading.repo, primary_fd, err);
	if (r == 0)
		r = metafile_read(from, read_stream, &reading, err);
	return r < 0 ? r : write_repo(reading.repo, kind, out_fd, err);
}

int solvfile_load(enum solvfile_kind kind, Repo *repo, int fd, struct err *err)
{
	static const int flags[] = {
		[SOLVFILE_FILELISTS] = REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL,
		[SOLVFILE_ADVISORIES] = 0,
	};
	cleanup_close int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	cleanup_fclose FILE *in = copy < 0 ? NULL : fdopen(copy, "r");

	if (!in)
		return err_errno(err, ERR_HOST, errno, "cannot read what was made of metadata");
	steal_fd(&copy);
	if (repo_add_solv(repo, in, flags[kind]))
		return err_set(err, ERR_VERIFY, "what was made of it cannot be read: %s",
			       pool_errstr(repo->pool));
	return 0;
}
