"""Progress, cancellation, signals and threads. Nothing here measures time: what would never end, ends."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.samples import noise, random_edits
from helpers.sources import Fake
from helpers.threads import run_threads
from helpers.wire import Copy, encode_delta

BASIS = noise(3_000_000, 1)
NEW = random_edits(BASIS, 20, 2)
SIGNATURE = redelta.signature(BASIS)
DELTA = redelta.delta(SIGNATURE, NEW)


class Endless:
    """A reader without an end."""

    def read(self, size: int) -> bytes:
        return bytes(size)


class Slow(Fake):
    """A reader that takes its time, so that there is progress to tell."""

    def read(self, size: int) -> Any:
        threading.Event().wait(0.05)
        return super().read(size)


# ---- Progress -------------------------------------------------------------------------------------------------------


def test_the_end_is_always_told(tmp_path: Path) -> None:
    path = tmp_path / "basis"
    path.write_bytes(BASIS)
    told: list[tuple[int, int | None]] = []

    def progress(done: int, total: int | None) -> None:
        told.append((done, total))

    for source, total in ((BASIS, len(BASIS)), (path, len(BASIS)), (Fake(BASIS), None)):
        redelta.signature(source, progress=progress)
        assert told[-1] == (len(BASIS), total)
    for call in (
        lambda progress: redelta.delta(SIGNATURE, NEW, progress=progress),
        lambda progress: redelta.patch(BASIS, DELTA, progress=progress),
        lambda progress: redelta.Signature.load(SIGNATURE, progress=progress),
        lambda progress: redelta.inspect(DELTA, progress=progress),
        lambda progress: redelta.write_signature(BASIS, io.BytesIO(), progress=progress),
        lambda progress: redelta.signature(b"few", progress=progress),
        lambda progress: redelta.signature(b"", progress=progress),
    ):
        told.clear()
        call(progress)
        assert told


def test_progress_goes_on_and_on() -> None:
    told: list[int] = []
    redelta.signature(Slow(BASIS, most=500_000), progress=lambda done, total: told.append(done))
    assert len(told) > 2
    assert told == sorted(told)


def test_what_progress_raises_ends_the_operation(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        raise Stop

    with pytest.raises(Stop):
        redelta.write_signature("/dev/zero", "/dev/null", progress=stop)
    with pytest.raises(Stop):
        redelta.write_signature(Endless(), tmp_path / "file", progress=stop)
    with pytest.raises(Stop):
        redelta.signature(b"few", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_what_the_last_progress_raises_keeps_the_old_file(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        if done == total:
            raise Stop

    old = tmp_path / "file"
    for basis, delta in ((BASIS, DELTA), (b"old", redelta.delta(redelta.signature(b"old"), b"new"))):
        old.write_bytes(basis)
        with pytest.raises(Stop):
            redelta.write_patch(old, delta, old, progress=stop)
        with pytest.raises(Stop):
            redelta.write_signature(basis, old, progress=stop)
        assert old.read_bytes() == basis
        assert list(tmp_path.iterdir()) == [old]


def test_a_progress_that_takes_no_two_arguments_is_told() -> None:
    progress: Any = lambda: None  # noqa: E731
    with pytest.raises(TypeError):
        redelta.signature(BASIS, progress=progress)


# ---- Signals --------------------------------------------------------------------------------------------------------


def ends_by_an_interrupt(work: Callable[[], object]) -> bool:
    """Sends SIGINT to this process a little later, or at once on a machine on which that is later; without it, the work
    would never end."""
    ended = False
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        try:
            work()
            ended = True
        finally:
            timer.join()
    except KeyboardInterrupt:
        return not ended
    return False


ENDLESS: dict[str, Callable[[Path], object]] = {
    "path": lambda work: redelta.write_signature("/dev/zero", work / "file"),
    "path, one thread": lambda work: redelta.write_signature("/dev/zero", work / "file", threads=1),
    "reader": lambda work: redelta.write_signature(Endless(), work / "file"),
    "delta": lambda work: redelta.write_delta(SIGNATURE, "/dev/zero", "/dev/null"),
    "delta of a reader": lambda work: redelta.write_delta(SIGNATURE, Endless(), "/dev/null"),
    "signature": lambda work: redelta.Signature.load(_EndlessSignature()),
    "file object": lambda work: _read_all(redelta.SignatureReader(Endless())),
    "signer": lambda work: _update(redelta.Signer()),
}


class _EndlessSignature(Endless):
    started = False

    def read(self, size: int) -> bytes:
        if self.started:
            return bytes(min(size, 36 * 100))
        self.started = True
        return SIGNATURE[:12]


def _read_all(file: redelta.SignatureReader) -> None:
    with file:
        while file.read(1 << 16):
            pass


def _update(signer: redelta.Signer) -> None:
    while True:
        signer.update(bytes(1 << 20))


@pytest.mark.parametrize("name", ENDLESS)
def test_an_interrupt_ends_what_would_never_end(name: str, tmp_path: Path) -> None:
    assert ends_by_an_interrupt(lambda: ENDLESS[name](tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_a_read_that_waits() -> None:
    reading, writing = os.pipe()
    with open(writing, "wb"), open(reading, "rb", buffering=0) as file:
        assert ends_by_an_interrupt(lambda: redelta.signature(file))


def test_an_interrupt_ends_a_patch_that_makes_more_and_more() -> None:
    delta = encode_delta([Copy(0, len(BASIS))] * 1_000_000)
    assert ends_by_an_interrupt(lambda: redelta.write_patch(BASIS, delta, "/dev/null"))


def test_an_interrupt_ends_a_patch_of_many_commands_before_it_makes_anything() -> None:
    """Its result is measured first, so that it need not be copied."""
    delta = bytes.fromhex("72730236") + b"\x01z" * 20_000_000 + b"\0"
    assert ends_by_an_interrupt(lambda: redelta.patch(b"", delta))


def test_a_signal_handler_that_raises_nothing_does_no_harm() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        assert redelta.signature(Slow(BASIS, most=200_000)) == redelta.signature(BASIS, block_len=2048)
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]


# ---- Threads --------------------------------------------------------------------------------------------------------


def test_threads_do_their_own_work_at_once() -> None:
    def work(number: int) -> None:
        new = random_edits(BASIS, 10, number)
        for source in (new, Fake(new)):
            delta = redelta.delta(SIGNATURE, source, progress=lambda done, total: None)
            assert redelta.patch(io.BytesIO(BASIS), delta) == new

    run_threads(work, 8)


def test_others_run_while_the_library_works() -> None:
    """A thread that works on something endless lets this one go on, and is ended by it."""
    stop = threading.Event()

    def progress(done: int, total: int | None) -> None:
        if stop.is_set():
            raise ZeroDivisionError

    def work(number: int) -> None:
        with pytest.raises(ZeroDivisionError):
            redelta.write_signature("/dev/zero", "/dev/null", progress=progress)

    thread = threading.Thread(target=work, args=(0,))
    thread.start()
    assert redelta.patch(BASIS, DELTA) == NEW
    stop.set()
    thread.join()


def test_one_reader_in_many_threads_never_crashes() -> None:
    """Which bytes each gets is nobody's promise."""
    shared = Fake(BASIS, most=5000)

    def work(number: int) -> None:
        redelta.signature(shared)

    run_threads(work, 6)
