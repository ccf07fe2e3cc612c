/* SPDX-License-Identifier: Apache-2.0 */
/* Small RPMs made by rpmbuild and signed by rpmsign, and roots and repositories made from them. */
#ifndef PGHA_TESTS_RPMS_H
#define PGHA_TESTS_RPMS_H

#include "bundle.h"

#include "install.h"
#include "proc.h"
#include "vendor.h"

/* Two builds, because one cannot have two versions of a name. The scriptlets are Lua: the test's
 * roots have no shell. */
static const char rpms_spec[] =
	"Name: pgha-test\nVersion: 1\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\n"
	"AutoReqProv: no\n"
	"%define __os_install_post %{nil}\n"
	"%description\ntest\n"
	"%define package_of() %package -n %1\\\nVersion: %2\\\nSummary: test\\\nAutoReqProv: no\n"
	"%define body_of() %description -n %1\\\ntest\\\n%files -n %1\\\n/opt/%1\n"
	"%if %{build} == 1\n"
	"%package_of liba 1\n%body_of liba\n/opt/liba-lib\n"
	"%package_of app 1\nRequires: liba\nRecommends: extra\n%body_of app\n"
	"%post -n app -p <lua>\nprint('app says hello')\n"
	"%package_of extra 1\n%body_of extra\n"
	"%package_of broken 1\nRequires: nobody-has-this\n%body_of broken\n"
	"%package_of postfails 1\n%body_of postfails\n%post -n postfails -p <lua>\nerror('no "
	"luck')\n"
	"%package_of prefails 1\n%body_of prefails\n%pre -n prefails -p <lua>\nerror('no luck')\n"
	"%package_of clash 1\n%body_of clash\n/opt/liba-file\n"
	"%package_of signals 1\n%body_of signals\n"
	"%post -n signals -p <lua>\nposix.kill(posix.getprocessid('pid'), 15)\n"
	"%package_of meddler 1\n%body_of meddler\n%post -n meddler -p <lua>\n"
	"local f = io.open('/var/lib/pgha/staging/repo/Packages/victim-1-1.noarch.rpm', 'ab')\n"
	"f:write('x')\nf:close()\n"
	"%package_of victim 1\nRequires: meddler\n%body_of victim\n"
	"%package_of oldname 1\n%body_of oldname\n"
	"%package_of unsigned 1\n%body_of unsigned\n"
	"%package_of conf 1\n%body_of conf\n%config(noreplace) /etc/conf.conf\n"
	"%endif\n"
	"%if %{build} == 2\n"
	"%package_of liba 2\n%body_of liba\n/opt/liba-file\n"
	"%package_of app 2\nRequires: liba\n%body_of app\n"
	"%package_of newname 1\nObsoletes: oldname < 2\n%body_of newname\n"
	"%package_of needsnew 1\nRequires: liba >= 2\n%body_of needsnew\n"
	"%package_of stranger 1\n%body_of stranger\n"
	"%package_of conf 2\n%body_of conf\n%config(noreplace) /etc/conf.conf\n"
	"%endif\n"
	"%install\n"
	"mkdir -p %{buildroot}/opt/liba-lib %{buildroot}/etc\n"
	"echo default %{build} > %{buildroot}/etc/conf.conf\n"
	"echo pass > %{buildroot}/opt/liba-lib/mod.py\n"
	"for f in liba app extra broken postfails prefails clash signals oldname unsigned newname "
	"meddler victim "
	"needsnew "
	"stranger conf; do\n"
	"  echo $f %{build} > %{buildroot}/opt/$f\ndone\n"
	"echo %{build} > %{buildroot}/opt/liba-file\n"
	"%define _unpackaged_files_terminate_build 0\n";

/* What LeakSanitizer is to overlook; not called without it. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return RPMS_LEAK;
}

struct rpms {
	char *dir;  /* dir/rpms/NAME-VERSION-1.noarch.rpm */
	char *home; /* of GnuPG */
	char fpr[PGP_FPR_SIZE];
	char other_fpr[PGP_FPR_SIZE]; /* of who signed `stranger` */
};

static inline void rpms_run_in(const struct rpms *r, const char *const *argv, char **ret_out)
{
	cleanup_free char *gnupg = NULL;
	cleanup_free char *home = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&gnupg, &err, "GNUPGHOME=%s", r->home));
	assert_ok(str_printf(&home, &err, "HOME=%s", r->home));
	const char *env[] = { gnupg, home, NULL };
	const struct proc proc = { .argv = argv, .env = env, .timeout_ms = 120000 };

	assert_ok(proc_check(&proc, ret_out, &err));
}

#define rpms_run(r, ...) rpms_run_in(r, (const char *const[]){ __VA_ARGS__, NULL }, NULL)

static inline bool rpms_can(void)
{
	return geteuid() == 0 && access("/usr/bin/rpmbuild", X_OK) == 0 &&
	       access("/usr/bin/rpmsign", X_OK) == 0 &&
	       access("/usr/bin/createrepo_c", X_OK) == 0 && access("/usr/bin/gpg", X_OK) == 0;
}

static inline void rpms_key(struct rpms *r, const char *who, char ret_fpr[PGP_FPR_SIZE])
{
	cleanup_free char *out = NULL;
	const char *argv[] = { "gpg", "--batch", "--with-colons", "--list-keys", who, NULL };
	const char *at = NULL;

	rpms_run(r, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", who,
		 "rsa3072", "sign", "never");
	rpms_run_in(r, argv, &out);
	at = strstr(out, "\nfpr:::::::::");
	assert_non_null(at);
	memcpy(ret_fpr, at + strlen("\nfpr:::::::::"), PGP_FPR_SIZE - 1);
	ret_fpr[PGP_FPR_SIZE - 1] = '\0';
}

