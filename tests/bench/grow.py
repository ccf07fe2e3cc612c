# SPDX-License-Identifier: Apache-2.0
"""A repository N times as large: N - 1 copies of its packages beside them, each copy renamed and closed in itself."""
import glob
import gzip
import hashlib
import os
import re
import shutil

# Names, and paths as names: of packages, of what they provide, need and hold. Rich dependencies keep their words, and
# what is rpm's own keeps its name.
NAME = re.compile(rb'(<name>)([^<]*)(</name>)'
                  rb'|(<rpm:entry name=")(?!\(|rpmlib\()([^"]*)(")'
                  rb'|(<file(?: type="\w+")?>)([^<]*)(</file>)'
                  rb'|( name=")([^"]*)(" arch=)'
                  # A version of its own too: libsolv's table of relations is slow when many names share few versions.
                  rb'|( ver=")([^"]*)(")')


def rename(match, suffix):
    before, name, after = (group for group in match.groups() if group is not None)
    return before + name + (b"~" if before == b' ver="' else b"-") + suffix + after


def copies(text, factor):
    """The packages of a primary.xml or filelists.xml again, FACTOR - 1 times, before its last line."""
    start, end = text.index(b"<package "), text.rindex(b"</package>") + len(b"</package>")
    yield re.sub(rb' packages="(\d+)"', lambda m: b' packages="%d"' % (int(m.group(1)) * factor), text[:start])
    yield text[start:end] + b"\n"
    for i in range(1, factor):
        suffix = b"c%d" % i
        body = NAME.sub(lambda match, suffix=suffix: rename(match, suffix), text[start:end])
        # Of another name, a package is another one: another digest, another place.
        body = re.sub(rb'(pkgid="YES">|pkgid=")([0-9a-f]{63})[0-9a-f]', lambda m, i=i: m.group(1) + m.group(2) + b"%x" % i, body)
        yield body + b"\n"
    yield text[end:]


def enlarge(path, factor):
    """The file at PATH, gzipped XML, made larger in place under the same name; gives its new digests and sizes."""
    with gzip.open(path) as file:
        text = file.read()
    opened, size = hashlib.sha256(), 0
    with open(path + ".new", "wb") as out, gzip.GzipFile("", "wb", 6, out, 0) as packed:
        for part in copies(text, factor):
            packed.write(part)
            opened.update(part)
            size += len(part)
    os.replace(path + ".new", path)
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return {"checksum": digest, "open-checksum": opened.hexdigest(), "size": str(os.path.getsize(path)), "open-size": str(size)}


def amend(repomd, kind, values):
    def section(match):
        text = match.group(0)
        for key, value in values.items():
            text = re.sub(rf"(<{key}(?: [^>]*)?>)[^<]*", lambda m, value=value: m.group(1) + value, text)
        return text
    return re.sub(rf'<data type="{kind}">.*?</data>', section, repomd, flags=re.S)


def grown(repo, factor, folder):
    """The directory of REPO enlarged, made once below FOLDER. With factor 1, REPO itself."""
    if factor == 1:
        return repo
    with open(__file__, "rb") as code, open(f"{repo}/repodata/repomd.xml", "rb") as file:
        key = hashlib.sha256(code.read() + file.read()).hexdigest()[:16]
    target = f"{folder}/{os.path.basename(repo)}-{factor}-{key}"
    if os.path.isdir(target):
        return target
    shutil.rmtree(target + ".new", ignore_errors=True)
    shutil.copytree(repo, target + ".new", copy_function=shutil.copyfile)
    for path in (target + ".new", target + ".new/repodata"):
        os.chmod(path, 0o755)
    with open(f"{target}.new/repodata/repomd.xml", encoding="utf-8") as file:
        repomd = file.read()
    for kind in ("primary", "filelists"):
        for path in glob.glob(f"{target}.new/repodata/*{kind}.xml.gz"):
            with gzip.open(path) as file:
                if b"<package " not in file.read(4096):
                    continue
            repomd = amend(repomd, kind, enlarge(path, factor))
    with open(f"{target}.new/repodata/repomd.xml", "w", encoding="utf-8") as file:
        file.write(repomd)
    os.rename(target + ".new", target)
    return target
