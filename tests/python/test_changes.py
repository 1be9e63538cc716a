"""A file changes while it is read: an exception, a warning or nothing, as the caller wants it.

A thread writes to the file all the time. A write falls between the start and the end of an operation sooner or later:
the operation is repeated until one does, so that nothing depends on how fast it is.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import librsync
import redelta
from helpers.samples import noise
from helpers.sources import Sink

BASIS = noise(2_000_000, 1)
NEW = BASIS[:1_000_000] + noise(500_000, 2) + BASIS[1_000_000:]
SIGNATURE = redelta.signature(BASIS, block_len=1000)
DELTA = redelta.delta(SIGNATURE, NEW)
DENSE = redelta.diff(BASIS, NEW, dense=True, compress=1)
TRIES = 1000

Operation = Callable[..., Any]

OPERATIONS: dict[str, tuple[bytes, str, Operation]] = {
    "signature": (BASIS, "basis", redelta.signature),
    "Signature.build": (BASIS, "basis", redelta.Signature.build),
    "SignaturePart.build": (BASIS, "basis", lambda file, **how: redelta.SignaturePart.build(file, 0, **how)),
    "Signature.load": (SIGNATURE, "signature", redelta.Signature.load),
    "SignaturePart.load": (SIGNATURE, "signature", lambda file, **how: redelta.SignaturePart.load(file, 0, **how)),
    "delta": (NEW, "new file", lambda file, **how: redelta.delta(SIGNATURE, file, **how)),
    "delta, signature": (SIGNATURE, "signature", lambda file, **how: redelta.delta(file, NEW, **how)),
    "diff": (NEW, "new file", lambda file, **how: redelta.diff(BASIS, file, **how)),
    "diff, old file": (BASIS, "basis", lambda file, **how: redelta.diff(file, NEW, **how)),
    "reverse": (BASIS, "basis", lambda file, **how: redelta.reverse(file, DELTA, **how)),
    "reverse, delta": (DELTA, "delta", lambda file, **how: redelta.reverse(BASIS, file, **how)),
    "expand": (BASIS, "basis", lambda file, **how: redelta.expand(file, DENSE, **how)),
    "expand, delta": (DENSE, "delta", lambda file, **how: redelta.expand(BASIS, file, **how)),
    "merge": (DELTA, "delta", lambda file, **how: redelta.merge([DELTA, file], **how)),
    "patch": (BASIS, "basis", lambda file, **how: redelta.patch(file, DELTA, verify=False, **how)),
    "digest": (NEW, "new file", redelta.digest),
    "inspect": (DELTA, "delta", redelta.inspect),
}
operation = pytest.mark.parametrize("name", OPERATIONS)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Writes the last byte again and again, which only the file's times show."""
    done = threading.Event()

    def write() -> None:
        fd = os.open(path, os.O_RDWR)
        end = os.fstat(fd).st_size - 1
        byte = os.pread(fd, 1, end)
        while not done.is_set():
            os.pwrite(fd, byte, end)
        os.close(fd)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def until_it_fails(operate: Callable[[], object]) -> redelta.FileChangedError:
    for _ in range(TRIES):
        try:
            operate()
        except redelta.FileChangedError as error:
            return error
    pytest.fail("no write fell into any of the operations")


def until_it_warns(operate: Callable[[], Any]) -> tuple[Any, warnings.WarningMessage]:
    for _ in range(TRIES):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made = operate()
        if caught:
            (one,) = caught
            return made, one
    pytest.fail("no write fell into any of the operations")


def file_of(name: str, folder: Path) -> tuple[Path, str, Operation]:
    data, role, operate = OPERATIONS[name]
    path = folder / "file"
    path.write_bytes(data)
    return path, role, operate


@operation
def test_a_change_is_an_error_by_default(tmp_path: Path, name: str) -> None:
    path, role, operate = file_of(name, tmp_path)
    with writing_to(path):
        error = until_it_fails(lambda: operate(path))
    assert isinstance(error, redelta.RedeltaError)
    assert (error.role, error.offset, error.reason) == (role, None, "changed while it was being read")
    assert str(path) in str(error)
    assert "changed='accept'" in str(error)
    operate(path)  # nobody writes any more


@operation
def test_or_a_warning_at_the_line_of_the_caller(tmp_path: Path, name: str) -> None:
    path, _, operate = file_of(name, tmp_path)
    with writing_to(path):
        _, caught = until_it_warns(lambda: operate(path, changed="warn"))
    assert caught.category is redelta.FileChangedWarning
    assert caught.filename == __file__
    told = str(caught.message).replace(" (delta 2 of 2)", "")  # of those that are merged
    assert told == f"{str(path)!r}: changed while it was being read"


@operation
def test_or_nothing(tmp_path: Path, name: str) -> None:
    path, _, operate = file_of(name, tmp_path)
    expected = operate(path)
    with writing_to(path), warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(10):
            made = operate(path, changed="accept")
            if isinstance(made, bytes):
                assert made == expected


@operation
def test_there_is_no_fourth_way(tmp_path: Path, name: str) -> None:
    path, _, operate = file_of(name, tmp_path)
    with pytest.raises(redelta.ParameterError, match="changed must be"):
        operate(path, changed="ignore")


def test_a_file_is_not_replaced_by_what_raises(tmp_path: Path) -> None:
    path, out = tmp_path / "file", tmp_path / "out"
    path.write_bytes(NEW)
    out.write_bytes(b"old")
    with writing_to(path):
        for _ in range(TRIES):
            try:
                redelta.write_delta(SIGNATURE, path, out)
                out.write_bytes(b"old")
            except redelta.FileChangedError:
                break
        assert out.read_bytes() == b"old"
        stats, _ = until_it_warns(lambda: redelta.write_delta(SIGNATURE, path, out, changed="warn"))
    assert stats.changed == "new file"
    assert redelta.patch(BASIS, out) == NEW
    assert sorted(os.listdir(tmp_path)) == ["file", "out"]


def test_a_writer_gets_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BASIS)

    def operate() -> None:
        out = Sink()
        try:
            redelta.write_signature(path, out, block_len=1000)
        finally:
            assert out.data == SIGNATURE

    with writing_to(path):
        until_it_fails(operate)


def test_a_patch_that_is_verified_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BASIS)
    with writing_to(path), warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(TRIES):
            out = io.BytesIO()
            stats = redelta.write_patch(path, DELTA, out)
            assert out.getvalue() == NEW
            if stats.changed:
                break
            redelta.patch(path, DELTA, changed="warn")
    assert stats.changed == "basis"


def test_plain_files_are_watched_and_readers_are_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(NEW)
    with writing_to(path), path.open("rb") as file:

        def operate() -> None:
            file.seek(0)
            redelta.digest(file)

        assert str(until_it_fails(operate)).startswith("new file: changed while it was being read")
        with path.open("rb", buffering=0) as raw:

            class Reader:
                def read(self, size: int) -> bytes:
                    return raw.read(size)

            redelta.digest(Reader())


def test_a_change_is_in_the_statistics_and_their_table(tmp_path: Path) -> None:
    assert redelta.Stats().changed is None
    assert "new file" in redelta.Stats(changed="new file")._repr_html_()
    path = tmp_path / "file"
    path.write_bytes(NEW)
    assert redelta.write_delta(SIGNATURE, path, io.BytesIO()).changed is None


def test_librsync_accepts_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BASIS)
    with writing_to(path), path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(20):
            file.seek(0)
            librsync.signature(file).close()
