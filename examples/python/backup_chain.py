#!/usr/bin/env python3
"""Keeps a chain of backups: the newest version of a file in full, each older one as a delta from the next.

    backup_chain.py add STORE FILE                 adds FILE as the newest version
    backup_chain.py receive STORE DELTA            adds the version that DELTA makes of the newest one
    backup_chain.py list STORE                     lists the versions and their sizes
    backup_chain.py restore STORE VERSION -o FILE  restores that version to FILE; -f: even if there is one already
    backup_chain.py drop STORE VERSION             removes one version, whichever it is
    backup_chain.py roll-up STORE VERSION          of those before VERSION leaves only the oldest
    backup_chain.py prune STORE KEEP               removes all but the newest KEEP versions
    backup_chain.py check STORE                    reads everything, and tells which versions can be restored

STORE is a folder with `0003.full` (version 3), `0003.b3` (its digest, for `b3sum -c`), `0002-from-0003.delta` (makes
version 2 of version 3), `0001-from-0002.delta`, and so on. So the newest version is available immediately, the oldest
can be removed without touching the others, and one in the middle by merging two deltas, without any of the files.

Every file gets its name when it is complete and on the disk, and nothing is removed before what takes its place was
found to work. If the program is killed at any moment, or the power fails, every version in the store can still be
restored, and the next run that changes the store removes what was left behind. One process uses a store at a time;
others are refused. A folder with other things in it, but no version, is no store: nothing is added to it or removed.
"""

from __future__ import annotations

import argparse
import fcntl
import itertools
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import redelta

FULL = re.compile(r"([0-9]{4,})\.full")
SUM = re.compile(r"([0-9]{4,})\.b3")
DELTA = re.compile(r"([0-9]{4,})-from-([0-9]{4,})\.delta")
UNFINISHED = re.compile(r"\.new-[a-z0-9_]{8}")  # as tempfile completes the prefix


class Unusable(Exception):
    """The store lacks something, or has something wrong."""


