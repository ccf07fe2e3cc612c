#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Serves FILES over HTTP on 127.0.0.1 in four ways until it is killed, for test_repos.sh.

usage: repo_servers.py FILES STATE

STATE/moved                 where /moved/PATH has gone: there it is /PATH
STATE/user, STATE/password  what `auth` and `proxy` want (HTTP Basic)
STATE/ports                 written when all of them listen: a shell assignment for each
STATE/log                   a line for each request: SERVER PATH STATUS
STATE/headers               a line for each request's header that says who asks: SERVER PATH NAME: VALUE
STATE/leaks                 the arguments of each process that had the password in them during a request

one, two  the files as they are          auth   the same, for those who know user and password
dead      a port where nobody listens    proxy  a proxy that knows the host repo.invalid, with user and password
"""
import base64
import functools
import glob
import http.server
import os
import pathlib
import socket
import sys
import threading
import urllib.parse


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, name, state, expected, *args, **kwargs):
        self.name, self.state, self.expected = name, state, expected
        super().__init__(*args, **kwargs)

    def log_request(self, code="-", size="-"):
        with open(self.state / "log", "a", encoding="utf-8") as log:
            log.write(f"{self.name} {self.path} {int(code)}\n")

    def log_message(self, *args):
        pass

    def look_for_leaks(self):
        secret = (self.state / "password").read_bytes().strip()
        for name in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                arguments = pathlib.Path(name).read_bytes()
            except OSError:  # the process has ended
                continue
            if secret in arguments:
                with open(self.state / "leaks", "ab") as leaks:
                    leaks.write(arguments.replace(b"\0", b" ") + b"\n")

    def refuse(self, status, header):
        self.send_response(status)
        self.send_header(header, 'Basic realm="test"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def record(self):
        with open(self.state / "headers", "a", encoding="utf-8") as headers:
            for name in "Authorization", "Proxy-Authorization", "User-Agent":
                if name in self.headers:
                    headers.write(f"{self.name} {self.path} {name}: {self.headers[name]}\n")

    def do_GET(self):
        self.look_for_leaks()
        self.record()
        if self.name == "auth" and self.headers.get("Authorization") != self.expected:
            return self.refuse(401, "WWW-Authenticate")
        if self.path.startswith("/moved/"):  # to what the file says, with the rest of the path
            self.send_response(302)
            self.send_header("Location", (self.state / "moved").read_text().strip() + self.path.removeprefix("/moved"))
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.name == "proxy":
            if self.headers.get("Proxy-Authorization") != self.expected:
                return self.refuse(407, "Proxy-Authenticate")
            url = urllib.parse.urlsplit(self.path)
            if url.netloc != "repo.invalid":
                return self.send_error(502)
            self.path = url.path
        return super().do_GET()


def main():
    files, state = sys.argv[1], pathlib.Path(sys.argv[2])
    credentials = (state / "user").read_bytes().strip() + b":" + (state / "password").read_bytes().strip()
    expected = "Basic " + base64.b64encode(credentials).decode()
    ports = {}
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        ports["dead"] = nobody.getsockname()[1]
    for name in ("one", "two", "auth", "proxy"):
        handler = functools.partial(Handler, name, state, expected, directory=files)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        ports[name] = server.server_address[1]
        threading.Thread(target=server.serve_forever).start()
    temporary = state / "ports.new"
    temporary.write_text("".join(f"{name}=http://127.0.0.1:{port}\n" for name, port in ports.items()))
    os.rename(temporary, state / "ports")


main()
