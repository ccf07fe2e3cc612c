/* SPDX-License-Identifier: Apache-2.0 */
#include "baseline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <solv/dataiterator.h>
#include <solv/knownid.h>
#include <solv/pool_parserpmrichdep.h>
#include <solv/poolarch.h>
#include <solv/repo.h>
#include <solv/repodata.h>
#include <solv/solvable.h>

#include "cleanup.h"

#define LINE_MAX_BYTES 65536

struct reader {
	Pool *pool;
	Repo *repo;
	Repodata *data;
	const struct definition_platform *platform; /* borrowed, as the next */
	const char *path;
	unsigned int line;
	Id package;   /* the one that is being read, in full form; 0: none yet */
	size_t plain; /* packages of a plain list … */
	size_t bare;  /* … and those of them that no repository has */
};

static int bad_line(const struct reader *rd, struct err *err, const char *what)
{
	return err_set(err, ERR_CONFIG, "%s:%u: %s", rd->path, rd->line, what);
}

/* --- dependencies ----------------------------------------------------------------------------------- */

static const struct key {
	const char *name;
	Id key;
} keys[] = {
	{ "Prv", SOLVABLE_PROVIDES },   { "Req", SOLVABLE_REQUIRES },
	{ "Con", SOLVABLE_CONFLICTS },  { "Obs", SOLVABLE_OBSOLETES },
	{ "Rec", SOLVABLE_RECOMMENDS }, { "Sup", SOLVABLE_SUPPLEMENTS },
};

static int relation(const char *op, size_t len)
{
	static const struct {
		const char *op;
		int flags;
	} ops[] = { { "=", REL_EQ },
		    { "<", REL_LT },
		    { ">", REL_GT },
		    { "<=", REL_LT | REL_EQ },
		    { ">=", REL_GT | REL_EQ } };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (strlen(ops[i].op) == len && !strncmp(ops[i].op, op, len))
			return ops[i].flags;
	return 0;
}

/* rpm's "name", "name op [epoch:]version[-release]", or "(a if b)". */
static Id parse_dep(Pool *pool, const char *text)
{
	size_t name_len = strcspn(text, " ");
	const char *op = text + name_len + (text[name_len] == ' ');
	size_t op_len = strcspn(op, " ");
	const char *evr = op + op_len + (op[op_len] == ' ');
	int flags = relation(op, op_len);
	Id name = 0;

	if (text[0] == '(')
		return pool_parserpmrichdep(pool, text);
	if (!flags || !*evr || strchr(evr, ' '))
		return pool_str2id(pool, text, 1);
	name = pool_strn2id(pool, text, (unsigned int)name_len, 1);
	if (str_starts(evr, "0:"))
		evr += 2;
	return pool_rel2id(pool, name, pool_str2id(pool, evr, 1), flags, 1);
}

static void add_self(Pool *pool, Solvable *s)
{
	Id self = pool_rel2id(pool, s->name, s->evr, REL_EQ, 1);

	solvable_add_deparray(s, SOLVABLE_PROVIDES, self, 0);
}

static int add_file(struct reader *rd, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = NULL;

	if (!strcmp(path, "/")) /* nothing requires that */
		return 0;
	if (path[0] != '/' || !slash[1])
		return bad_line(rd, err, "an absolute path is expected");
	dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!dir)
		return err_nomem(err);
	repodata_add_dirstr(rd->data, rd->package, SOLVABLE_FILELIST,
			    repodata_str2dir(rd->data, dir, 1), slash + 1);
	return 0;
}

/* --- the host --------------------------------------------------------------------------------------- */

static int check_platform(const struct reader *rd, const char *id, struct err *err)
{
	if (!strcmp(id, rd->platform->id))
		return 0;
	return err_set(err, ERR_CONFIG,
		       "%s:%u: this is a host of '%.60s', and the definition is for '%s'", rd->path,
		       rd->line, id, rd->platform->id);
}

/* The packages of a distribution's release say which one it is: base-module(platform:el8). */
static int check_provided(const struct reader *rd, const char *provided, struct err *err)
{
	static const char base[] = "base-module(";
	cleanup_free char *id = NULL;

	if (!str_starts(provided, base))
		return 0;
	id = strndup(provided + sizeof(base) - 1, strcspn(provided + sizeof(base) - 1, ")"));
	if (!id)
		return err_nomem(err);
	return str_starts(id, "platform:") ? check_platform(rd, id, err) : 0;
}

static int check_arch(const struct reader *rd, const char *arch, struct err *err)
{
	Pool *pool = rd->pool;
	Id id = pool_str2id(pool, arch, 1);

	if (id == ARCH_NOARCH || (pool->id2arch && id <= pool->lastarch && pool->id2arch[id]))
		return 0;
	return err_set(err, ERR_CONFIG,
		       "%s:%u: a package of architecture '%.40s', and the definition is for '%s'",
		       rd->path, rd->line, arch, rd->platform->arch);
}

