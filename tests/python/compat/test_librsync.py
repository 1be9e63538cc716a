"""`librsync`: what its functions give, and what they ask of the objects they are given."""

from __future__ import annotations

import gc
import io
import os
import pickle
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import librsync
from helpers.samples import PAIRS, noise
from helpers.tool import HANG_SECONDS, Tool
from python.compat.fakes import Broken, Dribble, OnlyRead, OnlyWrite, Recorder

OLD = noise(300_000, 1)
NEW = OLD[:100] + b"new" + OLD[5000:250_000]

Step = Callable[..., Any]


def bytes_of(file: Any) -> bytes:
    """What is in a file from its position on. It is closed."""
    with file:
        data = file.read()
    assert isinstance(data, bytes)
    return data


SIGNATURE = bytes_of(librsync.signature(io.BytesIO(OLD)))
DELTA = bytes_of(librsync.delta(io.BytesIO(NEW), io.BytesIO(SIGNATURE)))

# Each step with the input under test as its first argument or, where there is one, its second.
FIRST: dict[str, Step] = {
    "signature": lambda file, *out: librsync.signature(file, *out),
    "delta": lambda file, *out: librsync.delta(file, io.BytesIO(SIGNATURE), *out),
    "patch": lambda file, *out: librsync.patch(file, io.BytesIO(DELTA), *out),
}
SECOND: dict[str, Step] = {
    "delta": lambda file: librsync.delta(io.BytesIO(NEW), file),
    "patch": lambda file: librsync.patch(io.BytesIO(OLD), file),
}
GIVEN = {"signature": OLD, "delta": NEW, "patch": OLD}
SECOND_GIVEN = {"delta": SIGNATURE, "patch": DELTA}
MADE = {"signature": SIGNATURE, "delta": DELTA, "patch": NEW}

first = pytest.mark.parametrize("step", FIRST)
second = pytest.mark.parametrize("step", SECOND)


# ---- What they give -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_rdiff_makes_the_same_signature_and_understands_the_delta(rdiff: Tool, tmp_path: Path, name: str) -> None:
    old, new = PAIRS[name](2048)
    (tmp_path / "old").write_bytes(old)
    signature = bytes_of(librsync.signature(io.BytesIO(old)))
    options = ("-H", "md4", "-R", "rollsum", "-b", "2048", "-S", "8")
    assert signature == rdiff.run("signature", *options, tmp_path / "old").done()
    delta = bytes_of(librsync.delta(io.BytesIO(new), io.BytesIO(signature)))
    assert rdiff.run("patch", tmp_path / "old", stdin=delta).done() == new
    assert bytes_of(librsync.patch(io.BytesIO(old), io.BytesIO(delta))) == new


def test_a_delta_of_rdiff_is_patched(rdiff: Tool, tmp_path: Path) -> None:
    (tmp_path / "sig").write_bytes(SIGNATURE)
    delta = rdiff.run("delta", tmp_path / "sig", stdin=NEW).done()
    assert bytes_of(librsync.patch(io.BytesIO(OLD), io.BytesIO(delta))) == NEW


def test_a_delta_has_no_trailer() -> None:
    assert DELTA.endswith(b"\0")


@pytest.mark.parametrize(
    ("magic", "options"),
    [
        (librsync.RS_MD4_SIG_MAGIC, ["-H", "md4", "-R", "rollsum"]),
        (librsync.RS_BLAKE2_SIG_MAGIC, ["-H", "blake2", "-R", "rollsum"]),
        (0x72730146, ["-H", "md4", "-R", "rabinkarp"]),
        (0x72730147, ["-H", "blake2", "-R", "rabinkarp"]),
    ],
)
def test_the_magic_says_which_sums(rdiff: Tool, tmp_path: Path, magic: int, options: list[str]) -> None:
    (tmp_path / "old").write_bytes(OLD)
    expected = rdiff.run("signature", *options, "-b", "1000", "-S", "8", tmp_path / "old").done()
    assert bytes_of(librsync.signature(io.BytesIO(OLD), None, 1000, magic)) == expected
    assert bytes_of(librsync.signature(io.BytesIO(OLD), block_size=1000, magic=magic)) == expected
    assert bytes_of(librsync.signature(io.BytesIO(OLD), block_size=1000, magic_number=magic)) == expected


def test_no_block_size_is_the_default() -> None:
    assert bytes_of(librsync.signature(io.BytesIO(OLD), block_size=0)) == SIGNATURE
    assert bytes_of(librsync.signature(io.BytesIO(OLD), block_size=2048)) == SIGNATURE


