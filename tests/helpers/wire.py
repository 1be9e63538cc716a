"""The formats of signatures and deltas, written a second time in plain Python.

It shares nothing with the library but the description of the formats, so it can check what the library writes: whether
bytes are a signature or a delta at all, what a delta makes of a basis, and whether it was written in the canonical form
(the narrowest opcode for every command, copies merged, the trailer after END and nothing else). The digest of the
trailer is that of the package blake3. It is slow and it checks everything.

There are two readers of deltas: apply_delta is librsync's, which ignores everything after END; verdict is redelta's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from blake3 import blake3

SIGNATURE_MAGICS = {
    ("rollsum", "md4"): 0x72730136,
    ("rollsum", "blake2"): 0x72730137,
    ("rabinkarp", "md4"): 0x72730146,
    ("rabinkarp", "blake2"): 0x72730147,
}
STRONG_LENGTHS = {"md4": 16, "blake2": 32}
BLOCK_LENGTH_MAX = 0x7FFFFFFF

DELTA_MAGIC = 0x72730236
OP_END = 0x00
OP_LITERAL_1 = 0x41
OP_COPY = 0x45
OP_RESERVED = 0x55
WIDTHS = (1, 2, 4, 8)
FILE_MAX = (1 << 63) - 1
FOURS = (0, 1, 2, 12, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE,
         0xFFFFFFFF)  # fmt: skip
"""Values for fields of four bytes."""

TRAILER_MAGIC = 0x72730256
TRAILER_REST = 48
TRAILER_LENGTH = 8 + TRAILER_REST
BASIS_REST = TRAILER_REST + 8 + 32
BASIS_TRAILER_LENGTH = 8 + BASIS_REST
DIGEST_BLAKE3 = 2

RABINKARP_SEED = 1
RABINKARP_MULTIPLIER = 0x08104225
ROLLSUM_OFFSET = 31


class WireError(Exception):
    """The bytes are not valid."""


# ---- Signatures -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signature:
    """The header's fields and the sums of each block."""

    magic: int
    block_len: int
    strong_len: int
    sums: tuple[tuple[int, bytes], ...]


def signature_header(magic: int, block_len: int, strong_len: int) -> bytes:
    """The twelve bytes, even if their values are not allowed."""
    return b"".join(value.to_bytes(4, "big") for value in (magic, block_len, strong_len))


def read_signature(data: bytes) -> Signature:
    """All of a signature file, or WireError."""
    if len(data) < 12:
        raise WireError("truncated header")
    magic, block_len, strong_len = (int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8))
    strong_max = {magic: STRONG_LENGTHS[strong] for (_, strong), magic in SIGNATURE_MAGICS.items()}.get(magic)
    if strong_max is None:
        raise WireError("not a signature")
    if not 1 <= block_len <= BLOCK_LENGTH_MAX:
        raise WireError("block length")
    if not 1 <= strong_len <= strong_max:
        raise WireError("strong sum length")
    entry = 4 + strong_len
    if (len(data) - 12) % entry:
        raise WireError("truncated sums")
    starts = range(12, len(data), entry)
    sums = tuple((int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + entry]) for at in starts)
    return Signature(magic, block_len, strong_len, sums)


def rollsum(block: bytes) -> int:
    """Two 16-bit sums: of the bytes each plus 31 (low half), and of that sum's running values (high half)."""
    low = high = 0
    for byte in block:
        low += byte + ROLLSUM_OFFSET
        high += low
    return (high & 0xFFFF) << 16 | low & 0xFFFF


def rabinkarp(block: bytes) -> int:
    """A polynomial in the multiplier, modulo 2^32."""
    value = RABINKARP_SEED
    for byte in block:
        value = (value * RABINKARP_MULTIPLIER + byte) & 0xFFFFFFFF
    return value


WEAK_SUMS = {"rollsum": rollsum, "rabinkarp": rabinkarp}


def blake2(block: bytes) -> bytes:
    """The strong sum that is not MD4."""
    return hashlib.blake2b(block, digest_size=32).digest()


def blocks_of(data: bytes, block_len: int) -> list[bytes]:
    """The blocks of a basis in order; the last may be short."""
    return [data[at : at + block_len] for at in range(0, len(data), block_len)]


def blake2_signature(basis: bytes, weak: str, block_len: int, strong_len: int) -> bytes:
    """The signature with BLAKE2b strong sums. (Python has no MD4 everywhere; stock rdiff is the oracle for that.)"""
    header = signature_header(SIGNATURE_MAGICS[weak, "blake2"], block_len, strong_len)
    sums = (
        WEAK_SUMS[weak](block).to_bytes(4, "big") + blake2(block)[:strong_len] for block in blocks_of(basis, block_len)
    )
    return header + b"".join(sums)


