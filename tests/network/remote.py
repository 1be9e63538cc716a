"""A file that is brought up to date between two sides, which are two folders of this machine.

The other side is a process that the remote shell starts. Its program is a script that tells the process's number before
it becomes redelta, so that tests can end it, and see that it ends.
"""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from helpers.samples import noise, prose, random_edits
from helpers.tool import HANG_SECONDS, Argument, Result, Tool, assert_sound, heed_signals, plain_environment

PAUSE = 0.002


@dataclass(frozen=True)
class Pair:
    old: bytes | None
    new: bytes


def many_edits(data: bytes, count: int, seed: int) -> bytes:
    """Small replacements, insertions and deletions, all over the data."""
    chance = random.Random(seed)
    parts = []
    before = 0
    for at in sorted(chance.sample(range(len(data)), count)):
        parts += [data[before:at], chance.randbytes(chance.randint(0, 30))]
        before = at + chance.randint(0, 30)
    return b"".join([*parts, data[before:]])


SHORT = Pair(prose(3000, 1), random_edits(prose(3000, 1), 3, 2))
PAIR = Pair(prose(400_000, 3), many_edits(prose(400_000, 3), 120, 4))


def large_pair(size: int) -> Pair:
    old = noise(size, 5)
    return Pair(old, many_edits(old, size // 20_000, 6))


class Sides:
    """`here` is the user's side, `there` the other one. `push`: the new file is here."""

    def __init__(self, redelta: Tool, folder: Path, shell: str, pair: Pair = PAIR, push: bool = True) -> None:
        self.redelta = redelta
        self.shell = shell
        self.push = push
        self.pair = pair
        self.here = folder / "here"
        self.there = folder / "there"
        for side in (self.here, self.there):
            side.mkdir()
        self.number = folder / "number"
        self.program = folder / "program"
        self.program.write_text(
            f'#!/bin/sh\necho $$ >{shlex.quote(str(self.number))}\nexec {shlex.quote(str(redelta.path))} "$@"\n'
        )
        self.program.chmod(0o755)
        self.reset()

    @property
    def source(self) -> Path:
        return (self.here if self.push else self.there) / "new"

    @property
    def destination(self) -> Path:
        return (self.there if self.push else self.here) / "file"

    def reset(self) -> None:
        """The files are as they were at first."""
        if not self.source.exists() or self.source.read_bytes() != self.pair.new:
            self.source.write_bytes(self.pair.new)
        if self.pair.old is None:
            self.destination.unlink(missing_ok=True)
        elif not self.destination.exists() or self.destination.read_bytes() != self.pair.old:
            self.destination.write_bytes(self.pair.old)
        self.number.unlink(missing_ok=True)

    def words(self, *options: Argument, shell: str | None = None) -> list[Argument]:
        """The command line of the user's side."""
        files: list[Argument] = [self.source, f"host:{self.destination}"]
        if not self.push:
            files = [f"host:{self.source}", self.destination]
        return ["sync", f"--rsh={shell or self.shell}", f"--remote-program={self.program}", *options, *files]

    def run(self, *options: Argument, shell: str | None = None) -> Result:
        """To the end of both sides."""
        result = self.redelta.run(*self.words(*options, shell=shell))
        self.await_other_side()
        return result

    def start(self, *options: Argument, shell: str | None = None) -> subprocess.Popen[bytes]:
        """In a session of its own, as that of a terminal is, so that Ctrl-C can be sent to all of it."""
        words = [os.fsdecode(word) for word in (self.redelta.path, *self.words(*options, shell=shell))]
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=plain_environment(),
            preexec_fn=heed_signals,
            start_new_session=True,
        )

    def finish(self, started: subprocess.Popen[bytes]) -> Result:
        """Waits for both sides; the user's may have been ended by a signal."""
        out, err = started.communicate(timeout=HANG_SECONDS)
        result = Result([str(word) for word in started.args], started.returncode, out, err)  # type: ignore[union-attr]
        if result.status >= 0:
            assert_sound(result)
        self.await_other_side()
        return result

    def other_side(self) -> int | None:
        """The number of the other side's process; None: it has not begun, or has ended."""
        try:
            number = int(self.number.read_text())
            running = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (OSError, ValueError):
            return None
        return number if running else None

    def await_other_side(self) -> None:
        """It ends by itself: nothing else is left of the connection."""
        until = time.monotonic() + HANG_SECONDS / 2
        while self.other_side() is not None:
            assert time.monotonic() < until, "the other side does not end"
            time.sleep(PAUSE)

    def kill_other_side(self) -> bool:
        """Whether there was one."""
        number = self.other_side()
        with suppress(ProcessLookupError):
            if number is not None:
                os.kill(number, signal.SIGKILL)
        return number is not None

    def content(self) -> str:
        """`old` or `new`: which of them the destination is, whole. The source is as it was."""
        assert self.source.read_bytes() == self.pair.new
        data = self.destination.read_bytes() if self.destination.exists() else None
        if data == self.pair.new:
            return "new"
        assert data == self.pair.old, "neither the old file nor the new one"
        return "old"

    def left(self) -> list[str]:
        """What is beside the files."""
        names = {path.name for side in (self.here, self.there) for path in side.iterdir()}
        return sorted(names - {"new", "file"})

    def judge(self, result: Result) -> str:
        """A run that succeeded has made the new file. One that failed says why, and has left the old one, unless only
        the news of its success was lost. Neither leaves anything else."""
        content = self.content()
        assert self.left() == [], result.describe()
        assert content == "new" or result.status != 0, result.describe()
        assert result.status <= 0 or b"redelta: " in result.err, result.describe()
        return content
