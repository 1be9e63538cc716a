"""Deltas command by command: open_delta and DeltaWriter, against an independent reader and writer of deltas."""

from __future__ import annotations

import copy
import io
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers import wire
from helpers.processes import wait_for
from helpers.samples import edited_pairs, noise, random_edits
from helpers.sources import SEEKABLE, SOURCES, Fake, SeekableFake, Sink, opened

BASIS = noise(50_000, 1)
NEW = random_edits(BASIS, 20, 2)
DELTA = redelta.delta(redelta.signature(BASIS, block_len=512), NEW)


def patched(basis: bytes, delta: redelta.OpenDelta) -> bytes:
    """What the commands make."""
    parts = [basis[op.basis : op.basis + op.length] if isinstance(op, redelta.Copy) else op.read() for op in delta]
    return b"".join(parts)


# ---- Reading --------------------------------------------------------------------------------------------------------


@given(edited_pairs(), st.booleans())
def test_commands_are_those_of_the_delta_with_their_bytes(pair: tuple[bytes, bytes], compress: bool) -> None:
    basis, new = pair
    data = redelta.delta(redelta.signature(basis, block_len=64), new)
    info = redelta.inspect(data)
    assert isinstance(info, redelta.DeltaInfo)
    packed = redelta.delta(redelta.signature(basis, block_len=64), new, compress=True) if compress else data
    with redelta.open_delta(packed) as delta:
        for op, expected, command in zip(delta, info.ops, wire.read_delta(data).commands, strict=True):
            assert op == expected
            if isinstance(op, redelta.OpenLiteral):
                assert isinstance(command, wire.Literal)
                assert isinstance(op, redelta.Literal)
                if compress:
                    assert op.delta_offset is None
                else:
                    assert op.delta_offset is not None
                    assert data[op.delta_offset : op.delta_offset + op.length] == command.data
                assert op.read(0) == b""
                assert op.read() == command.data
                assert op.read() == op.read(3) == b""
        assert replace(delta.stats, in_bytes=len(data)) == info.stats
    with redelta.open_delta(packed) as delta:
        assert patched(basis, delta) == new


@given(edited_pairs(), st.lists(st.integers(0, 300), max_size=200))
def test_a_literal_may_be_read_in_part(pair: tuple[bytes, bytes], sizes: list[int]) -> None:
    """The rest of it is passed over."""
    basis, new = pair
    with redelta.open_delta(io.BytesIO(redelta.delta(redelta.signature(basis, block_len=64), new))) as delta:
        for op in delta:
            if isinstance(op, redelta.OpenLiteral):
                at = op.target
                for size in (sizes.pop() for _ in range(2) if sizes):
                    part = op.read(size)
                    assert part == new[at : min(at + size, op.target + op.length)]
                    at += len(part)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_opened(kind: str, tmp_path: Path) -> None:
    with opened(SOURCES[kind], DELTA, tmp_path) as source, redelta.open_delta(source, verify=True) as delta:
        assert patched(BASIS, delta) == NEW
    with opened(SOURCES[kind], DELTA, tmp_path) as source, redelta.open_delta(source) as delta:
        assert sum(op.length for op in delta) == len(NEW)
    for data in (b"rubbish" * 1000, redelta.signature(BASIS)):
        with (
            opened(SOURCES[kind], data, tmp_path) as source,
            redelta.open_delta(source) as delta,
            pytest.raises(redelta.BadMagicError),
        ):
            next(delta)


def test_a_file_is_left_at_the_end_of_the_delta(tmp_path: Path) -> None:
    path = tmp_path / "delta"
    path.write_bytes(b"before" + DELTA)
    with path.open("rb") as file:
        file.seek(6)
        with redelta.open_delta(file) as delta:
            assert patched(BASIS, delta) == NEW
        assert file.tell() == 6 + len(DELTA)
        assert not file.closed


def test_what_was_opened_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "delta"
    path.write_bytes(DELTA)
    before = len(os.listdir("/proc/self/fd"))
    delta = redelta.open_delta(path)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    next(delta)
    delta.close()
    delta.close()
    assert list(delta) == []
    with pytest.raises(FileNotFoundError, match="missing"):
        redelta.open_delta(tmp_path / "missing")
    assert len(os.listdir("/proc/self/fd")) == before


