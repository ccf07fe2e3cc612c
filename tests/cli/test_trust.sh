#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which bundle and which CA pgha-install takes when it is told neither, or a fingerprint; on a terminal and without one.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild rpmsign createrepo_c gpg openssl; do
	command -v "$tool" >/dev/null || {
		skip "which CA and which bundle" "$tool is not here"
		exit 0
	}
done
((EUID == 0)) || {
	skip "which CA and which bundle" "an installation needs root"
	exit 0
}
umask 022
terminal=$root/tests/cli/terminal.py
scene=$work/scene
"$root/tests/cli/make_bundle.sh" "$scene" 1 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
sed -i '/^wheels:/d' "$scene/bundle.yaml"
build_one() { # OUT
	"$bundle" build -f "$scene/bundle.yaml" --keys "$scene/keys" --passphrases "$scene/passphrases" --cache "$work/cache" --rebuild -o "$1" \
		>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}
for name in keys other; do "$bundle" keys init --out "$scene/$name" >/dev/null 2>&1; done
medium=$work/medium
mkdir "$medium"
build_one "$medium"
build_one "$medium"
cp "$install" "$medium/pgha-install"
pgha=$medium/pgha-install
fingerprint=$(openssl x509 -in "$scene/keys/ca.crt" -noout -fingerprint -sha256)
fingerprint=${fingerprint#*=}
other=$(openssl x509 -in "$scene/other/ca.crt" -noout -fingerprint -sha256)
other=${other#*=}
passphrase=$(sed -n 's/^one=//p' "$scene/passphrases")
unheard=(setsid --wait) # no terminal to ask on, wherever this runs

expect "without a CA anywhere, what to pass is said" 2 "name the cluster's CA with --ca" "${unheard[@]}" "$pgha" verify
expect "a fingerprint needs a file that has it" 2 "no ca.crt lies beside the bundle" "${unheard[@]}" "$pgha" verify --ca-sha256 "$fingerprint"
cp "$scene/keys/ca.crt" "$medium/ca.crt"
expect "without a terminal, what to pass is said" 2 "or its fingerprint with --ca-sha256" "${unheard[@]}" "$pgha" verify
one_line "and in one line"
expect "a fingerprint is enough, and the newest bundle is taken" 0 "pgha-scene-2.tar: intact" "${unheard[@]}" "$pgha" verify --ca-sha256 "$fingerprint"
expect "also without colons and in lower case" 0 "sequence   2" "${unheard[@]}" "$pgha" verify --ca-sha256 "$(tr -d : <<<"${fingerprint,,}")"
expect "a bundle that is named is the one that is taken" 0 "sequence   1" \
	"$pgha" verify --ca-sha256 "$fingerprint" --bundle "$medium/pgha-scene-1.tar"
expect "another fingerprint is refused" 5 "is another one: its SHA-256 fingerprint is $fingerprint" "$pgha" verify --ca-sha256 "$other"
expect "with --ca, that file must have it" 5 "is another one" "$pgha" verify --ca "$scene/other/ca.crt" --ca-sha256 "$fingerprint"
expect "what is no fingerprint is said" 2 "is no SHA-256 fingerprint" "$pgha" verify --ca-sha256 "${fingerprint%?}"
cat "$scene/keys/ca.crt" "$scene/other/ca.crt" >"$medium/ca.crt"
expect "a CA that hides behind the one of the fingerprint is refused" 5 "did not issue the one before it" "$pgha" verify --ca-sha256 "$fingerprint"
cp "$scene/keys/ca.crt" "$medium/ca.crt"

expect "a CA that is none is named" 3 "'$scene/bundle.yaml' is not a certificate in PEM" "$pgha" verify --ca "$scene/bundle.yaml"
one_line "in one line"
expect "on a terminal no answer is no fingerprint" 2 "no fingerprint was given" "$terminal" 'printed it: ' "" -- "$pgha" verify
expect "of two bundles one is to be named" 2 "name one of them" "$pgha" verify --ca "$scene/keys/ca.crt" --bundle "$medium/pgha-scene-1.tar" --bundle "$medium/pgha-scene-2.tar"
expect "on a terminal the fingerprint is asked for" 0 "pgha-scene-2.tar: intact" "$terminal" 'printed it: ' "$fingerprint" -- "$pgha" verify
expect "and a wrong one refused" 5 "is another one" "$terminal" 'printed it: ' "$other" -- "$pgha" verify
target=$work/root
mkdir -p "$target/etc"
echo root:x:0:0::/: >"$target/etc/passwd"
echo root:x:0: >"$target/etc/group"
expect "an installation with nothing else asks for both" 0 "install alpha-1:2-1.noarch" "$terminal" 'printed it: ' "$fingerprint" 'Passphrase of' "$passphrase" -- \
	"$pgha" --node one --root "$target" --dry-run
if [[ $out != *"$passphrase"* ]]; then ok "the passphrase is not shown"; else not_ok "the passphrase is not shown" "$out"; fi
expect "a wrong passphrase is refused" 5 "passphrase" "$terminal" 'printed it: ' "$fingerprint" 'Passphrase of' "not the passphrase" -- \
	"$pgha" --node one --root "$target" --dry-run
expect "without a terminal, how to give the passphrase is said" 2 "use --passphrase-file" "${unheard[@]}" "$pgha" --node one --root "$target" \
	--ca-sha256 "$fingerprint" --dry-run
expect "it is installed so" 0 "sequence 2" "$terminal" 'printed it: ' "$fingerprint" 'Passphrase of' "$passphrase" -- \
	"$pgha" --node one --root "$target"
if cmp -s "$target/var/lib/pgha/ca.crt" "$scene/keys/ca.crt"; then ok "and that CA is known from then on"; else not_ok "and that CA is known from then on"; fi
rm "$medium/ca.crt"
expect "nothing is asked about it again" 0 "" "$terminal" 'Passphrase of' "$passphrase" -- "$pgha" --node one --root "$target" --dry-run
mkdir -p "$work/placed/etc/pgha"
cp "$scene/keys/ca.crt" "$work/placed/etc/pgha/ca.crt"
expect "a CA that lies in /etc/pgha is taken" 0 "" "$terminal" 'Passphrase of' "$passphrase" -- "$pgha" --node one --root "$work/placed" --dry-run
chmod 666 "$work/placed/etc/pgha/ca.crt"
expect "not one that others may write to" 3 "others may write to" "$pgha" --node one --root "$work/placed" --dry-run
mkdir "$work/two"
cp "$medium/pgha-scene-2.tar" "$work/two/pgha-another-7.tar"
cp "$medium/pgha-scene-2.tar" "$work/two/pgha-scene-2.tar"
cp "$install" "$work/two/pgha-install"
expect "of two clusters none is guessed" 2 "are of two clusters" "$work/two/pgha-install" verify --ca "$scene/keys/ca.crt"
finish
