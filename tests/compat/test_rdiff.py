"""Our rdiff in the place of stock rdiff: run side by side on the same files, with the same arguments.

Each case runs both commands in folders of their own that look alike, and compares exit status, standard output, the
last line of standard error, and the files left. Signatures must be the same bytes; a delta must make the new file.
After a failure, stock leaves an empty or partial output; ours must leave the folder as it was. The tests at the end are
about deliberate improvements; each says what stock does.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from helpers.processes import open_files
from helpers.samples import noise
from helpers.sparse import Layout, blocks_of_data, has_holes
from helpers.tool import HANG_SECONDS, Result, Tool, Words, heed_signals, shell
from helpers.wire import (
    FOURS,
    SIGNATURE_MAGICS,
    Copy,
    WireError,
    apply_delta,
    delta_header,
    encode_copy,
    read_delta,
    signature_header,
)

BASIS = noise(9_000, 1)
NEW = BASIS[:4_000] + noise(90, 2) + BASIS[3_000:7_000] + noise(40, 3) + BASIS[6_000:]
FILES = {
    "basis": BASIS,
    "new": NEW,
    "empty": b"",
    "garbage": b"garbage, and more of it",
    "literal": delta_header() + b"\x03abc\x00",
    "old": b"an output that exists",
}
Case = tuple[str, ...]


class Pair:
    """Two folders that look alike, one for each command.

    `tidy`: the first command leaves its folder as it was if it fails. Debian's rdiff does not, whatever the library is:
    it creates the output, or empties it, before it calls the library.
    """

    def __init__(self, ours: Tool, stock: Tool, root: Path, *, tidy: bool = True) -> None:
        self.tidy = tidy
        signature = stock.run("signature", "-b", "200", "-", stdin=BASIS).done()
        (root / "signature").write_bytes(signature)
        delta = stock.run("delta", root / "signature", "-", stdin=NEW).done()
        self.files = FILES | {"signature": signature, "delta": delta}
        self.sides = ((ours, root / "ours"), (stock, root / "stock"))
        for _, folder in self.sides:
            (folder / "folder").mkdir(parents=True)
            self.restore(folder)

    def restore(self, folder: Path) -> None:
        """Restores the folder; most commands changed nothing or added a file."""
        for name in os.listdir(folder):
            if name not in self.files and name != "folder":
                (folder / name).unlink()
        for name, content in self.files.items():
            path = folder / name
            if path.stat().st_size != len(content) if path.exists() else True:
                path.write_bytes(content)

    def compare(self, words: Words, stdin: bytes = b"") -> tuple[Result, Result]:
        """Runs both and asserts that they did the same."""
        mine, theirs = (tool.run(*words, stdin=stdin, cwd=folder) for tool, folder in self.sides)
        what = f"{mine.describe()}\n--- stock:\n{theirs.describe()}"
        assert mine.status == theirs.status, what
        assert last_line(mine.err) == last_line(theirs.err), what
        left, expected = (contents(folder) for _, folder in self.sides)
        if mine.status != 0:
            kept = {name for name, content in expected.items() if content == self.files.get(name)}
            expected = self.files if self.tidy else expected | {k: v for k, v in left.items() if k not in kept}
        else:
            is_text = mine.out.startswith((b"Usage:", b"rdiff"))
            assert is_text or meaning(mine.out) == meaning(theirs.out), what
        assert left.keys() == expected.keys(), what
        for name, content in left.items():
            assert meaning(content) == meaning(expected[name]), f"{name}\n{what}"
        for _, folder in self.sides:
            self.restore(folder)
        return mine, theirs


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def meaning(data: bytes) -> bytes:
    """What must be the same: for a delta, the file it makes from the basis; for all else, the bytes."""
    if not data.startswith(delta_header()):
        return data
    try:
        return b"a delta of " + apply_delta(BASIS, data)
    except WireError:
        return data


def last_line(err: bytes) -> bytes:
    """The last line, without figures and the text of a warning, which are our own."""
    lines = err.splitlines()
    if not lines:
        return b""
    return re.sub(rb"(statistics:|Warning:).*", rb"\1", lines[-1])


@pytest.fixture(params=["ours", "debians"])
def pair(request: pytest.FixtureRequest, rdiff: Tool, tmp_path: Path) -> Pair:
    """Our rdiff, or Debian's on our library, beside stock."""
    return Pair(request.getfixturevalue(request.param), rdiff, tmp_path, tidy=request.param == "ours")


