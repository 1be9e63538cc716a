"""What an older dataset knows of files that have not changed since.

A file is unchanged if it has the same size, modification time, change time, inode and device; or an object, if it has
the same size and ETag. A row without a change time and without an ETag is of a file that had been changed just before
it was read, or of a store that tells nothing: it is never taken for unchanged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from redelta.dataset._manifest import Shard
from redelta.dataset._reader import Dataset
from redelta.dataset._schema import FILE, SIGNATURE_KIND

IDENTITY = ["path", "kind", "size", "mtime_ns", "ctime_ns", "inode", "device", "etag"]


@dataclass(frozen=True)
class Known:
    """The part of an older dataset that a task needs: the shards with paths that it has, too."""

    dataset: Dataset
    shards: tuple[Shard, ...]

    @classmethod
    def part(cls, dataset: Dataset | None, after: bytes | None, last: bytes | None) -> Known | None:
        """Of a dataset, or None, what lies between two paths."""
        return None if dataset is None else cls(bare(dataset), dataset.between(after, last))


def bare(dataset: Dataset) -> Dataset:
    """A dataset without the list of its shards, which may be long: what tasks get."""
    return replace(dataset, manifest=replace(dataset.manifest, shards=()))


def columns_of(dataset: Dataset) -> list[str]:
    """What is read of an older dataset."""
    sums = ["hash", "block_len", "strong_len", "blocks"] if dataset.manifest.kind == SIGNATURE_KIND else ["op"]
    return [*IDENTITY, "digest", "pack_offset", "pack_length", *sums]


def same_rows(listed: pa.Table, older: pa.Table) -> Any:
    """For each listed row, the number of the row in `older` that is the same unchanged file with a digest; null if
    there is none."""
    at = pc.index_in(listed["path"], value_set=older["path"].combine_chunks())
    before = older.take(at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at)

    def same(name: str) -> Any:
        return pc.fill_null(pc.equal(listed[name], before[name]), False)

    is_file = pc.and_(pc.equal(listed["kind"], FILE), before["digest"].is_valid())
    by_time = pc.and_(pc.and_(same("mtime_ns"), same("ctime_ns")), pc.and_(same("inode"), same("device")))
    is_same = pc.and_(
        pc.and_(pc.fill_null(is_file, False), pc.and_(same("kind"), same("size"))), pc.or_(by_time, same("etag"))
    )
    if "op" in older.schema.names:
        is_same = pc.and_(is_same, pc.not_equal(pc.fill_null(before["op"], "delete"), "delete"))
    return pc.if_else(is_same, at, pa.scalar(None, at.type))
