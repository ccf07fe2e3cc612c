#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What pgha-bundle believes of a repository's metadata, what it asks a server for, and what it keeps.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cache=$work/cache
oracle=$root/tests/cli/dnf_oracle.py
# repo NAME [REVISION [PACKING]] <TEXT: a repository at $work/NAME (tests/cli/make_repo.py)
repo() { "$root/tests/cli/make_repo.py" "$work/$1" "${@:2}"; }
# definition 'A, B' ['LINE OF YAML'…]
definition() {
	printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\npackages: [%s]\n' "$1" >"$work/b.yaml"
	shift
	(($# == 0)) || printf '%s\n' "$@" >>"$work/b.yaml"
}
# add_repo ID 'OPTION=VALUE'…
add_repo() {
	printf '[%s]\nname=%s\ngpgcheck=0\n' "$1" "$1" >>"$work/all.repo"
	printf '%s\n' "${@:2}" >>"$work/all.repo"
}
# only ID 'OPTION=VALUE'…: a .repo file with this one alone
only() { : >"$work/all.repo" && add_repo "$@"; }
# shellcheck disable=SC2317 # called through expect
resolve() { "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$cache" "$@"; }
# fresh: as if nothing had ever been resolved here
fresh() { rm -rf "$cache" "$work/b.lock"; }
# same NAME FILE: the lock is that file, byte for byte
same() { expect "$1" 0 "" cmp "$work/b.lock" "$2"; }

# --- a server that counts ---
log=$work/requests
: >"$log"
coproc server { exec "$root/tests/cli/repo_server.py" "$work" "$log"; }
server_pid=${server_PID:?}
# shellcheck disable=SC2317 # the trap calls it
stop_server() {
	kill "$server_pid"
	rm -rf "$work"
}
trap stop_server EXIT
read -r port <&"${server[0]}"
url=http://127.0.0.1:$port
# asked NAME 'STATUS PATH'…: what the server was asked for since the last time
asked() {
	local name=$1 got
	shift
	got=$(sort "$log")
	: >"$log"
	if [[ $got == "$(printf '%s\n' "$@" | sort)" ]]; then ok "$name"; else not_ok "$name" "$got"; fi
}

repo one 100 gz <<-END
	app-1-1.x86_64 requires: lib; files: /usr/bin/app
	lib-1-1.x86_64
END
only one "baseurl=$url/one"
definition app
expect "a repository on a server" 0 "2 packages" resolve
asked "its repomd.xml and primary are asked for, filelists are not" "200 /one/repodata/repomd.xml" "200 /one/repodata/primary.xml.gz"
cp "$work/b.lock" "$work/first.lock"
expect "again" 0 "unchanged" resolve
asked "only whether it changed" "304 /one/repodata/repomd.xml"
rm -rf "$cache/sha256"
expect "without the downloads" 0 "unchanged" resolve
asked "what was made of them does" "304 /one/repodata/repomd.xml"
expect "offline" 0 "unchanged" resolve --offline
asked "nothing at all"
echo metadata_expire=1h >>"$work/all.repo"
expect "metadata_expire is given" 0 "unchanged" resolve
asked "and counts from the last answer"
expect "--refresh" 0 "unchanged" resolve --refresh
asked "asks all the same" "304 /one/repodata/repomd.xml"
fresh
expect "offline and never asked" 4 "run once without --offline" resolve --offline
asked "is no request"
only one "baseurl=$url/gone $url/one"
expect "a server that has it not" 0 "2 packages" resolve
asked "is passed over" "404 /gone/repodata/repomd.xml" "200 /one/repodata/repomd.xml" "200 /one/repodata/primary.xml.gz"
only one "baseurl=$url/one"
add_repo two "baseurl=$url/gone" skip_if_unavailable=1
expect "a repository that may be skipped" 0 "repository 'two' is skipped" resolve
expect "is not in the lock" 1 "" grep -q 'id: two' "$work/b.lock"
: >"$log"
for packing in xz bz2; do
	fresh
	repo one 100 "$packing" <<-END
		app-1-1.x86_64 requires: lib; files: /usr/bin/app
		lib-1-1.x86_64
	END
	expect "metadata packed with $packing" 0 "2 packages" resolve
done

# --- what is kept is not believed blindly ---
fresh
repo two 7 <<-END
	other-1-1.x86_64
END
only one "baseurl=file://$work/one"
add_repo two "baseurl=file://$work/two"
definition 'app, other'
expect "two repositories" 0 "3 packages" resolve
cp "$work/b.lock" "$work/first.lock"
solved() { find "$cache/derived" -type f | sort; }
mapfile -t files < <(solved)
# The head, which is of one writing alone: magic, key, host, digest.
# shellcheck disable=SC2317 # called through expect
same_content() { cmp -i $((15 + 3 * 65)) "$1" "$2"; }
for file in "${files[@]}"; do
	cp "$file" "$work/good"
	printf '\377' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none
	expect "a flipped byte in what was made" 0 "unchanged" resolve
	expect "is mended" 0 "" same_content "$file" "$work/good"
	truncate -s -1 "$file"
	expect "a lost byte" 0 "unchanged" resolve
	expect "is mended, too" 0 "" same_content "$file" "$work/good"
done
cp "${files[0]}" "$work/a"
cp "${files[1]}" "${files[0]}"
cp "$work/a" "${files[1]}"
expect "two that have changed places" 0 "unchanged" resolve
chmod 0777 "$cache/derived"
expect "a directory that others can write" 0 "unchanged" resolve
chmod 0700 "$cache/derived"
rm "$work/b.lock"
expect "a lock from what is kept" 0 "3 packages" resolve
same "is the first one" "$work/first.lock"
rm "$work/b.lock"
expect "a lock from nothing" 0 "3 packages" "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/cache2"
same "is the first one, too" "$work/first.lock"
repo two 8 <<-END
	other-1-1.x86_64
	more-1-1.x86_64
END
expect "a repository has changed" 0 "" resolve
diff "$work/first.lock" "$work/b.lock" >"$work/diff"
if [[ $(grep -c '^>' "$work/diff") == 1 && $(<"$work/diff") == *"id: two"*"id: two"* ]]; then
	ok "only its own line changes"
else
	not_ok "only its own line changes" "$(<"$work/diff")"
fi

# --- another's metadata, and an older one ---
repo two 6 <<-END
	other-1-1.x86_64
END
expect "an older repomd.xml is refused" 5 "older than one that was seen before: this one is with revision 6, the one in the cache with revision 8" resolve
expect "and the way out is named" 5 "--accept-older two" resolve
rm -rf "$cache"
expect "the lock remembers, too" 5 "the one in the lock with revision 8" resolve
expect "--accept-older of another repository" 5 "older" resolve --accept-older one
expect "--accept-older" 0 "" resolve --accept-older one,two
expect "is remembered" 0 "unchanged" resolve
repo two 1767225600 <<-END
	other-1-1.x86_64
END
expect "revisions are often dates" 0 "" resolve
repo two 1735689600 <<-END
	other-1-1.x86_64
END
expect "which are told then" 5 "this one is of 2025-01-01T00:00:00Z, the one in the cache of 2026-01-01T00:00:00Z" resolve
repo two 1767225601 <<-END
	other-1-1.x86_64
END
cp "$work/one/repodata/primary.xml.bz2" "$work/two/repodata/primary.xml"
fresh
expect "another repository's primary under the right name is refused" 5 "primary.xml" resolve
expect "and not remembered" 1 "" find "$cache/repomd/" -type f
repo two 1767225602 <<-END
	other-1-1.x86_64
END
digest=$(printf '0%.0s' {1..64})
cat >"$work/metalink" <<-END
	<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml"><size>1</size>
	<verification><hash type="sha256">$digest</hash></verification>
	<resources><url protocol="http">$url/two/repodata/repomd.xml</url></resources></file></files></metalink>
END
fresh
only two "metalink=$url/metalink"
definition other
expect "a repomd.xml that the metalink does not name is refused" 5 "none of those that the metalink names" resolve
sed -i "s/$digest/$(sha256sum <"$work/two/repodata/repomd.xml" | cut -d' ' -f1)/; s,<size>1<,<size>$(stat -c %s "$work/two/repodata/repomd.xml")<," "$work/metalink"
expect "one that it names is taken" 0 "1 package " resolve
: >"$log"
expect "and kept" 0 "unchanged" resolve
asked "so that the metalink alone is asked for" "200 /metalink"

# --- signed ones ---
export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME"
gpg=(gpg --batch --quiet --no-auto-check-trustdb --no-tty --pinentry-mode loopback --passphrase '')
for name in vendor other; do
	"${gpg[@]}" --quick-gen-key "$name <$name@example.org>" rsa2048 sign never 2>"$work/gpg.log"
done
gpg --batch --quiet --no-auto-check-trustdb --armor --export >"$work/keys.asc"
fpr() { gpg --batch --quiet --no-auto-check-trustdb --with-colons --list-keys "$1@example.org" | awk -F: '$1 == "fpr" && !n++ { print $10 }'; }
sign() { # KEY [gpg options]
	rm -f "$work/two/repodata/repomd.xml.asc"
	"${gpg[@]}" --local-user "$1@example.org" "${@:2}" --armor --detach-sign "$work/two/repodata/repomd.xml" 2>"$work/gpg.log"
}
only two "baseurl=$url/two" repo_gpgcheck=1 "gpgkey=file://$work/keys.asc"
pin="trust: {two: [$(fpr vendor)]}"
fresh
definition other
expect "a signature needs a pin" 3 "repo_gpgcheck=1 and nothing is pinned for it: add 'two: [FINGERPRINT]'" resolve
definition other "$pin"
rm -f "$work/two/repodata/repomd.xml.asc"
expect "no signature" 4 "repomd.xml.asc" resolve
sign other
expect "a valid signature by a key that is not pinned" 5 "signed by key $(fpr other) (other <other@example.org>), which is not pinned" resolve
sign vendor --digest-algo SHA1
expect "a signature with SHA-1" 5 "SHA-1" resolve
sign vendor
cp "$work/two/repodata/repomd.xml" "$work/signed.xml"
echo "<!-- -->" >>"$work/two/repodata/repomd.xml"
expect "a signature over something else" 5 "not what key $(fpr vendor)" resolve
if [[ -e $work/b.lock ]]; then not_ok "none of these leaves a lock"; else ok "none of these leaves a lock"; fi
cp "$work/signed.xml" "$work/two/repodata/repomd.xml"
expect "the vendor's signature" 0 "1 package " resolve
: >"$log"
expect "again, unchanged" 0 "unchanged" resolve
asked "the kept signature serves with the kept file" "304 /two/repodata/repomd.xml" "200 /two/repodata/repomd.xml.asc"
expect "offline, too" 0 "unchanged" resolve --offline
definition other "trust: {two: [$(fpr other)]}"
expect "and is judged by the pins of today" 5 "which is not pinned" resolve --offline
definition other "$pin"
cp -r "$work/two" "$work/lagging"
echo "<!-- -->" >>"$work/lagging/repodata/repomd.xml"
fresh
only two "baseurl=$url/lagging $url/two" repo_gpgcheck=1 "gpgkey=file://$work/keys.asc"
expect "a mirror whose signature is of another day is passed over" 0 "1 package " resolve
"${gpg[@]}" --import <<<"$(sed 's/^:---/---/' "$GNUPGHOME/openpgp-revocs.d/$(fpr vendor).rev")" 2>"$work/gpg.log"
gpg --batch --quiet --no-auto-check-trustdb --armor --export >"$work/keys.asc"
expect "a revocation is seen at the next run" 5 "is revoked" resolve
gpgconf --kill all

# --- filelists, only where they decide ---
repo files 1 <<-END
	plain-1-1.x86_64 requires: /usr/bin/tool
	share-1-1.x86_64 requires: /usr/share/data/file
	nowhere-1-1.x86_64 requires: /usr/share/nowhere
	either-1-1.x86_64 requires: (/usr/share/data/file or absent)
	old-1-1.x86_64
	old-2-1.x86_64 requires: /usr/share/nowhere
	clash-1-1.x86_64 requires: owner
	tool-1-1.x86_64 files: /usr/bin/tool
	owner-1-1.x86_64 files: /usr/share/data/file, /usr/bin/owner
END
: >"$work/all.repo"
add_repo files "baseurl=$url/files"
# decide NAME COUNT(0: no solution) YES_OR_NO PACKAGE…: with filelists or without, and as dnf
decide() {
	local name=$1 count=$2 lists=$3
	shift 3
	definition "$(printf '%s, ' "$@" | sed 's/, $//')"
	fresh
	: >"$log"
	if ((count)); then
		expect "$name" 0 "$count packages" resolve
		sed -n 's/^  - nevra: "\?\([^"]*\)"\?$/\1/p' "$work/b.lock" | sort >"$work/ours.txt"
	else
		expect "$name" 4 "" resolve
		: >"$work/ours.txt"
	fi
	if grep -q filelists "$log"; then got=yes; else got=no; fi
	if [[ $got == "$lists" ]]; then ok "$name: filelists read: $lists"; else not_ok "$name: filelists read: $lists" "$got"; fi
	if ((count)); then
		expect "$name: the same again" 0 "unchanged" resolve
	fi
	rm -rf "$work/root" "$work/repos.d"
	mkdir -p "$work/root" "$work/repos.d"
	cp "$work/all.repo" "$work/repos.d/"
	capture "$oracle" "$work/root" "$work/repos.d" platform:el8 8 x86_64 "$@"
	if ((status == 2)); then
		skip "$name: the same as dnf" "dnf is not installed"
	elif ((status != (count ? 0 : 1))) || ! diff <(sort <<<"$out" | sed '/^$/d') "$work/ours.txt" >"$work/diff"; then
		not_ok "$name: the same as dnf" "$status" "$(<"$work/diff")" "$err"
	else
		ok "$name: the same as dnf"
	fi
}
decide "a path that primary has" 2 no plain
decide "a path that filelists have" 2 yes share
decide "a path that nobody has" 0 yes nowhere
decide "a path in a rich dependency" 2 yes either
decide "a newer version that cannot be installed, and the best is a must" 0 yes old
decide "packages that require no such path" 2 no clash
repo files 2 <<-END
	a-1-1.x86_64 conflicts: /usr/share/data/file
	b-1-1.x86_64 files: /usr/share/data/file
	c-1-1.x86_64
END
decide "a conflict with a path" 0 yes a b
decide "and without it" 2 yes a c
finish
