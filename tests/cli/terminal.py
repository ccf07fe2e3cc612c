#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own and answers its questions; prints what the terminal showed.

usage: terminal.py [QUESTION ANSWER]... -- COMMAND...
"""
import os
import pty
import select
import sys
import time

PATIENCE_S = 120


def main(argv):
    split = argv.index("--")
    questions = list(zip(argv[:split:2], argv[1:split:2]))
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(argv[split + 1], argv[split + 1:])
    shown, seen, end = b"", 0, time.monotonic() + PATIENCE_S
    while True:
        if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
            os.kill(pid, 9)
            break
        try:
            piece = os.read(fd, 4096)
        except OSError:     # Linux says so when the other side is closed
            break
        if not piece:
            break
        shown += piece
        if questions and questions[0][0].encode() in shown[seen:]:
            seen = len(shown)
            os.write(fd, questions.pop(0)[1].encode() + b"\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.stdout.write(shown.decode(errors="replace").replace("\r\n", "\n"))
    if questions:
        sys.exit(f"never asked: {questions}")
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
