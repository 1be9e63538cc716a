"""The extension: the C library's public header. What it takes is prepared by the rest of the package."""

from typing import final

from redelta._types import Buffer, Described, Names, Numbers, Progress, Reading, Writing

VERSION: str
COMPRESSION_DEFAULT: int
COMPRESSION_NEVER: int
COMPRESSION_MAX: int
BLOCK_LEN_AUTO: int
BLOCK_LEN_MAX: int
STRONG_LEN_FULL: int
STRONG_LEN_LEAST: int
DIGEST_LEN: int
WANT_SIGNATURE: int
WANT_DIGEST: int
FOLLOW_LINKS: int
CURRENT_DIRECTORY: int
WEAK_SUMS: tuple[str, ...]
STRONG_SUMS: tuple[tuple[str, int], ...]

OK: int
MORE: int
E_IO: int
E_MEMORY: int
E_PARAMETER: int
E_MAGIC: int
E_TRUNCATED: int
E_CORRUPT: int
E_LIMIT: int
E_EXISTS: int
E_CANCELLED: int
E_STATE: int
E_MISMATCH: int
E_UNVERIFIED: int
E_CHANGED: int
E_PEER: int

ROLE_BASIS: int
ROLE_SIGNATURE: int
ROLE_NEW: int
ROLE_DELTA: int
ROLE_OUTPUT: int

KIND_SIGNATURE: int
KIND_DELTA: int
KIND_DENSE: int

FORM_PLAIN: int
FORM_DENSE: int

CHANGED_FAIL: int
CHANGED_ACCEPT: int

VERIFY_DEFAULT: int
VERIFY_NEVER: int
VERIFY_ALWAYS: int

SPARSE_AUTO: int
SPARSE_ALWAYS: int
SPARSE_NEVER: int

@final
class Column(Buffer): ...

@final
class Table:
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[int, bytes]: ...
    def params(self) -> tuple[int, int, int, int]: ...
    def origin(self) -> int: ...
    def weak(self) -> Column: ...
    def strong(self) -> Column: ...

@final
class Stream:
    def close(self) -> None: ...
    def step(self, data: Buffer, /, *, last: bool = False, most: int = 0) -> tuple[bytes, int, bool]: ...
    def stats(self) -> Numbers: ...

@final
class Context:
    def close(self) -> None: ...

@final
class Ops:
    def next(self, names: Names, /) -> tuple[int, int, int | None, int | None] | None: ...
    def read(self, size: int, names: Names, /) -> bytes: ...
    def stats(self) -> Numbers: ...
    def close(self) -> None: ...

@final
class Patched:
    def read(self, offset: int, size: int, names: Names, /) -> bytes: ...
    def check(self, names: Names, /) -> None: ...
    def verify(self, names: Names, /) -> None: ...
    def size(self) -> int: ...
    def close(self) -> None: ...

@final
class Writer:
    def copy(self, offset: int, length: int, names: Names, /) -> None: ...
    def literal(self, data: Buffer, names: Names, /) -> None: ...
    def finish(self, digest: bytes | None, names: Names, /) -> bytes | None: ...
    def stats(self) -> Numbers: ...
    def close(self) -> None: ...

@final
class Session:
    def step(self, data: Buffer, /, *, end: bool = False, most: int = 0) -> tuple[bytes, int, bool]: ...
    def cancel(self) -> None: ...
    def farewell(self) -> tuple[bytes, int]: ...
    def state(self) -> tuple[int, int, int, int, int, int, int, int, int, bool, bytes | None]: ...
    def file(self) -> tuple[int, int | None, int, int | None] | None: ...
    def close(self) -> None: ...

