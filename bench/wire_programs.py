"""What bench/wire runs: programs that bring a file up to date through a remote shell, and the cases they are given.

The remote shell is bench/relay, which starts the other side on this machine. It counts the bytes of both directions, or
makes a slow link of them, or only hands its own pipes on, for times; and it tells the processor time and the memory of
the other side, which are no part of what the client is told to have taken.
"""

from __future__ import annotations

import filecmp
import json
import os
import random
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from diff_pairs import MIB, SEED, Pair
from measuring import PROGRAM, Run, attempt

Command = list[str]
HOST = "host"  # the relay takes any


class Failure(Exception):
    """What a program cannot do, in words."""


class WrongResult(Failure):
    """It did it, and wrongly."""


# ---- Programs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """A row of each table; the new file is sent to the other side, which has the old one."""

    name: str
    options: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        return self.name.startswith("redelta")

    @property
    def executable(self) -> str:
        return PROGRAM if self.ours else self.name.split()[0]

    def command(self, shell: str, new: Path, destination: Path) -> Command:
        files = (str(new), f"{HOST}:{destination}")
        if self.ours:
            words = ("sync", "--json", "-t", *self.options, f"--rsh={shell}", f"--remote-program={PROGRAM}")
            return [PROGRAM, *words, *files]
        return [self.name.split()[0], "-t", "--no-whole-file", *self.options, "-e", shell, *files]


OURS = "redelta sync"
COMPRESSED = "rsync -z"
PLAIN = "rsync"

PROGRAMS: tuple[Program, ...] = (
    Program(OURS),
    Program(f"{OURS} --max-rounds=10", ("--max-rounds=10",)),
    Program(COMPRESSED, ("-z",)),
    Program(PLAIN),
)

OTHERS = [each.name for each in PROGRAMS if not each.ours]


# ---- Runs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A pair, and whether the old file has the time of the new one, by which rsync takes them for equal."""

    pair: Pair
    same_time: bool = False
    unrelated: bool = False

    def reset(self, destination: Path) -> None:
        """The destination is the old file again."""
        shutil.copyfile(self.pair.old, destination)
        time = self.pair.new.stat().st_mtime_ns - (0 if self.same_time else 3600 * 10**9)
        os.utime(destination, ns=(time, time))


@dataclass(frozen=True)
class Counted:
    """What went through the pipe."""

    up: int
    down: int
    rounds: int | None

    @property
    def total(self) -> int:
        return self.up + self.down


@dataclass(frozen=True)
class Taken:
    """What a run cost: the processor time of both sides, and the memory of the largest process of each."""

    wall: float
    cpu: float
    sender: int
    receiver: int


def rounds_of(output: str) -> int | None:
    """The round trips that the record of a program tells."""
    for line in output.splitlines():
        record = json.loads(line) if line.startswith("{") else {}
        if "connection" in record:
            return int(record["connection"]["rounds"])
    return None


class Runner:
    """Runs programs on cases in a folder of its own."""

    def __init__(self, relay: str, work: Path) -> None:
        self.relay = relay
        self.destination = work / "destination"
        self.report = work / "report.json"

    def run(self, program: Program, case: Case, *options: str, shell: str = "") -> tuple[Run, dict[str, float], str]:
        """The run of the client, the relay's report, and what the client printed. Checks the result."""
        self.report.unlink(missing_ok=True)
        case.reset(self.destination)
        words = [self.relay, "--report", str(self.report), *options]
        if shell:
            words += ["--keep", *shlex.split(shell)]
        command = program.command(shlex.join(words), case.pair.new, self.destination)
        with tempfile.TemporaryFile("w+") as output:
            run, problem = attempt(command, output)
            output.seek(0)
            printed = output.read()
        if problem:
            raise Failure(problem)
        if not filecmp.cmp(self.destination, case.pair.new, shallow=False):
            raise WrongResult(f"{case.pair.name}: {program.name} does not make the new file")
        return run, json.loads(self.report.read_text()), printed

    def count(self, program: Program, case: Case) -> Counted:
        _, report, printed = self.run(program, case)
        return Counted(int(report["up"]), int(report["down"]), rounds_of(printed) if program.ours else None)

    def take(self, program: Program, case: Case) -> Taken:
        run, report, _ = self.run(program, case, "--plain")
        cpu = run.cpu - report["own_cpu"] + report["cpu"]
        return Taken(run.wall, cpu, run.peak, int(report["peak"]))


# ---- Cases that are made ---------------------------------------------------------------------------------------------


def words_of(rng: random.Random, size: int) -> Iterator[bytes]:
    """Text of words of its own, about as compressible as prose."""
    words = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)]
    weights = [1 / number for number in range(1, len(words) + 1)]
    made = 0
    while made < size:
        piece = b" ".join(rng.choices(words, weights, k=4000)) + b"\n"
        piece = piece[: size - made]
        made += len(piece)
        yield piece


def noise_of(rng: random.Random, size: int) -> Iterator[bytes]:
    for at in range(0, size, MIB):
        yield rng.randbytes(min(MIB, size - at))


def write(path: Path, pieces: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pieces)


def unrelated(folder: Path, kind: str, make: Callable[[random.Random, int], Iterator[bytes]], size: int) -> Case:
    pair = Pair(f"nothing in common, {kind}", folder / f"{kind}-old", folder / f"{kind}-new")
    write(pair.old, make(random.Random(f"{SEED} old"), size))
    write(pair.new, make(random.Random(f"{SEED} new"), size))
    return Case(pair, unrelated=True)


def image(folder: Path, size: int) -> Case:
    """An image in which one block of 4 KiB has changed."""
    pair = Pair("image, one block changed", folder / "image-old", folder / "image-new")
    write(pair.old, noise_of(random.Random(SEED), size))
    shutil.copyfile(pair.old, pair.new)
    with pair.new.open("r+b") as file:
        file.seek(size // 3 & -4096)
        file.write(random.Random("block").randbytes(4096))
    return Case(pair)


def made_up(folder: Path, megabytes: int, image_megabytes: int) -> list[Case]:
    """Identical files, files with nothing in common, and the image, which is the last."""
    folder.mkdir()
    same = folder / "same"
    write(same, noise_of(random.Random(SEED), megabytes * MIB))
    return [
        Case(Pair("identical", same, same)),
        Case(Pair("identical, and of one time", same, same), same_time=True),
        unrelated(folder, "random", noise_of, megabytes * MIB),
        unrelated(folder, "text", words_of, megabytes * MIB),
        image(folder, image_megabytes * MIB),
    ]
