#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What can go wrong in the middle of a build: a member that cannot be read, a disk that is full, a kill at any instant. No
# half-written tarball stands under the final name, one line says what it was, and the next build does its work and leaves no litter.
# shellcheck disable=SC2317 # functions are called through expect
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild createrepo_c "python3 -m pip"; do
	# shellcheck disable=SC2086 # a program, or one with arguments
	$tool --version >/dev/null 2>&1 || { skip "failures of a build" "$tool is not installed"; finish; }
done
umask 022
s=$work/s
if ! "$root/tests/cli/make_bundle.sh" "$s" 6 900 >"$work/scene.log" 2>&1; then
	not_ok "packages and definition are made" "$(<"$work/scene.log")"
	finish
fi
chmod 755 "$work"
mkdir "$work/tmp"
export PIP_NO_INDEX=1 PIP_FIND_LINKS=$s/wheels TMPDIR=$work/tmp bundle
cd "$s" || exit 1
"$bundle" keys init --out keys >/dev/null 2>&1
# build OUT [OPTION…]
build() { "$bundle" build -f bundle.yaml --lock scene.lock --keys keys --passphrases passphrases --cache cache -o "$@"; }
"$bundle" resolve -f bundle.yaml -o scene.lock --cache cache >/dev/null 2>&1
expect "a bundle is built" 0 "out/pgha-scene-1.tar" build out
mv cache full
# digest NAME: the SHA-256 that the lock has of a package or a wheel
digest() {
	python3 -c '
import sys, yaml
lock = yaml.safe_load(open("scene.lock"))
print(*[x["sha256"] for x in lock["rpms"] + lock["wheels"] if x.get("nevra", x.get("file")).startswith(sys.argv[1] + "-")])' "$1"
}
# unwritten NAME DIR: no tarball, whole or not, is in DIR, and nothing else of ours
unwritten() { if [[ -z $(ls -A "$2" 2>/dev/null) ]]; then ok "$1: nothing is written"; else not_ok "$1: nothing is written" "$(ls -lA "$2")"; fi; }
# told NAME: one line of the last command's messages says what was wrong; notices and progress are none
told() {
	if (($(grep -c '^pgha-bundle: ' "$work/.err") == 1)); then ok "$1: in one line"; else not_ok "$1: in one line" "$err"; fi
}
# refused NAME STATUS TEXT COMMAND…
refused() {
	rm -rf out
	expect "$@"
	told "$1"
	unwritten "$1" out
}
# intact NAME OUT: exactly one tarball and what lies beside it, all right; nothing of a build that ended early anywhere
intact() {
	expect "$1: the tarball is right" 0 "intact" "$install" verify --ca keys/ca.crt --bundle "$2"
	local litter
	litter=$(
		find "$2" -mindepth 1 | grep -vE '/(README|pgha-install|pgha-scene-[0-9]+\.tar)$'
		find cache keys "$work/tmp" -mindepth 1 ! -name .gitignore \( -name '.*' -o -name '*.tmp-*' -o -name '*.part' -o -path "$work/tmp/*" \)
		find cache/incoming -mindepth 1
	) || true
	if [[ -z $litter ]]; then ok "$1: nothing else is left"; else not_ok "$1: nothing else is left" "$litter"; fi
}

# --- members of the cache that cannot be read --------------------------------------------------------------------

as=()
if ((EUID == 0)); then
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi
# as_nobody DIR: builds there as somebody to whom modes apply
as_nobody() { (cd "$1" && HOME=$1 "${as[@]}" "$bundle" build -f bundle.yaml --lock scene.lock --keys keys --passphrases passphrases --cache cache -o out); }
# other_home DIR: all that a build needs, nobody's
other_home() {
	rm -rf "$1"
	cp -a "$s" "$1"
	rm -rf "$1"/{out,full,cache}
	cp -a full "$1/cache"
	sed -i "s|$s|$1|" "$1/scene.repo"
	((EUID != 0)) || chown -R 65534:65534 "$1"
}

for what in alpha demo; do
	sha256=$(digest "$what")
	member=cache/sha256/${sha256:0:2}/${sha256:2}
	case $what in alpha) kind=package ;; *) kind=wheel ;; esac
	for how in missing corrupt truncated empty; do
		[[ $what:$how != demo:[te]* ]] || continue # pip takes its time
		rm -rf cache
		cp -a full cache
		case $how in
		missing) rm "$member" ;;
		truncated) truncate -s -1 "$member" ;;
		empty) : >"$member" ;;
		corrupt) printf X | dd of="$member" bs=1 seek=99 conv=notrunc status=none ;;
		esac
		mv repo repo.away
		mv wheels wheels.away
		refused "a $kind that is $how in the cache, and cannot be had" 4 "$what" build out
		mv repo.away repo
		mv wheels.away wheels
		expect "a $kind that is $how in the cache" 0 "out/pgha-scene-" build out
		intact "a $kind that is $how in the cache" out
	done
	rm -rf cache
	cp -a full cache
	rm "$member"
	mkdir "$member"
	refused "a $kind that is a directory in the cache" 1 "$member' is no plain file" build out
	other_home "$work/other"
	chmod 000 "$work/other/$member"
	expect "a $kind that may not be read" 1 "$member': Permission denied" as_nobody "$work/other"
	told "a $kind that may not be read"
	unwritten "a $kind that may not be read" "$work/other/out"
