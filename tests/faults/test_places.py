"""Unusual names, hostile places, and what others do to the output while a command works on it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faults.courses import NAMED
from helpers.samples import noise
from helpers.tool import HANG_SECONDS, Argument, Result, Running, Tool, assert_sound, plain_environment

NOBODY = 65534
BASIS = noise(50_000, 1)
NEW = BASIS[:20_000] + noise(700, 2) + BASIS[20_000:]


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Commands run with unnamed temporary files, and without."""
    name: str = request.param
    if name == "named":
        monkeypatch.setenv("LD_PRELOAD", os.environ["REDELTA_INTERPOSER"])
        monkeypatch.setenv("REDELTA_FAULTS", NAMED)
    return name


@dataclass
class Patch:
    """A basis and its delta in a folder, and the commands."""

    folder: Path
    tools: dict[str, Path]
    delta: bytes = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "basis").write_bytes(BASIS)
        (self.folder / "new").write_bytes(NEW)
        run = Tool(self.tools["redelta"]).run
        signature = run("signature", self.folder / "basis").done()
        self.delta = run("delta", "-", self.folder / "new", stdin=signature).done()
        (self.folder / "delta").write_bytes(self.delta)

    def tool(self, name: str) -> Tool:
        """One of the commands."""
        return Tool(self.tools[name])

    def words(self, name: str, force: bool, delta: Argument, out: Argument) -> list[Argument]:
        """The words of a patch of the basis."""
        return [*(["-f"] if force else []), "patch", self.folder / "basis", delta, out]

    def run(self, name: str, out: Argument, force: bool = True) -> Result:
        """A patch that is not disturbed."""
        return self.tool(name).run(*self.words(name, force, self.folder / "delta", out))


@pytest.fixture
def patch(tmp_path: Path, tools: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Patch:
    """The patch that a test repeats, made without faults."""
    folder = tmp_path / "patch"
    folder.mkdir()
    with monkeypatch.context() as plain:
        plain.delenv("LD_PRELOAD", raising=False)
        return Patch(folder, tools)


@pytest.fixture
def d(tmp_path: Path) -> Path:
    """The folder of the output."""
    folder = tmp_path / "d"
    folder.mkdir()
    return folder


tool = pytest.mark.parametrize("tool", ["redelta", "rdiff"])

# ---- Names ----------------------------------------------------------------------------------------------------------

NAMES = {
    "spaces": b" a  b ",
    "newlines": b"a\nb\n",
    "no_utf8": b"\xff\xfe\x80",
    "controls": b"\x1b[31m\x07\x7f",
    "leading_dashes": b"--force",
    "dash_and_letter": b"-f",
    "quotes": b"'\"`$(false)`;&|*?[a]\\",
    "percent": b"%s%n%d",
    "temporary": b".redelta-0000000000000000-0",
    "longest": b"n" * 255,
    "one_letter": b"n",
}
name = pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))


@tool
@name
def test_any_name_is_a_name(patch: Patch, d: Path, way: str, tool: str, name: bytes) -> None:
    """As the name of each file and of a folder; and relative, after --."""
    folder = os.fsencode(d) + b"/" + name
    run = patch.tool(tool).run
    for each in (b"/s", b"/d", b"/o"):
        os.makedirs(folder + each)
    signature, delta, out = (folder + each + name for each in (b"/s/", b"/d/", b"/o/"))
    assert run("signature", patch.folder / "basis", signature).done() == b""
    assert run("delta", signature, patch.folder / "new", delta).done() == b""
    inside = Path(os.fsdecode(folder + b"/o"))
    assert run("--", "patch", patch.folder / "basis", delta, name, cwd=inside).done() == b""
    with open(out, "rb") as file:
        assert file.read() == NEW
    assert [os.listdir(folder + each) for each in (b"/s", b"/d", b"/o")] == [[name]] * 3


