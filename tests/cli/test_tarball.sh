#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What pgha-bundle build writes, with real packages: the same on any build host, right for stock tools, whole or not there,
# in volumes, and as a delta.
# shellcheck disable=SC2317 # functions are called through expect
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild createrepo_c "python3 -m pip"; do
	# shellcheck disable=SC2086 # a program, or one with arguments
	$tool --version >/dev/null 2>&1 || { skip "what build writes" "$tool is not installed"; finish; }
done

umask 022
s=$work/s
if ! "$root/tests/cli/make_bundle.sh" "$s" 6 600 >"$work/scene.log" 2>&1; then
	not_ok "packages and definition are made" "$(<"$work/scene.log")"
	finish
fi
chmod 755 "$work"
export PIP_NO_INDEX=1 PIP_FIND_LINKS=$s/wheels
cd "$s" || exit 1
"$bundle" keys init --out keys >/dev/null 2>&1
# build OUT [OPTION…]; the cache is one
build() { "$bundle" build -f bundle.yaml --keys keys --passphrases passphrases --cache cache -o "$@"; }
# one FILE…: that there is exactly one, and prints it
one() {
	(($# == 1)) && [[ -e $1 ]] || echo "not one file: $*" >&2
	echo "$1"
}
index() { tar -xOf "$1" index.yaml; }
payload() { index "$1" | grep -E '^payload:'; }
repodata() { index "$1" | grep -F 'path: repo/repodata/'; }
# same NAME A B
same() { if [[ -n $2 && $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "$2" "$3"; fi; }
differ() { if [[ -n $2 && $2 != "$3" ]]; then ok "$1"; else not_ok "$1" "$2" "$3"; fi; }
# empty NAME DIR
empty() { if [[ -z $(ls -A "$2" 2>/dev/null) ]]; then ok "$1"; else not_ok "$1" "$(ls -lA "$2")"; fi; }

expect "a bundle is built" 0 "out/pgha-scene-1.tar" build out
first=$(one out/pgha-*.tar)
"$bundle" resolve -f bundle.yaml -o scene.lock --cache cache >/dev/null 2>&1

# --- stock tools -------------------------------------------------------------------------------------------------

mkdir unpacked
tar -xf "$first" -C unpacked
sums=$(index "$first" | sed -n 's/^  - {path: \([^,]*\), .*sha256: "\{0,1\}\([0-9a-f]*\).*/\2  \1/p')
if (cd unpacked && sha256sum --quiet --strict -c - <<<"$sums") && (($(wc -l <<<"$sums") > 20)); then
	ok "sha256sum agrees with the index for every member"
else
	not_ok "sha256sum agrees with the index for every member" "$sums"
fi
check_index() { openssl cms -verify -binary -inform DER -in unpacked/index.yaml.p7s -content "$1" -CAfile keys/ca.crt -out /dev/null; }
expect "openssl accepts the index" 0 "erification successful" check_index unpacked/index.yaml
sed 's/^sequence: 1$/sequence: 2/' unpacked/index.yaml >changed
expect "and refuses it when a byte changes" 4 "erification failure" check_index changed
expect "pip installs the wheels by their hashes, without an index" 0 "Successfully installed demo-1.0" env -u PIP_FIND_LINKS python3 -m pip install \
	--no-index --require-hashes --find-links unpacked/wheels --target "$work/site" -r unpacked/wheels/requirements.lock

dnf_alone() {
	dnf --config="$work/dnf.conf" --noplugins --installroot="$work/root" --releasever=8 --forcearch=x86_64 \
		--setopt=module_platform_id=platform:el8 --setopt=reposdir=/nonexistent --setopt=cachedir="$work/dnf" \
		--setopt=logdir="$work" --setopt=persistdir="$work/persist" --setopt=best=True \
		--repofrompath=pgha,"file://$s/unpacked/repo" --nogpgcheck --assumeyes --quiet "$@"
}
if ((EUID == 0)); then
	mkdir "$work/root"
	echo '[main]' >"$work/dnf.conf"
	expect "dnf installs the services' packages from repo/ into an empty root, a module's too" 0 "" dnf_alone install alpha beta gamma
	expect "they are there" 0 "gamma-1:2-1.noarch" dnf_alone repoquery --installed
	expect "dnf lists their advisories" 0 "SCENE-2026:1 Important/Sec. alpha-1:2-1.noarch" dnf_alone updateinfo list --installed
	if [[ $out == *SCENE-2026:3* && $out != *SCENE-2026:2* ]]; then ok "these and no others"; else not_ok "these and no others" "$out"; fi
	expect "with the vendor's own words" 0 "alpha does what it should & no more" dnf_alone updateinfo info --installed
	expect "the stream that was asked for is the default" 0 "gamma rolling [d]" dnf_alone module list
else
	skip "dnf installs from repo/" "needs root"
fi

# --- the same again ----------------------------------------------------------------------------------------------

# elsewhere DIR COMMAND…: another directory, time zone, locale, umask, cache and keys; as nobody where that can be
elsewhere() {
	local dir=$1 as=()
	shift
	mkdir -p "$dir"
	cp -R bundle.yaml topology.yaml .env passphrases services scene.repo installer scene.lock "$dir"
	if ((EUID == 0)); then
		chown -R 65534:65534 "$dir"
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	fi
	(
		cd "$dir" || exit 1
		umask 077
		export HOME=$dir TZ=Asia/Tokyo LC_ALL=C.UTF-8 LANG=tr_TR.UTF-8
		"${as[@]}" "$bundle" keys init --out keys >/dev/null 2>&1
		"${as[@]}" "$@"
	)
}
rebuild() { elsewhere "$1" "$bundle" build -f bundle.yaml --lock scene.lock --keys keys --passphrases passphrases --cache cache -o out; }
sleep 1 # another second, for times that should not matter
expect "another user builds it in another place" 0 "" rebuild "$work/other"
second=$(one "$work"/other/out/pgha-*.tar)
same "with the same payload" "$(payload "$first")" "$(payload "$second")"
same "and the same repodata" "$(repodata "$first")" "$(repodata "$second")"
same "the tarball can be read by everybody" "$(stat -c %a "$first") $(stat -c %a "$second")" "644 644"
python3 "$root/tests/unit/make_wheels.py" wheels demo==1.0:other
python3 "$root/tests/unit/make_wheels.py" wheels other==1.0
# As createrepo_c leaves it when a package of the same header, size and time is signed by another key.
for kept in cache/createrepo/*.rpm-*; do printf '%064d' 0 >"$kept"; done
same "createrepo_c has kept digests" "$(cat "$kept")" "$(printf '%064d' 0)"
expect "a wheel that changed" 0 "" build out.wheel
differ "changes the payload" "$(payload "$first")" "$(payload "$(one out.wheel/pgha-*.tar)")"
same "and no repodata, which believes no digest of another file" "$(repodata "$first")" \
	"$(repodata "$(one out.wheel/pgha-*.tar)")"
rm wheels/other-*
python3 "$root/tests/unit/make_wheels.py" wheels demo==1.0

mv repo/repodata repodata.old
createrepo_c --quiet repo
rm -rf "$work/other"
expect "a repository that went on since the lock was made" 0 "what repository 'scene' says of advisories and modules" rebuild "$work/other"
same "changes no payload" "$(payload "$first")" "$(payload "$(one "$work"/other/out/pgha-*.tar)")"
rm -rf repo/repodata
mv repodata.old repo/repodata

# --- nothing new ---------------------------------------------------------------------------------------------------

expect "a build in which nothing changed" 0 "nothing has changed since sequence 1" build out --lock scene.lock
same "gives the tarball that is there" "$out $(ls out)" "$first README
pgha-install
${first##*/}"
rm out/README
expect "it says so again" 0 "nothing has changed" build out --lock scene.lock
if [[ -s out/README ]]; then ok "and lays the README beside it again"; else not_ok "and lays the README beside it again"; fi
# another NAME OUT: a build writes a new tarball, and the next one none
another() {
	local before
	before=$(find "$2" -name '*.tar' | LC_ALL=C sort -V | tail -1)
	capture build "$2" --lock scene.lock
	if ((status == 0)) && [[ $err != *"nothing has changed"* && $out == *.tar && $out != "$before" ]]; then ok "$1: a new one"; else not_ok "$1: a new one" "$out" "$err"; fi
	expect "$1: and then none" 0 "nothing has changed" build "$2" --lock scene.lock
}
mkdir out.again
another "another place" out.again
again=$(one out.again/*.tar)
touch "$again"
another "a tarball that was touched" out.again
rm out.again/*.tar
another "one that is gone" out.again
sed -i 's/^BETA_PASSWORD=.*/&2/' .env
another "a password" out.again
sed -i 's/^BETA_PASSWORD=\(.*\)2/BETA_PASSWORD=\1/' .env
sed -i 's/^two=.*/&2/' passphrases
another "a passphrase" out.again
echo '# a comment' >>services/alpha/templates/main
another "a template" out.again
sed -i '$d' services/alpha/templates/main
echo 'another program' >>installer
another "the installer" out.again
rm -rf keys/nodes/one
another "a node's certificates" out.again
expect "--rebuild" 0 "out.again/pgha-scene-" build out.again --lock scene.lock --rebuild
if [[ $err != *"nothing has changed"* ]]; then ok "makes a new one all the same"; else not_ok "makes a new one all the same" "$err"; fi
if grep -rqE 'password of|horse' cache/derived; then not_ok "no secret stands in the cache"; else ok "no secret stands in the cache"; fi

# --- volumes -----------------------------------------------------------------------------------------------------

verify() { "$install" verify --ca keys/ca.crt "$@"; }
expect "three packages fit on a volume" 0 "" build volumes --lock scene.lock --volume-size 2000K
volumes=(volumes/pgha-*.tar)
same "there are three volumes" "${#volumes[@]} ${volumes[0]##*.1of}" "3 3.tar"
for volume in "${volumes[@]}"; do
	if (($(stat -c %s "$volume") <= 2000000)); then ok "${volume##*.1of} is small enough"; else not_ok "${volume##*/} is small enough" "$(stat -c %s "$volume")"; fi
	expect "${volume##*/} is checked alone" 0 "${volume##*/}: intact, volume" verify --bundle "$volume"
	expect "by stock tar too" 0 "index.yaml.p7s" tar -tf "$volume"
done
expect "all of them from their directory" 0 "members" verify --bundle volumes
same "the payload is the same" "$(payload "$first")" "$(payload "${volumes[1]}")"
expect "a volume of another bundle is named" 5 "is of another bundle than" verify --bundle "${volumes[0]}" --bundle "$first"
build volumes.again --lock scene.lock --volume-size 2000K >/dev/null 2>&1
expect "volumes of two builds are not mixed" 5 "bring the volumes of one build" verify --bundle "${volumes[0]}" --bundle volumes.again/pgha-*.2of3.tar
expect "the same volume twice" 2 "volume 2 is given twice" verify --bundle volumes --bundle "${volumes[1]}"
expect "two whole bundles" 2 "more than one bundle: '${first##*/}'" verify --bundle "$first" --bundle "$second"
expect "in any order" 0 "members" verify --bundle "${volumes[2]}" --bundle "${volumes[0]}" --bundle "${volumes[1]}"
# The contents tell which volume one is.
mkdir swapped damaged
cp "${volumes[0]}" "swapped/${volumes[1]##*/}"
cp "${volumes[1]}" "swapped/${volumes[0]##*/}"
cp "${volumes[2]}" swapped
expect "under each other's names" 0 "${volumes[1]##*/}: intact, volume 1 of 3" verify --bundle swapped
# damaged NAME TEXT COMMAND…: COMMAND spoils damaged/VOLUME, the second one, which is then refused by its name
damaged() {
	local name=$1 text=$2
	shift 2
	cp volumes/*.tar damaged
	"$@" "damaged/${volumes[1]##*/}"
	expect "$name is refused with the others" 5 "'${volumes[1]##*/}' is not an intact bundle: $text" verify --bundle damaged
	expect "$name is refused alone" 5 "'${volumes[1]##*/}' is not an intact bundle: $text" verify --bundle "damaged/${volumes[1]##*/}"
	one_line "in one line"
}
spoil() { printf X | dd of="$1" bs=1 seek=900000 conv=notrunc status=none; }
another_bundles() { tail -c +1025 "${volumes[2]}" >>"$1"; }
damaged "a volume that ends in a member" "it ends too early, at 'repo/Packages/" truncate -s 900000
damaged "a volume without its end mark" "it ends too early, at its end mark" truncate -s -512
damaged "a volume that ends in its index" "it ends too early, at 'index.yaml" truncate -s 1000
damaged "an empty volume" "it ends too early, at 'index.yaml'" truncate -s 0
damaged "a volume in which a byte changed" "the contents of 'repo/Packages/" spoil
damaged "a volume that goes on" "something follows its end mark" another_bundles
if ((EUID == 0)); then
	sed -n 's/^one=//p' passphrases >pass.one
	chmod 600 pass.one
	mkdir "$work/machine"
	machine() { "$install" --node one --root "$work/machine" --ca keys/ca.crt --passphrase-file pass.one "$@"; }
	expect "an installation needs all volumes" 5 "1 of the bundle's 3 volumes are missing: '${volumes[1]##*/}'; name the directories" \
		machine --bundle "${volumes[0]}" --bundle "${volumes[2]}"
	one_line "in one line"
	empty "and leaves nothing" "$work/machine/var/lib/pgha"
fi
expect "a size that is none" 2 "is no size of a volume" build none --volume-size 5GB
if grep -q 'in 3 volumes' volumes/README; then ok "the README tells of them"; else not_ok "the README tells of them" "$(<volumes/README)"; fi

# --- deltas ------------------------------------------------------------------------------------------------------

build base --lock scene.lock >/dev/null 2>&1
base=$(one base/pgha-*.tar)
expect "a delta of what did not change" 0 "-from-$(basename "${base##*-}" .tar).tar" build delta --lock scene.lock --delta-from "$base"
delta=$(one delta/pgha-*.tar)
same "has the same payload" "$(payload "$first")" "$(payload "$delta")"
same "and only the secrets" "$(tar -tf "$delta" | grep -vc '^index')" "4"
expect "alone it is checked as far as it goes" 0 "whose part was not looked at" verify --bundle "$delta"
expect "with its base, whole" 0 "which has the rest" verify --bundle "$delta" --base "$base"
expect "another bundle is no base" 5 "is not the base of" verify --bundle "$delta" --base "$second"
expect "nor one that is complete" 2 "name that one with --base" verify --bundle "$delta" --bundle "$base"
expect "a complete bundle has no base" 2 "is complete: leave --base out" verify --bundle "$first" --base "$base"
expect "of a base in volumes all are needed" 5 "name all of the base's volumes with --base" verify --bundle "$(
	build delta.volumes --lock scene.lock --delta-from volumes 2>/dev/null
)" --base "${volumes[0]}"
expect "from their directory it is whole" 0 "which has the rest" verify --bundle delta.volumes --base volumes
if ((EUID == 0)); then
	expect "a machine that lacks the base refuses it" 5 "is a delta on top of sequence $(basename "${base##*-}" .tar), which this machine does not have: name that bundle with --base" \
		machine --bundle "$delta"
	one_line "in one line"
	expect "and another bundle in the base's place" 5 "'${first##*/}' is not the base of '${delta##*/}'" machine --bundle "$delta" --base "$first"
	expect "and a base without all of its volumes" 5 "2 of the bundle's 3 volumes are missing" machine --bundle delta.volumes --base "${volumes[0]}"
	empty "and nothing is left" "$work/machine/var/lib/pgha"
fi
if grep -q "with --base FILE or --base DIR" delta/README; then ok "the README tells of the base"; else not_ok "the README tells of the base" "$(<delta/README)"; fi
expect "a delta's size is told beside the whole" 0 " KiB: sequence " build delta.told --lock scene.lock --delta-from "$base"
expect "nor is one of other keys" 5 "" build none --lock scene.lock --delta-from "$second"
expect "a base that is not there" 2 "No such file" build none --lock scene.lock --delta-from nothing.tar
if [[ -e none ]]; then empty "nothing is left of these" none; fi

# --- failures ----------------------------------------------------------------------------------------------------

chmod 000 services/alpha/templates/main
if ((EUID == 0)); then
	as_nobody() { elsewhere "$work/denied" "$bundle" build -f bundle.yaml --lock scene.lock --keys keys --passphrases passphrases --cache cache -o out; }
	expect "a template that cannot be read is named" 3 "services/alpha/templates/main': Permission denied" as_nobody
	one_line "in one line"
	empty "nothing is written" "$work/denied/out"
fi
chmod 644 services/alpha/templates/main

if ((EUID == 0)) && unshare --mount true 2>/dev/null; then
	# on_small KIB: builds into a file system of that size, and lists what is there afterwards
	on_small() {
		local status=0
		mkdir -p small
		mount -t tmpfs -o "size=${1}k" none small
		build small/out --lock scene.lock || status=$?
		find small -mindepth 2 >left
		umount small
		return "$status"
	}
	export -f on_small build
	export bundle
	for size in 3000 64 8; do
		expect "a disk of $size KiB is full" 6 "No space left" unshare --mount --propagation private bash -c "on_small $size"
		same "nothing is left there" "$(wc -l <left)" "0"
	done
else
	skip "a full disk" "needs root and mount namespaces"
fi

# stop SIGNAL: sends it when the archive is being written; its status is that of the build, 0 when it was too late
stop() {
	local pid tries status=0
	rm -rf stopped
	"$bundle" build -f bundle.yaml --lock scene.lock --keys keys --passphrases passphrases --cache cache -o stopped >stopped.out 2>stopped.err &
	pid=$!
	for ((tries = 0; tries < 4000; tries++)); do
		! compgen -G 'stopped/.pgha-build-*/0.tar' >/dev/null || break
		sleep 0.002
	done
	kill "-$1" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || status=$?
	return "$status"
}
"$root/tests/cli/make_bundle.sh" "$work/large" 4 20000 >"$work/scene.log" 2>&1
cd "$work/large" || exit 1
export PIP_FIND_LINKS=$PWD/wheels
"$bundle" keys init --out keys >/dev/null 2>&1
"$bundle" resolve -f bundle.yaml -o scene.lock --cache cache >/dev/null 2>&1
"$bundle" fetch --lock scene.lock --cache cache >/dev/null 2>&1
for signal in TERM KILL; do
	in_time=0
	for ((try = 0; try < 6 && in_time < 2; try++)); do
		status=0
		stop "$signal" || status=$?
		((status != 0)) || continue
		in_time=$((in_time + 1))
		[[ -z $(compgen -G 'stopped/pgha-*') ]] || not_ok "SIG$signal leaves no tarball" "$(ls -lA stopped)"
		if [[ $signal == TERM ]]; then
			((status == 7)) || not_ok "SIGTERM ends it with 7" "$status"
			grep -q 'interrupted by SIGTERM: run again to resume' stopped.err || not_ok "SIGTERM is told" "$(<stopped.err)"
			[[ -z $(ls -A stopped) ]] || not_ok "SIGTERM leaves nothing at all" "$(ls -lA stopped)"
		fi
	done
	if ((in_time > 0)); then ok "SIG$signal in the middle leaves no tarball, $in_time times"; else skip "SIG$signal in the middle" "the build was too fast"; fi
done
mkdir -p stopped
expect "the next build" 0 "stopped/pgha-scene-" build stopped --lock scene.lock
same "leaves only what it should" "$(find stopped -mindepth 1 -printf '%f\n' | sed 's/pgha-scene-.*/tarball/' | LC_ALL=C sort | paste -sd' ')" "README pgha-install tarball"
expect "and its tarball is right" 0 "intact" verify --bundle stopped
finish
