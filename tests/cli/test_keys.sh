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
if [[ $err == *"ca.key' is not encrypted"* ]]; then ok "a key without a passphrase is told"; else not_ok "a key without a passphrase is told" "$err"; fi
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

# -- the CA's key under a passphrase ---------------------------------------------------------------
umask 077
echo 'correct horse battery' >"$work/pass"
echo 'another passphrase' >"$work/wrong"
echo short >"$work/short"
enc=$work/enc
expect "keys init encrypts the CA's key" 0 "CA SHA-256" "$bundle" keys init --out "$enc" --passphrase-file "$work/pass"
if [[ $err == *"--ca-passphrase-file"* ]]; then ok "the next command names its passphrase"; else not_ok "the next command names its passphrase" "$err"; fi
if [[ $err == *"not encrypted"* ]]; then not_ok "it is not called open" "$err"; else ok "it is not called open"; fi
expect "stock openssl opens it with the passphrase" 0 "" \
	openssl pkey -in "$enc/ca.key" -passin "file:$work/pass" -noout
if openssl pkey -in "$enc/ca.key" -passin "file:$work/wrong" -noout 2>/dev/null; then
	not_ok "and not with another"
else
	ok "and not with another"
fi
expect "it is AES-256 with PBKDF2 and SHA-256" 0 hmacWithSHA256 openssl asn1parse -in "$enc/ca.key"
# shellcheck disable=SC2016 # the inner shell expands it
expect "a passphrase may come from a descriptor" 0 "CA SHA-256" \
	bash -c '"$0" keys init --out "$1" --passphrase-fd 7 7<"$2"' "$bundle" "$work/enc-fd" "$work/pass"
expect "and opens the key" 0 "" openssl pkey -in "$work/enc-fd/ca.key" -passin "file:$work/pass" -noout
expect "a short passphrase is refused" 3 "shorter than 12" "$bundle" keys init --out "$work/no" --passphrase-file "$work/short"
chmod 644 "$work/short"
expect "a passphrase file that others may read is refused" 3 "chmod 600" "$bundle" keys init --out "$work/no" --passphrase-file "$work/short"
expect "a passphrase that is not there is a usage error" 2 "$work/none" "$bundle" keys init --out "$work/no" --passphrase-file "$work/none"
expect "a descriptor that is closed is a usage error" 2 "descriptor" "$bundle" keys init --out "$work/no" --passphrase-fd 99
expect "without a terminal nothing is asked" 2 "no terminal" setsid "$bundle" keys init --out "$work/no" --ask-passphrase
same "refused runs leave nothing" "" "$(ls -d "$work"/no* 2>/dev/null)"
if command -v script >/dev/null; then
	asked() { # TEXT: waits until the terminal shows it
		for _ in {1..300}; do
			! grep -q "$1" "$work/typescript" 2>/dev/null || break
			sleep 0.1
		done
	}
	rm -f "$work/typescript"
	{ asked 'New passphrase of'; echo 'typed by a person'; asked 'Again, '; echo 'typed by a person'; sleep 1; } |
		script -qfec "'$bundle' keys init --out '$work/typed' --ask-passphrase" "$work/typescript" >/dev/null
	expect "a terminal is asked twice" 0 "" openssl pkey -in "$work/typed/ca.key" -passin 'pass:typed by a person' -noout
	if grep -q 'typed by' "$work/typescript"; then not_ok "what is typed is not shown"; else ok "what is typed is not shown"; fi
else
	skip "a terminal is asked twice" "no script"
fi

# -- kinds of keys, names, lifetimes ----------------------------------------------------------------
expect "RSA by choice" 0 "CA SHA-256" "$bundle" keys init --out "$work/rsa" --rsa 3072 --ca-days 1000 --signer-days 30
expect "the CA has 3072 bits" 0 "3072 bit" openssl x509 -in "$work/rsa/ca.crt" -noout -text
expect "the signer is RSA too" 0 "rsaEncryption" openssl x509 -in "$work/rsa/signer.crt" -noout -text
expect "its signature is SHA-384" 0 "sha384WithRSAEncryption" openssl x509 -in "$work/rsa/signer.crt" -noout -text
expect "an RSA signer passes openssl verify" 0 OK \
	openssl verify -x509_strict -purpose smimesign -CAfile "$work/rsa/ca.crt" "$work/rsa/signer.crt"
