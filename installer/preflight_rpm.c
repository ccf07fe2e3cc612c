/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: what the planned packages bring, and which installed ones are in the way. */
#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmio.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"
#include "preflight_private.h"
#include "rpmtx.h"

#define READ_FLAGS (RPMVSF_MASK_NODIGESTS | RPMVSF_MASK_NOSIGNATURES) /* that was done */
#define DATABASE_BYTES 65536 /* what a package adds to the rpm database, with its indexes */

static inline void ts_free(rpmts *ts)
{
	rpmtsFree(*ts);
}

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

static inline void header_free(Header *h)
{
	headerFree(*h);
}

static inline void files_free(rpmfi *fi)
{
	rpmfiFree(*fi);
}

static inline void fd_close(FD_t *fd)
{
	if (*fd)
		Fclose(*fd);
}

void preflight_payload_release(struct preflight_payload *payload)
{
	free(payload->glibc);
	strv_release(&payload->found);
	strv_release(&payload->weak);
	strv_release(&payload->interpreters);
}

/* The interpreters that virtual environments are made with. */
static int list_interpreters(struct preflight_run *run, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->setup->count; i++) {
		const struct setup_service *s = &run->setup->services[i];
		char *python = NULL;

		if (!s->service->venv.path)
			continue;
		r = context_text(s->context, "venv", "{{{venv.python}}}", false, &python, err);
		if (r == 0)
			r = strv_take(&run->payload.interpreters, python, err);
	}
	return r;
}

/* --- what a package brings ------------------------------------------------------------------ */

static uint64_t on_disk(const struct preflight_disk *disk, uint64_t size)
{
	uint64_t block = disk->space.block_bytes ? disk->space.block_bytes : 1;

	return (size + block - 1) / block * block;
}

/* A hard link's size is shared by all of its names. */
static uint64_t size_of(rpmfi fi)
{
	uint32_t links = rpmfiFNlink(fi);

	return S_ISREG(rpmfiFMode(fi)) ? rpmfiFSize(fi) / (links ? links : 1) : 0;
}

static int add_files(struct preflight_run *run, Header h, struct err *err)
{
	CLEANUP(files_free) rpmfi fi = rpmfiNew(NULL, h, RPMTAG_BASENAMES, RPMFI_KEEPHEADER);
	struct preflight_disk *disk = NULL;
	int seen = -1; /* the directory that DISK is of: a package's files are sorted by it */
	int r = 0;

	for (fi = rpmfiInit(fi, 0); r == 0 && rpmfiNext(fi) >= 0;) {
		uint64_t bytes = 0;

		if (strv_has(&run->payload.interpreters, rpmfiFN(fi)))
			r = strv_add(&run->payload.found, rpmfiFN(fi), err);
		if (r < 0 || (rpmfiFFlags(fi) & RPMFILE_GHOST))
			continue;
		if (rpmfiDX(fi) != seen)
			r = preflight_disk_of(run, rpmfiDN(fi), &disk, err);
		if (r < 0)
			break;
		seen = rpmfiDX(fi);
		bytes = on_disk(disk, size_of(fi));
		disk->package_bytes += bytes;
		disk->need_bytes += bytes;
		disk->need_files++;
	}
	return r;
}

static int add_package(struct preflight_run *run, Header h, const char *nevra, struct err *err)
{
	const char *name = headerGetString(h, RPMTAG_NAME);
	const char *version = headerGetString(h, RPMTAG_VERSION);
	int r = 0;

	if (name && version && !strcmp(name, "glibc") && !run->payload.glibc)
		r = str_dup(&run->payload.glibc, version, err);
	if (r == 0 && !headerIsEntry(h, RPMTAG_SHA256HEADER))
		r = strv_add(&run->payload.weak, nevra, err);
	return r == 0 ? add_files(run, h, err) : r;
}

static int read_package(struct preflight_run *run, rpmts ts, const struct plan_package *p,
			struct err *err)
{
	CLEANUP(fd_close) FD_t fd = NULL;
	CLEANUP(header_free) Header h = NULL;
	cleanup_free char *path = NULL;
	int r = path_join(run->setup->in->staging, p->file, &path, err);

	if (r < 0)
		return r;
	fd = Fopen(path, "r.ufdio");
	/* What cannot be read is told by the transaction's own test, in librpm's words. */
	if (!fd || Ferror(fd) || rpmReadPackageFile(ts, fd, p->file, &h) == RPMRC_FAIL || !h)
		return 0;
	return add_package(run, h, p->nevra, err);
}

static int add_database(struct preflight_run *run, struct err *err)
{
	struct preflight_disk *disk = NULL;
	int r = preflight_disk_of(run, "/var/lib/rpm", &disk, err);

	if (r < 0)
		return r;
	disk->package_bytes += run->plan->count * (uint64_t)DATABASE_BYTES;
	disk->need_bytes += run->plan->count * (uint64_t)DATABASE_BYTES;
	return 0;
}

int preflight_payload_read(struct preflight_run *run, struct err *err)
{
	CLEANUP(ts_free) rpmts ts = NULL;
	int r = list_interpreters(run, err);

	if (r < 0 || !run->plan || !run->plan->count)
		return r;
	r = rpmtx_configure(run->setup->in, err);
	if (r == 0)
		r = add_database(run, err);
	if (r < 0)
		return r;
	ts = rpmtsCreate();
	rpmtsSetVSFlags(ts, READ_FLAGS);
	for (size_t i = 0; r == 0 && i < run->plan->count; i++) {
		r = interrupt_check(err);
		if (r == 0)
			r = read_package(run, ts, &run->plan->packages[i], err);
	}
	return r;
}

/* --- packages in the way -------------------------------------------------------------------- */

/* NEVRAs of the installed packages of that name. */
static int installed(const struct install *in, const char *name, struct strv *ret, struct err *err)
{
	CLEANUP(ts_free) rpmts ts = rpmtsCreate();
	CLEANUP(iterator_free) rpmdbMatchIterator it = NULL;
	Header h = NULL;
	int r = 0;

	if (rpmtsSetRootDir(ts, in->root))
		return err_set(err, ERR_HOST, "librpm does not take '%.200s' for a root", in->root);
	rpmtsSetVSFlags(ts, READ_FLAGS);
	it = rpmtsInitIterator(ts, RPMDBI_NAME, name, 0);
	while (r == 0 && (h = rpmdbNextIterator(it)))
		r = strv_take(ret, headerGetAsString(h, RPMTAG_NEVRA), err);
	return r;
}

static int check_service(struct preflight_run *run, const struct service *service, struct err *err)
{
	const struct strv *names = &service->preflight.conflicts;
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count; i++) {
		CLEANUP(strv_release) struct strv found = STRV_INIT;
		sigset_t signals;

		rpmtx_hold_signals(&signals);
		r = installed(run->setup->in, names->items[i], &found, err);
		rpmtx_release_signals(&signals);
		for (size_t k = 0; r == 0 && k < found.count; k++)
			r = preflight_problem(run, err,
					      "'%s' is in the way of service '%s': see that "
					      "nothing needs it, then "
					      "remove it (dnf remove %s)",
					      found.items[k], service->name, names->items[i]);
	}
	return r;
}

int preflight_packages(struct preflight_run *run, struct err *err)
{
	int r = rpmtx_configure(run->setup->in, err);

	if (r < 0 || !rpmtx_has_database(run->setup->in))
		return r;
	for (size_t i = 0; r == 0 && i < run->setup->count; i++)
		r = check_service(run, run->setup->services[i].service, err);
	return r;
}
