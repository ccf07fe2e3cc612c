# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# New passwords for the running cluster. A bundle of the same lock changes three that PostgreSQL holds and one that etcd
# holds. No step changes etcd's: the installer must refuse it, until it was changed by hand. The others are changed by the
# leader's installation, in whatever order the nodes come: a replica, the leader, then all others at once. Sourced by demo.sh,
# after media.sh: the bundle comes as a delta.

CHANGE_PASSWORDS=(POSTGRES_PASSWORD PGBOUNCER_PASSWORD REPLICATOR_PASSWORD)
CHANGE_BY_HAND=ETCD_ROOT_PASSWORD
CHANGE_STEP="passwords of the database's roles"

# --- the connected side -----------------------------------------------------------------------------------

# The .env of the installed bundle stays in force; the new one waits beside it.
change_bundle() {
	cp -p "$LAB_SECRETS/env" "$LAB_SECRETS/env.installed"
	demo_bundler secrets rotate -f build/demo/manifests/lab.yaml "$CHANGE_BY_HAND" "${CHANGE_PASSWORDS[@]}"
	media_build build/demo/changed --delta-from "build/demo/volumes/${MEDIA_VOLUMES[1]##*/}"
	mv "$LAB_SECRETS/env" "$LAB_SECRETS/env.changed"
	mv "$LAB_SECRETS/env.installed" "$LAB_SECRETS/env"
	CHANGE_BUNDLE=$(echo "$DEMO"/changed/pgha-*.tar)
	[[ -f $CHANGE_BUNDLE ]] || die "not one bundle: $CHANGE_BUNDLE"
}

# --- the secure zone --------------------------------------------------------------------------------------

change_passwords() {
	local etcd replica
	local -a others
	etcd=$(service_nodes etcd | grep -vxF "$(media_whole_node)" | sed -n 1p)
	# Not the one that has the second bundle: after this one it would not have the delta's base any more.
	replica=$(service_nodes patroni | grep -vxF "$OLD_LEADER" | tail -n 1)
	mapfile -t others < <("$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk '{ print $1 }' | grep -vxF -e "$replica" -e "$OLD_LEADER")
	client_setup "$DEMO_CLIENT"
	within 15 'the old password works' change_login env >/dev/null
	step "  $etcd must not take $CHANGE_BY_HAND" change_refused "$etcd"
	step '  it is changed by hand' change_by_hand "$etcd"
	step "  $replica, a replica, waits for the leader" change_waits "$replica"
	step "  $OLD_LEADER, the leader, makes the change" change_leads "$OLD_LEADER"
	demo_each change "${others[@]}"
	step "  $replica again" change_done "$replica"
	mv "$LAB_SECRETS/env" "$LAB_SECRETS/env.old"
	mv "$LAB_SECRETS/env.changed" "$LAB_SECRETS/env"
	step '  the new passwords work, the old one does not' change_check "$etcd"
}

# change_value NAME FILE: as env_value, of another .env.
change_value() { sed -n "s/^$1=//p" "$LAB_SECRETS/$2"; }

# As the manifest tells the administrator to; the old password is what lets him in.
change_by_hand() {
	change_value "$CHANGE_BY_HAND" env.changed | etcd_ctl "$1" user passwd root --interactive=false >"$DEMO/log/change"
}

# change_login FILE: the application's login through PgBouncer with the password of that .env.
change_login() {
	# shellcheck disable=SC2016 # the machine's shell expands it
	{ change_value POSTGRES_PASSWORD "$1" && echo 'SELECT 1'; } | machine_exec "$DEMO_CLIENT" sh -c '
		IFS= read -r PGPASSWORD
		export PGPASSWORD
		exec timeout 10 "$@"' login "$PSQL" --no-psqlrc --quiet --no-align --tuples-only --file - \
		"$(conninfo "$(node_address pgbouncer)" "$(env_value EXT_PGBOUNCER_PORT)")"
}

# change_install NODE LOG: the one node without the delta's base gets that too, etcd's nodes the word of who changed theirs.
change_install() {
	local -a options=()
	[[ $1 != "$(media_whole_node)" ]] || options+=(--base "$DEMO_MEDIA/base")
	[[ $(node_service "$1") != etcd ]] || options+=(--accept-change "$CHANGE_BY_HAND")
	machine_put "$1" "$CHANGE_BUNDLE" "$DEMO_MEDIA/changed/${CHANGE_BUNDLE##*/}"
	demo_logged "$1" "$2" --bundle "$DEMO_MEDIA/changed" "${options[@]}"
}

# change_said LOG NODE COUNT LINE: one more run there; the step is mentioned in COUNT lines, LINE is one of them.
change_said() {
	local log=$DEMO/log/$1
	change_install "$2" "$1"
	if [[ $(grep -cF "$CHANGE_STEP" "$log") != "$3" ]] || ! grep -qxF "$4" "$log"; then
		log "$2: '$CHANGE_STEP' not in $3 lines, or not '$4':"
		cat "$log" >&2
		return 1
	fi
}

# Of the lines with the step's name three announce it, one for each password that this node has not seen changed.
change_waits() {
	change_said "$1.change.log" "$1" 4 "database: pending: $CHANGE_STEP waits for this node's PostgreSQL leads"
}
change_leads() { change_said "$1.change.log" "$1" 4 "patroni: $CHANGE_STEP"; }
change_done() { change_said "$1.change-again.log" "$1" 3 "$1: nothing to do"; }
demo_change_node() { step "  $1" change_install "$1" "$1.change.log"; }

# change_refused NODE: exit 3 with the name, the service and what to do; and nothing is changed.
change_refused() {
	local before status=0 log=$DEMO/log/$1.refused-change.log text
	machine_put "$1" "$CHANGE_BUNDLE" "$DEMO_MEDIA/changed/${CHANGE_BUNDLE##*/}"
	before=$(demo_fingerprint "$1")
	demo_pgha_install "$1" --bundle "$DEMO_MEDIA/changed" >"$log" 2>&1 || status=$?
	for text in "'$CHANGE_BY_HAND' changed" "service 'etcd'" "--accept-change $CHANGE_BY_HAND" 'etcdctl user passwd root'; do
		if ((status != 3)) || ! grep -qF -- "$text" "$log"; then
			log "a password that no step can change, on $1: exit $status, '$text' wanted:"
			cat "$log" >&2
			return 1
		fi
	done
	[[ $before == "$(demo_fingerprint "$1")" ]] || die "what was refused changed $1"
}

# --- what came of it --------------------------------------------------------------------------------------

# change_check NODE: NODE is etcd's. Open connections need no password: all are cut first.
change_check() {
	etcd_ctl "$1" user get root >"$DEMO/log/change" </dev/null
	machine_exec "$OLD_LEADER" runuser -u postgres -- "$PSQL" --no-psqlrc --quiet --host=/run/postgresql \
		--port="$(env_value "EXT_PG_PORT_${OLD_LEADER^^}")" \
		--output=/dev/null --command='SELECT pg_terminate_backend(pid) FROM pg_stat_replication' </dev/null
	machine_exec pgbouncer systemctl restart pgbouncer.service </dev/null
	within 30 'the new password works through PgBouncer' change_login env >/dev/null 2>"$DEMO/log/change"
	if change_login env.old >/dev/null 2>"$DEMO/log/change"; then
		die 'the old password still works'
	fi
	grep -q 'FATAL:.*authentication failed' "$DEMO/log/change" || die "no refusal: $(<"$DEMO/log/change")"
	within 60 'the replicas stream with the new password' cluster_settled "$OLD_LEADER" "$DEMO_MEMBERS"
}
