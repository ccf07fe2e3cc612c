/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages restart their services by themselves (%systemd_postun_with_restart, try-restart): behind the guards'
 * back. While packages change, a drop-in below /run makes systemd refuse that for our units that run;
 * everything else (a crash, Restart=, a shutdown) stays as it is.
 */
#ifndef PGHA_HOLD_H
#define PGHA_HOLD_H

#include "setup.h"

int hold_units(const struct setup *setup, struct err *err) MUST_CHECK;
/* Also what a killed run has left. */
int hold_release(const struct install *in, struct err *err) MUST_CHECK;

#endif
