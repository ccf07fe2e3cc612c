#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The floor: a Debian 11 root, of RHEL 8's generation (gcc 10, OpenSSL 1.1.1, rpm 4.16, libsolv 0.7.17), in which
# everything is built and unit-tested. Sourced it gives
#
#     lab_el8                      prints the root
#     el8_run [OPTION]... CMD...   runs a command in it, as connected_run does
#
# and run it is `el8_run "$@"`:    tests/lab/el8.sh make -j2 check

# shellcheck source=tests/lab/connected.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/connected.sh"

lab_el8() {
	local entry
	entry=$(cache_build el8 "$(connected_key bullseye "${LAB_BUILD_PACKAGES[@]}")" connected_build bullseye \
		"${LAB_BUILD_PACKAGES[@]}")
	printf '%s/root\n' "$entry"
}

el8_run() {
	local root
	root=$(lab_el8)
	root_run "$root" "$@"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	need_root check-el8
	el8_run "$@"
fi
