# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The installed cluster as its client and its operator see it. Sourced after machines.sh; LAB_TOPOLOGY and
# LAB_SECRETS (the folder with env, client.crt, client.key, ca.crt) are set. A secret travels on standard
# input, into an environment or a file that only its user reads, never on a command line.

PSQL=/usr/pgsql-17/bin/psql
PATRONICTL=/opt/pgha/venv/bin/patronictl
LAB_CLIENT_DIR=/root/client

# env_value NAME: a variable of the demonstration's .env; empty when it is not set there.
env_value() {
	sed -n "s/^$1=//p" "$LAB_SECRETS/env"
}

# service_nodes SERVICE: names of its nodes.
service_nodes() {
	"$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk -v service="$1" '$4 ~ "(^|,)" service "(,|$)" { print $1 }'
}

node_address() {
	"$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk -v name="$1" '$1 == name { print $2 }'
}

# with_secret NODE VARIABLE ENVNAME CMD...: run CMD there with VARIABLE set to a secret; stdin passed on.
with_secret() {
	local node=$1 variable=$2 name=$3
	shift 3
	# shellcheck disable=SC2016 # the machine's shell expands it
	{ env_value "$name" && cat; } | machine_exec "$node" sh -c '
		IFS= read -r value
		export "$1=$value"
		shift
		exec "$@"' with-secret "$variable" "$@"
}

# --- a client ---------------------------------------------------------------------------------------------

# client_setup NODE: the application's certificate, so that a client can come from there.
client_setup() {
	local file
	for file in ca.crt client.crt client.key; do
		machine_put "$1" "$LAB_SECRETS/$file" "$LAB_CLIENT_DIR/$file" || return
	done
}

# conninfo HOST PORT [KEYWORD=VALUE...]: as the application, all certificates checked, its own shown.
conninfo() {
	local host=$1 port=$2
	shift 2
	echo "host=$host port=$port dbname=$(env_value POSTGRES_DB) user=$(env_value POSTGRES_USER)" \
		"sslmode=verify-full sslrootcert=$LAB_CLIENT_DIR/ca.crt sslcert=$LAB_CLIENT_DIR/client.crt" \
		"sslkey=$LAB_CLIENT_DIR/client.key connect_timeout=5 $*"
}

# client_sql NODE CONNINFO [ENVNAME]: SQL from stdin, results without decoration; bounded in time.
client_sql() {
	with_secret "$1" PGPASSWORD "${3:-POSTGRES_PASSWORD}" timeout 10 "$PSQL" --no-psqlrc --quiet \
		--no-align --tuples-only --set ON_ERROR_STOP=1 --file - "$2"
}

# The three ways of the demonstration's client.
client_pooled() { client_sql "$1" "$(conninfo "$(node_address pgbouncer)" "$(env_value EXT_PGBOUNCER_PORT)")"; }
client_writer() { client_sql "$1" "$(conninfo "$(node_address haproxy)" "$(env_value EXT_HAPROXY_RW_PORT)")"; }
client_reader() { client_sql "$1" "$(conninfo "$(node_address haproxy)" "$(env_value EXT_HAPROXY_RO_PORT)")"; }

# --- its operator -----------------------------------------------------------------------------------------

# patroni_list NODE: the members as JSON, as that node sees them.
patroni_list() {
	machine_exec "$1" timeout 10 runuser -u postgres -- "$PATRONICTL" --config-file \
		/etc/patroni/patroni.yml list --format json </dev/null
}

# cluster_leader NODE
cluster_leader() { patroni_list "$1" | "$LAB_DIR/report.py" leader; }

# cluster_settled NODE COUNT: one leader, all others stream from it.
cluster_settled() { patroni_list "$1" 2>/dev/null | "$LAB_DIR/report.py" settled "$2" 2>/dev/null; }

# within SECONDS WHAT CMD...: again and again until CMD succeeds; says WHAT when it never does.
within() {
	local seconds=$1 what=$2 deadline=$((SECONDS + $1))
	shift 2
	until "$@"; do
		if ((SECONDS >= deadline)); then
			log "not within $seconds s: $what"
			return 1
		fi
		sleep 0.3
	done
}

# node_version NODE SERVICE
node_version() {
	if [[ $2 == patroni ]]; then
		printf '%s, PostgreSQL %s\n' \
			"$(machine_exec "$1" "${PATRONICTL%ctl}" --version </dev/null | awk '{ print $NF }')" \
			"$(machine_exec "$1" rpm -q --qf '%{VERSION}' postgresql17-server </dev/null)"
	else
		machine_exec "$1" rpm -q --qf '%{VERSION}\n' "$2" </dev/null
	fi
}

# node_role NODE SERVICE ROLES: ROLES are the members' lines NAME ROLE.
node_role() {
	case $2 in
	patroni) awk -v name="$1" '$1 == name { print $2 }' <<<"$3" ;;
	etcd) etcd_ctl "$1" endpoint status --write-out json </dev/null | "$LAB_DIR/report.py" etcd-role ;;
	haproxy) echo proxy ;;
	pgbouncer) echo pooler ;;
	*) echo - ;;
	esac
}

# etcd_ctl NODE ARGUMENT...: as etcd's administrator, on that member alone.
etcd_ctl() {
	local node=$1 tls=/etc/etcd/tls
	shift
	with_secret "$node" ETCDCTL_PASSWORD ETCD_ROOT_PASSWORD env ETCDCTL_API=3 ETCDCTL_USER=root \
		ETCDCTL_CACERT=$tls/ca.crt ETCDCTL_CERT=$tls/client.crt ETCDCTL_KEY=$tls/client.key \
		"ETCDCTL_ENDPOINTS=https://$(node_address "$node"):$(env_value ETCD_CLIENT_PORT)" \
		timeout 10 etcdctl "$@"
}

# cluster_table NODE: a line of tabs per node, for report.py; NODE is asked about the members' roles.
cluster_table() {
	local name address datacenter service roles active
	roles=$(patroni_list "$1" | "$LAB_DIR/report.py" roles) || return
	while read -r name address datacenter service; do
		active=$(machine_exec "$name" systemctl is-active "$service.service" </dev/null) || :
		printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$address" "$datacenter" "$service" "$active" \
			"$(node_version "$name" "$service")" "$(node_role "$name" "$service" "$roles")" || return
	done < <("$LAB_DIR/topology.py" "$LAB_TOPOLOGY")
}
