"""Ranges of files as sources, and digests of ranges joined."""

from __future__ import annotations

import io
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import redelta
from helpers.parts import joined, read_digest_part, write_digest_part
from helpers.samples import noise, random_edits
from helpers.sources import SEEKABLE, opened
from helpers.wire import digest_of

DATA = noise(300_000, 1)
NEW = random_edits(DATA, 20, 2)
KIB = 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"before" + DATA + b"after")
    return path


def middle(file: Path) -> redelta.FileRange:
    return redelta.FileRange(file, 6, 6 + len(DATA))


# ---- Ranges as sources ----------------------------------------------------------------------------------------------


def test_a_range_is_a_source(file: Path, tmp_path: Path) -> None:
    source = middle(file)
    signature = redelta.signature(source, block_len=512)
    assert signature == redelta.signature(DATA, block_len=512)
    assert bytes(redelta.Signature.build(source, block_len=512)) == signature
    assert redelta.delta(signature, source) == redelta.delta(signature, DATA)
    assert redelta.digest(source) == digest_of(DATA)
    file.write_bytes(b"x" + signature + b"y")
    assert bytes(redelta.Signature.load(redelta.FileRange(file, 1, 1 + len(signature)))) == signature


def test_a_range_is_a_basis(file: Path, tmp_path: Path) -> None:
    delta = redelta.delta(redelta.signature(DATA), NEW)
    assert redelta.patch(middle(file), delta) == NEW
    assert redelta.patch(middle(file), redelta.diff(middle(file), NEW)) == NEW
    part = redelta.SignaturePart.build(middle(file), 1024, 2048, block_len=512)
    assert part == redelta.SignaturePart.build(DATA, 1024, 2048, block_len=512)
    with redelta.Patcher(middle(file)) as patcher:
        assert patcher.update(delta) + patcher.finish() == NEW
    packed = tmp_path / "pack"
    packed.write_bytes(bytes(10) + delta + bytes(7))
    assert redelta.patch(middle(file), redelta.FileRange(packed, 10, 10 + len(delta))) == NEW
    info = redelta.inspect(redelta.FileRange(packed, 10, 10 + len(delta)))
    assert isinstance(info, redelta.DeltaInfo)
    assert info.stats.digest == digest_of(NEW)


def test_a_range_is_read_by_readers(file: Path) -> None:
    with redelta.SignatureReader(middle(file), block_len=512) as made:
        signature = made.read()
    assert signature == redelta.signature(DATA, block_len=512)
    with redelta.DeltaReader(signature, middle(file)) as made:
        delta = made.read()
    with redelta.PatchReader(middle(file), delta) as made:
        assert made.read() == DATA


@given(st.integers(0, 40), st.one_of(st.none(), st.integers(0, 40)))
def test_a_range_is_the_bytes_that_a_slice_is(tmp_path_factory: Any, start: int, length: int | None) -> None:
    path = tmp_path_factory.getbasetemp() / "slice"
    path.write_bytes(DATA[:30])
    stop = None if length is None else start + length
    source = redelta.FileRange(path, start, stop)
    assert source.length == length
    assert redelta.digest(source) == digest_of(DATA[:30][start:stop])
    assert redelta.signature(source) == redelta.signature(DATA[:30][start:stop])
    with redelta.SignatureReader(source) as made:
        assert made.read() == redelta.signature(DATA[:30][start:stop], block_len=2048)


def test_a_range_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(redelta.ParameterError, match="stop must not be less than start"):
        redelta.FileRange(path, 2, 1)
    with pytest.raises(redelta.ParameterError, match="start must be from 0"):
        redelta.FileRange(path, -1)
    with pytest.raises(redelta.ParameterError, match="stop must be from 0"):
        redelta.FileRange(path, 0, 1 << 63)
    for wrong in (b"file", 3, io.BytesIO()):
        with pytest.raises(TypeError, match="a path is needed"):
            redelta.FileRange(wrong, 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        redelta.FileRange(path, 1.5)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError) as caught:
        redelta.digest(redelta.FileRange(path, 1, 2))
    assert caught.value.filename == str(path) or caught.value.filename == path
    path.write_bytes(b"no signature")
    with pytest.raises(redelta.BadMagicError, match="file"):
        redelta.Signature.load(redelta.FileRange(path, 3))


