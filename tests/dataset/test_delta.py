"""`write_delta`: any new version of any old one; what is not read; what is not known."""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import redelta
from helpers.datasets import apply, bytes_of, change_tree, make_tree, read_dataset, settle, state_of
from redelta import dataset

CONTENTS = st.sampled_from(
    [b"", b"x", b"some text", bytes(range(256)) * 8, b"edited " + bytes(range(256)) * 8, bytes(3000)]
)
NODES = st.one_of(
    CONTENTS.map(lambda data: ("file", data)),
    st.just(("directory", b"")),
    st.sampled_from([b"a", b"../x", b"\xff"]).map(lambda target: ("link", target)),
)
NAMES = st.sampled_from([b"a", b"a.b", b"b", b"\xff"])
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), NODES, max_size=12)


def build(root: Path, tree: dict[bytes, tuple[str, bytes]]) -> None:
    """A tree; nodes below something that is no directory are left out."""
    root.mkdir()
    for path, (kind, content) in sorted(tree.items()):
        full = os.path.join(os.fsencode(root), path)
        try:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if kind == "file":
                with open(full, "xb") as file:
                    file.write(content)
            elif kind == "directory":
                os.mkdir(full)
            else:
                os.symlink(content, full)
        except OSError:
            continue


@settings(max_examples=40)
@given(TREES, TREES, st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_any_tree_of_any_other(
    old: dict[bytes, tuple[str, bytes]],
    new: dict[bytes, tuple[str, bytes]],
    old_files: int,
    new_files: int,
    renames: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as one:
        place = Path(folder)
        build(place / "old", old)
        build(place / "new", new)
        dataset.write_signature(place / "old", place / "signature", executor=one, shard_files=old_files, min_size=100)
        dataset.write_delta(
            place / "signature", place / "new", place / "delta", executor=one, shard_files=new_files, renames=renames
        )
        found = read_dataset(place / "delta")
        assert apply(found, state_of(place / "old")) == state_of(place / "new")
        assert renames or "copy" not in {row["op"] for row in found.rows}
        assert {row["path"] for row in found.rows} == {*state_of(place / "old"), *state_of(place / "new")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "root", 31)


def test_known_spares_reading(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    dataset.write_signature(root, tmp_path / "old", executor=threads, shard_files=15)
    change_tree(root, 32)
    known = dataset.write_signature(root, tmp_path / "new", executor=threads, shard_files=25)
    for name, manifest in (("plain", None), ("known", tmp_path / "new"), ("older", tmp_path / "old")):
        summary = dataset.write_delta(
            tmp_path / "old", root, tmp_path / name, executor=threads, shard_files=20, known=manifest
        )
        assert summary.read_files == {"plain": summary.files, "known": 0}.get(name, summary.read_files)
    assert 0 < summary.read_files < summary.files == known.files
    assert bytes_of(tmp_path / "plain") == bytes_of(tmp_path / "known") == bytes_of(tmp_path / "older")


def test_an_unchanged_root_is_kept(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    dataset.write_signature(root, tmp_path / "old", executor=threads)
    shutil.copytree(root, tmp_path / "copy", symlinks=True)
    summary = dataset.write_delta(tmp_path / "old", tmp_path / "copy", tmp_path / "delta", executor=threads)
    assert set(summary.ops) == {"keep"}
    assert summary.delta_bytes == 0


def test_a_delta_is_continued(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    dataset.write_signature(root, tmp_path / "old", executor=threads)
    change_tree(root, 33)
    first = dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=threads, shard_files=15)
    before = bytes_of(tmp_path / "delta")
    again = dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=threads, shard_files=15)
    assert (again.shards_skipped, again.read_files) == (first.shards, 0)
    assert (again.ops, again.delta_bytes) == (first.ops, first.delta_bytes)
    assert bytes_of(tmp_path / "delta") == before
    assert not [name for name in before if name.startswith("part-")]
    (root / "f4" / "file 1%").write_bytes(b"changed again")
    dataset.write_signature(root, tmp_path / "old", executor=threads)  # now another signature
    assert dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=threads).shards_skipped == 0


def test_what_cannot_be_read_is_not_said_to_be_gone(
    tmp_path: Path, root: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is what was below a directory that cannot, in whatever shard it is."""
    dataset.write_signature(root, tmp_path / "old", executor=threads, shard_files=10)
    real = os.scandir

    def scandir(path: bytes) -> object:
        if isinstance(path, bytes) and path.rstrip(b"/").endswith(b"root/f3"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(dataset.DatasetError) as raised:
        dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=threads, shard_files=2)
    assert [(each.path, each.kind) for each in raised.value.failures] == [(b"f3", "unreadable")]
    found = read_dataset(tmp_path / "delta")
    assert found.row("f3")["op"] is None
    assert not [row for row in found.rows if row["path"].startswith(b"f3/")]
    assert found.row("f3.txt")["op"] == "keep"
    assert {row["op"] for row in found.rows} == {None, "keep"}


def test_a_file_that_changes_before_its_delta_is_made_is_a_row(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as one:
        dataset.write_signature(root, tmp_path / "old", executor=one)
        (root / "f1" / "file 1%").write_bytes(b"new")
        (root / "f1" / "file 2%").write_bytes(b"also new")
        settle()
        real = redelta.write_delta

        def changing(signature: object, source: object, *others: object, **options: object) -> redelta.Stats:
            return real(signature, b"newer" if source == b"new" else source, *others, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(redelta, "write_delta", changing)
        with pytest.raises(dataset.DatasetError) as raised:
            dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=one)
    assert [(each.path, each.kind) for each in raised.value.failures] == [(b"f1/file 1%", "changed")]
    found = read_dataset(tmp_path / "delta")
    assert found.row("f1/file 1%")["op"] is None
    assert redelta.patch(b"", found.items[b"f1/file 2%"]) == b"also new"


def test_a_delta_against_something_else_is_refused(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    dataset.write_signature(root, tmp_path / "old", executor=threads)
    dataset.write_delta(tmp_path / "old", root, tmp_path / "delta", executor=threads)
    with pytest.raises(redelta.ParameterError, match="not a dataset signature"):
        dataset.write_delta(tmp_path / "delta", root, tmp_path / "other", executor=threads)
    with pytest.raises(redelta.ParameterError, match="no dataset is here"):
        dataset.write_delta(root, root, tmp_path / "other", executor=threads)
    assert not (tmp_path / "other").exists()