done
rm -rf cache
cp -a full cache

# --- manifests that cannot be read ---------------------------------------------------------------------------------

template=services/alpha/templates/main
mv "$template" away
refused "a template that is gone" 3 "there is no template 'main'" build out
mkdir "$template"
refused "a template that is a directory" 3 "$template" build out
rmdir "$template"
ln -s nowhere "$template"
refused "a template that is a link to nowhere" 3 "$template" build out
rm "$template"
mkfifo "$template"
refused "a template that is a pipe" 3 "$template" build out
rm "$template"
mv away "$template"
for file in "$template" installer .env topology.yaml passphrases keys/signer.key; do
	other_home "$work/other"
	chmod 000 "$work/other/$file"
	case $file in passphrases) code=2 ;; *) code=3 ;; esac
	expect "$file that may not be read" $code "$(basename "$file")': Permission denied" as_nobody "$work/other"
	told "$file that may not be read"
	unwritten "$file that may not be read" "$work/other/out"
done

# --- a full disk ---------------------------------------------------------------------------------------------------

# on_disk TYPE MIB COMMAND…: with a file system of that size at small/, in a loop-mounted file; lists what is on it afterwards
on_disk() {
	local type=$1 status=0
	rm -f "$work/disk"
	truncate -s "${2}M" "$work/disk"
	"mkfs.$type" -q "$work/disk" 2>/dev/null || return 99
	shift 2
	mkdir -p small
	mount -t "$type" -o loop "$work/disk" small || return 99
	rm -rf small/lost+found
	"$@" || status=$?
	find small -mindepth 1 -type f >left
	umount small
	return "$status"
}
loop() { unshare --mount --propagation private bash -c 'on_disk "$@"' sh "$@"; }
in_cache() { "$bundle" build -f bundle.yaml --lock scene.lock --keys keys --passphrases passphrases --cache small/cache -o out; }
export -f on_disk build in_cache
export work
if ((EUID == 0)) && loop ext4 4 true 2>/dev/null; then
	# ext4 is asked for room beforehand; ext2 cannot give it and is full in the middle.
	for type in ext4 ext2; do
		for mib in 4 1; do
			expect "a disk of $mib MiB with $type is full" 6 "No space left" loop "$type" "$mib" build small/out
			told "a disk of $mib MiB with $type is full"
			if [[ -s left ]]; then not_ok "a disk of $mib MiB with $type is full: nothing is left" "$(<left)"; else ok "a disk of $mib MiB with $type is full: nothing is left"; fi
		done
	done
	expect "a disk with room is none" 0 "small/out/pgha-scene-" loop ext2 16 build small/out
	for mib in 4 1; do
		refused "a disk of $mib MiB is too small for the cache" 6 "small/cache" loop ext4 "$mib" in_cache
	done
else
	skip "a full disk" "needs root and loop devices"
fi

# --- a kill at any instant -----------------------------------------------------------------------------------------

# killed SIGNAL PERCENT: sends it to a build from an empty cache after that part of the time that a whole one took
killed() {
	local pid status=0
	rm -rf cache stopped
	env --default-signal=INT "$bundle" build -f bundle.yaml --lock scene.lock --keys keys --passphrases passphrases --cache cache -o stopped \
		>stopped.out 2>stopped.err </dev/null &
	pid=$!
	sleep "$(awk -v us="$whole_us" -v percent="$2" 'BEGIN { printf "%.3f", us * percent / 1e8 }')"
	kill "-$1" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || status=$?
	return "$status"
}
rm -rf cache out
from=${EPOCHREALTIME/[.,]/}
build out >/dev/null 2>&1
whole_us=$((${EPOCHREALTIME/[.,]/} - from))
early=0
for signal in KILL TERM INT; do
	for percent in 15 40 65 90; do
		[[ $signal == KILL || $signal:$percent == TERM:65 || $signal:$percent == INT:90 ]] || continue
		name="SIG$signal at $percent %"
		status=0
		killed "$signal" "$percent" || status=$?
		((status == 0)) || early=$((early + 1))
		case $signal:$status in
		*:0 | KILL:137 | TERM:7 | INT:7) ok "$name: the exit status says it" ;;
		*) not_ok "$name: the exit status says it" "$status" "$(<stopped.err)" ;;
		esac
		if ((status == 7)); then
			if grep -q "interrupted by SIG$signal: run again to resume" stopped.err; then ok "$name: it is told"; else not_ok "$name: it is told" "$(<stopped.err)"; fi
			unwritten "$name" stopped
		elif ((status != 0)) && compgen -G 'stopped/pgha-*.tar' >/dev/null; then
			# It was killed after the tarball: that one is whole.
			expect "$name: what has the final name is whole" 0 "intact" "$install" verify --ca keys/ca.crt --bundle stopped/pgha-*.tar
		fi
		expect "$name: the next build" 0 "stopped/pgha-scene-" build stopped
		intact "$name" stopped
	done
done
if ((early > 0)); then ok "$early builds ended early"; else skip "a kill in the middle" "each build was too fast"; fi
finish