@tool
@name
def test_a_message_with_any_name_is_a_line(patch: Patch, d: Path, way: str, tool: str, name: bytes) -> None:
    out = os.fsencode(d) + b"/" + name
    with open(out, "wb") as file:
        file.write(b"old")
    result = patch.run(tool, out, force=False)
    assert result.status == {"redelta": 1, "rdiff": 100}[tool], result.describe()
    assert result.err.count(b"\n") == 1
    assert all(byte >= 0x20 and byte != 0x7F for byte in result.err[:-1])
    with open(out, "rb") as file:
        assert file.read() == b"old"


# ---- While it works -------------------------------------------------------------------------------------------------


def wait_for_output(running: Running, folder: Path) -> None:
    """Until the command has a file in the folder open."""
    descriptors = Path(f"/proc/{running.process.pid}/fd")
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        for descriptor in descriptors.iterdir():
            try:
                target = os.readlink(descriptor)
            except OSError:
                continue
            if target.startswith(f"{folder}/"):
                return
        time.sleep(0.002)
    pytest.fail("the command did not open its output")


def during(patch: Patch, tool: str, out: Path, act: Callable[[], object], force: bool = True) -> tuple[int, bytes]:
    """Patches with the delta from a pipe, and acts when half of it was written. Returns the status and the message."""
    folder = Path(os.path.realpath(out.parent))
    with patch.tool(tool).start(*patch.words(tool, force, "-", out)) as running:
        running.feed(patch.delta[: len(patch.delta) // 2])
        wait_for_output(running, folder)
        act()
        running.feed(patch.delta[len(patch.delta) // 2 :])
        running.end_input()
        err = running.error_text()
        return running.status(), err


def assert_new(out: Path, entries: int) -> None:
    """The output is a whole file of its own, and its folder has this many names."""
    assert stat.S_ISREG(out.lstat().st_mode)
    assert out.read_bytes() == NEW
    assert len(os.listdir(out.parent)) == entries


@tool
def test_a_link_that_is_put_there_is_replaced_and_not_followed(patch: Patch, d: Path, way: str, tool: str) -> None:
    victim, out = d / "victim", d / "out"
    victim.write_bytes(b"precious")
    out.write_bytes(b"old")

    def swap() -> None:
        out.unlink()
        out.symlink_to("victim")

    assert during(patch, tool, out, swap)[0] == 0
    assert victim.read_bytes() == b"precious"
    assert_new(out, 2)


def test_sync_leaves_a_link_that_is_put_there(patch: Patch, d: Path, way: str) -> None:
    """It is no longer what was to be changed."""
    victim, out = d / "victim", d / "out"
    victim.write_bytes(b"precious")
    out.write_bytes(BASIS)
    with patch.tool("redelta").start("sync", "-q", "-", out) as running:
        running.feed(NEW[: len(NEW) // 2])
        wait_for_output(running, d)
        out.unlink()
        out.symlink_to("victim")
        with suppress(BrokenPipeError):  # it may have noticed before it reads the rest
            running.feed(NEW[len(NEW) // 2 :])
        with suppress(BrokenPipeError):
            running.end_input()
        assert b"out: was changed by another program meanwhile" in running.error_text()
        assert running.status() == 4
    assert victim.read_bytes() == b"precious"
    assert out.is_symlink()
    assert len(os.listdir(d)) == 2


@tool
def test_a_link_that_is_put_there_is_refused_without_force(patch: Patch, d: Path, way: str, tool: str) -> None:
    victim, out = d / "victim", d / "out"
    victim.write_bytes(b"precious")
    status, err = during(patch, tool, out, lambda: out.symlink_to("victim"), force=False)
    assert status in (1, 100)
    assert b"out" in err
    assert victim.read_bytes() == b"precious"
    assert out.is_symlink()
    assert len(os.listdir(d)) == 2


@tool
@pytest.mark.parametrize("force", [False, True])
def test_a_link_that_is_swapped_all_the_time(patch: Patch, d: Path, way: str, tool: str, force: bool) -> None:
    """Between two files and a link to a third; that is never written to."""
    victim, out, one, two = (d / word for word in ("victim", "out", "one", "two"))
    victim.write_bytes(b"precious")
    script = 'while :; do echo x >"$1"; mv "$1" "$3"; ln -s victim "$2"; mv -T "$2" "$3"; done'
    swapper = subprocess.Popen(["sh", "-c", script, "sh", one, two, out], stderr=subprocess.DEVNULL)
    try:
        for _ in range(10):
            result = patch.run(tool, out, force)
            assert result.status == 0 or not force, result.describe()
            assert victim.read_bytes() == b"precious"
    finally:
        swapper.kill()
        swapper.wait()
    assert not [each for each in os.listdir(d) if each.startswith(".")]


@tool
def test_a_folder_that_is_swapped_for_a_link_keeps_the_output(
    patch: Patch, tmp_path: Path, way: str, tool: str
) -> None:
    """The folder is the one that had the name when the output was opened."""
    folder, moved, other = (tmp_path / word for word in ("folder", "moved", "other"))
    folder.mkdir()
    other.mkdir()

    def swap() -> None:
        folder.rename(moved)
        folder.symlink_to("other")

    assert during(patch, tool, folder / "out", swap)[0] == 0
    assert os.listdir(other) == []
    assert_new(moved / "out", 1)


@tool
def test_a_folder_that_is_removed_is_a_failure(patch: Patch, d: Path, way: str, tool: str) -> None:
    status, err = during(patch, tool, d / "out", lambda: shutil.rmtree(d), force=False)
    assert status in (1, 100)
    assert b"out" in err
    assert b"No such file or directory" in err
    assert not d.exists()


@tool
def test_a_file_that_becomes_a_folder_is_a_failure(patch: Patch, d: Path, way: str, tool: str) -> None:
    out = d / "out"
    out.write_bytes(b"old")

    def swap() -> None:
        out.unlink()
        out.mkdir()

    status, err = during(patch, tool, out, swap)
    assert status in (1, 100)
    assert b"Is a directory" in err
    assert os.listdir(d) == ["out"]


@tool
def test_a_basis_that_is_the_output_and_removed_stays_removed(patch: Patch, way: str, tool: str) -> None:
    basis = patch.folder / "basis"
    status, err = during(patch, tool, basis, basis.unlink)
    assert status in (4, 100)
    assert b"basis: was changed by another program meanwhile" in err
    assert not basis.exists()


# ---- Kinds of places ------------------------------------------------------------------------------------------------


@tool
def test_other_hard_links_keep_the_old_file(patch: Patch, way: str, tool: str) -> None:
    basis, other = patch.folder / "basis", patch.folder / "other"
    other.hardlink_to(basis)
    patch.run(tool, basis).done()
    assert basis.read_bytes() == NEW
    assert other.read_bytes() == BASIS


@tool
def test_the_output_may_be_on_another_file_system(patch: Patch, way: str, tool: str) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if os.stat(folder).st_dev == patch.folder.stat().st_dev:
            pytest.skip("/dev/shm is no other file system")
        out = Path(folder) / "out"
        patch.run(tool, out, force=False).done()
        assert_new(out, 1)
        patch.run(tool, out).done()
        assert_new(out, 1)


@tool
@pytest.mark.parametrize("replaces", [False, True])
def test_a_full_file_system(patch: Patch, d: Path, way: str, tool: str, replaces: bool) -> None:
    """A real one of 40 KiB, in a mount namespace that goes with the shell."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", d], capture_output=True).returncode != 0:
        pytest.skip("this root may not mount")
    script = """mount -t tmpfs -o size=40k tmpfs "$1" || exit 99
        [ "$2" = False ] || echo old >"$1/out"
        shift 2; "$@"; status=$?
        cd "$0" && ls -A; [ ! -e out ] || cat out
        exit $status"""
    words = patch.words(tool, replaces, patch.folder / "delta", d / "out")
    command = [patch.tools[tool], *words]
    result = run_words(["unshare", "-m", "sh", "-c", script, d, d, str(replaces), *command])
    assert result.status in (1, 100), result.describe()
    assert b"No space left on device" in result.err, result.describe()
    assert result.out == (b"out\nold\n" if replaces else b"")


def run_words(words: Sequence[Argument]) -> Result:
    """Runs any command."""
    text = [os.fsdecode(word) for word in words]
    finished = subprocess.run(
        text, capture_output=True, env=plain_environment(), timeout=HANG_SECONDS, stdin=subprocess.DEVNULL, check=False
    )
    result = Result(text, finished.returncode, finished.stdout, finished.stderr)
    assert_sound(result)
    return result


@dataclass
class Stranger:
    """A user without rights, in a folder that may be reached; the commands are there for that user."""

    folder: Path
    tools: dict[str, Path]
    interposer: Path

    def patch(self, tool: str, force: bool, way: str) -> Result:
        """Patches as that user to d/out."""
        words: list[Argument] = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        words += ["env", "-u", "LD_PRELOAD"]
        if way == "named":
            words += [f"LD_PRELOAD={self.interposer}", f"REDELTA_FAULTS={NAMED}"]
        words += [self.tools[tool], *(["-f"] if force else []), "patch"]
        return run_words([*words, self.folder / "basis", self.folder / "delta", self.folder / "d" / "out"])


@pytest.fixture
def stranger(patch: Patch) -> Iterator[Stranger]:
    """For root only, who can become one."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory(prefix="redelta-faults-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "d").mkdir()
        tools = {name: Path(shutil.copy(path, root / name)) for name, path in patch.tools.items()}
        interposer = Path(shutil.copy(os.environ["REDELTA_INTERPOSER"], root / "interposer.so"))
        for name in ("basis", "delta"):
            shutil.copy(patch.folder / name, root / name)
            (root / name).chmod(0o644)
        yield Stranger(root, tools, interposer)


@tool
@pytest.mark.parametrize("replaces", [False, True])
def test_a_folder_that_may_not_be_written_to(stranger: Stranger, way: str, tool: str, replaces: bool) -> None:
    d = stranger.folder / "d"
    if replaces:
        (d / "out").write_bytes(b"old")
    result = stranger.patch(tool, replaces, way)
    assert result.status in (1, 100), result.describe()
    assert b"out" in result.err
    assert b"Permission denied" in result.err
    assert [each.read_bytes() for each in d.iterdir()] == ([b"old"] if replaces else [])


@tool
def test_a_file_of_somebody_else_where_all_may_write(stranger: Stranger, way: str, tool: str) -> None:
    """It is replaced by a file of the user who runs the command, whose group gets what others have."""
    d = stranger.folder / "d"
    d.chmod(0o777)
    (d / "out").write_bytes(b"old")
    (d / "out").chmod(0o4750)
    assert stranger.patch(tool, True, way).status == 0
    assert_new(d / "out", 1)
    status = (d / "out").stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (NOBODY, 0o700)


@tool
def test_a_file_of_somebody_else_in_a_sticky_folder(stranger: Stranger, way: str, tool: str) -> None:
    d = stranger.folder / "d"
    d.chmod(0o1777)
    (d / "out").write_bytes(b"old")
    result = stranger.patch(tool, True, way)
    assert result.status in (1, 100), result.describe()
    assert b"Operation not permitted" in result.err
    assert [each.read_bytes() for each in d.iterdir()] == [b"old"]


@tool
def test_root_keeps_the_owner_and_no_special_bits(stranger: Stranger, patch: Patch, way: str, tool: str) -> None:
    basis = patch.folder / "basis"
    os.chown(basis, NOBODY, NOBODY)
    basis.chmod(0o4750)
    patch.run(tool, basis).done()
    status = basis.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (NOBODY, NOBODY, 0o750)


@tool
def test_an_immutable_file_stays(patch: Patch, way: str, tool: str) -> None:
    basis = patch.folder / "basis"
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", basis], capture_output=True).returncode != 0:
        pytest.skip("no file can be made immutable here")
    try:
        before = sorted(os.listdir(patch.folder))
        result = patch.run(tool, basis)
        assert result.status in (1, 100), result.describe()
        assert b"Operation not permitted" in result.err
        assert basis.read_bytes() == BASIS
        assert sorted(os.listdir(patch.folder)) == before
    finally:
        subprocess.run(["chattr", "-i", basis], check=True)
