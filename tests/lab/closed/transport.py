# SPDX-License-Identifier: Apache-2.0
"""Of every socket that was found: clear text refused, TLS from 1.2 on, which certificates are taken."""
import socket
import ssl
import threading
import time

import wire

# How a port speaks. One that is not here fails: nothing is known to be closed that nobody can talk to.
PROTOCOLS = {
    "ETCD_CLIENT_PORT": "https", "ETCD_PEER_PORT": "https", "PATRONI_API_PORT": "https", "EXT_HAPROXY_STATS_PORT": "https",
    "EXT_PG_PORT": "postgres", "EXT_HAPROXY_RW_PORT": "postgres", "EXT_HAPROXY_RO_PORT": "postgres",
    "EXT_PGBOUNCER_PORT": "postgres", "EXT_HAPROXY_RW_PROXY_PORT": "postgres", "EXT_HAPROXY_RO_PROXY_PORT": "postgres",
}
BEHIND_BALANCER = ("EXT_HAPROXY_RW_PROXY_PORT", "EXT_HAPROXY_RO_PROXY_PORT")
# What a legitimate load balancer sends first: the client is 192.0.2.77.
TRUE_CLIENT = "192.0.2.77"
PROXY_HEADER = f"PROXY TCP4 {TRUE_CLIENT} 192.0.2.1 40001 5432\r\n".encode()
NO_FORWARD_SECRECY = "AES256-GCM-SHA384:AES128-SHA:AES256-SHA:@SECLEVEL=0"
CBC = "ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"


class Door:
    """One listening socket with what is needed to knock as its own clients do."""

    def __init__(self, lab, listener):
        self.lab, self.listener, self.protocol = lab, listener, PROTOCOLS.get(listener.declared)
        self.user, self.database = lab.env["POSTGRES_USER"], lab.env["POSTGRES_DB"]
        self.place = self.usual_place()
        self.identity = f"{lab.secrets}/client"

    def usual_place(self):
        """From where its own clients come; another machine wherever there is one."""
        if self.listener.loopback:
            if self.listener.declared == "EXT_PG_PORT":
                self.user = self.database = "postgres"
            return self.listener.machine
        if self.listener.declared == "EXT_PG_PORT":
            return self.lab.with_service("haproxy")[0]
        if self.listener.declared == "ETCD_PEER_PORT":  # a peer's certificate counts from that peer's address alone
            return next((m for m in self.lab.with_service("etcd") if m is not self.listener.machine), self.listener.machine)
        return self.lab.balancer if self.listener.declared in BEHIND_BALANCER else self.lab.stranger

    def connect(self, place=None):
        sock = (place or self.place).connect(self.listener.reach, self.listener.port)
        if self.listener.declared in BEHIND_BALANCER:
            sock.sendall(PROXY_HEADER)
        return sock

    def knock(self, made, place=None, name=None):
        """TLS, and the first thing that a client says in it; NAME is what the certificate must be for."""
        try:
            with wire.secured(self.connect(place), made, self.protocol, name or self.listener.reach) as inner:
                if self.protocol == "postgres":
                    reply = wire.Postgres(inner).begin(self.user, self.database)
                else:
                    reply = wire.http(inner, path="/health")
                    reply.spoke = reply.seen.startswith("HTTP ")
                reply.tls, reply.cipher = inner.version(), inner.cipher()[0]
                return reply
        except OSError as error:
            return wire.Reply(False, wire.why(error))


def clear_text(door):
    """Each way to begin without TLS, from where the port's own clients come."""
    openings = dict(wire.OPENINGS, PostgreSQL=wire.startup(door.user, door.database))
    if door.listener.declared in BEHIND_BALANCER:
        openings = {name: PROXY_HEADER + data for name, data in openings.items() if name != "PROXY"}
    replies = side_by_side(lambda data: wire.clear_reply(door.place, door.listener.reach, door.listener.port, data),
                           list(openings.values()))
    seen = "; ".join(f"{name}: {reply.seen}" for name, reply in zip(openings, replies))
    return not any(reply.spoke for reply in replies), seen


