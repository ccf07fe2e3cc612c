#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whole bundles: from an encrypted CA key, again without it, with certificates of another's CA, with a revocation list.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
umask 077
cd "$work" || exit 1

# same NAME EXPECTED ACTUAL
same() {
	if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "expected: $2" "got: $3"; fi
}
serial() { openssl x509 -in "$1" -noout -serial | cut -d= -f2; }

if ! "$root/tests/cli/make_bundle.sh" "$work/d" 1 1 >"$work/log" 2>&1; then
	skip "whole bundles" "no packages could be made: $(tail -n 1 "$work/log")"
	finish
fi
sed -i /^wheels:/d d/bundle.yaml
# build KEYS OUT [OPTION…]
# shellcheck disable=SC2317 # called by expect
build() {
	setsid "$bundle" build -f d/bundle.yaml --keys "$1" --passphrases d/passphrases --cache cache -o "$2" "${@:3}"
}
# unpacked OUT: the bundle's files, in OUT/x
unpacked() {
	rm -rf "$1/x"
	mkdir -p "$1/x"
	tar -xf "$1"/*.tar -C "$1/x"
	chmod -R u+rwX "$1/x"
}
digest() { sed -n 's/^payload_sha256: //p' "$1/x/index.yaml"; }

echo 'an ordinary passphrase' >pass
echo 'another passphrase' >wrong
"$bundle" keys init --out keys --cluster scene -f d/bundle.yaml --passphrase-file pass >/dev/null 2>&1

# -- the CA's key is encrypted ----------------------------------------------------------------------
{ cat d/passphrases && echo 'tow=a passphrase for nobody'; } >misspelt
expect "a passphrase for a node that is not there is told" 2 "the topology has no node 'tow'" \
	setsid "$bundle" build -f d/bundle.yaml --keys keys --passphrases misspelt --cache cache -o out
expect "without a passphrase and a terminal nothing is built" 2 "use --ca-passphrase-file" build keys out
expect "a wrong passphrase ends it" 5 "wrong passphrase" build keys out --ca-passphrase-file wrong
if [[ -e cache || -e out ]]; then not_ok "before anything is fetched"; else ok "before anything is fetched"; fi
expect "with its passphrase a bundle is built" 0 "pgha-scene-1.tar" build keys out --ca-passphrase-file pass
unpacked out
expect "its index verifies with stock openssl" 0 "" openssl cms -verify -binary -inform DER -in out/x/index.yaml.p7s \
	-content out/x/index.yaml -CAfile keys/ca.crt -out /dev/null
for node in one:alpha two:beta; do
	expect "the certificate of ${node%:*} verifies as a server's" 0 OK openssl verify -x509_strict -purpose sslserver \
		-CAfile keys/ca.crt "out/x/certs/${node%:*}/${node#*:}-server.crt"
done
same "its names are the topology's" "DNS:localhost, DNS:one, DNS:one.test, IP Address:10.0.0.1, IP Address:127.0.0.1" \
	"$(openssl x509 -in out/x/certs/one/alpha-server.crt -noout -ext subjectAltName | tail -n 1 | sed 's/^ *//' |
		sed 's/, /\n/g' | sort | sed ':a;N;$!ba;s/\n/, /g')"
sed -n 's/^one=//p' d/passphrases >one.pass
expect "the capsule opens with its node's passphrase" 0 "ALPHA_PASSWORD" openssl cms -decrypt -binary -inform DER \
	-in out/x/nodes/one.cms -inkey out/x/nodes/one.key -passin file:one.pass
if [[ -e out/x/certs/crl.pem ]]; then not_ok "no list where nothing is revoked"; else ok "no list where nothing is revoked"; fi
expect "no passphrase is needed where nothing is to be issued" 0 "pgha-scene-2.tar" build keys again
unpacked again
same "the certificates are the same" "" "$(diff -r out/x/certs again/x/certs)"
same "and so is the payload" "$(digest out)" "$(digest again)"
same "a certificate is recorded once" 6 "$(wc -l <keys/issued.jsonl)"

# sealed NAME OUT KEYS: what stock openssl says of all that is sealed and certified
sealed() {
	local line at=0
	if ! python3 -c 'import yaml' 2>/dev/null; then
		skip "$1: sealed.py" "python3 has no yaml"
		return
	fi
	capture "$root/tests/lab/sealed.py" "$2"/pgha-*.tar "$3/ca.crt" d/passphrases "$3"
	while IFS= read -r line; do
		case $line in
		'ok '*) ok "$1: ${line#ok }" && at=$((at + 1)) ;;
		'not ok '*) not_ok "$1: ${line#not ok }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <<<"$out"
	if ((status != 0 || at < 7)); then not_ok "$1: seven things were looked at" "$at" "$err"; fi
}
sealed "EC keys" again keys

# -- a name the CA may not issue for ----------------------------------------------------------------
sed 's/10.0.0.2/10.0.0.3/' d/topology.yaml >d/topology.new
cp d/topology.yaml d/topology.old
mv d/topology.new d/topology.yaml
expect "a node outside of the CA's names is refused" 5 "permitted subtree violation" build keys no --ca-passphrase-file pass
mv d/topology.old d/topology.yaml

