"""`librsync` the way programs call it: each test is a way that was seen in public code."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import librsync
from helpers.samples import noise

OLD = noise(700_000, 1)
NEW = OLD[:5] + b"new" + OLD[3000:500_000] + noise(100_000, 2) + OLD[600_000:]


class Files:
    """Makes a kind of file object with some bytes in it; they are closed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.closing = ExitStack()
        self.count = 0

    def path(self, data: bytes) -> Path:
        self.count += 1
        path = self.folder / str(self.count)
        path.write_bytes(data)
        return path

    def keep(self, file: Any) -> Any:
        return self.closing.enter_context(file)

    def memory(self, data: bytes) -> Any:
        return io.BytesIO(data)

    def file(self, data: bytes) -> Any:
        return self.keep(open(self.path(data), "rb"))

    def unbuffered(self, data: bytes) -> Any:
        return self.keep(open(self.path(data), "rb", buffering=0))

    def update(self, data: bytes) -> Any:
        return self.keep(open(self.path(data), "r+b"))

    def temporary(self, data: bytes) -> Any:
        return self.written(tempfile.TemporaryFile(), data)

    def named(self, data: bytes) -> Any:
        return self.written(tempfile.NamedTemporaryFile(), data)

    def spooled(self, data: bytes) -> Any:
        return self.written(tempfile.SpooledTemporaryFile(), data)

    def rolled(self, data: bytes) -> Any:
        return self.written(tempfile.SpooledTemporaryFile(max_size=1), data)

    def written(self, file: Any, data: bytes) -> Any:
        self.keep(file).write(data)
        file.seek(0)
        return file

    def in_a_tar(self, data: bytes) -> Any:
        path = self.path(b"")
        with tarfile.open(path, "w") as tar:
            for name, content in (("before", b"x" * 999), ("it", data), ("after", b"y" * 999)):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return self.keep(self.keep(tarfile.open(path)).extractfile("it"))

    def zipped(self, data: bytes) -> Any:
        return self.keep(gzip.open(self.path(gzip.compress(data, 1))))


KINDS: dict[str, Callable[[Files, bytes], Any]] = {
    "memory": Files.memory,
    "file": Files.file,
    "unbuffered": Files.unbuffered,
    "update": Files.update,
    "temporary": Files.temporary,
    "named": Files.named,
    "spooled": Files.spooled,
    "rolled": Files.rolled,
    "in a tar": Files.in_a_tar,
    "zipped": Files.zipped,
}


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    files = Files(tmp_path)
    with files.closing:
        yield files


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_an_input(files: Files, kind: str) -> None:
    make = KINDS[kind]
    signature = files.keep(librsync.signature(make(files, OLD)))
    delta = files.keep(librsync.delta(make(files, NEW), make(files, signature.read())))
    assert delta.seek(0, 2) < 300_000
    delta.seek(0)
    assert files.keep(librsync.patch(make(files, OLD), make(files, delta.read()))).read() == NEW


@pytest.mark.parametrize("kind", ["memory", "update", "temporary", "named", "spooled", "rolled"])
def test_every_kind_of_file_is_an_output(files: Files, kind: str) -> None:
    old, new = io.BytesIO(OLD), io.BytesIO(NEW)
    signature, delta, made = (KINDS[kind](files, b"") for _ in range(3))
    assert librsync.signature(old, signature) is signature
    assert librsync.delta(new, signature, delta) is delta
    assert librsync.patch(old, delta, made) is made
    assert made.read() == NEW


def test_the_readme_of_the_package(files: Files, tmp_path: Path) -> None:
    """Files by their names, and every output made by the functions but the last."""
    destination, source = files.file(OLD), files.file(NEW)
    with open(tmp_path / "synced", "wb") as synced:
        signature = files.keep(librsync.signature(destination))
        delta = files.keep(librsync.delta(source, signature))
        librsync.patch(destination, delta, synced)
    assert (tmp_path / "synced").read_bytes() == NEW


