# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The demonstration: from yum repositories and the Python index to a signed bundle, from the bundle to eight
# machines without a network but each other, from them to a cluster that survives its leader's power loss.
# Sourced by lab; leaves build/demo/{pgha-*.tar,ca.crt,result.json,log/}, and the same bundle in volumes/, its successor in
# delta/ (media.sh).
#
# PGHA_SEED=N repeats an order of installation, PGHA_JOBS=N installs N nodes at a time (4: most of an
# installation's time is spent waiting for peers).

DEMO=$LAB_TOP/build/demo
DEMO_MEDIA=/root/media # where the bundle is carried to, on each machine
LAB_SECRETS=$DEMO/secrets

# shellcheck source=tests/lab/cluster.sh
. "$LAB_DIR/cluster.sh"
# shellcheck source=tests/lab/media.sh
. "$LAB_DIR/media.sh"
# shellcheck source=tests/lab/change.sh
. "$LAB_DIR/change.sh"

demo() {
	local keep=false seed=${PGHA_SEED:-$((RANDOM * 32768 + RANDOM))}
	while (($# > 0)); do
		case $1 in
		--keep) keep=true ;;
		*)
			log "unknown option '$1'"
			exit 2
			;;
		esac
		shift
	done
	lab_trap
	lab_begin
	rm -rf "$DEMO"
	mkdir -p "$DEMO/log"
	install -d -m 0700 "$LAB_SECRETS"
	LAB_TIMES=$DEMO/log/times
	demo_bundle
	demo_install "$seed"
	step 'the delta on the running cluster' media_upgrade
	step 'new passwords for the running cluster' change_passwords
	demo_use
	$keep || return 0
	lab_leave
	log "still running: make lab-shell NODE=node1, $LAB_DIR/lab down"
}

# --- the connected side -----------------------------------------------------------------------------------

