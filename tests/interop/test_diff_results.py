"""What `diff` makes of any two files is a delta between them, to every program that applies one.

Its bytes depend on the files and the options alone: not on threads, on the processor, or on whether the new file comes
through a pipe. The files of the last tests are longer than the parts of them that one thread works on.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.cpu import heeds_cpu
from helpers.samples import PAIRS, Pair, edited_pairs, noise, prose, random_edits
from helpers.tool import Tool
from helpers.wire import Copy, apply_delta, assert_canonical, encode_copy

THREADS = ("1", "2", "5")
CPUS = ("portable", "sse41", "avx2", "avx512") if os.uname().machine == "x86_64" else ("portable",)
PART = 8 << 20  # bytes of the new file that one thread works on
FORMS = ((), ("-z",), ("--dense",))


class Folder:
    """Two files, and what the commands make of them."""

    def __init__(self, redelta: Tool, rdiff: Tool, folder: Path) -> None:
        self.redelta = redelta
        self.rdiff = rdiff
        self.old, self.new, self.delta = (folder / name for name in ("old", "new", "delta"))

    def write(self, pair: Pair) -> None:
        self.old.write_bytes(pair[0])
        self.new.write_bytes(pair[1])

    def diff(self, *options: str) -> bytes:
        return self.redelta.run("diff", *options, self.old, self.new).done()

    def assert_makes(self, delta: bytes, new: bytes) -> None:
        assert self.redelta.run("patch", self.old, stdin=delta).done() == new

    def check(self, pair: Pair) -> None:
        """The plain delta, to every reader; the compressed one; and the dense one, also as a plain one made of it."""
        self.write(pair)
        plain = self.diff()
        assert apply_delta(pair[0], plain) == pair[1]
        assert self.rdiff.run("patch", self.old, stdin=plain).done() == pair[1]
        self.assert_makes(plain, pair[1])
        self.assert_makes(self.diff("-z"), pair[1])
        dense = self.diff("--dense")
        self.assert_makes(dense, pair[1])
        self.delta.write_bytes(dense)
        expanded = self.redelta.run("expand", self.old, self.delta).done()
        assert apply_delta(pair[0], expanded) == pair[1]
        assert self.rdiff.run("patch", self.old, stdin=expanded).done() == pair[1]

    def in_all_ways(self, *options: str) -> bytes:
        """The delta, after it was made with any number of threads, of a file and of a pipe."""
        made = self.diff(*options, "-T", "1")
        for threads in THREADS:
            assert self.diff(*options, "-T", threads) == made, f"{options}, {threads} threads"
            with self.new.open("rb") as new:
                piped = self.redelta.run("diff", *options, "-T", threads, self.old, "-", stdin=new.read()).done()
            assert piped == made, f"{options}, {threads} threads, a pipe"
        return made


@pytest.fixture
def folder(redelta: Tool, rdiff: Tool, tmp_path: Path) -> Folder:
    return Folder(redelta, rdiff, tmp_path)


@given(edited_pairs())
@example((b"", b""))
@example((b"", b"x"))
@example((b"x", b""))
@settings(max_examples=60)
def test_every_program_makes_the_new_file_of_a_diff(folder: Folder, pair: Pair) -> None:
    folder.check(pair)


@given(edited_pairs(), st.integers(0, 1 << 30))
def test_also_if_both_files_were_edited(folder: Folder, pair: Pair, seed: int) -> None:
    folder.check((pair[1], random_edits(pair[0], 5, seed)))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("scale", [8, 64, 2048])
def test_every_program_makes_the_new_file_for_the_hard_pairs(folder: Folder, name: str, scale: int) -> None:
    folder.check(PAIRS[name](scale))


@given(edited_pairs())
def test_a_plain_diff_is_in_the_canonical_form(folder: Folder, pair: Pair) -> None:
    folder.write(pair)
    assert_canonical(folder.diff(), pair[1], pair[0])


@given(edited_pairs(max_size=20_000), st.sampled_from(FORMS))
@settings(max_examples=30)
def test_neither_threads_nor_a_pipe_change_a_byte_of_small_files(
    folder: Folder, pair: Pair, options: tuple[str, ...]
) -> None:
    folder.write(pair)
    folder.in_all_ways(*options)


# ---- Files of several parts ------------------------------------------------------------------------------------------


def edited_everywhere(size: int) -> Pair:
    old = noise(size, 1)
    chance = random.Random(2)
    pieces: list[bytes] = []
    for at in range(0, size, 40_000):
        pieces += [old[at : at + 40_000 - chance.choice((0, 1, 500))], chance.randbytes(chance.choice((0, 1, 20, 900)))]
    return old, b"".join(pieces)


def copies_across_parts(size: int) -> Pair:
    """Halves change places, so that a copy goes over each end of a part; bytes in it differ near these ends."""
    old = noise(size, 3)
    new = bytearray(old[size // 2 + 17 :] + old[: size // 2 + 17])
    for end in range(PART, size, PART):
        for distance in (-70_000, -40, -1, 0, 1, 33, 5000):
            new[end + distance] ^= 1
    return old, bytes(new)


def equal_lines(size: int) -> Pair:
    """Text, in which much occurs many times, so that one of many candidates is chosen."""
    part = prose(200_000, 4)
    old = b"".join(random_edits(part, 3, seed) for seed in range(size // len(part)))
    return old, b"".join(random_edits(part, 3, seed) for seed in range(1000, 1000 + size // len(part)))


def long_runs(size: int) -> Pair:
    """Zeros across ends of parts, with something between."""
    old = bytes(size // 3) + noise(size // 3, 5) + bytes(size // 3)
    return old, bytes(size // 2) + noise(size // 3, 5)[1000:] + b"\1" * (size // 8)


LARGE = {each.__name__: each for each in (edited_everywhere, copies_across_parts, equal_lines, long_runs)}
SIZE = 2 * PART + PART // 2 + 11


@pytest.fixture(params=LARGE)
def large(folder: Folder, request: pytest.FixtureRequest) -> Folder:
    folder.write(LARGE[request.param](SIZE))
    return folder


@pytest.mark.parametrize("options", FORMS, ids=lambda options: options[0] if options else "plain")
def test_neither_threads_nor_a_pipe_change_a_byte(large: Folder, options: tuple[str, ...]) -> None:
    made = large.in_all_ways(*options)
    large.assert_makes(made, large.new.read_bytes())


@pytest.mark.parametrize("options", FORMS, ids=lambda options: options[0] if options else "plain")
def test_no_instruction_set_changes_a_byte(
    large: Folder, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not heeds_cpu(large.redelta.path):
        pytest.skip("not a build for tests: it does not look at REDELTA_CPU")
    made = large.diff(*options)
    for cpu in CPUS:
        monkeypatch.setenv("REDELTA_CPU", cpu)
        assert large.diff(*options) == made, cpu


@pytest.mark.parametrize("memory", ["1M", "4M", "64M", "1G"])
def test_an_index_in_less_memory_makes_the_same_file(large: Folder, memory: str) -> None:
    for options in FORMS:
        large.assert_makes(large.diff("--max-memory", memory, *options), large.new.read_bytes())


@pytest.mark.parametrize("more", [-1, 0, 1, 31, 32, 33, 64, 1000])
def test_an_old_file_may_end_anywhere_near_the_end_of_a_part(folder: Folder, more: int) -> None:
    old = noise(PART + more, 7)
    folder.check((old, old[100_000:] + b"!" + old[:100_000]))
    delta = folder.diff()
    folder.delta.write_bytes(delta)
    assert len(delta) < 200
    assert folder.redelta.run("verify", folder.delta, folder.new).status == 0


def test_a_copy_is_one_across_parts(folder: Folder) -> None:
    """A file that only begins elsewhere is one copy, however many threads found it."""
    old = noise(SIZE, 6)
    folder.write((old, old[1234:]))
    delta = folder.diff("-T", "5")
    assert delta[4:].startswith(encode_copy(Copy(1234, SIZE - 1234)))
