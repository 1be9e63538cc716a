"""Deltas that are made without a signature: of both files, or of other deltas."""

from __future__ import annotations

from collections.abc import Iterable

from redelta import _core
from redelta._context import Context
from redelta._errors import ParameterError, warn_of_change
from redelta._files import Files, check_destination, in_main_thread
from redelta._params import (
    change_number,
    compression_level,
    delta_form,
    delta_verify,
    memory_limit,
    native_context,
    output_limit,
    thread_number,
)
from redelta._stats import Stats
from redelta._types import Basis, Changed, Compression, Destination, Names, Numbers, Progress, Source


def _diff(
    old: Basis,
    new: Source,
    destination: Destination | None,
    flush: bool,
    verify: bool,
    compress: Compression,
    dense: bool,
    max_memory: int | None,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    how = delta_verify(verify)
    level = compression_level(compress)
    form = delta_form(dense, verify)
    memory = memory_limit(max_memory)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        basis = files.read_basis(old, sized=True)
        opened = files.read("new file", new)
        to = files.write(destination)
        made, stats = _core.make_diff(
            basis.native,
            opened.native,
            to,
            verify=how,
            compression=level,
            form=form,
            memory_max=memory,
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


def diff(
    old: Basis,
    new: Source,
    *,
    verify: bool = True,
    compress: Compression = None,
    dense: bool = False,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """The delta that makes `new` from `old`, with both at hand. It is much smaller than that of `delta`, which knows
    only a signature of the old file, and is used like that: `patch` applies it, and so do programs of librsync.

    With `verify`, the delta ends with the size and the digest of both files, by which a patch verifies its result.
    `compress` is that of `delta`.

    With `dense`, it is made in another form, which is half to four fifths of a compressed one for archives and
    databases, less than a third for executables. It takes one to four times as long to make, and up to 50 times where
    the files share little. `compress` is then the level of its compression, by default 19; 3 is quick. All of redelta
    that reads a whole delta reads it, `Patcher` and programs of librsync do not: `expand` makes the usual form of it.

    `old` is read at any offset; if it is a reader, its `seek` must take a `whence`, as that of files does. `max_memory`
    limits its index, in bytes; the default is 256 MiB. A smaller one finds fewer short copies.

    At most `threads` work at once, by default one for each processor; the result does not depend on them. `progress`
    gets the bytes of both that were read, and their total or None. `context` keeps threads and buffers for the next
    operation. `changed` is that of `signature`.

    Raises ParameterError, FileChangedError, OSError, and the exceptions of the readers and of `progress`.

    >>> import redelta
    >>> old = bytes(range(256)) * 100
    >>> delta = redelta.diff(old, old[:5000] + b"more" + old[5000:])
    >>> redelta.patch(old, delta) == old[:5000] + b"more" + old[5000:]
    True
    """
    made, _ = _diff(old, new, None, False, verify, compress, dense, max_memory, threads, progress, context, changed)
    return made or b""


def write_diff(
    old: Basis,
    new: Source,
    dest: Destination,
    *,
    verify: bool = True,
    compress: Compression = None,
    dense: bool = False,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
    flush: bool = False,
) -> Stats:
    """Like `diff`, but writes to `dest`. A path gets its file when it is complete, or not at all. `flush` is that of
    `write_signature`.

    >>> import io, redelta
    >>> stats = redelta.write_diff(bytes(10000), bytes(10000) + b"more", io.BytesIO())
    >>> stats.copy_bytes + stats.literal_bytes, stats.basis_size
    (10004, 10000)
    """
    check_destination(dest)
    numbers = _diff(old, new, dest, flush, verify, compress, dense, max_memory, threads, progress, context, changed)[1]
    return Stats._of(numbers)


def _merge(
    deltas: Iterable[Source],
    destination: Destination | None,
    flush: bool,
    basis: Basis | None,
    verify: bool,
    compress: Compression,
    max_output: int | None,
    max_memory: int | None,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    how = delta_verify(verify)
    level = compression_level(compress)
    output = output_limit(max_output)
    memory = memory_limit(max_memory)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    if isinstance(deltas, str | bytes | bytearray | memoryview):
        raise TypeError("deltas must be a sequence of deltas, not one")
    with Files() as files:
        opened = [files.read("delta", delta) for delta in deltas]
        if not opened:
            raise ParameterError("there must be at least one delta to merge")
        old = None if basis is None else files.read_basis(basis, sized=True).native
        to = files.write(destination)
        names: list[Names] = [
            files.names_of(each, number=f"delta {place} of {len(opened)}") for place, each in enumerate(opened, 1)
        ]
        (made, stats), number = _core.merge_deltas(
            tuple(each.native for each in opened),
            old,
            to,
            verify=how,
            compression=level,
            output_max=output,
            memory_max=memory,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=tuple(names),
            context=kept,
            changed=change,
            flush=flush,
        )
        for each in opened:
            each.whole = True
    warn_of_change(changed, stats[-1], names[number])
    return made, stats


def merge(
    deltas: Iterable[Source],
    *,
    basis: Basis | None = None,
    verify: bool = True,
    compress: Compression = None,
    max_output: int | None = None,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """One delta of several, each of which makes a version of a file from the version that the one before it makes: it
    makes the last version from the first. None of the versions is needed. The deltas may be compressed, and may be
    those of `rdiff`.

    The result has the digest of the last version, if the last delta has it and with `verify`, and the digest of the
    first one, if the first delta has it. `basis`, the first version, is needed if a delta is dense; of dense deltas,
    all but the first must be sources that can be read at any offset.

    `compress` is that of `delta`. `max_output` limits the size of the result, in bytes, and `max_memory` what its
    commands take, by default 1 GiB: deltas from strangers can make very many of few.

    At most `threads` work at once, by default one for each processor. `progress` gets the bytes of the deltas that were
    read, and their total or None. `context` keeps threads and buffers for the next operation. `changed` is that of
    `signature`.

    Raises VerifyError if a delta does not fit the one before it, by what it knows of its basis; BadMagicError,
    TruncatedError or CorruptError if a delta is not valid; LimitError, ParameterError, FileChangedError, OSError, and
    the exceptions of the readers and of `progress`. The message says which delta it is about.

    >>> import redelta
    >>> versions = [b"the first version", b"the second version", b"the third one"]
    >>> deltas = [redelta.diff(versions[0], versions[1]), redelta.diff(versions[1], versions[2])]
    >>> redelta.patch(versions[0], redelta.merge(deltas))
    b'the third one'
    """
    made, _ = _merge(
        deltas, None, False, basis, verify, compress, max_output, max_memory, threads, progress, context, changed
    )
    return made or b""


def write_merged(
    deltas: Iterable[Source],
    dest: Destination,
    *,
    basis: Basis | None = None,
    verify: bool = True,
    compress: Compression = None,
    max_output: int | None = None,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
    flush: bool = False,
) -> Stats:
    """Like `merge`, but writes to `dest`. A path, which may be that of one of the deltas, gets its file when it is
    complete, or not at all. `flush` is that of `write_signature`; use it if the deltas are then deleted.

    >>> import io, redelta
    >>> deltas = [redelta.diff(b"", b"the first version"), redelta.diff(b"the first version", b"the second")]
    >>> redelta.write_merged(deltas, io.BytesIO()).literal_bytes
    10
    """
    check_destination(dest)
    numbers = _merge(
        deltas, dest, flush, basis, verify, compress, max_output, max_memory, threads, progress, context, changed
    )[1]
    return Stats._of(numbers)


def _reverse(
    old: Basis,
    delta: Source,
    destination: Destination | None,
    flush: bool,
    verify: bool,
    compress: Compression,
    dense: bool,
    max_memory: int | None,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    how = delta_verify(verify)
    level = compression_level(compress)
    form = delta_form(dense, verify)
    memory = memory_limit(max_memory)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        basis = files.read_basis(old, sized=True)
        opened = files.read("delta", delta)
        to = files.write(destination)
        made, stats = _core.reverse_delta(
            basis.native,
            opened.native,
            to,
            verify=how,
            compression=level,
            form=form,
            memory_max=memory,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
            flush=flush,
        )
        opened.whole = True
    warn_of_change(changed, stats[-1], files.names)
    return made, stats


def reverse(
    old: Basis,
    delta: Source,
    *,
    verify: bool = True,
    compress: Compression = None,
    dense: bool = False,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """The delta that leads back: it makes `old` from the file that `delta` makes of `old`, which is not needed. That is
    the delta that `diff` would make of the two.

    `verify`, `compress`, `dense` and `max_memory` are those of `diff`; as much memory again, by default 1 GiB, may be
    taken by the commands of `delta`, and by its literals if they cannot be read twice.

    At most `threads` work at once, by default one for each processor; the result does not depend on them. `progress`
    gets the bytes that were read, of the delta, of the file that it makes, and of `old`. `context` keeps threads and
    buffers for the next operation. `changed` is that of `signature`.

    Raises VerifyError if `old` is not the basis of the delta, or the delta was altered; BadMagicError, TruncatedError
    or CorruptError if the delta is not valid; LimitError, ParameterError, FileChangedError, OSError, and the exceptions
    of the readers and of `progress`.

    >>> import redelta
    >>> delta = redelta.diff(b"the old version", b"the new version")
    >>> redelta.patch(b"the new version", redelta.reverse(b"the old version", delta))
    b'the old version'
    """
    made, _ = _reverse(
        old, delta, None, False, verify, compress, dense, max_memory, threads, progress, context, changed
    )
    return made or b""


def write_reversed(
    old: Basis,
    delta: Source,
    dest: Destination,
    *,
    verify: bool = True,
    compress: Compression = None,
    dense: bool = False,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
    flush: bool = False,
) -> Stats:
    """Like `reverse`, but writes to `dest`. A path gets its file when it is complete, or not at all. `flush` is that of
    `write_signature`; use it if the old file is then deleted.

    >>> import io, redelta
    >>> redelta.write_reversed(b"old", redelta.diff(b"old", b"new"), io.BytesIO()).literal_bytes
    3
    """
    check_destination(dest)
    numbers = _reverse(
        old, delta, dest, flush, verify, compress, dense, max_memory, threads, progress, context, changed
    )[1]
    return Stats._of(numbers)


def _expand(
    old: Basis,
    dense: Source,
    destination: Destination | None,
    flush: bool,
    compress: Compression,
    max_output: int | None,
    max_memory: int | None,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    level = compression_level(compress)
    output = output_limit(max_output)
    memory = memory_limit(max_memory)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        basis = files.read_basis(old, sized=True)
        opened = files.read("delta", dense)
        to = files.write(destination)
        made, stats = _core.expand_delta(
            basis.native,
            opened.native,
            to,
            compression=level,
            output_max=output,
            memory_max=memory,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
            flush=flush,
        )
        opened.whole = True
    warn_of_change(changed, stats[-1], files.names)
    return made, stats


def expand(
    old: Basis,
    dense: Source,
    *,
    compress: Compression = None,
    max_output: int | None = None,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """A dense delta in librsync's form: it makes the same file, and programs of librsync apply it, too. `old` is the
    file that `dense` was made for.

    `compress` is that of `delta`. `max_output` limits the size of the result, in bytes, and `max_memory` what a frame
    of the dense delta takes; that is never more than 80 MiB.

    At most `threads` work at once, by default one for each processor. `progress` gets the bytes of `dense` that were
    read, and their total or None. `context` keeps threads and buffers for the next operation. `changed` is that of
    `signature`.

    Raises BadMagicError if `dense` is not a dense delta; VerifyError if `old` is another file than it was made for;
    TruncatedError, CorruptError, LimitError, ParameterError, FileChangedError, OSError, and the exceptions of the
    readers and of `progress`.

    >>> import redelta
    >>> dense = redelta.diff(b"the old version", b"the new version", dense=True)
    >>> redelta.expand(b"the old version", dense)[:4]
    b'rs\\x026'
    """
    made, _ = _expand(old, dense, None, False, compress, max_output, max_memory, threads, progress, context, changed)
    return made or b""


def write_expanded(
    old: Basis,
    dense: Source,
    dest: Destination,
    *,
    compress: Compression = None,
    max_output: int | None = None,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
    flush: bool = False,
) -> Stats:
    """Like `expand`, but writes to `dest`. A path gets its file when it is complete, or not at all. `flush` is that of
    `write_signature`.

    >>> import io, redelta
    >>> redelta.write_expanded(b"old", redelta.diff(b"old", b"new", dense=True), io.BytesIO()).literal_bytes
    3
    """
    check_destination(dest)
    numbers = _expand(old, dense, dest, flush, compress, max_output, max_memory, threads, progress, context, changed)[1]
    return Stats._of(numbers)
