"""Both sides of a session, written a second time in plain Python, from docs/formats.md alone.

They are slow, except where they look for a rolling sum or make an outline, work on files in memory, and refuse what the
page says is to be refused. The sender asks whatever its caller wants to be asked, sensible or not, so that a receiver
can be put through all that the format allows.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import zstandard
from blake3 import blake3
from numpy.typing import NDArray

from helpers.outline import has_units, outline, part_nodes, unit_count, unit_log2
from helpers.parts import CHUNK

VERSION = 1
MORE = 0x80
PAYLOAD_MAX = 1 << 20
LEAF = 32
LANE = 1 << 26
HELLO, FILE, DIGEST, TOP, ROUND, DATA, REPAIR, SAME, GO, PLACED, FOUND, LEAVES, DONE, FAILURE = range(1, 15)
MESSAGE_MAX = {
    TOP: 1 << 24,
    ROUND: 1 << 20,
    GO: 1 << 17,
    PLACED: 1 << 24,
    FOUND: 1 << 20,
    LEAVES: 1 << 24,
    FAILURE: 401,
}
CLOSE, SPLIT, LOCAL, GLOBAL = range(4)
EDGES, FINAL = 4, 8
SURE_BITS = 22
CORRUPT = 7

WORD = (1 << 64) - 1
SHORT = (1 << 32) - 1
MULTIPLIER = 0x08104225
STEP = 0x9E3779B97F4A7C15
HISTORY_MAX = 1 << 21
CONTEXT_MAX = 1 << 20
BEFORE, AFTER = 96, 32
REACH = 32 * 1024
WINDOW_MAX = 1 << 24


class SessionError(Exception):
    """The other side breaks the rules."""


class PeerError(Exception):
    """The other side says that it failed."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise SessionError(what)


# ---- Numbers and bits ------------------------------------------------------------------------------------------------


def number(value: int) -> bytes:
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(groups) + bytes([value])


def take_number(data: bytes, at: int) -> tuple[int, int]:
    """The number there, and where it ends. IndexError if it does not end."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        require(value <= WORD and shift <= 63, "a number of more than 64 bits")
        if byte < 0x80:
            return value, at
        shift += 7


class BitWriter:
    def __init__(self) -> None:
        self.value = 0
        self.count = 0

    def put(self, value: int, bits: int) -> None:
        self.value |= (value & ((1 << bits) - 1)) << self.count
        self.count += bits

    def encode(self) -> bytes:
        return self.value.to_bytes((self.count + 7) // 8, "little")


class BitReader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def get(self, bits: int) -> int:
        end = self.at + bits
        require(end <= 8 * len(self.data), "too few bits")
        window = int.from_bytes(self.data[self.at // 8 : (end + 7) // 8], "little")
        value = window >> self.at % 8 & ((1 << bits) - 1)
        self.at = end
        return value

    def finish(self) -> None:
        left = 8 * len(self.data) - self.at
        require(left < 8 and self.get(left) == 0, "bits too many")


# ---- Answers ---------------------------------------------------------------------------------------------------------


class Model:
    """How likely no is."""

    def __init__(self) -> None:
        self.quick = self.slow = 1 << 15

    def bound(self, width: int) -> int:
        return (width >> 15) * min(max((self.quick + self.slow) // 4, 32), (1 << 15) - 32)

    def learn(self, yes: bool) -> None:
        towards = 0 if yes else 65535
        self.quick += (towards - self.quick) // 16
        self.slow += (towards - self.slow) // 128


class Encoder:
    """A range of numbers, as a fraction of 256 to the power of 4 + `shifts`, with as many digits as it takes."""

    def __init__(self) -> None:
        self.low = 0
        self.width = SHORT
        self.shifts = 0

    def code(self, model: Model, yes: bool) -> bool:
        bound = model.bound(self.width)
        self.low += bound if yes else 0
        self.width = self.width - bound if yes else bound
        model.learn(yes)
        while self.width < 1 << 24:
            self.low <<= 8
            self.width <<= 8
            self.shifts += 1
        return yes

    def encode(self) -> bytes:
        for zeros in range(32, -1, -1):
            value = -(-self.low >> zeros) << zeros
            if value < self.low + self.width:
                break
        return value.to_bytes(4 + self.shifts, "big").rstrip(b"\0")


class Decoder:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 4
        self.value = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self.width = SHORT

    def code(self, model: Model, _: bool = False) -> bool:
        bound = model.bound(self.width)
        yes = self.value >= bound
        self.value -= bound if yes else 0
        self.width = self.width - bound if yes else bound
        model.learn(yes)
        while self.width < 1 << 24:
            self.value = self.value << 8 | (self.data[self.at] if self.at < len(self.data) else 0)
            self.width <<= 8
            self.at += 1
        return yes

    def finish(self) -> None:
        require(self.at >= len(self.data), "answers too many")


def code_chain(coder: Encoder | Decoder, answers: Sequence[bool]) -> list[bool]:
    """Answers with two models, one after a no, and at the start, and one after a yes."""
    models = [Model(), Model()]
    coded: list[bool] = []
    before = False
    for answer in answers:
        before = coder.code(models[before], answer)
        coded.append(before)
    return coded


# ---- Sums ------------------------------------------------------------------------------------------------------------


def fold(a: int, b: int) -> int:
    product = a * b
    return product & WORD ^ product >> 64


class Keys:
    def __init__(self, sender: bytes, receiver: bytes) -> None:
        made = blake3(b"\0" + sender + receiver).digest() + blake3(b"\1" + sender + receiver).digest()
        self.words = struct.unpack("<6Q", made[:48])
        self.rolling_key = int.from_bytes(made[48:52], "little") | 1

    def sum(self, data: bytes, offset: int) -> int:
        """Of a range that lies at `offset` in the new file."""
        k0, k1, k2, k3, k4, k5 = self.words
        total = 0
        for at in range(0, len(data), LEAF):
            leaf = data[at : at + LEAF]
            n = (offset + at) // LEAF
            if len(leaf) < LEAF:
                n ^= len(leaf) << 56
                leaf = leaf.ljust(LEAF, b"\0")
            w0, w1, w2, w3 = struct.unpack("<4Q", leaf)
            one = fold(w0 ^ k0, w1 ^ k1) ^ k4
            other = fold(w2 ^ k2, w3 ^ k3) ^ ((k5 + n * STEP) & WORD)
            total ^= fold(one, other)
        return total

    def rolling(self, data: bytes) -> int:
        value = 1
        for byte in data:
            value = (value * MULTIPLIER + byte) & SHORT
        return value * self.rolling_key & SHORT

    def rolling_sums(self, data: bytes, length: int) -> NDArray[np.uint32]:
        """Of the window at each offset: differences of the sums from the start, each byte times a power of the
        multiplier's inverse, are made windows by a power of the multiplier."""
        values = np.frombuffer(data, np.uint8).astype(np.uint32)
        from_start = np.zeros(len(data) + 1, np.uint32)
        np.cumsum(values * powers(pow(MULTIPLIER, -1, 1 << 32), len(data)), dtype=np.uint32, out=from_start[1:])
        windows = from_start[length:] - from_start[:-length]
        windows *= powers(MULTIPLIER, len(data))[length - 1 :]
        windows += np.uint32(pow(MULTIPLIER, length, 1 << 32))
        windows *= np.uint32(self.rolling_key)
        return windows


