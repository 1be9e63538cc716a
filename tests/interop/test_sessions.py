"""Sessions between the library and a second implementation in Python, which was written from the page of formats."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.samples import Pair, edited_pairs, noise, prose, random_edits
from helpers.session import (
    CLOSE,
    GLOBAL,
    LOCAL,
    SPLIT,
    PeerError,
    Receiver,
    Round,
    Sender,
    Side,
    Top,
)

HANG_SECONDS = 120
NOISE = noise(200_000, 1)
TEXT = prose(150_000, 2)
PAIRS: dict[str, Pair] = {
    "empty": (b"", b""),
    "from_nothing": (b"", TEXT),
    "to_nothing": (TEXT, b""),
    "same": (NOISE, NOISE),
    "shorter_than_a_block": (noise(1000, 3), noise(900, 3)),
    "edited": (NOISE, random_edits(NOISE, 40, 4)),
    "text": (TEXT, random_edits(TEXT, 200, 5)),
    "moved": (NOISE, NOISE[120_000:] + NOISE[:120_000]),
    "grown": (TEXT, TEXT + noise(100, 6) + TEXT),
    "zeros": (bytes(100_000), bytes(170_001)),
    "unrelated": (noise(90_000, 7), noise(90_000, 8)),
}


@dataclass(frozen=True)
class Ended:
    """What the driver said at its end."""

    status: int
    figures: dict[str, int]
    said: str


class Driver:
    """One side by the library, in a folder of its own, talking to one in Python."""

    def __init__(self, folder: Path) -> None:
        path = os.environ.get("REDELTA_SESSION_DRIVER")
        if not path:
            pytest.skip("this build has no driver of sessions")
        self.path = path
        self.folder = folder

    def talk(self, words: Sequence[str], side: Side) -> Ended:
        process = subprocess.Popen(
            [self.path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        try:
            answer = side.give()
            while True:
                if answer:
                    process.stdin.write(answer)
                    process.stdin.flush()
                data = os.read(process.stdout.fileno(), 1 << 16)
                if not data:
                    break
                answer = side.feed(data)
        except BrokenPipeError:
            pass
        finally:
            process.stdin.close()
            said = process.stderr.read().decode()
            status = process.wait(HANG_SECONDS)
            process.stdout.close()
            process.stderr.close()
        assert 0 <= status < 64, said
        pairs = (word.split("=") for word in said.splitlines()[-1].split())
        return Ended(status, {name: int(value) for name, value in pairs}, said)

    def send(self, new: bytes, receiver: Receiver, *words: str) -> Ended:
        """The library sends."""
        path = self.folder / "new"
        path.write_bytes(new)
        ended = self.talk([*words, "sender", str(path)], receiver)
        assert ended.status == 0, ended.said
        assert bytes(receiver.new) == new
        assert ended.figures["sent"] == receiver.received
        assert ended.figures["identical"] == receiver.is_identical
        return ended

    def receive(self, old: bytes | None, sender: Sender, *words: str) -> Ended:
        """The library receives."""
        path = self.folder / "old"
        path.write_bytes(old or b"")
        out = self.folder / "out"
        ended = self.talk([*words, "receiver", "-" if old is None else str(path), str(out)], sender)
        assert ended.status == 0, ended.said
        assert ended.figures["identical"] == sender.is_identical
        assert (path if sender.is_identical else out).read_bytes() == sender.new
        assert sender.is_over
        return ended


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("rounds", ["0", "18"])
def test_what_the_library_sends_arrives(driver: Driver, name: str, rounds: str) -> None:
    old, new = PAIRS[name]
    receiver = Receiver(old)
    ended = driver.send(new, receiver, "rounds", rounds)
    assert ended.figures["literal"] == receiver.literal
    if name in ("edited", "moved"):
        assert receiver.received < len(new) // 2


def test_an_identical_file_takes_few_bytes(driver: Driver) -> None:
    receiver = Receiver(NOISE)
    ended = driver.send(NOISE, receiver)
    assert receiver.is_identical
    assert receiver.received + receiver.sent < 150
    assert ended.figures["rounds"] == 1


@pytest.mark.parametrize("name", ["edited", "text", "moved"])
@pytest.mark.parametrize("bits", [2, 8])
def test_short_sums_mislead_and_the_file_arrives_all_the_same(driver: Driver, name: str, bits: int) -> None:
    old, new = PAIRS[name]
    receiver = Receiver(old)
    ended = driver.send(new, receiver, "bits", str(bits))
    assert ended.figures["repaired"] == receiver.repaired


def test_a_receiver_that_is_misled_asks_for_leaves(driver: Driver) -> None:
    new = PAIRS["unrelated"][1] * 3
    blind = Round(CLOSE, group_log2=8, check_bits=1, final=True)
    repaired = []
    for seed in range(8):
        sender = Sender(new, Top(11, 11, 1), [blind], random=bytes([seed]) * 16)
        ended = driver.receive(NOISE, sender, "random", str(seed))
        assert ended.figures["repaired"] == sender.repaired
        repaired.append(sender.repaired)
    assert any(repaired)
    assert not all(repaired)


class Clumsy(Receiver):
    """Writes some bytes wrongly, and mends them only if all of the file comes again."""

    def __init__(self, old: bytes, places: Sequence[int], times: int) -> None:
        super().__init__(old)
        self.places = places
        self.times = times

    def judge(self) -> None:
        if self.times > 0:
            self.times -= 1
            for place in self.places:
                self.new[place] ^= 1
        super().judge()


def test_a_sender_repairs_the_leaves_that_are_wrong_and_then_all(driver: Driver) -> None:
    old, new = PAIRS["edited"]
    receiver = Clumsy(old, [1, 70_000], 1)
    driver.send(new, receiver)
    assert receiver.repaired == 2 * 65536
    receiver = Clumsy(old, [len(new) - 1], 2)
    ended = driver.send(new, receiver, "level", "-1")
    assert receiver.repaired == len(new) + len(new) % 65536
    assert ended.figures["repaired"] == receiver.repaired


def test_a_receiver_may_find_less_than_there_is(driver: Driver) -> None:
    old, new = PAIRS["edited"]
    for misses in (1, 2, 7):
        receiver = Receiver(old, misses=misses)
        driver.send(new, receiver, "rounds", "18")
        assert receiver.repaired == 0


@pytest.mark.parametrize("level", ["-1", "1", "19"])
def test_literals_come_at_every_level(driver: Driver, level: str) -> None:
    old, new = PAIRS["text"]
    receiver = Receiver(old)
    driver.send(new, receiver, "level", level)
    assert receiver.repaired == 0


@pytest.mark.parametrize("features", [0, 1, 255])
def test_only_what_both_sides_have_is_used(driver: Driver, features: int) -> None:
    old, new = PAIRS["text"]
    driver.send(new, Receiver(old, features=features))
    driver.receive(old, Sender(new, Top(), [Round(SPLIT, 8, 12)], features=features))


def test_literals_of_a_lane_refer_to_those_of_the_one_before(driver: Driver) -> None:
    words = prose(60_000, 9)
    new = bytes((1 << 26) - len(words)) + words + words[::-1] + words + words[:30_000]
    old = noise(70_000, 10)
    receiver = Receiver(old)
    driver.send(new, receiver)
    assert receiver.repaired == 0
    sender = Sender(new, None, [], chunk=1 << 20)
    ended = driver.receive(old, sender)
    assert ended.figures["repaired"] == 0


def test_lanes_are_answered_each_by_itself(driver: Driver) -> None:
    old = noise(1 << 26, 12) + TEXT
    new = old[: 1 << 25] + b"inserted" + old[1 << 25 :] + TEXT
    sender = Sender(new, Top(20, 32, 16), [Round(SPLIT, 16, 12), Round(SPLIT, 13, 12, edges=True)], chunk=1 << 20)
    ended = driver.receive(old, sender)
    assert len(sender.lanes) == 2
    assert ended.figures["repaired"] == 0
    assert sender.literal < 300_000


PLAN = [
    *(Round(SPLIT, size, 11) for size in (10, 9)),
    Round(LOCAL, 9, 16),
    Round(GLOBAL, 9, 20, sample_log2=1),
    Round(SPLIT, 8, 11),
    *(Round(SPLIT, size, 11, edges=True) for size in (7, 6, 5)),
]


@pytest.mark.parametrize("name", PAIRS)
def test_what_the_library_receives_is_what_was_sent(driver: Driver, name: str) -> None:
    old, new = PAIRS[name]
    sender = Sender(new, Top(), PLAN)
    ended = driver.receive(old, sender)
    assert ended.figures["literal"] == sender.literal
    assert ended.figures["repaired"] == 0
    if name in ("edited", "moved"):
        assert sender.literal < len(new) // 2


def test_a_receiver_without_a_file_gets_all_of_it(driver: Driver) -> None:
    ended = driver.receive(None, Sender(TEXT, Top(), PLAN))
    assert ended.figures["literal"] == len(TEXT)
    driver.receive(None, Sender(b"", None, []))


@st.composite
def plans(draw: st.DrawFn) -> list[Round]:
    """Any rounds that the format allows."""
    rounds = []
    for _ in range(draw(st.integers(0, 9))):
        kind = draw(st.sampled_from((CLOSE, SPLIT, SPLIT, SPLIT, LOCAL, GLOBAL)))
        rounds.append(
            Round(
                kind,
                0 if kind == CLOSE else draw(st.integers(5, 12)),
                0 if kind == CLOSE else draw(st.integers(1, 24) if kind == SPLIT else st.integers(11, 32)),
                draw(st.integers(0, 8)),
                draw(st.integers(1, 24)),
                draw(st.integers(0, 3)),
                draw(st.booleans()),
                draw(st.booleans()),
            )
        )
    return rounds


tops = st.builds(Top, st.integers(6, 13), st.integers(11, 32), st.integers(1, 24))


@settings(max_examples=40)
@given(edited_pairs(30_000), tops, plans(), st.integers(1, 3))
def test_a_receiver_follows_any_plan(
    tmp_path_factory: pytest.TempPathFactory, pair: Pair, top: Top, plan: list[Round], threads: int
) -> None:
    driver = Driver(tmp_path_factory.mktemp("session"))
    driver.receive(pair[0], Sender(pair[1], top, plan), "threads", str(threads))


@settings(max_examples=40)
@given(edited_pairs(60_000), st.sampled_from((0, 0, 5, 18, 40)), st.sampled_from((0, 0, 3, 6)), st.integers(0, 5))
def test_any_edit_arrives(
    tmp_path_factory: pytest.TempPathFactory, pair: Pair, rounds: int, bits: int, misses: int
) -> None:
    driver = Driver(tmp_path_factory.mktemp("session"))
    driver.send(pair[1], Receiver(pair[0], misses=misses), "rounds", str(rounds), "bits", str(bits))


class Liar(Receiver):
    """Says something else instead of the message with this number."""

    def __init__(self, old: bytes, at: int, said: bytes) -> None:
        super().__init__(old)
        self.countdown = at
        self.said = said

    def give(self) -> bytes:
        given = super().give()
        if given:
            self.countdown -= 1
            if self.countdown == 0:
                return self.said
        return given


def test_a_sender_refuses_what_is_no_answer_and_tells(driver: Driver) -> None:
    old, new = PAIRS["edited"]
    path = driver.folder / "new"
    path.write_bytes(new)
    chance = random.Random(11)
    for at in range(2, 12):
        said = bytes([chance.choice([7, 9, 10, 11, 12]), 0, 40]) + chance.randbytes(40)
        with pytest.raises(PeerError):
            driver.talk(["rounds", "18", "sender", str(path)], Liar(old, at, said))


def test_what_one_side_says_of_its_failure_reaches_the_other(driver: Driver) -> None:
    path = driver.folder / "new"
    path.write_bytes(TEXT)
    ended = driver.talk(["sender", str(path)], Liar(NOISE, 2, b"\x0d\0\x08\2no room"))
    assert ended.status == 15
    assert "no room" in ended.said
