/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "artifact.h"
#include "cache.h"
#include "checked.h"
#include "cleanup.h"
#include "file.h"
#include "import.h"
#include "keyrings.h"
#include "progress.h"
#include "servers.h"
#include "wheel.h"
#include "wheel_input.h"

#define NAMES_SHOWN 40

void fetch_result_release(struct fetch_result *result)
{
	for (size_t i = 0; i < result->rpm_count; i++)
		free(result->rpms[i].path);
	free(result->rpms);
	for (size_t i = 0; i < result->key_count; i++)
		free(result->keys[i].armor);
	free(result->keys);
	strv_release(&result->wheels);
	*result = (struct fetch_result)FETCH_RESULT_INIT;
}

/* All of one run. */
struct fetch {
	const struct lock *lock;
	const struct fetch_options *options;
	struct artifacts all;
	struct keyrings keyrings;
	struct checked checked;
	struct servers servers;
	struct err wrong; /* packages that are refused; the run goes on, to tell all of them */
};

static void fetch_close(struct fetch *f)
{
	struct err problem = ERR_INIT;

	/* Also after a failure: what was checked need not be checked again. */
	if (checked_save(&f->checked, &problem) < 0)
		warning("%s", problem.msg);
	servers_release(&f->servers);
	checked_release(&f->checked);
	keyrings_release(&f->keyrings);
	artifacts_release(&f->all);
}

static bool is_offline(const struct fetch *f)
{
	return f->options->limits && f->options->limits->offline;
}

/* -- room -- */

/* What an earlier run has left of A, bytes. */
static uint64_t part_bytes(const struct artifact *a)
{
	char path[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s.part", a->incoming) >= sizeof(path) ||
	    lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

/* Said before a disk is full, above all when a size is a lie. */
static int check_room(const struct fetch *f, struct err *err)
{
	uint64_t need = 0, have = 0;
	struct statvfs fs;

	for (size_t i = 0; i < f->all.count; i++) {
		const struct artifact *a = &f->all.items[i];
		uint64_t part = a->state == ARTIFACT_MISSING ? part_bytes(a) : 0;

		if (a->state == ARTIFACT_MISSING && a->size_bytes > part)
			need += a->size_bytes - part;
	}
	/* Without a cache yet there is nothing to ask; the keys are in one by now. */
	if (statvfs(f->options->cache, &fs) < 0)
		return 0;
	have = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (need <= have)
		return 0;
	return err_set(
		err, ERR_HOST,
		"what is missing has %.1f MiB, and '%s' has room for %.1f MiB: make room, or "
		"name another directory with --cache",
		(double)need / (1 << 20), f->options->cache, (double)have / (1 << 20));
}

/* -- from a directory -- */

static void take_imported(struct artifact **missing, const struct import_want *wants, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!wants[i].found)
			continue;
		missing[i]->state = ARTIFACT_ARRIVED;
		missing[i]->origin = ORIGIN_IMPORT;
		missing[i]->size_bytes = wants[i].got_bytes;
	}
}

/* What a wheel is built from goes straight to its place in the cache. */
static int import_inputs(const struct fetch *f, const struct lock_wheel *wheel, struct err *err)
{
	CLEANUP(wheel_inputs_release) struct wheel_inputs inputs = { .items = NULL };
	CLEANUP(strv_release) struct strv places = STRV_INIT;
	cleanup_free struct import_want *wants = NULL;
	size_t count = 0;
	int r = wheel_inputs_list(wheel->name, &wheel->sdist, &inputs, err);

	if (r < 0)
		return r;
	wants = calloc(inputs.count + 1, sizeof(*wants));
	if (!wants)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < inputs.count; i++) {
		char *place = NULL;

		if (wheel_input_cached(f->options->cache, inputs.items[i].sha256))
			continue;
		r = cache_path(f->options->cache, inputs.items[i].sha256, &place, err);
		if (r == 0)
			r = strv_take(&places, place, err);
		if (r == 0)
			wants[count++] = (struct import_want){ .file = inputs.items[i].file,
							       .sha256 = inputs.items[i].sha256,
							       .dest = place };
	}
	return r < 0 || count == 0
		       ? r
		       : import_dir(f->options->import_dir, f->options->cache, wants, count, err);
}

