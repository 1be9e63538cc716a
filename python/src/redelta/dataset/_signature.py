"""`write_signature`: the signatures of all files below a root."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from redelta._params import number, signature_params
from redelta._types import Hash, Progress, StrongLength
from redelta.dataset._cutting import Cut, Piece
from redelta.dataset._engine import Task, engine_of
from redelta.dataset._known import Known, bare
from redelta.dataset._limits import Limits
from redelta.dataset._places import Place
from redelta.dataset._ranges import Gathering, Parts
from redelta.dataset._reader import Dataset, open_dataset
from redelta.dataset._reading import Sums
from redelta.dataset._results import Summary
from redelta.dataset._run import Run
from redelta.dataset._schema import SIGNATURE_KIND
from redelta.dataset._sign_tasks import SignJob, copy_shard, plan_shard, sign_shard

Where = str | bytes | os.PathLike[str]
"""A directory's path, or a URL of fsspec as a `str`."""

COUNT_MAX = (1 << 63) - 1


def checked_cut(shard_files: int, shard_bytes: int, large: int) -> Cut:
    """How shards are cut. Raises ParameterError."""
    return Cut(
        number("shard_files", shard_files, 1, 200_000),
        number("shard_bytes", shard_bytes, 1, COUNT_MAX),
        number("large", large, 0, COUNT_MAX),
    )


def write_signature(
    root: Where,
    dest: Where,
    *,
    known: Where | None = None,
    executor: Any = None,
    storage_options: Mapping[str, Any] | None = None,
    dest_options: Mapping[str, Any] | None = None,
    block_len: int | None = None,
    strong_len: StrongLength = "least",
    hash: Hash = "rk-blake2",
    min_size: int = 16_384,
    shard_files: int = 10_000,
    shard_bytes: int = 2 << 30,
    large: int = 1 << 30,
    resume: bool = True,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Writes the signature of all files below `root` to `dest`, as a dataset: for each path a row with what the system
    tells of it and the digest of its content, and for each file of at least `min_size` bytes a signature. Smaller ones
    have none: they travel whole when they change.

    `root` and `dest` are directories, or URLs for fsspec, which gets `storage_options` and `dest_options`. `dest` is
    made; it may lie below `root`, and is left out then. An earlier dataset there is replaced when the new one is
    complete.

    `known` is an older dataset, at a path or at a URL with the options of `dest`: files that have the same size, times,
    inode and device as there, or objects with the same ETag, are not opened. It may be `dest` itself.

    `executor` runs the work: None, one process for each processor; a number of processes; an `Executor`; or a dask
    `Client`. The result is the same, byte for byte. A script that has processes started must guard its own start by `if
    __name__ == "__main__":`.

    `block_len`, `strong_len` and `hash` are those of `redelta.signature`, for each file.

    A shard, the unit of work, has about `shard_files` rows and at most `shard_bytes` of files. A file above `large`
    bytes is a shard of its own, and worked on in ranges. With `resume`, shards that an earlier run has made of the same
    files are kept.

    `limits` are for `known`. `progress` gets the bytes of the files that are done, and None.

    Memory: a few shards' rows here, in a worker those of one and the files that it reads, one after the other, up to
    some MiB.

    Raises DatasetError at the end, when all else is written, if files could not be read; and at once ParameterError,
    OSError, DatasetCorruptError and LimitError for `known`, DatasetError if workers are lost again and again, and the
    exceptions of `progress`.

    >>> import pathlib, redelta.dataset, tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
    ...     root = pathlib.Path(folder, "data")
    ...     root.mkdir()
    ...     _ = pathlib.Path(root, "file").write_bytes(bytes(20_000))
    ...     redelta.dataset.write_signature(root, pathlib.Path(folder, "signature"), executor=threads).files
    1
    """
    signature_params(block_len, strong_len, hash)
    sums = Sums(block_len, strong_len, hash)
    job = SignJob(
        Place.of(root, storage_options), Place.of(dest, dest_options), sums, number("min_size", min_size, 0, COUNT_MAX)
    )
    how = checked_cut(shard_files, shard_bytes, large)
    older = None if known is None else open_known(known, dest_options, limits)
    parameters = {"sums": sums.asdict(), "min_size": min_size}
    run = Run(job.root, job.dest, SIGNATURE_KIND, parameters, how, resume, progress)
    copies = {} if older is None else {each.stem: each for each in older.manifest.shards}

    def task_of(piece: Piece, stem: str, ipc: bytes, take: Any) -> Task | None:
        if piece.table.num_rows == 0:
            return None
        if older is not None and stem in copies:
            run.skipped += 1
            return Task(copy_shard, (bare(older), job.dest, copies[stem]), take)
        known_part = Known.part(older, piece.after, piece.last)
        if not piece.large:
            return Task(sign_shard, (job, stem, ipc, known_part), take)

        def finish(parts: Parts | None) -> Task:
            return Task(sign_shard, (job, stem, ipc, known_part, parts), take)

        gathering = Gathering(job.root, job.dest, stem, piece.first, run.there, finish)
        return Task(plan_shard, (job, ipc, known_part), gathering.planned)

    with engine_of(executor) as engine:
        run.make(engine, task_of)
    return run.finish()


def open_known(known: Where, options: Mapping[str, Any] | None, limits: Limits | None) -> Dataset:
    """The known dataset, at a path or at a URL with options."""
    is_local = Place.of(known).path is not None
    return open_dataset(Place.of(known, None if is_local else options), limits)
