# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The next bundle on the running cluster: newer packages, whose scriptlets restart their services by themselves, a setting for
# which PostgreSQL must restart, every certificate made anew. Two clients write all the time, one through PgBouncer and one
# through HAProxy: what they lose is counted. All eight nodes are installed at once, so that only the cluster's lock orders
# their restarts (NEXT_JOBS=1: one after the other, the primary last). Leaves build/demo/next.json.
# Sourced by lab, after demo.sh.

NEXT_PACKAGES=(etcd haproxy postgresql17-server)
NEXT_SETTING=PG_MAX_CONNECTIONS
NEXT_VALUE=230

next_run() {
	local keep=false
	[[ ${1:-} != --keep ]] || keep=true
	# The tarball alone is carried, to all.
	# shellcheck disable=SC2317 # demo_install calls them
	media_carry() { machine_put "$1" "$DEMO_BUNDLE" "$DEMO_MEDIA/bundle/${DEMO_BUNDLE##*/}"; }
	# shellcheck disable=SC2317
	media_bundle() { echo "$DEMO_MEDIA/bundle/${DEMO_BUNDLE##*/}"; }
	lab_trap
	lab_begin
	rm -rf "$DEMO"
	mkdir -p "$DEMO/log"
	install -d -m 0700 "$LAB_SECRETS"
	next_prepare
	demo_install "${PGHA_SEED:-1}"
	step 'the next bundle, under load' next_upgrade
	next_facts | "$LAB_DIR/report.py" facts "$DEMO/next.json"
	cat "$DEMO/next.json"
	$keep || return 0
	lab_leave
}

# --- the connected side -----------------------------------------------------------------------------------

