"""Measuring whole commands: what the scripts of this directory share."""

from __future__ import annotations

import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAM = str(Path(__file__).resolve().parent.parent / "build" / "bin" / "redelta")
GNU_TIME = shutil.which("time")


@dataclass
class Run:
    wall: float
    cpu: float
    peak: int  # bytes


def warm(*paths: Path | str) -> None:
    """Read the files into the page cache, in case the system has dropped them from it."""
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def measure(command: list[str]) -> Run:
    """Run a command. Its memory is reported by GNU time, a small process between us and it: a command that this
    interpreter started itself would be charged with the interpreter's memory. Without GNU time the peak is 0."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.NamedTemporaryFile("r") as peak:
        wrapped = [GNU_TIME, "--format=%M", f"--output={peak.name}", *command] if GNU_TIME else command
        start = time.monotonic()
        status = subprocess.run(wrapped, stdout=subprocess.DEVNULL, check=False).returncode
        wall = time.monotonic() - start
        kilobytes = peak.read().split()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status != 0:
        sys.exit(f"{shlex.join(command)}: exit status {status}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, int(kilobytes[-1]) * 1024 if kilobytes else 0)
