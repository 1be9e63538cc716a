"""Bad signatures and deltas: status 3 or 4, a line that names the error and its offset, no file, no crash.

Python's reader decides what is bad. So each damaged file has one right outcome: it is still a signature or a delta and
the work is done accordingly; or it is not, and status 3 says so; or it is a delta, but what it makes is not what its
trailer says or cannot be made of the basis, and status 4 says so. Whatever the outcome, no other file may be left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.files import Files
from helpers.samples import noise
from helpers.tool import ErrorLine, Tool, Words
from helpers.wire import (
    FILE_MAX,
    FOURS,
    SIGNATURE_MAGICS,
    Copy,
    Literal,
    WireError,
    apply_delta,
    blake2_signature,
    delta_header,
    encode_copy,
    encode_delta,
    encode_literal,
    encode_trailer,
    made_size,
    read_delta,
    read_signature,
    signature_header,
    verdict,
)

BASIS = noise(700, 1)
SIGNATURE = blake2_signature(BASIS[:100], "rabinkarp", 40, 8)
DEFAULT_MAGIC = SIGNATURE_MAGICS["rabinkarp", "blake2"]
# One of each form of command: literals with their length in the opcode and in 1 and 2 bytes, copies in several widths.
DELTA = b"".join(
    (
        delta_header(),
        encode_literal(Literal(b"abc")),
        encode_copy(Copy(7, 20)),
        encode_literal(Literal(b"d" * 5), 0),
        encode_copy(Copy(300, 300)),
        encode_literal(Literal(b"ef"), 1),
        encode_copy(Copy(1, 2), 2, 3),
        encode_literal(Literal(b"g"), 3),
        encode_copy(Copy(699, 1), 3, 2),
        b"\x00",
    )
)
VERIFIED_DELTA = DELTA + encode_trailer(apply_delta(BASIS, DELTA))
DELTAS = pytest.mark.parametrize("delta", [DELTA, VERIFIED_DELTA], ids=["bare", "verified"])
LIMIT = 256 << 20
THREADS = ("-T", "2")
"""Each thread has buffers of its own, and some machines have very many processors."""


@dataclass(frozen=True)
class Room(Files):
    """Feeds bytes to the command as one of its files, and checks what is left."""

    redelta: Tool

    @property
    def bad(self) -> Path:
        return self.folder / "bad"

    def made(self) -> bytes | None:
        """The output, which is removed; None if there is none. Nothing else may be new."""
        names = self.outputs()
        assert names in ([], ["output"]), f"left behind: {names}"
        if not names:
            return None
        data = self.output.read_bytes()
        self.output.unlink()
        return data

    def check_signature(self, data: bytes, memory: int | None = None) -> ErrorLine | None:
        """A delta is made with it, or it is refused, as Python's reader says."""
        self.bad.write_bytes(data)
        result = self.redelta.run("delta", *THREADS, self.bad, self.basis, self.output, memory=memory)
        try:
            read_signature(data)
        except WireError:
            return self.refused(result.fails(3), len(data))
        assert result.done() == b""
        assert self.made() is not None
        return None

    def check_delta(self, data: bytes, memory: int | None = None) -> ErrorLine | None:
        """It is applied to the basis, or refused, as Python's reader says."""
        self.bad.write_bytes(data)
        result = self.redelta.run("patch", *THREADS, self.basis, self.bad, self.output, memory=memory)
        right = verdict(self.basis.read_bytes(), data)
        if right.statuses:
            assert result.status in right.statuses, result.describe()
            return self.refused(result.fails(result.status), len(data))
        assert result.done() == b""
        assert self.made() == right.new
        return None

    def check_verify(self, data: bytes, new: bytes, memory: int | None = None) -> None:
        """The delta is reported to make `new` if it does, as far as is known without a basis."""
        self.bad.write_bytes(data)
        self.new.write_bytes(new)
        result = self.redelta.run("verify", *THREADS, self.bad, self.new, memory=memory)
        try:
            delta = read_delta(data)
            possible = all(
                isinstance(each, Literal) or each.offset + each.length <= FILE_MAX for each in delta.commands
            )
            right = possible and made_size(delta.commands) == len(new) and data[delta.end :] == encode_trailer(new)
        except WireError:
            right = False
        if right:
            assert result.done() == b""
        else:
            assert result.status in (3, 4), result.describe()
            result.fails(result.status)

    def check_inspect(self, data: bytes) -> None:
        """It is described, or refused."""
        self.bad.write_bytes(data)
        result = self.redelta.run("inspect", *THREADS, self.bad, memory=LIMIT)
        if result.status != 0:
            assert result.status in (3, 4), result.describe()
            result.fails(result.status)

    def check_both(self, data: bytes, new: bytes) -> None:
        """A delta that should make `new` from the basis is applied, verified, and inspected."""
        self.check_delta(data, LIMIT)
        self.check_verify(data, new, LIMIT)
        self.check_inspect(data)

    def check_all(self, data: bytes) -> None:
        """It is passed to each verb that takes a file made by another."""
        self.check_signature(data, LIMIT)
        self.check_both(data, b"")

    def refused(self, error: ErrorLine, size: int) -> ErrorLine:
        """No output; the faulty file is named, and the offset is inside it."""
        assert self.made() is None
        assert error.file in (str(self.bad), str(self.basis)), error
        if error.file == str(self.bad) and error.offset is not None:
            assert error.offset <= size, error
        return error


