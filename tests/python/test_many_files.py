"""sign_files, digest_files, patch_files: what each file gets is what it gets alone, and what fails is told by file."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import noise
from helpers.tool import Tool
from helpers.wire import digest_of
from redelta import _core, _many

SIZES = [0, 1, 255, 256, 257, 1023, 1024, 1025, 3072, 65_536, 65_537, 200_000, 1 << 20, (1 << 20) + 1, 2_500_000]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for size in SIZES:
        (tmp_path / str(size)).write_bytes(noise(size, size))
    return tmp_path


NAMES = [str(size) for size in SIZES]


# ---- What is made ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 8, None])
def test_each_file_gets_what_it_gets_alone(folder: Path, threads: int | None) -> None:
    found = redelta.sign_files(NAMES, root=folder, threads=threads)
    assert len(found) == len(SIZES)
    assert found.failures == []
    for name, record in zip(NAMES, found, strict=True):
        info = os.stat(folder / name)
        assert record.path == name
        assert record.error is None
        assert record.signature == redelta.signature(folder / name)
        assert record.digest == digest_of((folder / name).read_bytes())
        assert (record.size, record.mtime_ns, record.ctime_ns) == (info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        assert (record.device, record.inode, record.mode) == (info.st_dev, info.st_ino, info.st_mode)
        assert (record.uid, record.gid, record.changed) == (info.st_uid, info.st_gid, False)
        found_in = redelta.inspect(record.signature)
        assert isinstance(found_in, redelta.SignatureInfo)
        lengths = (found_in.block_len, found_in.strong_len, found_in.blocks)
        assert (record.block_len, record.strong_len, record.blocks) == lengths
    assert found.stats.in_bytes == sum(SIZES)
    assert found.stats.out_bytes == len(found.signatures) == sum(len(record.signature or b"") for record in found)


def test_a_signature_is_that_of_stock_rdiff(folder: Path, rdiff: Tool) -> None:
    found = redelta.sign_files(NAMES, root=folder, digest=False)
    for record in found:
        assert record.signature == rdiff.run("signature", folder / str(record.path)).done()
        assert record.digest is None


def test_a_digest_is_what_b3sum_prints(folder: Path) -> None:
    found = redelta.digest_files(NAMES, root=folder)
    printed = subprocess.run(["b3sum", *NAMES], cwd=folder, capture_output=True, check=True, text=True).stdout
    assert [f"{(record.digest or b'').hex()}  {record.path!s}" for record in found] == printed.splitlines()
    assert all(record.signature is None and record.blocks == 0 for record in found)


@given(
    contents=st.lists(st.binary(max_size=4000), max_size=40),
    block_len=st.one_of(st.none(), st.integers(1, 5000)),
    strong_len=st.sampled_from([None, "least", 1, 8, 16]),
    hash=st.sampled_from(["rk-blake2", "rk-md4", "rollsum-blake2", "rollsum-md4"]),
    threads=st.integers(1, 4),
)
def test_any_files_with_any_parameters(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[bytes],
    block_len: int | None,
    strong_len: Any,
    hash: Any,
    threads: int,
) -> None:
    folder = tmp_path_factory.mktemp("files")
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
    how: dict[str, Any] = {"block_len": block_len, "strong_len": strong_len, "hash": hash}
    paths = [folder / str(number) for number in range(len(contents))]
    with redelta.Context() as context:
        for kept in (None, context, context):
            found = redelta.sign_files(paths, threads=threads, context=kept, **how)
            assert [record.signature for record in found] == [redelta.signature(data, **how) for data in contents]
            assert [record.digest for record in found] == list(map(redelta.digest, contents))


def test_paths_of_every_kind_and_names_that_are_not_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = os.fsencode(tmp_path) + b"/\xff\xfe \n name"
    Path(os.fsdecode(strange)).write_bytes(b"strange")
    (tmp_path / "plain").write_bytes(b"plain")
    paths: list[Any] = [strange, os.fsdecode(strange), tmp_path / "plain", str(tmp_path / "plain")]
    found = redelta.digest_files(iter(paths))
    assert found.paths == tuple(paths)
    assert [record.digest for record in found] == [redelta.digest(b"strange")] * 2 + [redelta.digest(b"plain")] * 2
    monkeypatch.chdir(tmp_path)
    assert redelta.digest_files(["plain"])[0].digest == redelta.digest(b"plain")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    assert redelta.digest_files([b"plain"], root=descriptor)[0].digest == redelta.digest(b"plain")
    os.fstat(descriptor)
    os.close(descriptor)
    with pytest.raises(ValueError, match="null byte"):
        redelta.digest_files(["a\0b"])


def test_no_files() -> None:
    found = redelta.sign_files([])
    assert (len(found), list(found), bytes(found.records), bytes(found.signatures)) == (0, [], b"", b"")
    assert list(redelta.patch_files([])) == []


# ---- The array -------------------------------------------------------------------------------------------------------


def test_the_array_has_the_fields_that_it_says(folder: Path) -> None:
    found = redelta.sign_files([*NAMES, "missing"], root=folder)
    widths = [int(kind[2:]) if kind != "?" else 1 for _, kind in found.dtype]
    assert sum(widths) == _many.RECORD.size == 128
    assert len(found.records) == 128 * len(found)
    offsets = dict(zip([name for name, _ in found.dtype], [sum(widths[:i]) for i in range(len(widths))], strict=True))
    assert (offsets["result"], offsets["changed"]) == (_many.RESULT, _many.CHANGED)
    for number, record in enumerate(found):
        row = found.records[128 * number : 128 * (number + 1)]

        def field(name: str, row: memoryview = row) -> int:
            at = [name for name, _ in found.dtype].index(name)
            signed = found.dtype[at][1].startswith("=i")
            start = offsets[name]
            return int.from_bytes(row[start : start + widths[at]], sys.byteorder, signed=signed)

        for name in ("size", "mtime_ns", "ctime_ns", "device", "inode", "mode", "uid", "gid", "block_len", "blocks"):
            assert field(name) == getattr(record, name)
        assert (field("result") != 0) == (record.error is not None)
        assert bytes(found.signatures[field("offset") :][: field("length")]) == (record.signature or b"")


def test_it_is_a_sequence_that_can_be_pickled(folder: Path) -> None:
    found = redelta.sign_files(NAMES, root=folder)
    assert found[-1].path == NAMES[-1]
    assert [record.path for record in found[2:5]] == NAMES[2:5]
    with pytest.raises(IndexError):
        found[len(NAMES)]
    again = pickle.loads(pickle.dumps(found))
    assert list(again) == list(found)
    assert again.stats == found.stats
    assert pickle.loads(pickle.dumps(found[3])) == found[3]


# ---- What fails ------------------------------------------------------------------------------------------------------


def test_what_fails_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"good")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("good")
    paths = ["good", "fifo", "directory", "link", "missing", "good/below", "good"]
    found = redelta.sign_files(paths, root=tmp_path)
    kinds = [type(record.error) for record in found]
    none = type(None)
    wrong = redelta.ParameterError
    assert kinds == [none, wrong, wrong, wrong, FileNotFoundError, NotADirectoryError, none]
    assert [record.path for record in found.failures] == paths[1:-1]
    assert stat.S_ISFIFO(found[1].mode)
    assert stat.S_ISDIR(found[2].mode)
    assert stat.S_ISLNK(found[3].mode)
    assert str(found[1].error) == "'fifo': not a regular file"
    missing = found[4].error
    assert isinstance(missing, OSError)
    assert (missing.errno, missing.filename) == (errno.ENOENT, "missing")
    assert found[0].signature == found[6].signature == redelta.signature(b"good")
    followed = redelta.digest_files(["link"], root=tmp_path, follow_links=True)
    assert followed[0].digest == redelta.digest(b"good")


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(redelta.ParameterError):
        redelta.sign_files(["a"], digest=False, signature=False)
    with pytest.raises(redelta.ParameterError):
        redelta.sign_files(["a"], block_len=0)
    with pytest.raises(FileNotFoundError):
        redelta.sign_files(["a"], root=tmp_path / "missing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        redelta.sign_files(["a"], root=tmp_path / "file")
    with pytest.raises(TypeError):
        redelta.sign_files([1])  # type: ignore[list-item]


@pytest.mark.parametrize("one", ["f1", b"f1", Path("f1")])
def test_a_single_path_is_not_taken_for_several(one: Any) -> None:
    for function in redelta.sign_files, redelta.digest_files:
        with pytest.raises(TypeError, match=r"not one: give a list, \["):
            function(one)
    with pytest.raises(TypeError, match="not one: give a list of"):
        redelta.patch_files(one)


def test_what_is_wrong_with_an_item_is_told() -> None:
    with pytest.raises(TypeError, match="not one: give a list of"):
        redelta.patch_files(redelta.PatchItem("old", b"", "new"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"item 1 must be .basis, delta, output., not 'name'"):
        redelta.patch_files([(None, b"", "new"), "name"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"item 0: the delta must be its bytes, not 'z\.delta': read the file"):
        redelta.patch_files([redelta.PatchItem("a.zip", "z.delta", "c.zip")])  # type: ignore[arg-type]


class Writer:
    """Writes to a file all the time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        with self._path.open("r+b", buffering=0) as file:
            while not self._over.is_set():
                file.seek(0)
                file.write(os.urandom(1))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()


