"""The columns of a shard while a task fills them: those of the listing, and what is found out of each file."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from redelta.dataset._failures import Failure, FailureKind
from redelta.dataset._reading import Found, Status
from redelta.dataset._schema import FILE, LISTED, SCHEMAS, DatasetKind


class Columns:
    """The columns of the rows that were listed. `settled` is whether the shard can be taken for the same, the next time
    that the same is listed: not if a file was a later one than was listed, or if a change of it would not show in a
    listing."""

    def __init__(self, rows: pa.Table, kind: DatasetKind) -> None:
        self.rows = rows
        self._status: dict[int, Status] = {}
        self._unsettled: set[int] = set()
        listed = {each.name for each in LISTED}
        self._made: dict[str, list[Any]] = {
            each.name: [None] * rows.num_rows for each in SCHEMAS[kind] if each.name not in listed
        }
        for name in ("failure", "failure_text"):
            self._made[name] = rows[name].to_pylist()
        has_times = pc.and_(rows["ctime_ns"].is_valid(), rows["inode"].is_valid())
        has_trace = pc.or_(pc.or_(rows["etag"].is_valid(), has_times), pc.not_equal(rows["kind"], FILE))
        self.settled = bool(pc.all(has_trace, min_count=0).as_py())

    def fill(self, at: int, **values: Any) -> None:
        """Sets some columns of a row."""
        for name, value in values.items():
            self._made[name][at] = value

    def fail(self, at: int, failure: Failure) -> None:
        """A row has failed."""
        self.fill(at, failure=failure.kind, failure_text=failure.text, digest=None)

    def take(self, at: int, found: Found) -> None:
        """Fills the row of a file by what was found when it was read."""
        if found.failure is not None:
            self.fail(at, found.failure)
            return
        self.fill(at, digest=found.digest)
        if not found.settled:
            self._unsettled.add(at)
            self.settled = False
        status = found.status
        if status is None:
            return
        listed = tuple(self.rows[name][at].as_py() for name in ("size", "mtime_ns", "ctime_ns", "inode"))
        if listed != status[:4]:
            self._status[at] = status
            self.settled = False

    def failures(self) -> list[Failure]:
        """All rows that failed."""
        kinds: list[FailureKind | None] = self._made["failure"]
        return [
            Failure(self.rows["path"][at].as_py(), kind, self._made["failure_text"][at])
            for at, kind in enumerate(kinds)
            if kind is not None
        ]

    def columns(self) -> dict[str, Any]:
        """All columns. A file that was read as a later one than was listed has what the system said of that; one that
        is not settled has no change time, by which nobody takes it for unchanged."""
        columns: dict[str, Any] = {name: self.rows[name] for name in self.rows.schema.names}
        for name in Status._fields if self._status or self._unsettled else ():
            values = columns[name].to_pylist()
            for at, status in self._status.items():
                values[at] = getattr(status, name)
            if name == "ctime_ns":
                for at in self._unsettled:
                    values[at] = None
            columns[name] = pa.array(values, columns[name].type)
        return {**columns, **self._made}


def table_of(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    """Columns, which are lists or arrays, as a table; those that are missing are null."""
    rows = len(columns["path"])
    arrays = []
    for field in schema:
        given = columns.get(field.name)
        if given is None:
            arrays.append(pa.nulls(rows, field.type))
        else:
            is_array = isinstance(given, pa.Array | pa.ChunkedArray)
            arrays.append(given if is_array else pa.array(given, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
