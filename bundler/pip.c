/* SPDX-License-Identifier: Apache-2.0 */
#include "pip.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "proc.h"
#include "yaml.h"

#define PIP_TIMEOUT_MS (15 * 60 * 1000U)
#define GLIBC_MINOR_MIN 5 /* manylinux1, the oldest tag there is (PEP 513) */

extern char **environ;

/*
 * What every program given by -c begins with. Python would look for modules in the current directory
 * first, so that a json.py beside somebody's manifests would run on the build host.
 */
static const char *const own_modules = "import sys\n"
				       "sys.path[:] = [p for p in sys.path if p]\n";

#define SOURCE_ENV "PGHA_PIP_SOURCE"

/*
 * pip under a fixed umask, which is what a wheel's permissions come from, and a limit of 1 GiB for
 * each file: an index that never ends fills no disk. With SOURCE_ENV, a source that it would prepare
 * ends it, and that file says which one; nor does it take a wheel that was built of one some time ago.
 * These parts of pip have been the same from 22 to 25.
 */
static const char *const run_pip =
	"import hashlib, json, os, re, resource, runpy\n"
	"def stop(self, *args, **keywords):\n"
	"    from pip._internal.exceptions import InstallationError\n"
	"    name, path, link = self.req.name, self.req.local_file_path, self.req.link\n"
	"    if not name or not path or not os.path.isfile(path):\n"
	"        raise InstallationError(f'{self.req} is no source archive with a name')\n"
	"    stem = re.sub(r'\\.(zip|tgz|tar(\\.[a-z0-9]+)?)$', '', link.filename)\n"
	"    with open(path, 'rb') as source:\n"
	"        digest = hashlib.sha256(source.read()).hexdigest()\n"
	"    with open(os.environ['" SOURCE_ENV "'], 'w') as out:\n"
	"        json.dump([{\n"
	"            'name': re.sub('[-_.]+', '-', name).lower(),\n"
	"            'version': stem.rpartition('-')[2],\n"
	"            'url': re.sub('//[^/@]*@', '//', link.url_without_fragment, count=1),\n"
	"            'sha256': digest}], out)\n"
	"    os._exit(3)\n"
	"if os.environ.get('" SOURCE_ENV "'):\n"
	"    from pip._internal.cache import WheelCache\n"
	"    from pip._internal.distributions.sdist import SourceDistribution\n"
	"    SourceDistribution.prepare_distribution_metadata = stop\n"
	"    WheelCache.get_cache_entry = lambda *args, **keywords: None\n"
	"os.umask(0o022)\n"
	"hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
	"most = 1 << 30 if hard == resource.RLIM_INFINITY else min(hard, 1 << 30)\n"
	"resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))\n"
	"sys.argv[0] = 'pip'\n"
	"runpy.run_module('pip', run_name='__main__', alter_sys=True)\n";

void pip_release(struct pip *pip)
{
	strv_release(&pip->python);
	strv_release(&pip->keep);
	strv_release(&pip->env);
	free(steal_ptr(&pip->version));
}

