"""A patch of what is below a URL.

A store has no renames, so there are no two phases: each object is replaced in one step, once the new one is made and
verified, a large one by the store itself (`_patch_within`), and objects that are to go are removed when all others are
done. An interrupted run is continued by doing it again: an object that has the new content already is left as it is.

Objects that are copies of other ones' old content come first, in an order in which each is made before that is
replaced. Those that have changed places are held here until all of them are made; a run that is killed while it puts
those is the one that cannot be continued, and says so as a failure of their rows.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
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
from redelta.dataset._patch_within import is_for_store, patch_within
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
    copies = Copies()
    with_copies = [shard for shard in run.shards if shard.ops.get(COPY)]
    engine.run(Task(copies_of, (job, shard), functools.partial(copies.add, shard)) for shard in with_copies)
    for chosen in copies.rounds():
        engine.run(
            Task(put_shard, (job, shard, frozenset(paths)), functools.partial(run.stage, shard))
            for shard, paths in chosen
        )
    engine.run(Task(put_circle, (job, each), functools.partial(run.stage, each[0][0])) for each in copies.circles())
    engine.run(Task(put_shard, (job, shard, None), functools.partial(run.stage, shard)) for shard in run.shards)
    if delete and not dry_run and not run.failures:
        engine.run(Task(remove_shard, (job, shard), run.fail) for shard in run.shards)
    return run


# ---- The order of copies --------------------------------------------------------------------------------------------


class Copies:
    """Which object is a copy of which one, to have each made before what it is made of is replaced. All other rows come
    after the copies. Memory: two paths for each copy."""

    def __init__(self) -> None:
        self._basis: dict[bytes, bytes] = {}
        self._shard: dict[bytes, Shard] = {}

    def add(self, shard: Shard, found: list[tuple[bytes, bytes]]) -> None:
        """The copies of a shard."""
        for path, basis in found:
            self._basis[path], self._shard[path] = basis, shard

    def rounds(self) -> Iterator[list[tuple[Shard, list[bytes]]]]:
        """Copies that can be made at once, by their shards: nothing is still to be made of what they replace. What is
        left then are circles, since each copy is made of one object."""
        uses = Counter(self._basis.values())
        free = [path for path in self._basis if not uses[path]]
        while free:
            chosen: dict[str, tuple[Shard, list[bytes]]] = {}
            for path in free:
                shard = self._shard[path]
                chosen.setdefault(shard.stem, (shard, []))[1].append(path)
            yield list(chosen.values())
            done, free = free, []
            for path in done:
                basis = self._basis.pop(path)
                uses[basis] -= 1
                if not uses[basis] and basis in self._basis:
                    free.append(basis)

    def circles(self) -> Iterator[list[tuple[Shard, bytes]]]:
        """After the rounds: objects that have changed places."""
        while self._basis:
            path, following = self._basis.popitem()
            circle = [path]
            while following in self._basis:
                circle.append(following)
                following = self._basis.pop(following)
            yield [(self._shard[each], each) for each in circle]


def copies_of(job: ObjectsJob, shard: Shard) -> list[tuple[bytes, bytes]]:
    """The path and the basis of each copy in a shard."""
    return [(row.path, row.basis_path or b"") for row in rows_of(job.delta, shard) if row.op == COPY]


# ---- New objects ----------------------------------------------------------------------------------------------------


def put_shard(job: ObjectsJob, shard: Shard, chosen: frozenset[bytes] | None) -> Staged:
    """Makes and puts the new objects of a shard: these copies, or all that are no copies."""
    filesystem, base = job.root.filesystem()
    filesystem.invalidate_cache()
    rows = [each for each in rows_of(job.delta, shard) if job.delete or each.op != DELETE]
    failures = []
    done = []
    for row in rows:
        if row.op != DELETE and row.kind != FILE and chosen is None:
            failures.append(Failure(row.path, "error", f"a store has no object that is a {row.kind}"))
        if row.op not in FILES_MADE or (row.op != COPY if chosen is not None else row.op == COPY):
            continue
        if chosen is not None and row.path not in chosen:
            continue
        error = failure_in(put_object, job, shard, row, filesystem, base)
        if error is not None:
            failures.append(failure_of(row.path, error))
        else:
            done.append(row)
    ops = Counter(row.op or "" for row in rows) if chosen is None else Counter[str]()
    return Staged(tuple(failures), tuple(sorted(ops.items())), len(done), sum(row.size for row in done), False)


def put_circle(job: ObjectsJob, circle: list[tuple[Shard, bytes]]) -> Staged:
    """Makes copies that are made of each other's old content: all of them are here before one is put. Disk: as much. If
    one fails, none is put."""
    filesystem, base = job.root.filesystem()
    filesystem.invalidate_cache()
    rows = [(shard, next(row for row in rows_of(job.delta, shard) if row.path == path)) for shard, path in circle]
    failures = []
    ready = []
    with contextlib.ExitStack() as opened:
        for shard, row in rows:
            try:
                ready.append((row, opened.enter_context(made_object(job, shard, row, filesystem, base))))
            except (OSError, RedeltaError) as error:
                failures.append(failure_of(row.path, error))
        if failures:
            text = f"is not replaced, since {os.fsdecode(failures[0].path)!r}, which is made of it, cannot be made"
            return Staged((*failures, *(Failure(row.path, "error", text) for row, _ in ready)), (), 0, 0, False)
        done = []
        for row, put in ready:
            failed = failure_in(put)
            if failed is not None:
                failures.append(failure_of(row.path, failed))
            else:
                done.append(row)
    return Staged(tuple(failures), (), len(done), sum(row.size for row in done), False)


def told_of(filesystem: Any, path: str) -> dict[str, Any] | None:
    """What the store says of an object; None: there is none."""
    try:
        return dict(filesystem.info(path))
    except FileNotFoundError:
        return None


def put_object(job: ObjectsJob, shard: Shard, row: Row, filesystem: Any, base: str) -> None:
    """Makes a new object, and replaces the old one by it."""
    if is_for_store(job.root, row) and not job.dry_run and is_patched_within(job, shard, row, filesystem, base):
        return
    with made_object(job, shard, row, filesystem, base) as put:
        put()


def is_patched_within(job: ObjectsJob, shard: Shard, row: Row, filesystem: Any, base: str) -> bool:
    """Has the store patch a large object. False: it is to be made here, since it is not the old one by its size, which
    an earlier run may have seen to, or since the store cannot."""
    before = told_of(filesystem, f"{base}/{name_of(row)}")
    if before is None or int(before.get("size") or 0) != row.old_size:
        return False
    try:
        return patch_within(job.delta, shard, row, job.root, name_of(row)) is not None
    except redelta.VerifyError:
        if row.size == row.old_size and has_digest(job.root, row):
            return True
        raise


@contextlib.contextmanager
def made_object(job: ObjectsJob, shard: Shard, row: Row, filesystem: Any, base: str) -> Iterator[Callable[[], None]]:
    """Makes the content of a new object here, and gives what replaces the old one by it: nothing, if that is not to be
    done, or is done already."""
    path = f"{base}/{name_of(row)}"
    before = told_of(filesystem, path)
    size = None if before is None else int(before.get("size") or 0)
    if size != row.old_size:
        if size == row.size and has_digest(job.root, row):
            yield put_nothing
            return
        raise redelta.FileChangedError("is not the object that the delta is for, as its size shows")
    if job.dry_run:
        yield put_nothing
        return
    descriptor, private = tempfile.mkstemp(prefix=PRIVATE)
    try:
        with open(descriptor, "w+b") as file:
            is_there = not made_or_there(job, shard, row, file, size)
        yield put_nothing if is_there else functools.partial(put_made, filesystem, private, path, before)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(private)


def name_of(row: Row) -> str:
    """The name of an object below the root. Raises FileNotFoundError if no object can have it."""
    try:
        return row.path.decode()
    except UnicodeDecodeError as error:
        raise FileNotFoundError(errno.ENOENT, "no object can have this name: it is not UTF-8") from error


def made_or_there(job: ObjectsJob, shard: Shard, row: Row, file: Any, size: int | None) -> bool:
    """Makes the content. False: the object has it already. Raises what makes it impossible."""
    try:
        make_object(job, shard, row, file)
    except RedeltaError:
        if size == row.size and has_digest(job.root, row):
            return False
        raise
    return True


def put_nothing() -> None:
    """For what is not to be put."""


def put_made(filesystem: Any, private: str, path: str, before: dict[str, Any] | None) -> None:
    """Replaces an object, if it is still what it was."""
    filesystem.invalidate_cache()
    if told_of(filesystem, path) != before:
        raise redelta.FileChangedError("changed while the patch was under way, and is left as it is")
    filesystem.put_file(private, path)


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
            error = failure_in(remove_object, filesystem, base, row)
            if error is not None:
                failures.append(failure_of(row.path, error))
    return tuple(failures)


def remove_object(filesystem: Any, base: str, row: Row) -> None:
    """Removes an object, if it is still the old one by its size."""
    path = f"{base}/{name_of(row)}"
    told = told_of(filesystem, path)
    if told is None:
        return
    if int(told.get("size") or 0) != row.old_size:
        raise redelta.FileChangedError("is not the object that the delta is for, and is left as it is")
    filesystem.rm_file(path)
