"""Commands are killed: before each system call, and a large patch onto its own basis at random moments.

Afterwards there is the old file or the new one, and the next run removes whatever else was left. REDELTA_KILLS is the
number of kills at random of each kind, SIGKILL and signals that ask a process to end: 60 in an ordinary run. A run that
ended before its signal does not count. REDELTA_THOROUGH=1 makes the files larger.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from faults.courses import HAS_ZSTD, NAMED, Course, Place, any_course, tally, way
from helpers.tool import HANG_SECONDS, heed_signals

KILLS = int(os.environ.get("REDELTA_KILLS", "60"))
SIZE = 32_000_000 if os.environ.get("REDELTA_THOROUGH") == "1" else 8_000_000
PATCHES = {
    "redelta": Course("redelta", ("patch", "-f", "d/out", "delta", "d/out"), "new", "basis"),
    "redelta-no-verify": Course("redelta", ("patch", "-f", "--no-verify", "d/out", "delta", "d/out"), "new", "basis"),
    "redelta-sync": Course("redelta", ("sync", "-q", "new", "d/out"), "new", "basis"),
    "rdiff": Course("rdiff", ("-f", "patch", "d/out", "delta", "d/out"), "new", "basis"),
}
if HAS_ZSTD:
    words = ("patch", "-f", "d/out", "delta.zst", "d/out")
    PATCHES["redelta-compressed"] = Course("redelta", words, "new", "basis")
SERIES = [(tool, way) for tool in PATCHES for way in ("unnamed", "named")]


class Victim:
    """A patch that is started again and again, and ended by a signal after a random time."""

    def __init__(self, place: Place, course: Course, way: str) -> None:
        self.place = place
        self.course = course
        self.environment = place.environment(NAMED if way == "named" else "")
        place.prepare(course)
        self.inode = (place.d / "out").stat().st_ino
        self.run(None, 0)
        started = time.monotonic()
        self.reset()
        self.run(None, 0)
        self.duration = time.monotonic() - started

    def reset(self) -> None:
        """Restores the basis, if the output replaced it."""
        out = self.place.d / "out"
        if not out.exists() or out.stat().st_ino != self.inode:
            out.write_bytes(self.place.files["basis"])
            out.chmod(0o640)
            self.inode = out.stat().st_ino

    def run(self, number: signal.Signals | None, after: float) -> int:
        """Runs the patch and sends the signal after this many seconds. Returns the status."""
        words = [str(self.place.tools[self.course.tool]), *self.course.words]
        with subprocess.Popen(
            words,
            cwd=self.place.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=heed_signals,
        ) as process:
            if number is not None:
                time.sleep(after)
                process.send_signal(number)
            _, err = process.communicate(timeout=HANG_SECONDS)
        assert b"Sanitizer" not in err, err.decode()
        assert process.returncode in (0, -(number or 0)), err.decode()
        return process.returncode

    def end_many(self, wanted: int, numbers: Sequence[signal.Signals], seed: str) -> Iterator[signal.Signals]:
        """Has this many runs ended by these signals in turn, and yields each signal after that."""
        chance = random.Random(seed)
        for at in range(wanted):
            number = numbers[at % len(numbers)]
            self.reset()
            while self.run(number, chance.uniform(0, self.duration)) == 0:
                self.reset()
            tally("runs ended by a signal")
            yield number

    def content(self) -> str:
        """`basis` or `new`: which of them the output is, whole."""
        data = (self.place.d / "out").read_bytes()
        names = [name for name in ("basis", "new") if self.place.files[name] == data]
        assert names, "the output is neither the basis nor the new file"
        return names[0]


@pytest.fixture(scope="module")
def large_place(tmp_path_factory: pytest.TempPathFactory, tools: dict[str, Path]) -> Place:
    """Files whose patch takes a while."""
    return Place(tmp_path_factory.mktemp("large") / "work", tools, SIZE)


@way
@any_course
def test_killed_before_every_call(place: Place, course: Course, way: str) -> None:
    for number in range(place.count(course, way)):
        place.prepare(course)
        result = place.run(course, f"{way} any:{number}:kill", killed=True)
        if place.ended() and "-" in course.words:  # reads from a pipe were fewer than before
            continue
        assert result.status == -signal.SIGKILL, result.describe()
        content = place.content(course)
        left = place.left()
        assert len(left) <= 2, left
        place.take_kept(course)
        if content == "new" and course.replaces == "basis":  # a patch has only its own basis
            (place.d / "out").write_bytes(place.files["basis"])
        if content == "new" and course.replaces is None:
            (place.d / "out").unlink()
        again = place.run(course, way)
        assert place.judge(course, again), again.describe()


@pytest.mark.parametrize(("tool", "way"), SERIES)
def test_killed_at_a_random_moment(large_place: Place, tool: str, way: str) -> None:
    victim = Victim(large_place, PATCHES[tool], way)
    for _ in victim.end_many(-(-KILLS // len(SERIES)), [signal.SIGKILL], tool + way):
        victim.content()
        assert len(large_place.left()) <= 2
    victim.reset()
    assert victim.run(None, 0) == 0
    assert victim.content() == "new"
    large_place.take_kept(victim.course)
    assert large_place.left() == []


@pytest.mark.parametrize("way", ["unnamed", "named"])
def test_what_many_killed_runs_left_goes_with_the_next(large_place: Place, way: str) -> None:
    """Several at once, so that each has a temporary name of its own."""
    victim = Victim(large_place, PATCHES["redelta"], way)
    victim.reset()
    words = [str(large_place.tools["redelta"]), *victim.course.words]
    runs = [subprocess.Popen(words, cwd=large_place.folder, env=victim.environment) for _ in range(6)]
    time.sleep(victim.duration / 2)
    for each in runs:
        each.kill()
    for each in runs:
        each.wait()
    victim.content()
    victim.reset()
    assert victim.run(None, 0) == 0
    assert victim.content() == "new"
    large_place.take_kept(victim.course)
    assert large_place.left() == []


@pytest.mark.parametrize(("tool", "way"), SERIES)
def test_asked_to_end_at_a_random_moment(large_place: Place, tool: str, way: str) -> None:
    """Then nothing is left even without a next run."""
    victim = Victim(large_place, PATCHES[tool], way)
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    for number in victim.end_many(-(-KILLS // len(SERIES)), numbers, tool + way + "asked"):
        victim.content()
        assert large_place.left() == [], number
