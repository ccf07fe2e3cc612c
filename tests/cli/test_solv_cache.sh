#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is made of metadata is kept, and is never stale, never another's, never shared by inputs that differ. Damage is in
# test_metadata.sh, caches from elsewhere in test_hostile.sh, many processes at once in test_same_lock.sh.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cache=$work/cache
derived=$cache/derived
# repo NAME REVISION <TEXT (tests/cli/make_repo.py)
repo() { "$root/tests/cli/make_repo.py" "$work/$1" "$2"; }
# only ID DIRECTORY 'OPTION=VALUE'…: the .repo file has this one alone; also: one more
only() { : >"$work/all.repo" && also "$@"; }
also() {
	printf '[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n' "$1" "$1" "$work/$2" >>"$work/all.repo"
	shift 2
	(($# == 0)) || printf '%s\n' "$@" >>"$work/all.repo"
}
printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\npackages: [app]\n' >"$work/b.yaml"
# shellcheck disable=SC2317 # called through expect
resolve() {
	rm -f "$work/b.lock"
	timeout 60 "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$cache" "$@"
}
# chosen NAME 'NEVRA FROM REPOSITORY…' [OPTION…]
chosen() {
	local name=$1 want=$2
	shift 2
	capture resolve "$@"
	if [[ $(sed -nE 's/^  - nevra: "?([^"]*)"?$/\1/p; s/^    repo: /from /p' "$work/b.lock" | paste -sd' ') == "$want" ]]; then
		ok "$name"
	else
		not_ok "$name" "not: $want" "$err" "$(<"$work/b.lock")"
	fi
}
made() { find "$derived" -type f -printf '%f\n' | sort; }
how_many() { # NAME COUNT: so many are kept
	if [[ $(made | wc -l) == "$2" ]]; then ok "$1"; else not_ok "$1" "not $2:" "$(made)"; fi
}

# --- the same name, another content ---
repo first 7 <<<"app-1-1.x86_64"
repo second 7 <<<"app-2-1.x86_64"
for file in first second; do touch -d '2026-01-01 00:00:00' "$work/$file/repodata"/*; done
only r first
chosen "a repository" "app-1-1.x86_64 from r"
only r second
chosen "the same id at another address" "app-2-1.x86_64 from r"
how_many "each has its own" 2
only r first
chosen "and back" "app-1-1.x86_64 from r"
how_many "which is still there" 2
cp "$work/second/repodata"/* "$work/first/repodata/"
touch -d '2026-01-01 00:00:00' "$work/first/repodata"/*
chosen "the same address, revision, sizes and dates of files, another content" "app-2-1.x86_64 from r"
how_many "which was there already" 2
only other first
chosen "the same content under another id" "app-2-1.x86_64 from other"
how_many "is not made again" 2

# --- one content, other options ---
repo both 1 <<-TEXT
	app-1-1.x86_64
	app-2-1.x86_64
TEXT
rm -rf "$cache"
only a both 'excludepkgs=app-2*'
chosen "what one .repo file hides" "app-1-1.x86_64 from a"
only a both
chosen "another one shows" "app-2-1.x86_64 from a"
only a both 'excludepkgs=app-2*'
also b both priority=100
chosen "options of one repository are not another's with the same content" "app-1-1.x86_64 from a"
only a both priority=100
also b both 'excludepkgs=app-2*'
chosen "in either order" "app-1-1.x86_64 from b"
how_many "all from one file" 1

# --- a stream of modules is not its neighbour ---
repo modular 1 <<<"app-1-1.x86_64"
rm -rf "$cache"
only m modular
chosen "a repository without modules" "app-1-1.x86_64 from m"
printf -- '---\ndocument: modulemd\nversion: 2\ndata:\n  name: app\n  stream: "1"\n  version: 1\n  context: c\n  arch: x86_64\n  summary: x\n  description: x\n  license: {module: [MIT]}\n  artifacts: {rpms: [app-0:1-1.x86_64]}\n' >"$work/modules.yaml"
repo modular 2 <<-TEXT
	app-1-1.x86_64
	modules: $work/modules.yaml
TEXT
expect "the same packages with a stream that is not enabled" 4 "app:1" resolve
how_many "the packages are not made again, the modules are" 2

# --- another libsolv ---
# The program asks the library that it runs with for its version.
rm -rf "$cache"
only r second
chosen "with the libsolv of this machine" "app-2-1.x86_64 from r"
cp "$work/b.lock" "$work/first.lock"
before=$(made)
version=$(pkg-config --modversion libsolv)
# Of one length, or the loader complains.
printf 'const char solv_version[] = "%s";\n' "${version//[0-9]/9}" >"$work/version.c"
if grep -q __asan_init "$bundle"; then
	skip "with another libsolv" "AddressSanitizer wants to be loaded first"
elif ! ${CC:-gcc} -shared -fPIC -o "$work/version.so" "$work/version.c" 2>"$work/gcc.err"; then
	not_ok "a library with another version" "$(<"$work/gcc.err")"
else
	expect "with another libsolv" 0 "1 package " env LD_PRELOAD="$work/version.so" timeout 60 \
		"$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$cache"
	how_many "it makes its own" 2
	expect "the first one's stays" 0 "$before" made
	expect "and the lock is the same" 0 "" cmp "$work/first.lock" "$work/again.lock"
fi

# --- what others could have made ---
# forge: as whoever can write there would: the packages of `evil` for those of `second`, with all digests right
repo evil 7 <<<"app-9-1.x86_64"
rm -rf "$cache"
only r evil
chosen "another repository" "app-9-1.x86_64 from r"
evil=$(made)
only r second
chosen "beside ours" "app-2-1.x86_64 from r"
ours=$(made | grep -v "$evil")
# shellcheck disable=SC2317 # called through expect
forge() {
	python3 - "$derived/$evil" "$derived/$ours" <<-'PY'
		import hashlib, os, sys
		evil, ours = sys.argv[1:]
		with open(evil, "rb") as file:
		    head, content = file.read(210), file.read()
		new = ours + "-forged"
		with open(new, "wb") as out:
		    try:
		        machine = open("/etc/machine-id", "rb").read(64)
		    except OSError:
		        machine = b""
		    mark = hashlib.sha256(machine + b" %d" % os.fstat(out.fileno()).st_ino).hexdigest()
		    out.write(head[:15] + os.path.basename(ours).encode() + b"\0" + mark.encode() + b"\0" +
		              hashlib.sha256(content).hexdigest().encode() + b"\0" + content)
		os.chmod(new, 0o600)
		os.rename(new, ours)
	PY
}
expect "a forged file" 0 "" forge
chosen "is believed where the owner alone can have made it: so the forgery is a good one" "app-9-1.x86_64 from r"
for mode in 0620 0602 0666; do
	expect "forged, $mode" 0 "" forge
	chmod "$mode" "$derived/$ours"
	chosen "one that others can write is not ($mode)" "app-2-1.x86_64 from r"
done
for mode in 0770 0707 0777 1777; do
	expect "forged, in a directory with $mode" 0 "" forge
	chmod "$mode" "$derived"
	chosen "one where others can write is not ($mode)" "app-2-1.x86_64 from r"
	expect "and that is told ($mode)" 0 "must be a directory of your own that nobody else can write" echo "$err"
	chmod 0700 "$derived"
done
if ((EUID == 0)); then
	expect "forged, by somebody else" 0 "" forge
	chown 65534 "$derived/$ours"
	chosen "somebody else's file is not" "app-2-1.x86_64 from r"
	expect "forged, in somebody else's directory" 0 "" forge
	chown 65534 "$derived"
	chosen "nor one in somebody else's directory" "app-2-1.x86_64 from r"
	chown 0 "$derived"
else
	skip "somebody else's file" "needs root"
fi
expect "forged, behind a link" 0 "" forge
mv "$derived/$ours" "$work/target"
ln -s "$work/target" "$derived/$ours"
sum=$(sha256sum <"$work/target")
chosen "a link is not followed to one" "app-2-1.x86_64 from r"
if [[ ! -L $derived/$ours && $(sha256sum <"$work/target") == "$sum" ]]; then
	ok "it gives way to a file, and what it led to stays"
else
	not_ok "it gives way to a file, and what it led to stays" "$(ls -l "$derived")"
fi
expect "forged, in a directory behind a link" 0 "" forge
mv "$derived" "$work/elsewhere"
ln -s "$work/elsewhere" "$derived"
chosen "nor is a link to a directory with one" "app-2-1.x86_64 from r"
rm "$derived"
mv "$work/elsewhere" "$derived"
for bytes in 0 1 209 210; do
	truncate -s "$bytes" "$derived/$ours"
	chosen "one of $bytes bytes is not" "app-2-1.x86_64 from r"
done
rm "$derived/$ours"
mkdir "$derived/$ours"
chosen "nor is a directory in its place" "app-2-1.x86_64 from r"
finish