/* pip's configuration may stand in PIP_ variables; certificates and proxies in the usual ones. */
static int keep_environment(struct strv *keep, struct err *err)
{
	static const char *const names[] = {
		"HOME",         "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "SSL_CERT_FILE",
		"SSL_CERT_DIR", "http_proxy",      "https_proxy",    "no_proxy",
		"HTTP_PROXY",   "HTTPS_PROXY",     "NO_PROXY",       "REQUESTS_CA_BUNDLE",
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = strv_add(keep, names[i], err);
	for (char **e = environ; r == 0 && *e; e++) {
		cleanup_free char *name = strndup(*e, strcspn(*e, "="));

		if (!name)
			return err_nomem(err);
		if (str_starts(name, "PIP_"))
			r = strv_add(keep, name, err);
	}
	return r;
}

/* A Python may live outside the system's PATH (pyenv): the operator's own PATH finds it. */
static int find_python(const char *version, char **ret_path, struct err *err)
{
	const char *path = getenv("PATH");
	cleanup_free char *dirs = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
	char *save = NULL;

	if (!dirs)
		return err_nomem(err);
	for (char *dir = strtok_r(dirs, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		cleanup_free char *file = NULL;
		int r = str_printf(&file, err, "%s/python%s", dir, version);

		if (r < 0)
			return r;
		if (*dir == '/' && access(file, X_OK) == 0) {
			*ret_path = steal_ptr(&file);
			return 0;
		}
	}
	return err_set(err, ERR_HOST,
		       "python%s is not on this host, and pip must run on the target's version: "
		       "install python%s and its pip",
		       version, version);
}

int pip_open(const char *version, struct pip *ret, struct err *err)
{
	CLEANUP(pip_release) struct pip pip = PIP_INIT;
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	cleanup_free char *path = NULL;
	int r = find_python(version, &path, err);

	if (r == 0)
		r = str_dup(&pip.version, version, err);
	if (r == 0)
		r = keep_environment(&pip.keep, err);
	if (r == 0)
		r = strv_add(&pip.python, path, err);
	if (r == 0)
		r = strv_add(&pip.python, "-c", err);
	if (r == 0)
		r = strv_addf(&pip.python, err, "%s%s", own_modules, run_pip);
	if (r == 0)
		r = strv_add(&args, "--version", err);
	if (r < 0)
		return r;
	if (pip_run(&pip, &args, err) < 0)
		return err_set(err, err->code == ERR_INTERRUPTED ? ERR_INTERRUPTED : ERR_HOST,
			       "'%s' has no working pip: install pip for python%s", path, version);
	*ret = pip;
	pip = (struct pip)PIP_INIT;
	return 0;
}

/* Runs HEAD, which ends with NULL, and ARGS behind it. SETTING (or NULL) goes to the environment. */
static int run(const struct pip *pip, const char *const *head, const struct strv *args,
	       const char *setting, char **ret_out, struct err *err)
{
	/* What is built from source must not carry the hour of its build: 1980-01-01, the first
	 * day that a zip archive knows. */
	static const char *const fixed[] = {
		"SOURCE_DATE_EPOCH=315532800",     "PYTHONHASHSEED=0", "PIP_NO_INPUT=1",
		"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_COLOR=1",
	};
	CLEANUP(strv_release) struct strv argv = STRV_INIT;
	CLEANUP(strv_release) struct strv env = STRV_INIT;
	struct proc proc = { .timeout_ms = PIP_TIMEOUT_MS, .dies_with_us = true };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed); i++)
		r = strv_add(&env, fixed[i], err);
	for (size_t i = 0; r == 0 && i < pip->env.count; i++)
		r = strv_add(&env, pip->env.items[i], err);
	if (r == 0 && setting)
		r = strv_add(&env, setting, err);
	for (size_t i = 0; r == 0 && head[i]; i++)
		r = strv_add(&argv, head[i], err);
	for (size_t i = 0; r == 0 && i < args->count; i++)
		r = strv_add(&argv, args->items[i], err);
	if (r < 0)
		return r;
	proc.argv = (const char *const *)argv.items;
	proc.env = (const char *const *)env.items;
	proc.keep = (const char *const *)pip->keep.items;
	proc.offline = pip->offline && proc_can_offline();
	return proc_check(&proc, ret_out, err);
}

static int run_with(const struct pip *pip, const struct strv *args, const char *setting,
		    struct err *err)
{
	int r = run(pip, (const char *const *)pip->python.items, args, setting, NULL, err);

	/* pip has one exit status for everything; a wrong digest it announces in capitals. */
	if (r < 0 && err->code == ERR_FAILED)
		err->code = strstr(err->detail, "DO NOT MATCH THE HASHES") ? ERR_VERIFY
			    : strstr(err->detail, "Invalid requirement")   ? ERR_CONFIG
									   : ERR_NETWORK;
	return r < 0 ? -(int)err->code : 0;
}

int pip_run(const struct pip *pip, const struct strv *args, struct err *err)
{
	return run_with(pip, args, NULL, err);
}