def changed_digests(paths: list[str], root: Path, changed: redelta.Changed) -> redelta.FileRecords:
    """Until the second file changes while it is read."""
    while True:
        found = redelta.digest_files(paths, root=root, changed=changed)
        if found[1].error is not None or found[1].changed:
            return found


def test_a_file_that_is_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "still").write_bytes(b"still")
    (tmp_path / "written").write_bytes(bytes(30_000_000))
    paths = ["still", "written", "still"]
    with Writer(tmp_path / "written"), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = changed_digests(paths, tmp_path, "error")
        accepted = changed_digests(paths, tmp_path, "accept")
        while not told:  # on a busy machine, the writer may not have its turn while the file is read
            redelta.digest_files(paths, root=tmp_path, changed="warn")
    assert told[0].category is redelta.FileChangedWarning
    assert "'written': changed while it was being read" in str(told[0].message)
    assert [type(record.error) for record in found] == [type(None), redelta.FileChangedError, type(None)]
    assert [record.changed for record in accepted] == [False, True, False]
    assert accepted.failures == []


def test_progress_counts_files_and_may_raise(folder: Path) -> None:
    told: list[tuple[int, int | None]] = []
    redelta.sign_files(NAMES, root=folder, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(NAMES), len(NAMES))

    def stop(done: int, total: int | None) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        redelta.sign_files(NAMES, root=folder, progress=stop)
    with pytest.raises(InterruptedError):
        redelta.patch_files([("0", redelta.delta(redelta.signature(b""), b"x"), "new")], root=folder, progress=stop)
    assert not (folder / "new").exists()


