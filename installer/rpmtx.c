/* SPDX-License-Identifier: Apache-2.0 */
#include "rpmtx.h"

#include <errno.h>
#include <fcntl.h>
#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmio.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmprob.h>
#include <rpm/rpmps.h>
#include <rpm/rpmte.h>
#include <rpm/rpmts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "progress.h"
#include "record.h"
#include "rpmsig.h"
#include "state.h"
#include "writeback.h"

#define DBPATH_FALLBACK "/var/lib/rpm"
#define DESCRIPTORS 1024 /* what systemd gives a service */

static inline void header_free(Header *h)
{
	headerFree(*h);
}

static inline void ts_free(rpmts *ts)
{
	rpmtsFree(*ts);
}

static inline void keyring_free(rpmKeyring *keyring)
{
	rpmKeyringFree(*keyring);
}

static inline void pubkey_free(rpmPubkey *key)
{
	rpmPubkeyFree(*key);
}

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

static inline void fd_close(FD_t *fd)
{
	if (*fd)
		Fclose(*fd);
}

/*
 * librpm's configuration is the machine's: what lies below the caller's HOME could leave files out of
 * each package (_netsharedpath) and nobody would know why. RPM_CONFIGDIR would replace all of it.
 */
static int read_config_files(char **ret_dbpath)
{
	static const char *const names[] = { "HOME", "XDG_CONFIG_HOME" };
	char *kept[ARRAY_SIZE(names)] = { NULL };
	int r = 0;

	unsetenv("RPM_CONFIGDIR");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		kept[i] = value ? strdup(value) : NULL;
		setenv(names[i], "/dev/null", 1); /* nothing can be below it */
	}
	r = rpmReadConfigFiles(NULL, NULL);
	*ret_dbpath = rpmExpand("%{?_dbpath}", NULL); /* Debian's asks for HOME */
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (kept[i])
			setenv(names[i], kept[i], 1);
		else
			unsetenv(names[i]);
		free(kept[i]);
	}
	return r;
}

int rpmtx_configure(const struct install *in, struct err *err)
{
	static bool done;
	char *dbpath = NULL;

	(void)in;
	if (done)
		return 0;
	if (read_config_files(&dbpath)) {
		free(dbpath);
		return err_set(err, ERR_HOST, "cannot read librpm's configuration");
	}
	if (!dbpath || (!str_starts(dbpath, "/var/") && !str_starts(dbpath, "/usr/")))
		rpmPushMacro(NULL, "_dbpath", NULL, DBPATH_FALLBACK, RMIL_CMDLINE);
	free(dbpath);
	done = true;
	return 0;
}

bool rpmtx_has_database(const struct install *in)
{
	static const char *const files[] = { "rpmdb.sqlite", "Packages.db", "Packages" };
	char *dbpath = rpmExpand("%{_dbpath}", NULL);
	bool found = false;

	for (size_t i = 0; dbpath && !found && i < ARRAY_SIZE(files); i++) {
		struct err err = ERR_INIT;
		cleanup_free char *dir = NULL;
		cleanup_free char *path = NULL;

		found = !install_path(in, dbpath, &dir, &err) &&
			!path_join(dir, files[i], &path, &err) && access(path, F_OK) == 0;
	}
	free(dbpath);
	return found;
}

#define MAKING "rpmdb" /* of STATE: there while the database is made */

int rpmtx_make_database(const struct install *in, struct err *err)
{
	static const struct strv none = STRV_INIT;
	CLEANUP(strv_release) struct strv mark = STRV_INIT;
	CLEANUP(ts_free) rpmts ts = NULL;
	int r = rpmtx_configure(in, err);

	if (r < 0 || rpmtx_has_database(in))
		return r;
	r = strv_add(&mark, "making", err);
	if (r == 0)
		r = state_list_save(in, MAKING, &mark, err);
	if (r < 0)
		return r;
	ts = rpmtsCreate();
	if (rpmtsSetRootDir(ts, in->root) || rpmtsInitDB(ts, 0644))
		return err_set(err, ERR_FAILED, "librpm cannot make a database below '%.200s'",
			       in->root);
	rpmtsCloseDB(ts);
	return state_list_save(in, MAKING, &none, err);
}