def test_a_range_of_a_pipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    keep = os.open(path, os.O_RDWR)
    try:
        with pytest.raises(OSError, match="Illegal seek"):
            redelta.digest(redelta.FileRange(path, 1, 2))
    finally:
        os.close(keep)


def test_a_range_is_pickled_and_compared(file: Path) -> None:
    source = middle(file)
    again = pickle.loads(pickle.dumps(source))
    assert again == source
    assert hash(again) == hash(source)
    assert again != redelta.FileRange(file, 6)
    assert redelta.digest(again) == digest_of(DATA)


# ---- Digests --------------------------------------------------------------------------------------------------------


def cut(size: int, places: list[int]) -> list[tuple[int, int | None]]:
    """Ranges up to the end, cut at these places."""
    starts = sorted({0, *(place for place in places if place < size)})
    return [(at, None if end is None else end - at) for at, end in zip(starts, [*starts[1:], None], strict=True)]


def parts_of(source: redelta.Basis, size: int, places: list[int]) -> list[redelta.DigestPart]:
    return [redelta.DigestPart.build(source, at, length) for at, length in cut(size, places)]


@settings(deadline=None)
@given(st.integers(0, 70 * KIB), st.lists(st.integers(0, 70).map(lambda chunk: chunk * KIB), max_size=8))
def test_digests_of_ranges_join_to_that_of_the_file(size: int, places: list[int]) -> None:
    data = DATA[:size]
    parts = parts_of(data, size, places)
    assert redelta.DigestPart.join(parts) == digest_of(data)
    again = [redelta.DigestPart.load(bytes(part)) for part in parts]
    assert again == parts
    assert redelta.DigestPart.join(pickle.loads(pickle.dumps(parts))) == digest_of(data)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [part.offset for part in parts] == [at for at, _ in cut(size, places)]
    assert sum(part.length for part in parts) == size


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9 * KIB), st.lists(st.integers(0, 9).map(lambda chunk: chunk * KIB), max_size=4))
def test_records_are_those_of_the_page_of_formats(size: int, places: list[int]) -> None:
    data = DATA[:size]
    parts = parts_of(data, size, places)
    assert [bytes(part) for part in parts] == [
        write_digest_part(data, part.offset, part.length, part.last) for part in parts
    ]
    assert joined([read_digest_part(bytes(part)).nodes for part in parts]) == digest_of(data)


@pytest.mark.parametrize("kind", SEEKABLE)
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_digest_parts_of_any_source(kind: str, threads: int, tmp_path: Path) -> None:
    whole = DATA + bytes(4 << 20) + DATA
    parts = []
    for at, length in cut(len(whole), [128 * KIB, 3 << 20]):
        with opened(SEEKABLE[kind], whole, tmp_path) as source:
            parts.append(redelta.DigestPart.build(source, at, length, threads=threads))
    assert redelta.DigestPart.join(parts) == digest_of(whole)


def test_processes_make_digest_parts(file: Path) -> None:
    size = file.stat().st_size
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(partial(redelta.DigestPart.build, file), range(0, size, 64 * KIB), [64 * KIB] * 5))
    assert redelta.DigestPart.join(parts) == redelta.digest(file)


@pytest.mark.parametrize("size", [0, 4096, 64 * KIB])
def test_parts_without_bytes_at_the_end_do_no_harm(size: int) -> None:
    """Of whatever kind: whoever cuts a file by a size that it had before, or in equal ranges, may have some."""
    data = DATA[:size]
    digests = [redelta.DigestPart.build(data, at) for at in (0, size, size)]
    assert redelta.DigestPart.join(digests) == digest_of(data)
    sums = [redelta.SignaturePart.build(data, at, block_len=128) for at in (0, size, size)]
    signature = redelta.Signature.join(sums)
    assert signature == redelta.Signature.build(data, block_len=128)
    assert redelta.DeltaPart.grid(signature) == 4096
    deltas = [redelta.DeltaPart.build(signature, data, at) for at in (0, size, size)]
    assert redelta.joined_delta(signature, deltas, data) == redelta.delta(signature, data)
    for parts in (digests, sums, deltas):
        assert bytes(parts[1]) == bytes(parts[2])


