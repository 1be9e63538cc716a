"""`sync`: brings all that is below one root up to date with another one, by the three steps: a signature of the old
version, a delta, a patch. What the steps make is kept in `.redelta-sync` of the destination, where every worker
finds it; if it is kept for the next time, that reads only what has changed."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redelta._errors import ParameterError, RedeltaError
from redelta._types import Compression, Progress
from redelta.dataset._delta import write_delta
from redelta.dataset._engine import Engine, engine_of
from redelta.dataset._failures import DatasetError, Failure, raise_failures
from redelta.dataset._patch import write_patch
from redelta.dataset._places import Place
from redelta.dataset._reader import open_dataset
from redelta.dataset._results import Summary
from redelta.dataset._schema import SIGNATURE_KIND
from redelta.dataset._signature import Where, write_signature

NAME = ".redelta-sync"


def sync(
    source: Where,
    dest: Where,
    *,
    executor: Any = None,
    storage_options: Mapping[str, Any] | None = None,
    dest_options: Mapping[str, Any] | None = None,
    state: Where | None = None,
    state_options: Mapping[str, Any] | None = None,
    delete: bool = False,
    partial: bool = True,
    backup: Any = None,
    dry_run: bool = False,
    block_len: int | None = None,
    min_size: int = 16_384,
    shard_files: int = 10_000,
    shard_bytes: int = 2 << 30,
    large: int = 1 << 30,
    compress: Compression = None,
    progress: Progress | None = None,
) -> Summary:
    """Makes what is below `dest` the same as what is below `source`, as rsync does with directories; files that only
    `dest` has stay, unless `delete` is set. `dest` is made if it is not there. Either may be a directory or a URL.

    It does the work of `write_signature` of `dest`, `write_delta` and `write_patch`, on one engine: files are replaced
    when all new ones are complete, verified and on the disk, and an interrupted run is continued by the next one.

    `state` is a directory or a URL, which the workers reach, for what is to be known the next time: then files and
    objects that have not changed since, on either side, are not read again. Without it, all files on both sides are
    read.

    `storage_options` are for `source`, `dest_options` for `dest`, `state_options` for `state`. The other parameters are
    those of `write_signature`, `write_delta` and `write_patch`. With `dry_run`, the files of `dest` are left as they
    are.

    Raises DatasetError with all failures at the end; what had none is done, unless `partial` is False. ParameterError,
    OSError (FileNotFoundError also for a `source` that is a URL without objects below it), DatasetCorruptError and
    LimitError for `state`, and the exceptions of `progress`.

    >>> import pathlib, redelta.dataset, tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
    ...     place = pathlib.Path(folder)
    ...     (place / "data").mkdir()
    ...     _ = (place / "data" / "file").write_text("text")
    ...     redelta.dataset.sync(place / "data", place / "copy", executor=threads).files
    ...     (place / "copy" / "file").read_text()
    1
    'text'
    """
    here, there = Place.of(source, storage_options), Place.of(dest, dest_options)
    check_apart(here, there)
    there.make()
    kept = there.below(NAME) if state is None else Place.of(state, state_options)
    how = {"shard_files": shard_files, "shard_bytes": shard_bytes, "large": large}
    run = SyncRun(here, there, kept, {"block_len": block_len, "min_size": min_size, **how}, how)
    try:
        with engine_of(executor) as engine:
            run.engine = engine
            run.sign(there, "dest")
            if state is not None:
                with contextlib.suppress(DatasetError):  # what cannot be read is found again by the delta
                    run.write_signature(here, "source")
            run.compare(compress, partial, progress)
            run.patch(delete=delete, partial=partial, backup=backup, dry_run=dry_run)
    finally:
        if state is None:
            kept.remove_all()
    return run.finish()


def check_apart(source: Place, dest: Place) -> None:
    """Raises ParameterError if one lies in the other."""
    one, other = (f"{each}/" for each in (source, dest))
    if one.startswith(other) or other.startswith(one):
        raise ParameterError(f"{source} and {dest}: one lies in the other")


@dataclass
class SyncRun:
    """The steps of a sync, and what they could not do."""

    source: Place
    dest: Place
    kept: Place
    signing: dict[str, Any]
    cut: dict[str, Any]
    engine: Engine | None = None
    summary: Summary = field(default_factory=Summary)
    failures: dict[bytes, Failure] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def place(self, name: str) -> Place:
        """Where one of the datasets is kept."""
        return self.kept.below(name)

    def known(self, name: str) -> Where | None:
        """The dataset of that name of an earlier run, if there is one that this version can read."""
        place = self.place(name)
        try:
            open_dataset(place, None, SIGNATURE_KIND)
        except RedeltaError:
            return None
        return place.where

    def step(self, call: Callable[..., Summary], *arguments: Any, **options: Any) -> Summary:
        """A step whose failures do not end the run."""
        try:
            return call(*arguments, executor=self.engine, **options)
        except DatasetError as error:
            if error.summary is None:
                raise
            for each in error.failures:
                self.failures.setdefault(each.path, each)
            return error.summary

    def write_signature(self, root: Place, name: str) -> Summary:
        """Signs one of the roots; unchanged files are known from the last time."""
        to = self.place(name)
        return write_signature(
            root.where,
            to.where,
            known=self.known(name),
            executor=self.engine,
            storage_options=root.given,
            dest_options=to.given,
            **self.signing,
        )

    def sign(self, root: Place, name: str) -> None:
        """The first step. Of a prefix that is not there yet, nothing is signed."""
        if root.exists():
            self.step(lambda executor: self.write_signature(root, name))
            return
        with tempfile.TemporaryDirectory() as nothing:
            self.step(lambda executor: self.write_signature(Place.of(nothing), name))

    def compare(self, compress: Compression, partial: bool, progress: Progress | None) -> None:
        """The second step: the delta. What failed is not in it. Raises DatasetError for a failure unless `partial`, and
        FileNotFoundError for a source that is not there: a URL is if there is an object below it."""
        old, to = self.place("dest"), self.place("delta")
        found = self.step(
            write_delta,
            old.where,
            self.source.where,
            to.where,
            known=self.known("source"),
            storage_options=self.source.given,
            dest_options=to.given,
            signature_options=old.given,
            compress=compress,
            progress=progress,
            **self.cut,
        )
        if self.source.path is None and found.files == 0:
            raise FileNotFoundError(errno.ENOENT, "there is no object below it", str(self.source))
        if self.failures and not partial:
            raise_failures(tuple(self.failures.values()), self.summary)

    def patch(self, **options: Any) -> None:
        """The third step."""
        delta = self.place("delta")
        self.summary = self.step(
            write_patch,
            delta.where,
            self.dest.where,
            storage_options=self.dest.given,
            delta_options=delta.given,
            **options,
        )

    def finish(self) -> Summary:
        """The result. Raises DatasetError if there were failures."""
        failures = tuple(sorted(self.failures.values(), key=lambda each: each.path))
        seconds = time.perf_counter() - self.started
        summary = dataclasses.replace(self.summary, failures=failures, seconds=seconds)
        raise_failures(failures, summary)
        return summary
