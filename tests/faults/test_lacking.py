"""Places that lack something, or allow less than usual: what works all the same, what is said, and what is refused.

Either the new file is there, whole, or the old one is, and in no case a temporary one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.courses import NAMED, os_message
from helpers.places import ROOT, Places, User, View, leftovers, must_run, try_run
from helpers.replacing import (
    BASIS,
    COMMANDS,
    FROM_ANOTHER,
    NEW,
    OLD,
    ON_BASIS,
    PATCH,
    PATCH_ITSELF,
    RDIFF,
    RDIFF_ITSELF,
    SYNC,
    Kit,
    Verb,
    assert_that,
    each,
    failed,
    is_plain,
    warned,
)
from helpers.tool import Result
from helpers.wire import Copy, encode_delta

USER = User(2000, 2000)
ELSEWHERE = ("chmod=EPERM", "chown=EPERM", "link=EPERM", "rename_flags=EINVAL", "flock=ENOLCK", "fallocate=EOPNOTSUPP",
             *(f"{call}xattr=EOPNOTSUPP" for call in ("get", "set", "list", "remove")))  # fmt: skip
"""What FAT, some network file systems and those of phones refuse."""


@pytest.fixture(scope="module")
def kit(tools: dict[str, Path]) -> Iterator[Kit]:
    with Places() as places:
        yield Kit(places, {name: places.copy(path) for name, path in tools.items()})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def make(kit: Kit, out: Path, delta: str = "delta", user: User = ROOT, **variables: str) -> Result:
    """Patches to a name that is free, without -f."""
    words = (kit.programs["redelta"], "patch", "-T1", kit.folder / "basis", kit.folder / delta, out)
    return user.run(*words, **variables)


def assert_unchanged(kit: Kit, verb: Verb, out: Path, folder: Path) -> None:
    """The old file, and nothing else."""
    kit.assert_old(verb, out)
    assert os.listdir(folder) == [out.name]


@pytest.fixture(scope="module")
def broken(kit: Kit) -> str:
    """A delta that ends too early: the failure comes after output was written."""
    name = "broken"
    (kit.folder / name).write_bytes(kit.files["delta"][:-40])
    return name


# ---- File systems without this and that -----------------------------------------------------------------------------


@each(COMMANDS)
def test_where_modes_and_owners_are_fixed_files_are_replaced(kit: Kit, places: Places, verb: Verb) -> None:
    view = places.refusing(*ELSEWHERE, "mode=0755")
    out = kit.prepare(verb, view.back / "out")
    result = kit.run(verb, view.view / "out")
    assert result.status == 0, result.describe()
    kit.assert_new(verb, out)
    assert os.listdir(view.back) == ["out"]


@each(COMMANDS)
@pytest.mark.parametrize("old", [0o644, 0o600, 0o400, 0o755])
def test_a_mode_that_cannot_be_set_is_never_wider(kit: Kit, places: Places, verb: Verb, old: int) -> None:
    view = places.refusing("chmod=EPERM")
    out = kit.prepare(verb, view.back / "out", old)
    result = kit.run(verb, view.view / "out")
    assert mode(out) & ~old == 0, oct(mode(out))
    if result.status == 0:
        kit.assert_new(verb, out)
        assert mode(out) == old or warned(result), result.describe()
    else:
        assert_that(failed, result)
        kit.assert_old(verb, out)
    assert result.status == 0 or old != 0o600, "the mode was right already"
    assert os.listdir(view.back) == ["out"]


@pytest.mark.parametrize("words", [("link=EPERM",), ("rename_flags=EINVAL",), ("flock=ENOLCK",)], ids=str)
def test_one_way_to_make_a_new_file_is_enough(kit: Kit, places: Places, words: tuple[str, ...]) -> None:
    view = places.refusing(*words)
    assert_that(is_plain, make(kit, view.view / "out"))
    assert (view.back / "out").read_bytes() == NEW
    assert os.listdir(view.back) == ["out"]


NO_WAY = [("link=EPERM", "rename_flags=EINVAL"), ("link=EOPNOTSUPP", "rename_flags=ENOSYS"), ELSEWHERE]


@pytest.mark.parametrize("words", NO_WAY, ids=["EPERM", "ENOSYS", "elsewhere"])
def test_a_new_file_without_links_and_flags_of_rename(
    kit: Kit, places: Places, words: tuple[str, ...], broken: str
) -> None:
    view = places.refusing(*words)
    assert_that(failed, make(kit, view.view / "out", broken))
    assert os.listdir(view.back) == []
    result = make(kit, view.view / "out")
    assert result.status == 0, result.describe()
    assert (view.back / "out").read_bytes() == NEW
    assert os.listdir(view.back) == ["out"]
    assert_that(failed, make(kit, view.view / "out"))
    assert (view.back / "out").read_bytes() == NEW


@pytest.mark.parametrize("words", [(), ("link=EPERM",), ("rename_flags=EINVAL",), *NO_WAY], ids=str)
@pytest.mark.parametrize("moment", ["pread:1", "pread:2", "close:3", "linkat:0", "renameat2:0"])
def test_a_name_that_is_taken_meanwhile_is_left_alone(
    kit: Kit, places: Places, words: tuple[str, ...], moment: str
) -> None:
    """Whatever way the file would get its name, somebody else was first."""
    view = places.refusing(*words)
    taken = places.new_folder() / "taken"
    script = f"[ -e {view.back}/out ] || {{ touch {taken}; echo theirs >{view.back}/out; }}"
    result = make(
        kit,
        view.view / "out",
        LD_PRELOAD=os.environ["REDELTA_INTERPOSER"],
        REDELTA_FAULTS=f"{moment}:run",
        REDELTA_FAULTS_RUN=script,
    )
    if taken.exists():
        assert_that(failed, result)
        assert (view.back / "out").read_bytes() == b"theirs\n"
        assert os.listdir(view.back) == ["out"]
    else:
        assert moment != "pread:1"
        assert leftovers(view.back) == []


@each((PATCH_ITSELF, SYNC, RDIFF_ITSELF))
@pytest.mark.parametrize("word", ["fsync=EINVAL", "fallocate=EOPNOTSUPP", "lseek=EINVAL", "copy_file_range=EINVAL",
                                  "flock=ENOSYS", "statfs=ENOSYS", "utimens=EPERM"])  # fmt: skip
def test_what_is_only_for_speed_or_safety_may_be_missing(kit: Kit, places: Places, verb: Verb, word: str) -> None:
    view = places.refusing(word)
    out = kit.prepare(verb, view.back / "out", 0o640)
    result = kit.run(verb, view.view / "out")
    assert result.status == 0, result.describe()
    kit.assert_new(verb, out)
    assert mode(out) == 0o640
    assert os.listdir(view.back) == ["out"]


@each(COMMANDS)
def test_names_that_cannot_be_removed_do_no_harm(kit: Kit, places: Places, verb: Verb) -> None:
    """A next run, where they can, removes them."""
    view = places.refusing("unlink=EACCES")
    out = kit.prepare(verb, view.back / "out")
    result = kit.run(verb, view.view / "out")
    assert result.status == 0, result.describe()
    kit.assert_new(verb, out)
    assert [name for name in os.listdir(view.back) if name not in leftovers(view.back)] == ["out"]
    kit.prepare(verb, out)
    assert kit.run(verb, out).status == 0
    assert os.listdir(view.back) == ["out"]


# ---- Full, faulty and protected places ------------------------------------------------------------------------------


def check_refused(kit: Kit, view: View, verb: Verb, message: bytes) -> None:
    """Status and message of a failure, and the old file."""
    out = kit.prepare(verb, view.back / "out", 0o640)
    result = kit.run(verb, view.view / "out")
    assert_that(failed, result)
    assert message in result.err, result.describe()
    assert_unchanged(kit, verb, out, view.back)
    assert mode(out) == 0o640


@each(COMMANDS)
@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EIO"])
@pytest.mark.parametrize("percent", [0, 50, 99])
def test_no_more_room(kit: Kit, places: Places, verb: Verb, code: str, percent: int) -> None:
    room = len(kit.files[verb.makes]) * percent // 100
    view = places.refusing(f"write={code}", f"room={room}")
    check_refused(kit, view, verb, os_message({"ENOSPC": 28, "EDQUOT": 122, "EIO": 5}[code]))


@each(COMMANDS)
def test_no_room_is_noticed_at_the_close(kit: Kit, places: Places, verb: Verb) -> None:
    """As on NFS."""
    check_refused(kit, places.refusing("flush=EDQUOT"), verb, b"Disk quota exceeded")


@each(ON_BASIS)
def test_a_disk_that_fails_at_the_flush(kit: Kit, places: Places, verb: Verb) -> None:
    check_refused(kit, places.refusing("fsync=EIO"), verb, b"Input/output error")


@each(COMMANDS)
def test_a_file_system_for_reading_only(kit: Kit, places: Places, verb: Verb) -> None:
    back = places.new_folder("back")
    out = kit.prepare(verb, back / "out")
    result = kit.run(verb, places.read_only(back) / "out")
    assert_that(failed, result)
    assert b"Read-only file system" in result.err
    assert_unchanged(kit, verb, out, back)


@each(COMMANDS)
@pytest.mark.parametrize("flag", ["a", "i"])
@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_a_file_that_may_not_be_replaced(
    kit: Kit, protected: dict[str, Path], verb: Verb, flag: str, kind: str
) -> None:
    """Append-only or immutable."""
    folder = protected[kind] / f"{verb.name}-{flag}"
    folder.mkdir()
    out = kit.prepare(verb, folder / "out")
    must_run("chattr", f"+{flag}", out)
    try:
        result = kit.run(verb, out)
        assert_that(failed, result)
        assert os_message(1) in result.err
        assert_unchanged(kit, verb, out, folder)
    finally:
        must_run("chattr", f"-{flag}", out)


@pytest.fixture(scope="module")
def protected(kit: Kit) -> dict[str, Path]:
    """File systems that have such files."""
    return {kind: kit.places.file_system(kind) for kind in ("ext4", "xfs", "btrfs")}


@each((PATCH_ITSELF, SYNC, PATCH))
@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
@pytest.mark.parametrize("way", ["", NAMED], ids=["unnamed", "named"])
def test_a_full_file_system_of_each_kind(kit: Kit, protected: dict[str, Path], verb: Verb, kind: str, way: str) -> None:
    folder = protected[kind] / f"full-{verb.name}-{'named' if way else 'unnamed'}"
    folder.mkdir()
    out = kit.prepare(verb, folder / "out")
    filler = protected[kind] / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 16, 1 << 12, 512):
            try_fill(file.fileno(), size)
    try:
        variables = {"LD_PRELOAD": os.environ["REDELTA_INTERPOSER"], "REDELTA_FAULTS": way} if way else {}
        result = kit.run(verb, out, variables=variables)
        assert_that(failed, result)
        assert b"No space left on device" in result.err
        assert_unchanged(kit, verb, out, folder)
    finally:
        filler.unlink()
        must_run("sync", "-f", folder)


def try_fill(fd: int, size: int) -> None:
    """Until the file system takes no more."""
    try:
        while os.write(fd, bytes(size)) == size:
            pass
        os.fsync(fd)
    except OSError:
        return


# ---- Files that cannot be replaced as a whole -----------------------------------------------------------------------


@each(FROM_ANOTHER)
def test_a_mount_point_is_written_to_in_place(kit: Kit, places: Places, verb: Verb) -> None:
    """As the files that container engines mount into a container."""
    folder = places.new_folder()
    out = kit.prepare(verb, folder / "out", 0o640)
    places.bind(out)
    inode = out.stat().st_ino
    result = kit.run(verb, out)
    assert_that(warned, result)
    kit.assert_new(verb, out)
    assert (out.stat().st_ino, mode(out)) == (inode, 0o640)
    assert leftovers(folder) == []


@each(ON_BASIS)
def test_a_mount_point_that_is_its_own_basis_is_refused(kit: Kit, places: Places, verb: Verb) -> None:
    folder = places.new_folder()
    out = kit.prepare(verb, folder / "out")
    places.bind(out)
    assert_that(failed, kit.run(verb, out))
    assert_unchanged(kit, verb, out, folder)


@each((PATCH, RDIFF))
def test_a_file_that_grows_shorter_in_place_has_no_old_end(kit: Kit, places: Places, verb: Verb) -> None:
    folder = places.new_folder()
    out = folder / "out"
    out.write_bytes(OLD + bytes(200_000))
    places.bind(out)
    assert_that(warned, kit.run(verb, out))
    kit.assert_new(verb, out)


@pytest.fixture(params=["modes", "refused"])
def closed(places: Places, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A folder in which this user may write to files but make none, and the folder behind it."""
    if request.param == "modes":
        folder = places.new_folder("closed")
        return folder, folder
    calls = ("create", "link", "rename", "rename_flags", "unlink")
    view = places.refusing(*(f"{call}=EACCES" for call in calls))
    view.back.chmod(0o777)
    return view.view, view.back