int pip_python(const struct pip *pip, const char *program, const struct strv *args, char **ret_out,
	       struct err *err)
{
	cleanup_free char *whole = NULL;
	int r = str_printf(&whole, err, "%s%s", own_modules, program);
	const char *const head[] = { pip->python.items[0], "-c", whole, NULL };

	return r < 0 ? r : run(pip, head, args, NULL, ret_out, err);
}

/* A report holds whole descriptions; the Python that wrote it says in YAML what we need of it. */
static const char *const digest_of_report =
	"import json, pathlib, re, sys\n"
	"for item in json.loads(pathlib.Path(sys.argv[1]).read_text('utf-8'))['install']:\n"
	"    info = item['download_info']\n"
	"    digest = info.get('archive_info', {})\n"
	"    legacy, _, value = digest.get('hash', '').partition('=')\n" /* before pip 23.1 */
	"    print('- ' + json.dumps({\n"
	"        'name': re.sub('[-_.]+', '-', item['metadata']['name']).lower(),\n"
	"        'version': item['metadata']['version'],\n"
	"        'url': info['url'],\n"
	"        'sha256': digest.get('hashes', {legacy: value}).get('sha256', ''),\n"
	"        'yanked': 'true' if item.get('is_yanked') else 'false'}))\n";

static const char *field(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *value = yaml_get(node, key);

	return value && value->type == YAML_SCALAR ? value->text : "";
}

static int read_item(const struct yaml_node *node, struct pip_item *item, struct err *err)
{
	const char *name = field(node, "name");
	const char *sha256 = field(node, "sha256");
	unsigned char raw[32];
	int r = 0;

	if (!str_is_word(name, "-") || !str_is_word(field(node, "version"), ".+!-_"))
		return err_set(err, ERR_VERIFY,
			       "the index offers '%.80s' '%.80s', which is no name "
			       "and version of a distribution",
			       name, field(node, "version"));
	if (!strcmp(field(node, "yanked"), "true"))
		return err_set(err, ERR_VERIFY,
			       "'%s' %s was yanked from the index: ask for another "
			       "version under 'wheels: requirements'",
			       name, field(node, "version"));
	if (!hex_decode(raw, sizeof(raw), sha256))
		return err_set(err, ERR_VERIFY, "the index gives no SHA-256 for '%s' %s", name,
			       field(node, "version"));
	r = str_dup(&item->name, name, err);
	if (r == 0)
		r = str_dup(&item->version, field(node, "version"), err);
	if (r == 0)
		r = str_dup(&item->url, field(node, "url"), err);
	return r < 0 ? r : str_dup(&item->sha256, sha256, err);
}

static int cmp_items(const void *a, const void *b)
{
	return strcmp(((const struct pip_item *)a)->name, ((const struct pip_item *)b)->name);
}

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