/* --- packages --------------------------------------------------------------------------------------- */

/* Without the self-provide, which add_self() makes when no line has. */
static Id add_package(struct reader *rd, const char *name, const char *epoch, const char *version,
		      const char *release, const char *arch)
{
	bool has_epoch = epoch && strcmp(epoch, "0") != 0 && strcmp(epoch, "(none)") != 0;
	Id p = repo_add_solvable(rd->repo);
	Solvable *s = pool_id2solvable(rd->pool, p);
	const char *evr = pool_tmpjoin(rd->pool, version, "-", release);

	if (has_epoch)
		evr = pool_tmpjoin(rd->pool, pool_tmpjoin(rd->pool, epoch, ":", NULL), evr, NULL);
	s->name = pool_str2id(rd->pool, name, 1);
	s->evr = pool_str2id(rd->pool, evr, 1);
	s->arch = pool_str2id(rd->pool, arch, 1);
	return p;
}

/* "name epoch version release arch" */
static int read_package(struct reader *rd, char *text, struct err *err)
{
	char *words[5] = { NULL };
	size_t count = 0;
	int r = 0;

	for (char *word = strsep(&text, " "); word; word = strsep(&text, " ")) {
		if (!*word || count == ARRAY_SIZE(words))
			return bad_line(rd, err,
					"name, epoch, version, release and arch are expected");
		words[count++] = word;
	}
	if (count != ARRAY_SIZE(words))
		return bad_line(rd, err, "name, epoch, version, release and arch are expected");
	rd->package = 0;
	if (!strcmp(words[0], "gpg-pubkey"))
		return 0;
	r = check_arch(rd, words[4], err);
	if (r == 0) {
		rd->package = add_package(rd, words[0], words[1], words[2], words[3], words[4]);
		add_self(rd->pool, pool_id2solvable(rd->pool, rd->package));
	}
	return r;
}

static int read_fact(struct reader *rd, const char *key, char *text, struct err *err)
{
	Solvable *s = NULL;

	if (!strcmp(key, "Pkg"))
		return read_package(rd, text, err);
	if (!strcmp(key, "Platform"))
		return check_platform(rd, text, err);
	if (!rd->package) /* of a public key */
		return 0;
	s = pool_id2solvable(rd->pool, rd->package);
	if (!strcmp(key, "Fil"))
		return add_file(rd, text, err);
	if (!strcmp(key, "Ven")) {
		s->vendor = pool_str2id(rd->pool, text, 1);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		Id dep = 0;

		if (strcmp(key, keys[i].name) != 0)
			continue;
		/* What rpm itself can do is not the host's packages' business. */
		if (str_starts(text, "rpmlib("))
			return 0;
		dep = parse_dep(rd->pool, text);
		if (!dep)
			return bad_line(rd, err, "not a dependency");
		solvable_add_deparray(s, keys[i].key, dep, 0);
		return keys[i].key == SOLVABLE_PROVIDES ? check_provided(rd, text, err) : 0;
	}
	return bad_line(rd, err, "unknown kind of line");
}

/* --- a plain list ----------------------------------------------------------------------------------- */

static const char *without_epoch(const char *evr)
{
	const char *colon = strchr(evr, ':');

	return colon ? colon + 1 : evr;
}

/* The same package in a repository, or 0. */
static Id find_twin(const struct reader *rd, Id name, const char *evr, Id arch)
{
	Pool *pool = rd->pool;
	Id p = 0;

	FOR_POOL_SOLVABLES(p) {
		const Solvable *s = pool_id2solvable(pool, p);

		if (s->repo != rd->repo && s->name == name && s->arch == arch &&
		    !strcmp(without_epoch(pool_id2str(pool, s->evr)), evr))
			return p;
	}
	return 0;
}

static void copy_twin(struct reader *rd, Id twin)
{
	Pool *pool = rd->pool;
	Dataiterator it;
	Queue deps;

	queue_init(&deps);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		bool files = false;

		queue_empty(&deps); /* which a list that is not there does not do */
		solvable_lookup_deparray(pool_id2solvable(pool, twin), keys[i].key, &deps, 0);
		for (int k = 0; k < deps.count; k++) {
			files = files || deps.elements[k] == SOLVABLE_FILEMARKER;
			if (!files && deps.elements[k] != SOLVABLE_PREREQMARKER)
				solvable_add_deparray(pool_id2solvable(pool, rd->package),
						      keys[i].key, deps.elements[k], 0);
		}
	}
	queue_free(&deps);
	pool_id2solvable(pool, rd->package)->evr = pool_id2solvable(pool, twin)->evr;
	pool_id2solvable(pool, rd->package)->vendor = pool_id2solvable(pool, twin)->vendor;
	dataiterator_init(&it, pool, NULL, twin, SOLVABLE_FILELIST, NULL,
			  SEARCH_FILES | SEARCH_COMPLETE_FILELIST);
	while (dataiterator_step(&it)) {
		const char *path = it.kv.str;
		struct err ignored = ERR_INIT;

		if (path[0] == '/' && add_file(rd, path, &ignored) < 0)
			break;
	}
	dataiterator_free(&it);
}