static inline void rpms_sign(struct rpms *r, const char *name, const char *fpr)
{
	cleanup_free char *define = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&define, &err, "_gpg_name %s", fpr));
	assert_ok(str_printf(&path, &err, "%s/rpms/%s", r->dir, name));
	rpms_run(r, "rpmsign", "--define", "__gpg /usr/bin/gpg", "--define", define, "--addsign",
		 path);
}

static inline void rpms_build(struct rpms *r, const char *build)
{
	cleanup_free char *top = NULL;
	cleanup_free char *rpmdir = NULL;
	cleanup_free char *spec = NULL;
	cleanup_free char *number = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&top, &err, "_topdir %s/top", r->dir));
	assert_ok(str_printf(&rpmdir, &err, "_rpmdir %s/rpms", r->dir));
	assert_ok(str_printf(&spec, &err, "%s/test.spec", r->dir));
	assert_ok(str_printf(&number, &err, "build %s", build));
	rpms_run(r, "rpmbuild", "-bb", "--quiet", "--define", top, "--define", rpmdir, "--define",
		 "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", "--define", number,
		 spec);
}

static inline void rpms_make(struct rpms *r)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *rpms = NULL;
	struct err err = ERR_INIT;

	r->dir = tree_new();
	r->home = tree_new();
	write_file(r->dir, "test.spec", rpms_spec, strlen(rpms_spec), 0644);
	rpms_build(r, "1");
	rpms_build(r, "2");
	rpms_key(r, "vendor@test", r->fpr);
	rpms_key(r, "stranger@test", r->other_fpr);
	assert_ok(path_join(r->dir, "rpms", &rpms, &err));
	assert_ok(dir_list(rpms, &names, &err));
	assert_int_equal(names.count, 19);
	for (size_t i = 0; i < names.count; i++) {
		if (str_starts(names.items[i], "stranger-"))
			rpms_sign(r, names.items[i], r->other_fpr);
		else if (!str_starts(names.items[i], "unsigned-"))
			rpms_sign(r, names.items[i], r->fpr);
	}
}

static inline void rpms_drop(struct rpms *r)
{
	struct err err = ERR_INIT;

	rpms_run(r, "gpgconf", "--kill", "all");
	/* It does not wait for them, and what ends may still write there. */
	for (int tries = 100; tries > 0 && tree_remove(r->home, &err) < 0; tries--) {
		err = (struct err)ERR_INIT;
		usleep(100000);
	}
	tree_drop(r->home);
	tree_drop(r->dir);
}

static inline void rpms_add_member(struct install *in, const char *path, const char *key)
{
	cleanup_free char *full = NULL;
	char hex[SHA256_HEX_SIZE];
	uint64_t size = 0;
	struct err err = ERR_INIT;

	assert_ok(path_join(in->staging, path, &full, &err));
	assert_ok(sha256_file(full, hex, &size, &err));
	assert_ok(index_add(&in->index, path, size, hex, key, &err));
}

static inline void rpms_add_tree(struct install *in, const char *below, const char *key)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *dir = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(in->staging, below, &dir, &err));
	assert_ok(dir_list(dir, &names, &err));
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = NULL;

		assert_ok(path_join(below, names.items[i], &path, &err));
		rpms_add_member(in, path, key);
	}
}

/* Fills IN's staging directory as a verified bundle with these RPMs (NAME-VERSION, NULL ends) would
 * have. IN's root and state directory exist. */
static inline void rpms_stage(struct rpms *r, struct install *in, const char *const *names)
{
	cleanup_free char *packages = NULL;
	cleanup_free char *repo = NULL;
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	cleanup_free char *armor = NULL;
	struct utsname machine;
	struct err err = ERR_INIT;

	assert_ok(tree_remove(in->staging, &err));
	index_release(&in->index);
	assert_int_equal(uname(&machine), 0);
	assert_ok(str_dup(&in->index.platform.arch, machine.machine, &err));
	assert_ok(str_printf(&repo, &err, "%s/repo", in->staging));
	assert_ok(str_printf(&packages, &err, "%s/Packages", repo));
	assert_ok(dir_make(packages, 0700, &err));
	for (; *names; names++) {
		cleanup_free char *from = NULL;
		cleanup_free char *to = NULL;

		assert_ok(str_printf(&from, &err, "%s/rpms/%s-1.noarch.rpm", r->dir, *names));
		assert_ok(str_printf(&to, &err, "%s/%s-1.noarch.rpm", packages, *names));
		assert_int_equal(link(from, to), 0);
	}
	rpms_run(r, "createrepo_c", "--quiet", "--no-database", "--general-compress-type=gz", repo);
	rpms_add_tree(in, "repo/Packages", r->fpr);
	rpms_add_tree(in, "repo/repodata", NULL);

	const char *argv[] = { "gpg", "--batch", "--armor", "--export", r->fpr, NULL };

	rpms_run_in(r, argv, &armor);
	assert_ok(str_printf(&path, &err, "%s/keys", in->staging));
	assert_ok(dir_make(path, 0700, &err));
	write_file(path, "vendor.asc", armor, strlen(armor), 0600);
	rpms_add_tree(in, "keys", NULL);
	free(steal_ptr(&path));
	assert_ok(str_printf(&path, &err, "%s/manifests", in->staging));
	assert_ok(dir_make(path, 0700, &err));
	assert_ok(str_printf(&text, &err, "cluster: test\ntrust: {baseos: [%s]}\n", r->fpr));
	write_file(path, "bundle.yaml", text, strlen(text), 0600);
	rpms_add_tree(in, "manifests", NULL);
	assert_ok(index_sort(&in->index, &err));
}

#endif
