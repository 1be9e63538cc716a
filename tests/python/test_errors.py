"""What bad input gets: a typed error that says what, where and what to do; never a crash, never a partial result."""

from __future__ import annotations

import errno
import gc
import io
import pickle
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import librsync
import redelta
from helpers.samples import noise, random_edits
from helpers.sources import Fake, SeekableFake, Sink
from helpers.wire import (
    FOURS,
    SIGNATURE_MAGICS,
    Copy,
    Literal,
    WireError,
    delta_header,
    encode_copy,
    encode_delta,
    encode_trailer,
    read_signature,
    signature_header,
    verdict,
)
from redelta.sync import FileInfo, Session

BASIS = noise(5000, 1)
NEW = random_edits(BASIS, 5, 2)
SIGNATURE = redelta.signature(BASIS, block_len=100)
DELTA = redelta.delta(SIGNATURE, NEW)


# ---- The exceptions -------------------------------------------------------------------------------------------------


def test_the_kinds_are_what_programs_know_already() -> None:
    assert issubclass(redelta.CorruptError, ValueError)
    assert issubclass(redelta.TruncatedError, EOFError)
    assert issubclass(redelta.ParameterError, ValueError)
    kinds = (
        redelta.BadMagicError,
        redelta.CorruptError,
        redelta.TruncatedError,
        redelta.ParameterError,
        redelta.VerifyError,
        redelta.LimitError,
    )
    assert all(issubclass(kind, redelta.RedeltaError) for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_the_codes_are_the_c_librarys() -> None:
    header = (Path(__file__).parents[2] / "include" / "redelta.h").read_text()
    numbers = {name: int(number) for name, number in re.findall(r"X\((\w+), (\d+), ", header)}
    assert redelta.CorruptError.code == numbers["E_CORRUPT"]
    assert redelta.TruncatedError.code == numbers["E_TRUNCATED"]
    assert redelta.BadMagicError.code == numbers["E_MAGIC"]
    assert redelta.ParameterError.code == numbers["E_PARAMETER"]
    assert redelta.LimitError.code == numbers["E_LIMIT"]
    assert redelta.VerifyError.code == numbers["E_MISMATCH"]
    with pytest.raises(redelta.VerifyError) as caught:
        redelta.patch(BASIS, redelta.delta(SIGNATURE, NEW, verify=False), verify=True)
    assert caught.value.code == numbers["E_UNVERIFIED"]


def test_an_error_says_what_where_and_what_to_do() -> None:
    with pytest.raises(redelta.TruncatedError, match="at byte 20; make or fetch the delta again") as caught:
        redelta.patch(BASIS, DELTA[:20])
    error = caught.value
    assert (error.role, error.offset) == ("delta", 20)
    assert error.reason in str(error)


def test_an_error_is_pickled() -> None:
    with pytest.raises(redelta.TruncatedError) as caught:
        redelta.patch(BASIS, DELTA[:20])
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is redelta.TruncatedError
    assert (str(again), again.code, again.role, again.offset) == (
        str(caught.value),
        caught.value.code,
        "delta",
        20,
    )


# ---- Bad files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*range(0, 60), len(DELTA) - 57, len(DELTA) - 55, len(DELTA) - 1])
def test_a_cut_delta_is_truncated(size: int) -> None:
    with pytest.raises(redelta.TruncatedError):
        redelta.patch(BASIS, DELTA[:size])
    with pytest.raises(redelta.TruncatedError):
        _patch_in_pieces(BASIS, DELTA[:size])


@given(st.integers(0, len(DELTA) - 1), st.integers(1, 255))
def test_a_changed_delta_never_makes_another_file(at: int, change: int) -> None:
    damaged = DELTA[:at] + bytes([DELTA[at] ^ change]) + DELTA[at + 1 :]
    expected = verdict(BASIS, damaged)
    for patch in (redelta.patch, _patch_in_pieces):
        if expected.statuses:
            with pytest.raises(redelta.RedeltaError):
                patch(BASIS, damaged)
        else:
            assert patch(BASIS, damaged) == expected.new


def _patch_in_pieces(basis: bytes, delta: bytes) -> bytes:
    with redelta.Patcher(basis) as patcher:
        return b"".join(patcher.update(delta[i : i + 7]) for i in range(0, len(delta), 7)) + patcher.finish()


@given(st.binary(max_size=200))
def test_rubbish_is_refused(data: bytes) -> None:
    for call in (redelta.Signature.load, redelta.inspect, lambda delta: redelta.patch(BASIS, delta)):
        with pytest.raises(redelta.RedeltaError):
            call(data)


def test_the_wrong_basis_is_told() -> None:
    for wrong in (b"", bytes(len(BASIS)), BASIS[:-1] + b"?", BASIS[1:]):
        with pytest.raises(redelta.VerifyError):
            redelta.patch(wrong, redelta.delta(SIGNATURE, BASIS))
    with pytest.raises(redelta.VerifyError, match="right basis"):
        redelta.patch(bytes(len(BASIS)), DELTA)


def test_deltas_that_claim_too_much_take_no_memory() -> None:
    vast = bytes.fromhex("72730236 4f 00 7fffffffffffffff 00".replace(" ", ""))
    for basis in (BASIS, SeekableFake(BASIS)):
        with pytest.raises((redelta.RedeltaError, redelta.VerifyError)):
            redelta.patch(basis, vast)
    literal = bytes.fromhex("72730236 44 7fffffffffffffff 00".replace(" ", ""))
    with pytest.raises(redelta.RedeltaError):
        redelta.patch(BASIS, literal)


# ---- Fields at their extremes ---------------------------------------------------------------------------------------


@contextmanager
def little_memory() -> Iterator[None]:
    """256 MiB of address space beside what is in use: more is a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (256 << 20), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _succeeds(call: Callable[[], object]) -> bool:
    try:
        call()
    except (redelta.RedeltaError, librsync.LibrsyncError):
        return False
    return True


def _check_signature(data: bytes) -> None:
    """Good or bad as Python's reader says; the module librsync is more lenient."""
    try:
        good = bool(read_signature(data))
    except WireError:
        good = False
    assert _succeeds(lambda: redelta.Signature.load(data, threads=2)) == good
    assert _succeeds(lambda: redelta.inspect(data)) == good
    assert _succeeds(lambda: redelta.delta(data, NEW, threads=2)) == good
    assert _succeeds(lambda: librsync.delta(io.BytesIO(NEW), io.BytesIO(data), io.BytesIO())) or not good


def _check_delta(data: bytes) -> None:
    expected = verdict(BASIS, data)
    made: list[bytes] = []
    assert _succeeds(lambda: made.append(redelta.patch(BASIS, data, threads=2))) == (not expected.statuses)
    assert _succeeds(lambda: made.append(_patch_in_pieces(BASIS, data))) == (not expected.statuses)
    assert all(each == expected.new for each in made)
    assert _succeeds(lambda: librsync.patch(io.BytesIO(BASIS), io.BytesIO(data), io.BytesIO())) or expected.statuses


@pytest.mark.parametrize("value", FOURS)
def test_fields_of_a_signature_at_their_extremes(value: int) -> None:
    four = value.to_bytes(4, "big")
    sums = b"".join(number.to_bytes(4, "big") + noise(16, number) for number in range(100))
    with little_memory():
        _check_signature(signature_header(value, 40, 16) + sums)
        for magic in SIGNATURE_MAGICS.values():
            _check_signature(signature_header(magic, value, 16) + sums)
            _check_signature(signature_header(magic, 40, value) + sums)
            _check_signature(signature_header(magic, 40, 16) + four + sums[4:])


@pytest.mark.parametrize("value", FOURS)
def test_fields_of_a_delta_at_their_extremes(value: int) -> None:
    four = value.to_bytes(4, "big")
    with little_memory():
        _check_delta(four + b"\x03abc\0")
        _check_delta(delta_header() + b"\x43" + four + noise(min(value, 70_000), 3) + b"\0")
        for copy in (Copy(value, 5), Copy(3, value), Copy(value, value)):
            _check_delta(delta_header() + encode_copy(copy, 2, 2) + b"\0")
        _check_delta(encode_delta([Literal(b"abc")]) + encode_trailer(b"abc", rest=value))


# ---- Allocations that fail ------------------------------------------------------------------------------------------


def _write_patch() -> bytes:
    sink = Sink()
    redelta.write_patch(SeekableFake(BASIS), Fake(DELTA), sink, progress=lambda done, total: None)
    return bytes(sink.data)


def _read_patch() -> bytes:
    with redelta.PatchReader(BASIS, DELTA) as file:
        return file.read()


def _sync() -> bytes:
    out = io.BytesIO()
    with Session.sender(NEW, mtime_ns=1) as sender, Session.receiver(BASIS, out) as receiver:
        said = b""
        while not (sender.done and receiver.done):
            said = receiver.step(sender.step(said))
        assert receiver.file == FileInfo(len(NEW), 1)
        assert receiver.state.done == len(NEW)
    return out.getvalue()


ALLOCATIONS = 1500
CALLS: list[tuple[Callable[[], object], object]] = [
    (lambda: redelta.signature(BASIS, block_len=100), SIGNATURE),
    (lambda: bytes(redelta.Signature.load(SIGNATURE)), SIGNATURE),
    (lambda: redelta.delta(SIGNATURE, NEW), DELTA),
    (lambda: redelta.patch(BASIS, DELTA), NEW),
    (lambda: _patch_in_pieces(BASIS, DELTA), NEW),
    (_write_patch, NEW),
    (_read_patch, NEW),
    (lambda: redelta.inspect(DELTA).kind, "delta"),
    (_sync, NEW),
    (lambda: librsync.patch(io.BytesIO(BASIS), io.BytesIO(DELTA), io.BytesIO()).getvalue(), NEW),
]


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Others want to be called when garbage is collected, and may lack memory then."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_every_allocation_of_pythons_fails(call: Callable[[], object], expected: object) -> None:
    """It ends in a MemoryError (or that of a lock, which is Python's own), or does not matter."""
    memory = pytest.importorskip("_testcapi")
    errors: list[Exception] = []
    right = 0
    for number in range(ALLOCATIONS):
        made = None
        memory.set_nomemory(number, number + 1)
        try:
            made = call()
        except (MemoryError, RuntimeError) as error:
            errors.append(error)
        finally:
            memory.remove_mem_hooks()
        right += made == expected
    assert right + len(errors) == ALLOCATIONS
    assert right > 0
    assert len(errors) > 10
    assert {str(error) for error in errors if not isinstance(error, MemoryError)} <= {"can't allocate lock"}


# ---- Bad readers and writers ----------------------------------------------------------------------------------------


class Giving(SeekableFake):
    """A reader that gives something else."""

    def __init__(self, given: Any) -> None:
        super().__init__(b"")
        self.given = given

    def read(self, size: int) -> Any:
        if isinstance(self.given, BaseException):
            raise self.given
        return bytes(size + 1) if self.given == "too much" else self.given


BAD = [
    pytest.param(None, BlockingIOError, id="None"),
    pytest.param("text", TypeError, id="str"),
    pytest.param(7, TypeError, id="int"),
    pytest.param("too much", ValueError, id="too much"),
    pytest.param(memoryview(b"abcd")[::2], (BufferError, TypeError), id="not contiguous"),
    pytest.param(ZeroDivisionError("mine"), ZeroDivisionError, id="raises"),
    pytest.param(KeyboardInterrupt("mine"), KeyboardInterrupt, id="interrupts"),
    pytest.param(OSError(errno.EIO, "mine"), OSError, id="OSError"),
    pytest.param(SystemExit(3), SystemExit, id="exits"),
]


@pytest.mark.parametrize(("given", "kind"), BAD)
def test_a_bad_reader_is_told(given: Any, kind: type[BaseException], tmp_path: Path) -> None:
    if given == "text":
        given = "te" + "xt"
    calls: list[Callable[[], object]] = [
        lambda: redelta.signature(Giving(given)),
        lambda: redelta.Signature.load(Giving(given)),
        lambda: redelta.delta(SIGNATURE, Giving(given)),
        lambda: redelta.patch(Giving(given), DELTA),
        lambda: redelta.patch(BASIS, Giving(given)),
        lambda: redelta.Patcher(Giving(given)).update(DELTA),
        lambda: redelta.inspect(Giving(given)),
        lambda: redelta.write_patch(Giving(given), DELTA, tmp_path / "file"),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(kind) as caught:
            call()
        if isinstance(given, BaseException):
            assert caught.value is given, number
    readers: list[Callable[[], io.BufferedIOBase]] = [
        lambda: redelta.SignatureReader(Giving(given)),
        lambda: redelta.DeltaReader(SIGNATURE, Giving(given)),
        lambda: redelta.PatchReader(Giving(given), DELTA),
    ]
    for make in readers:
        if given == "too much":
            continue  # a stream takes as much as it gets
        with make() as file, pytest.raises(kind):
            file.read()
    assert list(tmp_path.iterdir()) == []


def test_a_bad_seek_is_told() -> None:
    class Bad(SeekableFake):
        def seek(self, position: int) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        redelta.patch(Bad(BASIS), DELTA)


def test_a_bad_writer_is_told() -> None:
    class Bad(Sink):
        def write(self, data: bytes) -> int | None:
            raise ZeroDivisionError

    class Full(io.RawIOBase):
        def write(self, data: Any, /) -> int | None:
            return None

    class Lying(Sink):
        def __init__(self, taken: int) -> None:
            super().__init__()
            self.taken = taken

        def write(self, data: bytes) -> int | None:
            return self.taken

    for taken in (0, -1, 1 << 40):
        with pytest.raises(OSError, match=f"gave {taken}"):
            redelta.write_signature(BASIS, Lying(taken))
    with pytest.raises(ZeroDivisionError):
        redelta.write_signature(BASIS, Bad())
    with pytest.raises(BlockingIOError):
        redelta.write_signature(BASIS, Full())
    with pytest.raises(TypeError), io.StringIO() as text:
        redelta.write_signature(BASIS, text)  # type: ignore[arg-type]


def test_an_error_after_many_bytes_comes_through() -> None:
    class Late(Fake):
        def read(self, size: int) -> Any:
            if self.at == len(self.data):
                raise ZeroDivisionError
            return super().read(size)

    with pytest.raises(ZeroDivisionError):
        redelta.signature(Late(bytes(5_000_000)))
    with pytest.raises(ZeroDivisionError):
        redelta.delta(SIGNATURE, Late(bytes(5_000_000)))


# ---- Parameters -----------------------------------------------------------------------------------------------------

ABSURD = [-1, 0, 1 << 31, 1 << 32, 1 << 64, -(1 << 70), 1 << 100]


@pytest.mark.parametrize("value", ABSURD)
def test_absurd_lengths_are_refused(value: int) -> None:
    with pytest.raises(redelta.ParameterError, match="block_len must be from 1 to"):
        redelta.signature(BASIS, block_len=value)
    with pytest.raises(redelta.ParameterError):
        redelta.Signer(block_len=value)
    if value != -1:  # the C library's own name for "least"
        with pytest.raises(redelta.ParameterError, match="strong_len must be from 1 to 32"):
            redelta.signature(BASIS, strong_len=value)
    if value <= 0 or value > 1 << 31:
        with pytest.raises(redelta.ParameterError, match="threads must be from 1 to"):
            redelta.signature(BASIS, threads=value)
    if not 0 < value < 1 << 64:
        with pytest.raises(redelta.ParameterError, match="max_output must be from 1 to"):
            redelta.patch(BASIS, DELTA, max_output=value)


def test_the_strong_length_depends_on_the_hash() -> None:
    redelta.signature(BASIS, strong_len=17)
    with pytest.raises(redelta.ParameterError, match="from 1 to 16, not 17"):
        redelta.signature(BASIS, strong_len=17, hash="rk-md4")


def test_what_is_no_number_or_name_is_refused() -> None:
    wrong: Any
    for wrong in ("7", 1.5, b"7", [7]):
        with pytest.raises(TypeError):
            redelta.signature(BASIS, block_len=wrong)
        with pytest.raises(TypeError):
            redelta.signature(BASIS, threads=wrong)
    for wrong in ("md5", "", None, 7, ["rk-md4"]):
        with pytest.raises(redelta.ParameterError, match="hash must be one of rk-blake2, "):
            redelta.signature(BASIS, hash=wrong)
    for wrong in ("always", "never", "", None, 2, [True]):
        with pytest.raises(redelta.ParameterError, match="verify must be"):
            redelta.patch(BASIS, DELTA, verify=wrong)
    with pytest.raises(TypeError):
        redelta.signature(BASIS, progress=7)  # type: ignore[arg-type]


def test_limits_are_kept() -> None:
    assert redelta.patch(BASIS, DELTA, max_output=len(NEW)) == NEW
    for delta in (DELTA, Fake(DELTA)):
        with pytest.raises(redelta.LimitError):
            redelta.patch(BASIS, delta, max_output=len(NEW) - 1)
    sink = Sink()
    with pytest.raises(redelta.LimitError):
        redelta.write_patch(BASIS, DELTA, sink, max_output=100)
    assert len(sink.data) <= 100
    with redelta.PatchReader(BASIS, DELTA, max_output=100) as file, pytest.raises(redelta.LimitError):
        file.read()


def test_memory_is_limited_for_a_signature_and_its_deltas() -> None:
    """Strong sum and 16 bytes for each block; and for a delta two blocks, or twice the new file."""
    strong_len, block_len = 8, 1000
    data = redelta.signature(BASIS, block_len=block_len, strong_len=strong_len)
    sums = len(BASIS) // block_len * (strong_len + 16)
    with pytest.raises(redelta.LimitError, match="needs more memory than is allowed"):
        redelta.Signature.load(data, max_memory=sums - 1)
    for new in (NEW, b"short"):
        window = 2 * min(len(new), block_len)
        for limit, allowed in ((sums, False), (sums + window - 1, False), (sums + window, True)):
            signature = redelta.Signature.load(data, max_memory=limit)
            for make in (redelta.delta, _delta_in_pieces, _read_delta):
                if allowed:
                    assert make(signature, new) == redelta.delta(data, new)
                    continue
                with pytest.raises(redelta.LimitError, match="need more memory than is allowed") as caught:
                    make(signature, new)
                assert caught.value.role == "signature"
    for wrong in (0, -1, 1 << 64):
        with pytest.raises(redelta.ParameterError, match="max_memory must be from 1 to"):
            redelta.Signature.load(data, max_memory=wrong)


def _delta_in_pieces(signature: redelta.Signature, new: bytes) -> bytes:
    encoder = redelta.DeltaEncoder(signature)
    return b"".join(encoder.update(new[i : i + 7]) for i in range(0, len(new), 7)) + encoder.finish()


def _read_delta(signature: redelta.Signature, new: bytes) -> bytes:
    with redelta.DeltaReader(signature, new) as file:
        return file.read()
