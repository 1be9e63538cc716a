"""Where the output goes: the destination is replaced as a whole or not at all.

Every test also checks that no temporary file is left. Devices are made in the test's own folder, so that a failure
under root cannot replace the machine's.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import Tool, Words, shell
from helpers.wire import Copy, Literal, delta_header, encode_delta

BASIS = noise(30_000, 1)
NEW = BASIS[:10_000] + b"inserted" + BASIS[9_000:]
# Their first command is right: the failure comes after output was written. By the status that it has.
LATE_FAILURES = {
    3: encode_delta([Copy(0, 20_000)])[:-1],
    4: encode_delta([Copy(0, 20_000), Copy(1 << 20, 1)]),
}


@dataclass(frozen=True)
class Place:
    """Inputs in one folder, and another folder for outputs only."""

    inputs: Path
    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def names(self) -> list[str]:
        """The files in the output folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def input(self, name: str) -> Path:
        return self.inputs / name

    def words(self, verb: str) -> Words:
        """A command line that succeeds, without the output's name."""
        operands = {"signature": ["basis"], "delta": ["signature", "new"], "patch": ["basis", "delta"]}
        return [verb, *(self.input(name) for name in operands[verb])]


@pytest.fixture
def place(redelta: Tool, tmp_path: Path) -> Place:
    made = Place(tmp_path / "inputs", tmp_path / "outputs")
    made.inputs.mkdir()
    made.folder.mkdir()
    made.input("basis").write_bytes(BASIS)
    made.input("new").write_bytes(NEW)
    made.input("signature").write_bytes(redelta.run("signature", made.input("basis")).done())
    made.input("delta").write_bytes(redelta.run(*made.words("delta")).done())
    return made


@pytest.fixture(params=LATE_FAILURES)
def late_failure(place: Place, request: pytest.FixtureRequest) -> int:
    """The status with which the delta of the place fails."""
    place.input("delta").write_bytes(LATE_FAILURES[request.param])
    return int(request.param)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """The shell's umask while the command runs."""
    previous = os.umask(mask)
    try:
        yield
    finally:
        os.umask(previous)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


VERBS = pytest.mark.parametrize("verb", ["signature", "delta", "patch"])


# ---- Existing output ------------------------------------------------------------------------------------------------


@VERBS
def test_an_existing_output_is_refused_and_untouched(redelta: Tool, place: Place, verb: str) -> None:
    place.output.write_bytes(b"precious")
    before = place.output.stat()
    error = redelta.run(*place.words(verb), place.output).fails(1)
    assert (error.verb, error.file) == (verb, str(place.output))
    assert "exists" in error.what
    assert "-f" in error.advice
    after = place.output.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)
    assert place.output.read_bytes() == b"precious"
    assert place.names() == ["output"]


@VERBS
def test_force_replaces_an_existing_output(redelta: Tool, place: Place, verb: str) -> None:
    expected = redelta.run(*place.words(verb)).done()
    place.output.write_bytes(b"old" * 100_000)
    redelta.run("-f", *place.words(verb), place.output).done()
    assert place.output.read_bytes() == expected
    redelta.run(*place.words(verb), place.output, "--force").done()
    assert place.output.read_bytes() == expected
    assert place.names() == ["output"]


def test_force_is_not_needed_and_does_no_harm_for_a_new_name(redelta: Tool, place: Place) -> None:
    redelta.run("-f", *place.words("patch"), place.output).done()
    assert place.output.read_bytes() == NEW


def test_an_empty_existing_output_is_refused_as_well(redelta: Tool, place: Place) -> None:
    place.output.touch()
    redelta.run(*place.words("patch"), place.output).fails(1)
    assert place.output.read_bytes() == b""


def test_a_hard_link_to_the_old_output_keeps_the_old_bytes(redelta: Tool, place: Place) -> None:
    place.output.write_bytes(b"old")
    other = place.folder / "other-name"
    other.hardlink_to(place.output)
    redelta.run("-f", *place.words("patch"), place.output).done()
    assert other.read_bytes() == b"old"
    assert place.output.read_bytes() == NEW


