#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What must not work in the installed cluster: the superuser from another machine, a foreign certificate at
# etcd's peer port, clear text anywhere, a secret in sight, a wrong passphrase. Every refusal is paired with
# the same attempt by who may, so that a dead port is not taken for a closed one.
#
# Needs the cluster of `lab demo --keep` (or runs inside `lab demo`), root, and build/demo.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.sh
. "$here/common.sh"
# shellcheck source=tests/lab/machines.sh
. "$here/machines.sh"
# shellcheck source=tests/lab/verdict.sh
. "$here/verdict.sh"
LAB_TOPOLOGY=$here/topology.yaml
DEMO=${PGHA_DEMO:-$LAB_TOP/build/demo}
LAB_SECRETS=$DEMO/secrets
# shellcheck source=tests/lab/cluster.sh
. "$here/cluster.sh"

need_root negative
lab_attach || die "no lab is up: make lab"
LAB_IMAGE=$(<"$LAB_RUN/image")
umask 077
out=$LAB_RUN/negative.out

# --- accounts ---------------------------------------------------------------------------------------------

# as USER SECRETNAME HOST PORT [KEYWORD=VALUE...]: a session from the client's machine; the last keyword of a
# name counts, so callers override what conninfo says.
as() {
	local user=$1 secret=$2 host=$3 port=$4
	shift 4
	client_sql "$client" "$(conninfo "$host" "$port") dbname=postgres user=$user $*" "$secret" \
		<<<"SELECT 'in as', current_user"
}

# The superuser's password is right: on its own machine it opens the door.
superuser_at_home() {
	as_from=$leader
	client_setup "$as_from"
	client=$as_from as postgres POSTGRES_SUPERUSER_PASSWORD 127.0.0.1 "$(pg_port "$leader")"
}

pg_port() {
	local name=${1^^}
	env_value "EXT_PG_PORT_${name//-/_}"
}

test_superuser() {
	local node
	works 'the superuser comes in from 127.0.0.1' 'in as.postgres' superuser_at_home
	works 'the application comes in through HAProxy' 'in as' as "$app" POSTGRES_PASSWORD "$haproxy" "$rw"
	works 'the application comes in through PgBouncer' 'in as' as "$app" POSTGRES_PASSWORD "$pgbouncer" "$pooler"
	for node in "${members[@]}"; do
		[[ $node != "$client" ]] || continue
		refused "the superuser is refused at $node's own port" 'FATAL:.*reject' \
			as postgres POSTGRES_SUPERUSER_PASSWORD "$(node_address "$node")" "$(pg_port "$node")"
	done
	refused 'the superuser is refused through HAProxy, read/write' 'FATAL:.*reject' \
		as postgres POSTGRES_SUPERUSER_PASSWORD "$haproxy" "$rw"
	refused 'the superuser is refused through HAProxy, read-only' 'FATAL:.*reject' \
		as postgres POSTGRES_SUPERUSER_PASSWORD "$haproxy" "$ro"
	refused 'the superuser is refused through PgBouncer' 'FATAL:' \
		as postgres POSTGRES_SUPERUSER_PASSWORD "$pgbouncer" "$pooler"
	refused 'the replication account is refused through PgBouncer' 'FATAL:' \
		as replicator REPLICATOR_PASSWORD "$pgbouncer" "$pooler"
	refused 'the rewind account is refused through PgBouncer' 'FATAL:' \
		as rewind REWIND_PASSWORD "$pgbouncer" "$pooler"
	refused 'a wrong password is refused' 'FATAL:' \
		as "$app" REWIND_PASSWORD "$pgbouncer" "$pooler"
}

# --- certificates -----------------------------------------------------------------------------------------

# https NODE CERT KEY CA ADDRESS:PORT PATH: what an HTTPS server answers; CERT may be empty.
https() {
	local -a identity=()
	[[ -z $2 ]] || identity=(-cert "$2" -key "$3")
	printf 'GET %s HTTP/1.0\r\n\r\n' "$6" | machine_exec "$1" timeout 5 openssl s_client -quiet \
		-verify_return_error -CAfile "$4" -connect "$5" "${identity[@]}"
}

# answers_200 CMD...: the reply is HTTP's 200.
answers_200() {
	"$@" >"$out" 2>&1 || :
	grep -qE '^HTTP/1\.[01] 200' "$out"
}

