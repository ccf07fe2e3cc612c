#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What show and diff tell of real bundles: an older one, and one with newer packages, another key, wheel, template and topology.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

if ! python3 -m pip --version >/dev/null 2>&1; then
	skip "what show and diff tell" "pip is not installed"
	finish
fi
umask 077
if ! { "$root/tests/cli/make_bundle.sh" "$work/a" && "$root/tests/cli/make_bundle.sh" "$work/b" 4 300 3; } >"$work/log" 2>&1; then
	not_ok "bundles can be made" "$(<"$work/log")"
	finish
fi
"$bundle" keys init --out "$work/keys" >/dev/null 2>&1
python3 "$root/tests/unit/make_wheels.py" "$work/b/wheels" demo==1.1
sed -i '/^packages:/s/filler-1, //' "$work/b/bundle.yaml"
echo 'more = 1' >>"$work/b/services/alpha/templates/main"
sed -i 's/address: 10.0.0.2/address: 10.0.0.3/' "$work/b/topology.yaml"
# shellcheck disable=SC2317 # called through expect
build_one() { # DIR
	PIP_NO_INDEX=1 PIP_FIND_LINKS=$work/$1/wheels "$bundle" build -f "$work/$1/bundle.yaml" --keys "$work/keys" \
		--passphrases "$work/$1/passphrases" --cache "$work/cache" -o "$work/out"
}
expect "an older bundle" 0 "pgha-scene-1.tar" build_one a
expect "and a newer one" 0 "pgha-scene-2.tar" build_one b
old=$work/out/pgha-scene-1.tar new=$work/out/pgha-scene-2.tar

says() { # NAME LINE…: each is in the last output, as a regular expression
	local line missing=''
	for line in "${@:2}"; do grep -qE -- "$line" <<<"$out" || missing+=" '$line'"; done
	if [[ -z $missing ]]; then ok "$1"; else not_ok "$1" "not there:$missing" "$out"; fi
}
expect "show" 0 "" "$bundle" show --ca "$work/keys/ca.crt" "$old"
says "it tells packages by service" '^alpha: 1 package,' '^beta: 1 package,' '^requested: 4 packages' 'alpha-1:2-1.noarch  MIT  signed by [0-9A-F]{40}$'
says "and the advisories" 'fixed +Important +security +SCENE-2026:1 .*CVE-2026-1'
says "and all the rest" '^signer     O=pgha.*SHA-256 [0-9a-f]{64}$' '^expires    20' 'demo 1.0' '^certificates: 2' 'until 20.*certs/two/beta-server.crt'
expect "in JSON" 0 "" "$bundle" show --json "$old"
printf '%s' "$out" >"$work/json"
expect "which is JSON" 0 "" python3 -c 'import json, sys
b = json.load(open(sys.argv[1]))
assert b["signer"] is None and b["sequence"] == 1 and not b["expired"]
assert [s["name"] for s in b["services"]] == ["alpha", "beta", "requested"]
assert len(b["packages"]) == 6 and all(len(p["key"]) == 40 and p["license"] == "MIT" for p in b["packages"])
assert [(w["name"], w["version"]) for w in b["wheels"]] == [("demo", "1.0")]
assert "10.0.0.2" in b["certificates"][1]["sans"]' "$work/json"
"$bundle" keys init --out "$work/other" >/dev/null 2>&1
expect "another CA" 5 "" "$bundle" show --ca "$work/other/ca.crt" "$old"


# Three more members of 512 MiB each, and none of them there: nothing is read before it is refused.
expect "an index can be made longer" 0 "" "$root/tests/cli/grow_index.py" "$old" "$work/huge.tar" 3 $((1 << 29))
expect "a bundle that would fill the memory is refused" 5 "has 1536 MiB beside its packages" "$bundle" show "$work/huge.tar"
expect "where a CA is given, its signature first" 5 "does not fit the data" "$bundle" show --ca "$work/keys/ca.crt" "$work/huge.tar"

expect "diff" 0 "" "$bundle" diff "$old" "$new"
says "it tells packages and wheels" '^  up +alpha +1:2-1 -> 1:3-1$' 'up +demo +1.0 -> 1.1 +wheel' \
	'added +filler-4 ' 'removed +filler-1 '
