"""python-librsync's interface, over redelta: signature, delta and patch of file objects.

>>> import io, librsync
>>> old, new = io.BytesIO(b"old " * 1000), io.BytesIO(b"old " * 900 + b"new")
>>> signature = librsync.signature(old)
>>> delta = librsync.delta(new, signature)
>>> librsync.patch(old, delta).read() == new.getvalue()
True

Programs that were written for python-librsync run as they are. A caller's object is asked what that package asked:
`read` of an input, `seek` too of the basis of a patch, `write` of an output and at last its `seek(0)`. Only the plain
files of Python itself, where nobody can tell, are used by their descriptors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final, ParamSpec, SupportsIndex, TypeVar, overload

import redelta
from librsync import _files, _trace
from librsync._files import SeekableReader, SupportsRead, SupportsWrite
from librsync._trace import LOG_DEBUG, TRACE_LEVELS
from redelta._core import BLOCK_LEN_MAX
from redelta._files import writer_to
from redelta._types import Hash, Path
from redelta.compat import distributions, results
from redelta.compat.results import RS_BLOCKED, RS_DONE

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "MAX_SPOOL",
    "RS_BLAKE2_SIG_MAGIC",
    "RS_BLOCKED",
    "RS_DEFAULT_BLOCK_LEN",
    "RS_DEFAULT_STRONG_LEN",
    "RS_DELTA_MAGIC",
    "RS_DONE",
    "RS_JOB_BLOCKSIZE",
    "RS_MD4_SIG_MAGIC",
    "TRACE_LEVELS",
    "LibrsyncError",
    "SignatureJob",
    "debug",
    "delta",
    "delta_from_paths",
    "patch",
    "patch_from_paths",
    "seekable",
    "signature",
    "signature_from_paths",
]

MAX_SPOOL: int = 5 << 20
"""An output that nobody gave stays in memory up to this size."""

RS_JOB_BLOCKSIZE: Final = _files.PIECE
RS_DEFAULT_STRONG_LEN: Final = 8
RS_DEFAULT_BLOCK_LEN: Final = 2048

RS_DELTA_MAGIC: Final = 0x72730236
RS_MD4_SIG_MAGIC: Final = 0x72730136
RS_BLAKE2_SIG_MAGIC: Final = 0x72730137

_HASHES: Final[dict[int, Hash]] = {
    RS_MD4_SIG_MAGIC: "rollsum-md4",
    RS_BLAKE2_SIG_MAGIC: "rollsum-blake2",
    0x72730146: "rk-md4",
    0x72730147: "rk-blake2",
}

_BLOCK_SUMS: Final = 4 + RS_DEFAULT_STRONG_LEN

distributions.warn_of_others(__name__, __file__)

P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W", bound=SupportsWrite)


# ---- Errors ---------------------------------------------------------------------------------------------------------


class LibrsyncError(Exception):
    """What librsync says with one of its results, whose number is `code`."""

    def __init__(self, result: int) -> None:
        self.code = operator.index(result)
        super().__init__(results.message(self.code))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code,)


class _ParameterError(LibrsyncError, ValueError):
    """A parameter that cannot be."""

    def __init__(self, reason: str) -> None:
        super().__init__(results.RS_PARAM_ERROR)
        self.args = (reason,)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args


class _NotSeekableError(AssertionError, TypeError):
    """python-librsync asserted, and its callers may look for either."""


@contextmanager
def _librsync_errors() -> Iterator[None]:
    """An error of redelta is raised as librsync's, with what redelta says as its cause."""
    try:
        yield
    except redelta.ParameterError as error:
        raise _ParameterError(str(error)) from error
    except redelta.RedeltaError as error:
        raise LibrsyncError(results.result_of(error)) from error


def _check_seekable(file: object) -> None:
    if not callable(getattr(file, "seek", None)):
        raise _NotSeekableError("Must provide seekable file-like object")


def seekable(f: Callable[P, R]) -> Callable[P, R]:
    """Decorates a function whose first argument, which may be named `f`, must have a `seek`."""

    @wraps(f)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        _check_seekable(args[0] if args else kwargs.get("f"))
        return f(*args, **kwargs)

    return checked


# ---- Tracing --------------------------------------------------------------------------------------------------------


def debug(level: int = LOG_DEBUG) -> None:
    """Shows what is done on standard error: each operation at LOG_INFO (6), its statistics too at LOG_DEBUG (7).

    The lines are those of the logger "librsync": a program that has set up `logging` gets them there.
    """
    if operator.index(level) not in TRACE_LEVELS:
        raise AssertionError(f"Invalid log level {operator.index(level)}")
    _trace.enable(level)


# ---- The three steps ------------------------------------------------------------------------------------------------


def _parameters(block_size: SupportsIndex, magic: int, magic_number: int | None = None) -> tuple[int, Hash]:
    """The block length and the hash. A parameter that cannot be is a LibrsyncError and a ValueError."""
    length = operator.index(block_size) or RS_DEFAULT_BLOCK_LEN
    if not 0 < length <= BLOCK_LEN_MAX:
        raise _ParameterError(f"block_size must be from 0 to {BLOCK_LEN_MAX}, not {length}")
    number = magic if magic_number is None else magic_number
    if number not in _HASHES:
        known = ", ".join(f"{each:#x}" for each in _HASHES)
        raise _ParameterError(f"magic must be that of a signature ({known}), not {number!r}")
    return length, _HASHES[number]


@overload
def signature(
    f: SeekableReader,
    s: None = None,
    block_size: SupportsIndex = RS_DEFAULT_BLOCK_LEN,
    magic: int = RS_MD4_SIG_MAGIC,
    *,
    magic_number: int | None = None,
) -> SpooledTemporaryFile[bytes]: ...


