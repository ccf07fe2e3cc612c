#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What stock dnf would install into an empty root, one NEVRA a line: the judge of `pgha-bundle resolve`.

usage: dnf_oracle.py ROOT REPO_DIR PLATFORM RELEASEVER ARCH PACKAGE...

ROOT is a directory of the test's own (dnf's database and cache), REPO_DIR holds the .repo files. Every setting on which
the answer hangs is given here, none is taken from this machine. All module streams are disabled. Exit 1: no solution,
its words on standard error; exit 2: dnf is not installed.
"""
import glob
import os
import sys

try:
    import dnf
    import dnf.exceptions
except ImportError:
    print("dnf is not installed", file=sys.stderr)
    sys.exit(2)


def open_base(root, repo_dir, platform, releasever, arch):
    base = dnf.Base(dnf.conf.Conf())
    conf = base.conf
    conf.config_file_path = "/dev/null"
    conf.installroot = root
    conf.persistdir = os.path.join(root, "var/lib/dnf")
    conf.cachedir = os.path.join(root, "var/cache/dnf")
    conf.logdir = os.path.join(root, "var/log")
    os.makedirs(conf.logdir, exist_ok=True)
    conf.reposdir = [repo_dir]
    conf.varsdir = []
    conf.pluginpath = []
    conf.plugins = False
    conf.module_platform_id = platform
    conf.best = True
    conf.install_weak_deps = False
    conf.substitutions["releasever"] = releasever
    conf.substitutions["arch"] = arch
    conf.substitutions["basearch"] = dnf.rpm.basearch(arch)
    conf.ignorearch = True
    # Base read the machine's own streams and paths when it was made.
    conf.modulesdir = os.path.join(root, "etc/dnf/modules.d")
    base.read_all_repos()
    for repo in base.repos.iter_enabled():
        repo.gpgcheck = False
        repo.repo_gpgcheck = False
    base.fill_sack(load_system_repo=True)
    return base


def disable_modules(base, root):
    directory = os.path.join(root, "etc/dnf/modules.d")
    os.makedirs(directory, exist_ok=True)
    names = {m.getName() for m in base._moduleContainer.getModulePackages()}
    for name in names:
        with open(os.path.join(directory, name + ".module"), "w", encoding="ascii") as out:
            out.write(f"[{name}]\nname={name}\nstream=\nstate=disabled\nprofiles=\n")
    return len(names)


def main(root, repo_dir, platform, releasever, arch, *packages):
    settings = (root, repo_dir, platform, releasever, arch)
    base = open_base(*settings)
    if disable_modules(base, root):
        base.close()
        base = open_base(*settings)
    if glob.glob(os.path.join(root, "etc/dnf/modules.d/*")):
        states = {base._moduleContainer.getModuleState(m.getName())
                  for m in base._moduleContainer.getModulePackages()}
        disabled = {base._moduleContainer.ModuleState_DISABLED}
        if states - disabled:
            sys.exit("dnf did not disable every module")
    if len(base.sack.query().installed()):
        sys.exit("the root is not empty")
    try:
        for package in packages:
            base.install(package)
        base.resolve()
    except dnf.exceptions.Error as error:
        print(error, file=sys.stderr)
        return 1
    for package in sorted(str(p) for p in base.transaction.install_set):
        print(package)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
