#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets the stock validators judge bills of materials, and compares their parts with a lock's.

usage: check_sbom.py SPDX.json CYCLONEDX.json LOCK. It needs spdx-tools, cyclonedx-python-lib[json-validation] and PyYAML.
"""
import json
import sys

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def main(spdx_path, cyclonedx_path, lock_path):
    wrong = [str(m.validation_message) for m in validate_full_spdx_document(parse_file(spdx_path), "SPDX-2.3")]
    with open(cyclonedx_path, encoding="utf-8") as file:
        text = file.read()
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if error:
        wrong.append(f"CycloneDX: {error}")

    with open(lock_path, encoding="utf-8") as file:
        lock = yaml.safe_load(file)
    wanted = sorted([r["sha256"] for r in lock["rpms"]] + [w["sha256"] for w in lock["wheels"]])
    with open(spdx_path, encoding="utf-8") as file:
        packages = [p for p in json.load(file)["packages"] if p["SPDXID"] != "SPDXRef-bundle"]
    components = json.loads(text)["components"]
    if sorted(p["checksums"][0]["checksumValue"] for p in packages) != wanted:
        wrong.append("SPDX: other digests than the lock's")
    if sorted(c["hashes"][0]["content"] for c in components) != wanted:
        wrong.append("CycloneDX: other digests than the lock's")
    if [p["externalRefs"][0]["referenceLocator"] for p in packages] != [c["purl"] for c in components]:
        wrong.append("the two name their parts in other ways")
    for line in wrong:
        print(line)
    print(f"{len(packages)} packages and {len(components)} components for {len(wanted)} parts of the lock")
    return 1 if wrong or not wanted else 0


sys.exit(main(*sys.argv[1:]))
