"""Sessions: any two files, cut into any pieces on the way, give the new one; what goes wrong is told on both sides."""

from __future__ import annotations

import copy
import io
import os
import pickle
import random
import stat
from collections.abc import Callable, Iterator
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import redelta
from helpers.samples import edited_pairs, noise, prose, random_edits
from helpers.sources import SEEKABLE, Kind, SeekableFake, Sink, opened
from helpers.threads import run_threads
from redelta.sync import FileInfo, Session, State

OLD = noise(300_000, 1) + prose(300_000, 2)
NEW = random_edits(OLD, 30, 3)


class Pipe:
    """What one side has said and the other one has not got yet, given in pieces of these lengths, in turns."""

    def __init__(self, lengths: Iterator[int]) -> None:
        self._lengths = lengths
        self.held = b""

    def take(self) -> bytes:
        length = next(self._lengths)
        piece, self.held = self.held[:length], self.held[length:]
        return piece


def has_more(side: Session) -> bool:
    """It has something to say, although nothing comes."""
    return not side.needs_input and not side.done


def converse(sender: Session, receiver: Session, lengths: list[int] | None = None, most: int = -1) -> None:
    """Carries everything from each side to the other until both are done; in pieces of these lengths, and taking no
    more than `most` bytes from a side at once."""
    turns = repeat(1 << 30) if lengths is None else cycle(lengths)
    to_sender, to_receiver = Pipe(turns), Pipe(turns)
    to_receiver.held += sender.step(max_length=most)
    to_sender.held += receiver.step(max_length=most)
    while not (sender.done and receiver.done):
        assert to_sender.held or to_receiver.held or has_more(sender) or has_more(receiver), "both wait"
        for side, comes, goes in ((sender, to_sender, to_receiver), (receiver, to_receiver, to_sender)):
            if comes.held or has_more(side):
                goes.held += side.step(comes.take(), max_length=most)
    assert not to_sender.held
    assert not to_receiver.held


def go_on(sender: Session, receiver: Session, said: bytes) -> None:
    """The rest of a conversation in which the receiver has just said this."""
    while not (sender.done and receiver.done):
        said = receiver.step(sender.step(said))


def synchronised(
    old: bytes | None, new: bytes, lengths: list[int] | None = None, most: int = -1
) -> tuple[bytes, State]:
    """What the receiver has in the end, and how it says that it went."""
    out = io.BytesIO()
    with Session.sender(new) as sender, Session.receiver(old, out) as receiver:
        converse(sender, receiver, lengths, most)
        state = receiver.state
    if state.identical:
        assert old is not None
        assert not out.getvalue()
        return old, state
    return out.getvalue(), state


# ---- The right file --------------------------------------------------------------------------------------------------


LENGTHS = st.lists(st.integers(1, 3000), min_size=1, max_size=4)


@given(edited_pairs(), LENGTHS, st.integers(1, 3000) | st.just(-1))
def test_any_edits_in_any_pieces_give_the_new_file(pair: tuple[bytes, bytes], lengths: list[int], most: int) -> None:
    old, new = pair
    made, state = synchronised(old, new, lengths, most)
    assert made == new
    assert (state.new_size, state.digest) == (len(new), redelta.digest(new))


@given(st.binary(max_size=2000), st.binary(max_size=2000) | st.none())
def test_files_that_have_nothing_to_do_with_each_other(new: bytes, old: bytes | None) -> None:
    assert synchronised(old, new)[0] == new


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1 << 32))
def test_large_files_with_edits(seed: int) -> None:
    old = noise(3_000_000, 4) + prose(3_000_000, 5)
    new = random_edits(old, 50, seed)
    made, state = synchronised(old, new, [200_003, 65_536])
    assert made == new
    assert state.done == len(new)


def changed_in_place(data: bytes, count: int, seed: int) -> bytes:
    """As long as before: a few pieces are others, and one has moved."""
    chance = random.Random(seed)
    for _ in range(count):
        piece = chance.randbytes(chance.choice((1, 20, 3000)))
        at = chance.randrange(len(data) - len(piece))
        data = data[:at] + piece + data[at + len(piece) :]
    return data[:100_000] + data[150_000:400_000] + data[100_000:150_000] + data[400_000:] if seed % 2 else data


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([None, [200_003, 65_536], [4093, 1]]), st.sampled_from([-1, 1000]))
def test_large_files_of_one_size(seed: int, lengths: list[int] | None, most: int) -> None:
    old = noise(1_000_000, 4) + prose(1_000_000, 5)
    new = changed_in_place(old, 5, seed)
    made, state = synchronised(old, new, lengths, most)
    assert made == new
    assert (state.done, state.old_size) == (len(new), len(new))
    assert state.literal < 100_000
    assert state.known == len(new) - state.literal


