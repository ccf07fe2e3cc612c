/* SPDX-License-Identifier: Apache-2.0 */
#include "wayback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "stage.h"

int wayback_open(struct wayback *back, const char *what, const char *node, const char *root,
		 bool dry_run, struct err *err)
{
	int r = 0;

	if (geteuid() != 0)
		return err_set(err, ERR_HOST, "%s needs root: run it with sudo", what);
	back->root = realpath(root ? root : "/", NULL);
	if (!back->root)
		return err_errno(err, ERR_USAGE, errno, "cannot use the root '%.200s'", root);
	back->in = (struct install){ .node = node, .root = back->root, .dry_run = dry_run };
	if ((r = install_init(&back->in, err)) || dry_run)
		return r;
	r = state_open(&back->in, &back->state, err);
	/* Of a run that was killed. */
	return r < 0 ? r : stage_clear(&back->in, err);
}

int wayback_begin(struct wayback *back, struct err *err)
{
	int r = 0;

	if (back->in.dry_run)
		return 0;
	r = journal_open(&back->in, &back->state, err);
	return r < 0 ? r : rootdev_provide(&back->in, &back->rootdev, err);
}

int wayback_end(struct wayback *back, int r, struct err *err)
{
	struct err second = ERR_INIT;

	if (r < 0 && back->in.journal && journal_fail(back->in.journal, err->msg, &second))
		err_detail(err, "and %s", second.msg);
	return r;
}

void wayback_release(struct wayback *back)
{
	rootdev_withdraw(&back->rootdev);
	state_close(&back->in, &back->state);
	install_release(&back->in);
	free(back->root);
}

void wayback_json(const struct wayback *back, struct json *j)
{
	json_open(j, NULL, '{');
	json_string(j, "node", back->in.node);
	json_bool(j, "dry_run", back->in.dry_run);
}

int wayback_print(const struct wayback *back, const struct strv *changes, const struct strv *stays,
		  struct json *as_json, struct err *err)
{
	cleanup_free char *text = NULL;
	int r = 0;

	if (as_json) {
		json_strings(as_json, "changes", changes);
		json_strings(as_json, "stays", stays);
		json_close(as_json, '}');
		r = json_done(as_json, &text, err);
		if (r == 0)
			cli_print(text);
		return r;
	}
	for (size_t i = 0; i < changes->count; i++)
		printf("%s\n", changes->items[i]);
	for (size_t i = 0; i < stays->count; i++)
		printf("%s %s\n", back->in.dry_run ? "would stay:" : "stays:", stays->items[i]);
	return 0;
}
