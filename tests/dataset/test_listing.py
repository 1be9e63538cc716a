"""The order of a listing, and where shards end."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.datasets import state_of
from redelta.dataset._cutting import Cut, Cutter, Piece, rows_of_ipc, section_of
from redelta.dataset._engine import Task
from redelta.dataset._lister import Lister, ListJob
from redelta.dataset._listing import PATH, Listed, listing
from redelta.dataset._listing_objects import S3Walk
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


def cut(rows: list[Listed], how: Cut, sections: list[int] | None = None) -> list[Piece]:
    """The rows in pieces, listed in sections that end at these numbers."""
    cutter = Cutter(how)
    ends = [0, *sorted(sections or []), len(rows)]
    found = [piece for start, stop in pairwise(ends) for piece in cutter.add(section_of(rows[start:stop], how))]
    return [*found, *cutter.end()]


def cut_by_hand(rows: list[Listed], how: Cut) -> list[list[Listed]]:
    """The rule, a row at a time."""
    pieces: list[list[Listed]] = [[]]
    for each in rows:
        size = sum(other[2] for other in pieces[-1])
        if pieces[-1] and (each[2] > how.large or size + each[2] > how.shard_bytes):
            pieces.append([])
        pieces[-1].append(each)
        is_end = hashlib.blake2b(each[0], digest_size=8, person=b"redelta shards").digest()
        if (
            each[2] > how.large
            or len(pieces[-1]) >= 4 * how.shard_files
            or int.from_bytes(is_end, "big") % how.shard_files == 0
        ):
            pieces.append([])
    return [each for each in pieces if each] or [[]]


@given(PATHS, st.integers(1, 20), st.integers(1, 100), st.integers(0, 50), st.data())
def test_shards_have_all_rows_and_cover_all_paths(
    paths: list[bytes], shard_files: int, shard_bytes: int, large: int, data: st.DataObject
) -> None:
    how = Cut(shard_files, shard_bytes, large)
    rows = [row(path, data.draw(st.integers(0, 60))) for path in paths]
    pieces = cut(rows, how, data.draw(st.lists(st.integers(0, len(rows)), max_size=5)))
    found = [[tuple(each.values()) for each in piece.table.to_pylist()] for piece in pieces]
    assert found == cut_by_hand(rows, how)
    assert [piece.after for piece in pieces] == [None, *(piece.last for piece in pieces[:-1])]
    assert pieces[-1].last is None
    for piece, inside in zip(pieces, found, strict=True):
        assert all(piece.after is None or piece.after < each[0] for each in inside)
        assert all(piece.last is None or each[0] <= piece.last for each in inside)
        assert piece.large == any(each[2] > large for each in inside)
        assert rows_of_ipc(piece.to_ipc()).equals(piece.table)
    assert [piece.key for piece in pieces] == [piece.key for piece in cut(rows, how)]


@given(st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=30), st.integers(1, 6), st.integers(1, 3), st.data())
def test_workers_that_list_find_what_one_finds(
    paths: list[list[bytes]], rows: int, workers: int, data: st.DataObject
) -> None:
    """Whatever a task lists at a time, and in whatever order tasks end."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), paths)
        root = Place.of(folder)
        lister = Lister(ListJob(root, Cut(), rows), workers)
        tasks: list[Task] = []
        found: list[bytes] = []
        while not lister.is_done:
            section = lister.next_section()
            if section is not None:
                found += rows_of_ipc(section.ipc)["path"].to_pylist()
            elif (task := lister.next_task()) is not None:
                tasks.append(task)
            else:
                done = tasks.pop(data.draw(st.integers(0, len(tasks) - 1)))
                done.then(done.function(*done.arguments))
        assert found == [each[PATH] for each in listing(root)]


def test_an_insertion_moves_one_end_at_most() -> None:
    chance = random.Random(1)
    paths = sorted(b"%08d" % chance.randrange(10**8) for _ in range(20_000))
    how = Cut(500)
    before = {piece.key for piece in cut([row(path) for path in paths], how)}
    for _ in range(10):
        more = sorted([*paths, b"%08dx" % chance.randrange(10**8)])
        after = {piece.key for piece in cut([row(path) for path in more], how)}
        assert len(after - before) <= 2
    assert 20 < len(before) < 100


def test_a_root_is_a_directory_or_a_url(tmp_path: Path) -> None:
    for name in ("a b", "h\u00e4", "100%?#", os.fsdecode(b"\xff")):
        uri = (tmp_path / name).as_uri()
        for url in (uri, uri.replace("file://", "file://localhost"), uri.replace("file://", "FILE://")):
            assert Place.of(url) == Place.of(tmp_path / name)
    for url in ("file://otherhost/x", "file://relative"):
        with pytest.raises(redelta.ParameterError, match=r"the host '(otherhost|relative)'.*file:///PATH"):
            Place.of(url)
    assert Place.of("memory://root/").url == "memory://root"
    assert Place.of("simplecache::memory://root").path is None
    assert Place.of(os.fsencode(tmp_path)).path == os.fsencode(tmp_path)
    with pytest.raises(ValueError, match="options"):
        Place.of(tmp_path, {"anon": True})


class Pages:
    """The listing of a bucket as S3 answers it, in pages of two."""

    protocol = ("s3",)

    def __init__(self, keys: list[str]) -> None:
        self.keys = sorted(keys, key=str.encode)
        self.calls = 0

    def call_s3(self, name: str, **asked: Any) -> dict[str, Any]:
        assert (name, asked["Bucket"]) == ("list_objects_v2", "root")
        self.calls += 1
        prefix, after = asked["Prefix"], asked.get("ContinuationToken") or asked.get("StartAfter") or ""
        page: dict[str, Any] = {"Contents": [], "CommonPrefixes": [], "IsTruncated": False}
        last = token = ""
        for key in self.keys:
            if not key.startswith(prefix) or key.encode() <= after.encode() or (last and key.startswith(last)):
                continue
            if len(page["Contents"]) + len(page["CommonPrefixes"]) == 2:
                return {**page, "IsTruncated": True, "NextContinuationToken": token}
            inner = key[len(prefix) :]
            if asked.get("Delimiter") and "/" in inner:
                last = prefix + inner[: inner.index("/") + 1]
                page["CommonPrefixes"].append({"Prefix": last})
                token = last + "\U0010ffff"
            else:
                page["Contents"].append({"Key": key, "Size": 1, "ETag": f'"{key}"'})
                token, last = key, ""
        return page


S3_KEYS = st.lists(st.text("ab./-é", min_size=1, max_size=6).filter(lambda key: not key.startswith("/")), unique=True)


@given(S3_KEYS, st.integers(1, 4), st.integers(1, 4))
def test_pages_of_s3_have_every_key_in_order(keys: list[str], rows: int, workers: int) -> None:
    """However walks are interrupted: prefixes are looked into, and pages go on."""
    store = Pages([f"in/{key}" for key in keys] + ["in2/no", "i/no"])
    expected = sorted(key.encode() for key in keys if not key.endswith("/"))
    entries: list[Any] = [(b"",)]
    found: list[bytes] = []
    while entries:
        walk = S3Walk(store, "root/in", entries[: max(1, len(entries) // workers)])
        later = entries[max(1, len(entries) // workers) :]
        found += [each[PATH] for each in islice(walk, rows)]
        entries = [*walk.rest(), *later]
        assert store.calls < 20 * len(keys) + 20
    assert found == expected
