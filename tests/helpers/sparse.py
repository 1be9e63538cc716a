"""Files with holes: making them, and finding out where their holes are."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.wire import BRANCH_LEAVES, DIGEST_TREE, LEAF_LENGTH, TRAILER_MAGIC, TRAILER_REST, tree_node

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


def _leaves(path: Path, size: int) -> Iterator[int]:
    """The numbers of the leaves with data, and that of the last."""
    last = max(size - 1, 0) // LEAF_LENGTH
    previous = -1
    for start, end in [*runs_of_data(path), (last * LEAF_LENGTH, size)]:
        for number in range(max(start // LEAF_LENGTH, previous + 1), max(end - 1, start) // LEAF_LENGTH + 1):
            yield number
            previous = number


def trailer_of(path: Path) -> bytes:
    """The trailer of a delta that makes this file, of which only the data is read."""
    size = path.stat().st_size
    last = max(size - 1, 0) // LEAF_LENGTH
    zero_leaf = tree_node(bytes(LEAF_LENGTH), 0, False).digest()
    zero_branch = tree_node(zero_leaf * BRANCH_LEAVES, 1, False).digest()
    root = tree_node(b"", 2, True)
    branches: dict[int, list[int]] = {}
    for number in _leaves(path, size):
        branches.setdefault(number // BRANCH_LEAVES, []).append(number)
    with path.open("rb") as file:
        for branch in range(last // BRANCH_LEAVES + 1):
            if branch not in branches:
                root.update(zero_branch)
                continue
            first = branch * BRANCH_LEAVES
            sums = [zero_leaf] * min(BRANCH_LEAVES, last + 1 - first)
            for number in branches[branch]:
                file.seek(number * LEAF_LENGTH)
                sums[number - first] = tree_node(file.read(LEAF_LENGTH), 0, number == last).digest()
            root.update(tree_node(b"".join(sums), 1, branch == last // BRANCH_LEAVES).digest())
    start = TRAILER_MAGIC.to_bytes(4, "big") + TRAILER_REST.to_bytes(4, "big")
    return start + size.to_bytes(8, "big") + bytes([DIGEST_TREE]) + bytes(7) + root.digest()


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