@overload
def signature(
    f: SeekableReader,
    s: W,
    block_size: SupportsIndex = RS_DEFAULT_BLOCK_LEN,
    magic: int = RS_MD4_SIG_MAGIC,
    *,
    magic_number: int | None = None,
) -> W: ...


def signature(
    f: SeekableReader,
    s: SupportsWrite | None = None,
    block_size: SupportsIndex = RS_DEFAULT_BLOCK_LEN,
    magic: int = RS_MD4_SIG_MAGIC,
    *,
    magic_number: int | None = None,
) -> SupportsWrite:
    """The signature of `f`, written to `s` or to a new temporary file, which is returned, rewound.

    `magic` (or `magic_number`) says which sums: those of RS_MD4_SIG_MAGIC or of RS_BLAKE2_SIG_MAGIC.
    """
    _check_seekable(f)
    length, hash = _parameters(block_size, magic, magic_number)
    expected = _files.size_of(f) // length * _BLOCK_SUMS
    with _files.output_or_spool(s, MAX_SPOOL, expected) as output, _librsync_errors():
        stats = redelta.write_signature(
            _files.reader(f),
            output,
            block_len=length,
            strong_len=RS_DEFAULT_STRONG_LEN,
            hash=hash,
            changed="accept",
        )
        _files.rewind(output)
    _trace.done("signature", stats)
    return output


@overload
def delta(f: SeekableReader, s: SupportsRead, d: None = None) -> SpooledTemporaryFile[bytes]: ...


@overload
def delta(f: SeekableReader, s: SupportsRead, d: W) -> W: ...


def delta(f: SeekableReader, s: SupportsRead, d: SupportsWrite | None = None) -> SupportsWrite:
    """The delta that makes `f` from the file whose signature is `s`, written to `d` or to a new temporary file, which
    is returned, rewound."""
    _check_seekable(f)
    with _files.output_or_spool(d, MAX_SPOOL, 0) as output, _librsync_errors():
        against = redelta.Signature.load(_files.reader(s), changed="accept")
        stats = redelta.write_delta(against, _files.reader(f), output, verify=False, changed="accept")
        _files.rewind(output)
    _trace.done("delta", stats)
    return output


@overload
def patch(f: SeekableReader, d: SupportsRead, o: None = None) -> SpooledTemporaryFile[bytes]: ...


@overload
def patch(f: SeekableReader, d: SupportsRead, o: W) -> W: ...


def patch(f: SeekableReader, d: SupportsRead, o: SupportsWrite | None = None) -> SupportsWrite:
    """What the delta `d` makes of `f`, written to `o` or to a new temporary file, which is returned, rewound."""
    _check_seekable(f)
    with _files.output_or_spool(o, MAX_SPOOL, _files.size_of(f)) as output, _librsync_errors():
        if _files.is_plain(d):
            stats = redelta.write_patch(f, d, output, verify=False, changed="accept")
        else:
            stats = _files.patch_in_pieces(f, d, output)
        _files.rewind(output)
    _trace.done("patch", stats)
    return output


# ---- Additions of its forks -----------------------------------------------------------------------------------------


class SignatureJob:
    """A signature whose basis comes in pieces: `step` takes them, an empty one ends it, `sigfile` has the signature."""

    def __init__(
        self,
        s: SupportsWrite | None = None,
        block_size: SupportsIndex = RS_DEFAULT_BLOCK_LEN,
        magic: int = RS_MD4_SIG_MAGIC,
    ) -> None:
        length, hash = _parameters(block_size, magic)
        self._signer = redelta.Signer(block_len=length, strong_len=RS_DEFAULT_STRONG_LEN, hash=hash)
        self._output = _files.spool(MAX_SPOOL, 0) if s is None else s
        self._write = writer_to(self._output)

    def step(self, data: Buffer) -> bool:
        """Takes the next piece of the basis. True once the signature is complete, and rewound: after an empty piece."""
        end = memoryview(data).nbytes == 0
        with _librsync_errors():
            self._write(self._signer.finish() if end else self._signer.update(data))
        if end:
            _trace.done("signature", self._signer.stats)
            _files.rewind(self._output)
        return end

    def sigfile(self) -> Any:
        """The output: the one that was given, or a temporary file."""
        return self._output


def signature_from_paths(
    f: Path, s: Path, block_size: SupportsIndex = RS_DEFAULT_BLOCK_LEN, magic: int = RS_MD4_SIG_MAGIC
) -> Path:
    """Like `signature`, but both are paths. The file `s` is replaced once the new one is whole; `s` is returned."""
    length, hash = _parameters(block_size, magic)
    with _librsync_errors():
        stats = redelta.write_signature(
            f, s, block_len=length, strong_len=RS_DEFAULT_STRONG_LEN, hash=hash, changed="accept"
        )
    _trace.done("signature", stats)
    return s


def delta_from_paths(f: Path, s: Path, d: Path) -> Path:
    """Like `delta`, but all are paths. The file `d` is replaced once the new one is whole; `d` is returned."""
    with _librsync_errors():
        stats = redelta.write_delta(s, f, d, verify=False, changed="accept")
    _trace.done("delta", stats)
    return d


def patch_from_paths(f: Path, d: Path, o: Path) -> Path:
    """Like `patch`, but all are paths. The file `o`, which may be `f`, is replaced once the new one is whole; `o` is
    returned."""
    with _librsync_errors():
        stats = redelta.write_patch(f, d, o, verify=False, changed="accept")
    _trace.done("patch", stats)
    return o