@each(FROM_ANOTHER)
def test_a_file_in_a_folder_that_may_not_be_written_to_is_written_in_place(
    kit: Kit, closed: tuple[Path, Path], verb: Verb
) -> None:
    folder, back = closed
    out = kit.prepare(verb, back / "out")
    os.chown(out, USER.user, USER.group)
    inode = out.stat().st_ino
    assert_that(warned, kit.run(verb, folder / "out", USER))
    kit.assert_new(verb, out)
    assert out.stat().st_ino == inode
    assert os.listdir(back) == ["out"]


@each(ON_BASIS)
def test_such_a_file_is_not_patched_onto_itself(kit: Kit, closed: tuple[Path, Path], verb: Verb) -> None:
    folder, back = closed
    out = kit.prepare(verb, back / "out")
    os.chown(out, USER.user, USER.group)
    result = kit.run(verb, folder / "out", USER)
    assert_that(failed, result)
    assert b"no file may be created in its directory" in result.err
    assert_unchanged(kit, verb, out, back)


@each(COMMANDS)
def test_a_file_that_may_not_be_written_to_either(kit: Kit, closed: tuple[Path, Path], verb: Verb) -> None:
    folder, back = closed
    out = kit.prepare(verb, back / "out")
    result = kit.run(verb, folder / "out", USER)
    assert_that(failed, result)
    assert b"Permission denied" in result.err
    assert_unchanged(kit, verb, out, back)


