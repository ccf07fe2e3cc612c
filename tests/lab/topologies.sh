#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The topologies that manifests/topologies/ ships: a bundle of each is built from the manifests as they stand, installed on
# its machines, and used. On one machine everything is then taken away again; of three the leader loses its power. Needs
# root; build/topologies/NAME keeps the bundle and the logs.
#
# image: one machine whose root comes out of an empty directory. eight: how long the lab's eight machines take.
#
#   topologies.sh [single|three|image|eight]...     PGHA_LAB_STATE=DIR: a lab to look into while it runs (tests/lab/lab shell NODE)
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
# shellcheck source=tests/lab/revoked.sh
. "$here/revoked.sh"
# shellcheck source=tests/lab/empty_root.sh
. "$here/empty_root.sh"
# shellcheck source=tests/lab/eight.sh
. "$here/eight.sh"
# shellcheck source=tests/lab/writers.sh
. "$here/writers.sh"
# shellcheck source=tests/lab/holder.sh
. "$here/holder.sh"
need_root check-topologies

[[ -n ${PGHA_LAB_STATE:-} ]] || LAB_STATE=$(mktemp -d /var/tmp/pgha-topologies-XXXXXX)

cleanup() {
	local status=$?
	trap - EXIT
	[[ -z ${LAB_RUN:-} ]] || serve_stop "$LAB_RUN"
	lab_down || status=1
	[[ -n ${PGHA_LAB_STATE:-} ]] || rm -rf --one-file-system "$LAB_STATE"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- the connected side -----------------------------------------------------------------------------------

topology_prepare() {
	lab_preflight
	step 'target image' demo_image
	step 'RPMs and repositories' demo_repositories
	step 'connected side' lab_connected >/dev/null
	step 'repositories over HTTPS' serve_start "$LAB_RUN"
	export LAB_SERVE_PORT=${LAB_REPOS_URL##*:} # the proof of isolation tries it
	mkdir -p "$LAB_TOP/build/topologies"
	step 'build pgha there' connected_run make --no-print-directory -j2 B=build/lab all >"$LAB_TOP/build/topologies/make"
}

# topology_use NAME: what demo.sh's functions work on.
topology_use() {
	DEMO=$LAB_TOP/build/topologies/$1
	LAB_SECRETS=$DEMO/secrets
	LAB_TOPOLOGY=$LAB_TOP/manifests/topologies/$1.yaml
	rm -rf "$DEMO"
	mkdir -p "$DEMO/log"
	case $1 in
	image) image_topology ;;
	eight) LAB_TOPOLOGY=$LAB_DIR/topology.yaml ;;
	esac
	mapfile -t NODES < <("$here/topology.py" "$LAB_TOPOLOGY" | awk '{ print $1 }')
	install -d -m 0700 "$LAB_SECRETS"
}

topology_bundle() {
	local place=build/topologies/$1 PGHA_SETTINGS=${PGHA_SETTINGS:-}
	[[ $1 != single ]] || PGHA_SETTINGS='VERIFY_CLIENT_CERT=false' # the other kind of cluster is the demonstration's
	step '  settings and passwords' demo_settings
	topology_definition "$1"
	step '  keys' connected_run build/lab/pgha-bundle keys init --out "$place/secrets/keys"
	step '  bundle' topology_build "$1"
	cp "$LAB_SECRETS/keys/ca.crt" "$DEMO/ca.crt"
	demo_client_certificate
}

topology_build() {
	local place=build/topologies/$1
	rm -f "$DEMO"/pgha-*.tar
	demo_bundler build -f "$place/manifests/lab.yaml" --keys "$place/secrets/keys" \
		--passphrases "$place/secrets/passphrases" --cache "$PGHA_CACHE/artifacts" -o "$place"
	demo_one_bundle
}

# topology_next NAME: the next bundle, for which every unit must be restarted.
topology_next() {
	local file
	for file in etcd/templates/etcd.yml patroni/templates/patroni.service haproxy/templates/haproxy.service.conf \
		pgbouncer/templates/pgbouncer.service.conf; do
		echo '# suivant' >>"$DEMO/manifests/services/$file"
	done
	topology_build "$1"
}

