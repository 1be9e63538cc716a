"""File objects that a caller may pass: some say what was asked of them, some answer strangely."""

from __future__ import annotations

import io
from typing import NoReturn


class Recorder:
    """A file that notes what is asked of it, and has nothing else."""

    def __init__(self, data: bytes = b"") -> None:
        self.file = io.BytesIO(data)
        self.asked: list[str] = []

    def read(self, size: int) -> bytes:
        self.asked.append("read")
        return self.file.read(size)

    def write(self, data: bytes) -> int:
        assert type(data) is bytes
        self.asked.append("write")
        return self.file.write(data)

    def seek(self, position: int) -> int:
        self.asked.append(f"seek {position}")
        return self.file.seek(position)

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"{name} was asked for")


class OnlyRead:
    """A reader that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self.file.read(size)


class Dribble:
    """A reader that gives a few bytes at a time, whatever it is asked for, and whose `seek` is a stub."""

    seek = staticmethod(lambda offset, whence: 0)

    def __init__(self, data: bytes, size: int) -> None:
        self.file = io.BytesIO(data)
        self.size = size

    def read(self, size: int) -> bytes:
        return self.file.read(self.size)


class OnlyWrite:
    """A writer that cannot seek."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class Broken:
    """A file whose every operation raises its own error."""

    def read(self, size: int) -> NoReturn:
        raise KeyError("reading")

    def write(self, data: bytes) -> NoReturn:
        raise KeyError("writing")

    def seek(self, position: int) -> int:
        return position