def test_a_reader_of_the_old_output_keeps_the_old_bytes(redelta: Tool, place: Place) -> None:
    place.output.write_bytes(b"old" * 10_000)
    with place.output.open("rb", buffering=0) as reader:
        redelta.run("-f", *place.words("patch"), place.output).done()
        assert reader.read() == b"old" * 10_000


# ---- Modes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o000, 0o666)])
def test_a_new_file_has_the_mode_that_the_umask_leaves(redelta: Tool, place: Place, mask: int, expected: int) -> None:
    with umask(mask):
        redelta.run(*place.words("patch"), place.output).done()
        redelta.run("-f", *place.words("patch"), place.folder / "forced").done()
    assert mode(place.output) == expected
    assert mode(place.folder / "forced") == expected


@pytest.mark.parametrize("old", [0o600, 0o644, 0o755, 0o400, 0o666])
def test_a_replaced_file_keeps_its_mode(redelta: Tool, place: Place, old: int) -> None:
    place.output.write_bytes(b"old")
    place.output.chmod(old)
    with umask(0o022):
        redelta.run("-f", *place.words("patch"), place.output).done()
    assert mode(place.output) == old
    assert place.output.read_bytes() == NEW


# ---- Output that is an input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "target"),
    [("signature", "basis"), ("delta", "signature"), ("delta", "new"), ("patch", "basis"), ("patch", "delta")],
)
def test_the_output_may_be_one_of_the_inputs(redelta: Tool, place: Place, verb: str, target: str) -> None:
    expected = redelta.run(*place.words(verb)).done()
    redelta.run(*place.words(verb), place.input(target)).fails(1)
    redelta.run("-f", *place.words(verb), place.input(target)).done()
    assert place.input(target).read_bytes() == expected
    assert len(list(place.inputs.iterdir())) == 4


def test_the_basis_stays_when_patching_it_in_place_fails(redelta: Tool, place: Place, late_failure: int) -> None:
    redelta.run("-f", *place.words("patch"), place.input("basis")).fails(late_failure)
    assert place.input("basis").read_bytes() == BASIS
    assert len(list(place.inputs.iterdir())) == 4


def test_the_output_may_be_an_input_redirected_to_standard_input(redelta: Tool, place: Place) -> None:
    with place.input("basis").open("rb") as basis:
        redelta.run("-f", "patch", "-", place.input("delta"), place.input("basis"), stdin=basis).done()
    assert place.input("basis").read_bytes() == NEW


# ---- Failure leaves nothing -----------------------------------------------------------------------------------------


def test_a_failure_after_output_began_leaves_no_file(redelta: Tool, place: Place, late_failure: int) -> None:
    redelta.run(*place.words("patch"), place.output).fails(late_failure)
    assert place.names() == []
    place.output.write_bytes(b"precious")
    redelta.run("-f", *place.words("patch"), place.output).fails(late_failure)
    assert place.output.read_bytes() == b"precious"
    assert place.names() == ["output"]


