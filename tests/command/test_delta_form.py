"""A delta, command by command: the greedy parse, in the canonical form.

The reference is a scan in plain Python that looks blocks up by their bytes. The delta must have the same literals, and
need no more commands.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.samples import PAIRS, Pair, edited_pairs, noise
from helpers.tool import Tool
from helpers.wire import (
    Copy,
    Literal,
    apply_delta,
    assert_canonical,
    encode_delta,
    greedy_commands,
    literal_bytes,
    read_delta,
)


def make_delta(redelta: Tool, folder: Path, pair: Pair, block_len: int) -> bytes:
    """The delta for blocks of this length, with full strong sums."""
    signature = folder / "signature"
    signature.write_bytes(redelta.run("signature", "-b", str(block_len), stdin=pair[0]).done())
    return redelta.run("delta", signature, stdin=pair[1]).done()


def assert_greedy(pair: Pair, block_len: int, delta: bytes) -> None:
    """Right, canonical, and with the matches of the slow greedy scan."""
    assert apply_delta(pair[0], delta) == pair[1]
    assert_canonical(delta, pair[1])
    expected = greedy_commands(*pair, block_len)
    made = read_delta(delta).commands
    assert literal_bytes(made) == literal_bytes(expected)
    assert sum(isinstance(each, Copy) for each in made) <= sum(isinstance(each, Copy) for each in expected)


@pytest.mark.parametrize("name", PAIRS)
def test_hard_pairs_are_parsed_greedily(redelta: Tool, tmp_path: Path, name: str) -> None:
    for block_len in (2, 5, 128, 2048):
        pair = PAIRS[name](block_len)
        assert_greedy(pair, block_len, make_delta(redelta, tmp_path, pair, block_len))


@given(pair=edited_pairs(), block_len=st.one_of(st.integers(1, 20), st.integers(1, 3000)))
def test_random_edits_are_parsed_greedily(redelta: Tool, tmp_path: Path, pair: Pair, block_len: int) -> None:
    assert_greedy(pair, block_len, make_delta(redelta, tmp_path, pair, block_len))


@given(basis=st.text("ab", max_size=30), new=st.text("ab", max_size=40), block_len=st.integers(1, 5))
def test_tiny_files_are_parsed_greedily(redelta: Tool, tmp_path: Path, basis: str, new: str, block_len: int) -> None:
    pair = (basis.encode(), new.encode())
    assert_greedy(pair, block_len, make_delta(redelta, tmp_path, pair, block_len))


def test_an_unchanged_file_is_one_copy(redelta: Tool, tmp_path: Path) -> None:
    for size in (1, 100, 255, 256, 257, 100_000):
        data = noise(size, 1)
        assert make_delta(redelta, tmp_path, (data, data), 100) == encode_delta([Copy(0, size)], data)


def test_of_equal_blocks_the_first_is_copied(redelta: Tool, tmp_path: Path) -> None:
    block, other = noise(64, 2), noise(64, 3)
    new = b"+" + block
    delta = make_delta(redelta, tmp_path, (other + block + other + block + block, new), 64)
    assert delta == encode_delta([Literal(b"+"), Copy(64, 64)], new)


def test_of_equal_blocks_the_one_that_continues_the_copy_wins(redelta: Tool, tmp_path: Path) -> None:
    a, b, c = (noise(64, seed) for seed in (4, 5, 6))
    new = b + a + c + a
    assert make_delta(redelta, tmp_path, (a + new, new), 64) == encode_delta([Copy(64, 256)], new)


def test_a_short_last_block_matches_only_at_the_end(redelta: Tool, tmp_path: Path) -> None:
    whole, tail = noise(64, 7), noise(10, 8)
    basis = whole + tail
    new = b"xyz" + tail
    assert make_delta(redelta, tmp_path, (basis, new), 64) == encode_delta([Literal(b"xyz"), Copy(64, 10)], new)
    elsewhere = tail + noise(70, 9)
    assert literal_bytes(read_delta(make_delta(redelta, tmp_path, (basis, elsewhere), 64)).commands) == len(elsewhere)


def test_a_file_without_a_match_is_one_literal(redelta: Tool, tmp_path: Path) -> None:
    for size in (1, 64, 65, 255, 256, 10_000):
        new = noise(size, 10)
        assert make_delta(redelta, tmp_path, (noise(5000, 11), new), 500) == encode_delta([Literal(new)], new)


def test_swapping_two_halves_needs_two_copies(redelta: Tool, tmp_path: Path) -> None:
    data = noise(100_000, 12)
    new = data[50_000:] + data[:50_000]
    expected = encode_delta([Copy(50_000, 50_000), Copy(0, 50_000)], new)
    assert make_delta(redelta, tmp_path, (data, new), 1000) == expected
