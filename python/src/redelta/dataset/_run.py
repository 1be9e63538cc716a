"""What every run that makes a dataset does: it lists a root, cuts it into shards, has those made that are not there
yet, and writes the manifest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from redelta._errors import ParameterError
from redelta._types import Progress
from redelta.dataset._cutting import Cut, Cutter, Piece
from redelta.dataset._engine import Engine, Task
from redelta.dataset._failures import Failure, raise_failures
from redelta.dataset._lister import ROWS, Lister, ListJob, place_below
from redelta.dataset._manifest import NAME, STEM, Manifest, Shard, write_manifest
from redelta.dataset._places import PRIVATE, Place
from redelta.dataset._results import Summary
from redelta.dataset._schema import DELTA_KIND, DatasetKind
from redelta.dataset._shard_files import shard_there, stem_of
from redelta.dataset._sign_tasks import Done


@dataclass
class Run:
    """A run that makes a dataset. `tasks_of` gives the task that makes a shard, by its name, its rows and what it
    covers; what that returns goes to `done`."""

    root: Place
    dest: Place
    kind: DatasetKind
    parameters: dict[str, Any]
    cut: Cut
    resume: bool
    progress: Progress | None
    basis: str = ""
    bounds_of: Callable[[Piece], bytes] = lambda piece: b""
    """What the name of a shard depends on besides its rows."""
    started: float = field(default_factory=time.perf_counter)
    skipped: int = 0
    read_files: int = 0
    ops: Counter[str] = field(default_factory=Counter)
    there: dict[str, int] = field(default_factory=dict)
    """The files that an earlier run has left at `dest`, and their sizes."""
    _shards: dict[int, Shard] = field(default_factory=dict)
    _failures: dict[int, list[Failure]] = field(default_factory=dict)
    _bytes_done: int = 0

    def make(
        self, engine: Engine, task_of: Callable[[Piece, str, bytes, Callable[[Done | None], None]], Task | None]
    ) -> None:
        """Has all shards made. `task_of` gives None for a piece that needs no shard."""
        self.dest.make()
        check_place(self.dest)
        self.there = self.dest.sizes() if self.resume else {}
        engine.run(self._tasks(engine.workers, task_of))

    def _tasks(
        self, workers: int, task_of: Callable[[Piece, str, bytes, Callable[[Done | None], None]], Task | None]
    ) -> Iterator[Task | None]:
        """Of listing and of shards; None while there is none before another one has ended."""
        lister = Lister(ListJob(self.root, self.cut, ROWS, place_below(self.root, self.dest)), workers)
        cutter = Cutter(self.cut)
        number = 0
        while not lister.is_done:
            section = lister.next_section()
            for piece in () if section is None else cutter.add(section):
                yield from self._tasks_of(number, piece, task_of)
                number += 1
            task = lister.next_task()
            if task is not None or section is None:
                yield task
        for piece in cutter.end():
            yield from self._tasks_of(number, piece, task_of)
            number += 1

    def _tasks_of(
        self,
        number: int,
        piece: Piece,
        task_of: Callable[[Piece, str, bytes, Callable[[Done | None], None]], Task | None],
    ) -> Iterator[Task]:
        """That of a piece, unless its shard is there."""
        stem = stem_of(self.kind, self.parameters, piece.key, self.basis.encode(), self.bounds_of(piece))
        shard = shard_there(self.dest, stem, self.there)
        if shard is not None:
            self.skip(number, Done(shard))
            return
        task = task_of(piece, stem, piece.to_ipc(), self._taker(number))
        if task is not None:
            yield task

    def skip(self, number: int, done: Done) -> None:
        """A shard that was there."""
        self.skipped += 1
        self.take(number, done)

    def _taker(self, number: int) -> Callable[[Done | None], None]:
        return lambda done: self.take(number, done)

    def take(self, number: int, done: Done | None) -> None:
        """A shard is made, or it had no rows."""
        if done is None:
            return
        self._shards[number] = done.shard
        self._failures[number] = list(done.failures)
        self.read_files += done.read_files
        self.ops.update(done.shard.ops)
        self._bytes_done += done.shard.bytes
        if self.progress is not None:
            self.progress(self._bytes_done, None)

    def finish(self) -> Summary:
        """Writes the manifest. Raises DatasetError if a file failed."""
        shards = tuple(self._shards[number] for number in sorted(self._shards))
        write_manifest(self.dest, Manifest(self.kind, self.parameters, shards, self.basis))
        failures = tuple(each for number in sorted(self._failures) for each in self._failures[number])
        packs = sum(each.pack_bytes for each in shards)
        summary = Summary(
            files=sum(each.files for each in shards),
            rows=sum(each.rows for each in shards),
            bytes=sum(each.bytes for each in shards),
            shards=len(shards),
            shards_skipped=self.skipped,
            signature_bytes=0 if self.kind == DELTA_KIND else packs,
            delta_bytes=packs if self.kind == DELTA_KIND else 0,
            manifest_bytes=sum(each.parquet_bytes for each in shards),
            read_files=self.read_files,
            ops=dict(sorted(self.ops.items())),
            failures=tuple(sorted(failures, key=lambda each: each.path)),
            seconds=time.perf_counter() - self.started,
        )
        raise_failures(summary.failures, summary)
        return summary


def check_place(dest: Place) -> None:
    """Raises ParameterError if a place has files of others, and neither a dataset nor the beginnings of one."""
    names = dest.sizes()
    if NAME in names or not names or any(STEM.match(name) or name.startswith(("part-", PRIVATE)) for name in names):
        return
    raise ParameterError(f"{dest}: has other files, such as {min(names)!r}: give a dataset a directory of its own")
