/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of lib/manifest.c: what a schema table cannot say. */
#ifndef PGHA_MANIFEST_CHECK_H
#define PGHA_MANIFEST_CHECK_H

#include "manifest.h"
#include "yaml.h"

/* SERVICE was filled from ROOT, with its templates. Also resolves struct service_once's `when`. */
int manifest_check(struct service *service, const struct yaml_node *root,
		   struct err *err) MUST_CHECK;

#endif
