"""Merged deltas: patching the first version with them gives the last one, whoever made the deltas."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import edited_pairs, noise, random_edits
from helpers.sources import SEEKABLE, SOURCES, SeekableFake, Sink, opened
from helpers.tool import WITHOUT, Tool
from helpers.wire import digest_of, encode_trailer, read_delta

VERSIONS = [noise(20_000, 1)]
for seed in range(2, 6):
    VERSIONS.append(random_edits(VERSIONS[-1], 5, seed))


def chain(versions: Sequence[bytes], **how: Any) -> list[bytes]:
    return [redelta.diff(old, new, **how) for old, new in pairwise(versions)]


DELTAS = chain(VERSIONS)
MERGED = redelta.merge(DELTAS)


@pytest.fixture
def command(request: pytest.FixtureRequest) -> Tool:
    """The command under test, whose name is that of the package here."""
    tool: Tool = request.getfixturevalue("redelta")
    return tool


@given(edited_pairs(), st.integers(0, 1 << 32), st.sampled_from(["diff", "delta", "rdiff"]), st.booleans())
def test_the_first_version_becomes_the_last(
    rdiff: Tool, tmp_path: Path, pair: tuple[bytes, bytes], seed: int, maker: str, compress: bool
) -> None:
    versions = [*pair, random_edits(pair[1], seed % 5, seed)]
    if maker == "rdiff":
        deltas = [stock_delta(rdiff, tmp_path, old, new) for old, new in pairwise(versions)]
    elif maker == "delta":
        signatures = [redelta.signature(version, block_len=50) for version in versions]
        deltas = [redelta.delta(*each) for each in zip(signatures, versions[1:], strict=False)]
    else:
        deltas = chain(versions, compress=compress)
    merged = redelta.merge(deltas)
    assert redelta.patch(versions[0], merged) == versions[-1]
    trailers = {
        "rdiff": b"",
        "delta": encode_trailer(versions[-1]),
        "diff": encode_trailer(versions[-1], basis=versions[0]),
    }
    assert merged[read_delta(merged).end :] == trailers[maker]


def stock_delta(rdiff: Tool, folder: Path, old: bytes, new: bytes) -> bytes:
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    (folder / "signature").write_bytes(rdiff.run("signature", "-b", "50", folder / "old").done())
    return rdiff.run("delta", folder / "signature", folder / "new").done()


def test_it_is_that_of_the_command(command: Tool, tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(len(DELTAS))]
    for path, delta in zip(paths, DELTAS, strict=True):
        path.write_bytes(delta)
    assert command.run("merge", *paths).done() == MERGED == redelta.merge(paths)
    assert command.run("merge", "--no-verify", *paths).done() == redelta.merge(paths, verify=False)
    assert command.run("merge", "-z5", *paths).done() == redelta.merge(paths, compress=5)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_each_may_be_any_source(tmp_path: Path, kind: str, place: int) -> None:
    with opened(SOURCES[kind], DELTAS[place], tmp_path) as delta:
        given: list[Any] = [*DELTAS]
        given[place] = delta
        assert redelta.merge(given) == MERGED
        if isinstance(delta, io.BytesIO | io.BufferedReader | io.FileIO) and delta.seekable():
            assert delta.tell() == len(DELTAS[place])


def test_they_may_come_from_an_iterator() -> None:
    assert redelta.merge(iter(DELTAS)) == MERGED == redelta.merge(tuple(DELTAS))
    assert redelta.merge(DELTAS, basis=VERSIONS[0]) == MERGED


def test_one_delta_is_merged_with_none() -> None:
    assert redelta.patch(VERSIONS[0], redelta.merge(DELTAS[:1])) == VERSIONS[1]


def test_any_destination_gets_it(tmp_path: Path) -> None:
    sink, memory, path = Sink(), io.BytesIO(), tmp_path / "0"
    redelta.write_merged(DELTAS, sink)
    stats = redelta.write_merged(DELTAS, memory)
    for number, delta in enumerate(DELTAS):
        (tmp_path / str(number)).write_bytes(delta)
    redelta.write_merged([tmp_path / str(number) for number in range(len(DELTAS))], path)
    assert sink.data == memory.getvalue() == path.read_bytes() == MERGED
    assert (stats.out_bytes, stats.copy_bytes + stats.literal_bytes) == (len(MERGED), len(VERSIONS[-1]))
    assert (stats.digest, stats.basis_digest) == (digest_of(VERSIONS[-1]), digest_of(VERSIONS[0]))


@pytest.mark.parametrize("order", [[1, 0], [0, 2], [0, 1, 3], [0, 0]])
def test_deltas_that_do_not_fit_are_told_by_their_number(order: list[int]) -> None:
    wrong = max(i for i in range(1, len(order)) if order[i] != order[i - 1] + 1)
    with pytest.raises(redelta.VerifyError, match=f"delta {wrong + 1} of {len(order)}: .*order of their versions") as e:
        redelta.merge([DELTAS[place] for place in order])
    assert e.value.role == "delta"


def test_a_delta_with_a_path_is_told_by_it(tmp_path: Path) -> None:
    for number, delta in enumerate(DELTAS):
        (tmp_path / str(number)).write_bytes(delta)
    (tmp_path / "2").write_bytes(DELTAS[2][:-1])
    with pytest.raises(redelta.TruncatedError, match=rf"'{tmp_path}/2' \(delta 3 of 4\): "):
        redelta.merge([tmp_path / str(number) for number in range(4)])
    with pytest.raises(FileNotFoundError) as e:
        redelta.merge([DELTAS[0], tmp_path / "missing"])
    assert e.value.filename == str(tmp_path / "missing")


def test_the_wrong_basis_is_told() -> None:
    with pytest.raises(redelta.VerifyError) as e:
        redelta.merge(DELTAS, basis=VERSIONS[0] + b"!")
    assert e.value.role == "basis"


@pytest.mark.skipif("zstd" in WITHOUT, reason="a dense delta is coded by zstd")
@pytest.mark.parametrize("kind", SEEKABLE)
def test_dense_deltas_are_merged_with_the_first_version(tmp_path: Path, kind: str) -> None:
    dense = chain(VERSIONS, dense=True, compress=1)
    with pytest.raises(redelta.ParameterError, match=r"delta \d of 4: it is dense"):
        redelta.merge(dense)
    with opened(SEEKABLE[kind], VERSIONS[0], tmp_path) as basis:
        if type(basis) is not SeekableFake:  # which cannot be set to its end
            assert redelta.patch(VERSIONS[0], redelta.merge(dense, basis=basis)) == VERSIONS[-1]
            assert redelta.patch(VERSIONS[0], redelta.merge([*DELTAS[:2], *dense[2:]], basis=basis)) == VERSIONS[-1]


@pytest.mark.parametrize("wrong", [b"", "name", bytearray(b"x"), memoryview(b"x")])
def test_one_delta_alone_is_no_sequence(wrong: Any) -> None:
    with pytest.raises(TypeError, match="sequence"):
        redelta.merge(wrong)


def test_no_delta_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(redelta.ParameterError, match="at least one"):
        redelta.merge([])
    with pytest.raises(redelta.ParameterError, match="at least one"):
        redelta.write_merged([], tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_limits_hold() -> None:
    with pytest.raises(redelta.LimitError, match="memory"):
        redelta.merge(DELTAS, max_memory=100)
    with pytest.raises(redelta.LimitError):
        redelta.merge(DELTAS, max_output=len(MERGED) - 1)
    assert redelta.merge(DELTAS, max_output=len(MERGED)) == MERGED


def test_an_exception_of_a_reader_ends_it() -> None:
    class Failing:
        def read(self, size: int) -> bytes:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        redelta.merge([DELTAS[0], Failing()])


def test_many_open_files_are_merged(tmp_path: Path) -> None:
    versions = [noise(500, 1)]
    for seed in range(60):
        versions.append(random_edits(versions[-1], 1, seed))
    files = []
    for number, delta in enumerate(chain(versions)):
        (tmp_path / str(number)).write_bytes(delta)
        files.append((tmp_path / str(number)).open("rb"))
    assert redelta.patch(versions[0], redelta.merge(files)) == versions[-1]
    files[30].close()
    with pytest.raises(ValueError, match="closed"):
        redelta.merge(files)
    for file in files:
        file.close()
