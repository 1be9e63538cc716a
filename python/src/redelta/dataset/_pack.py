"""A pack: the signatures or deltas of a shard, one after the other, each a file of librsync at an offset that its row
has. Nothing stands between them, before or after."""

from __future__ import annotations

from typing import IO

import redelta


class PackWriter:
    """Writes a pack to a file. Memory: none of its own."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.length = 0

    def add(self, data: bytes) -> tuple[int, int]:
        """Adds an item; returns its offset and its length in bytes."""
        offset = self.length
        self.file.write(data)
        self.length += len(data)
        return offset, len(data)

    def add_written(self) -> tuple[int, int]:
        """The item is what was written to the file since the last one."""
        offset, self.length = self.length, self.file.tell()
        return offset, self.length - offset

    def undo(self) -> None:
        """Takes back what was written since the last item."""
        self.file.seek(self.length)
        self.file.truncate()

    def digest(self) -> str:
        """The digest of the pack, in hexadecimal; empty if nothing was added."""
        self.file.flush()
        if self.length == 0:
            return ""
        self.file.seek(0)
        found = redelta.digest(self.file, threads=1)
        self.file.seek(self.length)
        return found.hex()
