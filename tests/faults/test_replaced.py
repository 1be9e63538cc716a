"""What a replaced file keeps: mode, owner, access list and attributes; and that nobody gets more access by it.

The oracles are getfacl, stat, and what other users can open.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.courses import NAMED
from helpers.places import (
    ROOT,
    Places,
    User,
    access_list,
    attributes,
    find,
    leftovers,
    may,
    must_run,
    set_access_list,
    try_run,
)
from helpers.replacing import (
    COMMANDS,
    PATCH,
    PATCH_ITSELF,
    SYNC,
    Kit,
    Verb,
    assert_that,
    each,
    is_plain,
    warned,
)
from helpers.tool import SANITIZED

OWNER = User(2000, 2000)
MEMBER = User(2001, 2100)  # of the group of the file
NAMED_USER = User(2002, 2002)
IN_NAMED_GROUP = User(2003, 2200)
OTHER = User(2004, 2004)
EVERYBODY = (OWNER, MEMBER, NAMED_USER, IN_NAMED_GROUP, OTHER)
SOME_KINDS = ["ext4", "btrfs"] if SANITIZED else ["ext4", "xfs", "btrfs", "tmpfs", "overlay"]
ATTRIBUTES = {"user.plain": b"value", "user.empty": b"", "user.binary": bytes(range(200)), "trusted.ours": b"t"}


@pytest.fixture(scope="module")
def kit(tools: dict[str, Path]) -> Iterator[Kit]:
    with Places() as places:
        yield Kit(places, {name: places.copy(path) for name, path in tools.items()})


@pytest.fixture(scope="module", params=SOME_KINDS)
def mount(kit: Kit, request: pytest.FixtureRequest) -> Path:
    return kit.places.file_system(request.param)


@pytest.fixture
def folder(mount: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of the test's own."""
    made = mount / f"folder-{len(os.listdir(mount))}"
    made.mkdir()
    return made


@pytest.fixture
def plain(kit: Kit) -> Path:
    """A folder on the file system that is always there and has all of this."""
    made = kit.places.new_folder("plain")
    set_access_list(made, "u:2000:rwx")
    must_run("setfacl", "-b", made)
    return made


