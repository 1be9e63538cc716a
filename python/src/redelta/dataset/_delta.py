"""`write_delta`: what makes the new version of all files below a root of the old one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redelta._params import compression_level
from redelta._types import Compression, Progress
from redelta.dataset._cutting import Piece, unread_directories
from redelta.dataset._delta_tasks import DeltaJob, Stretch, delta_shard, plan_shard
from redelta.dataset._engine import Task, engine_of
from redelta.dataset._index import index_name, make_index
from redelta.dataset._known import Known, bare
from redelta.dataset._limits import Limits
from redelta.dataset._places import Place
from redelta.dataset._ranges import Gathering, Parts
from redelta.dataset._reader import open_dataset
from redelta.dataset._results import Summary
from redelta.dataset._run import Run
from redelta.dataset._schema import DELTA_KIND, SIGNATURE_KIND
from redelta.dataset._signature import Where, checked_cut, open_known


def write_delta(
    signature: Where,
    root: Where,
    dest: Where,
    *,
    known: Where | None = None,
    executor: Any = None,
    storage_options: Mapping[str, Any] | None = None,
    dest_options: Mapping[str, Any] | None = None,
    signature_options: Mapping[str, Any] | None = None,
    compress: Compression = None,
    renames: bool = True,
    shard_files: int = 10_000,
    shard_bytes: int = 2 << 30,
    large: int = 1 << 30,
    resume: bool = True,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Writes to `dest` what makes the files below `root`, the new version, of the old version that `signature`
    describes: a dataset with a row for each path of either version. A file is kept; copied from an old file of another
    path that has its content, with `renames`; made by a delta, if there is a signature of the old file; or comes whole.

    `signature` is the directory of a dataset that `write_signature` has made, or its URL with `signature_options`. It
    is not trusted: all of it is checked before anything is made, and `limits` says how much it may have. `root`,
    `dest`, `executor`, `shard_files`, `shard_bytes`, `large`, `resume` and `progress` are those of `write_signature`.

    `known` is a dataset of `root` itself, of the same time or older, at a path or at a URL with the options of `dest`:
    files that are unchanged since have the digest that it says, and are read only if they are needed. Give one of your
    own: it is believed.

    `compress` is that of `redelta.delta`, for each file.

    Memory: as of `write_signature`; in a worker also a signature and a delta's window, one at a time.

    Raises DatasetError at the end, when all else is written, if files could not be read; at once ParameterError,
    OSError, DatasetCorruptError, LimitError, DatasetError if workers are lost again and again, and the exceptions of
    `progress`.

    >>> import pathlib, redelta.dataset, tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
    ...     root, old, delta = (pathlib.Path(folder, name) for name in ("data", "old", "delta"))
    ...     root.mkdir()
    ...     _ = pathlib.Path(root, "file").write_bytes(b"what was there")
    ...     _ = redelta.dataset.write_signature(root, old, executor=threads)
    ...     _ = pathlib.Path(root, "new").write_bytes(b"what is new")
    ...     redelta.dataset.write_delta(old, root, delta, executor=threads).ops
    {'keep': 1, 'whole': 1}
    """
    allowed = limits or Limits()
    level = compression_level(compress)
    old = open_dataset(Place.of(signature, signature_options), allowed, SIGNATURE_KIND)
    older = None if known is None else open_known(known, dest_options, limits)
    where, to = Place.of(root, storage_options), Place.of(dest, dest_options)
    parameters = {"compress": level, "renames": bool(renames)}
    how = checked_cut(shard_files, shard_bytes, large)
    unread: list[bytes] = []

    def stretch_of(piece: Piece) -> Stretch:
        below = tuple(each for each in unread if lies_in(each, piece))
        return Stretch(piece.after, piece.last, old.between(piece.after, piece.last), below)

    def bounds_of(piece: Piece) -> bytes:
        unread.extend(unread_directories(piece.table))
        return repr((piece.after, piece.last, stretch_of(piece).unread)).encode()

    run = Run(where, to, DELTA_KIND, parameters, how, resume, progress, basis=old.digest, bounds_of=bounds_of)
    to.make()
    job = DeltaJob(where, to, bare(old), index_name(old) if renames else None, compress)

    def task_of(piece: Piece, stem: str, ipc: bytes, take: Any) -> Task:
        known_part = Known.part(older, piece.after, piece.last)
        stretch = stretch_of(piece)
        if not piece.large:
            return Task(delta_shard, (job, stem, ipc, stretch, known_part), take)

        def finish(parts: Parts | None) -> Task:
            return Task(delta_shard, (job, stem, ipc, stretch, known_part, parts), take)

        gathering = Gathering(where, to, stem, piece.first, run.there, finish)
        return Task(plan_shard, (job, ipc, stretch, known_part), gathering.planned)

    with engine_of(executor) as engine:
        make_index(old, bare(old), to, engine)
        run.make(engine, task_of)
    return run.finish()


def lies_in(directory: bytes, piece: Piece) -> bool:
    """May paths below a directory be among those that a piece covers?"""
    starts_before = piece.last is None or directory + b"/" <= piece.last
    ends_after = piece.after is None or directory + b"0" > piece.after
    return starts_before and ends_after
