"""`write_signature`: what is read and what is not, what is kept of earlier runs, and what fails."""

from __future__ import annotations

import os
import pickle
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import redelta
from helpers.datasets import bytes_of, check_signature, make_tree, read_dataset, settle
from redelta import dataset


def sign(root: Path, place: Path, threads: ThreadPoolExecutor, **options: object) -> dataset.Summary:
    return dataset.write_signature(root, place, executor=threads, shard_files=15, **options)  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "root", 21)


# ---- What is known --------------------------------------------------------------------------------------------------


def test_an_unchanged_file_is_not_opened(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    """Nor could it be: nothing may be read."""
    first = sign(root, tmp_path / "first", threads)
    access = {each: os.stat(each).st_atime_ns for each in root.rglob("*") if each.is_file()}
    again = sign(root, tmp_path / "again", threads, known=tmp_path / "first")
    assert (first.read_files, again.read_files) == (first.files, 0)
    assert again.shards_skipped == again.shards
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "first")
    assert access == {each: os.stat(each).st_atime_ns for each in access}


def test_only_what_has_changed_is_opened(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    sign(root, tmp_path / "first", threads)
    (root / "f1" / "file 1%").write_bytes(b"changed")
    (root / "f3" / "another").write_bytes(bytes(20_000))
    (root / "f4" / "file 2%").unlink()
    os.utime(root / "f5" / "file 1%", ns=(0, 10**18 + 1))
    settle()
    summary = sign(root, tmp_path / "again", threads, known=tmp_path / "first")
    assert summary.read_files == 3
    assert summary.shards_skipped < summary.shards
    sign(root, tmp_path / "fresh", threads)
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "fresh")
    check_signature(read_dataset(tmp_path / "again"), root)


def test_a_file_put_in_its_place_with_the_same_times_is_read(
    tmp_path: Path, root: Path, threads: ThreadPoolExecutor
) -> None:
    sign(root, tmp_path / "first", threads)
    path = root / "f1" / "file 1%"
    status = path.stat()
    (root / "other").write_bytes(bytes(status.st_size))
    os.utime(root / "other", ns=(status.st_atime_ns, status.st_mtime_ns))
    (root / "other").replace(path)
    settle()
    sign(root, tmp_path / "again", threads, known=tmp_path / "first")
    check_signature(read_dataset(tmp_path / "again"), root)


