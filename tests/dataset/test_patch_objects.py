"""`write_patch` of what is below a URL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from helpers.roots import delta_of, put
from helpers.samples import noise
from redelta.dataset import DatasetError, write_delta, write_patch, write_signature


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    filesystem = fsspec.filesystem("memory")
    base = f"/{tmp_path.name}"
    yield filesystem, base
    filesystem.rm(base, recursive=True)


@pytest.mark.parametrize("shard_files", [1, 10_000])
def test_objects_that_are_copied_from_what_is_replaced(
    tmp_path: Path, threads: ThreadPoolExecutor, memory: Any, shard_files: int
) -> None:
    """In the new version an object has the content that another one had before, and that has another: two that have
    changed places, a chain, and one that is new."""
    filesystem, base = memory
    contents = [noise(20_000 + number, number) for number in range(9)]
    old = {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "x": 5}
    new = {"a": 1, "b": 0, "c": 3, "d": 4, "e": 6, "x": 7, "0": 2, "y": 5}
    for prefix, which in (("old", old), ("new", new)):
        for path, number in which.items():
            filesystem.pipe_file(f"{base}/{prefix}/{path}", contents[number])
    url = f"memory:/{base}"
    ways: dict[str, Any] = {"executor": threads, "shard_files": shard_files}
    write_signature(f"{url}/old", tmp_path / "signature", **ways)
    summary = write_delta(tmp_path / "signature", f"{url}/new", tmp_path / "delta", **ways)
    assert summary.ops["copy"] >= 6
    write_patch(tmp_path / "delta", f"{url}/old", executor=threads)
    for path, number in new.items():
        assert filesystem.cat_file(f"{base}/old/{path}") == contents[number], path


@pytest.mark.parametrize("changed", ["a", "b", "c"])
def test_of_objects_that_have_changed_places_all_are_replaced_or_none(
    tmp_path: Path, threads: ThreadPoolExecutor, memory: Any, changed: str
) -> None:
    """One of three is another one by now."""
    filesystem, base = memory
    contents = [noise(20_000 + number, number) for number in range(3)]
    for number, name in enumerate("abc"):
        filesystem.pipe_file(f"{base}/old/{name}", contents[number])
        filesystem.pipe_file(f"{base}/new/{name}", contents[(number + 1) % 3])
    url = f"memory:/{base}"
    write_signature(f"{url}/old", tmp_path / "signature", executor=threads)
    assert write_delta(tmp_path / "signature", f"{url}/new", tmp_path / "delta", executor=threads).ops == {"copy": 3}
    filesystem.pipe_file(f"{base}/old/{changed}", b"another one")
    before = {name: filesystem.cat_file(name) for name in filesystem.find(f"{base}/old")}
    with pytest.raises(DatasetError) as caught:
        write_patch(tmp_path / "delta", f"{url}/old", executor=threads)
    assert [each.path for each in caught.value.failures] == [b"a", b"b", b"c"]
    assert {name: filesystem.cat_file(name) for name in filesystem.find(f"{base}/old")} == before


def test_a_path_that_no_object_can_have(tmp_path: Path, threads: ThreadPoolExecutor, memory: Any) -> None:
    """Names of objects are UTF-8: what is not is a failure of its row, not of the run."""
    filesystem, base = memory
    old, new = put(tmp_path / "old", {"x": b"x"}), put(tmp_path / "new", {"x": b"x", "fine": b"fine"})
    (new / "added \udcff").write_bytes(b"added")
    filesystem.pipe_file(f"{base}/x", b"x")
    with pytest.raises(DatasetError) as raised:
        write_patch(delta_of(tmp_path, threads, old, new), f"memory:/{base}", executor=threads)
    assert [each.path for each in raised.value.failures] == [b"added \xff"]
    assert filesystem.cat_file(f"{base}/fine") == b"fine"
