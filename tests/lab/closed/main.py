#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is the cluster closed? Every socket that its machines listen on, found by listing them, and what must not work there.

main.py [--state DIR] [--topology FILE] [--demo DIR] [--out PATH]

Needs root and the lab that runs (make lab); writes DEMO/closed.md and .json. A refusal is paired with the same attempt by
who may, so that a dead port is not taken for a closed one.
"""
import argparse
import os
import sys
import tempfile
import traceback

import accounts
import capture
import database
import hops
import identities
import listeners
import packages
import transport
import visible
from lab import Lab
from report import Report

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


def attempt(report, check, subject):
    """A check that cannot be made has failed; the others are made all the same."""
    try:
        check(subject, report)
    except Exception:  # pylint: disable=broad-except
        report.say(f"{check.__module__}.{check.__name__} could be made", False, traceback.format_exc().splitlines()[-3:])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--state", default=os.environ.get("PGHA_LAB_STATE", "/var/lib/pgha-lab"))
    options.add_argument("--topology", default=f"{TOP}/tests/lab/topology.yaml")
    options.add_argument("--demo", default=os.environ.get("PGHA_DEMO", f"{TOP}/build/demo"))
    options.add_argument("--out")
    chosen = options.parse_args()
    report = Report()
    lab = Lab(chosen.state, chosen.topology, chosen.demo, f"{TOP}/manifests")
    with lab.on_the_bridge(), tempfile.TemporaryDirectory(prefix="pgha-closed-") as folder:
        certificates = identities.make(lab, folder)
        found = listeners.listen(lab)
        listeners.check(lab, report, found)
        transport.check(lab, report, found, certificates)
        cluster = accounts.Cluster(lab, certificates)
        for check in (accounts.check_matrix, accounts.check_superuser, hops.check_patroni, hops.check_etcd, hops.check_common_names,
                      hops.check_names_are_no_accounts, hops.check_proxy, hops.check_client_address, hops.check_local_sockets,
                      database.check_passwords, database.check_replication, database.check_auth_query, database.check_backends,
                      capture.check):
            attempt(report, check, cluster)
        attempt(report, visible.check, lab)
        attempt(report, packages.check, lab)
    report.write(chosen.out or f"{chosen.demo}/closed", f"VERIFY_CLIENT_CERT={lab.env['VERIFY_CLIENT_CERT']}")
    print(report.sum())
    sys.exit(report.failed > 0 or not report.passed)


if __name__ == "__main__":
    main()
