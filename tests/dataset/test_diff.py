"""`diff` and `verify`: what differs, and nothing else."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.datasets import Read, change_tree, make_tree, read_dataset, settle, state_of
from redelta import dataset


def differences(old: Read, new: Read) -> list[tuple[str, bytes, bytes | None]]:
    """The same by dictionaries."""
    before, after = ({row["path"]: row for row in each.rows if row.get("op") != "delete"} for each in (old, new))
    found: list[tuple[str, bytes, bytes | None]] = []
    gone = [before[path] for path in sorted(before.keys() - after.keys())]
    come = [after[path] for path in sorted(after.keys() - before.keys())]
    for row in list(come):
        twin = next((each for each in gone if row["digest"] and each["digest"] == row["digest"] and row["size"]), None)
        if twin is not None:
            found.append(("renamed", row["path"], twin["path"]))
            gone.remove(twin)
            come.remove(row)
    found += [("removed", row["path"], None) for row in gone] + [("added", row["path"], None) for row in come]
    for path in before.keys() & after.keys():
        one, other = before[path], after[path]
        if any(one[name] != other[name] for name in ("kind", "size", "digest", "link")):
            found.append(("changed", path, None))
        elif any(one[name] != other[name] for name in ("mode", "uid", "gid")) or (
            one["mtime_ns"] != other["mtime_ns"] and one["kind"] != "directory"
        ):
            found.append(("metadata", path, None))
    return sorted(found, key=lambda each: each[1])


@pytest.mark.parametrize("shard_files", [(10, 10), (10, 40), (1000, 7)])
def test_a_diff_has_all_changes(tmp_path: Path, threads: ThreadPoolExecutor, shard_files: tuple[int, int]) -> None:
    root = make_tree(tmp_path / "root", 41)
    dataset.write_signature(root, tmp_path / "old", executor=threads, shard_files=shard_files[0])
    change_tree(root, 42)
    os.chmod(root / "f4" / "file 1%", 0o600)
    os.utime(root / "f4" / "file 2%", ns=(1, 1))
    dataset.write_signature(root, tmp_path / "new", executor=threads, shard_files=shard_files[1])
    dataset.write_delta(
        tmp_path / "old", root, tmp_path / "delta", executor=threads, shard_files=shard_files[1], renames=False
    )
    old = read_dataset(tmp_path / "old")
    for name in ("new", "delta"):
        changes = dataset.diff(tmp_path / "old", tmp_path / name)
        expected = differences(old, read_dataset(tmp_path / name))
        found = sorted(((each.kind, each.path, each.old_path) for each in changes), key=lambda each: each[1])
        assert found == expected
        assert {each[0] for each in found} == {"changed", "metadata", "added", "removed", "renamed"}
        table = changes.table()
        assert table.schema.names == ["kind", "path", "old_path", "old_size", "size"]
        assert [dataset.Change(**each) for each in table.to_pylist()] == list(changes)
    kinds = {each.kind for each in dataset.diff(tmp_path / "old", tmp_path / "new", renames=False)}
    assert kinds == {"changed", "metadata", "added", "removed"}
    assert list(dataset.diff(tmp_path / "new", tmp_path / "delta")) == []


def test_equal_shards_are_not_read(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = make_tree(tmp_path / "root", 43)
    dataset.write_signature(root, tmp_path / "old", executor=threads, shard_files=10)
    (root / "f3" / "file 4%").write_bytes(b"another")
    settle()
    dataset.write_signature(root, tmp_path / "new", executor=threads, shard_files=10)
    same = [each for each in (tmp_path / "old").glob("*.parquet") if (tmp_path / "new" / each.name).exists()]
    assert len(same) > 5
    for each in same:
        each.unlink()
    found = [(each.kind, each.path, each.size) for each in dataset.diff(tmp_path / "old", tmp_path / "new")]
    assert found == [("changed", b"f3/file 4%", 7)]


def test_of_many_equal_contents_each_is_renamed_once(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name in "abc":
        (root / name).write_bytes(b"the same")
    dataset.write_signature(root, tmp_path / "old", executor=threads)
    for name in "abc":
        (root / name).unlink()
    for name in "xy":
        (root / name).write_bytes(b"the same")
    settle()
    dataset.write_signature(root, tmp_path / "new", executor=threads)
    found = [(each.kind, each.path, each.old_path) for each in dataset.diff(tmp_path / "old", tmp_path / "new")]
    assert found == [("removed", b"c", None), ("renamed", b"x", b"a"), ("renamed", b"y", b"b")]


# ---- Verify ---------------------------------------------------------------------------------------------------------


def kinds_of(report: dataset.Report) -> dict[bytes, str]:
    return {each.path: each.kind for each in report}


def test_a_root_is_verified(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = make_tree(tmp_path / "root", 44)
    summary = dataset.write_signature(root, tmp_path / "made", executor=threads, shard_files=15)
    told: list[tuple[int, int | None]] = []
    report = dataset.verify(
        tmp_path / "made", root, executor=threads, extra=True, progress=lambda done, all: told.append((done, all))
    )
    assert report
    assert (report.files, report.bytes, report.changes) == (summary.files, summary.bytes, ())
    assert told[-1] == (summary.bytes, summary.bytes)
    path = root / "f1" / "file 1%"
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (root / "f2" / "file 1%").unlink()
    (root / "f3" / "file 1%").write_bytes(b"other size")
    (root / "f4" / "link").unlink()
    (root / "f4" / "link").symlink_to("elsewhere")
    (root / "empty").rmdir()
    (root / "empty").write_bytes(b"now a file")
    (root / "f5" / "more").write_bytes(b"more")
    expected = {
        b"empty": "changed",
        b"f1/file 1%": "changed",
        b"f2/file 1%": "missing",
        b"f3/file 1%": "changed",
        b"f4/link": "changed",
    }
    report = dataset.verify(tmp_path / "made", root, executor=threads)
    assert not report
    assert kinds_of(report) == expected
    assert report.kinds == {"changed": 4, "missing": 1}
    quick = dataset.verify(tmp_path / "made", root, executor=threads, quick=True, extra=True)
    del expected[b"f1/file 1%"]  # has its size and its time
    assert kinds_of(quick) == {**expected, b"f5/more": "added"}
    assert quick.bytes == 0


def test_a_delta_is_verified_against_the_new_version(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = make_tree(tmp_path / "root", 45)
    dataset.write_signature(root, tmp_path / "old", executor=threads)
    change_tree(root, 46)
    dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=threads, shard_files=20)
    assert dataset.verify(tmp_path / "delta", root, executor=threads, extra=True)
    gone = random.Random(1).choice(
        [row["path"] for row in read_dataset(tmp_path / "delta").rows if row["op"] == "delete"]
    )
    if gone not in state_of(root):
        path = root / os.fsdecode(gone)
        path.parent.mkdir(exist_ok=True, parents=True) if not path.parent.exists() else None
        path.write_bytes(b"there again")
    report = dataset.verify(tmp_path / "delta", root, executor=threads)
    assert kinds_of(report)[gone] == "added"
