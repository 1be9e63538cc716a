"""What is on the disk is what the page about formats says, read by a second reader."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers import wire
from helpers.datasets import apply, bytes_of, change_tree, check_signature, make_tree, read_dataset, settle, state_of
from redelta import dataset


@pytest.mark.parametrize("sums", [{}, {"block_len": 512, "strong_len": 7}, {"strong_len": None}])
def test_a_signature_has_every_path_and_the_signature_of_every_file(
    tmp_path: Path, threads: ThreadPoolExecutor, sums: dict[str, Any]
) -> None:
    root = make_tree(tmp_path / "root", 1)
    summary = dataset.write_signature(root, tmp_path / "made", executor=threads, shard_files=20, min_size=3000, **sums)
    found = read_dataset(tmp_path / "made")
    check_signature(found, root)
    assert len(found.manifest["shards"]) == summary.shards > 3
    assert (summary.rows, summary.files) == (len(found.rows), found.manifest["files"])
    assert summary.signature_bytes == sum(map(len, found.items.values()))


def test_signatures_are_those_of_single_files(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = make_tree(tmp_path / "root", 2)
    dataset.write_signature(root, tmp_path / "made", executor=threads, min_size=0)
    for path, item in read_dataset(tmp_path / "made").items.items():
        assert item == redelta.signature(root / Path(path.decode("utf-8", "surrogateescape")), strong_len="least")


@pytest.mark.parametrize("compress", [None, 3])
def test_a_delta_makes_the_new_version_of_the_old(
    tmp_path: Path, threads: ThreadPoolExecutor, compress: int | None
) -> None:
    root = make_tree(tmp_path / "root", 3)
    old = state_of(root)
    dataset.write_signature(root, tmp_path / "old", executor=threads, shard_files=20)
    change_tree(root, 4)
    summary = dataset.write_delta(
        tmp_path / "old", root, tmp_path / "delta", executor=threads, shard_files=30, compress=compress
    )
    found = read_dataset(tmp_path / "delta")
    if compress is None:
        assert apply(found, old) == state_of(root)
    else:
        assert all(item[:4] == b"\x28\xb5\x2f\xfd" for item in found.items.values())
    assert set(summary.ops) == {"keep", "delta", "whole", "copy", "make", "delete"}
    assert found.row("moved/file 1%")["op"] in ("copy", "keep", "whole")
    assert found.row("f2")["old_kind"] == "directory"
    assert found.row("f3/link")["op"] == "make"


def test_every_delta_ends_with_the_digest_of_its_file(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = make_tree(tmp_path / "root", 5)
    dataset.write_signature(root, tmp_path / "old", executor=threads)
    change_tree(root, 6)
    dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=threads)
    found = read_dataset(tmp_path / "delta")
    for path, item in found.items.items():
        assert redelta.inspect(item).stats.digest == found.row(path)["digest"]  # type: ignore[union-attr]
        assert wire.read_delta(item).commands or found.row(path)["size"] == 0


def test_a_row_takes_less_than_fifty_bytes(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = tmp_path / "root"
    chance = random.Random(7)
    for run in range(8):
        folder = root / "measurements" / f"project_{run // 4}" / f"run-{run:06d}"
        folder.mkdir(parents=True)
        for sample in range(500):
            (folder / f"sample_{sample:08d}.bin").write_bytes(chance.randbytes(chance.randrange(200)))
    settle()
    summary = dataset.write_signature(root, tmp_path / "made", executor=threads)
    assert summary.manifest_bytes < 50 * summary.rows


def test_an_empty_root_is_a_dataset_without_shards(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    (tmp_path / "root").mkdir()
    assert dataset.write_signature(tmp_path / "root", tmp_path / "made", executor=threads).shards == 0
    assert read_dataset(tmp_path / "made").rows == []
    full = make_tree(tmp_path / "full", 8)
    dataset.write_delta(tmp_path / "made", full, tmp_path / "delta", executor=threads)
    assert apply(read_dataset(tmp_path / "delta"), {}) == state_of(full)
    dataset.write_signature(full, tmp_path / "back", executor=threads)
    dataset.write_delta(tmp_path / "back", tmp_path / "root", tmp_path / "gone", executor=threads, shard_files=10)
    assert apply(read_dataset(tmp_path / "gone"), state_of(full)) == {}


def test_left_files_are_removed_and_others_are_not(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    root = make_tree(tmp_path / "root", 9)
    made = tmp_path / "made"
    made.mkdir()
    (made / f"shard-{'0' * 32}.parquet").write_bytes(b"of an earlier run")
    (made / "notes.txt").write_bytes(b"of the user")
    dataset.write_signature(root, made, executor=threads)
    read_dataset(made)
    assert "notes.txt" in bytes_of(made)
    assert f"shard-{'0' * 32}.parquet" not in bytes_of(made)
