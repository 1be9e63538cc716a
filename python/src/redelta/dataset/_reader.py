"""Reading a dataset that a stranger may have made.

Nothing of it is believed. Sizes are compared with the limits before anything is read or decoded, files with the digests
that the manifest gives, and then the rows themselves: the columns and their types, the order of the paths, whether one
leads out of the root, the kinds and ops, whether items lie within their pack and apart from each other. What is left to
lie about is what only the files can tell: digests, which `verify` and a patch compare with the real ones.

`check_dataset` also looks at what no shard shows alone: that nothing lies below a path that is a file or a link.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import redelta
from redelta._core import E_IO
from redelta._errors import ParameterError
from redelta.dataset._failures import FAILURE_KINDS, DatasetCorruptError
from redelta.dataset._limits import Limits
from redelta.dataset._manifest import Manifest, Shard, read_manifest
from redelta.dataset._places import Place
from redelta.dataset._schema import (
    ALL_OPS,
    COPY,
    DELETE,
    DELTA,
    DELTA_KIND,
    FILE,
    KINDS,
    LINK,
    MAKE,
    SCHEMAS,
    SIGNATURE_KIND,
    WHOLE,
    DatasetKind,
)  # fmt: skip
from redelta.dataset._shard_files import is_new_file, ops_of

BATCH_ROWS = 65_536
BAD_PATH = rb"(^$)|(^/)|(/$)|(//)|(^|/)\.(\.?(/|$)|redelta-)|\x00"
"""Of a path below a root: empty, absolute, with an empty component, `.`, `..` or a NUL; or with a component that
begins as the names do of files that are being written and of the areas of patches. No listing has such a one, and a
delta that has would write into the area of its own patch, or lead the next one elsewhere by a link."""

BAD_LINK = rb"(^$)|\x00"


@dataclass(frozen=True)
class Dataset:
    """A dataset that is there: its place, its manifest, and the digest of that. It can be sent to workers."""

    place: Place
    manifest: Manifest
    digest: str
    limits: Limits

    def table(self, shard: Shard, columns: list[str] | None = None) -> pa.Table:
        """The rows of a shard, checked; see `read_shard`."""
        return read_shard(self.place, self.manifest.kind, shard, self.limits, columns)

    def item(self, shard: Shard, offset: int, length: int) -> bytes:
        """A signature or a delta out of a pack."""
        data = self.place.read(shard.pack, offset, offset + length)
        if len(data) != length:
            raise DatasetCorruptError(f"{self.place}: {shard.pack} is shorter than the manifest says")
        return data

    def signature(self, shard: Shard, offset: int, length: int) -> redelta.Signature:
        """A signature out of a pack, loaded. Raises DatasetCorruptError if it is none, or LimitError."""
        data = self.item(shard, offset, length)
        try:
            return redelta.Signature.load(data, threads=1, max_memory=self.limits.signature_memory)
        except (redelta.BadMagicError, redelta.TruncatedError, redelta.CorruptError) as error:
            raise DatasetCorruptError(f"{self.place}: {shard.pack}: {error}") from error

    def between(self, after: bytes | None, last: bytes | None) -> tuple[Shard, ...]:
        """The shards that have paths after `after` and up to `last`; None: from the least, to the greatest."""
        return tuple(
            each
            for each in self.manifest.shards
            if (after is None or each.last > after) and (last is None or each.first <= last)
        )


class NoDatasetError(ParameterError):
    """There is no dataset where one should be."""

    code = E_IO


def open_dataset(place: Place, limits: Limits | None = None, kind: DatasetKind | None = None) -> Dataset:
    """The dataset at a place, of a certain kind. Reads and checks its manifest, nothing else. Raises ParameterError if
    there is none, or one of another kind."""
    if limits is not None and not isinstance(limits, Limits):
        raise ParameterError(f"limits must be a redelta.dataset.Limits, not {limits!r}")
    allowed = limits or Limits()
    try:
        manifest, digest = read_manifest(place, allowed)
    except FileNotFoundError as error:
        raise NoDatasetError(f"{place}: no dataset is here: it has no manifest.json; check the name") from error
    except DatasetCorruptError as error:
        raise DatasetCorruptError(f"{place}: {error}") from error
    if kind is not None and manifest.kind != kind:
        raise ParameterError(f"{place}: it is a {manifest.kind}, not a {kind}")
    return Dataset(place, manifest, digest, allowed)


def read_shard(
    place: Place, kind: DatasetKind, shard: Shard, limits: Limits, columns: list[str] | None = None
) -> pa.Table:
    """The rows of a shard, or these columns of them. All columns are decoded and checked if `columns` is None, else
    those that are given. Memory: that of the table and of the file. Raises DatasetCorruptError or LimitError."""
    limits.check("shard_rows", shard.rows)
    limits.check("shard_memory", shard.parquet_bytes)
    try:
        data = place.read(shard.parquet, 0, shard.parquet_bytes + 1)
    except FileNotFoundError as error:
        raise DatasetCorruptError(f"{place}: {shard.parquet} is missing") from error
    if len(data) != shard.parquet_bytes or redelta.digest(data, threads=1).hex() != shard.parquet_digest:
        raise DatasetCorruptError(f"{place}: {shard.parquet} is not the file that the manifest names")
    try:
        table = decode(data, kind, shard, limits, columns)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DatasetCorruptError):
            raise DatasetCorruptError(f"{place}: {error}") from error
        raise DatasetCorruptError(f"{place}: {shard.parquet} is damaged: {error}") from error
    wrong = next(faults(table, shard, limits), None)
    if wrong is not None:
        raise DatasetCorruptError(f"{place}: {shard.parquet}: {wrong}")
    return table


def decode(data: bytes, kind: DatasetKind, shard: Shard, limits: Limits, columns: list[str] | None) -> pa.Table:
    """The table of a parquet file, if it has the columns that it should and takes no more memory than allowed."""
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        metadata = file.metadata
        if metadata.num_rows != shard.rows or file.schema_arrow.remove_metadata() != bare(SCHEMAS[kind]):
            raise DatasetCorruptError(f"{shard.parquet} has other rows or columns than it should")
        groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
        size = sum(each.total_byte_size for each in groups)
        limits.check("shard_memory", size)
        table = table_of_batches(file, columns, size, limits)
    table.validate(full=True)
    return table


def table_of_batches(file: pq.ParquetFile, columns: list[str] | None, size: int, limits: Limits) -> pa.Table:
    """The rows of a parquet file of `size` bytes without compression. They can take much more: of a dictionary, or of
    the beginning of the value before, each row may repeat a value as long as all of these. So few are decoded at a
    time that the first that are too many are within the limit."""
    rows = min(max(limits.shard_memory // max(size, 1), 1), BATCH_ROWS)
    batches = []
    taken = 0
    for batch in file.iter_batches(rows, columns=columns, use_threads=False):
        taken += batch.nbytes
        limits.check("shard_memory", taken)
        batches.append(batch)
    table = pa.Table.from_batches(batches)
    return table if len(batches) == 1 else table.combine_chunks()


def bare(schema: pa.Schema) -> pa.Schema:
    """The schema as parquet gives it back."""
    return schema.remove_metadata()


# ---- What rows may be -----------------------------------------------------------------------------------------------


def faults(table: pa.Table, shard: Shard, limits: Limits) -> Iterator[str]:
    """What is wrong with the rows of a shard, one reason after the other."""
    names = set(table.schema.names)
    for field in table.schema:
        if not field.nullable and table[field.name].null_count:
            yield f"{field.name} is missing in a row"
    if "path" in names:
        yield from path_faults(table["path"], shard, limits)
    for name, allowed in (("kind", KINDS), ("old_kind", KINDS), ("op", ALL_OPS), ("failure", FAILURE_KINDS)):
        if name in names and not all_true(pc.is_in(table[name].drop_null(), pa.array(allowed))):
            yield f"{name} is none that is known"
    for name in ("size", "old_size"):
        if name in names and not all_true(pc.greater_equal(table[name].drop_null(), 0)):
            yield f"{name} is negative"
    if {"kind", "size"} <= names and not implies(pc.not_equal(table["kind"], FILE), pc.equal(table["size"], 0)):
        yield "what is no file has a size"
    if "link" in names and matches(table["link"].drop_null(), BAD_LINK):
        yield "the target of a link is empty, or has a NUL"
    if "basis_path" in names and bad_paths(table["basis_path"].drop_null()):
        yield "basis_path leads out of the root, or to what redelta keeps for itself"
    if {"pack_offset", "pack_length"} <= names:
        yield from pack_faults(table["pack_offset"], table["pack_length"], shard)
    if table.schema.names == SCHEMAS[SIGNATURE_KIND].names:
        yield from signature_faults(table)
        yield from number_faults(table, shard)
    elif table.schema.names == SCHEMAS[DELTA_KIND].names:
        yield from delta_faults(table)
        yield from number_faults(table, shard)


def all_true(values: Any) -> bool:
    """Are all of them true? Nulls are not."""
    return bool(pc.all(pc.fill_null(values, False), min_count=0).as_py())


def bad_paths(paths: Any) -> bool:
    """Is there one that is no path below a root?"""
    return matches(paths, BAD_PATH)


def matches(values: Any, pattern: bytes) -> bool:
    """Is the pattern in one of them?"""
    if len(values) == 0:
        return False
    return bool(pc.any(pc.match_substring_regex(values, pattern.decode("latin-1"))).as_py())


def path_faults(paths: Any, shard: Shard, limits: Limits) -> Iterator[str]:
    """Paths are in order, none is there twice, and none leads out."""
    array = paths.combine_chunks()
    if len(array) == 0 or array[0].as_py() != shard.first or array[-1].as_py() != shard.last:
        yield "its first or last path is not that of the manifest"
    if not all_true(pc.less(array[:-1], array[1:])):
        yield "paths are not in order, or one is there twice"
    if bad_paths(array):
        yield "a path leads out of the root, or to what redelta keeps for itself"
    if not all_true(pc.less_equal(pc.binary_length(array), limits.path_bytes)):
        yield "a path is longer than is allowed"


def pack_faults(offsets: Any, lengths: Any, shard: Shard) -> Iterator[str]:
    """Items lie within the pack, in the order of the rows, one after the other."""
    if (
        not pc.equal(offsets.is_valid(), lengths.is_valid())
        .combine_chunks()
        .equals(pa.array([True] * len(offsets), pa.bool_()))
    ):
        yield "an item of the pack has an offset without a length, or the reverse"
        return
    starts, sizes = offsets.drop_null().combine_chunks(), lengths.drop_null().combine_chunks()
    if len(starts) == 0:
        return
    if not (all_true(pc.greater_equal(starts, 0)) and all_true(pc.greater(sizes, 0))):
        yield "an item of the pack has a negative offset, or no length"
        return
    if not (all_true(pc.less_equal(starts, shard.pack_bytes)) and all_true(pc.less_equal(sizes, shard.pack_bytes))):
        yield "an item lies beyond the end of its pack"
        return
    ends = pc.add(starts, sizes)
    if not all_true(pc.less_equal(ends, shard.pack_bytes)):
        yield "an item lies beyond the end of its pack"
    if not all_true(pc.less_equal(ends[:-1], starts[1:])):
        yield "items of the pack overlap, or are not in order"


def implies(condition: Any, conclusion: Any) -> bool:
    """Does the one hold in every row in which the other does?"""
    return all_true(pc.or_(pc.invert(pc.fill_null(condition, False)), pc.fill_null(conclusion, False)))


def signature_faults(table: pa.Table) -> Iterator[str]:
    """A file has a digest, unless it has a failure; a link has a target."""
    is_file = pc.equal(table["kind"], FILE)
    if not implies(pc.and_(is_file, pc.is_null(table["failure"])), table["digest"].is_valid()):
        yield "a file has neither a digest nor a failure"
    if not implies(pc.equal(table["kind"], LINK), table["link"].is_valid()):
        yield "a link has no target"
    if not implies(table["pack_offset"].is_valid(), is_file):
        yield "what is no file has a signature"


def delta_faults(table: pa.Table) -> Iterator[str]:
    """A row has an op, unless it has a failure, and what the op needs."""
    op = table["op"]
    is_file = pc.equal(table["kind"], FILE)
    if not implies(pc.is_null(table["failure"]), op.is_valid()):
        yield "a row has neither an op nor a failure"
    if not implies(table["failure"].is_valid(), pc.is_null(op)):
        yield "a row has an op and a failure"
    packed = pc.is_in(op, pa.array([DELTA, WHOLE]))
    if not implies(packed, table["pack_offset"].is_valid()) or not implies(table["pack_offset"].is_valid(), packed):
        yield "a delta is missing, or not asked for"
    made = pc.is_in(op, pa.array([DELTA, WHOLE, COPY]))
    if not implies(made, pc.and_(is_file, table["digest"].is_valid())):
        yield "what is made is no file, or has no digest"
    if not implies(pc.equal(op, MAKE), pc.invert(is_file)):
        yield "a file is made of nothing"
    if not implies(pc.equal(op, COPY), table["basis_path"].is_valid()):
        yield "a copy has no path to copy from"
    if not implies(pc.is_in(op, pa.array([DELTA, DELETE])), table["old_kind"].is_valid()):
        yield "what is changed or deleted was not there"
    if not implies(pc.equal(op, DELTA), pc.and_(pc.equal(table["old_kind"], FILE), table["old_digest"].is_valid())):
        yield "a delta has no basis"
    if not implies(pc.and_(pc.equal(table["kind"], LINK), pc.not_equal(op, DELETE)), table["link"].is_valid()):
        yield "a link has no target"


def number_faults(table: pa.Table, shard: Shard) -> Iterator[str]:
    """The manifest says what the rows say: limits are compared with that."""
    files = table.filter(is_new_file(table))
    found = (files.num_rows, exact_sum(files["size"]), table.num_rows - table["failure"].null_count, ops_of(table))
    if found != (shard.files, shard.bytes, shard.failures, shard.ops):
        yield "its files, bytes, failures or ops are not those that the manifest names"


def exact_sum(sizes: Any) -> int:
    """The sum of up to 2^31 sizes, each up to 2^63: that of pyarrow wraps around."""
    high, low = pc.shift_right(sizes, 32), pc.bit_wise_and(sizes, (1 << 32) - 1)
    return ((pc.sum(high).as_py() or 0) << 32) + (pc.sum(low).as_py() or 0)


# ---- The whole ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outline:
    """What of a shard matters to the others: directories that its rows lie in but that have no row in it, and rows that
    are no directories and under which rows of later shards might lie."""

    outside: tuple[bytes, ...]
    open: tuple[bytes, ...]


def outline(table: pa.Table, *, nested: bool = False) -> Outline:
    """Looks at the paths of a shard. Raises DatasetCorruptError if one lies below another that is no directory; with
    `nested`, only if it lies below a link: in a store there may be objects below an object. Of a delta, only rows of
    the new version count."""
    if "op" in table.schema.names:
        table = table.filter(pc.not_equal(pc.fill_null(table["op"], ""), DELETE))
    leaf_kinds = pa.array([LINK] if nested else [LINK, FILE])
    leaves = set(table["path"].filter(pc.is_in(table["kind"], value_set=leaf_kinds)).to_pylist())
    paths = table["path"].to_pylist()
    inside = set(paths)
    parents: set[bytes] = set()
    for path in paths:
        at = path.rfind(b"/")
        while at > 0 and path[:at] not in parents:
            parents.add(path[:at])
            at = path.rfind(b"/", 0, at)
    if parents & leaves:
        raise DatasetCorruptError(
            f"{os.fsdecode(min(parents & leaves))!r} is no directory, but there are paths below it"
        )
    last = paths[-1] if paths else b""
    prefixes = {last[:at] for at in range(1, len(last) + 1)}
    return Outline(tuple(sorted(parents - inside)), tuple(sorted(leaves & prefixes)))


class Nesting:
    """Checks the outlines of all shards, in order."""

    def __init__(self) -> None:
        self._open: set[bytes] = set()

    def add(self, found: Outline) -> None:
        """The next shard. Raises DatasetCorruptError if a path of it lies below a file or link of an earlier one."""
        wrong = self._open.intersection(found.outside)
        if wrong:
            raise DatasetCorruptError(f"{os.fsdecode(min(wrong))!r} is no directory, but there are paths below it")
        self._open.update(found.open)


def check_shard(dataset: Dataset, shard: Shard, nested: bool = False) -> Outline:
    """Reads all of a shard, its pack included; `nested` is that of `outline`. Raises DatasetCorruptError or
    LimitError."""
    found = outline(dataset.table(shard), nested=nested)
    if shard.pack_bytes:
        check_pack(dataset.place, shard)
    return found


def check_pack(place: Place, shard: Shard) -> None:
    """Compares a pack with its length and its digest. Raises DatasetCorruptError."""
    try:
        with place.open(shard.pack) as file:
            size = file.seek(0, 2)
            file.seek(0)
            found = redelta.digest(file, threads=1).hex() if size == shard.pack_bytes else ""
    except FileNotFoundError as error:
        raise DatasetCorruptError(f"{place}: {shard.pack} is missing") from error
    if found != shard.pack_digest:
        raise DatasetCorruptError(f"{place}: {shard.pack} is not the file that the manifest names")