def close() -> None: ...
def note_messages(notes: int, /) -> list[str]: ...
def session_sender(
    new: Reading,
    described: Described,
    /,
    *,
    compression: int,
    threads: int,
    max_rounds: int,
    changed: int,
    names: Names,
) -> Session: ...
def session_receiver(
    old: Reading | None,
    out: Writing,
    guarded: bool,
    /,
    *,
    compression: int,
    threads: int,
    max_rounds: int,
    output_max: int,
    sparse: int,
    changed: int,
    names: Names,
) -> Session: ...
def new_context() -> Context: ...
def open_ops(delta: Reading, /, *, verify: int, names: Names) -> Ops: ...
def open_patched(basis: Reading, delta: Reading, /, *, verify: int, output_max: int, names: Names) -> Patched: ...
def open_writer(
    destination: Writing,
    basis: Reading | None,
    /,
    *,
    verify: int,
    compression: int,
    threads: int,
    flush: bool,
    names: Names,
) -> Writer: ...
def signature_stream(*, weak: int, strong: int, block_len: int, strong_len: int, compression: int) -> Stream: ...
def delta_stream(table: Table, /, *, verify: int, compression: int) -> Stream: ...
def patch_stream(basis: Reading, /, *, output_max: int, verify: int) -> Stream: ...
def make_signature(
    basis: Reading,
    destination: Writing,
    /,
    *,
    weak: int,
    strong: int,
    block_len: int,
    strong_len: int,
    compression: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
    flush: bool,
) -> tuple[bytes | None, Numbers]: ...
def load_signature(
    source: Reading,
    /,
    *,
    blocks_max: int,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[Table, Numbers]: ...
def load_part(
    source: Reading,
    offset: int,
    /,
    *,
    blocks_max: int,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[Table, Numbers]: ...
def build_signature(
    basis: Reading,
    /,
    *,
    weak: int,
    strong: int,
    block_len: int,
    strong_len: int,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[Table, Numbers]: ...
def build_part(
    basis: Reading,
    offset: int,
    length: int | None,
    /,
    *,
    weak: int,
    strong: int,
    block_len: int,
    strong_len: int,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[Table, Numbers]: ...
def join_parts(
    parts: tuple[Table, ...],
    /,
    *,
    memory_max: int,
    threads: int,
    main: bool,
    context: Context | None,
) -> tuple[Table, Numbers]: ...
def write_signature(
    table: Table,
    destination: Writing,
    /,
    *,
    compression: int,
    threads: int,
    main: bool,
    names: Names,
    context: Context | None,
    flush: bool,
) -> tuple[bytes | None, Numbers]: ...
def make_delta(
    table: Table,
    new: Reading,
    destination: Writing,
    /,
    *,
    verify: int,
    compression: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
    flush: bool,
) -> tuple[bytes | None, Numbers]: ...
def make_diff(
    old: Reading,
    new: Reading,
    destination: Writing,
    /,
    *,
    verify: int,
    compression: int,
    form: int,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
    flush: bool,
) -> tuple[bytes | None, Numbers]: ...
def reverse_delta(
    old: Reading,
    delta: Reading,
    destination: Writing,
    /,
    *,
    verify: int,
    compression: int,
    form: int,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
    flush: bool,
) -> tuple[bytes | None, Numbers]: ...
def expand_delta(
    old: Reading,
    dense: Reading,
    destination: Writing,
    /,
    *,
    compression: int,
    output_max: int,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
    flush: bool,
) -> tuple[bytes | None, Numbers]: ...
def merge_deltas(
    deltas: tuple[Reading, ...],
    basis: Reading | None,
    destination: Writing,
    /,
    *,
    verify: int,
    compression: int,
    memory_max: int,
    output_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: tuple[Names, ...],
    context: Context | None,
    changed: int,
    flush: bool,
) -> tuple[tuple[bytes | None, Numbers], int]: ...
def apply_patch(
    basis: Reading,
    delta: Reading,
    destination: Writing,
    /,
    *,
    output_max: int,
    verify: int,
    sparse: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
    flush: bool,
) -> tuple[bytes | None, Numbers]: ...
def verify_delta(
    delta: Reading,
    file: Reading,
    /,
    *,
    memory_max: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> Numbers: ...
def make_digest(
    source: Reading,
    /,
    *,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[bytes, Numbers]: ...
def make_digest_part(
    source: Reading,
    offset: int,
    length: int | None,
    /,
    *,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[bytes, Numbers]: ...
def inspect_digest_part(record: Buffer, /, *, main: bool, names: Names) -> tuple[int, int, bool]: ...
def join_digest(records: tuple[Buffer, ...], /, *, main: bool, names: tuple[Names, ...]) -> bytes: ...
def delta_part_grid(table: Table, /) -> int: ...
def make_delta_part(
    table: Table,
    new: Reading,
    offset: int,
    length: int | None,
    /,
    *,
    verify: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[bytes, Numbers]: ...
def inspect_delta_part(record: Buffer, /, *, main: bool, names: Names) -> tuple[int, int, bool]: ...
def join_delta(
    table: Table,
    records: tuple[Buffer, ...],
    new: Reading,
    destination: Writing,
    /,
    *,
    verify: int,
    compression: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: tuple[Names, ...],
    context: Context | None,
    changed: int,
) -> tuple[bytes | None, Numbers]: ...
def inspect(
    source: Reading,
    /,
    *,
    main: bool,
    progress: Progress | None,
    names: Names,
    context: Context | None,
    changed: int,
) -> tuple[int, bool, Table | bytes, int, Numbers]: ...
def split_ops(ops: bytes, /) -> tuple[bytes, bytes, bytes, bytes]: ...
def sign_files(
    directory: int,
    paths: tuple[bytes, ...],
    what: int,
    /,
    *,
    weak: int = 0,
    strong: int = 0,
    block_len: int = 0,
    strong_len: int = 0,
    threads: int,
    main: bool,
    progress: Progress | None,
    context: Context | None,
    changed: int,
) -> tuple[bytes, bytes, Numbers]: ...
def patch_files(
    basis_directory: int,
    output_directory: int,
    items: tuple[tuple[bytes | None, Buffer, bytes, int | None, int | None], ...],
    what: int,
    /,
    *,
    output_max: int,
    verify: int,
    sparse: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    context: Context | None,
    changed: int,
) -> tuple[bytes, Numbers]: ...
def syncfs(descriptor: int, /) -> None: ...
def result_message(result: int, /) -> str: ...
