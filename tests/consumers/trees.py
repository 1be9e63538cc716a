"""Trees of files to back up, in three states a day apart, and the comparison of a restored tree with its original.

Each state has what makes backups go wrong: large files with scattered edits, files that grow, shrink to nothing or stay
empty, sparse ones, links, odd modes and names, and files that appear and disappear.
"""

from __future__ import annotations

import os
import random
import stat
from dataclasses import dataclass
from pathlib import Path

# 2020-09-13 12:26:40 UTC. States are a day apart, and their files an hour older than the backup.
DAY = 24 * 3600
EPOCH = 1_600_000_000
STATES = 3


def time_of(state: int) -> int:
    """When a state is backed up, in seconds since 1970."""
    return EPOCH + state * DAY


def noise(size: int, seed: int) -> bytes:
    """Bytes without structure."""
    return random.Random(seed).randbytes(size)


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _write_sparse(path: Path, size: int, islands: dict[int, bytes]) -> None:
    with path.open("wb") as file:
        file.truncate(size)
        for at, data in islands.items():
            file.seek(at)
            file.write(data)


def _edited(data: bytes, seed: int) -> bytes:
    """Ranges removed, inserted and overwritten at scattered offsets."""
    chance = random.Random(seed)
    edited = bytearray(data)
    for _ in range(12):
        at = chance.randrange(len(edited))
        size = chance.choice((1, 5, 700, 4000))
        edited[at : at + chance.choice((0, size))] = chance.randbytes(chance.choice((0, size)))
    return bytes(edited)


def _big(state: int) -> bytes:
    data = noise(3_000_000, 1)
    for edit in range(state):
        data = _edited(data, 100 + edit)
    return data


def make_state(root: Path, state: int) -> None:
    """Brings the tree at `root` (missing for state 0) to a state."""
    _write(root / "big", _big(state))
    _write(root / "text", b"".join(b"line %d of %d\n" % (line, line * state) for line in range(20_000)))
    _write(root / "log", noise(150_000 + state * 70_000, 2))
    _write(root / "shrinks", noise((200_000, 65_536, 0)[state], 3))
    _write(root / "grows from nothing", noise((0, 1, 300_000)[state], 4))
    _write(root / "empty", b"")
    _write(root / "same", noise(70_000, 5), mode=0o600)
    _write(root / "mode changes", noise(5_000, 6), mode=(0o644, 0o755, 0o400)[state])
    _write(root / "dir" / "ünïcode\n name", noise(10_000, 7 + state))
    _write_sparse(root / "sparse", 4_000_000 + state, {1_000_000: noise(5_000, 10), 3_000_000 + state: b"x" * 100})
    for number in range(40):
        _write(root / "dir" / "small" / str(number), noise(number * 50 + state % 2, number))
    _make_links(root, state)
    _come_and_go(root, state)
    _set_times(root, time_of(state) - 3600)


def _make_links(root: Path, state: int) -> None:
    link = root / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(("big", "nowhere", "dir")[state])
    hard = root / "dir" / "hard"
    if not hard.exists():
        hard.hardlink_to(root / "big")


def _come_and_go(root: Path, state: int) -> None:
    if state > 0:
        (root / f"only before {state}").unlink()
    _write(root / f"only before {state + 1}", noise(30_000, 20 + state))
    if state == 2:  # a file becomes a directory
        (root / "kind").unlink()
        (root / "kind").mkdir()
    else:
        _write(root / "kind", noise(20_000, 30 + state))


def _set_times(root: Path, when: int) -> None:
    for path in (root, *root.rglob("*")):
        os.utime(path, (when, when), follow_symlinks=False)


@dataclass(frozen=True)
class Entry:
    """What a backup must restore for one name. For a link that is its target, without a time: no program here restores
    that."""

    mode: int
    mtime: int
    data: bytes

    def __repr__(self) -> str:
        return f"mode {self.mode:o}, time {self.mtime}, {len(self.data)} bytes"


def entries(root: Path) -> dict[str, Entry]:
    """All names below `root`."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            entry = Entry(status.st_mode, 0, os.fsencode(path.readlink()))
        else:
            data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            entry = Entry(status.st_mode, int(status.st_mtime), data)
        found[str(path.relative_to(root))] = entry
    return found


def differences(one: dict[str, Entry], other: dict[str, Entry]) -> list[str]:
    """A line for each name that differs: its state in one tree, and in the other."""
    return [
        f"{name!r}: {one.get(name)} and {other.get(name)}"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


@dataclass(frozen=True)
class History:
    """A tree as it was in each state, for comparison, and the live one at `root`."""

    root: Path
    states: dict[int, dict[str, Entry]]

    def advance(self, state: int) -> None:
        """Makes the next state and remembers it."""
        make_state(self.root, state)
        self.states[state] = entries(self.root)

    def assert_restored(self, state: int, restored: Path) -> None:
        """The restored tree is that state's."""
        assert self.states[state], "nothing to compare with"
        wrong = differences(self.states[state], entries(restored))
        assert not wrong, "\n".join(wrong)
