# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Two clients that write all the time while a cluster changes, one through PgBouncer and one through HAProxy (writer.py), and
# what they saw (next_report.py). Sourced after demo.sh; DEMO_CLIENT is the node that they run on.

# writers_start POOLER PROXY: through these nodes; in the background, until writers_stop.
writers_start() {
	local pooled proxied
	pooled=$(conninfo "$(node_address "$1")" "$(env_value EXT_PGBOUNCER_PORT)")
	proxied=$(conninfo "$(node_address "$2")" "$(env_value EXT_HAPROXY_RW_PORT)")
	client_setup "$DEMO_CLIENT"
	machine_put "$DEMO_CLIENT" "$LAB_DIR/writer.py" "$LAB_CLIENT_DIR/writer.py"
	machine_exec "$DEMO_CLIENT" rm -f "$LAB_CLIENT_DIR/stop" </dev/null
	client_sql "$DEMO_CLIENT" "$pooled" <<-'SQL'
		SET client_min_messages = warning;
		CREATE TABLE IF NOT EXISTS writes (writer text, number bigint, PRIMARY KEY (writer, number));
		DELETE FROM writes;
	SQL
	WRITERS=()
	writer_run pgbouncer "$pooled" &
	WRITERS+=($!)
	writer_run haproxy "$proxied" &
	WRITERS+=($!)
	within 15 'both clients write' writers_write "$pooled"
}

# writer_run NAME CONNINFO: what it counted goes to log/writer.NAME.
writer_run() {
	with_secret "$DEMO_CLIENT" PGPASSWORD POSTGRES_PASSWORD /opt/pgha/venv/bin/python "$LAB_CLIENT_DIR/writer.py" "$1" \
		"$LAB_CLIENT_DIR/stop" "$2" </dev/null >"$DEMO/log/writer.$1" 2>"$DEMO/log/writer.$1.err"
}

writers_write() {
	[[ $(client_sql "$DEMO_CLIENT" "$1" 2>>"$DEMO/log/client" <<<'SELECT count(DISTINCT writer) FROM writes') == 2 ]]
}

writers_stop() {
	machine_exec "$DEMO_CLIENT" touch "$LAB_CLIENT_DIR/stop" </dev/null
	wait "${WRITERS[@]}"
}

# writers_keep RESULT NAME SWITCHOVERS SECONDS: as part NAME of RESULT.
writers_keep() {
	local way
	for way in pgbouncer haproxy; do mv "$DEMO/log/writer.$way" "$DEMO/log/$2.$way"; done
	"$LAB_DIR/next_report.py" part "$1" "$2" "$3" "$4" "$DEMO/log/$2".{pgbouncer,haproxy}
}