@pytest.fixture
def our_pair(ours: Tool, rdiff: Tool, tmp_path: Path) -> Pair:
    return Pair(ours, rdiff, tmp_path)


# ---- The same as stock ----------------------------------------------------------------------------------------------

OPTIONS: list[Case] = [
    (),
    ("-f",),
    ("-s",),
    ("--stats",),
    ("--statistics", "--force"),
    ("-v",),
    ("--verbose", "-v"),
    ("-fsv",),
    ("-H", "md4"),
    ("-Hblake2",),
    ("-H=md4",),
    ("--hash=md4",),
    ("--hash", "md4"),
    ("--hash", "MD4"),
    ("--hash=",),
    ("-H", ""),
    ("-R", "rollsum"),
    ("--rollsum=rabinkarp",),
    ("-R", "adler"),
    ("-R", "x", "-H", "y"),
    ("-b", "100"),
    ("-b1024",),
    ("-b=512",),
    ("-b", "0"),
    ("-b", "0x40"),
    ("-b010",),
    ("-b", "+50"),
    ("-b", ""),
    ("--block-size=77", "-f"),
    ("--block-size", "77"),
    ("--block-size=",),
    ("-b", "1k"),
    ("-b99999999999",),
    ("-b", "2147483648"),
    ("-S", "0"),
    ("-S8",),
    ("-S", "-1"),
    ("-S", "-1", "-b", "300"),
    ("-S", "-2"),
    ("-S", "-2147483648"),
    ("-S", "1"),
    ("-S", "16", "-Hmd4"),
    ("-S", "17", "-Hmd4"),
    ("-S", "32", "-R", "rollsum"),
    ("--sum-size=33",),
    ("-S", "2147483647"),
    ("-S", "x"),
    ("-I", "10", "-O", "10"),
    ("-I0",),
    ("--input-size=4096", "--output-size=1"),
    ("-O", "x"),
    ("-I", "-9999999999"),
    ("--force=1",),
    ("-x",),
]
OPERANDS: list[Case] = [
    *itertools.product(("signature",), ("basis", "empty", "-", "folder", "nosuch"), ("out", "old", "-")),
    ("sig",),
    ("signature", "basis"),
    ("signature", "basis", "out", "more"),
    ("signature", "nosuch", "out", "more"),
    ("signature", "basis", "folder"),
    ("signature", "basis", "nosuch/out"),
    *itertools.product(("delta",), ("signature", "garbage", "nosuch"), ("new", "folder", "-"), ("out", "old")),
    ("delta",),
    ("d", "signature"),
    ("del", "signature", "new"),
    ("delta", "-", "new", "out"),
    ("delta", "signature", "new", "out", "more"),
    ("delta", "garbage", "new", "out", "more"),
    ("delta", "nosuch", "nosuch2", "old"),
    *itertools.product(("patch",), ("basis", "nosuch"), ("delta", "garbage", "literal", "nosuch"), ("out", "old")),
    ("patch",),
    ("p", "basis"),
    ("pat", "basis", "delta"),
    ("patch", "basis", "-", "out"),
    ("patch", "-", "delta", "out"),
    ("patch", "-", "literal", "out"),
    ("patch", "-", "-", "out"),
    ("patch", "folder", "literal", "-"),
    ("patch", "folder", "delta", "-"),
    ("patch", "empty", "delta", "out"),
    ("patch", "basis", "delta", "out", "more"),
]


def by_verb(letter: str) -> list[Case]:
    return [operands for operands in OPERANDS if operands[0].startswith(letter)]


def with_options(options: Case, operands: Case, place: int) -> Words:
    """The options before, in the middle of or after the operands."""
    at = (0, 1, len(operands))[place % 3]
    return [*operands[:at], *options, *operands[at:]]


@pytest.mark.parametrize("letter", ["s", "d", "p"])
def test_every_option_with_every_form_of_operands(pair: Pair, letter: str) -> None:
    count = 0
    for place, (options, operands) in enumerate(itertools.product(OPTIONS, by_verb(letter))):
        stdin = BASIS if letter == "s" else b""
        pair.compare(with_options(options, operands, place), stdin)
        count += 1
    assert count > 700


def test_pairs_of_options(pair: Pair) -> None:
    chance = random.Random(1)
    for place, (one, two) in enumerate(chance.sample(list(itertools.permutations(OPTIONS, 2)), 400)):
        pair.compare(with_options(one + two, ("signature", "basis", "out"), place))