# manifests/ as it is; what only this machine knows is filled in.
topology_definition() {
	demo_definition
	sed -i "s,^topology: .*,topology: ${LAB_TOPOLOGY##*/}," "$DEMO/manifests/lab.yaml"
	sed -i 's,^installer: .*,installer: ../../../lab/pgha-install,' "$DEMO/manifests/lab.yaml"
	[[ $1 != image ]] || image_definition
}

# --- the machines -----------------------------------------------------------------------------------------

topology_boot() {
	step '  boot' topology_start
	step '  prove isolation' lab_prove_isolated
}

topology_start() {
	local name address rest
	lab_need_inotify "$("$here/topology.py" "$LAB_TOPOLOGY" | wc -l)"
	while read -r name address rest; do
		machine_launch "$name" "$address" </dev/null
	done < <("$here/topology.py" "$LAB_TOPOLOGY")
	for name in "${NODES[@]}"; do machine_wait "$name"; done
}

topology_remove() {
	local name
	for name in "${NODES[@]}"; do machine_remove "$name"; done
}

# topology_carry NODE: all that a node gets.
topology_carry() {
	local file
	for file in "$DEMO_BUNDLE" "$DEMO/pgha-install" "$DEMO/ca.crt"; do
		machine_put "$1" "$file" "$DEMO_MEDIA/${file##*/}"
	done
	machine_put "$1" "$LAB_SECRETS/passphrases.$1" "$DEMO_MEDIA/passphrase"
}

# topology_install NODE LOG [OPTION...]
topology_install() {
	topology_carry "$1"
	demo_logged "$1" "$2" --bundle "$DEMO_MEDIA/${DEMO_BUNDLE##*/}" "${@:3}"
}

# The same, and all that it said.
topology_said() { topology_install "$@" && cat "$DEMO/log/$2"; }

demo_next_node() { step "  $1" topology_said "$1" "$1.next.log"; }
demo_first_node() { step "  $1" topology_install "$1" "$1.log"; }
demo_waited_node() { step "  $1" topology_install "$1" "$1.waited.log" --wait; }
demo_again_node() { step "  $1" topology_again "$1"; }

# The second run waits until the whole cluster answers, and changes nothing on the node.
topology_again() {
	local before after
	before=$(demo_fingerprint "$1")
	topology_install "$1" "$1.again.log" --wait
	after=$(demo_fingerprint "$1")
	diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") && grep -x "$1: nothing to do" "$DEMO/log/$1.again.log"
}

# --- their clients ----------------------------------------------------------------------------------------

# The ways in, of each node that has one: SQL from standard input.
pooled() { client_sql "$CLIENT" "$(conninfo "$(node_address "$1")" "$(env_value EXT_PGBOUNCER_PORT)")"; }
writer() { client_sql "$CLIENT" "$(conninfo "$(node_address "$1")" "$(env_value EXT_HAPROXY_RW_PORT)")"; }
reader() { client_sql "$CLIENT" "$(conninfo "$(node_address "$1")" "$(env_value EXT_HAPROXY_RO_PORT)")"; }

# ask WAY NODE SQL
ask() { "$1" "$2" <<<"$3"; }

# counted WAY NODE WHERE: rows there, and whether a replica answered.
counted() { ask "$1" "$2" "SELECT 'rows=' || count(*) || ' replica=' || pg_is_in_recovery() FROM demo WHERE note LIKE '$3'"; }

