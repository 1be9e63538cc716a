"""Many files in one call: signatures, digests and patches, with all threads and without a step of Python between them.

What the library knows of the files comes as one array of records, and the signatures as one run of bytes. Objects are
made of them only when they are asked for, so that numpy, pyarrow and whoever else wants columns need no loop.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, overload

from redelta import _core
from redelta._context import Context
from redelta._errors import ROLES, failure, warn_of_change
from redelta._files import in_main_thread
from redelta._params import (
    change_number,
    native_context,
    output_limit,
    patch_verify,
    signature_params,
    sparse_number,
    thread_number,
)
from redelta._stats import Stats
from redelta._types import Buffer, Changed, Hash, Numbers, PatchVerify, Progress, Sparse, StrongLength

FilePath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""The path of one of many files. Those that are not UTF-8 are bytes, or a str as `os.fsdecode` gives it."""

Root: TypeAlias = FilePath | int | None
"""Where relative paths start: a directory by its path or its descriptor, or the current one."""

RECORD = struct.Struct("=QqqQQQQQIIIIIiiB??B32s")
"""A record as in C, with the fields of DTYPE."""

DTYPE = [
    ("size", "=u8"),
    ("mtime_ns", "=i8"),
    ("ctime_ns", "=i8"),
    ("device", "=u8"),
    ("inode", "=u8"),
    ("blocks", "=u8"),
    ("offset", "=u8"),
    ("length", "=u8"),
    ("mode", "=u4"),
    ("uid", "=u4"),
    ("gid", "=u4"),
    ("block_len", "=u4"),
    ("strong_len", "=u4"),
    ("result", "=i4"),
    ("system_error", "=i4"),
    ("role", "|u1"),
    ("has_digest", "?"),
    ("changed", "?"),
    ("reserved", "|u1"),
    ("digest", "|V32"),
]

RESULT = RECORD.size - 44
CHANGED = RECORD.size - 34
"""Where these two fields are in a record."""

