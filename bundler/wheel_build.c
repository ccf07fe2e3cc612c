/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel_build.h"

#include <gnu/libc-version.h>
#include <string.h>

#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "pip_index.h"
#include "proc.h"
#include "progress.h"
#include "wheel_input.h"
#include "wheel_tags.h"
#include "yaml.h"

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

/* Plain files alone, below the place given, with fixed modes and times; then what pyproject.toml says. */
static const char *const unpack =
	"import json, os, sys, tarfile, zipfile\n"
	"try:\n"
	"    import tomllib\n"
	"except ImportError:\n"
	"    from pip._vendor import tomli as tomllib\n"
	"archive, target = sys.argv[1:]\n"
	"left = 1 << 30\n"
	"os.umask(0o022)\n"
	"def put(name, size, mode, stream):\n"
	"    global left\n"
	"    parts = name.split('/')\n"
	"    if name.startswith('/') or '..' in parts or '\\\\' in name:\n"
	"        sys.exit(f'{name!r} leads out of the archive')\n"
	"    left -= size\n"
	"    if left < 0:\n"
	"        sys.exit('it unpacks to more than 1 GiB')\n"
	"    path = os.path.join(target, *[p for p in parts if p not in ('', '.')])\n"
	"    os.makedirs(os.path.dirname(path), exist_ok=True)\n"
	"    with open(path, 'xb') as file:\n"
	"        file.write(stream.read(size))\n"
	"    os.chmod(path, 0o755 if mode & 0o111 else 0o644)\n"
	"    os.utime(path, (315532800, 315532800))\n"
	"os.makedirs(target)\n"
	"if zipfile.is_zipfile(archive):\n"
	"    with zipfile.ZipFile(archive) as source:\n"
	"        for info in source.infolist():\n"
	"            if not info.is_dir():\n"
	"                with source.open(info) as stream:\n"
	"                    put(info.filename, info.file_size, info.external_attr >> 16, stream)\n"
	"else:\n"
	"    with tarfile.open(archive) as source:\n"
	"        for info in source:\n"
	"            if info.isfile():\n"
	"                put(info.name, info.size, info.mode, source.extractfile(info))\n"
	"            elif not info.isdir():\n"
	"                sys.exit(f'{info.name!r} is neither a file nor a directory')\n"
	"roots = os.listdir(target)\n"
	"if len(roots) != 1:\n"
	"    sys.exit('it does not hold exactly one directory')\n"
	"root = os.path.join(target, roots[0])\n"
	"project = os.path.join(root, 'pyproject.toml')\n"
	"system = {}\n"
	"if os.path.exists(project):\n"
	"    with open(project, 'rb') as file:\n"
	"        system = tomllib.load(file).get('build-system', {})\n"
	"print(json.dumps({\n"
	"    'root': root, 'requires': system.get('requires', ['setuptools>=40.8.0']),\n"
	"    'backend': system.get('build-backend', 'setuptools.build_meta:__legacy__'),\n"
	"    'path': system.get('backend-path', []),\n"
	"    'legacy': 'false' if os.path.exists(project) else 'true'}))\n";

/* PEP 517's get_requires_for_build_wheel, inside the environment; what it prints goes to stderr. */
static const char *const ask_backend =
	"import importlib, json, os, sys\n"
	"root, backend, *path = sys.argv[1:]\n"
	"answer = os.dup(1)\n"
	"os.dup2(2, 1)\n"
	"os.umask(0o022)\n"
	"os.chdir(root)\n"
	"sys.argv[1:] = []\n"
	"sys.path[:] = [os.path.join(root, p) for p in path] + sys.path\n"
	"module, _, names = backend.partition(':')\n"
	"found = importlib.import_module(module)\n"
	"for name in filter(None, names.split('.')):\n"
	"    found = getattr(found, name)\n"
	"hook = getattr(found, 'get_requires_for_build_wheel', None)\n"
	"os.write(answer, json.dumps({'requires': list(hook() if hook else [])}).encode())\n";

static const char *const make_environment = "import sys, venv\n"
					    "venv.EnvBuilder(symlinks=True).create(sys.argv[1])\n";