def literal_and_next(delta: redelta.OpenDelta) -> Iterator[redelta.OpenLiteral]:
    for op in delta:
        if isinstance(op, redelta.OpenLiteral):
            yield op


def test_a_literal_is_read_before_the_next_command() -> None:
    with redelta.open_delta(DELTA) as delta:
        literals = literal_and_next(delta)
        first = next(literals)
        second = next(literals)
        with pytest.raises(redelta.RedeltaError, match="the next command was asked for"):
            first.read()
        assert second.read(1) == NEW[second.target : second.target + 1]
    with pytest.raises(redelta.RedeltaError, match="was closed"):
        second.read()


def test_what_is_wrong_is_told_where_it_is(tmp_path: Path) -> None:
    with redelta.open_delta(redelta.delta(redelta.signature(BASIS), NEW, verify=False)) as delta:
        assert sum(op.length for op in delta) == len(NEW)
        assert delta.stats.digest is None
    with (
        redelta.open_delta(redelta.delta(redelta.signature(BASIS), NEW, verify=False), verify=True) as delta,
        pytest.raises(redelta.VerifyError),
    ):
        list(delta)
    path = tmp_path / "delta"
    path.write_bytes(DELTA[:-60])
    with redelta.open_delta(path) as delta:
        with pytest.raises(redelta.TruncatedError, match=f"'{path}'"):
            list(delta)
        with pytest.raises(redelta.RedeltaError, match="failed"):
            next(delta)
    cut = bytes.fromhex("72730236 44 0000010000000000") + b"few"  # a literal that claims a tebibyte
    with redelta.open_delta(cut) as delta:
        op = next(delta)
        assert isinstance(op, redelta.OpenLiteral)
        with pytest.raises(redelta.TruncatedError):
            op.read()
    with redelta.open_delta(cut) as delta:
        op = next(delta)
        with pytest.raises(redelta.TruncatedError):
            next(delta)
    with pytest.raises(redelta.ParameterError):
        redelta.open_delta(DELTA, verify="never")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        redelta.open_delta(7)  # type: ignore[arg-type]


def test_what_a_reader_raises_comes_through() -> None:
    class Raising(Fake):
        def read(self, size: int) -> Any:
            if self.at:
                raise ZeroDivisionError
            return super().read(100)

    with redelta.open_delta(Raising(DELTA)) as delta, pytest.raises(ZeroDivisionError):
        list(delta)


def test_commands_of_a_pipe_come_as_they_arrive() -> None:
    """And other threads work while it waits."""
    there, here = os.pipe()
    first = bytes.fromhex("72730236 45 00 05")
    os.write(here, first)
    seen: list[object] = []
    with os.fdopen(there, "rb", 0) as file, redelta.open_delta(file) as delta:
        thread = threading.Thread(target=lambda: seen.extend(delta))
        thread.start()
        wait_for(lambda: bool(seen))
        assert seen == [redelta.Copy(0, 5, 0)]
        os.write(here, b"\x00")
        os.close(here)
        thread.join()
    assert seen == [redelta.Copy(0, 5, 0)]


class Interrupted(Exception):
    pass


def test_signals_end_the_wait_for_a_pipe() -> None:
    def interrupt(number: int, frame: object) -> None:
        raise Interrupted

    there, here = os.pipe()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with os.fdopen(there, "rb", 0) as file, redelta.open_delta(file) as delta:

            def wait() -> None:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                next(delta)

            with pytest.raises(Interrupted):
                wait()
    finally:
        signal.signal(signal.SIGALRM, before)
        os.close(here)


def test_threads_may_share_an_open_delta() -> None:
    basis = noise(200_000, 3)
    data = redelta.delta(redelta.signature(basis, block_len=16), random_edits(basis, 500, 4))
    info = redelta.inspect(data)
    assert isinstance(info, redelta.DeltaInfo)
    with redelta.open_delta(data) as delta, ThreadPoolExecutor(4) as pool:
        found = [op for ops in pool.map(lambda _: list(delta), range(4)) for op in ops]
    assert sorted(found) == sorted(info.ops)


# ---- Writing --------------------------------------------------------------------------------------------------------

