#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Proves what the lab's repositories promise, with stock tools alone: dnf, rpm, rpmkeys, curl, and the packaged
# programs themselves.

# shellcheck source=tests/lab/serve.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/serve.sh"

REQUESTS=(etcd postgresql17-server postgresql17-contrib haproxy pgbouncer python3.13 python3.13-pip keepalived)
passed=0 failed=0

# check NAME COMMAND...: the command's messages are shown when it fails.
check() {
	local name=$1 messages
	shift
	if messages=$("$@" 2>&1); then
		printf 'ok      %s\n' "$name"
		passed=$((passed + 1))
	else
		printf 'FAILED  %s\n%s\n' "$name" "$messages"
		failed=$((failed + 1))
	fi
}

fails() { ! "$@"; }

get() { curl --silent --show-error --fail --noproxy '*' --output /dev/null "$@"; }

# --- signatures --------------------------------------------------------------------------------------------------

# only_key FILE DIRECTORY: every RPM below DIRECTORY has a good signature by this key. The database of keys holds
# no other one, and a package without a signature does not count as good.
only_key() {
	local keys=$work/keys.$RANDOM
	mkdir "$keys"
	rpmkeys --dbpath "$keys" --import "$1" &&
		find "$2" -name '*.rpm' -print0 |
		xargs -0 rpmkeys --dbpath "$keys" --define '_pkgverify_level signature' --checksig
}

# signer REPOSITORY: the key that fingerprints.yaml names is the one that stands in each package's signature.
signer() {
	local wanted found
	wanted=$(sed -n "s/^$1: .*\(.\{16\}\)\$/\L\1/p" "$repos/fingerprints.yaml")
	found=$(find "$repos/$1" -name '*.rpm' -print0 | xargs -0 rpm -qp --nosignature --qf '%{RSAHEADER:pgpsig}\n' |
		sed 's/.*Key ID //' | sort -u)
	[[ -n $wanted && $found == "$wanted" ]]
}

# --- dnf ---------------------------------------------------------------------------------------------------------

# Stock dnf, from nothing, over HTTPS, with the vendors' keys; scripts would need a running system.
dnf_lab() {
	dnf --noplugins --assumeyes --installroot="$work/root" --releasever=8 --forcearch=x86_64 \
		--setopt=module_platform_id=platform:el8 --setopt=reposdir="$run/repos" --setopt=cachedir="$work/dnf" \
		--setopt=varsdir=/nonexistent --setopt=best=True --setopt=install_weak_deps=False \
		--setopt=tsflags=noscripts,nodocs "$@"
}

dnf_install() { dnf_lab install "${REQUESTS[@]}"; }

# As on RHEL 8: the default stream provides a name that PGDG's package provides too, so dnf drops PGDG's.
dnf_hides() {
	local said
	! said=$(dnf_lab install postgresql17-server 2>&1) && echo "$said" && grep -q 'filtered out by modular filtering' <<<"$said"
}

dnf_disable() { dnf_lab module disable postgresql; }

# An advisory that the build now installed resolves; its repository has an older one as well.
dnf_advisory() {
	[[ $(dnf_lab list --showduplicates --available python3.13-pip-wheel | grep -c '^python3.13-pip-wheel') == 2 ]] &&
		dnf_lab updateinfo info --installed | grep CVE-2025-8869
}

metadata_signed() { # KEY REPOMD
	local home
	home=$(mktemp -d "$work/gpg.XXXXXX")
	gpg --batch --quiet --homedir "$home" --import "$1"
	gpg --batch --quiet --homedir "$home" --trust-model always --verify "$2.asc" "$2"
}

dnf_installed() { rpm --root "$work/root" -q "${REQUESTS[@]}"; }

# --- on the target image -------------------------------------------------------------------------------------------

