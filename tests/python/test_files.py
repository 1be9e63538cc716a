"""Files: where they stand before and after, what is replaced, and what is never left behind."""

from __future__ import annotations

import gc
import io
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.samples import noise, random_edits
from helpers.sources import Fake, SeekableFake, Sink
from helpers.threads import run_threads

BASIS = noise(50_000, 1)
NEW = random_edits(BASIS, 20, 2)
SIGNATURE = redelta.signature(BASIS, block_len=512)
DELTA = redelta.delta(SIGNATURE, NEW)


@pytest.fixture
def basis(tmp_path: Path) -> Path:
    path = tmp_path / "basis"
    path.write_bytes(BASIS)
    return path


# ---- What is what ---------------------------------------------------------------------------------------------------


class KnowsItsPath(io.FileIO):
    """An open file that tells its path, as those of fsspec do."""

    def __fspath__(self) -> str:
        return str(self.name)


def test_an_open_file_that_knows_its_path_is_a_file(basis: Path, tmp_path: Path) -> None:
    with KnowsItsPath(basis) as file:
        file.seek(777)
        assert redelta.signature(file, block_len=512) == redelta.signature(BASIS[777:], block_len=512)
        file.seek(777)
        with redelta.SignatureReader(file, block_len=512) as reader:
            assert reader.read() == redelta.signature(BASIS[777:], block_len=512)
    with KnowsItsPath(tmp_path / "made", "wb") as file:
        file.write(b"head")
        redelta.write_patch(BASIS, DELTA, file)
        file.write(b"tail")
    assert (tmp_path / "made").read_bytes() == b"head" + NEW + b"tail"


class CallableBytes(bytes):
    def __call__(self, *arguments: object) -> bytes:
        return b"something else"


def test_bytes_that_can_be_called_are_bytes() -> None:
    assert redelta.signature(CallableBytes(BASIS), block_len=512) == SIGNATURE
    assert redelta.patch(CallableBytes(BASIS), CallableBytes(DELTA)) == NEW


