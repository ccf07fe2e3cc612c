# SPDX-License-Identifier: Apache-2.0
"""What a client says and what comes back: TLS of a chosen version, HTTP, PostgreSQL's protocol with SCRAM (RFC 7677)."""
import base64
import contextlib
import dataclasses
import hashlib
import hmac
import json
import os
import re
import ssl
import struct
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning, message="ssl.TLSVersion.TLSv1_1")
TLS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
SSL_REQUEST = struct.pack("!II", 8, 80877103)
SCRAM = "SCRAM-SHA-256"


@dataclasses.dataclass
class Reply:
    """SPOKE: the server went on with who asked. SEEN: how it answered, in a few words."""
    spoke: bool
    seen: str
    tls: str = ""
    cipher: str = ""
    body: str = ""


def context(lab, identity=None, version=None, ciphers=None):
    """A client that trusts the cluster's CA; IDENTITY is a certificate's path without .crt and .key."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(f"{lab.secrets}/ca.crt")
    made.minimum_version = TLS[version or "1.2"]
    made.maximum_version = TLS[version or "1.3"]
    made.set_ciphers(ciphers or ("ALL:@SECLEVEL=0" if version == "1.1" else "DEFAULT"))
    if identity:
        made.load_cert_chain(f"{identity}.crt", f"{identity}.key")
    return made


def why(error):
    """An error of the connection in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, TimeoutError):
        return "silence"
    return os.strerror(error.errno).lower() if error.errno else str(error) or "closed"


# --- PostgreSQL -----------------------------------------------------------------------------------------------


def startup(user, database, replication=False):
    text = f"user\0{user}\0database\0{database}\0application_name\0closed\0"
    text = (text + ("replication\0true\0" if replication else "") + "\0").encode()
    return struct.pack("!II", len(text) + 8, 196608) + text


def error_text(body):
    """Severity, SQLSTATE and message of an ErrorResponse."""
    fields = {item[:1]: item[1:].decode(errors="replace") for item in body.split(b"\0") if item}
    return f"{fields.get(b'V') or fields.get(b'S', '?')} {fields.get(b'C', '?')}: {fields.get(b'M', '?')}"


class Postgres:
    """A session over a socket that is as encrypted as it shall be."""

    def __init__(self, sock):
        self.sock, self.user = sock, ""

    def send(self, kind, body):
        self.sock.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        return data

    def message(self):
        kind = self.exactly(1)
        size, = struct.unpack("!I", self.exactly(4))
        return kind, self.exactly(size - 4)

    def begin(self, user, database, replication=False):
        """How the server wants to know who this is, or why not at all."""
        self.sock.sendall(startup(user, database, replication))
        kind, body = self.message()
        if kind == b"E":
            return Reply(False, error_text(body))
        code, = struct.unpack("!I", body[:4])
        names = {0: "no password", 3: "clear-text password", 5: "MD5 password"}
        offered = " ".join(item.decode() for item in body[4:].split(b"\0") if item)
        return Reply(True, offered if code == 10 else names.get(code, f"method {code}"))

    def login(self, user, password, database, replication=False):
        """A whole login; spoke means: inside."""
        reply = self.begin(user, database, replication)
        if not reply.spoke or SCRAM not in reply.seen.split():
            return Reply(False, reply.seen)
        nonce = base64.b64encode(os.urandom(18)).decode()
        bare = f"n=,r={nonce}"
        first = ("n,," + bare).encode()
        self.send(b"p", SCRAM.encode() + b"\0" + struct.pack("!I", len(first)) + first)
        kind, body = self.message()
        if kind == b"E":
            return Reply(False, error_text(body))
        challenge = body[4:].decode()
        self.send(b"p", self.proof(password, bare, challenge))
        while True:
            kind, body = self.message()
            if kind == b"E":
                return Reply(False, error_text(body))
            if kind == b"Z":
                return Reply(True, "inside")

    @staticmethod
    def proof(password, bare, challenge):
        fields = dict(item.split("=", 1) for item in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        client = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c=biws,r={fields['r']}"
        signature = hmac.digest(hashlib.sha256(client).digest(), f"{bare},{challenge},{final}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, signature))).decode()
        return f"{final},p={proof}".encode()

    def rows(self, statement):
        """What a statement answers: rows of texts; an error is raised."""
        self.send(b"Q", statement.encode() + b"\0")
        found, failure = [], None
        while True:
            kind, body = self.message()
            if kind == b"D":
                found.append(self.row(body))
            elif kind == b"E":
                failure = error_text(body)
            elif kind == b"Z":
                if failure:
                    raise RuntimeError(failure)
                return found

    @staticmethod
    def row(body):
        count, = struct.unpack("!H", body[:2])
        values, at = [], 2
        for _ in range(count):
            size, = struct.unpack("!i", body[at:at + 4])
            at += 4
            values.append(None if size < 0 else body[at:at + size].decode())
            at += max(size, 0)
        return values


# --- TLS ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def secured(sock, made, protocol, name):
    """SOCK in TLS, after what PROTOCOL says before TLS."""
    with sock:
        if protocol == "postgres":
            sock.sendall(SSL_REQUEST)
            answer = sock.recv(1)
            if answer != b"S":
                raise ConnectionError(f"no TLS: {answer!r}" if answer else "closed")
        with made.wrap_socket(sock, server_hostname=name) as inner:
            yield inner


def http(inner, method="GET", path="/", headers=(), body=""):
    """One request of HTTP/1.1; spoke means: any answer but 4xx for who asks."""
    lines = [f"{method} {path} HTTP/1.1", "Host: closed", "Connection: close", *headers]
    if body or method not in ("GET", "HEAD", "OPTIONS"):
        lines.append(f"Content-Length: {len(body.encode())}")
    inner.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    data = b""
    while not whole(data) and (chunk := inner.recv(65536)):
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1."):
        return Reply(False, "closed" if not data else f"no HTTP: {data[:40]!r}")
    status = head.split()[1].decode()
    return Reply(status not in ("401", "403"), f"HTTP {status}", body=unchunk(head, rest).decode(errors="replace"))


def whole(data):
    """Is all of an answer there? Some servers are slow to close."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if match := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
        return len(rest) >= int(match[1])
    return bool(end) and b"chunked" in head.lower() and rest.endswith(b"0\r\n\r\n")


def unchunk(head, rest):
    if b"transfer-encoding: chunked" not in head.lower():
        return rest
    data = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size or b"0", 16)
        data, rest = data + rest[:count], rest[count + 2:]
        if not count:
            break
    return data


def basic(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def parsed(reply):
    return json.loads(reply.body) if reply.body else {}


# --- clear text -----------------------------------------------------------------------------------------------

OPENINGS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: closed\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5),
    "PROXY": b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 5432\r\n",
}


def clear_reply(place, host, port, data, timeout_s=2.5):
    """DATA without TLS; spoke means: what came back is more than a refusal."""
    try:
        with place.connect(host, port, timeout_s) as sock:
            sock.sendall(data)
            return clear_verdict(sock.recv(4096))
    except OSError as error:
        return Reply(False, why(error))


def clear_verdict(data):
    if not data:
        return Reply(False, "closed")
    if data[:2] == b"\x15\x03":
        return Reply(False, "TLS alert")
    if data[:1] == b"E":
        text = error_text(data[5:])
        return Reply(not text.startswith("FATAL"), text)
    if data.startswith(b"HTTP/1.0 400 ") and b"HTTP request to an HTTPS server" in data:
        return Reply(False, "HTTP 400")
    return Reply(True, repr(data[:60]))
