"""Compression, against the zstd command: it decompresses what redelta writes, and redelta reads what it writes.

The plain form is stock rdiff's, byte for byte, so rdiff accepts the output of `zstd -d`. Truncated or changed files
give status 3, or the new file; never another one.
"""

from __future__ import annotations

import random
import shutil
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.samples import Pair, edited_pairs, noise, prose, random_edits
from helpers.tool import Tool, Words

LEVELS = (1, 3, 19, 22)
THREADS = (1, 2, 3, 7)
WORDS = prose(400_000, 1)
LARGE = prose(3_000_000, 2)
MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = b"\x5a\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello"


@pytest.fixture(scope="session")
def zstd() -> Tool:
    """The zstd command, the oracle of this file."""
    path = shutil.which("zstd")
    if path is None:
        pytest.fail("zstd is not installed (Debian package zstd)")
    return Tool(Path(path))


@pytest.fixture
def basis(tmp_path: Path) -> Path:
    path = tmp_path / "basis"
    path.write_bytes(WORDS)
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new"
    path.write_bytes(random_edits(WORDS, 200, 3))
    return path


def test_zstd_makes_plain_what_redelta_writes(redelta: Tool, rdiff: Tool, zstd: Tool, basis: Path, new: Path) -> None:
    plain = redelta.run("signature", basis).done()
    assert plain == rdiff.run("signature", basis).done()
    for value in ("", *map(str, LEVELS)):
        packed = redelta.run("signature", f"-z{value}", basis).done()
        assert packed.startswith(MAGIC)
        assert zstd.run("-dc", stdin=packed).done() == plain
        assert packed == redelta.run("signature", f"--compress={value or 3}", basis).done()
    signature = basis.with_name("signature")
    signature.write_bytes(plain)
    delta = basis.with_name("delta")
    for level in LEVELS:
        redelta.run("delta", "-f", f"-z{level}", signature, new, delta).done()
        unpacked = zstd.run("-dc", delta).done()
        assert unpacked == redelta.run("delta", signature, new).done()
        assert delta.stat().st_size < len(unpacked)
        assert rdiff.run("patch", basis, "-", stdin=unpacked).done() == new.read_bytes()


def test_level_0_is_no_compression(redelta: Tool, basis: Path) -> None:
    assert redelta.run("signature", "-z0", basis).done() == redelta.run("signature", basis).done()


@pytest.mark.parametrize("options", [["-1"], ["-19"], ["--fast=5"], ["--no-check"], ["-3", "-T1"], ["--long=27"]])
def test_redelta_reads_what_zstd_writes(
    redelta: Tool, rdiff: Tool, zstd: Tool, basis: Path, new: Path, options: list[str]
) -> None:
    signature = rdiff.run("signature", basis).done()
    packed = basis.with_name("packed")
    packed.write_bytes(zstd.run("-c", *options, stdin=signature).done())
    delta = redelta.run("delta", packed, new).done()
    packed.write_bytes(zstd.run("-c", *options, stdin=delta).done())
    assert redelta.run("patch", "--always-verify", basis, packed).done() == new.read_bytes()
    assert redelta.run("patch", basis, stdin=packed.read_bytes()).done() == new.read_bytes()
    redelta.run("verify", packed, new).done()
    redelta.run("verify", packed, basis).fails(4)


def test_frames_in_a_row_are_one_file(redelta: Tool, zstd: Tool, basis: Path, new: Path) -> None:
    signature = redelta.run("signature", basis).done()
    frames = [SKIPPABLE]
    for piece in (signature[:3], b"", signature[3:1000], signature[1000:]):
        frames += [zstd.run("-c", stdin=piece).done(), SKIPPABLE]
    packed = basis.with_name("packed")
    packed.write_bytes(b"".join(frames))
    assert redelta.run("delta", packed, new).done() == redelta.run("delta", "-", new, stdin=signature).done()


