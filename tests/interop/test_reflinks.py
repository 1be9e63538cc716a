"""If the file system can store bytes once for two files, a patched file shares those that it copies from the basis.

Such a file system, XFS, is made in a file and mounted for these tests, which needs root and a kernel that allows it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import Running, Tool

MIB = 1 << 20
SIZE = 40 * MIB


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty XFS."""
    place = tmp_path_factory.mktemp("xfs")
    image, mount = place / "image", place / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(400 * MIB)
    subprocess.run(["mkfs.xfs", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(mount)], capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def used(mount: Path) -> int:
    os.sync()
    state = os.statvfs(mount)
    return (state.f_blocks - state.f_bfree) * state.f_frsize


def wait_until_read(running: Running) -> None:
    """Until the command has taken what it was fed."""
    assert running.process.stdin is not None
    while int.from_bytes(fcntl.ioctl(running.process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder):
        time.sleep(0.01)


def patch_there(redelta: Tool, mount: Path, pair: tuple[bytes, bytes], options: tuple[str, ...]) -> int:
    """Patches on that file system; returns how much more of it is used then."""
    basis, new, signature, delta, patched = (mount / name for name in ("basis", "new", "sig", "delta", "patched"))
    basis.write_bytes(pair[0])
    redelta.run("signature", "-b", "4096", basis, signature).done()
    redelta.run("delta", *options, signature, "-", delta, stdin=pair[1]).done()
    before = used(mount)
    redelta.run("patch", *options, basis, delta, patched).done()
    after = used(mount)
    assert patched.read_bytes() == pair[1]
    for path in (basis, new, signature, delta, patched):
        path.unlink(missing_ok=True)
    return after - before


@pytest.mark.parametrize("options", [(), ("--no-verify",)], ids=["verified", "not verified"])
def test_what_is_copied_from_the_basis_takes_no_room(redelta: Tool, mounted: Path, options: tuple[str, ...]) -> None:
    basis = noise(SIZE, 1)
    edited = basis[: 10 * MIB] + noise(4096, 2) + basis[10 * MIB :] + b"end"
    assert patch_there(redelta, mounted, (basis, edited), options) < SIZE // 4


def test_what_lies_at_other_offsets_in_its_block_is_copied(redelta: Tool, mounted: Path) -> None:
    basis = noise(SIZE, 1)
    assert patch_there(redelta, mounted, (basis, b"!" + basis), ()) >= SIZE * 9 // 10


def test_the_two_files_are_independent(redelta: Tool, mounted: Path) -> None:
    """Writing to the one does not change the other."""
    basis, signature, delta, patched = (mounted / name for name in ("basis", "sig", "delta", "patched"))
    old = noise(4 * MIB, 3)
    basis.write_bytes(old)
    redelta.run("signature", basis, signature).done()
    redelta.run("delta", signature, basis, delta).done()
    redelta.run("patch", basis, delta, patched).done()
    with basis.open("r+b") as file:
        file.write(b"other bytes")
    assert patched.read_bytes() == old


@pytest.mark.parametrize("options", [(), ("--accept-changed",)], ids=str)
def test_a_basis_that_is_written_to_meanwhile_fails_the_patch(
    redelta: Tool, mounted: Path, options: tuple[str, ...]
) -> None:
    """What is shared was hashed before; a change between would go unnoticed otherwise. To accept it would be to verify
    nothing."""
    basis, signature, delta, patched = (mounted / name for name in ("b", "s", "d", "p"))
    old = noise(SIZE, 4)
    basis.write_bytes(old)
    redelta.run("signature", "-f", basis, signature).done()
    redelta.run("delta", "-f", signature, basis, delta).done()
    with redelta.start("patch", *options, basis, "-", patched) as running:
        commands = delta.read_bytes()
        running.feed(commands[:4])
        wait_until_read(running)
        with basis.open("r+b") as file:
            file.write(old[:1])  # the same byte: only the write itself can be detected
        running.feed(commands[4:])
        running.end_input()
        assert running.status() == 6
    assert not patched.exists()
