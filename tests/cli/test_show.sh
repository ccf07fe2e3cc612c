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
if ! { "$root/tests/cli/make_bundle.sh" "$work/a" && "$root/tests/cli/make_bundle.sh" "$work/b" 4 8 3; } >"$work/log" 2>&1; then
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
says "it tells packages by service" '^alpha: 1 packages' '^beta: 1 packages' '^requested: 4 packages' 'alpha-1:2-1.noarch  MIT  signed by [0-9A-F]{40}$'
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
if [[ $(cat "$work/.out" "$work/.err") == *"the password of"* ]]; then not_ok "no secret is told"; else ok "no secret is told"; fi
finish
