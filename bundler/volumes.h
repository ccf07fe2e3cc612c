/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle in several archives, for media that are smaller than it. */
#ifndef PGHA_VOLUMES_H
#define PGHA_VOLUMES_H

#include <stdint.h>

#include "err.h"
#include "index.h"

/* "4.7G", as media are sold: K, M, G, T are powers of 1000, KiB, MiB, GiB, TiB of 1024. ERR_USAGE for
 * anything else, and for less than a MiB. */
int volumes_parse_size(const char *text, uint64_t *ret_bytes, struct err *err) MUST_CHECK;

/*
 * Divides INDEX, complete but for its volumes, so that no archive is larger than MAX_BYTES; when one is
 * enough, it has no volumes. ERR_USAGE that names a member which fits nowhere.
 */
int volumes_divide(struct index *index, uint64_t max_bytes, struct err *err) MUST_CHECK;

#endif