static int read_report(const struct pip *pip, const char *path, struct pip_report *ret,
		       struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	cleanup_free char *text = NULL;
	const struct yaml_node *list = NULL;
	int r = strv_add(&args, path, err);

	if (r == 0)
		r = pip_python(pip, digest_of_report, &args, &text, err);
	if (r == 0)
		r = yaml_parse("pip's report", text, strlen(text), ERR_NETWORK, &doc, err);
	if (r < 0)
		return r;
	list = yaml_root(doc);
	if (list->type != YAML_SEQUENCE || list->count == 0)
		return err_set(err, ERR_NETWORK, "pip's report is empty");
	ret->items = calloc(list->count, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	ret->count = list->count;
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = read_item(list->items[i], &ret->items[i], err);
	if (r == 0)
		qsort(ret->items, ret->count, sizeof(*ret->items), cmp_items);
	return r;
}

static void item_release(struct pip_item *item)
{
	free(item->name);
	free(item->version);
	free(item->url);
	free(item->sha256);
}

/* Builds what FILE names. */
static int build_source(const struct pip *pip, const char *file, struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	CLEANUP(item_release) struct pip_item source = { .name = NULL };
	cleanup_free char *text = NULL;
	size_t size = 0;
	int r = file_read(file, 0, ERR_FAILED, &text, &size, err);

	if (r == 0)
		r = yaml_parse("pip's source", text, size, ERR_NETWORK, &doc, err);
	if (r < 0)
		return r;
	if (yaml_root(doc)->type != YAML_SEQUENCE || yaml_root(doc)->count != 1)
		return err_set(err, ERR_NETWORK, "pip does not say what source it came upon");
	r = read_item(yaml_root(doc)->items[0], &source, err);
	if (r < 0)
		return r;
	if (!pip->build)
		return err_set(err, ERR_NETWORK, "the index has '%s' %s as source only",
			       source.name, source.version);
	return pip->build(pip->build_arg, &source, err);
}

/* *RET_AGAIN: a wheel was built, and pip has to be asked again. */
static int report_once(const struct pip *pip, const struct strv *args, const char *work_dir,
		       bool *ret_again, struct err *err)
{
	cleanup_free char *file = NULL;
	cleanup_free char *setting = NULL;
	int r = path_join(work_dir, "source.json", &file, err);

	*ret_again = false;
	if (r == 0)
		r = str_printf(&setting, err, SOURCE_ENV "=%s", file);
	if (r < 0)
		return r;
	r = run_with(pip, args, setting, err);
	if (r == 0 || err->code == ERR_INTERRUPTED || access(file, F_OK) < 0)
		return r;
	*err = (struct err)ERR_INIT;
	*ret_again = true;
	r = build_source(pip, file, err);
	unlink(file);
	return r;
}

int pip_report(const struct pip *pip, const struct strv *args, const char *work_dir,
	       struct pip_report *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv all = STRV_INIT;
	cleanup_free char *path = NULL;
	int r = path_join(work_dir, "report.json", &path, err);

	if (r == 0)
		r = strv_add(&all, "install", err);
	if (r == 0)
		r = strv_add(&all, "--dry-run", err);
	if (r == 0)
		r = strv_add(&all, "--ignore-installed", err);
	if (r == 0)
		r = strv_add(&all, "--quiet", err);
	if (r == 0)
		r = strv_add(&all, "--report", err);
	if (r == 0)
		r = strv_add(&all, path, err);
	if (r == 0 && pip->built)
		r = strv_addf(&all, err, "--find-links=%s", pip->built);
	for (size_t i = 0; r == 0 && i < args->count; i++)
		r = strv_add(&all, args->items[i], err);
	for (bool again = true; r == 0 && again;)
		r = report_once(pip, &all, work_dir, &again, err);
	return r < 0 ? r : read_report(pip, path, ret, err);
}

void pip_report_release(struct pip_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		item_release(&report->items[i]);
	free(report->items);
	*report = (struct pip_report){ .items = NULL };
}

int pip_target_args(const struct pip *pip, const char *glibc, const char *arch, struct strv *args,
		    struct err *err)
{
	static const char *const legacy[] = { "manylinux2014", "manylinux2010", "manylinux1",
					      "linux" };
	uint64_t minor = 0;
	int r = str_starts(glibc, "2.") ? str_u64(&minor, glibc + 2, GLIBC_MINOR_MIN, 999, err)
					: -(int)ERR_CONFIG;

	if (r < 0)
		return err_set(err, ERR_CONFIG,
			       "'glibc: %s' of the platform is no version such as "
			       "\"2.28\"",
			       glibc);
	r = strv_add(args, "--only-binary=:all:", err);
	if (r == 0)
		r = strv_addf(args, err, "--python-version=%s", pip->version);
	if (r == 0)
		r = strv_add(args, "--implementation=cp", err);
	for (uint64_t m = minor; r == 0 && m >= GLIBC_MINOR_MIN; m--)
		r = strv_addf(args, err, "--platform=manylinux_2_%u_%s", (unsigned int)m, arch);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(legacy); i++)
		r = strv_addf(args, err, "--platform=%s_%s", legacy[i], arch);
	return r;
}