@pytest.fixture
def room(redelta: Tool, tmp_path: Path) -> Room:
    made = Room(tmp_path, redelta)
    made.output.parent.mkdir()
    made.basis.write_bytes(BASIS)
    return made


def bad_signature(room: Room, data: bytes, memory: int | None = None) -> ErrorLine:
    """Asserts that it is refused."""
    error = room.check_signature(data, memory)
    assert error is not None, f"{data!r} is good"
    return error


def bad_delta(room: Room, data: bytes, memory: int | None = None) -> ErrorLine:
    """Asserts that it is refused."""
    error = room.check_delta(data, memory)
    assert error is not None, f"{data!r} is good"
    return error


def changed(data: bytes) -> Iterator[bytes]:
    """Every byte in turn with its lowest, its highest and with all of its bits inverted."""
    for at in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            yield data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


# ---- Damage ---------------------------------------------------------------------------------------------------------


def test_a_signature_truncated_at_any_byte_is_refused_unless_a_sum_ends_there(room: Room) -> None:
    for size in range(len(SIGNATURE)):
        error = room.check_signature(SIGNATURE[:size])
        whole = size >= 12 and (size - 12) % 12 == 0
        assert (error is None) == whole, size
        if error is not None and size >= 4:
            assert error.offset is not None, error


@DELTAS
def test_a_delta_truncated_at_any_byte_is_refused_unless_only_the_trailer_is_missing(room: Room, delta: bytes) -> None:
    for size in range(len(delta)):
        error = room.check_delta(delta[:size])
        assert (error is None) == (size == len(DELTA)), size
        assert error is None or size < 4 or error.offset is not None, error


def test_a_signature_with_any_byte_changed_does_no_harm(room: Room) -> None:
    for data in changed(SIGNATURE):
        room.check_signature(data)


@DELTAS
def test_a_delta_with_any_byte_changed_does_no_harm(room: Room, delta: bytes) -> None:
    for data in changed(delta):
        room.check_delta(data, LIMIT)


@DELTAS
def test_a_delta_with_a_byte_lost_or_doubled_does_no_harm(room: Room, delta: bytes) -> None:
    for at in range(len(delta)):
        room.check_delta(delta[:at] + delta[at + 1 :])
        room.check_delta(delta[:at] + delta[at : at + 1] + delta[at:])


@given(
    data=st.binary(max_size=200), start=st.sampled_from((b"", delta_header(), signature_header(DEFAULT_MAGIC, 40, 8)))
)
def test_random_bytes_as_a_signature_do_no_harm(redelta: Tool, room: Room, data: bytes, start: bytes) -> None:
    room.check_signature(start + data)


COMMANDS = st.one_of(
    st.binary(min_size=1, max_size=80).map(lambda data: encode_literal(Literal(data))),
    st.builds(Copy, st.integers(0, 720), st.integers(0, 720)).map(encode_copy),
    st.builds(Copy, st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1)).map(encode_copy),
    st.integers(0, 255).map(lambda opcode: bytes([opcode])),
    st.binary(max_size=10),
)


