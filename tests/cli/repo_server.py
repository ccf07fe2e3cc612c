#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Serves DIR on loopback, with ETags and 304. Prints its port; appends "STATUS PATH" for each request to LOG; ends with its
standard input. A path below /gone is never there.

usage: repo_server.py DIR LOG
"""
import hashlib
import http.server
import pathlib
import sys
import threading

root, log = pathlib.Path(sys.argv[1]), sys.argv[2]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", etag=None):
        with open(log, "a", encoding="utf-8") as f:
            f.write(f"{status} {self.path}\n")
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = root / self.path.lstrip("/")
        if self.path.startswith("/gone") or not path.is_file():
            self.answer(404)
            return
        body = path.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == etag:
            self.answer(304, etag=etag)
        else:
            self.answer(200, body, etag)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