def test_negative_sizes_that_stock_gets_no_use_of(pair: Pair) -> None:
    """Something before it is wrong, or the verb has no use for it."""
    for options in (["-S", "99"], ["-H", "x"], ["-R", "x"]):
        for negative in (["-b", "-1"], ["-I", "-1"], ["-O", "-1"]):
            pair.compare(["signature", *options, *negative, "basis", "out"])
    pair.compare(["signature", "-b", "-1", "basis", "out", "more"])
    pair.compare(["signature", "-I", "-1", "nosuch"])
    pair.compare(["delta", "-b", "-1", "signature", "new"])
    pair.compare(["patch", "-b", "-1", "basis", "delta"])


ODD_WORDS: list[Case] = [
    ("",), ("-",), ("--",), ("---",), ("--=",), ("--=x",), ("-=5",), ("-f-",), ("-f-b1",), ("-fxs",), ("-s-v",),
    ("-b",), ("-fb",), ("-H",), ("--hash",), ("--sum-size",), ("-b=",), ("-H=",), ("-b==5",), ("--block-size==5",),
    ("--block-size=abc",), ("-fb99999999999",), ("-fbx",), ("-bs",), ("-b0x",), ("-b08",), ("-b0b11",), ("-b 7",),
    ("-b", " 7"), ("-b", "7 "), ("-b", "1.5"), ("-b", "5e2"), ("-b", "-0"), ("-b\t9",), ("-b1", "-b2"), ("-S", "0x8"),
    ("-S", "-01"), ("--hel",), ("--helpx",), ("--vers",), ("--v",), ("--block=10",), ("--stat",), ("-force",),
    ("-help",), ("-h5",), ("-?x",), ("-Vx",), ("--help=",), ("-h=",), ("-fh=1",), ("-v=",), ("-v", "--help"),
    ("-h",), ("-?",), ("-V",), ("--help",), ("--version",), ("-x", "--help"), ("--help", "-x"), ("-bx", "-V"),
    ("-V", "-bx"), ("-Hx", "--help"), ("--no-force",), ("--Force",), ("--paranoia",), ("-p",), ("-1",), ("--usage",),
    ("-\xff",), ("--", "-f"), ("--", "-x", "-y"), ("--", "--"), ("-f", "--", "-"), ("-block-size=7",),
]  # fmt: skip


def test_odd_words_anywhere(pair: Pair) -> None:
    for odd in ODD_WORDS:
        for words in ((*odd, "signature", "basis"), ("signature", *odd, "basis"), ("signature", "basis", *odd), odd):
            pair.compare(words)


def test_beginnings_of_verbs(pair: Pair) -> None:
    for verb, operands in (("signature", ("basis",)), ("delta", ("signature", "new")), ("patch", ("basis", "delta"))):
        for length in range(len(verb) + 1):
            pair.compare([verb[:length], *operands])
        for wrong in (verb + "s", verb.upper(), "x" + verb, " " + verb):
            pair.compare([wrong, *operands])


def test_standard_input_for_both_inputs(pair: Pair) -> None:
    pair.compare(["delta", "-", "-"], pair.files["signature"])
    pair.compare(["delta", "-"], pair.files["signature"])
    pair.compare(["delta", "-", "-"], pair.files["signature"] + b"abc")
    pair.compare(["patch", "-", "-"], FILES["literal"])
    pair.compare(["patch", "-", "-"], BASIS)
    pair.compare(["patch", "-", "-"], pair.files["delta"])


def test_names_that_cannot_be_opened(pair: Pair) -> None:
    for name in ("", "nosuch/x", "basis/x", "x" * 300):
        pair.compare(["signature", name])
        pair.compare(["signature", "basis", name])
        pair.compare(["signature", "-f", "basis", name])
        pair.compare(["delta", "signature", "new", name])


def test_a_redirected_basis_counts_with_its_whole_size(pair: Pair) -> None:
    for options in ([], ["-S", "-1"], ["-S1"]):
        for start in (0, 5_000):
            made = []
            for tool, folder in pair.sides:
                with (folder / "basis").open("rb", buffering=0) as file:
                    file.seek(start)
                    made.append(tool.run("signature", *options, stdin=file))
            assert made[0].done() == made[1].done()
            assert last_line(made[0].err) == last_line(made[1].err)