def test_a_missing_input_leaves_the_output_untouched(redelta: Tool, place: Place) -> None:
    place.output.write_bytes(b"precious")
    missing = place.inputs / "missing"
    commands: list[Words] = [
        ["signature", missing],
        ["delta", missing, missing],
        ["patch", place.input("basis"), missing],
    ]
    for words in commands:
        assert redelta.run("-f", *words, place.output).fails(1).file == str(missing)
        assert redelta.run(*words, place.output).fails(1).file in (str(missing), str(place.output))
    assert place.output.read_bytes() == b"precious"
    assert place.names() == ["output"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("exists", [False, True])
def test_a_signal_leaves_the_destination_untouched(
    redelta: Tool, place: Place, number: signal.Signals, exists: bool
) -> None:
    """The command waits for more of the delta when the signal comes, and has written much of the new file."""
    if exists:
        place.output.write_bytes(b"precious")
    with redelta.start("-f", "patch", place.input("basis"), "-", place.output) as running:
        running.feed(encode_delta([Literal(bytes(1 << 20))])[:-1])
        running.process.send_signal(number)
        assert running.status() == -number
    # A killed process cannot clean up, but then the file has no name yet.
    assert place.names() == (["output"] if exists else [])
    assert not exists or place.output.read_bytes() == b"precious"


def test_a_signal_is_heeded_whenever_it_comes(redelta: Tool, place: Place) -> None:
    """Also between two reads, and while the command starts: it must not be noted and then waited out."""
    for step in range(40):
        with redelta.start("patch", place.input("basis"), "-", place.output) as running:
            running.feed(delta_header())
            time.sleep(step / 10_000)
            running.process.send_signal(signal.SIGTERM)
            assert running.status() == -signal.SIGTERM
        assert place.names() == []


def test_a_hangup_that_is_ignored_from_the_start_stays_ignored(redelta: Tool, place: Place) -> None:
    """As under nohup."""
    script = 'trap "" HUP; exec "$@"'
    words = ("patch", place.input("basis"), "-", place.output)
    with Tool(Path("/bin/sh")).start("-c", script, "sh", redelta.path, *words) as running:
        running.feed(encode_delta([Literal(bytes(1 << 20))])[:-1])
        running.process.send_signal(signal.SIGHUP)
        running.feed(b"\x00")
        running.end_input()
        assert running.status() == 0
    assert place.output.read_bytes() == bytes(1 << 20)


# ---- What is not a plain file ---------------------------------------------------------------------------------------


def test_a_link_at_the_destination_is_replaced_and_its_target_untouched(redelta: Tool, place: Place) -> None:
    target = place.folder / "target"
    target.write_bytes(b"precious")
    place.output.symlink_to(target)
    redelta.run(*place.words("patch"), place.output).fails(1)
    assert place.output.is_symlink()
    redelta.run("-f", *place.words("patch"), place.output).done()
    assert not place.output.is_symlink()
    assert place.output.read_bytes() == NEW
    assert target.read_bytes() == b"precious"
    assert place.names() == ["output", "target"]


def test_a_dangling_link_is_an_existing_output(redelta: Tool, place: Place) -> None:
    place.output.symlink_to(place.folder / "nowhere")
    assert "exists" in redelta.run(*place.words("patch"), place.output).fails(1).what
    assert place.output.is_symlink()
    redelta.run("-f", *place.words("patch"), place.output).done()
    assert place.output.read_bytes() == NEW
    assert place.names() == ["output"]


def test_a_link_to_the_basis_as_destination_leaves_the_basis(redelta: Tool, place: Place) -> None:
    place.output.symlink_to(place.input("basis"))
    redelta.run("-f", *place.words("patch"), place.output).done()
    assert place.input("basis").read_bytes() == BASIS
    assert place.output.read_bytes() == NEW


def test_a_link_to_a_folder_in_the_path_is_followed(redelta: Tool, place: Place) -> None:
    link = place.inputs / "link"
    link.symlink_to(place.folder)
    redelta.run(*place.words("patch"), link / "output").done()
    assert place.output.read_bytes() == NEW


def test_a_folder_is_no_destination(redelta: Tool, place: Place) -> None:
    place.output.mkdir()
    redelta.run(*place.words("patch"), place.output).fails(1)
    assert redelta.run("-f", *place.words("patch"), place.output).fails(1).file == str(place.output)
    assert place.output.is_dir()
    assert place.names() == ["output"]
    assert list(place.output.iterdir()) == []


def test_a_destination_in_a_missing_folder_is_an_error(redelta: Tool, place: Place) -> None:
    output = place.folder / "missing" / "output"
    for options in ([], ["-f"]):
        assert redelta.run(*options, *place.words("patch"), output).fails(1).file == str(output)
    assert place.names() == []


def test_a_destination_below_a_file_is_an_error(redelta: Tool, place: Place) -> None:
    for options in ([], ["-f"]):
        redelta.run(*options, *place.words("patch"), place.input("basis") / "output").fails(1)
    assert place.input("basis").read_bytes() == BASIS


def test_a_plain_name_is_made_in_the_current_folder(redelta: Tool, place: Place) -> None:
    redelta.run(*place.words("patch"), "output", cwd=place.folder).done()
    assert place.output.read_bytes() == NEW
    redelta.run("-f", *place.words("patch"), "output", cwd=place.folder).done()
    assert place.names() == ["output"]


def test_the_longest_name_that_the_system_allows_works(redelta: Tool, place: Place) -> None:
    output = place.folder / ("n" * 255)
    redelta.run(*place.words("patch"), output).done()
    redelta.run("-f", *place.words("patch"), output).done()
    assert output.read_bytes() == NEW
    redelta.run(*place.words("patch"), place.folder / ("n" * 256)).fails(1)
    assert place.names() == ["n" * 255]


@pytest.mark.parametrize("options", [[], ["-f"]])
def test_a_fifo_is_written_to_and_stays_a_fifo(redelta: Tool, place: Place, options: list[str]) -> None:
    os.mkfifo(place.output)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(place.output.read_bytes()))
    reader.start()
    redelta.run(*options, *place.words("patch"), place.output).done()
    reader.join(60)
    assert got == [NEW]
    assert stat.S_ISFIFO(place.output.lstat().st_mode)
    assert place.names() == ["output"]


