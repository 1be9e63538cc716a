"""A patch of what is below a URL.

A store has no renames, so there are no two phases: each object is replaced by one put, once the new one is made and
verified, and objects that are to go are removed when all others are done. An interrupted run is continued by doing
it again: an object that has the new content already is left as it is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redelta
from redelta._errors import RedeltaError
from redelta._types import Progress
from redelta.dataset._engine import Engine, Task
from redelta.dataset._failures import Failure, failure_of
from redelta.dataset._manifest import Shard
from redelta.dataset._patch_files import PackedItem, Staged, failure_in, wrong_file
from redelta.dataset._patch_rows import FILES_MADE, Row, rows_of
from redelta.dataset._places import PRIVATE, Place
from redelta.dataset._reader import Dataset
from redelta.dataset._reading import local_file
from redelta.dataset._schema import COPY, DELETE, DELTA, FILE

if TYPE_CHECKING:
    from redelta.dataset._patch import PatchRun


@dataclass(frozen=True)
class ObjectsJob:
    """What is the same for all shards."""

    delta: Dataset
    root: Place
    delete: bool
    dry_run: bool


def patch_objects(
    engine: Engine, delta: Dataset, root: Place, *, delete: bool, dry_run: bool, progress: Progress | None
) -> PatchRun:
    """The whole patch."""
    from redelta.dataset._patch import PatchRun, without_shards

    run = PatchRun(delta, progress)
    job = ObjectsJob(without_shards(delta), root, delete, dry_run)
    engine.run(Task(put_shard, (job, shard), functools.partial(run.stage, shard)) for shard in run.shards)
    if delete and not dry_run and not run.failures:
        engine.run(Task(remove_shard, (job, shard), run.fail) for shard in run.shards)
    return run


def put_shard(job: ObjectsJob, shard: Shard) -> Staged:
    """Makes and puts the new objects of a shard."""
    filesystem, base = job.root.filesystem()
    filesystem.invalidate_cache()
    rows = [each for each in rows_of(job.delta, shard) if job.delete or each.op != DELETE]
    failures = []
    done = []
    for row in rows:
        if row.op != DELETE and row.kind != FILE:
            failures.append(Failure(row.path, "error", f"a store has no object that is a {row.kind}"))
        if row.op not in FILES_MADE:
            continue
        error = failure_in(put_object, job, shard, row, filesystem, f"{base}/{row.path.decode()}")
        if error is not None:
            failures.append(failure_of(row.path, error))
        else:
            done.append(row)
    ops = Counter(row.op or "" for row in rows)
    size = sum(row.size for row in done)
    return Staged(tuple(failures), tuple(sorted(ops.items())), len(done), size, False)


def told_of(filesystem: Any, path: str) -> dict[str, Any] | None:
    """What the store says of an object; None: there is none."""
    try:
        return dict(filesystem.info(path))
    except FileNotFoundError:
        return None


def put_object(job: ObjectsJob, shard: Shard, row: Row, filesystem: Any, path: str) -> None:
    """Makes a new object, and replaces the old one by it."""
    before = told_of(filesystem, path)
    size = None if before is None else int(before.get("size") or 0)
    if size != row.old_size:
        if size == row.size and has_digest(job.root, row):
            return
        raise redelta.FileChangedError("is not the object that the delta is for, as its size shows")
    if job.dry_run:
        return
    descriptor, private = tempfile.mkstemp(prefix=PRIVATE)
    try:
        with open(descriptor, "w+b") as file:
            try:
                make_object(job, shard, row, file)
            except RedeltaError:
                if size == row.size and has_digest(job.root, row):
                    return
                raise
        filesystem.invalidate_cache()
        if told_of(filesystem, path) != before:
            raise redelta.FileChangedError("changed while the patch was under way, and is left as it is")
        filesystem.put_file(private, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(private)


def has_digest(root: Place, row: Row) -> bool:
    """Has an object the new content already?"""
    with local_file(root, row.path) as file:
        return redelta.digest(file, threads=1) == row.digest


def make_object(job: ObjectsJob, shard: Shard, row: Row, file: Any) -> None:
    """Writes the new content to a file."""
    if row.op == COPY:
        with local_file(job.root, row.basis_path or b"") as source:
            shutil.copyfileobj(source, file, 1 << 20)
            file.flush()
            source.seek(0)
            if redelta.digest(source, threads=1) != row.digest:
                raise wrong_file(row)
        return
    with contextlib.ExitStack() as opened:
        basis: Any = opened.enter_context(local_file(job.root, row.path)) if row.op == DELTA else b""
        pack = opened.enter_context(job.delta.place.open(shard.pack))
        delta = PackedItem(pack, row.pack_offset or 0, row.pack_length or 0)
        stats = redelta.write_patch(basis, delta, file, max_output=max(1, row.size), threads=1)
    file.flush()
    if stats.digest != row.digest:
        raise wrong_file(row)


def remove_shard(job: ObjectsJob, shard: Shard) -> tuple[Failure, ...]:
    """Removes the objects of a shard that the new version has not."""
    filesystem, base = job.root.filesystem()
    filesystem.invalidate_cache()
    failures = []
    for row in rows_of(job.delta, shard):
        if row.op == DELETE and row.old_kind == FILE:
            error = failure_in(remove_object, filesystem, f"{base}/{row.path.decode()}", row)
            if error is not None:
                failures.append(failure_of(row.path, error))
    return tuple(failures)


def remove_object(filesystem: Any, path: str, row: Row) -> None:
    """Removes an object, if it is still the old one by its size."""
    told = told_of(filesystem, path)
    if told is None:
        return
    if int(told.get("size") or 0) != row.old_size:
        raise redelta.FileChangedError("is not the object that the delta is for, and is left as it is")
    filesystem.rm_file(path)
