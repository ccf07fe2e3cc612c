#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges what a bundle seals and certifies by the stock openssl program alone. usage: sealed.py BUNDLE.tar CA.crt PASSPHRASES KEYS

Each capsule opens with its own node's passphrase and with no other, and holds that node's keys and secrets and nothing of
another's; SHA-1 and MD5 are nowhere in what was made; every certificate passes `openssl verify` for each purpose that it is for,
and for no other; its names are those of the topology. Prints "ok NAME" or "not ok NAME" lines; a failure ends with 1.
"""
import glob
import os
import re
import subprocess
import sys
import tarfile
import tempfile

import yaml

PURPOSES = {"TLS Web Server Authentication": "sslserver", "TLS Web Client Authentication": "sslclient", "E-mail Protection": "smimesign"}
failed = False


def verdict(name, problems):
    global failed  # pylint: disable=global-statement
    print(("not ok " if problems else "ok ") + name)
    for problem in problems:
        print("    " + problem)
    failed = failed or bool(problems)


def openssl(*arguments, text=None):
    """Exit status and output."""
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return done.returncode, done.stdout


def must(*arguments, text=None):
    status, out = openssl(*arguments, text=text)
    if status != 0:
        raise SystemExit(f"openssl {' '.join(arguments)}: exit status {status}")
    return out


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


class Bundle:
    def __init__(self, tar, passphrases, work):
        self.work = work
        with tarfile.open(tar) as archive:
            archive.extractall(work, [m for m in archive if not m.name.startswith(("repo/", "wheels/"))])
        topology = load(f"{work}/manifests/topology.yaml")
        self.nodes = {node["name"]: node for node in topology["nodes"]}
        self.domain, self.vip = topology.get("domain"), topology.get("vip")
        self.services = {name: load(f"{work}/manifests/services/{name}/service.yaml") for name in os.listdir(f"{work}/manifests/services")}
        with open(passphrases, encoding="utf-8") as file:
            for line in file:
                name, _, passphrase = line.rstrip("\n").partition("=")
                with open(f"{work}/{name}.pass", "w", encoding="utf-8") as out:
                    out.write(passphrase + "\n")

    def of_node(self, name, what):
        return [(service, item) for service in self.nodes[name]["services"] for item in self.services[service].get(what, [])]

    def open_capsule(self, capsule, key, passphrase):
        return openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-in", f"{self.work}/nodes/{capsule}.cms", "-inkey",
                       f"{self.work}/nodes/{key}.key", "-passin", f"file:{self.work}/{passphrase}.pass")

    def certificate(self, node, ident):
        return f"{self.work}/certs/{node}/{ident}.crt"

    def names_of(self, node):
        node = self.nodes[node]
        return {node["name"], str(node["address"])} | ({f"{node['name']}.{self.domain}"} if self.domain else set())


def check_opening(bundle):
    """Returns what each node's capsule says."""
    capsules, own, others = {}, [], []
    names = sorted(bundle.nodes)
    for at, name in enumerate(names):
        status, text = bundle.open_capsule(name, name, name)
        if status != 0:
            own.append(name)
            continue
        capsules[name] = yaml.safe_load(text)
        other = names[(at + 1) % len(names)]
        for key, passphrase in ((name, other), (other, other)):
            status, text = bundle.open_capsule(name, key, passphrase)
            # With a wrong RSA key openssl goes on with a random one (against Bleichenbacher), and the padding may seem right.
            if status == 0 and "pgha" in text:
                others.append(f"{name}: with the key of {key} and the passphrase of {passphrase}")
    verdict(f"openssl cms -decrypt opens the capsule of each of {len(names)} nodes with its passphrase", own)
    verdict("and with no other node's, nor with another node's key", others)
    return capsules


def secrets_of(bundle, name):
    return {item["name"] for _, item in bundle.of_node(name, "env") if item.get("secret")}


def check_contents(bundle, capsules):
    every = set().union(*(secrets_of(bundle, name) for name in bundle.nodes))
    values = {variable: capsule["env"][variable] for capsule in capsules.values() for variable in every & set(capsule["env"])}
    foreign, keys, public = [], [], {}
    for name, capsule in capsules.items():
        may = secrets_of(bundle, name)
        if capsule["node"] != name:
            foreign.append(f"{name}: it is of {capsule['node']}")
        if every & set(capsule["env"]) != may:
            foreign.append(f"{name}: it has the secrets {sorted(every & set(capsule['env']))}, its services read {sorted(may)}")
        text = repr(capsule)
        foreign += [f"{name}: the value of {v} is in it" for v in sorted(every - may) if len(str(values.get(v, ""))) > 7 and str(values[v]) in text]
        wanted = {f"{service}-{item['name']}" for service, item in bundle.of_node(name, "certificates")}
        if set(capsule["keys"]) != wanted:
            keys.append(f"{name}: it has the keys {sorted(capsule['keys'])}, its services want {sorted(wanted)}")
        for ident, pem in capsule["keys"].items():
            point = must("pkey", "-pubout", text=pem)
            if point in public:
                keys.append(f"{name}: {ident} is the key of {public[point]} too")
            public[point] = f"{name} {ident}"
            if point != must("x509", "-noout", "-pubkey", "-in", bundle.certificate(name, ident)):
                keys.append(f"{name}: {ident} is not the key of its certificate")
    verdict(f"no capsule holds a secret of another node's, of {len(every)} secrets", foreign)
    verdict(f"nor a key: the {len(public)} keys are those of the node's own certificates, each once", keys)


