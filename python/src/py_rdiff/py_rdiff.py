"""py_rdiff's three functions, over redelta. All take names of files, write into the current directory, and give
`(True, name)`, or `(False, None)` after printing what is wrong."""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeAlias

import redelta

P = ParamSpec("P")
Outcome: TypeAlias = tuple[bool, str | None]

BLOCK_LEN = 2048
STRONG_LEN = 8


def _reporting(step: Callable[P, str | None]) -> Callable[P, Outcome]:
    """Prints what `step` raises."""

    @wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> Outcome:
        try:
            return True, step(*args, **kwargs)
        except _Missing:
            print("file not found")
        except Exception:
            print(traceback.format_exc())
        return False, None

    return run


class _Missing(Exception):
    """The first file of a step is not there."""


def _existing(name: str) -> str:
    if not os.path.exists(name):
        raise _Missing(name)
    return name


@_reporting
def rsync_sig(fname: str) -> str:
    """Writes the signature of a file; its name is made of the md5 of the file's *name*."""
    basis = _existing(fname)
    name = hashlib.md5(os.fsencode(fname), usedforsecurity=False).hexdigest() + ".sig"
    redelta.write_signature(
        basis, name, block_len=BLOCK_LEN, strong_len=STRONG_LEN, hash="rollsum-md4", changed="accept"
    )
    return name


@_reporting
def rsync_delta(sig_file: str, new_file: str) -> str:
    """Writes the delta that makes `new_file`, named as the signature up to the first dot."""
    signature = _existing(sig_file)
    name = Path(signature).name.partition(".")[0] + ".delta"
    redelta.write_delta(signature, new_file, name, verify=False, changed="accept")
    return name


@_reporting
def rsync_patch(delta_file: str, basis_file: str, new_file: str) -> None:
    """Writes to `new_file` what the delta makes of the basis."""
    redelta.write_patch(basis_file, _existing(delta_file), new_file, verify=False, changed="accept")
