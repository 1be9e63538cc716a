"""Measuring whole commands: what the scripts of this directory share."""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from tables import Better, Cell, Column, Report, Sample, sample

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("REDELTA") or str(ROOT / "build" / "bin" / "redelta")
LIBRARIES = ROOT / "build" / "lib"
GNU_TIME = shutil.which("time")
INTERRUPTED = 130
BROKEN_PIPE = 141
USAGE = 2


# ---- Scripts ---------------------------------------------------------------------------------------------------------


def refuse(problem: str) -> NoReturn:
    """Ends the script before it measures anything."""
    print(f"bench/{Path(sys.argv[0]).name}: {problem}", file=sys.stderr)
    sys.exit(USAGE)


def need(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program):
            refuse(f"{program} is not installed")


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def script(main: Callable[[], int | None]) -> NoReturn:
    """Runs a script; Ctrl-C and faults of files are told in one line, and a reader that has gone ends it silently."""
    try:
        status = main() or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered
        status = BROKEN_PIPE
    except OSError as error:
        words = [f"bench/{Path(sys.argv[0]).name}", error.filename, error.strerror or str(error)]
        print(": ".join(str(word) for word in words if word is not None), file=sys.stderr)
        status = 1
    sys.exit(status)


# ---- Commands --------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    wall: float
    cpu: float
    peak: int  # bytes; 0 if not known


def warm(*paths: Path | str) -> None:
    """Read the files into the page cache, in case the system has dropped them from it."""
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def attempt(command: list[str], output: int | IO[str] = subprocess.DEVNULL) -> tuple[Run, str]:
    """Run a command, whose standard output goes to `output`. The words are the last line of what it complained of, if
    it failed, else empty. Its memory is reported by GNU time, a small process between us and it: a command that this
    interpreter started itself would be charged with the interpreter's memory. Without GNU time the peak is 0."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.NamedTemporaryFile("r") as peak, tempfile.TemporaryFile("w+", errors="replace") as said:
        wrapped = [GNU_TIME, "--format=%M", f"--output={peak.name}", *command] if GNU_TIME else command
        start = time.monotonic()
        status = subprocess.run(wrapped, stdout=output, stderr=said, check=False).returncode
        wall = time.monotonic() - start
        kilobytes = peak.read().split()
        said.seek(0)
        lines = [line.strip() for line in said if line.strip()]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    run = Run(wall, cpu, int(kilobytes[-1]) * 1024 if kilobytes else 0)
    return run, (lines[-1] if lines else f"exit status {status}") if status != 0 else ""


def measure(command: list[str]) -> Run:
    """Run a command that must not fail."""
    run, problem = attempt(command)
    if problem:
        sys.exit(f"{shlex.join(command)}: {problem}")
    return run


# ---- Two programs in turns -------------------------------------------------------------------------------------------


def duel_columns(ours: str, theirs: str, digits: int = 3, peaks: bool = True) -> list[Column]:
    """Those of `duel`."""
    columns = [
        Column(ours, "s", digits, "less"),
        Column(theirs, "s", digits),
        Column("faster", "x", 1, "more", bold=True),
        Column("less processor time", "x", 1, "more"),
    ]
    if peaks:
        columns += [memory_column(ours, 1, "less"), memory_column(theirs, 1)]
    return columns


def memory_column(who: str, digits: int = 0, better: Better = "") -> Column:
    return Column(who, "MB", digits, better, statistic="maximum")


def duel(rounds: Sequence[tuple[Run, Run]], peaks: bool = True) -> list[Cell]:
    """Rounds of ours and theirs: the wall times of both, the ratios in each round (above 1: ours is faster), the same
    for processor time, and the memory of both."""
    ours, theirs = [our for our, _ in rounds], [their for _, their in rounds]
    cells: list[Cell] = [
        sample(run.wall for run in ours),
        sample(run.wall for run in theirs),
        sample(their.wall / our.wall for our, their in rounds),
        sample(their.cpu / max(our.cpu, 1e-3) for our, their in rounds),
    ]
    return [*cells, memory(ours), memory(theirs)] if peaks else cells


def memory(runs: Sequence[Run]) -> Cell:
    return sample(run.peak / 1e6 for run in runs) if all(run.peak for run in runs) else None


# ---- Programs in C ---------------------------------------------------------------------------------------------------


def built(name: str) -> str:
    """Builds the release, and returns the path of a program of this directory in it."""
    subprocess.run([ROOT / "scripts" / "build"], stdout=sys.stderr, check=True)
    return str(ROOT / "build" / "bin" / f"redelta-bench-{name}")


def fields(command: list[str]) -> list[list[str]]:
    """What a program prints: lines of fields that tabs divide."""
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.split("\t") for line in printed.splitlines()]


def file_system(place: Path) -> str:
    """Its type, as in /proc/mounts."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split(" ")
        if place.resolve().is_relative_to(point.replace("\\040", " ")) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def ways_in_turns(name: str, places: Sequence[Path], runs: int, report: Report) -> None:
    """Adds the rows of a program that does each case in two ways, in each of the places: the rounds of both ways, and
    the ratios of the second to the first."""
    program = built(name)
    for place in places:
        measured: dict[str, list[Sample]] = {}
        for case, _, *rounds in fields([program, str(place), str(runs)]):
            measured.setdefault(case, []).append(sample(map(float, rounds)))
        for case, (one, other) in measured.items():
            ratios = sample(b / a for a, b in zip(one.values, other.values, strict=True))
            report.row(file_system(place), case, one, other, ratios)
