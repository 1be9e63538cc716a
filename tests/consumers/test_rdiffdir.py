"""rdiffdir, duplicity's rdiff for whole directories: signature, delta and patch, by themselves and in chains.

The steps of a mix: signature, delta, patch.
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from consumers.programs import Desk, Librsync
from consumers.trees import STATES, History

MIXES = ["sss", "ooo", "oss", "sos", "sso", "oos", "oso", "soo"]


def copy_of(tree: Path, to: Path) -> Path:
    """A copy of a tree with all its metadata."""
    return Path(shutil.copytree(tree, to, symlinks=True))


@pytest.mark.parametrize("mix", MIXES)
def test_a_directory_is_patched(desk: Desk, history: History, librsyncs: dict[str, Librsync], mix: str) -> None:
    sign, delta, patch = (librsyncs[letter] for letter in mix)
    history.advance(0)
    basis = copy_of(history.root, desk.folder / "basis")
    history.advance(1)
    desk.run(sign, "rdiffdir", "signature", basis, "signature.tar")
    desk.run(delta, "rdiffdir", "delta", "signature.tar", history.root, "delta.tar")
    desk.run(patch, "rdiffdir", "patch", basis, "delta.tar")
    history.assert_restored(1, basis)
    with tarfile.open(desk.folder / "delta.tar") as tar:
        big = next(member for member in tar.getmembers() if member.name.endswith("/big"))
    assert big.name.startswith("diff/")
    assert big.size < 100_000, "the delta holds the file"


@pytest.mark.parametrize("mix", ["sss", "ooo", "oso", "sos"])
def test_a_chain_begins_with_a_tar(desk: Desk, history: History, librsyncs: dict[str, Librsync], mix: str) -> None:
    """A full tar with its signature, then deltas, each against all signatures so far, patched in order."""
    first, second, patch = (librsyncs[letter] for letter in mix)
    history.advance(0)
    desk.run(first, "rdiffdir", "--write-sig-to", "0.sig", "tar", history.root, "0.tar")
    for state in range(1, STATES):
        history.advance(state)
        signatures = [f"{number}.sig" for number in range(state)]
        written = ("--write-sig-to", f"{state}.sig")
        desk.run(second, "rdiffdir", *written, "delta", *signatures, history.root, f"{state}.tar")
    restored = desk.folder / "restored"
    restored.mkdir()
    for state in range(STATES):
        desk.run(patch, "rdiffdir", "patch", restored, f"{state}.tar")
        history.assert_restored(state, restored)


def test_signatures_of_both_libraries_are_the_same(
    desk: Desk, history: History, librsyncs: dict[str, Librsync]
) -> None:
    history.advance(0)
    for letter in "so":
        desk.run(librsyncs[letter], "rdiffdir", "signature", history.root, f"{letter}.tar")
    assert (desk.folder / "s.tar").read_bytes() == (desk.folder / "o.tar").read_bytes()
