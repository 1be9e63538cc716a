"""Datasets of strangers: whatever is wrong with one is told before anything is made of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from blake3 import blake3

import redelta
from helpers.datasets import make_tree, read_dataset
from helpers.forged import Told, edit, forge, in_shard, write_rows
from redelta import dataset


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signature of some shards, and what it is of."""
    folder = tmp_path_factory.mktemp("honest")
    make_tree(folder / "root", 51, folders=3, files=8)
    with ThreadPoolExecutor(1) as one:
        dataset.write_signature(folder / "root", folder / "signature", executor=one, shard_files=8)
    return folder


@pytest.fixture
def place(tmp_path: Path, honest: Path) -> Path:
    shutil.copytree(honest / "signature", tmp_path / "signature")
    return tmp_path / "signature"


def refused(place: Path, honest: Path, threads: ThreadPoolExecutor, **options: Any) -> Exception:
    """The exception by which a signature is refused; no delta is made."""
    with pytest.raises((dataset.DatasetCorruptError, redelta.LimitError)) as raised:
        dataset.write_delta(place, honest / "root", place.parent / "delta", executor=threads, **options)
    assert not (place.parent / "delta" / "manifest.json").exists()
    assert not list((place.parent / "delta").glob("shard-*"))
    assert isinstance(raised.value, redelta.RedeltaError)
    return raised.value


def test_an_honest_one_is_accepted(place: Path, honest: Path, threads: ThreadPoolExecutor) -> None:
    edit(place, lambda told: None)
    assert dataset.write_delta(place, honest / "root", place.parent / "delta", executor=threads).ops.keys() == {"keep"}


def put(name: str, value: object) -> Callable[[Told], object]:
    return lambda told: told.__setitem__(name, value)


MANIFESTS: dict[str, Callable[[Told], object]] = {
    "another kind": put("redelta", "dataset of lies"),
    "a later version": put("version", 2),
    "no version": lambda told: told.pop("version"),
    "shards that are none": put("shards", {"a": 1}),
    "a shard that is none": put("shards", [1]),
    "parameters that are none": put("parameters", []),
    "a wrong sum": put("rows", 1),
    "a field too few": lambda told: told["shards"][0].pop("bytes"),
    "a field too many": lambda told: told["shards"][0].update(more=1),
    "a name that leads out": in_shard("stem", "../../etc/shard-" + "0" * 32),
    "an absolute name": in_shard("stem", "/etc/passwd"),
    "a name with a NUL": in_shard("stem", "shard-" + "0" * 31 + "\0"),
    "a negative number": in_shard("pack_bytes", -1),
    "a number that is a float": in_shard("parquet_bytes", 1.5),
    "a number that is true": in_shard("failures", True),
    "a huge number": in_shard("bytes", 1 << 63),
    "ops that are none": in_shard("ops", {"keep": "many"}),
    "no rows": in_shard("rows", 0),
    "more files than rows": in_shard("files", 10**6),
    "shards in the wrong order": lambda told: told["shards"].reverse(),
    "overlapping shards": lambda told: told["shards"][1].update(first=told["shards"][0]["last"]),
    "a first path after the last": lambda told: told["shards"][1].update(first="zzz"),
    "a shard twice": lambda told: told["shards"][1].update(stem=told["shards"][0]["stem"]),
    "another digest": in_shard("parquet_digest", "0" * 64),
    "another digest of a pack": in_shard("pack_digest", "0" * 64),
    "a digest that is none": in_shard("parquet_digest", "x"),
    "a pack without a digest": in_shard("pack_digest", ""),
    "another size": in_shard("parquet_bytes", 10),
    "another size of a pack": in_shard("pack_bytes", 10),
    "another number of rows": in_shard("rows", 1000),
    "another first path": lambda told: told["shards"][1].update(first=told["shards"][1]["first"] + "!"),
    "another last path": lambda told: told["shards"][-1].update(last="zzzz"),
}


@pytest.mark.parametrize("lie", MANIFESTS)
def test_manifests_that_lie(place: Path, honest: Path, threads: ThreadPoolExecutor, lie: str) -> None:
    edit(place, MANIFESTS[lie])
    assert isinstance(refused(place, honest, threads), dataset.DatasetCorruptError)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"redelta": 1}', "[" * 100_000, "\ud800"])
def test_manifests_that_are_none(place: Path, honest: Path, threads: ThreadPoolExecutor, text: str) -> None:
    (place / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(place, honest, threads)


@pytest.mark.parametrize("suffix", [".parquet", ".pack"])
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "longer"])
def test_files_that_are_damaged(
    place: Path, honest: Path, threads: ThreadPoolExecutor, suffix: str, damage: str
) -> None:
    path = sorted(place.glob(f"*{suffix}"))[0]
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    path.write_bytes(data[:-1] if damage == "cut" else data + b"!" if damage == "longer" else data)
    if damage == "missing":
        path.unlink()
    assert isinstance(refused(place, honest, threads), dataset.DatasetCorruptError)


