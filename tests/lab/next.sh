# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The next bundle on the running cluster: newer packages, whose scriptlets restart their services by themselves, a setting for
# which PostgreSQL must restart, every certificate made anew. Two clients write all the time, one through PgBouncer and one
# through HAProxy: what they lose is counted. The nodes go one after the other, the primary last (NEXT_JOBS=8: all at once, so that
# only the cluster's lock orders their restarts), then back again; then an installer is killed while it has the lock. Leaves
# build/demo/next.json; `lab next --docs FILE` writes it down.
# Sourced by lab, after demo.sh.

# shellcheck source=tests/lab/holder.sh
. "$LAB_DIR/holder.sh"
# shellcheck source=tests/lab/writers.sh
. "$LAB_DIR/writers.sh"

NEXT_PACKAGES=(etcd haproxy postgresql17-server)
NEXT_SETTING=PG_MAX_CONNECTIONS
NEXT_VALUE=230
NEXT_JOBS=${NEXT_JOBS:-1}

next_run() {
	local keep=false docs=''
	while (($# > 0)); do
		case $1 in
		--keep) keep=true ;;
		--docs)
			docs=${2:?}
			shift
			;;
		*)
			log "unknown option '$1'"
			exit 2
			;;
		esac
		shift
	done
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
	step 'back to the bundle before, under load' next_back
	step 'an installer is killed while it has the lock' next_killed
	step 'an installation takes itself back' next_restored
	next_report fact "next_jobs=$NEXT_JOBS" "next_total_s=$SECONDS" next_restored=1
	next_report judge || die 'a bound was passed'
	[[ -z $docs ]] || next_report docs >"$docs"
	$keep || return 0
	lab_leave
}

# next_report VERB [ARGUMENT...]
next_report() { "$LAB_DIR/next_report.py" "$1" "$DEMO/next.json" "${@:2}"; }

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
	echo '# suivant' >>"$manifests/services/pgbouncer/templates/pgbouncer.service.conf"
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

