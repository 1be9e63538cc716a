"""The rsync remote-delta algorithm.

The side with the old version of a file (the basis) makes a small signature of it. The side with the new version makes a
delta against that signature. The basis patched with the delta is the new version. Signatures and deltas are those of
librsync, byte for byte.

>>> import redelta
>>> old = b"The quick brown fox jumps over the lazy dog. " * 100
>>> new = old.replace(b"lazy", b"sleepy", 1)
>>> signature = redelta.signature(old)
>>> delta = redelta.delta(signature, new)
>>> redelta.patch(old, delta) == new
True

All functions take paths (`str`, `os.PathLike`), bytes, file objects and ranges of files (`FileRange`).
"""

from types import FunctionType

from redelta._commands import DeltaWriter, OpenDelta, OpenLiteral, open_delta
from redelta._context import Context
from redelta._core import VERSION as __version__
from redelta._deltas import (
    diff,
    expand,
    merge,
    reverse,
    write_diff,
    write_expanded,
    write_merged,
    write_reversed,
)
from redelta._errors import (
    BadMagicError,
    CorruptError,
    FileChangedError,
    FileChangedWarning,
    LimitError,
    ParameterError,
    PeerError,
    RedeltaError,
    TruncatedError,
    VerifyError,
)
from redelta._estimate import Estimate, Trial, estimate
from redelta._incremental import DeltaEncoder, Patcher, Signer
from redelta._inspect import Copy, DeltaInfo, Literal, OpTable, SignatureInfo, inspect
from redelta._many import FileRecord, FileRecords, PatchItem, digest_files, patch_files, sign_files
from redelta._operations import delta, digest, patch, signature, verify, write_delta, write_patch, write_signature
from redelta._parts import DeltaPart, DigestPart, joined_delta, write_joined_delta
from redelta._range import FileRange
from redelta._readers import DeltaReader, PatchReader, SignatureReader
from redelta._remote import sync_file
from redelta._signature import Signature, SignaturePart
from redelta._stats import Stats
from redelta._types import (
    Basis,
    Changed,
    Compression,
    Destination,
    Hash,
    PatchVerify,
    Progress,
    Source,
    Sparse,
    StrongLength,
    SupportsRead,
    SupportsReadAndSeek,
    SupportsWrite,
)

__all__ = [
    "BadMagicError",
    "Basis",
    "Changed",
    "Compression",
    "Context",
    "Copy",
    "CorruptError",
    "DeltaEncoder",
    "DeltaInfo",
    "DeltaPart",
    "DeltaReader",
    "DeltaWriter",
    "Destination",
    "DigestPart",
    "Estimate",
    "FileChangedError",
    "FileChangedWarning",
    "FileRange",
    "FileRecord",
    "FileRecords",
    "Hash",
    "LimitError",
    "Literal",
    "OpTable",
    "OpenDelta",
    "OpenLiteral",
    "ParameterError",
    "PatchItem",
    "PatchReader",
    "PatchVerify",
    "Patcher",
    "PeerError",
    "Progress",
    "RedeltaError",
    "Signature",
    "SignatureInfo",
    "SignaturePart",
    "SignatureReader",
    "Signer",
    "Source",
    "Sparse",
    "Stats",
    "StrongLength",
    "SupportsRead",
    "SupportsReadAndSeek",
    "SupportsWrite",
    "Trial",
    "TruncatedError",
    "VerifyError",
    "__version__",
    "delta",
    "diff",
    "digest",
    "digest_files",
    "estimate",
    "expand",
    "inspect",
    "joined_delta",
    "merge",
    "open_delta",
    "patch",
    "patch_files",
    "reverse",
    "sign_files",
    "signature",
    "sync_file",
    "verify",
    "write_delta",
    "write_diff",
    "write_expanded",
    "write_joined_delta",
    "write_merged",
    "write_patch",
    "write_reversed",
    "write_signature",
]

for _public in [globals()[name] for name in __all__]:  # in tracebacks and pickles
    if isinstance(_public, type | FunctionType):
        _public.__module__ = __name__
del _public