int rpmtx_drop_half(const struct install *in, struct err *err)
{
	static const struct strv none = STRV_INIT;
	CLEANUP(strv_release) struct strv mark = STRV_INIT;
	cleanup_free char *dir = NULL;
	char *dbpath = NULL;
	int r = state_list_load(in, MAKING, &mark, err);

	if (r == 0 && mark.count)
		r = rpmtx_configure(in, err);
	if (r < 0 || !mark.count)
		return r;
	dbpath = rpmExpand("%{_dbpath}", NULL);
	r = install_path(in, dbpath, &dir, err);
	free(dbpath);
	if (r == 0)
		r = tree_remove(dir, err);
	return r < 0 ? r : state_list_save(in, MAKING, &none, err);
}

void rpmtx_hold_signals(sigset_t *ret_old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, ret_old);
}

void rpmtx_release_signals(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

/* What the callbacks share. */
struct run {
	const struct install *in;
	const struct plan *plan;
	const struct strv *erase; /* NEVRAs, or NULL */
	struct progress progress;
	FD_t open_package;
	uint64_t done_bytes;
	unsigned int done_items;
	bool test;
	bool known; /* the packages' bytes: each file is what vendor_check_package() has read */
	bool script_failed;
	char scriptlet[192];    /* the first of those */
	struct strv complaints; /* of scriptlets, unpacking, librpm's own log */
	FILE *log;              /* or NULL */
};

static void complain(struct run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void complain(struct run *run, const char *fmt, ...)
{
	struct err ignored = ERR_INIT;
	char line[512];
	va_list ap;
	int r = 0;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	line[strcspn(line, "\n")] = '\0';
	if (run->log)
		fprintf(run->log, "%s\n", line);
	r = strv_add(&run->complaints, line, &ignored);
	(void)r; /* without memory the complaint is in the log at least */
}

static FD_t open_package(struct run *run, const struct plan_package *p)
{
	struct err err = ERR_INIT;
	cleanup_free char *path = NULL;
	FD_t fd = NULL;

	if (path_join(run->in->staging, p->file, &path, &err))
		return NULL;
	fd = Fopen(path, "r.ufdio");
	if (fd && !Ferror(fd) && (!run->known || stamp_holds(&p->checked, Fileno(fd))))
		return fd;
	complain(run, fd && !Ferror(fd) ? "'%s' is not what was verified" : "cannot open '%s'",
		 p->file);
	if (fd)
		Fclose(fd);
	return NULL;
}

static void *on_event(const void *header, const rpmCallbackType what, const rpm_loff_t amount,
		      const rpm_loff_t total, fnpyKey key, void *data)
{
	struct run *run = data;
	const struct plan_package *p = key;

	(void)header;
	switch (what) {
	case RPMCALLBACK_INST_OPEN_FILE:
		run->open_package = p ? open_package(run, p) : NULL;
		return run->open_package;
	case RPMCALLBACK_INST_CLOSE_FILE:
		if (run->open_package)
			Fclose(run->open_package);
		run->open_package = NULL;
		break;
	case RPMCALLBACK_INST_START:
		/* Files are opened for their verification too: only here the number is true. */
		run->done_bytes += p ? p->size_bytes : 0;
		progress_update(&run->progress, run->done_bytes, ++run->done_items);
		break;
	case RPMCALLBACK_SCRIPT_ERROR:
		/* AMOUNT is the scriptlet's tag; TOTAL says whether librpm goes on, we do not. */
		run->script_failed = true;
		if (!*run->scriptlet && p)
			snprintf(run->scriptlet, sizeof(run->scriptlet), "%s of %.150s failed",
				 rpmTagGetName((rpmTagVal)amount), p->nevra);
		complain(run, "%s of %s failed%s", rpmTagGetName((rpmTagVal)amount),
			 p ? p->nevra : "an installed package",
			 total == RPMRC_OK ? " (librpm goes on)" : "");
		break;
	case RPMCALLBACK_UNPACK_ERROR:
	case RPMCALLBACK_CPIO_ERROR:
		run->script_failed = true;
		complain(run, "%s cannot be unpacked", p ? p->nevra : "a package");
		break;
	default:
		break;
	}
	return NULL;
}

/* librpm's own messages: into the log; errors also among the complaints. */
static int on_log(rpmlogRec rec, rpmlogCallbackData data)
{
	struct run *run = data;

	if (rpmlogRecPriority(rec) <= RPMLOG_ERR)
		complain(run, "%s", rpmlogRecMessage(rec));
	else if (run->log && rpmlogRecPriority(rec) <= RPMLOG_INFO)
		fputs(rpmlogRecMessage(rec), run->log);
	return 0;
}

static int add_key(rpmKeyring keyring, const struct pgp_key *key, struct err *err)
{
	CLEANUP(pubkey_free) rpmPubkey pubkey = rpmPubkeyNew(key->packets, key->packets_size);
	int count = 0;
	rpmPubkey *subkeys = NULL;

	if (!pubkey || rpmKeyringAddKey(keyring, pubkey) < 0)
		return err_set(err, ERR_VERIFY, "librpm does not take the key %s", key->fpr);
	subkeys = rpmGetSubkeys(pubkey, &count);
	for (int i = 0; i < count; i++) {
		rpmKeyringAddKey(keyring, subkeys[i]);
		rpmPubkeyFree(subkeys[i]);
	}
	free(subkeys);
	return 0;
}

static int set_keyring(rpmts ts, const struct vendor *vendor, struct err *err)
{
	CLEANUP(keyring_free) rpmKeyring keyring = rpmKeyringNew();

	for (size_t i = 0; i < vendor->pins.count; i++) {
		const struct pgp_key *key = pgp_find(&vendor->keys, vendor->pins.items[i]);
		int r = key ? add_key(keyring, key, err) : 0;

		if (r)
			return r;
	}
	if (rpmtsSetKeyring(ts, keyring))
		return err_set(err, ERR_FAILED, "librpm does not take the keyring");
	return 0;
}

static int add_element(struct run *run, rpmts ts, const struct plan_package *p, struct err *err)
{
	CLEANUP(header_free) Header header = NULL;
	CLEANUP(fd_close) FD_t fd = open_package(run, p);
	rpmRC rc = fd ? rpmReadPackageFile(ts, fd, p->file, &header) : RPMRC_FAIL;
	int r = 0;

	if (rc != RPMRC_OK || !header)
		return err_set(err, ERR_VERIFY, "librpm does not take '%s'", p->file);
	if (p->action == PLAN_REINSTALL)
		r = rpmtsAddReinstallElement(ts, header, p);
	else
		r = rpmtsAddInstallElement(ts, header, p, 1, NULL);
	return r ? err_set(err, ERR_FAILED, "librpm cannot add '%s'", p->nevra) : 0;
}

static int add_erasure(rpmts ts, const char *nevra, struct err *err)
{
	CLEANUP(iterator_free) rpmdbMatchIterator it = NULL;
	cleanup_free char *name = NULL;
	Header h = NULL;
	int r = plan_nevra_name(nevra, &name, err);

	if (r)
		return r;
	it = rpmtsInitIterator(ts, RPMDBI_NAME, name, 0);
	while ((h = rpmdbNextIterator(it))) {
		char *text = headerGetAsString(h, RPMTAG_NEVRA);
		bool same = text && !strcmp(text, nevra);

		free(text);
		if (same && rpmtsAddEraseElement(ts, h, -1))
			return err_set(err, ERR_FAILED, "librpm cannot remove '%s'", nevra);
	}
	return 0;
}

/* A killed transaction may have left the one that it was to replace in the database, beside the new one. */
static int add_duplicate(const struct run *run, rpmts ts, const struct plan_package *p,
			 struct err *err)
{
	cleanup_free char *name = NULL;
	const char *was = NULL;
	int r = p->action == PLAN_REINSTALL ? plan_nevra_name(p->nevra, &name, err) : 0;

	if (r < 0 || !name)
		return r;
	was = record_was(run->in->record, RECORD_PACKAGE, name);
	return was && strcmp(was, RECORD_ABSENT) != 0 && strcmp(was, p->nevra) != 0
		       ? add_erasure(ts, was, err)
		       : 0;
}

static void add_complaints(const struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->complaints.count; i++)
		err_detail(err, "%s", run->complaints.items[i]);
}

/* Librpm's problems as details of ERR; its code becomes that of the worst. */
static void add_problems(rpmps problems, struct err *err)
{
	rpmpsi it = rpmpsInitIterator(problems);
	rpmProblem problem = NULL;

	while ((problem = rpmpsiNext(it))) {
		char *text = rpmProblemString(problem);

		switch (rpmProblemGetType(problem)) {
		case RPMPROB_VERIFY:
			err->code = ERR_VERIFY;
			break;
		case RPMPROB_DISKSPACE:
		case RPMPROB_DISKNODES:
			err->code = err->code == ERR_VERIFY ? ERR_VERIFY : ERR_HOST;
			break;
		default:
			break;
		}
		err_detail(err, "%s", text);
		free(text);
	}
	rpmpsFreeIterator(it);
}

/* The failure that librpm's problems make, or 0 when there are none. */
static int check_problems(rpmts ts, const struct run *run, int rc, const char *what,
			  struct err *err)
{
	rpmps problems = rpmtsProblems(ts);
	int r = 0;

	if (rc || rpmpsNumProblems(problems) || run->script_failed) {
		err_set(err, ERR_FAILED, "%s%s%s", what, *run->scriptlet ? ": " : "",
			run->scriptlet);
		add_problems(problems, err);
		add_complaints(run, err);
		r = -(int)err->code;
	}
	rpmpsFree(problems);
	return r;
}

static int run_transaction(struct run *run, rpmts ts, struct err *err)
{
	const struct plan *plan = run->plan;
	int rc = 0;
	int r = 0;

	for (size_t i = 0; !r && i < plan->count; i++) {
		r = add_element(run, ts, &plan->packages[i], err);
		if (!r)
			r = add_duplicate(run, ts, &plan->packages[i], err);
	}
	for (size_t i = 0; !r && run->erase && i < run->erase->count; i++)
		r = add_erasure(ts, run->erase->items[i], err);
	if (r) {
		add_complaints(run, err);
		return r;
	}
	rc = rpmtsCheck(ts);
	if ((r = check_problems(ts, run, rc, "the packages' dependencies do not hold", err)))
		return r;
	rpmtsOrder(ts);
	rpmtsClean(ts);
	rpmtsSetNotifyCallback(ts, on_event, run);
	rpmtsSetFlags(ts, run->test ? RPMTRANS_FLAG_TEST : RPMTRANS_FLAG_NONE);
	rc = rpmtsRun(ts, NULL, run->erase ? RPMPROB_FILTER_OLDPACKAGE : RPMPROB_FILTER_NONE);
	if (run->erase)
		return check_problems(ts, run, rc, "the packages cannot be put back", err);
	return check_problems(ts, run, rc,
			      run->test ? "the packages cannot be installed"
					: "installing the packages failed",
			      err);
}

/* Lua scriptlets print to our standard output, which is for results. */
static int divert_stdout(int log_fd)
{
	int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

	fflush(stdout);
	if (saved >= 0)
		dup2(log_fd, STDOUT_FILENO);
	return saved;
}

static void restore_stdout(int saved)
{
	fflush(stdout);
	if (saved >= 0) {
		dup2(saved, STDOUT_FILENO);
		close(saved);
	}
}

/* Whether each file is still what vendor_check_package() has read whole. */
static bool is_known(const struct install *in, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct err ignored = ERR_INIT;
		cleanup_free char *path = NULL;
		cleanup_close int fd = -1;

		if (path_join(in->staging, plan->packages[i].file, &path, &ignored) < 0)
			return false;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || !stamp_holds(&plan->packages[i].checked, fd))
			return false;
	}
	return true;
}