def powers(base: int, count: int) -> NDArray[np.uint32]:
    """From the power of 0 on."""
    factors = np.full(count, base, np.uint32)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint32)


# ---- Units -----------------------------------------------------------------------------------------------------------

UNIT_SUM = 4
"""Bytes of the sum of a unit that are said."""


def unit_sums(keys: Keys, file: bytes) -> list[bytes]:
    """Of a file that has an outline."""
    parts = [entry.ljust(LEAF, b"\0") for entry in outline(file)]
    size = 1 << unit_log2(len(file)) - 18
    sums = [keys.sum(b"".join(parts[at : at + size]), LEAF * at) for at in range(0, len(parts), size)]
    return [(sum_ & SHORT).to_bytes(UNIT_SUM, "little") for sum_ in sums]


# ---- A lane ----------------------------------------------------------------------------------------------------------

UNKNOWN, FRESH, GROUPED, SUSPECT, KNOWN = "unknown", "fresh", "grouped", "suspect", "known"


@dataclass
class Stretch:
    start: int
    """In the new file."""
    length: int
    state: str = UNKNOWN
    bits: int = 0
    sum: int = 0
    place: int = -1
    tested: bool = False
    found: bool = False
    bad: bool = False
    eldest: bool = False

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True)
class Round:
    kind: int
    size_log2: int = 0
    bits: int = 0
    group_log2: int = 4
    check_bits: int = 20
    sample_log2: int = 0
    edges: bool = False
    final: bool = False

    def encode(self) -> bytes:
        first = self.kind + EDGES * self.edges + FINAL * self.final
        return bytes([first, self.size_log2, self.bits, self.group_log2, self.check_bits, self.sample_log2])

    @classmethod
    def read(cls, data: bytes) -> Round:
        require(len(data) >= 6, "a short round")
        first, size_log2, bits, group_log2, check_bits, sample_log2 = data[:6]
        kind = first & 3
        most = {CLOSE: (0, 0), SPLIT: (1, 24), LOCAL: (11, 32), GLOBAL: (11, 32)}[kind]
        require(first < 16 and most[0] <= bits <= most[1], "a kind or bits of a round")
        require(size_log2 == 0 if kind == CLOSE else 5 <= size_log2 <= (16 if kind == LOCAL else 25), "a size")
        require(group_log2 <= 8 and 1 <= check_bits <= 24 and sample_log2 <= 16, "a check or a sample")
        return cls(kind, size_log2, bits, group_log2, check_bits, sample_log2, bool(first & EDGES), bool(first & FINAL))


@dataclass
class Family:
    """Children of one stretch, and what is known of the sum of their parent."""

    children: list[Stretch]
    derived: Stretch | None
    parent_sum: int