struct build {
	const struct pip *pip; /* borrowed, as the next ones */
	const char *cache;
	const char *name;
	struct lock_sdist *sdist;
	char *base;           /* everything below it is ours */
	char *archive;        /* the source as it came */
	char *env;            /* the virtual environment */
	char *env_python;     /* its interpreter */
	struct yaml_doc *doc; /* what `unpack` said */
	struct strv requires; /* as pip takes them */
};

static void build_release(struct build *b)
{
	free(b->base);
	free(b->archive);
	free(b->env);
	free(b->env_python);
	yaml_doc_free(b->doc);
	strv_release(&b->requires);
}

/* A requirement comes out of the archive: it may be no option of pip's. */
static int add_requires(struct build *b, const struct yaml_node *list, struct err *err)
{
	int r = 0;

	if (!list || list->type != YAML_SEQUENCE)
		return err_set(err, ERR_VERIFY, "the source names no list of build requirements");
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		const char *text = list->items[i]->type == YAML_SCALAR ? list->items[i]->text : "";
		const char first[2] = { *text, '\0' };

		if (!str_is_word(first, ""))
			return err_set(err, ERR_VERIFY,
				       "'%.80s' is no build requirement of the source", text);
		r = strv_add(&b->requires, text, err);
	}
	return r;
}

static int unpack_to(struct build *b, const char *place, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	cleanup_free char *text = NULL;
	int r = strv_add(&args, b->archive, err);

	if (r == 0)
		r = strv_addf(&args, err, "%s/%s", b->base, place);
	if (r == 0)
		r = pip_python(b->pip, unpack, &args, &text, err);
	if (r < 0 && err->code == ERR_FAILED)
		err->code = ERR_VERIFY;
	if (r < 0)
		return -(int)err->code;
	yaml_doc_free(steal_ptr(&b->doc));
	return yaml_parse("the source's pyproject.toml", text, strlen(text), ERR_VERIFY, &b->doc,
			  err);
}

static const char *said(const struct build *b, const char *key)
{
	const struct yaml_node *value = yaml_get(yaml_root(b->doc), key);

	return value && value->type == YAML_SCALAR ? value->text : "";
}

static int open_environment(struct build *b, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	int r = path_join(b->base, "env", &b->env, err);

	if (r == 0)
		r = path_join(b->env, "bin/python", &b->env_python, err);
	if (r == 0)
		r = strv_add(&args, b->env, err);
	return r < 0 ? r : pip_python(b->pip, make_environment, &args, NULL, err);
}

/* Nothing of the operator's environment or configuration: it would show in the result. */
static int isolated_env(const struct build *b, struct pip *ret, struct err *err)
{
	int r = strv_addf(&ret->env, err, "HOME=%s", b->base);

	ret->offline = true;
	if (r == 0)
		r = strv_addf(&ret->env, err, "TMPDIR=%s", b->base);
	if (r == 0)
		r = strv_add(&ret->env, "PIP_NO_INDEX=1", err);
	return r < 0 ? r : strv_add(&ret->env, "PIP_CONFIG_FILE=/dev/null", err);
}

static int isolated_pip(const struct build *b, struct pip *ret, struct err *err)
{
	int r = isolated_env(b, ret, err);

	for (size_t i = 0; r == 0 && i < b->pip->python.count; i++)
		r = strv_add(&ret->python, b->pip->python.items[i], err);
	return r;
}

/* Puts SDIST's build requirements into the environment: from here on there is no network. */
static int install_pinned(const struct build *b, struct err *err)
{
	static const char *const head[] = { "--python",     "",
					    "install",      "--quiet",
					    "--no-index",   "--no-deps",
					    "--no-compile", "--only-binary=:all:" };
	CLEANUP(wheel_inputs_release) struct wheel_inputs inputs = { .items = NULL };
	CLEANUP(pip_release) struct pip isolated = PIP_INIT;
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	cleanup_free char *dir = NULL;
	int r = wheel_inputs_list(b->name, b->sdist, &inputs, err);

	if (r < 0 || b->sdist->build.count == 0)
		return r;
	r = path_join(b->base, "pinned", &dir, err);
	if (r == 0)
		r = dir_make(dir, 0755, err);
	if (r == 0)
		r = isolated_pip(b, &isolated, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(head); i++)
		r = strv_add(&args, *head[i] ? head[i] : b->env_python, err);
	for (size_t i = 1; r == 0 && i < inputs.count; i++) {
		const struct wheel_input *in = &inputs.items[i];
		cleanup_free char *path = NULL;

		r = path_join(dir, in->file, &path, err);
		if (r == 0)
			r = wheel_input_bring(b->pip, b->cache, in->name, in->url, in->sha256, path,
					      err);
		if (r == 0)
			r = strv_add(&args, path, err);
	}
	return r < 0 ? r : pip_run(&isolated, &args, err);
}

