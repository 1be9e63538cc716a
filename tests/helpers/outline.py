"""Outlines of files, as docs/formats.md has them: nodes of the tree of BLAKE3, made of many chunks at a time by numpy.

The package blake3 gives no nodes, and those of helpers.parts are too slow for so many bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from helpers.parts import CHUNK, COLUMNS, DIAGONALS, END, IV, MASK, ORDER, PARENT, ROOT, START, chunk

Words = NDArray[np.uint32]

LEVELS = 8
"""Between chunks and the parts that an outline is of."""
PART = CHUNK << LEVELS
HASH = 8
"""Bytes of a node that an outline has."""
UNITS_LOG2 = 14
SIZE_MAX = 1 << 40


def turned(value: Words, bits: int) -> Words:
    return value >> np.uint32(bits) | value << np.uint32(32 - bits)


def mix(v: list[Words], a: int, b: int, c: int, d: int, x: Words, y: Words) -> None:
    v[a] = v[a] + v[b] + x
    v[d] = turned(v[d] ^ v[a], 16)
    v[c] = v[c] + v[d]
    v[b] = turned(v[b] ^ v[c], 12)
    v[a] = v[a] + v[b] + y
    v[d] = turned(v[d] ^ v[a], 8)
    v[c] = v[c] + v[d]
    v[b] = turned(v[b] ^ v[c], 7)


def compress(chaining: Words, words: Words, numbers: NDArray[np.uint64], flags: int) -> Words:
    """Of each row: the 8 words of its chaining value, and the 16 of its block."""

    def filled(value: int) -> Words:
        return np.full(len(words), value, np.uint32)

    block = [np.ascontiguousarray(words[:, j]) for j in range(16)]
    counter = [(numbers & np.uint64(MASK)).astype(np.uint32), (numbers >> np.uint64(32)).astype(np.uint32)]
    v = [*chaining.T, *(filled(word) for word in IV[:4]), *counter, filled(64), filled(flags)]
    for _ in range(7):
        for j, place in enumerate((*COLUMNS, *DIAGONALS)):
            mix(v, *place, block[2 * j], block[2 * j + 1])
        block = [block[j] for j in ORDER]
    return np.stack([v[j] ^ v[j + 8] for j in range(8)], axis=1)


def beginning(count: int) -> Words:
    return np.tile(np.array(IV, np.uint32), (count, 1))


def chunks(file: bytes) -> Words:
    """The node of each chunk of a file that has more than one, in rows of words."""
    count = len(file) // CHUNK
    words = np.frombuffer(file, "<u4", count * CHUNK // 4).astype(np.uint32).reshape(count, 16, 16)
    made = beginning(count)
    for i in range(16):
        flags = (START if i == 0 else 0) | (END if i == 15 else 0)
        made = compress(made, words[:, i], np.arange(count, dtype=np.uint64), flags)
    if len(file) % CHUNK:
        last = np.frombuffer(chunk(file[count * CHUNK :], count), "<u4").astype(np.uint32)
        made = np.concatenate([made, last[np.newaxis]])
    return made


def above(nodes: Words, root: bool = False) -> Words:
    """The node above each two; the last one rises by itself if there is no other."""
    pairs = len(nodes) // 2
    flags = PARENT | (ROOT if root else 0)
    made = compress(beginning(pairs), nodes[: 2 * pairs].reshape(pairs, 16), np.zeros(pairs, np.uint64), flags)
    return np.concatenate([made, nodes[2 * pairs :]])


def part_nodes(file: bytes, levels: int = LEVELS) -> Words:
    """The node of each 2^levels chunks of a file, 2^18 bytes, that is none but the root of the whole file."""
    nodes = chunks(file)
    for _ in range(levels):
        nodes = above(nodes)
    return nodes


def digest(file: bytes) -> bytes:
    """By way of its nodes; of a file that has an outline."""
    nodes = part_nodes(file)
    while len(nodes) > 1:
        nodes = above(nodes, root=len(nodes) == 2)
    return nodes.astype("<u4").tobytes()


def outline(file: bytes) -> list[bytes]:
    made: list[bytes] = [row.tobytes()[:HASH] for row in part_nodes(file).astype("<u4")]
    return made


def has_units(old_size: int, new_size: int) -> bool:
    """May the receiver say the sums of units?"""
    return old_size == new_size and PART < new_size <= SIZE_MAX


def unit_log2(size: int) -> int:
    return next(e for e in range(18, 64) if 1 << (e + UNITS_LOG2) >= size)


def unit_count(size: int) -> int:
    return -(-size >> unit_log2(size))
