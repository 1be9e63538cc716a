"""A file object that is closed while it is used: the number of its descriptor may be another file's by then, which is
neither to be read nor to be written to."""

from __future__ import annotations

import array
import fcntl
import io
import os
import subprocess
import sys
import termios
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.samples import noise
from helpers.sources import Fake, Sink
from helpers.tool import HANG_SECONDS
from redelta.compat import _librsync
from redelta.sync import Session

BASIS = noise(3_000_000, 1)
NEW = BASIS[:1_500_000] + b"new" + BASIS[1_500_000:]
SIGNATURE = redelta.signature(BASIS, block_len=2048)
DELTA = redelta.delta(SIGNATURE, NEW, verify=False)
LITERALS = redelta.delta(redelta.signature(b""), BASIS, verify=False)
SECRET = b"SECRET of another file " * 200_000


class Replaced:
    """Files, each of which can be closed so that another one gets its number."""

    def __init__(self, folder: Path, buffering: int) -> None:
        self._folder = folder
        self._buffering = buffering
        self._numbers: list[int] = []
        self._other = open(folder / "other", "w+b", buffering=0)  # noqa: SIM115
        self._other.write(SECRET)

    def open(self, data: bytes, mode: str = "rb") -> Any:
        (self._folder / "file").write_bytes(data)
        return open(self._folder / "file", mode, buffering=self._buffering)

    def replace(self, file: Any) -> None:
        if not file.closed:
            number = file.fileno()
            file.close()
            os.dup2(self._other.fileno(), number)
            self._numbers.append(number)

    def other_is_as_it_was(self) -> bool:
        return os.pread(self._other.fileno(), len(SECRET) + 1, 0) == SECRET

    def close(self) -> None:
        for number in self._numbers:
            os.close(number)
        self._other.close()


@pytest.fixture(params=[0, -1], ids=["raw", "buffered"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replaced]:
    made = Replaced(tmp_path, request.param)
    yield made
    made.close()


# ---- Between two calls ----------------------------------------------------------------------------------------------


def patcher(file: Any) -> Callable[[], object]:
    made = redelta.Patcher(file)
    return lambda: made.update(DELTA)


def delta_writer(file: Any) -> Callable[[], object]:
    made = redelta.DeltaWriter(basis=file)
    return lambda: made.copy(0, 9)


def open_delta(file: Any) -> Callable[[], object]:
    opened = redelta.open_delta(file)
    return lambda: [op.read() for op in opened if isinstance(op, redelta.OpenLiteral)]


READERS: dict[str, tuple[bytes, Callable[[Any], Callable[[], object]]]] = {
    "Patcher": (BASIS, patcher),
    "PatchReader": (BASIS, lambda file: redelta.PatchReader(file, DELTA).read),
    "PatchReader of a delta": (DELTA, lambda file: redelta.PatchReader(BASIS, file).read),
    "SignatureReader": (BASIS, lambda file: redelta.SignatureReader(file).read),
    "DeltaReader": (NEW, lambda file: redelta.DeltaReader(SIGNATURE, file).read),
    "DeltaWriter": (BASIS, delta_writer),
    "open_delta": (LITERALS, open_delta),
    "Session.sender": (NEW, lambda file: Session.sender(file).step),
    "Session.receiver": (BASIS, lambda file: Session.receiver(file, Sink()).step),
}


@pytest.mark.parametrize("name", READERS)
def test_what_reads_a_file_that_was_closed_says_so(files: Replaced, name: str) -> None:
    data, make = READERS[name]
    file = files.open(data)
    work = make(file)
    files.replace(file)
    with pytest.raises(ValueError, match="closed file"):
        work()


def test_what_has_begun_to_read_says_so_too(files: Replaced) -> None:
    file = files.open(BASIS)
    reader = redelta.PatchReader(file, DELTA)
    assert reader.read(1_000_000) == NEW[:1_000_000]
    files.replace(file)
    for _ in range(2):
        with pytest.raises(ValueError, match="closed file"):
            reader.read(10)
    reader.close()


def test_a_literal_is_not_read_on_from_another_file(files: Replaced) -> None:
    file = files.open(LITERALS)
    delta = redelta.open_delta(file)
    literal = next(delta)
    assert isinstance(literal, redelta.OpenLiteral)
    assert literal.read(1000) == BASIS[:1000]
    files.replace(file)
    with pytest.raises(ValueError, match="closed file"):
        literal.read()
    with pytest.raises(ValueError, match="closed file"):
        next(delta)
    delta.close()


def test_what_writes_to_a_file_that_was_closed_says_so(files: Replaced) -> None:
    file = files.open(b"", "wb")
    writer = redelta.DeltaWriter(file)
    files.replace(file)
    with pytest.raises(ValueError, match="closed file"):
        writer.literal(BASIS)
    with pytest.raises(redelta.RedeltaError, match="nothing more can be written"):
        writer.finish()
    assert files.other_is_as_it_was()


def test_a_writer_of_a_closed_file_does_not_finish(files: Replaced) -> None:
    file = files.open(b"", "wb")
    writer = redelta.DeltaWriter(file)
    writer.literal(b"a few bytes, which wait for more")
    files.replace(file)
    with pytest.raises(ValueError, match="closed file"):
        writer.finish()
    assert files.other_is_as_it_was()


def test_another_file_in_the_same_object_is_refused(tmp_path: Path) -> None:
    for name, data in (("file", BASIS), ("other", SECRET)):
        (tmp_path / name).write_bytes(data)
    keeps_the_number_taken = open(tmp_path / "file", "rb")  # noqa: SIM115
    with keeps_the_number_taken, io.FileIO(tmp_path / "file") as file, redelta.Patcher(file) as patcher:
        spare = os.dup(file.fileno())
        os.close(os.dup(spare))
        with open(tmp_path / "other", "rb") as other:
            file.__init__(os.dup(other.fileno()))  # type: ignore[misc]
        os.close(spare)
        with pytest.raises(ValueError, match="was given another file"):
            patcher.update(DELTA)


def test_a_file_without_its_raw_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BASIS)
    file = (tmp_path / "file").open("rb")
    patcher = redelta.Patcher(file)
    with file.detach(), pytest.raises(ValueError, match="detached"):
        patcher.update(DELTA)