test_certificates() {
	local etcd=/etc/etcd/tls proxy=/etc/haproxy/tls member address
	member=$(service_nodes etcd | head -n 1)
	address=$(node_address "$member")
	local other
	other=$(service_nodes etcd | tail -n 1)
	works "etcd's peer port answers a peer" '' answers_200 https "$other" $etcd/peer.crt $etcd/peer.key \
		$etcd/ca.crt "$address:$(env_value ETCD_PEER_PORT)" /members
	refused "etcd's peer port refuses HAProxy's certificate" '' answers_200 https haproxy $proxy/client.crt \
		$proxy/client.key $proxy/ca.crt "$address:$(env_value ETCD_PEER_PORT)" /members
	refused "etcd's peer port refuses etcd's own client certificate" '' answers_200 https "$other" \
		$etcd/client.crt $etcd/client.key $etcd/ca.crt "$address:$(env_value ETCD_PEER_PORT)" /members
	[[ $(env_value VERIFY_CLIENT_CERT) == true ]] || return 0
	works "etcd's client port answers with a certificate" '' answers_200 https "$other" $etcd/client.crt \
		$etcd/client.key $etcd/ca.crt "$address:$(env_value ETCD_CLIENT_PORT)" /health
	refused "etcd's client port wants a certificate" '' answers_200 https "$other" '' '' $etcd/ca.crt \
		"$address:$(env_value ETCD_CLIENT_PORT)" /health
	works "Patroni's REST port answers HAProxy's certificate" '' answers_200 https haproxy $proxy/client.crt \
		$proxy/client.key $proxy/ca.crt "$(node_address "$leader"):$(env_value PATRONI_API_PORT)" /primary
	refused "Patroni's REST port wants a certificate" '' answers_200 https haproxy '' '' $proxy/ca.crt \
		"$(node_address "$leader"):$(env_value PATRONI_API_PORT)" /primary
	refused 'PostgreSQL wants a certificate' 'FATAL:.*certificate' \
		as "$app" POSTGRES_PASSWORD "$haproxy" "$rw" sslcert=/nowhere sslkey=/nowhere
	refused 'PgBouncer wants a certificate' 'certificate|SSL' \
		as "$app" POSTGRES_PASSWORD "$pgbouncer" "$pooler" sslcert=/nowhere sslkey=/nowhere
}

# --- clear text -------------------------------------------------------------------------------------------

# http ADDRESS PORT PATH: the same without TLS, from the client's machine; empty when nothing comes back.
http() {
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$client" timeout 5 bash -c '
		exec 3<>"/dev/tcp/$1/$2"
		printf "GET %s HTTP/1.0\r\n\r\n" "$3" >&3
		cat <&3' http "$@" </dev/null
}

test_clear_text() {
	local etcd
	etcd=$(node_address "$(service_nodes etcd | head -n 1)")
	refused "etcd's client port refuses clear text" '' answers_200 http "$etcd" \
		"$(env_value ETCD_CLIENT_PORT)" /health
	refused "etcd's peer port refuses clear text" '' answers_200 http "$etcd" \
		"$(env_value ETCD_PEER_PORT)" /members
	refused "Patroni's REST port refuses clear text" '' answers_200 http "$(node_address "$leader")" \
		"$(env_value PATRONI_API_PORT)" /primary
	refused "HAProxy's statistics refuse clear text" '' answers_200 http "$haproxy" \
		"$(env_value EXT_HAPROXY_STATS_PORT)" /
	refused 'PostgreSQL refuses clear text' 'FATAL:.*no encryption' \
		as "$app" POSTGRES_PASSWORD "$haproxy" "$rw" sslmode=disable
	refused 'PgBouncer refuses clear text' 'SSL required' \
		as "$app" POSTGRES_PASSWORD "$pgbouncer" "$pooler" sslmode=disable
}

# --- secrets in sight -------------------------------------------------------------------------------------

# The values, a line each: every secret variable, every passphrase.
secret_values() {
	local name
	while read -r name; do
		env_value "$name"
	done < <("$here/settings.py" secret-names "$LAB_TOP/manifests/services") | sort -u
	cut -d= -f2- "$LAB_SECRETS/passphrases"
}

# Runs in a machine, the values on stdin: prints where one of them is to be seen, by anybody who looks at
# processes, by an account without rights in files, or by an administrator in the journal.
# shellcheck disable=SC2016 # the machine's shell expands it
SEARCH='
values=$(cat)
find_in() { printf "%s\n" "$values" | grep -Fa -f - "$@"; }
[ "$(printf "%s\n" "$values" | grep -cE ".{10}")" -ge "$1" ] || echo "too few values to look for"
for process in /proc/[0-9]*; do
	if tr "\0" "\n" <"$process/cmdline" 2>/dev/null | grep -qFa -f /dev/fd/3 3<<-VALUES
		$values
	VALUES
	then echo "command line of $(cat "$process/comm")"; fi
done
printf "%s\n" "$values" | runuser -u nobody -- grep -rsFal -f - \
	/etc /var /opt /usr /home /root /srv /run /tmp /dev/shm
journalctl --no-pager --quiet 2>/dev/null | find_in -q && echo "the journal"
exit 0'

# search NODE [CANARY]: fails when something is in sight.
search() {
	{ secret_values && printf '%s\n' "${@:2}"; } |
		machine_exec "$1" sh -c "$SEARCH" search "$(secret_values | wc -l)" >"$out.search" 2>&1
	cat "$out.search"
	[[ ! -s $out.search ]]
}

