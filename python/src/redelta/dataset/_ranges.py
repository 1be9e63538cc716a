"""Large files, which several workers read a range of each.

A task makes what is needed of a range, a part of the signature, of the digest or of the delta, and leaves it as a file
of the dataset's place, under a name that follows from the shard's; the last task joins them. So a run that was killed
goes on in the middle of a file. Each task looks whether the file is still what was listed: parts of different versions
are never joined."""

from __future__ import annotations

import io
import math
import os
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redelta
from redelta._errors import RedeltaError
from redelta.dataset._engine import Task
from redelta.dataset._failures import Failure, failure_of
from redelta.dataset._listing import PATH, SIZE, Listed
from redelta.dataset._manifest import Shard
from redelta.dataset._places import Place
from redelta.dataset._reader import Dataset
from redelta.dataset._reading import Found, Status, Sums, is_settled, open_beneath

RANGE = 256 << 20
"""About how long a range is, in bytes."""
HEAD = struct.Struct(">?QQQ")
ETAG = 7


@dataclass(frozen=True)
class Plan:
    """How a file is cut: into ranges of `step` bytes; none if `step` is 0. Of each, the part of a signature with
    `sums`, or that of a delta against the signature at a place of an older dataset's pack, and that of the digest."""

    step: int = 0
    sums: Sums | None = None
    item: tuple[Dataset, Shard, int, int] | None = None


@dataclass(frozen=True)
class Parts:
    """What the range tasks have left: names of files, or a failure."""

    names: tuple[str, ...]
    failure: Failure | None = None


