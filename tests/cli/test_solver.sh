#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The cases of tests/solver/: each a repository, a request and the answer, which pgha-bundle and dnf must both give.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$root/tests/solver/run.py" "$bundle" "$root"/tests/solver/*.case || failures=1
finish
