# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The five yum repositories of the lab, split as in the field, of signed RPMs.
#
#     lab_repos    prints the folder: a repository in each of LAB_REPOSITORIES; keys/*.asc, the vendors' public keys;
#                  fingerprints.yaml, the key of each repository; traits.py says what else is in appstream; pgdg17's
#                  repomd.xml is signed; bad/unsigned and bad/unpinned, repositories of one
#                  package that must be refused, the latter signed by bad/unpinned.asc; newer, a repository of the next
#                  releases of some, signed as they are
#
# The private keys are thrown away when the packages are signed.

[[ -z ${LAB_RPMS_SOURCED:-} ]] || return 0
LAB_RPMS_SOURCED=1
# shellcheck source=tests/lab/image.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/image.sh"

LAB_REPOSITORIES=(baseos appstream pgdg17 pgdg-common pgdg-rhel8-extras)
declare -A LAB_VENDOR=([baseos]=os [appstream]=os [pgdg17]=pgdg [pgdg-common]=pgdg [pgdg-rhel8-extras]=pgdg)

lab_service_rpms() {
	local rootfs
	rootfs=$(lab_rootfs)
	cache_build service-rpms "$(lab_image_key)" rpms_build_services "$rootfs"
}

lab_repos_key() { cache_key "$LAB_DIR"/{rpms.sh,traits.py} "$(lab_image_key)"; }

lab_repos() {
	local base services
	base=$(lab_base_rpms)
	services=$(lab_service_rpms)
	cache_build repos "$(lab_repos_key)" repos_build "$base" "$services"
}

rpms_build_services() {
	local dir=$1 root=$2/root config
	need_commands rpmbuild python3 dpkg-deb
	config=$(debian_apt_config "$dir/apt" "$LAB_SUITE" "$root")
	APT_CONFIG=$config SOURCE_DATE_EPOCH=$LAB_SOURCE_DATE \
		python3 "$LAB_DIR/rpms.py" services --root "$root" --out "$dir"
	rm -rf "$dir/apt"
}

# --- repositories ------------------------------------------------------------------------------------------------

# Runs in a subshell of its own, as all builders of cache entries do.
repos_build() {
	local dir=$1 repository
	need_commands gpg gpgconf rpmsign createrepo_c modifyrepo_c rpmbuild rpm2archive
	repos_place "$@"
	SOURCE_DATE_EPOCH=$LAB_SOURCE_DATE "$LAB_DIR/traits.py" rpms --out "$dir/appstream/Packages/p" \
		"$dir"/appstream/Packages/p/python3.13-pip-wheel-*.rpm
	SOURCE_DATE_EPOCH=$LAB_SOURCE_DATE "$LAB_DIR/traits.py" newer --out "$dir/newer" "$dir"/pgdg-rhel8-extras/{etcd,haproxy}-[0-9]*.rpm \
		"$dir"/pgdg17/postgresql17-{server,contrib}-[0-9]*.rpm
	GNUPGHOME=$(mktemp -d /tmp/labkeys.XXXXXX) # short: the name of the agent's socket is limited
	export GNUPGHOME
	printf "trust-model always\n" >"$GNUPGHOME/gpg.conf"
	trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
	repos_sign "$dir"
	for repository in "${LAB_REPOSITORIES[@]}" newer bad/unsigned bad/unpinned; do repos_index "$dir/$repository"; done
	repos_traits "$dir"
}

# What is in the metadata beside packages; last, the signature over repomd.xml.
repos_traits() {
	local dir=$1 packages=$1/appstream/Packages extra=$1/.extra pip
	mkdir "$extra"
	pip=$(find "$packages/p" -name 'python3.13-pip-wheel-*' ! -name '*-0.*.rpm')
	"$LAB_DIR/traits.py" modules >"$extra/modules.yaml"
	"$LAB_DIR/traits.py" updateinfo "$pip" "$packages"/k/keepalived-*.rpm "$packages"/p/python3.13-3.*.rpm >"$extra/updateinfo.xml"
	modifyrepo_c --mdtype=modules "$extra/modules.yaml" "$dir/appstream/repodata" >/dev/null
	modifyrepo_c --mdtype=updateinfo "$extra/updateinfo.xml" "$dir/appstream/repodata" >/dev/null
	rm -r "$extra"
	gpg --batch --armor --local-user "=Lab pgdg <pgdg@lab.invalid>" --detach-sign "$dir/pgdg17/repodata/repomd.xml"
}

# repos_place DIR RPMS...: copies each package to its repository: by first letter where RHEL does so.
repos_place() {
	local dir=$1 rpms file repository target
	shift
	for rpms; do
		while IFS=$'\t' read -r file repository; do
			target=$dir/$repository
			[[ ${LAB_VENDOR[$repository]} != os ]] || target+=/Packages/$(printf '%.1s' "${file,,}")
			mkdir -p "$target"
			cp "$rpms/$file" "$target"
		done <"$rpms/packages.tsv"
	done
	mkdir -p "$dir/keys" "$dir/newer" "$dir"/bad/{unsigned,unpinned}
	cp "$dir"/pgdg-common/pgbouncer-*.rpm "$dir/bad/unsigned"
	cp "$dir"/pgdg-common/pgbouncer-*.rpm "$dir/bad/unpinned"
}

repos_sign() {
	local dir=$1 vendor fingerprint repository
	for vendor in os pgdg unpinned; do
		fingerprint=$(repos_make_key "$vendor")
		case $vendor in
		unpinned)
			gpg --batch --armor --export "$fingerprint" >"$dir/bad/unpinned.asc"
			rpms_sign "$fingerprint" "$dir/bad/unpinned"
			;;
		*)
			gpg --batch --armor --export "$fingerprint" >"$dir/keys/RPM-GPG-KEY-lab-$vendor.asc"
			[[ $vendor != pgdg ]] || rpms_sign "$fingerprint" "$dir/newer"
			for repository in "${LAB_REPOSITORIES[@]}"; do
				[[ ${LAB_VENDOR[$repository]} == "$vendor" ]] || continue
				rpms_sign "$fingerprint" "$dir/$repository"
				printf '%s: %s\n' "$repository" "$fingerprint" >>"$dir/fingerprints.yaml"
			done
			;;
		esac
	done
}

# repos_make_key NAME: makes a signing key and prints its fingerprint.
repos_make_key() {
	quietly gpg gpg --batch --passphrase '' --quick-generate-key "Lab $1 <$1@lab.invalid>" rsa3072 sign never
	gpg --batch --with-colons --list-keys "=Lab $1 <$1@lab.invalid>" | awk -F: '/^fpr/ && !seen { print $10; seen = 1 }'
}

# rpms_sign FINGERPRINT DIR: signs every RPM below DIR.
rpms_sign() {
	find "$2" -name '*.rpm' -print0 | sort -z |
		quietly rpmsign xargs -0 -n 25 -P "$(nproc)" rpmsign --addsign --define "__gpg $(command -v gpg)" \
			--define "_gpg_name $1" --define "_gpg_path $GNUPGHOME" --define '_gpg_digest_algo sha256'
}

repos_index() {
	find "$1" -name '*.rpm' -exec touch -d "@$LAB_SOURCE_DATE" {} +
	createrepo_c --quiet --no-database --general-compress-type=gz --checksum=sha256 \
		--revision="$LAB_SOURCE_DATE" --set-timestamp-to-revision "$1"
}
