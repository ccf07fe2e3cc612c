# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Certificates that are revoked while the cluster runs: the next bundle brings the list, and whoever checks one refuses what it
# took before. Sourced by topologies.sh.

# revoked_issue NAME: an application's certificate, as `keys issue` makes it, where the clients come from.
revoked_issue() {
	local keys=$LAB_SECRETS/keys file
	demo_bundler keys issue --keys "${keys#"$LAB_TOP"/}" --client "$1" || return
	for file in crt key; do
		machine_put "$CLIENT" "$keys/clients/$1.$file" "$LAB_CLIENT_DIR/$1.$file" || return
	done
}

revoked_revoke() {
	local keys=$LAB_SECRETS/keys
	demo_bundler keys revoke --keys "${keys#"$LAB_TOP"/}" "$@"
}

# shown_by CERTIFICATE NODE PORT: the application logs in there with that certificate.
shown_by() {
	local certificate=$LAB_CLIENT_DIR/$1
	client_sql "$CLIENT" "$(conninfo "$(node_address "$2")" "$(env_value "$3")" "sslcert=$certificate.crt" "sslkey=$certificate.key")" \
		<<<'SELECT 1'
}

# checks_of NODE MEMBER: what NODE's HAProxy thinks of MEMBER: a line for each backend, its state and the last check's result.
checks_of() {
	local pid
	pid=$(_machine_leader "$1") || return
	python3 - "/proc/$pid/root/var/lib/haproxy/stats" "$2" <<-'E'
		import csv, socket, sys
		with socket.socket(socket.AF_UNIX) as sock:
		    sock.connect(sys.argv[1])
		    sock.sendall(b"show stat\n")
		    text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
		for row in csv.DictReader(text.lstrip("# ").splitlines()):
		    if row["svname"] == sys.argv[2]:
		        print(row["pxname"], row["status"], row["check_status"], row["last_chk"])
	E
}

# Either backend of NODE says TEXT of MEMBER, within the time that checks need.
checked() { within 15 "$1 says '$3' of $2" revoked_says "$@" && cat "$LAB_RUN/checks"; }
revoked_says() { checks_of "$1" "$2" >"$LAB_RUN/checks" && grep -qE "$3" "$LAB_RUN/checks"; }

# Before the next bundle: two clients that PostgreSQL knows, and the first one's certificate goes on the list.
test_revoked_before() { # NODE
	step '  certificates of two applications' revoked_applications
	works "PostgreSQL takes the first application's certificate" '^1$' shown_by first "$1" EXT_HAPROXY_RW_PORT
	works "and the second's" '^1$' shown_by second "$1" EXT_HAPROXY_RW_PORT
	works 'the first is revoked, for the next bundle' '' revoked_revoke clients/first
}

revoked_applications() { revoked_issue first && revoked_issue second; }

test_revoked_after() { # NODE
	refused "PostgreSQL, which runs on, refuses the first application's certificate now" 'certificate revoked' \
		shown_by first "$1" EXT_HAPROXY_RW_PORT
	works "and takes the second's" '^1$' shown_by second "$1" EXT_HAPROXY_RW_PORT
	works 'PgBouncer, which reads no list, still takes the first' '^1$' shown_by first "$1" EXT_PGBOUNCER_PORT
}

# A list that only grows: no configuration changes with it. MEMBER's certificate is on it too, and MEMBER gets its new one last.
test_revoked_again() { # NODE MEMBER OTHER...
	local node=$1 member=$2
	checked "$node" "$member" '^replicas UP L7OK'
	works "the second application's and $member's certificates are revoked" '' revoked_revoke clients/second "nodes/$member/patroni-server"
	step '  the bundle after that' topology_build three
	works "it is installed on $node" '' demo_next_node "$node"
	works "whose HAProxy asks $member no more" '' checked "$node" "$member" '^replicas DOWN L6RSP SSL handshake failure'
	works "it is installed on $member and the others, which have other certificates then" '' demo_each next "${@:2}"
	works "HAProxy asks $member again" '' checked "$node" "$member" '^replicas UP L7OK'
	refused "PostgreSQL refuses the second application's certificate too" 'certificate revoked' \
		shown_by second "$node" EXT_HAPROXY_RW_PORT
}
