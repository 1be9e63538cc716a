"""Signatures and deltas of many files at once: of a directory, or of a prefix in a bucket, on whatever engine there is.

`write_signature` describes an old version, `write_delta` what has changed in a new one, and `write_patch` makes the new
version of the old; `sync` does all three. `verify` compares a root with a dataset, and `diff` two datasets. What they
write is a directory of parquet files, which everything that works with data reads, and of packs, in which each file's
signature or delta is one of librsync.

It needs pyarrow (`pip install redelta[dataset]`), for URLs fsspec, and for a cluster dask (`redelta[dask]`).
"""

from importlib.util import find_spec

if find_spec("pyarrow") is None:
    raise ImportError("redelta.dataset needs pyarrow: pip install 'redelta[dataset]'", name="pyarrow")

from redelta.dataset._delta import write_delta
from redelta.dataset._diff import Changes, diff
from redelta.dataset._failures import DatasetCorruptError, DatasetError, Failure, FailureKind
from redelta.dataset._limits import Limits
from redelta.dataset._patch import write_patch
from redelta.dataset._results import Change, ChangeKind, Report, Summary
from redelta.dataset._signature import Where, write_signature
from redelta.dataset._sync import sync
from redelta.dataset._verify import verify

__all__ = [
    "Change",
    "ChangeKind",
    "Changes",
    "DatasetCorruptError",
    "DatasetError",
    "Failure",
    "FailureKind",
    "Limits",
    "Report",
    "Summary",
    "Where",
    "diff",
    "sync",
    "verify",
    "write_delta",
    "write_patch",
    "write_signature",
]
