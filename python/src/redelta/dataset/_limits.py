"""How much a dataset of strangers may have."""

from __future__ import annotations

from dataclasses import dataclass

from redelta._errors import LimitError


@dataclass(frozen=True)
class Limits:
    """The most that a dataset may have: whatever exceeds one is refused with LimitError before it is read or made. The
    defaults allow any dataset that redelta makes of 10^9 files, and keep a worker's memory below about 1 GiB."""

    shards: int = 10_000_000
    """Shards."""
    rows: int = 1 << 40
    """Rows of all shards."""
    file_bytes: int = 1 << 62
    """The sizes of all files together, in bytes."""
    manifest_bytes: int = 4 << 30
    """The size of `manifest.json`, in bytes."""
    shard_rows: int = 1 << 20
    """Rows of one shard."""
    shard_memory: int = 512 << 20
    """What the rows of one shard take once they are decoded, in bytes."""
    path_bytes: int = 4096
    """The length of a path, in bytes."""
    signature_memory: int = 1 << 30
    """What a signature, and a delta against it, may take in a worker, in bytes."""

    def check(self, name: str, value: int) -> None:
        """Raises LimitError if there is more of something than is allowed."""
        most = getattr(self, name)
        if value > most:
            raise LimitError(f"the dataset has {value} {name.replace('_', ' ')}, and {most} are allowed: see limits=")
