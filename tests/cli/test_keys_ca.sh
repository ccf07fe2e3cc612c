#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# CAs that exist: brought with their key, or issuing for requests; stock openssl is the other CA, and the judge.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
umask 077
cd "$work" || exit 1

# same NAME EXPECTED ACTUAL
same() {
	if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "expected: $2" "got: $3"; fi
}

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
[no_ca]
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[no_sign]
basicConstraints = critical,CA:TRUE
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
[ca]
default_ca = c
[c]
database = index.txt
crlnumber = crlnumber
new_certs_dir = .
rand_serial = yes
unique_subject = no
policy = any
default_md = sha256
default_crl_days = 30
[any]
organizationName = optional
commonName = supplied
END
: >index.txt
echo 01 >crlnumber
ec() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"$1" -out "$2" 2>/dev/null; }
# root NAME KEY [OPTION…]: a self-signed certificate
root() { openssl req -x509 -config ca.cnf -extensions root -key "$2" -out "$1" "${@:3}" 2>/dev/null; }

ec P-384 root.key
root root.crt root.key -days 3000 -sha384
openssl req -new -config ca.cnf -key root.key -out root.csr
ec P-384 between.key
openssl req -new -config ca.cnf -key between.key -subj '/O=Example/CN=Example Issuing' -out between.csr
openssl x509 -req -in between.csr -CA root.crt -CAkey root.key -CAcreateserial -days 2000 -sha384 \
	-extfile ca.cnf -extensions between -out between.crt 2>/dev/null
cat root.crt between.crt >chain.pem # the order is not the caller's duty
echo 'the passphrase of the office' >pass
echo 'something else entirely' >wrong

# -- brought with its key --------------------------------------------------------------------------
expect "an existing CA is used" 0 "fingerprint: $(openssl x509 -in root.crt -noout -fingerprint -sha256 | cut -d= -f2)" \
	"$bundle" keys init --out k1 --ca-key root.key --ca-cert root.crt
expect "its signer passes openssl verify" 0 OK openssl verify -x509_strict -purpose smimesign -CAfile root.crt k1/signer.crt
expect "an issuing CA below a root is used, with a warning" 0 "Example Root' issues" \
	"$bundle" keys init --out k2 --ca-key between.key --ca-cert chain.pem
expect "the issuing CA comes first in ca.crt" 0 "Example Issuing" openssl x509 -in k2/ca.crt -noout -subject
expect "its signer passes openssl verify with ca.crt alone" 0 OK \
	openssl verify -x509_strict -purpose smimesign -CAfile k2/ca.crt k2/signer.crt
expect "without the root the chain is refused" 5 "no self-signed root" \
	"$bundle" keys init --out no --ca-key between.key --ca-cert between.crt
expect "a key of another CA is refused" 5 "belongs to the key" \
	"$bundle" keys init --out no --ca-key between.key --ca-cert root.crt

openssl pkcs12 -export -in between.crt -inkey between.key -certfile root.crt -out ca.p12 -passout file:pass
expect "a PKCS#12 file is used" 0 "fingerprint" "$bundle" keys init --out k3 --pkcs12 ca.p12 --source-passphrase-file pass
expect "and its key stays under its passphrase" 0 "" openssl pkey -in k3/ca.key -passin file:pass -noout
same "and in no other way" 1 "$(openssl pkey -in k3/ca.key -passin file:wrong -noout 2>/dev/null && echo 0 || echo 1)"
expect "a wrong passphrase of it is told" 5 "wrong passphrase" "$bundle" keys init --out no --pkcs12 ca.p12 --source-passphrase-file wrong
expect "what is no PKCS#12 is told" 3 "not a PKCS#12" "$bundle" keys init --out no --pkcs12 root.key --source-passphrase-file pass
openssl pkey -in root.key -aes256 -passout file:pass -out sealed.key
expect "an encrypted key is used" 0 "fingerprint" \
	"$bundle" keys init --out k4 --ca-key sealed.key --ca-cert root.crt --source-passphrase-file pass
