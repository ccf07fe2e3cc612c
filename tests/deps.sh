#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building and testing need, from the distribution's own packages: Debian 12 or 13 (apt), RHEL 8 or
# Rocky 8 (dnf). Does nothing, and needs no root, when everything is there.
set -Eeuo pipefail

apt_packages=(
	build-essential pkg-config
	libcurl4-openssl-dev libarchive-dev libssl-dev librpm-dev libsolv-dev libsolvext-dev libyaml-dev zlib1g-dev libexpat1-dev
	libcmocka-dev
	# what pgha-bundle runs, and the tests beside it
	createrepo-c rpm python3 python3-venv python3-pip openssl gnupg dnf dnf-plugins-core curl wget aria2
	xz-utils bzip2 zstd locales
	# make lint
	clang-format clang-tidy cppcheck shellcheck git
	# the lab
	mmdebstrap debian-archive-keyring systemd-container iproute2 procps util-linux ca-certificates curl python3-yaml
)

dnf_packages=(
	gcc make pkgconf-pkg-config
	libcurl-devel libarchive-devel openssl-devel rpm-devel libsolv-devel libyaml-devel zlib-devel expat-devel
	libcmocka-devel
	createrepo_c rpm-build rpm-sign python3.12 python3.12-pip openssl gnupg2
	xz bzip2 zstd glibc-locale-source
)

missing_apt() {
	local name state
	for name in "${apt_packages[@]}"; do
		state=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) || state=absent
		[[ $state == 'install ok installed' ]] || echo "$name"
	done
}

missing_dnf() {
	local name
	for name in "${dnf_packages[@]}"; do
		rpm -q --quiet --whatprovides "$name" || echo "$name"
	done
}

need_root() {
	((EUID == 0)) && return
	echo "make deps: these packages are missing, run 'make deps' as root: $*" >&2
	exit 6
}

if command -v apt-get >/dev/null; then
	mapfile -t missing < <(missing_apt)
	((${#missing[@]})) || exit 0
	need_root "${missing[@]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	apt-get install -q -y --no-install-recommends "${missing[@]}"
elif command -v dnf >/dev/null; then
	mapfile -t missing < <(missing_dnf)
	((${#missing[@]})) || exit 0
	need_root "${missing[@]}"
	# The -devel packages of libsolv, libyaml and cmocka are in CodeReady Builder (Rocky: PowerTools).
	dnf -y --enablerepo='*powertools*,codeready-builder-for-rhel-8-*-rpms' install "${missing[@]}"
else
	echo "make deps: neither apt-get nor dnf is here: install by hand ${apt_packages[*]}" >&2
	exit 6
fi
