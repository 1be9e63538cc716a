"""`redelta.compat._librsync` beside the extension modules of Debian's rdiff-backup and duplicity, which take the same
calls: the same signatures, deltas that each understands, the same errors."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.samples import PAIRS, Pair, edited_pairs, noise
from redelta.compat import _librsync as ours

DEBIAN = Path("/usr/lib/python3/dist-packages")
SUFFIX = f".cpython-{sys.version_info.major}{sys.version_info.minor}-{sys.implementation._multiarch}.so"


def debians(package: str) -> Any:
    """The extension module that Debian's package has, by itself."""
    path = DEBIAN / package / f"_librsync{SUFFIX}"
    assert path.exists(), f"there is no {path}: install {package.replace('_', '-')}, and run this with Debian's Python"
    loader = importlib.machinery.ExtensionFileLoader("_librsync", str(path))
    spec = importlib.util.spec_from_loader("_librsync", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="session", params=["rdiff_backup", "duplicity"])
def theirs(request: pytest.FixtureRequest) -> Any:
    return debians(request.param)


@pytest.fixture(scope="session", params=["ours", "rdiff_backup", "duplicity"])
def module(request: pytest.FixtureRequest) -> Any:
    """What holds for all three."""
    return ours if request.param == "ours" else debians(request.param)


def run(maker: Any, data: bytes, size: int = 1 << 30) -> bytes:
    """Drives a maker as the programs do: what was not taken is given again, with more behind it."""
    made: list[bytes] = []
    given, idle = b"", 0
    while idle < 1000:
        given, data = given + data[:size], data[size:]
        done, consumed, out = maker.cycle(given)
        assert type(done) is int
        assert type(out) is bytes
        assert 0 <= consumed <= len(given)
        idle = 0 if consumed or out else idle + 1
        given = given[consumed:]
        made.append(out)
        if done:
            assert not data
            return b"".join(made)
    raise AssertionError("it makes no progress")


class Basis:
    """A file of the system with some bytes in it."""

    def __init__(self, data: bytes) -> None:
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.file.write(data)

    def __enter__(self) -> Any:
        return self.file

    def __exit__(self, *exception: object) -> None:
        self.file.close()


def compare(theirs: Any, pair: Pair, block: int, size: int) -> None:
    old, new = pair
    signature = run(ours.new_sigmaker(block), old, size)
    assert signature == run(theirs.new_sigmaker(block), old)
    delta = run(ours.new_deltamaker(signature), new, size)
    their_delta = run(theirs.new_deltamaker(signature), new)
    assert len(delta) <= len(their_delta) + 16
    with Basis(old) as basis:
        assert run(ours.new_patchmaker(basis), their_delta, size) == new
        assert run(theirs.new_patchmaker(basis), delta) == new


@pytest.mark.parametrize("size", [1000, 1 << 30])
@pytest.mark.parametrize("name", PAIRS)
def test_both_make_and_understand_the_same(theirs: Any, name: str, size: int) -> None:
    compare(theirs, PAIRS[name](2048), 2048, size)


@given(pair=edited_pairs(), block=st.integers(1, 3000), size=st.integers(1, 7000))
def test_in_pieces_of_any_size(theirs: Any, pair: Pair, block: int, size: int) -> None:
    compare(theirs, pair, block, size)


# ---- What holds for all three ---------------------------------------------------------------------------------------

OLD = noise(200_000, 1)
SIGNATURE = run(ours.new_sigmaker(2048), OLD)
DELTA = run(ours.new_deltamaker(SIGNATURE), OLD[1:] + b"new")


@pytest.fixture
def basis() -> Iterator[Any]:
    with Basis(OLD) as file:
        yield file


