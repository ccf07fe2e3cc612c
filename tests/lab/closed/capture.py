# SPDX-License-Identifier: Apache-2.0
"""What really goes over the lab's bridge: no clear text, also where nothing listens that could be asked."""
import secrets
import socket
import struct
import threading
import time

import wire
from lab import network_of
from visible import Hunt, values

ETH_P_ALL = 3
TLS_HANDSHAKE = b"\x16\x03"
# Words of the protocols that are spoken here, were they to be read.
WORDS = (b"HTTP/1.", b"PRI * HTTP/2", b"SCRAM-SHA-256", b"SELECT ", b"INSERT ", b"/service/", b"replication", b"etcdserverpb")


class Capture(threading.Thread):
    """Every TCP payload and every UDP datagram that crosses a machine's link."""

    def __init__(self, lab):
        super().__init__()
        with network_of(lab.stranger.pid):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.settimeout(0.2)
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.running, self.segments, self.datagrams, self.opened = True, [], [], {}

    def run(self):
        while self.running:
            try:
                self.take(self.sock.recv(65536))
            except TimeoutError:
                pass
        self.sock.close()

    def take(self, frame):
        kind, = struct.unpack_from("!H", frame, 12)
        if kind == 0x0800:
            size = (frame[14] & 15) * 4
            self.packet(frame[23], socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]), frame[14 + size:], frame)
        elif kind == 0x86DD:
            self.packet(frame[20], socket.inet_ntop(socket.AF_INET6, frame[22:38]),
                        socket.inet_ntop(socket.AF_INET6, frame[38:54]), frame[54:], frame)

    def packet(self, protocol, source, target, data, frame):
        if protocol == 17:
            self.datagrams.append(f"{source} -> {target}:{struct.unpack_from('!H', data, 2)[0]}")
        if protocol != 6:
            return
        total = struct.unpack_from("!H", frame, 16)[0] - (frame[14] & 15) * 4 if frame[14] >> 4 == 4 else len(data)
        near, far = struct.unpack_from("!HH", data)
        payload, flags = data[(data[12] >> 4) * 4:total], data[13]
        flow = (source, near, target, far)
        if flags & 0x12 == 0x02:  # SYN alone: the client's side of a new connection
            self.opened[flow] = b""
        elif payload:
            self.segments.append((flow, payload))
            if self.opened.get(flow) == b"":
                self.opened[flow] = payload


def first_words(payload):
    """How a connection began."""
    if payload.startswith(TLS_HANDSHAKE):
        return "TLS"
    if payload.startswith(wire.SSL_REQUEST):
        return "SSLRequest"
    return "PROXY" if payload.startswith(b"PROXY TCP4 ") else repr(payload[:30])


def clear_between(one, other, text):
    """The control: TEXT in clear from one place to a machine."""
    with network_of(other.pid):
        listener = socket.create_server((other.address, 0))
    with listener, one.connect(other.address, listener.getsockname()[1]) as sock:
        sock.sendall(text)
        time.sleep(0.1)


def check(cluster, report):
    """Three seconds of the cluster at work, and a client that writes and reads."""
    lab, env = cluster.lab, cluster.lab.env
    control, canary = (f"canary{secrets.token_hex(8)}".encode() for _ in range(2))
    capture = Capture(lab)
    capture.start()
    try:
        clear_between(lab.stranger, cluster.pgbouncer, control)
        with cluster.postgres(lab.stranger, cluster.pgbouncer.address, cluster.port("EXT_PGBOUNCER_PORT")) as session:
            session.login(env["POSTGRES_USER"], env["POSTGRES_PASSWORD"], env["POSTGRES_DB"])
            session.rows(f"CREATE TABLE IF NOT EXISTS closed (note text); INSERT INTO closed VALUES ('{canary.decode()}')")
            session.rows("DROP TABLE closed")
        time.sleep(3)
    finally:
        capture.running = False
        capture.join()
    judge(lab, report, capture, control, canary)


def judge(lab, report, capture, control, canary):
    seen = b"\n".join(payload for _, payload in capture.segments if control not in payload)
    report.say("the capture sees what is sent in clear", any(control in payload for _, payload in capture.segments))
    report.say(f"a written value is in none of {len(capture.segments)} segments", capture.segments and canary not in seen)
    words = [word.decode() for word in WORDS if word in seen]
    report.say("nor is a word of HTTP, SQL or etcd", not words, words)
    secret = Hunt(values(lab)).names_in(seen)
    report.say("nor a password", not secret, secret)
    began = {}
    for flow, payload in capture.opened.items():
        if payload and control not in payload:
            began.setdefault(first_words(payload), []).append(f"{flow[0]} -> {flow[2]}:{flow[3]}")
    wrong = {how: flows[:3] for how, flows in began.items() if how not in ("TLS", "SSLRequest", "PROXY")}
    summary = ", ".join(f"{len(flows)} with {how}" for how, flows in sorted(began.items()))
    report.say(f"connections that were opened meanwhile begin so: {summary}", began and not wrong, str(wrong))
    report.say("no datagram crosses the bridge", not capture.datagrams, sorted(set(capture.datagrams)))