says "and what else changed" 'changed +certs/two/beta-server.crt +O=pgha' 'changed +manifests/topology.yaml' \
	'changed +manifests/services/alpha/templates/main' 'added +keys/' 'removed +keys/'
if [[ $out == *pgha.lock* || $out == *certs/one* ]]; then not_ok "but nothing that did not" "$out"; else ok "but nothing that did not"; fi
says "and the advisories that it fixes" '^advisories fixed:' 'Important +security +SCENE-2026:1' 'CVE-2026-1' 'alpha.noarch +1:2-1 -> 1:3-1'
expect "diff in JSON" 0 "" "$bundle" diff --json "$old" "$new"
printf '%s' "$out" >"$work/json"
expect "which is JSON too" 0 "" python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert {(p["name"], p["to"]) for p in d["packages"]["up"]} >= {("alpha", "1:3-1"), ("demo", "1.1")}
assert [p["name"] for p in d["packages"]["removed"]] == ["filler-1"]
cert, = d["certificates"]
assert "10.0.0.2" in cert["from"]["sans"] and "10.0.0.3" in cert["to"]["sans"]
assert not d["installer"] and not d["platform"]' "$work/json"
expect "the other way round" 0 "" "$bundle" diff "$new" "$old"
says "what was up is down" 'down +alpha +1:3-1 -> 1:2-1'
expect "a bundle and itself" 0 "no package changes" "$bundle" diff "$old" "$old"
expect "one that is not there" 2 "cannot open" "$bundle" diff "$old" "$work/none.tar"
head -c 4096 "$old" >"$work/short.tar"
expect "a short one" 5 "" "$bundle" diff "$old" "$work/short.tar"

# --- volumes, and deltas of them ----------------------------------------------------------------------------------

mv "$work/out" "$work/whole"
echo 'still more = 1' >>"$work/b/services/beta/templates/main"
# more OUT OPTION…
more() {
	local out=$work/$1
	shift
	PIP_NO_INDEX=1 PIP_FIND_LINKS=$work/b/wheels "$bundle" build -f "$work/b/bundle.yaml" --keys "$work/keys" \
		--passphrases "$work/b/passphrases" --cache "$work/cache" -o "$out" "$@"
}
old=$work/whole/pgha-scene-1.tar new=$work/whole/pgha-scene-2.tar
more volumes --volume-size 1MiB >/dev/null 2>&1
if [[ ! -e $work/volumes/pgha-scene-3.1of2.tar ]]; then not_ok "there are volumes" "$(ls "$work/volumes")"; fi
expect "show of a volume" 0 "" "$bundle" show "$work/volumes/pgha-scene-3.2of2.tar"
volumes=$out
says "it names all of them" '^volumes    2$' ' KiB +[0-9]+ members in pgha-scene-3.1of2.tar$' ' KiB +[0-9]+ members in pgha-scene-3.2of2.tar$'
says "and tells all, as they lie side by side" '^alpha: 1 package,' '^certificates: 2'
expect "show of their directory" 0 "$volumes" "$bundle" show "$work/volumes"
mkdir "$work/alone" "$work/swapped"
cp "$work/volumes/pgha-scene-3.2of2.tar" "$work/alone/second.tar"
expect "show of one alone" 0 "this is not all: '$work/alone/second.tar' is a bundle in 2 volumes, and 'pgha-scene-3.1of2.tar' is not there" \
	"$bundle" show "$work/alone/second.tar"
says "it tells what its index says" 'members in pgha-scene-3.1of2.tar  \(not here\)$' 'alpha-3-1.noarch.rpm  signed by'
cp "$work/volumes/pgha-scene-3.1of2.tar" "$work/swapped/pgha-scene-3.2of2.tar"
cp "$work/volumes/pgha-scene-3.2of2.tar" "$work/swapped/pgha-scene-3.1of2.tar"
expect "under each other's names" 0 "$volumes" "$bundle" show "$work/swapped/pgha-scene-3.2of2.tar"
for command in "diff $old" sbom; do
	# shellcheck disable=SC2086 # a command with its arguments
	expect "${command%% *} needs all of them" 2 "put them all into one directory" "$bundle" $command "$work/alone/second.tar"
