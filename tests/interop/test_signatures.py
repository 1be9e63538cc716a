"""Signatures are librsync's, byte for byte: stock rdiff makes the same bytes from the same file and options."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.samples import noise
from helpers.tool import Tool
from helpers.wire import STRONG_LENGTHS, read_signature

MAGICS = [
    pytest.param(weak, strong, id=f"{weak}-{strong}") for weak in ("rabinkarp", "rollsum") for strong in STRONG_LENGTHS
]
LARGER_THAN_THE_FILE = 3_000_000
BLOCK_LENGTHS = (1, 2, 7, 256, 2048, 65536, LARGER_THAN_THE_FILE)
MEGABYTES = 2_300_001


def edge_sizes(block_len: int) -> list[int]:
    """No byte, one, every side of one block, several blocks with and without a short last one."""
    block = 2048 if block_len in (0, LARGER_THAN_THE_FILE) else block_len
    return sorted({0, 1, block - 1, block, block + 1, 3 * block, 4 * block - 1})


def options(weak: str, strong: str, block_len: int, strong_len: int) -> list[str]:
    """The same arguments for both commands."""
    return ["-R", weak, "-H", strong, "-b", str(block_len), "-S", str(strong_len)]


def assert_same(redelta: Tool, rdiff: Tool, words: list[str], basis: Path) -> bytes:
    """Both commands give the same signature of the file; returns it."""
    ours = redelta.run("signature", *words, basis).done()
    assert ours == rdiff.run("signature", *words, basis).done(), f"{words} on {basis.stat().st_size} bytes"
    return ours


@pytest.mark.parametrize("block_len", BLOCK_LENGTHS)
@pytest.mark.parametrize(("weak", "strong"), MAGICS)
def test_signature_is_stocks_at_every_edge_of_the_file_size(
    redelta: Tool, rdiff: Tool, tmp_path: Path, weak: str, strong: str, block_len: int
) -> None:
    for size in edge_sizes(block_len):
        basis = tmp_path / f"basis-{size}"
        basis.write_bytes(noise(size, size))
        for strong_len in (1, 8, 12, STRONG_LENGTHS[strong], -1):
            assert_same(redelta, rdiff, options(weak, strong, block_len, strong_len), basis)


@pytest.mark.parametrize("block_len", [0, *BLOCK_LENGTHS])
@pytest.mark.parametrize(("weak", "strong"), MAGICS)
def test_signature_of_megabytes_is_stocks(
    redelta: Tool, rdiff: Tool, tmp_path: Path, weak: str, strong: str, block_len: int
) -> None:
    basis = tmp_path / "basis"
    basis.write_bytes(noise(MEGABYTES if block_len == 0 or block_len >= 256 else 300_001, 1))
    for strong_len in (8, 0, -1):
        assert_same(redelta, rdiff, options(weak, strong, block_len, strong_len), basis)


@pytest.mark.parametrize("strong_len", [0, -1])
def test_recommended_lengths_are_stocks_for_every_size(
    redelta: Tool, rdiff: Tool, tmp_path: Path, strong_len: int
) -> None:
    basis = tmp_path / "basis"
    steps = (127, 128, 255, 256, 257, 383, 384, 511, 512, 640, 1024, 2048, 4096)
    around_steps = (step * step + delta for step, delta in itertools.product(steps, (-1, 0, 1)))
    for size in (0, 1, 100, *around_steps):
        with basis.open("wb") as file:
            file.truncate(size)
        signature = assert_same(redelta, rdiff, ["-S", str(strong_len)], basis)
        assert read_signature(signature).block_len >= 256


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x80", b"\x7f"])
@pytest.mark.parametrize(("weak", "strong"), MAGICS)
def test_signature_of_equal_bytes_is_stocks(
    redelta: Tool, rdiff: Tool, tmp_path: Path, weak: str, strong: str, fill: bytes
) -> None:
    """The values at which sums in too few bits, or of signed bytes, go wrong."""
    basis = tmp_path / "basis"
    basis.write_bytes(fill * 300_003)
    for block_len in (5, 1000, 70_000):
        assert_same(redelta, rdiff, options(weak, strong, block_len, 0), basis)


@given(
    data=st.binary(max_size=700),
    repeat=st.integers(1, 20),
    block_len=st.integers(1, 3000),
    weak=st.sampled_from(("rabinkarp", "rollsum")),
    strong=st.sampled_from(("blake2", "md4")),
    strong_len=st.integers(-1, 16),
)
def test_signature_of_any_file_is_stocks(
    redelta: Tool,
    rdiff: Tool,
    tmp_path: Path,
    data: bytes,
    repeat: int,
    block_len: int,
    weak: str,
    strong: str,
    strong_len: int,
) -> None:
    basis = tmp_path / "basis"
    basis.write_bytes(data * repeat)
    assert_same(redelta, rdiff, options(weak, strong, block_len, strong_len), basis)


# ---- The same invocation, however the basis arrives -----------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [[], ["-S", "0"], ["-S", "-1"], ["-S", "8"], ["-b", "100"], ["-b", "100", "-S", "-1"]]
)
@pytest.mark.parametrize("size", [0, 5000, 300_001])
def test_signature_from_standard_input_is_stocks(
    redelta: Tool, rdiff: Tool, tmp_path: Path, words: list[str], size: int
) -> None:
    """A redirected file has a known size, a pipe has none: the recommended lengths differ, like stock's."""
    data = noise(size, 2)
    basis = tmp_path / "basis"
    basis.write_bytes(data)
    for name in ([], ["-"]):
        assert redelta.run("signature", *words, *name, stdin=data).done() == (
            rdiff.run("signature", *words, *name, stdin=data).done()
        )
        with basis.open("rb") as one, basis.open("rb") as other:
            assert redelta.run("signature", *words, *name, stdin=one).done() == (
                rdiff.run("signature", *words, *name, stdin=other).done()
            )


def test_signature_written_to_a_name_is_stocks(redelta: Tool, rdiff: Tool, tmp_path: Path) -> None:
    basis, ours, stocks = (tmp_path / name for name in ("basis", "ours", "stocks"))
    basis.write_bytes(noise(100_000, 3))
    redelta.run("signature", basis, ours).done()
    rdiff.run("signature", basis, stocks).done()
    assert ours.read_bytes() == stocks.read_bytes()
