"""Pairs of old and new files: named ones that are known to be hard, and random ones made by edits.

Everything is made from seeds, so every run sees the same bytes. The named pairs are functions of the block length if
the position of a change in a block matters.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import strategies as st

Pair = tuple[bytes, bytes]


def noise(size: int, seed: int) -> bytes:
    """Bytes without structure."""
    return random.Random(seed).randbytes(size)


def prose(size: int, seed: int) -> bytes:
    """Lines of a few words, often repeated: what text looks like to a delta."""
    chance = random.Random(seed)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(1, 9))) for _ in range(300)]
    parts: list[bytes] = []
    length = 0
    while length < size:
        part = chance.choice(words) + (b"\n" if chance.random() < 0.1 else b" ")
        parts.append(part)
        length += len(part)
    return b"".join(parts)[:size]


def random_edits(data: bytes, count: int, seed: int) -> bytes:
    """`count` insertions, deletions, replacements, moves and repetitions at random places."""
    chance = random.Random(seed)
    for _ in range(count):
        at = chance.randint(0, len(data))
        size = chance.choice((1, 2, 10, 300, 3000))
        piece = data[at : at + size]
        without = data[:at] + data[at + size :]
        to = chance.randint(0, len(without))
        data = chance.choice(
            (
                data[:at] + chance.randbytes(size) + data[at:],
                without,
                data[:at] + chance.randbytes(len(piece)) + data[at + len(piece) :],
                without[:to] + piece + without[to:],
                data[:at] + piece + data[at:],
            )
        )
    return data


def _shuffled_blocks(block: int) -> Pair:
    basis = noise(40 * block + 5, 20)
    blocks = [basis[at : at + block] for at in range(0, 40 * block, block)]
    random.Random(21).shuffle(blocks)
    return basis, b"".join(blocks)


def _sparse(block: int) -> Pair:
    island = noise(3 * block // 2, 22)
    basis = bytes(50 * block) + island + bytes(70 * block + 3)
    return basis, bytes(20 * block + 1) + island + bytes(90 * block) + island + bytes(block - 1)


def _short_last(block: int, before: bytes, after: bytes) -> Pair:
    """The basis' short last block is in the new file between `before` and `after`."""
    tail = noise(block // 2 + 1, 23)
    return noise(6 * block, 24) + tail, before + tail + after


def _interleaved(block: int) -> Pair:
    one, two = noise(20 * block, 25), noise(20 * block, 26)
    mixed = b"".join(one[at : at + block] + two[at : at + block] for at in range(0, 20 * block, block))
    return one, mixed


def _equal_except_last_byte(block: int) -> Pair:
    stem = noise(block - 1, 27)
    basis = b"".join(stem + bytes([value]) for value in range(30))
    return basis, b"".join(stem + bytes([value]) for value in range(45, -1, -1))


def _every_block_changed(block: int) -> Pair:
    basis = bytearray(noise(30 * block, 28))
    new = bytearray(basis)
    for at in range(block // 2, len(new), block):
        new[at] ^= 0xFF
    return bytes(basis), bytes(new)


def _continues_previous(block: int) -> Pair:
    """Equal blocks A in several contexts: only the one that continues the previous copy keeps a copy whole."""
    a, b, c, d = (noise(block, seed) for seed in range(30, 34))
    return b + a + c + a + d + a + a + b, a + d + a + a + b + c + a + d + b + a + c


def equal_rollsums(block: int, count: int, seed: int) -> list[bytes]:
    """Different blocks with one rollsum: +1, -2, +1 at equal distances changes neither of its halves."""
    chance = random.Random(seed)
    stem = bytes(chance.choices(range(100, 150), k=block))
    blocks: list[bytes] = []
    for _ in range(count):
        varied = bytearray(stem)
        for _ in range(20):
            distance = chance.randint(1, block // 2 - 1)
            at = chance.randrange(block - 2 * distance)
            for index, change in ((at, 1), (at + distance, -2), (at + 2 * distance, 1)):
                varied[index] += change
        blocks.append(bytes(varied))
    return blocks


PAIRS: dict[str, Callable[[int], Pair]] = {
    "identical": lambda block: (noise(20 * block + 3, 1),) * 2,
    "both_empty": lambda block: (b"", b""),
    "empty_basis": lambda block: (b"", noise(5 * block, 2)),
    "empty_new_file": lambda block: (noise(5 * block, 3), b""),
    "one_byte_each": lambda block: (b"x", b"x"),
    "one_byte_differs": lambda block: (b"x", b"y"),
    "appended": lambda block: (noise(9 * block, 4), noise(9 * block, 4) + noise(100, 5)),
    "prepended": lambda block: (noise(9 * block, 4), noise(100, 5) + noise(9 * block, 4)),
    "one_byte_inserted": lambda block: (
        noise(30 * block, 6),
        noise(30 * block, 6)[: 10 * block + 1] + b"!" + noise(30 * block, 6)[10 * block + 1 :],
    ),
    "first_byte_removed": lambda block: (noise(12 * block + 9, 7), noise(12 * block + 9, 7)[1:]),
    "last_byte_removed": lambda block: (noise(12 * block + 9, 7), noise(12 * block + 9, 7)[:-1]),
    "truncated_in_a_block": lambda block: (noise(12 * block, 8), noise(12 * block, 8)[: 7 * block + block // 2]),
    "halves_swapped": lambda block: (
        noise(16 * block, 9),
        noise(16 * block, 9)[8 * block :] + noise(16 * block, 9)[: 8 * block],
    ),
    "blocks_shuffled": _shuffled_blocks,
    "one_block_repeated": lambda block: (noise(block, 10) * 3 + noise(block, 11), noise(block, 10) * 60),
    "repeated_blocks_in_both": lambda block: (
        (noise(block, 10) * 5 + noise(2 * block, 11)) * 4,
        (noise(2 * block, 11) + noise(block, 10) * 7) * 5 + b"end",
    ),
    "equal_blocks_that_continue_a_copy": _continues_previous,
    "sparse_zeros": _sparse,
    "zeros_grow": lambda block: (bytes(40 * block), bytes(95 * block + 1)),
    "zeros_shrink_to_less_than_a_block": lambda block: (bytes(40 * block), bytes(block - 1)),
    "zeros_against_ones": lambda block: (bytes(20 * block), b"\x01" * (20 * block)),
    "period_does_not_divide_the_block": lambda block: (b"abcde" * (7 * block), b"xx" + b"abcde" * (9 * block)),
    "unrelated": lambda block: (noise(25 * block, 12), noise(26 * block + 1, 13)),
    "reversed": lambda block: (noise(10 * block, 14), noise(10 * block, 14)[::-1]),
    "interleaved": _interleaved,
    "equal_but_for_the_last_byte": _equal_except_last_byte,
    "every_block_changed": _every_block_changed,
    "basis_shorter_than_a_block": lambda block: (noise(block - 1, 15), b"before" + noise(block - 1, 15)),
    "new_file_shorter_than_a_block": lambda block: (noise(4 * block, 16), noise(block - 1, 16)),
    "short_last_block_alone": lambda block: _short_last(block, b"", b""),
    "short_last_block_at_the_end": lambda block: _short_last(block, noise(2 * block + 3, 17), b""),
    "short_last_block_in_the_middle": lambda block: _short_last(block, noise(block, 17), noise(3 * block, 18)),
    "short_last_block_twice": lambda block: _short_last(block, _short_last(block, b"", b"")[1], b""),
    "text_edited": lambda block: (prose(40000, 19), random_edits(prose(40000, 19), 25, 40)),
    "noise_edited": lambda block: (noise(60000, 29), random_edits(noise(60000, 29), 25, 41)),
}


@st.composite
def edited_pairs(draw: st.DrawFn, max_size: int = 6000) -> Pair:
    """A basis and a new file that is made from ranges of it and new bytes."""
    seed = draw(st.integers(0, 1 << 30))
    size = draw(st.integers(0, max_size))
    kind = draw(st.sampled_from(("noise", "prose", "few_values", "zeros")))
    chance = random.Random(seed)
    basis = {
        "noise": lambda: chance.randbytes(size),
        "prose": lambda: prose(size, seed),
        "few_values": lambda: bytes(chance.choices(b"ab", k=size)),
        "zeros": lambda: bytes(size),
    }[kind]()
    return basis, random_edits(basis, draw(st.integers(0, 8)), seed + 1)
