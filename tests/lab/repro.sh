#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One lock and one set of manifests, built on this machine and in a Debian 13 root (and in the Debian 11 root of el8.sh) by
# pgha of that root's own compilers and libraries, as another user, in another directory, time zone, locale and umask, without a
# network: the payload must be the same, byte for byte, and so must the repodata. Changing one wheel must change it.
# Needs root. usage: repro.sh [B]    B: the build of this machine (build)
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/connected.sh
. "$here/connected.sh"
# shellcheck source=tests/lab/el8.sh
. "$here/el8.sh"
need_root check-repro
need_commands rpmbuild rpmsign createrepo_c

build=$(cd "${1:-$LAB_TOP/build}" && pwd)
work=$LAB_TOP/build/repro
log=$work/log
passed=0 failed=0

# verdict NAME STATUS [DETAIL...]
verdict() {
	local name=$1 status=$2
	shift 2
	if ((status == 0)); then
		((++passed))
		printf 'ok %s\n' "$name"
	else
		((++failed))
		printf 'not ok %s\n' "$name"
		printf '%s\n' "$@" | tail -n 40 | sed 's/^/    /'
	fi
}

# same NAME A B, differ NAME A B: neither may be empty.
same() { if [[ -n $2 && $2 == "$3" ]]; then verdict "$1" 0; else verdict "$1" 1 "$2" "$3"; fi; }
differ() { if [[ -n $2 && -n $3 && $2 != "$3" ]]; then verdict "$1" 0; else verdict "$1" 1 "$2" "$3"; fi; }

# works NAME COMMAND...: not for what relies on errexit.
works() {
	local name=$1 status=0
	shift
	"$@" >"$log" 2>&1 || status=$?
	verdict "$name" "$status" "$(<"$log")"
}

# in_root SUITE COMMAND...: in the root of SUITE, see connected_run.
in_root() {
	local suite=$1
	shift
	case $suite in
	trixie) connected_run "$@" ;;
	bullseye) el8_run "$@" ;;
	esac
}
build_of() { case $1 in trixie) echo build/lab ;; bullseye) echo build/el8 ;; esac }

# --- this machine -------------------------------------------------------------------------------------------

here_make() {
	rm -rf "$work"
	mkdir -p "$work"
	"$LAB_TOP/tests/cli/make_bundle.sh" "$work/here" 5 40 >"$work/scene.log" 2>&1
	cd "$work/here"
	PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/wheels
	export PIP_NO_INDEX PIP_FIND_LINKS
	"$build/pgha-bundle" keys init --out keys >"$log" 2>&1
}

# here_lock NAME: what resolves now, and everything that it names in the cache.
here_lock() {
	"$build/pgha-bundle" resolve -f bundle.yaml -o "$1.lock" --cache cache
	"$build/pgha-bundle" build -f bundle.yaml --lock "$1.lock" --keys keys --passphrases passphrases --cache cache -o "$1"
}

# --- in a root ------------------------------------------------------------------------------------------------

# A locale in which `I` is no capital of `i`, where this machine can make it.
LOCALE=C.UTF-8
make_locale() {
	mkdir -p "$work/locale"
	if localedef -i tr_TR -f UTF-8 "$work/locale/tr_TR.UTF-8" >"$log" 2>&1; then LOCALE=tr_TR.UTF-8; fi
}

# there_build SUITE LOCK...: with keys and a cache of its own, which is a copy with other times.
there_build() {
	local suite=$1 dir=$work/$1/another/place lock
	shift
	mkdir -p "$dir"
	cp -R bundle.yaml topology.yaml .env passphrases services scene.repo installer key.asc cache "${@/%/.lock}" "$dir"
	find "$dir" -exec touch -d 2001-02-03T04:05:06 {} +
	chown -R 65534:65534 "$dir"
	for lock; do
		# shellcheck disable=SC2016 # the inner shell expands it
		in_root "$suite" --cd "$dir" unshare --net setpriv --reuid 65534 --regid 65534 --clear-groups \
			env HOME="$dir" TZ=Asia/Kathmandu LOCPATH="$work/locale" LC_ALL="$LOCALE" LANG="$LOCALE" \
			bash -c 'umask 077
				[[ -d keys ]] || "$1" keys init --out keys
				exec "$1" build -f bundle.yaml --lock "$2.lock" --keys keys --passphrases passphrases --cache cache -o "$2"' \
			sh "$LAB_TOP/$(build_of "$suite")/pgha-bundle" "$lock"
	done
}

# unpack OUT: prints the folder.
unpack() {
	local tar=("$1"/pgha-*.tar)
	rm -rf "$1/unpacked"
	mkdir "$1/unpacked"
	tar -xf "${tar[0]}" -C "$1/unpacked"
	printf '%s\n' "$1/unpacked"
}
payload() { sed -n 's/^payload: //p' "$1/index.yaml"; }

# compare SUITE LOCK: what is the same on any build host, member by member.
compare() {
	local a b part
	a=$(unpack "$work/here/$2")
	b=$(unpack "$work/$1/another/place/$2")
	same "$1, lock $2: the payload digest is the same" "$(payload "$a")" "$(payload "$b")"
	for part in repo wheels manifests keys; do
		works "$1, lock $2: $part/ is the same, byte for byte" diff -r "$a/$part" "$b/$part"
	done
	works "$1, lock $2: this machine's pgha-install accepts it" "$build/pgha-install" verify \
		--bundle "$work/$1/another/place/$2"/pgha-*.tar --ca "$work/$1/another/place/keys/ca.crt"
}

main() {
	local suite
	[[ -x $build/pgha-bundle && -x $build/pgha-install ]] || die "$build has no programs: make all"
	make_locale
	step 'a bundle of this machine' here_lock first >"$log"
	python3 "$LAB_TOP/tests/unit/make_wheels.py" wheels other==1.0 demo==1.0:other
	step 'one with another wheel' here_lock second >"$log"
	mv repo repo.away # all comes from the cache
	for suite in trixie bullseye; do
		step "pgha for $suite" in_root "$suite" --env CI make --no-print-directory -j2 B="$(build_of "$suite")" all >"$log"
		step "the bundles in $suite" there_build "$suite" first second >"$log"
		compare "$suite" first
		compare "$suite" second
	done
	differ 'another wheel changes the payload digest' "$(payload first/unpacked)" "$(payload second/unpacked)"
	works 'and not the repodata' diff -r first/unpacked/repo second/unpacked/repo
	((passed == 6 * 4 + 2 || failed > 0)) || die "$passed checks instead of 26"
	printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
	((failed == 0)) || exit 1
	rm -rf "$work"
}

step 'packages and definition' here_make
main