next_prepare() {
	# shellcheck source=tests/lab/prepare.sh
	. "$LAB_DIR/prepare.sh"
	lab_preflight
	# shellcheck disable=SC2153 # set by machines.sh
	need_disk "$LAB_STATE" 6144 'eight machines'
	step 'target image' demo_image
	step 'RPMs and repositories' demo_repositories
	step 'connected side' lab_connected >/dev/null
	step 'repositories over HTTPS' serve_start "$LAB_RUN"
	export LAB_SERVE_PORT=${LAB_REPOS_URL##*:}
	step 'build pgha there' demo_make
	step 'settings and passwords' demo_settings
	step "the bundle's definition" demo_definition
	step 'keys' connected_run build/lab/pgha-bundle keys init --out build/demo/secrets/keys
	step 'lock' demo_resolve
	step 'bundle' media_build build/demo
	cp "$LAB_SECRETS/keys/ca.crt" "$DEMO/ca.crt"
	demo_one_bundle
	step "the application's certificate" demo_client_certificate
	step 'the next bundle: newer packages, a setting, new certificates' next_bundle
}

# The .env of the installed bundle comes back when this one is built.
next_bundle() {
	local env=$LAB_SECRETS/env manifests=$DEMO/manifests newer
	local -a certificates
	cp -p "$env" "$env.now"
	sed -i "/^$NEXT_SETTING=/d" "$env"
	echo "$NEXT_SETTING=$NEXT_VALUE" >>"$env"
	newer=$(sed -n 's/^pgdg17: //p' "$DEMO_REPOS/fingerprints.yaml")
	printf '\n[newer]\nname=Lab newer\nenabled=1\ngpgcheck=1\ngpgkey=file://%s\nbaseurl=file://%s\n' \
		"$DEMO_REPOS/keys/RPM-GPG-KEY-lab-pgdg.asc" "$DEMO_REPOS/newer" >>"$manifests/lab.repo"
	sed -i "s/^trust:/&\n  newer: [\"$newer\"]/" "$manifests/lab.yaml"
	demo_resolve >/dev/null
	mapfile -t certificates < <(cd "$LAB_SECRETS/keys" && find nodes -name '*.crt' ! -name transport.crt | sed 's/\.crt$//' | sort)
	connected_run build/lab/pgha-bundle keys renew --keys build/demo/secrets/keys "${certificates[@]}" >"$DEMO/log/renew"
	media_build build/demo/next
	mv "$env" "$env.next"
	mv "$env.now" "$env"
	NEXT_BUNDLE=$(echo "$DEMO"/next/pgha-*.tar)
	[[ -f $NEXT_BUNDLE ]] || die "not one bundle: $NEXT_BUNDLE"
}

# --- the secure zone --------------------------------------------------------------------------------------

next_upgrade() {
	local -a nodes
	local before
	mapfile -t nodes < <("$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk '{ print $1 }' | grep -vxF "$OLD_LEADER")
	client_setup "$DEMO_CLIENT"
	machine_put "$DEMO_CLIENT" "$LAB_DIR/writer.py" "$LAB_CLIENT_DIR/writer.py"
	client_pooled "$DEMO_CLIENT" <<<'CREATE TABLE writes (writer text, number bigint, PRIMARY KEY (writer, number));'
	before=$(next_timeline)
	next_write pgbouncer "$(conninfo "$(node_address pgbouncer)" "$(env_value EXT_PGBOUNCER_PORT)")" &
	next_write haproxy "$(conninfo "$(node_address haproxy)" "$(env_value EXT_HAPROXY_RW_PORT)")" &
	within 15 'both clients write' next_writing
	PGHA_JOBS=${NEXT_JOBS:-8} demo_each next "${nodes[@]}" "$OLD_LEADER"
	within 120 'one leader, the others stream from it' cluster_settled "$DEMO_CLIENT" "$DEMO_MEMBERS"
	next_stop
	NEXT_SWITCHOVERS=$(($(next_timeline) - before))
	OLD_LEADER=$(cluster_leader "$DEMO_CLIENT")
	DEMO_CLIENT=$(service_nodes patroni | grep -vxF "$OLD_LEADER" | tail -n 1)
	step '  what the clients saw' next_seen
	step '  what the nodes run' next_check "${nodes[@]}"
	mv "$LAB_SECRETS/env.next" "$LAB_SECRETS/env"
}

demo_next_node() { step "  $1" next_one "$1"; }

next_one() {
	machine_put "$1" "$NEXT_BUNDLE" "$DEMO_MEDIA/next/${NEXT_BUNDLE##*/}"
	demo_logged "$1" "$1.next.log" --bundle "$DEMO_MEDIA/next"
}

# next_write NAME CONNINFO: in the background; what it counted goes to build/demo/log/writer.NAME.
next_write() {
	with_secret "$DEMO_CLIENT" PGPASSWORD POSTGRES_PASSWORD /opt/pgha/venv/bin/python "$LAB_CLIENT_DIR/writer.py" "$1" \
		"$LAB_CLIENT_DIR/stop" "$2" </dev/null >"$DEMO/log/writer.$1" 2>"$DEMO/log/writer.$1.err"
}

next_writing() {
	[[ $(client_pooled "$DEMO_CLIENT" 2>>"$DEMO/log/client" <<<'SELECT count(DISTINCT writer) FROM writes') == 2 ]]
}

next_stop() {
	machine_exec "$DEMO_CLIENT" touch "$LAB_CLIENT_DIR/stop" </dev/null
	wait
}

# A promotion begins a new timeline.
next_timeline() { patroni_list "$DEMO_CLIENT" | "$LAB_DIR/report.py" timeline; }

# --- what came of it --------------------------------------------------------------------------------------

next_seen() {
	log "switchovers: $NEXT_SWITCHOVERS"
	"$LAB_DIR/report.py" writers "$DEMO"/log/writer.{pgbouncer,haproxy} >"$DEMO/log/writers" ||
		die "confirmed writes were lost, or nothing was written: $(cat "$DEMO"/log/writer.*)"
	sed 's/^/lab: /' "$DEMO/log/writers" >&2
	((NEXT_SWITCHOVERS <= 1)) || die "$NEXT_SWITCHOVERS switchovers, one is enough"
}

# For the result.
next_facts() {
	echo "next_switchovers=$NEXT_SWITCHOVERS"
	sed -n 's/^fact //p' "$DEMO/log/writers"
}

next_check() {
	local node value
	for node in "$@"; do
		[[ $(media_committed "$node") == "$(media_index "$NEXT_BUNDLE" | sed -n 's/^sequence: //p')" ]] ||
			die "$node has committed sequence $(media_committed "$node")"
		next_check_packages "$node"
	done
	value=$(machine_exec "$OLD_LEADER" runuser -u postgres -- "$PSQL" --no-psqlrc --tuples-only --no-align --host=/run/postgresql \
		--command='SHOW max_connections' </dev/null)
	[[ $value == "$NEXT_VALUE" ]] || die "max_connections is $value on $OLD_LEADER"
	next_check_turns
	next_check_ports
	demo_logged haproxy haproxy.next-again.log --bundle "$DEMO_MEDIA/next"
	grep -qx 'haproxy: nothing to do' "$DEMO/log/haproxy.next-again.log" || die "a second run on haproxy changes something"
}

# What is installed is what runs, and no scriptlet brought that about.
next_check_packages() {
	local package service
	for package in "${NEXT_PACKAGES[@]}"; do
		machine_exec "$1" rpm --query --quiet "$package" </dev/null || continue
		[[ $(machine_exec "$1" rpm --query --qf '%{RELEASE}' "$package" </dev/null) == *.1 ]] || die "$1 has an old $package"
		service=$package
		[[ $package != postgresql17-server ]] || service=patroni
		# shellcheck disable=SC2016 # the machine's shell expands it
		machine_exec "$1" sh -ec '
			pid=$(systemctl show --property=MainPID --value "$1.service")
			! grep -q "/usr/.* (deleted)" "/proc/$pid/maps"
			case $1 in
			patroni) ;;
			*) grep -rq "Operation refused, unit $1.service" /var/lib/pgha/log ;;
			esac' check "$service" </dev/null || die "$1: $service still runs what was replaced, or its package restarted it"
	done
}

