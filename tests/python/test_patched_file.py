"""A PatchReader at any offset: what is read is the new file, by whoever reads files."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import redelta
from helpers.samples import edited_pairs, noise, random_edits
from helpers.sources import SEEKABLE, Fake, opened
from helpers.wire import Copy, encode_delta

BASIS = noise(150_000, 1)
NEW = random_edits(BASIS, 30, 2) + b"\nline\nanother line\n" * 50
DELTA = redelta.delta(redelta.signature(BASIS, block_len=512), NEW)


# ---- The same as of a file that is there ----------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("seek"), st.integers(0, 13_000), st.just(0)),
        st.tuples(st.just("seek"), st.integers(-3000, 3000), st.sampled_from((1, 2))),
        st.tuples(st.sampled_from(("read", "read1", "readline", "readinto")), st.integers(-1, 4000), st.just(0)),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(edited_pairs(max_size=9000), STEPS, st.booleans(), st.sampled_from(("auto", True, False)))
def test_it_is_the_file_that_a_delta_makes(
    pair: tuple[bytes, bytes], steps: list[tuple[str, int, int]], dense: bool, verify: Any
) -> None:
    basis, new = pair
    delta = redelta.diff(basis, new, dense=dense)
    expected = io.BytesIO(new)
    with redelta.PatchReader(basis, delta, verify=verify) as file:
        if dense:  # which is not read in order
            file.seek(1)
            file.seek(0)
        for step, number, whence in steps:
            if step == "seek" and (whence == 0 or [0, expected.tell(), len(new)][whence] + number >= 0):
                assert file.seek(number, whence) == expected.seek(number, whence)
            elif step == "readinto":
                room, same = bytearray(number + 1), bytearray(number + 1)
                assert file.readinto(room) == expected.readinto(same)
                assert room == same
            elif step in ("read", "readline"):
                assert getattr(file, step)(number) == getattr(expected, step)(number)
            elif step == "read1":
                part = file.read1(number)
                assert part or not number or expected.tell() >= len(new)
                assert expected.read(len(part)) == part
            assert file.tell() == expected.tell()


def check_at_random(file: redelta.PatchReader) -> None:
    assert file.seekable()
    assert file.read(10) == NEW[:10]
    assert file.seek(-100, os.SEEK_END) == len(NEW) - 100
    assert file.read() == NEW[-100:]
    assert file.read() == b""
    assert file.seek(1000) == 1000
    assert file.read(70_000) == NEW[1000:71_000]
    assert file.seek(-1, os.SEEK_CUR) == 70_999
    assert file.tell() == 70_999
    assert file.seek(1 << 62) == 1 << 62
    assert file.read(5) == b""
    assert file.seek(0) == 0
    assert file.read() == NEW


@pytest.mark.parametrize("kind", SEEKABLE)
def test_any_basis_is_read_at_any_offset(kind: str, tmp_path: Path) -> None:
    with opened(SEEKABLE[kind], BASIS, tmp_path) as basis, redelta.PatchReader(basis, DELTA) as file:
        check_at_random(file)


@pytest.mark.parametrize("kind", [kind for kind in SEEKABLE if "fake" not in kind])
def test_any_delta_is_read_at_any_offset(kind: str, tmp_path: Path) -> None:
    with opened(SEEKABLE[kind], DELTA, tmp_path) as delta, redelta.PatchReader(BASIS, delta) as file:
        check_at_random(file)


def test_a_delta_that_starts_within_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pack"
    path.write_bytes(b"before" + DELTA)
    with redelta.PatchReader(BASIS, redelta.FileRange(path, 6)) as file:
        check_at_random(file)
    with open(path, "rb") as opened_file:
        opened_file.seek(6)
        with redelta.PatchReader(BASIS, opened_file) as file:
            check_at_random(file)
    memory = io.BytesIO(b"before" + DELTA)
    memory.seek(6)
    with redelta.PatchReader(BASIS, memory) as file:
        check_at_random(file)
    with gzip.open(io.BytesIO(gzip.compress(b"before" + DELTA))) as unpacked:
        unpacked.read(6)
        with redelta.PatchReader(BASIS, unpacked) as file:
            check_at_random(file)


@pytest.mark.parametrize("level", [1, 19])
def test_a_compressed_or_dense_delta_is_read_at_any_offset(level: int) -> None:
    with redelta.PatchReader(BASIS, redelta.diff(BASIS, NEW, compress=level)) as file:
        check_at_random(file)
    with redelta.PatchReader(BASIS, redelta.diff(BASIS, NEW, compress=level, dense=True)) as file:
        assert file.seek(1) == 1
        assert file.seek(0) == 0
        check_at_random(file)


# ---- In order, as before --------------------------------------------------------------------------------------------


def test_it_is_verified_if_it_is_read_in_order() -> None:
    wrong = DELTA[:-1] + bytes([DELTA[-1] ^ 1])
    with redelta.PatchReader(BASIS, wrong) as file:
        assert (file.seek(0), file.tell(), file.seek(0, os.SEEK_CUR)) == (0, 0, 0)
        file.read(1000)
        assert file.seek(1000) == 1000
        with pytest.raises(redelta.VerifyError):
            file.read()
    with redelta.PatchReader(BASIS, wrong) as file:
        file.seek(1)
        assert file.read() == NEW[1:]  # as the documentation says


def test_a_seek_verifies_if_that_is_asked_for() -> None:
    for wrong in (DELTA[:-1] + bytes([DELTA[-1] ^ 1]), encode_delta([Copy(0, 10)], BASIS[1:11])):
        with redelta.PatchReader(BASIS, wrong, verify=True) as file:
            for _ in range(2):
                with pytest.raises(redelta.VerifyError):
                    file.seek(1)
    unverified = redelta.delta(redelta.signature(BASIS), NEW, verify=False)
    with (
        redelta.PatchReader(BASIS, unverified, verify=True) as file,
        pytest.raises(redelta.VerifyError, match="no digest to verify by"),
    ):
        file.seek(1)
    with redelta.PatchReader(BASIS, DELTA, verify=True) as file:
        check_at_random(file)


def test_a_basis_that_changes_is_noticed_if_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "basis"
    path.write_bytes(BASIS)
    with redelta.PatchReader(path, DELTA, verify=True) as file:
        file.seek(5)
        assert file.read(10) == NEW[5:15]
        os.utime(path, ns=(1, 1))
        with pytest.raises(redelta.FileChangedError, match="basis"):
            file.read(10)
    with redelta.PatchReader(path, DELTA) as file:
        file.seek(5)
        os.utime(path, ns=(2, 2))
        assert file.read(10) == NEW[5:15]


def test_what_cannot_be_read_at_any_offset_says_so() -> None:
    for delta in (Fake(DELTA), redelta.DeltaReader(redelta.signature(BASIS), Fake(NEW))):
        with redelta.PatchReader(BASIS, delta) as file:
            assert not file.seekable()
            assert file.read(10) == NEW[:10]
            assert file.seek(10) == file.tell() == 10
            for seek in ((11, 0), (-1, 1), (0, 2)):
                with pytest.raises(io.UnsupportedOperation, match="in order"):
                    file.seek(*seek)
            assert file.read() == NEW[10:]


def test_a_seek_says_what_is_wrong(tmp_path: Path) -> None:
    with redelta.PatchReader(BASIS, DELTA) as file:
        for seek in ((-1, 0), (-1, 1), (-len(NEW) - 1, 2), (0, 3)):
            with pytest.raises(ValueError, match=r"offset|whence"):
                file.seek(*seek)
        with pytest.raises(TypeError):
            file.seek(1.5)  # type: ignore[arg-type]
        assert file.read() == NEW
    for use in (file.tell, lambda: file.seek(0), lambda: file.seek(5)):
        with pytest.raises(ValueError, match="closed"):
            use()
    path = tmp_path / "delta"
    path.write_bytes(DELTA[:100])
    with redelta.PatchReader(BASIS, path) as file, pytest.raises(redelta.TruncatedError, match="delta"):
        file.seek(5)
    with (
        redelta.PatchReader(BASIS, DELTA, max_output=len(NEW) - 1) as file,
        pytest.raises(redelta.LimitError, match="larger file than is allowed"),
    ):
        file.seek(5)
    with redelta.PatchReader(BASIS, DELTA, max_output=len(NEW)) as file:
        check_at_random(file)
    with redelta.PatchReader(BASIS[:-9000], encode_delta([Copy(0, len(BASIS))])) as file:
        file.seek(5)
        assert file.read(10) == BASIS[5:15]
        file.seek(len(BASIS) - 1)
        with pytest.raises(redelta.TruncatedError, match="the basis is too short"):
            file.read()
    with (
        redelta.PatchReader(BASIS[:-1], redelta.diff(BASIS, NEW)) as file,
        pytest.raises(redelta.VerifyError, match="length differs"),
    ):
        file.seek(5)


def test_a_reader_that_raises_can_be_asked_again() -> None:
    class Failing(io.BytesIO):
        fails = False

        def read(self, size: int | None = -1, /) -> bytes:
            if self.fails:
                raise ZeroDivisionError
            return super().read(size)

    basis = Failing(BASIS)
    with redelta.PatchReader(basis, DELTA) as file:
        file.seek(5)
        basis.fails = True
        with pytest.raises(ZeroDivisionError):
            file.read(100_000)
        basis.fails = False
        assert file.tell() == 5
        assert file.read(100_000) == NEW[5:100_005]


def test_threads_take_turns() -> None:
    """Each reads what it gets, all together every byte once."""
    with redelta.PatchReader(BASIS, DELTA) as file:
        file.seek(1)
        file.seek(0)
        parts: list[bytes] = []

        def work() -> None:
            while part := file.read(997):
                parts.append(part)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(len(part) for part in parts) == len(NEW)
    assert sorted(parts) == sorted(NEW[at : at + 997] for at in range(0, len(NEW), 997))


# ---- Whoever reads files --------------------------------------------------------------------------------------------


def reader_of(new: bytes, tmp_path: Path) -> redelta.PatchReader:
    """Of a file that is made of an older one with the same beginning, on the disk."""
    basis, delta = tmp_path / "basis", tmp_path / "delta"
    basis.write_bytes(new[: len(new) // 2] + b"changed" + new[len(new) // 2 + 50 :])
    redelta.write_delta(redelta.signature(basis, block_len=256), new, delta)
    return redelta.PatchReader(basis, delta)


def test_zipfile_reads_it(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"name{number}", noise(3000, number))
    with reader_of(made.getvalue(), tmp_path) as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.read("name7") == noise(3000, 7)
        assert archive.read("name3") == noise(3000, 3)


def test_tarfile_reads_it(tmp_path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for number in range(20):
            info = tarfile.TarInfo(f"name{number}")
            info.size = 3000
            archive.addfile(info, io.BytesIO(noise(3000, number)))
    with reader_of(made.getvalue(), tmp_path) as file, tarfile.open(fileobj=file) as archive:
        for number in (19, 2, 7):
            member = archive.extractfile(f"name{number}")
            assert member is not None
            assert member.read() == noise(3000, number)


def test_pyarrow_reads_it(tmp_path: Path) -> None:
    table = pyarrow.table({"number": list(range(5000)), "text": [f"row {n}" for n in range(5000)]})
    made = io.BytesIO()
    pyarrow.parquet.write_table(table, made, row_group_size=500)
    with reader_of(made.getvalue(), tmp_path) as file:
        parquet = pyarrow.parquet.ParquetFile(file)
        assert parquet.read_row_group(7, columns=["number"]).column("number").to_pylist() == list(range(3500, 4000))
        assert parquet.read() == table


def test_pandas_reads_it(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"number": range(3000), "text": [f"row {n}" for n in range(3000)]})
    made = io.BytesIO()
    frame.to_parquet(made)
    with reader_of(made.getvalue(), tmp_path) as file:
        pandas.testing.assert_frame_equal(pandas.read_parquet(file), frame)
    with reader_of(frame.to_csv(index=False).encode(), tmp_path) as file:
        pandas.testing.assert_frame_equal(pandas.read_csv(file), frame)