def versions(door, report):
    """Refused below 1.2; 1.2 and 1.3 accepted, 1.3 when the client leaves it open."""
    for version in wire.TLS:
        reply = door.knock(wire.context(door.lab, door.identity, version))
        if version == "1.1":
            report.cell(door.listener, "TLS 1.1", not reply.spoke, reply.seen)
        else:
            report.cell(door.listener, f"TLS {version}", reply.spoke, reply.cipher or reply.seen)
    reply = door.knock(wire.context(door.lab, door.identity))
    report.cell(door.listener, "preferred", reply.tls == "TLSv1.3", reply.tls or reply.seen)
    for column, ciphers in (("TLS 1.2 without forward secrecy", NO_FORWARD_SECRECY), ("TLS 1.2 with CBC", CBC)):
        reply = door.knock(wire.context(door.lab, door.identity, "1.2", ciphers))
        report.cell(door.listener, column, not reply.spoke, reply.seen)


def names(door, report):
    """The server's certificate is for the names by which clients come (its address was checked all along), and no other."""
    machine = door.listener.machine
    wanted = ["localhost"] if door.listener.loopback else [machine.name, f"{machine.name}.{door.lab.topology['domain']}"]
    replies = [door.knock(wire.context(door.lab, door.identity), name=name) for name in wanted]
    other = door.knock(wire.context(door.lab, door.identity), name="elsewhere.example")
    good = all(reply.spoke for reply in replies) and "certificate refused" in other.seen
    report.cell(door.listener, "names", good, ", ".join(wanted) if good else str([r.seen for r in [*replies, other]]))


def certificates(door, report, others):
    """OTHERS: name -> identity that must not open what demands a certificate."""
    demanded = door.lab.mutual or door.listener.declared == "ETCD_PEER_PORT"
    if door.listener.declared == "EXT_HAPROXY_STATS_PORT":
        demanded = False  # people with a browser, a name and a password
    reply = door.knock(wire.context(door.lab))
    report.cell(door.listener, "no client certificate", reply.spoke != demanded, reply.seen)
    reply = door.knock(wire.context(door.lab, door.identity))
    report.cell(door.listener, "its client's certificate", reply.spoke, reply.seen)
    if door.listener.declared == "ETCD_PEER_PORT":
        reply = door.knock(wire.context(door.lab, door.identity), door.lab.stranger)
        report.cell(door.listener, "its client's certificate, from elsewhere", not reply.spoke, reply.seen)
    for name, identity in others.items():
        if demanded:
            reply = door.knock(wire.context(door.lab, identity))
            report.cell(door.listener, name, not reply.spoke, reply.seen)
        else:
            report.note(door.listener, name, "not asked for")


def client_can_speak_1_1(lab):
    """The refusals of TLS 1.1 mean something: the same client speaks it with a server that does."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(f"{lab.secrets}/client.crt", f"{lab.secrets}/client.key")
    server.minimum_version = server.maximum_version = wire.TLS["1.1"]
    server.set_ciphers("ALL:@SECLEVEL=0")
    client = wire.context(lab, version="1.1")
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    near, far = socket.socketpair()
    thread = threading.Thread(target=lambda: server.wrap_socket(far, server_side=True).close())
    thread.start()
    try:
        with client.wrap_socket(near) as inner:
            return inner.version()
    except OSError as error:
        return wire.why(error)
    finally:
        thread.join()


def check(lab, report, listeners, identities):
    """IDENTITIES as identities.make() gives them; returns the doors."""
    seen = client_can_speak_1_1(lab)
    report.say("this client can speak TLS 1.1", seen == "TLSv1.1", seen)
    doors = []
    for listener in listeners:
        if not listener.declared or listener.kind not in ("tcp", "tcp6"):
            continue
        door = Door(lab, listener)
        if not door.protocol:
            report.say(f"{listener.name}: how it speaks is known", False)
            continue
        if listener.declared == "ETCD_PEER_PORT":
            door.identity = identities["held"][door.place.name, "etcd peer"]
        doors.append(door)
    for door, (good, seen) in zip(doors, side_by_side(clear_text, doors)):
        report.cell(door.listener, "clear text", good, seen)
    for door in doors:
        versions(door, report)
        names(door, report)
        others = dict(identities["others"])
        if door.listener.declared == "ETCD_PEER_PORT":
            others.update(identities["not peers"])
        certificates(door, report, others)
    return doors


def side_by_side(work, items):
    """Most of the time is spent waiting for servers that say nothing. setns() is each thread's own."""
    results = [None] * len(items)

    def one(index):
        results[index] = work(items[index])

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(items))]
    for thread in threads:
        thread.start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    return results
