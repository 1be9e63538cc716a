"""Faults and kills on file systems of several kinds, with files that have holes, access lists and attributes.

test_calls and test_kills try every call in memory; here a few calls of each course are enough. REDELTA_THOROUGH=1
takes all of them.
"""

from __future__ import annotations

import errno
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.courses import WRITING, Course, FurnishedPlace, Place, way
from helpers.places import Places
from helpers.tool import SANITIZED

THOROUGH = os.environ.get("REDELTA_THOROUGH") == "1"
SAMPLE = 2 if SANITIZED else 3
SIZE = 100_000
CHANGED = 4
HOLE = 300_000
REPLACING = [course for course in WRITING if course.replaces is not None]
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EPERM)
SOME_KINDS = ["ext4", "btrfs"] if SANITIZED else ["ext4", "xfs", "btrfs", "tmpfs", "overlay"]

course = pytest.mark.parametrize("course", WRITING, ids=str)
replacing = pytest.mark.parametrize("course", REPLACING, ids=str)


@pytest.fixture(scope="module", params=SOME_KINDS)
def mount(request: pytest.FixtureRequest) -> Iterator[Path]:
    with Places() as places:
        yield places.file_system(request.param)


@pytest.fixture(scope="module")
def plain(mount: Path, tools: dict[str, Path]) -> Place:
    return Place(mount / "plain", tools, SIZE, HOLE)


@pytest.fixture(scope="module")
def furnished(mount: Path, tools: dict[str, Path]) -> Place:
    return FurnishedPlace(mount / "furnished", tools, SIZE, HOLE)


def some_calls(place: Place, course: Course, way: str, last: int = 0) -> list[int]:
    """The numbers of some calls, the last few among them: most of what can go wrong is at the end."""
    count = place.count(course, way)
    if THOROUGH:
        return list(range(count))
    chance = random.Random(f"{course} {way}")
    return sorted({*chance.sample(range(count), min(SAMPLE, count)), *range(max(0, count - last), count)})


def run_again(place: Place, course: Course, way: str) -> None:
    """The next run removes what was left, but for what nobody may remove."""
    place.take_kept(course)
    (place.d / "out").unlink(missing_ok=True)
    if course.replaces is not None:
        (place.d / "out").write_bytes(place.files[course.replaces])
    assert place.run(course, way).status == 0
    assert place.left() == []


def fail_some(place: Place, course: Course, way: str) -> None:
    """Calls that fail: the new file or the old one, with all that it has."""
    for number in some_calls(place, course, way, last=SAMPLE):
        place.prepare(course)
        result = place.run(course, f"{way} any:{number}:{ERRNOS[number % len(ERRNOS)]}")
        if "unlinkat" in place.logged() and place.left():
            run_again(place, course, way)
            continue
        if result.status == CHANGED:  # where blocks are shared, a basis of which nothing can be learned has changed
            assert "fstat" in place.logged(), result.describe()
            assert not place.judge_file(course, result)
            continue
        place.judge(course, result)


def kill_before_some(place: Place, course: Course, way: str) -> None:
    """Kills: the new file or the old one, and the next run removes what else was left."""
    for number in some_calls(place, course, way):
        place.prepare(course)
        result = place.run(course, f"{way} any:{number}:kill", killed=True)
        if place.ended():  # the blocks of a file, which hint at holes, are known late, and so are the calls
            continue
        assert result.status == -signal.SIGKILL, result.describe()
        place.content(course)
        assert not isinstance(place, FurnishedPlace) or course.replaces is None or place.keeps_all(), result.describe()
        run_again(place, course, way)


@way
@course
def test_some_calls_fail(plain: Place, course: Course, way: str) -> None:
    fail_some(plain, course, way)


@way
@replacing
def test_some_calls_fail_and_nothing_is_lost(furnished: Place, course: Course, way: str) -> None:
    fail_some(furnished, course, way)


@way
@course
def test_killed_before_some_calls(plain: Place, course: Course, way: str) -> None:
    kill_before_some(plain, course, way)


@way
@replacing
def test_killed_before_some_calls_and_nothing_is_lost(furnished: Place, course: Course, way: str) -> None:
    kill_before_some(furnished, course, way)


@way
@replacing
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EOPNOTSUPP, errno.EPERM], ids=errno.errorcode.get)
def test_attributes_that_cannot_be_copied(furnished: Place, course: Course, way: str, code: int) -> None:
    """Either the command says so, or it replaces nothing."""
    furnished.prepare(course)
    result = furnished.run(course, f"{way} fsetxattr:*:{code}")
    assert "fsetxattr" in furnished.logged()
    if furnished.judge_file(course, result):
        assert b"warning" in result.err.lower() or "-q" in course.words, result.describe()


@course
def test_a_sparse_file_is_a_file(plain: Place, course: Course) -> None:
    """Without faults, in the ordinary way; and the inputs do have a hole."""
    basis = (plain.folder / "basis").stat()
    assert basis.st_blocks * 512 < basis.st_size - HOLE // 2
    plain.judge_done(course, "")