static int with_transaction(struct run *run, const struct vendor *vendor, int log_fd,
			    struct err *err)
{
	CLEANUP(fd_close) FD_t script_fd = fdDup(log_fd);
	CLEANUP(ts_free) rpmts ts = rpmtsCreate();
	int saved = -1;
	int r = 0;

	if (rpmtsSetRootDir(ts, run->in->root))
		return err_set(err, ERR_FAILED, "librpm does not take the root '%.200s'",
			       run->in->root);
	rpmtsSetVSFlags(ts, RPMVSF_DEFAULT);
	run->known = is_known(run->in, run->plan);
	/* A test stores nothing, and vendor_check_rpm() has just read these files whole. */
	if (run->test)
		rpmtsSetVfyLevel(ts, 0);
	else
		rpmsig_demand(ts, !run->known);
	rpmtsSetScriptFd(ts, script_fd);
	if (vendor && (r = set_keyring(ts, vendor, err)))
		return r;
	saved = divert_stdout(log_fd);
	r = run_transaction(run, ts, err);
	restore_stdout(saved);
	rpmtsSetScriptFd(ts, NULL);
	return r;
}

static uint64_t total_bytes(const struct plan *plan)
{
	uint64_t total = 0;

	for (size_t i = 0; i < plan->count; i++)
		total += plan->packages[i].size_bytes;
	return total;
}

