/* SPDX-License-Identifier: Apache-2.0 */
#include "writable.h"

#include <errno.h>
#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmtd.h>
#include <rpm/rpmts.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "plan.h"
#include "rpmtx.h"

static inline void ts_free(rpmts *ts)
{
	rpmtsFree(*ts);
}

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

static inline void td_free(rpmtd *td)
{
	rpmtdFreeData(*td);
	rpmtdFree(*td);
}

static int check_directory(const struct install *in, const char *dir, struct err *err)
{
	cleanup_free char *seen = NULL;
	int r = install_path(in, dir, &seen, err);

	if (r < 0 || access(seen, W_OK) == 0 || errno == ENOENT || errno == ENOTDIR)
		return r;
	return err_errno(err, ERR_HOST, errno,
			 "nothing is changed yet: see why packages cannot write in '%.200s', then "
			 "run this again",
			 seen);
}

static int check_package(const struct install *in, Header h, struct err *err)
{
	CLEANUP(td_free) rpmtd dirs = rpmtdNew();
	const char *dir = NULL;
	int r = 0;

	headerGet(h, RPMTAG_DIRNAMES, dirs, HEADERGET_MINMEM);
	while (r == 0 && (dir = rpmtdNextString(dirs)))
		r = check_directory(in, dir, err);
	return r;
}

/* Whatever of its name is installed. */
static int check_nevra(const struct install *in, rpmts ts, const char *nevra, struct err *err)
{
	CLEANUP(iterator_free) rpmdbMatchIterator it = NULL;
	cleanup_free char *name = NULL;
	Header h = NULL;
	int r = plan_nevra_name(nevra, &name, err);

	if (r < 0)
		return r;
	it = rpmtsInitIterator(ts, RPMDBI_NAME, name, 0);
	while (r == 0 && (h = rpmdbNextIterator(it)))
		r = check_package(in, h, err);
	return r;
}

int writable_packages(const struct install *in, const struct strv *nevras, struct err *err)
{
	CLEANUP(ts_free) rpmts ts = NULL;
	sigset_t signals;
	int r = rpmtx_configure(in, err);

	if (r < 0 || !nevras->count || !rpmtx_has_database(in))
		return r;
	rpmtx_hold_signals(&signals);
	ts = rpmtsCreate();
	if (rpmtsSetRootDir(ts, in->root))
		r = err_set(err, ERR_FAILED, "librpm does not take the root '%.200s'", in->root);
	for (size_t i = 0; r == 0 && i < nevras->count; i++)
		r = check_nevra(in, ts, nevras->items[i], err);
	rpmtsFree(ts);
	ts = NULL;
	rpmtx_release_signals(&signals);
	return r;
}
