#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make deps all` on a machine that has nothing: pkg-config comes with deps, so nobody asks it before.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

cat >"$work/pkg-config" <<'SCRIPT'
#!/bin/sh
echo "$*" >>"${0%/*}/asked"
echo "-DASKED_$(wc -l <"${0%/*}/asked")"
SCRIPT
chmod +x "$work/pkg-config"

# shellcheck disable=SC2317 # called through expect
made() { # GOAL...: what make would do
	rm -f "$work/asked"
	: >"$work/asked"
	env -u MAKEFLAGS -u MFLAGS make -C "$root" --no-print-directory -n V=1 B="$work/build" PKG_CONFIG="$work/pkg-config" "$@"
}

asked() { # NAME TIMES
	local times
	times=$(wc -l <"$work/asked")
	if ((times == $2)); then ok "$1"; else not_ok "$1" "$times times: $(<"$work/asked")"; fi
}

expect "a goal that compiles nothing" 0 awk made help
asked "does not ask for libraries" 0
expect "two objects" 0 '-DASKED_1' made "$work/build/lib/str.o" "$work/build/lib/yaml.o"
asked "are compiled with what was asked once" 1
expect "a program is linked with them" 0 '-DASKED_2 -ldl' made "$work/build/pgha-install"
expect "all and deps" 0 'tests/deps.sh' made all deps
first=$(grep -n -m 1 -e 'tests/deps.sh' -e '-c -o' <<<"$out" || true)
if [[ $first == *deps.sh* ]]; then ok "deps come first, wherever they stand"; else not_ok "deps come first, wherever they stand" "$first"; fi
finish
