#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Settings and secrets of a demonstration, made new each time. Files are 0600; nothing secret is printed.

settings.py env SERVICES TOPOLOGY OUT          a .env with every variable that the manifests name: random
                                               passwords, for the rest the default
settings.py passphrases TOPOLOGY OUT           a line NODE=passphrase for each node, and OUT.NODE for the
                                               node itself
settings.py secret-names SERVICES              the names of the variables that are secret
settings.py shuffle TOPOLOGY SEED              the nodes' names, in an order that SEED decides
"""
import os
import random
import secrets
import sys

import yaml


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def services(folder):
    return [load(f"{folder}/{name}/service.yaml") for name in sorted(os.listdir(folder))]


def node_names(topology):
    return [node["name"] for node in load(topology)["nodes"]]


def write_private(path, text):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def variables(folder, topology):
    """Name to value, a variable that two services read having one value."""
    values = {}
    for service in services(folder):
        for variable in service.get("env", []):
            if variable.get("secret"):
                values.setdefault(variable["name"], secrets.token_urlsafe(24))
            else:
                default = variable["default"]
                text = str(default).lower() if isinstance(default, bool) else str(default)
                values.setdefault(variable["name"], text)
        for port in service.get("ports", []):
            names = [port["env"]]
            if port.get("per_node"):
                nodes = [n for n in load(topology)["nodes"] if service["service"] in n["services"]]
                names = [f"{port['env']}_{n['name'].upper().replace('-', '_')}" for n in nodes]
            for name in names:
                values.setdefault(name, str(port["default"]))
    return values


def main(verb, *arguments):
    if verb == "env":
        folder, topology, out = arguments
        found = variables(folder, topology).items()
        write_private(out, "".join(f"{name}={value}\n" for name, value in found if value))
    elif verb == "passphrases":
        topology, out = arguments
        phrases = {name: secrets.token_urlsafe(18) for name in node_names(topology)}
        write_private(out, "".join(f"{name}={phrase}\n" for name, phrase in phrases.items()))
        for name, phrase in phrases.items():
            write_private(f"{out}.{name}", f"{phrase}\n")
    elif verb == "secret-names":
        for service in services(*arguments):
            for variable in service.get("env", []):
                if variable.get("secret"):
                    print(variable["name"])
    elif verb == "shuffle":
        topology, seed = arguments
        names = node_names(topology)
        random.Random(seed).shuffle(names)
        print("\n".join(names))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