# No two members of etcd and of the database were down at a time. All machines have one clock.
next_check_turns() {
	local service node
	for service in etcd patroni; do
		for node in $(service_nodes "$service"); do
			machine_exec "$node" systemctl show --property=ActiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic \
				"$service.service" </dev/null | sort -r | sed 's/.*=//' | paste -sd ' '
		done
	done | sort -n >"$DEMO/log/turns"
	awk '$1 == 0 || $1 < last { bad = 1 } { last = $2 } END { exit bad || NR != 6 }' "$DEMO/log/turns" ||
		die "restarts side by side, or none: $(paste -sd ' ' "$DEMO/log/turns")"
}

# Each port shows the new certificate.
next_check_ports() {
	local name address service rest
	while read -r name address _ service rest; do
		case $service in
		etcd)
			next_check_port "$name" etcd-server "$address:$(env_value ETCD_CLIENT_PORT)"
			next_check_port "$name" etcd-peer "$address:$(env_value ETCD_PEER_PORT)"
			;;
		patroni)
			next_check_port "$name" patroni-server "$address:$(env_value PATRONI_API_PORT)"
			next_check_port "$name" patroni-server "$address:$(env_value "EXT_PG_PORT_${name^^}")" -starttls postgres
			;;
		haproxy) next_check_port "$name" haproxy-server "$address:$(env_value EXT_HAPROXY_STATS_PORT)" ;;
		pgbouncer) next_check_port "$name" pgbouncer-server "$address:$(env_value EXT_PGBOUNCER_PORT)" -starttls postgres ;;
		esac
	done < <("$LAB_DIR/topology.py" "$LAB_TOPOLOGY")
}

# next_check_port NODE CERTIFICATE ADDRESS [OPTION...]
next_check_port() {
	local shown made
	made=$(openssl x509 -noout -serial -in "$LAB_SECRETS/keys/nodes/$1/$2.crt")
	shown=$(machine_exec haproxy openssl s_client -connect "$3" "${@:4}" </dev/null 2>/dev/null | openssl x509 -noout -serial) || :
	[[ $shown == "$made" ]] || die "$3 shows ${shown:-nothing}, not $1's new certificate $2: $made"
}