def test_devices_as_outputs(pair: Pair) -> None:
    for device in ("/dev/null", "/dev/stdout"):
        pair.compare(["signature", "basis", device])
        pair.compare(["signature", "-f", "basis", device])


def damaged(data: bytes, head: int, count: int, seed: int) -> Iterator[bytes]:
    """Every truncation of the head and some later ones; single bytes changed, all of the head's first."""
    chance = random.Random(seed)
    yield from (data[:size] for size in (*range(head), *chance.sample(range(head, len(data)), count)))
    places = [*range(head), *(chance.randrange(head, len(data)) for _ in range(count))]
    for at in places:
        for value in {0, 1, data[at] ^ 0x80, 0xFF, data[at] ^ 1} - {data[at]}:
            yield data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize("options", [[], ["-H", "md4"], ["-R", "rollsum", "-S", "5"]])
def test_damaged_signatures(pair: Pair, rdiff: Tool, options: list[str]) -> None:
    signature = rdiff.run("signature", "-b", "3000", *options, stdin=BASIS).done()
    for data in damaged(signature, 20, 12, 2):
        if data[4:5] == b"\x01" or data[4:6] == b"\x00\x80":
            continue  # stock allocates a block's length, here many megabytes
        pair.compare(["delta", "-", "new"], data)


def test_headers_of_signatures(pair: Pair) -> None:
    magics = (0, 0x72730136, 0x72730137, 0x72730146, 0x72730147, 0x72730236, 0xFFFFFFFF)
    for magic, block, strong in itertools.product(magics, (0, 7, 1 << 31), (0, 1, 16, 17, 32, 33, 1 << 31)):
        header = b"".join(value.to_bytes(4, "big") for value in (magic, block, strong))
        pair.compare(["delta", "-", "new", "out"], header)
    for size in range(4, 12):
        pair.compare(["delta", "-", "new"], b"XXXX\x00\x00\x00\x00\x00\x00\x00\xff"[:size])
        pair.compare(["delta", "-", "new"], b"XXXX\x00\x00\x00\x01\x00\x00\x00\xff"[:size])


def test_a_rest_shorter_than_a_weak_sum_ends_a_signature(pair: Pair) -> None:
    for size in range(6):
        pair.compare(["delta", "-", "new"], pair.files["signature"] + bytes(size))
        pair.compare(["delta", "-", "new"], pair.files["signature"][: 12 + size])


def test_damaged_deltas(pair: Pair) -> None:
    delta = pair.files["delta"]
    for data in damaged(delta, 16, 30, 3):
        pair.compare(["patch", "basis", "-", "out"], data)
    for bits in range(0, 256, 5):
        pair.compare(["patch", "basis", "-"], delta_header() + bytes([bits]) + bytes.fromhex("0000000101000000"))
    pair.compare(["patch", "-f", "basis", "-", "old"], delta[:-1])
    pair.compare(["patch", "basis", "-"], delta + b"what follows")


def test_each_applies_the_deltas_of_the_other(pair: Pair) -> None:
    mine, theirs = (tool.run("delta", "signature", "new", cwd=folder).done() for tool, folder in pair.sides)
    for tool, folder in pair.sides:
        for delta in (mine, theirs):
            assert tool.run("patch", "basis", "-", stdin=delta, cwd=folder).done() == NEW


def test_nothing_follows_the_end_of_a_delta(pair: Pair) -> None:
    """Not even bytes that librsync's readers ignore."""
    for operands in (["signature", "new"], ["signature", "empty"], ["signature", "basis"]):
        for options in ([], ["-s"], ["-f", "-v"]):
            for (tool, folder), output in itertools.product(pair.sides, ("-", "old")):
                out = tool.run("-f", *options, "delta", *operands, output, cwd=folder).done()
                data = out if output == "-" else (folder / output).read_bytes()
                assert read_delta(data).end == len(data)


def test_statistics_have_the_form_of_stock(pair: Pair) -> None:
    """The same line for signature and patch; for a delta, except for the match statistics and the false matches."""
    for words in (["signature", "basis", "out"], ["patch", "basis", "delta", "out"]):
        mine, theirs = pair.compare(["-s", *words])
        assert mine.err == theirs.err
    mine, theirs = pair.compare(["-s", "delta", "signature", "new", "out"])
    lines, expected = (
        [re.sub(rb"\d+ false", b"", line) for line in err.splitlines() if b"match statistics" not in line]
        for err in (mine.err, theirs.err)
    )
    assert lines == expected


