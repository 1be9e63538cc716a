"""The tasks of `write_delta`: the rows of a shard of the new version, each with what makes it of the old one.

A file is, in this order: *kept* if the old file of its path has the same digest; *copied* if an old file of another
path has it; a *delta*, if there is a signature of the old file; or *whole*. What travels whole is a delta, too, whose
commands are all literals: so whoever applies deltas applies everything, to an empty file as the basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import redelta
from redelta._errors import RedeltaError
from redelta.dataset._columns import Columns, table_of
from redelta.dataset._cutting import rows_of_ipc
from redelta.dataset._failures import DatasetCorruptError, failure_of
from redelta.dataset._index import Lookup
from redelta.dataset._known import Known, columns_of, same_rows
from redelta.dataset._manifest import Shard
from redelta.dataset._pack import PackWriter
from redelta.dataset._places import Place
from redelta.dataset._ranges import Joined, Parts, Plan, join, plan_delta, signature_of
from redelta.dataset._reader import Dataset
from redelta.dataset._reading import WHOLE_MAX, Found, Sums, Wanted, local_file, read_files
from redelta.dataset._schema import COPY, DELETE, DELTA, DELTA_KIND, DIRECTORY, FILE, KEEP, MAKE, SCHEMAS, WHOLE
from redelta.dataset._shard_files import writing_shard
from redelta.dataset._sign_tasks import Done

Item = tuple[Dataset, Shard, int, int]
"""Where a signature is: the offset and the length in the pack of a shard."""

OLD = ["path", "kind", "size", "mode", "link", "digest", "pack_offset", "pack_length", "failure"]


@dataclass(frozen=True)
class DeltaJob:
    """What is the same for all shards of a run: `old` is the signature's dataset, without its shards."""

    root: Place
    dest: Place
    old: Dataset
    index: str | None
    compress: Any


@dataclass(frozen=True)
class Stretch:
    """The paths that a shard covers: after `after` (None: from the least) up to `last` (None: to the greatest), and the
    old shards in which some of them are."""

    after: bytes | None
    last: bytes | None
    shards: tuple[Shard, ...]
    unread: tuple[bytes, ...] = ()
    """Directories that could not be read and below which some of these paths are: what was there is not known to be
    gone."""


class OldRows:
    """The old rows of a stretch."""

    def __init__(self, dataset: Dataset, stretch: Stretch) -> None:
        self.dataset = dataset
        self.unread = stretch.unread
        schema = pa.schema([SCHEMAS["dataset signature"].field(name) for name in OLD])
        tables, owners = [schema.empty_table()], []
        for shard in stretch.shards:
            part = within(dataset.table(shard, OLD), stretch)
            tables.append(part)
            owners += [shard] * part.num_rows
        self.table = pa.concat_tables(tables).combine_chunks()
        self._owners: Sequence[Shard] = owners
        self.columns: dict[str, list[Any]] = {name: self.table[name].to_pylist() for name in OLD}

    def item(self, at: int) -> Item | None:
        """Where the signature of an old file is, if there is one."""
        offset, length = self.columns["pack_offset"][at], self.columns["pack_length"][at]
        if offset is None or self.columns["kind"][at] != FILE:
            return None
        return self.dataset, self._owners[at], offset, length


def within(table: pa.Table, stretch: Stretch) -> pa.Table:
    """The rows of a stretch."""
    if stretch.after is not None:
        table = table.filter(pc.greater(table["path"], pa.scalar(stretch.after, pa.binary())))
    if stretch.last is not None:
        table = table.filter(pc.less_equal(table["path"], pa.scalar(stretch.last, pa.binary())))
    return table


def plan_shard(job: DeltaJob, ipc: bytes, stretch: Stretch, known: Known | None) -> Plan:
    """How a shard that is one large file is worked on: not in ranges if its digest is known, and that of the old
    file."""
    task = DeltaTask(job, rows_of_ipc(ipc), OldRows(job.old, stretch))
    before = task.before[0]
    digest = task.known_digests(known)[0]
    if digest is not None and before is not None and digest == task.old.columns["digest"][before]:
        return Plan()
    return plan_delta(None if before is None else task.old.item(before))


