#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Metadata, locks, caches and directories by somebody who means harm: what resolve, fetch, urls and outdated make of them.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

umask 022
repo=$work/r
printf '[r]\nname=r\nbaseurl=file://%s\nmetadata_expire=0\n' "$repo" >"$work/r.repo"
printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [r.repo]\npackages: [a]\n' >"$work/b.yaml"

# Of the package that is made: as XML has them.
declare -A is
# package NAME=VALUE…: one package's XML; names: ver, size, license, href, base, type, more, checksum
package() {
	local one
	is=([ver]=1 [size]=5 [license]=MIT [href]=a.rpm [base]='' [type]=sha256 [more]='' [checksum]=$(printf '%064d' 7))
	for one; do is[${one%%=*}]=${one#*=}; done
	printf '%s' '<package type="rpm"><name>a</name><arch>noarch</arch><version epoch="0" ver="'"${is[ver]}"'" rel="1"/>' \
		'<checksum type="'"${is[type]}"'" pkgid="YES">'"${is[checksum]}"'</checksum><summary>s</summary>' \
		'<size package="'"${is[size]}"'" installed="5" archive="5"/><location '"${is[base]}"' href="'"${is[href]}"'"/>' \
		'<format><rpm:license>'"${is[license]}"'</rpm:license><rpm:provides><rpm:entry name="a" flags="EQ" epoch="0" ' \
		'ver="'"${is[ver]}"'" rel="1"/></rpm:provides>'"${is[more]}"'</format></package>'
}
# primary XML [DOCTYPE]: the repository has this alone
primary() {
	rm -rf "$repo"
	mkdir -p "$repo/repodata"
	printf '%s' '<?xml version="1.0" encoding="UTF-8"?>' "${2:-}" '<metadata xmlns="http://linux.duke.edu/metadata/common" ' \
		'xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">' "$1" '</metadata>' >"$repo/repodata/primary.xml"
	repomd primary=primary.xml
}
# repomd TYPE=FILE…
repomd() {
	local one file
	{
		echo '<?xml version="1.0"?>'"${doctype:-}"'<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>17</revision>'
		for one; do
			file=$repo/repodata/${one#*=}
			printf '<data type="%s"><checksum type="sha256">%s</checksum><location href="repodata/%s"/><size>%d</size></data>\n' \
				"${one%%=*}" "$(sha256sum <"$file" | cut -d' ' -f1)" "${one#*=}" "$(stat -c %s "$file")"
		done
		echo '</repomd>'
	} >"$repo/repodata/repomd.xml"
}
# shellcheck disable=SC2317 # called through expect
resolve_in() { rm -f "$work/b.lock" && "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$1"; }
# shellcheck disable=SC2317
resolve() { resolve_in "$work/cache"; }
# plain NAME: the last command wrote nothing that moves a cursor or turns the direction, and one line beside progress and details
plain() {
	if LC_ALL=C.UTF-8 grep -qP '[^\PC\n]|\xc2[\x80-\x9f]|[\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]' "$work/.out" "$work/.err"; then
		not_ok "$1: nothing moves the cursor" "$(cat -v "$work/.err")"
	elif (($(grep -cvE '^(  |metadata: |packages: |checking the cache: |importing: )' "$work/.err") > 1)); then
		not_ok "$1: nobody else writes a line" "$err"
	else
		ok "$1: it is told in one plain line"
	fi
}

# --- what a repository calls its packages ---
primary "$(package)"
expect "an honest repository resolves" 0 "1 package " resolve
while IFS='|' read -r name change text; do
	primary "$(package "$change")"
	expect "$name is refused" 5 "repository 'r'" resolve
	if [[ $err != *"$text"* ]]; then not_ok "$name: said by name" "'$text' is not in" "$err"; else ok "$name: said by name"; fi
	plain "$name"
done <<'END'
a version with a line end|ver=1&#10;pgha-bundle: all is well|'a-1?pgha-bundle
a version with an escape sequence|ver=1&#x9b;2J|'a-1?2J-1.noarch'
a licence that turns the direction of writing|license=MIT&#x202e;evil|'a-1-1.noarch'
a licence with a line end of Unicode|license=MIT&#x2028;x|'a-1-1.noarch'
a licence with a line end|license=MIT&#10;  - nevra: b|'a-1-1.noarch'
a path with a line end|href=x&#10;y.rpm|'a-1-1.noarch'
a path with an escape sequence|href=x&#x9b;2J.rpm|'a-1-1.noarch'
a path that turns the direction of writing|href=x&#x202e;mpr.rpm|'a-1-1.noarch'
a path out of the repository|href=../../a.rpm|'a-1-1.noarch'
an absolute path|href=/etc/a.rpm|'a-1-1.noarch'
a path on another server|base=xml:base="http://evil/"|'a-1-1.noarch'
a file that is no package|href=etc/passwd|'a-1-1.noarch'
an empty package|size=0|'a-1-1.noarch'
a size below nothing|size=-5|'a-1-1.noarch'
a size beyond numbers|size=99999999999999999999999|'a-1-1.noarch'
a digest that is none|checksum=abc|checksum
an MD5|type=md5|repository 'r'
END
primary "$(package 'more=<rpm:requires><rpm:entry name="foo&#10;pgha-bundle: all is well&#x9b;31m"/></rpm:requires>')"
expect "a dependency with a line end and an escape sequence is no solution" 4 "foo?pgha-bundle: all is well?31m" resolve
plain "a hostile dependency"

# --- a cache from elsewhere ---
rm -rf "$work/cache"
sed -i 's/^metadata_expire=.*/metadata_expire=7d/' "$work/r.repo"
primary "$(package ver=1)"
expect "what is kept of a repository is fresh" 0 "1 package " resolve
cp -a "$work/cache" "$work/copy"
primary "$(package ver=2)"
expect "and serves until it expires" 0 "1 package " resolve
if grep -q 'nevra: a-1-1' "$work/b.lock"; then ok "here, where it was kept"; else not_ok "here, where it was kept"; fi
mv "$work/copy" "$work/cache2"
expect "a copy of it cannot say that it is fresh" 0 "1 package " resolve_in "$work/cache2"
if grep -q 'nevra: a-2-1' "$work/b.lock"; then ok "the repository is asked"; else not_ok "the repository is asked"; fi
primary "$(package ver=3)"
expect "once" 0 "1 package " resolve_in "$work/cache2"
if grep -q 'nevra: a-2-1' "$work/b.lock"; then ok "then it is fresh there too"; else not_ok "then it is fresh there too"; fi
rm -rf "$work/cache" "$work/cache2"
sed -i 's/^metadata_expire=.*/metadata_expire=0/' "$work/r.repo"

# --- XML that grows ---
bomb='<!DOCTYPE x [<!ENTITY a "aaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
for before in '' '<!-- <a> - -->' '<?a <b> ? ?>'; do
	primary "$(package 'license=&b;')" "$before$bomb"
	expect "entities in primary.xml are refused, behind '${before:-nothing}'" 5 "it has a document type" resolve
done
primary "$(package)" '<!-- > - <!DOCTYPE --><?a > <!DOCTYPE x> ?>'
expect "what only looks like a document type is none" 0 "1 package " resolve
primary "$(package)"
doctype=$bomb repomd primary=primary.xml
expect "entities in repomd.xml are refused" 5 "it has a document type" resolve
primary "$(package 'license=&b;')" "$bomb"
for encoding in UTF-16LE UTF-16BE UTF-16; do
	sed "s/UTF-8/${encoding%?E}/" "$repo/repodata/primary.xml" | iconv -t "$encoding" >"$repo/repodata/other.xml"
	repomd primary=other.xml
	expect "nor do they come in $encoding" 5 "it has a document type" resolve
done

# --- files that are none ---
# What would wait for ever is ended by force, with status 124.
# shellcheck disable=SC2317 # called through expect
timed() { timeout -k 5 30 "$@"; }
# shellcheck disable=SC2317
resolve_timed() { rm -f "$work/b.lock" && timed "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/cache"; }
for file in repomd.xml primary.xml; do
	primary "$(package)"
	rm -rf "$work/cache" "$repo/repodata/$file"
	mkfifo "$repo/repodata/$file"
	expect "a pipe for $file does not hold us" 4 "is no plain file" resolve_timed
	rm "$repo/repodata/$file"
	ln -s /dev/zero "$repo/repodata/$file"
	expect "nor does an endless device for $file" 4 "is no plain file" resolve_timed
done
primary "$(package "license=$(head -c 300000 /dev/zero | tr '\0' x)")"
metafile=$(sha256sum <"$repo/repodata/primary.xml" | cut -d' ' -f1)
stored=$work/cache/sha256/${metafile:0:2}/${metafile:2}
rm -rf "$work/cache"
mkdir -p "${stored%/*}"
mkfifo "$stored"
expect "a pipe in a cached file's place gives way to it" 0 "1 package " resolve_timed
rm -rf "$work/cache"
mkdir -p "${stored%/*}"
mkfifo "$stored.part"
expect "a pipe in a part's place does not hold us" 1 "$stored.part' is no plain file" resolve_timed
rm "$stored.part"
echo precious >"$work/precious"
ln "$work/precious" "$stored.part"
expect "a part that is another file as well is not written" 1 "is no plain file: remove it" resolve_timed
if [[ $(<"$work/precious") == precious ]]; then ok "that file stays"; else not_ok "that file stays"; fi
rm "$stored.part"
primary "$(package)"
expect "the cache serves when it is gone" 0 "" resolve_timed
find "$work/cache" -type f | while read -r file; do rm "$file" && mkfifo "$file"; done
rm "$work"/cache/sha256/*/*
expect "pipes for all that is derived do not hold us" 0 "1 package " resolve_timed

# --- sizes that lie ---
rm -rf "$work/cache"
mkdir "$work/signed"
pin=
if "$root/tests/unit/signed_rpms.sh" "$work/signed" >"$work/signed.log" 2>&1; then
	pin=$(gpg --batch --with-colons --show-keys "$work/signed/vendor.asc" 2>/dev/null | awk -F: '$1 == "fpr" && !n++ { print $10 }')
else
	not_ok "keys and packages are made" "$(<"$work/signed.log")"
fi
# locked COUNT SIZE: $work/l.lock of that many packages
locked() {
	local i
	printf 'pgha-lock: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos:\n  - {id: r, baseurl: "file://%s", repomd: "%s", keys: [%s], gpgkey: ["file://%s"]}\nrpms:\n' \
		"$work/signed" "$(printf '%064d' 0)" "$pin" "$work/signed/vendor.asc"
	for ((i = 0; i < $1; i++)); do
		printf '  - {nevra: a-%d-1.noarch, repo: r, path: vendor.rpm, size: %d, sha256: "%064x", license: none, reason: requested}\n' \
			$((i + 100)) "$2" $((i + 1))
	done
	echo 'wheels: []'
}
# shellcheck disable=SC2317 # called through expect
fetch() { timed "$bundle" fetch --lock "$work/l.lock" --cache "$work/cache" "$@"; }
locked 200 $((1 << 40)) >"$work/l.lock"
expect "more than the disk has is told before it is full" 6 "make room" fetch
one_line "in one line"
mkdir "$work/import"
expect "also where files are imported" 6 "make room" fetch --import "$work/import"
locked 1 $(((1 << 40) + 1)) >"$work/l.lock"
expect "a package of more than a TiB is none" 3 "no RPM has 1099511627777 bytes" fetch
locked 2 100 | sed "s/sha256: \"[0-9]*/sha256: \"$(printf '%064d' 7)/" >"$work/l.lock"
expect "one digest for two packages is a mistake of the lock" 3 "'a-100-1.noarch' and 'a-101-1.noarch' the same SHA-256" fetch
locked 1 100 >"$work/l.lock"
mkdir -p "$work/cache/sha256/00"
truncate -s 8T "$work/cache/sha256/00/$(printf '%062x' 1)" || skip "a huge file" "not on this file system"
expect "a huge file in the cache is not read" 5 "was damaged, it has 8796093022208 bytes instead of 100" fetch
expect "and gone" 5 "it is longer than the 100 bytes" fetch
finish
