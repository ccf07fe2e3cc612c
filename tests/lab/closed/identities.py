# SPDX-License-Identifier: Apache-2.0
"""Certificates to knock with: those that the machines hold, one of a foreign CA, one of ours for another use."""
import os
import subprocess


def held(lab, folder):
    """A copy of each certificate that a machine's services have with its key: (machine, 'SERVICE NAME') -> path without
    suffix."""
    found = {}
    for machine in lab.machines:
        for service in machine.services:
            for certificate in lab.services[service].get("certificates", []):
                name = f"{service} {certificate['name']}"
                path = found[machine.name, name] = f"{folder}/{machine.name}-{name.replace(' ', '-')}"
                for suffix, source in ((".crt", certificate["cert"]), (".key", certificate["key"])):
                    with open(machine.root + source, "rb") as original, open(path + suffix, "wb") as copy:
                        copy.write(original.read())
    return found


def foreign(folder):
    """A client's certificate of a CA of its own, which has the same name as ours might have."""
    path = f"{folder}/foreign"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/O=pgha/OU=application", "-addext", "extendedKeyUsage=clientAuth", "-keyout", f"{path}.key",
                    "-out", f"{path}.crt"], check=True, capture_output=True)
    return path


def make(lab, folder):
    """'held': what the machines have. 'others': refused wherever a certificate is demanded. 'not peers': of our CA, for
    clients, and refused by etcd's peers all the same."""
    os.umask(0o077)
    mine = held(lab, folder)
    clients = {name: path for (_, name), path in mine.items() if name.endswith(" client")}
    server = next(path for (_, name), path in mine.items() if name == "haproxy server")
    return {
        "held": mine,
        "clients": clients,
        "others": {"foreign CA": foreign(folder), "server's certificate as a client's": server},
        "not peers": {f"certificate of {name}": path for name, path in clients.items()} |
                     {"certificate of the application": f"{lab.secrets}/client"},
    }
