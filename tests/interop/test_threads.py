"""Neither threads, nor a pipe in place of a file, nor the processor's instruction set changes a byte of the output.

The library signs and scans segments of a file in parallel, and then joins the results. So the files here are made to be
awkward at the edges of segments: matches at every offset around an edge, copies and literals across several edges,
equal blocks of which one continues the copy before the edge, files that end at an edge. The output of one thread is
compared with that of any other number, from a file and from a pipe; stock rdiff applies the delta.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.cpu import heeds_cpu
from helpers.samples import Pair, noise, random_edits
from helpers.tool import SANITIZED, Tool, Words

THREADS = (1, 2, 3, 7)
BLOCK_LENGTHS = (64, 256, 2048, 32768, 65537)
HASHES = (("rabinkarp", "blake2"), ("rollsum", "md4"))
LITERAL_MAX = 65535
FAILURES_MAX = 256
"""Strong sums that match nothing, after which the scanner gives up on a budget window. None crosses an edge."""
PIECE_SIZE = 256 * 1024
"""A segment of a signature is as many whole blocks as fit in this many bytes, or eight blocks."""
MANY_SIZE = 2 << 20
"""A file of so many bytes is worth more than one thread."""


def segment_size(block_len: int) -> int:
    """A segment of a scan: the least multiple of 32 blocks (each counts as 128 bytes or more) that is 1 MiB or more."""
    window = 32 * max(block_len, 128)
    return -(-(1 << 20) // window) * window


@dataclass(frozen=True)
class Bench:
    """Both commands, the parameters of the signature, and a folder for the files."""

    redelta: Tool
    rdiff: Tool
    folder: Path
    block_len: int
    options: tuple[str, ...]

    @property
    def segment(self) -> int:
        return segment_size(self.block_len)

    def signature(self, basis: bytes) -> bytes:
        """The signature, after it was made in all ways."""
        return self.made_in_all_ways(("signature", *self.options), self.folder / "basis", basis)

    def delta(self, signature: Path, new: bytes) -> bytes:
        """The delta, after it was made in all ways."""
        return self.made_in_all_ways(("delta", signature), self.folder / "new", new)

    def made_in_all_ways(self, words: Words, name: Path, data: bytes) -> bytes:
        """The command's output for the data, which must be the same for all threads, from a file and from a pipe."""
        name.write_bytes(data)
        made = self.redelta.run(*words, "-T", "1", name).done()
        for threads in THREADS:
            if threads > 1:
                found = self.redelta.run(*words, "-T", str(threads), name).done()
                assert found == made, f"{words}: {threads} threads, {len(data)} bytes"
            found = self.redelta.run(*words, "-T", str(threads), stdin=data).done()
            assert found == made, f"{words}: {threads} threads, {len(data)} bytes in a pipe"
        return made

    def check(self, basis: bytes, *new_files: bytes) -> None:
        """The signature and all deltas, in all ways; and the deltas are right."""
        signature = self.folder / "signature"
        signature.write_bytes(self.signature(basis))
        for new in new_files:
            delta = self.delta(signature, new)
            assert self.rdiff.run("patch", self.folder / "basis", stdin=delta).done() == new


@pytest.fixture(params=HASHES, ids="-".join)
def hashes(request: pytest.FixtureRequest) -> tuple[str, str]:
    weak, strong = request.param
    return weak, strong


@pytest.fixture(params=BLOCK_LENGTHS)
def bench(redelta: Tool, rdiff: Tool, tmp_path: Path, hashes: tuple[str, str], request: pytest.FixtureRequest) -> Bench:
    weak, strong = hashes
    options = ("-b", str(request.param), "-R", weak, "-H", strong)
    return Bench(redelta, rdiff, tmp_path, request.param, options)


# ---- Files ----------------------------------------------------------------------------------------------------------


