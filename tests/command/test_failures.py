"""Input and output that fail: status 1, one line that names the file, nothing written.

Missing, unreadable, a folder, a full disk, a closed pipe. The message is one line whatever the name of the file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import Tool, Words

BASIS = noise(400_000, 1)


@dataclass(frozen=True)
class Inputs:
    """Three valid files, for command lines in which one is wrong."""

    folder: Path
    basis: Path
    signature: Path
    delta: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def words_with(self, bad: Path) -> dict[str, Words]:
        """Every input of every verb, replaced by `bad`."""
        return {
            "the basis of a signature": ["signature", bad],
            "the signature of a delta": ["delta", bad, self.basis],
            "the new file of a delta": ["delta", self.signature, bad],
            "the basis of a patch": ["patch", bad, self.delta],
            "the delta of a patch": ["patch", self.basis, bad],
        }


PLACES = pytest.mark.parametrize("where", list(Inputs(*[Path()] * 4).words_with(Path())))


@pytest.fixture
def inputs(redelta: Tool, tmp_path: Path) -> Inputs:
    made = Inputs(tmp_path, *(tmp_path / name for name in ("basis", "signature", "delta")))
    made.basis.write_bytes(BASIS)
    made.signature.write_bytes(redelta.run("signature", made.basis).done())
    made.delta.write_bytes(redelta.run("delta", made.signature, stdin=BASIS + b"more").done())
    return made


@PLACES
def test_a_missing_input_is_named(redelta: Tool, inputs: Inputs, where: str) -> None:
    missing = inputs.folder / "missing"
    words = inputs.words_with(missing)[where]
    error = redelta.run(*words, inputs.output).fails(1)
    assert (error.verb, error.file, error.offset) == (words[0], str(missing), None)
    assert "No such file" in error.what
    assert not inputs.output.exists()


@PLACES
def test_a_folder_as_an_input_is_named(redelta: Tool, inputs: Inputs, where: str) -> None:
    folder = inputs.folder / "folder"
    folder.mkdir()
    words = inputs.words_with(folder)[where]
    error = redelta.run(*words, inputs.output).fails(1)
    assert (error.verb, error.file) == (words[0], str(folder))
    assert "directory" in error.what
    assert not inputs.output.exists()


def test_a_folder_as_standard_input_is_an_error(redelta: Tool, inputs: Inputs) -> None:
    descriptor = os.open(inputs.folder, os.O_RDONLY)
    try:
        assert "directory" in redelta.run("signature", "-", inputs.output, stdin=descriptor).fails(1).what
    finally:
        os.close(descriptor)
    assert not inputs.output.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@PLACES
def test_an_unreadable_input_is_named(redelta: Tool, inputs: Inputs, where: str) -> None:
    secret = inputs.folder / "secret"
    secret.write_bytes(b"secret")
    secret.chmod(0)
    error = redelta.run(*inputs.words_with(secret)[where], inputs.output).fails(1)
    assert error.file == str(secret)
    assert "denied" in error.what
    assert not inputs.output.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_folder_that_cannot_be_written_to_is_named(redelta: Tool, inputs: Inputs) -> None:
    closed = inputs.folder / "closed"
    closed.mkdir(mode=0o500)
    error = redelta.run("signature", inputs.basis, closed / "output").fails(1)
    assert error.file == str(closed / "output")
    assert "denied" in error.what


def good_runs(inputs: Inputs) -> list[Words]:
    """A run of each verb that writes to standard output."""
    return [
        ["signature", inputs.basis],
        ["delta", inputs.signature, inputs.basis],
        ["patch", inputs.basis, inputs.delta],
    ]


def test_a_full_disk_at_standard_output_is_an_error(redelta: Tool, inputs: Inputs) -> None:
    for words in good_runs(inputs):
        with open("/dev/full", "wb", buffering=0) as full:
            error = redelta.run(*words, stdout=full).fails(1)
        assert error.verb == words[0]
        assert "standard output" in error.file
        assert "space" in error.what


def test_a_small_output_to_a_full_disk_is_an_error_as_well(redelta: Tool, inputs: Inputs) -> None:
    """What is still buffered at the end counts too."""
    empty = inputs.folder / "empty"
    empty.touch()
    commands: list[Words] = [["signature", empty], ["delta", inputs.signature, empty]]
    for words in commands:
        with open("/dev/full", "wb", buffering=0) as full:
            redelta.run(*words, stdout=full).fails(1)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["signature", "--help"]])
def test_help_to_a_full_disk_is_an_error(redelta: Tool, words: list[str]) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        result = redelta.run(*words, stdout=full)
    assert result.status == 1
    assert result.err.startswith(b"redelta: ")
    assert result.err.count(b"\n") == 1


def test_a_closed_pipe_is_an_error_and_not_a_death(redelta: Tool, inputs: Inputs) -> None:
    for words in good_runs(inputs):
        read_end, write_end = os.pipe()
        os.close(read_end)
        try:
            error = redelta.run(*words, stdout=write_end).fails(1)
        finally:
            os.close(write_end)
        assert error.verb == words[0]
        assert "standard output" in error.file
        assert "pipe" in error.what.lower()


def test_a_reader_that_goes_away_early_is_an_error(redelta: Tool, inputs: Inputs) -> None:
    with redelta.start("patch", inputs.basis, inputs.delta) as running:
        assert running.read_some() == BASIS[:1]
        message = running.error_text()
        assert running.status() == 1, message
    assert message.startswith(b"redelta: patch: standard output: ")
    assert message.count(b"\n") == 1


def test_binary_output_to_a_terminal_is_refused_without_force(redelta: Tool, inputs: Inputs) -> None:
    leader, terminal = os.openpty()
    try:
        line = redelta.run("signature", "-S", "8", "-b", "1M", inputs.basis, stdout=terminal).refuses()
        assert ": standard output: refusing to write binary data to a terminal; name a file, or use -f\n" in line
        redelta.run("signature", "-f", "-S", "8", "-b", "1M", inputs.basis, stdout=terminal).done()
        assert os.read(leader, 100)
    finally:
        os.close(leader)
        os.close(terminal)


@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines",
        b"tab\tand\x1b[31mcolour",
        b"\xff\xfe not utf-8",
        b"spaces  and ; : , signs",
        b"caf\xc3\xa9",
        b"100%s%n%d",
    ],
)
def test_an_error_is_one_line_whatever_the_file_is_called(redelta: Tool, tmp_path: Path, name: bytes) -> None:
    result = redelta.run("signature", os.fsencode(tmp_path) + b"/" + name)
    assert result.status == 1
    assert result.err.startswith(b"redelta: signature: ")
    assert result.err.endswith(b"\n")
    assert result.err.count(b"\n") == 1
    assert not any(byte < 0x20 or byte == 0x7F for byte in result.err[:-1]), result.err


def test_files_with_strange_names_are_worked_on(redelta: Tool, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"two\nlines", b"\xff\xfe", b" ", b"-"):
        basis, output = folder + b"/" + name, folder + b"/out" + name
        Path(os.fsdecode(basis)).write_bytes(b"data")
        expected = redelta.run("signature", basis).done()
        redelta.run("signature", basis, output).done()
        assert Path(os.fsdecode(output)).read_bytes() == expected


# Characters that end a line, move the cursor or change the order of others, and bytes that are not UTF-8.
UNPRINTABLE = {
    "the first control character": b"\x01",
    "delete": b"\x7f",
    "the first of C1": "\u0080".encode(),
    "the last of C1": "\u009f".encode(),
    "Arabic letter mark": "\u061c".encode(),
    "left-to-right mark": "\u200e".encode(),
    "right-to-left mark": "\u200f".encode(),
    "line separator": "\u2028".encode(),
    "paragraph separator": "\u2029".encode(),
    "embedding": "\u202a".encode(),
    "override": "\u202e".encode(),
    "isolate": "\u2066".encode(),
    "end of an isolate": "\u2069".encode(),
    "Latin-1": b"\xe4",
    "a byte that goes on": b"\x80",
    "a character cut off": b"\xe2\x82",
    "a long form": b"\xc0\xaf",
    "a longer form": b"\xe0\x80\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "no first byte": b"\xff",
}
PRINTABLE = (
    "a\u00a0\u00e4\u061b\u200b\u200d\u2010\u2027\u202f\u2065\u206a\u20ac\ud7ff\ue000\U0001f600\U0010ffff".encode()
)


@pytest.mark.parametrize("name", UNPRINTABLE)
def test_characters_that_fool_a_terminal_are_escaped(redelta: Tool, name: str) -> None:
    unprintable = UNPRINTABLE[name]
    escaped = b"".join(b"\\%03o" % byte for byte in unprintable)
    file, verb = (
        redelta.run(*words)
        for words in ([b"signature", b"fdp" + unprintable + b"gnp.exe"], [b"x" + unprintable + b"y"])
    )
    assert (file.status, verb.status) == (1, 2)
    assert b" fdp" + escaped + b"gnp.exe: " in file.err
    assert b"'x" + escaped + b"y'" in verb.err


def test_an_unknown_letter_is_printed_whole(redelta: Tool) -> None:
    assert redelta.run("delta", "-s\u00e4").err.startswith("redelta: delta: unknown option '-\u00e4'".encode())
    assert redelta.run("delta", b"-s\xe4").err.startswith(b"redelta: delta: unknown option '-\\344'")


def test_other_characters_are_printed(redelta: Tool) -> None:
    assert b" " + PRINTABLE + b": " in redelta.run("signature", PRINTABLE).err


def test_a_long_word_is_cut_between_characters(redelta: Tool) -> None:
    for before in (b"", b"x", b"xx"):
        error = redelta.run(before + "\u20ac".encode() * 200).err
        assert b"\\" not in error
        assert b"'" + before + "\u20ac\u20ac".encode() in error


def test_an_unknown_verb_with_control_characters_is_one_line(redelta: Tool) -> None:
    assert "\x1b" not in redelta.run("bad\x1b[31m\nverb").refuses()


def test_standard_input_is_named_when_it_is_wrong(redelta: Tool, inputs: Inputs) -> None:
    assert "standard input" in redelta.run("delta", "-", inputs.basis, stdin=b"nonsense").fails(3).file
    assert "standard input" in redelta.run("patch", inputs.basis, stdin=b"nonsense").fails(3).file


def test_nothing_is_read_when_the_output_is_refused(redelta: Tool, inputs: Inputs) -> None:
    """The destination is checked before the work, not after it: the input's writer never finishes."""
    inputs.output.write_bytes(b"precious")
    with redelta.start("signature", "-", inputs.output) as running:
        assert running.status() == 1
    assert inputs.output.read_bytes() == b"precious"
