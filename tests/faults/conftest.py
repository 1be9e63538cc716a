"""The commands under test and their places. The environment names the commands and the interposer; none is optional."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.courses import TALLY, Place


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The counts of what was done: ctest -V shows them."""
    for (test, what), count in sorted(TALLY.items()):
        terminalreporter.write_line(f"{test}: {count} {what}")


def named_by(variable: str) -> Path:
    """The file that the environment names."""
    name = os.environ.get(variable)
    if not name or not os.access(name, os.R_OK):
        pytest.fail(f"set {variable} to the path of what is tested")
    return Path(name).resolve()


@pytest.fixture(scope="session")
def tools() -> dict[str, Path]:
    """Our two commands."""
    named_by("REDELTA_INTERPOSER")
    return {"redelta": named_by("REDELTA"), "rdiff": named_by("REDELTA_RDIFF")}


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder in memory, if there is such a file system: thousands of runs need not wait for a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def place(memory: Path, tools: dict[str, Path]) -> Place:
    """Files long enough for every way of copying."""
    return Place(memory / "place", tools, 300_000)


@pytest.fixture(scope="module")
def small_place(memory: Path, tools: dict[str, Path]) -> Place:
    """Files so short that each byte can have a call of its own."""
    return Place(memory / "small", tools, 5000)


@pytest.fixture(scope="module")
def tiny_place(memory: Path, tools: dict[str, Path]) -> Place:
    """Files so short that each byte can have a run of its own."""
    return Place(memory / "tiny", tools, 120)
