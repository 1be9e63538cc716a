"""An input changes while a command reads it.

The interposer stops the command before one of its reads; meanwhile something is done to the file. So the command reads
a part of one version and a part of the other in every run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults.courses import Place
from helpers.tool import ERROR_LINE, HANG_SECONDS, Result, assert_sound

CHANGED = "changed while it was being read"
OUT = "d/out"


@pytest.fixture(scope="module")
def long_place(memory: Path, tools: dict[str, Path]) -> Place:
    """Files that take several reads."""
    return Place(memory / "long", tools, 3_000_000)


# ---- What is done to a file ------------------------------------------------------------------------------------------


def write(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        byte = file.read(11)[-1]
        file.seek(10)
        file.write(bytes([byte ^ 1]))


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def write_and_set_mtime_back(path: Path) -> None:
    status = path.stat()
    write(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path: Path) -> None:
    """The name gets another file; the open one stays."""
    other = path.with_name("another")
    other.write_bytes(b"another")
    other.replace(path)


def chmod(path: Path) -> None:
    path.chmod(0o604)


CHANGES = [write, append, cut, write_and_set_mtime_back]
NO_CHANGES = [replace, chmod]
change = pytest.mark.parametrize("change", CHANGES)


# ---- Runs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """A command line that reads the file `changes`, in the midst of it before its pread number `at`."""

    words: tuple[str, ...]
    changes: str
    at: int
    old: str | None = None  # what stands at the output before
    tool: str = "redelta"

    def __str__(self) -> str:
        return "_".join((self.tool, self.words[0], self.changes)).replace("/", ".")


SIGNATURE = Reading(("signature", "-T1", "-b2K", "basis", OUT), "basis", 4)
DELTA = Reading(("delta", "-T1", "signature", "new", OUT), "new", 4)
ESTIMATE = Reading(("estimate", "-T1", "basis", "new"), "basis", 4)
KEPT = [SIGNATURE, DELTA]
"""Commands that keep what they made: it lies beside the file that changed."""

TORN_SIGNATURE = Reading(("delta", "-T1", "-f", "signature", "new", OUT), "signature", 1, "old")
UNVERIFIED = Reading(("patch", "-T1", "-f", "--no-verify", "basis", "delta", OUT), "basis", 0, "old")
SYNC_NEW = Reading(("sync", "-T1", "new", OUT), "new", 20, "basis")
REFUSED = [TORN_SIGNATURE, UNVERIFIED, SYNC_NEW]
"""Commands that replace nothing."""

VERIFY = Reading(("verify", "-T1", "delta", "new"), "new", 3)
INSPECT = Reading(("inspect", "delta"), "delta", 1)

RDIFF = [
    Reading(("signature", "-b2048", "basis", OUT), "basis", 4, tool="rdiff"),
    Reading(("delta", "signature", "new", OUT), "new", 2, tool="rdiff"),
]


def run(place: Place, reading: Reading, act: Callable[[Path], None], *options: str) -> Result:
    """Runs it, and acts on its file while it is stopped."""
    for name in os.listdir(place.d):
        (place.d / name).unlink()
    if reading.old is not None:
        (place.d / "out").write_bytes(place.files[reading.old])
    path = place.folder / reading.changes
    if reading.changes != OUT:
        path.write_bytes(place.files[reading.changes])
    words = [str(place.tools[reading.tool]), *reading.words, *options]
    process = subprocess.Popen(
        words,
        cwd=place.folder,
        env=place.environment(f"pread:{reading.at}:s{int(signal.SIGSTOP)}"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "there were too few reads to stop before one"
    try:
        act(path)
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=HANG_SECONDS)
    result = Result(words, process.returncode, out, err)
    if reading.changes != OUT:
        path.unlink()
        path.write_bytes(place.files[reading.changes])
    assert_sound(result)
    assert [name for name in os.listdir(place.d) if name != "out"] == [], result.describe()
    return result


def output(place: Place) -> bytes:
    return (place.d / "out").read_bytes()


# ---- Tests -----------------------------------------------------------------------------------------------------------


@change
@pytest.mark.parametrize("reading", KEPT, ids=str)
def test_what_lies_beside_the_input_is_kept_with_a_warning(
    long_place: Place, reading: Reading, change: Callable[[Path], None]
) -> None:
    result = run(long_place, reading, change, "-q")
    verb = reading.words[0]
    assert result.status == 6, result.describe()
    assert result.err.decode() == (
        f"redelta: {verb}: {reading.changes}: warning: {CHANGED}; run it again, or use --accept-changed\n"
    )
    made = output(long_place)
    accepted = run(long_place, reading, change, "--accept-changed")
    assert (accepted.status, accepted.err) == (0, b""), accepted.describe()
    assert output(long_place) == made


@change
@pytest.mark.parametrize("reading", REFUSED, ids=str)
def test_what_would_be_replaced_is_not(long_place: Place, reading: Reading, change: Callable[[Path], None]) -> None:
    assert reading.old is not None
    result = run(long_place, reading, change)
    error = result.fails(6)
    assert (error.file, error.what, error.offset) == (reading.changes, CHANGED, None)
    assert error.advice == "nothing was replaced; run it again"
    assert output(long_place) == long_place.files[reading.old]


@pytest.mark.parametrize("act", NO_CHANGES)
@pytest.mark.parametrize("reading", [*KEPT, *REFUSED, VERIFY, INSPECT, ESTIMATE], ids=str)
def test_what_leaves_the_bytes_alone_is_not_told(
    long_place: Place, reading: Reading, act: Callable[[Path], None]
) -> None:
    result = run(long_place, reading, act)
    assert (result.status, result.err) == (0, b""), result.describe()


@pytest.mark.parametrize("reading", [UNVERIFIED, SYNC_NEW], ids=str)
def test_a_change_can_be_accepted(long_place: Place, reading: Reading) -> None:
    result = run(long_place, reading, append, "--accept-changed", "-v")
    assert result.status == 0, result.describe()
    assert f"redelta: {reading.words[0]}: {reading.changes}: {CHANGED}\n" in result.err.decode()
    new = long_place.files["new"]
    assert output(long_place) == new + (b"more" if reading == SYNC_NEW else b"")


def test_a_patch_that_is_verified_needs_no_such_option(long_place: Place, tmp_path: Path) -> None:
    reading = Reading(("patch", "-T1", "basis", "delta", OUT), "basis", 4)
    result = run(long_place, reading, append, f"--json={tmp_path / 'log'}")
    assert (result.status, result.err) == (0, b""), result.describe()
    assert output(long_place) == long_place.files["new"]
    assert json.loads((tmp_path / "log").read_text().splitlines()[-1])["changed"] is True


@change
def test_an_old_file_that_changes_is_not_replaced(long_place: Place, change: Callable[[Path], None]) -> None:
    reading = Reading(("sync", "-T1", "new", OUT), OUT, 4, "basis")
    error = run(long_place, reading, change).fails(4)
    assert (error.file, error.what) == (OUT, "was changed by another program meanwhile, so it was not replaced")
    expected = long_place.folder / "expected"
    expected.write_bytes(long_place.files["basis"])
    change(expected)
    assert output(long_place) == expected.read_bytes()


def test_a_mismatch_is_explained(long_place: Place) -> None:
    error = run(long_place, VERIFY, append).fails(6)
    assert (error.file, error.what, error.advice) == ("new", CHANGED, "run it again")


def test_a_delta_that_changes_is_told_by_inspect(long_place: Place) -> None:
    assert run(long_place, INSPECT, append).fails(6).what == CHANGED


def test_an_estimate_is_shown_nevertheless(long_place: Place) -> None:
    result = run(long_place, ESTIMATE, append)
    assert result.status == 6, result.describe()
    assert b"Recommended" in result.out
    assert ERROR_LINE.fullmatch(result.err.decode()) is not None, result.describe()
    assert CHANGED in result.err.decode()
    accepted = run(long_place, ESTIMATE, append, "--accept-changed")
    assert (accepted.status, accepted.err) == (0, b""), accepted.describe()


@pytest.mark.parametrize("options", [(), ("--accept-changed",)], ids=str)
@pytest.mark.parametrize("reading", [*KEPT, ESTIMATE], ids=str)
def test_the_record_tells(long_place: Place, tmp_path: Path, reading: Reading, options: tuple[str, ...]) -> None:
    log = tmp_path / "log"
    for act, changed in ((append, True), (chmod, False)):
        result = run(long_place, reading, act, f"--json={log}", *options)
        record = json.loads(log.read_text().splitlines()[-1])
        assert (record["type"], record["changed"]) == ("result", changed)
        assert record["status"] == result.status == (6 if changed and not options else 0)


def test_files_that_change_are_not_called_identical(long_place: Place) -> None:
    reading = Reading(("delta", "-T1", "signature", "basis", OUT), "basis", 4)
    assert run(long_place, reading, chmod, "--exit-code").status == 5
    assert run(long_place, reading, append, "--exit-code").status == 6


@pytest.mark.parametrize("reading", RDIFF, ids=str)
def test_rdiff_accepts_it_as_that_of_librsync_does(long_place: Place, reading: Reading) -> None:
    result = run(long_place, reading, append)
    assert (result.status, result.err) == (0, b""), result.describe()