# -- revocation -------------------------------------------------------------------------------------
old=$(serial keys/nodes/one/alpha-server.crt)
expect "a node's certificates are revoked by its name" 0 "$old nodes/one/alpha-server" \
	"$bundle" keys revoke --keys keys one --passphrase-file pass
# shellcheck disable=SC2016 # the inner shell expands it
expect "the next bundle is built, with the passphrase from a descriptor" 0 "pgha-scene-" \
	bash -c '"$0" build -f d/bundle.yaml --keys keys --passphrases d/passphrases --cache cache -o rev --ca-passphrase-fd 9 9<pass' "$bundle"
unpacked rev
expect "it carries the list" 0 "Serial Number: $old" openssl crl -in rev/x/certs/crl.pem -noout -text
if [[ $old != "$(serial rev/x/certs/one/alpha-server.crt)" ]]; then
	ok "and a new certificate"
else
	not_ok "and a new certificate"
fi
same "and the other node's old one" "$(serial out/x/certs/two/beta-server.crt)" "$(serial rev/x/certs/two/beta-server.crt)"
same "the payload is the same" "$(digest out)" "$(digest rev)"
expect "our verifier takes it" 0 "" "$install" verify --bundle rev/pgha-scene-*.tar --ca keys/ca.crt
sealed "with a revocation list" rev keys
"$bundle" keys revoke --keys keys signer --passphrase-file pass >/dev/null 2>&1
expect "a revoked signer signs nothing" 5 "revoked" build keys no --ca-passphrase-file pass
expect "until it is renewed" 0 "signer" "$bundle" keys renew --keys keys signer --passphrase-file pass
expect "and then it does" 0 "pgha-scene-" build keys renewed --ca-passphrase-file pass

# -- RSA --------------------------------------------------------------------------------------------
"$bundle" keys init --out rsa --cluster scene --rsa 3072 >/dev/null 2>&1
expect "with RSA keys too" 0 "pgha-scene-1.tar" build rsa out.rsa
sealed "RSA keys" out.rsa rsa

"$bundle" keys init --out brief --signer-days 80 >/dev/null 2>&1
expect "a signer that ends before the bundle is told" 0 "before the bundle does (valid_days: 90)" build brief out.brief

# -- somebody else's CA, below a root ---------------------------------------------------------------
office() { # the other CA, with our own program: an issuing CA in PKCS#12 would do as well
	cat >ca.cnf <<'END'
[req]
distinguished_name = dn
prompt = no
[dn]
O = Example
CN = Example Root
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[between]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out root.key
	openssl req -x509 -config ca.cnf -extensions root -key root.key -days 3000 -sha384 -out root.crt
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out between.key
	openssl req -new -config ca.cnf -key between.key -subj '/O=Example/CN=Example Issuing' -out between.csr
	openssl x509 -req -in between.csr -CA root.crt -CAkey root.key -CAcreateserial -days 2000 -sha384 -extfile ca.cnf \
		-extensions between -out between.crt
	cat between.crt root.crt >chain.pem
}
office 2>/dev/null
"$bundle" keys request --keys other --cluster scene -f d/bundle.yaml >requests 2>/dev/null
expect "without the answers nothing is built" 2 "ca.crt" build other no
while read -r csr; do
	{
		printf '[v3]\nbasicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature\n'
		printf 'subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n'
		openssl req -in "$csr" -noout -text | sed -n \
			-e '/Extended Key Usage/{n;s/^ */extendedKeyUsage = /;s/TLS Web Server Authentication/serverAuth/;s/E-mail Protection/emailProtection/;p}' \
			-e '/Alternative Name/{n;s/^ */subjectAltName = /;s/IP Address:/IP:/g;p}'
	} >ext.cnf
	openssl x509 -req -in "$csr" -CA between.crt -CAkey between.key -CAcreateserial -days 400 -sha256 -extfile ext.cnf \
		-extensions v3 -out "answer-$(basename "$csr" .csr).crt" 2>/dev/null
done <requests
"$bundle" keys import --keys other --ca-cert chain.pem answer-signer.crt >/dev/null
expect "a certificate that lacks is asked for" 3 "keys request" build other no
expect "the answers are taken" 0 "nodes/two/beta-server" "$bundle" keys import --keys other answer-alpha-server.crt answer-beta-server.crt
expect "a bundle is built without the CA's key" 0 "pgha-scene-1.tar" build other foreign
unpacked foreign
expect "its index verifies against the chain" 0 "" openssl cms -verify -binary -inform DER -in foreign/x/index.yaml.p7s \
	-content foreign/x/index.yaml -CAfile other/ca.crt -out /dev/null
expect "our verifier takes it too" 0 "" "$install" verify --bundle foreign/pgha-scene-1.tar --ca other/ca.crt
expect "but not with the root alone, which does not name the issuer" 5 "" "$install" verify --bundle foreign/pgha-scene-1.tar --ca root.crt
expect "its certificates verify" 0 OK openssl verify -x509_strict -purpose sslserver -CAfile other/ca.crt foreign/x/certs/one/alpha-server.crt
sealed "another's CA" foreign other
expect "the capsule opens" 0 "ALPHA_PASSWORD" openssl cms -decrypt -binary -inform DER \
	-in foreign/x/nodes/one.cms -inkey foreign/x/nodes/one.key -passin file:one.pass
finish
