/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd units, by systemctl: daemon-reload when a unit file changed, enable, start, and reload or
 * restart where a file's on_change asks for it. In another root than "/" they are enabled only.
 */
#ifndef PGHA_UNIT_H
#define PGHA_UNIT_H

#include "setup.h"

/* A unit that does not start is ERR_UNHEALTHY with its last journal lines as details. */
int unit_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err) MUST_CHECK;

/* Appends the last journal lines of the service's units to ERR's details. */
void unit_journal(const struct setup_service *service, struct err *err);

#endif
