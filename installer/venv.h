/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual environments from the bundle's wheels, without network: built at PATH-DIGEST, where they
 * stay, then PATH is switched to it. DIGEST covers requirements.lock and the interpreter.
 */
#ifndef PGHA_VENV_H
#define PGHA_VENV_H

#include "setup.h"

/* A switched environment makes the units restart. */
int venv_build(struct setup *setup, bool apply, struct strv *changes, struct err *err) MUST_CHECK;
/* Whether the version that SERVICE, which has one, is to get stands there complete. */
int venv_is_built(const struct setup *setup, const struct setup_service *service, bool *ret,
		  struct err *err) MUST_CHECK;
/* Removes versions but the one that is pointed to and the one before it; after the commit. */
int venv_prune(struct setup *setup, bool apply, struct strv *changes, struct err *err) MUST_CHECK;

#endif