@first
def test_an_output_is_returned_rewound(step: str) -> None:
    output = io.BytesIO()
    assert FIRST[step](io.BytesIO(GIVEN[step]), output) is output
    assert output.tell() == 0
    assert bytes_of(output) == MADE[step]


@first
def test_without_an_output_a_spooled_file_is_made(step: str) -> None:
    made = FIRST[step](io.BytesIO(GIVEN[step]))
    assert type(made) is tempfile.SpooledTemporaryFile
    assert made.read() == MADE[step]
    assert os.fstat(made.fileno()).st_size == len(MADE[step])
    made.seek(0)
    assert bytes_of(made) == MADE[step]


@pytest.mark.parametrize("plain", [True, False])
def test_a_spooled_file_stays_in_memory_up_to_its_size(tmp_path: Path, plain: bool) -> None:
    for size, rolled in ((librsync.MAX_SPOOL, False), (librsync.MAX_SPOOL + 1, True)):
        data = bytes(size)
        (tmp_path / "basis").write_bytes(data)
        with (
            open(tmp_path / "basis", "rb") as file,
            librsync.signature(file) as signature,
            librsync.delta(io.BytesIO(data), signature) as delta,
        ):
            made: Any = librsync.patch(file if plain else Recorder(data), delta)
        assert made._rolled is rolled
        assert bytes_of(made) == data


@first
def test_an_output_is_written_from_its_position(step: str, tmp_path: Path) -> None:
    for output in (io.BytesIO(b"12345"), open(tmp_path / "out", "w+b")):  # noqa: SIM115
        with output:
            output.write(b"12345")
            FIRST[step](io.BytesIO(GIVEN[step]), output)
            assert output.tell() == 0
            assert output.read() == b"12345" + MADE[step]


@pytest.mark.parametrize("step", ["signature", "delta"])
def test_an_input_is_read_from_its_position_to_its_end(step: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"skipped" + GIVEN[step])
    for file in (io.BytesIO(b"skipped" + GIVEN[step]), open(tmp_path / "in", "rb")):  # noqa: SIM115
        with file:
            assert file.read(7) == b"skipped"
            assert bytes_of(FIRST[step](file)) == MADE[step]
            assert file.tell() == 7 + len(GIVEN[step])


@second
def test_a_second_input_is_read_from_its_position(step: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"skipped" + SECOND_GIVEN[step])
    with open(tmp_path / "in", "rb") as file:
        file.seek(7)
        assert bytes_of(SECOND[step](file)) == MADE[step]