OPS = st.lists(st.one_of(st.binary(max_size=100), st.tuples(st.integers(0, 900), st.integers(0, 100))), max_size=30)


@given(OPS, st.booleans(), st.booleans())
def test_what_is_written_makes_the_new_file(
    ops: list[bytes | tuple[int, int]], with_basis: bool, compress: bool
) -> None:
    basis = BASIS[:1000]
    new = b"".join(op if isinstance(op, bytes) else basis[op[0] : op[0] + op[1]] for op in ops)
    writer = redelta.DeltaWriter(basis=basis if with_basis else None, compress=compress)
    for op in ops:
        if isinstance(op, bytes):
            writer.literal(op)
        else:
            writer.copy(*op)
    delta = writer.finish(None if with_basis else redelta.digest(new))
    assert delta is not None
    assert redelta.patch(basis, delta, verify=True) == new
    assert writer.stats.literal_bytes + writer.stats.copy_bytes == len(new)
    assert writer.stats.digest == wire.digest_of(new) == redelta.digest(new)
    if not compress:
        wire.assert_canonical(delta, new)


def test_a_delta_is_written_again_as_it_was() -> None:
    for data in (DELTA, redelta.delta(redelta.signature(BASIS, block_len=100), NEW, verify=False)):
        with redelta.open_delta(data) as delta:
            writer = redelta.DeltaWriter()
            for op in delta:
                if isinstance(op, redelta.Copy):
                    writer.copy(op.basis, op.length)
                else:
                    writer.literal(op.read())
        assert writer.finish(delta.stats.digest) == data


def write(writer: redelta.DeltaWriter) -> None:
    writer.literal(b"new")
    writer.copy(0, len(BASIS))


@pytest.mark.parametrize("kind", SEEKABLE)
def test_every_basis_is_read(kind: str, tmp_path: Path) -> None:
    with opened(SEEKABLE[kind], BASIS, tmp_path) as basis:
        writer = redelta.DeltaWriter(None, basis, verify=True)
        write(writer)
        delta = writer.finish()
    assert delta is not None
    assert redelta.patch(BASIS, delta, verify=True) == b"new" + BASIS
    with pytest.raises(TypeError, match="seek"):
        redelta.DeltaWriter(None, Fake(BASIS))  # type: ignore[arg-type]


def test_every_destination_is_written_to(tmp_path: Path) -> None:
    writer = redelta.DeltaWriter(basis=BASIS)
    write(writer)
    expected = writer.finish()
    assert expected is not None

    memory, sink, few = io.BytesIO(), Sink(), Sink(most=10)
    for destination in (memory, sink, few, tmp_path / "path", str(tmp_path / "str")):
        with redelta.DeltaWriter(destination, BASIS) as writer:
            write(writer)
    assert memory.getvalue() == sink.data == few.data == expected
    assert (tmp_path / "path").read_bytes() == (tmp_path / "str").read_bytes() == expected

    with (tmp_path / "file").open("wb") as file:
        file.write(b"before")
        with redelta.DeltaWriter(file, BASIS) as writer:
            write(writer)
            assert writer.finish() is None
        file.write(b"after")
    assert (tmp_path / "file").read_bytes() == b"before" + expected + b"after"


def test_a_path_is_replaced_when_the_delta_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "delta"
    path.write_bytes(b"old")

    def fail() -> None:
        with redelta.DeltaWriter(path, BASIS) as writer:
            write(writer)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"old"
    with redelta.DeltaWriter(path, BASIS) as writer:
        with pytest.raises(redelta.TruncatedError, match="basis"):
            writer.copy(1, len(BASIS))
        with pytest.raises(redelta.RedeltaError, match="failed"):
            writer.finish()
    assert path.read_bytes() == b"old"
    writer = redelta.DeltaWriter(path, BASIS)
    write(writer)
    writer.close()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["delta"]
    with redelta.DeltaWriter(path, BASIS) as writer:
        write(writer)
        assert path.read_bytes() == b"old"
    assert redelta.patch(BASIS, path) == b"new" + BASIS
    with pytest.raises(FileNotFoundError, match="missing"):
        redelta.DeltaWriter(tmp_path / "missing" / "delta")


