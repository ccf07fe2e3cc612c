#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks a bundle with stock tools alone: openssl for the signature, sha256sum for every member, dnf without a network for
# the repository. usage: stock.sh BUNDLE.tar CA.crt PACKAGE...
set -Eeuo pipefail

(($# >= 3)) || {
	echo "usage: ${0##*/} BUNDLE.tar CA.crt PACKAGE..." >&2
	exit 2
}
bundle=$(realpath "$1")
ca=$(realpath "$2")
shift 2
work=$(mktemp -d "${TMPDIR:-/tmp}/pgha-stock-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

check() { # NAME COMMAND…
	local name=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		tail -n 20 "$work/log" | sed 's/^/    /'
		failed=1
	fi
}

# shellcheck disable=SC2317 # called through check
refuses() { ! "$@"; }

# shellcheck disable=SC2317
verify() { openssl cms -verify -binary -inform DER -in "$1.p7s" -content "$1" -CAfile "$ca" -out /dev/null; }

cd "$work"
mkdir unpacked
tar -xf "$bundle" -C unpacked
cd unpacked
check 'openssl cms -verify accepts the index' verify index.yaml
cp index.yaml.p7s changed.p7s
sed 's/^sequence: \([0-9]*\)/sequence: 9\1/' index.yaml >changed
check 'openssl cms -verify refuses a changed index' refuses verify changed
rm changed changed.p7s

sed -nE 's/^  - \{path: "?([^,"]+)"?, size: [0-9]+, sha256: "?([0-9a-f]{64})"?.*/\2  \1/p' index.yaml >../sums
check 'the index names every file of the tarball' diff <(cut -c67- ../sums | LC_ALL=C sort) \
	<(find . -type f ! -name 'index.yaml*' -printf '%P\n' | LC_ALL=C sort)
check "sha256sum agrees for $(wc -l <../sums) members" sha256sum --quiet --strict -c ../sums

keys=$(for key in keys/*.asc; do printf 'file://%s ' "$PWD/$key"; done)
mkdir ../root ../log.d
# shellcheck disable=SC2317
dnf_alone() {
	unshare -n dnf -y --noplugins --installroot="$work/root" --setopt=reposdir=/nonexistent \
		--repofrompath="pgha,file://$PWD/repo" --releasever=8 --forcearch=x86_64 \
		--setopt=module_platform_id=platform:el8 --setopt=install_weak_deps=0 --setopt=tsflags=noscripts \
		--setopt=cachedir="$work/cache" --setopt=logdir="$work/log.d" --setopt=persistdir="$work/persist" \
		--setopt=pgha.gpgcheck=1 --setopt=pgha.gpgkey="$keys" --setopt=best=1 "$@"
}

# Every one that the repository has: PACKAGEs bring in all that is inside.
# shellcheck disable=SC2317
advisories() {
	local id ids listed
	ids=$(zcat repo/repodata/*updateinfo.xml.gz | grep -o '<id>[^<]*' | cut -c5-)
	listed=$(dnf_alone --quiet updateinfo list --all)
	echo "$listed"
	for id in $ids; do [[ $listed == *"$id "* ]] || return 1; done
	[[ -n $ids ]]
}
check "dnf without a network installs $* into an empty root" dnf_alone install "$@"
check 'and lists the advisories' advisories
exit $failed
