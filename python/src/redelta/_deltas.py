"""Deltas that are made of both files, without a signature."""

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
    thread_number,
)
from redelta._stats import Stats
from redelta._types import Basis, Changed, Compression, Destination, Numbers, Progress, Source


def _diff(
    old: Basis,
    new: Source,
    destination: Destination | None,
    verify: bool,
    compress: Compression,
    max_memory: int | None,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    how = delta_verify(verify)
    level = compression_level(compress)
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
            memory_max=memory,
            threads=most,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
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
    made, _ = _diff(old, new, None, verify, compress, max_memory, threads, progress, context, changed)
    return made or b""


def write_diff(
    old: Basis,
    new: Source,
    dest: Destination,
    *,
    verify: bool = True,
    compress: Compression = None,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> Stats:
    """Like `diff`, but writes to `dest`. A path gets its file when it is complete, or not at all.

    >>> import io, redelta
    >>> stats = redelta.write_diff(bytes(10000), bytes(10000) + b"more", io.BytesIO())
    >>> stats.copy_bytes + stats.literal_bytes, stats.basis_size
    (10004, 10000)
    """
    check_destination(dest)
    numbers = _diff(old, new, dest, verify, compress, max_memory, threads, progress, context, changed)[1]
    return Stats._of(numbers)