def test_spooled_files_are_chained_as_the_next_basis(files: Files) -> None:
    basis: Any = io.BytesIO(OLD)
    for version in range(4):
        new = NEW[version * 1000 :] + b"%d" % version
        signature = files.keep(librsync.signature(basis))
        delta = files.keep(librsync.delta(io.BytesIO(new), signature))
        basis = files.keep(librsync.patch(basis, delta))
        assert basis.read() == new
        basis.seek(0)


def test_the_size_of_what_was_made(files: Files) -> None:
    signature = files.keep(librsync.signature(io.BytesIO(OLD)))
    assert os.fstat(signature.fileno()).st_size == 12 + 12 * -(-len(OLD) // 2048)
    delta = files.keep(librsync.delta(io.BytesIO(OLD), signature))
    size = delta.seek(0, 2)
    delta.seek(0)
    assert size == len(delta.read()) < 30


def test_a_reader_whose_seek_is_a_stub(files: Files) -> None:
    class Upload:
        """What came over the network, dressed up."""

        def __init__(self, data: bytes) -> None:
            self.rest = data
            self.seek = lambda a, b: 0

        def read(self, size: int = -1) -> bytes:
            data, self.rest = self.rest[:size], self.rest[size:]
            return data

    signature = files.keep(librsync.signature(Upload(OLD)))
    delta = files.keep(librsync.delta(Upload(NEW), signature))
    assert files.keep(librsync.patch(io.BytesIO(OLD), delta)).read() == NEW


# ---- Sockets and pipes ----------------------------------------------------------------------------------------------


def write_and_close(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(data)


@contextmanager
def sending(write: Callable[[], object]) -> Iterator[None]:
    """Runs the other end in a thread."""
    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)


@pytest.mark.parametrize("buffering", [0, -1])
@pytest.mark.parametrize("kind", ["socket", "pipe"])
def test_what_a_socket_or_a_pipe_sends_is_an_input(files: Files, kind: str, buffering: int) -> None:
    def receiving(data: bytes) -> Any:
        if kind == "pipe":
            read_end, write_end = os.pipe()
            files.keep(sending(lambda: write_and_close(write_end, data)))
            return files.keep(open(read_end, "rb", buffering=buffering))
        here, there = socket.socketpair()
        files.keep(here)
        files.keep(sending(lambda: write_and_close(there.detach(), data)))
        return files.keep(here.makefile("rb", buffering=buffering))

    with files.closing:
        signature = files.keep(librsync.signature(receiving(OLD)))
        delta = files.keep(librsync.delta(receiving(NEW), receiving(signature.read())))
        assert files.keep(librsync.patch(io.BytesIO(OLD), receiving(delta.read()))).read() == NEW


def test_a_socket_may_stay_open_after_a_delta(files: Files) -> None:
    """An unbuffered one gives what has come; nobody waits for more once the delta is whole."""
    signature = files.keep(librsync.signature(io.BytesIO(OLD)))
    delta = files.keep(librsync.delta(io.BytesIO(NEW), signature)).read()
    here, there = socket.socketpair()
    with here, there, here.makefile("rb", buffering=0) as received, sending(lambda: there.sendall(delta)):
        here.settimeout(60)
        assert files.keep(librsync.patch(io.BytesIO(OLD), received)).read() == NEW


@pytest.mark.parametrize("kind", ["socket", "pipe"])
def test_a_socket_or_a_pipe_is_an_output(files: Files, kind: str) -> None:
    came: list[bytes] = []
    if kind == "pipe":
        read_end, write_end = os.pipe()
        output: Any = open(write_end, "wb")  # noqa: SIM115
        source: Any = files.keep(open(read_end, "rb"))  # noqa: SIM115
    else:
        here, there = socket.socketpair()
        output = here.makefile("wb")
        here.close()
        source = files.keep(files.keep(there).makefile("rb"))
    with sending(lambda: came.append(source.read())), output:
        assert librsync.signature(io.BytesIO(OLD), output) is output
    assert came == [files.keep(librsync.signature(io.BytesIO(OLD))).read()]
