#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The revocation list on its way to the services: laid down and told to the configuration only when it is good to the CA's own end, and a TLS
# server with it refuses whom it names.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild rpmsign createrepo_c gpg openssl; do
	command -v "$tool" >/dev/null || {
		skip "revoked certificates" "$tool is not here"
		exit 0
	}
done
((EUID == 0)) || {
	skip "revoked certificates" "an installation needs root"
	exit 0
}
umask 022
scene=$work/scene
"$root/tests/cli/make_bundle.sh" "$scene" 1 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
sed -i -e '/^wheels:/d' "$scene/bundle.yaml"
sed -i 's,ca: /etc/alpha/ca.crt,& , ; s,ca: /etc/alpha/ca.crt ,ca: /etc/alpha/ca.crt\, crl: /etc/alpha/crl.pem,' "$scene/services/alpha/service.yaml"
# shellcheck disable=SC2016
printf '{{#certs.server.crl}}\nrevoked = {{certs.server.crl}}\n{{/certs.server.crl}}\n' >>"$scene/services/alpha/templates/main"
keys=$scene/keys
target=$work/root
mkdir -p "$target/etc"
echo root:x:0:0::/: >"$target/etc/passwd"
echo root:x:0: >"$target/etc/group"
sed -n 's/^one=//p' "$scene/passphrases" >"$work/passphrase"
chmod 600 "$work/passphrase"

newest() { find "$work/out" -name "*.tar" -printf "%T@ %p\n" | sort -n | sed -n '$s/^[^ ]* //p'; }

go() { # NAME TEXT: builds the next bundle and installs it
	"$bundle" build -f "$scene/bundle.yaml" --keys "$keys" --passphrases "$scene/passphrases" --cache "$work/cache" --rebuild -o "$work/out" \
		>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
	expect "$1" 0 "$2" "$install" --node one --root "$target" --bundle "$(newest)" --ca "$keys/ca.crt" \
		--passphrase-file "$work/passphrase"
}
laid_down() { # NAME YES|NO
	local found=no
	[[ -e $target/etc/alpha/crl.pem ]] && grep -q 'revoked = /etc/alpha/crl.pem' "$target/etc/alpha.conf" && found=yes
	if [[ $found == "$2" ]]; then ok "$1"; else not_ok "$1" "$found" "$(ls -l "$target/etc/alpha")"; fi
}
# asks NAME CLIENT STATUS: a client's certificate at a TLS server that has what the service has
asks() {
	local port pid status=0
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	openssl s_server -accept "127.0.0.1:$port" -cert "$target/etc/alpha/server.crt" -key "$target/etc/alpha/server.key" -naccept 1 -quiet \
		-Verify 2 -verify_return_error -CAfile "$target/etc/alpha/ca.crt" -CRL "$target/etc/alpha/crl.pem" -crl_check_all \
		</dev/null >"$work/server.log" 2>&1 &
	pid=$!
	for _ in {1..50}; do
		[[ -n $(ss -Hltn "sport = :$port" 2>/dev/null) ]] && break
		sleep 0.1
	done
	openssl s_client -connect "127.0.0.1:$port" -CAfile "$keys/ca.crt" -tls1_2 -cert "$keys/clients/$2.crt" -key "$keys/clients/$2.key" \
		</dev/null >"$work/client.log" 2>&1 || status=$?
	wait "$pid"
	if ((status == $3)); then ok "$1"; else not_ok "$1" "$status" "$(<"$work/server.log")" "$(<"$work/client.log")"; fi
}

"$bundle" keys init --out "$keys" >/dev/null 2>&1
for name in good bad; do "$bundle" keys issue --keys "$keys" --client "$name" >/dev/null 2>&1; done
go "without a list the node is installed" "sequence 1"
laid_down "and has none" no
"$bundle" keys revoke --keys "$keys" bad >"$work/log" 2>&1 || cat "$work/log"
go "with one it is, too" "sequence 2"
laid_down "and the service has it" yes
asks "a certificate that is not on it is taken" good 0
asks "one that is on it is refused" bad 1
expect "a second run changes nothing" 0 "nothing to do" "$install" --node one --root "$target" --bundle "$(newest)" \
	--ca "$keys/ca.crt" --passphrase-file "$work/passphrase"

# Another tool's list, of 30 days.
mkdir "$work/ca"
: >"$work/ca/index"
echo 1000 >"$work/ca/number"
printf '[ca]\ndefault_ca = x\n[x]\ndatabase = %s/ca/index\ncrlnumber = %s/ca/number\ndefault_md = sha384\n' "$work" "$work" >"$work/ca/config"
openssl ca -gencrl -config "$work/ca/config" -keyfile "$keys/ca.key" -cert "$keys/ca.crt" -crldays 30 -out "$keys/crl.pem" 2>"$work/log" ||
	not_ok "openssl makes a list" "$(<"$work/log")"
go "a list that ends before the CA is not given" "it ends before the CA"
laid_down "and the service is not told of it" no
finish
