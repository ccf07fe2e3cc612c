/* SPDX-License-Identifier: Apache-2.0 */
#include "delta.h"

#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "cms.h"
#include "str.h"

static int trust_signature(const struct archives *a, void *arg, struct err *err)
{
	int r = cms_verify(a->signature.buf, a->signature.len, a->index_text.buf, a->index_text.len,
			   arg, NULL, clock_now(), NULL, err);

	return r < 0 ? err_prefix(err, "'%.200s'", a->name) : 0;
}

int delta_open(const char *path, STACK_OF(X509) *cas, struct delta *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv files = STRV_INIT;
	const char *const paths[] = { path, NULL };
	int r = archives_find(paths, &files, err);

	return r < 0 ? r : archives_open(&ret->base, &files, trust_signature, cas, err);
}

void delta_release(struct delta *delta)
{
	archives_release(&delta->base);
}

int delta_mark(const struct delta *delta, struct index *index, struct err *err)
{
	const struct index *old = &delta->base.index;

	if (strcmp(old->cluster, index->cluster) != 0)
		return err_set(err, ERR_CONFIG,
			       "a bundle of cluster '%s' is no base for one of cluster '%s'",
			       old->cluster, index->cluster);
	if (old->sequence >= index->sequence)
		return err_set(err, ERR_CONFIG,
			       "the base has sequence %" PRIu64 ", this bundle would be %" PRIu64
			       ": was it built with other keys?",
			       old->sequence, index->sequence);
	for (size_t i = 0; i < index->member_count; i++) {
		struct index_member *m = &index->members[i];
		const struct index_member *have = index_find(old, m->path);

		/* A machine keeps none of the others' secrets. */
		m->from_base = !str_starts(m->path, "nodes/") && have &&
			       have->size_bytes == m->size_bytes &&
			       strcmp(have->sha256, m->sha256) == 0;
	}
	index->base_sequence = old->sequence;
	memcpy(index->base_sha256, delta->base.index_sha256, SHA256_HEX_SIZE);
	return 0;
}
