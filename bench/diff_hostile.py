"""Pairs that are crafted against whatever finds matches between two files: for bench/versus-diff --hostile.

A matcher looks up places of the new file in an index of the old one, extends what it finds, and matches what is left
between two copies once more, more finely. So there are pairs in which every look-up finds something (periods, words in
which every factor recurs), in which much is compared before a candidate turns out to be worse than another (copies that
differ late), in which candidates are many (equal blocks), and in which what is left has a wide neighbourhood (anchors
far apart in the old file, or in another order). Both files of a pair are about as long as asked for. Each pair differs
in some bytes, lest one copy be all there is to find.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from synthetic import noise

Made = tuple[bytes, bytes]
PERIODS = range(1, 65)
CHANGE_EVERY = 4096  # bytes
BLOCK = 32  # what an index is likely to hash
KILOBYTE = 1024


def repeated(cycle: bytes, size: int) -> bytes:
    return (cycle * (size // len(cycle) + 1))[:size]


def altered(data: bytes, rng: random.Random, every: int = CHANGE_EVERY) -> bytes:
    """One byte in so many is another."""
    found = bytearray(data)
    for at in range(0, len(found) - every + 1, every):
        found[at + rng.randrange(every)] ^= rng.randint(1, 255)
    return bytes(found)


# ---- Everything matches ----------------------------------------------------------------------------------------------


def unrelated(size: int, rng: random.Random) -> Made:
    return noise(rng, size), noise(rng, size)


def periodic(period: int, size: int, rng: random.Random) -> Made:
    old = repeated(rng.randbytes(period), size)
    return old, altered(old[1:] + old[:1], rng)


def one_byte(size: int, rng: random.Random) -> Made:
    """A run of a byte in both, longer in the new file."""
    return bytes(size), bytes(size + size // 8)


def runs(size: int, rng: random.Random) -> Made:
    """Runs of one byte, of all lengths, that end in a byte of their own."""

    def some(seed: int) -> bytes:
        chance = random.Random(seed)
        pieces: list[bytes] = []
        length = 0
        while length < size:
            pieces.append(bytes(chance.randint(1, 300)) + bytes([chance.randint(1, 255)]))
            length += len(pieces[-1])
        return b"".join(pieces)[:size]

    return some(rng.randrange(1 << 30)), some(rng.randrange(1 << 30))


def thue_morse_word(size: int) -> bytes:
    """No factor occurs three times in a row, each recurs soon: t(n) is the parity of the ones of n in binary."""
    word = b"a"
    flip = bytes.maketrans(b"ab", b"ba")
    while len(word) < size:
        word += word.translate(flip)
    return word[:size]


def fibonacci_word(size: int) -> bytes:
    """The word with the fewest different factors that has no period: f(n) = f(n - 1) f(n - 2)."""
    shorter, word = b"a", b"ab"
    while len(word) < size:
        shorter, word = word, word + shorter
    return word[:size]


def de_bruijn_word(size: int, order: int = 24) -> bytes:
    """Each of the 2^order factors of that many letters occurs once: the output of a shift register with feedback, whose
    taps 24, 23, 22, 17 are of a primitive polynomial."""
    word = bytearray(size)
    state = 1
    for at in range(size):
        word[at] = 97 + (state & 1)
        bit = (state ^ state >> 1 ^ state >> 2 ^ state >> 7) & 1
        state = state >> 1 | bit << (order - 1)
    return bytes(word)


def word_pair(make: Callable[[int], bytes]) -> Callable[[int, random.Random], Made]:
    def pair(size: int, rng: random.Random) -> Made:
        word = make(size + 7919)
        return word[:size], altered(word[7919:], rng)

    return pair


# ---- Many candidates -------------------------------------------------------------------------------------------------


def variants(block: bytes, size: int, order: random.Random) -> bytes:
    """The block again and again, each time with another byte changed: all pairs of places and values."""
    changes = [(place, value) for place in range(len(block)) for value in range(1, 256)]
    order.shuffle(changes)
    one = b"".join(block[:at] + bytes([block[at] ^ by]) + block[at + 1 :] for at, by in changes)
    return repeated(one, size)


def changed_blocks(size: int, rng: random.Random) -> Made:
    block = rng.randbytes(BLOCK)
    return variants(block, size, random.Random(1)), variants(block, size, random.Random(2))


def equal_blocks(size: int, rng: random.Random) -> Made:
    """One block between random bytes, other ones in each file."""
    block = rng.randbytes(2 * BLOCK)
    count = size // (3 * BLOCK)
    old, new = (b"".join(block + rng.randbytes(BLOCK) for _ in range(count)) for _ in range(2))
    return old, new


def near_copies(size: int, rng: random.Random) -> Made:
    """Copies of a kilobyte, each with one other byte; in the new file each is also shifted by a byte."""
    stem = rng.randbytes(KILOBYTE)

    def copies(shift: int) -> bytes:
        pieces = []
        for _ in range(size // (KILOBYTE + shift)):
            at = rng.randrange(KILOBYTE)
            pieces.append(stem[:at] + rng.randbytes(1 + shift) + stem[at + 1 :])
        return b"".join(pieces)

    return copies(0), copies(1)


def late_difference(size: int, rng: random.Random) -> Made:
    """Records that begin with the same 4000 bytes and end with 96 of their own: a candidate is compared for long, and
    no record of the new file is in the old one."""
    stem = rng.randbytes(4000)
    old, new = (b"".join(stem + rng.randbytes(96) for _ in range(size // 4096)) for _ in range(2))
    return old, new


def growing_prefixes(size: int, rng: random.Random) -> Made:
    """Prefixes of one text, ever longer ones in the old file, shuffled ones in the new: the first candidate is not the
    best one."""
    text = rng.randbytes(8192)
    lengths = [64 * number for number in range(1, 129)]
    rounds = size // sum(lengths) + 1

    def prefixes(order: list[int]) -> bytes:
        return b"".join(text[:length] + rng.randbytes(8) for _ in range(rounds) for length in order)[:size]

    return prefixes(lengths), prefixes(rng.sample(lengths, len(lengths)))


# ---- Wide gaps -------------------------------------------------------------------------------------------------------


def anchored(size: int, rng: random.Random, order: Callable[[int], list[int]], gap: Callable[[], bytes]) -> Made:
    """Anchors of 128 bytes that are in both files, in this order in the new one, and something else between them."""
    count = size // (128 + len(gap()))
    anchors = [rng.randbytes(128) for _ in range(count)]
    old = b"".join(anchor + gap() for anchor in anchors)
    new = b"".join(anchors[number] + gap() for number in order(count))
    return old, new


def far_ends(count: int) -> list[int]:
    """The first, the last, the second, the last but one: two neighbours are far apart in the old file."""
    return [number // 2 if number % 2 == 0 else count - 1 - number // 2 for number in range(count)]


def wide_gaps(size: int, rng: random.Random) -> Made:
    return anchored(size, rng, far_ends, lambda: rng.randbytes(1920))


def backward_gaps(size: int, rng: random.Random) -> Made:
    return anchored(size, rng, lambda count: list(range(count))[::-1], lambda: rng.randbytes(1920))


def equal_seeds(size: int, rng: random.Random) -> Made:
    """What lies between two anchors is the same eight bytes, with one other now and then, at other places in both."""
    seed = rng.randbytes(8)

    def gap() -> bytes:
        return altered(repeated(seed, 8064), rng, 16)

    return anchored(size, rng, lambda count: list(range(count)), gap)


def every_second_byte(size: int, rng: random.Random) -> Made:
    """Between anchors only every second byte is what it was: nothing to copy, and much to extend through."""
    old = bytearray(noise(rng, size))
    new = bytearray(old)
    new[1::2] = noise(rng, len(new[1::2]))
    for at in range(0, size - 128, 4096):
        new[at : at + 128] = old[at : at + 128]
    return bytes(old), bytes(new)


def shuffled(piece: int, size: int, rng: random.Random) -> Made:
    """Pieces in another order: each is a copy of its own, from another place."""
    old = noise(rng, size)
    pieces = [old[at : at + piece] for at in range(0, size, piece)]
    rng.shuffle(pieces)
    return old, b"".join(pieces)


def many_edits(size: int, rng: random.Random) -> Made:
    """A byte is inserted every 48 bytes: the copies are as short as an index finds, and the diagonal always moves."""
    old = noise(rng, size)
    return old, b"".join(old[at : at + 48] + rng.randbytes(1) for at in range(0, size, 48))


HOSTILE: dict[str, Callable[[int, random.Random], Made]] = {
    "one byte": one_byte,
    **{f"period {period}": lambda size, rng, p=period: periodic(p, size, rng) for period in PERIODS},  # type: ignore[misc]
    "runs of one byte": runs,
    "Thue-Morse word": word_pair(thue_morse_word),
    "Fibonacci word": word_pair(fibonacci_word),
    "de Bruijn word": word_pair(de_bruijn_word),
    "changed blocks": changed_blocks,
    "equal blocks": equal_blocks,
    "near copies": near_copies,
    "late difference": late_difference,
    "growing prefixes": growing_prefixes,
    "wide gaps": wide_gaps,
    "backward gaps": backward_gaps,
    "equal seeds": equal_seeds,
    "every second byte": every_second_byte,
    "shuffled 64": lambda size, rng: shuffled(64, size, rng),
    "shuffled 1000": lambda size, rng: shuffled(1000, size, rng),
    "many edits": many_edits,
}
