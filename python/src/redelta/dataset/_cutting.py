"""Where shards end.

A shard ends after a path whose keyed hash is 0 modulo `shard_files`, so that a new or a removed file changes the shard
that it is in, and no other: all others have the same rows as before, hence the same names and bytes. Bounds of rows and
of bytes keep the work of a task from growing; after a bound was met, the next hash puts the ends back where they were.
A file above `large` is a shard of its own, since workers share it by its ranges."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from redelta.dataset._listing import KIND, PATH, SIZE, Listed
from redelta.dataset._schema import FILE, LISTING_SCHEMA

KEY = b"redelta dataset"
ROWS_FACTOR = 4
"""Bound of the rows of a shard, in `shard_files`: one in e^4 shards would be longer."""


@dataclass(frozen=True)
class Cut:
    """How shards are cut: see `write_signature`."""

    shard_files: int = 10_000
    shard_bytes: int = 2 << 30
    large: int = 1 << 30


@dataclass(frozen=True)
class Piece:
    """The rows of a shard, listed but not yet worked on. It covers all paths after `after` (None: from the least) up to
    `last`; None: to the greatest."""

    rows: list[Listed]
    after: bytes | None
    last: bytes | None
    large: bool = False

    def to_ipc(self) -> bytes:
        """The rows as bytes, the same for the same rows: a worker's argument, and what a shard's name is made of."""
        count = len(self.rows)
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in LISTING_SCHEMA)
        arrays = [
            pa.nulls(count, each.type) if column.count(None) == count else pa.array(column, each.type)
            for column, each in zip(columns, LISTING_SCHEMA, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=LISTING_SCHEMA)
        return bytes(batch.serialize())


def rows_of_ipc(data: bytes) -> pa.Table:
    """The listing of a piece as a table."""
    return pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(data), LISTING_SCHEMA)])


def ends_shard(path: bytes, shard_files: int) -> bool:
    """Is this the last path of a shard, by its hash?"""
    hashed = hashlib.blake2b(path, digest_size=8, person=KEY).digest()
    return int.from_bytes(hashed, "big") % shard_files == 0


def cut(rows: Iterable[Listed], how: Cut) -> Iterator[Piece]:
    """The rows in pieces, in order. The last piece reaches to the greatest path; there is one even if there are no
    rows."""
    held: list[Listed] = []
    size = 0
    after: bytes | None = None
    waiting: Piece | None = None
    for row in rows:
        path, kind, row_size = row[PATH], row[KIND], row[SIZE]
        is_large = row_size > how.large and kind == FILE
        if held and (is_large or size + row_size > how.shard_bytes):
            if waiting is not None:
                yield waiting
            waiting = Piece(held, after, held[-1][PATH])
            after, held, size = held[-1][PATH], [], 0
        held.append(row)
        size += row_size
        if is_large or len(held) >= ROWS_FACTOR * how.shard_files or ends_shard(path, how.shard_files):
            if waiting is not None:
                yield waiting
            waiting = Piece(held, after, path, is_large)
            after, held, size = path, [], 0
    if waiting is not None and not held:
        yield Piece(waiting.rows, waiting.after, None, waiting.large)
        return
    if waiting is not None:
        yield waiting
    yield Piece(held, after, None)
