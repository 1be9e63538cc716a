"""Where a content is in an older dataset: what finds renamed and copied files.

The index has 16 bytes for each file of the dataset: the start of its digest, the number of its shard, and the number of
its row. It lies in one file beside what is made, in which workers look by scanning it: 10^7 files in some 50 ms,
without a table to build. What is found is compared with the whole digest in the dataset itself. A file is there only
once all shards have been checked, so it also says that they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from redelta.dataset._engine import Engine, Task
from redelta.dataset._failures import DatasetCorruptError
from redelta.dataset._limits import Limits
from redelta.dataset._manifest import Shard
from redelta.dataset._places import Place
from redelta.dataset._reader import Dataset, Nesting, Outline, check_pack, open_dataset, outline
from redelta.dataset._schema import FILE

SCHEMA = pa.schema([("start", pa.uint64()), ("shard", pa.uint32()), ("row", pa.uint32())])


def index_name(dataset: Dataset) -> str:
    """The name of the index of a dataset."""
    return f"part-index-{dataset.digest[:32]}"


def check_and_index(dataset: Dataset, shard: Shard, number: int) -> tuple[Outline, bytes]:
    """Reads and checks all of a shard; returns what matters to the others, and its entries of the index."""
    table = dataset.table(shard)
    found = outline(table, nested=True)
    if shard.pack_bytes:
        check_pack(dataset.place, shard)
    rows = pa.array(range(table.num_rows), pa.uint32())
    is_wanted = pc.and_(
        pc.and_(pc.equal(table["kind"], FILE), table["digest"].is_valid()), pc.greater(table["size"], 0)
    )
    is_wanted = is_wanted.combine_chunks()
    starts = starts_of(table["digest"].filter(is_wanted).to_pylist())
    kept = rows.filter(is_wanted)
    batch = pa.RecordBatch.from_arrays(
        [starts, pa.repeat(pa.scalar(number, pa.uint32()), len(kept)), kept], schema=SCHEMA
    )
    return found, bytes(batch.serialize())


def starts_of(digests: Iterable[bytes]) -> pa.Array:
    """The first eight bytes of digests, as numbers."""
    return pa.array([int.from_bytes(each[:8], "big") for each in digests], pa.uint64())


def make_index(dataset: Dataset, bare: Dataset, dest: Place, engine: Engine) -> str:
    """Checks all of a dataset, and writes its index to `dest`, unless it is there already. Returns its name. Memory:
    none that grows with the number of files. Raises DatasetCorruptError or LimitError."""
    name = index_name(dataset)
    if name in dest.sizes():
        return name
    outlines: dict[int, Outline] = {}
    with dest.new_file(name) as new, pa.ipc.new_stream(new.file, SCHEMA) as stream:

        def take(number: int, result: tuple[Outline, bytes]) -> None:
            outlines[number] = result[0]
            stream.write_batch(pa.ipc.read_record_batch(pa.py_buffer(result[1]), SCHEMA))

        def tasks() -> Iterator[Task]:
            for number, shard in enumerate(dataset.manifest.shards):
                yield Task(check_and_index, (bare, shard, number), lambda result, at=number: take(at, result))  # type: ignore[misc]

        engine.run(tasks())
        nesting = Nesting()
        for _, each in sorted(outlines.items()):
            nesting.add(each)
    return name


@lru_cache(maxsize=2)
def opened(place: Place, name: str) -> pa.Table:
    """An index, mapped into memory if it is a file of this machine."""
    if place.path is not None:
        with pa.memory_map(str(place) + "/" + name) as file, pa.ipc.open_stream(file) as stream:
            return stream.read_all()
    with pa.ipc.open_stream(pa.py_buffer(place.read(name))) as stream:
        return stream.read_all()


@lru_cache(maxsize=2)
def dataset_of(place: Place, digest: str, limits: Limits) -> Dataset:
    """The dataset with its list of shards, in a worker. Raises DatasetCorruptError if it is another one by now."""
    found = open_dataset(place, limits)
    if found.digest != digest:
        raise DatasetCorruptError(f"{place}: the dataset has changed since the run began")
    return found


class Lookup:
    """Finds the path of a content in an older dataset: the least one, if there are several."""

    def __init__(self, dataset: Dataset, dest: Place, name: str) -> None:
        self._bare = dataset
        self._dest = dest
        self._name = name

    def paths(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """For each of these digests that is there: a path of a file with that content."""
        if not digests:
            return {}
        table = opened(self._dest, self._name)
        hits = table.filter(pc.is_in(table["start"], starts_of(digests)))
        wanted = set(digests)
        found: dict[bytes, bytes] = {}
        dataset = dataset_of(self._bare.place, self._bare.digest, self._bare.limits)
        by_shard: dict[int, list[int]] = {}
        for shard, row in sorted(zip(hits["shard"].to_pylist(), hits["row"].to_pylist(), strict=True)):
            by_shard.setdefault(shard, []).append(row)
        for shard, rows in by_shard.items():
            part = dataset.table(dataset.manifest.shards[shard], ["path", "digest"]).take(rows)
            for path, digest in zip(part["path"].to_pylist(), part["digest"].to_pylist(), strict=True):
                if digest in wanted:
                    found.setdefault(digest, path)
        return found
