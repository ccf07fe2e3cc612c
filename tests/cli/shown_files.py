#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is each file below DIR shown in PAGE, whole and as it is? A line that links to the file stands before the block; the licence's line
need not be shown. Prints what is not. usage: shown_files.py PAGE DIR"""
import os
import pathlib
import re
import sys


def main(page, directory):
    page, directory = pathlib.Path(page), pathlib.Path(directory)
    shown = {}
    for target, text in re.findall(r"^\[`[^`\n]+`\]\(([^)\n]+)\):\n\n```\w*\n(.*?)^```$", page.read_text("utf-8"), flags=re.M | re.S):
        shown[pathlib.Path(os.path.normpath(page.parent / target))] = text
    wrong = [f"{path} is shown and is not there" for path in shown if not path.is_file()]
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in files:
        text = "".join(line for line in path.read_text("utf-8").splitlines(True) if "SPDX-License-Identifier" not in line)
        if pathlib.Path(os.path.normpath(path)) not in shown:
            wrong.append(f"{page} does not show {path}")
        elif shown[pathlib.Path(os.path.normpath(path))] != text:
            wrong.append(f"{page} shows another text than {path} has")
    print("\n".join(wrong) or f"{len(files)} files are shown as they are")
    return 1 if wrong or not files else 0


sys.exit(main(*sys.argv[1:]))
