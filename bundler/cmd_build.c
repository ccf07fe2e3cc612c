/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle build: everything that is still to do, then the tarball. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "assemble.h"
#include "built.h"
#include "cache.h"
#include "clock.h"
#include "commands.h"
#include "deliver.h"
#include "dotenv.h"
#include "elf_needs.h"
#include "file.h"
#include "lock_fit.h"
#include "metaopts.h"
#include "netopts.h"
#include "progress.h"
#include "resolve.h"
#include "volumes.h"
#include "workdir.h"

#define DAY_S 86400

struct options {
	const char *definition;
	const char *lock;
	const char *keys;
	const char *passphrases;
	const char *cache;
	const char *output;
	const char *import_dir;
	const char *volume_size;
	const char *delta_from;
	bool rebuild;
	const char *ca_passphrase_file, *ca_passphrase_fd;
	struct netopts net;
	struct metaopts meta;
};

static const struct cli_option build_options[] = {
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml", "the bundle's definition", true,
	  offsetof(struct options, definition) },
	{ "lock", 0, CLI_VALUE, "FILE", "use this lock and resolve nothing", false,
	  offsetof(struct options, lock) },
	{ "keys", 0, CLI_VALUE, "DIR", "the keys directory, made by 'keys init'", true,
	  offsetof(struct options, keys) },
	{ "passphrases", 0, CLI_VALUE, "FILE", "a line NODE=passphrase for each node, mode 0600",
	  true, offsetof(struct options, passphrases) },
	{ "ca-passphrase-file", 0, CLI_VALUE, "FILE",
	  "the CA key's passphrase (default: asked for, when certificates have to be issued)",
	  false, offsetof(struct options, ca_passphrase_file) },
	{ "ca-passphrase-fd", 0, CLI_VALUE, "N", "the same from an open descriptor", false,
	  offsetof(struct options, ca_passphrase_fd) },
	{ "cache", 0, CLI_VALUE, "DIR", "downloads (default: $PGHA_CACHE_DIR or ~/.cache/pgha)",
	  false, offsetof(struct options, cache) },
	{ "output", 'o', CLI_VALUE, "DIR", "where the tarball goes", true,
	  offsetof(struct options, output) },
	{ "import", 0, CLI_VALUE, "DIR", "take what is anywhere below DIR instead of downloading",
	  false, offsetof(struct options, import_dir) },
	{ "volume-size", 0, CLI_VALUE, "SIZE",
	  "several archives for smaller media: 4.7G, 650M, 25GiB; each can be checked alone", false,
	  offsetof(struct options, volume_size) },
	{ "delta-from", 0, CLI_VALUE, "OLD.tar|DIR",
	  "leave out what this bundle has; of one in volumes, any of them will do", false,
	  offsetof(struct options, delta_from) },
	{ "rebuild", 0, CLI_FLAG, NULL, "write a new tarball also when nothing has changed", false,
	  offsetof(struct options, rebuild) },
	METAOPTS(struct options, meta),
	NETOPTS(struct options, net),
	CLI_OPTION_END,
};

/* All that a build reads before it fetches anything. */
struct build {
	struct definition def;
	struct topology *topology;
	struct manifest *manifest;
	struct dotenv *env;
	struct keys_passphrases *passphrases;
	struct keys keys;
	struct lock lock;
	struct fetch_result fetched;
	struct published published;
	struct pack pack;
	struct index index;
	uint64_t volume_bytes;
	struct delta delta;
	char *cache;
	struct workdir work;
};

static void build_release(struct build *b)
{
	struct err ignored =
		ERR_INIT; /* what cannot be removed now stands in a private directory */

	if (workdir_remove(&b->work, &ignored) < 0)
		warning("%s", ignored.msg);
	free(b->cache);
	delta_release(&b->delta);
	index_release(&b->index);
	pack_release(&b->pack);
	published_release(&b->published);
	fetch_result_release(&b->fetched);
	lock_release(&b->lock);
	keys_release(&b->keys);
	keys_passphrases_free(b->passphrases);
	dotenv_free(b->env);
	manifest_free(b->manifest);
	topology_free(b->topology);
	definition_release(&b->def);
}

