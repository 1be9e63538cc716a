"""The exceptions, and how a failure of the library becomes one of them.

Failures of the system are `OSError` and its subclasses, with the path that was given as `filename`; running out of
memory is `MemoryError`. Everything else is a `RedeltaError`. Exceptions of a reader, a writer or a progress function
are passed on unchanged.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import warnings
from collections.abc import Mapping

from redelta._core import (
    E_CANCELLED,
    E_CHANGED,
    E_CORRUPT,
    E_EXISTS,
    E_IO,
    E_LIMIT,
    E_MAGIC,
    E_MEMORY,
    E_MISMATCH,
    E_PARAMETER,
    E_PEER,
    E_STATE,
    E_TRUNCATED,
    E_UNVERIFIED,
    ROLE_BASIS,
    ROLE_DELTA,
    ROLE_NEW,
    ROLE_OUTPUT,
    ROLE_SIGNATURE,
)

ROLES = {
    ROLE_BASIS: "basis",
    ROLE_SIGNATURE: "signature",
    ROLE_NEW: "new file",
    ROLE_DELTA: "delta",
    ROLE_OUTPUT: "output",
}


class RedeltaError(Exception):
    """The base of redelta's exceptions. The message says what is wrong, where, and what to do. `reason` is what is
    wrong, without names; `role` is the file that it is about ("basis", "signature", "new file", "delta", "output") or
    None, `offset` the byte of that file at which it was found or None, and `code` the number of the C library's
    `rd_result`."""

    code: int = E_STATE

    def __init__(self, message: str, *, role: str | None = None, offset: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.role = role
        self.offset = offset
        self.reason = reason or message


class ParameterError(RedeltaError, ValueError):
    """A parameter is out of range, or the output is also an input."""

    code = E_PARAMETER


class BadMagicError(RedeltaError, ValueError):
    """The file is not a signature, or not a delta, as it should be; or what comes over a connection is no session of
    redelta, or one of another version."""

    code = E_MAGIC


class TruncatedError(RedeltaError, EOFError):
    """A file ends too early: a signature or a delta is cut, or a basis is too short. Or a connection does."""

    code = E_TRUNCATED


class CorruptError(RedeltaError, ValueError):
    """A signature or a delta is damaged, or what comes over a connection breaks the rules of the protocol."""

    code = E_CORRUPT


class LimitError(RedeltaError):
    """A limit is exceeded: `max_output`, `max_memory`, `max_blocks`, or what can be handled at all."""

    code = E_LIMIT


class VerifyError(RedeltaError):
    """The result of a patch is not the new file, because the basis is a different one or the delta was altered; or it
    cannot be verified, because the delta has no digest and `verify` is True. Or what a session has made is not the new
    file. The file of a path was not replaced."""

    code = E_MISMATCH


class FileChangedError(RedeltaError):
    """A file changed while it was read, so what was read of it may be no version that it ever had. The file of a path
    was not replaced; a writer may have got all bytes. It is noticed by the size and the times of files that are given
    by their path or as plain files."""

    code = E_CHANGED


class PeerError(RedeltaError):
    """The other side of a connection has failed; `reason` is what it says of it."""

    code = E_PEER


class FileChangedWarning(UserWarning):
    """The same, with `changed="warn"`: the result was made nevertheless."""


KINDS: dict[int, type[RedeltaError]] = {
    E_PARAMETER: ParameterError,
    E_MAGIC: BadMagicError,
    E_TRUNCATED: TruncatedError,
    E_CORRUPT: CorruptError,
    E_LIMIT: LimitError,
    E_MISMATCH: VerifyError,
    E_UNVERIFIED: VerifyError,
    E_CHANGED: FileChangedError,
    E_PEER: PeerError,
}

AGAIN = {
    "basis": "give the basis that the delta was made for",
    "signature": "make or fetch the signature again",
    "delta": "make or fetch the delta again",
}


ON_ZSTD = {
    E_MAGIC: "make it plain with 'zstd -d', or use a redelta that was built with zstd",
    E_LIMIT: "make it plain with 'zstd -d --long=31'",
}
"""For frames that cannot be read, which only the reason shows."""


def advice(code: int, role: str | None, reason: str) -> str:
    """What to do about an error; empty if there is no advice."""
    if "zstd" in reason and code in ON_ZSTD:
        return ON_ZSTD[code]
    if code == E_MAGIC and role in ("signature", "delta"):
        return f"give what redelta.{role} made"
    if code == E_TRUNCATED and "became shorter" in reason:
        return "do it again"
    if code in (E_TRUNCATED, E_CORRUPT):
        return AGAIN.get(role or "", "")
    if code == E_MISMATCH and "does not fit" in reason:
        return "give the deltas in the order of their versions"
    if code == E_MISMATCH and role == "new file":  # of verify
        return "patch the basis again"
    if code == E_MISMATCH and role == "output":  # of a session
        return "do it again"
    if code == E_MISMATCH:
        return AGAIN["delta"] if role == "delta" else "give the right basis, or make the delta again"
    if code == E_UNVERIFIED and "the part" in reason:
        return "make the parts with verify=True, or the delta with verify=False"
    if code == E_UNVERIFIED:
        return "make the delta again with verify=True"
    if code == E_CHANGED and "since the part" in reason:
        return "make its parts again"
    if code == E_CHANGED:
        return "do it again" if role == "output" else "do it again, or accept it with changed='accept'"
    return ""


def about(role: str | None, name: str | bytes | None, reason: str, number: str = "") -> str:
    """The reason, and the file that it is about unless it says so; `number` says which of several."""
    if name:
        return f"{os.fsdecode(name)!r}{number and f' ({number})'}: {reason}"
    if number:
        return f"{number}: {reason}"
    if role and not re.search(rf"\b{role}\b", reason):
        return f"{role}: {reason}"
    return reason


def warn_of_change(changed: str, role_number: int, names: Mapping[str, str | bytes]) -> None:
    """If a file changed and the caller wants a warning: warns at the line that called the package."""
    role = ROLES.get(role_number)
    if changed != "warn" or role is None:
        return
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    message = about(role, names.get(role), "changed while it was being read", str(names.get("number", "")))
    warnings.warn(message, FileChangedWarning, stacklevel=level)


URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(name: object) -> bool:
    """Has this name the form of a URL? It may be that of a file nevertheless."""
    return isinstance(name, str | bytes) and URL.match(os.fsdecode(name)) is not None


def system_failure(number: int, name: str | bytes | None) -> OSError:
    """The exception for an error of the system about a file. For a URL that is not the name of a file, it says what
    takes URLs."""
    message = os.strerror(number)
    if number == errno.ENOENT and is_url(name):
        message = "No such file; for what is behind a URL use redelta.store, for a directory of files redelta.dataset"
    return OSError(number, message, name)


def failure(
    code: int,
    role_number: int,
    system_error: int,
    offset: int | None,
    reason: str,
    names: Mapping[str, str | bytes] | None,
) -> BaseException:
    """The exception for an `rd_error`. `names` has the paths of the files, by role. Called by the extension."""
    role = ROLES.get(role_number)
    name = (names or {}).get(role or "")
    if code == E_MEMORY:
        return MemoryError(reason)
    if code == E_CANCELLED:  # the interpreter is ending
        return SystemExit()
    if code == E_EXISTS:
        return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
    if code == E_IO and system_error:
        return system_failure(system_error, name)
    if code == E_PEER:
        reason = str((names or {}).get("peer", "")) or reason
        return PeerError(f"the other side: {reason}", reason=reason)
    message = about(role, name, reason, str((names or {}).get("number", "")))
    if offset is not None:
        message += f", at byte {offset}"
    if code == E_IO:
        return io.UnsupportedOperation(message)
    what_to_do = advice(code, role, reason)
    if what_to_do:
        message += f"; {what_to_do}"
    error = KINDS.get(code, RedeltaError)(message, role=role, offset=offset, reason=reason)
    error.code = code
    return error
