# SPDX-License-Identifier: Apache-2.0
"""Every account of the cluster: which password opens it, from where, and that nothing else does."""
import contextlib
import dataclasses
import secrets
import typing

import wire


@dataclasses.dataclass
class Account:
    """A door with a name; TRY takes a password and says how it went."""
    name: str
    secret: str
    attempt: typing.Callable


class Cluster:
    """The cluster's addresses, and who leads."""

    def __init__(self, lab, identities):
        self.lab, self.identities = lab, identities
        self.application = f"{lab.secrets}/client"
        self.members = lab.with_service("patroni")
        self.leader = next(m for m in self.members if self.patroni(m, "/leader").seen == "HTTP 200")
        others = [m for m in self.members if m is not self.leader]
        self.other = others[0] if others else self.leader
        self.haproxy, self.pgbouncer = lab.with_service("haproxy")[0], lab.with_service("pgbouncer")[0]

    def port(self, variable, machine=None):
        return int(self.lab.env[variable + (f"_{machine.name.upper().replace('-', '_')}" if machine else "")])

    def context(self, identity=None):
        return wire.context(self.lab, identity or self.application)

    def https(self, place, host, port, identity=None, **request):
        try:
            with wire.secured(place.connect(host, port), self.context(identity), "https", host) as inner:
                return wire.http(inner, **request)
        except OSError as error:
            return wire.Reply(False, wire.why(error))

    @contextlib.contextmanager
    def postgres(self, place, host, port, identity=None):
        with wire.secured(place.connect(host, port), self.context(identity), "postgres", host) as inner:
            yield wire.Postgres(inner)

    def login(self, place, host, port, user, password, database="postgres", **options):
        identity, replication = options.get("identity"), options.get("replication", False)
        try:
            with self.postgres(place, host, port, identity) as session:
                return session.login(user, password, database, replication)
        except OSError as error:
            return wire.Reply(False, wire.why(error))

    def patroni(self, machine, path, place=None, **request):
        return self.https(place or self.lab.stranger, machine.address, self.port("PATRONI_API_PORT"), path=path, **request)

    def etcd(self, path, body="{}", token=""):
        machine = self.lab.with_service("etcd")[0]
        headers = [f"Authorization: {token}"] if token else []
        identity = self.identities["clients"]["patroni client"]
        reply = self.https(self.other, machine.address, self.port("ETCD_CLIENT_PORT"), identity, method="POST", path=path,
                           headers=headers, body=body)
        reply.spoke = reply.seen == "HTTP 200"
        return reply

    def etcd_token(self, user, password):
        reply = self.etcd("/v3/auth/authenticate", f'{{"name": "{user}", "password": "{password}"}}')
        return wire.parsed(reply).get("token", "") if reply.spoke else ""


def accounts(cluster):
    """The doors that open with a password, each as its own component comes."""
    lab, clients = cluster.lab, cluster.identities["clients"]
    stranger, leader, other = lab.stranger, cluster.leader, cluster.other
    haproxy, read_write = cluster.haproxy.address, cluster.port("EXT_HAPROXY_RW_PORT")
    pooler = cluster.pgbouncer.address, cluster.port("EXT_PGBOUNCER_PORT")
    own = leader.address, cluster.port("EXT_PG_PORT", leader)
    app, database = lab.env["POSTGRES_USER"], lab.env["POSTGRES_DB"]
    member = {"identity": clients["patroni client"]}
    statistics = haproxy, cluster.port("EXT_HAPROXY_STATS_PORT")

    def etcd(user):
        def attempt(password):
            token = cluster.etcd_token(user, password)
            return wire.Reply(bool(token), "a token" if token else "no token")
        return attempt

    def page(password):
        return cluster.https(stranger, *statistics, headers=[wire.basic(lab.env["ADMIN_HAPROXY_USER"], password)])

    def reload(password):
        return cluster.patroni(leader, "/reload", method="POST", headers=[wire.basic("patroni", password)])

    return [
        Account("the application through HAProxy", "POSTGRES_PASSWORD",
                lambda p: cluster.login(stranger, haproxy, read_write, app, p, database)),
        Account("the application through PgBouncer", "POSTGRES_PASSWORD",
                lambda p: cluster.login(stranger, *pooler, app, p, database)),
        Account("postgres from 127.0.0.1", "POSTGRES_SUPERUSER_PASSWORD",
                lambda p: cluster.login(leader, "127.0.0.1", own[1], "postgres", p)),
        Account("replicator from another member", "REPLICATOR_PASSWORD",
                lambda p: cluster.login(other, *own, "replicator", p, replication=True, **member)),
        Account("rewind from another member", "REWIND_PASSWORD",
                lambda p: cluster.login(other, *own, "rewind", p, **member)),
        Account("PgBouncer's account through HAProxy", "PGBOUNCER_PASSWORD",
                lambda p: cluster.login(stranger, haproxy, read_write, "pgbouncer", p, identity=clients["pgbouncer client"])),
        Account("PgBouncer's account at PgBouncer", "PGBOUNCER_PASSWORD",
                lambda p: cluster.login(stranger, *pooler, "pgbouncer", p)),
        Account("etcd's root", "ETCD_ROOT_PASSWORD", etcd("root")),
        Account("etcd's patroni", "ETCD_PATRONI_PASSWORD", etcd("patroni")),
        Account("Patroni's REST interface", "PATRONI_API_PASSWORD", reload),
        Account("HAProxy's statistics", "ADMIN_HAPROXY_PASSWORD", page),
    ]


