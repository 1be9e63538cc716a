"""Datasets of which something is a lie, and all else agrees with it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

Told = dict[str, Any]


def edit(place: Path, change: Callable[[Told], object]) -> None:
    told = json.loads((place / "manifest.json").read_bytes())
    change(told)
    (place / "manifest.json").write_text(json.dumps(told))


def in_shard(name: str, value: object, number: int = 1) -> Callable[[Told], object]:
    def change(told: Told) -> None:
        shard = told["shards"][number]
        if name in ("rows", "files", "bytes", "failures") and isinstance(value, int):
            told[name] += value - shard[name]
        shard[name] = value

    return change


def forge(place: Path, change: Callable[[list[Told]], list[Told] | None], number: int = 1) -> None:
    """Changes the rows of a shard, and makes everything else agree with them."""
    told = json.loads((place / "manifest.json").read_bytes())
    shard = told["shards"][number]
    path = place / f"{shard['stem']}.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows = change(rows) or rows
    write_rows(path, pa.Table.from_pylist(rows, schema=table.schema))
    files = [row for row in rows if row["kind"] == "file"]
    agree(told, shard, path, rows, files)
    (place / "manifest.json").write_text(json.dumps(told))


def write_rows(path: Path, table: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    path.write_bytes(sink.getvalue())


def agree(told: Told, shard: Told, path: Path, rows: list[Told], files: list[Told]) -> None:
    shard["first"], shard["last"] = (
        "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x25 else f"%{byte:02X}" for byte in rows[at]["path"])
        for at in (0, -1)
    )
    shard.update(
        rows=len(rows),
        files=len(files),
        bytes=sum(row["size"] for row in files),
        failures=sum(row["failure"] is not None for row in rows),
        parquet_bytes=path.stat().st_size,
        parquet_digest=blake3(path.read_bytes()).hexdigest(),
    )
    for name in ("rows", "files", "bytes", "failures"):
        told[name] = sum(each[name] for each in told["shards"])
