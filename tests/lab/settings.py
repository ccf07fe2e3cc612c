#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Settings and secrets of a demonstration, made new each time. Files are 0600; nothing secret is printed.

settings.py env SERVICES TOPOLOGY OUT [NAME=VALUE…] [ports=SEED]
                                               a .env with every variable that the manifests name: random
                                               passwords, for the rest the default, or VALUE; with ports=SEED
                                               every port at another number, which SEED decides
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


def port_names(folder, topology):
    """Every variable that is a port -> its default."""
    found = {}
    for service in services(folder):
        for port in service.get("ports", []):
            names = [port["env"]]
            if port.get("per_node"):
                nodes = [n for n in load(topology)["nodes"] if service["service"] in n["services"]]
                names = [f"{port['env']}_{n['name'].upper().replace('-', '_')}" for n in nodes]
            found.update(dict.fromkeys(names, str(port["default"])))
    return found


def moved(ports, seed):
    """No port keeps its number or has another's; below those that the kernel gives to clients."""
    numbers = random.Random(seed).sample(sorted(set(range(10000, 30000)) - set(map(int, ports.values()))), len(ports))
    return dict(zip(sorted(ports), map(str, numbers)))


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
    for name, default in port_names(folder, topology).items():
        values.setdefault(name, default)
    return values


def main(verb, *arguments):
    if verb == "env":
        folder, topology, out, *chosen = arguments
        chosen = dict(item.split("=", 1) for item in chosen)
        found = variables(folder, topology)
        if seed := chosen.pop("ports", ""):
            found.update(moved(port_names(folder, topology), seed))
        if unknown := set(chosen) - set(found):
            sys.exit(f"no manifest has {', '.join(sorted(unknown))}")
        found.update(chosen)
        write_private(out, "".join(f"{name}={value}\n" for name, value in found.items() if value))
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
