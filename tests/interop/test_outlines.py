"""Outlines as the second implementation makes them: their nodes make the digest, and are those of a slower tree."""

from __future__ import annotations

import struct

import pytest
from blake3 import blake3

from helpers import parts
from helpers.outline import HASH, PART, digest, has_units, outline, unit_count, unit_log2
from helpers.samples import noise
from helpers.session import Keys, fold, unit_sums

SIZES = [PART + 1, PART + 1024, 2 * PART - 1, 2 * PART, 2 * PART + 1, 3 * PART + 1025, 5 * PART, 7 * PART + 99_999]


@pytest.mark.parametrize("size", SIZES)
def test_the_nodes_make_the_digest(size: int) -> None:
    file = noise(size, size)
    assert digest(file) == blake3(file).digest()
    assert len(outline(file)) == -(-size // PART)


def test_the_entries_are_nodes_of_the_tree() -> None:
    file = noise(3 * PART, 1)
    assert outline(file)[1] == parts.nodes_of(file, 256, 512)[:HASH]
    assert outline(file[: 2 * PART + 700])[2] == parts.chunk(file[2 * PART : 2 * PART + 700], 512)[:HASH]


def test_a_unit_grows_with_the_file() -> None:
    assert [unit_log2(size) for size in (PART + 1, 1 << 32, (1 << 32) + 1, 1 << 33, 1 << 40)] == [18, 18, 19, 19, 26]
    assert [unit_count(size) for size in (PART + 1, 1 << 32, (1 << 32) + 1, 1 << 40)] == [2, 16384, 8193, 16384]
    assert not has_units(PART, PART)
    assert not has_units(PART + 1, PART + 2)
    assert not has_units((1 << 40) + 1, (1 << 40) + 1)
    assert has_units(PART + 1, PART + 1)
    assert has_units(1 << 40, 1 << 40)


def test_the_sum_of_a_unit_is_that_of_its_entries() -> None:
    """Written out for units of one entry."""
    keys = Keys(b"s" * 16, b"r" * 16)
    k0, k1, k2, k3, k4, k5 = keys.words
    file = noise(2 * PART + 5, 2)
    for n, (entry, said) in enumerate(zip(outline(file), unit_sums(keys, file), strict=True)):
        (word,) = struct.unpack("<Q", entry)
        key = (k5 + n * 0x9E3779B97F4A7C15) % 2**64
        sum_ = fold(fold(word ^ k0, k1) ^ k4, fold(k2, k3) ^ key)
        assert said == struct.pack("<Q", sum_)[:4]
