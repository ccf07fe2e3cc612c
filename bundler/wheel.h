/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Python wheels for the target, by pip: on a Python of the target's minor version, because pip
 * evaluates markers for the Python that it runs on. What the index has as source only is built
 * here. pip's own configuration (index, certificates, PIP_ variables) holds.
 */
#ifndef PGHA_WHEEL_H
#define PGHA_WHEEL_H

#include "definition.h"
#include "err.h"
#include "lock.h"
#include "pip.h"
#include "str.h"
#include "update.h"

/*
 * Resolves DEF's requirements for its platform and adds the wheels to LOCK; those that were built
 * from source stay in CACHE. UPDATE (or NULL) says which of a lock's wheels stay as they are. Nothing to do is fine. ERR_NETWORK when there is no solution, ERR_HOST
 * when pythonX.Y or its pip is not there, ERR_CONFIG when the platform lacks `python` or `glibc`.
 */
int wheel_resolve(const struct definition *def, const char *cache, const struct update *update,
		  struct lock *lock, struct err *err) MUST_CHECK;

/* All of FROM's wheels, as they are; what DEF requires is not asked. */
int wheel_copy(const struct lock *from, struct lock *lock, struct err *err) MUST_CHECK;

/* What DEF's requirements resolve to now, and nothing more; the caller releases RET. What KNOWN (or NULL)
 * has from a source is not built again when CACHE has it. Errors as wheel_resolve(). */
int wheel_versions(const struct definition *def, const char *cache, const struct lock *known,
		   struct pip_report *ret, struct err *err) MUST_CHECK;

/* A wheel that is not there, and where it goes. */
struct wheel_want {
	const struct lock_wheel *wheel; /* borrowed, as the next one */
	const char *dest;
};

/*
 * Brings COUNT of LOCK's wheels to their places by pip, inside CACHE; what was built from source is
 * built again and must have the lock's digest.
 */
int wheel_fetch(const struct lock *lock, const char *cache, const struct wheel_want *wants,
		size_t count, struct err *err) MUST_CHECK;

/* How the source archive of a wheel that was built is called; the caller frees. */
int wheel_sdist_file(const struct lock_wheel *wheel, char **ret_file, struct err *err) MUST_CHECK;

/* requirements.lock: "name==version --hash=sha256:…" lines, sorted, as `pip --no-index
 * --require-hashes` reads them; the caller frees. */
int wheel_requirements(const struct lock *lock, char **ret_text, struct err *err) MUST_CHECK;

#endif
