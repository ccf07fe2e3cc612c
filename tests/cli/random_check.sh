#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random requests beside stock dnf: make random-check [SEED=n] [COUNT=n]. What came out is in docs/comparison.md.
# shellcheck source=oracle.sh
. "$(dirname "$0")/oracle.sh"

seed=${SEED:-17} count=${COUNT:-300}
app=$data/repodata/cs9-appstream-osbuild
base=$data/repodata/cs9-baseos-osbuild-images
lab=("$lab_repos"/{baseos,appstream,pgdg17,pgdg-common,pgdg-rhel8-extras})

if [[ -d $app && -d $base ]]; then
	repositories appstream "$app" baseos "$base"
	"$tests_cli/random_requests.py" "$seed" "$count" "$app" "$base" >"$work/requests"
	same_answers "CentOS Stream 9" "$work/requests" false platform:el9 9
	same_answers "CentOS Stream 9, weak_deps" "$work/requests" true platform:el9 9
	stream_line='modules: {disable: ["*"]}' stream_options=(--disable '*')
	same_answers "CentOS Stream 9, no streams" "$work/requests" false platform:el9 9
	stream_line='modules: {enable: ["postgresql:16", "nodejs:20", "php:8.2"]}'
	stream_options=(--enable postgresql:16 --enable nodejs:20 --enable php:8.2)
	same_answers "CentOS Stream 9, three streams" "$work/requests" false platform:el9 9
	stream_line='' stream_options=()
	choose "$work/host" platform:el9 haproxy-2.4.17-4.el9 python3.11-3.11.9-4.el9 dnf
	make_host "$work/host" "$app" "$base"
	same_answers "CentOS Stream 9 over a baseline" "$work/requests" false platform:el9 9
	same_answers "CentOS Stream 9 over a baseline, weak_deps" "$work/requests" true platform:el9 9
	host_inventory=
else
	skip "CentOS Stream 9" "$data/repodata is not here"
fi
if [[ -d ${lab[0]}/repodata ]]; then
	repositories baseos "${lab[0]}" appstream "${lab[1]}" pgdg17 "${lab[2]}" pgdg-common "${lab[3]}" pgdg-rhel8-extras "${lab[4]}"
	"$tests_cli/random_requests.py" "$seed" "$count" "${lab[@]}" >"$work/requests"
	same_answers "the lab" "$work/requests" false platform:el8 8
	stream_line='modules: {disable: [postgresql]}' stream_options=(--disable postgresql)
	same_answers "the lab, postgresql disabled, weak_deps" "$work/requests" true platform:el8 8
else
	skip "the lab's repositories" "not built here: make demo builds them"
fi
finish
