"""Sparse files: signatures and deltas are those of a dense copy, stock rdiff applies them, and holes are counted.

The dense copies are made by cp --sparse=never; how much of a file is in holes is what stat says that it does not take.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import Tool

MIB = 1 << 20
PAGE = 4096


def make(path: Path, size: int, pieces: list[tuple[int, bytes]]) -> Path:
    """A file of that size with data in these places alone."""
    with path.open("wb") as file:
        file.truncate(size)
        for offset, data in pieces:
            os.pwrite(file.fileno(), data, offset)
    return path


def dense(path: Path) -> Path:
    copy = path.with_suffix(".dense")
    subprocess.run(["cp", "--sparse=never", path, copy], check=True)
    return copy


def holes(path: Path) -> int:
    """By what the file takes on the disk, which is whole pages."""
    os.sync()
    status = path.stat()
    return max(0, status.st_size - status.st_blocks * 512)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two versions of a sparse file: pieces that stay, one that is edited, one that moves, one that is new."""
    rng = random.Random(1)
    size = 200 * MIB + 1234
    pieces = [(rng.randrange(size - MIB), noise(rng.randrange(1, MIB), seed)) for seed in range(12)]
    old = make(tmp_path / "old", size, pieces)
    edited = (pieces[0][0], pieces[0][1] + b"!" + pieces[0][1][:100])
    moved = (pieces[1][0] + 777, pieces[1][1])
    new = make(tmp_path / "new", size + 5 * MIB, [edited, moved, *pieces[2:], (size, noise(5000, 99))])
    if holes(old) < 100 * MIB:
        pytest.skip("the file system knows no holes")
    return old, new


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("block_len", [512, 14336, 262144, 300000, 1 << 20])
def test_outputs_are_those_of_dense_copies(
    redelta: Tool, rdiff: Tool, pair: tuple[Path, Path], tmp_path: Path, block_len: int, threads: int
) -> None:
    old, new = pair
    names = [tmp_path / name for name in ("sig", "sig-dense", "delta", "delta-dense", "patched")]
    base = ["-T", str(threads)]
    redelta.run("signature", *base, "-b", str(block_len), old, names[0]).done()
    redelta.run("signature", "-T", "1", "-b", str(block_len), dense(old), names[1]).done()
    assert names[0].read_bytes() == names[1].read_bytes()
    redelta.run("delta", *base, names[0], new, names[2]).done()
    redelta.run("delta", "-T", "1", names[0], dense(new), names[3]).done()
    assert names[2].read_bytes() == names[3].read_bytes()
    redelta.run("verify", names[2], new).done()
    rdiff.run("patch", old, names[2], names[4]).done()
    subprocess.run(["cmp", names[4], new], check=True)


@pytest.mark.parametrize("block_len", [14336, 1 << 20])
def test_the_digest_of_long_holes_is_what_b3sum_prints(redelta: Tool, tmp_path: Path, block_len: int) -> None:
    """Holes so long that several threads hash their zeros: between data at odd places, at the start, and at the end."""
    size = 700 * MIB + 77
    old = make(tmp_path / "old", size, [(300 * MIB, noise(1000, 1))])
    new = make(tmp_path / "new", size, [(201 * MIB + 3, noise(MIB + 5, 2)), (500 * MIB + 1, noise(5000, 3))])
    if holes(new) < 600 * MIB:
        pytest.skip("the file system knows no holes")
    printed = subprocess.run(["b3sum", "--no-names", new], capture_output=True, text=True, check=True).stdout.strip()
    redelta.run("signature", "-b", str(block_len), old, tmp_path / "sig").done()
    for threads in ("1", "2", "3"):
        for step in (("delta", tmp_path / "sig", new, tmp_path / "delta"),
                     ("patch", old, tmp_path / "delta", tmp_path / "patched")):  # fmt: skip
            told = redelta.run("--json", "-f", "-T", threads, *step).done()
            assert json.loads(told.splitlines()[-1])["digest"] == printed
        assert holes(tmp_path / "patched") > 600 * MIB
        redelta.run("verify", "-T", threads, tmp_path / "delta", tmp_path / "patched").done()


def test_estimate_says_how_much_is_in_holes(redelta: Tool, pair: tuple[Path, Path]) -> None:
    found = json.loads(redelta.run("estimate", "--json", *pair).done().splitlines()[-1])["estimated"]
    shown = redelta.run("estimate", *pair).done().decode().splitlines()
    for path, name, line in zip(pair, ("old", "new"), shown, strict=False):
        assert abs(found[name]["holes"] - holes(path)) <= PAGE
        assert line.endswith(f"; {found[name]['holes']:,} bytes of it are holes")


def test_inspect_says_how_much_is_in_holes(redelta: Tool, pair: tuple[Path, Path], tmp_path: Path) -> None:
    said = re.search(r", with ([0-9,]+) bytes in holes$", redelta.run("inspect", pair[0]).fails(3).what)
    assert said
    assert abs(int(said[1].replace(",", "")) - holes(pair[0])) <= PAGE
    path = tmp_path / "delta"
    start = bytes.fromhex("72730236 44 0000000000800000".replace(" ", ""))  # a literal of 8 MiB, of zeros
    make(path, len(start) + 8 * MIB + 1, [(0, start)])
    record = json.loads(redelta.run("inspect", "--json", path).done().splitlines()[-1])["inspected"]
    assert abs(record["holes"] - holes(path)) <= 2 * PAGE
    assert f"; {record['holes']:,} bytes of it are holes" in redelta.run("inspect", path).done().decode()


# ---- Block devices --------------------------------------------------------------------------------------------------


@pytest.fixture
def device(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A block device, and the file whose bytes are on it."""
    image = tmp_path / "image"
    image.write_bytes(noise(24 * MIB, 5))
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("loop devices cannot be made here: " + made.stderr.strip())
    yield Path(made.stdout.strip()), image
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


def test_a_block_device_is_like_a_file_of_its_size(redelta: Tool, device: tuple[Path, Path], tmp_path: Path) -> None:
    outputs = []
    for path in device:
        signature, delta = tmp_path / "sig", tmp_path / "delta"
        redelta.run("signature", "-f", path, signature).done()
        redelta.run("delta", "-f", signature, path, delta).done()
        outputs.append((signature.read_bytes(), delta.read_bytes()))
    assert outputs[0] == outputs[1]


def test_the_position_of_a_block_device_counts(redelta: Tool, device: tuple[Path, Path], tmp_path: Path) -> None:
    signatures = []
    for path in device:
        with path.open("rb", buffering=0) as file:
            file.seek(5 * MIB)
            subprocess.run([redelta.path, "signature", "-f", "-", tmp_path / "sig"], stdin=file, check=True)
            assert file.tell() == 5 * MIB
        signatures.append((tmp_path / "sig").read_bytes())
    assert signatures[0] == signatures[1]


def test_an_estimate_may_be_of_block_devices(redelta: Tool, device: tuple[Path, Path]) -> None:
    found = json.loads(redelta.run("estimate", "--json", device[0], device[1]).done().splitlines()[-1])
    assert found["estimated"]["identical"]
    assert found["files"]["basis"]["size"] == found["files"]["new"]["size"] == 24 * MIB
