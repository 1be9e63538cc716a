"""`verify`: whether a root has what a dataset says."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redelta._types import Progress
from redelta.dataset._beneath import Beneath
from redelta.dataset._engine import Task, engine_of
from redelta.dataset._known import bare
from redelta.dataset._limits import Limits
from redelta.dataset._lister import place_below, without
from redelta.dataset._listing import PATH, SIZE, listing
from redelta.dataset._manifest import Shard
from redelta.dataset._places import Place
from redelta.dataset._reader import Dataset, open_dataset
from redelta.dataset._reading import Sums, Wanted, read_files
from redelta.dataset._results import Change, ChangeKind, Report
from redelta.dataset._schema import DELETE, DELTA_KIND, DIRECTORY, FILE, LINK
from redelta.dataset._signature import Where

COLUMNS = ["path", "kind", "size", "mtime_ns", "etag", "link", "digest", "failure"]
OF_FAILURE: dict[str, ChangeKind] = {"vanished": "missing", "changed": "changed"}
"""A failure as a change: a file that is another one while it is read is not the one that it should be."""


@dataclass(frozen=True)
class VerifyJob:
    """What is the same for all shards of a run."""

    dataset: Dataset
    root: Place
    quick: bool


@dataclass(frozen=True)
class Verified:
    """What a task has found."""

    files: int
    bytes: int
    changes: tuple[Change, ...]


def verify(
    manifest: Where,
    root: Where,
    *,
    executor: Any = None,
    quick: bool = False,
    extra: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    dataset_options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compares a root with a dataset, a signature of it or a delta that makes it: all files are read, and their digests
    compared, and the kinds of paths and the targets of links. The report, which is true if nothing differs, has what
    does.

    With `quick`, no file is read: sizes and modification times are compared, or ETags. With `extra`, the root is
    listed, too, and paths that the dataset does not have are changes of the kind "added". A file for which the dataset
    has a failure is not compared.

    `manifest` is the directory of a dataset, or its URL with `dataset_options`; it is not trusted, and `limits` says
    how much it may have. `root`, `storage_options` and `executor` are those of `write_signature`; `progress` gets the
    bytes of the files that are done, and their total.

    Memory: in a worker the rows of a shard. Raises ParameterError, OSError, DatasetCorruptError, LimitError,
    DatasetError if workers are lost again and again, and the exceptions of `progress`.

    >>> import pathlib, redelta.dataset, tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
    ...     root, signature = pathlib.Path(folder, "data"), pathlib.Path(folder, "signature")
    ...     root.mkdir()
    ...     _ = pathlib.Path(root, "file").write_bytes(b"what was there")
    ...     _ = redelta.dataset.write_signature(root, signature, executor=threads)
    ...     _ = pathlib.Path(root, "file").write_bytes(b"what is there!")
    ...     redelta.dataset.verify(signature, root, executor=threads).kinds
    {'changed': 1}
    """
    started = time.perf_counter()
    dataset = open_dataset(Place.of(manifest, dataset_options), limits)
    job = VerifyJob(bare(dataset), Place.of(root, storage_options), quick)
    total = sum(each.bytes for each in dataset.manifest.shards)
    found: dict[int, Verified] = {}
    done = 0

    def take(number: int, result: Verified) -> None:
        nonlocal done
        found[number] = result
        done += dataset.manifest.shards[number].bytes
        if progress is not None:
            progress(done, total)

    def tasks() -> Iterator[Task]:
        for number, shard in enumerate(dataset.manifest.shards):
            yield Task(verify_shard, (job, shard), lambda result, at=number: take(at, result))  # type: ignore[misc]

    with engine_of(executor) as engine:
        engine.run(tasks())
    changes = [each for number in sorted(found) for each in found[number].changes]
    if extra:
        there = {each.path for each in changes if each.kind == "added"}
        changes += [each for each in extra_paths(dataset, job.root) if each.path not in there]
        changes.sort(key=lambda each: each.path)
    files, size = (sum(getattr(each, name) for each in found.values()) for name in ("files", "bytes"))
    return Report(files, size, tuple(changes), time.perf_counter() - started)


