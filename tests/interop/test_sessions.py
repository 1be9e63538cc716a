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
    ALL,
    CLOSE,
    DONE,
    FAILURE,
    FOUND,
    GLOBAL,
    HONEST,
    LEAVES,
    LOCAL,
    NONE,
    PLACED,
    SAME,
    SPLIT,
    PeerError,
    Receiver,
    Round,
    Sender,
    Side,
    Top,
    unit_sums,
)
from helpers.tool import HANG_SECONDS

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


# ---- Files of one size -----------------------------------------------------------------------------------------------

BASE = noise(1_500_000, 13) + prose(300_000, 14) * 5
LEAF_SIZE = 1 << 16


def replaced(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


@st.composite
def even_pairs(draw: st.DrawFn) -> Pair:
    """Of 0.5 to 3 MB, with few changes, of which some move what is there."""
    size = draw(st.integers(500_000, 3_000_000))
    chance = random.Random(draw(st.integers(0, 1 << 30)))
    old = new = BASE[:size]
    for _ in range(draw(st.integers(0, 4))):
        piece = chance.randbytes(chance.choice((1, 10, 300, 3000)))
        new = replaced(new, chance.randrange(size - len(piece)), piece)
    for _ in range(draw(st.integers(0, 2))):
        length = chance.choice((100, 5_000, 200_000))
        from_, to = chance.randrange(size - length), chance.randrange(size - length)
        without = new[:from_] + new[from_ + length :]
        new = without[:to] + new[from_ : from_ + length] + without[to:]
    return old, new


@settings(max_examples=25)
@given(even_pairs(), st.sampled_from((0, 3, 18)), st.sampled_from((0, 0, 6)), st.booleans())
def test_a_file_of_the_same_size_arrives(
    tmp_path_factory: pytest.TempPathFactory, pair: Pair, rounds: int, bits: int, says_units: bool
) -> None:
    driver = Driver(tmp_path_factory.mktemp("session"))
    receiver = Receiver(pair[0], says_units=says_units)
    ended = driver.send(pair[1], receiver, "rounds", str(rounds), "bits", str(bits))
    assert ended.figures["repaired"] == receiver.repaired
    assert ended.figures["literal"] == receiver.literal
    assert receiver.said_units == (says_units and not receiver.is_identical)


even_tops = st.builds(
    lambda size_log2, bits, claim: Top(size_log2, bits[0], bits[1], claim),
    st.integers(10, 18),
    st.sampled_from(((0, 0), (20, 16), (32, 24), (11, 1))),
    st.sampled_from((HONEST, HONEST, NONE, ALL)),
)
EVEN_PLAN = [*(Round(SPLIT, size, 14) for size in (16, 13, 11, 9)), Round(SPLIT, 7, 14, edges=True)]


@settings(max_examples=25)
@given(even_pairs(), even_tops, st.sampled_from(([], EVEN_PLAN, PLAN)), st.booleans())
def test_a_receiver_takes_whatever_units_it_is_told_of(
    tmp_path_factory: pytest.TempPathFactory, pair: Pair, top: Top, plan: list[Round], waits: bool
) -> None:
    driver = Driver(tmp_path_factory.mktemp("session"))
    sender = Sender(pair[1], top, plan, chunk=1 << 16, waits=waits)
    ended = driver.receive(pair[0], sender)
    assert ended.figures["repaired"] == sender.repaired
    assert ended.figures["literal"] == sender.literal
    assert sender.has_units != sender.is_identical


EVEN_OLD = BASE[:2_000_000]
EVEN_NEW = replaced(EVEN_OLD, 1_200_000, b"changed")


def test_one_change_takes_few_literals(driver: Driver) -> None:
    receiver = Receiver(EVEN_OLD)
    driver.send(EVEN_NEW, receiver)
    assert receiver.literal <= 4096
    assert receiver.repaired == 0
    without = Receiver(EVEN_OLD, says_units=False)
    driver.send(EVEN_NEW, without)
    assert receiver.received + receiver.sent < without.received + without.sent
    sender = Sender(EVEN_NEW, Top(18, 0, 0), EVEN_PLAN)
    ended = driver.receive(EVEN_OLD, sender)
    assert 0 < sender.literal <= 512
    assert ended.figures["repaired"] == 0


def test_what_has_moved_is_found_beside_units_that_have_not(driver: Driver) -> None:
    moved = EVEN_OLD[:300_000] + EVEN_OLD[700_000:1_100_000] + EVEN_OLD[300_000:700_000] + EVEN_OLD[1_100_000:]
    receiver = Receiver(EVEN_OLD)
    driver.send(moved, receiver)
    assert receiver.literal < 20_000
    sender = Sender(moved, Top(12, 30, 20), EVEN_PLAN)
    driver.receive(EVEN_OLD, sender)
    assert sender.literal < 20_000


def test_units_of_several_lanes_are_known(driver: Driver) -> None:
    old = noise((1 << 26) + 700_000, 15)
    new = replaced(replaced(old, 40_000_000, b"changed"), (1 << 26) + 300_000, b"also changed")
    receiver = Receiver(old)
    driver.send(new, receiver)
    assert receiver.literal < 10_000
    sender = Sender(new, Top(17, 0, 0), EVEN_PLAN)
    ended = driver.receive(old, sender)
    assert 0 < sender.literal <= 2 * 512
    assert ended.figures["repaired"] == 0


class Forger(Receiver):
    """Says sums of another file's units, as if they were the same by chance."""

    def __init__(self, old: bytes, other: bytes) -> None:
        super().__init__(old)
        self.other = other

    def unit_sums(self) -> list[bytes]:
        assert self.keys is not None
        return unit_sums(self.keys, self.other)


def test_units_that_are_the_same_by_chance_are_repaired(driver: Driver) -> None:
    new = replaced(EVEN_NEW, 100_000, b"changed, too")
    receiver = Forger(EVEN_OLD, new)
    ended = driver.send(new, receiver)
    assert (receiver.literal, receiver.repaired) == (0, 2 * LEAF_SIZE)
    assert ended.figures["repaired"] == receiver.repaired
    receiver = Forger(EVEN_OLD, EVEN_NEW)
    driver.send(new, receiver)
    assert 0 < receiver.literal <= 4096
    assert receiver.repaired == LEAF_SIZE


def test_a_sender_that_takes_all_units_for_the_same_repairs(driver: Driver) -> None:
    for top in (Top(18, 0, 0, ALL), Top(12, 20, 16, ALL)):
        sender = Sender(EVEN_NEW, top, EVEN_PLAN)
        ended = driver.receive(EVEN_OLD, sender)
        assert (sender.literal, sender.repaired) == (0, LEAF_SIZE)
        assert ended.figures["repaired"] == LEAF_SIZE


def test_units_may_be_said_not_to_be_the_same(driver: Driver) -> None:
    for top in (Top(18, 0, 0, NONE), Top(12, 20, 16, NONE)):
        sender = Sender(EVEN_NEW, top, EVEN_PLAN)
        ended = driver.receive(EVEN_OLD, sender)
        assert 0 < sender.literal <= 512
        assert ended.figures["repaired"] == 0


@pytest.mark.parametrize("size", [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 19, (1 << 19) + 1])
def test_a_file_has_units_from_a_size_on(driver: Driver, size: int) -> None:
    old, new = BASE[:size], replaced(BASE[:size], size - 3, b"end")
    receiver = Receiver(old)
    driver.send(new, receiver)
    assert receiver.repaired == 0
    sender = Sender(new, Top(10, 20, 16), [])
    driver.receive(old, sender)
    assert sender.has_units == (size > 1 << 18)
    assert sender.repaired == 0


# ---- What is wrong ---------------------------------------------------------------------------------------------------


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
        said = bytes([chance.choice([SAME, PLACED, FOUND, LEAVES, DONE]), 0, 40]) + chance.randbytes(40)
        with pytest.raises(PeerError):
            driver.talk(["rounds", "18", "sender", str(path)], Liar(old, at, said))


def test_what_one_side_says_of_its_failure_reaches_the_other(driver: Driver) -> None:
    path = driver.folder / "new"
    path.write_bytes(TEXT)
    ended = driver.talk(["sender", str(path)], Liar(NOISE, 2, bytes([FAILURE]) + b"\0\x08\2no room"))
    assert ended.status == 15
    assert "no room" in ended.said