def test_a_signal_ends_it(folder: Path) -> None:
    class Told(Exception):
        pass

    def handle(number: int, frame: object) -> None:
        raise Told

    def sign() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        redelta.sign_files(NAMES * 10_000, root=folder, threads=1)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with pytest.raises(Told):
            sign()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_context_is_used_by_one(folder: Path) -> None:
    with redelta.Context() as context:

        def use_it(done: int, total: int | None) -> None:
            redelta.digest_files(NAMES, root=folder, context=context)

        with pytest.raises(redelta.RedeltaError, match="in use"):
            redelta.digest_files(NAMES, root=folder, context=context, progress=use_it)
        assert redelta.digest_files(NAMES, root=folder, context=context).failures == []


# ---- Patches ---------------------------------------------------------------------------------------------------------


def edited(data: bytes, number: int) -> bytes:
    return data[: len(data) // 3] + noise(100, number) + data[len(data) // 2 :]


@pytest.mark.parametrize("threads", [1, 2, 8, None])
def test_each_new_file_is_made(folder: Path, threads: int | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = tmp_path_factory.mktemp("made")
    new = [edited((folder / name).read_bytes(), number) for number, name in enumerate(NAMES)]
    deltas = [redelta.delta(redelta.signature(folder / name), data) for name, data in zip(NAMES, new, strict=True)]
    items = list(zip(NAMES, deltas, NAMES, strict=True))
    found = redelta.patch_files(items, root=folder, dest_root=made, threads=threads)
    assert found.failures == []
    assert found.paths == tuple(NAMES)
    for name, data, record in zip(NAMES, new, found, strict=True):
        info = os.stat(made / name)
        assert (made / name).read_bytes() == data
        assert record.digest == digest_of(data)
        assert (record.size, record.mtime_ns, record.inode) == (len(data), info.st_mtime_ns, info.st_ino)
        assert record.mode == os.stat(folder / name).st_mode
        assert record.signature is None


def test_an_item_says_mode_and_time(tmp_path: Path) -> None:
    delta = bytearray(redelta.delta(redelta.signature(b""), b"new"))
    item = redelta.PatchItem(None, delta, "new", mode=0o600, mtime_ns=1_234_567_890_123_456_789)
    found = redelta.patch_files([item], root=tmp_path)
    info = os.stat(tmp_path / "new")
    assert (info.st_mode & 0o7777, info.st_mtime_ns) == (0o600, 1_234_567_890_123_456_789)
    assert (found[0].mode, found[0].mtime_ns) == (info.st_mode, info.st_mtime_ns)
    delta.append(0)  # the delta is not held any more
    with pytest.raises(redelta.ParameterError):
        redelta.patch_files([(None, bytes(delta), "again", 0o4755)], root=tmp_path)


def test_an_item_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "kept").write_bytes(b"kept")
    delta = redelta.delta(redelta.signature(b"old"), b"new")
    wrong = redelta.delta(redelta.signature(b"x" * 300), b"x" * 300)
    items = [
        ("old", delta, "made"),
        ("missing", delta, "1"),
        ("old", wrong, "2"),
        ("old", b"no delta", "3"),
        ("old", delta[:-1], "4"),
        ("old", delta, "kept"),
    ]
    found = redelta.patch_files(items, root=tmp_path)
    errors = [type(record.error) for record in found]
    assert errors[:4] == [type(None), FileNotFoundError, redelta.VerifyError, redelta.BadMagicError]
    assert isinstance(found[4].error, redelta.TruncatedError | redelta.CorruptError)
    assert errors[5] is FileExistsError
    assert sorted(os.listdir(tmp_path)) == ["kept", "made", "old"]
    assert (tmp_path / "kept").read_bytes() == b"kept"
    limited = redelta.patch_files([("old", delta, "5")], root=tmp_path, max_output=2)
    assert isinstance(limited[0].error, redelta.LimitError)
    plain = redelta.delta(redelta.signature(b"old"), b"new", verify=False)
    assert redelta.patch_files([("old", plain, "6")], root=tmp_path)[0].digest is None
    refused = redelta.patch_files([("old", plain, "7")], root=tmp_path, verify=True)
    assert isinstance(refused[0].error, redelta.VerifyError)
    assert sorted(os.listdir(tmp_path)) == ["6", "kept", "made", "old"]


# ---- The disk --------------------------------------------------------------------------------------------------------


def test_a_file_system_is_flushed(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    _core.syncfs(descriptor)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        _core.syncfs(descriptor)
