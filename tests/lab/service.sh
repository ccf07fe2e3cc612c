#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A service is YAML and templates: a bundle of the one in example/ alone, which no code knows, is built from the lab's
# repositories, installed on a machine without a network, and asked. docs/add-a-service.md shows the same files. Needs root;
# build/service keeps the bundle and the logs.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.sh
. "$here/common.sh"
# shellcheck source=tests/lab/machines.sh
. "$here/machines.sh"
# shellcheck source=tests/lab/isolation.sh
. "$here/isolation.sh"
# shellcheck source=tests/lab/prepare.sh
. "$here/prepare.sh"
# shellcheck source=tests/lab/demo.sh
. "$here/demo.sh"
# shellcheck source=tests/lab/verdict.sh
. "$here/verdict.sh"
# shellcheck source=tests/lab/uninstall.sh
. "$here/uninstall.sh"
need_root check-service

# What demo.sh's functions work on.
DEMO=$LAB_TOP/build/service
LAB_SECRETS=$DEMO/secrets
LAB_TOPOLOGY=$here/example/topology.yaml
LAB_STATE=$(mktemp -d /var/tmp/pgha-service-XXXXXX)
read -r NODE ADDRESS _ < <("$here/topology.py" "$LAB_TOPOLOGY")
CLIENT=/root/client # on the machine: an application's certificate, and a stranger's

