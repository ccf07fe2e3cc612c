#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The project's own rules, each one line on what it protects.
set -Eeuo pipefail
shopt -s lastpipe # report() ends pipelines, and what it notes in $bad must outlive them
cd "$(dirname "$0")/../.."
bad=0

report() { # RULE, offenders on standard input
	local rows
	rows=$(cat)
	[[ -z $rows ]] && return
	printf 'lint: %s\n' "$1"
	printf '%s\n' "$rows" | sed 's/^/    /'
	bad=1
}

# Prints matching lines and does not mind when there are none.
search() { grep "$@" || test $? = 1; }

mapfile -t sources < <(git ls-files -co --exclude-standard 'lib/*.[ch]' 'bundler/*.[ch]' 'installer/*.[ch]')
mapfile -t c_files < <(git ls-files -co --exclude-standard '*.[ch]')
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run tests/lab/lab)
mapfile -t texts < <(git ls-files -co --exclude-standard)

for service in manifests/services/*/ tests/lab/example/services/*/; do
	name=$(basename "$service")
	search -niw "$name" "${sources[@]}" |
		report "the C code knows no service, and '$name' is one: extend the manifest schema"
done
search -nE '^\s*(cleanup_[a-z]+|CLEANUP\([a-zA-Z0-9_]+\))[^=(]*;' "${c_files[@]}" |
	search -vE 'STACK_OF|= ' | report 'a variable with scope cleanup must be initialised'
search -nE '\b(printf|fprintf|puts|fputs|putchar|exit|_exit|abort)\(' lib/*.c |
	search -vE '^lib/(cli|progress|proc)\.c:' | report 'the library neither prints nor exits (only cli, progress, and proc in the child)'
for file in "${sources[@]}"; do # a call may go on in the next line
	[[ -f $file ]] || continue
	sed -E ':a;/[,(|]$/{$!N;s/\n\s*/ /;ta}' "$file" |
		search -HE --label="$file" '\b(open|openat|socket|pipe|dup|fopen|mkstemp)\('
done | search -vE 'CLOEXEC|fopen\([^)]*"[a-z]e"|^[^:]+:\s*(/?\*|//|")' | report 'descriptors are opened with O_CLOEXEC, streams with "e"'
search -nE '\b(system|popen|strcpy|strcat|sprintf|gets|tmpnam|mktemp|alloca)\(' "${sources[@]}" |
	report 'not these functions'
search -nE 'ENGINE_|EVP_MD_fetch|EVP_CIPHER_fetch|curl_url|curl_multi_poll|g_malloc|#include <glib' "${sources[@]}" |
	report 'RHEL 8 does not have it'
search -nE '^#\s*if.*(VERSION|LIBSOLV_|RPM_)' "${sources[@]}" | search -v '^lib/compat\.h:' |
	report 'version conditions belong in lib/compat.h'
{ tests/lint/schema.py || test $? = 1; } | report 'manifests/schema.md documents every key of every file, and no other'
for file in "${c_files[@]}" "${scripts[@]}"; do
	[[ -f $file ]] || continue
	head -n 3 "$file" | grep 'SPDX-License-Identifier: Apache-2.0' >/dev/null || echo "$file"
done | report 'every source begins with its licence'
for file in "${c_files[@]}" "${scripts[@]}"; do
	[[ -f $file ]] || continue
	lines=$(wc -l <"$file")
	((lines <= 800)) || echo "$file: $lines"
done | report 'a file has at most 800 lines'
for file in "${texts[@]}"; do
	[[ -f $file && ! -L $file ]] || continue
	search -lI -e '-----BEGIN [A-Z ]*PRIVATE KEY' "$file"
done | search -v '^tests/lint/rules.sh$' | report 'no private key in the repository'
if [[ $(clang-format --version) == *'version 14.'* ]]; then
	clang-format --dry-run "${c_files[@]}" 2>&1 | search 'warning: code should be clang-formatted' | cut -d: -f1 |
		sort -u | report "not laid out: run 'make format'"
fi
shellcheck -x -P SCRIPTDIR -P . "${scripts[@]}" || bad=1

((bad == 0)) && echo 'lint: nothing found'
exit $bad