def test_one_byte_that_changes_costs_little() -> None:
    old = noise(3_000_000, 8)
    new = old[:-1] + bytes([old[-1] ^ 1])
    made, state = synchronised(old, new)
    assert made == new
    assert state.literal <= 4096
    assert state.known == len(new) - state.literal
    assert state.sent + state.received < 5000


def test_a_source_that_changes_is_told_before_anything_is_replaced(tmp_path: Path) -> None:
    """Whenever it changes: then it is an error, and the receiver has nothing; or too late to matter."""
    source, out = tmp_path / "new", tmp_path / "old"
    ended = set()
    for steps in range(40):
        source.write_bytes(NEW)
        out.write_bytes(OLD)
        with Session.sender(source) as sender, Session.receiver(out, out) as receiver:
            said = b""
            try:
                for step in range(100):
                    if step == steps:
                        with source.open("ab") as file:
                            file.write(b"more")
                    said = receiver.step(sender.step(said))
                    if sender.done and receiver.done:
                        break
                else:
                    raise AssertionError("there is no end")
            except redelta.FileChangedError:
                assert not receiver.done
                ended.add("changed")
        assert out.read_bytes() == (NEW if receiver.done else OLD)
        ended |= {"done"} if receiver.done else set()
    assert ended == {"changed", "done"}


def test_without_an_old_file() -> None:
    made, state = synchronised(None, NEW)
    assert made == NEW
    assert (state.old_size, state.known) == (0, 0)


def test_equal_files_cost_little_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    before = path.stat()
    with Session.sender(OLD) as sender, Session.receiver(path, path) as receiver:
        converse(sender, receiver)
        assert sender.state.identical
        assert receiver.state.identical
        assert receiver.state.sent + receiver.state.received <= 250
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("options", [{}, {"compress": 19}, {"compress": False}, {"threads": 1}, {"max_rounds": 3}])
def test_options_change_the_way_and_not_the_file(options: dict[str, Any]) -> None:
    out = io.BytesIO()
    with Session.sender(NEW, **options) as sender, Session.receiver(OLD, out, **options) as receiver:
        converse(sender, receiver)
    assert out.getvalue() == NEW


def test_what_is_compressed_takes_fewer_bytes() -> None:
    sent = []
    for compress in (False, None):
        with Session.sender(prose(300_000, 6), compress=compress) as sender:
            with Session.receiver(None, io.BytesIO()) as receiver:
                converse(sender, receiver)
            sent.append(sender.state.sent)
    assert sent[0] > 300_000 > 2 * sent[1]


# ---- Files -----------------------------------------------------------------------------------------------------------


class Whole(SeekableFake):
    """A file in memory of a class of its own, which tells its size."""

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:  # type: ignore[override]
        self.at = position + (len(self.data) if whence == os.SEEK_END else 0)
        return self.at


