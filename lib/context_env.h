/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/context.c and lib/context_env.c share, and who looks up a port. */
#ifndef PGHA_CONTEXT_ENV_H
#define PGHA_CONTEXT_ENV_H

/* ENV_NODENAME for a port that each node has its own of; NULL when memory is short. The caller
 * frees. */
char *context_port_name(const char *env, const char *node);

#endif
