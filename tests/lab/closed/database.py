# SPDX-License-Identifier: Apache-2.0
"""What the running database and its proxies say of themselves: passwords, rules, sessions, replicas, backends."""
import ipaddress
import socket

import wire


def sql(machine, port, statement):
    """Rows, as the superuser on the machine itself."""
    text = machine.output("runuser", "-u", "postgres", "--", "/usr/pgsql-17/bin/psql", "--no-psqlrc", "--no-align", "--tuples-only",
                          "--field-separator=|", "--host=/run/postgresql", f"--port={port}", "--dbname=postgres",
                          f"--command={statement}")
    return [line.split("|") for line in text.splitlines()]


def check_passwords(cluster, report):
    """scram-sha-256 and nothing else: what is kept, what is made, what is asked for."""
    for member in cluster.members:
        port = cluster.port("EXT_PG_PORT", member)
        rows = sql(member, port, "SELECT rolname, split_part(rolpassword, '$', 1) FROM pg_authid WHERE rolcanlogin")
        wrong = [row for row in rows if row[1] != "SCRAM-SHA-256"]
        report.say(f"{member.name}: every account's password is kept as SCRAM-SHA-256: {len(rows)}", rows and not wrong, wrong)
        rules = sql(member, port, "SELECT type, auth_method, count(*) FROM pg_hba_file_rules GROUP BY 1, 2 ORDER BY 1, 2")
        allowed = {("local", "peer"), ("local", "scram-sha-256"), ("hostssl", "scram-sha-256"), ("host", "reject"),
                   ("hostnossl", "reject")}
        wrong = [row for row in rules if (row[0], row[1]) not in allowed]
        report.say(f"{member.name}: pg_hba.conf lets in by TLS and scram, or by peer: {len(rules)} kinds of rule",
                   rules and not wrong, wrong)
        setting = sql(member, port, "SHOW password_encryption")[0][0]
        report.say(f"{member.name}: new passwords too: {setting}", setting == "scram-sha-256", setting)
        clear = sql(member, port, "SELECT usename, client_addr FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
                                  "WHERE client_addr IS NOT NULL AND NOT ssl")
        report.say(f"{member.name}: no session from another machine is in clear text", not clear, clear)


def check_replication(cluster, report):
    """Synchronous, over TLS, and never waiting for the remote site."""
    config = wire.parsed(cluster.patroni(cluster.leader, "/config"))
    report.say("synchronous_mode is on", config.get("synchronous_mode") is True, config)
    report.say("failsafe_mode is on", config.get("failsafe_mode") is True, config)
    rows = sql(cluster.leader, cluster.port("EXT_PG_PORT", cluster.leader),
               "SELECT application_name, sync_state, version FROM pg_stat_replication JOIN pg_stat_ssl USING (pid) ORDER BY 1")
    states = {name: (state, version) for name, state, version in rows}
    replicas = [member for member in cluster.members if member is not cluster.leader]
    wrong = [name for name, (_, version) in states.items() if version != "TLSv1.3"]
    report.say(f"all {len(replicas)} replicas stream over TLS 1.3", len(states) >= len(replicas) and not wrong, rows)
    for member in replicas:
        state = states.get(member.name, ("absent", ""))[0]
        if member.vars.get("nosync"):
            report.say(f"{member.name} is nosync: {state}", state == "async", rows)
    if [member for member in replicas if not member.vars.get("nosync")]:
        report.say("one replica is synchronous", [state for state, _ in states.values()].count("sync") == 1, rows)


def check_auth_query(cluster, report):
    """What PgBouncer may learn of the accounts: the application's hash, and none of those that have rights."""
    env = cluster.lab.env
    with cluster.postgres(cluster.lab.stranger, cluster.haproxy.address, cluster.port("EXT_HAPROXY_RW_PORT")) as session:
        session.login("pgbouncer", env["PGBOUNCER_PASSWORD"], "postgres")
        known = session.rows(f"SELECT uname, left(phash, 13) FROM pgbouncer.get_auth('{env['POSTGRES_USER']}')")
        report.say("auth_query knows the application", known == [[env["POSTGRES_USER"], "SCRAM-SHA-256"]], known)
        for name in ("postgres", "replicator", "rewind", "pgbouncer"):
            rows = session.rows(f"SELECT uname FROM pgbouncer.get_auth('{name}')")
            report.say(f"auth_query leaves {name} out", not rows, rows)
        refused = ""
        try:
            session.rows("SELECT rolpassword FROM pg_authid")
        except RuntimeError as error:
            refused = str(error)
        report.say(f"PgBouncer's account does not read pg_authid: {refused}", "42501" in refused)
        session.sock.close()


def check_backends(cluster, report):
    """Nothing is forwarded to 127.0.0.1, where the superuser is let in."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"{cluster.haproxy.root}/var/lib/haproxy/stats")
        sock.sendall(b"show servers state\n")
        text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    addresses = [line.split()[4] for line in text.splitlines()[2:] if line.strip()]
    local = [address for address in addresses if ipaddress.ip_address(address).is_loopback]
    report.say(f"no backend of HAProxy is local: {' '.join(sorted(set(addresses)))}", addresses and not local, addresses)
    text = cluster.pgbouncer.output(
        "runuser", "-u", "pgbouncer", "--", "/usr/pgsql-17/bin/psql", "--no-psqlrc", "--no-align", "--tuples-only",
        "--host=/run/pgbouncer", f"--port={cluster.port('EXT_PGBOUNCER_PORT')}", "--dbname=pgbouncer", "--command=SHOW DATABASES")
    addresses = sorted({line.split("|")[1] for line in text.splitlines() if line.split("|")[0] != "pgbouncer"})
    good = addresses and set(addresses) <= {machine.address for machine in cluster.lab.with_service("haproxy")}
    report.say(f"PgBouncer goes to HAProxy alone: {' '.join(addresses)}", good, text)
