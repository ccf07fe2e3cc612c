# SPDX-License-Identifier: Apache-2.0
"""pgha-install on a target beside sha256sum, rpm and dnf."""
import glob
import os
import re
import shutil
import subprocess

import yaml

from measure import Contender, Target, Wrong, bench

MEMORY_KIB = 32 * 1024


def verify(args, work, bundle, ca):
    """One tarball, on one processor and on two, beside stock digests of it on one."""
    one, two = "pgha-install, one processor", "pgha-install, two processors"

    def on(processors, name, *argv):
        return Contender(name, ["taskset", "-c", processors, *argv])
    ours = [f"{args.build}/pgha-install", "verify", "--bundle", bundle, "--ca", ca]
    targets = [Target(one, "wall_s", "sha256sum", 1.1), Target(one, "rss_kb", "", MEMORY_KIB, what=f"{one}, KiB"),
               Target(one, "wall_s", "openssl dgst -sha256")]
    contenders = [on("0", one, *ours), on("0", "sha256sum", "sha256sum", bundle),
                  on("0", "openssl dgst -sha256", "openssl", "dgst", "-sha256", bundle)]
    if len(os.sched_getaffinity(0)) > 1:
        contenders.insert(1, on("0,1", two, *ours))
        targets += [Target(two, "wall_s", "sha256sum", 0.65), Target(two, "rss_kb", "", MEMORY_KIB, what=f"{two}, KiB")]
    return bench(f"verify, {os.path.getsize(bundle) >> 20} MiB", contenders, targets, args.runs, args.tool, work)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
    return path


