"""The listing of a root, by all workers.

What is still to be listed is a row of *units*, in the order of their paths: runs of entries, rows and directories
that have not been looked into. A worker lists some thousand rows of a unit and gives back what is left of it, which
becomes units in its place, several if there are enough directories: so a tree falls into as many parts as there are
workers, whatever its form. The rows of the first unit are taken as soon as it is listed, those of later ones wait
for it, up to a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from redelta._errors import ParameterError
from redelta.dataset._cutting import Cut, Section, section_of
from redelta.dataset._engine import Task
from redelta.dataset._listing import PATH, Listed, first_entries, walk_of
from redelta.dataset._places import Place, named

ROWS = 10_000
"""That a task lists, about."""
AHEAD = 16
"""Sections that may wait for an earlier one, for each worker."""


@dataclass(frozen=True)
class ListJob:
    """What is the same for all tasks. `outside` is a path below the root that is left out, with all below it."""

    root: Place
    cut: Cut
    rows: int
    outside: bytes | None = None


@dataclass(frozen=True)
class Part:
    """What a task has listed, and what is left of its unit."""

    section: Section
    rest: list[Any]


def list_part(job: ListJob, entries: list[Any]) -> Part:
    """Lists some rows of entries. Memory: those, and the entries of the directories on the way."""
    with named(job.root):
        walk = walk_of(job.root, entries)
        rows = list(islice(without(walk, job.outside), job.rows))
    return Part(section_of(rows, job.cut), walk.rest())


def without(rows: Any, outside: bytes | None) -> Iterator[Listed]:
    """The rows that are not of a dataset below the root."""
    if outside is None:
        yield from rows
        return
    for row in rows:
        if row[PATH] != outside and not row[PATH].startswith(outside + b"/"):
            yield row


def place_below(root: Place, place: Place) -> bytes | None:
    """The path of a place below a root; None: it lies elsewhere. Raises ParameterError if it is the root itself."""
    if root.path is None or place.path is None or not (place.path + b"/").startswith(root.path.rstrip(b"/") + b"/"):
        return None
    if place.path == root.path:
        raise ParameterError("a dataset cannot be written into the root itself: give a directory of its own")
    return place.path[len(root.path.rstrip(b"/")) + 1 :]


@dataclass
class Unit:
    """Entries that are to be listed, are being listed, or have been."""

    entries: list[Any]
    is_running: bool = False
    section: Section | None = None


@dataclass
class Lister:
    """Hands out the tasks that list a root, and gives what they find, in order. Raises OSError if the root itself
    cannot be read."""

    job: ListJob
    workers: int
    _units: list[Unit] = field(default_factory=list)
    _running: int = 0
    _waiting: int = 0

    def __post_init__(self) -> None:
        try:
            self._units = self._units_of(first_entries(self.job.root))
        except OSError as error:
            error.filename = str(self.job.root)
            raise

    @property
    def is_done(self) -> bool:
        """Has all been given?"""
        return not self._units

    def next_section(self) -> Section | None:
        """The next rows, if they are there."""
        if not self._units or self._units[0].section is None:
            return None
        self._waiting -= 1
        return self._units.pop(0).section

    def next_task(self) -> Task | None:
        """The next task, unless enough are under way or wait to be taken; the first unit never waits."""
        if self._units and not self._units[0].is_running and self._units[0].section is None:
            return self._task_of(self._units[0])
        if self._running >= 2 * self.workers or self._running + self._waiting >= AHEAD * self.workers:
            return None
        unit = next((each for each in self._units if not each.is_running and each.section is None), None)
        return None if unit is None else self._task_of(unit)

    def _task_of(self, unit: Unit) -> Task:
        unit.is_running = True
        self._running += 1
        return Task(list_part, (self.job, unit.entries), lambda part: self._take(unit, part))

    def _take(self, unit: Unit, part: Part) -> None:
        self._running -= 1
        self._waiting += 1
        unit.section, unit.entries, unit.is_running = part.section, [], False
        at = self._units.index(unit)
        self._units[at + 1 : at + 1] = self._units_of(part.rest)

    def _units_of(self, entries: list[Any]) -> list[Unit]:
        """Some units, if there are some directories."""
        number = min(2 * self.workers, sum(len(entry) < 3 for entry in entries)) or 1
        size = -(-len(entries) // number)
        return [Unit(entries[at : at + size]) for at in range(0, len(entries), size or 1)]
