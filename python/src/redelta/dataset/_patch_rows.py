"""The rows of a delta as a patch sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow.compute as pc

from redelta.dataset._manifest import Shard
from redelta.dataset._reader import Dataset
from redelta.dataset._schema import COPY, DELETE, DELTA, DIRECTORY, KEEP, WHOLE

FILES_MADE = (DELTA, WHOLE, COPY)


class Row(NamedTuple):
    """A row of a delta, `number` in its shard: see the columns of the same names."""

    number: int
    path: bytes
    kind: str
    size: int
    mtime_ns: int | None
    mode: int | None
    link: bytes | None
    digest: bytes | None
    pack_offset: int | None
    pack_length: int | None
    op: str | None
    basis_path: bytes | None
    old_kind: str | None
    old_size: int | None

    @property
    def removes(self) -> str | None:
        """The kind of what has the name and must go before another kind of thing, or nothing, has it."""
        return self.old_kind if self.op == DELETE or (self.old_kind and self.old_kind != self.kind) else None


def rows_of(delta: Dataset, shard: Shard, *, kept: bool = False) -> list[Row]:
    """The rows of a shard that ask for something: without those that have a failure, and, unless `kept` is set,
    without those of files that stay as they are."""
    names = list(Row._fields[1:])
    table = delta.table(shard)
    wanted = table["op"].is_valid()
    if not kept:
        wanted = pc.and_(wanted, pc.or_(pc.not_equal(table["op"], KEEP), pc.equal(table["kind"], DIRECTORY)))
    numbers = pc.indices_nonzero(pc.fill_null(wanted, False))
    chosen = table.select(names).take(numbers)
    columns = [chosen[name].to_pylist() for name in names]
    return [Row(*each) for each in zip(numbers.to_pylist(), *columns, strict=True)]


def deepest_first(rows: list[Row]) -> Iterator[Row]:
    """In the reverse order of the paths, in which all that is in a directory comes before it."""
    return reversed(rows)
