/* SPDX-License-Identifier: Apache-2.0 */
/* Groups and environments of comps.xml, as libsolv keeps them: solvables "group:ID". */
#ifndef PGHA_SOLVE_GROUP_H
#define PGHA_SOLVE_GROUP_H

#include <solv/pool.h>
#include <solv/queue.h>

#include "definition.h"
#include "err.h"

/*
 * The packages of REQUEST, "@NAME" or "@NAME/TYPE,…", each once: ids of names, or (name if other) for
 * conditional ones. NAME is the id or the name of groups and environments, or a pattern; of an
 * environment its mandatory groups count. TYPE is mandatory, default, conditional or optional; the
 * first three unless given, as with dnf. ERR_NETWORK when there is no such group (with the nearest),
 * ERR_CONFIG for an unknown type.
 */
int solve_group_members(Pool *pool, const struct definition_request *request, Queue *ret_members,
			struct err *err) MUST_CHECK;

#endif
