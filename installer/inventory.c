/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory.h"

#include <stdlib.h>
#include <string.h>

#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmts.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"
#include "rpmtx.h"

#define OS_RELEASE "/etc/os-release"
#define OS_RELEASE_MAX (64U << 10)

const char inventory_format[] = "=Pkg: %{NAME} %{EPOCHNUM} %{VERSION} %{RELEASE} %{ARCH}\\n"
				"=Ven: %{VENDOR}\\n"
				"[=Prv: %{PROVIDENEVRS}\\n]"
				"[=Req: %{REQUIRENEVRS}\\n]"
				"[=Con: %{CONFLICTNEVRS}\\n]"
				"[=Obs: %{OBSOLETENEVRS}\\n]"
				"[=Rec: %{RECOMMENDNEVRS}\\n]"
				"[=Sup: %{SUPPLEMENTNEVRS}\\n]"
				"[=Fil: %{FILENAMES}\\n]";

static inline void ts_free(rpmts *ts)
{
	rpmtsFree(*ts);
}

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

/* rpm prints "(none)" for an array that is not there; a line of the format never begins so. */
static int add_text(struct strv *list, const char *text, struct err *err)
{
	static const char none[] = "(none)";
	CLEANUP(str_release) struct str out = STR_INIT;
	char *copy = NULL;
	int r = 0;

	while (*text) {
		size_t len = 0;

		while (str_starts(text, none))
			text += sizeof(none) - 1;
		len = strcspn(text, "\n");
		len += text[len] == '\n';
		str_add_len(&out, text, len);
		text += len;
	}
	r = str_done(&out, &copy, err);
	return r < 0 ? r : strv_take(list, copy, err);
}

static int read_packages(rpmts ts, struct strv *list, struct err *err)
{
	CLEANUP(iterator_free)
	rpmdbMatchIterator it = rpmtsInitIterator(ts, RPMDBI_PACKAGES, NULL, 0);
	Header h = NULL;
	int r = 0;

	while (r == 0 && (h = rpmdbNextIterator(it))) {
		const char *why = NULL;
		char *text = NULL;

		r = interrupt_check(err);
		if (r < 0 || !strcmp(headerGetString(h, RPMTAG_NAME), "gpg-pubkey"))
			continue;
		text = headerFormat(h, inventory_format, &why);
		if (text)
			r = add_text(list, text, err);
		else
			r = err_set(err, ERR_HOST, "librpm cannot print a package: %s",
				    why ? why : "no reason given");
		free(text);
	}
	return r;
}

/* PLATFORM_ID of os-release(5), where the distribution has one. */
static int add_platform(const struct install *in, struct str *out, struct err *err)
{
	static const char key[] = "PLATFORM_ID=";
	struct err ignored = ERR_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	char *rest = NULL;
	int r = install_path(in, OS_RELEASE, &path, err);

	if (r < 0)
		return r;
	if (file_read(path, OS_RELEASE_MAX, ERR_HOST, &text, &len, &ignored) < 0)
		return 0;
	rest = text;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		const char *value = line + sizeof(key) - 1;

		if (!str_starts(line, key))
			continue;
		value += strspn(value, "\"'");
		str_addf(out, "=Platform: %.*s\n", (int)strcspn(value, "\"'"), value);
	}
	return 0;
}

int inventory_write(const struct install *in, struct str *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	CLEANUP(ts_free) rpmts ts = NULL;
	sigset_t signals;
	int r = rpmtx_configure(in, err);

	if (r < 0)
		return r;
	if (!rpmtx_has_database(in))
		return err_set(err, ERR_HOST, "there is no rpm database below '%s'", in->root);
	ts = rpmtsCreate();
	if (rpmtsSetRootDir(ts, in->root))
		return err_set(err, ERR_HOST, "librpm does not take '%s' for a root", in->root);
	rpmtx_hold_signals(&signals);
	r = read_packages(ts, &list, err);
	rpmtx_release_signals(&signals);
	if (r == 0 && !list.count)
		r = err_set(err, ERR_HOST, "the rpm database below '%s' is empty or unreadable",
			    in->root);
	if (r < 0)
		return r;
	strv_sort(&list);
	r = add_platform(in, ret, err);
	for (size_t i = 0; i < list.count; i++)
		str_add(ret, list.items[i]);
	return r < 0 ? r : str_check(ret, err);
}
