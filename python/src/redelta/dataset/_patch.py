"""`write_patch`: makes the new version of a root of its old one, by a delta."""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redelta._errors import ParameterError
from redelta._types import Progress
from redelta.dataset._engine import Engine, Task, engine_of
from redelta.dataset._failures import Failure, raise_failures
from redelta.dataset._journal import Area
from redelta.dataset._limits import Limits
from redelta.dataset._manifest import Shard
from redelta.dataset._patch_files import PatchJob, Staged, stage_shard
from redelta.dataset._patch_names import (
    finish_directories,
    flush_root,
    give_names,
    remove_directories,
    remove_files,
)  # fmt: skip
from redelta.dataset._patch_objects import patch_objects
from redelta.dataset._places import Place
from redelta.dataset._reader import Dataset, Nesting, check_shard, open_dataset
from redelta.dataset._results import Summary
from redelta.dataset._schema import DELTA_KIND
from redelta.dataset._signature import Where

Step = Callable[[PatchJob, Shard], tuple[Failure, ...]]


def write_patch(
    delta: Where,
    root: Where,
    *,
    executor: Any = None,
    storage_options: Mapping[str, Any] | None = None,
    delta_options: Mapping[str, Any] | None = None,
    delete: bool = True,
    partial: bool = False,
    backup: str | bytes | os.PathLike[str] | None = None,
    dry_run: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Makes the new version of all that is below `root`, of the old one, by a delta of `write_delta`.

    `delta` is checked as a whole before anything is done: its digests, and that no path of it leads out of the root.
    `limits` say how much it may ask for.

    In a directory, nothing has another name or content before all new files are made, verified by their digests, and on
    the disk: then old files are replaced by single renames, files that the new version has not are removed (unless
    `delete` is False), and directories get their modes and times. An interrupted run is continued by the same call,
    whatever was killed; until then some files may be old and others new, each of them whole. A file that changes
    meanwhile is left as it is, and is a failure. Owners, access lists and extended attributes are not set.

    Files that cannot be made are failures, and then nothing is changed, unless `partial` is set: then all others are.
    With `backup`, a directory, what is replaced or removed is kept there under its path. If an earlier patch has kept
    something else under it, the file is left as it is, and is a failure: give each patch a directory of its own. With
    `dry_run`, nothing is made, and the result says what would be.

    A store has no renames: of a URL, objects are replaced one by one, each whole and verified, and those that are to go
    are removed last.

    `executor` is that of `write_signature`; the workers must reach `root` and `delta` under the same names.
    `storage_options` are for `root`, `delta_options` for `delta`. `progress` gets the bytes of the new files that are
    made, and None.

    Memory: a few shards' rows, and in a worker deltas of up to 64 MiB, or the longest one of a shard.

    Raises DatasetError with all failures at the end, also if another patch of the root is under way;
    DatasetCorruptError, LimitError, ParameterError, OSError; and the exceptions of `progress`.

    >>> import pathlib, redelta.dataset, tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
    ...     place = pathlib.Path(folder)
    ...     for name, text in (("old", "before"), ("new", "after")):
    ...         (place / name).mkdir()
    ...         _ = (place / name / "file").write_text(text)
    ...     _ = redelta.dataset.write_signature(place / "old", place / "signature", executor=threads)
    ...     _ = redelta.dataset.write_delta(place / "signature", place / "new", place / "delta", executor=threads)
    ...     _ = redelta.dataset.write_patch(place / "delta", place / "old", executor=threads)
    ...     (place / "old" / "file").read_text()
    'after'
    """
    started = time.perf_counter()
    opened = open_dataset(Place.of(delta, delta_options), limits, DELTA_KIND)
    where = Place.of(root, storage_options)
    with engine_of(executor) as engine:
        check_all(engine, opened, nested=where.path is None)
        if where.path is None:
            if backup is not None:
                raise ParameterError("backup= is for directories, not for URLs")
            run = patch_objects(engine, opened, where, delete=delete, dry_run=dry_run, progress=progress)
        else:
            kept = None if backup is None else os.path.abspath(os.fsencode(backup))
            job = PatchJob(opened, Area(where.path), delete, kept)
            run = patch_directory(engine, job, partial=partial, dry_run=dry_run, progress=progress)
    return run.finish(started)


@dataclass
class PatchRun:
    """What a patch has done so far."""

    delta: Dataset
    progress: Progress | None
    ops: Counter[str] = field(default_factory=Counter)
    failures: dict[bytes, Failure] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    again: int = 0
    with_directories: list[Shard] = field(default_factory=list)

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Those of the delta."""
        return self.delta.manifest.shards

    def fail(self, failures: Iterable[Failure]) -> None:
        """Takes failures; of a row, the first one counts."""
        for each in failures:
            self.failures.setdefault(each.path, each)

    def stage(self, shard: Shard, staged: Staged) -> None:
        """A shard whose new files are made."""
        self.fail(staged.failures)
        self.ops.update(dict(staged.ops))
        self.files += staged.files
        self.bytes += staged.bytes
        self.again += staged.again
        if staged.directories:
            self.with_directories.append(shard)
        if self.progress is not None:
            self.progress(self.bytes, None)

    def finish(self, started: float, rest: str = "all else is done") -> Summary:
        """The result. Raises DatasetError if rows have failed."""
        manifest = self.delta.manifest
        summary = Summary(
            files=self.files,
            rows=sum(each.rows for each in manifest.shards),
            bytes=self.bytes,
            shards=len(manifest.shards),
            shards_skipped=self.again,
            delta_bytes=sum(each.pack_bytes for each in manifest.shards),
            ops=dict(sorted(self.ops.items())),
            failures=tuple(sorted(self.failures.values(), key=lambda each: each.path)),
            seconds=time.perf_counter() - started,
        )
        raise_failures(summary.failures, summary, rest)
        return summary


def check_all(engine: Engine, delta: Dataset, *, nested: bool) -> None:
    """Checks all of a delta; `nested`: for a store, where objects may lie below objects. Raises DatasetCorruptError or
    LimitError."""
    found: dict[int, Any] = {}
    engine.run(
        Task(check_shard, (without_shards(delta), shard, nested), functools.partial(found.__setitem__, number))
        for number, shard in enumerate(delta.manifest.shards)
    )
    nesting = Nesting()
    for number in range(len(found)):
        nesting.add(found[number])


def without_shards(delta: Dataset) -> Dataset:
    """The delta as workers need it, who are told the shard."""
    manifest = type(delta.manifest)(delta.manifest.kind, delta.manifest.parameters, (), delta.manifest.basis)
    return Dataset(delta.place, manifest, delta.digest, delta.limits)


# ---- A directory ----------------------------------------------------------------------------------------------------


def patch_directory(
    engine: Engine, job: PatchJob, *, partial: bool, dry_run: bool, progress: Progress | None
) -> PatchRun:
    """Both phases."""
    run = PatchRun(job.delta, progress)
    workers = PatchJob(without_shards(job.delta), job.area, job.delete, job.backup)
    if dry_run:
        stage_all(engine, workers, run, dry_run=True)
        return run
    digest = f"{job.delta.digest}{'' if job.delete else '-keep'}"
    with job.area.open(digest) as phase:
        try:
            stage_all(engine, workers, run, dry_run=False)
        except Exception:
            if phase == "files":  # such as a full disk: nothing has changed, and what was made takes room
                job.area.remove()
            raise
        if phase == "files":
            if run.failures and not partial:
                job.area.remove()
                raise_unchanged(run)
            job.area.set_phase(digest, "names")
        name_all(engine, workers, run)
        job.area.remove()
    return run


def raise_unchanged(run: PatchRun) -> None:
    """Some files cannot be made, so none is."""
    run.finish(time.perf_counter(), "nothing was changed (partial= changes all others)")


def stage_all(engine: Engine, job: PatchJob, run: PatchRun, *, dry_run: bool) -> None:
    """The first phase. Of a shard that an earlier run has finished, only the record is read."""
    engine.run(Task(stage_shard, (job, shard, dry_run), functools.partial(run.stage, shard)) for shard in run.shards)


def name_all(engine: Engine, job: PatchJob, run: PatchRun) -> None:
    """The second phase: see `_patch_names`. Directories are few, and their order spans shards: the driver sees to
    them."""
    order = {shard.stem: number for number, shard in enumerate(run.shards)}
    backwards = sorted(run.with_directories, key=lambda shard: -order[shard.stem])
    engine.run(Task(remove_files, (job, shard), run.fail) for shard in run.shards)
    for shard in backwards:
        run.fail(remove_directories(job, shard))
    engine.run(Task(give_names, (job, shard), run.fail) for shard in run.shards)
    for shard in backwards:
        run.fail(finish_directories(job, shard))
    flush_root(job)