def with_repeats(block: int, size: int, seed: int) -> bytes:
    """Blocks of noise, a third of them equal, and a short last one."""
    chance = random.Random(seed)
    common = chance.randbytes(block)
    blocks = [common if chance.random() < 0.3 else chance.randbytes(block) for _ in range(size // block)]
    return b"".join(blocks) + chance.randbytes(block // 2 + 1)


def round_and_round(data: bytes, size: int) -> bytes:
    """The first `size` bytes of `data` repeated forever."""
    return (data * (size // len(data) + 1))[:size]


def offsets_at_edges(block: int) -> Iterator[int]:
    """The start of a match, from an edge: on every side of it, and a block before and after it."""
    step = (1 if block == 64 else 3 if block == 256 else 10) * (3 if SANITIZED else 1)
    yield from range(-40, 41, step)
    yield from (-1, 1)
    for distance in (-block, block):
        yield from range(distance - 2, distance + 3, step)
        yield distance


def matches_at_edges(block: int, segment: int) -> Pair:
    """At edge after edge, some blocks of the basis between new bytes. The rest of the new file is copies as well."""
    chance = random.Random(70)
    basis = with_repeats(block, segment, 71)
    parts: list[bytes] = []
    size = 0
    for edge, offset in enumerate(offsets_at_edges(block), 1):
        before = chance.randbytes(chance.choice((0, 1, 2 * block + 7)))
        block_from = chance.randrange(len(basis) // block - 5)
        match = basis[block_from * block :][: block * chance.choice((1, 2, 5))]
        behind = chance.randbytes(chance.choice((0, 1, block + 3)))
        filler = round_and_round(basis, edge * segment + offset - len(before) - size)
        parts += (filler, before, match, behind)
        size += sum(map(len, parts[-4:]))
    return basis, b"".join(parts)


def literals_across_edges(block: int, segment: int) -> Pair:
    """Literals, each with an edge in its middle, as long as one command allows, one more, one less, and much longer."""
    basis = noise(7 * block, 72)
    lengths = (1, LITERAL_MAX - 1, LITERAL_MAX, LITERAL_MAX + 1, 2 * LITERAL_MAX, 2 * LITERAL_MAX + 1, segment - 1)
    parts: list[bytes] = []
    size = 0
    for edge, length in enumerate(lengths, 1):
        parts += (round_and_round(basis, edge * segment - length // 2 - size), noise(length, length))
        size += sum(map(len, parts[-2:]))
    return basis, b"".join((*parts, basis, noise(2 * segment + 5, 73), basis))


def few_blocks_often(block: int, segment: int) -> Pair:
    """Blocks of three kinds in random order: which of the equal ones is copied depends on the copy before."""
    chance = random.Random(74)
    kinds = [chance.randbytes(block) for _ in range(3)]
    gaps = (b"", b"", b"", b"!", chance.randbytes(block // 3))
    count = 5 * segment // (2 * block)
    new = b"".join(part for _ in range(count) for part in (chance.choice(kinds), chance.choice(gaps)))
    return b"".join(chance.choices(kinds, k=50)) + kinds[0][:-1], new


def zeros_with_marks(block: int, segment: int) -> bytes:
    """Zeros with a byte before each edge, from which another grid starts than that of the segment after the edge."""
    distances = (1, 2, block // 2, block - 1, block, block + 1)
    new = bytearray(len(distances) * segment + segment // 2)
    for edge, distance in enumerate(distances, 1):
        new[edge * segment - distance - 1] = 1
    return bytes(new)


def equal_to_a_run(block: int, count: int) -> list[bytes]:
    """Different blocks, each with the rollsum of a block of one byte: +n, -n, -n, +n changes neither of its halves."""
    return [bytes((120 + n, 120 - n, 120 - n, 120 + n)) + bytes([120]) * (block - 4) for n in range(1, count + 1)]


def budgets_spent_at_edges(block: int, segment: int) -> Pair:
    """After each edge a run whose windows all pass the weak sum and fail the strong one, and in it a block to find.

    A copy reaches over the edge into the run. So a scan that starts at the edge makes more strong sums that match
    nothing than one that comes from before it, and gives up earlier: before the block, or after it.
    """
    chance = random.Random(78)
    blocks = equal_to_a_run(block, 20)
    basis = b"".join(blocks)
    parts: list[bytes] = []
    size = 0
    for edge in range(1, 9):
        over = chance.randrange(1, min(block, FAILURES_MAX))
        filler = round_and_round(basis, edge * segment - block + over - size)
        run = bytes([120]) * (FAILURES_MAX - over + chance.randrange(over))
        parts += (filler, chance.choice(blocks), run, chance.choice(blocks))
        size += sum(map(len, parts[-4:]))
    return basis, b"".join(parts)


def sizes_at_edges(block: int, segment: int) -> list[int]:
    """Every side of one and of two segments, and of a segment and the bytes that the scanner looks ahead."""
    sizes = {edge * segment + more for edge in (1, 2) for more in (-1, 0, 1)}
    return sorted(sizes | {segment + block + more for more in (-1, 0, 1)} | {2 * segment + block // 2 + 1})


# ---- Threads and pipes ----------------------------------------------------------------------------------------------


def test_matches_at_every_place_around_an_edge(bench: Bench) -> None:
    bench.check(*matches_at_edges(bench.block_len, bench.segment))


def test_copies_across_several_segments(bench: Bench) -> None:
    basis = noise(3 * bench.segment + bench.block_len // 3, 75)
    bench.check(basis, basis, noise(bench.block_len // 2 + 5, 76) + basis[3 * bench.block_len :] + b"between" + basis)


def test_literals_across_edges(bench: Bench) -> None:
    bench.check(*literals_across_edges(bench.block_len, bench.segment))


def test_equal_blocks_across_edges(bench: Bench) -> None:
    bench.check(*few_blocks_often(bench.block_len, bench.segment))


def test_zeros(bench: Bench) -> None:
    """Without marks, all copies of a segment must be chosen again, because the basis is shorter than a segment."""
    without_marks = bytes(3 * bench.segment + bench.block_len // 2)
    bench.check(bytes(9 * bench.block_len + 5), without_marks, zeros_with_marks(bench.block_len, bench.segment))


def test_period_that_does_not_divide_the_block(bench: Bench) -> None:
    bench.check(b"abcdefg" * (3 * bench.block_len), b"xx" + b"abcdefg" * (3 * bench.segment // 7) + b"abc")


def test_new_file_that_ends_near_an_edge(bench: Bench) -> None:
    """With whole blocks, shifted by a byte, and with the basis' short last block."""
    basis = with_repeats(bench.block_len, 9 * bench.block_len, 77)
    tail = basis[9 * bench.block_len :]
    new_files: list[bytes] = []
    for number, size in enumerate(sizes_at_edges(bench.block_len, bench.segment)):
        ends = (b"", tail, tail + b"!")
        end = ends[number % len(ends)]
        new_files.append(b"x" + round_and_round(basis, size - 1 - len(end)) + end)
    bench.check(basis, *new_files)


def test_signature_of_a_file_that_ends_near_an_edge(bench: Bench) -> None:
    piece = max(PIECE_SIZE // bench.block_len, 8) * bench.block_len
    many = MANY_SIZE // piece + 1
    for size in (piece - 1, piece, piece + 1, many * piece, many * piece + bench.block_len, many * piece - 1):
        bench.signature(noise(size, size))


@pytest.mark.parametrize("block_len", [64, 2048])
def test_budgets_spent_at_edges(redelta: Tool, rdiff: Tool, tmp_path: Path, block_len: int) -> None:
    bench = Bench(redelta, rdiff, tmp_path, block_len, ("-b", str(block_len), "-R", "rollsum", "-S", "8"))
    bench.check(*budgets_spent_at_edges(block_len, bench.segment))


# ---- Instruction sets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cpu", ["portable", "sse41", "avx2"])
def test_instruction_set_changes_nothing(bench: Bench, cpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not heeds_cpu(bench.redelta.path):
        pytest.skip("not a build for tests: it does not look at REDELTA_CPU")
    basis = with_repeats(bench.block_len, 2 * bench.segment, 80)
    basis_file, signature_file, new_file = (bench.folder / name for name in ("basis", "signature", "new"))
    basis_file.write_bytes(basis)
    new_file.write_bytes(random_edits(basis, 40, 81))
    sign: Words = ("signature", *bench.options, "-T", "2", basis_file)
    diff: Words = ("delta", "-T", "2", signature_file, new_file)
    signature = bench.redelta.run(*sign).done()
    signature_file.write_bytes(signature)
    delta = bench.redelta.run(*diff).done()
    monkeypatch.setenv("REDELTA_CPU", cpu)
    assert bench.redelta.run(*sign).done() == signature
    assert bench.redelta.run(*diff).done() == delta
