#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The lock over time: what a second resolve says and writes, what --update moves, that nothing but the inputs counts.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cache=$work/cache
lock=$work/pgha.lock
# repo NAME [REVISION] <TEXT: a repository at $work/NAME (tests/cli/make_repo.py)
repo() { "$root/tests/cli/make_repo.py" "$work/$1" "${@:2}"; }
# definition 'A, B' ['LINE OF YAML'…]
definition() {
	printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\npackages: [%s]\n' "$1" >"$work/b.yaml"
	shift
	(($# == 0)) || printf '%s\n' "$@" >>"$work/b.yaml"
}
# repos NAME…: a .repo file with these
repos() {
	: >"$work/all.repo"
	for name in "$@"; do
		printf '[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n' "$name" "$name" "$work/$name" >>"$work/all.repo"
	done
}
# These repositories go back and forth.
# shellcheck disable=SC2317 # called through expect
resolve() { "$bundle" resolve -f "$work/b.yaml" -o "$lock" --cache "$cache" --accept-older base,extra "$@"; }
nevras() { sed -n 's/^  - nevra: "\?\([^"]*\)"\?$/\1/p' "$lock" | paste -sd' '; }
# locked NAME 'NEVRA NEVRA…': what the lock has now
locked() { if [[ $(nevras) == "$2" ]]; then ok "$1"; else not_ok "$1" "$(nevras)" "not: $2"; fi; }
# changed_lines NAME 'BEGINNING'…: what diff shows of $work/before.lock and the lock: for each a line, in this order
changed_lines() {
	local name=$1
	shift
	diff "$work/before.lock" "$lock" >"$work/diff" || test $? = 1
	if [[ $(sed -nE 's/^> *([^,:]*: ?[^",]*).*/\1/p' "$work/diff") == "$(printf '%s\n' "$@")" ]]; then
		ok "$name"
	else
		not_ok "$name" "$(<"$work/diff")"
	fi
}
# stamp: what changes when the lock is written
stamp() { stat -c '%i %Y %y' "$lock"; }

repos base extra
repo base 1 <<-END
	app-1-1.x86_64 requires: lib >= 1, tool
	lib-1-1.x86_64
	tool-1-1.noarch requires: lib
END
repo extra 1 <<-END
	other-1-1.x86_64
END
definition 'app, other'

# --- a second resolve ---
expect "a first lock" 0 "4 packages" resolve
locked "has what is needed" "app-1-1.x86_64 lib-1-1.x86_64 other-1-1.x86_64 tool-1-1.noarch"
before=$(stamp)
expect "the same again says so" 0 "unchanged" resolve
if [[ $(stamp) == "$before" ]]; then ok "and is not written"; else not_ok "and is not written" "$before" "$(stamp)"; fi
expect "--check agrees" 0 "unchanged" resolve --check
repo base 2 <<-END
	app-1-1.x86_64 requires: lib >= 1, tool
	app-2-1.x86_64 requires: lib >= 1, helper
	lib-1-1.x86_64
	tool-1-1.noarch requires: lib
	helper-1-1.noarch
END
cp "$lock" "$work/first.lock"
expect "--check tells that it would change" 1 "'$lock' would change" resolve --check
expect "and what" 1 "up        app     1-1 -> 2-1" resolve --check
expect "in JSON too" 1 '"changed": true' resolve --check --json
expect "and writes nothing" 0 "" cmp "$lock" "$work/first.lock"
expect "--check of a lock that is not there is a mistake of usage" 2 "cannot open" \
	"$bundle" resolve -f "$work/b.yaml" -o "$work/none.lock" --cache "$cache" --check
expect "resolve takes what is new" 0 "1 up, 1 added, 1 removed" resolve --json
if python3 - "$work/.out" <<-'END'; then ok "and tells it to machines"; else not_ok "and tells it to machines" "$out"; fi
	import json, sys
	told = json.load(open(sys.argv[1]))
	assert told["written"] and told["changed"] and told["packages"] == 4, told
	assert told["up"] == [{"type": "rpm", "name": "app", "arch": "x86_64", "from": "1-1", "to": "2-1"}], told
	assert [c["name"] for c in told["added"]] == ["helper"] and [c["name"] for c in told["removed"]] == ["tool"], told
	assert told["repositories"] == ["base"], told
END
repo extra 2 <<-END
	other-1-1.x86_64
	unrelated-1-1.x86_64
END
cp "$lock" "$work/before.lock"
expect "a repository that changed elsewhere" 0 "no package changes; other metadata: extra" resolve
changed_lines "changes the line of that repository alone" "- {id: extra"

# --- what is there is no lock ---
echo 'pgha: 1' >"$work/precious.yaml"
expect "a file that is no lock is not overwritten" 3 "remove it, or name another file" \
	"$bundle" resolve -f "$work/b.yaml" -o "$work/precious.yaml" --cache "$cache"
expect "but stays" 0 "pgha: 1" cat "$work/precious.yaml"
: >"$work/empty.lock"
expect "an empty one is as none" 0 "4 packages" "$bundle" resolve -f "$work/b.yaml" -o "$work/empty.lock" --cache "$cache"
expect "a directory is refused" 2 "not a regular file" "$bundle" resolve -f "$work/b.yaml" -o "$work" --cache "$cache"

# --- --update ---
repos base extra
text_1='app-1-1.x86_64 requires: lib >= 1, tool
	lib-1-1.x86_64 requires: core
	core-1-1.x86_64
	tool-1-1.noarch requires: lib
	side-1-1.x86_64 requires: core'
text_2="$text_1
	app-2-1.x86_64 requires: lib >= 2, tool
	lib-2-1.x86_64 requires: core
	core-2-1.x86_64
	tool-2-1.noarch requires: lib
	side-2-1.x86_64 requires: core"
repo base 1 <<<"$text_1"
repo extra 1 <<<"other-1-1.x86_64"
definition 'app, side, other'
rm "$lock"
expect "--update needs a lock" 2 "cannot open" resolve --update
expect "a lock to carry on" 0 "6 packages" resolve
before=$(stamp)
repo base 2 <<<"$text_2"
expect "a name without --update is a mistake" 2 "did you mean '--update app'?" resolve app
expect "a name that the lock has not" 4 "the lock has no package or wheel 'sid' (did you mean 'side'?)" resolve --update app sid
one_line "in one line"
cp "$lock" "$work/before.lock"
expect "--update of one package" 0 "up        side  1-1 -> 2-1" resolve --update side
locked "moves nothing else" "app-1-1.x86_64 core-1-1.x86_64 lib-1-1.x86_64 other-1-1.x86_64 side-2-1.x86_64 tool-1-1.noarch"
changed_lines "and changes its lines alone" "- {id: base" 'reason: ' "- nevra: side-2-1.x86_64" \
	"path: Packages/side-2-1.x86_64.rpm" "sha256: $(printf 'side-2-1.x86_64 requires: core' | sha256sum | cut -d' ' -f1)"
expect "the same again changes nothing" 0 "unchanged" resolve --update side
expect "nor does --check of it" 0 "unchanged" resolve --update side --check
expect "what cannot stay moves too, and is told" 0 "up        lib  1-1 -> 2-1  (needed by app-2-1.x86_64)" resolve --update app
locked "and nothing else" "app-2-1.x86_64 core-1-1.x86_64 lib-2-1.x86_64 other-1-1.x86_64 side-2-1.x86_64 tool-1-1.noarch"
expect "patterns, and the option before each name" 0 "2 up" resolve --update 'to*' --update core-1
locked "everything is new now" "app-2-1.x86_64 core-2-1.x86_64 lib-2-1.x86_64 other-1-1.x86_64 side-2-1.x86_64 tool-2-1.noarch"
cp "$work/before.lock" "$lock"
expect "--update without a name moves all" 0 "5 up" resolve --update
locked "as a fresh answer would" "app-2-1.x86_64 core-2-1.x86_64 lib-2-1.x86_64 other-1-1.x86_64 side-2-1.x86_64 tool-2-1.noarch"
cp "$work/before.lock" "$work/old.lock"
expect "--lock is where it starts" 0 "1 up" "$bundle" resolve -f "$work/b.yaml" -o "$work/new.lock" --lock "$work/old.lock" --cache "$cache" --update side
expect "which stays" 0 "" cmp "$work/before.lock" "$work/old.lock"

cp "$work/before.lock" "$lock"
definition 'app, side, other, extra'
repo base 3 <<<"$text_2
	extra-1-1.x86_64 requires: core >= 2"
expect "what is new in the definition comes, with what it needs" 0 "(needed by extra-1-1.x86_64)" resolve --update side
locked "and nothing else moves" "app-1-1.x86_64 core-2-1.x86_64 extra-1-1.x86_64 lib-1-1.x86_64 other-1-1.x86_64 side-2-1.x86_64 tool-1-1.noarch"
definition 'side, other'
expect "what is no longer asked for goes" 0 "4 removed" resolve --update side
locked "with what it brought" "core-2-1.x86_64 other-1-1.x86_64 side-2-1.x86_64"

cp "$work/before.lock" "$lock"
definition 'app, side, other'
repo base 4 <<<"${text_2//lib-1-1.x86_64 requires: core/unused-1-1.noarch}"
expect "a locked package that no repository has any more is told" 4 \
	"'lib-1-1.x86_64', which the lock has, is in no repository any more: let it move too (name 'lib' after --update)" resolve --update side
expect "the lock is as it was" 0 "" cmp "$work/before.lock" "$lock"
expect "named too, it moves" 0 "2 up" resolve --update side lib
cp "$work/before.lock" "$lock"
printf 'excludepkgs=lib-1-1\n' >>"$work/all.repo"
sed -i 's/^\[extra\]/excludepkgs=lib-1-1\n[extra]/; $d' "$work/all.repo"
repo base 5 <<<"$text_2"
expect "one that is hidden now is told as that" 4 "'lib-1-1.x86_64', which the lock has, is hidden now" resolve --update side
repos base extra
repo base 6 <<<"$text_2
	app-3-1.x86_64 requires: absent"
expect "what nobody can have does not hold up what is asked for" 0 "1 up" resolve --update side
expect "and is an error when it is asked for" 4 "app-3-1.x86_64 (base) requires absent, which no repository has" resolve

# --- reasons ---
repo base 7 <<-END
	m-1-1.x86_64 requires: shared
	z-1-1.x86_64 requires: shared, deep
	deep-1-1.x86_64
	shared-1-1.x86_64
END
rm "$lock"
definition 'm, z'
expect "two that need the same" 0 "" resolve
expect "the first is its reason" 0 "package m-1-1.x86_64" grep -A 6 "nevra: shared" "$lock"
cp "$lock" "$work/before.lock"
repo base 8 <<-END
	a-1-1.x86_64 requires: shared, deep
	m-1-1.x86_64 requires: shared
	z-1-1.x86_64 requires: shared, deep
	deep-1-1.x86_64
	shared-1-1.x86_64
END
definition 'a, m, z'
expect "another that needs it too" 0 "1 added" resolve --update
changed_lines "does not change the reasons of others" "- {id: base" "- nevra: a-1-1.x86_64" "repo: base" "path: Packages/a-1-1.x86_64.rpm" \
	"size: 1035" "sha256: $(printf 'a-1-1.x86_64 requires: shared, deep' | sha256sum | cut -d' ' -f1)" "license: MIT" "reason: requested"
definition 'a, z'
expect "a reason that is gone" 0 "1 removed" resolve --update
expect "gives way to one that holds" 0 "package a-1-1.x86_64" grep -A 6 "nevra: shared" "$lock"

# --- slips in a definition ---
definition "'z>=2'"
expect "an operator without blanks" 4 "put blanks around the operator" resolve
definition 'z' 'baseline: none.inv'
expect "an inventory that is not there, and who names it" 3 "$work/b.yaml:5:11: cannot open '$work/none.inv'" resolve
definition 'z'
sed -i 's/all.repo/none.repo/' "$work/b.yaml"
expect "a .repo file that is not there, and who names it" 3 "$work/b.yaml:3:9: cannot open '$work/none.repo'" resolve

# --- outdated ---
# shellcheck disable=SC2317 # called through expect
outdated() { "$bundle" outdated -f "$work/b.yaml" --lock "$lock" --cache "$cache" --accept-older base,extra "$@"; }
definition 'app, side'
repos base
repo base 10 <<<"$text_1"
rm "$lock"
expect "a lock that will be out of date" 0 "" resolve
expect "nothing is yet" 0 "nothing newer" outdated --exit-code
definition 'app'
expect "what another definition drops is told" 0 "a fresh answer adds or drops 1 more: 'resolve --check' tells them" outdated
definition 'app, side'
repo base 11 <<-END
	$text_1
	lib-2-1.x86_64 requires: core
	core-2-1.x86_64
	advisory: RHBA-2026:2 bugfix None "lib bug fix" -: lib-2-1.x86_64
	advisory: RHSA-2026:9 security Moderate "core security update" CVE-2026-12,CVE-2026-11: core-2-1.x86_64 core-2-1.i686
	advisory: RHSA-2026:3 security Critical "side security update" CVE-2026-13: side-9-1.x86_64 core-2-1.x86_64
	advisory: RHSA-2026:4 security Critical "done long ago" CVE-2025-1: side-1-1.x86_64 absent-2-1.x86_64
	advisory: RHSA-2026:5 security Critical "another stream" CVE-2025-2: module=side:9:c0ffee side-9-1.x86_64
END
expect "what is newer" 0 "2 of 5 packages have another version" outdated
cat >"$work/expected" <<-END
	2 of 5 packages have another version in a fresh answer:
	  up        core  1-1 -> 2-1
	  up        lib   1-1 -> 2-1

	advisories that an update fixes:
	  Moderate   security     RHSA-2026:9     core security update
	             CVE-2026-11, CVE-2026-12
	             core.x86_64  1-1 -> 2-1
	  -          bugfix       RHBA-2026:2     lib bug fix
	             lib.x86_64  1-1 -> 2-1

	advisories that an update from these repositories does not fix:
	  Critical   security     RHSA-2026:3     side security update
	             CVE-2026-13
	             core.x86_64  1-1 -> 2-1
	             side.x86_64  1-1 -> 9-1  (not in these repositories' answer)
END
if diff "$work/expected" "$work/.out" >"$work/diff"; then ok "with its advisories"; else not_ok "with its advisories" "$(<"$work/diff")"; fi
expect "--exit-code" 1 "is out of date: 2 packages, 3 advisories" outdated --exit-code
expect "JSON" 0 "" outdated --json
if python3 - "$work/.out" <<-'END'; then ok "for machines"; else not_ok "for machines" "$out"; fi
	import json, sys
	told = json.load(open(sys.argv[1]))
	assert [(c["name"], c["locked"], c["available"]) for c in told["outdated"]] == [("core", "1-1", "2-1"), ("lib", "1-1", "2-1")], told
	assert [(a["id"], a["severity"], a["fixed"]) for a in told["advisories"]] == [
	    ("RHSA-2026:3", "Critical", False), ("RHSA-2026:9", "Moderate", True), ("RHBA-2026:2", None, True)], told
	assert told["advisories"][1]["cves"] == ["CVE-2026-11", "CVE-2026-12"], told
END
expect "outdated wants a lock" 2 "option '--lock FILE' is missing" "$bundle" outdated -f "$work/b.yaml"
expect "after an update" 0 "2 up" resolve --update
expect "what was fixed is gone" 0 "RHSA-2026:3" outdated
if [[ $out == *RHSA-2026:9* || $out == *RHBA* ]]; then not_ok "and only that" "$out"; else ok "and only that"; fi

# --- the same advisories as dnf's ---
cat >"$work/modules.yaml" <<-END
	---
	document: modulemd
	version: 2
	data:
	  name: m
	  stream: "1"
	  version: 1
	  context: c0ffee
	  arch: x86_64
	  summary: m
	  description: m
	  license: {module: [MIT]}
	  artifacts: {rpms: ["modular-0:1-1.module.x86_64", "modular-0:2-1.module.x86_64"]}
	---
	document: modulemd-defaults
	version: 1
	data: {module: m, stream: "1"}
END
repos base
definition 'app, side, modular, epoch'
rm "$lock"
packages="$text_1
	epoch-1:1-1.noarch
	modular-1-1.module.x86_64
	modules: $work/modules.yaml"
repo base 20 <<<"$packages"
expect "a lock with a stream's package" 0 "modular" resolve --json
expect "to be carried on" 0 "" cp "$lock" "$work/before.lock"
repo base 21 <<-END
	$packages
	modular-2-1.module.x86_64
	core-2-1.x86_64
	advisory: A-1 security Important "core" CVE-1: core-2-1.x86_64 core-2-1.i686 lib-1-1.x86_64
	advisory: A-2 bugfix None "older" -: epoch-9-1.noarch side-0.9-1.x86_64
	advisory: A-3 enhancement None "not there" -: epoch-1:2-1.noarch tool-1-2.x86_64
	advisory: A-4 security Critical "stream" -: module=m:1:c0ffee modular-2-1.module.x86_64
	advisory: A-5 security Critical "another stream" -: module=m:2:c0ffee modular-9-1.module.x86_64
	advisory: A-6 security Low "another context" -: module=m:1:beef modular-9-1.module.x86_64
	advisory: A-7 newpackage None "two streams" -: module=m:2:c0ffee module=m:1:c0ffee modular-3-1.module.x86_64 tool-1-3.noarch
END
expect "what is newer" 0 "" outdated --json
python3 - "$work/.out" >"$work/ours" <<-'END'
	import json, sys
	for a in json.load(open(sys.argv[1]))["advisories"]:
	    for p in a["packages"]:
	        print(a["id"], a["type"], a["severity"] or "-", f"{p['name']}.{p['arch']}", p["fixed_in"])
END
nevras | tr ' ' '\n' >"$work/nevras"
mkdir -p "$work/old/repodata" "$work/repos.d"
gzip <"$work/base/repodata/primary.xml" >"$work/old/repodata/primary.xml.gz"
cp "$work/all.repo" "$work/repos.d/"
capture "$root/tests/cli/dnf_oracle.py" --advisories "$work/root" "$work/repos.d" platform:el8 8 x86_64
if ((status == 2)); then
	skip "dnf names the same advisories" "dnf is not installed"
elif [[ ! -x $(command -v rpmbuild) ]]; then
	skip "dnf names the same advisories" "rpmbuild is not installed"
else
	rm -rf "$work/root"
	expect "a root with the lock's packages" 0 "" "$root/tests/cli/make_root.py" "$work/root" "$work/rpmbuild" "$work/nevras" "$work/old"
	expect "dnf finds advisories" 0 "A-4 security Critical modular.x86_64 2-1.module" \
		"$root/tests/cli/dnf_oracle.py" --advisories --installed "$work/root" "$work/repos.d" platform:el8 8 x86_64
	if diff "$work/.out" <(sort "$work/ours") >"$work/diff"; then
		ok "dnf names the same advisories"
	else
		not_ok "dnf names the same advisories" "$(<"$work/diff")"
	fi
fi

# --- only the inputs count ---
definition 'a, m, z'
repo base 12 <<-END
	a-1-1.x86_64 requires: shared, deep
	m-1-1.x86_64 requires: shared
	z-1-1.x86_64 requires: shared, deep
	deep-1-1.x86_64
	shared-1-1.x86_64
END
rm "$lock"
definition 'a, m, z'
expect "a fresh lock" 0 "" "$bundle" resolve -f "$work/b.yaml" -o "$lock" --cache "$work/c.fresh"
for setting in LC_ALL=C.UTF-8 TZ=Pacific/Kiritimati LANG=C; do
	expect "resolves with $setting" 0 "" env "$setting" "$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/c.$setting"
	expect "the same bytes" 0 "" cmp "$lock" "$work/again.lock"
	rm "$work/again.lock"
done
for mask in 000 077; do
	(
		umask "$mask"
		"$bundle" resolve -f "$work/b.yaml" -o "$work/mask$mask.lock" --cache "$work/c.$mask" 2>/dev/null
	)
	expect "the same bytes with umask $mask" 0 "" cmp "$lock" "$work/mask$mask.lock"
	expect "and the same mode" 0 "644" stat -c %a "$work/mask$mask.lock"
done
# --- nor which server answers ---
# Serves $work and writes its port to the file named.
web_server() {
	exec python3 -c '
import http.server, os, sys
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
os.chdir(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
with open(sys.argv[2] + ".new", "w") as out: out.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()' "$work" "$1"
}
web_server "$work/port1" 2>"$work/server1.err" &
first_server=$!
web_server "$work/port2" 2>"$work/server2.err" &
second_server=$!
trap 'kill "$first_server" "$second_server" 2>/dev/null || true; rm -rf "$work"' EXIT
for ((i = 0; i < 100; i++)); do
	[[ -e $work/port1 && -e $work/port2 ]] && break
	sleep 0.1
done
one=http://127.0.0.1:$(<"$work/port1") two=http://127.0.0.1:$(<"$work/port2")
printf '[base]\nname=base\nbaseurl=%s/base %s/base\ngpgcheck=0\n[extra]\nname=extra\nmirrorlist=%s/mirrors\ngpgcheck=0\n' \
	"$one" "$two" "$two" >"$work/all.repo"
definition 'a, m, z, other'
printf '%s/extra\n%s/extra\n' "$one" "$two" >"$work/mirrors"
expect "from two mirrors" 0 "6 packages" "$bundle" resolve -f "$work/b.yaml" -o "$lock" --cache "$work/c.both"
expect "the lock has both, and the list" 0 "mirrors: [\"$two/base\"]" grep 'id: base' "$lock"
expect "the list alone where there is no more" 0 "{id: extra, mirrorlist: \"$two/mirrors\", repomd" grep 'id: extra' "$lock"
printf '%s/extra\n%s/extra\n' "$two" "$one" >"$work/mirrors"
expect "the list in another order" 0 "" "$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/c.order"
expect "gives the same bytes" 0 "" cmp "$lock" "$work/again.lock"
kill "$first_server"
wait "$first_server" 2>/dev/null || true
first_server=$second_server
rm "$work/again.lock"
expect "one mirror dead" 0 "" "$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/c.dead"
expect "gives the same bytes too" 0 "" cmp "$lock" "$work/again.lock"
kill "$second_server"
wait "$second_server" 2>/dev/null || true
trap 'rm -rf "$work"' EXIT
expect "without any server, from the cache" 0 "unchanged" "$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/c.dead" --offline
definition 'a, m, z, other' 'wheels: {requirements: [x]}'
expect "wheels are not had without a network" 4 "carry a lock's wheels on with --update" \
	env -u PIP_NO_INDEX "$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/c.dead" --offline
echo '  - {name: x, version: "1", file: x-1-py3-none-any.whl, url: "https://index.example/x.whl", sha256: '"$(sha256sum </dev/null | cut -d' ' -f1)}" \
	>"$work/wheel"
sed -i -e 's/^wheels: \[\]/wheels:/' -e "\$r $work/wheel" "$work/again.lock"
expect "but carried on" 0 "1 wheel" \
	env -u PIP_NO_INDEX "$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/c.dead" --offline --update
expect "with a word about it" 0 "the wheels stay as the lock has them" \
	env -u PIP_NO_INDEX "$bundle" resolve -f "$work/b.yaml" -o "$work/again.lock" --cache "$work/c.dead" --offline --update a
finish