@pytest.mark.parametrize("position", [0, 1, len(OLD)])
def test_a_basis_is_used_from_its_beginning(position: int, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    for file in (io.BytesIO(OLD), open(tmp_path / "old", "rb")):  # noqa: SIM115
        with file:
            file.seek(position)
            assert bytes_of(librsync.patch(file, io.BytesIO(DELTA))) == NEW


# ---- What they ask of an object -------------------------------------------------------------------------------------


@first
def test_of_an_input_only_read_is_called(step: str) -> None:
    file = Recorder(GIVEN[step])
    output = OnlyWrite()
    assert FIRST[step](file, output) is output
    assert output.data == MADE[step]
    if step == "patch":
        assert {asked.split()[0] for asked in file.asked} == {"read", "seek"}
    else:
        assert set(file.asked) == {"read"}


@second
def test_of_a_second_input_only_read_is_called(step: str) -> None:
    assert bytes_of(SECOND[step](OnlyRead(SECOND_GIVEN[step]))) == MADE[step]


@first
def test_of_an_output_only_write_is_called_and_at_last_seek(step: str) -> None:
    output = Recorder()
    FIRST[step](io.BytesIO(GIVEN[step]), output)
    assert output.file.getvalue() == MADE[step]
    assert output.asked[-1] == "seek 0"
    assert set(output.asked[:-1]) == {"write"}


@pytest.mark.parametrize("size", [1, 1000, 200_000])
@pytest.mark.parametrize("step", ["signature", "delta"])
def test_an_input_may_give_less_than_asked_for_or_more(step: str, size: int) -> None:
    """And its `seek` may be a stub."""
    assert bytes_of(FIRST[step](Dribble(GIVEN[step], size))) == MADE[step]


@pytest.mark.parametrize("size", [1, 7, 200_000])
@second
def test_a_second_input_may_give_less_than_asked_for_or_more(step: str, size: int) -> None:
    assert bytes_of(SECOND[step](Dribble(SECOND_GIVEN[step], size))) == MADE[step]


def test_a_basis_may_give_less_than_asked_for() -> None:
    class Short(Recorder):
        def read(self, size: int) -> bytes:
            return super().read(min(size, 100))

        def seek(self, position: int) -> int:
            super().seek(position)
            return -1  # nobody looks at it

    assert bytes_of(librsync.patch(Short(OLD), io.BytesIO(DELTA))) == NEW


def test_an_empty_read_ends_an_input_for_good() -> None:
    class Again(OnlyRead):
        def read(self, size: int) -> bytes:
            data = super().read(size)
            if not data:
                self.file.seek(0)
            return data

    assert bytes_of(librsync.delta(io.BytesIO(NEW), Again(SIGNATURE))) == DELTA


def test_a_delta_is_not_read_beyond_its_end() -> None:
    class Endless(OnlyRead):
        def read(self, size: int) -> bytes:
            data = super().read(size)
            assert data, "read on after the end"
            return data

    assert bytes_of(librsync.patch(io.BytesIO(OLD), Endless(DELTA))) == NEW


@pytest.mark.parametrize("error", [io.UnsupportedOperation("no"), OSError(29, "Illegal seek")])
def test_an_output_whose_seek_is_unsupported_is_left_where_it_is(error: OSError) -> None:
    class Pipe(OnlyWrite):
        def seek(self, position: int) -> None:
            raise error

    output = Pipe()
    assert librsync.signature(io.BytesIO(OLD), output) is output
    assert output.data == SIGNATURE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
@first
def test_an_output_that_is_full_is_an_error(step: str) -> None:
    with open("/dev/full", "r+b", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        FIRST[step](io.BytesIO(GIVEN[step]), full)


def test_the_output_cannot_be_the_basis(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    with open(tmp_path / "old", "r+b") as file, pytest.raises(librsync.LibrsyncError, match="also an input") as caught:
        librsync.patch(file, io.BytesIO(DELTA), file)
    assert isinstance(caught.value, ValueError)
    assert (tmp_path / "old").read_bytes() == OLD


# ---- Errors ---------------------------------------------------------------------------------------------------------

MESSAGES = {
    0: "OK",
    100: "IO error",
    102: "out of memory",
    103: "unexpected end of input",
    104: "bad magic number at start of stream",
    105: "unimplemented case",
    106: "stream corrupt",
    107: "library internal error",
    999: "unexplained problem",
}


@pytest.mark.parametrize("code", MESSAGES)
def test_an_error_has_a_code_and_librsyncs_message(code: int) -> None:
    error = librsync.LibrsyncError(code)
    assert (error.code, str(error)) == (code, MESSAGES[code])
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, str(again)) == (librsync.LibrsyncError, code, MESSAGES[code])


@pytest.mark.parametrize("code", ["x", None, 1.0])
def test_the_code_of_an_error_is_an_int(code: Any) -> None:
    with pytest.raises(TypeError):
        librsync.LibrsyncError(code)


@pytest.mark.parametrize(
    ("step", "data", "code"),
    [
        ("delta", b"", 103),
        ("delta", SIGNATURE[:-1], 103),
        ("delta", b"not a signature", 104),
        ("delta", DELTA, 104),
        ("delta", SIGNATURE[:4] + bytes(4) + SIGNATURE[8:], 106),
        ("patch", b"", 103),
        ("patch", DELTA[:-1], 103),
        ("patch", b"not a delta", 104),
        ("patch", SIGNATURE, 104),
        ("patch", DELTA[:4] + b"\xff", 106),
        ("patch", DELTA[:4] + b"\x45\x00\x00\x00", 106),
    ],
)
@pytest.mark.parametrize("kind", [io.BytesIO, OnlyRead])
def test_bad_data_gives_librsyncs_error(step: str, data: bytes, code: int, kind: Callable[[bytes], Any]) -> None:
    with pytest.raises(librsync.LibrsyncError) as caught:
        SECOND[step](kind(data))
    assert caught.value.code == code
    assert str(caught.value) == MESSAGES[code]
    assert caught.value.__cause__ is not None
    assert str(caught.value.__cause__), "what redelta has to say is not lost"


def test_a_basis_that_is_too_short_is_an_end_of_input() -> None:
    with pytest.raises(librsync.LibrsyncError, match="unexpected end of input"):
        librsync.patch(io.BytesIO(OLD[:1000]), io.BytesIO(DELTA))


@pytest.mark.parametrize("file", [None, "a name", OnlyRead(OLD), 3])
@first
def test_a_first_argument_without_seek_is_refused(step: str, file: Any) -> None:
    for kind in (AssertionError, TypeError):
        with pytest.raises(kind, match=r"^Must provide seekable file-like object$"):
            FIRST[step](file)


@first
def test_text_is_a_type_error(step: str) -> None:
    with pytest.raises(TypeError):
        FIRST[step](io.StringIO("text"))


@second
def test_text_is_a_type_error_in_second_place(step: str) -> None:
    with pytest.raises(TypeError):
        SECOND[step](io.StringIO("text"))


@first
def test_what_an_object_raises_comes_through(step: str) -> None:
    with pytest.raises(KeyError, match="reading"):
        FIRST[step](Broken())
    with pytest.raises(KeyError, match="writing"):
        FIRST[step](io.BytesIO(GIVEN[step]), Broken())


@second
def test_what_a_second_input_raises_comes_through(step: str) -> None:
    with pytest.raises(KeyError, match="reading"):
        SECOND[step](Broken())


@first
def test_a_closed_file_is_a_value_error(step: str) -> None:
    with tempfile.TemporaryFile() as file:
        pass
    for closed in (file, io.BytesIO(GIVEN[step])):
        closed.close()
        with pytest.raises(ValueError, match="closed file"):
            FIRST[step](closed)
        with pytest.raises(ValueError, match="closed file"):
            FIRST[step](io.BytesIO(GIVEN[step]), closed)


@pytest.mark.parametrize("block_size", [-1, 1 << 31, 1 << 70])
def test_a_block_size_that_cannot_be_is_a_value_error_and_librsyncs(block_size: int) -> None:
    for kind in (ValueError, librsync.LibrsyncError):
        with pytest.raises(kind, match="block_size must be from 0 to 2147483647") as caught:
            librsync.signature(io.BytesIO(OLD), block_size=block_size)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


@pytest.mark.parametrize("block_size", [None, "2048", 1.5])
def test_a_block_size_is_an_int(block_size: Any) -> None:
    with pytest.raises(TypeError):
        librsync.signature(io.BytesIO(OLD), block_size=block_size)


def test_a_magic_that_is_no_signatures_is_refused() -> None:
    with pytest.raises(librsync.LibrsyncError, match="magic must be that of a signature"):
        librsync.signature(io.BytesIO(OLD), magic=librsync.RS_DELTA_MAGIC)


# ---- Ten thousand times ---------------------------------------------------------------------------------------------


def test_nothing_is_left_behind() -> None:
    """Neither of calls that go well nor of calls that fail, be it in an object's own code."""

    def call(count: int) -> None:
        for _ in range(count):
            for kind in (io.BytesIO, Recorder):
                sig = librsync.signature(kind(b"old"), io.BytesIO())
                delta = librsync.delta(kind(b"new"), sig, io.BytesIO())
                librsync.patch(kind(b"old"), delta, io.BytesIO())
                with pytest.raises(librsync.LibrsyncError):
                    librsync.patch(kind(b"old"), kind(b"no delta"))
            with pytest.raises(KeyError):
                librsync.signature(Broken())

    call(100)
    gc.collect()
    objects, descriptors = len(gc.get_objects()), len(os.listdir("/proc/self/fd"))
    tracemalloc.start()
    call(100)
    gc.collect()
    memory = tracemalloc.get_traced_memory()[0]
    call(2500)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - memory
    tracemalloc.stop()
    assert len(gc.get_objects()) - objects < 100
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert grown < 100_000


# ---- The rest of the module -----------------------------------------------------------------------------------------


def test_names_and_values() -> None:
    assert librsync.MAX_SPOOL == 5 * 1024 * 1024
    assert librsync.TRACE_LEVELS == (0, 1, 2, 3, 4, 5, 6, 7)
    assert (librsync.RS_DONE, librsync.RS_BLOCKED) == (0, 1)
    assert (librsync.RS_JOB_BLOCKSIZE, librsync.RS_DEFAULT_STRONG_LEN, librsync.RS_DEFAULT_BLOCK_LEN) == (
        65536,
        8,
        2048,
    )
    assert int.from_bytes(DELTA[:4], "big") == librsync.RS_DELTA_MAGIC
    assert int.from_bytes(SIGNATURE[:4], "big") == librsync.RS_MD4_SIG_MAGIC
    assert librsync.RS_BLAKE2_SIG_MAGIC == 0x72730137


def test_seekable_checks_the_first_argument() -> None:
    @librsync.seekable
    def size(f: Any, add: int = 0) -> int:
        """Its own words."""
        return len(f.read()) + add

    assert (size.__name__, size.__doc__) == ("size", "Its own words.")
    assert size(io.BytesIO(b"abc"), add=1) == 4
    assert size(f=io.BytesIO(b"abc")) == 3
    with pytest.raises(AssertionError, match="Must provide seekable file-like object"):
        size(3)


@pytest.mark.parametrize("level", [-1, 8])
def test_debug_refuses_what_is_no_level(level: int) -> None:
    with pytest.raises(AssertionError, match=f"^Invalid log level {level}$"):
        librsync.debug(level)


@pytest.mark.parametrize("level", [None, "info", 6.0])
def test_a_level_is_an_int(level: Any) -> None:
    with pytest.raises(TypeError):
        librsync.debug(level)


def run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A program in an interpreter of its own."""
    command = [sys.executable, *options, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=True)


@pytest.mark.parametrize(("level", "lines"), [("", 2), ("7", 2), ("6", 1), ("5", 1), ("4", 0), ("0", 0)])
def test_debug_shows_each_operation(level: str, lines: int) -> None:
    program = f"import io, librsync; librsync.debug({level}); librsync.signature(io.BytesIO(bytes(5000))).close()"
    shown = run(program).stderr.splitlines()
    assert len(shown) == lines
    if shown:
        assert shown[0] == "librsync: INFO: signature: 5000 bytes read, 48 bytes written"


def test_by_default_nothing_is_shown() -> None:
    ran = run("import io, librsync; librsync.signature(io.BytesIO(bytes(5000))).close()")
    assert (ran.stdout, ran.stderr) == ("", "")


def test_it_is_imported_where_there_is_no_syslog() -> None:
    run("import sys; sys.modules['syslog'] = None; import librsync; librsync.debug()")


def test_assertions_hold_under_optimisation() -> None:
    program = """
import librsync
for wrong in (lambda: librsync.signature(None), lambda: librsync.debug(8)):
    try:
        wrong()
    except AssertionError as error:
        print(error)
"""
    assert run(program, "-O").stdout == "Must provide seekable file-like object\nInvalid log level 8\n"


# ---- What its forks have --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2048, 300_000])
def test_a_signature_job_takes_pieces(size: int) -> None:
    output = io.BytesIO()
    job = librsync.SignatureJob(output, 2048, librsync.RS_MD4_SIG_MAGIC)
    for at in range(0, len(OLD), size):
        assert job.step(OLD[at : at + size]) is False
    assert job.step(b"") is True
    assert job.sigfile() is output
    assert bytes_of(output) == SIGNATURE


def test_a_signature_job_makes_its_own_file() -> None:
    job = librsync.SignatureJob()
    job.step(bytearray(OLD))
    job.step(b"")
    assert bytes_of(job.sigfile()) == SIGNATURE


def test_a_signature_job_takes_nothing_after_its_end() -> None:
    job = librsync.SignatureJob(io.BytesIO())
    job.step(b"")
    with pytest.raises(librsync.LibrsyncError, match="library internal error"):
        job.step(b"more")
    text: Any = "text"
    with pytest.raises(TypeError):
        job.step(text)


def test_paths(tmp_path: Path) -> None:
    old, new, sig, delta, made = (tmp_path / name for name in ("old", "new", "sig", "delta", "made"))
    old.write_bytes(OLD)
    new.write_bytes(NEW)
    assert librsync.signature_from_paths(old, sig) == sig
    assert librsync.delta_from_paths(str(new), str(sig), str(delta)) == str(delta)
    assert librsync.patch_from_paths(old, delta, made) == made
    assert (sig.read_bytes(), delta.read_bytes(), made.read_bytes()) == (SIGNATURE, DELTA, NEW)
    librsync.patch_from_paths(old, delta, old)
    assert old.read_bytes() == NEW


def test_a_path_keeps_its_file_if_a_step_fails(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "delta").write_bytes(DELTA[:-1])
    (tmp_path / "made").write_bytes(b"kept")
    with pytest.raises(librsync.LibrsyncError, match="unexpected end of input"):
        librsync.patch_from_paths(tmp_path / "old", tmp_path / "delta", tmp_path / "made")
    assert (tmp_path / "made").read_bytes() == b"kept"
    with pytest.raises(FileNotFoundError):
        librsync.signature_from_paths(tmp_path / "missing", tmp_path / "made")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["delta", "made", "old"]
