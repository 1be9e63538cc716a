"""The columns of a shard, and how they are written.

A row is a path. The bytes of a shard depend on its rows and on the version of pyarrow, and on nothing else: no times,
no names of machines, and every setting of the writer is given here. The encodings are chosen by measurement: paths are
sorted, so that each shares its beginning with the one before (DELTA_BYTE_ARRAY); what grows slowly or is the same for
long is stored as differences (DELTA_BINARY_PACKED); digests are noise, and are not compressed."""

from __future__ import annotations

import json
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = 1
DatasetKind = Literal["dataset signature", "dataset delta"]
SIGNATURE_KIND: DatasetKind = "dataset signature"
DELTA_KIND: DatasetKind = "dataset delta"
KEY = b"redelta"
"""Of the metadata of a parquet file: JSON, with what the manifest says of all shards."""

LISTED = [
    pa.field("path", pa.binary(), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("size", pa.int64(), nullable=False),
    pa.field("mtime_ns", pa.int64()),
    pa.field("ctime_ns", pa.int64()),
    pa.field("inode", pa.uint64()),
    pa.field("device", pa.uint64()),
    pa.field("etag", pa.string()),
    pa.field("version", pa.string()),
    pa.field("mode", pa.uint32()),
    pa.field("uid", pa.uint32()),
    pa.field("gid", pa.uint32()),
    pa.field("link", pa.binary()),
    pa.field("failure", pa.string()),
    pa.field("failure_text", pa.string()),
]
"""What a listing tells of a path, without opening it. It can fail, too: for a directory that cannot be read."""

MADE = [
    pa.field("digest", pa.binary(32)),
    pa.field("pack_offset", pa.int64()),
    pa.field("pack_length", pa.int64()),
]
"""What a run adds to it."""

SUMS = [
    pa.field("hash", pa.string()),
    pa.field("block_len", pa.uint32()),
    pa.field("strong_len", pa.uint32()),
    pa.field("blocks", pa.int64()),
]

OPS = [
    pa.field("op", pa.string()),
    pa.field("basis_path", pa.binary()),
    pa.field("old_kind", pa.string()),
    pa.field("old_size", pa.int64()),
    pa.field("old_digest", pa.binary(32)),
]

LISTING_SCHEMA = pa.schema(LISTED)
SCHEMAS: dict[str, pa.Schema] = {
    SIGNATURE_KIND: pa.schema([*LISTED, *MADE, *SUMS]),
    DELTA_KIND: pa.schema([*LISTED, *MADE, *OPS]),
}

FILE, DIRECTORY, LINK = KINDS = ("file", "directory", "link")
KEEP, DELTA, WHOLE, COPY, MAKE, DELETE = ALL_OPS = ("keep", "delta", "whole", "copy", "make", "delete")

DIFFERENCES = {"mtime_ns", "ctime_ns", "inode", "pack_offset", "size", "old_size", "pack_length", "blocks"}
FRONT_CODED = {"path", "basis_path", "link"}
NOISE = {"digest", "old_digest"}


def encoding_of(name: str) -> str | None:
    """The encoding of a column; None: a dictionary."""
    if name in DIFFERENCES:
        return "DELTA_BINARY_PACKED"
    if name in FRONT_CODED:
        return "DELTA_BYTE_ARRAY"
    if name in NOISE:
        return "PLAIN"
    return None


def write_table(table: pa.Table, told: dict[str, Any], sink: Any) -> None:
    """Writes the rows of a shard as parquet, with `told` in its metadata. The same bytes for the same rows."""
    names = table.schema.names
    encodings = {name: encoding_of(name) for name in names}
    metadata = {KEY.decode(): json.dumps(told, sort_keys=True, separators=(",", ":"))}
    with pq.ParquetWriter(
        sink,
        table.schema,
        version="2.6",
        compression={name: "none" if name in NOISE else "zstd" for name in names},
        compression_level={name: 3 for name in names if name not in NOISE},
        use_dictionary=[name for name, encoding in encodings.items() if encoding is None],
        column_encoding={name: encoding for name, encoding in encodings.items() if encoding is not None},
        write_statistics=False,
        data_page_version="1.0",
        data_page_size=1 << 20,
        write_batch_size=1024,
        store_schema=False,
        write_page_index=False,
        write_page_checksum=False,
    ) as writer:
        writer.write_table(table, row_group_size=1 << 20)
        writer.add_key_value_metadata(metadata)