# ---- Rows -----------------------------------------------------------------------------------------------------------


def in_row(**values: object) -> Callable[[list[Told]], None]:
    """Changes the second row, or the first one with an item if that is changed."""

    def change(rows: list[Told]) -> None:
        packed = any(name.startswith("pack") for name in values)
        row = next(row for row in rows[1:-1] if not packed or row["pack_offset"] is not None)
        row.update(values)

    return change


def renamed(path: Callable[[bytes], bytes]) -> Callable[[list[Told]], list[Told]]:
    """The row of a file gets another path, and rows are in order."""

    def change(rows: list[Told]) -> list[Told]:
        row = next(row for row in rows if row["kind"] == "file" and b"/" in row["path"])
        row["path"] = path(row["path"])
        return sorted(rows, key=lambda each: bytes(each["path"]))

    return change


def below_a_link(rows: list[Told]) -> list[Told]:
    row = next(row for row in rows if row["kind"] == "file")
    link = {**row, "kind": "link", "link": b"/etc", "size": 0, "digest": None, "pack_offset": None, "pack_length": None}
    link = {name: None if name in ("hash", "block_len", "strong_len", "blocks") else link[name] for name in link}
    last = rows[-1]["path"]
    return [*rows, {**link, "path": last + b"x"}, {**link, "path": last + b"x/passwd"}]


ROWS: dict[str, Callable[[list[Told]], Any]] = {
    "an absolute path": renamed(lambda path: b"/etc/passwd"),
    "a path that leads up": renamed(lambda path: b"../" + path),
    "a path that leads up inside": renamed(lambda path: b"f1/../../" + path),
    "a path that ends with ..": renamed(lambda path: path + b"/.."),
    "a path with a dot": renamed(lambda path: b"./" + path),
    "a path with an empty part": renamed(lambda path: path.replace(b"/", b"//")),
    "a path that ends with a slash": renamed(lambda path: path + b"/"),
    "a path with a NUL": renamed(lambda path: path + b"\0"),
    "an empty path": renamed(lambda path: b""),
    "a long path": renamed(lambda path: path + b"x" * 5000),
    "paths out of order": lambda rows: [rows[0], rows[2], rows[1], *rows[3:]],
    "a path twice": lambda rows: [rows[0], rows[1], *rows[1:]],
    "a path below a link": below_a_link,
    "an unknown kind": in_row(kind="device"),
    "a negative size": in_row(size=-1),
    "an offset without a length": in_row(pack_length=None),
    "a negative offset": in_row(pack_offset=-1),
    "no length": in_row(pack_length=0),
    "an item beyond the end": in_row(pack_length=1 << 40),
    "an item that overlaps": in_row(pack_offset=1 << 10),
    "an item that overflows": in_row(pack_offset=(1 << 63) - 1, pack_length=(1 << 63) - 1),
    "an unknown failure": in_row(failure="bored", digest=None),
    "a file without a digest": lambda rows: [{**row, "digest": None} if row["kind"] == "file" else row for row in rows],
    "a link without a target": lambda rows: [{**row, "link": None} for row in rows],
    "a directory with a signature": lambda rows: [
        {**row, "kind": "directory"} if row["pack_offset"] is not None else row for row in rows
    ],
}


@pytest.mark.parametrize("lie", ROWS)
def test_rows_that_lie(place: Path, honest: Path, threads: ThreadPoolExecutor, lie: str) -> None:
    numbers = range(len(read_dataset(place).manifest["shards"]))
    has_link = [at for at in numbers if any(row["kind"] == "link" for row in rows_of(place, at))]
    forge(place, ROWS[lie], has_link[0] if "link" in lie else best_shard(place))
    error = refused(place, honest, threads)
    assert isinstance(error, dataset.DatasetCorruptError)


def rows_of(place: Path, number: int) -> list[Told]:
    shard = json.loads((place / "manifest.json").read_bytes())["shards"][number]
    found: list[Told] = pq.read_table(place / f"{shard['stem']}.parquet").to_pylist()
    return found


def best_shard(place: Path) -> int:
    """One with several items."""
    count = len(json.loads((place / "manifest.json").read_bytes())["shards"])
    return max(range(count), key=lambda at: sum(row["pack_offset"] is not None for row in rows_of(place, at)))