demo_bundle() {
	# shellcheck source=tests/lab/prepare.sh
	. "$LAB_DIR/prepare.sh"
	lab_preflight
	# shellcheck disable=SC2153 # set by machines.sh
	need_disk "$LAB_STATE" 6144 'eight machines'
	step 'target image' demo_image
	step 'RPMs and repositories' demo_repositories
	step 'connected side' lab_connected >/dev/null
	step 'repositories over HTTPS' serve_start "$LAB_RUN"
	export LAB_SERVE_PORT=${LAB_REPOS_URL##*:} # the proof of isolation tries it
	step 'build pgha there' demo_make
	step 'settings and passwords' demo_settings
	step "the bundle's definition" demo_definition
	step 'keys' connected_run build/lab/pgha-bundle keys init --out build/demo/secrets/keys
	step 'lock' demo_resolve
	step 'bundle' media_build build/demo
	cp "$LAB_SECRETS/keys/ca.crt" "$DEMO/ca.crt"
	demo_one_bundle
	step 'the same in three volumes' media_volumes
	step 'stock tools judge the bundle' "$LAB_DIR/stock.sh" "$DEMO_BUNDLE" "$DEMO/ca.crt" \
		etcd postgresql17-server python3.13 haproxy pgbouncer
	step 'stock openssl judges what it seals' "$LAB_DIR/sealed.py" "$DEMO_BUNDLE" "$DEMO/ca.crt" "$LAB_SECRETS/passphrases" \
		"$LAB_SECRETS/keys"
	step 'stock pip installs its wheels' connected_run tests/lab/stock-wheels.sh "$DEMO_BUNDLE" python3.13 --libpq
	step "the application's certificate" demo_client_certificate
	step 'a second bundle, as a delta' media_delta
	step 'a third, with new passwords' change_bundle
}

# The compiler's messages stay on the terminal.
demo_make() { connected_run make --no-print-directory -j2 B=build/lab all >"$DEMO/log/make"; }

demo_image() {
	LAB_IMAGE=$(lab_image)
	export LAB_IMAGE
}

demo_repositories() { DEMO_REPOS=$(lab_repos); }

# manifests/lab.yaml with what only this machine knows: where the repositories are, and whose keys signed.
demo_definition() {
	local folder=$DEMO/manifests repository fingerprint edit=()
	mkdir "$folder"
	cp -R "$LAB_TOP/manifests/services" "$LAB_TOPOLOGY" "$LAB_RUN/repos/lab.repo" "$folder"
	while IFS=': ' read -r repository fingerprint; do
		edit+=(-e "s/@$repository@/$fingerprint/")
	done <"$DEMO_REPOS/fingerprints.yaml"
	sed "${edit[@]}" "$LAB_TOP/manifests/lab.yaml" >"$folder/lab.yaml"
}

# demo_bundler ARGUMENT...: pgha-bundle there. What is fetched is cached under its digest.
demo_bundler() {
	mkdir -p "$PGHA_CACHE/artifacts"
	connected_run --ro "$LAB_RUN/repos" --ro "$DEMO_REPOS" --bind "$PGHA_CACHE/artifacts" build/lab/pgha-bundle "$@"
}

# demo_resolve [ARGUMENT...]: the index and the repositories are asked each time.
demo_resolve() {
	demo_bundler resolve -f build/demo/manifests/lab.yaml --cache "$PGHA_CACHE/artifacts" -o build/demo/pgha.lock "$@"
}

# The load balancer is no machine: closed/ comes from its address. PGHA_PORTS=SEED (or `random`) moves every port to another
# number, PGHA_SETTINGS="NAME=VALUE …" sets variables.
demo_settings() {
	local ports=${PGHA_PORTS:-} address
	local -a chosen=()
	address=$("$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk 'NR == 1 { print $2 }')
	read -ra chosen <<<"${PGHA_SETTINGS:-}"
	[[ $ports != random ]] || ports=$((RANDOM * 32768 + RANDOM))
	[[ -z $ports ]] || log "every port at another number (PGHA_PORTS=$ports)"
	"$LAB_DIR/settings.py" env "$LAB_TOP/manifests/services" "$LAB_TOPOLOGY" "$LAB_SECRETS/env" \
		"HAPROXY_LB_ADDRESSES=${address%.*}.250" "${chosen[@]}" "ports=$ports"
	"$LAB_DIR/settings.py" passphrases "$LAB_TOPOLOGY" "$LAB_SECRETS/passphrases"
}

demo_one_bundle() {
	local -a found=("$DEMO"/pgha-*.tar)
	[[ ${#found[@]} == 1 && -f ${found[0]} ]] || die "not one bundle in $DEMO: ${found[*]}"
	DEMO_BUNDLE=${found[0]}
	log "bundle: ${DEMO_BUNDLE##*/}, $(($(stat -c %s "$DEMO_BUNDLE") / 1048576)) MiB"
}

# For the client of the demonstration, by openssl alone; no CN: it is nobody's account.
demo_client_certificate() {
	local keys=$LAB_SECRETS/keys
	cp "$keys/ca.crt" "$LAB_SECRETS/ca.crt"
	(
		umask 077
		openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=pgha/OU=application \
			-keyout "$LAB_SECRETS/client.key" -out "$LAB_SECRETS/client.csr"
		openssl x509 -req -sha256 -in "$LAB_SECRETS/client.csr" -CA "$keys/ca.crt" -CAkey "$keys/ca.key" \
			-set_serial "0x$(openssl rand -hex 16)" -days 7 -out "$LAB_SECRETS/client.crt" -extfile \
			<(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n')
	) 2>"$DEMO/log/client-certificate"
}

# --- the secure zone --------------------------------------------------------------------------------------

demo_install() {
	local -a order
	step 'boot the machines' lab_boot
	step 'prove that they are isolated' lab_prove_isolated
	serve_stop "$LAB_RUN"
	mapfile -t order < <("$LAB_DIR/settings.py" shuffle "$LAB_TOPOLOGY" "$1")
	log "order of installation (PGHA_SEED=$1): ${order[*]}"
	step 'rpm -Va before' demo_rpm_before "${order[0]}"
	demo_watch_start
	step 'install the nodes' demo_each install "${order[@]}"
	step 'wait for the cluster' demo_wait
	step 'no secret was on a command line' demo_watch_end
	step 'install again: all probes hold, nothing changes' demo_again "${order[@]}"
}

# All machines are the same so far. closed/ compares.
demo_rpm_before() {
	machine_exec "$1" rpm -Va --nodeps --noscripts </dev/null >"$DEMO/log/rpm-va" || :
}

# Every command line of the installation, as ps would show it to anybody.
demo_watch_start() {
	"$LAB_DIR/closed/watch.py" "$LAB_SECRETS" "$DEMO/log/watch" &
	DEMO_WATCH=$!
}

demo_watch_end() {
	kill "$DEMO_WATCH"
	wait "$DEMO_WATCH" && tail -n 1 "$DEMO/log/watch" >&2 && return
	cat "$DEMO/log/watch" >&2
	return 1
}

demo_wait() {
	local -a members
	mapfile -t members < <(service_nodes patroni)
	DEMO_MEMBERS=${#members[@]}
	within 180 'every service is active' demo_all_active
	within 120 'one leader, the others stream from it' cluster_settled "${members[0]}" "$DEMO_MEMBERS"
	OLD_LEADER=$(cluster_leader "${members[0]}")
	DEMO_CLIENT=$(printf '%s\n' "${members[@]}" | grep -vxF "$OLD_LEADER" | tail -n 1)
}

demo_all_active() {
	local name rest
	while read -r name rest; do
		machine_exec "$name" systemctl --quiet is-active "${rest##* }.service" </dev/null || return 1
	done < <("$LAB_DIR/topology.py" "$LAB_TOPOLOGY")
}

# demo_each VERB NODE...: at most PGHA_JOBS at a time; stops at the first failure.
demo_each() {
	local verb=$1 node running=0
	shift
	for node; do
		if ((running >= ${PGHA_JOBS:-4})); then
			wait -n || return 1
			((running--)) || :
		fi
		"demo_${verb}_node" "$node" &
		((++running))
	done
	while ((running > 0)); do
		wait -n || return 1
		((running--)) || :
	done
}

# All that a node gets: the bundle, the installer, the CA, its own passphrase.
demo_carry() {
	media_carry "$1"
	machine_put "$1" "$DEMO/pgha-install" "$DEMO_MEDIA/pgha-install"
	machine_put "$1" "$DEMO/ca.crt" "$DEMO_MEDIA/ca.crt"
	machine_put "$1" "$LAB_SECRETS/passphrases.$1" "$DEMO_MEDIA/passphrase"
}

# demo_pgha_install NODE OPTION...: the one command of the secure zone.
demo_pgha_install() {
	machine_exec "$1" "$DEMO_MEDIA/pgha-install" --node "$1" --ca "$DEMO_MEDIA/ca.crt" \
		--passphrase-file "$DEMO_MEDIA/passphrase" "${@:2}" </dev/null
}

# demo_logged NODE LOG OPTION...: the same into build/demo/log/LOG, whose end is shown when it fails.
demo_logged() {
	local log=$DEMO/log/$2 status=0
	demo_pgha_install "$1" "${@:3}" >"$log" 2>&1 || status=$?
	((status == 0)) && return 0
	log "pgha-install on $1 ended with $status; the end of $log:"
	tail -n 20 "$log" >&2
	return "$status"
}

# demo_run NODE LOG [OPTION...]: what it was brought first.
demo_run() { demo_logged "$1" "$2" --bundle "$(media_bundle "$1")" "${@:3}"; }

demo_install_one() {
	demo_carry "$1"
	demo_run "$1" "$1.log"
}
demo_install_node() { step "  $1" demo_install_one "$1"; }
demo_again_node() { step "  $1" demo_again_one "$1"; }

# Nothing is written while all of them are installed again, not even the same.
demo_again() {
	local watch
	"$LAB_DIR/closed/untouched.py" "$LAB_RUN" "$DEMO/log/untouched" "$@" &
	watch=$!
	within 20 'the watch on the folders' grep -qs '^watching' "$DEMO/log/untouched"
	demo_each again "$@"
	kill "$watch"
	wait "$watch" && tail -n 1 "$DEMO/log/untouched" >&2 && return
	head -n 20 "$DEMO/log/untouched" >&2
	return 1
}

# The second run waits until the whole cluster answers, changes nothing on the node, and says so.
demo_again_one() {
	local before after
	before=$(demo_fingerprint "$1")
	demo_run "$1" "$1.again.log" --wait
	# What waited for the cluster at first is done now; then there is nothing left.
	if ! demo_said_nothing "$1" && grep -q ': pending: ' "$DEMO/log/$1.log"; then
		demo_run "$1" "$1.again.log" --wait
	fi
	demo_said_nothing "$1" || {
		log "the second run on $1 does not say that there was nothing to do:"
		tail -n 20 "$DEMO/log/$1.again.log" >&2
		return 1
	}
	after=$(demo_fingerprint "$1")
	machine_exec "$1" "$DEMO_MEDIA/pgha-install" status --json </dev/null >"$DEMO/log/$1.status"
	[[ $before == "$after" ]] || {
		log "the second run changed $1:"
		diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") >&2
		return 1
	}
}

demo_said_nothing() { grep -qxF "$1: nothing to do" "$DEMO/log/$1.again.log"; }

# What an installation lays down: every file with its time, every package, the service's process.
demo_fingerprint() {
	local -a services
	IFS=, read -ra services < <(node_service "$1")
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$1" sh -ec '
		find /etc /usr /opt -xdev -name "*.pyc" -o -name __pycache__ -o -type d -printf "%p d %m %u:%g\n" \
			-o -printf "%p %y %m %u:%g %s %T@ %l\n" | sort
		rpm -qa | sort
		systemctl list-unit-files --state=enabled --no-legend --no-pager
		for service; do systemctl show --property=MainPID "$service.service"; done' fingerprint \
		"${services[@]}" </dev/null
}

node_service() { "$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk -v name="$1" '$1 == name { print $4 }'; }

# --- the cluster at work ----------------------------------------------------------------------------------

demo_use() {
	log "leader $OLD_LEADER; the client is on $DEMO_CLIENT"
	client_setup "$DEMO_CLIENT"
	step 'a client writes through PgBouncer' demo_write
	step 'and reads it on a replica, through HAProxy' demo_read 'before'
	step "power loss of $OLD_LEADER, until a write succeeds" demo_failover
	step 'what was written before is still there' demo_read 'before'
	step "$OLD_LEADER comes back as a replica" demo_return
	step 'result' demo_result
	step 'the cluster is closed' demo_closed
	step 'what must be refused is refused' "$LAB_DIR/negative.sh"
	cat "$DEMO/log/result"
	log "$OLD_LEADER lost power, $NEW_LEADER took a write $FAILOVER_S s later; all in ${SECONDS} s"
}

# build/demo/closed.md is what a security officer keeps.
demo_closed() {
	"$LAB_DIR/closed/main.py" --state "$LAB_STATE" --topology "$LAB_TOPOLOGY" --demo "$DEMO" >"$DEMO/log/closed" && {
		tail -n 1 "$DEMO/log/closed"
		return
	}
	grep -A 5 '^FAIL' "$DEMO/log/closed" >&2 || tail -n 20 "$DEMO/log/closed" >&2
	return 1
}

demo_write() {
	client_pooled "$DEMO_CLIENT" <<-'SQL'
		CREATE TABLE demo (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL);
		INSERT INTO demo (note) VALUES ('before');
	SQL
}

demo_read() { within 15 "row '$1' on a replica" demo_row_on_replica "$1"; }

demo_row_on_replica() {
	local answer
	answer=$(client_reader "$DEMO_CLIENT" 2>>"$DEMO/log/client" \
		<<<"SELECT pg_is_in_recovery(), count(*) FROM demo WHERE note = '$1'") || return
	[[ $answer == 't|1' ]]
}

# One write; prints the address of the server that took it.
demo_write_after() {
	client_pooled "$DEMO_CLIENT" 2>>"$DEMO/log/client" \
		<<<"INSERT INTO demo (note) VALUES ('after') RETURNING host(inet_server_addr())"
}

demo_failover() {
	local from to address=''
	machine_power_off_hard "$OLD_LEADER"
	from=$EPOCHREALTIME
	within 120 'a write after the power loss' demo_try_write
	to=$EPOCHREALTIME
	FAILOVER_S=$(awk -v from="$from" -v to="$to" 'BEGIN { printf "%.1f", to - from }')
	address=$(<"$DEMO/log/new-leader-address")
	NEW_LEADER=$("$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk -v address="$address" '$2 == address { print $1 }')
	[[ -n $NEW_LEADER && $NEW_LEADER != "$OLD_LEADER" ]] || die "the write went to '$address', not to a new leader"
	log "$NEW_LEADER took a write $FAILOVER_S s after $OLD_LEADER lost power"
}

demo_try_write() { demo_write_after >"$DEMO/log/new-leader-address"; }

demo_return() {
	machine_start "$OLD_LEADER" ''
	within 120 "$OLD_LEADER streams from $NEW_LEADER" cluster_settled "$NEW_LEADER" "$DEMO_MEMBERS"
	[[ $(cluster_leader "$NEW_LEADER") == "$NEW_LEADER" ]] || die "$NEW_LEADER leads no more"
}

demo_result() {
	local -a media
	mapfile -t media < <(media_facts)
	cluster_table "$NEW_LEADER" >"$DEMO/log/table"
	"$LAB_DIR/report.py" result "$DEMO/result.json" "old_leader=$OLD_LEADER" "new_leader=$NEW_LEADER" \
		"failover_s=$FAILOVER_S" "bundle=${DEMO_BUNDLE##*/}" "${media[@]}" <"$DEMO/log/table" >"$DEMO/log/result"
	media_table >>"$DEMO/log/result"
}
