"""Connections that break, and peers that lie: at every message, in both directions, whichever side has the new file.

Afterwards there is the complete old file or the complete new one, nothing else is left, both sides have ended, and who
failed says so. REDELTA_THOROUGH=1 tries every byte of a short conversation, and many more of a long one.
"""

from __future__ import annotations

import json
import os
import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.tool import SANITIZED, Result, Tool
from network.remote import PAIR, SHORT, Pair, Sides

THOROUGH = os.environ.get("REDELTA_THOROUGH") == "1"
WAYS = ("up", "down")
IDLE = 1000 if SANITIZED else 250  # milliseconds
HEADER = 7  # bytes of the messages around a session; the last two are the length of what follows

both = pytest.mark.parametrize("push", [True, False], ids=["push", "pull"])
any_pair = pytest.mark.parametrize("pair", [SHORT, PAIR], ids=["short", "long"])


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The relay's records and reports."""
    return tmp_path_factory.mktemp("relay")


@dataclass(frozen=True)
class Conversation:
    """What both sides say if nothing goes wrong: bytes by way, and where the session begins and ends in them."""

    bytes: dict[str, int]
    first: dict[str, int]
    messages: dict[str, int]


class Broken:
    """A pair on a connection that is broken again and again."""

    def __init__(self, redelta: Tool, relay: Path, place: Path, pair: Pair, push: bool) -> None:
        self.relay = relay
        self.place = place
        self.sides = Sides(redelta, place, str(relay), pair, push)
        self.usual = self.converse()

    def shell(self, *options: str | Path) -> str:
        return shlex.join([str(word) for word in (self.relay, *options)])

    def converse(self) -> Conversation:
        self.sides.run(shell=self.shell("--record", self.place / "record")).done()
        assert self.sides.content() == "new"
        said = {way: (self.place / f"record.{way}").read_bytes() for way in WAYS}
        first = {way: HEADER + int.from_bytes(said[way][HEADER - 2 : HEADER], "big") for way in WAYS}
        assert all(said[way].startswith(b"rdc") for way in WAYS)
        self.sides.reset()
        report = self.place / "report"
        self.sides.run(shell=self.shell("--report", report, *self.firsts(first))).done()
        told = json.loads(report.read_text())
        messages = {way: told[f"messages_{way}"] for way in WAYS}
        return Conversation({way: len(said[way]) for way in WAYS}, first, messages)

    @staticmethod
    def firsts(first: dict[str, int]) -> Iterator[str]:
        for way in WAYS:
            yield from ("--first", f"{way}:{first[way]}")

    def run(self, *fault: str) -> Result:
        """A length that is a lie lets both sides wait; somebody has enough of that, and hangs up."""
        self.sides.reset()
        report = self.place / "report"
        report.unlink(missing_ok=True)
        told = ("--report", str(report), *self.firsts(self.usual.first), "--idle", str(IDLE))
        result = self.sides.run(shell=self.shell(*told, *fault))
        self.sides.judge(result)
        return result

    def said(self, what: str) -> int:
        """Of a run that succeeded: its keys are its own, so it has more bytes or messages than others, or fewer."""
        return int(json.loads((self.place / "report").read_text())[what])

    def places(self, way: str, count: int) -> list[int]:
        """Numbers of bytes: all of a short conversation, or the first ones, the last ones, and some in between."""
        size = self.usual.bytes[way]
        if THOROUGH and size < 3000:
            return list(range(size))
        chance = random.Random(f"{way} {size}")
        count = 20 * count if THOROUGH else count
        return sorted({0, 1, size - 1, *chance.sample(range(size), min(count, size))})


@pytest.fixture
def broken(redelta: Tool, relay: Path, tmp_path: Path, pair: Pair, push: bool) -> Broken:
    return Broken(redelta, relay, tmp_path, pair, push)


@both
@any_pair
@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_breaks_after_some_bytes(broken: Broken, way: str) -> None:
    for at in broken.places(way, 12):
        result = broken.run("--cut", f"{way}:{at}")
        assert result.status != 0 or at >= broken.said(way), result.describe()


@both
@any_pair
@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_breaks_between_messages(broken: Broken, way: str) -> None:
    assert broken.usual.messages[way] > 1
    for number in range(broken.usual.messages[way]):
        result = broken.run("--cut", f"{way}:#{number}")
        assert result.status != 0 or number >= broken.said(f"messages_{way}"), result.describe()


@both
@any_pair
@pytest.mark.parametrize("way", WAYS)
def test_a_peer_that_lies_anywhere(broken: Broken, way: str) -> None:
    """But for what is asked for: another path is another file."""
    chance = random.Random(f"lies {way}")
    for at in broken.places(way, 15):
        if way == "down" or not HEADER <= at < broken.usual.first[way]:
            broken.run("--change", f"{way}:{at}:{chance.randrange(1, 256)}")


@both
@pytest.mark.parametrize("pair", [PAIR], ids=["long"])
@pytest.mark.parametrize("way", WAYS)
def test_a_peer_that_lies_in_each_field(broken: Broken, way: str) -> None:
    """Of each message the type, the lane, the length, and what follows."""
    chance = random.Random(f"fields {way}")
    for number in range(0, broken.usual.messages[way], 2 if SANITIZED else 1):
        for at in range(8) if THOROUGH else (0, 1, 2, 3, chance.randrange(4, 12)):
            broken.run("--change", f"{way}:#{number}+{at}:{chance.choice((1, 0x40, 0x80, 0xFF))}")
