/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords that somebody tries first. */
#ifndef PGHA_WEAKNESS_H
#define PGHA_WEAKNESS_H

#include "str.h"

#define WEAKNESS_CHARS_MIN 12
#define WEAKNESS_DISTINCT_MIN 6

/*
 * Why PASSWORD is too weak, a static text that goes on after "'NAME' " and never shows any of it; or
 * NULL. NAMES are what stands around it: its variable's name, accounts, services, the cluster. A
 * password is too weak when nothing is left of it after these, well-known words, digits and
 * punctuation are taken away; "P0$tgr3s" counts as the word that it stands for.
 */
const char *weakness(const char *password, const struct strv *names);

#endif