KINDS: dict[str, Kind] = {
    **{name: kind for name, kind in SEEKABLE.items() if "fake" not in name},
    "fake": lambda data, work, stack: Whole(data),
    "fake of short reads": lambda data, work, stack: Whole(data, most=997),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_can_be_sent_and_be_the_old_one(tmp_path: Path, kind: str) -> None:
    out = io.BytesIO()
    with (
        opened(KINDS[kind], NEW, tmp_path) as new,
        opened(KINDS[kind], OLD, tmp_path) as old,
        Session.sender(new) as sender,
        Session.receiver(old, out) as receiver,
    ):
        converse(sender, receiver)
    assert out.getvalue() == NEW


def test_a_file_is_replaced_as_a_whole_and_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with Session.sender(NEW) as sender, Session.receiver(path, path) as receiver:
        said = receiver.step()
        while not receiver.done:
            assert path.read_bytes() == OLD
            assert os.listdir(tmp_path) == ["file"] or all(
                name.startswith((".", "file")) for name in os.listdir(tmp_path)
            )
            said = receiver.step(sender.step(said))
        assert path.read_bytes() == NEW
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("leave", ["close", "cancel", "end", "forget"])
def test_a_session_that_does_not_end_leaves_the_old_file(tmp_path: Path, leave: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    sender = Session.sender(noise(2_000_000, 7))
    receiver = Session.receiver(OLD if leave == "forget" else path, path)
    said = receiver.step(sender.step(receiver.step()))
    receiver.step(sender.step(said, max_length=100_000))
    assert not receiver.done
    if leave == "end":
        with pytest.raises(redelta.TruncatedError):
            receiver.step(end=True)
    elif leave != "forget":
        getattr(receiver, leave)()
    del receiver
    sender.close()
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("buffering", [0, -1])
def test_an_open_file_is_written_to_from_its_position_on(tmp_path: Path, buffering: int) -> None:
    for mode, before in (("w+b", b""), ("w+b", b"before"), ("ab", b"before")):
        with open(tmp_path / "file", "wb" if mode == "ab" else mode, buffering) as file:
            file.write(before)
            if mode == "ab":
                file.close()
                file = open(tmp_path / "file", mode, buffering)  # noqa: SIM115
            with file, Session.sender(NEW) as sender, Session.receiver(OLD, file) as receiver:
                converse(sender, receiver)
                file.write(b"after")
        assert (tmp_path / "file").read_bytes() == before + NEW + b"after"


def test_a_writer_in_memory_is_written_to_from_its_position_on() -> None:
    out = io.BytesIO(b"before")
    out.seek(0, os.SEEK_END)
    with Session.sender(NEW) as sender, Session.receiver(OLD, out) as receiver:
        converse(sender, receiver)
    assert out.getvalue() == b"before" + NEW


@pytest.mark.parametrize("most", [None, 997])
def test_a_writer_that_only_writes_will_do(most: int | None) -> None:
    out = Sink(most)
    with Session.sender(NEW) as sender, Session.receiver(OLD, out) as receiver:
        converse(sender, receiver)
    assert out.data == NEW


def test_what_is_read_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    with open(tmp_path / "file", "r+b") as file, pytest.raises(redelta.ParameterError, match="also an input"):
        Session.receiver(file, file)


def test_time_and_mode_travel(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.write_bytes(NEW)
    path.chmod(0o640)
    for told in (1_600_000_000_123_456_789, -1_500_000_001, 0):
        os.utime(path, ns=(told, told))
        with path.open("rb") as file:
            for source in (path, file):
                with Session.sender(source) as sender, Session.receiver(OLD, io.BytesIO()) as receiver:
                    assert receiver.file is None
                    converse(sender, receiver)
                    assert receiver.file == FileInfo(len(NEW), path.stat().st_mtime_ns, 0o640)
    with Session.sender(NEW, mtime_ns=5, mode=stat.S_IFREG | 0o600) as sender:
        with Session.receiver(OLD, io.BytesIO()) as receiver:
            converse(sender, receiver)
        assert receiver.file == FileInfo(len(NEW), 5, 0o600)
    with Session.sender(NEW) as sender, Session.receiver(OLD, io.BytesIO()) as receiver:
        converse(sender, receiver)
        assert receiver.file == FileInfo(len(NEW))


# ---- Failures --------------------------------------------------------------------------------------------------------


def converse_until_one_fails(sender: Session, receiver: Session) -> tuple[BaseException, BaseException]:
    """The exceptions of the side that fails, and of the other one, which is told."""
    sides = (sender, receiver)
    said = [b"", b""]
    while not (sender.done and receiver.done):
        for number, side in enumerate(sides):
            try:
                said[number] = side.step(said[1 - number])
            except BaseException as failure:
                with pytest.raises(redelta.PeerError) as told:
                    sides[1 - number].step(side.farewell, end=True)
                return failure, told.value
    pytest.fail("nothing failed")


class BadFile(Whole):
    """Its reads fail from the nth on."""

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self.good = good

    def read(self, size: int) -> Any:
        self.good -= 1
        if self.good < 0:
            raise ZeroDivisionError("a bad file")
        return super().read(size)


@pytest.mark.parametrize("good", [0, 1])
def test_an_exception_of_a_file_that_is_read_comes_out_and_the_other_side_is_told(good: int) -> None:
    for bad in ("new", "old"):
        new = BadFile(NEW, good) if bad == "new" else NEW
        old = BadFile(OLD, good) if bad == "old" else OLD
        with Session.sender(new) as sender, Session.receiver(old, io.BytesIO()) as receiver:
            failure, told = converse_until_one_fails(sender, receiver)
            assert type(failure) is ZeroDivisionError
            assert type(told) is redelta.PeerError
            with pytest.raises(redelta.RedeltaError, match="has ended"):
                (sender if bad == "new" else receiver).step()


def test_an_exception_of_the_writer_comes_out() -> None:
    class Full(Sink):
        def write(self, data: bytes) -> int | None:
            raise OSError(28, "no room")

    with Session.sender(NEW) as sender, Session.receiver(OLD, Full()) as receiver:
        failure, told = converse_until_one_fails(sender, receiver)
        assert isinstance(failure, OSError)
        assert failure.errno == 28
        assert isinstance(told, redelta.PeerError)
        assert str(told).startswith("the other side: ")


def test_a_limit_is_kept() -> None:
    with Session.sender(NEW) as sender, Session.receiver(None, out := Sink(), max_output=len(NEW) - 1) as receiver:
        failure, _ = converse_until_one_fails(sender, receiver)
        assert isinstance(failure, redelta.LimitError)
    assert len(out.data) < len(NEW)


def test_a_new_file_that_changes_is_told_on_both_sides(tmp_path: Path) -> None:
    """By whoever notices it first: its times tell the sender, and the digest tells the receiver."""
    path = tmp_path / "new"
    path.write_bytes(NEW)
    with Session.sender(path) as sender, Session.receiver(OLD, io.BytesIO()) as receiver:
        said = receiver.step(sender.step(receiver.step()))
        path.write_bytes(NEW[::-1])
        with pytest.raises((redelta.FileChangedError, redelta.VerifyError)):
            go_on(sender, receiver, said)
        with pytest.raises(redelta.PeerError):
            (receiver if sender.farewell else sender).step(sender.farewell + receiver.farewell)


def test_a_cancelled_session_tells_the_other_side() -> None:
    for number in range(2):
        with Session.sender(NEW) as sender, Session.receiver(OLD, io.BytesIO()) as receiver:
            sides = (sender, receiver)
            first, other = sides[number], sides[1 - number]
            words = first.step() + first.cancel()
            assert first.farewell
            assert first.cancel() == first.farewell
            with pytest.raises(redelta.PeerError):
                other.step(words)
            with pytest.raises(redelta.RedeltaError, match="cancelled"):
                first.step()
            assert not first.done


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_junk_is_refused(junk: bytes, to_sender: bool) -> None:
    with Session.sender(NEW) if to_sender else Session.receiver(OLD, Sink()) as session:
        session.step()
        with pytest.raises(
            (
                redelta.BadMagicError,
                redelta.CorruptError,
                redelta.TruncatedError,
                redelta.PeerError,
                redelta.RedeltaError,
            )
        ):
            session.step(junk, end=True)
        assert not session.done


@pytest.mark.parametrize("side", [0, 1])
def test_a_connection_that_breaks_is_told(side: int) -> None:
    with Session.sender(NEW) as sender, Session.receiver(OLD, Sink()) as receiver:
        broken = (sender, receiver)[side]
        broken.step()
        with pytest.raises(redelta.TruncatedError):
            broken.step(end=True)
        assert isinstance(broken.farewell, bytes)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 255), st.booleans())
def test_a_byte_that_was_altered_gives_no_wrong_file(at: int, flip: int, of_sender: bool) -> None:
    """Either it is told, or it did not matter."""
    out = io.BytesIO()
    with Session.sender(NEW) as sender, Session.receiver(OLD, out) as receiver:
        words = [sender.step(), receiver.step()]
        altered = False
        try:
            for _ in range(1000):
                mine = words[not of_sender]
                if not altered and at < len(mine):
                    words[not of_sender] = mine[:at] + bytes([mine[at] ^ flip]) + mine[at + 1 :]
                    altered = True
                at -= 0 if altered else len(mine)
                if sender.done and receiver.done:
                    break
                words = [sender.step(words[1]), receiver.step(words[0])]
                if not any(words) and not (sender.done and receiver.done):
                    receiver.step(end=True)
        except redelta.RedeltaError:
            pass
        if receiver.done:
            assert out.getvalue() == NEW


# ---- The object ------------------------------------------------------------------------------------------------------


def test_what_follows_the_session_is_left() -> None:
    with Session.sender(NEW) as sender, Session.receiver(NEW, Sink()) as receiver:
        said = sender.step()
        answer = receiver.step(said)
        while not receiver.done:
            answer = receiver.step(sender.step(answer))
        assert receiver.unused_data == b""
        assert sender.step(answer + b"what follows") == b""
        assert sender.done
        assert sender.unused_data == b"what follows"
        assert sender.step(b", and more", end=True) == b""
        assert sender.unused_data == b"what follows, and more"


def test_a_closed_session_says_so_and_keeps_its_state() -> None:
    sender = Session.sender(NEW)
    with sender, Session.receiver(OLD, io.BytesIO()) as receiver:
        converse(sender, receiver)
        state = sender.state
        assert (state.new_size, state.old_size) == (len(NEW), len(OLD))
    sender.close()
    assert sender.state == state
    assert sender.done
    assert sender.step() == b""
    other = Session.sender(NEW)
    other.close()
    with pytest.raises(redelta.RedeltaError, match="closed"):
        other.step()
    assert other.cancel() == b""


def test_buffers_of_every_kind_are_taken() -> None:
    for kind in (bytes, bytearray, memoryview):
        out = Sink()
        with Session.sender(NEW) as sender, Session.receiver(OLD, out) as receiver:
            said = b""
            while not (sender.done and receiver.done):
                said = receiver.step(kind(sender.step(kind(said))))
        assert out.data == NEW
    with Session.sender(NEW) as sender, pytest.raises(TypeError):
        sender.step("text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Session(), TypeError),
        (lambda: Session.sender(NEW, compress=100), redelta.ParameterError),
        (lambda: Session.sender(NEW, threads=0), redelta.ParameterError),
        (lambda: Session.sender(NEW, max_rounds=0), redelta.ParameterError),
        (lambda: Session.sender(NEW, changed="never"), redelta.ParameterError),  # type: ignore[arg-type]
        (lambda: Session.sender("no such file"), FileNotFoundError),
        (lambda: Session.sender(None), TypeError),  # type: ignore[arg-type]
        (lambda: Session.sender(Sink()), TypeError),  # type: ignore[arg-type]
        (lambda: Session.receiver(OLD, None), TypeError),  # type: ignore[arg-type]
        (lambda: Session.receiver(OLD, Sink(), max_output=0), redelta.ParameterError),
        (lambda: Session.receiver(OLD, Sink(), sparse="maybe"), redelta.ParameterError),  # type: ignore[arg-type]
        (lambda: Session.receiver("no such file", Sink()), FileNotFoundError),
        (lambda: Session.receiver(OLD, "no such folder/file"), FileNotFoundError),
    ],
)
def test_what_is_not_allowed_is_refused(make: Callable[[], object], error: type[BaseException]) -> None:
    with pytest.raises(error):
        make()


def test_a_session_cannot_be_copied() -> None:
    with Session.sender(NEW) as sender:
        for action in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                action(sender)


def test_a_file_object_cannot_use_the_session_that_reads_it() -> None:
    class Inward(BadFile):
        session: Session

        def read(self, size: int) -> Any:
            self.session.step()

    file = Inward(NEW, 0)
    with Session.sender(file) as sender:
        file.session = sender
        with pytest.raises(redelta.RedeltaError, match="in use"):
            converse(sender, Session.receiver(OLD, Sink()))


def test_sessions_run_in_threads() -> None:
    def work(number: int) -> None:
        new = random_edits(OLD, 10, number)
        assert synchronised(OLD, new, [10_000 + number])[0] == new

    run_threads(work, 6)


def test_threads_share_a_session() -> None:
    with Session.sender(NEW) as sender:
        run_threads(lambda number: sender.state, 4)
        said: list[bytes] = []
        run_threads(lambda number: said.append(sender.step()), 4)
        out = Sink()
        with Session.receiver(OLD, out) as receiver:
            answer = receiver.step(b"".join(said))
            while not receiver.done:
                answer = receiver.step(sender.step(answer))
        assert out.data == NEW