cleanup() {
	local status=$?
	trap - EXIT
	[[ -z ${LAB_RUN:-} ]] || serve_stop "$LAB_RUN"
	lab_down || status=1
	rm -rf --one-file-system "$LAB_STATE"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- the connected side -----------------------------------------------------------------------------------

service_bundle() {
	rm -rf "$DEMO"
	mkdir -p "$DEMO/log"
	install -d -m 0700 "$LAB_SECRETS"
	lab_preflight
	step 'target image' demo_image
	step 'RPMs and repositories' demo_repositories
	step 'connected side' lab_connected >/dev/null
	step 'repositories over HTTPS' serve_start "$LAB_RUN"
	export LAB_SERVE_PORT=${LAB_REPOS_URL##*:} # the proof of isolation tries it
	step 'build pgha there' demo_make
	service_definition
	step 'keys' connected_bundle keys init --out build/service/secrets/keys
	step 'passwords' connected_bundle secrets init -f build/service/manifests/example.yaml
	"$here/settings.py" passphrases "$LAB_TOPOLOGY" "$LAB_SECRETS/passphrases"
	step 'lint' connected_bundle lint build/service/manifests
	step 'bundle' service_build
	step "an application's certificate" connected_bundle keys issue --keys build/service/secrets/keys --client app
	cp "$LAB_SECRETS/keys/ca.crt" "$DEMO/ca.crt"
}

connected_bundle() { connected_run build/lab/pgha-bundle "$@"; }

# The example, with what only this machine knows: where the repositories are, and whose keys signed.
service_definition() {
	cp -R "$here/example" "$DEMO/manifests"
	cp "$LAB_RUN/repos/lab.repo" "$DEMO/manifests"
	cat "$LAB_RUN/repos/trust.yaml" >>"$DEMO/manifests/example.yaml"
}

service_build() {
	rm -f "$DEMO"/pgha-*.tar
	demo_bundler build -f build/service/manifests/example.yaml --keys build/service/secrets/keys \
		--passphrases build/service/secrets/passphrases --cache "$PGHA_CACHE/artifacts" -o build/service
	demo_one_bundle
}

# --- the machine ------------------------------------------------------------------------------------------

service_boot() {
	lab_need_inotify 1
	lab_net_up
	machine_start "$NODE" "$ADDRESS"
}

# service_install LOG: carries all that a node gets, and installs it.
service_install() {
	local file
	for file in "$DEMO_BUNDLE" "$DEMO/pgha-install" "$DEMO/ca.crt"; do
		machine_put "$NODE" "$file" "$DEMO_MEDIA/${file##*/}"
	done
	machine_put "$NODE" "$LAB_SECRETS/passphrases.$NODE" "$DEMO_MEDIA/passphrase"
	demo_logged "$NODE" "$1" --bundle "$DEMO_MEDIA/${DEMO_BUNDLE##*/}" --wait
}

# Every file with its time, every package, the service's process.
service_install_again() {
	local before after
	before=$(demo_fingerprint "$NODE")
	service_install again
	after=$(demo_fingerprint "$NODE")
	diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") >&2 || die "the second installation changed $NODE"
}

service_clients() {
	local file
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 7 -subj /O=stranger \
		-addext extendedKeyUsage=clientAuth -keyout "$LAB_SECRETS/stranger.key" -out "$LAB_SECRETS/stranger.crt" \
		2>"$DEMO/log/stranger"
	for file in "$LAB_SECRETS"/keys/clients/app.{crt,key} "$LAB_SECRETS"/stranger.{crt,key} "$DEMO/ca.crt"; do
		machine_put "$NODE" "$file" "$CLIENT/${file##*/}"
	done
}

setting() { sed -n "s/^$1=//p" "$LAB_SECRETS/env" | sed "s/^'\(.*\)'\$/\1/"; }

# redis PASSWORD OPTION...: a client; an empty password is none. It travels on standard input.
redis() {
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$NODE" sh -c 'IFS= read -r REDISCLI_AUTH
		if [ -n "$REDISCLI_AUTH" ]; then export REDISCLI_AUTH; else unset REDISCLI_AUTH; fi
		exec timeout 5 redis-cli -e --no-auth-warning "$@"' redis \
		-h "$ADDRESS" -p "$(setting EXT_REDIS_PORT)" "${@:2}" <<<"$1"
}

# The ways in; what follows is the command.
with_tls() { redis "$1" --tls --cacert "$CLIENT/ca.crt" "${@:2}"; }
as_app() { with_tls "$1" --cert "$CLIENT/app.crt" --key "$CLIENT/app.key" "${@:2}"; }

# hello OPTION...: openssl's client, which says why it was turned away.
hello() {
	printf 'PING\r\nQUIT\r\n' | machine_exec "$NODE" timeout 5 openssl s_client -quiet -verify_return_error \
		-connect "$ADDRESS:$(setting EXT_REDIS_PORT)" -CAfile "$CLIENT/ca.crt" "$@"
}

# hello_as NAME OPTION...
hello_as() { hello -cert "$CLIENT/$1.crt" -key "$CLIENT/$1.key" "${@:2}"; }

listens_alone() {
	[[ $(machine_exec "$NODE" ss -Hltn </dev/null | awk '{ print $4 }') == "$ADDRESS:$(setting EXT_REDIS_PORT)" ]]
}

may_read() { machine_exec "$NODE" runuser -u "$1" -- test -r /etc/redis/redis.conf </dev/null; }

test_both_ways() {
	works 'it answers over TLS with the password' '^PONG$' as_app "$password" PING
	works 'its certificate has the name of the machine' NOAUTH hello_as app -verify_hostname "$NODE.pgha.internal"
	refused 'and no other' 'hostname mismatch' hello_as app -verify_hostname elsewhere.pgha.internal
	refused 'no password is refused' NOAUTH as_app '' PING
	refused 'a wrong password is refused' WRONGPASS as_app "not-$password" PING
	refused 'clear text is refused' 'I/O error|closed|reset' redis "$password" PING
	works 'it listens on this port of this address alone' '' listens_alone
}

test_certificates() {
	refused 'no certificate is refused' 'alert certificate required' hello
	refused "another authority's certificate is refused" 'alert unknown ca' hello_as stranger
	refused 'the right password does not help' '' with_tls "$password" PING
}

# New settings: no certificates of clients, and a password with all that a format must quote.
service_change() {
	old=$password
	password="\"\\%#\$ $(openssl rand -hex 12)"
	{
		sed '/^VERIFY_CLIENT_CERT=/d; /^REDIS_PASSWORD=/d' "$LAB_SECRETS/env"
		printf "VERIFY_CLIENT_CERT=false\nREDIS_PASSWORD='%s'\n" "$password"
	} >"$LAB_SECRETS/env.new"
	chmod 0600 "$LAB_SECRETS/env.new"
	mv "$LAB_SECRETS/env.new" "$LAB_SECRETS/env"
	service_build
	service_install changed
}

# Back to the first bundle, whose settings and password are in force again.
test_rollback() {
	works 'rollback says first what it would do' '^restore /etc/redis/redis.conf$' uninstall_run "$NODE" rollback --node "$NODE" --dry-run
	works 'which changes nothing' '^PONG$' with_tls "$password" PING
	works 'rollback' '^restart redis.service$' uninstall_run "$NODE" rollback --node "$NODE"
	works 'the former password is right again' '^PONG$' as_app "$old" PING
	refused 'and the later one refused' WRONGPASS as_app "$password" PING
	refused 'a certificate is demanded again' 'alert certificate required' hello
	works 'status: the first bundle' '^sequence +1$' uninstall_run "$NODE" status
}

main() {
	lab_begin
	out=$LAB_RUN/out
	service_bundle
	step 'boot the machine' service_boot
	step 'prove that it is isolated' lab_prove_isolated
	uninstall_listing "$NODE" >"$DEMO/log/before"
	step "install $NODE" service_install first
	step 'install again: nothing changes' service_install_again
	service_clients
	password=$(setting REDIS_PASSWORD)
	test_both_ways
	test_certificates
	works 'its own account reads the password' '' may_read redis
	refused 'another does not' '' may_read nobody
	works 'it takes a value' '^OK$' as_app "$password" SET word kept
	step 'power loss, and a new start' service_again
	works 'it comes back with its machine, and with the value' '^kept$' as_app "$password" GET word
	step 'VERIFY_CLIENT_CERT=false, and another password' service_change
	works 'it answers without a certificate then' '^PONG$' with_tls "$password" PING
	refused 'the old password is refused' WRONGPASS as_app "$old" PING
	test_both_ways
	test_rollback
	test_uninstall "$NODE" "$DEMO/log/before" redis.service /etc/redis/redis.conf /var/lib/redis
	verdict_sum
}

service_again() {
	machine_power_off_hard "$NODE"
	machine_start "$NODE" ''
}

main
