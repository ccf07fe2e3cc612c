/* SPDX-License-Identifier: Apache-2.0 */
/* What installer/review.c and installer/review_file.c share. */
#ifndef PGHA_REVIEW_PRIVATE_H
#define PGHA_REVIEW_PRIVATE_H

#include "review.h"

/* What was found out about LINE, or NULL. */
const struct review_detail *review_find(const struct review *review, const char *line);

#endif
