#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bills of materials of a bundle and of a lock: the stock validators accept them, and they hold what the lock holds.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

# The validators come from the Python index, once for each build directory.
venv=$build/tests/sbom-venv
# shellcheck disable=SC2317 # called through capture
validators() {
	[[ -e $venv/done ]] && return
	rm -rf "$venv"
	python3 -m venv "$venv" && "$venv/bin/pip" --quiet install 'spdx-tools==0.8.*' 'cyclonedx-python-lib[json-validation]>=8,<12' pyyaml &&
		touch "$venv/done"
}
if capture validators && ((status != 0)); then
	skip "sbom" "the validators cannot be had: ${err##*$'\n'}"
	finish
fi
# judged NAME SPDX CYCLONEDX LOCK COUNT
judged() { expect "$1" 0 "$5 packages and $5 components for $5 parts" "$venv/bin/python" "$root/tests/cli/check_sbom.py" "$2" "$3" "$4"; }

"$root/tests/cli/make_bundle.sh" "$work/d" >/dev/null 2>&1 || { not_ok "a bundle can be made"; finish; }
export PIP_NO_INDEX=1 PIP_FIND_LINKS=$work/d/wheels
umask 077
"$bundle" keys init --out "$work/keys" >/dev/null 2>&1
expect "a bundle is built" 0 "" "$bundle" build -f "$work/d/bundle.yaml" --keys "$work/keys" --passphrases "$work/d/passphrases" \
	--cache "$work/cache" -o "$work/out"
tar=$work/out/pgha-scene-1.tar
tar -xOf "$tar" manifests/pgha.lock >"$work/pgha.lock"

expect "its bill in SPDX" 0 "" "$bundle" sbom -o "$work/spdx.json" "$tar"
expect "and in CycloneDX" 0 "" "$bundle" sbom --format cyclonedx -o "$work/cyclonedx.json" "$tar"
judged "the validators accept both" "$work/spdx.json" "$work/cyclonedx.json" "$work/pgha.lock" 7
cp "$tar" "$work/copy.tar"
(cd / && TZ=Asia/Tokyo "$bundle" sbom "$work/copy.tar") >"$work/again.json"
expect "and they are the same elsewhere" 0 "" cmp "$work/spdx.json" "$work/again.json"
for text in '"pkg:rpm/alpha@2-1?arch=noarch&distro=el8&epoch=1"' '"pkg:pypi/demo@1.0?file_name=demo-1.0-py3-none-any.whl"' \
	'"licenseDeclared": "MIT"' 'repository scene, alpha-2-1.noarch.rpm, signed by '; do
	expect "it says $text" 0 "" grep -qF "$text" "$work/spdx.json"
done

# Whatever packages call their licence, and nothing but the lock.
sed -e '0,/license: MIT/s//license: "GPLv2+ and (MIT or \\"free\\")"/' -e '0,/license: MIT/s//license: Apache-2.0 WITH LLVM-exception/' \
	"$work/pgha.lock" >"$work/odd.lock"
expect "a lock's bill in SPDX" 0 "" "$bundle" sbom --lock "$work/odd.lock" -o "$work/spdx.json"
expect "a lock's bill in CycloneDX" 0 "" "$bundle" sbom --lock "$work/odd.lock" --format cyclonedx -o "$work/cyclonedx.json"
judged "the validators accept them too" "$work/spdx.json" "$work/cyclonedx.json" "$work/odd.lock" 7
expect "a licence that is no SPDX is quoted" 0 "" grep -qF '"extractedText": "GPLv2+ and (MIT or \"free\")"' "$work/spdx.json"
sed 's/"checksumValue": "[0-9a-f]/&0/' "$work/spdx.json" >"$work/broken.json"
expect "the judge does find what is wrong" 1 "" "$venv/bin/python" "$root/tests/cli/check_sbom.py" "$work/broken.json" "$work/cyclonedx.json" "$work/odd.lock"

expect "a bundle or a lock, not both" 2 "name a bundle, or a lock" "$bundle" sbom --lock "$work/odd.lock" "$tar"
expect "an unknown format" 2 "spdx or cyclonedx, not 'xml'" "$bundle" sbom --format xml "$tar"
expect "a bundle that is not there" 2 "cannot open" "$bundle" sbom "$work/none.tar"
size=$(stat -c %s "$tar")
place=$(grep -abo 'Name: demo' "$tar" | cut -d: -f1 | sed -n 1p)
cp "$tar" "$work/damaged.tar"
printf X | dd of="$work/damaged.tar" bs=1 seek="${place:-$((size / 2))}" conv=notrunc status=none
expect "a damaged wheel" 5 "its SHA-256 is not the index's" "$bundle" sbom "$work/damaged.tar"
finish
