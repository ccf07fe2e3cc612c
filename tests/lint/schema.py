#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares manifests/schema.md with the tables of the code: every key that a file may have is documented in that file's section,
and every key of the documentation's tables is one that the code knows. usage: schema.py [ROOT]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
SECTIONS = {  # source: heading of its section
    "bundler/definition.c": "The bundle's definition",
    "lib/topology.c": "topology.yaml",
    "lib/manifest.c": "services/NAME/service.yaml",
}
# What the top of each file is made of; the keys below them stand in the text or in their row.
TOPS = {"bundler/definition.c": "definition_fields", "lib/manifest.c": "service_fields"}
REPO_SOURCE, REPO_SECTION = "bundler/repofile_options.c", "The bundle's definition"


def sections():
    text = (ROOT / "manifests/schema.md").read_text("utf-8")
    parts = re.split(r"^## (.*)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def defines(text):
    """#define NAME … of rows that several tables share."""
    joined = text.replace("\\\n", " ")
    return dict(re.findall(r"^#define (\w+)(?:\([^)]*\))? +(.*SCHEMA_.*)$", joined, flags=re.M))


def tables(path):
    """The schema tables of a source: {name: [key]}, and {name: (key, name of the table) that it is below}."""
    text = (ROOT / path).read_text("utf-8")
    shared = defines(text)
    result, parents = {}, {}
    for name, body in re.findall(r"static const struct schema_field (\w+)\[\] = \{(.*?)\n\};", text, flags=re.S):
        for macro, rows in shared.items():
            body = re.sub(rf"\b{macro}\b(\([^)]*\))?", lambda _, rows=rows: rows, body)
        result[name] = [k for row in re.split(r"\bSCHEMA_(?=[A-Z]+\()", body)[1:] for k in re.findall(r'"([^"]+)"', row)[:1]]
        for row in re.split(r"\bSCHEMA_(?=[A-Z]+\()", body)[1:]:
            for key, child in re.findall(r'"([^"]+)".*?\b(\w+_fields)\b', row, flags=re.S):
                parents[child] = key, name
        assert result[name] and all(result[name]), f"{path}: {name} could not be read"
    assert result, f"{path}: no table found"
    return result, parents


def scope(markdown, table, parents):
    """The row and the paragraph about what TABLE is the grammar of, or about what that is below; the whole section else."""
    while table in parents:
        key, table = parents[table]
        found = re.findall(rf"^\| `{key}` \|[^\n]*$|^`{key}`.*?(?=^$|\Z)", markdown, flags=re.M | re.S)
        if found:
            return "\n".join(found)
    return markdown


def code_words(markdown):
    """Every word within `code` or a fenced block."""
    fenced = re.findall(r"^```.*?\n(.*?)^```", markdown, flags=re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S)
    return {w for span in fenced + re.findall(r"`([^`]+)`", rest) for w in re.findall(r"[\w-]+", span)}


def rows(markdown):
    """Keys in the first column of the first table, whose head is `key`."""
    match = re.search(r"^\| key \|.*\n\|[-|]+\n((?:\|.*\n)+)", markdown, flags=re.M)
    return [k for row in match[1].splitlines() for k in re.findall(r"`([^`]+)`", row.split("|")[1])] if match else []


def main():
    wrong = []
    docs = sections()
    for source, heading in SECTIONS.items():
        section = docs.get(heading)
        if section is None:
            wrong.append(f"manifests/schema.md has no section '{heading}'")
            continue
        grammar, parents = tables(source)
        for table, keys in grammar.items():
            words = code_words(scope(section, table, parents))
            wrong += [f"manifests/schema.md, '{heading}': '{key}' of {source} ({table}) is not documented"
                      for key in keys if key not in words]
        top = TOPS.get(source)
        known = grammar[top] if top else []
        documented = rows(section)
        if top:
            wrong += [f"manifests/schema.md, '{heading}': '{key}' has no row of its own" for key in known if key not in documented]
            wrong += [f"manifests/schema.md, '{heading}': '{key}' is no key of {source}" for key in documented if key not in known]
    # Harmless options of dnf need no word; what has an effect or is refused does.
    options = re.findall(r'^\t\{ "(\w+)", OPTION_(\w+), OF_\w+', (ROOT / REPO_SOURCE).read_text("utf-8"), flags=re.M)
    assert len(options) > 20, f"{REPO_SOURCE} could not be read"
    words = code_words(docs[REPO_SECTION])
    wrong += [f"manifests/schema.md: the .repo option '{name}' is not documented"
              for name, kind in options if kind != "HARMLESS" and name not in words]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