def test_a_file_written_a_moment_ago_is_read_again(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change within the same tick of the clock does not show in the times of a file, so they are not believed."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "settled").write_bytes(b"long ago")
    settle()
    (root / "file").write_bytes(b"one")
    with monkeypatch.context() as moment:  # which lasts, however long the machine takes
        written = (root / "file").stat().st_ctime_ns
        moment.setattr(time, "time_ns", lambda: written + 10_000_000)
        dataset.write_signature(root, tmp_path / "made", executor=threads)
    assert read_dataset(tmp_path / "made").row("file")["ctime_ns"] is None
    assert read_dataset(tmp_path / "made").row("settled")["ctime_ns"] is not None
    settle()
    for known, read in ((tmp_path / "made", 1), (None, 0)):
        assert dataset.write_signature(root, tmp_path / "made", executor=threads, known=known).read_files == read
    assert read_dataset(tmp_path / "made").row("file")["ctime_ns"] is not None


def test_times_of_whole_seconds_are_believed_later(tmp_path: Path) -> None:
    from redelta.dataset._reading import Status, is_settled

    now = time.time_ns()
    for age, fraction, settled in ((1.0, 1, True), (1.0, 0, False), (0.01, 1, False), (3.5, 0, True)):
        changed = int(now - age * 10**9) // 10**9 * 10**9 if fraction == 0 else (now - int(age * 10**9)) | 1
        assert is_settled(Status(0, changed, changed, 0, 0, 0, 0), now) == settled


def test_other_parameters_are_not_known(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    sign(root, tmp_path / "first", threads)
    for options in ({"block_len": 1000}, {"min_size": 1000}):
        again = sign(root, tmp_path / "again", threads, known=tmp_path / "first", **options)
        assert 0 < again.read_files < again.files  # small files have no signature: their digests are of use
        sign(root, tmp_path / "fresh", threads, **options)
        assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "fresh")


def test_known_may_be_what_is_replaced(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    sign(root, tmp_path / "made", threads)
    (root / "f1" / "file 1%").write_bytes(b"changed")
    settle()
    assert sign(root, tmp_path / "made", threads, known=tmp_path / "made").read_files == 1
    check_signature(read_dataset(tmp_path / "made"), root)


# ---- Earlier runs ---------------------------------------------------------------------------------------------------


def test_shards_that_are_there_are_kept(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    first = sign(root, tmp_path / "made", threads)
    before = bytes_of(tmp_path / "made")
    again = sign(root, tmp_path / "made", threads)
    assert (again.shards_skipped, again.read_files) == (first.shards, 0)
    fresh = sign(root, tmp_path / "made", threads, resume=False)
    assert (fresh.shards_skipped, fresh.read_files) == (0, first.files)
    assert bytes_of(tmp_path / "made") == before
    assert again.signature_bytes == first.signature_bytes


@pytest.mark.parametrize("damage", ["no pack", "short pack", "empty rows", "rows cut"])
def test_damaged_shards_are_made_again(tmp_path: Path, root: Path, threads: ThreadPoolExecutor, damage: str) -> None:
    sign(root, tmp_path / "made", threads)
    before = bytes_of(tmp_path / "made")
    pack = next((tmp_path / "made").glob("*.pack"))
    rows = pack.with_suffix(".parquet")
    if damage == "no pack":
        pack.unlink()
    elif damage == "short pack":
        os.truncate(pack, 10)
    else:
        os.truncate(rows, 0 if damage == "empty rows" else rows.stat().st_size - 1)
    sign(root, tmp_path / "made", threads)
    assert bytes_of(tmp_path / "made") == before


def test_an_insertion_changes_one_shard(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    sign(root, tmp_path / "first", threads)
    (root / "f2" / "file 10b").write_bytes(b"inserted")
    settle()
    os.utime(root / "f2", ns=(0, read_dataset(tmp_path / "first").row("f2")["mtime_ns"]))
    settle()
    sign(root, tmp_path / "second", threads)
    first, second = bytes_of(tmp_path / "first"), bytes_of(tmp_path / "second")
    new = [name for name in second if name.endswith(".parquet") and name not in first]
    assert len(new) <= 2  # that of the file, and that of its directory, whose change time is another


def test_the_dataset_may_lie_below_the_root(tmp_path: Path, root: Path, threads: ThreadPoolExecutor) -> None:
    sign(root, tmp_path / "beside", threads)
    sign(root, root / "f1" / "inside", threads)
    sign(root, root / "f1" / "inside", threads)
    found = read_dataset(root / "f1" / "inside")
    assert [each["path"] for each in found.rows] == [each["path"] for each in read_dataset(tmp_path / "beside").rows]
    with pytest.raises(redelta.ParameterError):
        sign(root, root, threads)


# ---- What fails -----------------------------------------------------------------------------------------------------


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may read everything; so this is somebody else, as far as files are concerned."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable_files_and_directories_are_rows(tmp_path: Path, root: Path, request: pytest.FixtureRequest) -> None:
    os.chmod(root / "f1" / "file 1%", 0)
    os.chmod(root / "f2" / "deep.er", 0)
    (tmp_path / "made").mkdir()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            os.chmod(folder, 0o755)
    os.chmod(tmp_path / "made", 0o777)
    request.getfixturevalue("unprivileged")
    with ThreadPoolExecutor(1) as one, pytest.raises(dataset.DatasetError, match="2 files failed") as raised:
        dataset.write_signature(root, tmp_path / "made", executor=one, shard_files=15)
    failures = raised.value.failures
    assert [(each.path, each.kind) for each in failures] == [
        (b"f1/file 1%", "unreadable"),
        (b"f2/deep.er", "unreadable"),
    ]
    assert raised.value.summary is not None
    assert raised.value.summary.failures == tuple(failures)
    found = read_dataset(tmp_path / "made")
    assert found.row("f1/file 1%")["failure_text"] == "Permission denied"
    assert found.row("f1/file 1%")["digest"] is None
    assert found.row("f2/deep.er")["failure"] == "unreadable"
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (copy.failures, str(copy)) == (failures, str(raised.value))


def test_a_file_that_vanishes_is_a_row_and_is_read_by_the_next_run(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "f1" / "file 1%"
    content = path.read_bytes()
    real = redelta.sign_files

    def vanishing(paths: list[bytes], **options: object) -> redelta.FileRecords:
        if b"f1/file 1%" in paths:
            path.unlink()
        return real(paths, **options)  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as one:
        monkeypatch.setattr(redelta, "sign_files", vanishing)
        with pytest.raises(dataset.DatasetError) as raised:
            dataset.write_signature(root, tmp_path / "made", executor=one, shard_files=15)
        assert [(each.path, each.kind) for each in raised.value.failures] == [(b"f1/file 1%", "vanished")]
        monkeypatch.undo()
        path.write_bytes(content)
        settle()
        summary = dataset.write_signature(root, tmp_path / "made", executor=one, shard_files=15)
    assert 0 < summary.read_files < summary.files
    check_signature(read_dataset(tmp_path / "made"), root)


def test_a_file_that_changes_after_it_was_listed_is_what_was_read(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "f1" / "file 1%"
    real = redelta.sign_files

    def changing(paths: list[bytes], **options: object) -> redelta.FileRecords:
        if b"f1/file 1%" in paths:
            path.write_bytes(b"changed")
        return real(paths, **options)  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as one:
        with monkeypatch.context() as patched:
            patched.setattr(redelta, "sign_files", changing)
            dataset.write_signature(root, tmp_path / "made", executor=one, shard_files=15)
        row = read_dataset(tmp_path / "made").row("f1/file 1%")
        assert (row["size"], row["digest"]) == (7, redelta.digest(b"changed"))
        settle()
        assert dataset.write_signature(root, tmp_path / "made", executor=one, shard_files=15).read_files > 0
    check_signature(read_dataset(tmp_path / "made"), root)


def test_what_is_no_file_is_left_out(tmp_path: Path, threads: ThreadPoolExecutor, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(root / "socket"))
        sign(root, tmp_path / "made", threads)
    check_signature(read_dataset(tmp_path / "made"), root)


def test_a_root_that_is_not_there_is_told(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    with pytest.raises(FileNotFoundError):
        sign(tmp_path / "missing", tmp_path / "made", threads)
    assert not (tmp_path / "made" / "manifest.json").exists()


@pytest.mark.parametrize(
    "options", [{"min_size": -1}, {"shard_files": 0}, {"large": -1}, {"block_len": 0}, {"strong_len": 99}]
)
def test_parameters_are_checked(tmp_path: Path, threads: ThreadPoolExecutor, options: dict[str, int]) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(redelta.ParameterError):
        dataset.write_signature(tmp_path / "root", tmp_path / "made", executor=threads, **options)  # type: ignore[arg-type]
    with pytest.raises(redelta.ParameterError, match="storage options"):
        dataset.write_signature(tmp_path / "root", tmp_path / "made", executor=threads, storage_options={"key": ""})
