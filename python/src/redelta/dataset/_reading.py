"""Digests and signatures of files, many at a time: what workers do with most of their time.

`read_files` is the only function that reads the files of a root; the tasks that use it say what they want of each, and
get what they would write into its row."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

import redelta
from redelta._errors import RedeltaError
from redelta.dataset._failures import Failure, failure_of
from redelta.dataset._places import PRIVATE, Place

WHOLE_MAX = 4 << 20
"""Files up to this size are read by one call, in bytes."""
FINE_NS = 50_000_000
COARSE_NS = 2_000_000_000


@dataclass(frozen=True)
class Sums:
    """How signatures are made: the parameters of `redelta.signature`."""

    block_len: int | None = None
    strong_len: Any = "least"
    hash: Any = "rk-blake2"

    def asdict(self) -> dict[str, Any]:
        """As keywords."""
        return {"block_len": self.block_len, "strong_len": self.strong_len, "hash": self.hash}


@dataclass(frozen=True)
class Wanted:
    """A file to read: its path below the root, its size as listed, and whether a signature of it is wanted."""

    path: bytes
    size: int
    signature: bool = False


@dataclass
class Found:
    """What was read: a digest and perhaps a signature, or a failure. `status` is what the system says of the file that
    was read, `settled` whether a change after it was read would show in its times."""

    digest: bytes | None = None
    signature: bytes | None = None
    failure: Failure | None = None
    status: os.stat_result | None = None
    settled: bool = True


def is_settled(status: os.stat_result, now_ns: int) -> bool:
    """Would a change from now on show in the times of a file? Not if it was changed within the same tick of the clock
    that files get their times from: some milliseconds, or on some file systems seconds."""
    latest = max(status.st_mtime_ns, status.st_ctime_ns)
    return latest + (FINE_NS if latest % 1_000_000_000 else COARSE_NS) < now_ns


def read_files(root: Place, wanted: Sequence[Wanted], sums: Sums) -> Iterator[Found]:
    """What is wanted of each file, in order. Memory: that of the largest file, if it is at most `WHOLE_MAX`, or a few
    MiB."""
    read = read_local if root.path is not None else reader_of_objects(root)
    for each in wanted:
        try:
            yield read(root, each, sums)
        except (OSError, RedeltaError, ValueError) as error:
            yield Found(failure=failure_of(each.path, error))


def open_beneath(root: Place, path: bytes) -> IO[bytes]:
    """A file of a directory, which must be a plain one. Raises OSError."""
    descriptor = os.open(root.join(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(2, "it is no plain file any more")
    return open(descriptor, "rb", buffering=0)


def read_local(root: Place, wanted: Wanted, sums: Sums) -> Found:
    """A file of a directory."""
    now = time.time_ns()
    with open_beneath(root, wanted.path) as file:
        before = os.fstat(file.fileno())
        source: Any = file.read(before.st_size) if before.st_size <= WHOLE_MAX else file
        found = summed(source, wanted, sums)
        after = os.fstat(file.fileno())
    if is_changed(before, after) or (source is not file and len(source) != before.st_size):
        raise redelta.FileChangedError("changed while it was being read")
    found.status = before
    found.settled = is_settled(before, now)
    return found


def is_changed(before: os.stat_result, after: os.stat_result) -> bool:
    """Did a file change between the two?"""
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def summed(source: Any, wanted: Wanted, sums: Sums) -> Found:
    """The digest of a source, and the signature if it is wanted."""
    signature = redelta.signature(source, threads=1, **sums.asdict()) if wanted.signature else None
    if not isinstance(source, bytes):
        source.seek(0)
    return Found(redelta.digest(source, threads=1), signature)


# ---- Objects --------------------------------------------------------------------------------------------------------


def reader_of_objects(root: Place) -> Callable[[Place, Wanted, Sums], Found]:
    """Reads objects below a URL; the file system is opened once."""
    filesystem, base = root.filesystem()

    def read(_: Place, wanted: Wanted, sums: Sums) -> Found:
        path = f"{base}/{wanted.path.decode()}"
        if wanted.size <= WHOLE_MAX:
            data = bytes(filesystem.cat_file(path))
            if len(data) != wanted.size:
                raise redelta.FileChangedError("changed while it was being read")
            return summed(data, wanted, sums)
        with fetched(filesystem, path) as file:
            if os.fstat(file.fileno()).st_size != wanted.size:
                raise redelta.FileChangedError("changed while it was being read")
            return summed(file, wanted, sums)

    return read


@contextmanager
def fetched(filesystem: Any, path: str) -> Iterator[IO[bytes]]:
    """An object as a file of this machine, for as long as the block lasts."""
    descriptor, private = tempfile.mkstemp(prefix=PRIVATE)
    try:
        os.close(descriptor)
        filesystem.get_file(path, private)
        with open(private, "rb", buffering=0) as file:
            yield file
    finally:
        with suppress(FileNotFoundError):
            os.unlink(private)


@contextmanager
def local_file(root: Place, path: bytes) -> Iterator[IO[bytes]]:
    """A file of a root as a plain file of this machine, wherever the root is."""
    if root.path is not None:
        with open_beneath(root, path) as file:
            yield file
        return
    filesystem, inner = root.inner(path)
    with fetched(filesystem, inner) as file:
        yield file