@dataclass
class Lane:
    start: int
    length: int
    stretches: list[Stretch]
    receives: bool
    rounds: int = 0
    suspect_model: Model = field(default_factory=Model)
    group_model: Model = field(default_factory=Model)
    models: dict[tuple[int, int], Model] = field(default_factory=dict)

    def groups(self, state: str, group_log2: int) -> list[list[Stretch]]:
        members = [s for s in self.stretches if s.state == state]
        size = 1 << group_log2
        return [members[at : at + size] for at in range(0, len(members), size)]

    def is_settled(self) -> bool:
        return all(s.state in (UNKNOWN, KNOWN) for s in self.stretches)

    def beside(self, i: int) -> tuple[bool, bool]:
        """Is there anything that is not unknown before it, and after it?"""
        before = i > 0 and self.stretches[i - 1].state != UNKNOWN
        return before, i + 1 < len(self.stretches) and self.stretches[i + 1].state != UNKNOWN

    def split(self, round_: Round) -> list[Family]:
        """Replaces stretches by their children."""
        size = 1 << round_.size_log2
        made: list[Stretch] = []
        families: list[Family] = []
        for i, s in enumerate(self.stretches):
            before, after = self.beside(i)
            if s.state == UNKNOWN and s.length > size and (before or after or not round_.edges):
                family = split_one(s, size, round_, before, after)
                families.append(family)
                made += family.children
            elif made and s.state == made[-1].state == KNOWN and self.joins(made[-1], s):
                made[-1].length += s.length
            else:
                made.append(s)
        self.stretches = made
        return families

    def joins(self, one: Stretch, other: Stretch) -> bool:
        return not self.receives or one.place + one.length == other.place

    def select(self, round_: Round) -> None:
        size = 1 << round_.size_log2
        candidates = [s for s in self.stretches if s.state == UNKNOWN and s.bits > 0 and s.length == size]
        for s in candidates[:: 1 << round_.sample_log2]:
            s.tested = True

    def tested(self) -> list[Stretch]:
        return [s for s in self.stretches if s.tested]

    def code_answers(self, round_: Round, coder: Encoder | Decoder) -> None:
        first_of = {id(group[0]): group for group in self.groups(GROUPED, round_.group_log2)}
        answer_before = False
        for i, s in enumerate(self.stretches):
            if s.state == SUSPECT:
                s.bad = coder.code(self.suspect_model, s.bad)
            elif id(s) in first_of:
                bad = coder.code(self.group_model, s.bad)
                for member in first_of[id(s)]:
                    member.bad = bad
            elif s.tested:
                left, right = self.beside(i)
                left = left or (i > 0 and self.stretches[i - 1].found)
                context = left + 2 * right + 4 * s.eldest + 8 * answer_before
                model = self.models.setdefault((round_.kind, context), Model())
                answer_before = s.found = coder.code(model, s.found)

    def conclude(self, round_: Round) -> None:
        for s in self.stretches:
            if s.state == GROUPED and s.bad and not round_.final:
                s.state = SUSPECT
            elif s.state in (SUSPECT, GROUPED):
                s.state = UNKNOWN if s.bad else KNOWN
                s.bits = 0
            elif s.found:
                s.state = KNOWN if round_.kind == SPLIT and round_.bits >= SURE_BITS else FRESH
            s.tested = s.found = s.bad = s.eldest = False

    def runs(self) -> Iterator[tuple[int, int]]:
        """Of unknown bytes, in the new file."""
        start = end = self.start
        for s in self.stretches:
            if s.state != UNKNOWN:
                if end > start:
                    yield start, end
                start = s.end
            end = s.end
        if end > start:
            yield start, end

    def contexts(self, read: Callable[[int, int], bytes]) -> bytes:
        """The part of the prefix around the literals; `read` gives known bytes of the new file."""
        runs = list(self.runs())
        made = b""
        added = self.start
        for i, (start, end) in enumerate(runs):
            if len(made) >= CONTEXT_MAX:
                break
            next_start = runs[i + 1][0] if i + 1 < len(runs) else self.start + self.length
            made += read(max(added, start - BEFORE), start)
            added = min(next_start, end + AFTER)
            made += read(end, added)
        return made


def split_one(s: Stretch, size: int, round_: Round, before: bool, after: bool) -> Family:
    cuts = [*range(0, s.length, size), s.length]
    tested = [True] * (len(cuts) - 1)
    which = -1
    if round_.edges and s.length > 2 * size:
        last = cuts[-2]
        cuts = [0] + [size] * before + [last] * after + [s.length]
        tested = [True] * before + [False] + [True] * after
        which = int(before)
    children = [
        Stretch(s.start + at, end - at, tested=test, bits=round_.bits if test else 0)
        for at, end, test in zip(cuts, cuts[1:], tested, strict=False)
    ]
    children[0].eldest = True
    if s.bits < round_.bits:
        return Family(children, None, 0)
    children[which].bits = round_.bits
    return Family(children, children[which], s.sum & ((1 << round_.bits) - 1))


def lane_of(index: int, size: int, blocks: Sequence[Stretch], receives: bool) -> Lane:
    start = index * LANE
    length = min(LANE, size - start)
    inside = [block for block in blocks if start <= block.start < start + LANE]
    return Lane(start, length, inside or [Stretch(start, length)], receives)