def test_what_fileno_raises_comes_through(tmp_path: Path) -> None:
    def fileno() -> int:
        raise ZeroDivisionError

    (tmp_path / "file").write_bytes(BASIS)
    with io.FileIO(tmp_path / "file") as file, redelta.Patcher(file) as patcher:
        file.fileno = fileno  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            patcher.update(DELTA)
        del file.fileno
        assert patcher.update(DELTA) + patcher.finish() == NEW


def test_a_patchmaker_keeps_its_basis(files: Replaced) -> None:
    """As the extension did whose place it takes."""
    file = files.open(BASIS)
    maker = _librsync.new_patchmaker(file)
    files.replace(file)
    made, rest = b"", DELTA
    done = 0
    while not done:
        done, used, out = maker.cycle(rest)
        made, rest = made + out, rest[used:]
    assert made == NEW


def test_a_session_does_not_write_to_a_file_that_was_closed(files: Replaced) -> None:
    file = files.open(b"", "w+b")
    with Session.sender(NEW) as sender, Session.receiver(BASIS, file) as receiver:
        said = receiver.step()
        files.replace(file)
        with pytest.raises(ValueError, match="closed file"):
            receiver.step(sender.step(said))
        assert receiver.farewell
        assert files.other_is_as_it_was()


# ---- Within a call --------------------------------------------------------------------------------------------------


