"""SignatureReader, DeltaReader and PatchReader: files that give what the functions give."""

from __future__ import annotations

import io
import shutil
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import noise, random_edits
from helpers.sources import SEEKABLE, SOURCES, Fake, SeekableFake, opened
from helpers.threads import run_threads
from helpers.tool import HANG_SECONDS
from helpers.wire import Copy, encode_delta

BASIS = noise(50_000, 1)
NEW = random_edits(BASIS, 20, 2)
SIGNATURE = redelta.signature(BASIS, block_len=512)
DELTA = redelta.delta(SIGNATURE, NEW)

Reader = redelta.SignatureReader | redelta.DeltaReader | redelta.PatchReader
MAKERS: dict[str, tuple[Callable[..., Reader], bytes, bytes]] = {
    "signature": (lambda source, **more: redelta.SignatureReader(source, block_len=512, **more), BASIS, SIGNATURE),
    "delta": (lambda source, **more: redelta.DeltaReader(SIGNATURE, source, **more), NEW, DELTA),
    "patch": (lambda source, **more: redelta.PatchReader(BASIS, source, **more), DELTA, NEW),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_read(name: str, kind: str, tmp_path: Path) -> None:
    make, data, expected = MAKERS[name]
    with opened(SOURCES[kind], data, tmp_path) as source, make(source) as file:
        assert file.read() == expected
        assert file.read() == b""
        assert file.stats.in_bytes == len(data)


@pytest.mark.parametrize("kind", SEEKABLE)
def test_every_basis_is_read(kind: str, tmp_path: Path) -> None:
    with opened(SEEKABLE[kind], BASIS, tmp_path) as basis, redelta.PatchReader(basis, DELTA) as file:
        assert file.read() == NEW


@pytest.mark.parametrize("name", MAKERS)
@given(sizes=st.lists(st.integers(0, 20_000), min_size=1, max_size=5).filter(any))
def test_any_sizes_of_reads_give_the_same(name: str, sizes: list[int]) -> None:
    make, data, expected = MAKERS[name]
    for method in ("read", "read1"):
        got = b""
        with make(Fake(data, most=3000)) as file:
            turn = 0
            while len(got) < len(expected):
                size = sizes[turn % len(sizes)]
                part = getattr(file, method)(size)
                assert len(part) <= size
                if method == "read":
                    assert len(part) == min(size, len(expected) - len(got))
                got += part
                turn += 1
        assert got == expected


@pytest.mark.parametrize("name", MAKERS)
def test_they_are_files_to_others(name: str) -> None:
    make, data, expected = MAKERS[name]
    copied = io.BytesIO()
    with make(data) as file:
        assert (file.readable(), file.writable()) == (True, False)
        assert file.seekable() == isinstance(file, redelta.PatchReader)
        shutil.copyfileobj(file, copied)
    assert copied.getvalue() == expected
    room = bytearray(1000)
    with make(data) as file:
        assert file.readinto(room) == 1000
        assert bytes(room) == expected[:1000]
        assert file.read(None) == expected[1000:]
    with io.BufferedReader(make(data)) as buffered:
        assert buffered.read() == expected


def test_they_chain_without_a_copy_between() -> None:
    signature = redelta.SignatureReader(BASIS)
    delta = redelta.DeltaReader(signature, Fake(NEW))
    with redelta.PatchReader(BASIS, delta) as file:
        assert file.read() == NEW


def test_much_is_made_of_little_in_small_pieces() -> None:
    delta = encode_delta([Copy(0, len(BASIS))] * 10_000)
    with redelta.PatchReader(BASIS, delta) as file:
        assert file.read(1000) == BASIS[:1000]
        assert file.stats.out_bytes == 1000


@pytest.mark.parametrize("name", MAKERS)
def test_only_what_they_opened_is_closed_unless_asked(name: str, tmp_path: Path) -> None:
    make, data, _ = MAKERS[name]
    for closefd in (False, True):
        source = io.BytesIO(data)
        make(source, closefd=closefd).close()
        assert source.closed == closefd
    path = tmp_path / "file"
    path.write_bytes(data)
    file = make(path)
    file.close()
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()
    make(Fake(data), closefd=True).close()  # there is nothing to close


def test_a_basis_is_closed_with_the_rest() -> None:
    for closefd in (False, True):
        basis = io.BytesIO(BASIS)
        redelta.PatchReader(basis, DELTA, closefd=closefd).close()
        assert basis.closed == closefd


def test_one_that_cannot_be_made_leaves_nothing_open(tmp_path: Path) -> None:
    """What stays open would warn when it is collected, and fail the test."""
    path = tmp_path / "file"
    path.write_bytes(BASIS)
    for wrong in (lambda: redelta.PatchReader(path, 7), lambda: redelta.Patcher(path, max_output=0)):  # type: ignore[arg-type]
        with pytest.raises((TypeError, redelta.ParameterError)):
            wrong()
    with pytest.raises(FileNotFoundError):
        redelta.PatchReader(path, tmp_path / "missing")


def test_failures_come_when_they_are_found() -> None:
    with redelta.PatchReader(BASIS, DELTA[:-60]) as file, pytest.raises(redelta.TruncatedError):
        file.read()
    with redelta.PatchReader(bytes(len(BASIS)), DELTA) as file, pytest.raises(redelta.VerifyError):
        file.read()
    for source in (DELTA + b"more", Fake(DELTA + b"more", most=len(DELTA))):
        with (
            redelta.PatchReader(BASIS, source) as file,
            pytest.raises(redelta.CorruptError, match="continues after its end"),
        ):
            file.read()
    with redelta.PatchReader(BASIS, DELTA + b"more", verify=False) as file:
        assert file.read() == NEW


def test_one_that_reads_from_itself_is_told_so() -> None:
    class Loop(SeekableFake):
        file: Reader

        def read(self, size: int) -> Any:
            return self.file.read(size)

    for make in (redelta.SignatureReader, lambda source: redelta.PatchReader(BASIS, source)):
        source = Loop(b"")
        source.file = make(source)
        with pytest.raises(redelta.RedeltaError, match="in use"):
            source.file.read()
        source.file.close()


def test_threads_that_share_one_get_all_of_it_once() -> None:
    data = bytes(2_000_000)
    parts: list[bytes] = []
    with redelta.SignatureReader(Fake(data, most=1000), block_len=16) as file:

        def work(_: int) -> None:
            while part := file.read(997):
                parts.append(part)

        run_threads(work, 4)
    assert sorted(b"".join(parts)) == sorted(redelta.signature(data, block_len=16))


class Tired(SeekableFake):
    """Its second read, and each second one after it, times out."""

    def read(self, size: int) -> Any:
        if len(self.calls) % 2 == 1:
            self.calls.append(size)
            raise TimeoutError
        return super().read(size)


# ---- Lines ----------------------------------------------------------------------------------------------------------

LINES = b"".join(b"x" * (n % 200) + b"\n" for n in range(1000)) + b"y" * 100_000 + b"\nthe end"
ALL_LINES = redelta.delta(redelta.signature(b""), LINES)


def test_lines_are_those_of_any_file() -> None:
    with redelta.PatchReader(b"", Fake(ALL_LINES, most=3000)) as file:
        assert list(file) == list(io.BytesIO(LINES))
        assert file.readline() == b""
    with redelta.PatchReader(b"", ALL_LINES) as file:
        assert file.readlines(1000) == io.BytesIO(LINES).readlines(1000)


@given(sizes=st.lists(st.sampled_from([None, -1, 0, 1, 7, 1000, 50_000]), min_size=1, max_size=8).filter(any))
def test_lines_and_bytes_may_be_read_in_turns(sizes: list[int | None]) -> None:
    expected = io.BytesIO(LINES)
    with redelta.PatchReader(b"", ALL_LINES) as file:
        while line := expected.readline():
            assert file.readline() == line
            for size in sizes:
                assert file.readline(size) == expected.readline(size)
                assert file.read(size or 0) == expected.read(size or 0)
                part = file.read1(100)
                assert part == expected.read(len(part))


def test_a_line_is_not_read_byte_by_byte() -> None:
    class ByLines(redelta.PatchReader):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("a line is read by read")

    with ByLines(b"", ALL_LINES) as by_lines:
        assert b"".join(by_lines) == LINES
    with redelta.PatchReader(b"", ALL_LINES) as file:
        file.readline()
        assert file.stats.out_bytes < 10_000


def test_no_line_is_lost_when_a_source_raises() -> None:
    lines: list[bytes] = []
    with redelta.PatchReader(b"", Tired(ALL_LINES, most=100)) as file:
        while not lines or lines[-1]:
            try:
                lines.append(file.readline())
            except TimeoutError:
                continue
    assert lines[:-1] == list(io.BytesIO(LINES))


def test_what_is_kept_behind_a_line_outlives_a_signal() -> None:
    """The function for it may raise between any two lines of Python code."""

    def trace(frame: types.FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_name != "_gather":
            return None
        if frame.f_locals.get("parts"):
            raise KeyboardInterrupt
        return trace

    with redelta.PatchReader(b"", ALL_LINES) as file:
        file.readline()
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            with pytest.raises(KeyboardInterrupt):
                file.read(10)
        finally:
            sys.settrace(before)
        assert b"\n" + file.read() == LINES


class Index:
    def __index__(self) -> int:
        return 3


@pytest.mark.parametrize("method", ["read", "read1", "readline"])
def test_a_size_is_an_integer(method: str) -> None:
    with redelta.PatchReader(b"", ALL_LINES) as file:
        read = getattr(file, method)
        file.readline()
        for wrong in (1.5, float("inf"), "3", b"3"):
            with pytest.raises(TypeError):
                read(wrong)
        part = read(Index())
        assert part == LINES[1 : 1 + len(part)]
        assert 0 < len(part) <= 3
        assert file.read() == LINES[1 + len(part) :]


def test_threads_that_share_one_get_whole_lines() -> None:
    parts: list[bytes] = []
    with redelta.PatchReader(b"", Fake(ALL_LINES, most=1000)) as file:

        def work(_: int) -> None:
            parts.extend(file)

        run_threads(work, 4)
    assert sorted(parts) == sorted(io.BytesIO(LINES))


def read_again_and_again(file: io.BufferedIOBase, size: int) -> bytes:
    read = b""
    while True:
        try:
            part = file.read(size)
        except TimeoutError:
            continue
        if not part:
            return read
        assert len(part) <= size or size < 0
        read += part


@pytest.mark.parametrize("size", [-1, 10_000, 7_777])
def test_nothing_is_lost_when_a_source_raises(size: int) -> None:
    with redelta.SignatureReader(Tired(BASIS, most=1000), block_len=100) as file:
        assert read_again_and_again(file, size) == redelta.signature(BASIS, block_len=100)
    with redelta.PatchReader(BASIS, Tired(DELTA, most=100)) as file:
        assert read_again_and_again(file, size) == NEW


def test_what_is_behind_a_delta_is_told_again_and_again() -> None:
    for more in (b"?", b"more"):
        with redelta.PatchReader(BASIS, Fake(DELTA + more, most=len(DELTA))) as file:
            for _ in range(3):
                with pytest.raises(redelta.CorruptError, match="continues after its end"):
                    file.read()


def test_statistics_stay_after_closing() -> None:
    with redelta.PatchReader(BASIS, DELTA) as file:
        file.read()
        stats = file.stats
    assert file.stats == stats
    assert stats.out_bytes == len(NEW)
    with redelta.Patcher(BASIS) as patcher:
        patcher.update(DELTA)
    assert patcher.stats == stats


def test_a_source_cannot_close_what_reads_from_it() -> None:
    class Closing(SeekableFake):
        def read(self, size: int) -> Any:
            file.close()
            return super().read(size)

    for make in (redelta.SignatureReader, lambda source: redelta.PatchReader(source, DELTA)):
        file = make(Closing(BASIS))
        with pytest.raises(redelta.RedeltaError, match="in use"):
            file.read()
        file.close()


def test_a_source_that_closes_what_reads_from_it_is_told_so() -> None:
    class Closing(io.BytesIO):
        def close(self) -> None:
            super().close()
            try:
                file.close()
            except redelta.RedeltaError as error:
                told.append(str(error))

    told: list[str] = []
    file = redelta.PatchReader(b"", Closing(ALL_LINES), closefd=True)
    closing = threading.Thread(target=file.close, daemon=True)
    closing.start()
    closing.join(HANG_SECONDS)
    assert not closing.is_alive()
    assert file.closed
    assert told == ["it is in use: what it reads from may not call it"]
