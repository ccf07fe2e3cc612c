#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: grow_index.py OLD.tar NEW.tar COUNT BYTES

NEW begins as the bundle OLD does, but its index lists COUNT members more, of BYTES each, and nothing follows the signature.
"""
import sys
import tarfile


def member(name, text):
    """As pgha-bundle writes it: devices are numbers, which Python leaves empty."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(text), 315532800
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    header[329:337] = header[337:345] = b"0000000\0"
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    return bytes(header) + text + bytes(-len(text) % 512)


def main(old, new, count, size):
    with tarfile.open(old) as bundle:
        index, signature = (bundle.extractfile(name).read() for name in ("index.yaml", "index.yaml.p7s"))
    more = "".join(f"  - {{path: certs/a{i}, size: {size}, sha256: {'ab' * 32}}}\n" for i in range(int(count)))
    index = index.replace(b"members:\n", b"members:\n" + more.encode())
    with open(new, "wb") as out:
        out.write(member("index.yaml", index) + member("index.yaml.p7s", signature))


main(*sys.argv[1:])
