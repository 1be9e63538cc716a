#!/usr/bin/env python3
"""A file brought up to date on any file system that fsspec knows: memory, S3, SSH, archives and many more.

    fsspec_sync.py OLD NEW      makes the file at the URL OLD what the one at the URL NEW is
    fsspec_sync.py              does so with two files on `memory://`, to show how

A file of fsspec is a reader or a writer like any other. A patch reads its basis at any place, so the file system must
be able to seek. The result is a new file, which takes the place of the old one once it is whole and verified.
"""

from __future__ import annotations

import math
import sys

import fsspec  # type: ignore[import-untyped]

import redelta


def synchronise(old: str, new: str) -> redelta.Stats:
    """Makes the file at the URL `old` what the one at the URL `new` is."""
    files, path = fsspec.url_to_fs(old)
    part = f"{path}.part"
    block_len = max(1024, math.isqrt(files.size(path) or 0))  # a reader does not tell how long its file is
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
