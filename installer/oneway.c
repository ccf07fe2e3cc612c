/* SPDX-License-Identifier: Apache-2.0 */
#include "oneway.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "index.h"
#include "record.h"
#include "state.h"

/* --- packages that no bundle has any more --------------------------------------------------- */

/* Those of NEVRAS that the kept bundle SEQUENCE (0: none) does not have. */
static int find_missing(const struct install *in, uint64_t sequence, const struct strv *nevras,
			struct strv *ret, struct err *err)
{
	CLEANUP(install_release) struct install kept = { .root = in->root };
	CLEANUP(plan_release) struct plan back = PLAN_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = state_kept_path(in, sequence, &kept.staging, err);

	if (r == 0)
		r = path_join(kept.staging, INDEX_NAME, &path, err);
	if (r < 0)
		return r;
	if (!sequence || access(path, F_OK) < 0) {
		for (size_t i = 0; r == 0 && i < nevras->count; i++)
			r = strv_add(ret, nevras->items[i], err);
		return r;
	}
	r = file_read(path, 0, ERR_FAILED, &text, &len, err);
	if (r == 0)
		r = index_parse(path, text, len, &kept.index, err);
	return r < 0 ? r : plan_restore(&kept, nevras, &back, ret, err);
}

/* A rollback goes from the next bundle to the committed one, and from that, installed again, to the one before. */
static int find_lost(const struct install *in, const struct strv *nevras, struct strv *ret,
		     struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed last = STATE_COMMITTED_INIT;
	CLEANUP(strv_release) struct strv missing = STRV_INIT;
	uint64_t before = 0;
	int r = state_committed_load(in, &last, err);

	if (r < 0 || last.sequence != in->index.sequence)
		return r < 0 ? r : find_missing(in, last.sequence, nevras, ret, err);
	if ((r = find_missing(in, last.sequence, nevras, &missing, err)) || !missing.count ||
	    (r = state_kept_before(in, last.sequence, &before, err)))
		return r;
	return find_missing(in, before, &missing, ret, err);
}

/* --- no_downgrade --------------------------------------------------------------------------- */

/* The version of NAME-[EPOCH:]VERSION-RELEASE.ARCH, up to its release. */
static const char *version_of(const char *nevra, size_t name_len, size_t *ret_len)
{
	const char *version = nevra + name_len + 1;
	size_t len = strcspn(version, "-");
	const char *colon = memchr(version, ':', len);

	if (colon) {
		len -= (size_t)(colon - version) + 1;
		version = colon + 1;
	}
	*ret_len = len;
	return version;
}

/* How long the first PARTS numbers of VERSION are. */
static size_t head_of(const char *version, size_t len, unsigned int parts)
{
	size_t n = 0;

	for (; n < len; n++)
		if (version[n] == '.' && --parts == 0)
			break;
	return n;
}

static bool is_further(const char *old, const char *new_nevra, size_t name_len, unsigned int parts)
{
	size_t old_len = 0, new_len = 0;
	const char *a = version_of(old, name_len, &old_len);
	const char *b = version_of(new_nevra, name_len, &new_len);

	if (!parts)
		return strcmp(old, new_nevra) != 0;
	old_len = head_of(a, old_len, parts);
	new_len = head_of(b, new_len, parts);
	return old_len != new_len || strncmp(a, b, old_len) != 0;
}

static bool is_named(const char *nevra, const char *name, struct err *err, int *ret)
{
	cleanup_free char *its = NULL;

	*ret = plan_nevra_name(nevra, &its, err);
	return *ret == 0 && !strcmp(its, name);
}

/* Whether P is an upgrade that RULE is about. */
static int applies(const struct service_no_downgrade *rule, const struct plan_package *p, bool *ret,
		   struct err *err)
{
	int r = 0;

	*ret = p->old && p->action == PLAN_UPGRADE && is_named(p->nevra, rule->package, err, &r);
	if (r == 0 && *ret)
		*ret = is_named(p->old, rule->package, err, &r) &&
		       is_further(p->old, p->nevra, strlen(rule->package), rule->level);
	return r;
}

/* Calls TAKE for each upgrade that the manifests do not let go back. */
static int each_rule(const struct setup *setup, const struct plan *plan,
		     int (*take)(void *into, const struct service_no_downgrade *rule,
				 const struct plan_package *p, struct err *err),
		     void *into, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		SERVICE_EACH(struct service_no_downgrade, rule,
			     setup->services[i].service->no_downgrade)
		{
			for (size_t k = 0; r == 0 && k < plan->count; k++) {
				bool yes = false;

				r = applies(rule, &plan->packages[k], &yes, err);
				if (r == 0 && yes)
					r = take(into, rule, &plan->packages[k], err);
			}
		}
	}
	return r;
}

/* --- both ----------------------------------------------------------------------------------- */

static int add_line(void *into, const struct service_no_downgrade *rule,
		    const struct plan_package *p, struct err *err)
{
	return strv_addf(into, err, "%s comes and %s goes: no rollback, %s", p->nevra, p->old,
			 rule->reason.en);
}

int oneway_list(const struct setup *setup, const struct plan *plan, struct strv *ret_lines,
		struct err *err)
{
	CLEANUP(strv_release) struct strv lost = STRV_INIT;
	int r = plan->gone.count ? find_lost(setup->in, &plan->gone, &lost, err) : 0;

	strv_sort(&lost);
	for (size_t i = 0; r == 0 && i < lost.count; i++)
		r = strv_addf(ret_lines, err, "%s goes: no kept bundle has it", lost.items[i]);
	return r < 0 ? r : each_rule(setup, plan, add_line, ret_lines, err);
}

static int add_record(void *into, const struct service_no_downgrade *rule,
		      const struct plan_package *p, struct err *err)
{
	cleanup_free char *now = NULL;
	int r = str_printf(&now, err, "%s %s", p->nevra, rule->reason.en);

	return r < 0 ? r : record_add(into, RECORD_ONE_WAY, rule->package, p->old, now, err);
}

int oneway_record(const struct setup *setup, const struct plan *plan, struct err *err)
{
	return each_rule(setup, plan, add_record, setup->in->record, err);
}
