# SPDX-License-Identifier: Apache-2.0
"""Debian packages as data: control files, dependencies, versions, closures, and what they are called in RPM."""

import dataclasses
import re
import subprocess
import sys

OPERATORS = {"<<": "<", "<=": "<=", "=": "=", ">=": ">=", ">>": ">"}
DPKG_OPERATORS = {"<<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">>": "gt"}


def die(message):
    sys.exit(f"lab: {message}")


@dataclasses.dataclass
class Deb:
    """A binary package of Debian: the fields of its control file, and the name of the RPM that it becomes."""
    fields: dict
    rpm: str = ""

    @property
    def name(self):
        return self.fields["Package"]

    @property
    def version(self):
        return self.fields["Version"]

    def depends(self):
        """A list of dependencies, each a list of alternatives (name, operator, version)."""
        text = ",".join(self.fields[key] for key in ("Pre-Depends", "Depends") if self.fields.get(key))
        return [[parse_relation(a) for a in group.split("|")] for group in text.split(",") if group.strip()]

    def provides(self):
        return [parse_relation(p) for p in self.fields.get("Provides", "").split(",") if p.strip()]


def parse_relation(text):
    match = re.fullmatch(r"\s*([^\s:(]+)(?::\w+)?\s*(?:\(\s*([<>=]+)\s*([^\s)]+)\s*\))?\s*", text)
    if not match:
        die(f"cannot read the relation '{text}'")
    return match.groups()


def parse_paragraph(text):
    fields, key = {}, None
    for line in text.splitlines():
        if line[0] in " \t":
            fields[key] += "\n" + line.strip()
        else:
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    return fields


class Archive:
    """What apt offers. Paragraphs are parsed when they are asked for: there are tens of thousands of them."""

    def __init__(self, text):
        self.paragraphs, self.providers = {}, {}
        for paragraph in text.split("\n\n"):
            name = re.match(r"Package: (\S+)", paragraph)
            if not name:
                continue
            self.paragraphs[name.group(1)] = paragraph
            provides = re.search(r"^Provides: (.*)", paragraph, re.M)
            for relation in provides.group(1).split(",") if provides else []:
                self.providers.setdefault(parse_relation(relation)[0], []).append(name.group(1))

    def deb(self, name):
        return Deb(parse_paragraph(self.paragraphs[name]))


def satisfies(deb, operator, version):
    if operator is None:
        return True
    return subprocess.run(["dpkg", "--compare-versions", deb.version, DPKG_OPERATORS[operator], version],
                          check=False).returncode == 0


def closure(wanted, archive, installed, skip, alone):
    """The packages that `wanted` names and all that they need, without what is installed in a sufficient version.

    Nothing is fetched for a dependency on a name in `skip`, nor for any dependency of a name in `alone`.
    Of alternatives, one that is installed or already chosen wins, then the first that exists, then a provider.
    """
    have = {deb.name: deb for deb in installed}
    virtual = {relation[0] for deb in installed for relation in deb.provides()}
    chosen, queue = {}, list(wanted)
    while queue:
        name = queue.pop(0)
        if name in chosen:
            continue
        if name not in archive.paragraphs:
            die(f"the Debian archive has no package '{name}'")
        deb = chosen[name] = archive.deb(name)
        virtual |= {relation[0] for relation in deb.provides()}
        for alternatives in [] if name in alone else deb.depends():
            if any(n in skip or n in chosen or n in virtual or (n in have and satisfies(have[n], op, v))
                   for n, op, v in alternatives):
                continue
            names = [n for n, _, _ in alternatives]
            names += [p for n in names for p in archive.providers.get(n, [])]
            real = [n for n in names if n in archive.paragraphs]
            if not real:
                die(f"{name}: nobody provides {' | '.join(names)}")
            queue.append(real[0])
    return list(chosen.values())


# --- in words of RPM ------------------------------------------------------------------------------------------


def evr(version):
    """Debian's [epoch:]upstream[-revision] as (epoch, version, release); no release when there is no revision."""
    epoch, _, rest = version.rpartition(":")
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        return epoch, rest, ""
    return epoch, upstream.replace("-", "."), revision + ".el8"


def relation_text(name, operator=None, version=None):
    if operator is None:
        return name
    epoch, upstream, release = evr(version)
    if operator == ">>" and not release:
        operator = ">="     # 2.41-12 comes after 2.41 in Debian; RPM leaves the release aside when one side has none
    return f"{name} {OPERATORS[operator]} " + (f"{epoch}:" if epoch else "") + upstream + (f"-{release}" if release else "")