REASONS = {
    _core.E_CHANGED: "changed while it was being read",
    _core.E_PARAMETER: "not a regular file",
}


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is known of one file of many."""

    path: FilePath
    """As it was given."""
    error: Exception | None
    """Why it failed. What else is known of it then may be nothing: 0 or None."""
    size: int
    """Bytes that were read, or made."""
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int
    mode: int
    """Type and permissions, as in `os.stat`."""
    uid: int
    gid: int
    digest: bytes | None
    """As of `redelta.digest`."""
    block_len: int
    """Of the signature, and so the next two."""
    strong_len: int
    blocks: int
    signature: bytes | None
    """As of `redelta.signature`."""
    changed: bool
    """It changed while it was read, and that was accepted."""


class FileRecords(Sequence[FileRecord]):
    """What `sign_files`, `digest_files` and `patch_files` found: a sequence of FileRecord, which are made when they are
    asked for, in the order of the paths.

    All of it without objects: `records` is an array of `dtype`, as numpy calls it, and `signatures` the bytes of all
    signatures, of which record i has `length` from `offset` on; `result` is 0 unless it failed. Can be pickled.

    >>> import pathlib, redelta, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a").write_bytes(b"a")
    ...     found = redelta.sign_files(["a", "b"], root=folder)
    >>> found[0].signature == redelta.signature(b"a"), found[0].digest == redelta.digest(b"a")
    (True, True)
    >>> [record.path for record in found.failures]
    ['b']
    """

    __slots__ = ("_paths", "_records", "_signatures", "_stats")

    dtype = DTYPE

    def __init__(self, paths: tuple[FilePath, ...], records: bytes, signatures: bytes, stats: Stats) -> None:
        self._paths = paths
        self._records = records
        self._signatures = signatures
        self._stats = stats

    @property
    def paths(self) -> tuple[FilePath, ...]:
        """As they were given."""
        return self._paths

    @property
    def records(self) -> memoryview:
        """The array."""
        return memoryview(self._records)

    @property
    def signatures(self) -> memoryview:
        """All of them, one after the other."""
        return memoryview(self._signatures)

    @property
    def stats(self) -> Stats:
        """Sums over all files: `in_bytes`, `out_bytes`, `blocks`."""
        return self._stats

    @property
    def failures(self) -> list[FileRecord]:
        """Those of the files that failed."""
        results = memoryview(self._records).cast("i")[RESULT // 4 :: RECORD.size // 4]
        return [self[i] for i, result in enumerate(results) if result]

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> FileRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[FileRecord]: ...
    def __getitem__(self, index: int | slice) -> FileRecord | list[FileRecord]:
        if isinstance(index, slice):
            return [self._record(i) for i in range(*index.indices(len(self)))]
        return self._record(range(len(self))[index])

    def __iter__(self) -> Iterator[FileRecord]:
        return map(self._record, range(len(self)))

    def __repr__(self) -> str:
        return f"<redelta.FileRecords: {len(self):,} files, {len(self.failures):,} failed>"

    def __reduce__(self) -> tuple[object, ...]:
        return FileRecords, (self._paths, self._records, self._signatures, self._stats)

    def _record(self, index: int) -> FileRecord:
        path = self._paths[index]
        fields = RECORD.unpack_from(self._records, index * RECORD.size)
        size, mtime_ns, ctime_ns, device, inode, blocks, offset, length, mode, uid, gid = fields[:11]
        block_len, strong_len, result, system_error, role, has_digest, changed, _, digest = fields[11:]
        return FileRecord(
            path=path,
            error=error_of(result, role, system_error, path),
            size=size,
            mtime_ns=mtime_ns,
            ctime_ns=ctime_ns,
            device=device,
            inode=inode,
            mode=mode,
            uid=uid,
            gid=gid,
            digest=digest if has_digest else None,
            block_len=block_len,
            strong_len=strong_len,
            blocks=blocks,
            signature=self._signatures[offset : offset + length] if length else None,
            changed=changed,
        )


def error_of(result: int, role: int, system_error: int, path: FilePath) -> Exception | None:
    """The exception that an operation on this file alone would have raised."""
    if result == _core.OK:
        return None
    reason = REASONS.get(result) or _core.result_message(result)
    error = failure(result, role, system_error, None, reason, {ROLES.get(role, ""): os.fspath(path)})
    assert isinstance(error, Exception)
    return error


# ---- What the extension takes ----------------------------------------------------------------------------------------


ENCODING = sys.getfilesystemencoding()
ENCODING_ERRORS = sys.getfilesystemencodeerrors()


def listed_paths(paths: Iterable[FilePath]) -> tuple[FilePath, ...]:
    """All of them. Raises TypeError for a single path, whose letters would be paths."""
    if isinstance(paths, str | bytes | os.PathLike):
        raise TypeError(f"paths must be several paths, not one: give a list, [{paths!r}]")
    return tuple(paths)


def native_paths(paths: Iterable[FilePath]) -> tuple[bytes, ...]:
    native = tuple(
        [path.encode(ENCODING, ENCODING_ERRORS) if type(path) is str else os.fsencode(path) for path in paths]
    )
    if b"\0" in b"".join(native):
        bad = next(path for path in native if b"\0" in path)
        raise ValueError(f"a path cannot have a null byte: {os.fsdecode(bad)!r}")
    return native


@contextmanager
def open_root(root: Root) -> Iterator[int]:
    """A descriptor of the directory."""
    if root is None:
        yield _core.CURRENT_DIRECTORY
    elif isinstance(root, int):
        yield root
    else:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def made_of(
    paths: tuple[FilePath, ...], records: bytes, signatures: bytes, stats: Numbers, changed: Changed, role: int
) -> FileRecords:
    """The result; and warnings, if they are wanted."""
    made = FileRecords(paths, records, signatures, Stats._of(stats))
    if changed == "warn":
        for path, flag in zip(paths, records[CHANGED :: RECORD.size], strict=True):
            warn_of_change(changed, role if flag else 0, {ROLES[role]: os.fspath(path)})
    return made


def links(follow_links: bool) -> int:
    return _core.FOLLOW_LINKS if follow_links else 0


# ---- Signatures and digests ------------------------------------------------------------------------------------------


def sign_files(
    paths: Iterable[FilePath],
    *,
    root: Root = None,
    block_len: int | None = None,
    strong_len: StrongLength = None,
    hash: Hash = "rk-blake2",
    digest: bool = True,
    signature: bool = True,
    follow_links: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> FileRecords:
    """The signatures and the digests of many files, each of which is read once, by all threads: several times as fast
    as a call of `redelta.signature` for each, which many threads of Python do not speed up.

    Relative paths start at `root`, a directory by its path or its descriptor. Records are in the order of the paths.
    A file that fails fails only its own record, which has the exception; what is not a regular file is not read, and a
    path that is a symbolic link is one only with `follow_links`.

    Each signature is that of `redelta.signature`, whose parameters these are; the lengths are chosen for each file by
    its size. Without `signature` only the digests are made, and without `digest` only the signatures.

    At most `threads` work at once, by default one for each processor. `progress` gets the number of files that are
    done, and of all. `context` keeps threads and buffers for the next operation. `changed` is that of
    `redelta.signature`: FileChangedError in the record, or one FileChangedWarning for each file. Memory: the records,
    128 bytes for each file, and the signatures.

    Raises ParameterError, OSError if `root` cannot be opened, and the exceptions of `progress`.
    """
    files = listed_paths(paths)
    native = native_paths(files)
    what = (_core.WANT_SIGNATURE if signature else 0) | (_core.WANT_DIGEST if digest else 0)
    params = signature_params(block_len, strong_len, hash)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with open_root(root) as directory:
        records, signatures, stats = _core.sign_files(
            directory,
            native,
            what | links(follow_links),
            **params,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            context=kept,
            changed=change,
        )
    return made_of(files, records, signatures, stats, changed, _core.ROLE_BASIS)


def digest_files(
    paths: Iterable[FilePath],
    *,
    root: Root = None,
    follow_links: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> FileRecords:
    """The digests of many files, as of `redelta.digest`: like `sign_files`, without the signatures.

    >>> import pathlib, redelta, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a").write_bytes(b"a")
    ...     redelta.digest_files(["a"], root=folder)[0].digest == redelta.digest(b"a")
    True
    """
    return sign_files(
        paths,
        root=root,
        signature=False,
        follow_links=follow_links,
        threads=threads,
        progress=progress,
        context=context,
        changed=changed,
    )


# ---- Patches ---------------------------------------------------------------------------------------------------------


class PatchItem(NamedTuple):
    """One of many patches."""

    basis: FilePath | None
    """None: no bytes."""
    delta: Buffer
    output: FilePath
    """A new file: nothing may have this name."""
    mode: int | None = None
    """The permissions that the output gets. None: those of the basis, or of a new file."""
    mtime_ns: int | None = None
    """The time that it gets. None: now."""


def listed_items(items: Iterable[tuple[Any, ...]]) -> list[PatchItem]:
    """All of them. Raises TypeError that says which one is wrong, and what of it."""
    if isinstance(items, str | bytes | os.PathLike | PatchItem):
        raise TypeError("items must be several items, not one: give a list of (basis, delta, output)")
    made = []
    for index, item in enumerate(items):
        if not isinstance(item, tuple | list) or not 3 <= len(item) <= 5:
            raise TypeError(f"item {index} must be (basis, delta, output), not {item!r:.80}")
        made.append(PatchItem(*item))
        delta = made[-1].delta
        if isinstance(delta, str | os.PathLike):
            raise TypeError(f"item {index}: the delta must be its bytes, not {delta!r}: read the file")
    return made


def patch_files(
    items: Iterable[
        PatchItem
        | tuple[FilePath | None, Buffer, FilePath]
        | tuple[FilePath | None, Buffer, FilePath, int | None]
        | tuple[FilePath | None, Buffer, FilePath, int | None, int | None]
    ],
    *,
    root: Root = None,
    dest_root: Root = None,
    follow_links: bool = False,
    max_output: int | None = None,
    verify: PatchVerify = "auto",
    sparse: Sparse = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> FileRecords:
    """Makes many new files by all threads, each of the path of a basis, the bytes of a delta, and the path of the
    output (PatchItem).

    Relative bases start at `root`, and relative outputs at `dest_root`, or at `root`. An output is a new file, whose
    name must not exist; it is verified as by `redelta.patch`, and is not flushed to the disk. To replace many files
    safely: give the outputs temporary names on the same file system, flush that once, and rename them. Records are in
    the order of the items, and about the outputs. An item that fails fails only its own record, and leaves no output.

    `max_output` limits the size of each output. `progress` gets the number of items that are done, and of all. The
    others are those of `redelta.write_patch` and `sign_files`.

    Raises ParameterError, OSError if a directory cannot be opened, and the exceptions of `progress`, after which no
    output is left.

    >>> import pathlib, redelta, tempfile
    >>> delta = redelta.delta(redelta.signature(b"old"), b"new")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a").write_bytes(b"old")
    ...     made = redelta.patch_files([("a", delta, "a.new")], root=folder)
    ...     pathlib.Path(folder, "a.new").read_bytes(), made[0].digest == redelta.digest(b"new")
    (b'new', True)
    """
    all_items = listed_items(items)
    sources = native_paths(b"" if item.basis is None else item.basis for item in all_items)
    targets = native_paths(item.output for item in all_items)
    native = tuple(
        (None if item.basis is None else basis, item.delta, output, item.mode, item.mtime_ns)
        for item, basis, output in zip(all_items, sources, targets, strict=True)
    )
    limit = output_limit(max_output)
    how = patch_verify(verify)
    holes = sparse_number(sparse)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with open_root(root) as bases, open_root(root if dest_root is None else dest_root) as outputs:
        records, stats = _core.patch_files(
            bases,
            outputs,
            native,
            links(follow_links),
            output_max=limit,
            verify=how,
            sparse=holes,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            context=kept,
            changed=change,
        )
    return made_of(tuple(item.output for item in all_items), records, b"", stats, changed, _core.ROLE_BASIS)