done
expect "diff takes a directory" 0 "changed   manifests/services/beta/templates/main" "$bundle" diff "$new" "$work/volumes"

echo 'yet more = 1' >>"$work/b/services/alpha/templates/main"
more delta --delta-from "$work/volumes" >/dev/null 2>&1
delta=$work/delta/pgha-scene-4-from-3.tar
digest=$(tar -xOf "$work/volumes/pgha-scene-3.1of2.tar" index.yaml | sha256sum | cut -d' ' -f1)
expect "show of a delta" 0 "this is not all: '$delta' is a delta on top of sequence 3: name that bundle with --base" "$bundle" show "$delta"
says "it names the base" "^base       sequence 3, whose index has the SHA-256 $digest\$" 'members are carried here$' "members are the base's\$" \
	'alpha-3-1.noarch.rpm .*\(from the base\)$'
expect "with its base" 0 "" "$bundle" show "$delta" --base "$work/volumes"
says "it tells all" '^alpha: 1 package,' 'alpha-1:3-1.noarch  MIT  signed by .*\(from the base\)$' '^certificates: 2' 'demo 1.1'
expect "with another bundle" 5 "that is sequence 3, whose index has the SHA-256 $digest" "$bundle" show "$delta" --base "$new"
expect "a complete bundle has no base" 2 "is complete: leave --base out" "$bundle" show "$new" --base "$old"
expect "in JSON" 0 "" "$bundle" show --json "$delta"
printf '%s' "$out" >"$work/json"
expect "it has what is carried" 0 "" python3 -c 'import json, os, sys
b = json.load(open(sys.argv[1]))
archive, = b["archives"]
assert archive["name"] == os.path.basename(sys.argv[2]) and archive["here"]
assert archive["size"] < 20000 < b["base"]["size"] and b["base"]["members"] > archive["members"] > 4
assert b["base"]["sequence"] == b["base_sequence"] == 3 and b["base"]["index_sha256"] == sys.argv[3]
assert not any(p["carried"] for p in b["packages"])' "$work/json" "$delta" "$digest"

expect "diff of a base and its delta" 0 "" "$bundle" diff "$work/volumes" "$delta"
says "it tells what changed" 'packages and wheels: no package changes' '^  changed   manifests/services/alpha/templates/main$'
if [[ $out == *beta* ]]; then not_ok "and nothing else" "$out"; else ok "and nothing else"; fi
expect "diff of a delta and another bundle" 2 "name that bundle with --base" "$bundle" diff "$old" "$delta"
expect "with the base" 0 "" "$bundle" diff "$old" "$delta" --base "$work/volumes"
says "it is as of whole bundles" '^  up +alpha +1:2-1 -> 1:3-1$' 'changed +certs/two/beta-server.crt +O=pgha' 'Important +security +SCENE-2026:1'
expect "a base where none is wanted" 2 "both bundles are complete" "$bundle" diff "$old" "$new" --base "$work/volumes"
more delta2 --delta-from "$delta" --rebuild >/dev/null 2>&1
expect "a delta of a delta needs both" 2 "is a delta on top of sequence 3" "$bundle" diff "$delta" "$work/delta2"
expect "and then it is known" 0 "no package changes" "$bundle" diff "$delta" "$work/delta2" --base "$work/volumes"
expect "a bill of a delta" 2 "name that bundle with --base" "$bundle" sbom "$delta"
"$bundle" sbom "$delta" --base "$work/volumes" >"$work/sbom.json" 2>/dev/null
more complete >/dev/null 2>&1
parts() { python3 -c 'import json, sys; print(*sorted(map(str, json.load(open(sys.argv[1]))["packages"][1:])))' "$1"; }
"$bundle" sbom "$work/complete" >"$work/complete.json"
if [[ -s $work/sbom.json && $(parts "$work/sbom.json") == "$(parts "$work/complete.json")" ]]; then ok "with its base it is that of the whole"
else not_ok "with its base it is that of the whole" "$(diff "$work/sbom.json" "$work/complete.json")"; fi
if [[ $(cat "$work/.out" "$work/.err") == *"the password of"* ]]; then not_ok "no secret is told"; else ok "no secret is told"; fi
finish
