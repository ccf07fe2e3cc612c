# SPDX-License-Identifier: Apache-2.0
"""A client that writes all the time, and counts.

    writer.py NAME STOP ADDRESS    the password is in PGPASSWORD; ends when the file STOP is there

Inserts numbered rows over one session, which it opens again when it is lost, at most twenty a second. Prints one line of
JSON: how many statements it tried, how many were confirmed and how many failed, with the reasons; how many sessions it
needed; the longest time between two confirmations, and when there were none for a second; how many confirmed rows are not there
at the end.
"""
import collections
import json
import os
import sys
import time

import psycopg

PAUSE_S = 0.05
LONG_S = 1.0        # a pause that is told
PATIENCE_S = 60     # for the last look


class Writer:
    def __init__(self, name, address):
        self.name, self.address = name, address
        self.session = None
        self.tried = self.sessions = 0
        self.confirmed, self.reasons = [], collections.Counter()
        self.longest, self.last = 0.0, None
        self.pauses = []    # [clock, seconds]

    def run(self, statement, arguments):
        """Over the session that there is, or a new one."""
        if not self.session:
            self.session = psycopg.connect(self.address, autocommit=True, connect_timeout=3, prepare_threshold=None)
            self.sessions += 1
        return self.session.execute(statement, arguments)

    def forget(self):
        if self.session:
            self.session.close()
        self.session = None

    def write(self):
        self.tried += 1
        try:
            self.run("INSERT INTO writes (writer, number) VALUES (%s, %s)", (self.name, self.tried))
        except psycopg.Error as error:
            self.reasons[(str(error).strip() or type(error).__name__).splitlines()[0][:120]] += 1
            # Behind PgBouncer a statement can come to a server that writes no more: the session is as good as before.
            if not isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                self.forget()
            return
        now = time.monotonic()
        self.confirmed.append(self.tried)
        pause = now - (self.last or now)
        self.longest = max(self.longest, pause)
        if pause > LONG_S:
            self.pauses.append([time.strftime("%H:%M:%S", time.localtime(time.time() - pause)), round(pause, 1)])
        self.last = now

    def lost(self):
        """Confirmed rows that are not there."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                rows = self.run("SELECT number FROM writes WHERE writer = %s", (self.name,)).fetchall()
                return len(set(self.confirmed) - {number for number, in rows})
            except psycopg.Error:
                self.forget()
                if time.monotonic() > end:
                    raise
                time.sleep(PAUSE_S)


def main(name, stop, address):
    writer = Writer(name, address)
    while not os.path.exists(stop):
        writer.write()
        time.sleep(PAUSE_S)
    print(json.dumps({"writer": name, "tried": writer.tried, "confirmed": len(writer.confirmed),
                      "failed": writer.tried - len(writer.confirmed), "sessions": writer.sessions,
                      "longest_pause_s": round(writer.longest, 1), "pauses": writer.pauses, "lost": writer.lost(), "reasons": writer.reasons}))


main(*sys.argv[1:])
