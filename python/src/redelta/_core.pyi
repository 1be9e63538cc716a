"""The extension: the C library's public header. What it takes is prepared by the rest of the package."""

from typing import final

from redelta._types import Buffer, Names, Numbers, Progress, Reading, Writing

VERSION: str
COMPRESSION_MAX: int

@final
class Table:
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[int, bytes]: ...
    def params(self) -> tuple[int, int, int, int]: ...
    def encode(self) -> bytes: ...

@final
class Stream:
    def close(self) -> None: ...
    def step(self, data: Buffer, /, *, last: bool = False, most: int = 0) -> tuple[bytes, int, bool]: ...
    def stats(self) -> Numbers: ...

def identify(source: Reading, /, *, main: bool) -> tuple[int, bool]: ...
def close() -> None: ...
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
) -> tuple[Table, Numbers]: ...
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
) -> tuple[bytes | None, Numbers]: ...
def apply_patch(
    basis: Reading,
    delta: Reading,
    destination: Writing,
    /,
    *,
    output_max: int,
    verify: int,
    threads: int,
    main: bool,
    progress: Progress | None,
    names: Names,
) -> tuple[bytes | None, Numbers]: ...
def list_ops(delta: Reading, /, *, main: bool, progress: Progress | None, names: Names) -> tuple[bytes, Numbers]: ...
