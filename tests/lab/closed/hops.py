# SPDX-License-Identifier: Apache-2.0
"""What one hop may ask of the next: Patroni's REST interface, etcd, HAProxy's PROXY ports, the sockets of the machine."""
import base64
import os
import re
import shutil
import time

import wire
from lab import read
from transport import PROXY_HEADER, TRUE_CLIENT, side_by_side

LIAR = "192.0.2.66"
# Patroni 4.1 checks no password here, and does nothing in a cluster without Citus.
WITHOUT_CITUS = [("POST", "mpp")]


def within(seconds, attempt):
    """Until ATTEMPT gives something that is true, or the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := attempt()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def check_patroni(cluster, report):
    """Every request that changes something, found in the installed program, wants the password; certificate or not."""
    source = cluster.leader.output("sh", "-c", "cat /opt/pgha/venv/lib/python3*/site-packages/patroni/api.py")
    changes = [change for change in re.findall(r"^    def do_(POST|PUT|PATCH|DELETE)_(\w+)\(", source, re.M)
               if change not in WITHOUT_CITUS]
    report.say(f"Patroni's program has requests that change something: {len(changes)}", len(changes) >= 10, changes)
    for name, headers in (("no password", []), ("another component's password", [
            wire.basic("patroni", cluster.lab.env["ADMIN_HAPROXY_PASSWORD"])])):
        replies = {f"{method} /{path}": cluster.patroni(cluster.leader, f"/{path}", method=method, headers=headers, body="{}").seen
                   for method, path in changes}
        wrong = [f"{request}: {seen}" for request, seen in replies.items() if seen != "HTTP 401"]
        report.say(f"Patroni, {name}: each of the {len(changes)} is refused with 401", not wrong, wrong)


def etcd_requests(lab):
    """What somebody might ask of etcd's gateway: name -> (path, body)."""
    own, other = (base64.b64encode(key.encode()).decode() for key in (f"/service/{lab.env['SCOPE']}/config", "/elsewhere"))
    return {
        "read": ("/v3/kv/range", f'{{"key": "{own}"}}'), "write": ("/v3/kv/put", f'{{"key": "{other}", "value": "eA=="}}'),
        "delete": ("/v3/kv/deleterange", f'{{"key": "{other}"}}'), "users": ("/v3/auth/user/list", "{}"),
        "a new user": ("/v3/auth/user/add", '{"name": "intruder", "password": "intruder-4711"}'),
        "authentication off": ("/v3/auth/disable", "{}"), "snapshot": ("/v3/maintenance/snapshot", "{}"),
        "defragmentation": ("/v3/maintenance/defragment", "{}"),
        "a new member": ("/v3/cluster/member/add", '{"peerURLs": ["https://192.0.2.1:1"]}'),
    }


def etcd_answers(cluster, requests, token=""):
    """Those that are not refused, with what came back; an invented token takes etcd seconds."""
    replies = side_by_side(lambda request: cluster.etcd(*request, token=token), list(requests.values()))
    return [f"{what}: {reply.body}" for what, reply in zip(requests, replies) if reply.spoke and '"error"' not in reply.body]


def check_etcd(cluster, report):
    """Authentication is on; patroni's token reaches its own keys only; who has none reaches nothing that matters."""
    requests = etcd_requests(cluster.lab)
    for name, token in (("no token", ""), ("an invented token", "intruder.4711")):
        answers = etcd_answers(cluster, requests, token)
        report.say(f"etcd, {name}: {', '.join(requests)}: refused", not answers, answers)
    # Upstream's GHSA-q8m4-xhhv-38mg: nothing here can mend it, and it must be known.
    if etcd_answers(cluster, {"alarms": ("/v3/maintenance/alarm", "{}")}):
        report.skip("this etcd tells its alarms to who has no token (GHSA-q8m4-xhhv-38mg)")
    else:
        report.say("etcd, no token: alarms: refused", True)
    token = cluster.etcd_token("patroni", cluster.lab.env["ETCD_PATRONI_PASSWORD"])
    reply = cluster.etcd(*requests.pop("read"), token=token)
    report.say("etcd: patroni's account reads its own keys", reply.spoke and '"kvs"' in reply.body, reply.body)
    answers = etcd_answers(cluster, requests, token)
    report.say(f"etcd, patroni's account: {', '.join(requests)}: refused", not answers, answers)


def check_common_names(cluster, report):
    """A client's CN would be an account's name at etcd. Only etcd's peers have one, which is no account's."""
    seen, named = 0, []
    for machine in cluster.lab.machines:
        for service in machine.services:
            for certificate in cluster.lab.services[service].get("certificates", []):
                text = machine.output("openssl", "x509", "-noout", "-subject", "-nameopt", "multiline", "-ext", "extendedKeyUsage",
                                      stdin=read(machine.root + certificate["cert"]))
                if "TLS Web Client Authentication" in text:
                    seen += 1
                    common = re.search(r"commonName\s*=\s*(\S+)", text)
                    if common and (service, certificate["name"], common[1]) != ("etcd", "peer", "etcd-peer"):
                        named.append(f"{machine.name} {service} {certificate['name']}: CN={common[1]}")
    report.say(f"none of {seen} certificates for clients has a common name, but the peers of etcd", seen and not named, named)


