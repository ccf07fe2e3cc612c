#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Print a topology for shell loops: a line NAME ADDRESS DATACENTER SERVICE[,SERVICE] per node."""
import sys

import yaml


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        topology = yaml.safe_load(file)
    for node in topology["nodes"]:
        print(node["name"], node["address"], node["datacenter"], ",".join(node["services"]))


if __name__ == "__main__":
    main()