static int import_sources(const struct fetch *f, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->all.count; i++) {
		const struct artifact *a = &f->all.items[i];

		if (a->wheel && !a->wheel->url && a->state == ARTIFACT_MISSING)
			r = import_inputs(f, a->wheel, err);
	}
	return r;
}

static int import_missing(struct fetch *f, struct err *err)
{
	cleanup_free struct artifact **missing =
		calloc(f->all.count + 1, sizeof(struct artifact *));
	cleanup_free struct import_want *wants = calloc(f->all.count + 1, sizeof(*wants));
	size_t count = 0;
	int r;

	if (!missing || !wants)
		return err_nomem(err);
	for (size_t i = 0; i < f->all.count; i++) {
		struct artifact *a = &f->all.items[i];

		if (a->state != ARTIFACT_MISSING)
			continue;
		missing[count] = a;
		wants[count++] = (struct import_want){ .file = a->file,
						       .sha256 = a->sha256,
						       .size_bytes = a->size_bytes,
						       .dest = a->incoming };
	}
	if (count == 0)
		return 0;
	r = import_dir(f->options->import_dir, f->options->cache, wants, count, err);
	if (r < 0)
		return r;
	take_imported(missing, wants, count);
	return import_sources(f, err);
}

/* -- from the network -- */

static bool is_file_url(const char *url)
{
	return str_starts(url, "file:");
}

/* Without a network a file: repository still serves. */
static bool is_reachable(struct fetch *f, const struct artifact *a)
{
	const struct strv *bases = NULL;

	if (!is_offline(f))
		return true;
	if (a->wheel)
		return a->wheel->url && is_file_url(a->wheel->url);
	bases = &servers_source(&f->servers, a->repo)->bases;
	for (size_t i = 0; i < bases->count; i++)
		if (is_file_url(bases->items[i]))
			return true;
	return false;
}

/* Adds the names of what lacks to LACK: of a wheel that is to be built, what it is built from. */
static int add_lacking(struct fetch *f, const struct artifact *a, struct strv *lack,
		       struct err *err)
{
	CLEANUP(wheel_inputs_release) struct wheel_inputs inputs = { .items = NULL };
	int r = 0;

	if (a->state != ARTIFACT_MISSING || is_reachable(f, a))
		return 0;
	if (!a->wheel || a->wheel->url)
		return strv_add(lack, a->file, err);
	r = wheel_inputs_list(a->wheel->name, &a->wheel->sdist, &inputs, err);
	for (size_t i = 0; r == 0 && i < inputs.count; i++)
		if (!wheel_input_cached(f->options->cache, inputs.items[i].sha256) &&
		    !strv_has(lack, inputs.items[i].file))
			r = strv_add(lack, inputs.items[i].file, err);
	return r;
}

static int check_reachable(struct fetch *f, struct err *err)
{
	CLEANUP(strv_release) struct strv lack = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->all.count; i++)
		r = add_lacking(f, &f->all.items[i], &lack, err);
	if (r < 0 || lack.count == 0)
		return r;
	err_set(err, ERR_NETWORK, " ");
	for (size_t i = 0; i < lack.count && i < NAMES_SHOWN; i++)
		err_detail(err, "%s", lack.items[i]);
	if (lack.count > NAMES_SHOWN)
		err_detail(err, "and %zu more", lack.count - NAMES_SHOWN);
	snprintf(err->msg, sizeof(err->msg),
		 "%zu %s not in the cache '%s'%s%s%s: run without --offline, or fill a "
		 "directory with what 'pgha-bundle urls' lists, and give it with --import",
		 lack.count, lack.count == 1 ? "file is" : "files are", f->options->cache,
		 f->options->import_dir ? " nor below '" : "",
		 f->options->import_dir ? f->options->import_dir : "",
		 f->options->import_dir ? "'" : "");
	return -(int)err->code;
}