def test_a_path_below_a_link_of_an_earlier_shard(place: Path, honest: Path, threads: ThreadPoolExecutor) -> None:
    """The link is in one shard, the path in the next, another one between them."""
    first = rows_of(place, 0)

    def add_link(rows: list[Told]) -> list[Told]:
        last = dict(rows[-1]) | {"kind": "link", "link": b"/etc", "size": 0, "failure": None}
        last |= dict.fromkeys(("digest", "pack_offset", "pack_length"))
        return [*rows, {**last, "path": rows[-1]["path"] + b"!"}]

    def add_below(rows: list[Told]) -> list[Told]:
        base = first[-1]["path"] + b"!"
        row = dict(rows[0]) | {"kind": "directory", "size": 0} | dict.fromkeys(("digest", "pack_offset", "pack_length"))
        return [{**row, "path": base + b"!"}, {**row, "path": base + b"/x"}, *rows]

    forge(place, add_link, 0)
    forge(place, add_below, 1)
    assert "no directory" in str(refused(place, honest, threads))


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["digest"]),
        lambda table: table.append_column("more", pa.nulls(table.num_rows)),
        lambda table: table.set_column(2, "size", table["size"].cast(pa.float64())),
        lambda table: table.set_column(0, "path", pa.nulls(table.num_rows, pa.binary())),
        lambda table: table.slice(1),
    ],
)
def test_other_columns(
    place: Path, honest: Path, threads: ThreadPoolExecutor, change: Callable[[pa.Table], pa.Table]
) -> None:
    told = json.loads((place / "manifest.json").read_bytes())
    shard = told["shards"][1]
    path = place / f"{shard['stem']}.parquet"
    write_rows(path, change(pq.read_table(path)))
    shard.update(parquet_bytes=path.stat().st_size, parquet_digest=blake3(path.read_bytes()).hexdigest())
    (place / "manifest.json").write_text(json.dumps(told))
    refused(place, honest, threads)


def test_a_signature_that_is_none(place: Path, honest: Path, threads: ThreadPoolExecutor) -> None:
    """It is found when it is used: whoever lies about a signature makes a worse delta, or none."""
    found = read_dataset(place)
    told = found.manifest
    shard = told["shards"][best_shard(place)]
    pack = place / f"{shard['stem']}.pack"
    pack.write_bytes(bytes(pack.stat().st_size))
    shard["pack_digest"] = blake3(pack.read_bytes()).hexdigest()
    (place / "manifest.json").write_text(json.dumps(told))
    shutil.copytree(honest / "root", place.parent / "root", symlinks=True)
    for path, item in found.items.items():
        assert item
        with (place.parent / "root" / os.fsdecode(path)).open("ab") as file:
            file.write(b"changed")
    with pytest.raises(dataset.DatasetCorruptError, match=r"\.pack: "):
        dataset.write_delta(place, place.parent / "root", place.parent / "delta", executor=threads)
    assert not (place.parent / "delta" / "manifest.json").exists()


LIMITS = [
    {"shards": 1},
    {"rows": 10},
    {"file_bytes": 100},
    {"manifest_bytes": 100},
    {"shard_rows": 2},
    {"shard_memory": 100},
]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_limits(place: Path, honest: Path, threads: ThreadPoolExecutor, limits: dict[str, int]) -> None:
    error = refused(place, honest, threads, limits=dataset.Limits(**limits))
    assert isinstance(error, redelta.LimitError)
    assert "limits=" in str(error)


def test_a_table_that_unpacks_to_too_much(place: Path, honest: Path, threads: ThreadPoolExecutor) -> None:
    """Of a value that each row repeats, by a dictionary, a file has one."""
    forge(place, lambda rows: [{**row, "failure_text": "x" * 100_000} for row in rows], 0)
    shard = json.loads((place / "manifest.json").read_bytes())["shards"][0]
    with pq.ParquetFile(place / f"{shard['stem']}.parquet") as file:
        unpacked = file.metadata.row_group(0).total_byte_size
    assert unpacked < 150_000 < 300_000 < 100_000 * shard["rows"]
    before = pa.total_allocated_bytes()
    error = refused(place, honest, threads, limits=dataset.Limits(shard_memory=300_000))
    assert isinstance(error, redelta.LimitError)
    assert pa.total_allocated_bytes() - before < 600_000 < 100_000 * shard["rows"]


def test_all_who_read_a_dataset_refuse(place: Path, honest: Path, threads: ThreadPoolExecutor) -> None:
    forge(place, ROWS["a path that leads up"], best_shard(place))
    with pytest.raises(dataset.DatasetCorruptError):
        dataset.verify(place, honest / "root", executor=threads)
    with pytest.raises(dataset.DatasetCorruptError):
        list(dataset.diff(place, honest / "signature"))
    with pytest.raises(dataset.DatasetCorruptError):
        dataset.write_signature(
            honest / "root", place.parent / "made", executor=threads, known=place, min_size=1, shard_files=8
        )