class Store:
    """The files of a chain, by their versions. Every method expects that the store is locked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def full(self, version: int) -> Path:
        return self.folder / f"{version:04}.full"

    def sum(self, version: int) -> Path:
        return self.folder / f"{version:04}.b3"

    def delta(self, version: int, base: int) -> Path:
        return self.folder / f"{version:04}-from-{base:04}.delta"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The lock goes with the process, even if that is killed."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unusable(f"{self.folder}: another process uses it") from None
            yield
        finally:
            os.close(folder)

    # ---- What is there ----

    def expect_store(self, new: bool) -> None:
        """Fails if this is some other folder. A `new` store may be empty, or as a process leaves it that was killed
        before the first version was complete."""
        if self.versions():
            return
        if not new:
            raise Unusable(f"{self.folder}: not a store, it has no version")
        unfinished = self.unfinished()
        if any(path not in unfinished and not SUM.fullmatch(path.name) for path in self.folder.iterdir()):
            raise Unusable(f"{self.folder}: not a store, it has other files and no version")

    def unfinished(self) -> list[Path]:
        """What a killed process left behind."""
        return [
            path
            for path in self.folder.iterdir()
            if UNFINISHED.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]

    def fulls(self) -> list[int]:
        names = (FULL.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def deltas(self) -> dict[int, list[int]]:
        """Each version that has a delta, and the versions that these are from. There is a second one only after a run
        was killed between its last two steps."""
        names = (DELTA.fullmatch(path.name) for path in self.folder.iterdir())
        pairs = sorted((int(name[1]), int(name[2])) for name in names if name)
        return {
            version: [base for _, base in group] for version, group in itertools.groupby(pairs, lambda pair: pair[0])
        }

    def versions(self) -> list[int]:
        """Oldest first."""
        return sorted({*self.fulls(), *self.deltas()})

    def steps(self, version: int, starts: Sequence[int] = ()) -> tuple[int, list[Path]]:
        """One of these versions, or of the full ones, and the deltas that lead from it to the other, in the order in
        which they apply."""
        deltas = self.deltas()
        starts = starts or self.fulls()
        if version not in self.versions():
            raise LookupError(f"{self.folder} has no version {version}")
        ways: list[tuple[int, list[Path]]] = [(version, [])]
        for at, steps in ways:  # which grows: all ways, shortest first
            if at in starts:
                return at, steps
            ways += [(base, [self.delta(at, base), *steps]) for base in deltas.get(at, []) if base > at]
        raise Unusable(f"{self.folder}: version {version} cannot be restored, because a file of the store is missing")

    # ---- Writing ----

    def clean(self) -> None:
        for left in self.unfinished():
            shutil.rmtree(left)

    def write(self, path: Path, make: Callable[[Path], object]) -> None:
        """A file that gets its name when it is complete and on the disk."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as place:
            made = Path(place, path.name)
            make(made)
            flush(made)
            os.replace(made, path)
        flush(self.folder)

    def write_full(self, version: int, make: Callable[[Path], object]) -> None:
        """A full version, after its digest."""

        def make_with_sum(made: Path) -> None:
            make(made)
            digest = redelta.digest(made).hex()
            self.write(self.sum(version), lambda path: path.write_text(f"{digest}  {self.full(version).name}\n"))

        self.write(self.full(version), make_with_sum)

    def remove(self, *paths: Path) -> None:
        """In this order, even if the power fails."""
        for path in paths:
            path.unlink(missing_ok=True)
            flush(self.folder)

    def make(self, version: int, target: Path) -> None:
        """Writes a version to a file. The deltas that lead to it become one, so no version between is made."""
        start, deltas = self.steps(version)
        if not deltas:
            self.check_full(start)
            shutil.copyfile(self.full(start), target)
            return
        self.apply(start, deltas, target)

    def apply(self, start: int, deltas: Sequence[Path], target: Path) -> None:
        """Patches a full version, once, and verifies the result."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as place:
            delta = deltas[0] if len(deltas) == 1 else Path(place, "delta")
            if len(deltas) > 1:
                redelta.write_merged(deltas, delta)
            redelta.write_patch(self.full(start), delta, target, verify=True)

    def check_full(self, version: int) -> None:
        """By its digest. (A patch checks its own result.)"""
        try:
            expected = self.sum(version).read_text().split()[0]
        except (FileNotFoundError, IndexError):
            raise Unusable(f"{self.sum(version)}: no digest") from None
        if redelta.digest(self.full(version)).hex() != expected:
            raise Unusable(f"{self.full(version)}: not what was added, its digest is another")

    # ---- The verbs ----

    def add(self, path: Path) -> int:
        """Adds the file as a new version, and replaces the previous one by a delta."""
        newest = self.versions()[-1:] or [0]
        version = newest[0] + 1
        self.write_full(version, lambda made: shutil.copyfile(path, made))
        self.turn_back()
        return version

    def receive(self, delta: Path) -> int:
        """Adds what the delta makes of the newest version. The reverse delta follows from that version and the delta:
        no second file is compared."""
        fulls = self.fulls()
        if not fulls:
            raise Unusable(f"{self.folder}: the newest version is missing, of which the delta could make another")
        before, version = fulls[-1], fulls[-1] + 1
        self.check_full(before)
        self.write_full(version, lambda made: redelta.write_patch(self.full(before), delta, made, verify=True))
        self.write(self.delta(before, version), lambda made: redelta.write_reversed(self.full(before), delta, made))
        self.turn_back()
        return version

    def turn_back(self) -> None:
        """Leaves the newest of the full versions, and replaces each older one by a delta from the next. There are more
        than two only if a run was killed."""
        for version, base in itertools.pairwise(self.fulls()):
            delta, before, after = self.delta(version, base), self.full(base), self.full(version)
            if not delta.exists():
                self.write(delta, partial(redelta.write_diff, before, after))
            redelta.write_patch(before, delta, os.devnull, verify=True)  # before the file goes
            self.remove(after, self.sum(version))

    def restore(self, version: int, path: Path, replace: bool) -> None:
        """A file is replaced when the version is complete, and only if it may be; anything else never."""
        if os.path.lexists(path) and not (replace and path.is_file()):
            raise Unusable(f"{path}: is there already, and only a file is replaced, with -f")
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".restore-") as place:
            work = Path(place, path.name)
            self.make(version, work)
            flush(work)
            os.replace(work, path)

    def drop(self, version: int) -> list[int]:
        return self.leave_out([version])

    def leave_out(self, gone: list[int]) -> list[int]:
        """Removes versions that follow each other. The next older one gets a delta from the next newer one."""
        self.turn_back()
        there = self.versions()
        for version in gone:
            if version not in there:
                raise LookupError(f"{self.folder} has no version {version}")
        older = [version for version in there if version < gone[0]]
        newer = [version for version in there if version > gone[-1]]
        if older and not newer:
            self.write_full(older[-1], partial(self.make, older[-1]))
            self.remove_deltas(older[-1])
        elif older:
            self.bridge(older[-1], newer[0])
        for version in gone:  # the oldest first: no other is made of it
            self.remove_deltas(version)
            self.remove(self.full(version), self.sum(version))
        return gone

    def bridge(self, version: int, base: int) -> None:
        """A delta from one version to another takes the place of the deltas between, and is found to work first."""
        _, between = self.steps(version, [base])
        delta = self.delta(version, base)
        self.write(delta, partial(redelta.write_merged, between))
        start, before = self.steps(base)
        self.apply(start, [*before, delta], Path(os.devnull))
        self.remove_deltas(version, but=base)

    def remove_deltas(self, version: int, but: int = 0) -> None:
        self.remove(*(self.delta(version, base) for base in self.deltas().get(version, []) if base != but))

    def roll_up(self, version: int) -> list[int]:
        """Removes what lies between the oldest version and this one."""
        if version not in self.versions():
            raise LookupError(f"{self.folder} has no version {version}")
        gone = [between for between in self.versions()[1:] if between < version]
        return self.leave_out(gone) if gone else []

    def prune(self, keep: int) -> list[int]:
        """Removes the oldest versions, so that `keep` are left."""
        gone = self.versions()[:-keep]
        return self.leave_out(gone) if gone else []

    def check(self, version: int) -> str:
        """What is wrong with a version; empty: it can be restored. Its deltas are applied, and what they make is
        compared with the digest in the last one."""
        try:
            self.make(version, Path(os.devnull))
        except (OSError, Unusable, redelta.RedeltaError) as error:
            return str(error)
        return ""


def flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A chain of backups of one file.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, arguments in {
        "add": ["file"],
        "receive": ["file"],
        "list": [],
        "restore": ["number"],
        "drop": ["number"],
        "roll-up": ["number"],
        "prune": ["number"],
        "check": [],
    }.items():
        words = verbs.add_parser(verb)
        words.add_argument("store", type=lambda text: Store(Path(text)))
        for name in arguments:
            words.add_argument(name, type=Path if name == "file" else positive)
        if verb == "restore":
            words.add_argument("-o", dest="file", type=Path, required=True, metavar="FILE")
            words.add_argument("-f", dest="replace", action="store_true")
    return parser.parse_args()


def carry_out(store: Store, given: argparse.Namespace) -> int:
    store.expect_store(new=given.verb == "add")
    if given.verb not in ("list", "restore", "check"):
        store.clean()
    if given.verb in ("add", "receive"):
        print(f"version {store.add(given.file) if given.verb == 'add' else store.receive(given.file)}")
    elif given.verb == "list":
        for version in store.versions():
            _, steps = store.steps(version)
            path = steps[-1] if steps else store.full(version)
            print(f"{version:4}  {path.suffix[1:]:5}  {path.stat().st_size:>15,} bytes")
    elif given.verb == "restore":
        store.restore(given.number, given.file, given.replace)
    elif given.verb == "check":
        problems = {version: store.check(version) for version in store.versions()}
        for version, problem in problems.items():
            print(f"version {version}: {problem or 'can be restored'}")
        return 1 if any(problems.values()) else 0
    else:
        work = {"drop": store.drop, "roll-up": store.roll_up, "prune": store.prune}[given.verb]
        for version in work(given.number):
            print(f"removed version {version}")
    return 0


def main() -> int:
    given = parse()
    store: Store = given.store
    try:
        if given.verb == "add":
            given.file.stat()  # before a folder is made for it
            store.folder.mkdir(exist_ok=True)
        with store.locked():
            return carry_out(store, given)
    except (OSError, LookupError, Unusable, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
