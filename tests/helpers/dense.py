"""The dense container, read a second time in plain Python, with the command zstd to decode columns.

It shares nothing with the library but the description of the format (docs/formats.md), so it can check what the library
writes. It gives the new file, not ops.
"""

from __future__ import annotations

import bisect
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from helpers.wire import WireError

MAGIC = 0x72730336
HEADER = 56
TRAILER = 49
CHECK = 8
ZSTD_MAGIC = bytes.fromhex("28b52ffd")
STORED, ZSTD, ZSTD_PREFIX = range(3)
DIAGONALS = 16
COVERS_MAX = 1 << 18
DIFFERENCES_MAX = 1 << 20
LITERALS_MAX = 6 << 20
PREFIX_MAX = 10 << 20
BODY_MAX = 32 << 20


def require(condition: bool, text: str) -> None:
    if not condition:
        raise WireError(text)


class Bytes:
    """Bytes that are read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        require(self.at + size <= len(self.data), "it ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def number(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                require(value < 1 << 64, "a number has more than 64 bits")
                return value

    def ended(self) -> bool:
        return self.at == len(self.data)


def numbers(heads: bytes, tails: bytes) -> Iterator[int]:
    rest = Bytes(tails)
    for head in heads:
        yield head & 0x7F | (rest.number() << 7 if head & 0x80 else 0)
    require(rest.ended(), "a tail belongs to no head")


def decoded(coded: bytes, prefix: bytes, size: int) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        frame = Path(directory, "frame")
        frame.write_bytes(ZSTD_MAGIC + coded)
        words = ["zstd", "-q", "-d", "-c", "--long=31", str(frame)]
        if prefix:
            Path(directory, "prefix").write_bytes(prefix)
            words.append(f"--patch-from={directory}/prefix")
        result = subprocess.run(words, capture_output=True, check=False)
    require(result.returncode == 0, f"zstd: {result.stderr.decode()}")
    require(len(result.stdout) == size, "a column has another size than it says")
    return result.stdout


@dataclass
class Column:
    coding: int
    size: int
    stored: bytes

    @classmethod
    def read(cls, body: Bytes) -> Column:
        (coding,) = body.take(1)
        require(coding in (STORED, ZSTD, ZSTD_PREFIX), "a coding is not known")
        size = body.number()
        return cls(coding, size, body.take(body.number() if coding else size))

    def plain(self, prefix: bytes = b"") -> bytes:
        if self.coding == STORED:
            return self.stored
        return decoded(self.stored, prefix if self.coding == ZSTD_PREFIX else b"", self.size)


@dataclass
class Cover:
    gap: int
    offset: int
    length: int


def read_covers(columns: list[Column], target: int, old_size: int) -> list[Cover]:
    lengths, gaps, places = (numbers(columns[i].plain(), columns[i + 1].plain()) for i in (0, 2, 4))
    latest = [0]
    covers: list[Cover] = []
    for less_one, gap, place in zip(lengths, gaps, places, strict=True):
        if place < DIAGONALS:
            require(place < len(latest), "a diagonal was not yet")
            diagonal = latest.pop(place)
        else:
            zigzag = place - DIAGONALS
            diagonal = (latest[0] + (-(zigzag + 1) // 2 if zigzag & 1 else zigzag // 2)) % (1 << 64)
        latest = [diagonal, *latest][:DIAGONALS]
        offset = (target + gap + diagonal) % (1 << 64)
        require(offset + less_one + 1 <= old_size, "a cover is beyond the old file")
        covers.append(Cover(gap, offset, less_one + 1))
        target += gap + less_one + 1
    return covers


def neighbourhood(old: bytes, gap: int, end: int | None, start: int | None) -> bytes:
    """What lies around a gap, between where one cover ends in the old file and where the next one starts."""
    if gap == 0:
        return b""
    wide = min(2 * gap + 64, gap + 4096)
    if end is not None and start is not None and 0 <= start - end <= wide:
        return old[max(end - 16, 0) : start + 16]
    before = b"" if end is None else old[max(end - 16, 0) : end + wide // 2]
    after = b"" if start is None else old[max(start - wide // 2, 0) : start + 16]
    return before + after


def prefix_of(old: bytes, covers: list[Cover], literals: int) -> bytes:
    parts = []
    end: int | None = None
    for cover in covers:
        parts.append(neighbourhood(old, cover.gap, end, cover.offset))
        end = cover.offset + cover.length
        literals -= cover.gap
    parts.append(neighbourhood(old, literals, end, None))
    return b"".join(parts)[:PREFIX_MAX]


def word_of(old: bytes, moved: list[tuple[int, int]], kind: int, place: tuple[int, int]) -> bytes:
    """The new word of an address, which lies at place[0] of the old file and place[1] of the new one."""
    word = old[place[0] : place[0] + 4]
    value = int.from_bytes(word, "little", signed=kind == 0)
    base = 0x400000 if kind == 2 else 0
    leads_to = place[0] + 4 + value if kind == 0 else value - base
    at = bisect.bisect_right(moved, leads_to, key=lambda cover: cover[0])
    if not 0 <= leads_to < len(old) or at == 0:
        return word
    made = leads_to + moved[at - 1][1]
    made = made - place[1] - 4 if kind == 0 else made + base
    return (made % (1 << 32)).to_bytes(4, "little")


def apply_differences(old: bytes, covers: list[Cover], target: int, columns: list[Column]) -> bytes:
    """The bytes of all covers of a frame, one after the other."""
    covered = bytearray(b"".join(old[cover.offset : cover.offset + cover.length] for cover in covers))
    moved, starts = [], [0]
    for cover in covers:
        target += cover.gap
        moved.append((cover.offset, target - cover.offset))
        target += cover.length
        starts.append(starts[-1] + cover.length)
    by_offset = sorted(moved, key=lambda cover: cover[0])
    kinds = Bytes(columns[9].plain())
    at = 0
    for skip, difference in zip(numbers(columns[6].plain(), columns[7].plain()), columns[8].plain(), strict=True):
        at += skip
        require(at < len(covered), "a difference is in no cover")
        if difference:
            covered[at] = (covered[at] + difference) & 0xFF
            at += 1
            continue
        kind = kinds.integer(1)
        number = bisect.bisect_right(starts, at) - 1
        require(kind < 3 and at + 4 <= starts[number + 1], "an address is not in a cover")
        place = covers[number].offset + at - starts[number]
        covered[at : at + 4] = word_of(old, by_offset, kind, (place, place + moved[number][1]))
        at += 4
    require(kinds.ended(), "a kind belongs to no address")
    return bytes(covered)


def apply_frame(old: bytes, body: Bytes, target: int) -> bytes:
    covers_count, differences_count, size = body.number(), body.number(), body.number()
    require(covers_count <= min(COVERS_MAX, 1 + size // 16), "too many covers")
    require(differences_count <= DIFFERENCES_MAX and size > 0, "out of range")
    columns = [Column.read(body) for _ in range(11)]
    require(body.ended(), "the body is too long")
    require([columns[i].size for i in (0, 2, 4)] == [covers_count] * 3, "the covers are not as many as it says")
    require([columns[i].size for i in (6, 8)] == [differences_count] * 2, "nor are the differences")
    covers = read_covers(columns, target, len(old))
    require(columns[10].size <= LITERALS_MAX, "too many literals")
    literals = Bytes(columns[10].plain(prefix_of(old, covers, columns[10].size)))
    rest = Bytes(apply_differences(old, covers, target, columns))
    made = bytearray()
    for cover in covers:
        made += literals.take(cover.gap) + rest.take(cover.length)
    made += literals.take(len(literals.data) - literals.at)
    require(len(made) == size, "the frame makes another number of bytes")
    return bytes(made)


def check(before: bytes, data: bytes) -> bytes:
    return blake3(before + data).digest()[:CHECK]


def apply_dense(old: bytes, delta: bytes) -> bytes:
    """The new file, or WireError."""
    data = Bytes(delta)
    require(data.integer(4) == MAGIC and data.take(4) == bytes([1, 0, 0, 0]), "not a dense delta of version 1")
    require(data.integer(8) == len(old) and data.take(32) == blake3(old).digest(), "another old file")
    last = check(b"", delta[: HEADER - CHECK])
    require(data.take(CHECK) == last, "the header's check is wrong")
    made = bytearray()
    while True:
        start = data.at
        (kind,) = data.take(1)
        require(kind in (0, 1), "neither a frame nor the trailer")
        if kind == 0:
            break
        size = data.integer(4)
        require(size <= BODY_MAX, "a frame is too long")
        body = data.take(size)
        last = check(last, delta[start : data.at])
        require(data.take(CHECK) == last, "a frame's check is wrong")
        made += apply_frame(old, Bytes(body), len(made))
    new_size, digest = data.integer(8), data.take(32)
    expected = check(last, delta[start : data.at])
    require(data.take(CHECK) == expected, "the trailer's check is wrong")
    require(data.ended(), "something follows the trailer")
    require(new_size == len(made) and digest == blake3(made).digest(), "it makes another file than it says")
    return bytes(made)
