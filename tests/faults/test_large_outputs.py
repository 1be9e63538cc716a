"""Large outputs: a signature or a delta that replaces a file changes places with it, and the old file is removed; and
room is reserved for a signature or a patched file, so that a full disk is told before the work.

Every call in turn fails, is preceded by a signal, or by a kill: the old file or the new one is there, whole, and what a
killed run left goes with the next. The old file is itself a large one, which must not stay under a temporary name.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.courses import OUT, Course, Place, os_message, way
from helpers.places import MIB, Places
from helpers.samples import noise
from helpers.tool import SANITIZED
from helpers.wire import TRAILER_MAGIC, delta_header

SIZE = 1_200_000
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EPERM)
SWEPT_NAME = re.compile(r"\.redelta-[0-9a-f]{16}-[0-7]")
LARGE = [
    Course("redelta", ("signature", "-T1", "-b32", "-f", "large", OUT), "large.signature", "old"),
    Course("redelta", ("delta", "-T1", "-f", "signature", "large", OUT), "large.delta", "old"),
    Course("rdiff", ("-f", "delta", "signature", "large", OUT), "large.bare", "old"),
]
SMALL = Course("redelta", ("delta", "-T1", "-f", "signature", "new", OUT), "delta", "old")

large = pytest.mark.parametrize("course", LARGE, ids=str)


class LargePlace(Place):
    """What is made is large, and so is what it replaces."""

    def __init__(self, folder: Path, tools: dict[str, Path]) -> None:
        super().__init__(folder, tools, 5000)
        self.files["large"] = noise(SIZE, 5)
        self.files["old"] = noise(SIZE, 6)
        (folder / "large").write_bytes(self.files["large"])
        self._make("rdiff", "-b32", "signature", "large", "large.signature")
        self._make(tools["redelta"], "delta", "signature", "large", "large.delta")
        self._make(tools["rdiff"], "delta", "signature", "large", "large.bare")
        self._make("rdiff", "patch", "basis", "large.delta", "large.made")
        assert self.files["large.made"] == self.files["large"]

    def some_calls(self, course: Course, way: str) -> list[int]:
        """The numbers of the calls; under a sanitizer only those at the end, where the file gets its name."""
        count = self.count(course, way)
        return list(range(max(0, count - 15) if SANITIZED else 0, count))

    def assert_swept(self) -> None:
        """Whatever was left has a name that the next run looks at."""
        assert all(SWEPT_NAME.fullmatch(name) for name in self.left()), self.left()


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with Places() as places:
        yield places


@pytest.fixture(scope="module")
def large_place(places: Places, tools: dict[str, Path]) -> LargePlace:
    """On ext4: elsewhere files are renamed, and nothing is reserved."""
    return LargePlace(places.file_system("ext4", size=64 * MIB) / "large", tools)


@way
@large
def test_two_files_change_places_only_if_the_new_one_is_large(
    large_place: LargePlace, course: Course, way: str
) -> None:
    """The call that is tried is one that fails; then the file is renamed."""
    for each, exchanged in ((course, True), (SMALL, False)):
        large_place.judge_done(each, f"{way} renameat2:*:{errno.EINVAL}")
        assert ("renameat2" in large_place.logged()) == exchanged


@way
@large
def test_every_call_fails_once(large_place: LargePlace, course: Course, way: str) -> None:
    for number in large_place.some_calls(course, way):
        code = ERRNOS[number % len(ERRNOS)]
        large_place.prepare(course)
        result = large_place.run(course, f"{way} any:{number}:{code}")
        if "unlinkat" in large_place.logged() and large_place.left():
            assert (result.status, large_place.content(course)) == (0, "new"), result.describe()
            large_place.assert_swept()
            assert large_place.run(course, way).status == 0
            assert large_place.left() == []
            continue
        if not large_place.judge(course, result):
            assert os_message(code) in result.err, result.describe()


@way
@large
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM], ids=errno.errorcode.get)
def test_without_an_exchange_the_same_is_made(large_place: LargePlace, course: Course, way: str, code: int) -> None:
    large_place.judge_done(course, f"{way} renameat2:*:{code}")


@way
@large
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_before_every_call(large_place: LargePlace, course: Course, number: int, way: str) -> None:
    for at in large_place.some_calls(course, way):
        large_place.prepare(course)
        result = large_place.run(course, f"{way} any:{at}:s{int(number)}", killed=True)
        assert result.status == -number, result.describe()
        assert large_place.left() == [], result.describe()
        large_place.content(course)


@pytest.mark.skipif(SANITIZED, reason="a killed process has nothing to tell a sanitizer")
@way
@large
def test_killed_before_every_call(large_place: LargePlace, course: Course, way: str) -> None:
    left_old = 0
    for number in large_place.some_calls(course, way):
        large_place.prepare(course)
        result = large_place.run(course, f"{way} any:{number}:kill", killed=True)
        assert result.status == -signal.SIGKILL, result.describe()
        assert len(large_place.left()) <= 1, result.describe()
        large_place.assert_swept()
        if large_place.content(course) == "new" and large_place.left():
            left_old += 1
            (name,) = large_place.left()
            assert (large_place.d / name).read_bytes() == large_place.files["old"]
        again = large_place.run(course, way)
        assert large_place.judge(course, again), again.describe()
    assert left_old > 0


@pytest.mark.skipif(SANITIZED, reason="a killed process has nothing to tell a sanitizer")
@pytest.mark.parametrize("course", LARGE[:2], ids=str)
def test_what_was_left_goes_also_with_a_run_that_is_refused(large_place: LargePlace, course: Course) -> None:
    """Without -f."""
    large_place.prepare(course)
    large_place.run(course, "unlinkat:0:kill", killed=True)
    assert large_place.content(course) == "new"
    assert len(large_place.left()) == 1
    words = tuple(word for word in course.words if word != "-f")
    assert large_place.run(Course(course.tool, words, None, None)).status == 1
    assert large_place.left() == []


@pytest.mark.skipif(SANITIZED, reason="a killed process has nothing to tell a sanitizer")
@way
def test_a_run_that_is_killed_between_two_names(large_place: LargePlace, way: str) -> None:
    """The files change places, and the next run removes the old one."""
    for course in LARGE:
        large_place.prepare(course)
        large_place.run(course, f"{way} renameat2:0:s{int(signal.SIGCONT)} unlinkat:0:kill", killed=True)
        assert "renameat2" in large_place.logged()
        assert large_place.content(course) == "new"
        (name,) = large_place.left()
        assert (large_place.d / name).read_bytes() == large_place.files["old"]
        again = large_place.run(course, way)
        assert large_place.judge(course, again), again.describe()


@way
@pytest.mark.parametrize("kind", ["xfs", "btrfs", "tmpfs", "overlay"])
def test_on_other_file_systems_they_are_renamed(places: Places, tools: dict[str, Path], kind: str, way: str) -> None:
    """An exchange gains nothing there; on overlay it would copy the whole old file first."""
    place = LargePlace(places.file_system(kind, size=320 * MIB) / "large", tools)
    for course in LARGE:
        place.judge_done(course, f"{way} renameat2:*:{errno.EIO}")
        assert "renameat2" not in place.logged()


# ---- Room -----------------------------------------------------------------------------------------------------------

SIGNATURE = Course("redelta", ("signature", "-T1", "-b32", "large", OUT), "large.signature", None)
PATCH = Course("redelta", ("patch", "-T1", "basis", "large.delta", OUT), "large", None)
RESERVED = [
    SIGNATURE,
    PATCH,
    LARGE[0],
    Course("redelta", ("patch", "-T1", "-f", "basis", "large.delta", OUT), "large", "old"),
]
NOT_RESERVED = [
    Course("redelta", ("patch", "-T1", "basis", "delta", OUT), "new", None),  # small
    Course("redelta", ("patch", "-T1", "--sparse=always", "basis", "large.delta", OUT), "large", None),
    Course("redelta", ("patch", "-T1", "--no-verify", "basis", "large.delta", OUT), "large", None),  # of unknown size
    Course("redelta", ("delta", "-T1", "signature", "large", OUT), "large.delta", None),
    Course("redelta", ("signature", "-T1", "-b32", "-", OUT), "large.signature", None, "large"),
]  # fmt: skip
LOGGED = f"s{int(signal.SIGCONT)}"  # a signal without an effect, so that the log has the call

reserved = pytest.mark.parametrize("course", RESERVED, ids=str)


@way
@reserved
def test_room_is_reserved_where_the_length_is_known(large_place: LargePlace, course: Course, way: str) -> None:
    large_place.judge_done(course, f"{way} fallocate:*:{LOGGED}")
    assert "fallocate" in large_place.logged()
    status = (large_place.d / "out").stat()
    assert status.st_blocks * 512 < status.st_size + 16384


@pytest.mark.parametrize("course", NOT_RESERVED, ids=str)
def test_no_room_is_reserved_otherwise(large_place: LargePlace, course: Course) -> None:
    large_place.judge_done(course, f"fallocate:*:{LOGGED}")
    assert "fallocate" not in large_place.logged()


def test_no_room_is_reserved_for_what_a_trailer_cannot_mean(large_place: LargePlace) -> None:
    """It says a length that basis and delta have not together: perhaps as many bytes as the disk has free."""
    delta = large_place.files["large.delta"]
    altered = Course("redelta", ("patch", "basis", "altered", OUT), None, None)
    for size in (len(large_place.files["basis"]) + len(delta) + 1, 1 << 40):
        (large_place.folder / "altered").write_bytes(delta[:-48] + size.to_bytes(8, "big") + delta[-40:])
        large_place.prepare(altered)
        result = large_place.run(altered, f"fallocate:*:{LOGGED}")
        assert result.status == 4, result.describe()
        assert "fallocate" not in large_place.logged()


def test_no_room_is_reserved_on_other_file_systems(memory: Path, tools: dict[str, Path]) -> None:
    """Where room is dearer, or less may be needed."""
    if subprocess.check_output(("stat", "-f", "-c", "%T", memory)) != b"tmpfs\n":
        pytest.skip("no tmpfs")
    place = LargePlace(memory / "large", tools)
    place.judge_done(PATCH, f"fallocate:*:{LOGGED}")
    assert "fallocate" not in place.logged()


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL, errno.EINTR, errno.EIO], ids=errno.errorcode.get)
@reserved
def test_where_nothing_can_be_reserved_the_same_is_made(large_place: LargePlace, course: Course, code: int) -> None:
    large_place.judge_done(course, f"fallocate:*:{code}")
    assert large_place.logged() == ["fallocate"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
@reserved
def test_a_full_disk_is_told_before_the_work(large_place: LargePlace, course: Course, code: int) -> None:
    large_place.prepare(course)
    result = large_place.run(course, f"fallocate:0:{code} write:*:{LOGGED}")
    assert not large_place.judge(course, result)
    assert os_message(code) in result.err, result.describe()
    assert large_place.logged() == ["fallocate"]


def fill(path: Path) -> None:
    """Makes a file that leaves less room than any of the large ones needs."""
    size = 16 * MIB
    with path.open("wb") as file:
        while size > MIB // 8:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
            except OSError:
                size //= 2


@way
@reserved
def test_a_disk_that_is_full_indeed(large_place: LargePlace, course: Course, way: str) -> None:
    large_place.prepare(course)
    filler = large_place.folder / "filler"
    fill(filler)
    try:
        result = large_place.run(course, f"{way} write:*:{LOGGED}")
        assert not large_place.judge(course, result)
        assert os_message(errno.ENOSPC) in result.err, result.describe()
        assert "write" not in large_place.logged()
    finally:
        filler.unlink()


@way
def test_what_was_reserved_in_excess_is_given_back(large_place: LargePlace, way: str) -> None:
    """The basis becomes shorter while it is read, and what was made of it is kept."""
    shrinking = large_place.folder / "shrinking"
    shrinking.write_bytes(large_place.files["large"])
    course = Course("redelta", ("signature", "-T1", "-b32", "shrinking", OUT), "large.signature", None)
    large_place.prepare(course)
    words = [str(large_place.tools["redelta"]), *course.words]
    environment = large_place.environment(f"{way} fallocate:0:run")
    environment["REDELTA_FAULTS_RUN"] = f"truncate -s 40000 {shrinking}"
    done = subprocess.run(words, cwd=large_place.folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 6, done.stderr
    status = (large_place.d / "out").stat()
    assert status.st_size == 12 + 1250 * 36
    assert status.st_blocks * 512 < status.st_size + 16384


def test_what_was_reserved_for_no_trailer_is_given_back(large_place: LargePlace) -> None:
    """The end of a literal looks like a trailer whose last byte is the END, and says that the file will be large."""
    basis = large_place.folder / "large"
    lookalike = TRAILER_MAGIC.to_bytes(4, "big") + (49).to_bytes(4, "big") + SIZE.to_bytes(8, "big") + b"\2" + bytes(39)
    (large_place.folder / "lookalike").write_bytes(delta_header() + bytes([len(lookalike)]) + lookalike + b"\0")
    course = Course("redelta", ("patch", str(basis), "lookalike", OUT), None, None)
    large_place.prepare(course)
    result = large_place.run(course, f"fallocate:*:{LOGGED}")
    assert result.status == 0, result.describe()
    assert "fallocate" in large_place.logged()
    assert (large_place.d / "out").read_bytes() == lookalike
    assert (large_place.d / "out").stat().st_blocks * 512 <= 16384
