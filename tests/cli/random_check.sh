#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random requests beside stock dnf: make random-check [SEED='n n…'] [COUNT=n]; make random-docs also asks for every name there is and
# writes docs/comparison.md.
# usage: random_check.sh [DOCUMENT]
# shellcheck source=oracle.sh
. "$(dirname "$0")/oracle.sh"

document=${1:-}
read -ra seeds <<<"${SEED:-17 18 19}"
count=${COUNT:-300}
app=$data/repodata/cs9-appstream-osbuild
base=$data/repodata/cs9-baseos-osbuild-images
lab=("$lab_repos"/{baseos,appstream,pgdg17,pgdg-common,pgdg-rhel8-extras})
draw=$tests_cli/random_requests.py
requests=$work/requests
what=''  # is drawn: for the report
platform=() # of the repositories, and $releasever
rows=$work/rows.tsv
: >"$rows"

# beside NAME WEAK: compares, and notes what came of it
beside() {
	same_answers "$1" "$requests" "$2" "${platform[@]}"
	if [[ $out =~ ^([0-9]+)\ requests,\ ([0-9]+)\ of\ them\ without\ a\ solution\ for\ dnf,\ ([0-9]+)\ differences,\ ([0-9]+) ]]; then
		printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$what" "$1" "${BASH_REMATCH[@]:1}" >>"$rows"
	fi
}

# each_by_itself NAME: of the comparison before, every so many requests once more: by pgha-bundle in a process of its own and with
# another cache, and by the dnf command. Both must say what their batches said.
each_by_itself() {
	local name=$1 line=0 step asked=0 before=$failures request ours dnf
	step=$(((count + 19) / 20))
	rm -rf "$work/cache-alone" "$work/root-alone"
	mkdir "$work/root-alone"
	while IFS= read -r request && IFS= read -r ours <&3 && IFS= read -r dnf <&4; do
		((line++ % step == 0)) || continue
		IFS=$'\t' read -ra packages <<<"$request"
		bundle_yaml "${platform[0]}" false "${packages[@]}"
		rm -f "$work/b.lock"
		capture "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/cache-alone"
		by_itself "$name" "${packages[*]}: pgha-bundle resolve" 4 "$ours" \
			"$([[ ! -e $work/b.lock ]] || sed -n 's/^  - nevra: "\?\([^"]*\)"\?$/\1/p' "$work/b.lock")"
		capture "$tests_cli/dnf_oracle.py" --command "$work/root-alone" "$work/repos.d" "${platform[@]}" x86_64 "${packages[@]}"
		by_itself "$name" "${packages[*]}: the dnf command" 1 "$dnf" "$out"
		((++asked))
	done <"$requests" 3<"$work/ours" 4<"$work/dnf"
	((failures > before)) || ok "$name: $asked of them each by itself"
	printf '%s\t%s\t%s\n' "$what" "$name" "$asked" >>"$work/alone.tsv"
}

# by_itself NAME WHO STATUS_OF_NONE ANSWER NEVRAS: the answer of a batch against what the last capture's command chose
by_itself() {
	local expected=0
	[[ $4 == ok* ]] || expected=$3
	if ((status != expected)); then
		not_ok "$1: $2" "exit status $status, not $expected" "$out" "$err"
	elif ((status == 0)) && ! diff <(tr '\t' '\n' <<<"$4" | tail -n +2 | sort) <(sort <<<"$5" | sed '/^$/d') >"$work/diff"; then
		not_ok "$1: $2" "$(<"$work/diff")"
	fi
}

stream9() { # SEED
	platform=(platform:el9 9)
	repositories appstream "$app" baseos "$base"
	what="$count names, seed $1"
	"$draw" names "$1" "$count" "$app" "$base" >"$requests"
	beside "CentOS Stream 9" false
	beside "CentOS Stream 9, weak dependencies" true
	what="$count requests of every form, seed $1"
	"$draw" forms "$1" "$count" "$app" "$base" >"$requests"
	beside "CentOS Stream 9" false
	each_by_itself "CentOS Stream 9"
	beside "CentOS Stream 9, weak dependencies" true
	stream_line='modules: {disable: ["*"]}' stream_options=(--disable '*')
	beside "CentOS Stream 9, no streams" false
	stream_line='modules: {enable: ["postgresql:16", "nodejs:20", "php:8.2"]}'
	stream_options=(--enable postgresql:16 --enable nodejs:20 --enable php:8.2)
	beside "CentOS Stream 9, three streams enabled" false
	stream_line='' stream_options=()
	choose "$work/host" "${platform[0]}" haproxy-2.4.17-4.el9 python3.11-3.11.9-4.el9 dnf
	make_host "$work/host" "$app" "$base"
	beside "CentOS Stream 9 over a baseline" false
	beside "CentOS Stream 9 over a baseline, weak dependencies" true
	host_inventory=
}

every_name() {
	platform=(platform:el9 9)
	repositories appstream "$app" baseos "$base"
	what="every name"
	"$draw" all "$app" "$base" >"$requests"
	beside "CentOS Stream 9" false
	beside "CentOS Stream 9, weak dependencies" true
}

# Builds of modules without modules.yaml, a modules.yaml without its module, releases of RHEL mixed.
mixed() { # SEED
	local alma=$data/repodata/alma8.8-idm-closure pigsty=$data/repodata/pigsty-pgsql-el8
	platform=(platform:el9 9)
	repositories appstream "$app" baseos "$base" alma "$alma" pigsty "$pigsty"
	what="$count requests of every form, seed $1"
	"$draw" forms "$1" "$count" "$app" "$base" "$alma" "$pigsty" >"$requests"
	beside "with Alma 8.8 and Pigsty, mixed" true
}

the_lab() { # SEED
	platform=(platform:el8 8)
	repositories baseos "${lab[0]}" appstream "${lab[1]}" pgdg17 "${lab[2]}" pgdg-common "${lab[3]}" pgdg-rhel8-extras "${lab[4]}"
	what="$count requests of every form, seed $1"
	"$draw" forms "$1" "$count" "${lab[@]}" >"$requests"
	beside "the lab" false
	stream_line='modules: {disable: [postgresql]}' stream_options=(--disable postgresql)
	beside "the lab, postgresql disabled, weak dependencies" true
	stream_line='' stream_options=()
}

for seed in "${seeds[@]}"; do
	if [[ -d $app && -d $base ]]; then
		stream9 "$seed"
		mixed "$seed"
	else
		skip "CentOS Stream 9" "$data/repodata is not here"
	fi
	if [[ -d ${lab[0]}/repodata ]]; then
		the_lab "$seed"
	else
		skip "the lab's repositories" "not built here: make demo builds them"
	fi
done
if [[ -n $document && ! -d $app ]]; then
	not_ok "$document is written" "without $data/repodata there is nothing to tell"
elif [[ -n $document ]]; then
	every_name
	"$tests_cli/comparison_report.py" "$rows" "$work/alone.tsv" "$tests_cli/known-differences" "$root/tests/solver" \
		"$app" "$base" >"$work/document"
	mv "$work/document" "$document"
fi
finish
