# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks that are counted. Who sources this sets $out, a file for what the last one answered.
#
#   works NAME TEXT CMD...      CMD succeeds and its output has TEXT (an extended expression, may be empty)
#   refused NAME TEXT CMD...    CMD fails, and says TEXT
#   verdict_sum                 prints the sum; fails unless all held

out=/dev/null passed=0 failed=0 skipped=0

# verdict NAME YES: counts; on failure shows what was answered.
verdict() {
	if $2; then
		((++passed))
		printf 'ok    %s\n' "$1"
	else
		((++failed))
		printf 'FAIL  %s\n' "$1"
		tail -n 5 "$out" | cut -c1-200 | sed 's/^/      /'
	fi
}

says() { [[ -z $1 ]] || grep -qE "$1" "$out"; }

works() {
	local name=$1 text=$2 good=false
	shift 2
	if "$@" >"$out" 2>&1 && says "$text"; then good=true; fi
	verdict "$name" "$good"
}

refused() {
	local name=$1 text=$2 good=false
	shift 2
	if ! "$@" >"$out" 2>&1 && says "$text"; then good=true; fi
	verdict "$name" "$good"
}

verdict_sum() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	((failed == 0))
}