# The search itself must find: a file that all may read and a command line, with a value of this test's own.
search_finds() {
	local canary
	canary=canary-$(openssl rand -hex 16)
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$client" sh -c 'cat >/var/tmp/canary; chmod 0644 /var/tmp/canary
		exec sh -c "while [ -e /var/tmp/canary ]; do sleep 0.1; done" "$(cat /var/tmp/canary)"' \
		plant <<<"$canary" &
	within 5 'the canary is planted' machine_exec "$client" test -s /var/tmp/canary </dev/null
	search "$client" "$canary" || :
	machine_exec "$client" rm /var/tmp/canary </dev/null
	wait
	grep -qx '/var/tmp/canary' "$out.search" && grep -q '^command line of sh' "$out.search"
}

test_secrets() {
	local name rest
	works 'the search for secrets finds a planted one' '' search_finds
	while read -r name rest; do
		works "no secret in sight on $name" '' search "$name"
	done < <("$here/topology.py" "$LAB_TOPOLOGY")
	refused 'no secret in the logs of the demonstration' '' grep -rFl -f <(secret_values) "$DEMO/log"
}

# --- a wrong passphrase, a wrong machine -----------------------------------------------------------------

# What a machine has, to the last file. Of what the installer keeps for itself only its directory may be there, and
# an empty staging.
inventory() {
	machine_exec spare sh -c 'rpm -qa | sort
		find / -xdev ! -path "/root/media*" ! -path "/var/log/*" ! -path "/run/*" ! -path "/tmp/*" \
			! -path /var/lib/pgha ! -path /var/lib/pgha/staging -printf "%p %s %m\n" | sort' </dev/null
}

test_wrong_passphrase() {
	local node=haproxy status=0 file before bundle
	bundle=$(echo "$DEMO"/pgha-*.tar)
	if [[ ! -f $bundle ]]; then
		((++skipped))
		echo "skip  a wrong passphrase: no bundle in $DEMO"
		return
	fi
	machine_start spare 10.77.0.99
	for file in "$bundle" "$DEMO/pgha-install" "$DEMO/ca.crt"; do
		machine_put spare "$file" "/root/media/${file##*/}"
	done
	machine_put spare "$LAB_SECRETS/passphrases.pgbouncer" /root/media/passphrase
	before=$(inventory)
	machine_exec spare /root/media/pgha-install --node $node --bundle "/root/media/${bundle##*/}" \
		--ca /root/media/ca.crt --passphrase-file /root/media/passphrase </dev/null >"$out.install" 2>&1 ||
		status=$?
	sed 's/^/      /' "$out.install"
	works "another node's passphrase: exit 5" '' test "$status" -eq 5
	works 'and nothing is installed' '' diff <(printf '%s\n' "$before") <(inventory)
	test_unfit "/root/media/${bundle##*/}"
	machine_remove spare
}

# The spare machine is not the node that it is told to be: all of it at once, each with its name.
test_unfit() {
	local status=0 before try port
	port=$(printf '%04X' "$rw")
	machine_put spare "$LAB_SECRETS/passphrases.haproxy" /root/media/passphrase
	machine_exec spare sh -c 'echo 10.77.0.99 node1 >>/etc/hosts' </dev/null
	machine_exec spare systemd-run --quiet --unit=squatter systemd-socket-activate --listen="$rw" /bin/cat </dev/null
	for ((try = 0; try < 50; try++)); do
		machine_exec spare grep -q ":$port " /proc/net/tcp6 </dev/null && break
		sleep 0.1
	done
	before=$(inventory)
	machine_exec spare /root/media/pgha-install --node haproxy --bundle "$1" --ca /root/media/ca.crt \
		--passphrase-file /root/media/passphrase </dev/null >"$out.install" 2>&1 || status=$?
	sed 's/^/      /' "$out.install"
	works 'a machine that is not fit: exit 6' '' test "$status" -eq 6
	works 'it says which address is missing' "address: no interface has $haproxy, .*there is 10\.77\.0\.99" cat "$out.install"
	works 'and who holds the port' \
		"ports: TCP port $rw .* is taken on :: by process [0-9]+ \\(systemd-socket-, squatter\.service\\)" cat "$out.install"
	works 'and what /etc/hosts has wrong' "hosts: /etc/hosts says that 'node1' is 10\.77\.0\.99" cat "$out.install"
	works 'and still nothing is installed' '' diff <(printf '%s\n' "$before") <(inventory)
}

main() {
	mapfile -t members < <(service_nodes patroni)
	leader=$(cluster_leader "${members[0]}")
	client=$(printf '%s\n' "${members[@]}" | grep -vxF "$leader" | tail -n 1)
	client_setup "$client"
	app=$(env_value POSTGRES_USER)
	haproxy=$(node_address haproxy) pgbouncer=$(node_address pgbouncer)
	rw=$(env_value EXT_HAPROXY_RW_PORT) ro=$(env_value EXT_HAPROXY_RO_PORT)
	pooler=$(env_value EXT_PGBOUNCER_PORT)
	test_superuser
	test_certificates
	test_clear_text
	test_secrets
	test_wrong_passphrase
	verdict_sum
}
main