def of_state(stretches: Sequence[Stretch], state: str) -> list[Stretch]:
    return [s for s in stretches if s.state == state]


def cut(size: int, block: int, bits: int, same: Sequence[bool]) -> list[Stretch]:
    """The blocks of a file; those of units that are the same are known."""
    blocks = [Stretch(start, min(block, size - start), bits=bits) for start in range(0, size, block)]
    if same:
        for s in blocks:
            s.state = KNOWN if same[s.start >> unit_log2(size)] else UNKNOWN
    return blocks


def leaf_sums(file: bytes, leaf: int, keys: Keys) -> list[bytes]:
    """What LEAVES says of each leaf of so many bytes."""
    if not file:
        return []
    rows = part_nodes(file, (leaf // CHUNK).bit_length() - 1).astype("<u4")
    return [keys.sum(row.tobytes(), LEAF * number).to_bytes(8, "little") for number, row in enumerate(rows)]


def leaf_size(size: int) -> int:
    return next(1 << e for e in range(16, 31) if e == 30 or (1 << e) * (1 << 18) >= size)


# ---- Messages --------------------------------------------------------------------------------------------------------


def frame(kind: int, payload: bytes, lane: int = 0, more: bool = False) -> bytes:
    return bytes([kind | MORE * more]) + number(lane) + number(len(payload)) + payload


def message(kind: int, payload: bytes = b"", lane: int = 0) -> bytes:
    parts = [payload[at : at + PAYLOAD_MAX] for at in range(0, len(payload), PAYLOAD_MAX)] or [b""]
    return b"".join(frame(kind, part, lane, i + 1 < len(parts)) for i, part in enumerate(parts))


def hello(receives: bool, random: bytes, features: int = 1) -> bytes:
    return message(
        HELLO, b"RDSE" + number(VERSION) + number(features) + bytes([receives]) + number(32 * receives) + random
    )


class Side:
    """Takes bytes and gives bytes."""

    def __init__(self, receives: bool, random: bytes, features: int) -> None:
        self.receives = receives
        self.random = random
        self.features = features
        self.common_features = 0
        self.keys: Keys | None = None
        self.input = b""
        self.output = hello(receives, random, features)
        self.parts: tuple[int, int, bytes] | None = None
        self.is_over = False
        self.received = 0
        self.sent = 0

    def feed(self, data: bytes) -> bytes:
        """Takes some bytes; gives what there is to say."""
        self.input += data
        self.received += len(data)
        try:
            while not self.is_over and self.take_frame():
                pass
        except SessionError as error:
            self.output += message(FAILURE, bytes([CORRUPT]) + str(error).encode()[:400])
            self.give()
            raise
        return self.give()

    def give(self) -> bytes:
        output, self.output = self.output, b""
        self.sent += len(output)
        return output

    def take_frame(self) -> bool:
        try:
            require(1 <= self.input[0] & ~MORE <= FAILURE, "an unknown message")
            lane, at = take_number(self.input, 1)
            size, at = take_number(self.input, at)
        except IndexError:
            return False
        require(size <= PAYLOAD_MAX, "a long frame")
        if len(self.input) < at + size:
            return False
        kind, more = self.input[0] & ~MORE, self.input[0] >= MORE
        payload, self.input = self.input[at : at + size], self.input[at + size :]
        self.take_part(kind, lane, payload, more)
        return True

    def take_part(self, kind: int, lane: int, payload: bytes, more: bool) -> None:
        if kind == FAILURE:
            self.is_over = True
            raise PeerError(payload[1:].decode(errors="replace"))
        before = self.parts
        require(before is None or before[:2] == (kind, lane), "a message within another")
        if kind in (DATA, REPAIR):
            self.take_stream(kind, lane, payload, more)
            return
        require(bool(payload) or not more, "an empty frame")
        payload = (before[2] if before else b"") + payload
        require(len(payload) <= MESSAGE_MAX.get(kind, PAYLOAD_MAX), "a long message")
        self.parts = (kind, lane, payload) if more else None
        if more:
            return
        if kind == HELLO:
            self.take_hello(payload)
        else:
            require(self.keys is not None, "no greeting")
            self.take(kind, lane, payload)

    def take_hello(self, data: bytes) -> None:
        require(self.keys is None and data[:5] == b"RDSE" + bytes([VERSION]), "a greeting")
        self.common_features, at = take_number(data, 5)
        self.common_features &= self.features
        require(data[at] == (not self.receives), "the other side is the same")
        lanes, at = take_number(data, at + 1)
        require(lanes <= 1 << 20 and (self.receives or lanes > 0) and len(data) == at + 16, "a greeting")
        self.keys = Keys(data[at:], self.random) if self.receives else Keys(self.random, data[at:])

    def take(self, kind: int, lane: int, data: bytes) -> None:
        raise NotImplementedError

    def take_stream(self, kind: int, lane: int, data: bytes, more: bool) -> None:
        raise SessionError("a message of the wrong side")


# ---- The receiver ----------------------------------------------------------------------------------------------------


class Receiver(Side):
    def __init__(
        self,
        old: bytes | None,
        random: bytes = bytes(16),
        features: int = 1,
        misses: int = 0,
        says_units: bool = True,
    ) -> None:
        """With `misses`, each stretch whose number is a multiple of that is not found, wherever it is. With
        `says_units`, GO has the sums of the units if it may."""
        super().__init__(True, random, features)
        self.says_units = says_units
        self.said_units = False
        self.went = False
        self.old = old or b""
        self.has_old = old is not None
        self.misses = misses
        self.asked = 0
        self.new = bytearray()
        self.size = -1
        self.digest = b""
        self.blocks: list[Stretch] = []
        self.lanes: dict[int, Lane] = {}
        self.first = 0
        self.history = b""
        self.literals = b""
        self.stream: zstandard.ZstdDecompressionObj | None = None
        self.data_begun = False
        self.repairs = 0
        self.next_leaf = 0
        self.leaf = b""
        self.is_identical = False
        self.rounds = 0
        self.literal = 0
        self.repaired = 0

    def take(self, kind: int, lane: int, data: bytes) -> None:
        if kind == FILE:
            self.take_file(data)
        elif kind == DIGEST:
            self.take_digest(data)
        elif kind == TOP:
            self.take_top(data)
        elif kind == ROUND:
            self.take_round(lane, data)
        else:
            raise SessionError("a message at the wrong time")

    def take_file(self, data: bytes) -> None:
        require(self.size < 0 and bool(data) and data[0] < 16 and data[0] & 4 != 0, "a file")
        self.size, at = take_number(data, 1)
        for limit in [WORD, 10**9 - 1] * (data[0] & 1) + [0o777] * (data[0] >> 1 & 1):
            value, at = take_number(data, at)
            require(value <= limit, "a field of a file")
        require(self.size <= 1 << 48 and len(data) == at, "a file")

    def take_digest(self, data: bytes) -> None:
        require(self.size >= 0 and not self.digest and len(data) == 32, "a digest")
        self.digest = data
        if self.has_old and self.size == len(self.old) and blake3(self.old).digest() == self.digest:
            self.output += message(SAME)
            self.new = bytearray(self.old)
            self.is_identical = self.is_over = True
            return
        self.said_units = self.says_units and has_units(len(self.old), self.size)
        self.output += message(GO, number(len(self.old)) + (b"".join(self.unit_sums()) if self.said_units else b""))
        self.went = True
        if self.size == 0:
            self.judge()

    def unit_sums(self) -> list[bytes]:
        assert self.keys is not None
        return unit_sums(self.keys, self.old)

    # -- Finding --

    def sum_at(self, place: int, s: Stretch) -> int | None:
        """What the old file has there, if it agrees."""
        assert self.keys is not None
        self.asked += 1
        if place < 0 or place + s.length > len(self.old) or (self.misses and self.asked % self.misses == 0):
            return None
        made = self.keys.sum(self.old[place : place + s.length], s.start)
        return made if made & ((1 << s.bits) - 1) == s.sum else None

    def search(self, wanted: list[tuple[int, Stretch]], bits: int, length: int, near: bool) -> None:
        """Places of stretches with the highest bits of their rolling sums."""
        assert self.keys is not None
        table: dict[int, list[Stretch]] = {}
        for rolling, s in wanted:
            table.setdefault(rolling, []).append(s)
        if not table or length > len(self.old):
            return
        sums = self.keys.rolling_sums(self.old, length) >> np.uint32(32 - bits)
        for place in np.flatnonzero(np.isin(sums, np.array(list(table), np.uint32))).tolist():
            for s in table[int(sums[place])]:
                if not s.found and (not near or abs(place - s.place) <= REACH):
                    self.set_found(s, place)

    def set_found(self, s: Stretch, place: int) -> bool:
        made = self.sum_at(place, s)
        if made is not None:
            s.found, s.place, s.sum = True, place, made
        return s.found

    def expect(self, lane: Lane) -> None:
        """Where unknown stretches lie if the old file goes on as it does before them."""
        diagonal = 0
        for s in lane.stretches:
            if s.state == UNKNOWN:
                s.place = s.start + diagonal
            else:
                diagonal = s.place - s.start

    def follow(self, lane: Lane) -> None:
        """Tries tested stretches where the old file goes on, from left to right and then from right to left."""
        for stretches in (lane.stretches, lane.stretches[::-1]):
            diagonal = len(self.old) - self.size if stretches is not lane.stretches else 0
            for s in stretches:
                if s.tested and not s.found:
                    self.set_found(s, s.start + diagonal)
                if s.state != UNKNOWN or s.found:
                    diagonal = s.place - s.start

    def take_top(self, data: bytes) -> None:
        require(self.went and self.size > 0 and not self.blocks and len(self.old) > 0, "blocks at the wrong time")
        require(not self.first and not self.data_begun and len(data) >= 3, "blocks at the wrong time")
        size_log2, rolling_bits, bits = data[:3]
        nothing = rolling_bits == bits == 0 and self.said_units
        require(5 <= size_log2 <= 25, "the size of blocks")
        require(nothing or (11 <= rolling_bits <= 32 and 1 <= bits <= 24), "the bits of blocks")
        require(self.size >> size_log2 <= 1 << 20, "too many blocks")
        same, at = self.take_units(data, size_log2) if self.said_units else ([], 3)
        self.blocks = cut(self.size, 1 << size_log2, bits, same)
        reader = BitReader(data[at:])
        wanted: list[tuple[int, Stretch]] = []
        for s in [] if nothing else of_state(self.blocks, UNKNOWN):
            rolling = reader.get(rolling_bits) if s.length == 1 << size_log2 else -1
            s.sum = reader.get(bits)
            if rolling >= 0:
                wanted.append((rolling, s))
        reader.finish()
        for s in of_state(self.blocks, KNOWN):
            s.place = s.start
        if not nothing:
            self.place(wanted, rolling_bits, 1 << size_log2)

    def take_units(self, data: bytes, size_log2: int) -> tuple[list[bool], int]:
        """Which units the sender has too, and where the sums of blocks begin."""
        require(size_log2 <= unit_log2(self.size), "blocks that are longer than a unit")
        try:
            size, at = take_number(data, 3)
        except IndexError:
            raise SessionError("half a number") from None
        require(at + size <= len(data), "answers that are cut short")
        decoder = Decoder(data[at : at + size])
        same = code_chain(decoder, [False] * unit_count(self.size))
        decoder.finish()
        return same, at + size

    def place(self, wanted: list[tuple[int, Stretch]], rolling_bits: int, length: int) -> None:
        """Searches for blocks, and says which ones it has."""
        self.search(wanted, rolling_bits, length, False)
        encoder = Encoder()
        asked = of_state(self.blocks, UNKNOWN)
        code_chain(encoder, [s.found for s in asked])
        for s in asked:
            s.state = FRESH if s.found else UNKNOWN
            s.found = False
        self.output += message(PLACED, encoder.encode())

    def take_round(self, index: int, data: bytes) -> None:
        require(bool(self.blocks) and self.first <= index < self.first + 32 and index * LANE < self.size, "a lane")
        require(not (self.data_begun and index == self.first), "a round after literals")
        lane = self.lane(index)
        round_ = Round.read(data)
        lane.rounds += 1
        self.rounds = max(self.rounds, lane.rounds)
        require(lane.rounds <= 40, "too many rounds")
        reader = BitReader(data[6:])
        for s in lane.stretches:
            if s.state == SUSPECT:
                s.bad = reader.get(16) != s.sum >> 48
        for group in lane.groups(FRESH, round_.group_log2):
            total = 0
            for s in group:
                total ^= s.sum
                s.state = GROUPED
            group[0].bad = reader.get(round_.check_bits) != total >> 24 & ((1 << round_.check_bits) - 1)
        if round_.kind == SPLIT:
            for family in lane.split(round_):
                for s in family.children:
                    if s.tested and s is not family.derived:
                        s.sum = reader.get(round_.bits)
                if family.derived:
                    family.derived.sum = family.parent_sum
                    for s in family.children:
                        family.derived.sum ^= s.sum if s is not family.derived else 0
            self.follow(lane)
        elif round_.kind != CLOSE:
            lane.select(round_)
            self.expect(lane)
            wanted = [(reader.get(round_.bits), s) for s in lane.tested()]
            self.search(wanted, round_.bits, 1 << round_.size_log2, round_.kind == LOCAL)
        reader.finish()
        encoder = Encoder()
        lane.code_answers(round_, encoder)
        lane.conclude(round_)
        self.output += message(FOUND, encoder.encode(), index)

    def lane(self, index: int) -> Lane:
        if index not in self.lanes:
            self.lanes[index] = lane_of(index, self.size, self.blocks, True)
        return self.lanes[index]

    # -- Writing --

    def known(self, lane: Lane, start: int, end: int) -> bytes:
        made = b""
        for s in lane.stretches:
            from_, to = max(start, s.start), min(end, s.end)
            if from_ < to:
                assert s.state == KNOWN
                made += self.old[s.place + from_ - s.start : s.place + to - s.start]
        return made

    def take_stream(self, kind: int, lane: int, data: bytes, more: bool) -> None:
        if kind == REPAIR:
            self.take_repair(data, more)
            return
        require(
            self.went and self.size > 0 and lane == self.first and lane * LANE < self.size, "literals at the wrong time"
        )
        if not self.data_begun:
            require(self.lane(lane).is_settled() and bool(data) and data[0] <= 1, "literals too early")
            self.data_begun = True
            self.stream = self.open_stream(self.lane(lane)) if data[0] else None
            data = data[1:]
        with contextlib.suppress(zstandard.ZstdError):  # sums have misled
            self.literals += self.stream.decompress(data) if self.stream and data else data
        if not more:
            self.write(self.lanes.pop(lane))

    def open_stream(self, lane: Lane) -> zstandard.ZstdDecompressionObj | None:
        require(self.common_features & 1 != 0, "literals are compressed")
        if not any(True for _ in lane.runs()):
            return None
        prefix = self.history + lane.contexts(lambda start, end: self.known(lane, start, end))
        return decompressor(prefix).decompressobj()

    def write(self, lane: Lane) -> None:
        unknown = sum(end - start for start, end in lane.runs())
        literals = self.literals[:unknown].ljust(unknown, b"\0")
        self.literal += unknown
        at = 0
        for s in lane.stretches:
            if s.state == KNOWN:
                self.new += self.old[s.place : s.place + s.length]
            else:
                self.new += literals[at : at + s.length]
                at += s.length
        self.history = (self.history + literals)[-HISTORY_MAX:]
        self.literals = b""
        self.data_begun = False
        self.first += 1
        if self.first * LANE >= self.size:
            self.judge()

    # -- The end --

    def judge(self) -> None:
        assert self.keys is not None
        if blake3(bytes(self.new)).digest() == self.digest:
            self.output += message(DONE)
            self.is_over = True
            return
        require(self.repairs < 2, "the file is not what was announced")
        leaf = leaf_size(self.size)
        sums = b"".join(leaf_sums(bytes(self.new), leaf, self.keys)) if self.repairs == 0 else b""
        self.repairs += 1
        self.next_leaf = 0
        self.output += message(LEAVES, sums)

    def take_repair(self, data: bytes, more: bool) -> None:
        require(self.repairs > 0, "a repair that nobody asked for")
        self.leaf += data
        if more:
            return
        whole, self.leaf = self.leaf, b""
        if not whole:
            self.judge()
            return
        index, at = take_number(whole, 1)
        leaf = leaf_size(self.size)
        require(whole[0] <= 1 and self.next_leaf <= index and index * leaf < self.size, "a leaf")
        self.next_leaf = index + 1
        length = min(leaf, self.size - index * leaf)
        try:
            made = decompressor(b"").decompressobj().decompress(whole[at:]) if whole[0] else whole[at:]
        except zstandard.ZstdError:
            raise SessionError("a leaf that cannot be read") from None
        require(len(made) == length, "the length of a leaf")
        self.repaired += length
        self.new[index * leaf : index * leaf + length] = made


def dictionary(prefix: bytes) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if prefix else None


def decompressor(prefix: bytes) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=dictionary(prefix), max_window_size=WINDOW_MAX)


# ---- The sender ------------------------------------------------------------------------------------------------------


HONEST, NONE, ALL = "honest", "none", "all"


@dataclass(frozen=True)
class Top:
    """Without bits, no block is searched for, and there is no TOP if the receiver does not say sums of units."""

    size_log2: int = 11
    rolling_bits: int = 20
    bits: int = 16
    claim: str = HONEST
    """Which units are the same: those that are, or none, or all, whatever they are."""


class Sender(Side):
    """Asks the given rounds of each lane, and then closes it."""

    def __init__(
        self,
        new: bytes,
        top: Top | None,
        plan: Sequence[Round],
        random: bytes = bytes(16),
        features: int = 1,
        chunk: int = 5000,
        waits: bool = False,
    ) -> None:
        """With `waits`, it says the digest after the other side's greeting."""
        super().__init__(False, random, features)
        self.new = new
        self.top = top
        self.plan = plan
        self.chunk = chunk
        self.lanes: list[Lane] = []
        self.blocks: list[Stretch] = []
        self.pending: dict[int, Round] = {}
        self.state = "hashing"
        self.history = b""
        self.literal = 0
        self.repaired = 0
        self.is_identical = False
        self.has_units = False
        self.output += message(FILE, bytes([4]) + number(len(new)))
        if not waits:
            self.announce()

    def announce(self) -> None:
        self.output += message(DIGEST, blake3(self.new).digest())
        self.state = "announced"

    def take_hello(self, data: bytes) -> None:
        super().take_hello(data)
        if self.state == "hashing":
            self.announce()

    def sum(self, s: Stretch) -> int:
        assert self.keys is not None
        return self.keys.sum(self.new[s.start : s.end], s.start)

    def take(self, kind: int, lane: int, data: bytes) -> None:
        if kind == SAME and self.state == "announced":
            self.is_identical = self.is_over = True
        elif kind == GO and self.state == "announced":
            self.take_go(data)
        elif kind == PLACED and self.state == "top":
            self.take_placed(data)
        elif kind == FOUND and lane in self.pending:
            self.take_found(lane, data)
        elif kind == LEAVES and self.state == "sent":
            self.take_leaves(data)
        elif kind == DONE and self.state == "sent":
            self.is_over = True
        else:
            raise SessionError("a message at the wrong time")

    def take_go(self, data: bytes) -> None:
        try:
            old_size, at = take_number(data, 0)
        except IndexError:
            raise SessionError("half a number") from None
        require(old_size < 1 << 63, "the size of the old file")
        said = data[at:]
        self.has_units = bool(said)
        if said:
            require(has_units(old_size, len(self.new)), "sums of units of another file")
            require(len(said) == UNIT_SUM * unit_count(old_size), "the number of sums of units")
        if not self.top or old_size == 0 or not self.new or (self.top.bits == 0 and not said):
            self.begin_lanes([])
        else:
            self.say_top(self.top, self.compare(self.top.claim, said) if said else [])

    def compare(self, claim: str, said: bytes) -> list[bool]:
        """Of each unit: is it the same?"""
        assert self.keys is not None
        mine = unit_sums(self.keys, self.new)
        theirs = [said[at : at + UNIT_SUM] for at in range(0, len(said), UNIT_SUM)]
        return [claim == ALL or (claim == HONEST and one == other) for one, other in zip(mine, theirs, strict=True)]

    def say_top(self, top: Top, same: list[bool]) -> None:
        assert self.keys is not None
        header = bytes([top.size_log2, top.rolling_bits, top.bits])
        if self.has_units:
            encoder = Encoder()
            code_chain(encoder, same)
            answers = encoder.encode()
            header += number(len(answers)) + answers
        self.blocks = cut(len(self.new), 1 << top.size_log2, top.bits, same)
        writer = BitWriter()
        for s in of_state(self.blocks, UNKNOWN) if top.bits else []:
            s.sum = self.sum(s)
            if s.length == 1 << top.size_log2:
                rolling = self.keys.rolling(self.new[s.start : s.end])
                writer.put(rolling >> (32 - top.rolling_bits), top.rolling_bits)
            writer.put(s.sum, top.bits)
        self.output += message(TOP, header + writer.encode())
        self.state = "top"
        if not top.bits:
            self.begin_lanes(self.blocks)

    def take_placed(self, data: bytes) -> None:
        decoder = Decoder(data)
        asked = of_state(self.blocks, UNKNOWN)
        for s, found in zip(asked, code_chain(decoder, [False] * len(asked)), strict=True):
            s.state = FRESH if found else UNKNOWN
        decoder.finish()
        self.begin_lanes(self.blocks)

    def begin_lanes(self, blocks: Sequence[Stretch]) -> None:
        count = -(-len(self.new) // LANE)
        self.lanes = [lane_of(index, len(self.new), blocks, False) for index in range(count)]
        self.state = "lanes"
        for index in range(count):
            self.ask(index)
        self.send_ready()

    def ask(self, index: int) -> None:
        assert self.keys is not None
        lane = self.lanes[index]
        if self.blocks and lane.rounds < len(self.plan):
            round_ = self.plan[lane.rounds]
        elif not lane.is_settled():
            round_ = Round(CLOSE, final=True, group_log2=2, check_bits=24)
        else:
            return
        lane.rounds += 1
        writer = BitWriter()
        for s in lane.stretches:
            if s.state == SUSPECT:
                writer.put(s.sum >> 48, 16)
        for group in lane.groups(FRESH, round_.group_log2):
            total = 0
            for s in group:
                total ^= s.sum
                s.state = GROUPED
            writer.put(total >> 24, round_.check_bits)
        if round_.kind == SPLIT:
            for family in lane.split(round_):
                for s in family.children:
                    s.sum = self.sum(s)
                    if s.tested and s is not family.derived:
                        writer.put(s.sum, round_.bits)
        elif round_.kind != CLOSE:
            lane.select(round_)
            for s in lane.tested():
                writer.put(self.keys.rolling(self.new[s.start : s.end]) >> (32 - round_.bits), round_.bits)
        self.pending[index] = round_
        self.output += message(ROUND, round_.encode() + writer.encode(), index)

    def take_found(self, index: int, data: bytes) -> None:
        round_ = self.pending.pop(index)
        decoder = Decoder(data)
        self.lanes[index].code_answers(round_, decoder)
        decoder.finish()
        self.lanes[index].conclude(round_)
        self.ask(index)
        self.send_ready()

    def send_ready(self) -> None:
        """Literals of the lanes that are settled, in order."""
        while self.state == "lanes":
            index = next((i for i, lane in enumerate(self.lanes) if lane.rounds >= 0), len(self.lanes))
            if index == len(self.lanes):
                self.state = "sent"
            elif index in self.pending:
                return
            else:
                self.send_literals(index)
                self.lanes[index].rounds = -1

    def send_literals(self, index: int) -> None:
        lane = self.lanes[index]
        literals = b"".join(self.new[start:end] for start, end in lane.runs())
        packed = bool(self.common_features & 1)
        prefix = self.history + lane.contexts(lambda start, end: self.new[start:end])
        self.literal += len(literals)
        body = bytes([packed]) + (compress(literals, prefix) if packed and literals else literals)
        self.history = (self.history + literals)[-HISTORY_MAX:]
        for at in range(0, len(body), self.chunk):
            self.output += frame(DATA, body[at : at + self.chunk], index, at + self.chunk < len(body))

    def take_leaves(self, data: bytes) -> None:
        leaf = leaf_size(len(self.new))
        starts = range(0, len(self.new), leaf)
        require(len(data) in (0, 8 * len(starts)), "the number of leaves")
        assert self.keys is not None
        sums = leaf_sums(self.new, leaf, self.keys)
        for index, start in enumerate(starts):
            s = Stretch(start, min(leaf, len(self.new) - start))
            if not data or sums[index] != data[8 * index : 8 * index + 8]:
                packed = bool(self.common_features & 1)
                made = self.new[start : s.end]
                self.repaired += s.length
                self.output += message(
                    REPAIR, bytes([packed]) + number(index) + (compress(made, b"") if packed else made)
                )
        self.output += message(REPAIR)


def compress(data: bytes, prefix: bytes) -> bytes:
    return zstandard.ZstdCompressor(dict_data=dictionary(prefix), write_content_size=False).compress(data)