def delta_shard(
    job: DeltaJob, stem: str, ipc: bytes, stretch: Stretch, known: Known | None, parts: Parts | None = None
) -> Done | None:
    """Makes a shard of a delta, of a large file of its parts; None if there is nothing in it. Memory: the rows, the old
    ones, and for one file at a time a signature and a delta's window."""
    rows = rows_of_ipc(ipc)
    old = OldRows(job.old, stretch)
    if rows.num_rows + old.table.num_rows == 0:
        return None
    task = DeltaTask(job, rows, old)
    read = task.find_digests(known, None if parts is None else join(job.dest, parts))
    with writing_shard(job.dest, DELTA_KIND, stem) as writer:
        task.decide(writer.pack)
        columns, count = task.merged()
        if count:
            writer.finish(columns, settled=task.made.settled)
    if writer.shard is None:
        return None
    return Done(writer.shard, tuple(task.made.failures()), read)


class DeltaTask:
    """What is found out of the rows of a shard, step by step."""

    def __init__(self, job: DeltaJob, rows: pa.Table, old: OldRows) -> None:
        self.job = job
        self.rows = rows
        self.old = old
        self.made = Columns(rows, DELTA_KIND)
        self.columns: dict[str, list[Any]] = {
            name: rows[name].to_pylist() for name in ("path", "kind", "size", "link", "failure")
        }
        at = pc.index_in(rows["path"], value_set=old.table["path"].combine_chunks())
        self.before: list[int | None] = at.to_pylist()
        self.found: dict[int, Found] = {}
        self.deltas: tuple[redelta.DeltaPart, ...] = ()

    def known_digests(self, known: Known | None) -> list[bytes | None]:
        """The digests of files that are known to be unchanged; None for all other rows."""
        if known is None or not known.shards:
            return [None] * self.rows.num_rows
        columns = columns_of(known.dataset)
        table = pa.concat_tables([known.dataset.table(each, columns) for each in known.shards])
        same = same_rows(self.rows, table).combine_chunks()
        found: list[bytes | None] = table["digest"].combine_chunks().take(same).to_pylist()
        return found

    def find_digests(self, known: Known | None, joined: Joined | None) -> int:
        """The digests of all files, of what is known or by reading them. Returns how many were read."""
        digests = self.known_digests(known)
        rows = enumerate(zip(self.columns["kind"], self.columns["failure"], strict=True))
        files = [at for at, (kind, failure) in rows if kind == FILE and failure is None]
        if joined is not None:
            to_read, reading = files, iter([joined.found])
            self.deltas = joined.deltas
        else:
            to_read = [at for at in files if digests[at] is None]
            wanted = [Wanted(self.columns["path"][at], self.columns["size"][at]) for at in to_read]
            reading = read_files(self.job.root, wanted, Sums())
        self.found = {at: Found(digests[at]) for at in files if digests[at] is not None}
        self.found.update(zip(to_read, reading, strict=True))
        for at, found in self.found.items():
            self.made.take(at, found)
        return len(to_read)

    def decide(self, pack: PackWriter) -> None:
        """The op of each row, and the deltas."""
        digests = [found.digest for at, found in self.found.items() if found.digest and not self._is_kept(at)]
        lookup = None if self.job.index is None else Lookup(self.job.old, self.job.dest, self.job.index)
        origins = {} if lookup is None else lookup.paths([each for each in digests if each is not None])
        for at, kind in enumerate(self.columns["kind"]):
            self._note_old(at)
            if self.columns["failure"][at] is not None:
                continue
            if kind != FILE:
                self._set_op(at, KEEP if self._is_kept(at) else MAKE)
            elif self.found[at].digest is not None:
                self._decide_file(at, origins, pack)

    def _note_old(self, at: int) -> None:
        before = self.before[at]
        if before is not None:
            old = self.old.columns
            self.made.fill(
                at, old_kind=old["kind"][before], old_size=old["size"][before], old_digest=old["digest"][before]
            )

    def _is_kept(self, at: int) -> bool:
        before = self.before[at]
        if before is None or self.old.columns["kind"][before] != self.columns["kind"][at]:
            return False
        kind = self.columns["kind"][at]
        if kind == FILE:
            digest = self.found[at].digest
            return digest is not None and digest == self.old.columns["digest"][before]
        return kind == DIRECTORY or bool(self.old.columns["link"][before] == self.columns["link"][at])

    def _set_op(self, at: int, op: str, **values: Any) -> None:
        self.made.fill(at, op=op, **values)

    def _decide_file(self, at: int, origins: dict[bytes, bytes], pack: PackWriter) -> None:
        digest = self.found[at].digest
        assert digest is not None
        before = self.before[at]
        if self._is_kept(at):
            self._set_op(at, KEEP)
        elif self.columns["size"][at] > 0 and digest in origins:
            self._set_op(at, COPY, basis_path=origins[digest])
        else:
            item = None if before is None else self.old.item(before)
            signature = None if item is None else signature_of(item)
            try:
                op = self._write_delta(at, signature, digest, pack)
            except (OSError, RedeltaError) as error:
                if isinstance(error, DatasetCorruptError | redelta.LimitError):
                    raise
                pack.undo()
                self.made.fail(at, failure_of(self.columns["path"][at], error))
                return
            offset, length = pack.add_written()
            self._set_op(at, op, pack_offset=offset, pack_length=length)

    def _write_delta(self, at: int, signature: redelta.Signature | None, digest: bytes, pack: PackWriter) -> str:
        """Writes the delta of a file behind what is in the pack. Without copies it makes the file of anything, also of
        nothing."""
        against = signature or empty_signature()
        with local_file(self.job.root, self.columns["path"][at]) as file:
            small = self.columns["size"][at] <= WHOLE_MAX
            source: Any = file.read() if small else file
            how: dict[str, Any] = {"compress": self.job.compress, "threads": 1}
            if self.deltas:
                stats = redelta.write_joined_delta(against, self.deltas, source, pack.file, **how)
            else:
                stats = redelta.write_delta(against, source, pack.file, **how)
        if stats.digest != digest:
            raise redelta.FileChangedError("changed while it was being read")
        return DELTA if stats.copy_bytes else WHOLE

    def merged(self) -> tuple[dict[str, Any], int]:
        """The columns of all rows in order, with those of old paths that are no more, and how many there are."""
        schema = SCHEMAS[DELTA_KIND]
        columns = self.made.columns()
        new = table_of(columns, schema)
        gone = self._gone()
        both = pa.concat_tables([new, gone]).sort_by("path")
        return {name: both[name] for name in schema.names}, both.num_rows

    def _gone(self) -> pa.Table:
        """Rows for the old paths that are not in the new version. What is below a directory that could not be read is
        not known to be gone."""
        schema = SCHEMAS[DELTA_KIND]
        table = self.old.table
        is_gone = pc.invert(pc.is_in(table["path"], self.rows["path"].combine_chunks()))
        gone = table.filter(is_gone)
        for directory in self.old.unread:
            gone = gone.filter(pc.invert(pc.starts_with(gone["path"], directory + b"/")))
        count = gone.num_rows
        same = {
            "path": "path",
            "kind": "kind",
            "size": "size",
            "old_kind": "kind",
            "old_size": "size",
            "old_digest": "digest",
        }
        constant = {"op": DELETE}
        arrays = [
            gone[same[each.name]].combine_chunks()
            if each.name in same
            else pa.repeat(pa.scalar(constant.get(each.name), each.type), count)
            for each in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)


@cache
def empty_signature() -> redelta.Signature:
    """That of an empty file: a delta against it has all bytes."""
    return redelta.Signature.build(b"", threads=1)
