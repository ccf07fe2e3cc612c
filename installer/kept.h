/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The committed bundle, as this node keeps it below STATE/bundles/SEQUENCE: all of it but the secrets. The variables that
 * are none stand beside its members in settings.yaml, in the capsule's format, so that what it asks of the running services
 * can be asked again without the media.
 */
#ifndef PGHA_KEPT_H
#define PGHA_KEPT_H

#include "install.h"
#include "setup.h"
#include "state.h"

#define KEPT_SETTINGS "settings.yaml"

/* Writes the settings where they are missing or differ. After the commit. */
int kept_save_settings(const struct setup *setup, struct err *err) MUST_CHECK;

/*
 * Puts the committed bundle in the place of a staged one: IN gets node (borrowed from RET), staging, index, topology and, as
 * capsule, the settings. ERR_USAGE when nothing is committed.
 */
int kept_open(struct install *in, struct state_committed *ret, struct err *err) MUST_CHECK;
/* Of the kept bundle SEQUENCE, at which staging and index are already, the rest: topology and settings. */
int kept_load(struct install *in, uint64_t sequence, struct err *err) MUST_CHECK;

#endif
