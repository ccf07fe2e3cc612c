#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Module streams of real repositories: pgha-bundle resolve and stock dnf choose the same. What single rules do is in
# tests/solver/.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

set -f # "*" is a name here
oracle=$root/tests/cli/dnf_oracle.py
app=$data/repodata/cs9-appstream-osbuild
base=$data/repodata/cs9-baseos-osbuild-images

# judge COUNT 'ENABLE…' 'DISABLE…' PACKAGE…: the same set as dnf, COUNT packages; "none": neither finds a solution
judge() {
	local count=$1 enable=$2 disable=$3 word options=() status_dnf
	shift 3
	local name="enable [$enable] disable [$disable]: $*"
	printf 'pgha: 1\nplatform: {id: "platform:el9", arch: x86_64}\nrepos: [all.repo]\npackages: [%s]\n' \
		"$(printf '"%s", ' "$@" | sed 's/, $//')" >"$work/b.yaml"
	# shellcheck disable=SC2086 # lists of words
	printf 'modules: {enable: [%s], disable: [%s]}\n' "$(printf '"%s",' $enable)" "$(printf '"%s",' $disable)" |
		sed 's/"",//g' >>"$work/b.yaml"
	for word in $enable; do options+=("--enable=$word"); done
	for word in $disable; do options+=("--disable=$word"); done
	rm -rf "$work/root" "$work/b.lock"
	mkdir "$work/root"
	capture "$oracle" --cache "$work/dnf-cache" "${options[@]}" "$work/root" "$work/repos.d" platform:el9 9 x86_64 "$@"
	status_dnf=$status
	sort <<<"$out" >"$work/dnf.txt"
	if ((status_dnf == 2)); then
		skip "$name" "dnf is not installed"
		return
	fi
	capture "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/cache"
	if [[ $count == none ]]; then
		if ((status == 4 && status_dnf == 1)); then ok "$name: no solution, as with dnf"; else
			not_ok "$name" "exit status $status, dnf's $status_dnf, not 4 and 1" "$err"
		fi
	elif ((status || status_dnf)); then
		not_ok "$name" "exit status $status, dnf's $status_dnf" "$err"
	else
		sed -n 's/^  - nevra: "\?\([^"]*\)"\?$/\1/p' "$work/b.lock" | sort >"$work/ours.txt"
		if ! diff "$work/dnf.txt" "$work/ours.txt" >"$work/diff"; then
			not_ok "$name" "$(<"$work/diff")"
		elif (($(wc -l <"$work/ours.txt") != count)); then
			not_ok "$name" "$(wc -l <"$work/ours.txt") packages, not $count"
		else
			ok "$name: the same $count packages as dnf"
		fi
	fi
}

if [[ ! -d $app || ! -d $base ]]; then
	skip "CentOS Stream 9" "$data/repodata is not here"
	finish
elif grep -q __asan_init "$bundle"; then
	# libsolv grows its arrays by reallocating them, which AddressSanitizer makes eighty times as slow.
	skip "CentOS Stream 9" "not under AddressSanitizer; tests/solver/ is"
	finish
fi
mkdir "$work/repos.d"
for repo in "appstream $app" "baseos $base"; do
	printf '[%s]\nname=x\nbaseurl=file://%s\ngpgcheck=0\n' "${repo% *}" "$(realpath "${repo#* }")"
done | tee "$work/all.repo" >"$work/repos.d/all.repo"

# The streams there are: maven 3.8, mariadb 10.11, nginx 1.22 and 1.24, nodejs 18, 20 and 22, php 8.1 to 8.3,
# postgresql 15 and 16, redis 7, ruby 3.1 and 3.3; none is a default.
judge 42 '' '' nodejs
judge 41 'nodejs:18' '' nodejs
judge 42 'nodejs:20' '' nodejs npm
judge 42 'nodejs:22' '' nodejs
judge 42 '' 'nodejs' nodejs
judge 91 '' '*' nodejs nginx
judge 87 'nginx:1.22' '' nginx
judge 87 'nginx:1.24' '' nginx
judge 87 '' '' nginx
judge 63 'php:8.1' '' php-cli
judge 67 'php:8.2' '' php-cli php-pgsql
judge none 'php:8.3 nginx:1.24' '' php-fpm nginx
judge none 'php:8.3' '*' php-cli
judge 63 '' '' php-cli
judge 41 'ruby:3.1' '' ruby
judge 45 'ruby:3.3' '' ruby rubygems
judge 42 '' '' ruby
judge 86 'redis:7' '' redis
judge 88 '' '' redis
judge 122 'mariadb:10.11' '' mariadb
judge 173 'mariadb:10.11' '' mariadb-server
judge 122 '' '' mariadb
judge none 'postgresql:15' '' postgresql
judge none 'postgresql:16' '' postgresql
judge none 'postgresql:16' '' postgresql-server
judge none '' '' postgresql
judge 114 'maven:3.8' '' maven
judge 117 '' '' maven
judge 68 'nodejs:18 ruby:3.3 php:8.2' '*' nodejs ruby php-cli

# --- the whole of RHEL 8 AppStream's streams ---
# Each artifact that the documents name is a package here, without dependencies, and every visible name is asked for.
modules=$data/modules/rhel8-appstream.modules.yaml.gz
# rhel8 'ENABLE…': the sets differ by the one package that they must
rhel8() {
	local word options=()
	for word in $1; do options+=("--enable=$word"); done
	printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\npackages: ["*"]\nmodules: {enable: [%s]}\n' \
		"$(printf '"%s",' "${@:-}" | sed 's/ /","/g; s/"",//')" >"$work/b.yaml"
	rm -rf "$work/root" "$work/b.lock"
	mkdir "$work/root"
	capture "$oracle" --cache "$work/dnf-cache" "${options[@]}" "$work/root" "$work/repos.d" platform:el8 8 x86_64 '*'
	if ((status == 2)); then
		skip "RHEL 8 with [$1]" "dnf is not installed"
		return
	fi
	sort <<<"$out" >"$work/dnf.txt"
	capture "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/cache"
	sed -n 's/^  - nevra: "\?\([^"]*\)"\?$/\1/p' "$work/b.lock" | sort >"$work/ours.txt"
	diff "$work/dnf.txt" "$work/ours.txt" | grep '^[<>]' >"$work/diff"
	# libmodulemd leaves out three documents of container-tools for a number that does not fit, so dnf takes the package's
	# newest build from an older document of that stream.
	if (($(wc -l <"$work/ours.txt") > 1000)) && [[ $(sed 's/-1.2.0-.*//' "$work/diff") == "< python-podman-api"$'\n'"> python-podman-api" ]]; then
		ok "RHEL 8's streams with [$1]: $(wc -l <"$work/ours.txt") packages, dnf's but for what its library cannot read"
	else
		not_ok "RHEL 8's streams with [$1]" "$(<"$work/diff")" "$err"
	fi
}

if [[ ! -e $modules ]]; then
	skip "RHEL 8's streams" "$modules is not here"
	finish
fi
gzip -dc "$modules" >"$work/modules.yaml"
{
	sed -nE 's/^ +- (.*-[0-9]+:.*\.(x86_64|noarch|i686))$/\1/p' "$work/modules.yaml" | sort -u
	echo "modules: $work/modules.yaml"
} | "$root/tests/cli/make_repo.py" "$work/rhel8"
printf '[rhel8]\nname=x\nbaseurl=file://%s\ngpgcheck=0\n' "$work/rhel8" | tee "$work/all.repo" >"$work/repos.d/all.repo"
rhel8 ''
rhel8 'postgresql:16 nodejs:20 perl:5.30'
finish
