"""The three steps: signature, delta, patch. And proofs: the digest of a file, and whether it is what a delta makes."""

from __future__ import annotations

from redelta import _core
from redelta._context import Context
from redelta._errors import warn_of_change
from redelta._files import Files, check_destination, in_main_thread
from redelta._params import (
    change_number,
    compression_level,
    delta_verify,
    memory_limit,
    native_context,
    output_limit,
    patch_verify,
    signature_params,
    sparse_number,
    thread_number,
)
from redelta._signature import Signature, loaded
from redelta._stats import Stats
from redelta._types import (
    Basis,
    Changed,
    Compression,
    Destination,
    Hash,
    Numbers,
    PatchVerify,
    Progress,
    Source,
    Sparse,
    StrongLength,
)


def _signature(
    basis: Source,
    destination: Destination | None,
    flush: bool,
    block_len: int | None,
    strong_len: StrongLength,
    hash: Hash,
    compress: Compression,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    params = signature_params(block_len, strong_len, hash)
    level = compression_level(compress)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        opened = files.read("basis", basis)
        to = files.write(destination)
        made, stats = _core.make_signature(
            opened.native,
            to,
            **params,
            compression=level,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
            flush=flush,
        )
        opened.used = stats[0]
    warn_of_change(changed, stats[-1], files.names)
    return made, stats


def signature(
    basis: Source,
    *,
    block_len: int | None = None,
    strong_len: StrongLength = None,
    hash: Hash = "rk-blake2",
    compress: Compression = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """The signature of a basis: 12 bytes, and for each block 4 + `strong_len`. It is that of `rdiff signature`.

    `block_len` is the length of a block, in bytes. The default depends on the size of the basis, and is about its
    square root; for a reader, whose size is not known, it is 2048. Longer blocks make a smaller signature and larger
    deltas.

    `strong_len` is the length of a block's strong sum, in bytes: up to 32 for BLAKE2, 16 for MD4. None is all of it,
    and "least" is enough to protect against chance, but not against forgery; only the whole of BLAKE2 protects against
    that.

    `hash` names the weak and the strong sum. The default is that of librsync; MD4 and rollsum are for its old versions.

    `compress` is a level of zstd, 1 to 22, or True for a fast one. redelta recognises compressed signatures; programs
    that use librsync do not.

    At most `threads` work at once, by default one for each processor; the result does not depend on them. `progress`
    gets the bytes that were read, and their total or None. `context` keeps threads and buffers for the next operation.

    `changed` says what to do if a file changes while it is read: raise FileChangedError, warn, or accept it. The size
    and the times of the file show it, if it is given by its path or as a plain file.

    Raises ParameterError, FileChangedError, OSError, and the exceptions of the reader and of `progress`.

    >>> import redelta
    >>> len(redelta.signature(bytes(10000), block_len=1000, strong_len=8))
    132
    """
    made, _ = _signature(basis, None, False, block_len, strong_len, hash, compress, threads, progress, context, changed)
    return made or b""


def write_signature(
    basis: Source,
    dest: Destination,
    *,
    block_len: int | None = None,
    strong_len: StrongLength = None,
    hash: Hash = "rk-blake2",
    compress: Compression = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
    flush: bool = False,
) -> Stats:
    """Like `signature`, but writes to `dest`. A path gets its file when it is complete, or not at all.

    With `flush`, a file that is replaced is so only once the new one is on the disk: a power cut leaves one of the two.
    It is off by default, because a signature can be made again, and flushing it can take longer than making it. A path
    without a file has none to lose, and is not waited for in either case.

    >>> import io, redelta
    >>> redelta.write_signature(bytes(10000), io.BytesIO(), block_len=1000).blocks
    10
    """
    check_destination(dest)
    return Stats._of(
        _signature(basis, dest, flush, block_len, strong_len, hash, compress, threads, progress, context, changed)[1]
    )


def _delta(
    against: Signature | Source,
    new: Source,
    destination: Destination | None,
    flush: bool,
    verify: bool,
    compress: Compression,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    level = compression_level(compress)
    kept = native_context(context)
    change = change_number(changed)
    table = loaded(against, threads=threads, context=context, changed=changed)._table
    with Files() as files:
        opened = files.read("new file", new)
        to = files.write(destination)
        made, stats = _core.make_delta(
            table,
            opened.native,
            to,
            verify=delta_verify(verify),
            compression=level,
            threads=thread_number(threads),
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
            flush=flush,
        )
        opened.used = stats[0]
    warn_of_change(changed, stats[-1], files.names)
    return made, stats


def delta(
    signature: Signature | Source,
    new: Source,
    *,
    verify: bool = True,
    compress: Compression = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """The delta that makes `new` from the basis of `signature`: commands to copy from the basis, and new bytes.

    `signature` is a loaded one, or the source of one. Load it once to make several deltas.

    With `verify`, the delta ends with a digest (BLAKE3, 32 bytes) of the new file, by which a patch verifies its
    result. Programs that use librsync ignore it.

    `compress` is a level of zstd, 1 to 22, or True for a fast one. redelta recognises compressed deltas; programs that
    use librsync do not.

    At most `threads` work at once, by default one for each processor; the result does not depend on them. `progress`
    gets the bytes of `new` that were read, and their total or None. `context` keeps threads and buffers for the next
    operation. `changed` is that of `signature`.

    Raises BadMagicError, TruncatedError or CorruptError if `signature` is not valid; ParameterError, FileChangedError,
    OSError, and the exceptions of the readers and of `progress`.

    >>> import redelta
    >>> basis = bytes(range(256)) * 100
    >>> delta = redelta.delta(redelta.signature(basis), b"more" + basis)
    >>> redelta.patch(basis, delta) == b"more" + basis
    True
    """
    made, _ = _delta(signature, new, None, False, verify, compress, threads, progress, context, changed)
    return made or b""


def write_delta(
    signature: Signature | Source,
    new: Source,
    dest: Destination,
    *,
    verify: bool = True,
    compress: Compression = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
    flush: bool = False,
) -> Stats:
    """Like `delta`, but writes to `dest`. A path gets its file when it is complete, or not at all. `flush` is that of
    `write_signature`.

    >>> import io, redelta
    >>> stats = redelta.write_delta(redelta.signature(bytes(10000)), bytes(10000) + b"more", io.BytesIO())
    >>> stats.copy_bytes + stats.literal_bytes
    10004
    """
    check_destination(dest)
    return Stats._of(_delta(signature, new, dest, flush, verify, compress, threads, progress, context, changed)[1])


def _patch(
    basis: Basis,
    delta: Source,
    destination: Destination | None,
    flush: bool,
    max_output: int | None,
    verify: PatchVerify,
    sparse: Sparse,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    limit = output_limit(max_output)
    how = patch_verify(verify)
    holes = sparse_number(sparse)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        copied = files.read_basis(basis)
        opened = files.read("delta", delta)
        to = files.write(destination)
        made, stats = _core.apply_patch(
            copied.native,
            opened.native,
            to,
            output_max=limit,
            verify=how,
            sparse=holes,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
            flush=flush,
        )
        opened.used = stats[0]
    if stats[10] is None:  # no digest; what was verified is the new file, whatever changed
        warn_of_change(changed, stats[-1], files.names)
    return made, stats


def patch(
    basis: Basis,
    delta: Source,
    *,
    max_output: int | None = None,
    verify: PatchVerify = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """What `delta` makes of `basis`: the new file.

    If the delta has a digest of the new file, the result is verified, and VerifyError is raised if it is a different
    file. With `verify=True`, a delta without a digest is refused; with `verify=False`, nothing is verified, and what
    follows the end of the delta is ignored, as in librsync.

    `max_output` limits the size of the result, in bytes, for deltas from strangers: LimitError is raised before more is
    made.

    At most `threads` work at once, by default one for each processor. `progress` gets the bytes of the new file that
    were made, and their total or None. `context` keeps threads and buffers for the next operation. `changed` is that of
    `signature`; a result that is verified is right even if a file changed.

    Raises BadMagicError, TruncatedError or CorruptError if `delta` is not valid; TruncatedError if the basis is too
    short and nothing else is known; VerifyError, FileChangedError, LimitError, ParameterError, OSError, and the
    exceptions of the readers and of `progress`.

    >>> import redelta
    >>> delta = redelta.delta(redelta.signature(b"old"), b"new")
    >>> redelta.patch(b"old", delta, max_output=2)
    Traceback (most recent call last):
    redelta.LimitError: the delta makes a larger file than is allowed, at byte 4
    """
    made, _ = _patch(basis, delta, None, False, max_output, verify, "never", threads, progress, context, changed)
    return made or b""


def write_patch(
    basis: Basis,
    delta: Source,
    dest: Destination,
    *,
    max_output: int | None = None,
    verify: PatchVerify = "auto",
    sparse: Sparse = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
    flush: bool = True,
) -> Stats:
    """Like `patch`, but writes to `dest`. The file of a path, which may be the basis itself, is replaced when the new
    one is complete, verified and on the disk, or not at all; a writer gets its bytes before they are verified.

    `flush=False` does not wait for the disk: after a power cut soon afterwards, the new file may be incomplete, and the
    one that it replaced is gone. It is for what can be made again, and for many files that you flush together. A path
    without a file has none to lose, and is not waited for in either case.

    `sparse` says which zeros become holes, if `dest` is a path or an open file: "auto", all if the basis has holes, or
    the file that is replaced or written over; "always" or "never".

    >>> import pathlib, redelta, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "file")
    ...     _ = file.write_bytes(b"old")
    ...     _ = redelta.write_patch(file, redelta.delta(redelta.signature(file), b"new"), file)
    ...     file.read_bytes()
    b'new'
    """
    check_destination(dest)
    numbers = _patch(basis, delta, dest, flush, max_output, verify, sparse, threads, progress, context, changed)[1]
    return Stats._of(numbers)


def verify(
    delta: Source,
    file: Source,
    *,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> Stats:
    """Checks that `file` is what `delta` makes, by the digest in the delta, without the basis. Returns the statistics,
    with that digest, if it is; VerifyError is raised if it is not, or if the delta has no digest, as those of `rdiff`
    or of `verify=False`.

    `max_memory` limits what the commands of a dense delta take. At most `threads` work at once, by default one for each
    processor. `progress` gets the bytes of both that were read, and their total or None. `context` keeps threads and
    buffers for the next operation. `changed` is that of `signature`. Memory: constant for a number of threads.

    Raises VerifyError; BadMagicError, TruncatedError or CorruptError if the delta is not valid; LimitError,
    ParameterError, FileChangedError, OSError, and the exceptions of the readers and of `progress`.

    >>> import redelta
    >>> delta = redelta.delta(redelta.signature(b"old"), b"new")
    >>> redelta.verify(delta, b"new").digest == redelta.digest(b"new")
    True
    >>> redelta.verify(delta, b"another")
    Traceback (most recent call last):
    redelta.VerifyError: new file: this is not the file that the delta makes: its length differs; patch the basis again
    """
    memory = memory_limit(max_memory)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        opened = files.read("delta", delta)
        made = files.read("new file", file)
        stats = _core.verify_delta(
            opened.native,
            made.native,
            memory_max=memory,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
        )
        opened.whole = made.whole = True
    warn_of_change(changed, stats[-1], files.names)
    return Stats._of(stats)


def digest(
    source: Source,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """The digest of all of `source`, 32 bytes: as `Stats.digest` of a delta that makes it, or of a patch that made it.
    It is that of BLAKE3, which `b3sum` prints, made by all threads.

    At most `threads` work at once, by default one for each processor; the result does not depend on them. `progress`
    gets the bytes that were read, and their total or None. `context` keeps threads and buffers for the next operation.
    `changed` is that of `signature`. Memory: constant for a number of threads.

    Raises ParameterError, FileChangedError, OSError, and the exceptions of the reader and of `progress`.

    >>> import redelta
    >>> delta = redelta.delta(redelta.signature(b"old"), b"new")
    >>> redelta.digest(b"new") == redelta.inspect(delta).stats.digest
    True
    """
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        opened = files.read("new file", source)
        made, stats = _core.make_digest(
            opened.native,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
        )
        opened.used = stats[0]
    warn_of_change(changed, stats[-1], files.names)
    return made