def look(path, form, needed, problems, work):
    """asn1parse shows the first object of a file."""
    parts = [path]
    if form == "PEM":
        with open(path, encoding="utf-8") as file:
            blocks = re.findall("-----BEGIN.*?-----END[^\n]*\n", file.read(), re.S)
        parts = [f"{work}/part.{at}" for at in range(len(blocks))]
        for part, block in zip(parts, blocks):
            with open(part, "w", encoding="utf-8") as file:
                file.write(block)
    for part in parts:
        out = must("asn1parse", "-inform", form, "-in", part)
        if re.search("sha-?1(?![0-9])|md5", out, re.I):
            problems.append(f"{path}: SHA-1 or MD5")
        if needed and not re.search(needed, out):
            problems.append(f"{path}: no {needed}")
    return len(parts)


def check_digests(bundle, ca, keys):
    problems, count = [], 0
    work = bundle.work
    # The defaults of PBKDF2, OAEP and EC key agreement are SHA-1, unnamed: another one has to be named.
    kinds = [([f"{work}/index.yaml.p7s"], "DER", "sha256|sha384"), (glob.glob(f"{work}/nodes/*.cms"), "DER", "sha256kdf|rsaesOaep(?s:.*):sha256(?s:.*):sha256"),
             (glob.glob(f"{work}/nodes/*.key"), "PEM", "hmacWithSHA(256|384)"), ([ca], "PEM", "(?i)sha(256|384)"),
             (glob.glob(f"{work}/certs/**/*.crt", recursive=True) + glob.glob(f"{work}/certs/*.pem"), "PEM", "(?i)sha(256|384)"),
             (glob.glob(f"{keys}/**/*.crt", recursive=True), "PEM", "(?i)sha(256|384)"), (glob.glob(f"{keys}/**/*.key", recursive=True), "PEM", None)]
    for paths, form, needed in kinds:
        for path in paths:
            count += look(path, form, needed, problems, work)
    verdict(f"openssl asn1parse finds no SHA-1 and no MD5 in {count} certificates, lists, keys, signatures and capsules", problems)


def self_issued(path):
    subject, issuer = (must("x509", "-noout", "-in", path, what).partition("=")[2] for what in ("-subject", "-issuer"))
    return subject == issuer


def check_certificates(bundle, ca, keys):
    names, purposes, count = [], [], 0
    for node in sorted(bundle.nodes):
        for service, item in bundle.of_node(node, "certificates"):
            path = bundle.certificate(node, f"{service}-{item['name']}")
            usage = {"serverAuth": "TLS Web Server Authentication", "clientAuth": "TLS Web Client Authentication"}
            want = {"localhost", "127.0.0.1"} | bundle.names_of(node) if "serverAuth" in item["usage"] else set()
            for text in item.get("sans", []):
                for other in re.findall(r"{{#services\.([\w-]+)\.nodes}}", text):
                    want |= set().union(*(bundle.names_of(n) for n in bundle.nodes if other in bundle.nodes[n]["services"]))
                want |= {bundle.vip} if "{{vip}}" in text and bundle.vip else set()
                want |= {text} if "{{" not in text else set()
            shown = must("x509", "-noout", "-in", path, "-text")
            found = re.search("Subject Alternative Name:[^\n]*\n *([^\n]*)", shown)
            have = {part.strip().partition(":")[2] for part in found.group(1).split(",")} if found else set()
            if have != want:
                names.append(f"{path}: {sorted(have)}, the topology gives {sorted(want)}")
            if not all(usage[u] in shown for u in item["usage"]):
                purposes.append(f"{path}: it lacks one of {item['usage']}")
    paths = glob.glob(f"{bundle.work}/certs/**/*.crt", recursive=True) + glob.glob(f"{keys}/**/*.crt", recursive=True)
    for path in paths:
        if os.path.samefile(path, ca) or os.path.basename(path) == "ca.crt":
            continue
        shown = re.search("Extended Key Usage:[^\n]*\n *([^\n]*)", must("x509", "-noout", "-in", path, "-text"))
        usages = {u.strip() for u in shown.group(1).split(",")} if shown else set()
        for usage, purpose in PURPOSES.items():
            good = openssl("verify", "-x509_strict", "-check_ss_sig", "-auth_level", "3", "-purpose", purpose, "-CAfile", ca, path)[0] == 0
            if good != (usage in usages):
                purposes.append(f"{path}: -purpose {purpose} {'accepts' if good else 'refuses'} it, and its usages are {sorted(usages)}")
        # Where the CA's key is not at hand, a transport key's certificate is signed by that key: it is in no bundle.
        own = ["-partial_chain", "-trusted", path] if path.endswith("/transport.crt") and self_issued(path) else ["-CAfile", ca]
        if openssl("verify", "-x509_strict", *own, path)[0] != 0:
            purposes.append(f"{path}: refused")
        count += 1
    verdict(f"openssl verify accepts each of {count} certificates for what it is for, and for nothing else", purposes)
    verdict("their names are those of the topology", names)


def main(tar, ca, passphrases, keys):
    with tempfile.TemporaryDirectory(prefix="pgha-sealed-") as work:
        bundle = Bundle(tar, passphrases, work)
        capsules = check_opening(bundle)
        check_contents(bundle, capsules)
        check_digests(bundle, ca, keys)
        check_certificates(bundle, ca, keys)
    return 1 if failed else 0


sys.exit(main(*sys.argv[1:]))
