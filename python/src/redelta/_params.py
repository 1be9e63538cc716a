"""Parameters: which values are allowed, and the numbers that they have in C."""

from __future__ import annotations

import operator
from typing import Any, Literal, get_args

from redelta import _core
from redelta._context import Context
from redelta._core import BLOCK_LEN_MAX, CHANGED_ACCEPT, CHANGED_FAIL, VERIFY_ALWAYS, VERIFY_DEFAULT, VERIFY_NEVER
from redelta._errors import ParameterError
from redelta._types import Changed, Compression, Hash, Params, PatchVerify, Sparse, StrongLength

THREADS_MAX = 256
OUTPUT_MAX = (1 << 64) - 1
ROUNDS_MAX = (1 << 32) - 1
OFFSET_MAX = (1 << 63) - 1

SHORT = {"rabinkarp": "rk"}
"""Names of weak sums that are shorter in the names of pairs; they are what is shown, and both are taken."""

PAIRS: dict[str, tuple[int, int]] = {
    f"{name}-{strong}": (weak_number, strong_number)
    for weak_number, weak in enumerate(_core.WEAK_SUMS)
    for strong_number, (strong, _) in enumerate(_core.STRONG_SUMS)
    for name in dict.fromkeys((SHORT.get(weak, weak), weak))
}
"""The numbers in C of each pair of sums; of two names for one, the first is shown."""

HASHES: tuple[Hash, ...] = get_args(Hash)

SPARSE: dict[Sparse, int] = {
    "auto": _core.SPARSE_AUTO,
    "always": _core.SPARSE_ALWAYS,
    "never": _core.SPARSE_NEVER,
}


def number(name: str, value: Any, least: int, most: int) -> int:
    """An int between the two. Raises TypeError for what is no int, ParameterError for one that is out of range."""
    integer = operator.index(value)
    if not least <= integer <= most:
        raise ParameterError(f"{name} must be from {least} to {most}, not {integer}")
    return integer


def hash_numbers(hash: Hash) -> tuple[int, int]:
    """The weak and the strong sum as in C."""
    if hash not in HASHES:
        raise ParameterError(f"hash must be one of {', '.join(HASHES)}, not {hash!r}")
    return PAIRS[hash]


def hash_name(weak: int, strong: int) -> Hash:
    """The name of both sums."""
    return next(name for name in HASHES if PAIRS[name] == (weak, strong))


def strong_length(strong_len: StrongLength | Literal[-1], hash: Hash) -> int:
    """The strong length as in C."""
    if strong_len is None:
        return _core.STRONG_LEN_FULL
    if strong_len in ("least", _core.STRONG_LEN_LEAST):
        return _core.STRONG_LEN_LEAST
    _, strong = hash_numbers(hash)
    return number("strong_len", strong_len, 1, _core.STRONG_SUMS[strong][1])


def signature_params(block_len: int | None, strong_len: StrongLength, hash: Hash) -> Params:
    """The parameters of a signature as in C."""
    weak, strong = hash_numbers(hash)
    block = _core.BLOCK_LEN_AUTO if block_len is None else number("block_len", block_len, 1, BLOCK_LEN_MAX)
    return {"weak": weak, "strong": strong, "block_len": block, "strong_len": strong_length(strong_len, hash)}


def thread_number(threads: int | None) -> int:
    """At most so many threads; 0: one for each processor."""
    return 0 if threads is None else min(number("threads", threads, 1, 1 << 31), THREADS_MAX)


def output_limit(max_output: int | None) -> int:
    """At most so many bytes of output; 0: any number."""
    return 0 if max_output is None else number("max_output", max_output, 1, OUTPUT_MAX)


def block_limit(max_blocks: int | None) -> int:
    """At most so many blocks of a signature; 0: any number."""
    return 0 if max_blocks is None else number("max_blocks", max_blocks, 1, OUTPUT_MAX)


def memory_limit(max_memory: int | None) -> int:
    """At most so many bytes of memory; 0: any number."""
    return 0 if max_memory is None else number("max_memory", max_memory, 1, OUTPUT_MAX)


def compression_level(compress: Compression) -> int:
    """The level; 0: without compression."""
    if compress is None or compress is False:
        return 0
    if _core.COMPRESSION_MAX == 0:
        raise ParameterError(
            "nothing can be compressed: this redelta was built without zstd; "
            "leave out compress, or use a redelta that was built with zstd"
        )
    return _core.COMPRESSION_DEFAULT if compress is True else number("compress", compress, 1, _core.COMPRESSION_MAX)


def session_compression(compress: Compression) -> int:
    """The level; 0: one that fits the amount."""
    if compress is False:
        return _core.COMPRESSION_NEVER
    return 0 if compress is None or compress is True else compression_level(compress)


def round_limit(max_rounds: int | None) -> int:
    """At most so many round trips; 0: as many as pay."""
    return 0 if max_rounds is None else number("max_rounds", max_rounds, 1, ROUNDS_MAX)


def delta_verify(verify: bool) -> int:
    """Whether a delta can be verified by a patch."""
    return VERIFY_DEFAULT if verify else VERIFY_NEVER


def delta_form(dense: bool, verify: bool) -> int:
    """The form of a delta. A dense one has digests in any case."""
    if not dense:
        return _core.FORM_PLAIN
    if _core.COMPRESSION_MAX == 0:
        raise ParameterError(
            "no dense delta can be made: this redelta was built without zstd; "
            "leave out dense, or use a redelta that was built with zstd"
        )
    if not verify:
        raise ParameterError("a dense delta has digests in any case: leave out verify=False")
    return _core.FORM_DENSE


def patch_verify(verify: PatchVerify) -> int:
    """Whether a patch is verified."""
    if verify == "auto":
        return VERIFY_DEFAULT
    if isinstance(verify, str) or verify not in (True, False):
        raise ParameterError(f'verify must be "auto", True or False, not {verify!r}')
    return VERIFY_ALWAYS if verify else VERIFY_NEVER


def sparse_number(sparse: Sparse) -> int:
    """Which zeros become holes, as in C."""
    if sparse not in SPARSE:
        raise ParameterError(f"sparse must be one of {', '.join(SPARSE)}, not {sparse!r}")
    return SPARSE[sparse]


def change_number(changed: Changed) -> int:
    """What the library does about a file that changes: a warning is not its business."""
    if changed not in get_args(Changed):
        raise ParameterError(f'changed must be "error", "warn" or "accept", not {changed!r}')
    return CHANGED_FAIL if changed == "error" else CHANGED_ACCEPT


def file_offset(name: str, value: int) -> int:
    """An offset or a length in a file."""
    return number(name, value, 0, OFFSET_MAX)


def native_context(context: Context | None) -> _core.Context | None:
    """What the extension takes."""
    if context is not None and not isinstance(context, Context):
        raise TypeError(f"a redelta.Context is needed, not {type(context).__name__}")
    return None if context is None else context._native
