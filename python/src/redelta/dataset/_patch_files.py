"""The first phase of a patch: the new files of a shard are made, verified and flushed to the disk, in the area. No name
below the root changes.

A row is refused, as a failure, if what has its name is not what the delta was made against, as far as its kind and
size tell; a delta also proves its basis by what it makes of it. What is seen there is kept, so that a change between
the phases is noticed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redelta
from redelta._errors import RedeltaError
from redelta.dataset._beneath import Beneath, Seen
from redelta.dataset._failures import Failure, failure_of
from redelta.dataset._journal import Area, Made
from redelta.dataset._manifest import Shard
from redelta.dataset._patch_rows import FILES_MADE, Row, rows_of
from redelta.dataset._places import current_umask
from redelta.dataset._reader import Dataset
from redelta.dataset._schema import COPY, DELETE, DELTA, DIRECTORY, FILE, LINK

BATCH_BYTES = 64 << 20
"""Deltas that are applied by one call, in bytes; one that is longer is read from its file as it is applied."""
COPY_CHUNK = 1 << 30


@dataclass(frozen=True)
class PatchJob:
    """What is the same for all shards of a patch."""

    delta: Dataset
    area: Area
    delete: bool
    backup: bytes | None = None

    def rows(self, shard: Shard, *, kept: bool = False) -> list[Row]:
        """The rows of a shard that are to be followed."""
        found = rows_of(self.delta, shard, kept=kept)
        return found if self.delete else [each for each in found if each.op != DELETE]


@dataclass(frozen=True)
class Staged:
    """What a task tells of a shard."""

    failures: tuple[Failure, ...]
    ops: tuple[tuple[str, int], ...]
    files: int
    bytes: int
    directories: bool
    """Are there rows of directories, or that directories must give way to?"""
    again: bool = False
    """Was it made by an earlier run?"""


def stage_shard(job: PatchJob, shard: Shard, dry_run: bool) -> Staged:
    """Makes the new files of a shard, unless that is done already. With `dry_run`, nothing is made: only what has
    the names is looked at. Memory: the rows, and deltas of at most `BATCH_BYTES`, or the longest one."""
    rows = job.rows(shard)
    again = None if dry_run else job.area.made(shard.stem)
    made = again or stage_rows(job, shard, rows, dry_run)
    ops: dict[str, int] = {}
    for row in rows:
        ops[row.op or ""] = ops.get(row.op or "", 0) + 1
    directories = any(DIRECTORY in (row.kind, row.old_kind) for row in rows)
    return Staged(made.failures, tuple(sorted(ops.items())), made.files, made.bytes, directories, again is not None)


def stage_rows(job: PatchJob, shard: Shard, rows: list[Row], dry_run: bool) -> Made:
    """Looks at what has the names, and makes the files of those rows that fit."""
    with Beneath(job.area.root) as beneath:
        seen, failures = look_at(beneath, rows)
        left = [row for row in rows if row.number in seen and not is_there(beneath, row, seen[row.number])]
        failures += [found for row in left if (found := refusal(row, seen[row.number])) is not None]
        refused = {each.path for each in failures}
        wanted = [row for row in left if row.op in FILES_MADE and row.path not in refused]
        if dry_run:
            return Made("", seen, tuple(failures), len(wanted), sum(row.size for row in wanted))
        directory = job.area.new_directory(shard.stem)
        try:
            for row, error in make_files(job, shard, beneath, wanted, directory):
                if error is not None:
                    failures.append(failure_of(row.path, error))
            refused = {each.path for each in failures}
            done = [row for row in wanted if row.path not in refused]
            size = sum(row.size for row in done)
            failures.sort(key=lambda each: each.path)
            return job.area.put_made(shard.stem, Made(directory, seen, tuple(failures), len(done), size))
        except BaseException:
            shutil.rmtree(job.area.inner(directory), ignore_errors=True)
            raise


def look_at(beneath: Beneath, rows: list[Row]) -> tuple[dict[int, Seen | None], list[Failure]]:
    """What has the name of each row, by its number, and the failures of those that cannot be looked at."""
    seen: dict[int, Seen | None] = {}
    failures = []
    for row in rows:
        try:
            seen[row.number] = beneath.look(row.path)
        except OSError as error:
            failures.append(failure_of(row.path, error))
    return seen, failures


def is_there(beneath: Beneath, row: Row, seen: Seen | None) -> bool:
    """Is what the row asks for there already? So it is if an earlier run was ended when all was done. The content of
    a file is read only if its size and time are right; one that cannot be read is not known to be there."""
    with contextlib.suppress(OSError, redelta.RedeltaError):
        return has_come(beneath, row, seen)
    return False


def has_come(beneath: Beneath, row: Row, seen: Seen | None) -> bool:
    """The same. Raises OSError or RedeltaError if it cannot be read."""
    if row.op == DELETE:
        return seen is None
    if seen is None or seen.kind != row.kind:
        return False
    if row.kind == DIRECTORY:
        return True
    if row.kind == LINK:
        fd, name = beneath.parent(row.path)
        return os.readlink(name, dir_fd=fd) == row.link
    if seen.size != row.size or row.mtime_ns not in (None, seen.mtime_ns):
        return False
    with open(beneath.open_file(row.path), "rb", buffering=0) as file:
        return redelta.digest(file, threads=1) == row.digest


def refusal(row: Row, seen: Seen | None) -> Failure | None:
    """Why a row cannot be followed, by what has its name; None: it can."""
    if seen is None and row.old_kind is not None and row.op != DELETE:
        return Failure(row.path, "vanished", "is not there, and the delta is for a root in which it is")
    if seen is None:
        return None
    if row.old_kind is None and not (row.kind == seen.kind == DIRECTORY):
        return Failure(row.path, "changed", "is there, and the delta is for a root in which it is not")
    if row.old_kind is not None and seen.kind != row.old_kind:
        return Failure(row.path, "changed", f"is a {seen.kind}, and the delta is for a {row.old_kind}")
    if seen.kind == FILE and row.op in (*FILES_MADE, DELETE) and row.old_size not in (None, seen.size):
        return Failure(row.path, "changed", f"has {seen.size} bytes, and the delta is for a file of {row.old_size}")
    return None


# ---- Files ----------------------------------------------------------------------------------------------------------


def make_files(
    job: PatchJob, shard: Shard, beneath: Beneath, rows: list[Row], directory: str
) -> Iterator[tuple[Row, BaseException | None]]:
    """Makes the new file of each row in a directory of the area, with its mode and time. Gives each row with why it
    could not be made, or None. What is read at once is a stretch of the pack, with deltas in it that are not wanted."""
    output = os.open(job.area.inner(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        batch: list[Row] = []
        for row in rows:
            if row.op == COPY or (row.pack_length or 0) > BATCH_BYTES:
                yield row, failure_in(make_one, job, shard, beneath, row, output)
                continue
            if batch and end_of(row) - (batch[0].pack_offset or 0) > BATCH_BYTES:
                yield from make_batch(job, shard, beneath, batch, output)
                batch = []
            batch.append(row)
        yield from make_batch(job, shard, beneath, batch, output)
    finally:
        os.close(output)


def make_batch(
    job: PatchJob, shard: Shard, beneath: Beneath, rows: list[Row], output: int
) -> Iterator[tuple[Row, BaseException | None]]:
    """Makes the files of short deltas by one call."""
    if not rows:
        return
    start = rows[0].pack_offset or 0
    packed = memoryview(job.delta.item(shard, start, end_of(rows[-1]) - start))
    items = []
    for row in rows:
        at = (row.pack_offset or 0) - start
        basis = row.path if row.op == DELTA else None
        mode = None if row.mode is None else row.mode & 0o777
        delta = packed[at : at + (row.pack_length or 0)]
        items.append(redelta.PatchItem(basis, delta, str(row.number), mode, row.mtime_ns))
    most = max(1, *(row.size for row in rows))
    made = redelta.patch_files(items, root=beneath.root, dest_root=output, max_output=most, threads=1)
    for row, record in zip(rows, made, strict=True):
        error = record.error
        if error is None and (record.size != row.size or record.digest != row.digest):
            os.unlink(str(row.number), dir_fd=output)
            error = wrong_file(row)
        yield row, error


def end_of(row: Row) -> int:
    """Where the delta of a row ends in the pack."""
    return (row.pack_offset or 0) + (row.pack_length or 0)


def wrong_file(row: Row) -> RedeltaError:
    """What was made is not what the row promises."""
    return redelta.VerifyError("the result is not the file of the new version: the delta or its basis is another one")


def failure_in(make: Any, *arguments: Any) -> BaseException | None:
    """The exception of one file, which must not end the run."""
    try:
        make(*arguments)
    except (OSError, RedeltaError) as error:
        return error
    return None


def make_one(job: PatchJob, shard: Shard, beneath: Beneath, row: Row, output: int) -> None:
    """Makes a copy, or the file of a long delta."""
    name = str(row.number)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    made = os.open(name, flags, 0o600, dir_fd=output)
    try:
        with open(made, "r+b", buffering=0) as file:
            if row.op == COPY:
                copy_file(beneath, row, file)
            else:
                patch_long(job, shard, beneath, row, file)
            if file.seek(0, os.SEEK_END) != row.size:
                raise wrong_file(row)
            file.seek(0)
            if row.op == COPY and redelta.digest(file, threads=1) != row.digest:
                raise wrong_file(row)
            finish(made, row)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=output)
        raise


def finish(made: int, row: Row) -> None:
    """Gives a new file its mode and its time."""
    os.fchmod(made, 0o666 & ~current_umask() if row.mode is None else row.mode & 0o777)
    if row.mtime_ns is not None:
        os.utime(made, ns=(row.mtime_ns, row.mtime_ns))


def copy_file(beneath: Beneath, row: Row, file: Any) -> None:
    """Copies another file of the old version; the file system may share the blocks."""
    basis = beneath.open_file(row.basis_path or b"")
    try:
        if os.fstat(basis).st_size != row.size:
            raise wrong_file(row)
        if hasattr(os, "copy_file_range"):
            with contextlib.suppress(OSError):
                while os.copy_file_range(basis, file.fileno(), COPY_CHUNK):
                    pass
                return
        os.lseek(basis, 0, os.SEEK_SET)
        file.seek(0)
        file.truncate()
        with open(os.dup(basis), "rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)
    finally:
        os.close(basis)


def patch_long(job: PatchJob, shard: Shard, beneath: Beneath, row: Row, file: Any) -> None:
    """Applies a delta that is not held in memory."""
    start = row.pack_offset or 0
    with contextlib.ExitStack() as opened:
        pack = opened.enter_context(job.delta.place.open(shard.pack))
        basis: Any = b""
        if row.op == DELTA:
            basis = opened.enter_context(open(beneath.open_file(row.path), "rb", buffering=0))
        delta = PackedItem(pack, start, row.pack_length or 0)
        stats = redelta.write_patch(basis, delta, file, max_output=max(1, row.size), threads=1)
        if stats.digest != row.digest:
            raise wrong_file(row)


class PackedItem:
    """A part of a pack, as a file to read."""

    def __init__(self, file: Any, start: int, length: int) -> None:
        file.seek(start)
        self._file = file
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = bytes(self._file.read(self._left if size < 0 else min(size, self._left)))
        self._left -= len(data)
        return data