expect "RSA below 3072 is refused" 2 "--rsa" "$bundle" keys init --out "$work/no" --rsa 2048
if openssl x509 -in "$work/rsa/ca.crt" -noout -checkend $((999 * 86400)) >/dev/null &&
	! openssl x509 -in "$work/rsa/ca.crt" -noout -checkend $((1001 * 86400)) >/dev/null &&
	! openssl x509 -in "$work/rsa/signer.crt" -noout -checkend $((31 * 86400)) >/dev/null; then
	ok "lifetimes are options"
else
	not_ok "lifetimes are options"
fi
expect "names of a topology constrain the CA" 0 "CA SHA-256" \
	"$bundle" keys init --out "$work/nc" -f "$root/manifests/rhel8.yaml" --permit 10.99.0.0/16
expect "and its definition names the cluster" 0 "OU=patroni-cluster" openssl x509 -in "$work/nc/ca.crt" -noout -subject -nameopt RFC2253
expect "the constraints are critical" 0 "Name Constraints: critical" openssl x509 -in "$work/nc/ca.crt" -noout -text
expect "the domain is in them" 0 "DNS:pgha.internal" openssl x509 -in "$work/nc/ca.crt" -noout -text
expect "an address is in them" 0 "IP:10.77.1.11/255.255.255.255" openssl x509 -in "$work/nc/ca.crt" -noout -text
expect "a network is in them" 0 "IP:10.99.0.0/255.255.0.0" openssl x509 -in "$work/nc/ca.crt" -noout -text
expect "a name that is none is refused" 3 "'a/b'" "$bundle" keys init --out "$work/no" --permit a/b
if command -v git >/dev/null; then
	same "git ignores private keys" "ca.key
signer.key" "$(cd "$work/nc" && git init -q . && git status --porcelain --ignored | sed -n 's/^!! //p' | sort)"
else
	skip "git ignores private keys" "no git"
fi
same "each certificate is recorded" "ca signer" "$(python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert all(len(r["serial"]) >= 16 and len(r["sha256"]) == 64 for r in rows)
print(*[r["for"] for r in rows])' "$work/nc/issued.jsonl")"
same "its serial number is the certificate's" \
	"$(openssl x509 -in "$work/nc/signer.crt" -noout -serial | cut -d= -f2)" \
	"$(python3 -c 'import json, sys; print(json.loads(list(open(sys.argv[1]))[1])["serial"])' "$work/nc/issued.jsonl")"

"$bundle" keys init --out "$work/other" >"$work/.out" 2>"$work/.err"
printf 'x' >"$work/index.yaml"
openssl cms -sign -binary -in "$work/index.yaml" -signer "$keys/signer.crt" -inkey "$keys/signer.key" -outform DER \
	-out "$work/index.yaml.p7s"
# As build writes it: GNU tar 1.35 leaves the numbers of devices empty.
python3 - "$work/index.yaml" "$work/index.yaml.p7s" >"$work/foreign.tar" <<'PY'
import os, sys
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    head = bytearray(512)
    for at, text in ((0, os.path.basename(path)), (100, "0000644"), (108, "0000000"), (116, "0000000"), (124, "%011o" % len(data)),
                     (136, "%011o" % 315532800), (148, " " * 8), (156, "0"), (257, "ustar\x0000"), (329, "0000000"), (337, "0000000")):
        head[at:at + len(text)] = text.encode()
    head[148:156] = b"%06o\0 " % sum(head)
    sys.stdout.buffer.write(head + data + bytes(-len(data) % 512))
sys.stdout.buffer.write(bytes(1024))
PY
expect "a bundle of another CA is told as such" 5 'another CA than the one given issued it' "$install" verify --bundle "$work/foreign.tar" --ca "$work/other/ca.crt"
finish