def plan_signature(size: int, sums: Sums) -> Plan:
    """For the signature of a file of this size. The lengths that the library recommends for it are found out by a file
    of that size which takes no space."""
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), size)
        with open(file.fileno(), "rb", buffering=0, closefd=False) as empty:
            part = redelta.SignaturePart.build(empty, 0, 0, threads=1, **sums.asdict())
    grid = math.lcm(part.block_len, 1024)
    return Plan(max(1, RANGE // grid) * grid, Sums(part.block_len, part.strong_len, sums.hash))


def plan_delta(item: tuple[Dataset, Shard, int, int] | None) -> Plan:
    """For the delta of a file against a signature; without one, for its digest alone."""
    grid = 1024 if item is None else math.lcm(redelta.DeltaPart.grid(signature_of(item)), 1024)
    return Plan(max(1, RANGE // grid) * grid, None, item)


def signature_of(item: tuple[Dataset, Shard, int, int]) -> redelta.Signature:
    """The signature at a place of a pack. Raises DatasetCorruptError or LimitError."""
    dataset, shard, offset, length = item
    return dataset.signature(shard, offset, length)


# ---- The driver's side ----------------------------------------------------------------------------------------------


class Gathering:
    """Gives the tasks of a file's ranges once they are planned, and the one that joins them once all are done."""

    def __init__(
        self,
        root: Place,
        dest: Place,
        stem: str,
        row: Listed,
        there: dict[str, int],
        finish: Callable[[Parts | None], Task],
    ) -> None:
        self._root = root
        self._dest = dest
        self._stem = stem
        self._row = row
        self._there = there
        self._finish = finish
        self._waiting = 0
        self._names: list[str] = []
        self._failure: Failure | None = None

    def planned(self, plan: Plan) -> list[Task]:
        """The tasks of the ranges that are not there yet."""
        if plan.step == 0:
            return [self._finish(None)]
        starts = range(0, self._row[SIZE], plan.step)
        self._names = [f"part-{self._stem.removeprefix('shard-')}-{number:06d}" for number in range(len(starts))]
        tasks = [
            Task(make_range, (self._root, self._dest, name, self._row, plan, start), self.made)
            for name, start in zip(self._names, starts, strict=True)
            if name not in self._there
        ]
        self._waiting = len(tasks)
        return tasks or [self._finish(Parts(tuple(self._names)))]

    def made(self, failure: Failure | None) -> list[Task]:
        """A range is done, or has failed."""
        self._failure = self._failure or failure
        self._waiting -= 1
        return [] if self._waiting else [self._finish(Parts(tuple(self._names), self._failure))]


# ---- The workers' side ----------------------------------------------------------------------------------------------


def make_range(root: Place, dest: Place, name: str, row: Listed, plan: Plan, start: int) -> Failure | None:
    """Leaves what is needed of a range; returns a failure if the file cannot be read or is another one by now. Memory:
    some MiB, and of a signature its part."""
    now = time.time_ns()
    try:
        with opened_large(root, row) as (file, status):
            digest = redelta.DigestPart.build(file, start, plan.step, threads=1)
            made = b"", b""
            if plan.sums is not None:
                part = redelta.SignaturePart.build(file, start, plan.step, threads=1, **plan.sums.asdict())
                made = bytes(part), b""
            elif plan.item is not None:
                signature = signature_of(plan.item)
                made = b"", bytes(redelta.DeltaPart.build(signature, file, start, plan.step, threads=1))
    except (OSError, redelta.FileChangedError, redelta.TruncatedError) as error:
        return failure_of(row[PATH], error)
    settled = status is None or is_settled(status, now)
    with dest.new_file(name) as new:
        pieces = made[0], bytes(digest), made[1]
        new.file.write(HEAD.pack(settled, *map(len, pieces)) + b"".join(pieces))
    return None


@contextmanager
def opened_large(root: Place, row: Listed) -> Iterator[tuple[Any, Status | None]]:
    """A file to read at any offset, which is what was listed, at the beginning and at the end. Raises FileChangedError
    or OSError."""
    if root.path is not None:
        with open_beneath(root, row[PATH]) as file:
            status = status_of(file.fileno(), row)
            yield file, status
            status_of(file.fileno(), row)
        return
    reader = ObjectReader(root, row)
    reader.check()
    yield reader, None
    reader.check()


def status_of(descriptor: int, row: Listed) -> Status:
    """What the system says of a file. Raises FileChangedError if it is not what was listed."""
    told = os.fstat(descriptor)
    status = Status(
        told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino, told.st_dev, told.st_uid, told.st_gid
    )
    if status[:4] != row[2:6]:
        raise redelta.FileChangedError("changed while it was being read")
    return status


class ObjectReader:
    """An object to read at any offset, each read a request of its range."""

    def __init__(self, root: Place, row: Listed) -> None:
        self._filesystem, self._path = root.inner(row[PATH])
        self._size = row[SIZE]
        self._etag = row[ETAG]
        self._at = 0

    def check(self) -> None:
        """Raises FileChangedError if it is not what was listed."""
        self._filesystem.invalidate_cache()
        told = self._filesystem.info(self._path)
        etag = told.get("ETag") or told.get("etag")
        if int(told["size"]) != self._size or (self._etag is not None and etag is not None and str(etag) != self._etag):
            raise redelta.FileChangedError("changed while it was being read")

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Sets the position."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def read(self, length: int = -1, /) -> bytes:
        """The bytes from the position on."""
        end = self._size if length < 0 else min(self._at + length, self._size)
        if end <= self._at:
            return b""
        data = bytes(self._filesystem.cat_file(self._path, start=self._at, end=end))
        self._at += len(data)
        return data


@dataclass(frozen=True)
class Joined:
    """The parts of a file."""

    found: Found
    deltas: tuple[redelta.DeltaPart, ...] = ()


def join(dest: Place, parts: Parts) -> Joined:
    """Joins what the ranges have left. Memory: that of the signature, or of the delta's parts."""
    if parts.failure is not None:
        return Joined(Found(failure=parts.failure))
    signatures, digests, deltas = [], [], []
    settled = True
    offset = 0
    try:
        for name in parts.names:
            data = dest.read(name)
            is_part_settled, *lengths = HEAD.unpack_from(data)
            ends = [HEAD.size + sum(lengths[: number + 1]) for number in range(3)]
            digest = redelta.DigestPart.load(data[ends[0] : ends[1]])
            if lengths[0]:
                signatures.append(redelta.SignaturePart.load(data[HEAD.size : ends[0]], offset, threads=1))
            if lengths[2]:
                deltas.append(redelta.DeltaPart.load(data[ends[1] : ends[2]]))
            digests.append(digest)
            settled = settled and is_part_settled
            offset += digest.length
    except (struct.error, RedeltaError) as error:
        raise redelta.CorruptError(
            f"{dest}: a part of a large file is damaged: remove part-* and run it again"
        ) from error
    signature = bytes(redelta.Signature.join(signatures, threads=1)) if signatures else None
    found = Found(redelta.DigestPart.join(digests), signature, settled=settled)
    return Joined(found, tuple(deltas))
