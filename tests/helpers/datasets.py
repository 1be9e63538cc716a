"""Datasets, read a second time: by pyarrow and plain Python, from the page about the format alone. And trees to make
them of.

It shares nothing with the package but that page, so it can check what the package writes: every rule of the page that a
dataset can break is looked at.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pyarrow.parquet as pq
from blake3 import blake3

from helpers import wire

COMMON = {
    "path": "binary",
    "kind": "string",
    "size": "int64",
    "mtime_ns": "int64",
    "ctime_ns": "int64",
    "inode": "uint64",
    "device": "uint64",
    "etag": "string",
    "version": "string",
    "mode": "uint32",
    "uid": "uint32",
    "gid": "uint32",
    "link": "binary",
    "failure": "string",
    "failure_text": "string",
    "digest": "fixed_size_binary[32]",
    "pack_offset": "int64",
    "pack_length": "int64",
}
COLUMNS = {
    "dataset signature": {**COMMON, "hash": "string", "block_len": "uint32", "strong_len": "uint32", "blocks": "int64"},
    "dataset delta": {
        **COMMON,
        "op": "string",
        "basis_path": "binary",
        "old_kind": "string",
        "old_size": "int64",
        "old_digest": "fixed_size_binary[32]",
    },
}
SHARD_FIELDS = [
    "stem", "first", "last", "rows", "files", "bytes", "failures", "ops", "parquet_bytes", "parquet_digest",
    "pack_bytes", "pack_digest",
]  # fmt: skip

Row = dict[str, Any]


@dataclass
class Read:
    """A dataset: its manifest, its rows, and the item of each row that has one."""

    manifest: dict[str, Any]
    rows: list[Row]
    items: dict[bytes, bytes]

    def row(self, path: str | bytes) -> Row:
        """The row of a path."""
        return next(each for each in self.rows if each["path"] == os.fsencode(path))


def digest_of(data: bytes) -> str:
    return blake3(data).hexdigest()


def read_dataset(place: Path) -> Read:
    """All of a dataset, each rule of the format asserted."""
    manifest = json.loads((place / "manifest.json").read_bytes())
    assert manifest["version"] == 1
    columns = COLUMNS[manifest["redelta"]]
    rows: list[Row] = []
    items: dict[bytes, bytes] = {}
    last = None
    for shard in manifest["shards"]:
        assert list(shard) == SHARD_FIELDS
        found, held = read_shard(place, shard, columns)
        assert last is None or found[0]["path"] > last
        last = found[-1]["path"]
        rows += found
        items.update(held)
    for name in ("rows", "files", "bytes", "failures"):
        assert manifest[name] == sum(each[name] for each in manifest["shards"])
    check_nesting([each for each in rows if each.get("op") != "delete"])
    return Read(manifest, rows, items)


def read_shard(place: Path, shard: dict[str, Any], columns: dict[str, str]) -> tuple[list[Row], dict[bytes, bytes]]:
    assert re.fullmatch(r"shard-[0-9a-f]{32}", shard["stem"])
    data = (place / f"{shard['stem']}.parquet").read_bytes()
    assert (len(data), digest_of(data)) == (shard["parquet_bytes"], shard["parquet_digest"])
    file = pq.ParquetFile(place / f"{shard['stem']}.parquet")
    with file:
        assert {each.name: str(each.type) for each in file.schema_arrow} == columns
        told = json.loads(file.metadata.metadata[b"redelta"])
        assert told == {name: shard[name] for name in shard if not name.startswith("parquet")}
        rows: list[Row] = file.read().to_pylist()
    pack = place / f"{shard['stem']}.pack"
    packed = pack.read_bytes() if shard["pack_bytes"] else b""
    assert pack.exists() == bool(packed)
    assert (len(packed), digest_of(packed) if packed else "") == (shard["pack_bytes"], shard["pack_digest"])
    check_rows(rows, shard)
    items = {}
    at = 0
    for row in rows:
        if row["pack_offset"] is not None:
            assert row["pack_offset"] == at
            at += row["pack_length"]
            items[row["path"]] = packed[row["pack_offset"] : at]
    assert at == len(packed)
    return rows, items


def check_rows(rows: list[Row], shard: dict[str, Any]) -> None:
    paths = [each["path"] for each in rows]
    assert paths == sorted(set(paths))
    assert (paths[0], paths[-1]) == (unquote_to_bytes(shard["first"]), unquote_to_bytes(shard["last"]))
    files = [each for each in rows if each["kind"] == "file" and each.get("op") != "delete"]
    assert shard["rows"] == len(rows)
    assert (shard["files"], shard["bytes"]) == (len(files), sum(each["size"] for each in files))
    assert shard["failures"] == sum(each["failure"] is not None for each in rows)
    ops: dict[str, int] = {}
    for each in rows:
        assert all(part not in (b"", b".", b"..") and b"\0" not in part for part in each["path"].split(b"/"))
        assert each["kind"] in ("file", "directory", "link")
        if each.get("op"):
            ops[each["op"]] = ops.get(each["op"], 0) + 1
    assert shard["ops"] == ops


def check_nesting(rows: list[Row]) -> None:
    leaves = {each["path"] for each in rows if each["kind"] == "link" or (each["kind"] == "file" and each["inode"])}
    for path in (each["path"] for each in rows):
        while b"/" in path:
            path = path.rpartition(b"/")[0]
            assert path not in leaves


# ---- What a dataset means -------------------------------------------------------------------------------------------


def check_signature(found: Read, root: Path) -> None:
    """Every path below the root has its row, and each signature is that of its file."""
    state = state_of(root)
    assert [each["path"] for each in found.rows] == sorted(state)
    for row in found.rows:
        kind, content = state[row["path"]]
        assert (row["kind"], row["failure"]) == (kind, None)
        status = os.lstat(os.path.join(os.fsencode(root), row["path"]))
        assert (row["mtime_ns"], row["mode"], row["inode"]) == (
            status.st_mtime_ns,
            status.st_mode & 0o7777,
            status.st_ino,
        )
        if kind == "link":
            assert row["link"] == content
        if kind != "file":
            continue
        assert (row["size"], row["digest"]) == (len(content), blake3(content).digest())
        assert (row["path"] in found.items) == (len(content) >= found.manifest["parameters"]["min_size"])
        if row["path"] in found.items:
            made = wire.blake2_signature(content, "rabinkarp", row["block_len"], row["strong_len"])
            assert (found.items[row["path"]], row["blocks"]) == (made, len(wire.read_signature(made).sums))


State = dict[bytes, tuple[str, bytes]]
"""What is below a root: of each path its kind, and its content or target."""


def state_of(root: Path) -> State:
    state: State = {}
    top = os.fsencode(root)
    for folder, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(folder, name)
            below = os.path.relpath(path, top)
            if os.path.islink(path):
                state[below] = "link", os.readlink(path)
            elif os.path.isdir(path):
                state[below] = "directory", b""
            elif os.path.isfile(path):
                state[below] = "file", Path(os.fsdecode(path)).read_bytes()
    return state


def apply(found: Read, old: State) -> State:
    """What a delta makes of an old version."""
    new: State = {}
    covered = set()
    for row in found.rows:
        path, op = row["path"], row["op"]
        covered.add(path)
        if path in old:
            assert row["old_kind"] == old[path][0]
        if op == "keep":
            assert old[path][0] == row["kind"]
            new[path] = old[path]
        elif op == "delta":
            new[path] = "file", wire.apply_delta(old[path][1], found.items[path])
        elif op == "whole":
            new[path] = "file", wire.apply_delta(b"", found.items[path])
        elif op == "copy":
            new[path] = old[row["basis_path"]]
        elif op == "make":
            new[path] = row["kind"], row["link"] or b""
        else:
            assert op == "delete"
            assert path in old
    assert covered >= set(old)
    return new


# ---- Trees ----------------------------------------------------------------------------------------------------------


def make_tree(root: Path, seed: int, folders: int = 6, files: int = 20) -> Path:
    """Folders with files of many sizes, links, and a name that is no text; none of them changed in the last moments."""
    chance = random.Random(seed)
    for folder in range(folders):
        inner = root / f"f{folder}"
        (inner / "deep.er").mkdir(parents=True)
        (root / f"f{folder}.txt").write_bytes(b"beside it")
        for file in range(files):
            where = inner if file % 3 else inner / "deep.er"
            (where / f"file {file}%").write_bytes(chance.randbytes(chance.choice([0, 1, 900, 3000, 17_000, 60_000])))
        (inner / "link").symlink_to("deep.er/file 0%")
    (root / os.fsdecode(b"\xff not text")).write_bytes(b"named by bytes")
    (root / "empty").mkdir()
    settle()
    return root


def change_tree(root: Path, seed: int) -> None:
    """Edits, renames, removals, and paths that become something else."""
    chance = random.Random(seed)
    for path in sorted(root.glob("*/file*"))[::5]:
        data = path.read_bytes()
        at = chance.randrange(len(data) + 1)
        path.write_bytes(data[:at] + b"an edit" + data[at:])
    for path in sorted(root.glob("*/file*"))[1::9]:
        path.unlink()
    (root / "f1").rename(root / "moved")
    shutil.rmtree(root / "f2")
    (root / "f2").write_bytes(b"was a directory")
    (root / "f0.txt").unlink()
    (root / "f0.txt").mkdir()
    (root / "f0.txt" / "below").write_bytes(chance.randbytes(30_000))
    (root / "f3" / "link").unlink()
    (root / "f3" / "link").symlink_to("nowhere")
    settle()


def settle() -> None:
    """Waits until what was just written is older than the clock's ticks, so that it is not read again."""
    time.sleep(0.12)


def bytes_of(place: Path) -> dict[str, bytes]:
    """All files of a dataset."""
    return {each.name: each.read_bytes() for each in place.iterdir()}