expect "and is stored encrypted" 0 "BEGIN ENCRYPTED" cat k4/ca.key
expect "its wrong passphrase is told" 5 "wrong passphrase" \
	"$bundle" keys init --out no --ca-key sealed.key --ca-cert root.crt --source-passphrase-file wrong
chmod 644 root.key
expect "a key that others may read is refused, with what to do" 3 "chmod 600 'root.key'" \
	"$bundle" keys init --out no --ca-key root.key --ca-cert root.crt
chmod 600 root.key

# -- not every CA will do ---------------------------------------------------------------------------
# refused NAME TEXT KEY CERT
refused() { expect "$1 is refused" 5 "$2" "$bundle" keys init --out no --ca-key "$3" --ca-cert "$4"; }

openssl genrsa -out rsa1024.key 1024 2>/dev/null
root rsa1024.crt rsa1024.key -days 10
refused "a CA with RSA of 1024 bits" "RSA of 3072" rsa1024.key rsa1024.crt
openssl genrsa -out rsa3072.key 3072 2>/dev/null
if root sha1.crt rsa3072.key -days 10 -sha1; then
	refused "a CA signed with SHA-1" "too weak" rsa3072.key sha1.crt
else
	skip "a CA signed with SHA-1 is refused" "this openssl makes none"
fi
openssl req -x509 -config ca.cnf -extensions no_ca -key root.key -days 10 -out noca.crt
refused "a certificate that is no CA" "not marked as a CA" root.key noca.crt
openssl req -x509 -config ca.cnf -extensions no_sign -key root.key -days 10 -out nosign.crt
refused "a CA that may not sign certificates" "keyCertSign" root.key nosign.crt
openssl genpkey -algorithm ED25519 -out ed.key
root ed.crt ed.key -days 10
refused "a CA on Ed25519" "neither EC" ed.key ed.crt
openssl ca -batch -selfsign -config ca.cnf -extensions root -keyfile root.key -in root.csr -startdate 20200101000000Z \
	-enddate 20210101000000Z -out old.crt 2>/dev/null
refused "an expired CA" "has expired" root.key old.crt
openssl ca -batch -selfsign -config ca.cnf -extensions root -keyfile root.key -in root.csr -startdate 20490101000000Z \
	-enddate 20491231000000Z -out early.crt 2>/dev/null
refused "a CA whose time has not come" "clock right" root.key early.crt
same "refused CAs leave nothing" "" "$(find . -maxdepth 1 -name 'no' -o -maxdepth 1 -name 'no.tmp*')"

# -- somebody else's CA issues ----------------------------------------------------------------------
cp -R "$root/manifests" manifests
rm -f manifests/.env
d=$work/req
expect "requests are written into a new directory" 0 "signer.csr" \
	"$bundle" keys request --keys "$d" -f manifests/rhel8.yaml --cluster demo