/* A package and what it is to be vetted against, while others arrive. */
struct vet {
	struct artifact *artifact;
	const struct keyring *keyring;
};

static void on_reading(const struct http_transfer *transfer, uint64_t at, const void *data,
		       size_t size_bytes, void *arg)
{
	const struct vet *v = arg;

	(void)transfer;
	artifact_feed(v->artifact, at, data, size_bytes);
}

static void on_arrival(const struct http_transfer *transfer, int fd, void *arg)
{
	struct vet *v = arg;

	(void)transfer;
	artifact_vet(v->artifact, fd, v->keyring);
}

/* Large files first: at the end, the last bytes that arrive are few, and soon read. */
static int by_size_falling(const void *a, const void *b)
{
	const struct http_transfer *x = a, *y = b;

	if (x->size_bytes != y->size_bytes)
		return x->size_bytes < y->size_bytes ? 1 : -1;
	return strcmp(x->path, y->path);
}

static size_t plan_downloads(struct fetch *f, struct http_transfer *transfers, struct vet *ret_vets)
{
	size_t count = 0;

	for (size_t i = 0; i < f->all.count; i++) {
		struct artifact *a = &f->all.items[i];

		if (!a->rpm || a->state != ARTIFACT_MISSING)
			continue;
		ret_vets[count] = (struct vet){ a, &f->keyrings.items[a->repo] };
		transfers[count] =
			(struct http_transfer){ .source = servers_source(&f->servers, a->repo),
						.path = a->rpm->path,
						.sha256 = a->sha256,
						.size_bytes = a->size_bytes,
						.dest = a->incoming,
						.feed = on_reading,
						.look = on_arrival,
						.arg = &ret_vets[count] };
		count++;
	}
	qsort(transfers, count, sizeof(*transfers), by_size_falling);
	return count;
}

static int download_rpms(struct fetch *f, struct err *err)
{
	cleanup_free struct http_transfer *transfers = calloc(f->all.count + 1, sizeof(*transfers));
	cleanup_free struct vet *wanted = calloc(f->all.count + 1, sizeof(*wanted));
	size_t count = 0;
	int r = 0;

	if (!transfers || !wanted)
		return err_nomem(err);
	count = plan_downloads(f, transfers, wanted);
	if (count > 0)
		r = http_fetch(transfers, count, f->options->limits, "packages", err);
	for (size_t i = 0; i < count; i++) {
		struct artifact *arrived = ((struct vet *)transfers[i].arg)->artifact;

		if (r == 0) {
			arrived->state = ARTIFACT_ARRIVED;
			/* What an earlier run has left complete was not downloaded now. */
			arrived->origin = transfers[i].downloaded ? ORIGIN_NETWORK : ORIGIN_CACHE;
		}
		http_transfer_release(&transfers[i]);
	}
	return r;
}

static int bring_wheels(struct fetch *f, struct err *err)
{
	cleanup_free struct wheel_want *wants = calloc(f->all.count + 1, sizeof(*wants));
	cleanup_free char *dir = NULL;
	size_t count = 0;
	int r;

	if (!wants)
		return err_nomem(err);
	for (size_t i = 0; i < f->all.count; i++) {
		struct artifact *a = &f->all.items[i];

		if (a->wheel && a->state == ARTIFACT_MISSING)
			wants[count++] =
				(struct wheel_want){ .wheel = a->wheel, .dest = a->incoming };
	}
	if (count == 0)
		return 0;
	r = path_join(f->options->cache, "incoming", &dir, err);
	if (r == 0)
		r = dir_make(dir, 0755, err);
	if (r == 0)
		r = wheel_fetch(f->lock, f->options->cache, wants, count, err);
	for (size_t i = 0; r == 0 && i < f->all.count; i++) {
		struct artifact *a = &f->all.items[i];
		struct stat st = { .st_size = 0 };

		if (!a->wheel || a->state != ARTIFACT_MISSING)
			continue;
		a->state = ARTIFACT_ARRIVED;
		a->origin = a->wheel->url ? ORIGIN_NETWORK : ORIGIN_BUILT;
		if (stat(a->incoming, &st) == 0)
			a->size_bytes = (uint64_t)st.st_size;
	}
	return r;
}

