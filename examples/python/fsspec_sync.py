#!/usr/bin/env python3
"""Updates a file on any file system that fsspec supports: memory, S3, SSH, archives and many more.

    fsspec_sync.py OLD NEW      makes the file at the URL OLD equal to the one at the URL NEW
    fsspec_sync.py              does so with two example files on `memory://`

A file of fsspec is an ordinary file object. A patch reads its basis at any offset, so the file system must support
seeking. The result is a new file, which replaces the old one when it is complete and verified.
"""

from __future__ import annotations

import math
import sys

import fsspec  # type: ignore[import-untyped]

import redelta


def synchronise(old: str, new: str) -> redelta.Stats:
    """Makes the file at the URL `old` equal to the one at the URL `new`."""
    files, path = fsspec.url_to_fs(old)
    part = f"{path}.part"
    block_len = max(1024, math.isqrt(files.size(path) or 0))  # a file object does not tell its size
    with files.open(path, "rb") as basis:
        signature = redelta.signature(basis, block_len=block_len)
    try:
        with files.open(path, "rb") as basis, fsspec.open(new, "rb") as now, files.open(part, "wb") as result:
            delta = redelta.DeltaReader(signature, now)
            stats = redelta.write_patch(basis, delta, result, verify=True)
        files.mv(part, path)
    except BaseException:
        if files.exists(part):
            files.rm(part)
        raise
    return stats


def two_versions() -> tuple[str, str]:
    """Two versions of a file on the memory file system."""
    lines = [b"line %d\n" % number for number in range(100_000)]
    old, new = "memory://files/old", "memory://files/new"
    with fsspec.open(old, "wb") as file:
        file.writelines(lines)
    lines[50_000] = b"this line is another\n"
    with fsspec.open(new, "wb") as file:
        file.writelines(lines)
    return old, new


def main() -> int:
    if len(sys.argv) not in (1, 3):
        print("usage: fsspec_sync.py [OLD NEW]", file=sys.stderr)
        return 2
    old, new = (sys.argv[1], sys.argv[2]) if len(sys.argv) == 3 else two_versions()
    try:
        stats = synchronise(old, new)
    except (OSError, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{stats.copy_bytes} bytes were there already, {stats.literal_bytes} are new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
