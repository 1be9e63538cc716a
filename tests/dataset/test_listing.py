"""The order of a listing, and where shards end."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.datasets import state_of
from redelta.dataset._cutting import Cut, cut, rows_of_ipc
from redelta.dataset._listing import PATH, Listed, listing
from redelta.dataset._places import Place

NAMES = st.sampled_from([b"a", b"a.b", b"a-", b"a0", b"b", b"\xff", b"a\n", b"A", b"a b"])


def make(root: Path, paths: list[list[bytes]]) -> None:
    """Files at these paths; one that would need a file to be a directory is left out."""
    for parts in paths:
        path = os.path.join(os.fsencode(root), *parts)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb"):
                pass
        except (FileExistsError, NotADirectoryError):
            continue


@given(st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=30))
def test_paths_are_in_the_order_of_their_bytes(paths: list[list[bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), paths)
        found = [row[PATH] for row in listing(Place.of(folder))]
        assert found == sorted(state_of(Path(folder)))


def row(path: bytes, size: int = 1) -> Listed:
    return (path, "file", size, 0, 0, 0, 0, None, None, 0, 0, 0, None, None, None)


PATHS = st.lists(st.binary(min_size=1, max_size=3), unique=True, max_size=200).map(sorted)


@given(PATHS, st.integers(1, 20), st.integers(1, 100), st.data())
def test_shards_have_all_rows_and_cover_all_paths(
    paths: list[bytes], shard_files: int, shard_bytes: int, data: st.DataObject
) -> None:
    how = Cut(shard_files, shard_bytes, 50)
    rows = [row(path, data.draw(st.integers(0, 60))) for path in paths]
    pieces = list(cut(iter(rows), how))
    assert [each for piece in pieces for each in piece.rows] == rows
    assert [piece.after for piece in pieces] == [None, *(piece.last for piece in pieces[:-1])]
    assert pieces[-1].last is None
    for piece in pieces:
        inside = [each[0] for each in piece.rows]
        assert all(piece.after is None or piece.after < path for path in inside)
        assert all(piece.last is None or path <= piece.last for path in inside)
        assert len(inside) <= 4 * shard_files
        assert len(inside) <= 1 or sum(each[2] for each in piece.rows) <= shard_bytes
        assert piece.large == any(each[2] > 50 for each in piece.rows)
        assert not piece.large or len(inside) == 1
        assert rows_of_ipc(piece.to_ipc()).num_rows == len(inside)


def test_an_insertion_moves_one_end_at_most() -> None:
    chance = random.Random(1)
    paths = sorted(b"%08d" % chance.randrange(10**8) for _ in range(20_000))
    how = Cut(500)
    before = {piece.to_ipc() for piece in cut(map(row, paths), how)}
    for _ in range(10):
        more = sorted([*paths, b"%08dx" % chance.randrange(10**8)])
        after = {piece.to_ipc() for piece in cut(map(row, more), how)}
        assert len(after - before) <= 2
    assert 20 < len(before) < 100


def test_a_root_is_a_directory_or_a_url(tmp_path: Path) -> None:
    assert Place.of(f"file://{tmp_path}/a%20b") == Place.of(tmp_path / "a b")
    assert Place.of("memory://root/").url == "memory://root"
    assert Place.of("simplecache::memory://root").path is None
    assert Place.of(os.fsencode(tmp_path)).path == os.fsencode(tmp_path)
    with pytest.raises(ValueError, match="options"):
        Place.of(tmp_path, {"anon": True})