@pytest.mark.parametrize("verb", ["signature", "delta"])
def test_neither_threads_nor_a_pipe_change_a_byte(redelta: Tool, tmp_path: Path, verb: str) -> None:
    basis = tmp_path / "basis"
    basis.write_bytes(LARGE)
    signature = tmp_path / "signature"
    redelta.run("signature", "-b100", basis, signature).done()
    data = random_edits(LARGE, 100, 4) + noise(9_000_000, 5)
    source = tmp_path / "source"
    source.write_bytes(data)
    words: Words = ["signature", "-b32"] if verb == "signature" else ["delta", signature]
    made = {redelta.run(*words, f"-T{threads}", "-z1", source).done() for threads in THREADS}
    made.add(redelta.run(*words, "-z1", "-", stdin=data).done())
    assert len(made) == 1
    assert len(made.pop()) > 8_000_000  # more than one thread had work


@settings(max_examples=25)
@given(pair=edited_pairs(), level=st.sampled_from(LEVELS), cuts=st.lists(st.integers(0, 7000), max_size=4))
def test_the_new_file_comes_back(
    redelta: Tool, zstd: Tool, tmp_path_factory: pytest.TempPathFactory, pair: Pair, level: int, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    basis, new, signature, delta = (folder / name for name in ("basis", "new", "signature", "delta"))
    basis.write_bytes(pair[0])
    new.write_bytes(pair[1])
    redelta.run("signature", f"-z{level}", "-b64", basis, signature).done()
    redelta.run("delta", f"-z{level}", signature, new, delta).done()
    assert redelta.run("patch", "--always-verify", basis, delta).done() == pair[1]
    plain = zstd.run("-dc", delta).done()
    edges = [0, *sorted(cuts), len(plain)]
    delta.write_bytes(b"".join(zstd.run("-c", stdin=plain[a:b]).done() for a, b in pairwise(edges)))
    assert redelta.run("patch", "--always-verify", basis, "-", stdin=delta.read_bytes()).done() == pair[1]


# ---- Damage ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(redelta: Tool, tmp_path: Path) -> tuple[Path, bytes, bytes]:
    """A basis, a new file, and the compressed delta between them."""
    basis = tmp_path / "small"
    basis.write_bytes(prose(3000, 6))
    new = random_edits(basis.read_bytes(), 5, 7)
    signature = tmp_path / "signature"
    redelta.run("signature", "-b64", basis, signature).done()
    delta = redelta.run("delta", "-z19", signature, "-", stdin=new).done()
    assert 100 < len(delta) < 1000
    return basis, new, delta


def test_every_truncation_is_status_3(redelta: Tool, small: tuple[Path, bytes, bytes]) -> None:
    basis, _, delta = small
    for size in random.Random(1).sample(range(len(delta)), 25):
        output = basis.with_name("output")
        error = redelta.run("patch", basis, "-", output, stdin=delta[:size]).fails(3)
        assert error.offset == size
        assert error.file == "standard input"
        assert not output.exists()


def test_changed_bytes_never_make_another_file(redelta: Tool, small: tuple[Path, bytes, bytes]) -> None:
    basis, new, delta = small
    draw = random.Random(2)
    refused = 0
    for _ in range(60):
        changed = bytearray(delta)
        changed[draw.randrange(len(delta))] ^= draw.randrange(1, 256)
        result = redelta.run("patch", "--always-verify", basis, "-", stdin=bytes(changed))
        if result.status == 0:
            assert result.out == new
        else:
            assert result.status in (3, 4), result.describe()
            refused += 1
    assert refused > 55


def test_what_follows_the_frames_is_told(redelta: Tool, small: tuple[Path, bytes, bytes]) -> None:
    basis, _, delta = small
    error = redelta.run("patch", basis, "-", stdin=delta + b"garbage").fails(3)
    assert error.offset == len(delta)
    assert "data other than a zstd frame" in error.what


def test_a_window_that_is_too_large_is_told(redelta: Tool, zstd: Tool, basis: Path) -> None:
    """A frame of zstd that needs 2 GiB: its own decoder refuses it, too, by default."""
    packed = zstd.run("-c", "--long=31", "--no-check", stdin=redelta.run("delta", basis).out or WORDS).done()
    assert zstd.run("-dc", stdin=packed).status != 0
    error = redelta.run("patch", basis, "-", stdin=packed).fails(3)
    assert "more memory than is allowed" in error.what
    assert "zstd -d --long=31" in error.advice
    packed = zstd.run("-c", "--long=24", stdin=b"x").done()
    redelta.run("delta", "--max-memory=1M", "-", basis, stdin=packed).fails(3)


@pytest.mark.parametrize("words", [["patch", "basis", "-"], ["verify", "-", "new"]])
def test_a_window_is_limited_for_who_reads_a_delta(
    redelta: Tool, zstd: Tool, basis: Path, new: Path, words: list[str]
) -> None:
    """A window of 16 MiB, which a frame has if its content is not known to be shorter."""
    signature = redelta.run("signature", basis).done()
    packed = zstd.run("-c", "--long=24", stdin=redelta.run("delta", "-", new, stdin=signature).done()).done()
    names = {"basis": str(basis), "new": str(new)}
    command = [names.get(word, word) for word in words]
    redelta.run(*command, "--max-memory=32M", stdin=packed).done()
    error = redelta.run(*command, "--max-memory=8M", stdin=packed).fails(3)
    assert "more memory than is allowed" in error.what


def bomb(begin: bytes, blocks: int) -> bytes:
    """A frame by hand (RFC 8878): the bytes in a raw block, then blocks of 128 KiB of zeros, in four bytes each."""
    raw = struct.pack("<I", len(begin) << 3)[:3] + begin
    zeros = struct.pack("<I", 131072 << 3 | 1 << 1)[:3] + b"\0"
    return MAGIC + b"\0\x38" + raw + zeros * blocks + b"\x01\0\0"


def test_a_delta_of_a_terabyte_of_zeros_meets_the_limit(redelta: Tool, basis: Path) -> None:
    size = 1 << 40
    delta = bomb(b"rs\x02\x36\x44" + struct.pack(">Q", size), 100_000)
    error = redelta.run("patch", "--max-output=1G", basis, "-", basis.with_name("output"), stdin=delta, cpu=5).fails(3)
    assert "larger file than is allowed" in error.what
    assert not basis.with_name("output").exists()


def test_a_signature_of_terabytes_meets_the_limits(redelta: Tool, basis: Path, new: Path) -> None:
    signature = basis.with_name("bomb")
    signature.write_bytes(bomb(b"rs\x01\x47" + struct.pack(">II", 2048, 32), 1_000_000))
    for limit in ("--max-memory=64M", "--max-blocks=1M"):
        redelta.run("delta", limit, signature, new, memory=1 << 30, cpu=10).fails(3)


# ---- The command ----------------------------------------------------------------------------------------------------


def test_levels_out_of_range_are_refused(redelta: Tool, basis: Path) -> None:
    for level in ("23", "-1", "x", "3.5", "99999999999999999999"):
        assert f"compression level '{level}'" in redelta.run("signature", f"-z{level}", basis).refuses()
    assert (
        "option '--compress' is for signature, delta, sync, diff, merge, reverse and expand only"
        in redelta.run("patch", "-z", basis).refuses()
    )


def test_stats_tell_both_sizes(redelta: Tool, basis: Path, new: Path) -> None:
    signature = basis.with_name("signature")
    delta = basis.with_name("delta")
    signing: Words = ["signature", basis]
    diffing: Words = ["delta", signature, new]
    for words, made in ((signing, signature), (diffing, delta)):
        plain = len(redelta.run(*words).done())
        result = redelta.run(*words, "-fsz", made)
        result.done()
        table = {line.split("  ")[0].strip(): line for line in result.err.decode().splitlines()}
        assert f" {plain:,} bytes" in table["uncompressed"], result.describe()
        assert f" {made.stat().st_size:,} bytes" in table[made.name], result.describe()
        assert b"uncompressed" not in redelta.run(*words, "-s").err


def test_rdiff_of_redelta_stays_as_strict_as_rdiff(rdiff: Tool, redelta: Tool, zstd: Tool, basis: Path) -> None:
    """Neither reads a compressed file, and both say the same with the same status."""
    ours = Tool(redelta.path.with_name("rdiff"))
    packed = basis.with_name("packed")
    packed.write_bytes(zstd.run("-c", stdin=rdiff.run("signature", basis).done()).done())
    diffing: Words = ["delta", packed, basis]
    patching: Words = ["patch", basis, packed]
    for words in (diffing, patching):
        stock, mine = rdiff.run(*words), ours.run(*words)
        assert mine.status == stock.status != 0
        assert mine.out == stock.out