def verify_shard(job: VerifyJob, shard: Shard) -> Verified:
    """Compares the paths of a shard."""
    is_delta = job.dataset.manifest.kind == DELTA_KIND
    table = job.dataset.table(shard, [*COLUMNS, "op"] if is_delta else COLUMNS)
    rows = [each for each in table.to_pylist() if each["failure"] is None]
    changes = []
    files = []
    for row in rows:
        if row.get("op") == DELETE:
            if exists(job.root, row["path"]):
                changes.append(Change("added", row["path"]))
        elif row["kind"] == FILE and not job.quick:
            files.append(row)
        elif job.root.path is not None or row["kind"] == FILE:
            wrong = compared_quickly(job.root, row)
            changes += [] if wrong is None else [Change(wrong, row["path"], None, row["size"])]
    size = 0
    wanted = [Wanted(row["path"], row["size"]) for row in files]
    for row, read in zip(files, read_files(job.root, wanted, Sums()), strict=True):
        size += row["size"] if read.digest else 0
        if read.failure is not None:
            kind = OF_FAILURE.get(read.failure.kind, "failed")
            changes.append(Change(kind, row["path"], None, row["size"], text=read.failure.text))
        elif read.digest != row["digest"]:
            changes.append(Change("changed", row["path"], None, row["size"], read.status and read.status.size))
    changes.sort(key=lambda each: each.path)
    looked = len(files) if not job.quick else sum(row["kind"] == FILE and row.get("op") != DELETE for row in rows)
    return Verified(looked, size, tuple(changes))


def exists(root: Place, path: bytes) -> bool:
    """Is there anything of this path, not by a link on the way?"""
    if root.path is not None:
        with suppress(OSError), Beneath(root.path) as beneath:
            return beneath.look(path) is not None
        return False
    filesystem, inner = root.inner(path)
    return bool(filesystem.isfile(inner))


def compared_quickly(root: Place, row: Mapping[str, Any]) -> ChangeKind | None:
    """How a path differs, by what the system or the store tells without reading it; None if it does not."""
    if root.path is None:
        return compared_object(root, row)
    try:
        status = os.lstat(root.join(row["path"]))
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:
        return "failed"
    is_kind = {FILE: stat.S_ISREG, DIRECTORY: stat.S_ISDIR, LINK: stat.S_ISLNK}[row["kind"]]
    if not is_kind(status.st_mode):
        return "changed"
    if row["kind"] == LINK and os.readlink(root.join(row["path"])) != row["link"]:
        return "changed"
    if row["kind"] == FILE and (status.st_size, status.st_mtime_ns) != (row["size"], row["mtime_ns"]):
        return "changed"
    return None


def compared_object(root: Place, row: Mapping[str, Any]) -> ChangeKind | None:
    """The same for an object: by its size, and by its ETag if both are known."""
    filesystem, inner = root.inner(row["path"])
    try:
        told = filesystem.info(inner)
    except FileNotFoundError:
        return "missing"
    etag = told.get("ETag") or told.get("etag")
    if int(told["size"]) != row["size"] or (etag and row["etag"] and str(etag) != row["etag"]):
        return "changed"
    return None


def extra_paths(dataset: Dataset, root: Place) -> Iterator[Change]:
    """Paths of a root that a dataset does not have, in order. Memory: the paths of a shard."""
    shards = iter(dataset.manifest.shards)
    shard: Shard | None = None
    paths: set[bytes] = set()
    started = False
    for row in without(listing(root), place_below(root, dataset.place)):
        while not started or (shard is not None and shard.last < row[PATH]):
            started, shard = True, next(shards, None)
            paths = paths_of(dataset, shard)
        if row[PATH] not in paths:
            yield Change("added", row[PATH], None, None, row[SIZE])


def paths_of(dataset: Dataset, shard: Shard | None) -> set[bytes]:
    """The paths that are in the version which a shard describes."""
    if shard is None:
        return set()
    is_delta = dataset.manifest.kind == DELTA_KIND
    table = dataset.table(shard, ["path", "op"] if is_delta else ["path"])
    ops: Sequence[Any] = table["op"].to_pylist() if is_delta else [None] * table.num_rows
    return {path for path, op in zip(table["path"].to_pylist(), ops, strict=True) if op != DELETE}
