#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same repositories give the same lock, byte for byte: whatever is cached, whichever mirror answered, in each locale and time
# zone, and however many resolve at once. What changes in a repository changes the lines concerned, and no others.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

files=$work/files
state=$work/state
mkdir -p "$files/lists" "$state"
echo nobody >"$state/user"
echo nothing-secret >"$state/password"
unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY NO_PROXY TZ
"$root/tests/cli/repo_servers.py" "$files" "$state" &
server=$!
trap 'kill "$server"; wait "$server" 2>/dev/null; rm -rf "$work"' EXIT
for ((i = 0; i < 200; i++)); do
	[[ -e $state/ports ]] && break
	sleep 0.05
done
one='' two='' dead='' # replaced at once
# shellcheck disable=SC1091
. "$state/ports"

# repo NAME REVISION <TEXT (tests/cli/make_repo.py)
# Each revision with a time of its own: within one second a server says that nothing has changed.
repo() {
	"$root/tests/cli/make_repo.py" "$files/$1" "$2" gz
	touch -d "2025-01-01 00:00:0$2" "$files/$1/repodata/repomd.xml"
}
# mirrors SERVER…: in this order in the list and in the metalink
mirrors() {
	local server preference=100 sha256
	printf '%s/listed\n' "$@" >"$files/lists/mirrors"
	sha256=$(sha256sum "$files/linked/repodata/repomd.xml" | cut -d' ' -f1)
	{
		printf '<metalink xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">'
		printf '<verification><hash type="sha256">%s</hash></verification><resources>' "$sha256"
		for server; do
			printf '<url preference="%s">%s/linked/repodata/repomd.xml</url>' "$preference" "$server"
			preference=$((preference - 10))
		done
		printf '</resources></file></files></metalink>'
	} >"$files/lists/metalink"
}

# Names that every language sorts in its own way, and of which Turkish makes others in upper case.
cat >"$work/base.text" <<-TEXT
	top-1-1.x86_64 requires: I-lib, i-lib, lib-I, lib_i, lib.i, libI, libi, 0lib, Lib, LIB, lib+x, mid
	I-lib-1-1.x86_64
	i-lib-1-1.x86_64
	lib-I-1-1.x86_64
	lib_i-1-1.x86_64
	lib.i-1-1.x86_64
	libI-1-1.x86_64
	libi-1-1.x86_64
	0lib-1-1.x86_64
	Lib-1-1.x86_64
	LIB-1-1.x86_64
	lib+x-1-1.x86_64
	mid-1-1.x86_64 requires: under, side
	under-1-1.x86_64
	side-1-1.x86_64
TEXT
repo base 1 <"$work/base.text"
repo listed 1 <<-TEXT
	zeta-1-1.noarch requires: omega
	omega-1-1.noarch
TEXT
repo linked 1 <<-TEXT
	iota-2:1-1.x86_64
	unrelated-1-1.x86_64
TEXT
mirrors "$one" "$two"
{
	printf '[base]\nname=base\nbaseurl=%s/base %s/base\ngpgcheck=0\n' "$one" "$two"
	printf '[listed]\nname=listed\nmirrorlist=%s/lists/mirrors\ngpgcheck=0\n' "$one"
	printf '[linked]\nname=linked\nmetalink=%s/lists/metalink\ngpgcheck=0\n' "$one"
} >"$work/all.repo"
printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\npackages: [zeta, top, iota]\n' >"$work/b.yaml"

# resolve CACHE [OPTION…]: $work/again.lock, anew
# shellcheck disable=SC2317 # called through expect
resolve() {
	local cache=$1
	shift
	rm -f "$work/again.lock"
	"$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/$cache" "$@"
}
same() { # NAME CACHE [OPTION…]
	expect "$1" 0 "18 packages" resolve "${@:2}"
	expect "$1: the same bytes" 0 "" cmp "$work/first.lock" "$work/again.lock"
}
asked() { # NAME SERVER PATH: it was that server
	if grep -q "^$2 $3 200$" "$state/log"; then ok "$1"; else not_ok "$1" "$(<"$state/log")"; fi
}

# --- what is cached ---
expect "a lock to begin with" 0 "18 packages" resolve cache
mv "$work/again.lock" "$work/first.lock"
same "nothing is cached" cache.cold
same "all is cached" cache
rm -rf "$work/cache/sha256"
same "only what was made of the downloads is left" cache
rm -rf "$work/cache/derived"
same "only repomd.xml is left" cache
same "asked anew" cache --refresh
same "offline" cache --offline

# --- mirrors ---
mirrors "$two" "$one"
: >"$state/log"
same "the mirrors in another order" cache.order
asked "of the list, the other one has answered" two /listed/repodata/repomd.xml
asked "and of the metalink" two /linked/repodata/repomd.xml
same "the mirrors in another order, on a cache of the first" cache
mirrors "$dead" "$two"
same "a dead mirror before the one that lives" cache.dead
mirrors "$one" "$dead"
same "and behind it" cache.dead2
mirrors "$two"
same "one mirror alone" cache.alone
mirrors "$one" "$two"
for name in listed linked; do
	mv "$files/$name/repodata/primary.xml.gz" "$work/hidden"
	expect "no mirror has $name's packages" 4 "$name" resolve "cache.$name"
	mv "$work/hidden" "$files/$name/repodata/primary.xml.gz"
	same "they are back" "cache.$name"
