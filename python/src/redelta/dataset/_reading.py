"""Digests and signatures of files, many at a time: what workers do with most of their time.

`read_files` is the only function that reads the files of a root; the tasks that use it say what they want of each, and
get what they would write into its row."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

import redelta
from redelta._errors import RedeltaError
from redelta.dataset._failures import Failure, failure_of
from redelta.dataset._places import PRIVATE, Place

WHOLE_MAX = 4 << 20
"""Objects up to this size are held in memory, in bytes."""
BATCH = 1000
"""Files that are read by one call."""
BATCH_BYTES = 1 << 30
"""Their sizes together, in bytes."""
OBJECTS_BYTES = 64 << 20
"""The same for objects, all of which are in memory at once."""
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


class Status(NamedTuple):
    """What the system says of a file that was read."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    uid: int
    gid: int


@dataclass
class Found:
    """What was read: a digest and perhaps a signature, or a failure. `settled` is whether a change of the file after it
    was read would show in its times."""

    digest: bytes | None = None
    signature: bytes | None = None
    failure: Failure | None = None
    status: Status | None = None
    settled: bool = True


def is_settled(status: Status, now_ns: int) -> bool:
    """Would a change from now on show in the times of a file? Not if it was changed within the same tick of the clock
    that files get their times from: some milliseconds, or on some file systems seconds."""
    latest = max(status.mtime_ns, status.ctime_ns)
    return latest + (FINE_NS if latest % 1_000_000_000 else COARSE_NS) < now_ns


def read_files(root: Place, wanted: Sequence[Wanted], sums: Sums) -> Iterator[Found]:
    """What is wanted of each file, in order. Memory: the signatures of `BATCH` files, or of files of `BATCH_BYTES`;
    objects up to `OBJECTS_BYTES`."""
    if root.path is None:
        yield from read_objects(root, wanted, sums)
        return
    for batch in batches(wanted):
        signed, digested = (
            read_batch(root.path, [each for each in batch if each.signature == flag], sums, flag)
            for flag in (True, False)
        )
        for each in batch:
            yield next(signed if each.signature else digested)


def batches(wanted: Sequence[Wanted], most: int = BATCH_BYTES) -> Iterator[list[Wanted]]:
    """The files in runs that are neither too many nor too large."""
    batch: list[Wanted] = []
    size = 0
    for each in wanted:
        if batch and (len(batch) >= BATCH or size + each.size > most):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.size
    if batch:
        yield batch


def read_batch(root: bytes, batch: Sequence[Wanted], sums: Sums, wants_signature: bool) -> Iterator[Found]:
    """Files of a directory, all in one call of the library."""
    now = time.time_ns()
    records = redelta.sign_files(
        [each.path for each in batch], root=root, signature=wants_signature, threads=1, **sums.asdict()
    )
    for record in records:
        if record.error is not None:
            yield Found(failure=failure_of(os.fsencode(record.path), record.error))
            continue
        status = Status(
            record.size, record.mtime_ns, record.ctime_ns, record.inode, record.device, record.uid, record.gid
        )
        yield Found(record.digest, record.signature, None, status, is_settled(status, now))


def open_beneath(root: Place, path: bytes) -> IO[bytes]:
    """A file of a directory, which must be a plain one. Raises OSError."""
    descriptor = os.open(root.join(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "it is no plain file any more")
    return open(descriptor, "rb", buffering=0)


# ---- Objects --------------------------------------------------------------------------------------------------------


def read_objects(root: Place, wanted: Sequence[Wanted], sums: Sums) -> Iterator[Found]:
    """Objects below a URL; the file system is opened once. Small ones come many at a time, as far as fsspec can: a
    store answers after a while, but any number of requests at once."""
    filesystem, base = root.filesystem()
    for batch in batches(wanted, OBJECTS_BYTES):
        small = [f"{base}/{each.path.decode()}" for each in batch if 0 < each.size <= WHOLE_MAX]
        came = iter(filesystem.cat_ranges(small, None, None, on_error="return") if small else ())
        for each in batch:
            try:
                if each.size == 0:
                    yield summed(b"", 0, each, sums)
                elif each.size <= WHOLE_MAX:
                    yield summed_object(next(came), each, sums)
                else:
                    yield summed_file(filesystem, f"{base}/{each.path.decode()}", each, sums)
            except (OSError, RedeltaError, ValueError) as error:
                yield Found(failure=failure_of(each.path, error))


def summed_object(came: Any, wanted: Wanted, sums: Sums) -> Found:
    """A small object, which is here, or the exception instead of it."""
    if isinstance(came, Exception):
        raise came
    return summed(bytes(came), len(came), wanted, sums)


def summed_file(filesystem: Any, path: str, wanted: Wanted, sums: Sums) -> Found:
    """A larger object, as a file of this machine."""
    with fetched(filesystem, path) as file:
        return summed(file, os.fstat(file.fileno()).st_size, wanted, sums)


def summed(source: Any, size: int, wanted: Wanted, sums: Sums) -> Found:
    """The digest of a source, and the signature if it is wanted."""
    if size != wanted.size:
        raise redelta.FileChangedError("changed while it was being read")
    signature = redelta.signature(source, threads=1, **sums.asdict()) if wanted.signature else None
    if signature is not None and not isinstance(source, bytes):
        source.seek(0)
    return Found(redelta.digest(source, threads=1), signature)


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
