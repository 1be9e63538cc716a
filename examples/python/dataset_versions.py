#!/usr/bin/env python3
"""Keeps versions of a directory, as tools for versions of data do: of each only what has changed since the one before.

    dataset_versions.py commit STORE ROOT            adds ROOT as the newest version
    dataset_versions.py list STORE                   lists the versions, and how many bytes each takes
    dataset_versions.py checkout STORE VERSION ROOT  makes ROOT that version; it must be empty, or not there
    dataset_versions.py diff STORE ONE OTHER         tells which paths differ between two versions

STORE is a directory with a dataset signature and a dataset delta of each version: `0001.signature`, `0001.delta`, and
so on. The first delta makes its version of nothing. A signature is also the proof of its version: a checkout is
compared with it. A commit that is interrupted is none, and is continued by the same call.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import redelta
from redelta import dataset

EMPTY = ".empty"


class Store:
    """The versions."""

    def __init__(self, folder: Path, workers: int | None) -> None:
        self.folder = folder
        self.workers = workers

    def signature(self, version: int) -> Path:
        """The dataset that describes a version; 0 is that of an empty directory."""
        return self.folder / f"{version:04}.signature"

    def delta(self, version: int) -> Path:
        """The dataset that makes a version of the one before."""
        return self.folder / f"{version:04}.delta"

    def newest(self) -> int:
        """The number of the newest version; 0: there is none."""
        version = 0
        while (self.signature(version + 1) / "manifest.json").exists():
            version += 1
        return version

    def commit(self, root: Path) -> int:
        """Adds a version: the delta first, then the signature, which makes it one."""
        before = self.newest()
        if before == 0:
            (self.folder / EMPTY).mkdir(parents=True, exist_ok=True)
            dataset.write_signature(self.folder / EMPTY, self.signature(0), executor=self.workers)
        old, new = self.signature(before), self.signature(before + 1)
        dataset.write_delta(old, root, self.delta(before + 1), known=old, executor=self.workers, compress=True)
        dataset.write_signature(root, new, known=old, executor=self.workers, min_size=0)
        return before + 1

    def checkout(self, version: int, root: Path) -> None:
        """Makes a version, step by step, and compares it with its signature."""
        if not 1 <= version <= self.newest():
            sys.exit(f"there is no version {version}: the newest one is {self.newest()}")
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            sys.exit(f"{root}: is not empty")
        for step in range(1, version + 1):
            dataset.write_patch(self.delta(step), root, executor=self.workers)
        report = dataset.verify(self.signature(version), root, executor=self.workers)
        if not report:
            sys.exit(f"{root}: is not version {version}: {report.kinds}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, help="processes; by default one for each processor")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, operands in (
        ("commit", ["root"]),
        ("list", []),
        ("checkout", ["version", "root"]),
        ("diff", ["one", "other"]),
    ):
        action = actions.add_parser(name)
        action.add_argument("store", type=Path)
        for operand in operands:
            action.add_argument(operand, type=Path if operand == "root" else int)
    given = parser.parse_args()
    store = Store(given.store, given.workers)
    if given.action == "commit":
        print(f"version {store.commit(given.root)}")
    elif given.action == "list":
        for version in range(1, store.newest() + 1):
            size = sum(each.stat().st_size for each in store.delta(version).iterdir())
            print(f"{version:4}  {size:12,} bytes")
    elif given.action == "checkout":
        store.checkout(given.version, given.root)
    else:
        for change in dataset.diff(store.signature(given.one), store.signature(given.other)):
            print(change.kind, change.path.decode(errors="replace"))


if __name__ == "__main__":
    try:
        main()
    except (redelta.RedeltaError, OSError) as error:
        sys.exit(f"{error}")
