# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A repository of 1,000 small signed packages, for what costs so much a file. Kept in the lab's cache.
#
#     many_repo     prints its folder: repo/, key.asc, fingerprint

# shellcheck source=tests/lab/rpms.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lab/rpms.sh"

MANY_COUNT=1000

many_repo() { cache_build many-rpms "$(cache_key "$LAB_TOP/tests/bench/many.sh" "$LAB_DIR/rpms.sh")" many_build; }

# Runs in a subshell of its own, as all builders of cache entries do.
many_build() {
	local dir=$1 fingerprint
	need_commands gpg gpgconf rpmsign createrepo_c rpmbuild
	mkdir -p "$dir/repo" "$dir/.build"
	many_spec >"$dir/.build/many.spec"
	quietly rpmbuild rpmbuild -bb --quiet --target noarch --define "_topdir $dir/.build" --define "_rpmdir $dir/repo" \
		--define "_build_name_fmt %%{NAME}.rpm" "$dir/.build/many.spec"
	GNUPGHOME=$(mktemp -d /tmp/labkeys.XXXXXX)
	export GNUPGHOME
	printf "trust-model always\n" >"$GNUPGHOME/gpg.conf"
	trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
	fingerprint=$(repos_make_key many)
	gpg --batch --armor --export "$fingerprint" >"$dir/key.asc"
	printf '%s\n' "$fingerprint" >"$dir/fingerprint"
	rpms_sign "$fingerprint" "$dir/repo"
	repos_index "$dir/repo"
	rm -rf "$dir/.build"
}

# One that needs all the others.
many_spec() {
	local i
	printf 'Name: many\nVersion: 1\nRelease: 1\nSummary: A package of many\nLicense: MIT\nBuildArch: noarch\n'
	for ((i = 1; i < MANY_COUNT; i++)); do printf 'Requires: many-%d\n' "$i"; done
	printf '%%description\nNothing.\n%%files\n'
	for ((i = 1; i < MANY_COUNT; i++)); do
		printf '%%package -n many-%d\nSummary: A package of many\n%%description -n many-%d\nNothing.\n%%files -n many-%d\n' "$i" "$i" "$i"
	done
}