def test_without_force_nothing_is_written_in_place(kit: Kit, closed: tuple[Path, Path]) -> None:
    folder, back = closed
    (back / "out").write_bytes(OLD)
    os.chown(back / "out", USER.user, USER.group)
    result = make(kit, folder / "out", user=USER)
    assert_that(failed, result)
    assert b"exists" in result.err
    assert (back / "out").read_bytes() == OLD


@pytest.fixture
def sticky(places: Places) -> Path:
    """A folder in which only the owner of a file may replace it, although all may write to it."""
    folder = places.new_folder("sticky")
    folder.chmod(0o1777)
    return folder


@each(FROM_ANOTHER)
def test_a_file_of_somebody_else_in_a_sticky_folder_is_written_in_place(kit: Kit, sticky: Path, verb: Verb) -> None:
    out = kit.prepare(verb, sticky / "out", 0o666)
    inode = out.stat().st_ino
    assert_that(warned, kit.run(verb, out, USER))
    kit.assert_new(verb, out)
    assert (out.stat().st_ino, mode(out)) == (inode, 0o666)
    assert os.listdir(sticky) == ["out"]


@each(ON_BASIS)
def test_in_a_sticky_folder_it_is_not_patched_onto_itself(kit: Kit, sticky: Path, verb: Verb) -> None:
    out = kit.prepare(verb, sticky / "out", 0o666)
    assert_that(failed, kit.run(verb, out, USER))
    assert_unchanged(kit, verb, out, sticky)


