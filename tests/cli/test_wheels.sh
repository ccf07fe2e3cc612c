#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Wheels from package indexes on loopback: honest ones in two forms, and what hostile ones offer.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

# The version of python3, unless its pip cannot report what it would install.
python=$(python3 -c 'import sys, pip
print("%d.%d" % sys.version_info[:2] if [int(n) for n in pip.__version__.split(".")[:2]] >= [23, 0] else "")')
if [[ -z $python ]]; then
	skip "wheels" "the pip of python3 is older than 23"
	finish
fi

# start NAME: an index; its process in $NAME and its address in $work/NAME.
declare -A servers
start() {
	"$root/tests/cli/simple_index.py" "$work/$1" &
	servers[$1]=$!
	for _ in {1..100}; do
		[[ -s $work/$1 ]] && return
		sleep 0.1
	done
	not_ok "the index starts"
	finish
}
stop() {
	kill "${servers[$1]}"
	wait "${servers[$1]}" 2>/dev/null || true
	unset "servers[$1]"
}
trap 'kill "${servers[@]}"; rm -rf "$work"' EXIT

# What this machine's configuration of pip says would answer too.
while read -r name; do unset "$name"; done < <(compgen -e PIP_)
mkdir "$work/tmp"
export PIP_CONFIG_FILE=/dev/null PIP_RETRIES=0 PIP_NO_CACHE_DIR=1 TMPDIR=$work/tmp
use() {
	PIP_INDEX_URL=http://127.0.0.1:$(<"$work/$1")/$2/simple
	export PIP_INDEX_URL
}

"$root/tests/cli/make_repo.py" "$work/repo" <<<'base-1-1.x86_64'
printf '[base]\nname=base\nbaseurl=file://%s/repo\n' "$work" >"$work/base.repo"
# definition GLIBC PYTHON REQUIREMENT…
definition() {
	local IFS=,
	printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64, glibc: "%s", python: "%s"}\nrepos: [base.repo]\n' "$1" "$2"
	shift 2
	printf 'packages: [base]\nwheels: {requirements: [%s]}\n' "$*"
}
# shellcheck disable=SC2317 # called through expect
resolve() { "$bundle" resolve -f "$work/b.yaml" -o "$work/$1.lock" --cache "$work/cache.$1"; }
# shellcheck disable=SC2317 # called through expect
fetch() { # LOCK: its wheels alone, the package is not there
	"$bundle" fetch --lock "$work/$1.lock" --cache "$work/$2"
}
# digests LOCK: what it says of each wheel, but for addresses
digests() { sed -n '/^wheels:/,$p' "$work/$1.lock" | sed -E 's/(url: )"?http[^,}"]*"?/\1-/g'; }

start one
definition 2.28 "$python" 'demo = 1.0' >"$work/b.yaml"
use one html
expect "what pip cannot read is the definition's fault" 3 "nvalid requirement" resolve invalid
definition 2.28 "$python" source fits >"$work/b.yaml"
use one html
expect "wheels resolve, and a source is built" 0 "building a wheel of source 1.0" resolve html
locked=$(<"$work/html.lock")
for text in 'name: leaf, version: "1.0"' "fits-1.0-cp${python/./}-cp${python/./}-manylinux_2_17_x86_64.whl" \
	'sdist: {url: "http' 'build: [{name: minibuild, version: "1.0"' '{name: minihelp, version: "1.0"'; do
	if [[ $locked == *"$text"* ]]; then ok "the lock has: $text"; else not_ok "the lock has: $text" "$locked"; fi
done
# offline LOCK CACHE: what the source saw of a network when it was built
# shellcheck disable=SC2317 # called through expect
offline() {
	local sha256
	sha256=$(sed -nE '/^wheels:/,$s/^.*file: source-[^,]*, sha256: "?([0-9a-f]{64}).*/\1/p' "$work/$1.lock")
	python3 -c "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('made.py').decode())" "$work/$2/sha256/${sha256:0:2}/${sha256:2}"
}
expect "what is in the source runs without a network" 0 "cut_off = True" offline html cache.html
if [[ $locked != *'build: '*'name: leaf'*'}]}}'* ]]; then ok "from its first line on"; else not_ok "from its first line on" "$locked"; fi
if [[ -z $(find "$work/tmp" -mindepth 1) ]]; then ok "pip leaves nothing behind"; else not_ok "pip leaves nothing behind" "$(ls -A "$work/tmp")"; fi
# shellcheck disable=SC2317 # called through expect
confined() { unshare --user --map-root-user bash -c 'echo 0 >/proc/sys/user/max_net_namespaces && "$@"' sh "$@"; }
if confined true 2>/dev/null; then
	expect "a host without network namespaces is said so" 0 "so what is in the sources is run with the host's network" \
		confined "$bundle" resolve -f "$work/b.yaml" -o "$work/seen.lock" --cache "$work/cache.seen"
	expect "and the source sees one" 0 "cut_off = False" offline seen cache.seen
else
	skip "a host without network namespaces is said so" "no user namespaces either"
fi
(
	umask 077
	mkdir -p "$work/elsewhere/home"
	cd "$work/elsewhere" || exit 1
	expect "again in another directory, home, time zone and umask" 0 "" env HOME="$work/elsewhere/home" TZ=Asia/Tokyo TMPDIR="$work/elsewhere" \
		"$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/elsewhere/cache"
	exit "$failures"
) || failures=$((failures + 1))
expect "gives the same lock" 0 "" cmp "$work/html.lock" "$work/again.lock"
use one json
expect "an index that answers in JSON" 0 "" resolve json
expect "gives the same digests" 0 "" diff <(digests html) <(digests json)

