# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the command tests: each expectation prints "ok NAME", "not ok NAME" with what came instead, or "skip NAME: why".
# PGHA_BUILD is where the programs are.
set -Euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${PGHA_BUILD:-$root/build}" && pwd)
# shellcheck disable=SC2034 # for the tests that source this
{
	data=$root/../shared/data
	bundle=$build/pgha-bundle
	install=$build/pgha-install
}
work=$(mktemp -d "${TMPDIR:-/tmp}/pgha-cli-XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0
export LC_ALL=C

ok() { echo "ok $1"; }
not_ok() { # NAME [DETAIL…]
	echo "not ok $1"
	shift
	(($# == 0)) || printf '%s\n' "$@" | sed 's/^/    /'
	failures=$((failures + 1))
}
skip() { echo "skip $1: $2"; }

# Runs a command; its output is in $out, its messages in $err, its status in $status.
capture() {
	status=0
	"$@" >"$work/.out" 2>"$work/.err" </dev/null || status=$?
	out=$(<"$work/.out")
	err=$(<"$work/.err")
}

# expect NAME STATUS 'TEXT OF STDERR OR STDOUT' COMMAND…: the text (may be empty) must be in either.
expect() {
	local name=$1 want=$2 text=$3
	shift 3
	capture "$@"
	if ((status != want)); then
		not_ok "$name" "exit status $status, not $want" "$out" "$err"
	elif [[ -n $text && $out$'\n'$err != *"$text"* ]]; then
		not_ok "$name" "'$text' is not in:" "$out" "$err"
	else
		ok "$name"
	fi
}

# one_line NAME: the last capture's messages were one line (details indented by two spaces do not count).
one_line() {
	local lines
	lines=$(grep -cv '^  ' "$work/.err")
	if ((lines == 1)); then ok "$1"; else not_ok "$1" "$lines lines:" "$err"; fi
}

finish() { exit $((failures > 0)); }
