# SPDX-License-Identifier: Apache-2.0
"""patroni-member of the manifests in a cluster that is told: member_scene.py VERB NAME MEMBERS [MEMBER=SEQUENCE...]

MEMBERS is the JSON of Patroni's /cluster, NAME is this member, MEMBER=SEQUENCE what each has said. PGHA_SEQUENCE is the bundle's.
"""
import importlib.machinery
import importlib.util
import json
import pathlib
import sys

SCRIPT = pathlib.Path(__file__).parents[2] / "manifests/services/patroni/templates/patroni-member"


def load():
    loader = importlib.machinery.SourceFileLoader("patroni_member", str(SCRIPT))
    sys.dont_write_bytecode = True
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("patroni_member", loader))
    loader.exec_module(module)
    return module


def main(verb, name, members, *told):
    module = load()
    words = dict(word.split("=") for word in told)

    class Told(module.Member):
        def __init__(self, _path):
            self.name = name

        def rest(self, path, body=None, method=None, timeout=10):
            assert path == "/cluster" and body is None and method is None and timeout == 10
            return members

        def get(self, key):
            return words.get(key.partition("/")[2])

    json.loads(members)
    module.Member = Told
    sys.argv = ["patroni-member", "/etc/patroni/patroni.yml", verb]
    module.main()


main(*sys.argv[1:])
