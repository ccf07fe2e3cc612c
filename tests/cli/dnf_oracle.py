#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What stock dnf would install into a root, an empty one, one NEVRA a line: the judge of `pgha-bundle resolve`.

usage: dnf_oracle.py [OPTION]... ROOT REPO_DIR PLATFORM RELEASEVER ARCH [PACKAGE]...

A PACKAGE is whatever `dnf install` takes, "@group" too (a group of comps, never a module).

ROOT is a directory of the test's own (dnf's database and cache), REPO_DIR holds the .repo files. Every setting on which
the answer hangs is given here, none is taken from this machine. Exit 1: no solution, its words on standard error; exit 2:
dnf is not installed.

  --enable NAME:STREAM  enable a module stream
  --disable NAME        disable a module; '*': all that are not enabled. The others have their default stream
  --weak                install weak dependencies too
  --no-best             the newest version of what is asked for is not a must
  --installed           ROOT has packages: print what must be installed or upgraded, as dnf without --allowerasing
  --batch FILE          many requests, a line each, their packages with tabs between, over one reading of the metadata.
                        A line is printed for each: "ok" and the NEVRAs, or "no" and the reason, with tabs between
  --advisories          ROOT has packages: print what advisories say of them that is not installed yet, a line each:
                        ID TYPE SEVERITY NAME.ARCH EVR
  --cache DIR           keep dnf's cache there, for repositories that do not change
  --streams             print the active module streams, NAME:STREAM a line, instead of packages
  --command             ask the dnf command instead of its Python API, and read its table: the judge's own judge