/* What pip chooses for the requirements, written down with its digests. */
static int pin(struct build *b, struct err *err)
{
	CLEANUP(pip_report_release) struct pip_report report = { .items = NULL };
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	CLEANUP(strv_release) struct strv none = STRV_INIT;
	int r = strv_add(&args, "--only-binary=:all:", err);

	if (!b->requires.count)
		return r;
	for (size_t i = 0; r == 0 && i < b->requires.count; i++)
		r = strv_add(&args, b->requires.items[i], err);
	if (r == 0)
		r = pip_report(b->pip, &args, b->base, &report, err);
	if (r == 0)
		r = pip_index_check(b->pip, &report, &none, err);
	if (r < 0)
		return err_prefix(err, "no build requirements");
	lock_release_builds(b->sdist);
	for (size_t i = 0; r == 0 && i < report.count; i++) {
		struct lock_build *build = NULL;

		r = lock_add_build(b->sdist, &build, err);
		if (r == 0)
			r = str_dup(&build->name, report.items[i].name, err);
		if (r == 0)
			r = str_dup(&build->version, report.items[i].version, err);
		if (r == 0)
			r = str_dup(&build->url, report.items[i].url, err);
		if (r == 0)
			r = str_dup(&build->sha256, report.items[i].sha256, err);
	}
	return r < 0 ? r : install_pinned(b, err);
}

/* The backend may want more when it has seen the source. */
static int pin_more(struct build *b, struct err *err)
{
	const struct yaml_node *path = yaml_get(yaml_root(b->doc), "path");
	CLEANUP(pip_release) struct pip inside = PIP_INIT;
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	cleanup_free char *text = NULL;
	size_t before = b->requires.count;
	int r = isolated_env(b, &inside, err);

	if (r == 0)
		r = strv_add(&inside.python, b->env_python, err);
	if (r == 0)
		r = strv_add(&args, said(b, "root"), err);
	if (r == 0)
		r = strv_add(&args, said(b, "backend"), err);
	for (size_t i = 0; r == 0 && path && i < path->count; i++)
		r = strv_add(&args, path->items[i]->text ? path->items[i]->text : "", err);
	if (r == 0)
		r = pip_python(&inside, ask_backend, &args, &text, err);
	if (r == 0)
		r = yaml_parse("the build backend's answer", text, strlen(text), ERR_VERIFY, &doc,
			       err);
	if (r == 0)
		r = add_requires(b, yaml_get(yaml_root(doc), "requires"), err);
	return r < 0 || b->requires.count == before ? r : pin(b, err);
}

static int prepare(struct build *b, struct err *err)
{
	bool pinned = b->sdist->build.count > 0;
	int r = path_join(b->base, "source", &b->archive, err);

	if (r == 0)
		r = wheel_input_bring(b->pip, b->cache, b->name, b->sdist->url, b->sdist->sha256,
				      b->archive, err);
	if (r == 0)
		r = unpack_to(b, "ask", err);
	if (r == 0)
		r = open_environment(b, err);
	if (r < 0 || pinned)
		return r < 0 ? r : install_pinned(b, err);
	r = add_requires(b, yaml_get(yaml_root(b->doc), "requires"), err);
	if (r == 0)
		r = pin(b, err);
	return r < 0 ? r : pin_more(b, err);
}

/* Unpacked anew at PLACE: what an earlier build left in the source is not there. */
static int build_once(struct build *b, const char *place, const char *dir, struct err *err)
{
	const char *const head[] = {
		"--python",       b->env_python,         "wheel", "--no-deps", "--no-index",
		"--no-cache-dir", "--no-build-isolation"
	};
	CLEANUP(pip_release) struct pip isolated = PIP_INIT;
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	int r = unpack_to(b, place, err);

	if (r == 0)
		r = isolated_pip(b, &isolated, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(head); i++)
		r = strv_add(&args, head[i], err);
	if (r == 0 && !strcmp(said(b, "legacy"), "true"))
		r = strv_add(&args, "--use-pep517", err);
	if (r == 0)
		r = strv_addf(&args, err, "--wheel-dir=%s", dir);
	if (r == 0)
		r = strv_add(&args, said(b, "root"), err);
	if (r == 0)
		r = pip_run(&isolated, &args, err);
	/* Nothing of it has to do with the network. */
	if (r < 0 && err->code == ERR_NETWORK)
		err->code = ERR_FAILED;
	return r < 0 ? -(int)err->code : 0;
}

