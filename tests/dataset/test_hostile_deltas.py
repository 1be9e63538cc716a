"""Deltas of strangers: what a patch must not do, whatever its delta asks for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.forged import edit, forge, in_shard
from helpers.roots import snapshot
from redelta import dataset

Told = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path, threads: ThreadPoolExecutor) -> Path:
    """Two versions of a root, and a delta between them, all of one shard."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "kept").write_bytes(b"kept")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    (tmp_path / "new" / "added").write_bytes(b"added")
    dataset.write_signature(tmp_path / "old", tmp_path / "signature", executor=threads)
    dataset.write_delta(tmp_path / "signature", tmp_path / "new", tmp_path / "delta", executor=threads)
    return tmp_path


def refused(folder: Path, threads: ThreadPoolExecutor, **options: Any) -> Exception:
    before = snapshot(folder / "old")
    with pytest.raises((dataset.DatasetCorruptError, redelta.LimitError)) as raised:
        dataset.write_patch(folder / "delta", folder / "old", executor=threads, **options)
    assert snapshot(folder / "old") == before
    return raised.value


def added_as(**values: object) -> Callable[[list[Told]], list[Told]]:
    """The row of the file that is new becomes another one."""

    def change(rows: list[Told]) -> list[Told]:
        next(row for row in rows if row["path"] == b"added").update(values)
        return sorted(rows, key=lambda each: bytes(each["path"]))

    return change


@pytest.mark.parametrize(
    "path",
    [b".redelta-patch/lock", b".redelta-sync", b"folder/.redelta-link-0", b".redelta-patch/shard-0.json", b".redelta-"],
)
def test_names_that_redelta_keeps_for_itself(folder: Path, threads: ThreadPoolExecutor, path: bytes) -> None:
    """No listing has them, so no honest dataset has. A patch would write into its own area, and a link of such a name
    would lead the next run elsewhere."""
    forge(folder / "delta", added_as(path=path), 0)
    assert isinstance(refused(folder, threads), dataset.DatasetCorruptError)


def test_a_name_that_only_looks_like_it(folder: Path, threads: ThreadPoolExecutor) -> None:
    forge(folder / "delta", added_as(path=b"a.redelta-patch"), 0)
    dataset.write_patch(folder / "delta", folder / "old", executor=threads)
    assert (folder / "old" / "a.redelta-patch").read_bytes() == b"added"


def test_rows_of_more_bytes_than_the_manifest_says(folder: Path, threads: ThreadPoolExecutor) -> None:
    """The limit of what is made is compared with the manifest, so that must say what the rows say."""
    forge(folder / "delta", added_as(size=1 << 50), 0)
    edit(folder / "delta", in_shard("bytes", 9, 0))
    assert isinstance(refused(folder, threads, limits=dataset.Limits(file_bytes=1000)), dataset.DatasetCorruptError)


@pytest.mark.parametrize("name", ["files", "failures"])
def test_other_numbers_of_the_manifest(folder: Path, threads: ThreadPoolExecutor, name: str) -> None:
    edit(folder / "delta", in_shard(name, 1, 0))
    refused(folder, threads)


def test_ops_that_the_rows_have_not(folder: Path, threads: ThreadPoolExecutor) -> None:
    edit(folder / "delta", in_shard("ops", {"keep": 2}, 0))
    refused(folder, threads)


LINK: dict[str, object] = {"kind": "link", "size": 0, "op": "make"} | dict.fromkeys(
    ("digest", "pack_offset", "pack_length")
)
IMPOSSIBLE: dict[str, dict[str, object]] = {
    "a link with a NUL": {**LINK, "link": b"a\0b"},
    "a link to nothing": {**LINK, "link": b""},
    "a file of nothing": {"op": "make", "pack_offset": None, "pack_length": None},
    "a directory with a size": {**LINK, "kind": "directory", "size": 5},
}


@pytest.mark.parametrize("lie", IMPOSSIBLE)
def test_what_no_patch_can_make(folder: Path, threads: ThreadPoolExecutor, lie: str) -> None:
    """It is refused before anything is done, not when half of the files have their names."""
    forge(folder / "delta", added_as(**IMPOSSIBLE[lie]), 0)
    counts = {"keep": 1, "make": 1}
    edit(folder / "delta", in_shard("ops", counts, 0))
    assert isinstance(refused(folder, threads), dataset.DatasetCorruptError)


def test_a_link_that_is_possible(folder: Path, threads: ThreadPoolExecutor) -> None:
    forge(folder / "delta", added_as(**LINK, link=b"kept"), 0)
    edit(folder / "delta", in_shard("ops", {"keep": 1, "make": 1}, 0))
    dataset.write_patch(folder / "delta", folder / "old", executor=threads)
    assert (folder / "old" / "added").read_bytes() == b"kept"
