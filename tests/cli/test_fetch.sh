#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pgha-bundle fetch and urls: what is refused and how it is told, the cache's record, directories, other download tools.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

umask 022
s=$work/s
mkdir "$s"
if ! "$root/tests/unit/signed_rpms.sh" "$s" >"$work/signed.log" 2>&1; then
	not_ok "keys and packages are made" "$(<"$work/signed.log")"
	finish
fi
nevra=pgha-test-1:2.0-3.noarch
cache=$work/cache
zeros=$(printf '%064d' 0)
port=9 # of a server that is not there, until one is started

fingerprint() { gpg --batch --with-colons --show-keys "$s/$1.asc" 2>/dev/null | awk -F: '$1 == "fpr" && !n++ { print $10 }'; }
# lock ROW…: $work/l.lock of packages "RPM PIN [NEVRA [BASE]]", each from a repository of its own; PIN is a key's name, or -
lock() {
	local i=0 row rpm pin name base
	printf 'pgha-lock: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos:\n' >"$work/l.lock"
	: >"$work/rpms"
	for row; do
		read -r rpm pin name base <<<"$row"
		printf '  - {id: r%d, baseurl: "%s", repomd: "%s", keys: [%s], gpgkey: ["file://%s/%s.asc"]}\n' $i \
			"${base:-file://$s}" "$zeros" "$([[ $pin == - ]] || fingerprint "$pin")" "$s" "${pin/-/vendor}" >>"$work/l.lock"
		printf '  - {nevra: "%s", repo: r%d, path: %s.rpm, size: %d, sha256: "%s", license: none, reason: requested}\n' \
			"${name:-$nevra}" $i "$rpm" "$(stat -c %s "$s/$rpm.rpm")" "$(sha256sum <"$s/$rpm.rpm" | cut -d' ' -f1)" >>"$work/rpms"
		i=$((i + 1))
	done
	{
		echo rpms:
		LC_ALL=C sort "$work/rpms"
		echo 'wheels: []'
	} >>"$work/l.lock"
}
# shellcheck disable=SC2317 # called through expect
fetch() { "$bundle" fetch --lock "$work/l.lock" --cache "$cache" "$@"; }
cached() { find "$cache/sha256" "$cache/incoming" -type f 2>/dev/null | wc -l; }
cached_path() { # RPM
	local sum
	sum=$(sha256sum <"$s/$1.rpm" | cut -d' ' -f1)
	echo "$cache/sha256/${sum:0:2}/${sum:2}"
}
# one_message NAME: the last command's messages are one line, besides progress and details
one_message() {
	if (($(grep -cvE '^(  |packages: |checking the cache: )' <<<"$err") == 1)); then ok "$1"; else not_ok "$1" "$err"; fi
}
# flip FILE OFFSET: inverts one byte
flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\x$(printf %02x $((255 - byte)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# have NAME TEXT…: each is in what the last command said
have() {
	local name=$1 text
	shift
	for text; do
		if [[ $out$'\n'$err != *"$text"* ]]; then
			not_ok "$name" "'$text' is not in:" "$out" "$err"
			return
		fi
	done
	ok "$name"
}

# --- signatures ---
# refused NAME ROW TEXT…: exit 5 in one line with all the texts, and nothing stays in the cache
refused() {
	local name=$1 row=$2
	shift 2
	rm -rf "$cache"
	lock "$row"
	expect "$name is refused" 5 "repository 'r0': " fetch
	have "$name: said by name" "$@"
	one_message "$name: in one line"
	if (($(cached))); then not_ok "$name: nothing stays"; else ok "$name: nothing stays"; fi
}
vendor="$(fingerprint vendor) (vendor <vendor@example.org>)"
refused "an unsigned package" "unsigned vendor" "'$nevra' is not signed" "ask the vendor"
refused "a package by another key" "other vendor" "'$nevra' is signed by the key $(fingerprint other | tail -c 17)" \
	"not pinned (pinned: $vendor)" "then pin it"
refused "a package by a DSA key" "dsa vendor" "'$nevra' is signed by the DSA key" "not pinned (pinned: $vendor)"
refused "a weak signature" "sha1 vendor" "'$nevra' has a weak signature (SHA-1) by key $vendor" "ask the vendor"
refused "a signature from after its key's end" "late expired" "'$nevra' was signed at 2020-01-10T00:0" \
	"Z, after its key " "(expired <expired@example.org>) had expired at 2020-01-03" "ask the vendor"
refused "another package than the lock's" "vendor vendor pgha-test-1:2.0-4.noarch" \
	"'pgha-test-1:2.0-4.noarch' says in its signed header that it is '$nevra'"
for row in "revoked is revoked: ask the vendor" "weak is weak, RSA of 1024 bits, less than 2048: ask the vendor" "dsa is DSA: only RSA keys"; do
	read -r key why <<<"$row"
	refused "a pinned key that $why" "$key $key" "key $(fingerprint "$key") ($key <$key@example.org>) $why" "packages from 'r0': $nevra"
done
for key in ecdsa eddsa; do
	refused "a pinned ${key^^} key" "vendor $key" "key $(fingerprint "$key") ($key <$key@example.org>) is " "only RSA keys" "ask the vendor"
done
rm -rf "$cache"
lock "vendor -"
expect "a repository without a pin is refused" 5 "add 'r0: [FINGERPRINT]' under 'trust:'" fetch
cp "$s/vendor.rpm" "$s/changed.rpm"
flip "$s/changed.rpm" $(($(stat -c %s "$s/changed.rpm") - 20))
refused "a package that was changed after it was signed" "changed vendor" "'$nevra' was changed after key $vendor had signed it"

rm -rf "$cache"
lock "expired expired"
expect "a signature from before its key's end is accepted" 0 "1 package " fetch
have "with a notice" "$nevra: signed before key $(fingerprint expired) expired"
expect "and with the same notice the next time" 0 "signed before key $(fingerprint expired) expired" fetch

rm -rf "$cache"
lock "unsigned vendor" "other vendor pgha-other-1-1.noarch" "second other pgha-second-1:2.0-3.noarch" "sha1 vendor pgha-weak-1-1.noarch"
expect "all wrong packages are told in one run" 5 "3 packages are refused, the first one: repository 'r1': 'pgha-other-1-1.noarch'" fetch
have "the others below it" "'$nevra' is not signed" "'pgha-weak-1-1.noarch' has a weak signature"
one_message "that is one line and its details"
if [[ $(cached) == 1 && -e $(cached_path second) ]]; then ok "the right one stays"; else not_ok "the right one stays" "$(find "$cache")"; fi
lock "revoked revoked" "dsa dsa pgha-dsa-1-1.noarch" "vendor vendor pgha-x-1-1.noarch"
expect "all wrong keys are told in one run" 5 "repository 'r0': key $(fingerprint revoked)" fetch
have "the other below it" "repository 'r1': key $(fingerprint dsa)" "packages from 'r1': pgha-dsa-1-1.noarch"

# --- the cache's record ---
rm -rf "$cache"
pair=("vendor vendor" "second other pgha-second-1:2.0-3.noarch")
lock "${pair[@]}"
expect "a lock is fetched" 0 "2 packages and 0 wheels in $cache, 2 downloaded" fetch
lock "vendor vendor $nevra http://127.0.0.1:9" "second other pgha-second-1:2.0-3.noarch http://127.0.0.1:9"
expect "the second run asks no server" 0 "2 there before" fetch
if [[ -z $err ]]; then ok "and checks nothing again"; else not_ok "and checks nothing again" "$err"; fi
expect "--verify-cache does" 0 "checking the cache: 2 done" fetch --verify-cache
touch "$(cached_path vendor)"
expect "a file that was touched is checked again" 0 "checking the cache: 1 done" fetch
cp --preserve=timestamps "$(cached_path vendor)" "$work/vendor.copy"
flip "$(cached_path vendor)" 5000
touch -r "$work/vendor.copy" "$(cached_path vendor)"
expect "a file that was changed behind its time is found, and comes again" 4 "was damaged" fetch
have "from a server, which is not there" "127.0.0.1:9"
lock "${pair[@]}"
expect "with a server it does" 0 "1 downloaded" fetch
sed -i "s/^\(file .*\) $nevra\$/\1 pgha-test-1:2.0-4.noarch/" "$cache/checked"
expect "a record of another package is not believed" 0 "checking the cache: 1 done" fetch
# A record that lies, as only the operator himself could write it: it is believed until --verify-cache.
flip "$(cached_path vendor)" 5000
python3 - "$cache/checked" "$(cached_path vendor)" <<'PY'
import os, sys
record, path = sys.argv[1:]
st = os.stat(path)
lines = open(record).read().splitlines()
digest = "".join(path.split("/")[-2:])
for i, line in enumerate(lines):
    f = line.split()
    if f[0] == "file" and f[1] == digest:
        f[2:7] = [str(n) for n in (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)]
        lines[i] = " ".join(f)
open(record, "w").write("\n".join(lines) + "\n")
PY
expect "the record alone is believed without it" 0 "2 there before" fetch
expect "--verify-cache believes nothing" 0 "was damaged" fetch --verify-cache
chmod g+w "$cache"
expect "a cache that others may write to has no record" 0 "checking the cache: 2 done" fetch
chmod g-w "$cache"
lock "vendor other" "second other pgha-second-1:2.0-3.noarch"
expect "what another pin vouched for is checked against this one" 5 "'$nevra' is signed by the key" fetch
if [[ -e $(cached_path vendor) ]]; then not_ok "and does not stay"; else ok "and does not stay"; fi

# --- a directory instead of the network ---
lock "vendor vendor $nevra http://127.0.0.1:9" "second other pgha-second-1:2.0-3.noarch http://127.0.0.1:9"
rm -rf "$cache"
expect "without a network the missing files are listed" 4 "2 files are not in the cache" fetch --offline
have "by their names" $'\n  vendor.rpm' $'\n  second.rpm'
one_message "below one line"
mkdir -p "$work/dvd/Packages/v"
cp "$s/vendor.rpm" "$work/dvd/Packages/v/"
ln -s "$s/second.rpm" "$work/dvd/second.rpm"
expect "what a directory has is taken, links are not followed" 4 "1 file is not in the cache '$cache' nor below '$work/dvd'" \
	fetch --offline --import "$work/dvd"
rm "$work/dvd/second.rpm"
cp "$s/other.rpm" "$work/dvd/second.rpm"
expect "another file of that name is not taken" 4 "second.rpm' is another file than the lock's" fetch --offline --import "$work/dvd"
cp "$s/second.rpm" "$work/dvd/second.rpm"
expect "with all files there it is done" 0 "1 imported" fetch --offline --import "$work/dvd"
expect "by a copy" 0 "" cmp "$work/dvd/second.rpm" "$(cached_path second)"
lock "unsigned vendor $nevra http://127.0.0.1:9"
mkdir "$work/bad"
cp "$s/unsigned.rpm" "$work/bad/"
expect "an unsigned package of a directory is refused too" 5 "'$nevra' is not signed" fetch --offline --import "$work/bad"
expect "a directory that is not there" 2 "cannot look into '$work/nowhere'" fetch --import "$work/nowhere"
expect "a rate that is none" 2 "--limit-rate" fetch --limit-rate fast
expect "a number that is too large" 2 "--parallel" fetch --parallel 1000
lock "${pair[@]}"
rm -rf "$cache"
capture fetch --json
if python3 -c '
import json, sys
r = json.load(sys.stdin)
assert r["packages"] == 2 and r["wheels"] == 0 and r["keys"] == 2, r
assert r["downloaded"]["files"] == 2 and r["downloaded"]["bytes"] > 1000 and r["cached"]["files"] == 0, r
' <<<"$out" 2>"$work/json.err"; then ok "--json is JSON with the sums"; else not_ok "--json is JSON with the sums" "$out" "$(<"$work/json.err")"; fi

# --- killed ---
# A file under its name is always whole, whenever the run ends.
wrong=0 killed=0
for delay in 0.002 0.004 0.006 0.008 0.010 0.012 0.015 0.020 0.030 0.050; do
	rm -rf "$cache"
	"$bundle" fetch --lock "$work/l.lock" --cache "$cache" >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -KILL "$pid" 2>/dev/null && killed=$((killed + 1))
	wait "$pid" 2>/dev/null || : # killed
	while read -r file; do
		[[ $(sha256sum <"$file" | cut -d' ' -f1) == "$(basename "$(dirname "$file")")$(basename "$file")" ]] || wrong=$((wrong + 1))
	done < <(find "$cache/sha256" -type f 2>/dev/null)
	capture fetch
	((status == 0)) || wrong=$((wrong + 1))
done
if ((wrong == 0 && killed > 0)); then ok "killed at any time, what is there is whole"; else not_ok "killed at any time, what is there is whole" "$wrong wrong, $killed killed"; fi

# --- other download tools ---
mkdir -p "$work/www/with space"
cp "$s/vendor.rpm" "$s/second.rpm" "$work/www/"
cp "$s/vendor.rpm" "$work/www/with space/a+b~1.rpm"
cp "$s/vendor.rpm" "$s/a+b~1.rpm"
python3 -u -m http.server --bind 127.0.0.1 --directory "$work/www" 0 >"$work/server.out" 2>"$work/server.log" </dev/null &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
for _ in $(seq 50); do
	port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/server.out")
	[[ -z $port ]] || break
	sleep 0.1
done
lock "vendor vendor $nevra http://127.0.0.1:$port" "second other pgha-second-1:2.0-3.noarch http://127.0.0.1:$port"
sed -i 's,path: vendor.rpm,path: "with space/a+b~1.rpm",' "$work/l.lock"
# The first repository has a mirror, which is dead, before the one that works.
sed -i "s,baseurl: \"http://127.0.0.1:$port\"\(.*keys: .$(fingerprint vendor)\),baseurl: \"http://127.0.0.1:9/dead\"\, mirrors: [\"http://127.0.0.1:$port\"]\1," "$work/l.lock"
urls=$(printf '%s\n' "http://127.0.0.1:$port/second.rpm" "http://127.0.0.1:9/dead/with%20space/a+b~1.rpm")
capture "$bundle" urls --lock "$work/l.lock"
if ((status == 0)) && [[ $(sort <<<"$out") == "$(sort <<<"$urls")" && -z $err ]]; then ok "urls is one URL a line"; else not_ok "urls is one URL a line" "$out" "$err"; fi
expect "an unknown format" 2 "plain, aria2, wget or curl" "$bundle" urls --lock "$work/l.lock" --format tar
rm -rf "$cache"
expect "a mirror serves when the first server is dead" 0 "2 downloaded" fetch

# filled TOOL COMMAND…: runs it in an empty directory with the list in ../list; fetch needs nothing else then
filled() {
	local tool=$1
	shift
	if ! command -v "$1" >/dev/null; then
		skip "fetch takes what $tool brought" "$1 is not installed"
		return
	fi
	rm -rf "$cache" "$work/filled"
	mkdir "$work/filled"
	"$bundle" urls --lock "$work/l.lock" --format "$tool" >"$work/list" 2>"$work/notes" || not_ok "urls --format $tool" "$(<"$work/notes")"
	(cd "$work/filled" && timeout 60 "$@" >"$work/tool.log" 2>&1) || not_ok "$tool reads it" "$(tail -5 "$work/tool.log")"
	expect "fetch takes what $tool brought" 0 "2 imported" fetch --offline --import "$work/filled"
}
filled aria2 aria2c --quiet --max-tries=2 --dir="$work/filled" --input-file="$work/list"
sed -i "s,\"http://127.0.0.1:9/dead\",\"http://127.0.0.1:$port\"," "$work/l.lock"
sed -i "s/, mirrors: \[[^]]*\]//" "$work/l.lock"
filled curl curl --silent --show-error --config "$work/list"
filled wget wget --no-verbose --directory-prefix="$work/filled" --input-file="$work/list"
sed -i '0,/repomd:/s,repomd:,sslclientcert: /etc/pki/a.crt\, sslclientkey: "/etc/pki/a\\"b.key"\, repomd:,' "$work/l.lock"
capture "$bundle" urls --lock "$work/l.lock" --format curl
have "curl gets the certificates" 'cert = "/etc/pki/a.crt"' 'key = "/etc/pki/a\"b.key"' $'\nnext\n'
capture "$bundle" urls --lock "$work/l.lock" --format aria2
have "aria2 is told them" "# repository 'r0' needs: --certificate=/etc/pki/a.crt"
capture "$bundle" urls --lock "$work/l.lock" --format wget
have "wget too, beside the list" "repository 'r0' needs --certificate=/etc/pki/a.crt"
if grep -q certificate <<<"$out"; then not_ok "which has URLs alone" "$out"; else ok "which has URLs alone"; fi
lock "vendor vendor $nevra http://127.0.0.1:9"
sed -i "0,/baseurl: \"[^\"]*\"/s,,mirrorlist: \"http://127.0.0.1:9/list\"," "$work/l.lock"
expect "a list of mirrors that cannot be had" 4 "127.0.0.1:9/list" "$bundle" urls --lock "$work/l.lock" --cache "$work/none"
finish