/* A wheel whose second build differs could be fetched by nobody else: its digest is the lock's. */
static int compare_builds(const char *first, const char *second, char **ret_file, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *a = NULL;
	cleanup_free char *b = NULL;
	char hex_a[SHA256_HEX_SIZE], hex_b[SHA256_HEX_SIZE];
	int r = dir_list(second, &names, err);

	if (r == 0 && names.count != 1)
		return err_set(err, ERR_VERIFY, "the build left %zu files instead of a wheel",
			       names.count);
	if (r < 0 || path_join(first, names.items[0], &a, err) < 0 ||
	    path_join(second, names.items[0], &b, err) < 0 ||
	    sha256_file(a, hex_a, NULL, err) < 0 || sha256_file(b, hex_b, NULL, err) < 0)
		return -(int)err->code;
	if (strcmp(hex_a, hex_b) != 0)
		return err_set(err, ERR_VERIFY,
			       "two builds of '%s' differ, so that a lock cannot name it: put a "
			       "wheel of it into your index",
			       names.items[0]);
	return str_dup(ret_file, names.items[0], err);
}

/* 'linux_x86_64' promises nothing: what was linked here needs this host's glibc. */
static int check_local(const char *file, const struct lock_platform *platform, struct err *err)
{
	unsigned int here = 0, there = 0;

	if (!wheel_tags_is_local(file))
		return 0;
	if (wheel_tags_minor(gnu_get_libc_version(), "2.", &here) && platform->glibc &&
	    wheel_tags_minor(platform->glibc, "2.", &there) && here <= there)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "'%.200s' was built with glibc %s, and the target has %s: put a wheel of it "
		       "into your index, or build on the target's system",
		       file, gnu_get_libc_version(), platform->glibc ? platform->glibc : "another");
}

static int build_twice(struct build *b, const struct lock_platform *platform, const char *dir,
		       char **ret_file, struct err *err)
{
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	cleanup_free char *file = NULL;
	cleanup_free char *from = NULL;
	cleanup_free char *to = NULL;
	int r = path_join(b->base, "first", &first, err);

	if (r == 0)
		r = path_join(b->base, "second", &second, err);
	if (r == 0)
		r = build_once(b, "one", first, err);
	if (r == 0)
		r = build_once(b, "another/place", second, err);
	if (r == 0)
		r = compare_builds(first, second, &file, err);
	if (r == 0)
		r = wheel_tags_check_name(file, b->name, err);
	if (r == 0)
		r = wheel_tags_check(file, platform, err);
	if (r == 0)
		r = check_local(file, platform, err);
	if (r == 0)
		r = path_join(first, file, &from, err);
	if (r == 0)
		r = path_join(dir, file, &to, err);
	if (r == 0)
		r = file_move(from, to, err);
	if (r == 0)
		*ret_file = steal_ptr(&file);
	return r;
}

static void warn_once(void)
{
	static bool said;

	if (!said && !proc_can_offline())
		warning("this host lets nobody have a network of its own, so what is in the "
			"sources is "
			"run with the host's network: build on a host that permits user "
			"namespaces, "
			"or as root");
	said = true;
}

int wheel_build(const struct pip *pip, const char *cache, const struct lock_platform *platform,
		const char *name, struct lock_sdist *sdist, const char *work, const char *dir,
		char **ret_file, struct err *err)
{
	CLEANUP(build_release)
	struct build b = { .pip = pip, .cache = cache, .name = name, .sdist = sdist };
	int r = str_printf(&b.base, err, "%s/build-%.16s", work, sdist->sha256);

	warn_once();
	if (r == 0)
		r = dir_make(b.base, 0755, err);
	if (r == 0)
		r = prepare(&b, err);
	if (r == 0)
		r = build_twice(&b, platform, dir, ret_file, err);
	return r < 0 ? err_prefix(err, "cannot build a wheel from '%.200s'", sdist->url) : 0;
}