# ---- Deltas ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Literal:
    """New bytes."""

    data: bytes


@dataclass(frozen=True)
class Copy:
    """Bytes of the basis."""

    offset: int
    length: int


Command = Literal | Copy


@dataclass(frozen=True)
class Delta:
    """The commands in order, and the offset after END."""

    commands: tuple[Command, ...]
    end: int


def delta_header() -> bytes:
    """The delta's magic."""
    return DELTA_MAGIC.to_bytes(4, "big")


def width_index(value: int) -> int:
    """The index of the narrowest of the four widths that holds `value`."""
    return next(index for index, width in enumerate(WIDTHS) if value < 1 << 8 * width)


def encode_copy(copy: Copy, offset_index: int | None = None, length_index: int | None = None) -> bytes:
    """A copy command, with the narrowest widths by default."""
    i = width_index(copy.offset) if offset_index is None else offset_index
    j = width_index(copy.length) if length_index is None else length_index
    operands = copy.offset.to_bytes(WIDTHS[i], "big") + copy.length.to_bytes(WIDTHS[j], "big")
    return bytes([OP_COPY + 4 * i + j]) + operands


def encode_literal(literal: Literal, index: int | None = None) -> bytes:
    """A literal command, in its shortest form by default."""
    length = len(literal.data)
    if index is None and 1 <= length < OP_LITERAL_1:
        return bytes([length]) + literal.data
    chosen = width_index(length) if index is None else index
    return bytes([OP_LITERAL_1 + chosen]) + length.to_bytes(WIDTHS[chosen], "big") + literal.data


def encode_delta(commands: Iterable[Command], new: bytes | None = None, basis: bytes | None = None) -> bytes:
    """The delta of these commands in the canonical form; with the trailer for `new`, if that is given, and `basis`."""
    encoded = (encode_copy(each) if isinstance(each, Copy) else encode_literal(each) for each in commands)
    trailer = b"" if new is None else encode_trailer(new, basis=basis)
    return delta_header() + b"".join(encoded) + bytes([OP_END]) + trailer


def digest_of(new: bytes) -> bytes:
    """BLAKE3, by the package of its authors."""
    return blake3(new).digest()


def encode_trailer(
    new: bytes,
    *,
    magic: int = TRAILER_MAGIC,
    rest: int | None = None,
    size: int | None = None,
    kind: int = DIGEST_BLAKE3,
    zero: bytes = bytes(7),
    basis: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    """The trailer for `new`, and perhaps `basis`; each field may be set to another value, and `more` follows the known
    ones."""
    if basis is not None:
        more = len(basis).to_bytes(8, "big") + digest_of(basis) + more
    start = magic.to_bytes(4, "big") + (TRAILER_REST + len(more) if rest is None else rest).to_bytes(4, "big")
    fields = (len(new) if size is None else size).to_bytes(8, "big") + bytes([kind]) + zero
    return start + fields + digest_of(new) + more


@dataclass
class _Reader:
    """A position in bytes that refuses to pass the end."""

    data: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise WireError(f"truncated at {self.at}")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, index: int) -> int:
        value = int.from_bytes(self.take(WIDTHS[index]), "big")
        if value >= 1 << 63:
            raise WireError(f"negative, before {self.at}")
        return value

    def length(self, index: int) -> int:
        value = self.number(index)
        if value == 0:
            raise WireError(f"zero length, before {self.at}")
        return value


def _read_commands(reader: _Reader) -> Iterator[Command]:
    """The commands up to END, or WireError at the first that is wrong."""
    if reader.take(4) != delta_header():
        raise WireError("not a delta")
    while (opcode := reader.take(1)[0]) != OP_END:
        if opcode < OP_LITERAL_1:
            yield Literal(reader.take(opcode))
        elif opcode < OP_COPY:
            yield Literal(reader.take(reader.length(opcode - OP_LITERAL_1)))
        elif opcode < OP_RESERVED:
            i, j = divmod(opcode - OP_COPY, 4)
            yield Copy(reader.number(i), reader.length(j))
        else:
            raise WireError(f"reserved opcode before {reader.at}")


def read_delta(data: bytes) -> Delta:
    """The commands up to END, or WireError. Bytes after END are ignored."""
    reader = _Reader(data)
    commands = tuple(_read_commands(reader))
    return Delta(commands, reader.at)


def apply_delta(basis: bytes, data: bytes) -> bytes:
    """The new file, or WireError."""
    parts: list[bytes] = []
    for command in read_delta(data).commands:
        if isinstance(command, Literal):
            parts.append(command.data)
        elif command.offset + command.length > len(basis):
            raise WireError("copy beyond the end of the basis")
        else:
            parts.append(basis[command.offset : command.offset + command.length])
    return b"".join(parts)


