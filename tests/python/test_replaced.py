"""What write_patch makes of an existing file, and of places that lack something: tests/faults, from Python."""

from __future__ import annotations

import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import redelta
from helpers.places import Places, access_list, attributes, leftovers, set_access_list
from helpers.replacing import BASIS, NEW, PYTHON, PYTHON_ITSELF, Kit, Verb, assert_that, each, is_plain, warned
from helpers.tool import Result, Tool

BOTH = (PYTHON, PYTHON_ITSELF)
AFTER = bytes((1 << 17) - len(BASIS))


@pytest.fixture
def kit(places: Places, redelta: Tool) -> Kit:
    return Kit(places, {"redelta": redelta.path, "python": Path(sys.executable)})


def raised(result: Result) -> bool:
    """Ended by an exception."""
    return result.status == 1 and result.err.startswith(b"Traceback")


@each(BOTH)
def test_a_replaced_file_keeps_everything(kit: Kit, places: Places, verb: Verb) -> None:
    out = kit.prepare(verb, places.new_folder() / "out", 0o640)
    os.chown(out, 2000, 2100)
    set_access_list(out, "u:2002:rw", "g:2200:r", "g::r")
    os.setxattr(out, "user.plain", b"value")
    before = access_list(out), attributes(out), out.stat().st_mode, out.stat().st_uid, out.stat().st_gid
    assert_that(is_plain, kit.run(verb, out))
    kit.assert_new(verb, out)
    assert (access_list(out), attributes(out), out.stat().st_mode, out.stat().st_uid, out.stat().st_gid) == before


@each(BOTH)
def test_special_bits_do_not_survive(kit: Kit, places: Places, verb: Verb) -> None:
    out = kit.prepare(verb, places.new_folder() / "out")
    out.chmod(0o6755)
    assert_that(is_plain, kit.run(verb, out))
    assert stat.S_IMODE(out.stat().st_mode) == 0o755


@each(BOTH)
def test_what_cannot_be_kept_is_a_warning(kit: Kit, places: Places, verb: Verb) -> None:
    view = places.refusing("setxattr=EOPNOTSUPP")
    out = kit.prepare(verb, view.back / "out", 0o664)
    set_access_list(out, "g::-", "m::rw")
    assert_that(warned, kit.run(verb, view.view / "out"))
    kit.assert_new(verb, out)
    assert stat.S_IMODE(out.stat().st_mode) & 0o070 == 0


def test_a_mount_point_is_written_to_in_place(kit: Kit, places: Places) -> None:
    out = kit.prepare(PYTHON, places.new_folder() / "out", 0o640)
    places.bind(out)
    inode = out.stat().st_ino
    assert_that(warned, kit.run(PYTHON, out))
    kit.assert_new(PYTHON, out)
    assert out.stat().st_ino == inode


@each((PYTHON_ITSELF,))
def test_a_mount_point_that_is_its_own_basis_is_refused(kit: Kit, places: Places, verb: Verb) -> None:
    folder = places.new_folder()
    out = kit.prepare(verb, folder / "out")
    places.bind(out)
    assert_that(raised, kit.run(verb, out))
    kit.assert_old(verb, out)
    assert leftovers(folder) == []


@each(BOTH)
@pytest.mark.parametrize("words", [("write=EDQUOT", "room=3000"), ("flush=EDQUOT",), ("create=EDQUOT",)], ids=str)
def test_no_room_leaves_the_old_file(kit: Kit, places: Places, verb: Verb, words: tuple[str, ...]) -> None:
    view = places.refusing(*words)
    out = kit.prepare(verb, view.back / "out", 0o640)
    result = kit.run(verb, view.view / "out")
    assert_that(raised, result)
    assert b"quota" in result.err
    kit.assert_old(verb, out)
    assert os.listdir(view.back) == ["out"]


@pytest.mark.parametrize("names", ["device device", "node device", "device link", "link node"])
def test_a_device_that_is_its_own_basis_is_refused(kit: Kit, places: Places, names: str) -> None:
    device = places.block_device(BASIS + AFTER)
    link = places.new_folder() / "link"
    link.symlink_to(device)
    paths = {"device": device, "node": places.device_node(device), "link": link}
    basis, out = (paths[name] for name in names.split())
    with pytest.raises((redelta.RedeltaError, OSError), match="basis") as caught:
        redelta.write_patch(basis, kit.files["delta"], out)
    assert device.read_bytes() == BASIS + AFTER, caught


def test_a_device_is_patched_from_another_basis(kit: Kit, places: Places) -> None:
    device = places.block_device(BASIS + AFTER)
    redelta.write_patch(BASIS, kit.files["delta"], device)
    assert device.read_bytes() == NEW + AFTER[len(NEW) - len(BASIS) :]


class Changing:
    """A delta that changes something when half of it has been read."""

    def __init__(self, data: bytes, change: Callable[[], object]) -> None:
        self.data = data
        self.at = 0
        self.change: Callable[[], object] | None = change

    def read(self, size: int) -> bytes:
        """The next bytes."""
        half = len(self.data) // 2
        end = min(self.at + size, half if self.at < half else len(self.data))
        if self.at >= half and self.change is not None:
            self.change()
            self.change = None
        given = self.data[self.at : end]
        self.at = end
        return given


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"theirs")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"theirs")
    other.rename(path)


@pytest.mark.parametrize("change", [append, replace, Path.unlink])
def test_a_basis_that_is_changed_meanwhile_stays_as_it_is(
    kit: Kit, places: Places, change: Callable[[Path], object]
) -> None:
    out = kit.prepare(PYTHON_ITSELF, places.new_folder() / "out")
    left: list[bytes | None] = []

    def act() -> None:
        change(out)
        left.append(out.read_bytes() if out.exists() else None)

    with pytest.raises((redelta.RedeltaError, OSError), match="changed"):
        redelta.write_patch(out, Changing(kit.files["delta"], act), out)
    assert [out.read_bytes() if out.exists() else None] == left
    assert leftovers(out.parent) == []


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """A warning where none is expected is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