@each(COMMANDS)
@pytest.mark.parametrize("user", [ROOT, USER], ids=["root", "user"])
def test_on_fat(kit: Kit, places: Places, verb: Verb, user: User) -> None:
    folder = places.file_system("vfat", f"uid={USER.user},gid={USER.group},umask=022")
    out = folder / "out"
    out.write_bytes(kit.files[verb.old])
    result = kit.run(verb, out, user)
    assert result.status == 0, result.describe()
    kit.assert_new(verb, out)
    assert os.listdir(folder) == ["out"]
    assert make(kit, folder / "made", user=user).status == 0
    assert (folder / "made").read_bytes() == NEW


# ---- Block devices --------------------------------------------------------------------------------------------------

DEVICE_SIZE = 1 << 17
AFTER = bytes([0xA5]) * (DEVICE_SIZE - len(BASIS))


@pytest.fixture
def device(places: Places) -> Path:
    """It begins with the basis."""
    return places.block_device(BASIS + AFTER)


def bytes_of(device: Path) -> bytes:
    """All of it."""
    with device.open("rb") as file:
        return file.read()


@each(ON_BASIS)
@pytest.mark.parametrize("name", ["device", "node", "link"])
def test_a_device_that_is_its_own_basis_is_refused(
    kit: Kit, places: Places, device: Path, verb: Verb, name: str
) -> None:
    link = places.new_folder() / "link"
    link.symlink_to(device)
    out = {"device": device, "node": places.device_node(device), "link": link}[name]
    result = kit.run(verb, out)
    assert result.status != 0, result.describe()
    assert bytes_of(device) == BASIS + AFTER
    message = b"not a regular file" if verb == SYNC else b"also the basis"
    assert message in result.err, result.describe()
    assert device.is_block_device()
    assert link.is_symlink()


