#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted web server on loopback for test_http.c.

Arguments: CERT KEY. Prints its ports: HTTP and HTTPS on 127.0.0.1, then HTTP and HTTPS on 127.0.0.2.
Serves until its standard input ends, and answers /log with the requests so far, a line "PATH RANGE" each.
"""
import http.server
import ssl
import sys
import threading

BODY = bytes(i * 7 % 251 for i in range(100000))
log = []
seen = {}
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

    def do_GET(self):
        start = self.headers.get("Range", "")
        count = seen[self.path] = seen.get(self.path, 0) + 1
        if self.path == "/log":
            return self.send(200, "".join(line + "\n" for line in log).encode())
        log.append(f"{self.path} {start or '-'}")
        first = int(start.removeprefix("bytes=").rstrip("-")) if start else 0
        if self.path.startswith("/good"):
            return self.send(200, BODY)
        if self.path == "/resumable":
            if not start:
                return self.send(200, BODY)
            return self.send(206, BODY[first:], [("Content-Range",
                                                  f"bytes {first}-{len(BODY) - 1}/{len(BODY)}")])
        if self.path == "/cut":  # half of it, then the rest to who asks for it
            if not start:
                self.send(200, BODY[:50000], length=len(BODY))
                self.close_connection = True
                return None
            return self.send(206, BODY[first:], [("Content-Range",
                                                  f"bytes {first}-{len(BODY) - 1}/{len(BODY)}")])
        if self.path == "/wrong":
            return self.send(200, BODY[:-1] + b"!")
        if self.path == "/long":
            return self.send(200, BODY + b"!")
        if self.path == "/endless":  # no Content-Length to warn of it
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                while True:
                    self.wfile.write(BODY)
            except OSError:
                return None
        if self.path == "/flaky":
            return self.send(200, BODY) if count > 1 else self.send(503)
        if self.path == "/to-file":
            return self.redirect("file:///etc/hostname")
        if self.path == "/to-good":
            return self.redirect("/good")
        if self.path == "/to-http":
            return self.redirect(f"http://127.0.0.1:{ports[0]}/good")
        if self.path == "/to-https-to-http":
            return self.redirect(f"https://127.0.0.1:{ports[1]}/to-http")
        if self.path == "/user":
            return self.send(200, self.headers.get("Authorization", "nobody").encode())
        if self.path == "/user-elsewhere":
            return self.redirect(f"http://127.0.0.2:{ports[2]}/user")
        if self.path == "/empty-204":
            return self.send(204)
        return self.send(404)


def serve(address, tls):
    server = http.server.ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    ports.append(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()


for host in "127.0.0.1", "127.0.0.2":
    serve(host, None)
    serve(host, sys.argv[1:3])
print(*ports, flush=True)
sys.stdin.read()
