#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the unit tests (cmocka programs) and the command tests (tests/cli/test_*.sh) of one build, prints what failed,
# and ends with the sum. usage: tests/run.sh BUILD_DIR
set -Eeuo pipefail
shopt -s nullglob

build=$1
here=$(cd "$(dirname "$0")" && pwd)
logs=$build/tests/log
passed=0 failed=0 skipped=0
mkdir -p "$logs"

# cmocka names a failed test twice.
distinct() { (grep -E "$1" "$2" || test $? = 1) | sort -u | wc -l; }

# What a program printed says how many there were; one that dies counts as a failure of its own.
count() { # LABEL LOG STATUS PASS_PATTERN FAIL_PATTERN SKIP_PATTERN
	local ok bad skip
	ok=$(distinct "$4" "$2")
	bad=$(distinct "$5" "$2")
	skip=$(distinct "$6" "$2")
	if ((bad == 0 && $3 != 0)); then
		bad=1
	fi
	if ((ok + bad + skip == 0)); then
		echo "no test ran" >>"$2"
		bad=1
	fi
	((passed += ok, failed += bad, skipped += skip)) || test $? = 1
	printf '  %-28s %3d passed' "$1" "$ok"
	((skip == 0)) || printf ', %d skipped' "$skip"
	((bad == 0)) || printf ', %d FAILED' "$bad"
	printf '\n'
	((skip == 0)) || grep -E "$6" "$2" | sort -u | sed 's/^/      /'
	((bad == 0)) || sed 's/^/      | /' "$2"
}

for program in "$build"/tests/test_*; do
	[[ -x $program && ! -d $program && $program != *.* ]] || continue
	name=${program##*/}
	status=0
	timeout 300 "$program" >"$logs/$name.log" 2>&1 || status=$?
	count "$name" "$logs/$name.log" "$status" '^\[       OK \]' '^\[  FAILED  \] [a-z_0-9]+$' '^\[  SKIPPED \] [a-z_0-9]+$'
done
for script in "$here"/cli/test_*.sh; do
	name=${script##*/}
	status=0
	PGHA_BUILD=$build timeout 600 bash "$script" >"$logs/$name.log" 2>&1 </dev/null || status=$?
	count "${name%.sh}" "$logs/$name.log" "$status" '^ok ' '^not ok ' '^skip '
done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
