"""Deltas of every origin: of stock rdiff, of redelta from a signature or with both files at hand, and made up.

A made-up delta has whatever the format allows and no program writes: copies of one byte, of the same range again and
again, adjacent ones that could be one, and numbers in wider fields than they need.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from helpers.samples import random_edits
from helpers.tool import Tool
from helpers.wire import (
    OP_END,
    WIDTHS,
    Command,
    Copy,
    Literal,
    apply_delta,
    delta_header,
    encode_copy,
    encode_literal,
    encode_trailer,
    width_index,
)

ORIGINS = ("rdiff", "delta", "delta -z", "diff", "diff -z", "made up", "made up, unverified")


def wider(value: int, chance: random.Random) -> int:
    """The index of some width that holds the value."""
    return chance.randint(width_index(value), len(WIDTHS) - 1)


def encode_loosely(command: Command, chance: random.Random) -> bytes:
    if isinstance(command, Copy):
        return encode_copy(command, wider(command.offset, chance), wider(command.length, chance))
    return encode_literal(command, None if chance.random() < 0.5 else wider(len(command.data), chance))


def made_up(basis: bytes, seed: int, verified: bool = True) -> tuple[bytes, bytes]:
    """A delta from the basis, and the new file."""
    chance = random.Random(seed)
    commands: list[Command] = []
    for _ in range(chance.randrange(40)):
        if basis and chance.random() < 0.7:
            last = commands[-1] if commands and chance.random() < 0.3 else None
            follows = last.offset + last.length if isinstance(last, Copy) else len(basis)
            offset = follows if follows < len(basis) else chance.randrange(len(basis))
            commands.append(Copy(offset, min(chance.choice((1, 2, 7, 100, 3000)), len(basis) - offset)))
        else:
            commands.append(Literal(chance.randbytes(chance.choice((1, 2, 64, 65, 300)))))
    new = b"".join(c.data if isinstance(c, Literal) else basis[c.offset : c.offset + c.length] for c in commands)
    encoded = b"".join(encode_loosely(each, chance) for each in commands)
    return delta_header() + encoded + bytes([OP_END]) + (encode_trailer(new) if verified else b""), new


@dataclass(frozen=True)
class Makers:
    """Both commands, and a folder for their files."""

    redelta: Tool
    rdiff: Tool
    folder: Path

    def make(self, origin: str, basis: bytes, seed: int) -> tuple[bytes, bytes]:
        """A delta of this origin from the basis, and the new file, which follows from the seed."""
        if origin.startswith("made up"):
            return made_up(basis, seed, verified="unverified" not in origin)
        new = random_edits(basis, seed % 7, seed)
        old_file, new_file, signature = (self.folder / name for name in ("made-old", "made-new", "made-signature"))
        old_file.write_bytes(basis)
        new_file.write_bytes(new)
        if origin.startswith("diff"):
            return self.redelta.run(*origin.split(), old_file, new_file).done(), new
        program = self.rdiff if origin == "rdiff" else self.redelta
        block_len = str((5, 64, 700)[seed % 3])
        signature.write_bytes(program.run("signature", "-b", block_len, old_file).done())
        words = ("delta",) if origin == "rdiff" else origin.split()
        return program.run(*words, signature, new_file).done(), new

    def assert_makes(self, basis: bytes, delta: bytes, new: bytes) -> None:
        """Whoever applies it: Python's reader, stock rdiff, redelta."""
        old_file = self.folder / "basis"
        old_file.write_bytes(basis)
        assert apply_delta(basis, delta) == new
        assert self.rdiff.run("patch", old_file, stdin=delta).done() == new
        assert self.redelta.run("patch", old_file, stdin=delta).done() == new

    def merge(self, deltas: Sequence[bytes], *options: str) -> bytes:
        """The command's merged delta."""
        paths = [self.folder / f"{number}.delta" for number in range(len(deltas))]
        for path, delta in zip(paths, deltas, strict=True):
            path.write_bytes(delta)
        return self.redelta.run("merge", *options, *paths).done()

    def reverse(self, old: bytes, delta: bytes, *options: str) -> bytes:
        """The command's reversed delta."""
        old_file, delta_file = self.folder / "old", self.folder / "delta"
        old_file.write_bytes(old)
        delta_file.write_bytes(delta)
        return self.redelta.run("reverse", *options, old_file, delta_file).done()


origins = st.sampled_from(ORIGINS)
origins_with_dense = st.sampled_from((*ORIGINS, "diff --dense"))  # of which the old file must be at hand
