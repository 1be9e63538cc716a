"""Patches of files with holes: which zeros of the result are holes, as the system tells it; and holes cost nothing.

The deltas are made by `helpers/wire.py`; the results are compared with the bytes that they should make, and with where
the file system says that there is data.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.samples import noise
from helpers.sparse import (
    BLOCK,
    Layout,
    blocks_not_zero,
    blocks_of_data,
    equal,
    has_holes,
    room,
    runs_of_data,
    trailer_of,
)
from helpers.tool import Argument, Tool, shell
from helpers.wire import Command, Copy, Literal, encode_delta

UNIT = 65536
MIB = 1 << 20
HOLES = {"auto": True, "always": True, "never": False}
verification = pytest.mark.parametrize("verified", [True, False], ids=["verified", "not_verified"])


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder of a file system with holes: that of the tests, and tmpfs."""
    if request.param == "memory" and not Path("/dev/shm").is_dir():
        pytest.skip("there is no /dev/shm")
    folder = tmp_path if request.param == "disk" else Path(tempfile.mkdtemp(dir="/dev/shm"))
    if not has_holes(folder):
        pytest.skip("this file system has no holes, or larger ones")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def make(commands: list[Command], basis: bytes) -> bytes:
    """The bytes that a delta with these commands makes."""
    return b"".join(
        basis[each.offset : each.offset + each.length] if isinstance(each, Copy) else each.data for each in commands
    )


def patch(redelta: Tool, folder: Path, commands: list[Command], verified: bool, *options: Argument) -> Path:
    """Patches `basis` in the folder with such a delta, to `out`."""
    basis, delta, out = folder / "basis", folder / "delta", folder / "out"
    new = make(commands, basis.read_bytes())
    delta.write_bytes(encode_delta(commands, new if verified else None))
    out.unlink(missing_ok=True)
    redelta.run("patch", *options, basis, delta, out).done()
    assert out.read_bytes() == new
    return out


# ---- Which zeros become holes ---------------------------------------------------------------------------------------

LENGTHS = st.one_of(
    st.integers(1, 3 * BLOCK),
    st.builds(lambda unit, count, more: max(1, unit * count + more),
              st.sampled_from([BLOCK, UNIT]), st.integers(1, 20), st.sampled_from([0, 0, 0, -1, 1, 513])),
)  # fmt: skip
RANGES = st.lists(st.tuples(st.sampled_from(["data", "zeros", "hole", "hole"]), LENGTHS), min_size=1, max_size=8)


def lay_out(ranges: list[tuple[str, int]], seed: int) -> Layout:
    """A file of ranges of noise, of zeros that are written, and of holes."""
    at = 0
    pieces = []
    for kind, length in ranges:
        if kind != "hole":
            pieces.append((at, noise(length, seed + at) if kind == "data" else bytes(length)))
        at += length
    return Layout(at, tuple(pieces))


def draw_commands(data: st.DataObject, size: int) -> list[Command]:
    """Copies of any range of a basis of this size, many of all of it, and literals, with zeros in them or not."""
    commands: list[Command] = []
    for number in range(data.draw(st.integers(1, 6))):
        kind = data.draw(st.sampled_from(["all", "copy", "copy", "noise", "zeros"]))
        if kind == "all":
            commands.append(Copy(0, size))
        elif kind == "copy":
            start = data.draw(st.integers(0, size - 1))
            commands.append(Copy(start, data.draw(st.integers(1, size - start))))
        else:
            length = data.draw(LENGTHS)
            commands.append(Literal(noise(length, number) if kind == "noise" else bytes(length)))
    return commands


