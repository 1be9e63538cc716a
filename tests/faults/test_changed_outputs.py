"""A file that is replaced, and is its own basis, is changed by somebody else meanwhile.

What the other did stays: the new content, made from what the file was, is not put in its place, and the message says
so. The moments are made certain by an interposer, which has a shell make the change before a call, and by pipes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.courses import NAMED, os_message
from helpers.places import ROOT, Places, access_list, attributes
from helpers.replacing import BASIS, NEW, PATCH_ITSELF, SYNC, Kit, Verb, each
from helpers.tool import Result, Running, Tool

CHANGED = 4
THEIRS = b"theirs\n"

CHANGES = {
    "appended to": 'echo theirs >>"$out"',
    "overwritten": 'printf theirs | dd of="$out" conv=notrunc status=none',
    "overwritten, with the old time":
        'touch -r "$out" "$aside"; printf theirs | dd of="$out" conv=notrunc status=none; touch -r "$aside" "$out"',
    "emptied": ': >"$out"',
    "replaced": 'echo theirs >"$aside"; mv "$aside" "$out"',
    "replaced by a copy": 'cp -p "$out" "$aside"; mv "$aside" "$out"',
    "removed": 'rm "$out"',
    "made a link": 'mv "$out" "$aside"; ln -s "$aside" "$out"',
    "made a folder": 'rm "$out"; mkdir "$out"',
    "made a pipe": 'rm "$out"; mkfifo "$out"',
}  # fmt: skip
changes = pytest.mark.parametrize("change", CHANGES)

TOUCHES = {
    "mode": 'chmod 604 "$out"',
    "owner": 'chown 2000:2100 "$out"',
    "access list": 'setfacl -m u:2002:r "$out"',
    "attribute": 'setfattr -n user.theirs -v 1 "$out"',
    "time": 'touch -d 2001-01-01 "$out"',
}


@pytest.fixture(scope="module")
def kit(tools: dict[str, Path]) -> Iterator[Kit]:
    with Places() as places:
        yield Kit(places, tools)


class Scene:
    """The file, another name in the same folder, and what they are before and after."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.folder = kit.places.new_folder("scene")
        self.out = self.folder / "out"
        self.aside = self.folder / "aside"

    def script(self, change: str) -> str:
        """For a shell. It acts once, however often it is run."""
        done = self.kit.places.folder / f"done-{self.folder.name}"
        return f'[ ! -e {done} ] || exit 0; touch {done}; out="{self.out}"; aside="{self.aside}"; {change}'

    def change(self, change: str) -> None:
        """Changes the file now."""
        assert ROOT.run("sh", "-ec", self.script(change)).status == 0

    def interposed(self, change: str, moment: str, way: str = "") -> dict[str, str]:
        """The environment in which the file is changed at that moment."""
        return {
            "LD_PRELOAD": os.environ["REDELTA_INTERPOSER"],
            "REDELTA_FAULTS": f"{way} {moment}",
            "REDELTA_FAULTS_RUN": self.script(change),
        }

    def snapshot(self) -> dict[str, tuple[int, int, bytes | str]]:
        """Each name, with its inode, its mode, and its content or where it leads."""
        names = {}
        for name in sorted(os.listdir(self.folder)):
            path = self.folder / name
            status = path.lstat()
            what: bytes | str = ""
            if stat.S_ISLNK(status.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                what = path.read_bytes()
            names[name] = (status.st_ino, status.st_mode, what)
        return names


@pytest.fixture
def scene(kit: Kit) -> Scene:
    return Scene(kit)


def expected(scene: Scene, change: str) -> dict[str, tuple[int, bytes | str]]:
    """What the change alone leaves in a folder: each name with its mode, and its content or where it leads."""
    twin = Scene(scene.kit)
    twin.out.write_bytes(BASIS)
    twin.out.chmod(0o644)
    twin.change(change)
    names = {}
    for name, (_, mode, what) in twin.snapshot().items():
        names[name] = (mode, what.replace(twin.folder.name, scene.folder.name) if isinstance(what, str) else what)
    return names


def assert_theirs_stays(scene: Scene, change: str, result: Result) -> None:
    """The command gave up, and all is as the other left it."""
    about = result.describe()
    found = {name: (mode, what) for name, (_, mode, what) in scene.snapshot().items()}
    assert found == expected(scene, change), about
    if result.status == 1:
        assert "mkdir" in change, about
        assert os_message(errno.EISDIR) in result.err, about
    else:
        assert result.status == CHANGED, about
        assert b"changed" in result.err or b"not the basis" in result.err, about


@changes
@each((PATCH_ITSELF, SYNC))
@pytest.mark.parametrize("way", ["", NAMED], ids=["unnamed", "named"])
def test_changed_when_it_is_flushed(kit: Kit, scene: Scene, verb: Verb, change: str, way: str) -> None:
    out = kit.prepare(verb, scene.out)
    result = kit.run(verb, out, variables=scene.interposed(CHANGES[change], "fsync:0:run", way))
    assert_theirs_stays(scene, CHANGES[change], result)


@pytest.mark.parametrize("change", [change for change in CHANGES if change != "overwritten, with the old time"])
@each((PATCH_ITSELF, SYNC))
def test_changed_at_the_last_moment(kit: Kit, scene: Scene, verb: Verb, change: str) -> None:
    """Before the first call that gives the new file its name: nothing that is checked before that can notice.

    Other bytes of the same size and with the old time could only be told by the time of the last change, which the
    exchange of the two files sets as well.
    """
    out = kit.prepare(verb, scene.out)
    faults = "renameat:0:run renameat2:0:run"
    result = kit.run(verb, out, variables=scene.interposed(CHANGES[change], faults))
    assert_theirs_stays(scene, CHANGES[change], result)


def start(kit: Kit, verb: Verb, out: Path) -> Running:
    """The verb, with the input that is not the file itself from a pipe."""
    words = kit.words(verb, out)
    last = max(i for i, word in enumerate(words) if isinstance(word, Path) and word.parent == kit.folder)
    words[last] = "-"
    return Tool(kit.programs["redelta"]).start(*words[1:])


def input_of(kit: Kit, verb: Verb) -> bytes:
    return kit.files["new" if verb == SYNC else "delta"]


def wait_until_open(running: Running, path: Path, count: int = 2) -> None:
    """Until it has opened so many files of the folder: the old one and the new one, which need not have a name."""
    while sum(target.startswith(f"{path.parent}/") for target in open_files(running)) < count:
        assert running.process.poll() is None, running.error_text()


def open_files(running: Running) -> list[str]:
    """What its descriptors lead to."""
    folder = Path(f"/proc/{running.process.pid}/fd")
    found = []
    for each_one in os.listdir(folder):
        try:
            found.append(os.readlink(folder / each_one))
        except OSError:
            continue
    return found


def run_with_change(kit: Kit, verb: Verb, scene: Scene, change: str, opened: int = 2) -> Result:
    """Changes the file after half of the input, when it has opened so many files of the folder."""
    given = input_of(kit, verb)
    with start(kit, verb, scene.out) as running:
        running.feed(given[: len(given) // 2])
        wait_until_open(running, scene.out, opened)
        scene.change(change)
        with contextlib.suppress(BrokenPipeError):  # it may have noticed the change before it reads
            running.feed(given[len(given) // 2 :])
        with contextlib.suppress(BrokenPipeError):
            running.end_input()
        err = running.error_text()
        return Result((str(verb), change), running.status(), b"", err)


@changes
@each((PATCH_ITSELF, SYNC))
def test_changed_while_it_waits_for_its_input(kit: Kit, scene: Scene, verb: Verb, change: str) -> None:
    kit.prepare(verb, scene.out)
    assert_theirs_stays(scene, CHANGES[change], run_with_change(kit, verb, scene, CHANGES[change]))


@each((PATCH_ITSELF, SYNC))
def test_not_changed_while_it_waits(kit: Kit, scene: Scene, verb: Verb) -> None:
    """The same with a change that is none."""
    kit.prepare(verb, scene.out)
    result = run_with_change(kit, verb, scene, 'cat "$out" >/dev/null')
    assert result.status == 0, result.describe()
    assert os.listdir(scene.folder) == ["out"]
    assert scene.out.read_bytes() == NEW


makings = pytest.mark.parametrize("change", ['echo theirs >"$out"', 'ln -s "$aside" "$out"', 'mkdir "$out"'])


def assert_theirs_is_there(scene: Scene, result: Result) -> None:
    """What the other made, and nothing else."""
    assert os.listdir(scene.folder) == ["out"], result.describe()
    out = scene.out
    assert out.is_symlink() or out.is_dir() or out.read_bytes() == THEIRS, result.describe()
    assert result.status in (1, CHANGED), result.describe()


@makings
@pytest.mark.parametrize("way", ["", NAMED], ids=["unnamed", "named"])
def test_made_at_the_last_moment_where_there_was_none(kit: Kit, scene: Scene, change: str, way: str) -> None:
    moment = "linkat:0:run renameat:0:run renameat2:0:run"
    assert_theirs_is_there(scene, kit.run(SYNC, scene.out, variables=scene.interposed(change, moment, way)))


@makings
def test_made_while_it_waits_where_there_was_none(kit: Kit, scene: Scene, change: str) -> None:
    assert_theirs_is_there(scene, run_with_change(kit, SYNC, scene, change, opened=1))


@each((PATCH_ITSELF, SYNC))
@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.parametrize("moment", ["fsync:0:run", "pread:0:run"], ids=["flush", "read"])
def test_what_it_is_at_the_end_counts(kit: Kit, scene: Scene, verb: Verb, touch: str, moment: str) -> None:
    """Mode, owner and the rest are kept as the other set them; or the change is noticed, and nothing is replaced."""
    out = kit.prepare(verb, scene.out)
    result = kit.run(verb, out, variables=scene.interposed(TOUCHES[touch], moment))
    twin = Scene(kit)
    kit.prepare(verb, twin.out)
    twin.change(TOUCHES[touch])
    assert result.status in (0, CHANGED), result.describe()
    assert facts(out) == facts(twin.out), result.describe()
    assert out.read_bytes() == (NEW if result.status == 0 else BASIS), result.describe()
    assert os.listdir(scene.folder) == ["out"]


def facts(path: Path) -> tuple[object, ...]:
    """What was touched."""
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_gid, access_list(path), attributes(path)


@each((PATCH_ITSELF, SYNC))
def test_of_two_at_once_one_gives_up(kit: Kit, scene: Scene, verb: Verb) -> None:
    """Both began with the same file; the second to finish would undo the first."""
    kit.prepare(verb, scene.out)
    given = input_of(kit, verb)
    with start(kit, verb, scene.out) as first, start(kit, verb, scene.out) as second:
        for running in (first, second):
            running.feed(given[:100])
            wait_until_open(running, scene.out)
        for running, status in ((first, 0), (second, CHANGED)):
            running.feed(given[100:])
            running.end_input()
            err = running.error_text()
            assert running.status() == status, err
    assert scene.out.read_bytes() == NEW
    assert os.listdir(scene.folder) == ["out"]


def test_the_interposer_runs_the_command_once_at_the_moment(kit: Kit, scene: Scene) -> None:
    """Otherwise the tests above would pass for lack of a change."""
    kit.prepare(SYNC, scene.out)
    result = kit.run(SYNC, scene.out, variables=scene.interposed('echo theirs >>"$aside"', "fsync:0:run"))
    assert result.status == 0, result.describe()
    assert scene.aside.read_bytes() == THEIRS
