"""Files with holes: making them, and finding out where their holes are."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from helpers.wire import DIGEST_BLAKE3, TRAILER_MAGIC, TRAILER_REST

BLOCK = 4096  # of most file systems


@dataclass(frozen=True)
class Layout:
    """A file of this size that is a hole but for pieces of data, which are in order and do not overlap."""

    size: int
    pieces: tuple[tuple[int, bytes], ...]

    def write(self, path: Path) -> None:
        """Makes the file. Zeros in a piece are written, and take room."""
        with path.open("wb") as file:
            file.truncate(self.size)
            for offset, data in self.pieces:
                file.seek(offset)
                file.write(data)


def runs_of_data(path: Path) -> list[tuple[int, int]]:
    """The ranges of the file that are not holes, as the system tells them."""
    found: list[tuple[int, int]] = []
    with path.open("rb") as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return found
                raise
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            found.append((start, end))


def blocks_of_data(path: Path) -> set[int]:
    """The numbers of the blocks that are not holes."""
    return {block for start, end in runs_of_data(path) for block in range(start // BLOCK, (end - 1) // BLOCK + 1)}


def blocks_not_zero(data: bytes) -> set[int]:
    """The numbers of the blocks that are not all zeros."""
    starts = range(0, len(data), BLOCK)
    return {start // BLOCK for start in starts if data[start : start + BLOCK].strip(b"\0")}


def room(path: Path) -> int:
    """The bytes that it takes on the disk."""
    return path.stat().st_blocks * 512


def has_holes(folder: Path) -> bool:
    """Whether the file system there has holes of one block."""
    probe = folder / "probe"
    Layout(3 * BLOCK, ((BLOCK, b"data"),)).write(probe)
    found = blocks_of_data(probe)
    probe.unlink()
    return found == {1}


def trailer_of(path: Path) -> bytes:
    """The trailer of a delta that makes this file, of which only the data is read."""
    zeros = bytes(1 << 24)
    size = path.stat().st_size
    digest = blake3(max_threads=blake3.AUTO)
    at = 0
    with path.open("rb") as file:
        for start, end in [*runs_of_data(path), (size, size)]:
            while at < start:
                portion = min(len(zeros), start - at)
                digest.update(memoryview(zeros)[:portion])
                at += portion
            file.seek(start)
            digest.update(file.read(end - start))
            at = end
    head = TRAILER_MAGIC.to_bytes(4, "big") + TRAILER_REST.to_bytes(4, "big")
    return head + size.to_bytes(8, "big") + bytes([DIGEST_BLAKE3]) + bytes(7) + digest.digest()


def equal(one: Path, other: Path, runs: Sequence[tuple[int, int]]) -> bool:
    """Whether two files have one size and the same bytes in these ranges."""
    chunk = 1 << 20
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        for start, end in runs:
            for at in range(start, end, chunk):
                first.seek(at)
                second.seek(at)
                size = min(chunk, end - at)
                if first.read(size) != second.read(size):
                    return False
    return True
