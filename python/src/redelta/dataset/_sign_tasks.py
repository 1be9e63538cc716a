"""The tasks of `write_signature`: a shard of files that are signed, or copied from what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from redelta.dataset._columns import Columns
from redelta.dataset._cutting import rows_of_ipc
from redelta.dataset._failures import Failure
from redelta.dataset._known import Known, columns_of, same_rows
from redelta.dataset._manifest import Shard
from redelta.dataset._pack import PackWriter
from redelta.dataset._places import Place
from redelta.dataset._ranges import Parts, Plan, join, plan_signature
from redelta.dataset._reader import Dataset, check_pack
from redelta.dataset._reading import Found, Sums, Wanted, read_files
from redelta.dataset._schema import FILE, SIGNATURE_KIND
from redelta.dataset._shard_files import writing_shard


@dataclass(frozen=True)
class SignJob:
    """What is the same for all shards of a run."""

    root: Place
    dest: Place
    sums: Sums
    min_size: int


@dataclass(frozen=True)
class Done:
    """What a task tells of its shard."""

    shard: Shard
    failures: tuple[Failure, ...] = ()
    read_files: int = 0


def sign_shard(job: SignJob, stem: str, ipc: bytes, known: Known | None, parts: Parts | None = None) -> Done:
    """Makes a shard of these rows; of a large file, of its parts. Memory: the rows, and the files that are read one
    after the other."""
    rows = rows_of_ipc(ipc)
    older = OlderRows.find(rows, known, job)
    columns = {name: rows[name].to_pylist() for name in ("path", "kind", "size", "failure")}
    wanted = [
        Wanted(path, size, size >= job.min_size)
        for path, kind, size, failure, before in zip(*columns.values(), older.at, strict=True)
        if kind == FILE and failure is None and before is None
    ]
    reading = read_files(job.root, wanted, job.sums)
    if parts is not None:
        reading = iter([join(job.dest, parts).found])
    with writing_shard(job.dest, SIGNATURE_KIND, stem) as writer:
        made = Columns(rows, SIGNATURE_KIND)
        for at, (kind, failure, before) in enumerate(zip(columns["kind"], columns["failure"], older.at, strict=True)):
            if kind != FILE or failure is not None:
                continue
            found = next(reading) if before is None else older.found(before)
            made.take(at, found)
            if found.signature is not None:
                put_signature(made, at, found.signature, job.sums, writer.pack)
        writer.finish(made.columns(), settled=made.settled)
    assert writer.shard is not None
    return Done(writer.shard, tuple(made.failures()), len(wanted))


def plan_shard(job: SignJob, ipc: bytes, known: Known | None) -> Plan:
    """How a shard that is one large file is worked on: not in ranges if it is known, or wants no signature."""
    rows = rows_of_ipc(ipc)
    size = rows["size"][0].as_py()
    if size < job.min_size or OlderRows.find(rows, known, job).at[0] is not None:
        return Plan()
    return plan_signature(size, job.sums)


def put_signature(made: Columns, at: int, signature: bytes, sums: Sums, pack: PackWriter) -> None:
    """Adds a signature to the pack and to its row."""
    offset, length = pack.add(signature)
    block_len, strong_len, blocks = shape_of(signature)
    made.fill(
        at,
        pack_offset=offset,
        pack_length=length,
        hash=sums.hash,
        block_len=block_len,
        strong_len=strong_len,
        blocks=blocks,
    )


def shape_of(signature: bytes) -> tuple[int, int, int]:
    """The block length, the strong length and the number of blocks, by the 12 bytes at the start of a signature."""
    block_len, strong_len = (int.from_bytes(signature[at : at + 4], "big") for at in (4, 8))
    return block_len, strong_len, (len(signature) - 12) // (4 + strong_len)


@dataclass(frozen=True)
class OlderRows:
    """The rows of a known dataset that are those of unchanged files: `at` has for each listed row the number of one, or
    None."""

    at: Sequence[int | None]
    min_size: int = 0
    dataset: Dataset | None = None
    table: pa.Table | None = None
    shards: Sequence[Shard] = ()
    """That of each row of the table."""

    @classmethod
    def find(cls, rows: pa.Table, known: Known | None, job: SignJob) -> OlderRows:
        """Looks for the listed rows in what is known. A row whose signature has other parameters is of no use."""
        if known is None or not known.shards:
            return cls([None] * rows.num_rows)
        dataset = known.dataset
        columns = columns_of(dataset)
        tables = [dataset.table(each, columns) for each in known.shards]
        table = pa.concat_tables(tables)
        is_ours = (
            dataset.manifest.kind == SIGNATURE_KIND and dataset.manifest.parameters.get("sums") == job.sums.asdict()
        )
        has_signature = pc.and_(table["pack_length"].is_valid(), is_ours)
        at = same_rows(rows, table)
        if isinstance(at, pa.ChunkedArray):
            at = at.combine_chunks()
        is_small = pc.less(rows["size"], job.min_size).combine_chunks()
        is_of_use = pc.or_(is_small, pc.fill_null(has_signature.combine_chunks().take(at), False))
        usable = pc.if_else(is_of_use, at, pa.scalar(None, at.type)).to_pylist()
        shards = [each for each, part in zip(known.shards, tables, strict=True) for _ in range(part.num_rows)]
        return cls(usable, job.min_size, dataset, table, shards)

    def found(self, before: int) -> Found:
        """What is known of an unchanged file."""
        assert self.table is not None
        assert self.dataset is not None
        size, digest, offset, length = (
            self.table[name][before].as_py() for name in ("size", "digest", "pack_offset", "pack_length")
        )
        if size < self.min_size:
            return Found(digest)
        shard = self.shards[before]
        return Found(digest, bytes(self.dataset.signature(shard, offset, length)))


def copy_shard(known: Dataset, dest: Place, shard: Shard) -> Done:
    """Takes a shard from a known dataset as it is, if it is what that says: the pack first, then the rows."""
    known.table(shard, ["path"])
    if shard.pack_bytes:
        check_pack(known.place, shard)
        dest.copy_from(known.place, shard.pack)
    dest.copy_from(known.place, shard.parquet)
    return Done(shard)
