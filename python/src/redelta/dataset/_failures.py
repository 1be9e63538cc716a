"""What goes wrong, in two kinds. A file that cannot be read, vanishes or changes is a *failure*: a row of the dataset
says so, the run goes on, and `DatasetError` names all of them at the end. Everything else ends the run at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from redelta._errors import CorruptError, FileChangedError, RedeltaError

if TYPE_CHECKING:
    from redelta.dataset._results import Summary

FailureKind = Literal["unreadable", "vanished", "changed", "error"]
"""Why a file has no digest: it could not be opened or read, it was gone, it changed while it was read, or something
else."""

FAILURE_KINDS: tuple[FailureKind, ...] = ("unreadable", "vanished", "changed", "error")

SHOWN = 3


@dataclass(frozen=True)
class Failure:
    """A file for which a run could do nothing."""

    path: bytes
    """Its path below the root."""
    kind: FailureKind
    """Why: see `FailureKind`."""
    text: str
    """What the system or the library said."""


class DatasetError(RedeltaError):
    """A run has come to its end, but files failed: `failures` has them all, in the order of their paths, and `summary`
    is what the run would have returned. What was made is complete but for these files, whose rows say why. `failures`
    is empty if the run itself failed: workers that were lost again and again, or a dataset that does not fit the
    call."""

    def __init__(
        self, message: str, failures: Sequence[Failure] = (), summary: Summary | None = None, reason: str = ""
    ) -> None:
        super().__init__(message, reason=reason)
        self.failures = list(failures)
        self.summary = summary

    def __reduce__(self) -> tuple[type[DatasetError], tuple[str, list[Failure], Summary | None, str]]:
        return type(self), (str(self), self.failures, self.summary, self.reason)


class DatasetCorruptError(DatasetError, CorruptError):
    """A dataset is not what it says: a file of it is missing, has another digest or other columns, a path leads out of
    the root or stands out of order, an offset points beyond its pack. Nothing was changed."""

    code = CorruptError.code


def failure_of(path: bytes, error: BaseException) -> Failure:
    """The failure of a file by the exception that was met."""
    kind: FailureKind = "error"
    if isinstance(error, FileChangedError):
        return Failure(path, "changed", "changed while it was being read")
    if isinstance(error, FileNotFoundError) or (isinstance(error, OSError) and error.errno == errno.ENOTDIR):
        kind = "vanished"
    elif isinstance(error, OSError):
        kind = "unreadable"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return Failure(path, kind, text)


def raise_failures(failures: Sequence[Failure], summary: Summary, rest: str = "all else is done") -> None:
    """Raises DatasetError if there are any; its reason does not name them. `rest` says what became of all else."""
    if not failures:
        return
    shown = "; ".join(f"{os.fsdecode(each.path)!r}: {each.text}" for each in failures[:SHOWN])
    more = f"; and {len(failures) - SHOWN} more" if len(failures) > SHOWN else ""
    number = f"{len(failures)} files" if len(failures) > 1 else "1 file"
    raise DatasetError(f"{number} failed: {shown}{more}; {rest}", failures, summary, f"{number} failed; {rest}")