def test_a_pipe_may_be_the_destination_by_name(redelta: Tool, place: Place) -> None:
    """As a shell's >(command) gives it."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as reader:
        redelta.run(*place.words("delta"), f"/dev/fd/{write_end}", pass_fds=[write_end]).done()
        os.close(write_end)
        assert reader.read() == place.input("delta").read_bytes()


@pytest.fixture
def full_device(place: Place) -> Path:
    """A device like /dev/full, but in the test's own folder."""
    try:
        os.mknod(place.output, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
        place.output.open("wb").close()
    except OSError as reason:
        pytest.skip(f"devices cannot be made here: {reason}")
    return place.output


@VERBS
def test_a_full_device_by_name_is_an_error_and_stays_a_device(
    redelta: Tool, place: Place, full_device: Path, verb: str
) -> None:
    for options in ([], ["-f"]):
        error = redelta.run(*options, *place.words(verb), full_device).fails(1)
        assert error.file == str(full_device)
        assert "space" in error.what
    assert stat.S_ISCHR(full_device.lstat().st_mode)
    assert place.names() == ["output"]


# ---- Standard streams that are closed -------------------------------------------------------------------------------


def test_the_output_stays_right_when_standard_error_is_closed(redelta: Tool, place: Place) -> None:
    """A file opened as descriptor 2 must not receive messages."""
    result = shell('exec "$1" -s -v patch "$2" "$3" "$4" 2>&-', redelta.path, *place.words("patch")[1:], place.output)
    assert result.status in (0, 1)
    assert place.names() == [] if result.status else place.output.read_bytes() == NEW


def test_no_input_is_damaged_when_standard_output_is_closed(redelta: Tool, place: Place) -> None:
    for verb in ("signature", "delta", "patch"):
        result = shell('tool=$1; shift; exec "$tool" "$@" >&-', redelta.path, *place.words(verb))
        assert result.fails(1).verb == verb
    assert place.input("basis").read_bytes() == BASIS
    assert place.input("new").read_bytes() == NEW


def test_a_named_output_is_right_when_standard_output_is_closed(redelta: Tool, place: Place) -> None:
    result = shell('exec "$1" patch "$2" "$3" "$4" >&-', redelta.path, *place.words("patch")[1:], place.output)
    result.done()
    assert place.output.read_bytes() == NEW


def test_closed_standard_input_is_an_error(redelta: Tool, place: Place) -> None:
    result = shell('exec "$1" signature - "$2" <&-', redelta.path, place.output)
    result.fails(1)
    assert place.names() == []


def test_standard_output_that_is_an_input_is_refused(redelta: Tool, place: Place) -> None:
    """It would be overwritten while it is read, or grow without end."""
    inputs = {"signature": ["basis"], "delta": ["signature", "new"], "patch": ["basis", "delta"]}
    for verb, names in inputs.items():
        for name in names:
            before = place.input(name).read_bytes()
            with place.input(name).open("ab") as redirected:
                redelta.run(*place.words(verb), stdout=redirected).refuses()
            assert place.input(name).read_bytes() == before
