"""Limits for untrusted files, and the cost of hostile files.

A limit is exact. Far beyond it, the refusal comes before the memory is taken or the output made: these tests limit the
address space or the processor time so that anything else would fail.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.files import Files, synchronised
from helpers.samples import noise
from helpers.tool import SANITIZED, Tool, Words, limits
from helpers.wire import (
    SIGNATURE_MAGICS,
    WEAK_SUMS,
    Copy,
    Literal,
    apply_delta,
    encode_copy,
    encode_delta,
    signature_header,
)

MIB = 1 << 20
SPACE = 256 * MIB
CPU_SECONDS = 120
BASIS = noise(90_000, 1)
NEW = BASIS[:30_000] + b"inserted" + BASIS[20_000:]
BLOCK = 500
STRONG = 8
BLOCKS = len(BASIS) // BLOCK
MEMORY = BLOCKS * (STRONG + 16) + 2 * BLOCK


def words_of(files: Files, verb: str) -> Words:
    """A command line that succeeds, without the output's name."""
    inputs = {
        "signature": [files.basis],
        "delta": [files.signature, files.new],
        "patch": [files.basis, files.delta],
    }
    return (verb, *inputs[verb])


@pytest.fixture
def files(redelta: Tool, tmp_path: Path) -> Files:
    return synchronised(redelta, tmp_path, BASIS, NEW, "-b", str(BLOCK), "-S", str(STRONG))


