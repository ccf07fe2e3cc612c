#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sslverifystatus: a server that proves by a stapled OCSP answer that its certificate is in force, or does not (openssl s_server).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

tls=$work/tls
mkdir "$tls"
printf 'a-1-1.x86_64\n' | "$root/tests/cli/make_repo.py" "$work/a"

# --- an authority, a server's certificate, and what the authority says of it ---
{
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 2 -keyout "$tls/ca.key" -out "$tls/ca.crt"
	openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout "$tls/server.key" -out "$tls/server.csr"
	printf 'subjectAltName=IP:127.0.0.1\n' >"$tls/san"
	openssl x509 -req -in "$tls/server.csr" -CA "$tls/ca.crt" -CAkey "$tls/ca.key" -set_serial 7 -days 1 \
		-extfile "$tls/san" -out "$tls/server.crt"
	openssl ocsp -issuer "$tls/ca.crt" -cert "$tls/server.crt" -reqout "$tls/request"
	printf 'V\t491231235959Z\t\t07\tunknown\t/CN=server\n' >"$tls/good"
	printf 'R\t491231235959Z\t200101000000Z,keyCompromise\t07\tunknown\t/CN=server\n' >"$tls/revoked"
	for word in good revoked; do
		openssl ocsp -index "$tls/$word" -CA "$tls/ca.crt" -rsigner "$tls/ca.crt" -rkey "$tls/ca.key" \
			-reqin "$tls/request" -respout "$tls/$word.der" -ndays 1
	done
} >"$work/make.log" 2>&1 || { not_ok "an authority is made" "$(<"$work/make.log")"; finish; }

# --- a server for each; libcurl wants the issuer in the chain ---
declare -A port
servers=()
# shellcheck disable=SC2317 # the trap calls it
stop_servers() {
	kill "${servers[@]}"
	rm -rf "$work"
}
trap stop_servers EXIT
# serve NAME OPTION…: the address is in ${port[NAME]}
serve() {
	local name=$1 log=$work/$1.log i
	shift
	(cd "$work" && exec openssl s_server -accept 127.0.0.1:0 -WWW -cert "$tls/server.crt" -key "$tls/server.key" \
		-cert_chain "$tls/ca.crt" "$@") \
		</dev/null >"$log" 2>&1 &
	servers+=($!)
	for ((i = 0; i < 200; i++)); do
		port[$name]=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$log")
		[[ -z ${port[$name]} ]] || return 0
		sleep 0.05
	done
	not_ok "the server '$name' listens" "$(<"$log")"
	finish
}
serve silent
serve good -status_file "$tls/good.der"
serve revoked -status_file "$tls/revoked.der"

printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [a.repo]\npackages: [a]\n' >"$work/b.yaml"
# ask SERVER 0_OR_1: resolves from it with this sslverifystatus
# shellcheck disable=SC2317 # called through expect
ask() {
	rm -rf "$work/cache" "$work/b.lock"
	printf '[a]\nbaseurl=https://127.0.0.1:%s/a\nsslcacert=%s\nsslverifystatus=%s\nretries=1\nproxy=_none_\n' \
		"${port[$1]}" "$tls/ca.crt" "$2" >"$work/a.repo"
	"$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/cache"
}
expect "a server that proves nothing" 0 "1 package " ask silent 0
expect "is refused where it has to" 4 "sslverifystatus" ask silent 1
expect "a proof" 0 "1 package " ask good 1
expect "a proof of the contrary" 4 "revocation reason: keyCompromise" ask revoked 1
expect "which nobody asked for" 0 "1 package " ask revoked 0
finish
