"""Large files are worked on by ranges, and are in the dataset what they would be if they were not."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import redelta
from helpers.datasets import apply, bytes_of, check_signature, read_dataset, settle, state_of
from helpers.samples import noise, random_edits
from redelta import dataset
from redelta.dataset import _ranges

LARGE = 100_000


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three large files among small ones, in ranges of some blocks."""
    monkeypatch.setattr(_ranges, "RANGE", 50_000)
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    for name, size in (("a", 500_000), ("folder/b", 100_001), ("z", 300_000), ("small", 20_000), ("exact", LARGE)):
        (root / name).write_bytes(noise(size, len(name) + size))
    settle()
    return root


def sign(root: Path, place: Path, threads: ThreadPoolExecutor, **options: object) -> dataset.Summary:
    return dataset.write_signature(root, place, executor=threads, **options)  # type: ignore[arg-type]


def rows_of(place: Path) -> list[tuple[object, ...]]:
    """Rows and items, without how they are distributed."""
    found = read_dataset(place)
    kept = ({**row, "pack_offset": None} for row in found.rows)
    return [(*row.values(), found.items.get(row["path"])) for row in kept]


@pytest.mark.parametrize("sums", [{}, {"block_len": 1000, "strong_len": None}, {"block_len": 70_000}])
def test_signatures(tmp_path: Path, root: Path, threads: ThreadPoolExecutor, sums: dict[str, int]) -> None:
    summary = sign(root, tmp_path / "ranges", threads, large=LARGE, **sums)
    sign(root, tmp_path / "whole", threads, **sums)
    check_signature(read_dataset(tmp_path / "ranges"), root)
    assert rows_of(tmp_path / "ranges") == rows_of(tmp_path / "whole")
    shards = read_dataset(tmp_path / "ranges").manifest["shards"]
    assert [(each["first"], each["last"]) for each in shards] == [
        ("a", "a"),
        ("exact", "folder"),
        ("folder/b", "folder/b"),
        ("small", "small"),
        ("z", "z"),
    ]
    assert summary.shards == len(shards)
    assert not list((tmp_path / "ranges").glob("part-*"))


@pytest.mark.parametrize("min_size", [0, 200_000])
def test_deltas(tmp_path: Path, root: Path, threads: ThreadPoolExecutor, min_size: int) -> None:
    """Changed, unchanged, moved and new ones."""
    old = state_of(root)
    sign(root, tmp_path / "old", threads, min_size=min_size)
    for name in ("a", "folder/b"):
        (root / name).write_bytes(random_edits((root / name).read_bytes(), 5, 3))
    shutil.copy(root / "z", root / "moved")
    (root / "new").write_bytes(noise(200_000, 9))
    settle()
    for name, large in (("ranges", LARGE), ("whole", 1 << 30)):
        dataset.write_delta(tmp_path / "old", root, tmp_path / name, executor=threads, large=large)
    found = read_dataset(tmp_path / "ranges")
    assert apply(found, old) == state_of(root)
    assert rows_of(tmp_path / "ranges") == rows_of(tmp_path / "whole")
    ops = {path: found.row(path)["op"] for path in ("a", "folder/b", "z", "moved", "new")}
    b = "delta" if min_size == 0 else "whole"
    assert ops == {"a": "delta", "folder/b": b, "z": "keep", "moved": "copy", "new": "whole"}


def test_a_known_large_file_is_not_opened(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    sign(root, tmp_path / "first", threads)
    again = sign(root, tmp_path / "again", threads, known=tmp_path / "first", large=LARGE)
    assert again.read_files == 0
    assert rows_of(tmp_path / "first") == rows_of(tmp_path / "again")


def test_ranges_that_are_there_are_not_made_again(
    tmp_path: Path, root: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(root, tmp_path / "whole", threads, large=LARGE)
    made: list[str] = []
    real = redelta.DigestPart.build

    class Interrupted(Exception):
        pass

    def build(file: object, start: int, *others: object, **options: object) -> redelta.DigestPart:
        if len(made) == 7:
            raise Interrupted
        made.append(str(start))
        return real(file, start, *others, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as one:
        patched.setattr(redelta.DigestPart, "build", build)
        with pytest.raises(Interrupted):
            sign(root, tmp_path / "made", one, large=LARGE)
    left = len(list((tmp_path / "made").glob("part-*")))
    assert left == 7
    made.clear()

    def count(file: object, start: int, *others: object, **options: object) -> redelta.DigestPart:
        made.append(str(start))
        return real(file, start, *others, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as one:
        patched.setattr(redelta.DigestPart, "build", count)
        sign(root, tmp_path / "made", one, large=LARGE)
    ranges = sum(-(-size // 50_000) for size in (500_000, 100_001, 300_000))
    assert len(made) <= ranges + 3 - left
    assert bytes_of(tmp_path / "made") == bytes_of(tmp_path / "whole")


def test_a_damaged_part_is_told(
    tmp_path: Path, root: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(place: object, parts: _ranges.Parts) -> _ranges.Joined:
        for name in parts.names:
            path = tmp_path / "made" / name
            path.write_bytes(path.read_bytes()[:-1])
        return real(place, parts)  # type: ignore[arg-type]

    real = _ranges.join
    monkeypatch.setattr("redelta.dataset._sign_tasks.join", cut)
    with pytest.raises(redelta.CorruptError, match="part-"):
        sign(root, tmp_path / "made", threads, large=LARGE)


def test_a_file_that_changes_between_ranges_is_a_row(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranges of two versions are never joined."""
    real = redelta.DigestPart.build

    def build(file: object, start: int, *others: object, **options: object) -> redelta.DigestPart:
        if start and (root / "a").stat().st_size == 500_000:
            with (root / "a").open("ab") as added:
                added.write(b"!")
        return real(file, start, *others, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(redelta.DigestPart, "build", build)
    with ThreadPoolExecutor(1) as one, pytest.raises(dataset.DatasetError) as raised:
        sign(root, tmp_path / "made", one, large=LARGE)
    assert [(each.path, each.kind) for each in raised.value.failures] == [(b"a", "changed")]
    assert read_dataset(tmp_path / "made").row("a")["digest"] is None


def test_a_large_file_that_vanishes_is_a_row(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _ranges.plan_signature

    def plan(*of: object) -> _ranges.Plan:
        (root / "a").unlink(missing_ok=True)
        return real(*of)  # type: ignore[arg-type]

    monkeypatch.setattr("redelta.dataset._sign_tasks.plan_signature", plan)
    with ThreadPoolExecutor(1) as one, pytest.raises(dataset.DatasetError) as raised:
        sign(root, tmp_path / "made", one, large=LARGE)
    assert [(each.path, each.kind) for each in raised.value.failures] == [(b"a", "vanished")]


def test_processes_make_the_same(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """A file of several ranges of the real length, which is mostly a hole."""
    root = tmp_path / "root"
    root.mkdir()
    with (root / "large").open("wb") as file:
        file.write(noise(3_000_000, 1))
        file.truncate(600 << 20)
    settle()
    sign(root, tmp_path / "threads", threads, large=1 << 20)
    dataset.write_signature(root, tmp_path / "processes", executor=2, large=1 << 20)
    assert bytes_of(tmp_path / "threads") == bytes_of(tmp_path / "processes")
    item = read_dataset(tmp_path / "threads").items[b"large"]
    assert item == redelta.signature(root / "large", strong_len="least")