# All that services need on top of the image, installed there by the image's rpm with scripts and signatures; then
# the programs run.
image_install() {
	# shellcheck disable=SC2016 # for the shell inside
	root_run "$image" --ro "$repos" --cd / bash -euc '
		repos=$1
		rpmkeys --import "$repos"/keys/*.asc
		packages=() names=()
		while IFS= read -r file; do
			name=$(rpm -qp --qf "%{name}" "$file")
			rpm --quiet -q "$name" || { packages+=("$file"); names+=("$name"); }
		done < <(find "$repos"/{baseos,appstream,pgdg17,pgdg-common,pgdg-rhel8-extras} -name "*.rpm" \
			! -name "*.module_el8*" ! -name "python3.13-pip-wheel-*-0.*")
		rpm --define "_pkgverify_level all" --install "${packages[@]}"
		rpm --verify "${names[@]}"
		getent passwd etcd postgres haproxy pgbouncer
		etcd --version; haproxy -v; pgbouncer --version; keepalived --version
		python3.13 -m venv /tmp/venv && /tmp/venv/bin/pip --version
		python3.13 -m pip --version
		cd /var/lib/pgsql
		runuser -u postgres -- /usr/pgsql-17/bin/initdb -D /var/lib/pgsql/17/data
		install -d -o postgres /run/postgresql
		runuser -u postgres -- /usr/pgsql-17/bin/pg_ctl -D /var/lib/pgsql/17/data -w -l /tmp/log start
		runuser -u postgres -- psql -c "CREATE EXTENSION pg_stat_statements" -c "SELECT version()"
		runuser -u postgres -- /usr/pgsql-17/bin/pg_ctl -D /var/lib/pgsql/17/data -w stop
	' bash "$repos"
}

need_root check
need_commands dnf rpm rpmkeys curl
work=$(mktemp -d)
run=$work/run
trap 'serve_stop "$run"; rm -rf "$work"' EXIT
repos=$(lab_repos)
image=$(lab_image)
serve_start "$run"

check "a package is fetched with the lab's CA" get --cacert "$run/repos/ca.crt" "$LAB_REPOS_URL/pub/x86_64/pgdg17/repodata/repomd.xml"
check "without that CA nothing is" fails get "$LAB_REPOS_URL/pub/x86_64/pgdg17/repodata/repomd.xml"
check "baseos wants a client certificate" fails get --cacert "$run/repos/ca.crt" \
	"$LAB_REPOS_URL/entitled/x86_64/baseos/repodata/repomd.xml"
check "baseos is served to its holder" get --cacert "$run/repos/ca.crt" --cert "$run/repos/client.crt" \
	--key "$run/repos/client.key" "$LAB_REPOS_URL/entitled/x86_64/baseos/repodata/repomd.xml"
for repository in "${LAB_REPOSITORIES[@]}"; do
	check "$repository is signed by its vendor" only_key \
		"$repos/keys/RPM-GPG-KEY-lab-${LAB_VENDOR[$repository]}.asc" "$repos/$repository"
	check "$repository carries the fingerprint that is pinned" signer "$repository"
done
check "the other vendor's key is no good" fails only_key "$repos/keys/RPM-GPG-KEY-lab-os.asc" "$repos/pgdg17"
check "an unsigned package is refused" fails only_key "$repos/keys/RPM-GPG-KEY-lab-pgdg.asc" "$repos/bad/unsigned"
check "a package of an unpinned key is refused" fails only_key "$repos/keys/RPM-GPG-KEY-lab-pgdg.asc" "$repos/bad/unpinned"
check "which its own key signed" only_key "$repos/bad/unpinned.asc" "$repos/bad/unpinned"
check "pgdg17's metadata is signed by its vendor" metadata_signed "$repos/keys/RPM-GPG-KEY-lab-pgdg.asc" \
	"$repos/pgdg17/repodata/repomd.xml"
check "by no other key" fails metadata_signed "$repos/keys/RPM-GPG-KEY-lab-os.asc" "$repos/pgdg17/repodata/repomd.xml"
check "the default stream hides PGDG's server from dnf" dnf_hides
check "dnf disables the stream" dnf_disable
check "dnf installs all services into an empty root" dnf_install
check "and they are there" dnf_installed
check "one of them resolves an advisory" dnf_advisory
check "they install on the image with scripts, and run" image_install

printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
((failed == 0))
