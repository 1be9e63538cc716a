"""Deltas are exchanged: each command applies the other's deltas, made with the other's signatures.

Every pair of files goes through all combinations: our delta is applied by Python's reader, by stock rdiff and by us;
stock's delta is applied by us. Ours is also never larger than stock's by more than 16 bytes and the trailer, and is in
the canonical form. Strong sums here are long enough that chance matches do not occur.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.samples import PAIRS, Pair, edited_pairs, equal_rollsums, noise, prose, random_edits
from helpers.tool import Tool, Words
from helpers.wire import TRAILER_LENGTH, Copy, apply_delta, assert_canonical, read_delta, rollsum

SLACK = 16 + TRAILER_LENGTH


@dataclass(frozen=True)
class Square:
    """Both commands and a folder for the files between them."""

    redelta: Tool
    rdiff: Tool
    folder: Path

    def check(self, pair: Pair, *options: str) -> None:
        """Signature, both deltas, and all ways to apply them."""
        basis, new, signature = (self.folder / name for name in ("basis", "new", "signature"))
        basis.write_bytes(pair[0])
        new.write_bytes(pair[1])
        made = self.redelta.run("signature", *options, basis).done()
        assert made == self.rdiff.run("signature", *options, basis).done()
        signature.write_bytes(made)

        ours = self.redelta.run("delta", signature, new).done()
        stocks = self.rdiff.run("delta", signature, new).done()
        assert_canonical(ours, pair[1])
        assert apply_delta(pair[0], ours) == pair[1]
        assert self.rdiff.run("patch", basis, stdin=ours).done() == pair[1]
        assert self.redelta.run("patch", basis, stdin=ours).done() == pair[1]
        assert self.redelta.run("patch", basis, stdin=stocks).done() == pair[1]
        assert len(ours) <= len(stocks) + SLACK, f"{options}: ours {len(ours)} bytes, stock's {len(stocks)}"


@pytest.fixture
def square(redelta: Tool, rdiff: Tool, tmp_path: Path) -> Square:
    return Square(redelta, rdiff, tmp_path)


@pytest.mark.parametrize("options", [[], ["-T", "1"], ["--quiet"]])
def test_a_delta_for_strict_readers_ends_with_its_end(square: Square, options: list[str]) -> None:
    """Stock ignores what follows the END command; other readers refuse it, and want a delta of --no-verify."""
    for block_len, (old, new) in ((100, PAIRS["text_edited"](100)), (2048, (noise(5_000, 1), noise(300_000, 2)))):
        signature, basis = square.folder / "signature", square.folder / "basis"
        basis.write_bytes(old)
        signature.write_bytes(square.rdiff.run("signature", "-b", str(block_len), basis).done())
        strict = square.redelta.run("delta", "--no-verify", *options, signature, stdin=new).done()
        assert read_delta(strict).end == len(strict)
        usual = square.redelta.run("delta", *options, signature, stdin=new).done()
        assert read_delta(usual).end == len(usual) - TRAILER_LENGTH
        for delta in (strict, usual):
            assert square.rdiff.run("patch", basis, stdin=delta).done() == new
            patched = square.redelta.run("patch", basis, stdin=delta)
            assert patched.done() == new
            assert patched.err == b"", "an unverified delta is nothing to warn of"


@pytest.mark.parametrize("name", PAIRS)
def test_deltas_cross_over_for_the_hard_pairs(square: Square, name: str) -> None:
    for block_len, weak, strong in (
        (2, "rabinkarp", "blake2"),
        (64, "rabinkarp", "md4"),
        (511, "rollsum", "blake2"),
        (2048, "rollsum", "md4"),
        (2048, "rabinkarp", "blake2"),
    ):
        square.check(PAIRS[name](block_len), "-b", str(block_len), "-R", weak, "-H", strong)


@pytest.mark.parametrize(
    "name", ["text_edited", "noise_edited", "unrelated", "sparse_zeros", "short_last_block_at_the_end"]
)
def test_deltas_cross_over_with_recommended_lengths(square: Square, name: str) -> None:
    for strong_len in ("0", "-1", "12"):
        square.check(PAIRS[name](2048), "-S", strong_len)


def test_deltas_cross_over_when_the_block_is_larger_than_the_files(square: Square) -> None:
    for basis, new in (
        (noise(3000, 50), noise(3000, 50)),
        (noise(3000, 50), b"before" + noise(3000, 50)),
        (b"", b"new"),
    ):
        square.check((basis, new), "-b", "65536")


def test_deltas_cross_over_for_blocks_of_one_byte(square: Square) -> None:
    square.check((noise(3000, 51), noise(2500, 52)), "-b", "1")
    square.check((b"ab", b"abba" * 300 + b"c"), "-b", "1")


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 255, 256, 257, 65535, 65536, 65537, 300_000])
def test_literals_of_every_width_cross_over(square: Square, size: int) -> None:
    square.check((noise(2048, 53), noise(size, 54)))


@pytest.mark.parametrize("count", [1, 255, 256, 257, 65535, 65536, 65537])
def test_copies_of_every_width_cross_over(square: Square, count: int) -> None:
    """Offsets and lengths on each side of one, two and four bytes, with a literal between them."""
    basis = noise(count + 256, 55)[: count + 256 - count % 4]
    square.check((basis, basis[4 * (count // 4) :] + b"!" + basis[: 4 * (count // 4)]), "-b", "4")


def test_deltas_of_megabytes_cross_over(square: Square) -> None:
    basis = noise(2_000_000, 56) + prose(1_500_000, 57) + bytes(1_000_000)
    square.check((basis, random_edits(basis, 60, 58)))
    square.check((basis, basis[1_700_001:] + noise(400_000, 59) + basis[:1_900_000]), "-b", "1000", "-R", "rollsum")


def test_different_blocks_with_equal_weak_sums_are_told_apart(redelta: Tool, rdiff: Tool, tmp_path: Path) -> None:
    """Every window at a block's boundary passes the weak sum, so only the strong sum can distinguish them."""
    signature, basis_file = tmp_path / "signature", tmp_path / "basis"
    blocks = equal_rollsums(64, 600, 61)
    assert len(set(blocks)) > 500
    assert len({rollsum(block) for block in blocks}) == 1
    basis, new = b"".join(blocks[:300]), b"".join(blocks[600:250:-1])
    basis_file.write_bytes(basis)
    signature.write_bytes(redelta.run("signature", "-R", "rollsum", "-b", "64", basis_file).done())
    ours = redelta.run("delta", signature, stdin=new).done()
    assert apply_delta(basis, ours) == new
    assert rdiff.run("patch", basis_file, stdin=ours).done() == new
    copied = [each for each in read_delta(ours).commands if isinstance(each, Copy)]
    assert copied, "no block was found"