class Site:
    """A bundle of one service that is packages and nothing else, and a root that is made anew for each run."""

    def __init__(self, args, work, request):
        self.args, self.work, self.request = args, work, request
        self.root, self.home, self.layers = f"{work}/root", f"{work}/home", 0
        shutil.rmtree(work, ignore_errors=True)
        # Debian's librpm has its database in the home directory otherwise.
        write(f"{self.home}/.rpmmacros", "%_dbpath /var/lib/rpm\n")
        self.bundle = self.make_bundle()
        subprocess.run(["tar", "-C", work, "-xf", self.bundle, "repo"], check=True)
        self.reset()
        self.rpms = self.transaction()
        self.count = self.installed() + len(self.rpms)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.unmount()

    # -- the bundle --

    def make_bundle(self):
        scene, repos = f"{self.work}/scene", self.args.repos
        with open(f"{repos}/fingerprints.yaml", encoding="utf-8") as file:
            trust = {name: [fingerprint] for name, fingerprint in yaml.safe_load(file).items()}
        keys = " ".join(f"file://{path}" for path in sorted(glob.glob(f"{repos}/keys/*")))
        write(f"{scene}/lab.repo", "".join(f"[{name}]\nname={name}\nbaseurl=file://{repos}/{name}\ngpgcheck=1\ngpgkey={keys}\n\n"
                                           for name in trust))
        write(f"{scene}/installer", "#!/bin/sh\n", 0o755)
        write(f"{scene}/.env", "", 0o600)
        write(f"{scene}/passphrases", "one=a passphrase for a benchmark\n", 0o600)
        write(f"{scene}/passphrase", "a passphrase for a benchmark\n", 0o600)
        write(f"{scene}/topology.yaml", "domain: test\nnodes:\n"
              "  - {name: one, address: 10.0.0.1, datacenter: dc1, services: [all]}\n")
        write(f"{scene}/services/all/service.yaml", f"service: all\nlayer: all\npackages: [{', '.join(self.request)}]\n")
        write(f"{scene}/bundle.yaml", yaml.safe_dump({
            "pgha": 1, "cluster": "bench", "platform": {"id": "platform:el8", "arch": "x86_64", "glibc": "2.28", "python": "3.13"},
            "repos": ["lab.repo"], "trust": trust, "modules": {"disable": ["postgresql"]}, "installer": "installer",
            "services": ["all"], "topology": "topology.yaml", "env": ".env"}, sort_keys=False))
        program, cache = f"{self.args.build}/pgha-bundle", f"{self.work}/cache"
        self.ca, self.passphrase = f"{scene}/keys/ca.crt", f"{scene}/passphrase"
        for words in (["keys", "init", "--out", f"{scene}/keys"],
                      ["build", "-f", f"{scene}/bundle.yaml", "--keys", f"{scene}/keys", "--passphrases", f"{scene}/passphrases",
                       "--cache", cache, "-o", f"{self.work}/out"]):
            done = subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                raise Wrong(f"pgha-bundle {words[0]}:\n{done.stdout}")
        (bundle,) = glob.glob(f"{self.work}/out/pgha-*.tar")
        return bundle

    # -- the root --

    def unmount(self):
        if os.path.ismount(self.root):
            subprocess.run(["umount", self.root], check=True)

    def reset(self):
        """
        The image again, and nothing of the run before that still has to reach the disk. What that run wrote stays until the end: ext4
        searches long for an inode that was not deleted a moment ago, and a third of each contender's time would be that.
        """
        self.unmount()
        self.layers += 1
        upper, work = (f"{self.work}/layers/{self.layers}/{name}" for name in ("upper", "work"))
        for path in (upper, work, self.root):
            os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={self.args.image},upperdir={upper},workdir={work}", "overlay", self.root],
                       check=True)
        os.sync()

    def installed(self):
        return len(subprocess.run(["rpm", "--dbpath", "/var/lib/rpm", "--root", self.root, "-qa"], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout.splitlines())

    def same_state(self, text):
        if self.installed() != self.count:
            raise Wrong(f"{self.installed()} packages, not {self.count}:\n{text}")

    # -- who installs --

    def install_argv(self, *more):
        return [f"{self.args.build}/pgha-install", "--node", "one", "--bundle", self.bundle, "--ca", self.ca, "--passphrase-file",
                self.passphrase, "--root", self.root, *more]

    def transaction(self):
        """The files that the plan installs: rpm gets these and no others."""
        plan = subprocess.run(self.install_argv("--dry-run"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=True).stdout
        wanted = set(re.findall(r"^\s*install (\S+)$", plan, re.M))
        files = glob.glob(f"{self.work}/repo/**/*.rpm", recursive=True)
        names = subprocess.run(["rpm", "-qp", "--nosignature", "--qf", "%{NEVRA}\n", *files], stdout=subprocess.PIPE, text=True,
                               check=True).stdout.splitlines()
        chosen = [path for name, path in zip(names, files) if name in wanted]
        if not wanted or len(chosen) != len(wanted):
            raise Wrong(f"{len(chosen)} files for {len(wanted)} packages:\n{plan}")
        return chosen

    def dnf_argv(self):
        settings = {"module_platform_id": "platform:el8", "reposdir": "/nonexistent", "cachedir": f"{self.work}/dnf/cache",
                    "varsdir": "/nonexistent", "logdir": f"{self.work}/dnf", "persistdir": f"{self.work}/dnf", "best": "True",
                    "install_weak_deps": "False", "b.gpgcheck": "0"}
        return ["env", f"HOME={self.home}", "dnf", f"--config={write(f'{self.work}/dnf/dnf.conf', '[main]')}", "--noplugins",
                f"--installroot={self.root}", "--releasever=8", "--forcearch=x86_64",
                *[f"--setopt={key}={value}" for key, value in settings.items()], f"--repofrompath=b,{self.work}/repo",
                "--disablerepo=*", "--enablerepo=b", "--assumeyes", "install", *self.request]

    def packages(self):
        size = sum(map(os.path.getsize, self.rpms))
        part, whole, bare = "its packages step", "pgha-install", "rpm -U, nothing verified"
        rpm = ["rpm", "--dbpath", "/var/lib/rpm", "--root", self.root]
        return bench(f"packages, {len(self.rpms)} of {size >> 20} MiB",
                     [Contender(whole, self.install_argv(), prepare=self.reset, check=self.same_state,
                                part=(part, "plan ", "packages ")),
                      Contender("rpm -U", [*rpm, "-U", *self.rpms], prepare=self.reset, check=self.same_state),
                      Contender(bare, [*rpm, "--nosignature", "--nodigest", "-U", *self.rpms], prepare=self.reset, check=self.same_state),
                      Contender("dnf install", self.dnf_argv(), prepare=self.reset, check=self.same_state)],
                     [Target(part, "wall_s", "rpm -U", 1.15), Target(part, "wall_s", "dnf install", 0.6),
                      Target(part, "wall_s", bare), Target(bare, "wall_s", "dnf install"), Target(whole, "wall_s", "dnf install")], self.args.runs, self.args.tool, self.work)

    def nothing(self):
        self.reset()
        subprocess.run(self.install_argv(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

        def check(text):
            if "one: nothing to do" not in text:
                raise Wrong(f"changed something:\n{text}")
        return bench("packages, nothing to change", [Contender("pgha-install", self.install_argv(), check=check)],
                     [Target("pgha-install", "wall_s", "", 1, what="pgha-install, seconds")], self.args.runs, self.args.tool, self.work)
