"""What the functions return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from redelta.dataset._failures import Failure


@dataclass(frozen=True)
class Summary:
    """What a run has done. All numbers are of the whole dataset, also of what an earlier run had made already."""

    files: int = 0
    """Files in it, without directories and symbolic links."""
    rows: int = 0
    """Files, directories and symbolic links; of a delta, those to delete as well."""
    bytes: int = 0
    """The sizes of the files, in bytes."""
    shards: int = 0
    """Shards in it."""
    shards_skipped: int = 0
    """How many of them were there already: made by an earlier run, or taken from the known dataset."""
    signature_bytes: int = 0
    """The signatures in the packs, in bytes; 0 for a delta."""
    delta_bytes: int = 0
    """The deltas in the packs, in bytes; 0 for a signature."""
    manifest_bytes: int = 0
    """All other files of the dataset, in bytes."""
    read_files: int = 0
    """Files that this run opened, without those that were done again since a worker was lost."""
    ops: dict[str, int] = field(default_factory=dict)
    """Of a delta: how many rows have which op."""
    failures: tuple[Failure, ...] = ()
    """Files that could not be read, in the order of their paths."""
    seconds: float = 0.0
    """How long it took."""


ChangeKind = Literal["added", "removed", "changed", "renamed", "metadata", "missing", "failed"]
"""How a path differs: it is only in the new dataset; only in the old one; another content, kind or target of a link;
only in the new one, with the content of one that is only in the old one; the same, of one that is in both; the same
content, another mode, owner or modification time; not there, of a root that is verified; could not be read."""


@dataclass(frozen=True)
class Change:
    """A path that differs between two datasets, or between a dataset and a root."""

    kind: ChangeKind
    """How: see `ChangeKind`."""
    path: bytes
    """The path below the root."""
    old_path: bytes | None = None
    """Of a renamed file: where its content was."""
    old_size: int | None = None
    """The size before, in bytes; None if it was not there."""
    size: int | None = None
    """The size now, in bytes; None if it is not there."""
    text: str = ""
    """Of a file that could not be read: why."""


@dataclass(frozen=True)
class Report:
    """What `verify` has found. It is true if nothing differs."""

    files: int = 0
    """Files that were looked at."""
    bytes: int = 0
    """The bytes that were read."""
    changes: tuple[Change, ...] = ()
    """What differs, in the order of the paths."""
    seconds: float = 0.0
    """How long it took."""

    def __bool__(self) -> bool:
        return not self.changes

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def kinds(self) -> dict[str, int]:
        """How many changes there are of each kind."""
        return dict(Counter(each.kind for each in self.changes))
