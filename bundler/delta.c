/* SPDX-License-Identifier: Apache-2.0 */
#include "delta.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "cms.h"
#include "str.h"
#include "tar.h"

int delta_open(const char *path, STACK_OF(X509) *cas, struct delta *ret, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(str_release) struct str signature = STR_INIT;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct tar_reader tar = { .fd = fd, .name = path };
	int r = 0;

	if (fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the bundle '%.300s'", path);
	r = tar_read_sized(&tar, INDEX_NAME, INDEX_SIZE_MAX, &text, err);
	if (r == 0)
		r = tar_read_sized(&tar, INDEX_SIGNATURE_NAME, INDEX_SIGNATURE_SIZE_MAX, &signature,
				   err);
	if (r < 0)
		return r;
	r = cms_verify(signature.buf, signature.len, text.buf, text.len, cas, NULL, clock_now(),
		       NULL, err);
	if (r == 0)
		r = sha256_hex(text.buf, text.len, ret->sha256, err);
	if (r == 0)
		r = index_parse(INDEX_NAME, text.buf, text.len, &ret->index, err);
	return r < 0 ? err_prefix(err, "'%.200s'", path) : 0;
}

void delta_release(struct delta *delta)
{
	index_release(&delta->index);
}

int delta_mark(const struct delta *delta, struct index *index, struct err *err)
{
	const struct index *old = &delta->index;

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
	memcpy(index->base_sha256, delta->sha256, SHA256_HEX_SIZE);
	return 0;
}