def etcdctl(cluster, identity, *command, user="", password=""):
    """etcd's own client, which speaks gRPC; its gateway takes nobody for the name in a certificate."""
    machine = cluster.lab.with_service("etcd")[0]
    folder = "/run/pgha-closed"
    try:
        os.makedirs(machine.root + folder, mode=0o700)
        for source, name in ((f"{identity}.crt", "crt"), (f"{identity}.key", "key"), (f"{cluster.lab.secrets}/ca.crt", "ca")):
            shutil.copy(source, f"{machine.root}{folder}/{name}")
        shell = 'IFS= read -r ETCDCTL_PASSWORD; [ -z "$ETCDCTL_PASSWORD" ] || export ETCDCTL_PASSWORD; exec "$@"'
        return machine.run("sh", "-c", shell, "sh", "env", "ETCDCTL_API=3", *([f"ETCDCTL_USER={user}"] if user else []), "timeout", "10", "etcdctl",
                           f"--endpoints=https://{machine.address}:{cluster.port('ETCD_CLIENT_PORT')}", f"--cacert={folder}/ca",
                           f"--cert={folder}/crt", f"--key={folder}/key", *command, stdin=password + "\n")
    finally:
        shutil.rmtree(machine.root + folder, ignore_errors=True)


def check_names_are_no_accounts(cluster, report):
    """etcd takes a certificate's common name for a user, without a password."""
    lab, clients = cluster.lab, cluster.identities["clients"]
    for name, identity in {**clients, "the application": f"{lab.secrets}/client"}.items():
        for command in (("user", "list"), ("get", "--prefix", "--keys-only", "--limit=1", f"/service/{lab.env['SCOPE']}/")):
            status, text = etcdctl(cluster, identity, *command)
            report.say(f"etcd, the certificate of {name}, no password: {command[0]}: refused", status, text)
    status, text = etcdctl(cluster, clients["etcd client"], "user", "list", user="root", password=lab.env["ETCD_ROOT_PASSWORD"])
    report.say("and with root's password the same request is answered", status == 0 and "patroni" in text, text)


def knock_proxy(cluster, place, variable, header, user=None, secret="POSTGRES_PASSWORD"):
    """A login on a PROXY port after HEADER."""
    env = cluster.lab.env
    try:
        sock = place.connect(cluster.haproxy.address, cluster.port(variable))
        sock.sendall(header)
        with wire.secured(sock, cluster.context(), "postgres", cluster.haproxy.address) as inner:
            return wire.Postgres(inner).login(user or env["POSTGRES_USER"], env[secret], env["POSTGRES_DB"])
    except OSError as error:
        return wire.Reply(False, wire.why(error))


def check_proxy(cluster, report):
    """The balancer's header is believed and logged, anybody else's connection is refused, and nothing of it is logged."""
    lab, since = cluster.lab, time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())

    def logged(text):
        journal = cluster.haproxy.output("journalctl", "--unit=haproxy", "--no-pager", "--output=cat", "--utc",
                                         f"--since={since} UTC")
        return [line for line in journal.splitlines() if text in line]

    for variable in ("EXT_HAPROXY_RW_PROXY_PORT", "EXT_HAPROXY_RO_PROXY_PORT"):
        reply = knock_proxy(cluster, lab.balancer, variable, PROXY_HEADER)
        report.say(f"{variable}: the balancer's client comes in", reply.spoke, reply.seen)
        reply = knock_proxy(cluster, lab.balancer, variable, PROXY_HEADER, "postgres", "POSTGRES_SUPERUSER_PASSWORD")
        report.say(f"{variable}: not as superuser: {reply.seen}", not reply.spoke)
        reply = knock_proxy(cluster, lab.balancer, variable, b"")
        report.say(f"{variable}: not without the header: {reply.seen}", not reply.spoke)
        for place in (lab.stranger, cluster.pgbouncer, cluster.leader):
            for header in (PROXY_HEADER.replace(TRUE_CLIENT.encode(), LIAR.encode()), b""):
                reply = knock_proxy(cluster, place, variable, header)
                report.say(f"{variable}: {place.name} is refused, {'with' if header else 'without'} the header: {reply.seen}",
                           not reply.spoke)
    lines = within(10, lambda: logged(TRUE_CLIENT))
    report.say(f"the log shows the true client: {lines[0].split(' [')[0] if lines else ''}", lines)
    report.say("and no address that anybody else announced", not logged(LIAR), logged(LIAR))


def check_client_address(cluster, report):
    """PgBouncer passes the client's address on, for PostgreSQL's log."""
    env = cluster.lab.env
    with cluster.postgres(cluster.lab.stranger, cluster.pgbouncer.address, cluster.port("EXT_PGBOUNCER_PORT")) as session:
        session.login(env["POSTGRES_USER"], env["POSTGRES_PASSWORD"], env["POSTGRES_DB"])
        seen = session.rows("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")[0][0]
    report.say(f"PostgreSQL knows whom PgBouncer speaks for: {seen}", cluster.lab.stranger.address in seen, seen)


def check_local_sockets(cluster, report):
    """An account without rights, on the machine itself."""
    for machine, folder, user, port in (
            (cluster.leader, "/run/postgresql", "postgres", cluster.port("EXT_PG_PORT", cluster.leader)),
            (cluster.leader, "/run/postgresql", "replicator", cluster.port("EXT_PG_PORT", cluster.leader)),
            (cluster.pgbouncer, "/run/pgbouncer", "pgbouncer", cluster.port("EXT_PGBOUNCER_PORT"))):
        command = ["/usr/pgsql-17/bin/psql", "--no-psqlrc", "--no-password", f"--host={folder}", f"--port={port}",
                   f"--username={user}", f"--dbname={'pgbouncer' if user == 'pgbouncer' else 'postgres'}", "--command=SHOW VERSION"]
        status, text = machine.run("runuser", "-u", "nobody", "--", *command)
        report.say(f"{machine.name}: nobody is not {user} at {folder}: {text.strip()[-90:]}", status, text)
    status, text = machine.run("runuser", "-u", "pgbouncer", "--", *command)
    report.say(f"{machine.name}: the same command works for pgbouncer itself", status == 0, text)