@pytest.fixture(params=["unnamed", "named"])
def way(kit: Kit, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment in which temporary files have no name, or one."""
    if request.param == "unnamed":
        return {}
    return {"LD_PRELOAD": str(kit.places.copy(os.environ["REDELTA_INTERPOSER"])), "REDELTA_FAULTS": NAMED}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def set_attributes(path: Path) -> None:
    for name, value in ATTRIBUTES.items():
        os.setxattr(path, name, value)


def rights(path: Path) -> dict[User, set[str]]:
    """What everybody may do with the file."""
    return {user: set(may(user, path)) - {"-"} for user in EVERYBODY}


def assert_no_more(before: dict[User, set[str]], path: Path, but: User | None = None) -> None:
    """Nobody may do more than before, but for the one who owns the file now."""
    after = rights(path)
    more = {user: after[user] - before[user] for user in EVERYBODY if user != but}
    assert not any(more.values()), (more, access_list(path))


# ---- Kept -----------------------------------------------------------------------------------------------------------


@each(COMMANDS)
def test_root_keeps_everything(kit: Kit, folder: Path, verb: Verb) -> None:
    out = kit.prepare(verb, folder / "out", 0o640)
    os.chown(out, OWNER.user, MEMBER.group)
    set_access_list(out, "u:2002:rw", "g:2200:r", "g::r")
    set_attributes(out)
    before = access_list(out), attributes(out), mode(out)
    assert "user:2002:rw-" in before[0]
    assert_that(is_plain, kit.run(verb, out))
    kit.assert_new(verb, out)
    assert (access_list(out), attributes(out), mode(out)) == before
    assert (out.stat().st_uid, out.stat().st_gid) == (OWNER.user, MEMBER.group)
    assert leftovers(folder) == []


@each((PATCH_ITSELF, SYNC, PATCH))
def test_the_owner_keeps_everything(kit: Kit, folder: Path, verb: Verb, way: dict[str, str]) -> None:
    os.chown(folder, OWNER.user, OWNER.group)
    out = kit.prepare(verb, folder / "out", 0o640)
    os.chown(out, OWNER.user, OWNER.group)
    set_access_list(out, "u:2002:r", "g:2200:rw", "m::r")
    os.setxattr(out, "user.plain", b"value")
    before = access_list(out), attributes(out), mode(out)
    assert_that(is_plain, kit.run(verb, out, OWNER, way))
    kit.assert_new(verb, out)
    assert (access_list(out), attributes(out), mode(out)) == before
    assert leftovers(folder) == []


@each(COMMANDS)
def test_a_file_without_an_access_list_gets_none(kit: Kit, folder: Path, verb: Verb, way: dict[str, str]) -> None:
    """That of the folder, for new files, does not fall on it, nor on its mode."""
    set_access_list(folder, "d:u:2002:rwx", "d:g::rwx", "d:o::rwx")
    out = kit.prepare(verb, folder / "out")
    must_run("setfacl", "-b", out)
    out.chmod(0o640)
    assert_that(is_plain, kit.run(verb, out, variables=way))
    kit.assert_new(verb, out)
    assert access_list(out) == ["user::rw-", "group::r--", "other::---"]
    assert mode(out) == 0o640


@each((PATCH_ITSELF, SYNC, PATCH))
def test_the_list_of_the_folder_is_not_mixed_with_that_of_the_file(kit: Kit, folder: Path, verb: Verb) -> None:
    set_access_list(folder, "d:u:2002:rwx", "d:g::rwx", "d:o::rwx")
    out = kit.prepare(verb, folder / "out")
    must_run("setfacl", "-b", out)
    set_access_list(out, "u:2003:r", "g::-", "o::-", "m::rw")
    before = access_list(out)
    assert_that(is_plain, kit.run(verb, out))
    assert access_list(out) == before


@each((PATCH,))
def test_a_new_file_gets_what_the_folder_gives(kit: Kit, folder: Path, verb: Verb, way: dict[str, str]) -> None:
    """As one that the shell makes."""
    set_access_list(folder, "d:u:2002:rwx", "d:g::rx", "d:o::-")
    (folder / "other").touch()
    assert_that(is_plain, kit.run(verb, folder / "out", variables=way))
    assert access_list(folder / "out") == access_list(folder / "other")
    assert len(access_list(folder / "out")) == 5


# ---- What cannot be kept --------------------------------------------------------------------------------------------

LISTS = {
    "a group that may nothing": ("g::-", "m::rw"),
    "a user who may nothing": ("u:2002:-", "g::r", "o::r"),
    "a named group that may nothing": ("g:2200:-", "g::r", "o::r"),
    "a mask that takes away": ("u:2002:rw", "g::rw", "o::r", "m::r"),
    "a user who may more": ("u:2002:rw", "g::-", "o::-"),
}


@each((PATCH_ITSELF, SYNC, PATCH))
@pytest.mark.parametrize("entries", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("code", ["EOPNOTSUPP", "EPERM", "ENOSPC"])
def test_without_the_access_list_nobody_gets_more(kit: Kit, verb: Verb, entries: tuple[str, ...], code: str) -> None:
    with Places() as places:
        view = places.refusing(f"setxattr={code}")
        out = kit.prepare(verb, view.back / "out", 0o664)
        os.chown(out, OWNER.user, MEMBER.group)
        set_access_list(out, *entries)
        before = rights(view.view / "out")
        result = kit.run(verb, view.view / "out")
        assert "setxattr" in view.refused()
        assert_that(warned, result)
        kit.assert_new(verb, out)
        assert_no_more(before, view.view / "out")
        assert leftovers(view.back) == []


@each((PATCH_ITSELF, PATCH))
@pytest.mark.parametrize("entries", LISTS.values(), ids=LISTS)
def test_the_owner_gives_nobody_more_without_the_access_list(kit: Kit, verb: Verb, entries: tuple[str, ...]) -> None:
    with Places() as places:
        view = places.refusing("setxattr=EOPNOTSUPP")
        view.back.chmod(0o777)
        out = kit.prepare(verb, view.back / "out", 0o664)
        os.chown(out, OWNER.user, OWNER.group)
        set_access_list(out, *entries)
        before = rights(view.view / "out")
        assert_that(warned, kit.run(verb, view.view / "out", OWNER))
        kit.assert_new(verb, out)
        assert_no_more(before, view.view / "out")


@each((PATCH_ITSELF, SYNC, PATCH))
def test_attributes_that_cannot_be_set_are_a_warning(kit: Kit, verb: Verb) -> None:
    with Places() as places:
        view = places.refusing("setxattr=ENOSPC")
        out = kit.prepare(verb, view.back / "out")
        os.setxattr(out, "user.precious", b"value")
        result = kit.run(verb, view.view / "out")
        assert_that(warned, result)
        assert b"attributes" in result.err
        kit.assert_new(verb, out)
        assert leftovers(view.back) == []


@each((PATCH_ITSELF, SYNC, PATCH))
@pytest.mark.parametrize("code", ["EOPNOTSUPP", "ENOSYS"])
def test_where_there_are_no_attributes_nothing_is_said(kit: Kit, verb: Verb, code: str) -> None:
    with Places() as places:
        view = places.refusing(*(f"{call}xattr={code}" for call in ("get", "set", "list", "remove")))
        out = kit.prepare(verb, view.back / "out", 0o640)
        assert_that(is_plain, kit.run(verb, view.view / "out"))
        kit.assert_new(verb, out)
        assert mode(out) == 0o640


# ---- Owner and group ------------------------------------------------------------------------------------------------


@each(COMMANDS)
def test_special_bits_and_capabilities_do_not_survive(kit: Kit, folder: Path, verb: Verb) -> None:
    out = kit.prepare(verb, folder / "out")
    os.chown(out, OWNER.user, MEMBER.group)
    out.chmod(0o6755)
    if try_run("setcap", "cap_net_raw+ep", out) is not None:
        pytest.skip("files have no capabilities here")
    assert "security.capability" in attributes(out)
    assert kit.run(verb, out).status == 0
    kit.assert_new(verb, out)
    assert (out.stat().st_uid, out.stat().st_gid, mode(out)) == (OWNER.user, MEMBER.group, 0o755)
    assert attributes(out) == {}


@each((PATCH_ITSELF, SYNC, PATCH))
def test_another_user_becomes_the_owner_and_keeps_a_group_of_hers(kit: Kit, plain: Path, verb: Verb) -> None:
    plain.chmod(0o777)
    out = kit.prepare(verb, plain / "out")
    os.chown(out, OWNER.user, MEMBER.group)
    out.chmod(0o664)
    before = rights(out)
    user = User(OTHER.user, OTHER.group, (MEMBER.group,))
    assert kit.run(verb, out, user).status == 0
    kit.assert_new(verb, out)
    assert (out.stat().st_uid, out.stat().st_gid, mode(out)) == (OTHER.user, MEMBER.group, 0o664)
    assert_no_more(before, out, but=OTHER)


@each((PATCH_ITSELF, SYNC, PATCH))
@pytest.mark.parametrize(("old", "most"), [(0o664, 0o644), (0o6775, 0o755), (0o606, 0o600), (0o674, 0o644)])
def test_a_group_that_is_lost_gives_the_next_no_more_than_others(
    kit: Kit, plain: Path, verb: Verb, old: int, most: int
) -> None:
    plain.chmod(0o777)
    out = kit.prepare(verb, plain / "out")
    os.chown(out, OWNER.user, MEMBER.group)
    out.chmod(old)
    before = rights(out)
    user = User(OTHER.user, IN_NAMED_GROUP.group)
    assert kit.run(verb, out, user).status == 0
    kit.assert_new(verb, out)
    assert (out.stat().st_uid, out.stat().st_gid) == (OTHER.user, IN_NAMED_GROUP.group)
    assert mode(out) & ~most == 0, oct(mode(out))
    assert_no_more(before, out, but=OTHER)


@each((PATCH_ITSELF, SYNC, PATCH))
@pytest.mark.parametrize("entries", LISTS.values(), ids=LISTS)
def test_another_user_gives_nobody_more_whatever_the_access_list(
    kit: Kit, plain: Path, verb: Verb, entries: tuple[str, ...]
) -> None:
    plain.chmod(0o777)
    out = kit.prepare(verb, plain / "out", 0o664)
    os.chown(out, OWNER.user, MEMBER.group)
    set_access_list(out, *entries, "u:2004:rw")
    before = rights(out)
    result = kit.run(verb, out, User(OTHER.user, IN_NAMED_GROUP.group))
    assert result.status == 0, result.describe()
    kit.assert_new(verb, out)
    assert_no_more(before, out, but=OTHER)


@pytest.mark.parametrize("old", [0o640, 0o604, 0o066])
@each((PATCH_ITSELF,))
def test_while_it_is_written_the_file_is_nobody_elses(kit: Kit, plain: Path, verb: Verb, old: int) -> None:
    """Before each call that may change that, and when it is flushed, under its temporary name."""
    out = kit.prepare(verb, plain / "out", old)
    os.chown(out, OWNER.user, MEMBER.group)
    before = rights(out)
    script = f"for each in {plain}/.redelta-*; do [ ! -e $each ] || stat -c '%a %u %g' $each >>{plain}/seen; done"
    faults = " ".join(f"{call}:*:run" for call in ("fchmod", "fchown", "fsync"))
    variables = {
        "LD_PRELOAD": os.environ["REDELTA_INTERPOSER"],
        "REDELTA_FAULTS": f"{NAMED} {faults}",
        "REDELTA_FAULTS_RUN": script,
    }
    result = kit.run(verb, out, variables=variables)
    assert result.status == 0, result.describe()
    seen = [line.split() for line in (plain / "seen").read_text().splitlines()]
    assert seen
    for bits, _, group in seen:
        mine = old if group == str(MEMBER.group) else old & 0o707
        assert int(bits, 8) & 0o077 & ~mine == 0, seen
    assert_no_more(before, out)


def test_the_oracle_sees_who_may_what(kit: Kit, plain: Path) -> None:
    """The checks above compare what these find."""
    out = plain / "out"
    out.write_bytes(b"x")
    os.chown(out, OWNER.user, MEMBER.group)
    out.chmod(0o664)
    set_access_list(out, "u:2002:-", "g:2200:r")
    expected = {OWNER: "rw", MEMBER: "rw", NAMED_USER: "", IN_NAMED_GROUP: "r", OTHER: "r"}
    assert rights(out) == {user: set(letters) for user, letters in expected.items()}
    assert may(ROOT, out) == "rw"
    assert subprocess.run([find("getfacl"), "--version"], capture_output=True, check=False).returncode == 0
