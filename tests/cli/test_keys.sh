#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pgha-bundle keys init, with stock openssl as the judge of what it made.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

keys=$work/zone/keys

# same NAME EXPECTED ACTUAL
same() {
	if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "expected: $2" "got: $3"; fi
}

expect "keys init makes a directory" 0 "keep it private" "$bundle" keys init --out "$keys" --cluster demo
same "keys init prints one line to standard output" 1 "$(wc -l <<<"$out")"
same "the printed fingerprint is the CA's" \
	"CA SHA-256 fingerprint: $(openssl x509 -in "$keys/ca.crt" -noout -fingerprint -sha256 | cut -d= -f2)" "$out"
same "modes are private" "700 . 600 ca.key 600 sequence 600 signer.key" \
	"$(cd "$keys" && stat -c '%a %n' . ./*.key sequence | sed 's,\./,,' | sort -k2 | tr '\n' ' ' | sed 's/ $//')"
same "certificates may be read" "644 644" "$(stat -c %a "$keys/ca.crt" "$keys/signer.crt" | tr '\n' ' ' | sed 's/ $//')"
same "the sequence begins at 0" 0 "$(cat "$keys/sequence")"
same "nothing is left beside the directory" keys "$(ls "$work/zone")"
expect "the signer passes openssl verify" 0 OK \
	openssl verify -x509_strict -purpose smimesign -CAfile "$keys/ca.crt" "$keys/signer.crt"
expect "the signer is no TLS server" 2 "" openssl verify -purpose sslserver -CAfile "$keys/ca.crt" "$keys/signer.crt"
expect "the CA is on P-384" 0 secp384r1 openssl x509 -in "$keys/ca.crt" -noout -text
expect "the signer carries the usage of our own" 0 2.25.89382763533730074314270997068553096812 \
	openssl x509 -in "$keys/signer.crt" -noout -text
if openssl x509 -in "$keys/ca.crt" -noout -checkend $((9 * 365 * 86400)) >/dev/null &&
	openssl x509 -in "$keys/signer.crt" -noout -checkend $((360 * 86400)) >/dev/null &&
	! openssl x509 -in "$keys/signer.crt" -noout -checkend $((366 * 86400)) >/dev/null; then
	ok "the CA lives for ten years and the signer for one"
else
	not_ok "the CA lives for ten years and the signer for one"
fi

before=$(sha256sum "$keys"/*)
expect "keys init overwrites nothing" 1 "exists and is not empty" "$bundle" keys init --out "$keys"
one_line "the refusal is one line"
same "the keys are as they were" "$before" "$(sha256sum "$keys"/*)"
same "no temporary directory is left" keys "$(ls "$work/zone")"

mkdir "$work/empty"
expect "keys init fills an empty directory" 0 "CA SHA-256 fingerprint: " "$bundle" keys init --out "$work/empty"
same "a directory that was empty is private afterwards" 700 "$(stat -c %a "$work/empty")"
if cmp -s "$keys/ca.key" "$work/empty/ca.key"; then not_ok "keys are never the same"; else ok "keys are never the same"; fi

: >"$work/file"
expect "a file is no place for keys" 1 "is no directory" "$bundle" keys init --out "$work/file"
expect "keys init needs --out" 2 "--out" "$bundle" keys init
one_line "a missing option is one line"
expect "a cluster's name is a word" 2 "cluster name 'a b'" "$bundle" keys init --out "$work/x" --cluster "a b"
same "a refused cluster leaves nothing" "" "$(ls -d "$work"/x* 2>/dev/null)"
expect "a file that cannot hold a directory is said so" 1 "$work/file" "$bundle" keys init --out "$work/file/keys"

"$bundle" keys init --out "$work/other" >"$work/.out" 2>"$work/.err"
printf 'x' >"$work/index.yaml"
openssl cms -sign -binary -in "$work/index.yaml" -signer "$keys/signer.crt" -inkey "$keys/signer.key" -outform DER \
	-out "$work/index.yaml.p7s"
tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@315532800 -b 1 -C "$work" \
	-cf "$work/foreign.tar" index.yaml index.yaml.p7s
expect "a bundle of another CA is told as such" 5 'another CA than the one given issued it' "$install" verify --bundle "$work/foreign.tar" --ca "$work/other/ca.crt"
finish