static int check_installer(const struct definition *def, struct err *err)
{
	const char *path = def->installer;
	struct stat st;

	if (access(path, R_OK) < 0 || stat(path, &st) < 0)
		return err_errno(err, ERR_CONFIG, errno, "cannot read the installer '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "the installer '%s' is not a regular file", path);
	return elf_check_installer(path, def->platform.arch, def->platform.glibc, err);
}

static int load_definition(struct build *b, const char *path, struct err *err)
{
	cleanup_free char *services = NULL;
	struct definition *def = &b->def;
	int r = definition_load(path, def, err);

	if (r == 0)
		r = definition_need(def, "cluster", def->cluster, err);
	if (r == 0)
		r = definition_need(def, "installer", def->installer, err);
	if (r == 0)
		r = check_installer(def, err);
	if (r == 0)
		r = definition_need(def, "topology", def->topology, err);
	if (r == 0)
		r = definition_need(def, "env", def->env, err);
	if (r == 0)
		r = definition_need(def, "services",
				    def->services.count ? def->services.items[0] : NULL, err);
	if (r == 0)
		r = path_beside(path, "services", &services, err);
	if (r == 0)
		r = manifest_load(services, &def->services, &b->manifest, err);
	if (r == 0)
		r = topology_load(def->topology, &def->services, &b->topology, err);
	if (r == 0)
		r = dotenv_load(def->env, &b->env, err);
	return r;
}

static int fill_index(struct build *b, struct err *err)
{
	const struct definition_platform *p = &b->def.platform;
	struct index *index = &b->index;
	int r = str_dup(&index->cluster, b->def.cluster, err);

	if (r == 0)
		r = str_dup(&index->platform.id, p->id, err);
	if (r == 0)
		r = str_dup(&index->platform.arch, p->arch, err);
	if (r == 0 && p->glibc)
		r = str_dup(&index->platform.glibc, p->glibc, err);
	if (r == 0 && p->python)
		r = str_dup(&index->platform.python, p->python, err);
	index->created = clock_now();
	index->expires = index->created + (time_t)b->def.valid_days * DAY_S;
	return r < 0 ? r : sha256_file(b->def.installer, index->installer_sha256, NULL, err);
}

/* keys_open() has told of a signer that ends soon. */
static void warn_of_signer(const struct build *b)
{
	time_t left = b->keys.signer_not_after - b->index.created;

	if (left >= (time_t)KEYS_SIGNER_WARN_DAYS * KEYS_DAY_S &&
	    b->keys.signer_not_after < b->index.expires)
		warning("the signer in '%s' expires in %ld days, before the bundle does "
			"(valid_days: "
			"%u), which cannot be installed after that: pgha-bundle keys renew --keys "
			"'%s' signer",
			b->keys.dir, (long)(left / KEYS_DAY_S), b->def.valid_days, b->keys.dir);
}

/* What is written differs only in seals, times and the sequence when this does not. */
static int describe(struct build *b, const struct assemble *a, const struct options *o,
		    char ret_key[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(str_release) struct str inputs = STR_SECRET;

	str_addf(&inputs, "installer %s\ndays %u\nvolumes %llu\nbase %s\n",
		 b->index.installer_sha256, b->def.valid_days, (unsigned long long)b->volume_bytes,
		 b->delta.base.index_sha256);
	if (assemble_describe(a, &b->keys, &b->pack, &inputs, err) < 0)
		return -(int)err->code;
	return built_key(&inputs, o->output, ret_key, err);
}

/* The expensive half. */
static int finish(struct build *b, const struct assemble *a, const struct deliver *d,
		  const char *key, struct strv *paths, struct err *err)
{
	struct err why = ERR_INIT;
	int r = assemble_repodata(a, &b->pack, err);

	if (r == 0)
		r = assemble_nodes(a, &b->keys, &b->pack, err);
	if (r == 0)
		r = deliver_bundle(d, &b->pack, &b->index, &b->keys, paths, err);
	if (r == 0 && built_save(b->cache, key, paths, &why) < 0)
		warning("the next build will not know this one: %s", why.msg);
	return r;
}

static int assemble(struct build *b, const struct assemble *a, const struct options *o,
		    struct err *err)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	struct assemble with_dir = *a;
	struct deliver d = { .output = o->output,
			     .installer = b->def.installer,
			     .volume_bytes = b->volume_bytes,
			     .delta = o->delta_from ? &b->delta : NULL };
	char key[SHA256_HEX_SIZE] = "";
	bool found = false;
	int r = dir_make(o->output, 0755, err);

	if (r == 0)
		r = workdir_make(&b->work, o->output, ".pgha-build", err);
	with_dir.work_dir = b->work.path;
	d.work_dir = b->work.path;
	if (r == 0)
		r = assemble_manifests(&with_dir, &b->pack, err);
	if (r == 0)
		r = assemble_artifacts(&with_dir, &b->pack, err);
	if (r == 0)
		r = fill_index(b, err);
	if (r == 0)
		warn_of_signer(b);
	if (r == 0)
		r = describe(b, a, o, key, err);
	if (r == 0 && !o->rebuild)
		r = built_find(b->cache, key, o->output, b->def.valid_days, &found, &paths,
			       &b->index, err);
	if (r == 0 && found)
		notice("nothing has changed since sequence %llu was built: it stays (--rebuild "
		       "makes "
		       "another one)",
		       (unsigned long long)b->index.sequence);
	else if (r == 0)
		r = finish(b, &with_dir, &d, key, &paths, err);
	if (r == 0)
		r = deliver_companions(&d, &b->index, &paths, err);
	if (r == 0 && b->index.base_sequence)
		notice("the delta carries %.1f of %.1f KiB: sequence %llu has the rest",
		       (double)index_carried_bytes(&b->index) / 1024,
		       (double)index_total_bytes(&b->index) / 1024,
		       (unsigned long long)b->index.base_sequence);
	for (size_t i = 0; r == 0 && i < paths.count; i++)
		printf("%s\n", paths.items[i]);
	return r;
}

static int run(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	CLEANUP(build_release)
	struct build b = { .def = DEFINITION_INIT,
			   .keys = KEYS_INIT,
			   .lock = LOCK_INIT,
			   .fetched = FETCH_RESULT_INIT,
			   .published = PUBLISHED_INIT,
			   .pack = PACK_INIT,
			   .index = INDEX_INIT,
			   .delta = DELTA_INIT,
			   .work = WORKDIR_INIT };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct context_cluster cluster = { .cluster = NULL };
	struct assemble a = { .def = &b.def, .lock = &b.lock, .fetched = &b.fetched };
	CLEANUP(strv_release) struct strv older = STRV_INIT;
	struct http_limits limits = { .parallel = 0 };
	struct metadata_options metadata = { .limits = &limits };
	const struct passphrase_source ca_passphrase = { .file = o->ca_passphrase_file,
							 .fd = o->ca_passphrase_fd,
							 .option = "--ca-passphrase-file" };
	int r = passphrase_check(&ca_passphrase, "the CA's key", err);

	if (r == 0)
		r = netopts_parse(&o->net, &limits, err);
	if (r == 0 && o->volume_size)
		r = volumes_parse_size(o->volume_size, &b.volume_bytes, err);
	(void)argc;
	(void)argv;
	if (r == 0)
		r = load_definition(&b, o->definition, err);
	if (r == 0)
		r = keys_passphrases_load(o->passphrases, &b.passphrases, err);
	if (r == 0)
		r = keys_open(o->keys, &b.keys, err);
	b.keys.ca_passphrase = ca_passphrase;
	if (r == 0)
		r = cache_dir(o->cache, &b.cache, err);
	if (r == 0 && o->delta_from)
		r = delta_open(o->delta_from, b.keys.chain, &b.delta, err);
	if (r < 0)
		return r;
	cluster = (struct context_cluster){ .cluster = b.def.cluster,
					    .platform_id = b.def.platform.id,
					    .platform_arch = b.def.platform.arch,
					    .platform_python = b.def.platform.python,
					    .topology = b.topology,
					    .manifest = b.manifest };
	a.cluster = &cluster;
	a.env = b.env;
	a.passphrases = b.passphrases;
	a.published = &b.published;
	a.cache = b.cache;
	metadata.cache = b.cache;
	r = metaopts_parse(&o->meta, &older, &metadata, err);
	if (r == 0)
		r = assemble_check(&a, err);
	if (r == 0)
		r = assemble_certificates(&a, &b.keys, err);
	if (r == 0 && o->lock)
		r = lock_load(o->lock, &b.lock, err);
	else if (r == 0)
		r = resolve_lock(&b.def, &metadata, &warnings, &b.lock, err);
	if (r == 0 && o->lock)
		r = lock_fit(o->lock, &b.lock, &b.def, &warnings, err);
	for (size_t i = 0; i < warnings.count; i++)
		warning("%s", warnings.items[i]);
	if (r == 0)
		r = fetch_all(&b.lock,
			      &(struct fetch_options){ .cache = b.cache,
						       .limits = &limits,
						       .import_dir = o->import_dir },
			      &b.fetched, err);
	if (r == 0)
		r = published_collect(&b.lock, b.cache, &limits, &b.published, err);
	return r < 0 ? r : assemble(&b, &a, o, err);
}

const struct cli_command bundle_cmd_build = {
	.name = "build",
	.args = "",
	.summary = "resolve and fetch what is still to do, then write the signed tarball",
	.options = build_options,
	.run = run,
	.options_size = sizeof(struct options),
};