def test_version_begins_as_that_of_stock(ours: Tool, rdiff: Tool) -> None:
    mine, theirs = (tool.run("--version").done() for tool in (ours, rdiff))
    assert mine.splitlines()[0] == theirs.splitlines()[0]
    assert mine.count(b"\n") == 4
    assert b"\nCopyright (C) " in mine  # scripts look for it
    assert b"\nCopyright (C) " in theirs


def test_help_and_manual_name_all_that_the_help_of_stock_names(ours: Tool, rdiff: Tool) -> None:
    stock = rdiff.run("--help").done().decode()
    words = set(re.findall(r"--[a-z-]+|(?<= )-[A-Za-z](?=,)", stock)) | {"signature", "delta", "patch"}
    assert len(words) > 15
    text = ours.run("-h").done().decode()
    manual = (Path(os.environ["REDELTA_SOURCE_DIR"]) / "docs/man/rdiff.1").read_text()
    for word in words:
        assert word in text
        macro = re.sub(r"^-", "Fl ", word)
        assert macro in manual or f"Cm {word}" in manual, word


def with_extremes(value: int) -> Iterator[tuple[list[str], bytes]]:
    """The value in each field of four bytes of a signature and of a delta: a command line and its standard input."""
    four = value.to_bytes(4, "big")
    sums = b"".join(number.to_bytes(4, "big") + noise(16, number) for number in range(100))
    for magic in SIGNATURE_MAGICS.values():
        headers = [signature_header(magic, value, 16), signature_header(magic, 40, value)]
        for data in (
            *(header + sums for header in headers),
            signature_header(magic, 40, 16) + (four + bytes(16)) * 100,
        ):
            yield ["delta", "-", "new"], data
    yield ["delta", "-", "new"], signature_header(value, 40, 16) + sums
    commands = [b"\x43" + four + b"x" * min(value, 70_000), b"\x43" + four + b"xyz"]
    commands += [encode_copy(Copy(*place), 2, 2) for place in ((value, 5), (3, value), (value, value))]
    for delta in (four + b"\x03abc", *(delta_header() + command for command in commands)):
        yield ["patch", "basis", "-"], delta + b"\x00"


@pytest.mark.parametrize("value", FOURS)
def test_fields_at_their_extremes_in_little_memory(ours: Tool, rdiff: Tool, place: Path, value: int) -> None:
    """Stock allocates all that it asks for, gigabytes for the longest block; ours makes the delta of that, too."""
    for words, data in with_extremes(value):
        mine = ours.run(*words, stdin=data, cwd=place, memory=256 << 20)
        if data[4:8] == b"\x7f\xff\xff\xff" and words[0] == "delta":
            assert meaning(mine.done()) == b"a delta of " + NEW
            continue
        theirs = rdiff.run(*words, stdin=data, cwd=place)
        assert mine.status == theirs.status, f"{mine.describe()}\n--- stock:\n{theirs.describe()}"
        assert mine.status != 0 or meaning(mine.out) == meaning(theirs.out), mine.describe()


# ---- Better than stock ----------------------------------------------------------------------------------------------


@pytest.fixture
def place(our_pair: Pair) -> Path:
    """The folder of our command."""
    return our_pair.sides[0][1]


@pytest.fixture(params=["ours", "debians"])
def either(request: pytest.FixtureRequest) -> Tool:
    """Our rdiff, and Debian's on our library, for what the library decides."""
    tool: Tool = request.getfixturevalue(request.param)
    return tool


def refused(result: Result, status: int, line: bytes) -> None:
    """Asserts the status and the start of the last line."""
    assert result.status == status, result.describe()
    assert result.err.splitlines()[-1].startswith(line), result.describe()


@pytest.mark.parametrize("options", [["-b", "-1"], ["-I", "-1"], ["-O-5"], ["-b", "-2147483648"]])
def test_negative_sizes_are_a_wrong_command_line(ours: Tool, place: Path, options: list[str]) -> None:
    """Stock aborts (SIGABRT), except for the least number, which it reports as an I/O error."""
    before = contents(place)
    refused(ours.run("signature", *options, "basis", "out", cwd=place), 101, b"Try `rdiff --help'")
    assert contents(place) == before
    if options[0] != "-b":
        refused(ours.run("delta", *options, "signature", "new", cwd=place), 101, b"Try `rdiff --help'")
        refused(ours.run("patch", *options, "basis", "delta", cwd=place), 101, b"Try `rdiff --help'")


