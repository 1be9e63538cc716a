"""Roots and datasets in stores: objects of fsspec in memory, and of moto's S3 server. moto is an emulator: nothing here
says how a real store behaves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

import redelta
from helpers.buckets import client_of, moto_server
from helpers.datasets import Read, apply, read_dataset, settle
from helpers.samples import noise, random_edits
from redelta import dataset
from redelta.dataset import _ranges, _reading

OBJECTS = {
    "a": noise(40_000, 1),
    "a.b": b"small",
    "a-/b": noise(20_000, 2),
    "a-/c/d": b"",
    "large": noise(300_000, 3),
    "naïve": noise(17_000, 4),
    "z": noise(100, 5),
}


class Store:
    """A prefix, and how its objects are put, got and removed."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self.url = url
        self.options = options
        self.filesystem, self.base = fsspec.core.url_to_fs(url, **options)

    def put(self, objects: dict[str, bytes], prefix: str = "root") -> None:
        for name, data in objects.items():
            self.filesystem.pipe_file(f"{self.base}/{prefix}/{name}", data)

    def remove(self, name: str) -> None:
        self.filesystem.rm_file(f"{self.base}/root/{name}")

    def fetch(self, prefix: str, place: Path) -> Read:
        """A dataset out of the store, read from the disk."""
        place.mkdir()
        self.filesystem.invalidate_cache()
        for name in self.filesystem.ls(f"{self.base}/{prefix}", detail=False):
            (place / name.rsplit("/", 1)[-1]).write_bytes(self.filesystem.cat_file(name))
        return read_dataset(place)

    @property
    def root(self) -> str:
        return f"{self.url}/root"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with moto_server(5 << 20) as found:
        yield found


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    name = tmp_path.name.replace("_", "-").replace("[", "").replace("]", "").lower()
    if request.param == "memory":
        made = Store(f"memory://{name}", {})
        yield made
        made.filesystem.rm(made.base, recursive=True)
        return
    url = f"http://127.0.0.1:{request.getfixturevalue('port')}"
    client = client_of(url)
    client.create_bucket(Bucket=name)
    client.close()
    yield Store(f"s3://{name}", s3_options(url))


def s3_options(url: str) -> dict[str, Any]:
    return {"key": "x", "secret": "y", "endpoint_url": url, "client_kwargs": {"region_name": "us-east-1"}}


def check(found: Read, objects: dict[str, bytes]) -> None:
    assert [row["path"].decode() for row in found.rows] == sorted(objects, key=str.encode)
    for row in found.rows:
        data = objects[row["path"].decode()]
        assert (row["kind"], row["size"], row["digest"]) == ("file", len(data), redelta.digest(data))
        item = found.items.get(row["path"])
        assert item == (redelta.signature(data, strong_len="least") if len(data) >= 16_384 else None)


