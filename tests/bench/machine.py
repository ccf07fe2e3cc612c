# SPDX-License-Identifier: Apache-2.0
"""On what, with what and when something was measured: it stands beside each figure, because not all are measured on one day."""
import os
import platform
import subprocess


def sh(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.machine()


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def commit():
    here = os.path.dirname(os.path.abspath(__file__))
    dirty = sh("git", "-C", here, "status", "--porcelain", "--untracked-files=no", ":/bundler", ":/installer", ":/lib", ":/tests/bench")
    return sh("git", "-C", here, "rev-parse", "--short=12", "HEAD") + (" with changes" if dirty else "")


def facts():
    """A line of text."""
    with open("/etc/os-release", encoding="utf-8") as file:
        system = dict(line.rstrip().split("=", 1) for line in file if "=" in line)["PRETTY_NAME"].strip('"')
    tools = [f"dnf {sh('dnf', '--version').splitlines()[0]}", sh("rpm", "--version"), f"libsolv {sh('pkg-config', '--modversion', 'libsolv')}",
             " ".join(sh("curl", "--version").split()[:2]), sh("sha256sum", "--version").splitlines()[0]]
    first = f"Commit {commit()}, {sh('date', '-u', '+%Y-%m-%d')}"
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        first += ", all contenders with real-time priority (`chrt`), because other work was much"
    busy = f"load {os.getloadavg()[1]:.1f}"
    return (f"{first}. {cpu_model()}, {os.cpu_count()} cores, {memory_gib():.0f} GiB of memory, {busy}; {system}, Linux {platform.release()}; "
            f"{', '.join(tools)}.")