# The first index goes away; its lock is fetched from the second.
sed -i -e '/^rpms:/,/^wheels:/{/^wheels:/!d}' -e 's/^wheels:/rpms: []\n&/' "$work/html.lock"

# A download tool brings what urls lists; nothing else is needed to build the wheel again.
expect "urls lists what a wheel is built with" 0 "minihelp-1.0-py3-none-any.whl" "$bundle" urls --lock "$work/html.lock"
mkdir "$work/brought"
if (cd "$work/brought" && "$bundle" urls --lock "$work/html.lock" --format curl 2>/dev/null | curl -s --config - ) && (($(find "$work/brought" -type f | wc -l) == 5)); then
	ok "curl brings all of it"
else
	not_ok "curl brings all of it" "$(ls -A "$work/brought")"
fi
# shellcheck disable=SC2317 # called through expect
alone() { # CACHE DIR
	env PIP_INDEX_URL=http://127.0.0.1:1/simple "$bundle" fetch --lock "$work/html.lock" --cache "$work/$1" --offline --import "$2"
}
mv "$work/brought/minihelp-1.0-py3-none-any.whl" "$work"
expect "what a source is built with is missed by name" 4 "minihelp-1.0-py3-none-any.whl" alone cache.alone "$work/brought"
if [[ $err != *source-1.0* && $err != *minibuild* ]]; then ok "and nothing else is"; else not_ok "and nothing else is" "$err"; fi
mv "$work/minihelp-1.0-py3-none-any.whl" "$work/brought"
expect "a wheel is built from a directory, without an index" 0 "3 wheels" alone cache.alone "$work/brought"
expect "in the same way" 0 "cut_off = True" offline html cache.alone

start two
stop one
use two json
expect "the lock of one index is fetched from another" 0 "" fetch html cache.two
missing='' count=0
while read -r hex; do
	((++count))
	[[ -e $work/cache.two/sha256/${hex:0:2}/${hex:2} ]] || missing+=" $hex"
done < <(sed -nE '/^wheels:/,$s/^.* file: [^,]*,( url: [^,]*,)? sha256: "?([0-9a-f]{64}).*/\2/p' "$work/html.lock")
if ((count != 3)) || [[ -n $missing ]]; then not_ok "with every digest of the lock" "$count, missing:$missing"; else ok "with every digest of the lock"; fi
expect "and from the cache when there is no index" 0 "" env PIP_INDEX_URL=http://127.0.0.1:1/simple "$bundle" fetch --lock "$work/html.lock" --cache "$work/cache.two"
sed 's/sha256: \("\?\)[0-9a-f]\{8\}/sha256: \100000000/' "$work/html.lock" >"$work/wrong.lock"
expect "an index with other files than the lock's is refused" 5 "" fetch wrong cache.wrong

# What the target cannot load.
definition 2.17 "$python" native >"$work/b.yaml"
expect "a wheel for a newer glibc is refused by name" 4 "manylinux_2_28_x86_64.whl' needs glibc 2.28, and the target has 2.17" resolve native
definition 2.28 3.99 leaf >"$work/b.yaml"
expect "a Python that is not here is named" 6 "install python3.99 and its pip" resolve python
definition 2.28 "$python" leaf==9 >"$work/b.yaml"
expect "what the index does not have is told with the definition" 4 "b.yaml: wheels: " resolve none
expect "and with what pip says" 4 "No matching distribution found for leaf==9" resolve none

# Hostile ones.
definition 2.28 "$python" leaf==1.0 >"$work/b.yaml"
use two nodigest
expect "no digest" 5 "the index gives no SHA-256 for 'leaf' 1.0" resolve bad
use two md5
expect "a weak digest alone" 5 "SHA-256 for 'leaf' 1.0" resolve bad
use two wrong
expect "a wrong digest" 5 "DO NOT MATCH THE HASHES" resolve bad
use two yanked
expect "a yanked release" 5 "'leaf' 1.0 was yanked from the index" resolve bad
use two confused
expect "a page with another distribution's file" 4 "leaf==1.0" resolve bad
use two path
expect "a file name with a path in it" 5 "" resolve bad
use two text
expect "plain text instead of a page" 4 "" resolve bad
use two broken
expect "HTML that says it is JSON" 4 "" resolve bad
use two html
sha256=$(curl -s "$PIP_INDEX_URL/links/" | grep -o 'sha256=[0-9a-f]*' | cut -d= -f2)
sed -e '/^wheels:/q' "$work/html.lock" >"$work/links.lock"
echo "  - {name: links, version: \"1.0\", file: links-1.0-py3-none-any.whl, sha256: $sha256, sdist: {url: \"$PIP_INDEX_URL/x\", sha256: $sha256}}" \
	>>"$work/links.lock"
expect "a source with a link out of it" 5 "'links-1.0/passwd' is neither a file nor a directory" fetch links cache.links
definition 2.28 "$python" big >"$work/b.yaml"
expect "a file larger than the limit" 4 "" bash -c "ulimit -f 2048; exec '$bundle' resolve -f '$work/b.yaml' -o '$work/bad.lock' --cache '$work/cache.big'"
if [[ -e $work/bad.lock ]]; then not_ok "none of these wrote a lock"; else ok "none of these wrote a lock"; fi
finish
