"""Processes that tests have started, or that these have: which there are, and waiting until something is so."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from helpers.tool import HANG_SECONDS


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something is so. What never is fails the test."""
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def fields_of(process: int | str) -> list[str]:
    """What the system tells of a process, from its state on: /proc/PID/stat. Nothing if there is none, or no more than
    its status."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def runs(process: int) -> bool:
    """Does it still run?"""
    return bool(fields_of(process))


def group_members(group: int) -> list[int]:
    """The processes of a process group that still run."""
    found = []
    for name in os.listdir("/proc"):
        fields = fields_of(name) if name.isdigit() else []
        if fields and int(fields[2]) == group:
            found.append(int(name))
    return found


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def open_files(process: int) -> list[str]:
    """The names of what a process has open, but for what it closes meanwhile."""
    folder = Path(f"/proc/{process}/fd")
    names = []
    with contextlib.suppress(OSError):  # the process has ended
        for descriptor in os.listdir(folder):
            with contextlib.suppress(OSError):
                names.append(os.readlink(folder / descriptor))
    return names
