"""What a side of a session must refuse, as docs/formats.md says: each field of each message, and each wrong time.

The other side is a script: it says its lines one by one, each when the library has answered the one before. The library
must tell of the failure, and end with the right status; and what is at the limit, but within, it must not refuse.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from blake3 import blake3

from helpers.outline import PART
from helpers.samples import noise
from helpers.session import (
    CLOSE,
    DATA,
    DIGEST,
    DONE,
    FAILURE,
    FILE,
    FOUND,
    GLOBAL,
    GO,
    HELLO,
    LEAVES,
    LOCAL,
    PLACED,
    REPAIR,
    ROUND,
    SAME,
    SPLIT,
    TOP,
    Decoder,
    Encoder,
    Keys,
    Model,
    Receiver,
    Round,
    Sender,
    SessionError,
    Top,
    code_chain,
    frame,
    hello,
    message,
    number,
    take_number,
    unit_sums,
)
from helpers.tool import HANG_SECONDS

MAGIC, TRUNCATED, CORRUPT, MISMATCH = 5, 6, 7, 12
OLD = noise(20_000, 1)
NEW = noise(10_000, 2) + OLD[:7_000]
NEW_DIGEST = blake3(NEW).digest()
RANDOM = b"0123456789abcdef"


def announcement(flags: int = 4, size: int = len(NEW), rest: bytes = b"") -> bytes:
    return message(FILE, bytes([flags]) + number(size) + rest)


def file(flags: int = 4, size: int = len(NEW), rest: bytes = b"", digest: bytes = NEW_DIGEST) -> bytes:
    """And its digest."""
    return announcement(flags, size, rest) + message(DIGEST, digest)


def top(size_log2: int = 11, rolling_bits: int = 32, bits: int = 24, body: int | None = None) -> bytes:
    block = 1 << size_log2
    count = -(-len(NEW) // block)
    whole = len(NEW) // block
    needed = (count * bits + whole * rolling_bits + 7) // 8
    return message(TOP, bytes([size_log2, rolling_bits, bits]) + bytes(needed if body is None else body))


def round_of(*header: int, body: bytes = b"", lane: int = 0) -> bytes:
    return message(ROUND, bytes(header) + body, lane)


def data(first: int = 0, literals: bytes = NEW, lane: int = 0) -> bytes:
    return message(DATA, bytes([first]) + literals, lane)


ANSWERS: dict[int, tuple[int, ...]] = {
    HELLO: (HELLO,),
    FILE: (HELLO,),
    DIGEST: (GO,),
    TOP: (PLACED,),
    ROUND: (FOUND,),
    DATA: (DONE, LEAVES),
    REPAIR: (DONE, LEAVES),
    GO: (TOP, DATA),
    PLACED: (ROUND, DATA),
    FOUND: (ROUND, DATA),
    LEAVES: (REPAIR,),
}
"""What the library says once it has taken a message."""


def talk(words: Sequence[str], lines: Sequence[bytes]) -> tuple[int, list[tuple[int, bytes]]]:
    """The status of the driver, and the messages that it has sent."""
    path = os.environ.get("REDELTA_SESSION_DRIVER")
    if not path:
        pytest.skip("this build has no driver of sessions")
    process = subprocess.Popen([path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    said = b""
    try:
        for at, line in enumerate(lines, 1):
            before = len(messages(said))
            process.stdin.write(line)
            process.stdin.flush()
            if at == len(lines):
                break
            awaited = (DIGEST,) if line == ANSWER else ANSWERS[messages(line)[-1][0]]
            while not any(kind in (*awaited, FAILURE) for kind, _ in messages(said)[before:]):
                got = os.read(process.stdout.fileno(), 1 << 20)
                said += got
                if not got:
                    break
    except BrokenPipeError:
        pass
    rest, _ = process.communicate(timeout=HANG_SECONDS)
    return process.returncode, messages(said + rest)


def messages(said: bytes) -> list[tuple[int, bytes]]:
    """Those that are complete."""
    found: list[tuple[int, bytes]] = []
    at = 0
    begun = b""
    while at < len(said):
        kind, more = said[at] & 0x7F, said[at] >= 0x80
        try:
            _, at = take_number(said, at + 1)
            size, at = take_number(said, at)
        except IndexError:
            break
        if at + size > len(said):
            break
        begun += said[at : at + size]
        at += size
        if not more:
            found.append((kind, begun))
            begun = b""
    return found


GREETING = hello(False, RANDOM)
ANSWER = hello(True, RANDOM)
TOP_AND_ALL = [GREETING, file(), top()]

GOOD_ROUND = (SPLIT, 10, 4, 4, 8, 0)
"""With the blocks of top(), of which none is found: each of the 8 whole ones sends the sum of one child."""
GOOD_BODY = bytes(8 * 4 // 8)

REPAIRED = message(REPAIR, b"\0\0" + NEW) + message(REPAIR)
WRONGLY = message(REPAIR, b"\0\0" + OLD[: len(NEW)]) + message(REPAIR)

WRONG_SENDERS: dict[str, tuple[int, list[bytes]]] = {
    "no greeting": (MAGIC, [file()]),
    "another magic": (MAGIC, [message(HELLO, b"RDSF" + bytes([1, 1, 0, 0]) + RANDOM)]),
    "another version": (MAGIC, [message(HELLO, b"RDSE" + bytes([2, 1, 0, 0]) + RANDOM)]),
    "rubbish": (MAGIC, [b"Welcome to Debian\n"]),
    "a second receiver": (CORRUPT, [hello(True, RANDOM)]),
    "a greeting with more": (CORRUPT, [message(HELLO, b"RDSE" + bytes([1, 1, 0, 0]) + RANDOM + b"0")]),
    "a greeting with less": (CORRUPT, [message(HELLO, b"RDSE" + bytes([1, 1, 0, 0]) + RANDOM[1:])]),
    "too many lanes": (CORRUPT, [message(HELLO, b"RDSE" + bytes([1, 1, 0]) + number((1 << 20) + 1) + RANDOM)]),
    "two greetings": (CORRUPT, [GREETING + GREETING]),
    "no type": (CORRUPT, [GREETING + bytes([0, 0, 0])]),
    "an unknown type": (CORRUPT, [GREETING + bytes([15, 0, 0])]),
    "a long frame": (CORRUPT, [GREETING + bytes([FILE, 0]) + number((1 << 20) + 1)]),
    "a long lane": (CORRUPT, [GREETING + bytes([FILE]) + b"\xff" * 9 + b"\x02\x00"]),
    "a message within another": (CORRUPT, [GREETING + frame(FILE, b"\4", more=True) + data()]),
    "an empty frame that goes on": (CORRUPT, [GREETING + frame(FILE, b"", more=True)]),
    "another file follows": (CORRUPT, [GREETING + file(0)]),
    "an unknown flag": (CORRUPT, [GREETING + file(20)]),
    "a file that is too large": (CORRUPT, [GREETING + file(size=(1 << 48) + 1)]),
    "a file with more": (CORRUPT, [GREETING + file(rest=b"0")]),
    "a file with its digest": (CORRUPT, [GREETING + announcement(rest=NEW_DIGEST)]),
    "half a digest": (CORRUPT, [GREETING + file(digest=NEW_DIGEST[:31])]),
    "a digest with more": (CORRUPT, [GREETING + file(digest=NEW_DIGEST + b"0")]),
    "a digest without a greeting": (MAGIC, [message(DIGEST, NEW_DIGEST)]),
    "a digest before the file": (CORRUPT, [GREETING + message(DIGEST, NEW_DIGEST)]),
    "two digests": (CORRUPT, [GREETING + file(), message(DIGEST, NEW_DIGEST)]),
    "two digests at once": (CORRUPT, [GREETING + file() + message(DIGEST, NEW_DIGEST)]),
    "two files before the digest": (CORRUPT, [GREETING + announcement() + announcement()]),
    "blocks before the digest": (CORRUPT, [GREETING + announcement() + top()]),
    "a round before the digest": (CORRUPT, [GREETING + announcement() + round_of(*GOOD_ROUND, body=GOOD_BODY)]),
    "literals before the digest": (CORRUPT, [GREETING + announcement() + data()]),
    "a repair before the digest": (CORRUPT, [GREETING + announcement() + message(REPAIR)]),
    "a second has 10^9 nanoseconds": (CORRUPT, [GREETING + file(5, rest=number(0) + number(10**9))]),
    "a mode of more than nine bits": (CORRUPT, [GREETING + file(6, rest=number(0o1000))]),
    "two files": (CORRUPT, [GREETING + file(), file()]),
    "blocks before the answer": (CORRUPT, [GREETING + file() + top()]),
    "blocks twice": (CORRUPT, [*TOP_AND_ALL, top()]),
    "blocks of 16 bytes": (CORRUPT, [GREETING, file(), top(4)]),
    "blocks of a lane": (CORRUPT, [GREETING, file(), top(26)]),
    "rolling sums of 10 bits": (CORRUPT, [GREETING, file(), top(rolling_bits=10)]),
    "rolling sums of 33 bits": (CORRUPT, [GREETING, file(), top(rolling_bits=33)]),
    "blocks without sums": (CORRUPT, [GREETING, file(), top(bits=0)]),
    "blocks without rolling sums": (CORRUPT, [GREETING, file(), top(rolling_bits=0)]),
    "nothing to search for, and no sums of units": (CORRUPT, [GREETING, file(), top(rolling_bits=0, bits=0)]),
    "sums of 25 bits": (CORRUPT, [GREETING, file(), top(bits=25)]),
    "too few blocks": (CORRUPT, [GREETING, file(), top(body=10)]),
    "too many blocks": (CORRUPT, [GREETING, file(), top(body=100)]),
    "blocks of nothing": (CORRUPT, [GREETING, file(), message(TOP)]),
    "a round without blocks": (CORRUPT, [GREETING, file(), round_of(*GOOD_ROUND, body=GOOD_BODY)]),
    "a round of another lane": (CORRUPT, [*TOP_AND_ALL, round_of(*GOOD_ROUND, body=GOOD_BODY, lane=1)]),
    "a round of a far lane": (CORRUPT, [*TOP_AND_ALL, round_of(*GOOD_ROUND, body=GOOD_BODY, lane=1 << 63)]),
    "half a header": (CORRUPT, [*TOP_AND_ALL, round_of(*GOOD_ROUND[:5])]),
    "an unknown kind": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT + 16, 10, 4, 4, 8, 0, body=GOOD_BODY)]),
    "children of 16 bytes": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 4, 4, 4, 8, 0)]),
    "children of a lane": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 26, 4, 4, 8, 0)]),
    "children without sums": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 10, 0, 4, 8, 0)]),
    "children with sums of 25 bits": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 10, 25, 4, 8, 0)]),
    "groups of 512": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 10, 4, 9, 8, 0, body=GOOD_BODY)]),
    "checks without bits": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 10, 4, 4, 0, 0, body=GOOD_BODY)]),
    "checks of 25 bits": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 10, 4, 4, 25, 0, body=GOOD_BODY)]),
    "a small sample": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 10, 4, 4, 8, 17, body=GOOD_BODY)]),
    "a search of 10 bits": (CORRUPT, [*TOP_AND_ALL, round_of(GLOBAL, 11, 10, 4, 8, 0, body=bytes(10))]),
    "a search of 33 bits": (CORRUPT, [*TOP_AND_ALL, round_of(GLOBAL, 11, 33, 4, 8, 0, body=bytes(33))]),
    "a long local search": (CORRUPT, [*TOP_AND_ALL, round_of(LOCAL, 17, 12, 4, 8, 0)]),
    "a close with a size": (CORRUPT, [*TOP_AND_ALL, round_of(CLOSE, 5, 0, 4, 8, 0)]),
    "a close with bits": (CORRUPT, [*TOP_AND_ALL, round_of(CLOSE, 0, 1, 4, 8, 0)]),
    "too few bits in a round": (CORRUPT, [*TOP_AND_ALL, round_of(*GOOD_ROUND, body=GOOD_BODY[1:])]),
    "too many bits in a round": (CORRUPT, [*TOP_AND_ALL, round_of(*GOOD_ROUND, body=GOOD_BODY + b"\0")]),
    "bits that fill no byte": (CORRUPT, [*TOP_AND_ALL, round_of(SPLIT, 10, 1, 4, 8, 0, body=b"\0\x80")]),
    "a long round": (CORRUPT, [*TOP_AND_ALL, round_of(*GOOD_ROUND, body=bytes(1 << 20))]),
    "41 rounds": (CORRUPT, [*TOP_AND_ALL, *[round_of(CLOSE, 0, 0, 4, 8, 0)] * 41]),
    "two rounds at once": (CORRUPT, [*TOP_AND_ALL, round_of(CLOSE, 0, 0, 4, 8, 0) * 2]),
    "literals of another lane": (CORRUPT, [GREETING, file(), data(lane=1)]),
    "literals of an unknown kind": (CORRUPT, [GREETING, file(), data(2)]),
    "no literals at all": (CORRUPT, [GREETING, file(), message(DATA)]),
    "literals without a file": (CORRUPT, [GREETING + data()]),
    "a round after literals": (CORRUPT, [*TOP_AND_ALL, frame(DATA, b"\0", 0, True) + round_of(CLOSE, 0, 0, 4, 8, 0)]),
    "a repair that nobody asked for": (CORRUPT, [GREETING, file(), message(REPAIR)]),
    "a leaf that is none": (CORRUPT, [GREETING, file(), data(literals=OLD), message(REPAIR, b"\0\1" + NEW)]),
    "a leaf of an unknown kind": (CORRUPT, [GREETING, file(), data(literals=OLD), message(REPAIR, b"\2\0" + NEW)]),
    "a short leaf": (CORRUPT, [GREETING, file(), data(literals=OLD), message(REPAIR, b"\0\0" + NEW[1:])]),
    "a leaf of rubbish": (CORRUPT, [GREETING, file(), data(literals=OLD), message(REPAIR, b"\1\0" + NEW)]),
    "a leaf twice": (CORRUPT, [GREETING, file(), data(literals=OLD), message(REPAIR, b"\0\0" + NEW) + REPAIRED]),
    "repairs of nothing": (MISMATCH, [GREETING, file(), data(literals=OLD), message(REPAIR), message(REPAIR)]),
    "a wrong file": (MISMATCH, [GREETING, file(), data(literals=OLD), WRONGLY, WRONGLY]),
    "its own answer": (CORRUPT, [GREETING, file(), message(DONE)]),
    "an answer of the receiver": (CORRUPT, [GREETING, file(), message(GO, number(1))]),
    "another answer": (CORRUPT, [GREETING, file(), message(FOUND)]),
    "the end": (TRUNCATED, [GREETING]),
    "the end before the digest": (TRUNCATED, [GREETING + announcement()]),
    "the end of a frame": (TRUNCATED, [GREETING, file(), data()[:100]]),
}  # fmt: skip

RIGHT_SENDERS: dict[str, list[bytes]] = {
    "literals": [GREETING, file(), data()],
    "a digest that comes later": [GREETING + announcement(), message(DIGEST, NEW_DIGEST), data()],
    "time and mode": [GREETING, file(7, rest=number(2**64 - 1) + number(10**9 - 1) + number(0o777)), data()],
    "unknown features": [hello(False, RANDOM, (1 << 64) - 1), file(), data()],
    "frames of any size": [
        GREETING
        + (frame(FILE, b"\4", more=True) + frame(FILE, number(len(NEW))))
        + (frame(DIGEST, NEW_DIGEST[:1], more=True) + frame(DIGEST, NEW_DIGEST[1:])),
        frame(DATA, b"\0" + NEW[:1], 0, True) + frame(DATA, b"", 0, True) + frame(DATA, NEW[1:], 0, False),
    ],
    "literals that are too few": [GREETING, file(), data(literals=NEW[:5]), REPAIRED],
    "literals that are too many": [GREETING, file(), data(literals=NEW + b"more")],
    "literals that are rubbish": [GREETING, file(), data(1), REPAIRED],
    "nothing to repair, then all": [GREETING, file(), data(literals=OLD), message(REPAIR), REPAIRED],
    "a round": [*TOP_AND_ALL, round_of(*GOOD_ROUND, body=GOOD_BODY)],
    "a close at its limits": [*TOP_AND_ALL, round_of(CLOSE, 0, 0, 8, 24, 16)],
    "a local search at its limits": [*TOP_AND_ALL, round_of(LOCAL, 16, 32, 0, 1, 0)],
    "a global search at its limits": [*TOP_AND_ALL, round_of(GLOBAL, 25, 11, 0, 1, 0)],
    "40 rounds": [*TOP_AND_ALL, *[round_of(CLOSE, 0, 0, 4, 8, 0)] * 40],
}  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old"
    path.write_bytes(OLD)
    return path


@pytest.mark.parametrize("name", WRONG_SENDERS)
def test_a_receiver_refuses(old: Path, name: str) -> None:
    status, lines = WRONG_SENDERS[name]
    result, said = talk(["receiver", str(old), str(old.with_name("out"))], lines)
    assert result == status
    assert said[-1][0] == FAILURE
    assert said[-1][1][0] == status
    assert not any(kind in (DONE, SAME) for kind, _ in said)


@pytest.mark.parametrize("name", RIGHT_SENDERS)
def test_a_receiver_takes(old: Path, name: str) -> None:
    lines = RIGHT_SENDERS[name]
    out = old.with_name("out")
    result, said = talk(["receiver", str(old), str(out)], lines)
    kinds = [kind for kind, _ in said]
    if lines[-1][0] & 0x7F in (DATA, REPAIR):
        assert (result, kinds[-1]) == (0, DONE)
        assert out.read_bytes() == NEW
    else:  # nothing was refused before the connection ended
        assert (result, kinds[-1]) == (TRUNCATED, FAILURE)
        assert kinds.count(FOUND) == sum(line[0] == ROUND for line in lines)


def test_a_receiver_that_has_the_file_says_so_after_the_digest(old: Path) -> None:
    lines = [GREETING + announcement(size=len(OLD)), message(DIGEST, blake3(OLD).digest())]
    result, said = talk(["receiver", str(old), str(old.with_name("out"))], lines)
    assert result == 0
    assert [kind for kind, _ in said] == [HELLO, SAME]
    result, said = talk(["receiver", str(old), str(old.with_name("out"))], lines[:1])
    assert (result, said[-1][0]) == (TRUNCATED, FAILURE)


GO_LINE = message(GO, number(len(OLD)))


def nothing(count: int) -> bytes:
    """Answers of no, as many as that, then something else: more bytes than they take."""
    encoder = Encoder()
    model = Model()
    for _ in range(count):
        encoder.code(model, False)
    return encoder.encode() + b"more bytes than the answers take"


WRONG_RECEIVERS: dict[str, tuple[int, list[bytes]]] = {
    "no greeting": (MAGIC, [GO_LINE]),
    "a second sender": (CORRUPT, [GREETING]),
    "no lanes": (CORRUPT, [message(HELLO, b"RDSE" + bytes([1, 1, 1, 0]) + RANDOM)]),
    "too many lanes": (CORRUPT, [message(HELLO, b"RDSE" + bytes([1, 1, 1]) + number((1 << 20) + 1) + RANDOM)]),
    "the same with more": (CORRUPT, [ANSWER, message(SAME, b"0")]),
    "go with more": (CORRUPT, [ANSWER, message(GO, number(5) + b"0")]),
    "go without a size": (CORRUPT, [ANSWER, message(GO)]),
    "a size of half a number": (CORRUPT, [ANSWER, message(GO, b"\x80")]),
    "a size of 2^63": (CORRUPT, [ANSWER, message(GO, number(1 << 63))]),
    "a long go": (CORRUPT, [ANSWER, message(GO, number(len(NEW)) + bytes(1 << 17))]),
    "sums of units of a small file": (CORRUPT, [ANSWER, message(GO, number(len(NEW)) + bytes(4))]),
    "sums of units of no file": (CORRUPT, [ANSWER, message(GO, number(0) + bytes(4))]),
    "go twice": (CORRUPT, [ANSWER, GO_LINE, GO_LINE]),
    "the same after go": (CORRUPT, [ANSWER, GO_LINE, message(SAME)]),
    "answers too many": (CORRUPT, [ANSWER, GO_LINE, message(PLACED, nothing(8))]),
    "placed before blocks": (CORRUPT, [ANSWER, message(PLACED)]),
    "placed twice": (CORRUPT, [ANSWER, GO_LINE, message(PLACED), message(PLACED)]),
    "found before a round": (CORRUPT, [ANSWER, GO_LINE, message(FOUND)]),
    "found in another lane": (CORRUPT, [ANSWER, GO_LINE, message(PLACED), message(FOUND, b"", 1)]),
    "found in a far lane": (CORRUPT, [ANSWER, GO_LINE, message(PLACED), message(FOUND, b"", (1 << 64) - 1)]),
    "found too much": (CORRUPT, [ANSWER, GO_LINE, message(PLACED), message(FOUND, b"\1" * 3000)]),
    "found twice": (CORRUPT, [ANSWER, GO_LINE, message(PLACED), message(FOUND) + message(FOUND)]),
    "done at once": (CORRUPT, [ANSWER, GO_LINE, message(DONE)]),
    "done with more": (CORRUPT, [ANSWER, message(GO, number(0)), message(DONE, b"0")]),
    "leaves at once": (CORRUPT, [ANSWER, message(LEAVES)]),
    "leaves before the end": (CORRUPT, [ANSWER, GO_LINE, message(LEAVES)]),
    "half a leaf": (CORRUPT, [ANSWER, message(GO, number(0)), message(LEAVES, bytes(4))]),
    "leaves of another file": (CORRUPT, [ANSWER, message(GO, number(0)), message(LEAVES, bytes(16))]),
    "leaves three times": (CORRUPT, [ANSWER, message(GO, number(0)), *[message(LEAVES)] * 3]),
    "a message of a sender": (CORRUPT, [ANSWER, message(ROUND)]),
    "the end": (TRUNCATED, [ANSWER, GO_LINE]),
}


@pytest.mark.parametrize("name", WRONG_RECEIVERS)
def test_a_sender_refuses(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new"
    path.write_bytes(NEW)
    status, lines = WRONG_RECEIVERS[name]
    result, said = talk(["sender", str(path)], lines)
    assert result == status
    assert said[-1][0] == FAILURE
    assert said[-1][1][0] == status


def test_a_sender_takes_what_is_within_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.write_bytes(NEW)
    for lines in (
        [ANSWER, message(SAME)],
        [ANSWER, message(GO, number(0)), message(DONE)],
        [ANSWER, message(GO, number((1 << 63) - 1)), message(PLACED), *[message(FOUND)] * 40],
        [ANSWER, message(GO, number(0)), message(LEAVES), message(LEAVES), message(DONE)],
        [ANSWER, message(GO, number(0)), message(LEAVES, bytes(8)), message(DONE)],
    ):
        result, said = talk(["sender", str(path)], lines)
        assert result == 0 or (lines[-1][0] == FOUND and said[-1][0] == FAILURE)


# ---- Units of files of one size --------------------------------------------------------------------------------------

EVEN_OLD = noise(3 * PART + 5_000, 3)
EVEN_NEW = EVEN_OLD[: PART + 70_000] + b"changed" + EVEN_OLD[PART + 70_007 :]
"""The second of its four units is another."""
EVEN_LITERALS = EVEN_NEW[PART : 2 * PART]
EVEN_FILE = [GREETING, file(size=len(EVEN_NEW), digest=blake3(EVEN_NEW).digest())]
CHANGED = (True, False, True, True)


def answers(said: Sequence[bool]) -> bytes:
    encoder = Encoder()
    code_chain(encoder, said)
    return encoder.encode()


def units(
    size_log2: int = 16,
    rolling_bits: int = 0,
    bits: int = 0,
    said: bytes | None = None,
    sums: bytes = b"",
    size: int | None = None,
) -> bytes:
    """TOP of EVEN_NEW with these answers; `size`, what it says of how many bytes they have."""
    said = answers(CHANGED) if said is None else said
    head = bytes([size_log2, rolling_bits, bits]) + number(len(said) if size is None else size)
    return message(TOP, head + said + sums)


SEARCHED = units(16, 32, 24, sums=bytes(4 * 7))
"""Four blocks are not known; what it says of them is found nowhere."""

WRONG_UNITS: dict[str, list[bytes]] = {
    "no number of answers": [message(TOP, bytes([16, 0, 0]))],
    "half a number of answers": [message(TOP, bytes([16, 0, 0, 0x80]))],
    "answers that are cut short": [units(size=100)],
    "answers without end": [units(size=(1 << 64) - 1)],
    "answers with bytes too many": [units(said=answers(CHANGED).ljust(30, b"\1"))],
    "answers with zeros too many": [units(said=answers(CHANGED).ljust(30, b"\0"))],
    "blocks longer than a unit": [units(19)],
    "blocks longer than a unit, which are searched for": [units(19, 32, 24, said=b"", sums=bytes(2 * 7))],
    "blocks of 16 bytes": [units(4)],
    "no rolling sums": [units(16, 0, 24, sums=bytes(4 * 3))],
    "no sums": [units(16, 32, 0, sums=bytes(4 * 4))],
    "rolling sums of 10 bits": [units(16, 10, 24, sums=bytes(17))],
    "sums of 25 bits": [units(16, 32, 25, sums=bytes(29))],
    "sums too few": [units(16, 32, 24, sums=bytes(4 * 7 - 1))],
    "sums too many": [units(16, 32, 24, sums=bytes(4 * 7 + 1))],
    "sums of all blocks": [units(16, 32, 24, sums=bytes(12 * 7 + 3))],
    "bits that fill no byte": [units(16, 32, 23, sums=bytes(27) + b"\x80")],
    "sums of nothing": [units(sums=b"\0")],
    "units twice": [units() + units()],
    "units, then blocks": [SEARCHED, units()],
    "a round with bits that it has not": [units() + round_of(SPLIT, 14, 20, 4, 8, 0, body=bytes(30))],
    "a search for what it has no bits of": [units() + round_of(GLOBAL, 16, 32, 4, 8, 0, body=bytes(16))],
    "a round after literals": [units() + frame(DATA, b"\0", 0, True) + round_of(CLOSE, 0, 0, 4, 8, 0)],
    "literals of another lane": [units() + data(literals=EVEN_LITERALS, lane=1)],
    "a repair that nobody asked for": [units() + message(REPAIR)],
}  # fmt: skip

LITERALS = data(literals=EVEN_LITERALS)
ALL = data(literals=EVEN_NEW)
LEAF_SIZE = 1 << 16
WRONG_LEAF = (PART + 70_000) // LEAF_SIZE
EVEN_REPAIR = message(REPAIR, b"\0" + number(WRONG_LEAF) + EVEN_NEW[WRONG_LEAF * LEAF_SIZE :][:LEAF_SIZE]) + message(
    REPAIR
)
RIGHT_UNITS: dict[str, list[bytes]] = {
    "nothing is searched for": [units() + LITERALS],
    "blocks as long as a unit": [units(18) + LITERALS],
    "blocks of 32 bytes": [units(5) + LITERALS],
    "blocks are searched for": [SEARCHED, LITERALS],
    "answers of no without bytes": [units(said=b"") + ALL],
    "all answers of no": [units(16, 32, 24, said=b"", sums=bytes(12 * 7 + 3)), ALL],
    "no blocks at all": [ALL],
    "a round without bits": [units() + round_of(SPLIT, 14, 20, 4, 8, 0, body=bytes(40)), LITERALS],
    "a round that derives": [SEARCHED, round_of(SPLIT, 14, 20, 4, 8, 0, body=bytes(30)), LITERALS],
    "edges beside units": [units() + round_of(SPLIT, 14, 20, 4, 8, 0, body=bytes(40)),
                           round_of(SPLIT + 4, 12, 20, 4, 8, 0, body=bytes(5)), LITERALS],
    "a unit that is not the same": [units(said=answers([True] * 4)) + data(literals=b""), EVEN_REPAIR],
}  # fmt: skip


@pytest.fixture
def even_old(tmp_path: Path) -> Path:
    path = tmp_path / "old"
    path.write_bytes(EVEN_OLD)
    return path


@pytest.mark.parametrize("name", WRONG_UNITS)
def test_a_receiver_refuses_units(even_old: Path, name: str) -> None:
    result, said = talk(["receiver", str(even_old), str(even_old.with_name("out"))], EVEN_FILE + WRONG_UNITS[name])
    assert next(len(payload) for kind, payload in said if kind == GO) == len(number(len(EVEN_OLD))) + 4 * 4
    assert result == CORRUPT
    assert said[-1][0] == FAILURE
    assert said[-1][1][0] == CORRUPT
    assert not any(kind in (DONE, LEAVES) for kind, _ in said)


@pytest.mark.parametrize("name", RIGHT_UNITS)
def test_a_receiver_takes_units(even_old: Path, name: str) -> None:
    lines = RIGHT_UNITS[name]
    out = even_old.with_name("out")
    result, said = talk(["receiver", str(even_old), str(out)], EVEN_FILE + lines)
    kinds = [kind for kind, _ in said]
    assert (result, kinds[-1]) == (0, DONE)
    assert out.read_bytes() == EVEN_NEW
    asked = [kind for line in lines for kind, _ in messages(line)]
    searched = any(kind == TOP and payload[2] for line in lines for kind, payload in messages(line))
    assert kinds.count(PLACED) == searched
    assert kinds.count(FOUND) == asked.count(ROUND)
    assert kinds.count(LEAVES) == (REPAIR in asked)


@pytest.mark.parametrize(("size_log2", "status"), [(19, TRUNCATED), (20, CORRUPT)])
def test_units_of_a_large_file_are_larger(tmp_path: Path, size_log2: int, status: int) -> None:
    """Of 2^19 bytes each, as blocks may be then, if the file has more than 2^32; this one is a hole."""
    size = (1 << 32) + 1
    path = tmp_path / "old"
    with path.open("wb") as hole:
        hole.truncate(size)
    lines = [GREETING, file(size=size), units(size_log2, said=b"")]
    result, said = talk(["receiver", str(path), str(tmp_path / "out")], lines)
    assert next(len(payload) for kind, payload in said if kind == GO) == len(number(size)) + 4 * 8193
    assert (result, said[-1][0], said[-1][1][0]) == (status, FAILURE, status)


SENDER_SEED = 7
"""What the driver is told to greet with."""
EVEN_KEYS = Keys(bytes([SENDER_SEED]) * 16, RANDOM)


def go(sums: bytes, size: int = len(EVEN_NEW)) -> bytes:
    return message(GO, number(size) + sums)


RIGHT_GO = go(b"".join(unit_sums(EVEN_KEYS, EVEN_OLD)))
SAME_GO = go(b"".join(unit_sums(EVEN_KEYS, EVEN_NEW)))
WRONG_GOES: dict[str, list[bytes]] = {
    "sums too few": [go(bytes(12))],
    "sums too many": [go(bytes(20))],
    "half a sum": [go(bytes(14))],
    "sums with more": [go(bytes(17))],
    "sums of a shorter file": [go(bytes(16), len(EVEN_NEW) - 1)],
    "sums of a longer file": [go(bytes(16), len(EVEN_NEW) + 1)],
    "sums of no file": [go(bytes(16), 0)],
    "sums twice": [RIGHT_GO, RIGHT_GO],
    "placed although nothing was searched for": [SAME_GO, message(PLACED)],
    "answers too many": [RIGHT_GO, message(PLACED, b"\1" * 3000)],
    "found before a round": [SAME_GO, message(FOUND)],
}


def talk_to_sender(folder: Path, lines: Sequence[bytes]) -> tuple[int, list[tuple[int, bytes]]]:
    path = folder / "new"
    path.write_bytes(EVEN_NEW)
    return talk(["random", str(SENDER_SEED), "sender", str(path)], [ANSWER, *lines])


@pytest.mark.parametrize("name", WRONG_GOES)
def test_a_sender_refuses_units(tmp_path: Path, name: str) -> None:
    result, said = talk_to_sender(tmp_path, WRONG_GOES[name])
    assert result == CORRUPT
    assert said[-1][0] == FAILURE
    assert said[-1][1][0] == CORRUPT


def test_a_sender_says_file_and_digest_unasked(tmp_path: Path) -> None:
    _, said = talk_to_sender(tmp_path, [])
    assert [kind for kind, _ in said[:3]] == [HELLO, FILE, DIGEST]
    assert take_number(said[1][1], 1)[0] == len(EVEN_NEW)
    assert said[2][1] == blake3(EVEN_NEW).digest()


# ---- While a side hashes its file ------------------------------------------------------------------------------------

LARGE = 1 << 32


@pytest.fixture
def hole(tmp_path: Path) -> Path:
    path = tmp_path / "hole"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


def say_at_once(words: Sequence[str], said: bytes, folder: Path) -> tuple[int, list[tuple[int, bytes]]]:
    """Like talk(), but all has come when the driver starts, and nothing follows."""
    path = os.environ.get("REDELTA_SESSION_DRIVER")
    if not path:
        pytest.skip("this build has no driver of sessions")
    (folder / "said").write_bytes(said)
    with (folder / "said").open("rb") as file:
        ended = subprocess.run([path, *words], stdin=file, capture_output=True, timeout=HANG_SECONDS)
    return ended.returncode, messages(ended.stdout)


@pytest.mark.parametrize("answer", [go(b"", 0), go(b"", 5), message(SAME), message(PLACED), message(DONE)])
def test_a_sender_that_has_not_said_the_digest_refuses_an_answer(hole: Path, answer: bytes) -> None:
    result, said = say_at_once(["sender", str(hole)], ANSWER + answer, hole.parent)
    assert [kind for kind, _ in said] == [HELLO, FILE, FAILURE]
    assert (result, said[-1][1][0]) == (CORRUPT, CORRUPT)


LARGE_FILE = announcement(size=LARGE)
TOO_EARLY: dict[str, bytes] = {
    "two files": LARGE_FILE,
    "two digests": message(DIGEST, NEW_DIGEST) * 2,
    "blocks": message(DIGEST, NEW_DIGEST) + units(20, said=b""),
    "literals": message(DIGEST, NEW_DIGEST) + data(),
    "a round": message(DIGEST, NEW_DIGEST) + round_of(CLOSE, 0, 0, 4, 8, 0),
}


@pytest.mark.parametrize("name", TOO_EARLY)
def test_a_receiver_that_has_not_answered_refuses(hole: Path, name: str) -> None:
    line = GREETING + LARGE_FILE + TOO_EARLY[name]
    result, said = say_at_once(["receiver", str(hole), str(hole.with_name("out"))], line, hole.parent)
    assert [kind for kind, _ in said] == [HELLO, FAILURE]
    assert (result, said[-1][1][0]) == (CORRUPT, CORRUPT)


def told_of_units(said: Sequence[tuple[int, bytes]]) -> list[bool]:
    """What a sender has said of the units in TOP."""
    top = next(payload for kind, payload in said if kind == TOP)
    size, at = take_number(top, 3)
    return code_chain(Decoder(top[at : at + size]), [False] * 4)


def test_a_sender_tells_which_units_are_the_same(tmp_path: Path) -> None:
    _, said = talk_to_sender(tmp_path, [RIGHT_GO])
    assert told_of_units(said) == list(CHANGED)


def test_a_sender_searches_for_nothing_if_all_units_are_the_same(tmp_path: Path) -> None:
    """Although the digest says that the file is not."""
    result, said = talk_to_sender(tmp_path, [SAME_GO, message(DONE)])
    assert result == 0
    assert told_of_units(said) == [True] * 4
    assert next(payload for kind, payload in said if kind == TOP)[1:3] == bytes(2)


def test_a_sender_needs_no_sums_of_units(tmp_path: Path) -> None:
    lines = [go(b""), message(PLACED), *[message(FOUND)] * 40]
    _, said = talk_to_sender(tmp_path, lines)
    assert next(payload for kind, payload in said if kind == TOP)[2] > 0
    assert any(kind == DATA for kind, _ in said)


# ---- The second implementation, which the tests of sessions rely on --------------------------------------------------


REFUSED_BY_SECOND = [
    name
    for name, (status, _) in WRONG_SENDERS.items()
    if status == CORRUPT and name not in ("blocks before the answer", "two rounds at once")  # it answers at once
]


@pytest.mark.parametrize("name", REFUSED_BY_SECOND)
def test_the_second_receiver_refuses(name: str) -> None:
    with pytest.raises(SessionError):
        Receiver(OLD, RANDOM).feed(b"".join(WRONG_SENDERS[name][1]))


@pytest.mark.parametrize("name", WRONG_UNITS)
def test_the_second_receiver_refuses_units(name: str) -> None:
    receiver = Receiver(EVEN_OLD, RANDOM)
    receiver.feed(b"".join(EVEN_FILE))
    with pytest.raises(SessionError):
        receiver.feed(b"".join(WRONG_UNITS[name]))


@pytest.mark.parametrize("name", RIGHT_UNITS)
def test_the_second_receiver_takes_units(name: str) -> None:
    receiver = Receiver(EVEN_OLD, RANDOM)
    receiver.feed(b"".join(EVEN_FILE + RIGHT_UNITS[name]))
    assert receiver.is_over
    assert receiver.new == EVEN_NEW


@pytest.mark.parametrize("name", WRONG_GOES)
def test_the_second_sender_refuses_units(name: str) -> None:
    sender = Sender(EVEN_NEW, Top(16, 0, 0), [], bytes([SENDER_SEED]) * 16)
    with pytest.raises(SessionError):
        sender.feed(b"".join([ANSWER, *WRONG_GOES[name]]))


def test_the_second_sender_refuses_an_answer_before_the_digest() -> None:
    for answer in (GO_LINE, message(SAME)):
        sender = Sender(NEW, Top(), [], waits=True)
        with pytest.raises(SessionError):
            sender.feed(answer)


def test_a_round_of_the_helper_is_that_of_the_script() -> None:
    assert Round(SPLIT, 10, 4, 4, 8).encode() == bytes(GOOD_ROUND)