@settings(max_examples=150)
@given(ranges=RANGES, data=st.data())
def test_holes_are_where_they_are_asked_for(
    redelta: Tool, tmp_path_factory: pytest.TempPathFactory, ranges: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Of any basis, by any delta: the right bytes, and a hole for each block of zeros, or for none."""
    folder = tmp_path_factory.getbasetemp() / "holes"
    folder.mkdir(exist_ok=True)
    if not has_holes(folder):
        pytest.skip("this file system has no holes, or larger ones")
    layout = lay_out(ranges, 1)
    layout.write(folder / "basis")
    is_sparse = room(folder / "basis") // 512 < layout.size // 512
    commands = draw_commands(data, layout.size)
    choice = data.draw(st.sampled_from(["auto", "always", "never"]))
    threads = data.draw(st.sampled_from([1, 2, 3]))
    verify = data.draw(st.booleans())
    options: list[Argument] = ["-T", str(threads), f"--sparse={choice}"]
    if data.draw(st.booleans()):
        options.append("--no-verify")
    out = patch(redelta, folder, commands, verify, *options)
    new = out.read_bytes()
    every = set(range(-(-len(new) // BLOCK)))
    expected = blocks_not_zero(new) if choice == "always" or (choice == "auto" and is_sparse) else every
    assert blocks_of_data(out) == expected


@pytest.mark.parametrize("choice", ["auto", "always", "never"])
@verification
def test_a_file_of_one_hole(redelta: Tool, place: Path, choice: str, verified: bool) -> None:
    for size in (1, BLOCK, UNIT - 1, UNIT, UNIT + 1, 8 * UNIT, 8 * UNIT + 1, 24 * UNIT, 10 * MIB + 1):
        Layout(size, ()).write(place / "basis")
        out = patch(redelta, place, [Copy(0, size)], verified, f"--sparse={choice}")
        if size >= BLOCK:
            assert (room(out) == 0) == HOLES[choice], size


@verification
def test_holes_may_follow_each_other(redelta: Tool, place: Path, verified: bool) -> None:
    """Copies of holes, many in a segment, with data between some of them."""
    Layout(5 * MIB, ((3 * MIB, noise(UNIT, 1)),)).write(place / "basis")
    for between in (0, 1, UNIT - 1, UNIT, UNIT + 1):
        commands: list[Command] = [Copy(MIB, 3 * UNIT), Copy(0, MIB), Copy(4 * MIB, UNIT), Copy(0, 2 * MIB)]
        commands += [Copy(3 * MIB, between)] * (between > 0) + commands + [Copy(3 * MIB, UNIT)] + commands
        out = patch(redelta, place, commands, verified)
        assert blocks_of_data(out) == blocks_not_zero(out.read_bytes())


@pytest.mark.parametrize("choice", ["auto", "always", "never"])
@verification
def test_a_hole_at_the_end_is_part_of_the_file(redelta: Tool, place: Path, choice: str, verified: bool) -> None:
    Layout(5 * MIB + 7, ((3 * UNIT, b"data"),)).write(place / "basis")
    out = patch(redelta, place, [Literal(b"x" * BLOCK), Copy(3 * UNIT, 5 * MIB + 7 - 3 * UNIT)], verified,
                f"--sparse={choice}")  # fmt: skip
    assert (room(out) == 2 * BLOCK) == HOLES[choice]


@verification
def test_zeros_of_a_literal_become_holes_too(redelta: Tool, place: Path, verified: bool) -> None:
    Layout(MIB, ((0, b"data"),)).write(place / "basis")
    commands: list[Command] = [Copy(0, BLOCK), Literal(bytes(MIB)), Literal(b"end")]
    assert blocks_of_data(patch(redelta, place, commands, verified)) == {0, 257}
    assert room(patch(redelta, place, commands, verified, "--sparse=never")) >= MIB


@verification
def test_a_dense_basis_makes_a_dense_file(redelta: Tool, place: Path, verified: bool) -> None:
    (place / "basis").write_bytes(bytes(MIB) + b"data")
    commands: list[Command] = [Copy(0, MIB), Literal(bytes(MIB)), Copy(0, MIB)]
    assert room(patch(redelta, place, commands, verified)) == 3 * MIB
    assert room(patch(redelta, place, commands, verified, "--sparse", "always")) == 0


@verification
def test_a_file_with_holes_is_replaced_by_one_with_holes(redelta: Tool, place: Path, verified: bool) -> None:
    """Although the basis has none. A dense one is not."""
    (place / "basis").write_bytes(bytes(MIB) + b"data")
    commands: list[Command] = [Copy(0, MIB), Literal(b"x"), Copy(0, MIB + 4)]
    new = make(commands, (place / "basis").read_bytes())
    (place / "delta").write_bytes(encode_delta(commands, new if verified else None))
    out = place / "replaced"
    for is_sparse in (False, True):
        out.unlink(missing_ok=True)
        if is_sparse:
            Layout(MIB, ()).write(out)
        else:
            out.write_bytes(bytes(MIB))
        redelta.run("patch", "-f", place / "basis", place / "delta", out).done()
        assert out.read_bytes() == new
        assert (blocks_of_data(out) == blocks_not_zero(new)) == is_sparse


def test_a_file_may_be_replaced_by_itself(redelta: Tool, place: Path) -> None:
    Layout(50 * MIB, ((MIB, noise(MIB, 1)), (40 * MIB, noise(100, 2)))).write(place / "basis")
    blocks = blocks_of_data(place / "basis")
    new = make([Copy(0, 50 * MIB), Literal(b"!")], (place / "basis").read_bytes())
    delta = encode_delta([Copy(0, 50 * MIB), Literal(b"!")], new)
    redelta.run("patch", "-f", place / "basis", "-", place / "basis", stdin=delta).done()
    assert (place / "basis").read_bytes() == new
    assert blocks_of_data(place / "basis") == blocks | {50 * MIB // BLOCK}


def test_sync_keeps_holes(redelta: Tool, place: Path) -> None:
    old, new = place / "old", place / "new"
    for choice, holes in HOLES.items():
        Layout(20 * MIB, ((2 * MIB, noise(3 * MIB, 1)), (15 * MIB, noise(100, 2)))).write(old)
        Layout(30 * MIB, ((2 * MIB, noise(2 * MIB, 1)), (9 * MIB, noise(MIB, 3)))).write(new)
        redelta.run("sync", f"--sparse={choice}", new, old).done()
        assert old.read_bytes() == new.read_bytes()
        assert (runs_of_data(old) == runs_of_data(new)) == holes


def test_the_holes_are_counted(redelta: Tool, place: Path) -> None:
    Layout(10 * MIB, ((MIB, noise(BLOCK, 1)),)).write(place / "basis")
    delta = encode_delta([Copy(0, 10 * MIB)])
    (place / "delta").write_bytes(delta)
    for choice, holes in HOLES.items():
        said = redelta.run("patch", "--json", "-f", "--stats", f"--sparse={choice}", place / "basis", place / "delta",
                           place / "out")  # fmt: skip
        record = json.loads(said.done())
        assert record["holes"] == (10 * MIB - BLOCK if holes else 0)
        assert (b"holes" in said.err) == holes


# ---- Other outputs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", list(HOLES))
@verification
def test_a_pipe_gets_zeros(redelta: Tool, place: Path, choice: str, verified: bool) -> None:
    Layout(3 * MIB + 5, ((MIB, noise(BLOCK, 1)),)).write(place / "basis")
    new = (place / "basis").read_bytes()
    delta = encode_delta([Copy(0, len(new))], new if verified else None)
    assert redelta.run("patch", f"--sparse={choice}", place / "basis", "-", stdin=delta).done() == new


def open_and_patch(redelta: Tool, place: Path, redirection: str, choice: str, verified: bool) -> None:
    """With standard output redirected to `out` by the shell."""
    script = f'"$1" patch --sparse={choice} "$2" "$3" {redirection}"$4"'
    words: list[Argument] = [redelta.path, place / "basis", place / "delta", place / "out"]
    new = make([Copy(0, 3 * MIB + 5)], (place / "basis").read_bytes())
    (place / "delta").write_bytes(encode_delta([Copy(0, len(new))], new if verified else None))
    shell(script, *words).done()


@pytest.mark.parametrize("choice", list(HOLES))
@verification
def test_standard_output_may_be_a_file(redelta: Tool, place: Path, choice: str, verified: bool) -> None:
    """A new one, the end of one, one that is written over, and one opened for appending."""
    Layout(3 * MIB + 5, ((MIB, noise(BLOCK, 1)),)).write(place / "basis")
    new = (place / "basis").read_bytes()
    out = place / "out"
    open_and_patch(redelta, place, ">", choice, verified)
    assert out.read_bytes() == new
    assert (blocks_of_data(out) == {256}) == HOLES[choice]
    out.write_bytes(b"before")
    open_and_patch(redelta, place, ">>", choice, verified)
    assert out.read_bytes() == b"before" + new
    old = noise(5 * MIB, 2)
    out.write_bytes(old)
    open_and_patch(redelta, place, "1<>", choice, verified)
    assert out.read_bytes() == new + old[len(new) :]
    assert (room(out) < 3 * MIB) == HOLES[choice]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A block device of noise, and the file that it is made of."""
    image = tmp_path / "image"
    image.write_bytes(noise(8 * MIB, 9))
    try:
        made = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no losetup")
    if made.returncode != 0:
        pytest.skip("a loop device cannot be made here")
    name = Path(os.fsdecode(made.stdout.strip()))
    yield name, image
    subprocess.run(["losetup", "-d", name], check=True)


@pytest.mark.parametrize("choice", list(HOLES))
@verification
def test_holes_are_punched_into_a_device(
    redelta: Tool, tmp_path: Path, device: tuple[Path, Path], choice: str, verified: bool
) -> None:
    name, image = device
    basis = tmp_path / "basis"
    Layout(6 * MIB + 5, ((MIB, noise(BLOCK, 1)),)).write(basis)
    new = basis.read_bytes()
    delta = encode_delta([Copy(0, len(new))], new if verified else None)
    redelta.run("patch", "-f", f"--sparse={choice}", basis, "-", name, stdin=delta).done()
    subprocess.run(["blockdev", "--flushbufs", name], check=True)
    assert name.read_bytes() == new + noise(8 * MIB, 9)[len(new) :]
    assert (room(image) < 4 * MIB) == HOLES[choice]


def test_a_device_that_is_too_small_is_an_error(redelta: Tool, tmp_path: Path, device: tuple[Path, Path]) -> None:
    basis = tmp_path / "basis"
    for more in (0, BLOCK, 100 * MIB):
        Layout(7 * MIB + more, ()).write(basis)
        delta = encode_delta([Copy(0, 7 * MIB + more), Literal(b"x" * (MIB + 1 - min(more, MIB)))])
        result = redelta.run("patch", "-f", basis, "-", device[0], stdin=delta)
        assert "No space left on device" in result.fails(1).what


# ---- Limits and failures --------------------------------------------------------------------------------------------


@verification
def test_holes_count_towards_the_largest_output(redelta: Tool, place: Path, verified: bool) -> None:
    Layout(3 * MIB, ()).write(place / "basis")
    delta = encode_delta([Copy(0, 3 * MIB)], bytes(3 * MIB) if verified else None)
    out = place / "out"
    words: list[Argument] = [place / "basis", "-", out]
    redelta.run("patch", "--max-output", str(3 * MIB - 1), *words, stdin=delta).fails(3)
    assert not out.exists()
    redelta.run("patch", "--max-output", "3M", *words, stdin=delta).done()


@verification
def test_a_file_may_be_too_large(redelta: Tool, place: Path, verified: bool) -> None:
    Layout(3 * MIB, ()).write(place / "basis")
    (place / "delta").write_bytes(encode_delta([Copy(0, 3 * MIB)], bytes(3 * MIB) if verified else None))
    out = place / "out"
    out.write_bytes(b"old")
    script = 'ulimit -f 1000 && exec "$1" patch -f "$2" "$3" "$4"'
    line = shell(script, redelta.path, place / "basis", place / "delta", out).fails(1)
    assert "File too large" in line.what
    assert out.read_bytes() == b"old"


def test_a_full_disk_leaves_the_old_file(redelta: Tool, tmp_path: Path) -> None:
    """Holes do not fill it; data does."""
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        basis, out = tmp_path / "basis", mount / "out"
        Layout(100 * MIB, ((50 * MIB, noise(MIB, 1)),)).write(basis)
        redelta.run("patch", basis, "-", out, stdin=encode_delta([Copy(0, 100 * MIB)])).done()
        assert out.read_bytes() == basis.read_bytes()
        commands: list[Command] = [Copy(0, 100 * MIB), Literal(noise(2 * MIB, 2))]
        result = redelta.run("patch", "-f", basis, "-", out, stdin=encode_delta(commands))
        assert "No space left on device" in result.fails(1).what
        assert out.read_bytes() == basis.read_bytes()
        assert [path.name for path in mount.iterdir()] == ["out"]
    finally:
        subprocess.run(["umount", mount], check=True)


def test_a_kill_leaves_the_old_file(redelta: Tool, place: Path) -> None:
    basis = place / "basis"
    Layout(100 * MIB, ((50 * MIB, noise(MIB, 1)),)).write(basis)
    old = basis.read_bytes()
    delta = encode_delta([Copy(0, 100 * MIB), *[Literal(noise(60_000, 2))] * 100])
    with redelta.start("patch", "-f", basis, "-", basis) as running:
        running.feed(delta[: 1 << 20])
        running.process.kill()
    assert basis.read_bytes() == old
    assert room(basis) == MIB


def test_a_copy_from_beyond_the_end_is_found(redelta: Tool, place: Path) -> None:
    """Also if it starts in a hole."""
    Layout(10 * UNIT, ()).write(place / "basis")
    for start in (0, 1, 9 * UNIT, 10 * UNIT, 11 * UNIT):
        delta = encode_delta([Copy(start, 20 * UNIT)])
        redelta.run("patch", place / "basis", "-", place / "out", stdin=delta).fails(4)


def test_a_wrong_digest_of_holes_is_found(redelta: Tool, place: Path) -> None:
    Layout(10 * UNIT, ()).write(place / "basis")
    for new in (bytes(10 * UNIT - 1), bytes(10 * UNIT - 1) + b"x", b"x" + bytes(10 * UNIT - 1)):
        delta = encode_delta([Copy(0, 10 * UNIT)], new)
        redelta.run("patch", place / "basis", "-", place / "out", stdin=delta).fails(4)
    assert not (place / "out").exists()


# ---- Holes cost nothing ---------------------------------------------------------------------------------------------


@verification
def test_a_huge_file(redelta: Tool, place: Path, verified: bool) -> None:
    """With data scattered in it. For a digest its zeros must be hashed, so that one is smaller."""
    size, piece = 1 << 34 if verified else 1 << 40, 50_000
    chance = random.Random(1)
    places = chance.sample(range(size // MIB), 100)
    offsets = sorted(number * MIB + chance.randrange(MIB - piece) for number in places)
    pieces = [(offset, noise(piece, offset)) for offset in offsets]
    basis, new, out = place / "basis", place / "new", place / "out"
    try:
        Layout(size, tuple(pieces)).write(basis)
    except OSError:
        pytest.skip("this file system has no files of a tebibyte")
    edited = [(offset, data[:100] + b"edited" + data[106:]) for offset, data in pieces]
    Layout(size, tuple(edited)).write(new)
    commands: list[Command] = []
    at = 0
    for offset in offsets:
        commands += [Copy(at, offset + 100 - at), Literal(b"edited")]
        at = offset + 106
    commands.append(Copy(at, size - at))
    delta = encode_delta(commands) + (trailer_of(new) if verified else b"")
    choice = "--always-verify" if verified else "--no-verify"
    redelta.run("patch", choice, basis, "-", out, stdin=delta, memory=1 << 30, cpu=120).done()
    assert equal(out, new, runs_of_data(new))
    assert runs_of_data(out) == runs_of_data(new)


# ---- File systems that share blocks ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty XFS."""
    folder = tmp_path_factory.mktemp("xfs")
    image, mount = folder / "image", folder / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(400 * MIB)
    subprocess.run(["mkfs.xfs", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(mount)], capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize("choice", list(HOLES))
@verification
def test_what_is_shared_has_the_right_holes_too(redelta: Tool, sharing: Path, choice: str, verified: bool) -> None:
    """Of a basis with holes, and with zeros that are written."""
    pieces = ((MIB, noise(4 * MIB, 1)), (8 * MIB, bytes(MIB)), (12 * MIB, noise(100_000, 2)))
    Layout(20 * MIB, pieces).write(sharing / "basis")
    before = os.statvfs(sharing).f_bfree
    out = patch(redelta, sharing, [Copy(0, 20 * MIB)], verified, f"--sparse={choice}")
    new = out.read_bytes()
    os.sync()
    taken = (before - os.statvfs(sharing).f_bfree) * os.statvfs(sharing).f_frsize
    if HOLES[choice]:
        assert blocks_of_data(out) == blocks_not_zero(new)
        assert taken < 2 * MIB
    else:
        assert len(blocks_of_data(out)) == 20 * MIB // BLOCK