def test_a_digest_is_asked_for_or_left_out() -> None:
    with pytest.raises(redelta.VerifyError, match="digest"):
        redelta.DeltaWriter(verify=True).finish()
    plain = redelta.DeltaWriter(basis=BASIS, verify=False)
    write(plain)
    delta = plain.finish()
    assert delta is not None
    assert delta.endswith(b"\x00")
    assert redelta.patch(BASIS, delta) == b"new" + BASIS
    assert redelta.DeltaWriter().finish() == bytes.fromhex("72730236 00")
    for wrong in (b"", bytes(31), bytes(33)):
        with pytest.raises(redelta.ParameterError, match="must be 32 bytes"):
            redelta.DeltaWriter().finish(wrong)
    with pytest.raises(TypeError):
        redelta.DeltaWriter().finish("digest")  # type: ignore[arg-type]


def test_a_writer_that_is_over_refuses_more() -> None:
    writer = redelta.DeltaWriter()
    writer.literal(b"new")
    assert writer.finish() is not None
    for call in (writer.finish, lambda: writer.copy(0, 1), lambda: writer.literal(b"")):
        with pytest.raises(redelta.RedeltaError, match="finished"):
            call()
    assert writer.stats.literal_bytes == 3
    writer.close()


def test_numbers_out_of_range_are_refused() -> None:
    writer = redelta.DeltaWriter()
    for offset, length in ((-1, 1), (0, -1), (1 << 63, 1), (0, 1 << 64)):
        with pytest.raises(redelta.ParameterError):
            writer.copy(offset, length)
    with pytest.raises(TypeError):
        writer.copy(0.5, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        writer.literal("text")  # type: ignore[arg-type]
    writer.copy(0, (1 << 63) - 1)
    with pytest.raises(redelta.ParameterError):
        writer.copy(0, 1)
    for arguments in ({"verify": "never"}, {"compress": 99}, {"threads": 0}):
        with pytest.raises(redelta.ParameterError):
            redelta.DeltaWriter(**arguments)


def test_what_python_raises_comes_through() -> None:
    class Raising(SeekableFake):
        def read(self, size: int) -> Any:
            raise ZeroDivisionError

        def write(self, data: bytes) -> int:
            raise ZeroDivisionError

    writer = redelta.DeltaWriter(None, Raising(b""))
    with pytest.raises(ZeroDivisionError):
        writer.copy(0, 1)
    with pytest.raises(redelta.RedeltaError, match="failed"):
        writer.finish()
    with pytest.raises(ZeroDivisionError), redelta.DeltaWriter(Raising(b"")) as writer:
        writer.literal(bytes(1_000_000))


def test_what_is_called_may_not_call() -> None:
    class Calling(SeekableFake):
        writer: redelta.DeltaWriter

        def read(self, size: int) -> Any:
            self.writer.literal(b"new")

    basis = Calling(BASIS)
    basis.writer = redelta.DeltaWriter(None, basis)
    with pytest.raises(redelta.RedeltaError, match="it is in use"):
        basis.writer.copy(0, 10)


def test_the_output_is_no_input(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BASIS)
    with path.open("r+b") as file, pytest.raises(redelta.ParameterError, match="also an input"):
        redelta.DeltaWriter(file, path)


def test_a_pipe_that_is_full_lets_its_reader_work() -> None:
    there, here = os.pipe()
    with ThreadPoolExecutor() as pool, os.fdopen(there, "rb") as reading:
        read = pool.submit(reading.read)
        with os.fdopen(here, "wb", 0) as file, redelta.DeltaWriter(file) as writer:
            for _ in range(10_000):
                writer.literal(bytes(100))
        data = read.result()
    assert redelta.patch(b"", data) == bytes(1_000_000)


def test_threads_may_share_a_writer() -> None:
    writer = redelta.DeltaWriter(basis=BASIS)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: writer.copy(i, 1000), range(1000)))
        list(pool.map(lambda i: writer.literal(bytes(1000)), range(100)))
    delta = writer.finish()
    assert delta is not None
    assert len(redelta.patch(BASIS, delta, verify=True)) == 1_100_000


@pytest.mark.parametrize("made", [redelta.DeltaWriter, lambda: redelta.open_delta(DELTA), redelta.Context])
def test_what_works_cannot_be_copied(made: Any) -> None:
    with made() as it:
        for how in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                how(it)
