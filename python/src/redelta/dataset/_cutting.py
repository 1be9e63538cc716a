"""Where shards end.

A shard ends after a path whose keyed hash is 0 modulo `shard_files`, so that a new or a removed file changes the shard
that it is in, and no other: all others have the same rows as before, hence the same names and bytes. Bounds of rows and
of bytes keep the work of a task from growing; after a bound was met, the next hash puts the ends back where they were.
A file above `large` is a shard of its own, since workers share it by its ranges.

Workers list, and find the hashes; the driver, which has all rows pass through it, only adds up and slices.
"""

from __future__ import annotations

import hashlib
import marshal
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pyarrow as pa

from redelta.dataset._listing import KIND, PATH, SIZE, Listed
from redelta.dataset._schema import FILE, LISTING_SCHEMA

KEY = b"redelta shards"
"""What personalizes the hash: at most 16 bytes."""
ROWS_FACTOR = 4
"""Bound of the rows of a shard, in `shard_files`: one in e^4 shards would be longer."""
ROW_KEY = 16
"""The length of what stands for a row in the name of its shard, in bytes."""


@dataclass(frozen=True)
class Cut:
    """How shards are cut: see `write_signature`."""

    shard_files: int = 10_000
    shard_bytes: int = 2 << 30
    large: int = 1 << 30


@dataclass(frozen=True)
class Section:
    """Rows as they were listed, in order: as a record batch in bytes, with a key for each, and the numbers of those
    after which a shard ends, and of the large files."""

    ipc: bytes
    keys: bytes
    ends: Sequence[int]
    larges: Sequence[int]


def section_of(rows: Sequence[Listed], how: Cut) -> Section:
    """By a worker. A key is a hash of all that the row says."""
    keys = b"".join(hashlib.blake2b(marshal.dumps(row, 2), digest_size=ROW_KEY).digest() for row in rows)
    ends = [number for number, row in enumerate(rows) if ends_shard(row[PATH], how.shard_files)]
    larges = [number for number, row in enumerate(rows) if row[SIZE] > how.large and row[KIND] == FILE]
    return Section(ipc_of(rows), keys, ends, larges)


def ends_shard(path: bytes, shard_files: int) -> bool:
    """Is this the last path of a shard, by its hash?"""
    hashed = hashlib.blake2b(path, digest_size=8, person=KEY).digest()
    return int.from_bytes(hashed, "big") % shard_files == 0


def ipc_of(rows: Sequence[Listed]) -> bytes:
    """The rows as a record batch, in bytes."""
    count = len(rows)
    columns = zip(*rows, strict=True) if rows else ([] for _ in LISTING_SCHEMA)
    arrays = [
        pa.nulls(count, each.type) if column.count(None) == count else pa.array(column, each.type)
        for column, each in zip(columns, LISTING_SCHEMA, strict=True)
    ]
    return bytes(pa.RecordBatch.from_arrays(arrays, schema=LISTING_SCHEMA).serialize())


def rows_of_ipc(data: bytes) -> pa.Table:
    """The rows of such a batch as a table."""
    return pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(data), LISTING_SCHEMA)])


@dataclass(frozen=True)
class Piece:
    """The rows of a shard, listed but not yet worked on. It covers all paths after `after` (None: from the least) up to
    `last`; None: to the greatest."""

    table: pa.Table
    key: bytes
    after: bytes | None
    last: bytes | None
    large: bool = False

    def to_ipc(self) -> bytes:
        """The rows as bytes: a worker's argument."""
        batches = self.table.combine_chunks().to_batches()
        return bytes(batches[0].serialize()) if batches else ipc_of([])

    @property
    def first(self) -> Listed:
        """Its first row."""
        return tuple(column[0].as_py() for column in self.table.itercolumns())


class Cutter:
    """Cuts sections, which come in order, into pieces. The last piece reaches to the greatest path; there is one
    even if there are no rows. Where it cuts does not depend on where one ends and the next begins."""

    def __init__(self, how: Cut) -> None:
        self._how = how
        self._held: list[pa.Table] = []
        self._keys = hashlib.blake2b(digest_size=ROW_KEY)
        self._rows = 0
        self._bytes = 0
        self._after: bytes | None = None
        self._waiting: Piece | None = None

    def add(self, section: Section) -> Iterator[Piece]:
        """Takes the next rows; gives the pieces that are complete."""
        table = rows_of_ipc(section.ipc)
        sums = [0, *accumulate(table["size"].to_pylist())]
        start = 0
        while start < table.num_rows:
            stop, is_end, is_large = self._stop(section, sums, start)
            if stop > start:
                self._hold(table.slice(start, stop - start), section.keys[start * ROW_KEY : stop * ROW_KEY])
                self._bytes += sums[stop] - sums[start]
            if is_end:
                yield from self._finish(is_large)
            start = stop

    def _stop(self, section: Section, sums: Sequence[int], start: int) -> tuple[int, bool, bool]:
        """Up to which row the piece reaches that `start` is in, whether it ends there, and whether it is a large
        file."""
        how, count = self._how, len(sums) - 1
        large = next_in(section.larges, start, count)
        if large == start:
            return (start, True, False) if self._rows else (start + 1, True, True)
        stop = min(
            count,
            large,
            next_in(section.ends, start, count) + 1,
            start + ROWS_FACTOR * how.shard_files - self._rows,
        )
        room = bisect_right(sums, sums[start] + how.shard_bytes - self._bytes) - 1
        if room < stop:
            least = start if self._rows else start + 1  # one row is a piece, whatever its size
            stop = max(room, least)
            return stop, stop > start or self._rows > 0, False
        is_end = stop == large < count or stop == start + ROWS_FACTOR * how.shard_files - self._rows
        return stop, is_end or next_in(section.ends, start, count) + 1 == stop, False

    def _hold(self, table: pa.Table, keys: bytes) -> None:
        self._held.append(table)
        self._keys.update(keys)
        self._rows += table.num_rows

    def _finish(self, is_large: bool) -> Iterator[Piece]:
        """The rows that are held are a piece; the one before goes out, since it is not the last."""
        table = pa.concat_tables(self._held)
        last = table["path"][-1].as_py()
        before, self._waiting = self._waiting, Piece(table, self._keys.digest(), self._after, last, is_large)
        self._held, self._rows, self._bytes = [], 0, 0
        self._keys = hashlib.blake2b(digest_size=ROW_KEY)
        self._after = last
        if before is not None:
            yield before

    def end(self) -> Iterator[Piece]:
        """After the last section: the pieces that are left."""
        waiting = self._waiting
        if waiting is not None and not self._rows:
            yield Piece(waiting.table, waiting.key, waiting.after, None, waiting.large)
            return
        if waiting is not None:
            yield waiting
        table = pa.concat_tables(self._held) if self._held else LISTING_SCHEMA.empty_table()
        yield Piece(table, self._keys.digest(), self._after, None)


def next_in(numbers: Sequence[int], start: int, end: int) -> int:
    """The first of sorted numbers that is not below `start`; `end` if there is none."""
    at = bisect_left(numbers, start)
    return numbers[at] if at < len(numbers) else end


def unread_directories(table: Any) -> list[bytes]:
    """Directories of a listing that could not be read."""
    import pyarrow.compute as pc

    failed = pc.and_(pc.equal(table["kind"], "directory"), table["failure"].is_valid())
    return list(table["path"].filter(failed).to_pylist())