@pytest.mark.parametrize("large", [1 << 30, 100_000])
def test_signature_delta_and_verify(
    tmp_path: Path, store: Store, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    """All in the store: the root, and the datasets."""
    monkeypatch.setattr(_ranges, "RANGE", 64 << 10)
    monkeypatch.setattr(_reading, "WHOLE_MAX", 50_000)
    store.put(OBJECTS)
    ways: dict[str, Any] = {"executor": threads, "storage_options": store.options, "dest_options": store.options}
    ways |= {"shard_files": 2, "large": large}
    summary = dataset.write_signature(store.root, f"{store.url}/old", **ways)
    assert (summary.files, summary.bytes) == (len(OBJECTS), sum(map(len, OBJECTS.values())))
    check(store.fetch("old", tmp_path / "old"), OBJECTS)
    verified: dict[str, Any] = {"executor": threads, "storage_options": store.options, "extra": True}
    verified["dataset_options"] = store.options
    for quick in (False, True):
        assert dataset.verify(f"{store.url}/old", store.root, quick=quick, **verified)
    changed = {
        "a": random_edits(OBJECTS["a"], 2, 6),
        "large": random_edits(OBJECTS["large"], 3, 7),
        "copy": OBJECTS["z"],
    }
    store.put(changed)
    store.remove("a-/b")
    new = {name: data for name, data in {**OBJECTS, **changed}.items() if name != "a-/b"}
    report = dataset.verify(f"{store.url}/old", store.root, **verified)
    assert {each.path.decode(): each.kind for each in report} == {
        "a": "changed",
        "a-/b": "missing",
        "copy": "added",
        "large": "changed",
    }
    dataset.write_delta(f"{store.url}/old", store.root, f"{store.url}/delta", signature_options=store.options, **ways)
    found = store.fetch("delta", tmp_path / "delta")
    state = {name.encode(): ("file", data) for name, data in OBJECTS.items()}
    assert apply(found, state) == {name.encode(): ("file", data) for name, data in new.items()}
    assert {row["path"].decode(): row["op"] for row in found.rows if row["op"] != "keep"} == {
        "a": "delta",
        "a-/b": "delete",
        "copy": "copy",
        "large": "delta",
    }
    assert [each.kind for each in dataset.diff(f"{store.url}/old", tmp_path / "delta", old_options=store.options)] == [
        "changed",
        "changed",
        "removed",
        "added",
    ]


def test_objects_are_known_by_their_etag(tmp_path: Path, store: Store, threads: ThreadPoolExecutor) -> None:
    store.put(OBJECTS)
    ways: dict[str, Any] = {"executor": threads, "storage_options": store.options, "shard_files": 2}
    dataset.write_signature(store.root, tmp_path / "old", **ways)
    has_etags = store.url.startswith("s3")
    again = dataset.write_signature(store.root, tmp_path / "again", known=tmp_path / "old", **ways)
    assert again.read_files == (0 if has_etags else len(OBJECTS))
    store.put({"z": noise(100, 8)})
    third = dataset.write_signature(store.root, tmp_path / "third", known=tmp_path / "old", **ways)
    assert third.read_files == (1 if has_etags else len(OBJECTS))
    check(read_dataset(tmp_path / "third"), {**OBJECTS, "z": noise(100, 8)})


def test_a_run_is_continued_in_a_store(store: Store, threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for number in range(10):
        (tmp_path / "root" / str(number)).write_bytes(noise(20_000, number))
    settle()
    ways: dict[str, Any] = {"executor": threads, "dest_options": store.options, "shard_files": 3}
    first = dataset.write_signature(tmp_path / "root", f"{store.url}/made", **ways)
    again = dataset.write_signature(tmp_path / "root", f"{store.url}/made", **ways)
    assert (first.read_files, again.read_files) == (10, 0)
    third = dataset.write_signature(tmp_path / "root", f"{store.url}/made", known=f"{store.url}/made", **ways)
    assert (third.read_files, third.shards_skipped) == (0, third.shards)


def test_processes_work_on_a_store(tmp_path: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    client = client_of(url)
    client.create_bucket(Bucket="processes")
    client.close()
    store = Store("s3://processes", s3_options(url))
    store.put(OBJECTS)
    dataset.write_signature(store.root, tmp_path / "made", executor=2, storage_options=store.options, shard_files=2)
    check(read_dataset(tmp_path / "made"), OBJECTS)


def test_an_object_that_changes_is_a_row(
    tmp_path: Path, store: Store, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(OBJECTS)
    real = _reading.read_objects

    def changing(root: Any, wanted: Any, sums: Any) -> Any:
        paths = {each.path for each in wanted}
        if b"z" in paths:
            store.put({"z": b"shorter"})
        if b"a.b" in paths:
            store.remove("a.b")
        return real(root, wanted, sums)

    monkeypatch.setattr(_reading, "read_objects", changing)
    with pytest.raises(dataset.DatasetError) as raised:
        dataset.write_signature(
            store.root, tmp_path / "made", executor=threads, storage_options=store.options, shard_files=2
        )
    assert [(each.path, each.kind) for each in raised.value.failures] == [(b"a.b", "vanished"), (b"z", "changed")]


def test_an_object_may_lie_below_another(tmp_path: Path, port: int, threads: ThreadPoolExecutor) -> None:
    url = f"http://127.0.0.1:{port}"
    client = client_of(url)
    client.create_bucket(Bucket="nested")
    client.close()
    store = Store("s3://nested", s3_options(url))
    objects = {"a": b"an object", "a/b": b"below it", "a/b/c": b"below that"}
    store.put(objects)
    ways: dict[str, Any] = {"executor": threads, "storage_options": store.options, "shard_files": 1}
    dataset.write_signature(store.root, tmp_path / "old", **ways)
    check(read_dataset(tmp_path / "old"), objects)
    assert dataset.write_delta(tmp_path / "old", store.root, tmp_path / "delta", **ways).ops == {"keep": 3}


def test_a_url_without_fsspec_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(redelta.ParameterError, match=r"install redelta\[fsspec\]"), ThreadPoolExecutor(1) as one:
        dataset.write_signature("memory://root", tmp_path / "made", executor=one)
