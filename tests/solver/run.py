#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs cases of the solver: repositories, a request, and what must come of it, in one text file each.

usage: run.py BUNDLE CASE...

A repository is made of each case's text, `pgha-bundle resolve` is run on it, and stock dnf too where it is installed: both
must answer what the case says. Prints "ok NAME" or "not ok NAME" with the difference; exit 1 when one is not ok. A case:

    # What it shows: the test's name. Other comments may follow anywhere.
    platform: platform:el8                  (this unless told otherwise; the architecture is x86_64)
    repository NAME [OPTION=VALUE]...       lines of the .repo file; then, indented:
      app-1:2-3.x86_64 requires: lib >= 2   a package, as tests/cli/make_repo.py has it
      stream NAME:STREAM [KEY=VALUE]...     a modulemd document: version (1), context (c0), arch (x86_64; - for none),
                                            static=true, format=1 for a document of version 1; then, indented more:
        requires a: 1 2; platform: el8      an item of its dependencies
        artifact app-1:2-3.x86_64           its packages
        demodularized app
      default NAME[:STREAM] [KEY=VALUE]...  a modulemd-defaults document: modified, profiles=STREAM:NAME,NAME
      yaml LINE                             a line of modules.yaml as it is
    enable: NAME:STREAM...                  and `disable:`, of the definition
    install: PACKAGE...
    expect: NEVRA...                        what is chosen, or
    error: TEXT                             exit 4, and this in the messages; may be given more than once
    warning: TEXT                           this in the messages of a run that succeeds; may be given more than once
    quiet:                                  no message but the usual ones
    dnf: NEVRA...                           where dnf's answer is another one (`dnf: error`: none), and
    because: REASON                         the reason for that
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MAKE_REPO = HERE.parent / "cli/make_repo.py"
ORACLE = HERE.parent / "cli/dnf_oracle.py"
KEYS = ("platform", "enable", "disable", "install", "expect", "error", "warning", "quiet", "dnf", "because")


class Stream:
    def __init__(self, words):
        self.name, self.stream = words[0].split(":", 1)
        self.values = {"version": "1", "context": "c0", "arch": "x86_64", "format": "2"}
        self.values.update(word.split("=", 1) for word in words[1:])
        self.requires, self.artifacts, self.demodularized = [], [], []

    def add(self, kind, rest):
        if kind == "requires":
            self.requires.append([(name.strip(), streams.split()) for name, _, streams in
                                  (part.partition(":") for part in rest.split(";"))])
        elif kind in ("artifact", "demodularized"):
            (self.artifacts if kind == "artifact" else self.demodularized).append(rest)
        else:
            raise ValueError(f"a stream has no '{kind}'")

    def yaml(self):
        values = self.values
        out = ["---", "document: modulemd", f"version: {values['format']}", "data:", f"  name: {self.name}",
               f"  stream: '{self.stream}'", f"  version: {values['version']}", f"  context: {values['context']}"]
        if values["arch"] != "-":
            out.append(f"  arch: {values['arch']}")
        if "static" in values:
            out.append(f"  static_context: {values['static']}")
        out += ["  summary: s", "  description: d", "  license: {module: [MIT]}"]
        if self.requires and values["format"] == "1":
            pairs = ", ".join(f"{name}: '{streams[0]}'" for name, streams in self.requires[0])
            out.append(f"  dependencies: {{requires: {{{pairs}}}}}")
        elif self.requires:
            out.append("  dependencies:")
            for group in self.requires:
                pairs = ", ".join(f"{name}: [" + ", ".join(f"'{s}'" for s in streams) + "]" for name, streams in group)
                out.append(f"  - requires: {{{pairs}}}")
        if self.demodularized:
            out.append("  demodularized: {rpms: [" + ", ".join(self.demodularized) + "]}")
        if self.artifacts:
            out += ["  artifacts:", "    rpms:"] + [f"    - {nevra}" for nevra in self.artifacts]
        return out


def default_yaml(words):
    name, _, stream = words[0].partition(":")
    values = dict(word.split("=", 1) for word in words[1:])
    out = ["---", "document: modulemd-defaults", "version: 1", "data:", f"  module: {name}"]
    if stream:
        out.append(f"  stream: '{stream}'")
    if "modified" in values:
        out.append(f"  modified: {values['modified']}")
    if "profiles" in values:
        key, _, names = values["profiles"].partition(":")
        out.append(f"  profiles: {{'{key}': [{names}]}}")
    return out


class Repository:
    def __init__(self, words):
        self.name, self.options = words[0], words[1:]
        self.packages, self.modules, self.stream = [], [], None

    def add(self, indent, line):
        kind, _, rest = line.partition(" ")
        if self.stream and indent > self.stream_indent:
            self.stream.add(kind, rest)
            return
        if kind == "stream":
            self.stream, self.stream_indent = Stream(rest.split()), indent
            self.modules.append(self.stream)
            return
        self.stream = None
        if kind == "default":
            self.modules.append(default_yaml(rest.split()))
        elif kind == "yaml":
            self.modules.append([rest])
        else:
            self.packages.append(line)

    def write(self, work):
        directory = work / self.name
        text = "".join(line + "\n" for line in self.packages)
        if self.modules:
            documents = [d.yaml() if isinstance(d, Stream) else d for d in self.modules]
            modules = work / (self.name + ".modules.yaml")
            modules.write_text("".join(line + "\n" for d in documents for line in d), encoding="utf-8")
            text += f"modules: {modules}\n"
        subprocess.run([sys.executable, MAKE_REPO, directory], input=text, text=True, check=True)
        return (f"[{self.name}]\nname={self.name}\nbaseurl=file://{directory}\ngpgcheck=0\n"
                + "".join(option + "\n" for option in self.options))


