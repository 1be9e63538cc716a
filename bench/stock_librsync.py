"""Stock librsync for Python, as in python-librsync: by ctypes, 64 KiB at a time. bench/python-compat compares with it;
python-librsync itself calls librsync in a way that no current version understands."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import IO, Any

PIECE = 65536
DONE, BLOCKED, INPUT_ENDED = 0, 1, 103
MD4_MAGIC = 0x72730136
STRONG_LEN = 8
BLOCK_LEN = 2048


class Buffers(ctypes.Structure):
    """The input and output of a job: rs_buffers_t."""

    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_size_t),
        ("eof_in", ctypes.c_int),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_size_t),
    )


CopyCallback = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_longlong,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_void_p),
)


def load() -> ctypes.CDLL:
    """The system's library, with the types of the functions that are called."""
    library = ctypes.CDLL("librsync.so.2")
    pointer, number = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("rs_sig_begin", pointer, (number, number, ctypes.c_int)),
        ("rs_loadsig_begin", pointer, (ctypes.POINTER(pointer),)),
        ("rs_build_hash_table", ctypes.c_int, (pointer,)),
        ("rs_free_sumset", None, (pointer,)),
        ("rs_delta_begin", pointer, (pointer,)),
        ("rs_patch_begin", pointer, (CopyCallback, pointer)),
        ("rs_job_iter", ctypes.c_int, (pointer, ctypes.POINTER(Buffers))),
        ("rs_job_free", ctypes.c_int, (pointer,)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


LIBRARY = load()


def execute(job: int, source: IO[bytes], output: IO[bytes] | None = None) -> None:
    """Runs a job to its end and frees it."""
    room = ctypes.create_string_buffer(PIECE)
    buffers = Buffers()
    result = BLOCKED
    while result == BLOCKED:
        if buffers.avail_in == 0 and not buffers.eof_in:
            piece = source.read(PIECE)
            buffers.next_in = ctypes.cast(piece, ctypes.c_void_p)  # type: ignore[arg-type] # bytes, too
            buffers.avail_in = len(piece)
            buffers.eof_in = not piece
        buffers.next_out, buffers.avail_out = ctypes.addressof(room), PIECE
        result = LIBRARY.rs_job_iter(job, buffers)
        if output is not None:
            output.write(room.raw[: PIECE - buffers.avail_out])
    LIBRARY.rs_job_free(job)
    if result != DONE:
        raise OSError(f"librsync error {result}")


def signature(basis: IO[bytes], output: IO[bytes]) -> None:
    execute(LIBRARY.rs_sig_begin(BLOCK_LEN, STRONG_LEN, MD4_MAGIC), basis, output)


def delta(new: IO[bytes], signature: IO[bytes], output: IO[bytes]) -> None:
    loaded = ctypes.c_void_p()
    execute(LIBRARY.rs_loadsig_begin(loaded), signature)
    LIBRARY.rs_build_hash_table(loaded)
    execute(LIBRARY.rs_delta_begin(loaded), new, output)
    LIBRARY.rs_free_sumset(loaded)


def patch(basis: IO[bytes], delta: IO[bytes], output: IO[bytes]) -> None:
    def copy(context: Any, position: int, size: Any, buffer: Any) -> int:
        basis.seek(position)
        piece = basis.read(size[0])
        if not piece:
            return INPUT_ENDED
        ctypes.memmove(buffer[0], piece, len(piece))
        size[0] = len(piece)
        return DONE

    callback: Callable[..., int] = CopyCallback(copy)
    execute(LIBRARY.rs_patch_begin(callback, None), delta, output)