done

# --- languages, time zones, and what else a process inherits ---
# Installed ones are nobody's promise; Turkish differs in more than the others.
language=tr_TR
mkdir "$work/locales"
if ! localedef -c -i "$language" -f UTF-8 "$work/locales/$language.UTF-8" 2>"$work/localedef.err"; then
	skip "in $language" "localedef: $(head -n 1 "$work/localedef.err")"
else
	export LOCPATH=$work/locales
	expect "$language is a language here" 0 "," env "LC_ALL=$language.UTF-8" locale decimal_point
	LC_ALL=$language.UTF-8 same "in $language" "cache.$language"
	LC_ALL=$language.UTF-8 same "in $language, all is cached" cache
	unset LOCPATH
fi
for zone in Pacific/Kiritimati America/St_Johns XYZ+23:59:59; do
	TZ=$zone same "in the time zone $zone" "cache.${zone//\//-}"
	TZ=$zone same "in the time zone $zone, all is cached" cache
done
mkdir "$work/home" "$work/elsewhere"
HOME=$work/home TMPDIR=$work/elsewhere same "with another home" cache.home
expect "from another directory" 0 "18 packages" env -C "$work" "$bundle" resolve -f b.yaml -o relative.lock --cache cache
expect "from another directory: the same bytes" 0 "" cmp "$work/first.lock" "$work/relative.lock"

# --- at once ---
# at_once NAME COUNT: COUNT processes on one empty cache
at_once() {
	local pids=() i bad=0
	rm -rf "$work/shared"
	for ((i = 0; i < $2; i++)); do
		"$bundle" resolve -f "$work/b.yaml" -o "$work/at-once.$i.lock" --cache "$work/shared" >"$work/at-once.$i.out" 2>&1 &
		pids+=($!)
	done
	for ((i = 0; i < $2; i++)); do
		wait "${pids[i]}" || bad=$?
		cmp -s "$work/first.lock" "$work/at-once.$i.lock" || bad=1
	done
	if ((bad)); then
		not_ok "$1" "$bad" "$(cat "$work"/at-once.*.out)"
	else
		ok "$1"
	fi
	rm -f "$work"/at-once.*
}
for round in 1 2 3; do at_once "six at once on an empty cache: the same bytes ($round)" 6; done
kept() { find "$work/shared/derived" -type f -printf '%f %i %T@\n' | sort; }
before=$(kept)
if [[ $before != *.* || $(cut -d' ' -f1 <<<"$before") != *.* ]]; then
	ok "nothing is left of what they wrote on the way"
else
	not_ok "nothing is left of what they wrote on the way" "$before"
fi
same "what they have left is whole" shared --offline
if [[ $(kept) == "$before" ]]; then ok "and is not made again"; else not_ok "and is not made again" "$before" "$(kept)"; fi

# --- what changes, and what does not ---
# changed NAME COUNT 'REGEX': diff shows COUNT lines on either side, all of them about that
changed() {
	diff "$work/first.lock" "$work/again.lock" | grep '^[<>]' >"$work/diff" || test $? = 1
	if [[ $(grep -c '^<' "$work/diff") == "$2" && $(grep -c '^>' "$work/diff") == "$2" ]] && ! grep -qvE "$3" "$work/diff"; then
		ok "$1"
	else
		not_ok "$1" "$(<"$work/diff")"
	fi
}
digest() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; } # of a package of make_repo.py
there=$'zeta-1-1.noarch requires: omega\nomega-1-1.noarch'
repo listed 2 <<<"$there"$'\nanother-1-1.noarch'
expect "another package, which nobody asks for" 0 "18 packages" resolve cache
changed "changes the line of its repository" 1 '^. +- \{id: listed,'
repo listed 3 <<<"$there"$'\nomega-10-1.noarch'
expect "a newer version" 0 "18 packages" resolve cache
old=$(digest "omega-1-1.noarch") new=$(digest "omega-10-1.noarch")
changed "changes what the lock tells of that package, and the line of its repository" 5 \
	"^. +(- \\{id: listed,|- nevra: omega-(1|10)-1\\.noarch|path: Packages/omega-(1|10)-1\\.noarch|size: 101[67]$|sha256: ($old|$new)$)"
repo listed 4 <<<"$there"
expect "the newer version is gone" 0 "18 packages" resolve cache
changed "only the line of the repository tells of it" 1 '^. +- \{id: listed,'
repo base 2 < <(sed 's/^mid-1-1.*/mid-2-1.x86_64 requires: under/' "$work/base.text")
repo listed 5 <<<"$there"
expect "a newer version that needs one package less" 0 "17 packages" resolve cache
diff "$work/first.lock" "$work/again.lock" | grep '^[<>]' >"$work/diff" || test $? = 1
expect "one entry goes" 0 "1" grep -c '^< .*nevra: side-1-1.x86_64' "$work/diff"
expect "and no line of another one moves" 1 "" grep -E 'lib|LIB|zeta|omega|iota|under-|top-' "$work/diff"
finish