@given(
    pair=edited_pairs(),
    block_len=st.one_of(st.integers(1, 20), st.integers(1, 3000)),
    weak=st.sampled_from(("rabinkarp", "rollsum")),
    strong=st.sampled_from(("blake2", "md4")),
    strong_len=st.integers(8, 16),
)
def test_deltas_cross_over_after_random_edits(
    redelta: Tool,
    rdiff: Tool,
    tmp_path: Path,
    pair: Pair,
    block_len: int,
    weak: str,
    strong: str,
    strong_len: int,
) -> None:
    words = ("-b", str(block_len), "-R", weak, "-H", strong, "-S", str(strong_len))
    Square(redelta, rdiff, tmp_path).check(pair, *words)


def test_standard_streams_take_the_place_of_every_name(redelta: Tool, rdiff: Tool, tmp_path: Path) -> None:
    """The same invocations with pipes give the same bytes as stock's."""
    basis, signature, delta = (tmp_path / name for name in ("basis", "signature", "delta"))
    basis.write_bytes(noise(70_000, 60))
    new = noise(70_000, 60)[:33_333] + b"new" + noise(70_000, 60)[30_000:]
    signature.write_bytes(rdiff.run("signature", basis).done())
    deltas: list[Words] = [["delta", signature], ["delta", signature, "-"], ["delta", signature, "-", "-"]]
    for words in deltas:
        ours = redelta.run(*words, stdin=new).done()
        stocks = rdiff.run(*words, stdin=new).done()
        assert apply_delta(basis.read_bytes(), ours) == apply_delta(basis.read_bytes(), stocks) == new
    delta.write_bytes(rdiff.run("delta", signature, stdin=new).done())
    patches: list[Words] = [["patch", basis], ["patch", basis, "-"], ["patch", basis, "-", "-"]]
    for words in patches:
        assert redelta.run(*words, stdin=delta.read_bytes()).done() == new
        assert rdiff.run(*words, stdin=delta.read_bytes()).done() == new
    with basis.open("rb") as redirected:
        assert redelta.run("patch", "-", delta, stdin=redirected).done() == new