Tell = Callable[[int, int | None], None]
CALLS: dict[str, tuple[bytes, Callable[[Any, Tell], object]]] = {
    "signature": (BASIS, lambda file, tell: redelta.signature(file, progress=tell)),
    "delta": (NEW, lambda file, tell: redelta.delta(SIGNATURE, file, progress=tell)),
    "patch of a basis": (BASIS, lambda file, tell: redelta.patch(file, DELTA, progress=tell)),
    "patch with a delta": (LITERALS, lambda file, tell: redelta.patch(BASIS, file, progress=tell)),
    "digest": (BASIS, lambda file, tell: redelta.digest(file, progress=tell)),
    "inspect": (LITERALS, lambda file, tell: redelta.inspect(file, progress=tell)),
    "load": (SIGNATURE, lambda file, tell: redelta.Signature.load(file, progress=tell)),
    "load of a part": (SIGNATURE, lambda file, tell: redelta.SignaturePart.load(file, 0, progress=tell)),
    "build": (BASIS, lambda file, tell: redelta.Signature.build(file, progress=tell)),
    "build of a part": (BASIS, lambda file, tell: redelta.SignaturePart.build(file, 0, progress=tell)),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_input_that_progress_closes_is_told(files: Replaced, name: str) -> None:
    data, work = CALLS[name]
    file = files.open(data)
    with pytest.raises(ValueError, match="closed file"):
        work(file, lambda done, total: files.replace(file))


@pytest.mark.parametrize("to", ["bytes", "path", "writer"])
def test_a_basis_that_a_reader_closes_is_told(files: Replaced, tmp_path: Path, to: str) -> None:
    class Closing(Fake):
        def read(self, size: int) -> Any:
            files.replace(file)
            return super().read(size)

    file = files.open(BASIS)
    sink = Sink()
    work: dict[str, Callable[[], object]] = {
        "bytes": lambda: redelta.patch(file, Closing(DELTA)),
        "path": lambda: redelta.write_patch(file, Closing(DELTA), tmp_path / "made"),
        "writer": lambda: redelta.write_patch(file, Closing(DELTA), sink),
    }
    with pytest.raises(ValueError, match="closed file"):
        work[to]()
    assert not (tmp_path / "made").exists()
    assert b"SECRET" not in sink.data


def test_an_output_that_a_reader_closes_is_told(files: Replaced) -> None:
    class Closing(Fake):
        def read(self, size: int) -> Any:
            files.replace(file)
            return super().read(size)

    file = files.open(b"", "wb")
    with pytest.raises(ValueError, match="closed file"):
        redelta.write_signature(Closing(BASIS), file)
    assert files.other_is_as_it_was()


def wait_until_read(pipe: int) -> None:
    left = array.array("i", [1])
    while left[0]:
        time.sleep(0.001)
        fcntl.ioctl(pipe, termios.FIONREAD, left)


def test_a_basis_that_another_thread_closes_is_told(files: Replaced) -> None:
    """The thread that works waits for its delta, without Python's lock, and has no progress to report."""

    def work() -> None:
        try:
            result.append(redelta.patch(file, delta))
        except ValueError as error:
            result.append(error)

    result: list[object] = []
    reading, writing = os.pipe()
    file = files.open(BASIS)
    with open(reading, "rb", buffering=0) as delta:
        thread = threading.Thread(target=work)
        thread.start()
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(DELTA[:4])
            wait_until_read(reading)
            files.replace(file)
            pipe.write(DELTA[4:])
        thread.join()
    assert [str(each) for each in result] == ["I/O operation on closed file"]


# ---- What a duplicate of the descriptor would do ---------------------------------------------------------------------


def test_the_locks_of_the_process_stay(tmp_path: Path) -> None:
    """Closing any descriptor of a file would release them."""

    def is_locked(path: Path) -> bool:
        script = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        command: list[str | Path] = [sys.executable, "-c", script, path]
        return subprocess.run(command, capture_output=True, check=False).returncode != 0

    for name in ("basis", "made"):
        (tmp_path / name).write_bytes(BASIS)
    with (tmp_path / "basis").open("r+b") as basis, (tmp_path / "made").open("r+b") as made:
        for file in (basis, made):
            fcntl.lockf(file, fcntl.LOCK_EX)
        redelta.signature(basis)
        redelta.write_patch(basis, DELTA, made)
        with redelta.Patcher(basis) as patcher, redelta.PatchReader(basis, DELTA) as reader:
            assert patcher.update(DELTA) + patcher.finish() == reader.read() == NEW
        made.seek(0)
        with redelta.DeltaWriter(made, basis) as writer:
            writer.copy(0, 1000)
        assert is_locked(tmp_path / "basis")
        assert is_locked(tmp_path / "made")
    assert not is_locked(tmp_path / "basis")


def test_a_child_goes_on_with_a_basis_that_its_parent_closes(tmp_path: Path) -> None:
    script = """
        import os, redelta, sys
        data = open(sys.argv[1], "rb").read()
        delta = redelta.delta(redelta.signature(data), data + b"more")
        file = open(sys.argv[1], "rb")
        patcher = redelta.Patcher(file)
        made = patcher.update(delta[:100])
        there, here = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(there, 1)
            made += patcher.update(delta[100:]) + patcher.finish()
            os._exit(made != data + b"more")
        file.close()
        os.write(here, b".")
        assert os.waitpid(child, 0)[1] == 0
        try:
            patcher.update(delta[100:])
        except ValueError as error:
            print(error)
    """
    (tmp_path / "file").write_bytes(BASIS)
    command: list[str | Path] = [sys.executable, "-c", textwrap.dedent(script), tmp_path / "file"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_SECONDS)
    assert (done.stdout, done.stderr) == ("I/O operation on closed file\n", "")
