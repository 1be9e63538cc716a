"""Records of parts, read a second time, from docs/formats.md alone: of digests and of deltas.

The tree of BLAKE3 is made here from its paper, since the package blake3 gives no nodes; it is slow.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from blake3 import blake3

CHUNK = 1024
CHECK = 16
DIGEST_PART = 0x72730444
WORDS = struct.Struct("<16I")
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MASK = 0xFFFFFFFF
START, END, PARENT, ROOT = 1, 2, 4, 8


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


# ---- BLAKE3 ---------------------------------------------------------------------------------------------------------


def turned(value: int, bits: int) -> int:
    return (value >> bits | value << (32 - bits)) & MASK


def mix(v: list[int], a: int, b: int, c: int, d: int, x: int, y: int) -> None:
    v[a] = (v[a] + v[b] + x) & MASK
    v[d] = turned(v[d] ^ v[a], 16)
    v[c] = (v[c] + v[d]) & MASK
    v[b] = turned(v[b] ^ v[c], 12)
    v[a] = (v[a] + v[b] + y) & MASK
    v[d] = turned(v[d] ^ v[a], 8)
    v[c] = (v[c] + v[d]) & MASK
    v[b] = turned(v[b] ^ v[c], 7)


COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def compress(chaining: tuple[int, ...], block: bytes, length: int, number: int, flags: int) -> tuple[int, ...]:
    words = list(WORDS.unpack(block.ljust(64, b"\0")))
    v = [*chaining, *IV[:4], number & MASK, number >> 32, length, flags]
    for _ in range(7):
        for i, place in enumerate((*COLUMNS, *DIAGONALS)):
            mix(v, *place, words[2 * i], words[2 * i + 1])
        words = [words[i] for i in ORDER]
    return tuple(v[i] ^ v[i + 8] for i in range(8))


def packed(chaining: tuple[int, ...]) -> bytes:
    return struct.pack("<8I", *chaining)


def chunk(data: bytes, number: int, root: bool = False) -> bytes:
    """The node of one chunk."""
    chaining: tuple[int, ...] = IV
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    for i, block in enumerate(blocks):
        last = i + 1 == len(blocks)
        flags = (START if i == 0 else 0) | (END | (ROOT if root else 0) if last else 0)
        chaining = compress(chaining, block, len(block), number, flags)
    return packed(chaining)


def parent(left: bytes, right: bytes, root: bool = False) -> bytes:
    return packed(compress(IV, left + right, 64, 0, PARENT | (ROOT if root else 0)))


# ---- Digest parts ---------------------------------------------------------------------------------------------------


def node_sizes(start: int, end: int) -> list[int]:
    """How many chunks each node of the chunks from `start` to `end` has."""
    sizes = []
    at = start
    while at < end:
        size = 1
        while at % (2 * size) == 0 and at + 2 * size <= end:
            size *= 2
        sizes.append(size)
        at += size
    return [sizes[0] // 2] * 2 if start == 0 and len(sizes) == 1 and sizes[0] > 1 else sizes


@dataclass
class Nodes:
    """The nodes of a range: the number of the first chunk, and each node with its size."""

    start: int
    nodes: list[tuple[bytes, int]]
    alone: bytes = b""

    @property
    def end(self) -> int:
        return self.start + sum(size for _, size in self.nodes)


def node_bytes(start: int, end: int) -> int:
    return 32 * (len(node_sizes(start, end)) + (1 if (start, end) == (0, 1) else 0))


def nodes_from(data: bytes, start: int, end: int) -> Nodes:
    sizes = node_sizes(start, end)
    require(len(data) == node_bytes(start, end), "the nodes have another size")
    nodes = [(data[32 * i : 32 * i + 32], size) for i, size in enumerate(sizes)]
    return Nodes(start, nodes, data[32 * len(sizes) :])


def nodes_of(file: bytes, start: int, end: int) -> bytes:
    """The nodes as they stand in a record, made of the bytes of the file."""

    def node(at: int, size: int) -> bytes:
        if size == 1:
            return chunk(file[at * CHUNK : (at + 1) * CHUNK], at)
        return parent(node(at, size // 2), node(at + size // 2, size // 2))

    made = b""
    at = start
    for size in node_sizes(start, end):
        made += node(at, size)
        at += size
    return made + (chunk(file[:CHUNK], 0, root=True) if (start, end) == (0, 1) else b"")


def joined(ranges: list[Nodes]) -> bytes:
    """The digest of ranges that follow each other."""
    stack: list[tuple[bytes, int]] = []
    at = 0
    for each in ranges:
        require(each.start == at, "a range does not follow")
        for node in each.nodes:
            while len(stack) > 1 and stack[-1][1] == stack[-2][1] and at % (2 * stack[-1][1]) == 0:
                right, size = stack.pop()
                stack.append((parent(stack.pop()[0], right), 2 * size))
            stack.append(node)
            at += node[1]
    if not stack:
        return chunk(b"", 0, root=True)
    if len(stack) == 1:
        return next(each.alone for each in ranges if each.alone)
    right = stack.pop()[0]
    while stack:
        right = parent(stack.pop()[0], right, root=not stack)
    return right


def checked_record(record: bytes) -> bytes:
    """What is before the check."""
    body, check = record[:-CHECK], record[-CHECK:]
    require(blake3(body).digest()[:CHECK] == check, "the check is wrong")
    return body


@dataclass
class DigestRecord:
    offset: int
    length: int
    last: bool
    nodes: Nodes


def read_digest_part(record: bytes) -> DigestRecord:
    body = checked_record(record)
    magic, version, last, zero, offset, length = struct.unpack(">IBBHQQ", body[:24])
    require((magic, version, zero) == (DIGEST_PART, 1, 0) and last in (0, 1), "it is no part of a digest")
    require(offset % CHUNK == 0 and (last == 1 or length % CHUNK == 0), "the range is no range")
    start, end = offset // CHUNK, (offset + length + CHUNK - 1) // CHUNK
    return DigestRecord(offset, length, bool(last), nodes_from(body[24:], start, end))


def write_digest_part(file: bytes, offset: int, length: int, last: bool) -> bytes:
    start, end = offset // CHUNK, (offset + length + CHUNK - 1) // CHUNK
    body = struct.pack(">IBBHQQ", DIGEST_PART, 1, last, 0, offset, length) + nodes_of(file, start, end)
    return body + blake3(body).digest()[:CHECK]


# ---- Delta parts ----------------------------------------------------------------------------------------------------

DELTA_PART = 0x72730450
LAST, DIGEST, STATE = 1, 2, 4
HEAD = struct.Struct(">IBBHQQQ12sQQ16s")
FILE_STATE = struct.Struct(">QQQQ")


@dataclass(frozen=True)
class PartCopy:
    target: int
    length: int
    basis: int


@dataclass
class DeltaRecord:
    offset: int
    length: int
    flags: int
    new_size: int
    signature_header: bytes
    blocks: int
    origin: int
    identity: bytes
    state: tuple[int, int, int, int] | None
    copies: list[PartCopy]
    worst: int
    failures: int
    literals: int
    nodes: Nodes | None

    @property
    def block_len(self) -> int:
        return int.from_bytes(self.signature_header[4:8], "big") or 1

    @property
    def end(self) -> int:
        """Where what was parsed ends."""
        end = self.offset + self.length
        return self.new_size if self.new_size - end < self.block_len else end

    def gaps(self) -> list[tuple[int, int]]:
        """The literals, from and to."""
        places = [self.offset, *(edge for copy in self.copies for edge in (copy.target, copy.target + copy.length))]
        return [*zip(places[::2], places[1::2], strict=False), (places[-1], max(self.end, places[-1]))]


class Numbers:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        require(self.at + size <= len(self.data), "it is cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                require(value < 1 << 64, "a number is too large")
                return value


def read_delta_part(record: bytes) -> DeltaRecord:
    body = Numbers(checked_record(record))
    magic, version, flags, zero, offset, length, new_size, header, blocks, origin, identity = HEAD.unpack(
        body.take(HEAD.size)
    )
    require((magic, version, zero) == (DELTA_PART, 1, 0) and flags < 8, "it is no part of a delta")
    require(bool(flags & LAST) == (offset + length == new_size), "the range is no range")
    state = FILE_STATE.unpack(body.take(FILE_STATE.size)) if flags & STATE else None
    made = DeltaRecord(offset, length, flags, new_size, header, blocks, origin, identity, state, [], 0, 0, 0, None)
    at, block = offset, 0
    while gap := body.number():
        count, zigzag = body.number(), body.number()
        first = block + (zigzag >> 1 if zigzag % 2 == 0 else -(zigzag + 1 >> 1))
        require(count > 0 and first >= 0 and first + count <= blocks, "there are no such blocks")
        at += gap - 1
        made.copies.append(PartCopy(at, count * made.block_len, origin + first * made.block_len))
        at += count * made.block_len
        block = first + count
    if lacks := body.number():
        last = made.copies.pop()
        made.copies.append(PartCopy(last.target, last.length - lacks, last.basis))
    made.worst, made.failures = body.number(), body.number()
    made.literals = int.from_bytes(body.take(4), "big")
    if flags & DIGEST:
        start, end = -(-offset // CHUNK), -(-(offset + length) // CHUNK)
        made.nodes = nodes_from(body.take(node_bytes(start, end)), start, end)
    require(body.at == len(body.data), "it continues")
    return made


def sealed(body: bytes) -> bytes:
    """A record that was altered, with a check that is right."""
    return body + blake3(body).digest()[:CHECK]
