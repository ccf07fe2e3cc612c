/* SPDX-License-Identifier: Apache-2.0 */
#include "metaopts.h"

#include <string.h>

#include "cleanup.h"

int metaopts_parse(const struct metaopts *options, struct strv *ids, struct metadata_options *ret,
		   struct err *err)
{
	cleanup_free char *text = NULL;
	char *save = NULL;
	int r = str_dup(&text, options->accept_older ? options->accept_older : "", err);

	for (const char *id = r == 0 ? strtok_r(text, ",", &save) : NULL; r == 0 && id;
	     id = strtok_r(NULL, ",", &save))
		r = strv_add(ids, id, err);
	ret->refresh = options->refresh;
	ret->accept_older = ids;
	return r;
}