@pytest.mark.parametrize("buffering", [0, -1])
def test_one_socket_is_input_and_output(buffering: int) -> None:
    """As a server has it that was started by inetd."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"basis")
        ours.shutdown(socket.SHUT_WR)
        with (
            open(os.dup(theirs.fileno()), "rb", buffering=buffering) as reading,
            open(os.dup(theirs.fileno()), "wb", buffering=buffering) as writing,
        ):
            redelta.write_signature(reading, writing, block_len=512)
        assert ours.recv(1000) == redelta.signature(b"basis", block_len=512)


def test_a_device_is_input_and_output() -> None:
    with open("/dev/null", "rb") as reading, open("/dev/null", "wb") as writing:
        assert redelta.write_signature(reading, writing).out_bytes == 12


# ---- Positions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_is_read_from_where_it_stands_and_left_at_its_end(basis: Path, buffering: int) -> None:
    with basis.open("rb", buffering=buffering) as file:
        file.read(777)
        assert redelta.signature(file, block_len=512) == redelta.signature(BASIS[777:], block_len=512)
        assert file.tell() == len(BASIS)
        assert file.read() == b""
        file.seek(5)
        assert file.read(100) == BASIS[5:105]


def test_bytesio_is_read_from_where_it_stands_and_left_at_its_end() -> None:
    file = io.BytesIO(BASIS)
    file.seek(777)
    assert redelta.signature(file, block_len=512) == redelta.signature(BASIS[777:], block_len=512)
    assert file.tell() == len(BASIS)
    file.write(b"it can be written to again")
    file.seek(len(BASIS) + 100)
    assert redelta.signature(file) == redelta.signature(b"")


def test_threads_share_an_open_basis(basis: Path) -> None:
    """None of them sees the position that another needs for a moment."""
    wrong: list[object] = []

    def work(_: int) -> None:
        for _ in range(300):
            try:
                if redelta.patch(file, DELTA) != NEW:
                    wrong.append("another file")
            except redelta.RedeltaError as error:
                wrong.append(error)
            if file.tell() != 777:
                wrong.append(file.tell())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with basis.open("rb", buffering=0) as file:
            file.seek(777)
            run_threads(work, 3)
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


def test_a_basis_is_read_from_its_beginning_and_left_where_it_stands(basis: Path) -> None:
    with basis.open("rb") as file:
        file.read(777)
        assert redelta.patch(file, DELTA) == NEW
        assert file.tell() == 777
        assert file.read() == BASIS[777:]
    memory = io.BytesIO(BASIS)
    memory.seek(777)
    assert redelta.patch(memory, DELTA) == NEW
    assert memory.read() == BASIS[777:]


def test_what_was_read_ahead_is_not_lost_if_the_operation_fails(basis: Path) -> None:
    with basis.open("rb") as file:
        file.read(10)
        with pytest.raises(redelta.BadMagicError):
            redelta.Signature.load(file)
        assert file.tell() == 10
        assert file.read() == BASIS[10:]


def test_a_file_open_for_both_is_read_with_what_was_just_written(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file:
        file.write(BASIS)
        file.seek(0)
        assert redelta.signature(file, block_len=512) == SIGNATURE
        file.write(b"more")
        file.seek(0)
        assert file.read() == BASIS + b"more"


@pytest.mark.parametrize("mode", ["wb", "w+b", "r+b", "ab"])
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_is_written_to_from_where_it_stands(tmp_path: Path, mode: str, buffering: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with open(path, mode, buffering=buffering) as file:
        file.write(b"before")
        stats = redelta.write_patch(BASIS, DELTA, file)
        assert file.tell() == 6 + len(NEW)
        file.write(b"after")
    assert path.read_bytes() == b"before" + NEW + b"after"
    assert stats.out_bytes == len(NEW)


def test_other_writers_are_given_bytes() -> None:
    for sink in (Sink(), Sink(most=1000)):
        redelta.write_patch(BASIS, DELTA, sink)
        assert sink.data == NEW
    memory = io.BytesIO(b"before")
    memory.seek(0, 2)
    redelta.write_patch(BASIS, DELTA, memory)
    assert memory.getvalue() == b"before" + NEW


def test_an_empty_bytesio_gets_the_result_itself() -> None:
    """What was made in place is not copied; so nothing is written before it is verified."""
    memory = io.BytesIO()
    with pytest.raises(redelta.VerifyError):
        redelta.write_patch(bytes(len(BASIS)), DELTA, memory)
    assert memory.getvalue() == b""
    stats = redelta.write_patch(BASIS, DELTA, memory)
    assert (memory.tell(), stats.out_bytes) == (len(NEW), len(NEW))
    memory.write(b"after")
    assert memory.getvalue() == NEW + b"after"
    memory.seek(100)
    assert memory.read(5) == NEW[100:105]
    signature = io.BytesIO()
    redelta.write_signature(BASIS, signature, block_len=512)
    assert signature.getvalue() == SIGNATURE


@pytest.mark.parametrize(("before", "at"), [(b"", 3), (b"before", 3), (b"before", 6), (bytes(100_000), 0)])
def test_a_bytesio_is_written_to_from_where_it_stands(before: bytes, at: int) -> None:
    for data in (BASIS, SeekableFake(BASIS)):
        memory, expected = io.BytesIO(before), io.BytesIO(before)
        for file in (memory, expected):
            file.seek(at)
        redelta.write_patch(data, DELTA, memory)
        expected.write(NEW)
        assert (memory.getvalue(), memory.tell()) == (expected.getvalue(), expected.tell())


def test_a_bytesio_whose_buffer_is_in_use_is_told() -> None:
    memory = io.BytesIO()
    with memory.getbuffer(), pytest.raises(BufferError):
        redelta.write_patch(BASIS, DELTA, memory)
    redelta.write_patch(BASIS, DELTA, memory)
    assert memory.getvalue() == NEW


def test_a_bytesio_that_is_written_to_meanwhile_keeps_what_it_got() -> None:
    def write(done: int, total: int | None) -> None:
        memory.write(b"meanwhile")

    memory = io.BytesIO()
    redelta.write_patch(BASIS, DELTA, memory, progress=write)
    data = memory.getvalue()
    assert data == data[: -len(NEW)] + NEW
    assert data.startswith(b"meanwhile")
    assert memory.tell() == len(data)


def test_a_bytesio_that_is_closed_meanwhile_stays_closed() -> None:
    memory = io.BytesIO()
    with pytest.raises(ValueError, match="closed file"):
        redelta.write_patch(BASIS, DELTA, memory, progress=lambda done, total: memory.close())
    assert memory.closed


def test_what_a_writer_did_not_take_is_not_copied() -> None:
    class Noting(Sink):
        def write(self, data: bytes) -> int | None:
            given.append(data)
            return super().write(data)

    given: list[Any] = []
    sink = Noting(most=1000)
    redelta.write_patch(BASIS, DELTA, sink)
    assert sink.data == NEW
    assert isinstance(given[0], bytes)
    assert given[1].obj is given[0]
    assert given[2].obj is given[0]


def test_a_writer_may_release_what_it_was_given() -> None:
    class Releasing(Sink):
        def write(self, data: Any) -> int | None:
            taken = super().write(data)
            if isinstance(data, memoryview):
                data.release()
            return taken

    sink = Releasing(most=1000)
    redelta.write_patch(BASIS, DELTA, sink)
    assert sink.data == NEW


@contextmanager
def calls_noted() -> Iterator[list[str]]:
    """The names of the functions in C that Python code calls."""
    names: list[str] = []

    def note(frame: object, event: str, function: Any) -> None:
        if event == "c_call":
            names.append(function.__name__)

    sys.setprofile(note)
    try:
        yield names
    finally:
        sys.setprofile(None)


TEMPORARY: dict[str, Callable[[], Any]] = {
    "TemporaryFile": tempfile.TemporaryFile,
    "NamedTemporaryFile": tempfile.NamedTemporaryFile,
    "SpooledTemporaryFile": lambda: tempfile.SpooledTemporaryFile(max_size=1000),  # noqa: SIM115
    "SpooledTemporaryFile in memory": tempfile.SpooledTemporaryFile,
}
temporary = pytest.mark.parametrize("kind", TEMPORARY)


@temporary
def test_a_temporary_file_is_used_as_the_file_inside(kind: str) -> None:
    """Its bytes do not pass through Python, its size is known, and it stands where an open file would."""
    with TEMPORARY[kind]() as file:
        file.write(b"head" + BASIS)
        file.seek(4)
        with calls_noted() as names:
            assert redelta.signature(file) == redelta.signature(BASIS)
        assert "read" not in names
        assert file.tell() == 4 + len(BASIS)
        file.seek(777)
        with calls_noted() as names:
            assert redelta.patch(file, redelta.delta(redelta.signature(b"head" + BASIS), NEW)) == NEW
        assert "read" not in names
        assert file.tell() == 777


@temporary
def test_a_temporary_file_is_written_to_from_where_it_stands(kind: str) -> None:
    with TEMPORARY[kind]() as file:
        file.write(b"before" + bytes(2000))
        file.seek(6)
        with calls_noted() as names:
            redelta.write_patch(BASIS, DELTA, file)
        assert ("write" in names) == (kind == "SpooledTemporaryFile in memory")
        assert file.tell() == 6 + len(NEW)
        file.write(b"after")
        file.seek(0)
        assert file.read() == b"before" + NEW + b"after"


def test_a_python_that_calls_its_temporary_files_otherwise_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.NamedTemporaryFile() as file:
        monkeypatch.delattr(tempfile, "_TemporaryFileWrapper")
        redelta.write_patch(BASIS, DELTA, file)
        assert redelta.patch(file, redelta.delta(redelta.signature(NEW), BASIS)) == BASIS


def test_a_spooled_file_is_still_rolled_over() -> None:
    with tempfile.SpooledTemporaryFile(max_size=1000) as file:
        redelta.write_patch(BASIS, DELTA, file)
        assert os.fstat(file.fileno()).st_size == len(NEW)


@temporary
def test_a_temporary_file_cannot_be_output_and_input_at_once(kind: str) -> None:
    with TEMPORARY[kind]() as file:
        file.write(BASIS)
        with pytest.raises(redelta.ParameterError, match="the output is also an input"):
            redelta.write_patch(file, DELTA, file)


@temporary
def test_a_temporary_file_lives_as_long_as_what_reads_it(kind: str) -> None:
    """A NamedTemporaryFile closes the file inside when it is collected."""
    file = TEMPORARY[kind]()
    file.write(BASIS)
    readers = [redelta.PatchReader(file, DELTA, closefd=closefd) for closefd in (False, True)]
    patcher = redelta.Patcher(file)
    del file
    gc.collect()
    assert patcher.update(DELTA) + patcher.finish() == NEW
    patcher.close()
    for reader in readers:
        with reader:
            assert reader.read() == NEW


def test_a_temporary_file_of_text_is_refused() -> None:
    with tempfile.NamedTemporaryFile("w+") as named, tempfile.SpooledTemporaryFile(mode="w+") as spooled:
        for text in (named, spooled):
            with pytest.raises(TypeError, match="binary mode"):
                redelta.signature(text)  # type: ignore[arg-type]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source:
        with open(writing, "wb") as file:
            file.write(b"before")
            redelta.write_signature(BASIS[:1000], file)
            file.write(b"after")
        assert source.read() == b"before" + redelta.signature(BASIS[:1000]) + b"after"


def test_only_read_is_called_and_not_after_the_end() -> None:
    fake = Fake(BASIS, most=20_000)
    redelta.signature(fake)
    assert fake.at == len(BASIS)
    assert len(fake.calls) == 4  # three with bytes, one without
    assert min(fake.calls) > 0


# ---- Destinations ---------------------------------------------------------------------------------------------------


def test_a_path_is_replaced_and_keeps_its_mode(basis: Path) -> None:
    basis.chmod(0o640)
    with basis.open("rb") as old:
        redelta.write_patch(basis, DELTA, basis)
        assert old.read() == BASIS  # the old file was not touched
    assert basis.read_bytes() == NEW
    assert stat.S_IMODE(basis.stat().st_mode) == 0o640


def test_all_three_steps_by_paths(basis: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(NEW)
    signature, delta, patched = (str(tmp_path / name) for name in ("signature", "delta", "patched"))
    assert redelta.write_signature(basis, signature).blocks == len(redelta.Signature.load(signature))
    stats = redelta.write_delta(signature, tmp_path / "new", delta)
    assert stats.literal_bytes + stats.copy_bytes == len(NEW)
    assert stats.out_bytes == os.path.getsize(delta)
    redelta.write_patch(basis, delta, patched)
    assert Path(patched).read_bytes() == NEW


@pytest.mark.parametrize("name", ["new", "basis"])
def test_a_failure_leaves_the_destination_as_it_was(basis: Path, tmp_path: Path, name: str) -> None:
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(redelta.TruncatedError):
        redelta.write_patch(basis, DELTA[:-60], tmp_path / name)
    with pytest.raises(redelta.VerifyError):
        redelta.write_patch(bytes(len(BASIS)), DELTA, tmp_path / name)
    with pytest.raises(ZeroDivisionError):
        redelta.write_signature(_Raising(), tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == before
    assert basis.read_bytes() == BASIS


class _Raising:
    def read(self, size: int) -> bytes:
        raise ZeroDivisionError


def test_a_symbolic_link_is_replaced_and_not_followed(basis: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(basis)
    redelta.write_patch(basis, DELTA, link)
    assert not link.is_symlink()
    assert (link.read_bytes(), basis.read_bytes()) == (NEW, BASIS)


def test_a_device_is_written_to_as_it_is() -> None:
    redelta.write_signature(BASIS, "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_names_that_are_not_text(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    redelta.write_signature(BASIS, name, block_len=512)
    assert bytes(redelta.Signature.load(name)) == SIGNATURE


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_cannot_be_output_and_input_at_once(basis: Path, buffering: int) -> None:
    with basis.open("r+b", buffering=buffering) as file:
        for source in (file, basis):
            with pytest.raises(redelta.ParameterError, match="the output is also an input"):
                redelta.write_patch(source, DELTA, file)
    assert basis.read_bytes() == BASIS


# ---- Failures of the system -----------------------------------------------------------------------------------------


def test_errors_of_the_system_name_the_file(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(FileNotFoundError) as caught:
        redelta.signature(missing)
    assert caught.value.filename == missing
    with pytest.raises(IsADirectoryError):
        redelta.signature(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        redelta.write_signature(BASIS, tmp_path / "no" / "file")
    assert caught.value.filename == str(tmp_path / "no" / "file")
    with pytest.raises(IsADirectoryError):
        redelta.write_signature(BASIS, tmp_path)


def test_a_full_disk_is_an_error_and_names_the_file() -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        redelta.write_signature(BASIS, "/dev/full")
    assert caught.value.filename == "/dev/full"
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        redelta.write_signature(BASIS, file)


def test_a_closed_file_is_an_error(basis: Path) -> None:
    file = basis.open("rb")
    file.close()
    memory = io.BytesIO(BASIS)
    memory.close()
    for closed in (file, memory):
        with pytest.raises(ValueError, match="closed"):
            redelta.signature(closed)
        with pytest.raises(ValueError, match="closed"):
            redelta.patch(closed, DELTA)
        with pytest.raises(ValueError, match=r"closed|write"):
            redelta.write_signature(BASIS, closed)


def test_files_open_the_wrong_way_round(basis: Path) -> None:
    with basis.open("ab") as file, pytest.raises(io.UnsupportedOperation):
        redelta.signature(file)
    with basis.open("rb") as file, pytest.raises(io.UnsupportedOperation):
        redelta.write_signature(BASIS, file)
    with basis.open("r") as text, pytest.raises(TypeError, match="binary mode"):
        redelta.signature(text)  # type: ignore[arg-type]


def test_a_pipe_is_no_basis() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading, "rb", buffering=0) as file, pytest.raises(io.UnsupportedOperation):
        redelta.patch(file, DELTA)
    with pytest.raises(TypeError, match="a basis must have seek"):
        redelta.patch(Fake(BASIS), DELTA)  # type: ignore[arg-type]


def test_a_pipe_that_would_block_is_an_error() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(writing, "wb"), open(reading, "rb", buffering=0) as file, pytest.raises(BlockingIOError):
        redelta.signature(file)


def test_what_is_no_file_is_refused() -> None:
    for wrong in (None, 7, 1.5, object(), [b"bytes"]):
        with pytest.raises(TypeError, match="a path, bytes or a reader is needed"):
            redelta.signature(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a path or a writer is needed"):
            redelta.write_signature(b"", wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="null"):
        redelta.write_signature(b"", "a\0b")
    with pytest.raises((BufferError, ValueError), match=r"contiguous|C-contiguous"):
        redelta.signature(memoryview(b"abcdef")[::2])


def test_a_basis_that_shrinks_is_truncated(tmp_path: Path) -> None:
    bare = redelta.delta(SIGNATURE, BASIS, verify=False)
    cases: list[tuple[redelta.PatchVerify, type[redelta.RedeltaError]]] = [
        ("auto", redelta.VerifyError),
        (False, redelta.TruncatedError),
    ]
    for verify, kind in cases:
        with pytest.raises(kind) as caught:
            redelta.patch(SeekableFake(BASIS[:1000]), bare, verify=verify)
        assert (caught.value.role, caught.value.offset) == ("basis", 1000)
    path = tmp_path / "basis"
    path.write_bytes(BASIS)
    with path.open("rb") as file, redelta.Patcher(file, verify=False) as patcher:
        os.truncate(path, 1000)
        with pytest.raises(redelta.TruncatedError):
            patcher.update(bare)


def test_a_seek_that_lies_is_noticed_by_the_digest() -> None:
    class Liar(SeekableFake):
        def seek(self, position: int) -> None:
            self.at = position + 1

    with pytest.raises(redelta.VerifyError):
        redelta.patch(Liar(BASIS + b"?"), redelta.delta(SIGNATURE, BASIS))


@pytest.mark.skipif(sys.platform != "linux", reason="procfs")
def test_a_file_without_a_size_is_read_to_its_end() -> None:
    text = Path("/proc/self/limits").read_bytes()
    assert redelta.signature("/proc/self/limits") == redelta.signature(text)


def test_the_memory_that_is_read_cannot_be_written_to() -> None:
    file = io.BytesIO(BASIS)
    calls: list[Callable[[], object]] = [
        lambda: redelta.write_signature(file, file),
        lambda: redelta.write_delta(SIGNATURE, file, file),
        lambda: redelta.write_patch(file, DELTA, file),
    ]
    for call in calls:
        with pytest.raises(redelta.ParameterError, match="the output is also an input"):
            call()
    assert (file.tell(), file.getvalue()) == (0, BASIS)


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_that_is_closed_meanwhile_is_told(basis: Path, tmp_path: Path, buffering: int) -> None:
    """The number of its descriptor may be another file's by then, whose position is not to be touched."""
    other = tempfile.TemporaryFile()  # noqa: SIM115
    other.write(b"stands behind this")
    other.flush()

    def close(done: int, total: int | None) -> None:
        number = file.fileno()
        file.close()
        os.dup2(other.fileno(), number)
        numbers.append(number)

    numbers: list[int] = []
    with other:
        file = basis.open("rb", buffering=buffering)
        with pytest.raises(ValueError, match="closed file"):
            redelta.signature(file, progress=close)
        os.close(numbers[0])
        assert os.lseek(other.fileno(), 0, os.SEEK_CUR) == 18


def test_a_raw_writer_that_takes_nothing_is_told() -> None:
    class Full(io.RawIOBase):
        def write(self, data: Any, /) -> int | None:
            return 0

    with pytest.raises(BlockingIOError):
        redelta.write_signature(BASIS, Full())