def test_an_empty_input_ends_it_and_later_ones_give_nothing(module: Any) -> None:
    maker = module.new_sigmaker(2048)
    assert maker.cycle(OLD) == (0, len(OLD), SIGNATURE[: 12 + 12 * (len(OLD) // 2048)])
    assert maker.cycle(b"") == (1, 0, SIGNATURE[12 + 12 * (len(OLD) // 2048) :])
    assert maker.cycle(b"") == (1, 0, b"")
    with pytest.raises(module.librsyncError, match=r"^librsync error 107 while in signature cycle"):
        maker.cycle(b"x")


def test_a_block_length_of_nothing_is_the_default(module: Any) -> None:
    assert run(module.new_sigmaker(0), OLD) == SIGNATURE
    assert module.RS_DEFAULT_BLOCK_LEN == 2048


def test_a_patch_gives_a_few_bytes_at_a_time(module: Any) -> None:
    data = noise(1_000_000, 2)
    delta = run(module.new_deltamaker(run(module.new_sigmaker(2048), data)), data)
    assert len(delta) < 100
    with Basis(data) as file:
        maker, rest, made = module.new_patchmaker(file), delta, 0
        done = 0
        while not done:
            done, consumed, out = maker.cycle(rest)
            rest = rest[consumed:]
            assert len(out) <= 65536
            made += len(out)
    assert made == len(data)


def test_a_patch_is_done_at_its_end_and_takes_nothing_behind_it(module: Any, basis: Any) -> None:
    maker, rest, done = module.new_patchmaker(basis), DELTA + b"behind it", 0
    while not done:
        done, consumed, _ = maker.cycle(rest)
        rest = rest[consumed:]
    assert rest == b"behind it"


def test_a_basis_is_read_from_its_beginning_wherever_it_stands(module: Any, basis: Any) -> None:
    basis.seek(12345)
    assert run(module.new_patchmaker(basis), DELTA) == OLD[1:] + b"new"


def test_a_basis_may_be_closed_by_its_owner(module: Any) -> None:
    with Basis(OLD) as file:
        maker = module.new_patchmaker(file)
    assert run(maker, DELTA) == OLD[1:] + b"new"


@pytest.mark.parametrize("file", [None, "name", b"", io.BytesIO(OLD)])
def test_a_basis_must_be_a_file_of_the_system(module: Any, file: Any) -> None:
    with pytest.raises(TypeError, match="Need true file object"):
        module.new_patchmaker(file)


def test_a_descriptor_of_nothing_is_refused_and_no_more() -> None:
    with pytest.raises(TypeError, match="Need true file object"):
        ours.new_patchmaker(1 << 20)


def test_a_closed_basis_is_none(module: Any, basis: Any) -> None:
    basis.close()
    with pytest.raises(TypeError, match="Need true file object"):
        module.new_patchmaker(basis)


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        (b"", 103),
        (SIGNATURE[:10], 103),
        (SIGNATURE[:20], 103),
        (b"rs\x02F" + SIGNATURE[4:], 104),
        (SIGNATURE[:4] + bytes(4) + SIGNATURE[8:], 106),
        (SIGNATURE[:8] + b"\0\0\0\x40" + SIGNATURE[12:], 106),
    ],
)
def test_a_bad_signature_is_an_error(module: Any, signature: bytes, code: int) -> None:
    with pytest.raises(module.librsyncError, match=f"^librsync error {code} while in delta rs_signature_t builder"):
        module.new_deltamaker(signature)


@pytest.mark.parametrize(
    ("delta", "code"),
    [(b"abcdefgh", 104), (b"", 103), (DELTA[:-1], 103), (DELTA[:4] + b"\xff" * 20, 106)],
)
def test_a_bad_delta_is_an_error_every_time(module: Any, basis: Any, delta: bytes, code: int) -> None:
    maker = module.new_patchmaker(basis)
    with pytest.raises(module.librsyncError, match=f"^librsync error {code} while in patch cycle"):
        run(maker, delta)
    with pytest.raises(module.librsyncError, match="while in patch cycle"):
        maker.cycle(b"")


def test_a_short_basis_is_an_end_of_input(module: Any) -> None:
    with (
        Basis(OLD[:100]) as file,
        pytest.raises(module.librsyncError, match=r"^librsync error 103 while in patch cycle"),
    ):
        run(module.new_patchmaker(file), DELTA)


@pytest.mark.parametrize("data", ["text", None, 3])
def test_only_bytes_are_taken(module: Any, basis: Any, data: Any) -> None:
    for maker in (module.new_sigmaker(2048), module.new_deltamaker(SIGNATURE), module.new_patchmaker(basis)):
        with pytest.raises(TypeError, match="a bytes-like object is required"):
            maker.cycle(data)
    with pytest.raises(TypeError, match="a bytes-like object is required"):
        module.new_deltamaker(data)


@pytest.mark.parametrize(("block_len", "error"), [("x", TypeError), (1.5, TypeError), (None, TypeError)])
def test_a_block_length_is_an_int(module: Any, block_len: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        module.new_sigmaker(block_len)


# ---- Ours alone -----------------------------------------------------------------------------------------------------


def test_names() -> None:
    assert ours.RS_JOB_BLOCKSIZE == ours.RSM_JOB_BLOCKSIZE == 65536


@pytest.mark.parametrize("block_len", [-1, 1 << 31, 1 << 70])
def test_a_block_length_that_cannot_be_is_an_error(block_len: int) -> None:
    with pytest.raises(ours.librsyncError, match="librsync error 108 while in signature cycle: block_len must be"):
        ours.new_sigmaker(block_len)


def test_an_error_says_what_is_wrong_and_can_be_pickled() -> None:
    with pytest.raises(ours.librsyncError) as caught:
        ours.new_deltamaker(SIGNATURE[:20])
    assert str(caught.value).startswith("librsync error 103 while in delta rs_signature_t builder: ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_descriptor_is_a_basis_and_stays_where_it_is(basis: Any) -> None:
    basis.seek(5)
    assert run(ours.new_patchmaker(basis.fileno()), DELTA) == OLD[1:] + b"new"
    assert basis.tell() == 5


def test_a_basis_that_cannot_be_read_is_an_io_error(tmp_path: Path) -> None:
    with open(tmp_path / "basis", "wb") as file, pytest.raises(ours.librsyncError, match="librsync error 100"):
        run(ours.new_patchmaker(file), DELTA)


def test_no_descriptor_is_left_open() -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(10):
        with Basis(OLD) as file:
            run(ours.new_patchmaker(file), DELTA)
    assert os.listdir("/proc/self/fd") == before