/* The release package of an EL distribution has its version: "redhat-release-8.10-…". */
static int check_release(const struct reader *rd, const char *name, const char *version,
			 struct err *err)
{
	static const char *const names[] = { "redhat-release",       "rocky-release",
					     "almalinux-release",    "centos-stream-release",
					     "centos-linux-release", "oraclelinux-release" };
	CLEANUP(str_release) struct str id = STR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		str_addf(&id, "platform:el%.*s", (int)strspn(version, "0123456789"), version);
		return id.failed ? err_nomem(err) : check_platform(rd, id.buf, err);
	}
	return 0;
}

/* "name-version-release.arch", as rpm -qa prints it; an epoch is taken too. */
static int read_nevra(struct reader *rd, char *text, struct err *err)
{
	char *arch = strrchr(text, '.');
	char *release = NULL;
	char *version = NULL;
	char *epoch = NULL;
	Id twin = 0;
	int r = 0;

	if (str_starts(text, "gpg-pubkey-"))
		return 0;
	if (arch)
		*arch++ = '\0';
	release = strrchr(text, '-');
	if (release)
		*release++ = '\0';
	version = release ? strrchr(text, '-') : NULL;
	if (version)
		*version++ = '\0';
	if (!arch || !*arch || !version || !*version || !*release || !*text || strchr(text, ' '))
		return bad_line(rd, err, "name-version-release.arch is expected");
	if (strchr(version, ':'))
		epoch = strsep(&version, ":");
	r = check_arch(rd, arch, err);
	if (r == 0)
		r = check_release(rd, text, version, err);
	if (r < 0)
		return r;
	rd->package = add_package(rd, text, epoch, version, release, arch);
	rd->plain++;
	twin = find_twin(
		rd, pool_id2solvable(rd->pool, rd->package)->name,
		without_epoch(pool_id2str(rd->pool, pool_id2solvable(rd->pool, rd->package)->evr)),
		pool_id2solvable(rd->pool, rd->package)->arch);
	if (twin) {
		copy_twin(rd, twin);
	} else {
		rd->bare++;
		add_self(rd->pool, pool_id2solvable(rd->pool, rd->package));
	}
	return 0;
}

/* --- the file --------------------------------------------------------------------------------------- */

static int read_line(struct reader *rd, char *line, struct err *err)
{
	static const char none[] = "(none)";
	char *colon = NULL;

	/* rpm prints this for an empty array, without an end of the line. */
	while (str_starts(line, none))
		line += sizeof(none) - 1;
	if (!*line || *line == '#')
		return 0;
	if (*line != '=')
		return read_nevra(rd, line, err);
	colon = strstr(line, ": ");
	if (!colon)
		return bad_line(rd, err, "\"=Key: value\" is expected");
	*colon = '\0';
	return read_fact(rd, line + 1, colon + 2, err);
}

static int read_all(struct reader *rd, FILE *in, struct err *err)
{
	cleanup_free char *line = NULL;
	size_t size = 0;
	ssize_t len = 0;
	int r = 0;

	while (r == 0 && (len = getline(&line, &size, in)) >= 0) {
		rd->line++;
		if (len && line[len - 1] == '\n')
			line[--len] = '\0';
		if (len > LINE_MAX_BYTES || strlen(line) != (size_t)len)
			return bad_line(rd, err, "this is no text");
		r = read_line(rd, line, err);
	}
	if (r == 0 && ferror(in))
		r = err_errno(err, ERR_CONFIG, errno, "cannot read '%s'", rd->path);
	return r;
}

int baseline_load(Pool *pool, const char *path, const struct definition_platform *platform,
		  struct strv *warnings, struct err *err)
{
	cleanup_fclose FILE *in = fopen(path, "re");
	struct reader rd = { .pool = pool, .platform = platform, .path = path };
	int r = 0;

	if (!in)
		return err_errno(err, ERR_CONFIG, errno, "cannot open the inventory '%s'", path);
	rd.repo = repo_create(pool, "@System");
	rd.data = repo_add_repodata(rd.repo, 0);
	r = read_all(&rd, in, err);
	repodata_internalize(rd.data);
	pool_set_installed(pool, rd.repo);
	if (r == 0 && !rd.repo->nsolvables)
		r = err_set(err, ERR_CONFIG, "'%s' names no package: is it an inventory?", path);
	if (r == 0 && rd.bare)
		r = strv_addf(warnings, err,
			      "%s: a plain list, and %zu of its %zu package%s %s in no repository: "
			      "nothing is known about them but their names (pgha-install inventory "
			      "tells all)",
			      path, rd.bare, rd.plain, str_s(rd.plain),
			      rd.bare == 1 ? "is" : "are");
	return r;
}