def test_a_file_that_has_grown_has_no_digest_of_its_old_parts() -> None:
    old, part = DATA[: 64 * KIB], redelta.DigestPart.build
    grown = [part(old, 0), part(DATA, 64 * KIB)]
    with pytest.raises(redelta.ParameterError, match="part 2 of 2: the file ends with a part before this one"):
        redelta.DigestPart.join(grown)
    assert redelta.DigestPart.join([part(DATA, 0, 64 * KIB), *grown[1:]]) == digest_of(DATA)


def test_digest_parts_that_do_not_fit_are_refused() -> None:
    first, second, third = parts_of(DATA, len(DATA), [64 * KIB, 128 * KIB])
    join = redelta.DigestPart.join
    assert join([first, second, third]) == digest_of(DATA)
    for parts, place in (
        ([second, third], "part 1 of 2"),
        ([first, third], "part 2 of 2"),
        ([first, second, third, third], "part 4 of 4"),
        ([first, first, second, third], "part 2 of 4"),
    ):
        with pytest.raises(redelta.ParameterError, match=f"{place}: a part does not start where"):
            join(parts)
    for parts in ([], [first], [first, second]):
        with pytest.raises(redelta.ParameterError, match="the parts do not reach to the end of the file"):
            join(parts)
    with pytest.raises(TypeError, match="a DigestPart is needed, not bytes"):
        join([bytes(first)])  # type: ignore[list-item]


def test_ranges_of_digests_that_are_none_are_refused() -> None:
    build = redelta.DigestPart.build
    for offset, length in ((1, None), (1023, 1024), (0, 1), (1024, 5), (len(DATA) // 1024 * 1024 + 1024, None)):
        with pytest.raises(redelta.ParameterError):
            build(DATA, offset, length)
    with pytest.raises(redelta.ParameterError):
        build(DATA, -1)
    end = build(bytes(2048), 2048)
    assert (end.offset, end.length, end.last) == (2048, 0, True)
    assert redelta.DigestPart.join([build(bytes(3072), 0, 2048), end]) == digest_of(bytes(2048))


@given(st.data())
def test_a_damaged_digest_part_is_refused(data: st.DataObject) -> None:
    record = bytearray(bytes(redelta.DigestPart.build(DATA, 3072, 9 * KIB)))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((redelta.CorruptError, redelta.BadMagicError, redelta.TruncatedError, redelta.ParameterError)):
        redelta.DigestPart.load(record)


def test_a_digest_part_cut_short_or_continued_is_refused() -> None:
    record = bytes(redelta.DigestPart.build(DATA, 3072, 9 * KIB))
    for size in range(len(record)):
        with pytest.raises(redelta.TruncatedError):
            redelta.DigestPart.load(record[:size])
    with pytest.raises(redelta.CorruptError, match="continues after its end"):
        redelta.DigestPart.load(record + b"x")
    with pytest.raises(redelta.BadMagicError, match="this is not a part of a digest"):
        redelta.DigestPart.load(redelta.signature(DATA))


def test_parts_are_values(file: Path) -> None:
    one = redelta.DigestPart.build(file, 0, 64 * KIB)
    assert one == redelta.DigestPart.build(DATA[:0] + file.read_bytes(), 0, 64 * KIB)
    assert one != redelta.DigestPart.build(file, 0, 63 * KIB)
    assert one != 3
    assert len({one, redelta.DigestPart.load(io.BytesIO(bytes(one)))}) == 1
    assert repr(one) == "DigestPart(offset=0, length=65536, last=False)"
    saved = file.with_name("part")
    saved.write_bytes(b"12" + bytes(one))
    assert redelta.DigestPart.load(redelta.FileRange(saved, 2)) == one
    with pytest.raises(TypeError, match=r"use DigestPart\.load or DigestPart\.build"):
        redelta.DigestPart()