/*
 * Before each scriptlet librpm goes through all descriptors that the limit allows, one call each: a
 * million of them where the limit is what containers and some shells have.
 */
static void limit_descriptors(struct rlimit *ret_old)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, ret_old) < 0)
		*ret_old = (struct rlimit){ DESCRIPTORS, DESCRIPTORS };
	limit = *ret_old;
	if (limit.rlim_cur > DESCRIPTORS) {
		limit.rlim_cur = DESCRIPTORS;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* What lasts is on the disk when this ends well; librpm has closed its database by then. */
static int with_writeback(struct run *run, const struct vendor *vendor, int log_fd, struct err *err)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	int r = writeback_start(run->in->root, &w, err);

	if (r == 0)
		r = with_transaction(run, vendor, log_fd, err);
	return r < 0 ? r : writeback_finish(w, err);
}

static int run_logged(struct run *run, const struct vendor *vendor, const char *log,
		      struct err *err)
{
	cleanup_fclose FILE *log_file = NULL;
	rpmlogCallback old_log = NULL;
	struct rlimit descriptors;
	sigset_t signals;
	int old_verbosity = 0;
	int r = rpmtx_configure(run->in, err);

	if (r)
		return r;
	log_file = fopen(log ? log : "/dev/null", "ae");
	if (!log_file)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%.200s'", log);
	setvbuf(log_file, NULL, _IOLBF, 0);
	run->log = log_file;
	rpmtx_hold_signals(&signals);
	limit_descriptors(&descriptors);
	/* Scriptlets' output is dropped below this level. */
	old_verbosity = rpmlogSetMask(RPMLOG_UPTO(RPMLOG_INFO));
	old_log = rpmlogSetCallback(on_log, run);
	r = run->test ? with_transaction(run, vendor, fileno(log_file), err)
		      : with_writeback(run, vendor, fileno(log_file), err);
	rpmlogSetCallback(old_log, NULL);
	rpmlogSetMask(old_verbosity);
	setrlimit(RLIMIT_NOFILE, &descriptors);
	rpmtx_release_signals(&signals);
	strv_release(&run->complaints);
	return r;
}

int rpmtx_run(const struct install *in, const struct plan *plan, const struct vendor *vendor,
	      bool test, const char *log, struct err *err)
{
	struct run run = { .in = in, .plan = plan, .test = test };
	int r = 0;

	progress_start(&run.progress, test ? "testing packages" : "installing packages",
		       test ? 0 : total_bytes(plan), (unsigned int)plan->count);
	r = run_logged(&run, vendor, log, err);
	if (r || test)
		progress_abort(&run.progress);
	else
		progress_done(&run.progress);
	return r;
}

int rpmtx_back(const struct install *in, const struct strv *erase, const struct plan *back,
	       const struct vendor *vendor, bool test, const char *log, struct err *err)
{
	static const struct plan nothing = PLAN_INIT;
	struct run run = { .in = in, .plan = back ? back : &nothing, .erase = erase, .test = test };
	int r = 0;

	progress_start(&run.progress, "putting packages back", test ? 0 : total_bytes(run.plan),
		       (unsigned int)run.plan->count);
	r = run_logged(&run, vendor, log, err);
	if (r || test || !run.plan->count)
		progress_abort(&run.progress);
	else
		progress_done(&run.progress);
	return r;
}