@given(parts=st.lists(COMMANDS, max_size=8), end=st.booleans())
def test_random_commands_do_no_harm(redelta: Tool, room: Room, parts: list[bytes], end: bool) -> None:
    room.check_delta(delta_header() + b"".join(parts) + (b"\x00" if end else b""), LIMIT)


@given(data=st.binary(max_size=100))
def test_random_bytes_as_a_delta_do_no_harm(redelta: Tool, room: Room, data: bytes) -> None:
    room.check_delta(data)


@given(commands=st.lists(st.one_of(
    st.binary(min_size=1, max_size=300).map(Literal),
    st.integers(0, 699).flatmap(lambda at: st.builds(Copy, st.just(at), st.integers(1, 700 - at))),
), max_size=20))  # fmt: skip
def test_every_good_delta_is_applied(redelta: Tool, room: Room, commands: list[Literal | Copy]) -> None:
    assert room.check_delta(encode_delta(commands)) is None


# ---- Not the right file ---------------------------------------------------------------------------------------------


def test_a_delta_given_as_a_signature_is_named_as_such(room: Room) -> None:
    error = bad_signature(room, DELTA)
    assert "delta" in error.what
    assert error.file == str(room.bad)


def test_a_signature_given_as_a_delta_is_named_as_such(room: Room) -> None:
    for weak in ("rabinkarp", "rollsum"):
        error = bad_delta(room, blake2_signature(BASIS, weak, 100, 8))
        assert "signature" in error.what
        assert error.file == str(room.bad)


@pytest.mark.parametrize("data", [b"", b"r", b"rs\x02", b"\x00" * 100, b"plain text\n" * 50, b"\x7fELF" + bytes(60)])
def test_a_file_of_another_kind_is_refused_as_both(room: Room, data: bytes) -> None:
    assert bad_signature(room, data).verb == "delta"
    assert bad_delta(room, data).verb == "patch"


def test_the_same_holds_for_standard_output(room: Room) -> None:
    commands: list[Words] = [["delta", "-", room.basis], ["patch", room.basis]]
    for words in commands:
        result = room.redelta.run(*words, stdin=b"not one at all")
        result.fails(3)
        assert result.out == b""


# ---- Values out of range --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block_len", [0, 0x80000000, 0xFFFFFFFF])
def test_a_block_length_out_of_range_is_corrupt(room: Room, block_len: int) -> None:
    for sums in (b"", bytes(36)):
        error = bad_signature(room, signature_header(DEFAULT_MAGIC, block_len, 32) + sums, LIMIT)
        assert error.offset == 4
        assert "block" in error.what


@pytest.mark.parametrize("strong_len", [0, 33, 0x80000000, 0xFFFFFFFF])
def test_a_strong_length_out_of_range_is_corrupt(room: Room, strong_len: int) -> None:
    for sums in (b"", bytes(36)):
        error = bad_signature(room, signature_header(DEFAULT_MAGIC, 2048, strong_len) + sums, LIMIT)
        assert error.offset == 8
        assert "strong" in error.what


def test_a_strong_length_is_measured_against_its_own_hash(room: Room) -> None:
    for weak in ("rabinkarp", "rollsum"):
        assert room.check_signature(signature_header(SIGNATURE_MAGICS[weak, "md4"], 2048, 16)) is None
        bad_signature(room, signature_header(SIGNATURE_MAGICS[weak, "md4"], 2048, 17))


@pytest.mark.parametrize("sums", [0, 1, 2, 100])
def test_the_largest_lengths_cost_no_memory(room: Room, sums: int) -> None:
    """The header allows blocks of 2 GiB; the file has a few bytes."""
    assert room.check_signature(signature_header(DEFAULT_MAGIC, 0x7FFFFFFF, 32) + bytes(36 * sums), LIMIT) is None


def test_a_signature_with_the_largest_blocks_is_made_in_little_memory(room: Room) -> None:
    made = room.redelta.run("signature", "-b", "2147483647", room.basis, memory=LIMIT).done()
    assert made == blake2_signature(BASIS, "rabinkarp", 0x7FFFFFFF, 32)


@pytest.mark.parametrize("opcode", [0x55, 0x56, 0x60, 0x7F, 0x80, 0xAA, 0xFE, 0xFF])
def test_a_reserved_opcode_is_corrupt_at_its_place(room: Room, opcode: int) -> None:
    start = delta_header() + encode_literal(Literal(b"abc"))
    # The next bytes would be valid operands of another copy command, and an END.
    for operands in (bytes(20), bytes(16) + b"\x01\x00", b"\x01\x01\x00"):
        error = bad_delta(room, start + bytes([opcode]) + operands)
        assert (error.offset, error.file) == (len(start), str(room.bad))


