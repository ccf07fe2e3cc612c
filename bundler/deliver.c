/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cms.h"
#include "file.h"
#include "interrupt.h"
#include "pack_write.h"
#include "readme.h"
#include "volumes.h"

static int make_names(const struct deliver *d, const struct index *index, struct strv *ret_made,
		      struct strv *ret_paths, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < index_volume_count(index); i++) {
		CLEANUP(str_release) struct str name = STR_INIT;

		index_archive_name(index, i, &name);
		r = str_check(&name, err);
		if (r == 0)
			r = strv_addf(ret_paths, err, "%s/%s", d->output, name.buf);
		if (r == 0)
			r = strv_addf(ret_made, err, "%s/%zu.tar", d->work_dir, i);
	}
	return r;
}

/* Killed in between, some volumes have their names: each is whole, and the next build has another number. */
static int name_archives(const struct strv *made, const struct strv *paths, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < made->count; i++) {
		r = file_move(made->items[i], paths->items[i], err);
		if (r == 0)
			continue;
		while (i)
			(void)unlink(paths->items[--i]);
		break;
	}
	return r;
}

static int complete_index(const struct deliver *d, struct pack *pack, struct index *index,
			  struct keys *keys, struct err *err)
{
	int r = keys_sequence_take(keys, &index->sequence, err);

	if (r == 0)
		r = pack_index(pack, index, err);
	if (r == 0 && d->delta)
		r = delta_mark(d->delta, index, err);
	if (r == 0 && d->volume_bytes)
		r = volumes_divide(index, d->volume_bytes, err);
	return r;
}

int deliver_bundle(const struct deliver *d, struct pack *pack, struct index *index,
		   struct keys *keys, struct strv *ret_paths, struct err *err)
{
	CLEANUP(strv_release) struct strv made = STRV_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(str_release) struct str signature = STR_INIT;
	int r = complete_index(d, pack, index, keys, err);

	if (r == 0)
		r = index_format(index, &text, err);
	if (r == 0)
		r = cms_sign(text.buf, text.len, keys->signer, keys->signer_key, &signature, err);
	if (r == 0)
		r = make_names(d, index, &made, ret_paths, err);
	if (r == 0)
		r = pack_write(pack, index, &text, &signature, &made, ret_paths, err);
	if (r == 0)
		r = interrupt_check(err);
	if (r == 0)
		r = keys_sequence_commit(keys, err);
	return r < 0 ? r : name_archives(&made, ret_paths, err);
}

int deliver_companions(const struct deliver *d, const struct index *index, const struct strv *paths,
		       struct err *err)
{
	CLEANUP(str_release) struct str readme = STR_INIT;
	cleanup_free char *program = NULL;
	cleanup_free char *path = NULL;
	char sha256[SHA256_HEX_SIZE];
	size_t size = 0;
	int r = file_read(d->installer, 0, ERR_CONFIG, &program, &size, err);

	if (r == 0)
		r = sha256_hex(program, size, sha256, err);
	/* A build takes its time, and the index has been signed. */
	if (r == 0 && strcmp(sha256, index->installer_sha256) != 0)
		r = err_set(err, ERR_VERIFY,
			    "'%s' was exchanged during the build: it is not the installer that the "
			    "bundle names; build again",
			    d->installer);
	if (r == 0)
		r = path_join(d->output, "pgha-install", &path, err);
	if (r == 0)
		r = file_write_atomic(path, 0755, program, size, err);
	if (r < 0)
		return r;
	free(steal_ptr(&path));
	r = readme_format(index, paths, &readme, err);
	if (r == 0)
		r = path_join(d->output, "README", &path, err);
	return r < 0 ? r : file_write_atomic(path, 0644, readme.buf, readme.len, err);
}
