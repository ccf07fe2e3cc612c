#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the unit tests (cmocka programs) and the command tests (tests/cli/test_*.sh) of one build side by side, prints what
# failed, and ends with the sum. usage: tests/run.sh BUILD_DIR
# TEST_JOBS: how many at once (default: the processors and one more, as some tests wait). WITHOUT='test_x test_y': leaves these
# out and says so.
set -Eeuo pipefail
shopt -s nullglob

here=$(cd "$(dirname "$0")" && pwd)

# cmocka names a failed test twice.
distinct() { (grep -E "$1" "$2" || test $? = 1) | sort -u | wc -l; }

# What a program printed says how many there were; one that dies counts as a failure of its own.
report() { # LABEL LOG STATUS SECONDS PASS_PATTERN FAIL_PATTERN SKIP_PATTERN
	local ok bad skip
	ok=$(distinct "$5" "$2")
	bad=$(distinct "$6" "$2")
	skip=$(distinct "$7" "$2")
	if ((bad == 0 && $3 != 0)); then
		bad=1
	fi
	if ((ok + bad + skip == 0)); then
		echo "no test ran" >>"$2"
		bad=1
	fi
	echo "$ok $bad $skip" >"$2.sum"
	printf '  %-28s %4d s %4d passed' "$1" "$4" "$ok"
	((skip == 0)) || printf ', %d skipped' "$skip"
	((bad == 0)) || printf ', %d FAILED' "$bad"
	printf '\n'
	((skip == 0)) || grep -E "$7" "$2" | sort -u | sed 's/^/      /'
	((bad == 0)) || sed 's/^/      | /' "$2"
}

# What failed once more, where a reader of the log's end finds it: the failures, else the last lines.
failed() { # NAME LOG
	local lines
	printf '%s failed:\n' "$1"
	lines=$(grep -aE -A2 '^not ok |^\[  ERROR   \]|AddressSanitizer:|runtime error:' "$2" || test $? = 1)
	{ if [[ -n $lines ]]; then printf '%s\n' "$lines" | sed -n 1,12p; else tail -n 8 "$2"; fi; } | cut -c1-300 | sed 's/^/  | /'
}

one() { # BUILD_DIR LOGS TEST
	local name=${3##*/} start=$SECONDS status=0 log patterns text
	log=$2/$name.log
	if [[ $name == *.sh ]]; then
		PGHA_BUILD=$1 timeout 600 bash "$3" >"$log" 2>&1 </dev/null || status=$?
		patterns=('^ok ' '^not ok ' '^skip ')
	else
		timeout 300 "$3" >"$log" 2>&1 </dev/null || status=$?
		patterns=('^\[       OK \]' '^\[  FAILED  \] [a-z_0-9]+$' '^\[  SKIPPED \] [a-z_0-9]+$')
	fi
	text=$(report "${name%.sh}" "$log" "$status" $((SECONDS - start)) "${patterns[@]}")
	flock "$2" printf '%s\n' "$text"
}

if [[ ${1:-} == --one ]]; then
	one "${@:2}"
	exit
fi

build=$1
logs=$build/tests/log
rm -rf "$logs"
mkdir -p "$logs"
tests=("$here"/cli/test_*.sh) # these take longest
for program in "$build"/tests/test_*; do
	[[ ! -x $program || -d $program || $program == *.* ]] || tests+=("$program")
done
for name in ${WITHOUT:-}; do
	for i in "${!tests[@]}"; do
		[[ ${tests[i]##*/} != "$name" && ${tests[i]##*/} != "$name.sh" ]] || {
			unset "tests[i]"
			echo "  $name: left out"
		}
	done
done
printf '%s\0' "${tests[@]}" | xargs -0 -n 1 -P "${TEST_JOBS:-$(($(nproc) + 1))}" "$0" --one "$build" "$logs"
for test in "${tests[@]}"; do
	log=$logs/${test##*/}.log
	[[ $(<"$log.sum") == *' 0 '* ]] || failed "${test##*/}" "$log"
done
# Each must have left its numbers.
for test in "${tests[@]}"; do
	cat "$logs/${test##*/}.log.sum"
done | awk '{ ok += $1; bad += $2; skip += $3 }
	END { printf "%d passed, %d failed, %d skipped\n", ok, bad, skip; exit bad > 0 || ok == 0 }'