"""
import argparse
import os
import subprocess
import sys

try:
    import dnf
    import dnf.exceptions
    import hawkey
    import rpm
except ImportError:
    print("dnf is not installed", file=sys.stderr)
    sys.exit(2)


def open_base(args):
    base = dnf.Base(dnf.conf.Conf())
    conf = base.conf
    conf.config_file_path = "/dev/null"
    conf.installroot = args.root
    conf.persistdir = os.path.join(args.root, "var/lib/dnf")
    conf.cachedir = args.cache or os.path.join(args.root, "var/cache/dnf")
    conf.logdir = os.path.join(args.root, "var/log")
    os.makedirs(conf.logdir, exist_ok=True)
    conf.reposdir = [args.repo_dir]
    conf.varsdir = []
    conf.pluginpath = []
    conf.plugins = False
    conf.module_platform_id = args.platform
    conf.module_obsoletes = False
    conf.best = args.best
    conf.install_weak_deps = args.weak
    conf.substitutions["releasever"] = args.releasever
    conf.substitutions["arch"] = args.arch
    conf.substitutions["basearch"] = dnf.rpm.basearch(args.arch)
    conf.ignorearch = True
    # Base read the machine's own streams and paths when it was made.
    conf.modulesdir = os.path.join(args.root, "etc/dnf/modules.d")
    base.read_all_repos()
    for repo in base.repos.iter_enabled():
        repo.gpgcheck = False
        repo.repo_gpgcheck = False
    # Debian's rpm keeps a database in the user's home otherwise, and each reading of its configuration says so again.
    rpm.addMacro("_dbpath", "/var/lib/rpm")
    base.fill_sack(load_system_repo=True)
    if bool(base.sack.query().installed()) != args.installed:
        sys.exit("the root is not what --installed says")
    return base


def set_module(args, name, state, stream=""):
    directory = os.path.join(args.root, "etc/dnf/modules.d")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name + ".module"), "w", encoding="ascii") as out:
        out.write(f"[{name}]\nname={name}\nstream={stream}\nstate={state}\nprofiles=\n")


def set_modules(args):
    """The base with the streams as ARGS have them, as `dnf module` would have stored them."""
    enabled = dict(spec.split(":", 1) for spec in args.enable)
    disabled = set(args.disable)
    for name, stream in enabled.items():
        set_module(args, name, "enabled", stream)
    if "*" in disabled:
        base = open_base(args)
        disabled = {m.getName() for m in base._moduleContainer.getModulePackages()} - set(enabled)
        base.close()
    for name in disabled:
        set_module(args, name, "disabled")
    base = open_base(args)
    container = base._moduleContainer
    for module in container.getModulePackages():
        name = module.getName()
        wanted = container.ModuleState_DISABLED if name in disabled else container.ModuleState_ENABLED
        if name in disabled or name in enabled:
            if container.getModuleState(name) != wanted:
                sys.exit(f"dnf did not take the state of module {name}")
    return base


def install(base, spec):
    if not spec.startswith("@"):
        base.install(spec)
        return
    # As Base._install_groups() of dnf.
    spec, _, types = spec[1:].partition("/")
    base.env_group_install([spec], types.split(",") if types else base.conf.group_package_types)


def solve(base, packages):
    for package in packages:
        install(base, package)
    base.resolve()
    return sorted(str(p) for p in base.transaction.install_set) if base.transaction else []


def ask_command(args):
    """What `dnf --assumeno install` has in its table, for an empty root."""
    options = {"reposdir": args.repo_dir, "cachedir": os.path.join(args.root, "var/cache/dnf-command"), "varsdir": "/nowhere",
               "logdir": os.path.join(args.root, "var/log"), "persistdir": os.path.join(args.root, "var/lib/dnf"),
               "module_platform_id": args.platform, "best": args.best, "install_weak_deps": args.weak}
    config = os.path.join(args.root, "dnf.conf")
    with open(config, "w", encoding="ascii"):
        pass
    argv = ["dnf", f"--config={config}", "--noplugins", "--assumeno", f"--installroot={args.root}", f"--releasever={args.releasever}",
            f"--forcearch={args.arch}"] + [f"--setopt={name}={value}" for name, value in options.items()]
    told = subprocess.run(argv + ["install", "--"] + args.package, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    table, found, _ = told.stdout.partition("\nTransaction Summary\n")
    if not found:
        print(told.stderr, file=sys.stderr)
        return 1
    # Lines of the table wrap; section titles end in a colon, and module streams are in sections of their own.
    words, section = [], ""
    for line in table.split("=\n")[2].splitlines():
        if line.endswith(":") and not line.startswith(" "):
            section = line
        elif section.startswith("Installing") and not line.startswith("="):
            words += line.split()
    rows = [words[at:at + 6] for at in range(0, len(words), 6)]  # a size is two words
    print("".join(sorted(f"{name}-{version}.{arch}\n" for name, arch, version, *_ in rows)), end="")
    return 0


def advisory_line(advisory, package):
    kinds = {hawkey.ADVISORY_BUGFIX: "bugfix", hawkey.ADVISORY_ENHANCEMENT: "enhancement",
             hawkey.ADVISORY_SECURITY: "security", hawkey.ADVISORY_NEWPACKAGE: "newpackage"}
    return (f"{advisory.id} {kinds.get(advisory.type, '-')} {advisory.severity or '-'} "
            f"{package.name}.{package.arch} {package.evr}\n")


def solve_batch(base, file):
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            base.reset(goal=True)
            try:
                answer = ["ok"] + solve(base, line.rstrip("\n").split("\t"))
            except dnf.exceptions.Error as error:
                answer = ["no", " ".join(str(error).split())]
            print("\t".join(answer), flush=True)
    return 0


def main(args):
    base = set_modules(args)
    if args.command:
        base.close()
        return ask_command(args)
    if any(package.startswith("@") for package in args.package) or args.batch:
        base.read_comps(arch_filter=True)
    if args.advisories:
        # As `dnf updateinfo --available`.
        found = base.sack.query().installed().latest(1).get_advisory_pkgs(hawkey.GT)
        print("".join(sorted({advisory_line(p.get_advisory(base.sack), p) for p in found})), end="")
        return 0
    if args.streams:
        container = base._moduleContainer
        active = {m.getNameStream() for m in container.getModulePackages() if container.isModuleActive(m)}
        print("".join(name + "\n" for name in sorted(active)), end="")
        return 0
    if args.batch:
        return solve_batch(base, args.batch)
    try:
        chosen = solve(base, args.package)
    except dnf.exceptions.Error as error:
        print(error, file=sys.stderr)
        return 1
    print("".join(package + "\n" for package in chosen), end="")
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--enable", action="append", default=[])
    parser.add_argument("--disable", action="append", default=[])
    parser.add_argument("--weak", action="store_true")
    parser.add_argument("--no-best", dest="best", action="store_false")
    parser.add_argument("--installed", action="store_true")
    parser.add_argument("--cache")
    parser.add_argument("--batch")
    parser.add_argument("--advisories", action="store_true")
    parser.add_argument("--streams", action="store_true")
    parser.add_argument("--command", action="store_true")
    for name in ("root", "repo_dir", "platform", "releasever", "arch"):
        parser.add_argument(name)
    parser.add_argument("package", nargs="*")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(parse_arguments()))
