/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a node will render, rendered once and forgotten: what a manifest has wrong shows
 * before anything is signed (in the bundler) and before anything is changed (in the installer).
 */
#ifndef PGHA_REHEARSE_H
#define PGHA_REHEARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "context.h"
#include "err.h"
#include "manifest.h"
#include "mustache.h"
#include "topology.h"

/* Renders one of the service's files into RET, which should be secret. RET_WANTED is false, and RET
 * untouched, when its `when` says that the node does not need it. */
int rehearse_render(const struct service *service, const struct mustache_value *context,
		    const struct service_file *file, bool *ret_wanted, struct str *ret,
		    struct err *err) MUST_CHECK;

/* Renders every file and every command of the services of NODE, whose variables are ENV, and
 * refuses two services that want one path differently. */
int rehearse_node(const struct context_cluster *cluster, const struct context_env *env,
		  const struct topology_node *node, struct err *err) MUST_CHECK;

#endif
