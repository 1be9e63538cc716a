#!/usr/bin/env python3
"""Keeps a chain of backups: the newest version of a file in full, each older one as a delta from the next.

    backup_chain.py add STORE FILE               adds FILE as the newest version
    backup_chain.py list STORE                   lists the versions and their sizes
    backup_chain.py restore STORE VERSION FILE   restores FILE to that version
    backup_chain.py prune STORE KEEP             removes all but the newest KEEP versions

STORE is a folder with `0003.full` (version 3), `0002.delta` (makes version 2 from version 3), `0001.delta`, and so on.
So the newest version is available immediately, and the oldest can be removed without touching the others.

Every file gets its name when it is complete, and nothing is removed before its replacement exists. If the program is
killed at any moment, every version in the store can still be restored. Only one process may use a store at a time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import redelta


class Store:
    """The files of a chain, by their versions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def full(self, version: int) -> Path:
        return self.folder / f"{version:04}.full"

    def delta(self, version: int) -> Path:
        return self.folder / f"{version:04}.delta"

    def versions(self) -> list[int]:
        """The versions that can be restored, oldest first."""
        kept = (path for path in self.folder.iterdir() if path.suffix in (".full", ".delta") and path.stem.isdecimal())
        return sorted({int(path.stem) for path in kept})

    def path_of(self, version: int) -> Path:
        """The file of a version: the full one, if it exists."""
        full = self.full(version)
        return full if full.exists() else self.delta(version)

    def add(self, path: Path) -> int:
        """Adds the file as a new version, and replaces the previous one by a delta."""
        with path.open("rb") as file:
            self.folder.mkdir(exist_ok=True)
            older = self.versions()
            version = older[-1] + 1 if older else 1
            copy(file, self.full(version))
        for before in older:
            if self.full(before).exists():  # the newest until now, or one left by a run that was killed
                self.turn_back(before)
        return version

    def turn_back(self, version: int) -> None:
        """Replaces a full version by a delta from the next one, which is also full."""
        signature = redelta.signature(self.full(version + 1))
        redelta.write_delta(signature, self.full(version), self.delta(version))
        self.full(version).unlink()

    def restore(self, version: int, path: Path) -> None:
        """Starts with the nearest full version and applies one delta after the other, in a temporary file next to the
        target. Each step replaces its own basis."""
        steps = list(self.steps(version))
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".restore-") as folder:
            work = Path(folder, "work")
            shutil.copyfile(steps.pop(), work)
            for delta in reversed(steps):
                redelta.write_patch(work, delta, work, verify=True)
            os.replace(work, path)

    def steps(self, version: int) -> Iterator[Path]:
        """The files that a version is made from: deltas, then a full version."""
        if version not in self.versions():
            raise LookupError(f"{self.folder} has no version {version}")
        while (path := self.path_of(version)).suffix != ".full":
            yield path
            version += 1
        yield path

    def prune(self, keep: int) -> list[int]:
        """Removes the oldest versions, so that `keep` are left."""
        removed = self.versions()[:-keep]
        for version in removed:
            self.full(version).unlink(missing_ok=True)
            self.delta(version).unlink(missing_ok=True)
        return removed


def copy(source: IO[bytes], target: Path) -> None:
    """A copy that gets its name when it is complete and on the disk."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".copy-", delete=False) as file:
        try:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main() -> int:
    parser = argparse.ArgumentParser(description="A chain of backups of one file.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, arguments in {
        "add": ["file"],
        "list": [],
        "restore": ["version", "file"],
        "prune": ["keep"],
    }.items():
        words = verbs.add_parser(verb)
        words.add_argument("store", type=lambda text: Store(Path(text)))
        for name in arguments:
            words.add_argument(name, type=Path if name == "file" else positive)
    given = parser.parse_args()
    store: Store = given.store
    try:
        if given.verb == "add":
            print(f"version {store.add(given.file)}")
        elif given.verb == "list":
            for version in store.versions():
                path = store.path_of(version)
                print(f"{version:4}  {path.suffix[1:]:5}  {path.stat().st_size:>15,} bytes")
        elif given.verb == "restore":
            store.restore(given.version, given.file)
        else:
            for version in store.prune(given.keep):
                print(f"removed version {version}")
    except (OSError, LookupError, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