@pytest.mark.parametrize("program", ["redelta", "rdiff"])
@pytest.mark.parametrize("names", ["device node", "node device", "link node", "node node", "link device"])
def test_two_names_of_a_device_are_one_basis(kit: Kit, places: Places, device: Path, program: str, names: str) -> None:
    link = places.new_folder() / "link"
    link.symlink_to(device)
    nodes = {"device": [device] * 2, "node": [places.device_node(device) for _ in range(2)], "link": [link] * 2}
    basis, out = (nodes[name].pop() for name in names.split())
    result = ROOT.run(kit.programs[program], "-f", "patch", basis, kit.folder / "delta", out)
    assert result.status != 0, result.describe()
    assert bytes_of(device) == BASIS + AFTER
    assert b"also the basis" in result.err, result.describe()


@each((PATCH, RDIFF))
def test_a_device_is_patched_from_another_basis(kit: Kit, device: Path, verb: Verb) -> None:
    result = kit.run(verb, device)
    assert result.status == 0, result.describe()
    assert bytes_of(device) == NEW + AFTER[len(NEW) - len(BASIS) :]
    assert device.is_block_device()


def assert_told_the_truth(result: Result, written: bool) -> None:
    """About whether the device was written to."""
    assert_that(failed, result)
    assert (b"written to" in result.err) == written, result.describe()
    assert not (written and b"was replaced" in result.err), result.describe()


@each((PATCH, RDIFF))
def test_a_device_that_is_too_small(kit: Kit, places: Places, verb: Verb) -> None:
    device = places.block_device(bytes(len(NEW) // 2 // 512 * 512))
    result = kit.run(verb, device)
    assert b"No space left on device" in result.err
    assert bytes_of(device) != bytes(len(bytes_of(device)))
    assert_told_the_truth(result, True)


@pytest.mark.parametrize("program", ["redelta", "rdiff"])
@pytest.mark.parametrize("length", [0, 20_000, len(BASIS)])
def test_a_patch_to_a_device_that_fails_late(kit: Kit, places: Places, program: str, length: int) -> None:
    """Its first command is right, the next is not."""
    device = places.block_device(bytes(DEVICE_SIZE))
    commands = [*([Copy(0, length)] if length else []), Copy(1 << 20, 1)]
    (kit.folder / "late").write_bytes(encode_delta(commands))
    result = ROOT.run(kit.programs[program], "-f", "patch", kit.folder / "basis", kit.folder / "late", device)
    assert_told_the_truth(result, bytes_of(device) != bytes(DEVICE_SIZE))


def test_the_refusals_are_seen_by_tools_that_are_not_ours(places: Places) -> None:
    """The file system refuses what it says, and nothing else."""
    view = places.refusing("chmod=EPERM", "link=EOPNOTSUPP", "write=EDQUOT", "room=10", "rename=EBUSY@1")
    (view.view / "a").write_bytes(b"0123456789")
    assert "Operation not permitted" in (try_run("chmod", "600", view.view / "a") or "")
    assert "not supported" in (try_run("ln", view.view / "a", view.view / "b") or "")
    assert "quota" in (try_run("dd", "if=/dev/zero", f"of={view.view / 'c'}", "bs=4", "count=1") or "")
    os.rename(view.view / "a", view.view / "d")
    with pytest.raises(OSError, match="busy"):
        os.rename(view.view / "d", view.view / "a")
    assert view.refused() == ["chmod", "link", "write", "rename"]
    assert (view.back / "d").read_bytes() == b"0123456789"
