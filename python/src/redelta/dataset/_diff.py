"""`diff`: what differs between two datasets.

Both are sorted by path, so they are merged as they are read, a shard of each at a time: what is loaded of both up to
the lesser of the two last paths is compared, the rest waits for the next shard. Where shards of both begin at the same
place and have the same digest, neither is read. Only paths that are in one of them are kept to the end, for what has
been renamed among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from redelta.dataset._limits import Limits
from redelta.dataset._places import Place
from redelta.dataset._reader import Dataset, open_dataset
from redelta.dataset._results import Change
from redelta.dataset._schema import DELETE, DELTA_KIND, DIRECTORY, FILE, LISTED, MADE
from redelta.dataset._signature import Where

COLUMNS = ["path", "kind", "size", "mtime_ns", "mode", "uid", "gid", "link", "digest"]
SCHEMA = pa.schema([each for each in (*LISTED, *MADE) if each.name in COLUMNS])
CHANGES = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("path", pa.binary(), nullable=False),
        pa.field("old_path", pa.binary()),
        pa.field("old_size", pa.int64()),
        pa.field("size", pa.int64()),
    ]
)
"""The columns of changes as arrow has them: the fields of `Change`."""


class Changes:
    """What differs between two datasets, found out while it is iterated over, each time anew. First come changed files
    and those of which only the metadata differ, in the order of their paths; then, in the order of theirs, those that
    are only in one of the two."""

    def __init__(self, old: Dataset, new: Dataset, renames: bool) -> None:
        self._old = old
        self._new = new
        self._renames = renames

    def __iter__(self) -> Iterator[Change]:
        for batch in self.batches():
            for each in batch.to_pylist():
                yield Change(**each)

    def batches(self) -> Iterator[Any]:
        """The same as record batches of pyarrow, whose columns are the fields of `Change`, without `text`."""
        apart = Apart()
        for old, new in steps(self._old, self._new):
            found = compared(old, new, apart)
            if found.num_rows:
                yield from found.to_batches()
        yield from apart.changes(self._renames).to_batches()

    def table(self) -> Any:
        """All of them as a table of pyarrow."""
        return pa.Table.from_batches(self.batches(), schema=CHANGES)


def diff(
    old: Where,
    new: Where,
    *,
    old_options: Mapping[str, Any] | None = None,
    new_options: Mapping[str, Any] | None = None,
    renames: bool = True,
    limits: Limits | None = None,
) -> Changes:
    """What differs between two datasets, the signatures or deltas of two versions of a root: an iterable of `Change`,
    with `batches()` and `table()` for pyarrow. Of a delta, the version that it makes is compared. No file of the roots
    is read.

    `old` and `new` are directories, or URLs with their options. With `renames`, a file that is only in `new`, with the
    content of one that is only in `old`, is one change, not two. `limits` says how much the datasets may have.

    Memory: two shards of rows, and the paths that are only in one of the two. Raises ParameterError, OSError, and, also
    while it is iterated over, DatasetCorruptError and LimitError.

    >>> import pathlib, redelta.dataset, tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
    ...     root, old, new = (pathlib.Path(folder, name) for name in ("data", "old", "new"))
    ...     root.mkdir()
    ...     _ = pathlib.Path(root, "file").write_bytes(b"what was there")
    ...     _ = redelta.dataset.write_signature(root, old, executor=threads)
    ...     _ = pathlib.Path(root, "file").rename(pathlib.Path(root, "other"))
    ...     _ = redelta.dataset.write_signature(root, new, executor=threads)
    ...     [(each.kind, each.old_path, each.path) for each in redelta.dataset.diff(old, new)]
    [('renamed', b'file', b'other')]
    """
    allowed = limits or Limits()
    return Changes(
        open_dataset(Place.of(old, old_options), allowed), open_dataset(Place.of(new, new_options), allowed), renames
    )


class Side:
    """One of two datasets as it is read, shard by shard."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._shards = iter(dataset.manifest.shards)
        self.next = next(self._shards, None)
        self.held = SCHEMA.empty_table()
        self.last: bytes | None = b""
        """What is held reaches up to here; None: to the end."""

    def advance(self) -> None:
        """To the next shard, without reading the one that is due."""
        self.next = next(self._shards, None)

    def fill(self) -> None:
        """Reads the shard that is due, if nothing is held."""
        if self.held.num_rows or self.last is None:
            return
        if self.next is None:
            self.last = None
            return
        shard = self.next
        is_delta = self._dataset.manifest.kind == DELTA_KIND
        table = self._dataset.table(shard, [*COLUMNS, "op"] if is_delta else COLUMNS)
        if is_delta:
            table = table.filter(pc.not_equal(pc.fill_null(table["op"], ""), DELETE))
        self.held = table.select(COLUMNS).combine_chunks()
        self.last = shard.last
        self.advance()

    def take(self, bound: bytes | None) -> pa.Table:
        """What is held up to a path, which is then held no more; None: all."""
        if bound is None or self.last is None or self.last <= bound:
            taken, self.held = self.held, SCHEMA.empty_table()
            return taken
        count = pc.sum(pc.less_equal(self.held["path"], pa.scalar(bound, pa.binary())), min_count=0).as_py()
        taken, self.held = self.held.slice(0, count), self.held.slice(count)
        return taken