main() {
	local name
	(($# > 0)) || set -- single three
	lab_begin
	out=$LAB_RUN/out
	topology_prepare
	lab_net_up
	for name; do
		declare -F "topology_$name" >/dev/null || die "no topology '$name' is known here"
		log "--- $name"
		topology_use "$name"
		topology_bundle "$name"
		"topology_$name"
		topology_remove
	done
	verdict_sum
}

# as_superuser PORT [PASSWORD_NAME]: from this machine to its own address, with the right password.
as_superuser() {
	client_sql "$CLIENT" "$(conninfo "$(node_address "$CLIENT")" "$(env_value "$1")" user=postgres dbname=postgres)" \
		POSTGRES_SUPERUSER_PASSWORD <<<'SELECT current_user'
}

# Where proxy and database share a machine, neither its own address nor the proxy makes a superuser local.
test_superuser() { # NODE
	local port CLIENT=$1
	client_setup "$1"
	for port in EXT_PGBOUNCER_PORT EXT_HAPROXY_RW_PORT EXT_HAPROXY_RO_PORT "EXT_PG_PORT_${CLIENT^^}"; do
		refused "no superuser by $port of the same machine" 'pg_hba.conf rejects|SASL authentication failed|no such user' as_superuser "$port"
	done
}

# --- one machine ------------------------------------------------------------------------------------------

# test_one NODE: it is in use, every way.
test_one() {
	local way
	client_setup "$1"
	works 'a client makes a table through PgBouncer' '' ask pooled "$1" 'CREATE TABLE demo (note text NOT NULL)'
	for way in pooled writer; do
		works "and writes ($way)" '' ask "$way" "$1" "INSERT INTO demo VALUES ('$way')"
	done
	for way in pooled writer reader; do
		works "and reads ($way)" '^rows=2 replica=false$' counted "$way" "$1" %
	done
}

topology_single() {
	local node=${NODES[0]} from
	CLIENT=$node
	topology_boot
	uninstall_listing "$node" >"$DEMO/log/before"
	demo_rpm_before "$node"
	works 'it is installed, and all probes of the cluster hold' '' topology_install "$node" first.log --wait
	test_one "$node"
	test_superuser "$node"
	works 'it is closed, with passwords alone' '' demo_closed
	works 'a second run changes nothing' '' topology_again "$node"
	test_check "$node"
	step '  the next bundle' topology_next single
	DEMO_CLIENT=$node
	writers_start "$node" "$node"
	from=$SECONDS
	works 'it is installed while clients write: every unit is started anew' '^restart patroni.service$' topology_said "$node" next.log --wait
	writers_stop
	writers_keep "$DEMO/result.json" 'N to N+1' 0 $((SECONDS - from))
	# Where all restarts on one machine, a session that was opened in the middle is soon lost again.
	works 'what was confirmed is there' '' "$here/next_report.py" judge "$DEMO/result.json" any
	cat "$out"
	works 'and all is still there' '^rows=2 replica=false$' counted pooled "$node" %
	test_uninstall "$node" "$DEMO/log/before" patroni.service /etc/patroni/patroni.yml /var/lib/etcd /var/lib/pgsql
}

# The probes again, without bundle and passphrase: all of them, and one that fails when its service has gone.
test_check() {
	works 'check: all holds' "^$1: healthy\$" uninstall_run "$1" check --wait
	works 'and every probe was asked' '^"healthy" 0$' check_states "$1"
	machine_exec "$1" systemctl stop pgbouncer.service </dev/null
	refused 'check: a service that has gone is unhealthy' "^$1: unhealthy\$" uninstall_run "$1" check
	machine_exec "$1" systemctl start pgbouncer.service </dev/null
}

# The sum, and how many probes say something else.
check_states() {
	uninstall_run "$1" check --wait --json >"$DEMO/log/$1.check"
	python3 -c 'import json, sys; a = json.load(sys.stdin); print(json.dumps(a["state"]), sum(p["state"] != "healthy" for p in a["probes"]))' \
		<"$DEMO/log/$1.check"
}

# --- three machines ---------------------------------------------------------------------------------------

topology_three() {
	local node way
	local -a ways others
	CLIENT=${NODES[2]}
	topology_boot
	mapfile -t ways < <(service_nodes pgbouncer)
	demo_rpm_before "${NODES[0]}"
	step '  install' demo_each first "${NODES[@]}"
	step '  what waited for others is done, and all probes hold' demo_each waited "${NODES[@]}"
	step '  install again: nothing changes' demo_each again "${NODES[@]}"
	within 60 'one leader, the others stream from it' cluster_settled "$CLIENT" ${#NODES[@]}
	client_setup "$CLIENT"
	works 'a client makes a table through PgBouncer' '' ask pooled "${ways[0]}" 'CREATE TABLE demo (note text NOT NULL)'
	for node in "${ways[@]}"; do
		for way in pooled writer; do
			works "and writes ($way of $node)" '' ask "$way" "$node" "INSERT INTO demo VALUES ('$way of $node')"
		done
		works "and reads on a replica (reader of $node)" '^rows=[1-9] replica=true$' counted reader "$node" %
	done
	test_superuser "${ways[0]}"
	works 'it is closed, every hop of it' '' demo_closed
	CLIENT=${NODES[2]}
	test_revoked_before "${ways[0]}"
	step '  the next bundle' topology_next three
	node=$(cluster_leader "$CLIENT")
	test_killed_pooler "$(printf '%s\n' "${ways[@]}" | grep -vxF "$node" | sed -n 1p)" # the primary would wait for the others
	works 'it is installed on all at once, which restart in turn' '' demo_each next "${NODES[@]}"
	works 'no two poolers were down at a time, though both began at once' '' in_turn pgbouncer.service "${ways[@]}"
	works 'nor two databases' '' in_turn patroni.service "${NODES[@]}"
	test_revoked_after "${ways[0]}"
	within 60 'one leader, the others stream from it' cluster_settled "$CLIENT" ${#NODES[@]}
	node=$(cluster_leader "$CLIENT")
	node=$(printf '%s\n' "${NODES[@]}" | grep -vxF -e "$node" -e "${ways[0]}" | tail -n 1)
	mapfile -t others < <(printf '%s\n' "${NODES[@]}" | grep -vxF -e "$node" -e "${ways[0]}")
	test_revoked_again "${ways[0]}" "$node" "${others[@]}"
	for node in "${NODES[@]}"; do
		works "all probes of the cluster hold on $node" "^$node: healthy\$" uninstall_run "$node" check --wait
	done
	topology_failover
}

# An installer is killed while it has the poolers' lock, a session in the database: which is free when the session is gone.
test_killed_pooler() { # NODE
	local installer job
	topology_carry "$1"
	holder_install "$1" --bundle "$DEMO_MEDIA/${DEMO_BUNDLE##*/}" >"$DEMO/log/killed" 2>&1 &
	job=$!
	installer=$(holder_stop "$1" "service=[t]urn")
	works 'a pooler has the lock' '' within 30 'a session with the lock' advisory_lock t
	holder_kill "$1" "$installer"
	refused 'its installer is killed' '' wait "$job"
	works 'and the lock is free' '' within 30 'no session with the lock' advisory_lock f
}

# advisory_lock t|f: whether a session of the primary has it.
advisory_lock() {
	local leader
	leader=$(cluster_leader "$CLIENT")
	[[ $(machine_exec "$leader" runuser -u postgres -- "$PSQL" --no-psqlrc --tuples-only --no-align --host=/run/postgresql \
		--port="$(env_value "EXT_PG_PORT_${leader^^}")" \
		--command="SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted" </dev/null) == "$1" ]]
}

# in_turn UNIT NODE...: each was restarted, and came up before the next went down. All machines have one clock.
in_turn() {
	local node
	for node in "${@:2}"; do
		machine_exec "$node" systemctl show --property=ActiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic "$1" </dev/null |
			sort -r | sed 's/.*=//' | paste -sd ' '
	done | sort -n | awk -v count=$(($# - 1)) -v last=1 '{ print } $1 < last || $2 < $1 { bad = 1 } { last = $2 } END { exit bad || NR != count }'
}

# The leader's machine loses its power, and with it a member of etcd, and a way in if it had one.
topology_failover() {
	local leader other node
	leader=$(cluster_leader "$CLIENT")
	other=$(printf '%s\n' "${NODES[@]}" | grep -vxF "$leader" | tail -n 1)
	CLIENT=$other
	client_setup "$CLIENT"
	machine_power_off_hard "$leader"
	for node in $(service_nodes pgbouncer | grep -vxF "$leader"); do
		works "writes go on (through $node) after $leader lost its power" '' within 90 'a write' \
			ask pooled "$node" "INSERT INTO demo VALUES ('after $node')"
		works 'and nothing is lost' '^rows=[5-9] replica=false$' counted pooled "$node" %
	done
	machine_start "$leader" ''
	works "$leader comes back as a replica" '' within 120 'it streams' cluster_settled "$CLIENT" ${#NODES[@]}
	for node in "${NODES[@]}"; do
		works "all probes of the cluster hold again on $node" "^$node: healthy\$" uninstall_run "$node" check --wait
	done
}

# --- an image ---------------------------------------------------------------------------------------------

topology_image() {
	local node=${NODES[0]}
	CLIENT=$node
	works 'a whole root comes into an empty directory' '' image_make
	works 'a second run changes nothing there' "^$node: nothing to do\$" image_install again.log
	works 'and nothing was started' '' image_quiet
	step '  boot the image' image_boot
	works 'its services start with it' '' image_active
	works 'the next installation does what needs the cluster' '' topology_install "$node" booted.log --wait
	test_one "$node"
	works 'a second run changes nothing' '' topology_again "$node"
	test_check "$node"
}

main "$@"
