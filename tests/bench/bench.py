#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pgha-bundle and pgha-install beside stock tools: time and peak memory, in one run and by turns.

usage: bench.py resolve|scale|fetch|build|verify|packages --build DIR --data DIR --out FILE [--runs N] [--lab DIR --many DIR] [--scene DIR]
       [--image DIR --repos DIR] [--factors 1,2,4,8]

--data holds the CentOS Stream 9 repositories; --lab is where serve.sh put lab.repo and its certificates; --many, many.sh's; --image and --repos, image.sh's and rpms.sh's. What was
measured is added to FILE (JSON) and printed. Nothing here fails because something was slow; it fails when a contender's answer is wrong.
"""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import yaml

import grow
import machine
import target
from measure import Contender, Target, Wrong, bench, table

REQUEST = ["haproxy", "keepalived", "python3.12"]
LAB_REQUEST = ["etcd", "postgresql17-server", "postgresql17-contrib", "haproxy", "pgbouncer", "python3.13", "python3.13-pip",
               "keepalived"]
CONNECTIONS = 8


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)


def primary(repo):
    (path,) = glob.glob(f"{repo}/repodata/*primary.xml.gz")
    return path


class Scene:
    """A pair of definitions of the same repositories: a bundle's, and dnf's; and where both keep their caches."""

    def __init__(self, build, work, repo_file, platform, request, more=""):
        self.build, self.work, self.platform, self.request = build, work, platform, request
        fresh(work)
        shutil.copy(repo_file, write(f"{work}/repos.d/bench.repo", ""))
        names = ", ".join(request)
        self.definition = write(f"{work}/b.yaml", f'pgha: 1\nplatform: {{id: "{platform}", arch: x86_64}}\n'
                                f"repos: [repos.d/bench.repo]\npackages: [{names}]\n{more}")
        self.lock = f"{work}/b.lock"
        self.config = write(f"{work}/dnf.conf", "[main]\n")
        os.makedirs(f"{work}/log")
        self.count = None

    def same_count(self, pattern):
        """A check that every contender of this scene finds as many packages."""
        def check(text):
            match = re.search(pattern, text, re.M)
            if not match:
                raise Wrong(f"nothing like '{pattern}' in:\n{text}")
            if self.count is None:
                self.count = match.group(1)
            if match.group(1) != self.count:
                raise Wrong(f"{match.group(1)} packages, not {self.count}:\n{text}")
        return check

    def ours(self, name, cold):
        cache = f"{self.work}/cache-{'cold' if cold else 'warm'}"
        argv = [f"{self.build}/pgha-bundle", "resolve", "-f", self.definition, "-o", self.lock, "--cache", cache]
        return Contender(name, argv, prepare=(lambda: fresh(cache)) if cold else (lambda: None),
                         check=self.same_count(r": (\d+) packages "))

    def dnf_argv(self, cache, *words):
        """Stock dnf, nothing taken from this machine; it trusts these repositories as a bundle without pins does."""
        settings = {"module_platform_id": self.platform, "reposdir": f"{self.work}/repos.d", "cachedir": cache,
                    "varsdir": "/nonexistent", "logdir": f"{self.work}/log", "persistdir": f"{self.work}/persist", "best": "True",
                    "install_weak_deps": "False", "max_parallel_downloads": str(CONNECTIONS)}
        release = self.platform.rpartition("el")[2]
        return ["dnf", f"--config={self.config}", "--noplugins", f"--installroot={self.work}/root", f"--releasever={release}",
                "--forcearch=x86_64", *[f"--setopt={key}={value}" for key, value in settings.items()], *words]

    def dnf(self, name, cold):
        cache = f"{self.work}/dnf-{'cold' if cold else 'warm'}"
        return Contender(name, self.dnf_argv(cache, "--assumeno", "install", *self.request), statuses=(1,),
                         prepare=(lambda: fresh(cache)) if cold else (lambda: None),
                         check=self.same_count(r"^Install +(\d+) Packages"))


def cs9_repo_file(work, app, base):
    text = "".join(f"[{name}]\nname={name}\nbaseurl=file://{os.path.realpath(path)}\ngpgcheck=0\n\n"
                   for name, path in (("appstream", app), ("baseos", base)))
    return write(f"{work}/cs9.repo", text)


def floor(scene, build, app, base, cold):
    argv = [f"{build}/bench/floor"]
    files = [primary(app), primary(base)]
    if not cold:
        for i, path in enumerate(files):
            files[i] = f"{scene.work}/{i}.solv"
            subprocess.run([*argv, "write", "x86_64", path, files[i]], check=True)
    argv += ["cold" if cold else "warm", "x86_64", *files, *scene.request]
    return Contender("libsolv's floor", argv, check=scene.same_count(r"^(\d+) packages"))


def resolve_pair(args, work, app, base, label, targets):
    scene = Scene(args.build, f"{work}/scene", cs9_repo_file(work, app, base), "platform:el9", REQUEST)
    for cold in (False, True):
        state = "cold" if cold else "warm"
        limits = targets[state]
        yield bench(f"resolve, {state}{label}",
                    [scene.ours("pgha-bundle", cold), scene.dnf("dnf --assumeno install", cold),
                     floor(scene, args.build, app, base, cold)],
                    [Target("pgha-bundle", "wall_s", "dnf --assumeno install", limits[0]),
                     Target("pgha-bundle", "wall_s", "libsolv's floor", limits[1]),
                     Target("pgha-bundle", "rss_kb", "dnf --assumeno install", limits[2])], args.runs, args.tool, work)


def cs9(data):
    return f"{data}/repodata/cs9-appstream-osbuild", f"{data}/repodata/cs9-baseos-osbuild-images"


def bench_resolve(args, work):
    yield from resolve_pair(args, work, *cs9(args.data), "", {"warm": (0.5, 1.25, 0.6), "cold": (0.65, 1.15, 0.6)})


def bench_scale(args, work):
    for factor in args.factors:
        app, base = (grow.grown(repo, factor, f"{args.build}/bench/grown") for repo in cs9(args.data))
        for result in resolve_pair(args, work, app, base, f", {factor} times the packages",
                                   {"warm": (0, 0, 0), "cold": (0, 0, 0)}):
            yield {**result, "factor": factor}


# --- fetch -------------------------------------------------------------------------------------------------------


def cached_files(cache):
    return sorted(p for p in glob.glob(f"{cache}/sha256/*/*") if os.path.isfile(p))


class Fetch:
    def __init__(self, args, work):
        self.args, self.lab = args, args.lab
        with open(f"{args.lab}/trust.yaml", encoding="utf-8") as file:
            trust = file.read()
        self.scene = Scene(args.build, f"{work}/scene", f"{args.lab}/lab.repo", "platform:el8", LAB_REQUEST,
                           "modules: {disable: [postgresql]}\n" + trust)
        # dnf is told the same: that stream hides PGDG's server.
        write(f"{self.scene.work}/root/etc/dnf/modules.d/postgresql.module",
              "[postgresql]\nname=postgresql\nstream=\nstate=disabled\nprofiles=\n")
        ours = self.scene.ours("", False)
        subprocess.run(ours.argv, check=True)
        urls = self.urls()
        self.count = len(urls)
        self.dest = f"{work}/dest"
        self.curlrc = write(f"{work}/curlrc", "".join(
            f'url = "{url}"\noutput = "{self.dest}/{os.path.basename(url)}"\n' for url in urls))
        os.makedirs(self.dest, exist_ok=True)

    def urls(self):
        """Of each package, on the one server behind all mirrors."""
        with open(f"{self.lab}/url", encoding="utf-8") as file:
            server = file.read().strip()
        with open(self.scene.lock, encoding="utf-8") as file:
            lock = yaml.safe_load(file)
        open_to_all = {repo["id"] for repo in lock["repos"] if not repo.get("sslclientcert")}
        return [f"{server}/{'pub' if rpm['repo'] in open_to_all else 'entitled'}/x86_64/{rpm['repo']}/{rpm['path']}"
                for rpm in lock["rpms"]]

    def fetch(self, name, cache, prepare, *more):
        argv = [f"{self.args.build}/pgha-bundle", "fetch", "--lock", self.scene.lock, "--cache", cache, *more]
        return Contender(name, argv, prepare=prepare, check=self.fetched)

    def fetched(self, text):
        match = re.search(r"^(\d+) packages", text, re.M)
        if not match or int(match.group(1)) != self.count:
            raise Wrong(f"not {self.count} packages:\n{text}")

    def in_dest(self, text):
        found = len(glob.glob(f"{self.dest}/*.rpm"))
        if found != self.count:
            raise Wrong(f"{found} files, not {self.count}:\n{text}")

    def curl(self):
        argv = ["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", str(CONNECTIONS), "--noproxy", "*",
                "--cacert", f"{self.lab}/ca.crt", "--cert", f"{self.lab}/client.crt", "--key", f"{self.lab}/client.key",
                "--config", self.curlrc]
        return Contender("curl --parallel", argv, prepare=lambda: fresh(self.dest), check=self.in_dest)

    def curl_and_digests(self):
        """One of the two digests that pgha-bundle finds out of each file, and no signature."""
        curl = self.curl()
        script = '"$@" && openssl dgst -sha256 "$0"/*.rpm'
        return Contender("curl, then openssl dgst", ["sh", "-c", script, self.dest, *curl.argv], prepare=curl.prepare,
                         check=self.in_dest)

    def dnf_download(self, name, cold):
        cache = f"{self.scene.work}/dnf-{'cold' if cold else 'warm'}"

        def prepare():
            fresh(self.dest)
            if cold:
                fresh(cache)
        argv = [word for word in self.scene.dnf_argv(cache) if word != "--noplugins"]
        argv += ["--disableplugin=*", "--enableplugin=download", "--assumeyes", "download", "--resolve", f"--destdir={self.dest}",
                 *self.scene.request]
        return Contender(name, argv, prepare=prepare, check=self.in_dest)


def bench_fetch(args, work):
    f = Fetch(args, work)
    cache = f"{work}/cache"
    cold = f.fetch("pgha-bundle fetch", cache, lambda: fresh(cache))
    yield bench(f"fetch {f.count} files over HTTPS, cold",
                [cold, f.dnf_download("dnf download --resolve", False), f.curl(), f.curl_and_digests()],
                [Target("pgha-bundle fetch", "wall_s", "dnf download --resolve", 0.4),
                 Target("pgha-bundle fetch", "wall_s", "curl --parallel", 1.1),
                 Target("pgha-bundle fetch", "wall_s", "curl, then openssl dgst")], args.runs, args.tool, work)

    both = f"{work}/cache-both"
    script = '"$0" resolve -f "$1" -o "$2" --cache "$3" && exec "$0" fetch --lock "$2" --cache "$3"'
    argv = ["sh", "-c", script, f"{args.build}/pgha-bundle", f.scene.definition, f.scene.lock, both]
    yield bench("resolve and fetch, cold, metadata too",
                [Contender("pgha-bundle resolve, fetch", argv, prepare=lambda: fresh(both), check=f.fetched),
                 f.dnf_download("dnf download --resolve", True)],
                [Target("pgha-bundle resolve, fetch", "wall_s", "dnf download --resolve")], args.runs, args.tool, work)

    yield bench_nothing(args, work)

    rpms = cached_files(cache)
    yield bench(f"{f.count} files that are there, {sum(map(os.path.getsize, rpms)) >> 20} MiB",
                [f.fetch("pgha-bundle --verify-cache", cache, lambda: None, "--verify-cache"),
                 Contender("sha256sum", ["sha256sum", "--", *rpms])],
                [Target("pgha-bundle --verify-cache", "wall_s", "sha256sum", 1.1)], args.runs, args.tool, work)


def bench_nothing(args, work):
    """What is there already, at what costs so much a file."""
    many, cache = args.many, f"{work}/many-cache"
    with open(f"{many}/fingerprint", encoding="ascii") as file:
        trust = f"trust: {{many: [{file.read().strip()}]}}\n"
    repo_file = write(f"{work}/many.repo", f"[many]\nname=many\nbaseurl=file://{many}/repo\ngpgcheck=1\ngpgkey=file://{many}/key.asc\n")
    scene = Scene(args.build, f"{work}/many", repo_file, "platform:el8", ["many"], trust)
    subprocess.run(scene.ours("", False).argv, check=True)
    count = len(glob.glob(f"{many}/repo/*.rpm"))

    def fetch(name, *more):
        argv = [f"{args.build}/pgha-bundle", "fetch", "--lock", scene.lock, "--cache", cache, *more]
        return Contender(name, argv, check=scene.same_count(r"^(\d+) packages"))
    subprocess.run(fetch("").argv, check=True)
    return bench(f"{count} files that are there", [fetch("nothing to fetch")],
                 [Target("nothing to fetch", "wall_s", "", 0.050, 1000 / count, "nothing to fetch, seconds per 1,000 files")],
                 args.runs, args.tool, work)


# --- build -------------------------------------------------------------------------------------------------------


class Build:
    """make_bundle.sh's scene, all of it in the cache."""

    def __init__(self, args, work):
        self.args, self.work, self.scene = args, work, args.scene
        os.makedirs(work, exist_ok=True)
        self.env = dict(os.environ, PIP_NO_INDEX="1", PIP_FIND_LINKS=f"{self.scene}/wheels")
        self.run("keys", "init", "--out", f"{work}/keys")
        with open(f"{self.scene}/bundle.yaml", encoding="utf-8") as file:
            self.definition = yaml.safe_load(file)
        self.fillers = [name for name in self.definition["packages"] if name.startswith("filler-")]
        self.lock = self.resolve("all", len(self.fillers))
        self.run("fetch", "--lock", self.lock, "--cache", f"{work}/cache")

    def run(self, *words):
        subprocess.run([f"{self.args.build}/pgha-bundle", *words], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def resolve(self, name, count):
        """A lock with the first COUNT of the fillers."""
        others = [package for package in self.definition["packages"] if package not in self.fillers]
        definition = write(f"{self.scene}/{name}.yaml", yaml.safe_dump({**self.definition, "packages": others + self.fillers[:count]}))
        lock = f"{self.work}/{name}.lock"
        self.run("resolve", "-f", definition, "-o", lock, "--cache", f"{self.work}/cache")
        return lock

    def argv(self, out, lock, *more):
        return [f"{self.args.build}/pgha-bundle", "build", "-f", f"{self.scene}/bundle.yaml", "--lock", lock, "--keys",
                f"{self.work}/keys", "--passphrases", f"{self.scene}/passphrases", "--cache", f"{self.work}/cache", "-o", out, *more]

    def build(self, name, *more):
        out = f"{self.work}/out"
        return Contender(name, self.argv(out, self.lock, "--rebuild", *more), prepare=lambda: fresh(out))

    def nothing(self, name):
        out = f"{self.work}/there"
        subprocess.run(self.argv(out, self.lock), check=True, stdout=subprocess.DEVNULL)

        def check(text):
            if "nothing has changed" not in text:
                raise Wrong(f"built again:\n{text}")
        return Contender(name, self.argv(out, self.lock), check=check)

    def base(self, percent):
        """A bundle that lacks so much. Of a base only the index is read: the rest is thrown away."""
        count = len(self.fillers) * (100 - percent) // 100
        out = f"{self.work}/base{percent}"
        subprocess.run(self.argv(out, self.resolve(f"base{percent}", count)), check=True, stdout=subprocess.DEVNULL)
        (path,) = glob.glob(f"{out}/pgha-*.tar")
        os.truncate(path, min(os.path.getsize(path), 1 << 20))
        return path


def bench_build(args, work):
    build = Build(args, work)
    files = [path for path in cached_files(f"{work}/cache") if os.path.getsize(path) > 1 << 16]
    size = sum(map(os.path.getsize, files))
    out = f"{work}/stock.tar"

    def remove():
        if os.path.exists(out):
            os.unlink(out)
    yield bench(f"build, {size >> 20} MiB in {len(files)} packages",
                [build.build("pgha-bundle build"),
                 Contender("tar -cf", ["tar", "-cf", out, "--", *files], prepare=remove, statuses=(0,)),
                 Contender("sha256sum", ["sha256sum", "--", *files]), build.nothing("nothing has changed")],
                [Target("pgha-bundle build", "wall_s", "sha256sum", 1.2), Target("pgha-bundle build", "wall_s", "tar -cf", 0),
                 Target("pgha-bundle build", "rss_kb", "", 65536, what="pgha-bundle build, KiB"),
                 Target("nothing has changed", "wall_s", "pgha-bundle build", 0.1)], args.runs, args.tool, work)
    remove()
    shutil.rmtree(f"{work}/there")
    bases = {percent: build.base(percent) for percent in (1, 10, 100)}
    contenders = [build.build(f"delta, {percent} % new", "--delta-from", base) for percent, base in bases.items()]
    yield bench(f"delta, {size >> 20} MiB in all", [*contenders, build.build("pgha-bundle build")],
                [Target(contender.name, "wall_s", "pgha-bundle build", 0) for contender in contenders], args.runs, args.tool, work)


def bench_verify(args, work):
    build = Build(args, work)
    out = f"{work}/out"
    subprocess.run(build.argv(out, build.lock), env=build.env, check=True, stdout=subprocess.DEVNULL)
    (bundle,) = glob.glob(f"{out}/pgha-*.tar")
    yield target.verify(args, work, bundle, f"{work}/keys/ca.crt")


def bench_packages(args, work):
    with target.Site(args, work, LAB_REQUEST) as site:
        yield site.packages()
        yield site.nothing()


BENCHMARKS = {"build": bench_build, "resolve": bench_resolve, "scale": bench_scale, "fetch": bench_fetch, "verify": bench_verify,
              "packages": bench_packages}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--build", required=True, type=os.path.abspath)
    parser.add_argument("--data", type=os.path.abspath)
    parser.add_argument("--lab", type=os.path.abspath)
    parser.add_argument("--many", type=os.path.abspath)
    parser.add_argument("--scene", type=os.path.abspath)
    parser.add_argument("--image", type=os.path.abspath)
    parser.add_argument("--repos", type=os.path.abspath)
    parser.add_argument("--out", required=True)
    parser.add_argument("--work", required=True, type=os.path.abspath)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--factors", type=lambda text: [int(word) for word in text.split(",")], default=[1, 2, 4, 8])
    args = parser.parse_args()
    args.tool = f"{args.build}/bench/measure"
    results = []
    if os.path.exists(args.out):
        with open(args.out, encoding="utf-8") as file:
            results = json.load(file)
    try:
        for result in BENCHMARKS[args.benchmark](args, args.work):
            result["measured"] = machine.facts()
            print("\n".join(table(result)), flush=True)
            results = [old for old in results if old["name"] != result["name"]] + [result]
    except Wrong as wrong:
        sys.exit(f"bench: {wrong}")
    write(args.out, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