@pytest.mark.parametrize("opcode", range(0x41, 0x55))
def test_lengths_and_offsets_at_their_extremes_are_refused_without_costing_memory(room: Room, opcode: int) -> None:
    """Zero, all ones, the top bit alone, everything but the top bit: in every command that has operands.

    As a length or an offset they are corrupt, or more than the basis has.
    """
    operands = 16 if opcode >= 0x45 else 8
    for fill in (b"\x00" * 16, b"\xff" * 16, b"\x80" + b"\x00" * 15, b"\x7f" + b"\xff" * 15):
        bad_delta(room, delta_header() + bytes([opcode]) + fill[:operands], LIMIT)


def test_a_zero_length_is_corrupt_and_not_merely_nothing(room: Room) -> None:
    for index in range(4):
        bad_delta(room, delta_header() + encode_literal(Literal(b""), index) + b"\x00")
        for offset_index in range(4):
            bad_delta(room, delta_header() + encode_copy(Copy(5, 0), offset_index, index) + b"\x00")


def test_a_negative_offset_or_length_is_corrupt(room: Room) -> None:
    negative = 1 << 63
    for copy in (Copy(negative, 1), Copy(0, negative), Copy(negative + 5, negative + 5), Copy((1 << 64) - 1, 1)):
        bad_delta(room, delta_header() + encode_copy(copy, 3, 3) + b"\x00", LIMIT)
    literal = delta_header() + b"\x44" + (negative + 3).to_bytes(8, "big") + b"abc\x00"
    bad_delta(room, literal, LIMIT)


@pytest.mark.parametrize(
    "copy",
    [
        Copy(700, 1),
        Copy(0, 701),
        Copy(699, 2),
        Copy(1 << 40, 1),
        Copy((1 << 63) - 2, 1),
        Copy(1, 1 << 62),
    ],
)
def test_a_copy_beyond_the_end_of_the_basis_is_refused(room: Room, copy: Copy) -> None:
    error = bad_delta(room, encode_delta([Literal(b"abc"), copy]), LIMIT)
    assert "basis" in error.what or error.file == str(room.basis)


def test_a_copy_whose_end_no_file_can_have_is_refused(room: Room) -> None:
    for copy in (Copy((1 << 63) - 1, 1), Copy((1 << 63) - 1, (1 << 63) - 1), Copy(1, (1 << 63) - 1)):
        assert bad_delta(room, encode_delta([Literal(b"abc"), copy]), LIMIT).offset in (8, None)


def test_a_copy_up_to_the_end_of_the_basis_is_good(room: Room) -> None:
    assert room.check_delta(encode_delta([Copy(0, 700), Copy(699, 1)])) is None


def test_a_basis_that_is_too_short_is_refused(room: Room) -> None:
    delta = encode_delta([Copy(0, 700)])
    room.basis.write_bytes(BASIS[:-1])
    bad_delta(room, delta)
    room.basis.write_bytes(b"")
    bad_delta(room, delta)


def test_a_literal_longer_than_the_file_is_refused_without_being_believed(room: Room) -> None:
    for index, length in ((1, 0xFFFF), (2, 0xFFFFFFFF), (3, (1 << 63) - 1), (3, 1 << 40)):
        operand = length.to_bytes((1, 2, 4, 8)[index], "big")
        data = delta_header() + bytes([0x41 + index]) + operand + b"short"
        error = bad_delta(room, data, LIMIT)
        assert error.offset is not None
        assert error.file == str(room.bad)


# ---- Fields at their extremes ---------------------------------------------------------------------------------------