def secret_names(lab):
    """Every variable that some manifest says is secret."""
    return sorted({v["name"] for service in lab.services.values() for v in service.get("env", [])
                   if v.get("secret") and v["name"] in lab.env})


def check_matrix(cluster, report):
    """Each password at each door: the one that is its own opens it, no other, none, and not a wrong one."""
    names = secret_names(cluster.lab)
    values = {name: cluster.lab.env[name] for name in names}
    report.say(f"{len(names)} passwords, no two alike", len(set(values.values())) == len(names))
    doors = accounts(cluster)
    report.say("each password has a door that it opens", {door.secret for door in doors} == set(names),
               sorted(set(names) ^ {door.secret for door in doors}))
    for door in doors:
        reply = door.attempt(values[door.secret])
        report.say(f"{door.name}: {door.secret} opens it", reply.spoke, reply.seen)
        reply = door.attempt("")
        report.say(f"{door.name}: no password, no entry: {reply.seen}", not reply.spoke)
        reply = door.attempt(secrets.token_urlsafe(24))
        report.say(f"{door.name}: a wrong password, no entry: {reply.seen}", not reply.spoke)
        opened = [name for name, value in values.items() if name != door.secret and door.attempt(value).spoke]
        report.say(f"{door.name}: none of the {len(names) - 1} other components' passwords opens it", not opened, opened)


def check_service_accounts(cluster, report, name, host, port):
    """replicator and rewind come from members' addresses; what comes through a proxy has the proxy's."""
    if name != "PgBouncer" and cluster.haproxy in cluster.members:
        report.skip(f"replicator and rewind through {name}: its address is a member's here, the password alone decides")
        return
    for user, secret, replication in (("replicator", "REPLICATOR_PASSWORD", False), ("replicator", "REPLICATOR_PASSWORD", True),
                                      ("rewind", "REWIND_PASSWORD", False)):
        reply = cluster.login(cluster.lab.stranger, host, port, user, cluster.lab.env[secret], replication=replication)
        report.say(f"{user}{' to replicate' if replication else ''} through {name}: {reply.seen}", not reply.spoke)


def check_superuser(cluster, report):
    """The right password, from everywhere but 127.0.0.1, by every way in; then the service accounts where they have no
    business."""
    lab, env = cluster.lab, cluster.lab.env
    ways = [(f"{member.name}'s own port", member.address, cluster.port("EXT_PG_PORT", member)) for member in cluster.members]
    shared = [("HAProxy, read/write", cluster.haproxy.address, cluster.port("EXT_HAPROXY_RW_PORT")),
              ("HAProxy, read-only", cluster.haproxy.address, cluster.port("EXT_HAPROXY_RO_PORT")),
              ("PgBouncer", cluster.pgbouncer.address, cluster.port("EXT_PGBOUNCER_PORT"))]
    for name, host, port in ways + shared:
        places = [lab.stranger, *lab.machines] if (name, host, port) in ways else [lab.stranger, cluster.leader]
        replies = {place.name: cluster.login(place, host, port, "postgres", env["POSTGRES_SUPERUSER_PASSWORD"])
                   for place in places}
        inside = [place for place, reply in replies.items() if reply.spoke]
        seen = sorted({reply.seen.split(" connection for host")[0] for reply in replies.values()})
        report.say(f"the superuser at {name}, from {len(places)} places: {'; '.join(seen)}", not inside, inside)
    for name, host, port in shared:
        check_service_accounts(cluster, report, name, host, port)
    reply = cluster.login(lab.stranger, shared[0][1], shared[0][2], "pgbouncer", env["PGBOUNCER_PASSWORD"], env["POSTGRES_DB"])
    report.say(f"PgBouncer's account in the application's database: {reply.seen}", not reply.spoke)
    for name, host, port in ways:
        reply = cluster.login(lab.stranger, host, port, env["POSTGRES_USER"], env["POSTGRES_PASSWORD"], env["POSTGRES_DB"])
        report.say(f"the application at {name}, past HAProxy: {reply.seen}", not reply.spoke)