class Case:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        self.repositories, self.values = [], {key: [] for key in KEYS}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                self.read(line)
            except (ValueError, IndexError) as error:
                sys.exit(f"{path}:{number}: {error}")
        if not self.values["install"] or bool(self.values["expect"]) == bool(self.values["error"]):
            sys.exit(f"{path}: a case has `install`, and either `expect` or `error`")
        if bool(self.values["dnf"]) != bool(self.values["because"]):
            sys.exit(f"{path}: `dnf` needs `because`, and the reverse")

    def read(self, line):
        if line.startswith("#"):
            if self.name == self.path.stem:
                self.name = line.lstrip("# ").rstrip(".:")
            return
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            return
        if indent:
            self.repositories[-1].add(indent, line.strip())
        elif line.startswith("repository "):
            self.repositories.append(Repository(shlex.split(line)[1:]))
        else:
            key, colon, value = line.partition(":")
            if not colon or key not in KEYS:
                raise ValueError(f"'{key}' is no key")
            self.values[key].append(value.strip())

    def words(self, key):
        return " ".join(self.values[key]).split()

    def platform(self):
        return (self.words("platform") or ["platform:el8"])[0]


def definition(case):
    def items(key):
        return ", ".join("'" + word.replace("'", "''") + "'" for word in case.words(key))
    return (f"pgha: 1\nplatform: {{id: '{case.platform()}', arch: x86_64}}\nrepos: [all.repo]\n"
            f"packages: [{items('install')}]\nmodules: {{disable: [{items('disable')}], enable: [{items('enable')}]}}\n")


def difference(want, got):
    lines = [f"- {nevra}" for nevra in sorted(want - got)] + [f"+ {nevra}" for nevra in sorted(got - want)]
    return "\n".join(lines)


def check_ours(case, bundle, work):
    lock = work / "b.lock"
    run = subprocess.run([bundle, "resolve", "-f", work / "b.yaml", "-o", lock, "--cache", work / "cache"],
                         capture_output=True, text=True, check=False)
    texts = case.values["error"] + case.values["warning"]
    missing = [text for text in texts if text not in run.stdout + run.stderr]
    status = 4 if case.values["error"] else 0
    if run.returncode != status or missing:
        wanted = "".join(f"\nnot said: {text}" for text in missing)
        return f"exit status {run.returncode}, not {status}{wanted}\n{run.stderr}"
    usual = re.compile(r"metadata|.*: \d+ packages? |.* is up to date")
    if case.values["quiet"] and any(not usual.match(line) for line in run.stderr.splitlines()):
        return f"it is not quiet\n{run.stderr}"
    if status:
        return ""
    nevras = re.findall(r'^  - nevra: "?([^"\n]*)"?$', lock.read_text(encoding="utf-8"), re.M)
    return difference(set(case.words("expect")), set(nevras))


def check_dnf(case, work):
    """None when dnf is not installed."""
    # A name that is enabled has its default stream, which dnf need not be told.
    enable = [word for word in case.words("enable") if ":" in word]
    options = [f"--enable={word}" for word in enable] + [f"--disable={word}" for word in case.words("disable")]
    root = work / "root"
    root.mkdir()
    run = subprocess.run(
        [sys.executable, ORACLE, *options, root, work / "repos.d", case.platform(), "8", "x86_64", *case.words("install")],
        capture_output=True, text=True, check=False)
    if run.returncode == 2 and "not installed" in run.stderr:
        return None
    fails = case.words("dnf") == ["error"] if case.values["dnf"] else bool(case.values["error"])
    if fails or run.returncode:
        return "" if fails and run.returncode == 1 else f"dnf: exit status {run.returncode}\n{run.stdout}{run.stderr}"
    want = set(case.words("dnf") or case.words("expect"))
    text = difference(want, set(run.stdout.split()))
    return "dnf:\n" + text + "\n" + run.stderr if text else ""


def run_case(case, bundle):
    with tempfile.TemporaryDirectory(prefix="pgha-solver-") as directory:
        work = pathlib.Path(directory)
        text = "".join(repository.write(work) for repository in case.repositories)
        (work / "repos.d").mkdir()
        for path in (work / "all.repo", work / "repos.d/all.repo"):
            path.write_text(text, encoding="utf-8")
        (work / "b.yaml").write_text(definition(case), encoding="utf-8")
        ours, dnf = check_ours(case, bundle, work), check_dnf(case, work)
    if ours or dnf:
        print(f"not ok {case.path.stem}: {case.name}")
        print("".join(f"    {line}\n" for line in ((ours or "") + (dnf or "")).splitlines()), end="")
        return False
    print(f"ok {case.path.stem}: {case.name}")
    if dnf is None:
        print(f"skip {case.path.stem} by dnf: dnf is not installed")
    return True


def main():
    os.environ["LC_ALL"] = "C.UTF-8"
    cases = [Case(pathlib.Path(path)) for path in sys.argv[2:]]
    results = [run_case(case, sys.argv[1]) for case in cases]
    sys.exit(0 if cases and all(results) else 1)


main()