def test_the_longest_block_needs_no_memory_of_its_length(either: Tool, place: Path) -> None:
    """Stock aborts."""
    made = either.run("signature", "-b", "2147483647", "basis", cwd=place, memory=1 << 30).done()
    assert len(made) == 12 + 4 + 32
    assert either.run("delta", "-", "new", stdin=made, cwd=place, memory=1 << 30).done().startswith(delta_header())


@pytest.mark.parametrize("option", ["-z", "-i", "-z9", "-i=1", "--gzip", "--bzip2=9", "-fz"])
def test_compression_is_unimplemented(ours: Tool, place: Path, option: str) -> None:
    """Debian's build of stock does not know these options (101); where it was built with them, the status is 105."""
    before = contents(place)
    refused(ours.run("delta", option, "signature", "new", "out", cwd=place), 105, b"rdiff: Failed, unimplemented case.")
    assert contents(place) == before
    refused(ours.run("-zx", "delta", "signature", cwd=place), 101, b"Try `rdiff --help'")


@pytest.mark.parametrize("words", [["signature", "basis"], ["delta", "signature", "new"]])
def test_a_full_device_is_an_error(either: Tool, place: Path, words: list[str]) -> None:
    """Stock returns 0 if what it writes fits into its buffer."""
    result = shell('cd "$1" && shift && exec "$@" > /dev/full', place, either.path, *words)
    refused(result, 100, b"rdiff: Failed, IO error.")


@pytest.mark.parametrize("option", ["--help", "-V"])
def test_a_full_device_for_a_text_is_an_error(ours: Tool, place: Path, option: str) -> None:
    """Stock returns 0."""
    result = shell('cd "$1" && shift && exec "$@" > /dev/full', place, ours.path, option)
    refused(result, 100, b"librsync: ERROR:")


def test_a_full_device_by_name_is_an_error(either: Tool, place: Path) -> None:
    """Stock returns 0."""
    refused(either.run("-f", "signature", "basis", "/dev/full", cwd=place), 100, b"rdiff: Failed, IO error.")


def test_a_closed_standard_output_is_an_error(ours: Tool, place: Path) -> None:
    """Stock returns 0."""
    result = shell('cd "$1" && exec "$2" signature basis >&-', place, ours.path)
    refused(result, 100, b"rdiff: Failed, IO error.")


@pytest.mark.parametrize("onto", ["basis", "delta"])
def test_a_patch_may_replace_its_inputs(ours: Tool, place: Path, onto: str) -> None:
    """Stock empties the file first, fails, and the data is gone."""
    ours.run("-f", "patch", "basis", "delta", onto, cwd=place).done()
    assert (place / onto).read_bytes() == NEW


def test_standard_output_that_is_also_an_input_is_refused(ours: Tool, place: Path) -> None:
    """Stock reads its own output."""
    result = shell('cd "$1" && exec "$2" signature basis >> basis', place, ours.path)
    refused(result, 100, b"rdiff: Failed, IO error.")
    assert (place / "basis").read_bytes() == BASIS


@pytest.mark.parametrize("options", [[], ["-f"]])
def test_a_failed_patch_leaves_nothing(ours: Tool, our_pair: Pair, place: Path, options: list[str]) -> None:
    """Stock leaves a partial output, and with -f has emptied the old file."""
    before = contents(place)
    for output in ("out", "old") if options else ("out",):
        result = ours.run("patch", *options, "basis", "-", output, stdin=our_pair.files["delta"][:-1], cwd=place)
        refused(result, 103, b"rdiff: Failed, unexpected end of input.")
        assert contents(place) == before


def test_a_link_to_nowhere_is_refused(either: Tool, place: Path) -> None:
    """Stock follows it and creates its target."""
    (place / "link").symlink_to("target")
    refused(either.run("signature", "basis", "link", cwd=place), 100, b"librsync: ERROR: (rs_file_open) File exists")
    assert not (place / "target").exists()


def test_a_link_is_replaced_and_not_followed(ours: Tool, place: Path) -> None:
    """Stock overwrites its target."""
    (place / "link").symlink_to("old")
    ours.run("-f", "patch", "basis", "delta", "link", cwd=place).done()
    assert not (place / "link").is_symlink()
    assert (place / "link").read_bytes() == NEW
    assert (place / "old").read_bytes() == FILES["old"]