# All nodes, the primary last.
next_order() {
	mapfile -t NEXT_NODES < <("$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk '{ print $1 }' | grep -vxF "$OLD_LEADER")
	NEXT_NODES+=("$OLD_LEADER")
}

next_upgrade() {
	next_order
	next_counted "N to N+1" next "${NEXT_NODES[@]}"
	mv "$LAB_SECRETS/env.next" "$LAB_SECRETS/env"
	step '  what the nodes run' next_check "${NEXT_NODES[@]}"
}

next_back() {
	local node
	next_order
	next_counted 'back to N' back "${NEXT_NODES[@]}"
	for node in "${NEXT_NODES[@]}"; do
		[[ $(media_committed "$node") == "$(media_index "$DEMO_BUNDLE" | sed -n 's/^sequence: //p')" ]] ||
			die "$node has committed sequence $(media_committed "$node")"
	done
	step '  one after the other' next_check_turns
}

# next_counted NAME VERB NODE...: demo_VERB_node for each while both clients write; NEXT_JOBS at a time.
next_counted() {
	local name=$1 before from to settled=true
	before=$(next_timeline)
	writers_start pgbouncer haproxy
	from=$SECONDS
	PGHA_JOBS=$NEXT_JOBS demo_each "${@:2}" || settled=false
	to=$SECONDS
	! $settled || within 120 'one leader, the others stream from it' cluster_settled "$DEMO_CLIENT" "$DEMO_MEMBERS" || settled=false
	writers_stop
	next_journals "$name"
	$settled || die "$name: it did not come to its end"
	writers_keep "$DEMO/next.json" "$name" $(($(next_timeline) - before)) $((to - from))
	next_report judge >&2 || log "a bound was passed: $DEMO/log/$name.history and the journals beside it tell when"
	OLD_LEADER=$(cluster_leader "$DEMO_CLIENT")
	DEMO_CLIENT=$(service_nodes patroni | grep -vxF "$OLD_LEADER" | tail -n 1)
}

demo_next_node() { step "  $1" next_one "$1"; }
demo_back_node() { step "  $1" back_one "$1"; }

next_one() {
	machine_put "$1" "$NEXT_BUNDLE" "$DEMO_MEDIA/next/${NEXT_BUNDLE##*/}"
	demo_logged "$1" "$1.next.log" --bundle "$DEMO_MEDIA/next"
}

back_one() {
	local log=$DEMO/log/$1.back.log
	machine_exec "$1" "$DEMO_MEDIA/pgha-install" rollback --node "$1" </dev/null >"$log" 2>&1 && return
	tail -n 20 "$log" >&2
	return 1
}

# A promotion begins a new timeline.
next_timeline() { patroni_list "$DEMO_CLIENT" | "$LAB_DIR/report.py" timeline; }

# next_journals NAME: to see why, when a bound is passed.
next_journals() {
	local service node
	machine_exec "$DEMO_CLIENT" timeout 10 runuser -u postgres -- "$PATRONICTL" --config-file /etc/patroni/patroni.yml history \
		</dev/null >"$DEMO/log/$1.history"
	for service in etcd patroni haproxy pgbouncer; do
		for node in $(service_nodes "$service"); do
			machine_exec "$node" journalctl --no-pager --output=short-precise --unit="$service.service" </dev/null >"$DEMO/log/$node.journal"
		done
	done
}

# --- a killed installer ------------------------------------------------------------------------------------

# The lock is etcd's: by etcdctl on etcd1, by Patroni's member on a replica's node.
next_killed() {
	local member installer killed freed from lock
	member=$(service_nodes patroni | grep -vxF "$OLD_LEADER" | sed -n 1p)
	machine_put etcd1 "$NEXT_BUNDLE" "$DEMO_MEDIA/next/${NEXT_BUNDLE##*/}"
	holder_install etcd1 --bundle "$DEMO_MEDIA/next" >"$DEMO/log/killed" 2>&1 &
	installer=$!
	killed=$(holder_stop etcd1 '[e]tcdctl lock')
	within 30 'etcd1 has the lock' next_locked
	lock=$(<"$DEMO/log/lock")
	holder_kill etcd1 "$killed"
	from=$(monotonic_us)
	! wait "$installer" || die 'the killed installer ended well'
	next_held "$lock" || die 'the lock was free at once: that proves nothing'
	log "etcd1's installer was killed while it had the lock; etcd1 and $member begin"
	PGHA_JOBS=2 demo_each next etcd1 "$member" &
	installer=$!
	within 60 'the lock of the killed installer is free' next_freed "$lock"
	freed=$(monotonic_us)
	wait "$installer"
	{ next_turn etcd1 etcd && next_turn "$member" patroni; } | sort -n >"$DEMO/log/turns"
	next_in_turn 2 "$from"
	next_report fact "next_lock_s=$(seconds_between "$from" "$freed")" \
		"next_killed_first_s=$(seconds_between "$from" "$(sed -n '1s/ .*//p' "$DEMO/log/turns")")"
}

# The commit cannot be written on a replica's node whose PostgreSQL was restarted for it: it restarts again, behind its guard.
next_restored() {
	local node log=$DEMO/log/restored committed=/var/lib/pgha/committed status=0
	node=$(service_nodes patroni | grep -vxF "$OLD_LEADER" | tail -n 1)
	machine_put "$node" "$NEXT_BUNDLE" "$DEMO_MEDIA/next/${NEXT_BUNDLE##*/}"
	machine_exec "$node" mount --bind "$committed" "$committed" </dev/null
	demo_pgha_install "$node" --bundle "$DEMO_MEDIA/next" >"$log" 2>&1 || status=$?
	machine_exec "$node" umount "$committed" </dev/null
	if ((status != 1)) || ! grep -q '; the earlier state is back: sequence ' "$log"; then
		tail -n 20 "$log" >&2
		die "$node did not take itself back: exit $status"
	fi
	cluster_settled "$OLD_LEADER" "$DEMO_MEMBERS" || die "$node ended before its PostgreSQL was back"
}

monotonic_us() { python3 -c 'import time; print(time.monotonic_ns() // 1000)'; }
seconds_between() { awk -v from="$1" -v to="$2" 'BEGIN { printf "%.1f\n", (to - from) / 1e6 }'; }

next_scope() { env_value SCOPE | grep . || echo patroni-cluster; }

# The oldest key has the lock.
next_locked() {
	etcd_ctl etcd2 get --prefix --keys-only --sort-by=CREATE --order=ASCEND "/service/$(next_scope)/pgha-restart/" </dev/null >"$DEMO/log/keys" &&
		grep -m 1 '/pgha-restart/' "$DEMO/log/keys" >"$DEMO/log/lock"
}

next_held() { [[ $(etcd_ctl etcd2 get --keys-only "$1" </dev/null) == "$1"* ]]; }

next_freed() {
	local answer
	answer=$(etcd_ctl etcd2 get --keys-only --write-out=json "$1" </dev/null) && [[ $answer == *'"header"'* && $answer != *'"kvs"'* ]]
}

# --- what came of it ---------------------------------------------------------------------------------------

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
			if grep -q "/usr/.* (deleted)" "/proc/$pid/maps"; then exit 1; fi
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
		for node in $(service_nodes "$service"); do next_turn "$node" "$service"; done
	done | sort -n >"$DEMO/log/turns"
	next_in_turn 6
}

# next_turn NODE SERVICE: when it went down and when it came up, in microseconds.
next_turn() {
	machine_exec "$1" systemctl show --property=ActiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic "$2.service" </dev/null |
		sort -r | sed 's/.*=//' | paste -sd ' '
}

# next_in_turn COUNT [SINCE]: log/turns.
next_in_turn() {
	awk -v count="$1" -v last="${2:-1}" '$1 < last || $2 < $1 { bad = 1 } { last = $2 } END { exit bad || NR != count }' "$DEMO/log/turns" ||
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
