"""The files of a shard, written: the pack first, then the parquet file, which names the pack's digest. So a parquet
file that is there is the shard, complete.

Its name is the hash of all that it was made of: the listing, the parameters, the version of this format. A shard of the
same name is the same, and need not be made again, by the same run continued or by the next one. That does not hold for
rows whose file failed, or might have changed without a trace: a shard with such rows also has the hash of its content
in its name, so nothing takes it for the one that it should be."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import redelta
from redelta.dataset._columns import table_of
from redelta.dataset._manifest import Shard, shard_of, shown
from redelta.dataset._pack import PackWriter
from redelta.dataset._places import NewFile, Place
from redelta.dataset._schema import FILE, KEY, SCHEMAS, VERSION, DatasetKind, write_table


def stem_of(kind: DatasetKind, parameters: dict[str, Any], *parts: bytes) -> str:
    """The name of a shard by what it is made of."""
    hashed = hashlib.blake2b(digest_size=16)
    head = json.dumps([kind, VERSION, pa.__version__, parameters], sort_keys=True).encode()
    for part in (head, *parts):
        hashed.update(len(part).to_bytes(8, "big"))
        hashed.update(part)
    return f"shard-{hashed.hexdigest()}"


class ShardWriter:
    """Collects what a shard consists of: `pack` takes the signatures or deltas, then `finish` the rows."""

    def __init__(self, place: Place, kind: DatasetKind, stem: str, new: NewFile) -> None:
        self.place = place
        self.kind = kind
        self.stem = stem
        self.new = new
        self.pack = PackWriter(new.file)
        self.shard: Shard | None = None
        self._parquet = b""

    def finish(self, columns: dict[str, Any], *, settled: bool) -> None:
        """Makes the parquet file in memory, and so the names of both."""
        schema = SCHEMAS[self.kind]
        table = table_of(columns, schema)
        told = self._told(table)
        if not settled or told["failures"]:
            content = "".join(map(str, (told["pack_digest"], table.to_pylist())))
            told["stem"] = stem_of(self.kind, {}, self.stem.encode(), content.encode())
        sink = io.BytesIO()
        write_table(table, told, sink)
        self._parquet = sink.getvalue()
        self.shard = shard_with_file(told, self._parquet)
        if self.shard.pack_bytes:
            self.new.name = self.shard.pack

    def _told(self, table: pa.Table) -> dict[str, Any]:
        """What the manifest will say of it, but for the parquet file's own digest."""
        files = table.filter(is_new_file(table))
        return {
            "stem": self.stem,
            "first": shown(table["path"][0].as_py()),
            "last": shown(table["path"][-1].as_py()),
            "rows": table.num_rows,
            "files": files.num_rows,
            "bytes": pc.sum(files["size"]).as_py() or 0,
            "failures": table.num_rows - table["failure"].null_count,
            "ops": ops_of(table),
            "pack_bytes": self.pack.length,
            "pack_digest": self.pack.digest(),
        }

    def put_parquet(self) -> None:
        """Writes the parquet file, after the pack has its name."""
        assert self.shard is not None
        with self.place.new_file(self.shard.parquet) as new:
            new.file.write(self._parquet)


def is_new_file(table: pa.Table) -> Any:
    """Which rows are files of the version that the dataset describes."""
    is_file = pc.equal(table["kind"], FILE)
    if "op" not in table.schema.names:
        return is_file
    return pc.and_(is_file, pc.not_equal(pc.fill_null(table["op"], ""), "delete"))


def ops_of(table: pa.Table) -> dict[str, int]:
    """How many rows have which op."""
    if "op" not in table.schema.names:
        return {}
    counts = pc.value_counts(table["op"].drop_null()).to_pylist()
    return {each["values"]: each["counts"] for each in sorted(counts, key=lambda each: str(each["values"]))}


@contextmanager
def writing_shard(place: Place, kind: DatasetKind, stem: str) -> Iterator[ShardWriter]:
    """A shard to be written; it has its files once the block has ended, if it was finished."""
    with place.new_file() as new:
        writer = ShardWriter(place, kind, stem, new)
        yield writer
    if writer.shard is not None:
        writer.put_parquet()


def shard_with_file(told: dict[str, Any], data: bytes) -> Shard:
    """What the manifest says of a shard, by its parquet file and what that has in its metadata."""
    return shard_of({**told, "parquet_bytes": len(data), "parquet_digest": redelta.digest(data, threads=1).hex()})


def shard_there(place: Place, stem: str, sizes: dict[str, int]) -> Shard | None:
    """The shard of this name if a place has it whole, by the sizes of the files there; else None."""
    if f"{stem}.parquet" not in sizes:
        return None
    data = place.read(f"{stem}.parquet")
    try:
        metadata = pq.read_metadata(pa.BufferReader(data)).metadata or {}
        shard = shard_with_file(json.loads(metadata[KEY]), data)
    except (pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    if shard.stem != stem or (shard.pack_bytes and sizes.get(shard.pack) != shard.pack_bytes):
        return None
    return shard