def test_a_fifo_without_force_is_refused(ours: Tool, place: Path) -> None:
    """Stock waits for a writer, because it opens the output to see whether it exists."""
    os.mkfifo(place / "fifo")
    refused(ours.run("signature", "basis", "fifo", cwd=place), 100, b"librsync: ERROR: (rs_file_open) File exists")


def start(tool: Tool, words: Iterable[str], folder: Path) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [tool.path, *words], stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, preexec_fn=heed_signals
    )


def test_an_output_made_meanwhile_is_kept(ours: Tool, our_pair: Pair, place: Path) -> None:
    """Stock checks once, and then overwrites."""
    with start(ours, ["patch", "basis", "-", "out"], place) as process:
        assert process.stdin is not None
        process.stdin.write(our_pair.files["delta"][:-1])
        process.stdin.flush()
        wait_for_open(process.pid, place)
        (place / "out").write_bytes(b"of somebody else")
        _, err = process.communicate(our_pair.files["delta"][-1:], timeout=HANG_SECONDS)
    assert process.returncode == 100
    assert err.splitlines()[-1] == b'librsync: ERROR: (rs_file_open) File exists "out", aborting!'
    assert (place / "out").read_bytes() == b"of somebody else"


def wait_for_open(pid: int, folder: Path) -> None:
    """Until the process has opened the basis and an output without a name, or with a private one."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        if sum(name.startswith(f"{folder}/") for name in open_files(pid)) >= 2:
            return
        time.sleep(0.002)
    pytest.fail("the output was never opened")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(ours: Tool, our_pair: Pair, place: Path, number: signal.Signals) -> None:
    """Stock leaves a partial output."""
    before = contents(place)
    with start(ours, ["-f", "patch", "basis", "-", "old"], place) as process:
        assert process.stdin is not None
        process.stdin.write(our_pair.files["delta"][:-1])
        process.stdin.flush()
        wait_for_open(process.pid, place)
        process.send_signal(number)
        assert process.wait(HANG_SECONDS) == -number
    assert contents(place) == before


def test_a_reader_that_ends_is_an_error_of_output(ours: Tool, place: Path) -> None:
    """Stock dies of SIGPIPE."""
    (place / "large").write_bytes(noise(200_000, 5))
    with start(ours, ["signature", "-b", "4", "large"], place) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(HANG_SECONDS) == 100
        assert process.stderr is not None
        assert process.stderr.read().endswith(b"rdiff: Failed, IO error.\n")


def test_a_name_cannot_send_control_characters(ours: Tool, place: Path) -> None:
    """Stock prints it unchanged."""
    result = ours.run("signature", "no\x1b[31m\nsuch", cwd=place)
    refused(result, 100, b'librsync: ERROR: (rs_file_open) Error opening "no\\033[31m\\nsuch" for read: No such file')


def test_the_mode_of_a_replaced_file_is_kept(ours: Tool, rdiff: Tool, place: Path) -> None:
    """As with stock, which writes into the existing file."""
    (place / "old").chmod(0o640)
    shutil.copy2(place / "old", place / "old2")
    for tool, name in ((ours, "old"), (rdiff, "old2")):
        tool.run("-f", "signature", "basis", name, cwd=place).done()
        assert (place / name).stat().st_mode & 0o777 == 0o640


def test_options_may_follow_operands_whatever_the_environment_says(ours: Tool, place: Path) -> None:
    """With POSIXLY_CORRECT stock takes all words after the verb for names."""
    shell('cd "$1" && POSIXLY_CORRECT=1 exec "$2" signature basis old -f', place, ours.path).done()
    assert (place / "old").read_bytes() != FILES["old"]


def test_holes_of_the_basis_are_kept(ours: Tool, rdiff: Tool, place: Path) -> None:
    """Stock fills them."""
    if not has_holes(place):
        pytest.skip("this file system has no holes, or larger ones")
    layout = Layout(1 << 20, ((300_000, noise(5_000, 6)),))
    layout.write(place / "sparse")
    (place / "delta").write_bytes(delta_header() + encode_copy(Copy(0, layout.size)) + b"\0")
    for tool, is_sparse in ((ours, True), (rdiff, False)):
        tool.run("-f", "patch", "sparse", "delta", "made", cwd=place).done()
        assert (place / "made").read_bytes() == (place / "sparse").read_bytes()
        assert (blocks_of_data(place / "made") == blocks_of_data(place / "sparse")) == is_sparse