# ---- At the edge ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["signature", "delta", "patch"])
def test_no_more_is_written_than_the_limit(redelta: Tool, files: Files, verb: str) -> None:
    expected = redelta.run(*words_of(files, verb)).done()
    for limit in (len(expected), len(expected) + 1):
        assert redelta.run(*words_of(files, verb), "--max-output", str(limit)).done() == expected
    for limit in (len(expected) - 1, len(expected) // 2, 1):
        result = redelta.run(*words_of(files, verb), "--max-output", str(limit))
        error = result.fails(3)
        assert len(result.out) <= limit
        assert "allowed" in error.what
        assert "--max-output" in error.advice
        named = redelta.run(*words_of(files, verb), files.output, "--max-output", str(limit)).fails(3)
        assert named.file == str(files.delta if verb == "patch" else files.output)
        assert files.outputs() == []


def test_a_destination_stays_when_the_limit_would_be_passed(redelta: Tool, files: Files) -> None:
    files.output.write_bytes(b"precious")
    for verb in ("signature", "delta", "patch"):
        redelta.run("-f", *words_of(files, verb), files.output, "--max-output", "50").fails(3)
    assert files.output.read_bytes() == b"precious"
    assert [path.name for path in files.output.parent.iterdir()] == ["output"]


def test_a_patch_is_refused_at_the_command_that_passes_the_limit(redelta: Tool, files: Files) -> None:
    start = noise(70, 2)
    new = start + BASIS[:1000] + b"abc" + BASIS[10:60_010]
    commands = (Literal(start), Copy(0, 1000), Literal(b"abc"), Copy(10, 60_000))
    files.delta.write_bytes(encode_delta(commands, new))
    places = [4, 4 + 72, 4 + 72 + 4, 4 + 72 + 4 + 4]
    ends = [70, 1070, 1073, 61_073]
    for place, end in zip(places, ends, strict=True):
        for words in (words_of(files, "patch"), [*words_of(files, "patch"), "--no-verify"]):
            error = redelta.run(*words, "--max-output", str(end - 1)).fails(3)
            assert (error.file, error.offset) == (str(files.delta), place)
    assert redelta.run(*words_of(files, "patch"), "--max-output", str(ends[-1])).done() == new


def test_a_signature_of_more_blocks_is_refused(redelta: Tool, files: Files) -> None:
    expected = files.delta.read_bytes()
    for limit in (BLOCKS, BLOCKS + 1):
        assert redelta.run(*words_of(files, "delta"), "--max-blocks", str(limit)).done() == expected
    for limit in (BLOCKS - 1, 1):
        error = redelta.run(*words_of(files, "delta"), files.output, "--max-blocks", str(limit)).fails(3)
        assert (error.file, error.offset) == (str(files.signature), 12 + limit * (4 + STRONG))
        assert "blocks" in error.what
        assert "limit" in error.advice
        assert files.outputs() == []


def test_a_signature_that_needs_more_memory_is_refused(redelta: Tool, files: Files) -> None:
    """The strong sum and 16 bytes per block, and two blocks."""
    expected = files.delta.read_bytes()
    for limit in (MEMORY, MEMORY + 1):
        assert redelta.run(*words_of(files, "delta"), "--max-memory", str(limit)).done() == expected
    for limit in (MEMORY - 1, MEMORY - 2 * BLOCK - 1, 1):
        error = redelta.run(*words_of(files, "delta"), files.output, "--max-memory", str(limit)).fails(3)
        assert error.file == str(files.signature)
        assert "memory" in error.what
        assert "limit" in error.advice
        assert files.outputs() == []


def test_limits_hold_for_pipes_as_well(redelta: Tool, files: Files) -> None:
    signature, delta = files.signature.read_bytes(), files.delta.read_bytes()
    error = redelta.run("delta", "-", files.new, "--max-blocks", str(BLOCKS - 1), stdin=signature).fails(3)
    assert error.file == "standard input"
    assert redelta.run("delta", "-", files.new, "--max-blocks", str(BLOCKS), stdin=signature).done() == delta
    redelta.run("delta", "-", files.new, "--max-memory", str(MEMORY - 1), stdin=signature).fails(3)
    redelta.run("delta", files.signature, "--max-memory", str(MEMORY - 1), stdin=NEW).fails(3)
    assert redelta.run("delta", files.signature, "--max-memory", str(MEMORY), stdin=NEW).done() == delta
    redelta.run("patch", files.basis, "--max-output", str(len(NEW) - 1), stdin=delta).fails(3)
    assert redelta.run("patch", files.basis, "--max-output", str(len(NEW)), stdin=delta).done() == NEW


# ---- What is small ---------------------------------------------------------------------------------------------------


def least_space(tool: Tool) -> int:
    """The least address space in which the command tells its version, to within 64 KiB."""
    least, most = 0, SPACE
    while most - least > 64 * 1024:
        space = (least + most) // 2
        told = subprocess.run(
            [tool.path, "--version"], capture_output=True, preexec_fn=limits(space, None), check=False
        )
        least, most = (least, space) if told.returncode == 0 else (space, most)
    return most


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's shadow needs any address space")
def test_small_files_take_little_memory(redelta: Tool, tmp_path: Path) -> None:
    """Beyond what the process takes; a thread would need more by its stack alone."""
    files = synchronised(redelta, tmp_path, noise(10_000, 1), noise(9_000, 1) + b"more")
    space = least_space(redelta) + 2 * MIB
    expected = {
        ("signature", files.basis): files.signature.read_bytes(),
        ("delta", files.signature, files.new): files.delta.read_bytes(),
        ("patch", files.basis, files.delta): files.new.read_bytes(),
    }
    for words, output in expected.items():
        assert redelta.run(*words, memory=space).done() == output
    redelta.run("verify", files.delta, files.new, memory=space).done()
    redelta.run("sync", files.new, files.basis, memory=space).done()
    assert files.basis.read_bytes() == files.new.read_bytes()
    for file in (files.signature, files.delta):
        assert redelta.run("inspect", file, memory=space).done() == redelta.run("inspect", file).done()


# ---- The command line -----------------------------------------------------------------------------------------------


def test_limits_take_suffixes(redelta: Tool, files: Files) -> None:
    for word in ("1M", "1g", "200k", "9223372036854775807"):
        assert redelta.run(*words_of(files, "patch"), "--max-output", word).done() == NEW
    redelta.run(*words_of(files, "patch"), "--max-output", "90K").fails(3)
    redelta.run(*words_of(files, "delta"), f"--max-memory={MEMORY // 1024}K").fails(3)
    redelta.run(*words_of(files, "delta"), f"--max-memory={MEMORY // 1024 + 1}K").done()


@pytest.mark.parametrize("option", ["--max-output", "--max-memory", "--max-blocks"])
@pytest.mark.parametrize(
    "word", ["", "x", "-1", "0", "0K", "1.5", "1T", "1 K", "9223372036854775808", "99999999999999999999", "8589934592G"]
)
def test_bad_limits_are_refused(redelta: Tool, files: Files, option: str, word: str) -> None:
    redelta.run(*words_of(files, "delta"), option, word).refuses()
    redelta.run(*words_of(files, "delta"), option).refuses()


def test_limits_of_another_verb_are_refused(redelta: Tool, files: Files) -> None:
    assert "--max-memory" in redelta.run(*words_of(files, "signature"), "--max-memory", "10").refuses()
    for words in (words_of(files, "signature"), words_of(files, "patch"), ["verify", files.delta, files.new]):
        assert "--max-blocks" in redelta.run(*words, "--max-blocks", "10").refuses()
    assert "--max-output" in redelta.run("verify", files.delta, files.new, "--max-output", "10").refuses()


# ---- Far beyond -----------------------------------------------------------------------------------------------------

NO_SPACE = pytest.mark.skipif(SANITIZED, reason="a sanitizer's shadow fits in no limited address space")


def sparse(path: Path, size: int, start: bytes = b"") -> None:
    """`start`, then zeros to the end of the file."""
    path.write_bytes(start)
    with path.open("r+b") as file:
        file.truncate(size)


@NO_SPACE
def test_a_signature_of_gigabytes_is_refused_before_it_fills_memory(redelta: Tool, files: Files) -> None:
    """A hundred million blocks, which take no space on disk."""
    sparse(files.signature, 12 + 100_000_000 * 36, signature_header(SIGNATURE_MAGICS["rabinkarp", "blake2"], 2048, 32))
    words = ("-T", "2", *words_of(files, "delta"), files.output)
    for options in (["--max-memory", "32M"], ["--max-blocks", "500000"]):
        error = redelta.run(*words, *options, memory=SPACE, cpu=CPU_SECONDS).fails(3)
        assert error.file == str(files.signature)
        assert error.offset is not None
        assert files.outputs() == []
    error = redelta.run(*words, memory=SPACE, cpu=CPU_SECONDS).fails(1)
    assert "memory" in error.what
    assert files.outputs() == []


@NO_SPACE
def test_blocks_of_gigabytes_are_refused_before_a_window_fills_memory(redelta: Tool, files: Files) -> None:
    """With one block of 1 GiB, and a new file of 3 GiB that might contain it."""
    magic = SIGNATURE_MAGICS["rabinkarp", "blake2"]
    files.signature.write_bytes(signature_header(magic, 1 << 30, 32) + noise(36, 3))
    sparse(files.new, 3 << 30)
    words = ("-T", "2", *words_of(files, "delta"), files.output)
    error = redelta.run(*words, "--max-memory", "64M", memory=SPACE, cpu=CPU_SECONDS).fails(3)
    assert error.file == str(files.signature)
    assert "blocks" in error.what
    error = redelta.run(*words, memory=SPACE, cpu=CPU_SECONDS).fails(1)
    assert "memory" in error.what
    assert files.outputs() == []


def test_a_delta_of_a_few_bytes_that_makes_terabytes_is_refused(redelta: Tool, files: Files) -> None:
    sparse(files.basis, 1 << 42)
    copies = encode_copy(Copy(0, 1 << 20)) + encode_copy(Copy(0, (1 << 42) - 1)) * 1000
    files.delta.write_bytes(encode_delta([])[:4] + copies + b"\x00")
    for options in ([], ["--no-verify"], ["--always-verify"]):
        words = ("-T", "2", *words_of(files, "patch"), files.output, *options)
        error = redelta.run(*words, "--max-output", "2M", memory=SPACE, cpu=CPU_SECONDS).fails(3)
        assert (error.file, error.offset) == (str(files.delta), 4 + len(encode_copy(Copy(0, 1 << 20))))
        assert files.outputs() == []


def test_a_literal_that_is_said_to_be_long_is_refused_by_what_it_says(redelta: Tool, files: Files) -> None:
    start = encode_delta([Literal(b"abc")])[:-1]
    for index, length in ((1, 60_000), (2, 0xFFFFFFFF), (3, 1 << 62)):
        claim = bytes([0x41 + index]) + length.to_bytes((1, 2, 4, 8)[index], "big")
        files.delta.write_bytes(start + claim + noise(1000, 4))
        error = redelta.run(*words_of(files, "patch"), "--max-output", "50000", memory=SPACE).fails(3)
        assert (error.file, error.offset) == (str(files.delta), len(start))
        assert "allowed" in error.what


# ---- Equal weak sums ------------------------------------------------------------------------------------------------

MILLION = 100_000 if SANITIZED else 1_000_000
LONG_BLOCK = 2048
ZEROS = bytes(2048 * LONG_BLOCK)
LITERAL_MAX = 65_535
PERIOD = 61
CYCLE = noise(PERIOD, 7)
FALSE_MATCHES = 192 + 2 * 15 + 32
"""The most in a budget window of 32 blocks of this length: see src/engine/scanner.c. There are 15 by chance."""


@dataclass(frozen=True)
class Sums:
    """A pair of sums, and those of a block of zeros, by stock rdiff."""

    rdiff: Tool
    weak: str
    strong: str

    def sign(self, block: bytes) -> bytes:
        """A signature of this block."""
        words = ("signature", "-R", self.weak, "-H", self.strong, "-b", str(LONG_BLOCK), "-S", str(STRONG))
        return self.rdiff.run(*words, stdin=block).done()

    @property
    def strong_of_zeros(self) -> bytes:
        return self.sign(bytes(LONG_BLOCK))[16:]

    def signature(self, strongs: list[bytes], weaks: Sequence[bytes] = ()) -> bytes:
        """Of blocks with these strong sums and these weak ones in turn, without any with that of zeros."""
        of_zeros = self.sign(bytes(LONG_BLOCK))
        pairs = zip(itertools.cycle(weaks or [of_zeros[12:16]]), strongs, strict=False)
        return of_zeros[:12] + b"".join(itertools.chain.from_iterable(pairs))


@pytest.fixture(scope="module", params=SIGNATURE_MAGICS, ids="-".join)
def sums(request: pytest.FixtureRequest, rdiff: Tool) -> Sums:
    return Sums(rdiff, *request.param)


@pytest.fixture(scope="module")
def random_strongs() -> list[bytes]:
    data = random.Random(5).randbytes(STRONG * MILLION)
    return [data[at : at + STRONG] for at in range(0, len(data), STRONG)]


def literals(new: bytes) -> list[Literal]:
    """The commands of a delta without a copy."""
    return [Literal(new[at : at + LITERAL_MAX]) for at in range(0, len(new), LITERAL_MAX)]


def delta_in_time(redelta: Tool, files: Files, new: bytes, threads: int = 2) -> bytes:
    """A delta against the signature; the number of strong sums that match nothing is bounded by the size of the
    file."""
    files.new.write_bytes(new)
    records = files.folder / "records"
    words = ("delta", "-T", str(threads), f"--json={records}", files.signature, files.new)
    made = redelta.run(*words, cpu=CPU_SECONDS).done()
    stretches = -(-len(new) // (32 * LONG_BLOCK))
    wasted = json.loads(records.read_text().splitlines()[-1])["false_matches"]
    assert wasted <= FALSE_MATCHES * stretches * threads
    return made


def test_a_million_blocks_of_which_none_matches(
    redelta: Tool, files: Files, random_strongs: list[bytes], sums: Sums
) -> None:
    """Every window of the new file has their weak sum."""
    files.signature.write_bytes(sums.signature(random_strongs))
    for threads in (1, 2):
        assert delta_in_time(redelta, files, ZEROS, threads) == encode_delta(literals(ZEROS), ZEROS)
    assert redelta.run("delta", files.signature, stdin=ZEROS, cpu=CPU_SECONDS).done() == encode_delta(
        literals(ZEROS), ZEROS
    )


def test_a_million_blocks_of_which_one_matches(
    redelta: Tool, files: Files, random_strongs: list[bytes], sums: Sums
) -> None:
    at = 7 * MILLION // 10
    files.signature.write_bytes(sums.signature([*random_strongs[:at], sums.strong_of_zeros, *random_strongs[at + 1 :]]))
    copies = [Copy(at * LONG_BLOCK, LONG_BLOCK)] * (len(ZEROS) // LONG_BLOCK)
    assert delta_in_time(redelta, files, ZEROS) == encode_delta(copies, ZEROS)


def test_a_million_equal_blocks(redelta: Tool, files: Files, sums: Sums) -> None:
    files.signature.write_bytes(sums.signature([sums.strong_of_zeros] * MILLION))
    assert delta_in_time(redelta, files, ZEROS) == encode_delta([Copy(0, len(ZEROS))], ZEROS)
    other = noise(MIB, 6)
    assert delta_in_time(redelta, files, other) == encode_delta(literals(other), other)


def test_a_million_blocks_and_every_window_leads_to_others(
    redelta: Tool, files: Files, random_strongs: list[bytes], sums: Sums
) -> None:
    """The new file repeats a few bytes, and the blocks have the weak sums of its windows."""
    weak = WEAK_SUMS[sums.weak]
    new = (CYCLE * (len(ZEROS) // PERIOD + 1))[: len(ZEROS)]
    windows = [weak(new[at : at + LONG_BLOCK]).to_bytes(4, "big") for at in range(PERIOD)]
    files.signature.write_bytes(sums.signature(random_strongs, windows))
    for threads in (1, 2):
        assert delta_in_time(redelta, files, new, threads) == encode_delta(literals(new), new)


def test_a_million_blocks_and_one_that_matches_now_and_then(
    redelta: Tool, files: Files, random_strongs: list[bytes], sums: Sums
) -> None:
    """It is where the new file may be divided among threads; all other windows have the weak sum of zeros."""
    block = noise(LONG_BLOCK, 8)
    stretch = 32 * LONG_BLOCK
    new = bytearray(ZEROS)
    for at in range(stretch - LONG_BLOCK // 2, len(new) - LONG_BLOCK, stretch):
        new[at : at + LONG_BLOCK] = block
    files.signature.write_bytes(sums.sign(block) + sums.signature(random_strongs)[12:])
    for threads in (1, 2):
        assert apply_delta(block, delta_in_time(redelta, files, bytes(new), threads)) == new
