#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says where the lab keeps its repositories once they are built.
set -Eeuo pipefail
# shellcheck source=rpms.sh
. "$(dirname "${BASH_SOURCE[0]}")/rpms.sh"

cache_path repos "$(lab_repos_key)"
