"""digest: the sum of a whole file, against an independent one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import noise
from helpers.sources import SOURCES, Fake, opened
from helpers.wire import digest_of

DATA = noise(60_000, 1)
LARGE = noise(3_000_000, 2)


@given(st.binary(max_size=3000))
def test_it_is_that_of_a_delta(data: bytes) -> None:
    digest = redelta.digest(data)
    assert digest == digest_of(data)
    assert len(digest) == 32
    info = redelta.inspect(redelta.delta(redelta.signature(b""), data))
    assert isinstance(info, redelta.DeltaInfo)
    assert info.stats.digest == digest


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_read(kind: str, tmp_path: Path) -> None:
    with opened(SOURCES[kind], DATA, tmp_path) as source:
        assert redelta.digest(source) == digest_of(DATA)


@pytest.mark.parametrize("threads", [1, 2, 7, None])
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_threads_do_not_change_it(threads: int | None, size: int, tmp_path: Path) -> None:
    data = LARGE[:size]
    (tmp_path / "file").write_bytes(data)
    for source in (data, tmp_path / "file", Fake(data, most=100_000)):
        assert redelta.digest(source, threads=threads) == digest_of(data)


def test_a_file_is_read_from_where_it_stands_and_left_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"before" + DATA)
    with (tmp_path / "file").open("rb") as file:
        file.seek(6)
        assert redelta.digest(file) == digest_of(DATA)
        assert file.read() == b""


def told(source: Any) -> list[tuple[int, int | None]]:
    """What progress is told."""
    seen: list[tuple[int, int | None]] = []
    redelta.digest(source, progress=lambda done, total: seen.append((done, total)))
    return seen


def test_progress_is_told_and_may_end_it() -> None:
    assert told(LARGE)[-1] == (len(LARGE), len(LARGE))
    assert told(Fake(LARGE))[-1] == (len(LARGE), None)

    def stop(done: int, total: int | None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        redelta.digest(LARGE, progress=stop)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    class Raising:
        def read(self, size: int) -> Any:
            raise ZeroDivisionError

    with pytest.raises(FileNotFoundError, match="missing"):
        redelta.digest(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        redelta.digest(tmp_path)
    with pytest.raises(ZeroDivisionError):
        redelta.digest(Raising())
    with pytest.raises(TypeError):
        redelta.digest(None)  # type: ignore[arg-type]
    with pytest.raises(redelta.ParameterError):
        redelta.digest(DATA, threads=0)