def steps(old: Dataset, new: Dataset) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows of both in stretches of the same paths."""
    one, other = Side(old), Side(new)
    while True:
        while (
            one.held.num_rows + other.held.num_rows == 0
            and one.next is not None
            and other.next is not None
            and one.next.parquet_digest == other.next.parquet_digest
        ):
            one.advance()
            other.advance()
        one.fill()
        other.fill()
        if one.last is None and other.last is None:
            return
        bound = min((each.last for each in (one, other) if each.last is not None), default=None)
        yield one.take(bound), other.take(bound)


def column(table: pa.Table, name: str) -> Any:
    """A column as one array."""
    found = table[name]
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def differ(old: pa.Table, new: pa.Table, name: str) -> Any:
    """In which rows a column differs; two nulls do not."""
    before, after = column(old, name), column(new, name)
    unequal = pc.fill_null(pc.not_equal(before, after), False)
    if before.null_count == 0 and after.null_count == 0:
        return unequal
    return pc.or_(unequal, pc.xor(before.is_valid(), after.is_valid()))


def any_of(values: list[Any]) -> Any:
    """In which rows any of these holds."""
    found = values[0]
    for each in values[1:]:
        found = pc.or_(found, each)
    return found


def compared(old: pa.Table, new: pa.Table, apart: Apart) -> pa.Table:
    """The changes of paths that are in both; `apart` gets the others."""
    if not column(old, "path").equals(column(new, "path")):
        at = pc.index_in(column(new, "path"), value_set=column(old, "path"))
        gone = pc.invert(pc.is_in(column(old, "path"), value_set=column(new, "path")))
        apart.add(old.filter(gone), new.filter(at.is_null()))
        new, old = new.filter(at.is_valid()), old.take(at.drop_null())
    changed = any_of([differ(old, new, name) for name in ("kind", "size", "digest", "link")])
    moved = pc.and_(differ(old, new, "mtime_ns"), pc.not_equal(column(new, "kind"), DIRECTORY))
    metadata = pc.and_not(any_of([moved, *(differ(old, new, name) for name in ("mode", "uid", "gid"))]), changed)
    is_change = pc.or_(changed, metadata)
    kinds = pc.if_else(changed, "changed", "metadata").filter(is_change)
    old, new = old.filter(is_change), new.filter(is_change)
    return change_table(kinds, new["path"], None, old["size"], new["size"])


def change_table(kinds: Any, paths: Any, old_paths: Any, old_sizes: Any, sizes: Any) -> pa.Table:
    """Changes as a table."""
    count = len(paths)
    given = [kinds, paths, old_paths, old_sizes, sizes]
    arrays = [
        pa.nulls(count, field.type)
        if each is None
        else pa.repeat(pa.scalar(each, field.type), count)
        if isinstance(each, str)
        else each.cast(field.type)
        for each, field in zip(given, CHANGES, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=CHANGES)


class Apart:
    """Paths that are in one of the datasets only."""

    def __init__(self) -> None:
        self._gone: list[pa.Table] = []
        self._new: list[pa.Table] = []

    def add(self, gone: pa.Table, new: pa.Table) -> None:
        """Some more of each."""
        wanted = ["path", "kind", "size", "digest"]
        if gone.num_rows:
            self._gone.append(gone.select(wanted))
        if new.num_rows:
            self._new.append(new.select(wanted))

    def changes(self, renames: bool) -> pa.Table:
        """All of them, in the order of their paths. Of files of the same content that are gone and new, the first is
        renamed to the first."""
        empty = SCHEMA.empty_table().select(["path", "kind", "size", "digest"])
        gone, new = (pa.concat_tables([empty, *tables]).combine_chunks() for tables in (self._gone, self._new))
        pairs = paired(gone, new) if renames else []
        old_at, new_at = (pa.array([pair[side] for pair in pairs], pa.int64()) for side in (0, 1))
        froms, tos = gone.take(old_at), new.take(new_at)
        gone, new = without(gone, old_at), without(new, new_at)
        tables = [
            change_table("renamed", tos["path"], froms["path"], froms["size"], tos["size"]),
            change_table("removed", gone["path"], None, gone["size"], None),
            change_table("added", new["path"], None, None, new["size"]),
        ]
        return pa.concat_tables(tables).sort_by("path")


def paired(gone: pa.Table, new: pa.Table) -> list[tuple[int, int]]:
    """Rows of both with the same content, in order, each at most once. Empty files are not said to be renamed."""
    digests = column(gone, "digest")
    may_be = pc.and_(pc.is_in(column(new, "digest"), value_set=digests.drop_null()), column(new, "digest").is_valid())
    is_file = pc.and_(pc.equal(column(new, "kind"), FILE), pc.greater(column(new, "size"), 0))
    candidates = pc.indices_nonzero(pc.and_(may_be, is_file)).to_pylist()
    if not candidates:
        return []
    wanted = set(column(new, "digest").take(pa.array(candidates)).to_pylist())
    waiting: dict[bytes, list[int]] = {}
    for at in reversed(
        pc.indices_nonzero(pc.is_in(digests, value_set=pa.array(list(wanted), digests.type))).to_pylist()
    ):
        waiting.setdefault(digests[at].as_py(), []).append(at)
    pairs = []
    for at in candidates:
        stack = waiting.get(new["digest"][at].as_py())
        if stack:
            pairs.append((stack.pop(), at))
    return pairs


def without(table: pa.Table, at: Any) -> pa.Table:
    """The rows but for those with these numbers."""
    if len(at) == 0:
        return table
    numbers = pa.array(range(table.num_rows), pa.int64())
    return table.filter(pc.invert(pc.is_in(numbers, value_set=at)))
