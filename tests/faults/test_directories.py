"""Many files in one directory: every system call fails in turn, or the process is killed before it.

Whatever happens, each name has its old file or its new one, whole. A process that ends by itself reports exactly the
names that have the old one.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
from pathlib import Path

import pytest

from faults.conftest import named_by
from faults.courses import tally, way
from helpers.tool import HANG_SECONDS, SANITIZED, plain_environment

REPLACED = ("one", "two", "three", "four")
FREE = ("free-1", "free-2")
NAMES = (*REPLACED[:2], FREE[0], *REPLACED[2:], FREE[1])
MODE = 0o640
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EMFILE, errno.EACCES, errno.ENOSYS)
STEP = 20 if SANITIZED else 1


class Directory:
    """A folder with old files, and a program that writes new ones."""

    def __init__(self, folder: Path) -> None:
        self.d = folder / "d"
        self.d.mkdir()
        self.log = folder / "log"

    def prepare(self) -> None:
        """Writes the old files, and removes everything else."""
        self.log.unlink(missing_ok=True)
        for name in os.listdir(self.d):
            (self.d / name).unlink()
        for name in REPLACED:
            (self.d / name).write_text(f"old {name}")
            (self.d / name).chmod(MODE)

    def run(self, faults: str) -> subprocess.CompletedProcess[str]:
        """Writes all files."""
        environment = plain_environment() | {"LD_PRELOAD": os.environ["REDELTA_INTERPOSER"]}
        environment |= {"REDELTA_FAULTS": faults, "REDELTA_FAULTS_LOG": str(self.log)}
        words = [str(named_by("REDELTA_MANY_FILES")), str(self.d), *NAMES]
        result = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
        )
        assert "Sanitizer" not in result.stderr, result.stderr
        return result

    def lines(self) -> list[str]:
        """The log: the calls that had a fault, and at the end how many there were."""
        return self.log.read_text().splitlines()

    def calls(self) -> int:
        """How many calls the last run made, which ended by itself."""
        return int(self.lines()[-1].removeprefix("calls "))

    def new(self) -> set[str]:
        """The names that have their new file; all others have their old one."""
        found = set()
        for name in NAMES:
            path = self.d / name
            if not path.exists():
                assert name in FREE, f"{name} is gone"
                continue
            content = path.read_text()
            if content == f"new {name}":
                found.add(name)
            else:
                assert name in REPLACED
                assert content == f"old {name}"
            assert name in FREE or path.stat().st_mode & 0o7777 & ~MODE == 0
        return found

    def left(self) -> set[str]:
        """The other names."""
        return set(os.listdir(self.d)) - set(NAMES)

    def judge(self, result: subprocess.CompletedProcess[str]) -> set[str]:
        """The names that the program reports, which must be those that have no new file."""
        reported = result.stdout.split()
        failed = set(NAMES) if reported == ["*"] else set(reported)
        assert len(failed) == len(reported) or reported == ["*"], result
        assert failed == set(NAMES) - self.new(), result
        assert (result.returncode == 0) == (not failed), result
        return failed

    def judge_done(self, faults: str) -> None:
        """Runs with faults that must not matter."""
        self.prepare()
        assert self.judge(self.run(faults)) == set()
        assert self.left() == set()


@pytest.fixture
def directory(memory: Path, tmp_path: Path) -> Directory:
    """In memory, if there is such a file system."""
    folder = memory / tmp_path.name
    folder.mkdir()
    return Directory(folder)


@way
def test_every_call_fails_once(directory: Directory, way: str) -> None:
    failures = 0
    for number in itertools.count(step=STEP):
        directory.prepare()
        result = directory.run(f"{way} any:{number}:{ERRNOS[number % len(ERRNOS)]}")
        if directory.calls() <= number:
            break
        failures += len(directory.judge(result)) > 0
        tally("faults")
        if directory.left():
            assert "unlinkat" in directory.lines()
            directory.run(way)
            assert directory.left() == set()
    assert failures >= (0 if SANITIZED else 20)


@way
def test_flushes_that_fail(directory: Directory, way: str) -> None:
    """Without syncfs each file is flushed by itself. One that cannot be is reported, and does not stop the others."""
    directory.judge_done(f"{way} syncfs:*:{errno.EIO}")
    directory.judge_done(f"{way} syncfs:*:{errno.ENOSYS} sync_file_range:*:{errno.ENOSYS}")
    directory.judge_done(f"{way} fstatfs:*:{errno.ENOSYS}")
    assert "fstatfs" in directory.lines()
    for number, name in enumerate(REPLACED):
        directory.prepare()
        assert directory.judge(directory.run(f"{way} syncfs:*:{errno.EIO} fsync:{number}:{errno.EIO}")) == {name}
        assert directory.left() == set()
    directory.prepare()
    assert directory.judge(directory.run(f"{way} syncfs:*:{errno.EIO} fsync:*:{errno.EIO}")) == set(REPLACED)
    assert directory.left() == set()


@way
def test_a_storm_of_interruptions_changes_nothing(directory: Directory, way: str) -> None:
    calls = ("open", "openat", "write", "fsync", "sync_file_range", "close")
    directory.judge_done(" ".join([way, *(f"{call}:odd:{errno.EINTR}" for call in calls)]))


@way
def test_where_nothing_can_be_locked_the_same_is_made(directory: Directory, way: str) -> None:
    directory.judge_done(f"{way} flock:*:{errno.ENOLCK}")


@way
@pytest.mark.skipif(SANITIZED, reason="a killed process has nothing to tell a sanitizer")
def test_killed_before_every_call(directory: Directory, way: str) -> None:
    """The next process removes what was left over, and writes all files."""
    for number in itertools.count():
        directory.prepare()
        result = directory.run(f"{way} any:{number}:kill")
        if directory.lines()[-1].startswith("calls "):
            break
        assert result.returncode == -signal.SIGKILL
        tally("kills")
        assert len(directory.left()) <= len(NAMES) + 1
        for name in directory.new() & set(FREE):
            (directory.d / name).unlink()
        assert directory.judge(directory.run(way)) == set()
        assert directory.left() == set()
    assert number >= 80
