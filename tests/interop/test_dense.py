"""Dense deltas, by a second reader in Python with the command zstd for its columns, and by stock rdiff once expanded.

Truncated or changed, or with another old file, they make nothing.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings

from helpers.dense import CHECK, HEADER, apply_dense, check
from helpers.samples import Pair, edited_pairs, noise, prose, random_edits
from helpers.tool import Tool
from helpers.wire import WireError, apply_delta


def packed(words: list[int]) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def program(size: int, seed: int) -> bytes:
    """Bytes with an address in every fourth word."""
    source = random.Random(seed)
    words = [source.getrandbits(32) for _ in range(size // 4)]
    for i in range(0, len(words), 4):
        words[i] = 0x400000 + source.randrange(size)
    return packed(words)


def moved(data: bytes, by: int) -> bytes:
    """The same program, with a part put in, and each address after it changed."""
    words = list(struct.unpack(f"<{len(data) // 4}I", data))
    half = len(words) // 2
    for i in range(0, len(words), 4):
        if words[i] - 0x400000 >= 4 * half:
            words[i] += by
    return packed(words[:half]) + noise(by, 1) + packed(words[half:])


PROSE = prose(600_000, 1)
PROGRAM = program(400_000, 2)
PAIRS: dict[str, Pair] = {
    "empty": (b"", b""),
    "from_nothing": (b"", PROSE[:5000]),
    "to_nothing": (PROSE[:5000], b""),
    "same": (PROSE, PROSE),
    "prose": (PROSE, random_edits(PROSE, 300, 3)),
    "program": (PROGRAM, moved(PROGRAM, 1000)),
    "noise": (noise(100_000, 4), noise(100_000, 5)),
    "frames": (noise(300_000, 6), noise(4_500_000, 7) + noise(300_000, 6) + noise(4_500_000, 8)),
}


class Dense:
    """The command, and a folder for the files that it gets."""

    def __init__(self, redelta: Tool, folder: Path) -> None:
        self.redelta = redelta
        self.old, self.new, self.delta = (folder / name for name in ("old", "new", "delta"))

    def make(self, pair: Pair, *options: str) -> bytes:
        self.old.write_bytes(pair[0])
        self.new.write_bytes(pair[1])
        self.delta.write_bytes(self.redelta.run("diff", "--dense", *options, self.old, self.new).done())
        return self.delta.read_bytes()

    def check(self, pair: Pair, rdiff: Tool) -> None:
        dense = self.make(pair)
        assert apply_dense(pair[0], dense) == pair[1]
        assert self.redelta.run("patch", self.old, stdin=dense).done() == pair[1]
        plain = self.redelta.run("expand", self.old, self.delta).done()
        assert apply_delta(pair[0], plain) == pair[1]
        assert rdiff.run("patch", self.old, stdin=plain).done() == pair[1]
        self.redelta.run("verify", self.delta, self.new).done()


@pytest.fixture
def dense(redelta: Tool, tmp_path: Path) -> Dense:
    return Dense(redelta, tmp_path)


@pytest.mark.parametrize("name", PAIRS)
def test_a_second_reader_makes_the_new_file(dense: Dense, rdiff: Tool, name: str) -> None:
    dense.check(PAIRS[name], rdiff)


@settings(max_examples=40)
@given(pair=edited_pairs())
def test_a_second_reader_makes_any_new_file(
    redelta: Tool, rdiff: Tool, tmp_path_factory: pytest.TempPathFactory, pair: Pair
) -> None:
    Dense(redelta, tmp_path_factory.mktemp("dense")).check(pair, rdiff)


def test_it_depends_on_the_level_and_not_on_threads(dense: Dense) -> None:
    pair = PAIRS["program"]
    deltas = {level: dense.make(pair, f"-z{level}") for level in (1, 19)}
    assert len(deltas[19]) < len(deltas[1])
    assert deltas[19] == dense.make(pair)
    for threads in (1, 2, 5):
        assert dense.make(pair, "--threads", str(threads)) == deltas[19]


def test_scattered_changes_take_less_than_in_a_compressed_delta(dense: Dense, redelta: Tool) -> None:
    size = len(dense.make(PAIRS["program"]))
    assert size < 0.8 * len(redelta.run("diff", "-z19", dense.old, dense.new).done())


def test_another_old_file_is_refused_before_anything_is_written(dense: Dense, redelta: Tool, tmp_path: Path) -> None:
    delta = dense.make(PAIRS["prose"])
    other = tmp_path / "other"
    for contents in (PROSE[:-1], PROSE[:1000] + b"#" + PROSE[1001:], b""):
        other.write_bytes(contents)
        result = redelta.run("patch", other, stdin=delta)
        assert result.out == b""
        assert result.fails(4).file == str(other)
        with pytest.raises(WireError):
            apply_dense(contents, delta)


def test_a_frame_that_was_left_out_is_found(dense: Dense, redelta: Tool) -> None:
    """Also if its neighbours' own checks were right: each covers the one before."""
    delta = dense.make(PAIRS["frames"])
    starts = [HEADER]
    while delta[starts[-1]] == 1:
        starts.append(starts[-1] + 5 + int.from_bytes(delta[starts[-1] + 1 :][:4], "big") + CHECK)
    assert len(starts) > 3
    for first, second in ((0, 1), (1, 2)):
        result = redelta.run("patch", dense.old, stdin=delta[: starts[first]] + delta[starts[second] :])
        result.fails(3)


def test_what_a_forger_makes_is_found_by_the_digest(dense: Dense, redelta: Tool) -> None:
    """With right checks, a changed literal makes another file, which has another digest."""
    old, new = noise(1000, 1), noise(1000, 2)
    delta = bytearray(dense.make((old, new)))
    at = delta.index(new[:100])
    delta[at] ^= 1
    trailer = len(delta) - 49
    before = bytes(delta[HEADER - CHECK : HEADER])
    delta[trailer - CHECK : trailer] = check(before, bytes(delta[HEADER : trailer - CHECK]))
    delta[-CHECK:] = check(bytes(delta[trailer - CHECK : trailer]), bytes(delta[trailer:-CHECK]))
    redelta.run("patch", dense.old, stdin=bytes(delta)).fails(4)
    with pytest.raises(WireError, match="another file"):
        apply_dense(old, bytes(delta))
