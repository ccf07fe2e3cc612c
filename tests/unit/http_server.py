#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted web server on loopback: good, slow and hostile ones, chosen by the path's first component.

Argument: a directory with ca.crt, server.crt, expired.crt and their keys. Prints its ports: HTTP and HTTPS on 127.0.0.1,
HTTP and HTTPS on 127.0.0.2 (both HTTPS ask for a client certificate and do without), HTTPS that demands a client
certificate of the CA, HTTPS with the expired certificate, HTTPS that is reset behind the handshake, one on which nobody
accepts, and one that is closed. Serves until its standard input ends. "/log" answers with the requests so far, a line
"PATH RANGE" each.
"""
import http.server
import select
import socket
import ssl
import struct
import sys
import threading
import time

BODY = bytes(i * 7 % 251 for i in range(100000))
OTHER = bytes(i * 11 % 253 for i in range(100000))
HALF = len(BODY) // 2
ETAG = '"the-first"'
MODIFIED = "Sat, 01 Aug 2026 10:00:00 GMT"
log = []
seen = {}
clients = {}  # the connections on which a folder was asked for
ports = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, target):
        self.send(302, headers=[("Location", target)])

    def send_range(self, body=BODY, shift=0):
        """The part that was asked for; moved by SHIFT bytes from what its header should say."""
        if self.first is None:
            return self.send(200, body)
        if self.first >= len(body):
            return self.send(416, headers=[("Content-Range", f"bytes */{len(body)}")])
        first = self.first + shift
        return self.send(206, body[first:], [("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")])

    def send_half(self, body=BODY, length=None):
        self.send(200, body[:HALF], length=len(body) if length is None else length)
        self.close_connection = True

    def wait(self):
        """Until the client has gone."""
        self.close_connection = True
        for _ in range(60):
            if select.select([self.connection], [], [], 1)[0]:
                return

    def write_for_ever(self, data, pause=0.0):
        self.close_connection = True
        try:
            while True:
                self.wfile.write(data)
                time.sleep(pause)
        except OSError:
            pass

    # -- honest servers --

    def on_log(self):
        self.send(200, "".join(line + "\n" for line in log).encode())

    def on_connections(self):  # "/connections/good/x": how many brought "/good/x/…"
        self.send(200, str(len(clients.get(self.path.removeprefix("/connections"), ()))).encode())

    def on_good(self):  # knows no ranges
        self.send(200, BODY)

    def on_ranged(self):
        self.send_range()

    def on_cached(self):
        if self.headers.get("If-None-Match") == ETAG or self.headers.get("If-Modified-Since") == MODIFIED:
            return self.send(304, headers=[("ETag", ETAG)])
        return self.send(200, BODY, [("ETag", ETAG), ("Last-Modified", MODIFIED)])

    def on_slow(self):  # "/slow/RATE/…": that many bytes per second
        first = self.first or 0
        rate = int(self.path.split("/")[2])
        self.send(206 if first else 200, b"",
                  [("Content-Range", f"bytes {first}-{len(BODY) - 1}/{len(BODY)}")] if first else (), len(BODY) - first)
        for i in range(first, len(BODY), rate // 50):
            time.sleep(0.02)
            self.wfile.write(BODY[i:i + rate // 50])

    def on_user(self):
        self.send(200, self.headers.get("Authorization", "nobody").encode())

    def on_user_elsewhere(self):
        self.redirect(f"http://127.0.0.2:{ports[2]}/user")

    def on_user_at_another_port(self):
        self.redirect(f"https://127.0.0.1:{ports[1]}/user")

    def on_certificate(self):  # the client's
        subject = (self.connection.getpeercert() or {}).get("subject", ())
        self.send(200, dict(pair for part in subject for pair in part).get("commonName", "nobody").encode())

    def on_agent(self):
        self.send(200, self.headers.get("User-Agent", "").encode())

    def on_to_good(self):
        self.redirect("/good")

    # -- unlucky ones --

    def on_cut(self):  # half of it, then the rest to who asks for it
        if self.first is None:
            return self.send_half()
        return self.send_range()

    def on_reset(self):
        if self.first is not None:
            return self.send_range()
        self.send_half()
        time.sleep(0.3)  # a reset takes what was not read with it
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wfile.close()
        return self.connection.close()

    def on_flaky(self):
        self.send(503) if self.count == 1 else self.send(200, BODY)

    def on_busy(self):
        self.send(503, headers=[("Retry-After", "1")]) if self.count == 1 else self.send(200, BODY)

    def on_busy_long(self):
        self.send(429, headers=[("Retry-After", "86400")])

    def on_down(self):
        self.send(500)

    def on_missing(self):
        self.send(404)

    def on_down_for_ever(self):  # with a page that does not end
        self.send_response(404)
        self.end_headers()
        self.write_for_ever(BODY)

    def on_down_and_out(self):  # with a page that is cut off
        self.send(404, BODY[:HALF // 100], length=len(BODY))
        self.close_connection = True

    def on_forbidden(self):
        self.send(403)

    # -- liars --

    def on_wrong(self):
        self.send(200, BODY[:-1] + b"!")

    def on_changed(self):  # another file than the one that it began with
        if self.first is None and self.count == 1:
            return self.send_half()
        return self.send_range(OTHER)

    def on_mended(self):  # the same, but then it stays with the new one
        if self.first is None:
            return self.send_half(OTHER) if self.count == 1 else self.send(200, BODY)
        return self.send_range()

    def on_short(self):  # says that half of it is all
        if self.first is None:
            return self.send(200, BODY[:HALF])
        return self.send_range()

    def on_boasting(self):  # says that there is more, and hangs up
        self.send(200, BODY, length=1 << 40)
        self.close_connection = True

    def on_boasting_on(self):  # or does not
        self.send(200, BODY, length=1 << 40)
        self.wait()

    def on_boasting_wrong(self):
        self.send(200, OTHER, length=1 << 40)
        self.close_connection = True

    def on_truncated(self):  # half of it is all
        self.send_range(BODY[:HALF])

    def on_long(self):
        self.send(200, BODY + b"!")

    def on_shifted(self):  # sends another range
        self.send_range(shift=0 if self.first is None else -1)

    def on_unasked(self):
        self.send(304)

    def on_empty(self):
        self.send(204)

    def on_endless(self):  # no Content-Length to warn of it
        self.send_response(200)
        self.end_headers()
        self.write_for_ever(BODY)

    def on_headers(self):
        self.send_response(200)
        self.flush_headers()
        self.write_for_ever(b"X-More: and more\r\n" * 100)

    def on_slow_headers(self):
        self.send_response(200)
        self.flush_headers()
        self.write_for_ever(b"X-More: and more\r\n", 0.2)

    def on_close(self):  # in the middle of the headers
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        self.close_connection = True

    def on_shut(self):  # without a word
        self.close_connection = True

    def on_shut_by_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        socket.socket(fileno=self.connection.detach()).close()

    def on_garbage(self):
        self.wfile.write(b"\x00\x01\x02 no such protocol \xff\n" * 10)
        self.close_connection = True

    def on_silent(self):
        self.wait()

    def on_stall(self):
        self.send_half()
        self.wait()

    def on_drip(self):
        self.send(200, b"", length=len(BODY))
        self.write_for_ever(b"x", 0.1)

    def on_loop(self):
        self.redirect("/loop/there" if self.path != "/loop/there" else "/loop/back")

    def on_endless_redirect(self):
        self.send_response(302)
        self.send_header("Location", "/good")
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        self.write_for_ever(BODY)

    def on_to_file(self):
        self.redirect("file:///etc/hostname")

    def on_to_http(self):
        self.redirect(f"http://127.0.0.1:{ports[0]}/good")

    def on_to_https_to_http(self):
        self.redirect(f"https://127.0.0.1:{ports[1]}/to-http")

    # -- a proxy --

    def may_pass(self):
        """Its user is "p" with the password "word"; with the host 127.0.0.2 as proxy everybody may pass."""
        user = self.headers.get("Proxy-Authorization", "nobody")
        log.append(f"proxy:{self.server.server_address[0]}:{self.path} {user}")
        if self.server.server_address[0] == "127.0.0.2" or user == "Basic cDp3b3Jk":
            return True
        self.send(407, headers=[("Proxy-Authenticate", 'Basic realm="test"')])
        return False

    def do_CONNECT(self):
        if not self.may_pass():
            return
        self.close_connection = True
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            pair = {self.connection: far, far: self.connection}
            while True:
                ready = [self.connection] if self.pending() else select.select(list(pair), [], [], 60)[0]
                for near in ready:
                    data = near.recv(65536)
                    if not data:
                        return
                    pair[near].sendall(data)

    def pending(self):  # what TLS has read already
        return getattr(self.connection, "pending", int)()

    def do_GET(self):
        if self.path.startswith("http://"):
            if not self.may_pass():
                return None
            self.path = "/" + self.path.split("/", 3)[3]
        start = self.headers.get("Range", "")
        if self.path != "/log":
            clients.setdefault(self.path.rpartition("/")[0], set()).add(self.client_address)
            log.append(f"{self.path} {start or '-'}")
        self.count = seen[self.path] = seen.get(self.path, 0) + 1
        self.first = int(start.removeprefix("bytes=").rstrip("-")) if start else None
        kind = self.path.split("/")[1].partition("@")[0]  # "/good@2/x": another mirror of the same kind
        return getattr(self, "on_" + kind.replace("-", "_"), self.on_missing)()


def serve(address, certificate=None, ca=None, demand=ssl.CERT_REQUIRED):
    server = http.server.ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
        if ca:
            context.verify_mode = demand
            context.load_verify_locations(ca)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    ports.append(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def serve_resets(certificate):
    """Each connection is reset as soon as the TLS handshake is done."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
    server = socket.create_server(("127.0.0.1", 0))
    ports.append(server.getsockname()[1])

    def run():
        while True:
            near = server.accept()[0]
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                near = context.wrap_socket(near, server_side=True)
            except OSError:
                pass
            near.close()

    threading.Thread(target=run, daemon=True).start()


def main():
    folder = sys.argv[1]
    for host in "127.0.0.1", "127.0.0.2":
        serve(host)
        serve(host, f"{folder}/server", f"{folder}/ca.crt", ssl.CERT_OPTIONAL)
    serve("127.0.0.1", f"{folder}/server", f"{folder}/ca.crt")
    serve("127.0.0.1", f"{folder}/expired")
    serve_resets(f"{folder}/server")
    # What comes after these is not even answered.
    deaf = socket.create_server(("127.0.0.1", 0), backlog=0)
    ports.append(deaf.getsockname()[1])
    fill = []
    for _ in range(4):
        fill.append(socket.socket())
        fill[-1].setblocking(False)
        fill[-1].connect_ex(deaf.getsockname())
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes it
    ports.append(closed.getsockname()[1])
    print(*ports, flush=True)
    sys.stdin.read()


main()
