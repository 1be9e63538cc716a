"""Parameters: which values are allowed, and the numbers that they have in C."""

from __future__ import annotations

import operator
from typing import Any, Literal, get_args

from redelta import _core
from redelta._errors import ParameterError
from redelta._types import Compression, Hash, Params, PatchVerify, StrongLength

BLOCK_LEN_MAX = 0x7FFFFFFF
THREADS_MAX = 256
OUTPUT_MAX = (1 << 64) - 1

WEAK = ("rk", "rollsum")
STRONG = ("blake2", "md4")
STRONG_LEN_MAX = {"blake2": 32, "md4": 16}
HASHES: tuple[Hash, ...] = get_args(Hash)

VERIFY_DEFAULT, VERIFY_NEVER, VERIFY_ALWAYS = range(3)
AUTO = 0
FULL = 0
LEAST = -1
COMPRESSION_DEFAULT = 3


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
    weak, strong = hash.split("-")
    return WEAK.index(weak), STRONG.index(strong)


def hash_name(weak: int, strong: int) -> Hash:
    """The name of both sums."""
    return next(name for name in HASHES if name == f"{WEAK[weak]}-{STRONG[strong]}")


def strong_length(strong_len: StrongLength | Literal[-1], hash: Hash) -> int:
    """The strong length as in C."""
    if strong_len is None:
        return FULL
    if strong_len in ("least", LEAST):
        return LEAST
    return number("strong_len", strong_len, 1, STRONG_LEN_MAX[hash.split("-")[1]])


def signature_params(block_len: int | None, strong_len: StrongLength, hash: Hash) -> Params:
    """The parameters of a signature as in C."""
    weak, strong = hash_numbers(hash)
    block = AUTO if block_len is None else number("block_len", block_len, 1, BLOCK_LEN_MAX)
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
    return COMPRESSION_DEFAULT if compress is True else number("compress", compress, 1, _core.COMPRESSION_MAX)


def delta_verify(verify: bool) -> int:
    """Whether a delta can be verified by a patch."""
    return VERIFY_DEFAULT if verify else VERIFY_NEVER


def patch_verify(verify: PatchVerify) -> int:
    """Whether a patch is verified."""
    if verify == "auto":
        return VERIFY_DEFAULT
    if isinstance(verify, str) or verify not in (True, False):
        raise ParameterError(f'verify must be "auto", True or False, not {verify!r}')
    return VERIFY_ALWAYS if verify else VERIFY_NEVER