EIGHTS = (0, 1, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


@pytest.mark.parametrize("value", FOURS)
def test_fields_of_a_signature_at_their_extremes(room: Room, value: int) -> None:
    """Magic, block length, strong length, weak sum; with no block, one, and many."""
    four = value.to_bytes(4, "big")
    for count in (0, 1, 100):
        entries = b"".join(number.to_bytes(4, "big") + noise(16, number) for number in range(count))
        sums = b"".join(four + noise(16, number) for number in range(count))
        room.check_all(signature_header(value, 40, 16) + entries)
        for magic in SIGNATURE_MAGICS.values():
            for data in (
                signature_header(magic, value, 16) + entries,
                signature_header(magic, 40, value) + entries,
                signature_header(magic, 40, 16) + sums,
            ):
                room.check_signature(data, LIMIT)
                room.check_inspect(data)
    room.check_all(signature_header(DEFAULT_MAGIC, value, value) + four)


def with_new_file(commands: bytes, new: bytes) -> Iterator[bytes]:
    """A delta with its trailer, without it, and without END."""
    delta = delta_header() + commands
    return iter((delta + b"\x00" + encode_trailer(new), delta + b"\x00", delta))


@pytest.mark.parametrize("value", FOURS)
def test_fields_of_a_delta_at_their_extremes(room: Room, value: int) -> None:
    """Its magic, and the length of a literal, the offset and the length of a copy in four bytes each."""
    four = value.to_bytes(4, "big")
    literal = noise(min(value, 70_000), 2)
    copied = BASIS[value : value + 5]
    room.check_all(four + DELTA[4:])
    for data in with_new_file(b"\x43" + four + literal, literal):
        room.check_both(data, literal)
    for data in with_new_file(b"\x43" + four + b"xyz", b"xyz"):
        room.check_both(data, b"xyz")
    for data in with_new_file(encode_copy(Copy(value, 5), 2, 0), copied):
        room.check_both(data, copied)
    for data in with_new_file(encode_copy(Copy(3, value), 0, 2), BASIS[3 : 3 + value]):
        room.check_both(data, BASIS[3 : 3 + value])
    for data in with_new_file(encode_copy(Copy(value, value), 2, 2), BASIS[value : 2 * value]):
        room.check_both(data, BASIS[value : 2 * value])


@pytest.mark.parametrize("value", FOURS)
def test_fields_of_a_trailer_at_their_extremes(room: Room, value: int) -> None:
    new = apply_delta(BASIS, DELTA)
    for trailer in (
        encode_trailer(new, magic=value),
        encode_trailer(new, rest=value),
        encode_trailer(new, rest=value) + bytes(min(value, 70_000)),
        encode_trailer(new, size=value),
        encode_trailer(new, kind=value & 0xFF),
        encode_trailer(new, zero=bytes(3) + value.to_bytes(4, "big")),
    ):
        room.check_both(DELTA + trailer, new)


@pytest.mark.parametrize("value", EIGHTS)
def test_fields_of_eight_bytes_at_their_extremes(room: Room, value: int) -> None:
    new = apply_delta(BASIS, DELTA)
    room.check_both(DELTA + encode_trailer(new, size=value), new)
    for commands in (
        b"\x44" + value.to_bytes(8, "big") + b"x",
        encode_copy(Copy(value, 1), 3, 0),
        encode_copy(Copy(0, value), 0, 3),
        encode_copy(Copy(value, value), 3, 3),
        encode_copy(Copy(0, 700)) + encode_copy(Copy(0, value), 0, 3),
    ):
        for data in with_new_file(commands, b"x"):
            room.check_both(data, b"x")


# ---- Memory ---------------------------------------------------------------------------------------------------------


def test_large_files_go_through_in_little_memory(room: Room) -> None:
    """300 MB of zeros, sparse on disk, in 192 MB of address space: no step holds a whole file."""
    limit = 192 << 20
    size = 300_000_000
    with room.basis.open("wb") as file:
        file.truncate(size)
    signature, delta = room.signature, room.delta
    signature.write_bytes(room.redelta.run("signature", *THREADS, "-b", "64K", room.basis, memory=limit).done())
    delta.write_bytes(room.redelta.run("delta", *THREADS, signature, room.basis, memory=limit).done())
    with room.new.open("wb") as new:
        room.redelta.run("patch", *THREADS, room.basis, delta, stdout=new, memory=limit).done()
    assert room.new.stat().st_size == size


def test_a_signature_without_end_is_not_believed_by_its_header(room: Room) -> None:
    """A short pipe after a header that could mean anything."""
    header = signature_header(DEFAULT_MAGIC, 1, 32)
    made = room.redelta.run("delta", *THREADS, "-", room.basis, stdin=header, memory=64 << 20).done()
    assert apply_delta(b"", made) == BASIS
