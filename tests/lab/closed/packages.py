# SPDX-License-Identifier: Apache-2.0
"""rpm -Va after the installation shows nothing that it did not show before, but paths that manifests declare."""
import os

from lab import read
from transport import side_by_side


# Where accounts are written down; check_accounts() looks inside.
ACCOUNTS = {"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"}


def paths_declared(lab, machine):
    """Every path that a manifest of this machine's services names."""
    found = set(ACCOUNTS)
    for service in (lab.services[name] for name in machine.services):
        found.update(item["path"] for item in service.get("directories", []))
        found.update(item["dest"] for item in service.get("files", []))
        found.update(item["home"] for item in service.get("users", []))
        for certificate in service.get("certificates", []):
            found.update(certificate[kind] for kind in ("cert", "key", "ca", "bundle") if kind in certificate)
    return found


def verify(machine):
    """rpm ends with 1 when there is something to tell: what counts is what it tells."""
    return machine.run("rpm", "-Va", "--nodeps", "--noscripts", timeout_s=300)[1].splitlines()


def one_of_each(lab):
    """Machines that together run every service."""
    found = {}
    for machine in lab.machines:
        found.setdefault(tuple(sorted(machine.services)), machine)
    return list(found.values())


def check(lab, report):
    if not os.path.exists(f"{lab.demo}/log/rpm-va"):
        report.skip("rpm -Va: nothing to compare with was kept")
        return
    before = set(read(f"{lab.demo}/log/rpm-va").splitlines())
    machines = one_of_each(lab)
    for machine, lines in zip(machines, side_by_side(verify, machines)):
        declared = paths_declared(lab, machine)
        new = [line for line in lines if line not in before]
        wrong = [line for line in new if line.split(maxsplit=1)[-1].split(" ")[-1] not in declared]
        check_accounts(lab, report, machine)
        report.say(f"{machine.name}: rpm -Va shows {len(before)} lines as before, and {len(new)} of declared paths", not wrong, wrong)
    control(report, machines[0])


def names(text):
    return {line.split(":")[0]: line for line in text.splitlines()}


def check_accounts(lab, report, machine):
    """Of accounts, those that manifests declare have come, and no other line has changed."""
    services = [lab.services[name] for name in machine.services]
    users = {user["name"] for service in services for user in service.get("users", [])}
    groups = {user["group"] for service in services for user in service.get("users", [])}
    groups |= {group["name"] for service in services for group in service.get("groups", [])}
    for path in sorted(ACCOUNTS):
        before, after = names(read(lab.image + path)), names(read(machine.root + path))
        changed = {name for name in before if after.get(name) != before[name]}
        wrong = sorted(changed | (set(after) - set(before) - (users if path in ("/etc/passwd", "/etc/shadow") else groups)))
        report.say(f"{machine.name}: {path} has {len(after) - len(before)} more, those that manifests declare", not wrong, wrong)


def control(report, machine):
    """A file of a package that is changed shows."""
    path = machine.output("sh", "-c", "rpm -ql openssl | grep /bin/").split()[0]
    machine.output("chmod", "0711", path)
    try:
        shown = machine.run("rpm", "-Vf", "--nodeps", "--noscripts", path)[1]
    finally:
        machine.output("chmod", "0755", path)
    report.say(f"{machine.name}: a changed mode of {path} is shown", path in shown, shown)