static size_t count_missing(const struct fetch *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->all.count; i++)
		count += f->all.items[i].state == ARTIFACT_MISSING;
	return count;
}

static int download_missing(struct fetch *f, struct err *err)
{
	int r = 0;

	if (count_missing(f) == 0)
		return 0;
	r = servers_open(&f->servers, err);
	if (r == 0)
		r = check_reachable(f, err);
	if (r == 0)
		r = download_rpms(f, err);
	/* Signatures before pip: a wrong one is told without waiting for it. */
	if (r == 0)
		r = artifacts_admit(&f->all, &f->keyrings, &f->checked, &f->wrong, err);
	return r < 0 || f->wrong.code ? r : bring_wheels(f, err);
}

/* -- the whole -- */

static int fill_result(const struct fetch *f, struct fetch_result *ret, struct err *err)
{
	int r = 0;

	ret->rpms = calloc(f->lock->rpms.count + 1, sizeof(*ret->rpms));
	if (!ret->rpms)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < f->all.count; i++) {
		const struct artifact *a = &f->all.items[i];
		struct fetch_count *c = a->origin == ORIGIN_NETWORK  ? &ret->downloaded
					: a->origin == ORIGIN_IMPORT ? &ret->imported
								     : &ret->cached;

		if (a->origin == ORIGIN_BUILT) {
			ret->built++;
		} else {
			c->files++;
			c->bytes += a->size_bytes;
		}
		if (a->rpm) {
			memcpy(ret->rpms[ret->rpm_count].signer, a->signer, sizeof(a->signer));
			r = str_dup(&ret->rpms[ret->rpm_count++].path, a->path, err);
		} else {
			r = strv_add(&ret->wheels, a->path, err);
		}
	}
	return r;
}

/* A step goes on after a package was refused, so that one run tells all that are. */
static int run(struct fetch *f, struct fetch_result *ret, struct err *err)
{
	struct checked *known = f->options->verify_cache ? NULL : &f->checked;
	int r = keyrings_open(f->lock, f->options, &f->servers, &f->checked, &f->keyrings, ret,
			      err);

	/* Without keys no package is worth its download. */
	if (r == 0)
		r = artifacts_list(f->lock, f->options->cache, &f->all, err);
	if (r == 0)
		r = artifacts_look(&f->all, &f->keyrings, known, err);
	if (r == 0)
		r = artifacts_check_cached(&f->all, &f->keyrings, &f->checked, &f->wrong, err);
	if (r == 0)
		r = check_room(f, err);
	if (r == 0 && f->options->import_dir)
		r = import_missing(f, err);
	if (r == 0)
		r = artifacts_admit(&f->all, &f->keyrings, &f->checked, &f->wrong, err);
	if (r == 0)
		r = download_missing(f, err);
	if (r == 0)
		r = artifacts_admit(&f->all, &f->keyrings, &f->checked, &f->wrong, err);
	return r < 0 ? r : fill_result(f, ret, err);
}

int fetch_all(const struct lock *lock, const struct fetch_options *options,
	      struct fetch_result *ret, struct err *err)
{
	CLEANUP(fetch_close)
	struct fetch f = {
		.lock = lock,
		.options = options,
		.servers = { .lock = lock, .cache = options->cache, .limits = options->limits }
	};
	size_t refused = 0;
	int r = checked_load(options->cache, &f.checked, err);

	if (r == 0)
		r = run(&f, ret, err);
	for (size_t i = 0; i < f.all.count; i++)
		refused += f.all.items[i].state == ARTIFACT_REFUSED;
	if (refused > 1)
		err_prefix(&f.wrong, "%zu packages are refused, the first one", refused);
	/* An interrupt ends all; any other trouble is worth less than a package that is refused. */
	if (f.wrong.code == ERR_NONE || (r < 0 && err->code == ERR_INTERRUPTED))
		return r;
	if (r < 0)
		err_detail(&f.wrong, "%s", err->msg);
	*err = f.wrong;
	return -(int)err->code;
}
