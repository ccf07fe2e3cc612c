# SPDX-License-Identifier: Apache-2.0
"""Where a secret can be seen on a machine: command lines, environments, files that others may read, the journal.

Of files, all that the machine has beyond the image that it was started from (which is older than the secrets), with what
lies in memory (/run, /tmp, /dev/shm). A secret counts in clear and in its usual disguises.
"""
import base64
import contextlib
import os
import re
import secrets
import stat
import subprocess
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from accounts import secret_names
from lab import read

KEY_FILE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
KEY_MARK = b" PRIVATE KEY-----"


def forms(value):
    """The value itself, base64 (of it alone, and amid other text), hexadecimal, as in a URL."""
    data = value.encode()
    found = {data, data.hex().encode(), data.hex().upper().encode(), urllib.parse.quote(value, safe="").encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # what stands before moves the groups of six bits
            text = encode(bytes(before) + data).rstrip(b"=")
            found.add(text[(before * 8 + 5) // 6:-1])
    return found


class Hunt:
    """A set of secrets, by name, to be looked for."""

    def __init__(self, values):
        self.patterns = {pattern: name for name, value in values.items() for pattern in forms(value)}

    def names_in(self, data):
        return sorted({name for pattern, name in self.patterns.items() if pattern in data})

    def grep(self, option, paths):
        """What grep finds, in one pass for all patterns; some files are as large as the media."""
        lines = b"\n".join([*self.patterns, KEY_MARK]) + b"\n"
        return subprocess.run(["grep", option, "-aF", "--devices=skip", "--file=-", "--", *paths], input=lines, check=False,
                              env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def files(self, folders):
        """Path -> names, for every file below FOLDERS that has a secret or a private key."""
        for path in filter(None, self.grep("-rlZ", folders).decode(errors="surrogateescape").split("\0")):
            names = {self.patterns.get(match) for match in self.grep("-oh", [path]).splitlines()}
            if None in names:
                names.remove(None)
                with contextlib.suppress(OSError), open(path, "rb") as file:
                    if KEY_FILE.search(file.read()):
                        names.add("a private key")
            if names:
                yield path, sorted(names)


def places(machine):
    """What the machine has of its own: its disk, and its file systems in memory."""
    memory = [f"{machine.root}/{name}" for name in ("run", "tmp", "dev/shm")]
    return {machine.upper: machine.upper, **{path: machine.root for path in memory if os.path.isdir(path)}}


def open_to_others(base, path):
    """May an account without any right read it? Every folder on the way counts."""
    if not os.stat(path).st_mode & stat.S_IROTH:
        return False
    while (path := os.path.dirname(path)) != base:
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
    return True


def in_files(machine, hunt):
    """(path as the machine sees it, names, mode, owner, open to others)"""
    for folder, base in places(machine).items():
        for path, names in hunt.files([folder]):
            with contextlib.suppress(FileNotFoundError):
                facts = os.lstat(path)
                yield (path[len(base):], names, stat.S_IMODE(facts.st_mode), f"{facts.st_uid}:{facts.st_gid}",
                       open_to_others(base, path))


def in_processes(machine, hunt):
    """Command lines and environments: what ps shows, and what a core dump would carry away."""
    for pid in machine.processes():
        for kind in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/{kind}", "rb") as file:
                    if names := hunt.names_in(file.read()):
                        yield f"{kind} of {read(f'/proc/{pid}/comm').strip()}: {', '.join(names)}"


def in_journal(machine, hunt):
    """All fields of all entries, the command lines that journald notes among them."""
    done = subprocess.run(["nsenter", f"--target={machine.pid}", "--all", "--", "journalctl", "--no-pager", "--all",
                           "--output=export"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return hunt.names_in(done.stdout), len(done.stdout)


def secrets_of(lab, machine):
    """Names of the variables that this machine's services declare, and what an installation needs."""
    mine = {variable["name"] for service in machine.services for variable in lab.services[service].get("env", [])}
    return mine | {f"passphrase of {machine.name}", "a private key"}


def values(lab):
    found = {name: lab.env[name] for name in secret_names(lab)}
    for line in read(f"{lab.secrets}/passphrases").splitlines():
        name, _, phrase = line.partition("=")
        found[f"passphrase of {name}"] = phrase
    return found


def check_machine(lab, report, machine, hunt, files):
    seen = [f"{path} {mode:04o} {owner}: {', '.join(names)}" for path, names, mode, owner, is_open in files if is_open]
    report.say(f"{machine.name}: {len(files)} files hold secrets or keys, none is open to others", files and not seen, seen)
    foreign = [f"{path}: {name}" for path, names, *_ in files for name in names if name not in secrets_of(lab, machine)]
    report.say(f"{machine.name}: no file holds a secret that no service of this machine declares", not foreign, foreign)
    seen = list(in_processes(machine, hunt))
    report.say(f"{machine.name}: no secret in any command line or environment", not seen, seen)
    seen, size = in_journal(machine, hunt)
    report.say(f"{machine.name}: no secret in the journal ({size} bytes)", size and not seen, seen)


def check_core_limits(lab, report):
    """A core dump would carry keys and passwords in its memory: none may be written, nor given to a program of core_pattern (core(5))."""
    for machine in lab.machines:
        units = {unit["name"] for service in machine.services for unit in lab.services[service]["units"]}
        looked, wrong = 0, []
        for pid in machine.processes():
            with contextlib.suppress(OSError):
                unit = read(f"/proc/{pid}/cgroup").strip().rsplit("/", 1)[-1]
                if unit in units:
                    looked += 1
                    limit = re.search(r"^Max core file size\s+(\S+)\s+(\S+)", read(f"/proc/{pid}/limits"), re.M)
                    if limit.groups() != ("1", "1"):
                        wrong.append(f"{unit} {read(f'/proc/{pid}/comm').strip()}: {' '.join(limit.groups())}")
        report.say(f"{machine.name}: none of {looked} processes of its services may dump core", looked and not wrong, wrong)


def check_hunt(report, machine):
    """The hunt itself must find: a value of this test's own, planted in each way."""
    canary = "canary-" + secrets.token_hex(12)
    hunt = Hunt({"canary": canary})
    plant = r"""IFS= read -r value
        umask 022
        printf %s "$value" >/var/tmp/canary-clear
        printf 'user:%s' "$value" | base64 -w 0 >/run/canary-base64
        mkdir -m 0700 /var/tmp/canary-closed
        printf %s "$value" >/var/tmp/canary-closed/file
        printf '%s\n' "$value" | systemd-cat
        CANARY=$value sh -c 'while [ -e /var/tmp/canary-clear ]; do sleep 0.1; done; exit 0' "$value" </dev/null >/dev/null 2>&1 &"""
    machine.output("sh", "-c", plant, stdin=canary + "\n")
    try:
        deadline = time.monotonic() + 5
        while (len(seen := list(in_processes(machine, hunt))) < 2 or not in_journal(machine, hunt)[0]) and time.monotonic() < deadline:
            time.sleep(0.1)
        kinds = {item.split()[0] for item in seen}
        report.say("the hunt finds a command line and an environment", {"cmdline", "environ"} <= kinds, seen)
        report.say("the hunt finds it in the journal", in_journal(machine, hunt)[0] == ["canary"])
        files = {path: is_open for path, _, _, _, is_open in in_files(machine, hunt) if "canary" in path}
        wanted = {"/var/tmp/canary-clear": True, "/run/canary-base64": True, "/var/tmp/canary-closed/file": False}
        report.say("the hunt finds it in files, clear and in base64, and knows which are open", files == wanted, str(files))
    finally:
        machine.run("rm", "-rf", "/var/tmp/canary-clear", "/var/tmp/canary-closed", "/run/canary-base64")


def check(lab, report):
    check_hunt(report, lab.machines[0])
    hunt = Hunt(values(lab))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for machine, files in zip(lab.machines, pool.map(lambda machine: list(in_files(machine, hunt)), lab.machines)):
            check_machine(lab, report, machine, hunt, files)
    check_core_limits(lab, report)
    logs = [path for path, _ in hunt.files([f"{lab.demo}/log"])]
    report.say("no secret in the logs of the demonstration", os.listdir(f"{lab.demo}/log") and not logs, logs)
