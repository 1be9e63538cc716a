"""The verb inspect, against deltas and signatures that are read in Python.

What it reports about a delta is computed here a second time, from the commands that helpers.wire reads. The page is
parsed as a browser would; tests/page opens it in one.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.samples import noise, prose, random_edits
from helpers.tool import Tool, plain_environment
from helpers.wire import (
    Command,
    Copy,
    Literal,
    delta_header,
    digest_of,
    encode_copy,
    encode_delta,
    encode_literal,
    made_size,
    read_delta,
    read_signature,
    signature_header,
)

STRETCHES_MAX = 128 * 1024
COMMANDS = st.lists(
    st.one_of(
        st.builds(Literal, st.binary(min_size=1, max_size=9)),
        st.builds(Copy, st.integers(0, 40), st.integers(1, 20)),
        st.builds(Copy, st.integers(0, 1 << 61), st.integers(1, 1 << 50)),
    ),
    max_size=40,
)


# ---- A delta, looked at in Python -----------------------------------------------------------------------------------


def size_of(command: Command) -> int:
    return len(command.data) if isinstance(command, Literal) else command.length


def pieces_of(commands: tuple[Command, ...] | list[Command]) -> list[Command]:
    """Merges literals, and copies that continue the one before."""
    pieces: list[Command] = []
    for command in commands:
        last = pieces[-1] if pieces else None
        if isinstance(last, Literal) and isinstance(command, Literal):
            pieces[-1] = Literal(last.data + command.data)
        elif isinstance(last, Copy) and isinstance(command, Copy) and last.offset + last.length == command.offset:
            pieces[-1] = Copy(last.offset, last.length + command.length)
        else:
            pieces.append(command)
    return pieces


def placed(pieces: list[Command]) -> Iterator[tuple[int, Command]]:
    at = 0
    for piece in pieces:
        yield at, piece
        at += size_of(piece)


def steps_of(pieces: list[Command]) -> dict[str, int]:
    steps = {"next": 0, "forward": 0, "back": 0, "back_bytes": 0}
    end = 0
    for piece in pieces:
        if isinstance(piece, Copy):
            steps["next" if piece.offset == end else "forward" if piece.offset > end else "back"] += 1
            steps["back_bytes"] += max(0, end - piece.offset)
            end = piece.offset + piece.length
    return steps


def lengths_of(pieces: list[Command]) -> list[dict[str, int]]:
    rows = []
    for low in (1 << i for i in range(63)):
        row = {"from": low, "to": 2 * low - 1}
        for name, kind in (("literal", Literal), ("copied", Copy)):
            sizes = [size_of(each) for each in pieces if isinstance(each, kind) and low <= size_of(each) < 2 * low]
            row |= {f"{name}_pieces": len(sizes), f"{name}_bytes": sum(sizes)}
        if row["literal_pieces"] + row["copied_pieces"]:
            rows.append(row)
    return rows


def largest_of(pieces: list[Command], kind: type[Command]) -> list[dict[str, int]]:
    sizes = [(at, piece) for at, piece in placed(pieces) if isinstance(piece, kind)]
    sizes.sort(key=lambda pair: -size_of(pair[1]))
    return [
        {"new_offset": at, "length": size_of(piece)}
        | ({"basis_offset": piece.offset} if isinstance(piece, Copy) else {})
        for at, piece in sizes[:10]
    ]


def expected(data: bytes, new: bytes | None, basis: bytes | None = None) -> dict[str, Any]:
    """What inspect reports about a delta; `new` is its new file, if it has a trailer, and `basis` if that knows it."""
    commands = read_delta(data).commands
    pieces = pieces_of(commands)

    def part(kind: type[Command]) -> dict[str, int]:
        mine = [each for each in commands if isinstance(each, kind)]
        size = sum(map(size_of, mine))
        encoded = sum(len(encode_copy(each) if isinstance(each, Copy) else encode_literal(each)) for each in mine)
        return {
            "bytes": size,
            "pieces": sum(isinstance(each, kind) for each in pieces),
            "commands": len(mine),
            "command_bytes": encoded - (size if kind is Literal else 0),
        }

    return {
        "kind": "delta",
        "compressed": False,
        "holes": 0,
        "dense": False,
        "new_size": made_size(commands),
        "basis_least": max((each.offset + each.length for each in commands if isinstance(each, Copy)), default=0),
        "digest": None if new is None else digest_of(new).hex(),
        "basis_size": None if basis is None else len(basis),
        "basis_digest": None if basis is None else digest_of(basis).hex(),
        "copied": part(Copy),
        "literal": part(Literal),
        "steps": steps_of(pieces),
        "lengths": lengths_of(pieces),
        "largest_literals": largest_of(pieces, Literal),
        "largest_copies": largest_of(pieces, Copy),
    }


def inspected(redelta: Tool, data: bytes) -> dict[str, Any]:
    lines = [json.loads(line) for line in redelta.run("inspect", "--json", stdin=data).done().splitlines()]
    results = [line for line in lines if line["type"] == "result"]
    assert len(results) == 1
    assert results[0]["files"]["inspected"] == {"name": None, "size": len(data)}
    found: dict[str, Any] = results[0]["inspected"]
    return found


@pytest.mark.parametrize("edits", [0, 1, 5, 200])
@pytest.mark.parametrize("make", [noise, prose])
def test_delta_is_told_in_numbers(redelta: Tool, tmp_path: Path, make: Any, edits: int) -> None:
    basis = make(300_000, 1)
    new = random_edits(basis, edits, edits)
    path = tmp_path / "new"
    path.write_bytes(new)
    signature = redelta.run("signature", "-b", "200", stdin=basis).done()
    delta = redelta.run("delta", "-", path, stdin=signature).done()
    assert inspected(redelta, delta) == expected(delta, new)


def test_a_delta_that_knows_its_basis_tells_it(redelta: Tool, tmp_path: Path) -> None:
    basis = prose(100_000, 1)
    new = random_edits(basis, 10, 2)
    path = tmp_path / "basis"
    path.write_bytes(basis)
    delta = redelta.run("diff", path, "-", stdin=new).done()
    assert inspected(redelta, delta) == expected(delta, new, basis)
    lines = [" ".join(line.split()) for line in redelta.run("inspect", stdin=delta).done().decode().splitlines()]
    assert "basis 100,000 bytes" in lines
    assert f"basis digest {digest_of(basis).hex()}" in lines
    assert f"digest {digest_of(new).hex()}" in lines


def test_a_dense_delta_is_told_like_any_other(redelta: Tool, tmp_path: Path) -> None:
    basis = prose(100_000, 1)
    new = random_edits(basis, 10, 2)
    path = tmp_path / "basis"
    path.write_bytes(basis)
    dense = redelta.run("diff", "--dense", path, "-", stdin=new).done()
    plain = redelta.run("expand", path, "-", stdin=dense).done()
    assert inspected(redelta, dense) == {**expected(plain, new, basis), "dense": True}
    text = redelta.run("inspect", stdin=dense).done().decode()
    assert text.startswith("standard input: a dense delta\n")
    commands = redelta.run("inspect", "--ops", "-", stdin=plain).done()
    assert redelta.run("inspect", "--ops", "-", stdin=dense).done() == commands
    page = redelta.run("inspect", "--html", "-", "-", stdin=dense).done()
    assert b'"dense":true' in page


@given(COMMANDS)
def test_any_commands_are_told_in_numbers(redelta: Tool, commands: list[Command]) -> None:
    delta = encode_delta(commands)
    assert inspected(redelta, delta) == expected(delta, None)
    redelta.run("inspect", stdin=delta).done()


# ---- The text -------------------------------------------------------------------------------------------------------


def test_bar_shows_where_literals_are(redelta: Tool) -> None:
    some: list[Command] = [Copy(0, 390), Literal(b"x" * 390)]
    text = redelta.run("inspect", stdin=encode_delta(some)).done().decode()
    assert f"\n[{'.' * 39}{'#' * 39}]\n" in text
    mixed: list[Command] = [Copy(0, 38), Literal(b"x" * 2), Copy(40, 38), Copy(0, 3), Literal(b"x" * 7), Copy(90, 692)]
    text = redelta.run("inspect", stdin=encode_delta(mixed)).done().decode()
    assert f"\n[...:....+{'.' * 69}]\n" in text


def test_text_has_the_numbers(redelta: Tool) -> None:
    basis = noise(100_000, 3)
    new = basis[:50_000] + noise(1234, 4) + basis[40_000:]
    delta = encode_delta([Copy(0, 50_000), Literal(new[50_000:51_234]), Copy(40_000, 60_000)], new)
    text = redelta.run("inspect", stdin=delta).done().decode()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "standard input: a delta",
        f"delta {len(delta):,} bytes (1.18 % of the new file)",
        "new file 111,234 bytes",
        "copied 110,000 bytes (98.89 %) in 2 pieces",
        "literal 1,234 bytes (1.11 %) in 1 piece",
        "basis 100,000 bytes at least",
        f"digest {digest_of(new).hex()}",
        "1 where the previous one ended",
        "1 further back, by 10,000 bytes on average",
        "512 B to < 4 KiB 1 1,234 0 0",
        "32 KiB to < 256 KiB 0 0 2 110,000",
        "50,000 1,234",
        "51,234 60,000 40,000",
    ):
        assert line in lines, f"{line!r} is not in\n{text}"


def test_empty_delta_is_told(redelta: Tool) -> None:
    text = redelta.run("inspect", stdin=encode_delta([])).done().decode()
    assert "new file                          0 bytes\n" in text
    assert "digest                         none: the result of a patch cannot be verified\n" in text


def test_no_line_is_wider_than_a_terminal(redelta: Tool) -> None:
    delta = encode_delta([Copy(1 << 40, 1 << 39), Literal(b"x" * 999_999), Copy(0, 1 << 41)], None)
    text = redelta.run("inspect", stdin=delta).done().decode()
    assert max(map(len, text.splitlines())) <= 80


@given(COMMANDS)
def test_ops_are_listed(redelta: Tool, commands: list[Command]) -> None:
    delta = encode_delta(commands)
    want = []
    for at, command in placed(commands):
        kind, basis = ("copy", command.offset) if isinstance(command, Copy) else ("literal", None)
        want.append((kind, at, size_of(command), basis))
    rows = [line.split() for line in redelta.run("inspect", "--ops", stdin=delta).done().decode().splitlines()]
    assert rows.pop(0) == ["kind", "new", "file", "at", "bytes", "basis", "at"]
    assert [(row[0], int(row[1]), int(row[2]), int(row[3]) if len(row) > 3 else None) for row in rows] == want
    records = [json.loads(line) for line in redelta.run("inspect", "--ops", "--json", stdin=delta).done().splitlines()]
    ops = [each for each in records if each["type"] == "op"]
    assert [(op["kind"], op["new_offset"], op["length"], op.get("basis_offset")) for op in ops] == want
    assert records[-1]["type"] == "result"


# ---- Signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hashes", [("blake2", "rabinkarp"), ("md4", "rollsum")])
@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 55_555])
def test_signature_is_told(redelta: Tool, rdiff: Tool, tmp_path: Path, size: int, hashes: tuple[str, str]) -> None:
    path = tmp_path / "basis"
    path.write_bytes(noise(size, 5) + bytes(5000))
    strong, weak = hashes
    data = rdiff.run("-b", "500", "-S", "9", "-H", strong, "-R", weak, "signature", path, "-").done()
    signature = read_signature(data)
    found = inspected(redelta, data)
    blocks = len(signature.sums)
    assert found == {
        "kind": "signature",
        "compressed": False,
        "holes": 0,
        "basis_least": (blocks - 1) * 500 + 1,
        "basis_most": blocks * 500,
        "blocks": {"count": blocks, "length": 500, "distinct": len(set(signature.sums))},
        "sums": {"weak": weak, "strong": strong, "strong_length": 9},
    }
    assert found["basis_least"] <= size + 5000 <= found["basis_most"]
    text = redelta.run("inspect", stdin=data).done().decode()
    assert f"{blocks - len(set(signature.sums)):,} (" in text


def test_signature_of_nothing_is_told(redelta: Tool) -> None:
    found = inspected(redelta, signature_header(0x72730147, 2048, 32))
    assert (found["basis_least"], found["basis_most"], found["blocks"]["count"]) == (0, 0, 0)
    assert (
        "\nbasis                             0 bytes\n"
        in redelta.run("inspect", stdin=signature_header(0x72730147, 2048, 32)).done().decode()
    )


# ---- What is neither, and what is broken ----------------------------------------------------------------------------


def tar_of(name: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"", "an empty file"),
        (b"rs", "text"),
        ("Grüße\r\n".encode(), "text"),
        (bytes(1000), "data of an unknown format"),
        (gzip.compress(b"x"), "a file compressed with gzip"),
        (tar_of("x"), "a tar archive"),
        (b"PK\x03\x04 and so on", "a ZIP archive, or a format based on ZIP"),
        (b"\x7fELF", "a program or library (ELF)"),
        (b"age-encryption.org/v1\n", "a file encrypted with age"),
    ],
)
def test_what_is_neither_is_named(redelta: Tool, data: bytes, looks: str) -> None:
    result = redelta.run("inspect", stdin=data)
    error = result.fails(3)
    assert result.out == b""
    assert error.what == f"this is neither a signature nor a delta, but looks like {looks}"


@pytest.mark.parametrize("how", [[], ["--ops"], ["--html", "-"], ["--json"]])
def test_every_cut_of_a_delta_is_told(redelta: Tool, how: list[str]) -> None:
    delta = encode_delta([Copy(0, 100), Literal(b"twelve bytes"), Copy(500, 70_000)], bytes(70_112))
    end = read_delta(delta).end
    for cut in range(4, len(delta)):
        result = redelta.run("inspect", *how, stdin=delta[:cut])
        if cut != end:  # a delta without a trailer ends there
            result.fails(3)
            assert how or result.out == b""


def test_delta_that_contradicts_itself_is_told(redelta: Tool) -> None:
    result = redelta.run("inspect", stdin=encode_delta([Literal(b"abc")], b"abcd"))
    assert "another length" in result.fails(4).what


def test_compressed_files_are_looked_into(redelta: Tool, tmp_path: Path) -> None:
    """Whether they are few bytes or many, from a file or a pipe."""
    basis = noise(3_000_000, 1)
    new = noise(700_000, 2) + basis
    (tmp_path / "new").write_bytes(new)
    zstd = Tool(Path("/usr/bin/zstd"))
    signature = redelta.run("signature", stdin=basis).done()
    delta = redelta.run("delta", "-", tmp_path / "new", stdin=signature).done()
    for kind, plain in (("signature", signature), ("delta", delta), ("delta", encode_delta([]))):
        packed = zstd.run("-q", "-c", stdin=plain).done()
        path = tmp_path / "packed"
        path.write_bytes(packed)
        found = inspected(redelta, packed)
        assert found == inspected(redelta, plain) | {"compressed": True}
        assert redelta.run("inspect", stdin=packed).done().startswith(b"standard input: a %s, compr" % kind.encode())
        assert b"compressed with zstd" in redelta.run("inspect", path).done()
        if len(plain) > 1000:
            redelta.run("inspect", stdin=packed[: len(packed) // 2]).fails(3)
    other = redelta.run("inspect", stdin=zstd.run("-q", "-c", stdin=new).done()).fails(3)
    assert other.what.endswith("looks like a file compressed with zstd")


def test_frames_without_contents_may_come_first(redelta: Tool, tmp_path: Path) -> None:
    """Any number in a file; of a pipe only the start can be read twice."""
    skippable = bytes.fromhex("502a4d18") + (1_000_000).to_bytes(4, "little") + bytes(1_000_000)
    delta = Tool(Path("/usr/bin/zstd")).run("-q", "-c", stdin=encode_delta([Copy(0, 100)])).done()
    path = tmp_path / "packed"
    path.write_bytes(skippable * 3 + delta)
    assert b"a delta, compressed with zstd" in redelta.run("inspect", path).done()
    assert redelta.run("inspect", "--ops", path).done().count(b"\n") == 2
    piped = redelta.run("inspect", stdin=path.read_bytes()).fails(3)
    assert piped.what == "too many empty zstd frames come first for a pipe to be recognised"
    assert piped.advice == "name a file"
    path.write_bytes(skippable * 3)
    assert redelta.run("inspect", path).fails(3).what.startswith("this is neither a signature nor a delta")


def test_wishes_for_a_delta_are_refused_for_a_signature(redelta: Tool, tmp_path: Path) -> None:
    signature = signature_header(0x72730147, 2048, 32)
    page = tmp_path / "page"
    for how in (["--ops"], ["--html", page]):
        assert "signature" in redelta.run("inspect", *how, stdin=signature).fails(3).what
    assert not page.exists()


def test_commands_and_a_page_are_two_wishes(redelta: Tool, tmp_path: Path) -> None:
    page = tmp_path / "page"
    for how in ([], [f"--json={tmp_path}/records"]):
        words = redelta.run("inspect", "--ops", "--html", page, *how, stdin=encode_delta([])).refuses()
        assert "cannot be combined" in words
    assert list(tmp_path.iterdir()) == []


def test_steps_that_are_too_long_to_be_added_are_not_told(redelta: Tool) -> None:
    ends = [Copy((1 << 63) - 10, 1), Copy(0, 1)]
    found = inspected(redelta, encode_delta(ends * 2))
    assert found["steps"] == {"next": 0, "forward": 2, "back": 2, "back_bytes": None}
    found = inspected(redelta, encode_delta(ends * 3))
    assert found["steps"]["back_bytes"] is None
    assert b"on average" not in redelta.run("inspect", stdin=encode_delta(ends * 3)).done()


@pytest.mark.parametrize(
    "words",
    [["inspect"], ["inspect", "--max-memory", "1G"], ["patch", "--max-output", "1G", "/dev/null"], ["delta"],
     ["verify"]],
)  # fmt: skip
def test_window_that_is_too_large_is_told_with_the_way_out(redelta: Tool, words: list[str]) -> None:
    frame = bytes.fromhex("28b52ffd00a8010000")  # 2^31 bytes of window
    error = redelta.run(*words, "-", *([] if words[0] in ("inspect", "patch") else ["/dev/null"]), stdin=frame).fails(3)
    assert "zstd -d --long=31" in error.advice


@pytest.mark.parametrize("frame", ["28b52ffd00b0010000", "28b52ffde00000000000000010010000"])
@pytest.mark.parametrize(
    ("words", "role"),
    [(["inspect"], "it"), (["delta"], "the signature"), (["verify", "--max-memory", "1M"], "the delta")],
)
def test_window_that_no_zstd_reads_is_told_as_such(redelta: Tool, words: list[str], role: str, frame: str) -> None:
    """2^32 and 2^60 bytes of window."""
    file = [] if words[0] == "inspect" else ["/dev/null"]
    error = redelta.run(*words, "-", *file, stdin=bytes.fromhex(frame)).fails(3)
    assert error.advice == f"make or fetch {role} again"


@pytest.mark.parametrize("words", [["inspect"], ["patch", "/dev/null"], ["delta"], ["verify"]])
def test_window_above_the_limit_that_was_given_is_told_with_that_limit(redelta: Tool, words: list[str]) -> None:
    frame = bytes.fromhex("28b52ffd0058010000")  # 2^21 bytes of window
    file = [] if words[0] in ("inspect", "patch") else ["/dev/null"]
    error = redelta.run(*words, "--max-memory", "1M", "-", *file, stdin=frame).fails(3)
    assert error.advice == "raise --max-memory, or decompress it first"


def test_closed_output_is_told_of_as_such(redelta: Tool) -> None:
    redelta.run("inspect", "--json", stdin=encode_delta([])).done()
    for how in ([], ["--json"], ["--ops"]):
        command = ["sh", "-c", 'exec "$@" >&-', "sh", os.fspath(redelta.path), "inspect", *how]
        result = subprocess.run(command, input=encode_delta([]), stderr=subprocess.PIPE, env=plain_environment())
        assert result.returncode == 1
        assert b"open it for writing" in result.stderr


def test_limits_are_for_signatures(redelta: Tool) -> None:
    signature = redelta.run("signature", "-b", "100", stdin=noise(10_000, 1)).done()
    assert redelta.run("inspect", "--max-blocks", "99", stdin=signature).fails(3)
    assert redelta.run("inspect", "--max-memory", "1000", stdin=signature).fails(3)
    redelta.run("inspect", "--max-blocks", "100", stdin=signature).done()


@pytest.mark.parametrize("how", [[], ["--ops"], ["--html", "-"]])
def test_output_that_cannot_be_written_is_told(redelta: Tool, how: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        result = redelta.run("inspect", *how, stdin=encode_delta([Literal(b"abc")]), stdout=full)
    assert result.fails(1).file == "standard output"


# ---- The page -------------------------------------------------------------------------------------------------------


def page_parts(page: bytes) -> tuple[dict[str, Any], bytes]:
    text = page.decode()
    numbers = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    entries = re.search(r'<script type="text/plain" id="entries">([A-Za-z0-9+/=]*)</script>', text)
    assert numbers is not None
    assert entries is not None
    return json.loads(numbers[1]), base64.b64decode(entries[1])


def entries_of(page: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Of each entry of the map: length, literal bytes, pieces, and the range of the copies in the basis."""
    numbers, data = page_parts(page)
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    copied_to = 0
    for _ in range(numbers["map"]["entries"]):
        kind, length = number(), number()
        literal, count = (number(), number()) if kind == 2 else (length if kind == 0 else 0, 1)
        begin = end = 0
        if kind != 0:
            step = number()
            begin = copied_to + (-(step + 1) // 2 if step % 2 else step // 2)
            end = copied_to = begin + (number() if kind == 2 else length)
        yield length, literal, count, begin, end
    assert len(data) - at <= 2  # base64 is filled up
    assert not any(data[at:])


@given(COMMANDS)
def test_page_has_each_piece(redelta: Tool, commands: list[Command]) -> None:
    delta = encode_delta(commands)
    page = redelta.run("inspect", "--html", "-", stdin=delta).done()
    numbers, _ = page_parts(page)
    assert numbers.pop("map") == {"entries": len(pieces_of(commands)), "grain": 1}
    assert (numbers.pop("name"), numbers.pop("size")) == ("standard input", len(delta))
    assert numbers == expected(delta, None)
    assert list(entries_of(page)) == [
        (size_of(each), size_of(each), 1, 0, 0)
        if isinstance(each, Literal)
        else (each.length, 0, 1, each.offset, each.offset + each.length)
        for each in pieces_of(commands)
    ]


def many_commands(count: int) -> tuple[bytes, int]:
    """A delta of `count` copies and literals of 2 to 4 bytes, in turns, and the length of its new file."""
    turn = b"".join(
        encode_copy(Copy(200 - i, 2 + i % 3)) + encode_literal(Literal(bytes(2 + i % 2))) for i in range(100)
    )
    size = sum(2 + i % 3 + 2 + i % 2 for i in range(100))
    return delta_header() + turn * (count // 200) + b"\0", size * (count // 200)


def test_too_many_pieces_are_joined_in_constant_memory(redelta: Tool) -> None:
    delta, new_size = many_commands(3_000_000)
    page = redelta.run("inspect", "--html", "-", stdin=delta, memory=80 << 20).done()
    numbers, _ = page_parts(page)
    entries = list(entries_of(page))
    assert numbers["new_size"] == new_size == sum(length for length, *_ in entries)
    assert numbers["literal"]["bytes"] == sum(literal for _, literal, *_ in entries)
    assert sum(pieces for _, _, pieces, *_ in entries) == 3_000_000
    assert STRETCHES_MAX // 4 < len(entries) <= STRETCHES_MAX
    assert max(length for length, *_ in entries) <= numbers["map"]["grain"] <= 4 * new_size / len(entries)
    assert len(page) < 3_000_000
    redelta.run("inspect", stdin=delta, memory=80 << 20).done()


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "<!--<script>", '"&amp;\\', "\u202ename", b"\xff\xfe.delta"]
)
def test_no_name_breaks_out_of_the_page(redelta: Tool, tmp_path: Path, name: str | bytes) -> None:
    folder = tmp_path
    if isinstance(name, str) and "/" in name:
        folder = tmp_path / name[: name.rindex("/")]
        folder.mkdir(parents=True)
        name = name[name.rindex("/") + 1 :]
    path = folder / (name.decode(errors="surrogateescape") if isinstance(name, bytes) else name)
    path.write_bytes(encode_delta([Literal(b"x")]))
    page = redelta.run("inspect", "--html", "-", path).done()
    assert page.count(b"<script") == 3
    assert page.count(b"</script>") == 3
    numbers, _ = page_parts(page)
    assert numbers["name"] == bytes(path).decode(errors="replace")


def test_page_is_written_as_a_whole_or_not_at_all(redelta: Tool, tmp_path: Path) -> None:
    delta = encode_delta([Literal(b"x")])
    page = tmp_path / "page.html"
    page.write_bytes(b"mine")
    assert "use -f" in redelta.run("inspect", "--html", page, stdin=delta).fails(1).advice
    redelta.run("inspect", "--html", page, "-f", stdin=delta[:-1]).fails(3)
    assert page.read_bytes() == b"mine"
    result = redelta.run("inspect", "--html", page, "-f", stdin=delta)
    assert result.done() == b""
    assert page.read_bytes().startswith(b"<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert redelta.run("inspect", "--html", "/dev/full", stdin=delta).fails(1).file == "/dev/full"


def test_page_needs_nothing_from_outside(redelta: Tool) -> None:
    page = redelta.run("inspect", "--html", "-", stdin=encode_delta([])).done().decode()
    assert re.findall(r"(?:src|href)\s*=|url\(|@import|https?:", page) == []
    assert "default-src 'none'" in page
    assert "@page" not in page