@dataclass
class Verdict:
    """The outcomes allowed for a patch: the new file, or one of these statuses.

    If there are several errors, it is not specified which is found first.
    """

    new: bytes = b""
    size: int = 0
    reach: int = 0
    statuses: set[int] = field(default_factory=set)

    def add(self, command: Command, basis: bytes) -> None:
        """Carries out a command, as far as that is possible."""
        if isinstance(command, Literal):
            self.new += command.data
            self.size += len(command.data)
            return
        end = command.offset + command.length
        self.size += command.length
        if max(end, self.size) > FILE_MAX:
            raise WireError("longer than any file")
        self.reach = max(self.reach, end)
        if end > len(basis):
            self.statuses.add(4)
        self.new += basis[command.offset : end]

    def add_trailer(self, data: bytes, basis: bytes) -> None:
        """Checks the bytes after END; it is no error if there are none."""
        magic = TRAILER_MAGIC.to_bytes(4, "big")
        if data and data[:4] != magic[: len(data)]:
            raise WireError("not a trailer")
        if data and len(data) < 8:
            raise WireError("truncated trailer")
        rest = int.from_bytes(data[4:8], "big")
        if data[16:17] not in (b"", bytes([DIGEST_BLAKE3])):
            self.statuses.add(4)
        if data and (rest < TRAILER_REST or len(data) != 8 + rest or any(data[17:24])):
            raise WireError("trailer")
        if data and data[8:56] != encode_trailer(self.new)[8:]:
            self.statuses.add(4)
        if rest >= BASIS_REST:
            self.add_basis(int.from_bytes(data[56:64], "big"), basis)

    def add_basis(self, size: int, basis: bytes) -> None:
        """Checks what the trailer says of the basis; if the length is right, the digest of the result decides."""
        if size > FILE_MAX:
            raise WireError("basis")
        if size < self.reach or size != len(basis):
            self.statuses.add(4)


def verdict(basis: bytes, data: bytes) -> Verdict:
    """What redelta makes from a basis and a delta: status 3 if it is not a delta, 4 if it does not make the new
    file."""
    made = Verdict()
    reader = _Reader(data)
    try:
        for command in _read_commands(reader):
            made.add(command, basis)
        made.add_trailer(data[reader.at :], basis)
    except WireError:
        made.statuses.add(3)
    return made


def assert_canonical(data: bytes, new: bytes, basis: bytes | None = None) -> None:
    """Narrowest widths, no two copies that could be one, and after END the trailer for `new`, and perhaps `basis`."""
    delta = read_delta(data)
    assert encode_delta(delta.commands, new, basis) == data, "not in the narrowest widths, or another trailer"
    for one, next_one in zip(delta.commands, delta.commands[1:], strict=False):
        if isinstance(one, Copy) and isinstance(next_one, Copy):
            assert one.offset + one.length != next_one.offset, f"{one} and {next_one} could be one copy"


# ---- The greedy parse, slowly ---------------------------------------------------------------------------------------


def greedy_commands(basis: bytes, new: bytes, block_len: int) -> list[Command]:
    """The result of a greedy scan without any sums: blocks are looked up by their bytes.

    At each position the next block's worth of bytes (fewer at the end) is copied if it is a block of the basis, else
    one byte is literal. Of equal blocks the one that continues the previous copy is taken, else the first.
    """
    places: dict[bytes, list[int]] = {}
    for index, block in enumerate(blocks_of(basis, block_len)):
        places.setdefault(block, []).append(index * block_len)
    commands: list[Command] = []
    literal_from = at = 0
    while at < len(new):
        window = new[at : at + block_len]
        found = places.get(window)
        if found is None:
            at += 1
            continue
        if literal_from < at:
            commands.append(Literal(new[literal_from:at]))
        _append_copy(commands, found, len(window))
        at += len(window)
        literal_from = at
    if literal_from < at:
        commands.append(Literal(new[literal_from:at]))
    return commands


def _append_copy(commands: list[Command], places: list[int], length: int) -> None:
    previous = commands[-1] if commands else None
    if isinstance(previous, Copy) and previous.offset + previous.length in places:
        commands[-1] = Copy(previous.offset, previous.length + length)
    else:
        commands.append(Copy(places[0], length))


def made_size(commands: Iterable[Command]) -> int:
    """The length of the new file."""
    return sum(len(each.data) if isinstance(each, Literal) else each.length for each in commands)


def literal_bytes(commands: Iterable[Command]) -> int:
    """The number of literal bytes."""
    return sum(len(each.data) for each in commands if isinstance(each, Literal))