mapfile -t requests <<<"$out"
same "one for the signer and one for each certificate" "$(find "$d/requests" -name '*.csr' | wc -l)" "${#requests[@]}"
same "keys are private" "" "$(find "$d" -name '*.key' ! -perm 600)"
if ((${#requests[@]} > 12)); then ok "there are more than a dozen"; else not_ok "there are more than a dozen" "${requests[@]}"; fi
same "every request is signed by its key" "" "$(for f in "${requests[@]}"; do
	openssl req -in "$f" -noout -verify 2>&1 | grep -i 'verify OK' >/dev/null || echo "$f"
done)"
before=$(sha256sum "$d"/requests/signer.key)
expect "asking again keeps the keys" 0 "signer.csr" "$bundle" keys request --keys "$d" -f manifests/rhel8.yaml
same "the same key" "$before" "$(sha256sum "$d"/requests/signer.key)"

"$bundle" keys request --keys "$work/named" -f manifests/rhel8.yaml >/dev/null 2>&1
expect "the definition names the cluster" 0 "OU=patroni-cluster" openssl req -in "$work/named/requests/signer.csr" -noout -subject -nameopt RFC2253

# sign CSR CRT [LINE OF EXTENSIONS…]: as the office would, with the extensions that were asked for
sign() {
	openssl req -in "$1" -noout -text >text
	{
		echo "[v3]"
		echo "basicConstraints = CA:FALSE"
		echo "keyUsage = critical,digitalSignature,keyEncipherment"
		echo "subjectKeyIdentifier = hash"
		echo "authorityKeyIdentifier = keyid"
		if (($# > 2)); then
			printf '%s\n' "${@:3}"
		else
			sed -n '/Extended Key Usage/{n;s/^ */extendedKeyUsage = /;s/TLS Web Server Authentication/serverAuth/;s/TLS Web Client Authentication/clientAuth/;s/E-mail Protection/emailProtection/;p}' text
			sed -n '/Alternative Name/{n;s/^ */subjectAltName = /;s/IP Address:/IP:/g;p}' text
		fi
	} >ext.cnf
	openssl x509 -req -in "$1" -CA between.crt -CAkey between.key -CAcreateserial -days 400 -sha256 \
		-extfile ext.cnf -extensions v3 -out "$2" 2>/dev/null
}
mkdir answers
for f in "${requests[@]}"; do
	name=${f#"$d"/requests/}
	sign "$f" "answers/${name//\//-}"
done
expect "an answer needs the CA's certificates" 2 "--ca-cert" "$bundle" keys import --keys "$d" answers/signer.csr
expect "a chain without its root is refused" 5 "self-signed root" "$bundle" keys import --keys "$d" --ca-cert between.crt
expect "the answers are taken" 0 "nodes/node1/patroni-server" "$bundle" keys import --keys "$d" --ca-cert chain.pem answers/*
same "no request is left" "" "$(find "$d/requests" -type f)"
expect "another CA does not replace the first" 1 "was not touched" "$bundle" keys import --keys "$d" --ca-cert k1/ca.crt
same "no CA key is there" "" "$(find "$d" -name 'ca.key')"

bad=
for crt in "$d"/nodes/*/*.crt; do
	text=$(openssl x509 -in "$crt" -noout -text)
	for purpose in sslserver:'TLS Web Server' sslclient:'TLS Web Client'; do
		[[ $text != *"${purpose#*:}"* ]] ||
			openssl verify -x509_strict -purpose "${purpose%%:*}" -CAfile "$d/ca.crt" "$crt" >/dev/null 2>&1 || bad+=" $crt"
	done
	[[ $text != *'E-mail Protection'* ]] || bad+=" $crt:email"
done
same "every certificate passes openssl verify for its purpose" "" "$bad"
expect "keys check is content" 0 "signer: good for" "$bundle" keys check --keys "$d"
expect "nothing more is to be requested" 0 "nothing is to be requested" "$bundle" keys request --keys "$d" -f manifests/rhel8.yaml

# -- answers that are not what was asked for --------------------------------------------------------
expect "one may be asked for again by name" 0 "node1" "$bundle" keys request --keys "$d" node1/patroni-server
csr=$out
old=$(sha256sum "$d/nodes/node1/patroni-server.crt")
sans=$(openssl req -in "$csr" -noout -text | sed -n '/Alternative Name/{n;s/^ *//;s/IP Address:/IP:/g;p}')
# answer NAME STATUS TEXT EXTENSION…
answer() {
	sign "$csr" bad.crt "${@:4}"
	expect "$1" "$2" "$3" "$bundle" keys import --keys "$d" bad.crt
}
answer "a certificate without the names is refused" 5 "names" "extendedKeyUsage = serverAuth"
answer "one with a name too many is refused" 5 "evil.example" "extendedKeyUsage = serverAuth" "subjectAltName = $sans, DNS:evil.example"
answer "one with an address as a host's name is refused" 5 "(name) " "extendedKeyUsage = serverAuth" "subjectAltName = ${sans//IP:/DNS:}"
answer "one with emailProtection is refused" 5 "extended key usage" \
	"extendedKeyUsage = serverAuth, emailProtection" "subjectAltName = $sans"
answer "one without the usage is refused" 5 "for '" "extendedKeyUsage = clientAuth" "subjectAltName = $sans"
answer "one for any usage is refused" 5 "for '" "extendedKeyUsage = anyExtendedKeyUsage" "subjectAltName = $sans"
openssl x509 -req -in "$csr" -CA root.crt -CAkey root.key -CAcreateserial -days 10 -sha256 -out bad.crt 2>/dev/null
expect "one without extensions is refused" 5 "" "$bundle" keys import --keys "$d" bad.crt
openssl x509 -req -in "$csr" -CA k2/signer.crt -CAkey k2/signer.key -CAcreateserial -days 10 -extfile ext.cnf -extensions v3 \
	-out bad.crt 2>/dev/null
expect "one that no CA issued is refused" 5 "" "$bundle" keys import --keys "$d" bad.crt
expect "a certificate for no key of ours is refused" 5 "no request of" "$bundle" keys import --keys "$d" k2/signer.crt
expect "what is no certificate is told" 3 "not a certificate" "$bundle" keys import --keys "$d" "$csr"
same "what was there is still there" "$old" "$(sha256sum "$d/nodes/node1/patroni-server.crt")"
sign "$csr" good.crt
cat root.crt >>good.crt
expect "the right one is taken, with its chain beside it" 0 "nodes/node1/patroni-server" "$bundle" keys import --keys "$d" good.crt
sign_again() {
	openssl x509 -in "$d/nodes/node1/patroni-server.crt" -x509toreq -signkey "$d/nodes/node1/patroni-server.key" -out again.csr 2>/dev/null
	sign again.csr again.crt "extendedKeyUsage = serverAuth" "subjectAltName = $sans"
}
sign_again
expect "a renewal for the same key is taken too" 0 "nodes/node1/patroni-server" "$bundle" keys import --keys "$d" again.crt
expect "keys issue says who issues" 3 "keys request" "$bundle" keys issue --keys "$d" --client app
expect "keys renew says so too" 3 "keys request" "$bundle" keys renew --keys "$d" signer
expect "an application's certificate is requested" 0 "clients/app.csr" "$bundle" keys request --keys "$d" --client app
sign "$out" app.crt
expect "and taken" 0 "clients/app" "$bundle" keys import --keys "$d" app.crt
expect "another application's is requested" 0 "clients/second.csr" "$bundle" keys request --keys "$d" --client second
sign "$out" second.crt
openssl x509 -req -in "$out" -CA between.crt -CAkey between.key -set_serial "0x$(openssl x509 -in app.crt -noout -serial | cut -d= -f2)" \
	-days 400 -sha256 -extfile ext.cnf -extensions v3 -out same.crt 2>/dev/null
expect "the serial number of another is refused" 5 "which 'clients/app' has" "$bundle" keys import --keys "$d" same.crt
expect "a number of its own is not" 0 "clients/second" "$bundle" keys import --keys "$d" second.crt
expect "and verifies as a client's" 0 OK openssl verify -purpose sslclient -CAfile "$d/ca.crt" "$d/clients/app.crt"

# -- that CA's revocation list ----------------------------------------------------------------------
openssl ca -config ca.cnf -revoke "$d/clients/app.crt" -keyfile between.key -cert between.crt 2>/dev/null
openssl ca -config ca.cnf -gencrl -keyfile between.key -cert between.crt -out crl.pem 2>/dev/null
openssl ca -config ca.cnf -gencrl -keyfile root.key -cert root.crt -out other.pem 2>/dev/null
expect "the CA's list is taken" 0 "" "$bundle" keys import --keys "$d" --crl crl.pem
expect "what it revokes is shown" 1 "clients/app: is revoked" "$bundle" keys check --keys "$d"
expect "another CA's list is refused" 5 "not a revocation list of this CA" "$bundle" keys import --keys "$d" --crl other.pem
finish
