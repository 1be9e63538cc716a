"""Every system call in turn fails, is interrupted, transfers less, or gets a signal before it.

In an ordinary run a call fails with one errno; with REDELTA_THOROUGH=1, with each, and every signal is sent before
every call. Under a sanitizer, where runs are slow, some of the calls are enough: it looks for other mistakes.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal

import pytest

from faults.courses import ALL, MEMORY_STATUSES, OUT, Course, Place, any_course, course, os_message, way
from helpers.samples import noise
from helpers.sparse import Layout
from helpers.tool import SANITIZED
from helpers.wire import Command, Copy, Literal, encode_delta

THOROUGH = os.environ.get("REDELTA_THOROUGH") == "1"
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.ENOSYS, errno.EINVAL, errno.EINTR)

# Without these the file could not be made, so their failure must be reported, with its cause.
VITAL = {"open", "read", "pread", "write", "fchmod", "renameat"}
# After EINTR a call is made again.
HARMLESS = dict.fromkeys(("open", "read", "pread", "write"), (errno.EINTR,))
# The calls that POSIX lets a signal interrupt. Those that can be repeated are.
INTERRUPTED = ("open", "openat", "read", "pread", "write", "copy_file_range", "fsync", "close")


def some(count: int, course: Course) -> range:
    """All numbers below; under a sanitizer every 20th, with another start for each course."""
    return range(ALL.index(course), count, 20) if SANITIZED else range(count)


@way
@any_course
def test_every_call_fails_once(place: Place, course: Course, way: str) -> None:
    failed = 0
    for number in some(place.count(course, way), course):
        for code in ERRNOS if THOROUGH else (ERRNOS[number % 2],):
            place.prepare(course)
            result = place.run(course, f"{way} any:{number}:{code}")
            (call,) = [line for line in place.logged() if line != "unnamed" or not way] or ["unnamed"]
            if call == "unlinkat" and place.left():  # what could not be removed now is removed by the next run
                place.take_kept(course)
                place.restore(course)
                place.run(course, way)
                assert place.left() == []
                continue
            done = place.judge(course, result)
            if call in VITAL and code not in HARMLESS.get(call, ()):
                assert not done, result.describe()
                assert os_message(code) in result.err, result.describe()
            failed += not done
    assert failed >= (0 if SANITIZED else 5)


@way
def test_every_call_of_a_patch_with_holes_fails_once(place: Place, way: str) -> None:
    """Where no hole can be made, zeros are written, or the patch fails."""
    layout = Layout(600_000, ((0, b"start"), (300_000, noise(70_000, 3))))
    layout.write(place.folder / "sparse")
    commands: list[Command] = [Copy(0, layout.size), Literal(b"between"), Copy(0, layout.size)]
    whole = (place.folder / "sparse").read_bytes()
    place.files["twice"] = whole + b"between" + whole
    (place.folder / "holes").write_bytes(encode_delta(commands, place.files["twice"]))
    patch = Course("redelta", ("patch", "-T1", "sparse", "holes", OUT), "twice", None)
    met = set()
    for number in range(place.count(patch, way)):
        for code in ERRNOS if THOROUGH else (ERRNOS[number % 2],):
            place.prepare(patch)
            result = place.run(patch, f"{way} any:{number}:{code}")
            met.update(place.logged())
            if place.left():  # a name that could not be removed
                (place.d / place.left()[0]).unlink()
            if not place.judge(patch, result):
                assert os_message(code) in result.err, result.describe()
    assert met > {"lseek", "ftruncate", "open", "pread", "write"}


@way
@course
def test_a_disk_that_cannot_be_flushed_to(place: Place, course: Course, way: str) -> None:
    """Only a file that may be the last copy of a basis is flushed, and then a failure keeps it."""
    place.prepare(course)
    result = place.run(course, f"{way} fsync:0:{errno.EIO}")
    flushed = "fsync" in place.logged()
    assert flushed == (course.replaces == "basis")
    assert place.judge(course, result) == (not flushed)
    if flushed:
        assert os_message(errno.EIO) in result.err


@way
@any_course
def test_a_storm_of_interruptions_changes_nothing(place: Place, course: Course, way: str) -> None:
    place.judge_done(course, " ".join([way, *(f"{call}:odd:{errno.EINTR}" for call in INTERRUPTED)]))
    assert len(place.logged()) >= 5


@way
@any_course
def test_calls_that_transfer_a_byte_change_nothing(small_place: Place, course: Course, way: str) -> None:
    faults = [f"{call}:*:short" for call in ("read", "pread", "write", "copy_file_range")]
    small_place.judge_done(course, " ".join([way, *faults]))
    assert len(small_place.logged()) >= (300 if "merge" in course.words else 3000)  # which reads none of the files


@any_course
def test_interrupted_and_short_in_turns(small_place: Place, course: Course) -> None:
    calls = ("read", "pread", "write", "copy_file_range")
    faults = [f"{call}:odd:{errno.EINTR} {call}:*:short" for call in calls]
    small_place.judge_done(course, " ".join(faults))


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL])
@any_course
def test_without_the_fast_ways_the_same_is_made(place: Place, course: Course, code: int) -> None:
    calls = ("unnamed", "copy_file_range", "ioctl", "renameat2", "getrandom")
    place.judge_done(course, " ".join(f"{call}:*:{code}" for call in calls))
    met = set(place.logged())
    assert ("unnamed" in met) == (course.makes is not None)
    assert "patch" not in course.words or met & {"copy_file_range", "ioctl"}
    assert course.makes not in ("delta", "delta.zst", "bare") or "getrandom" in met


@way
@any_course
def test_where_nothing_can_be_locked_the_same_is_made(place: Place, course: Course, way: str) -> None:
    place.judge_done(course, f"{way} flock:*:{errno.ENOLCK}")
    assert ("flock" in place.logged()) == (course.makes is not None)


@way
@course
def test_the_disk_is_full_at_every_byte(tiny_place: Place, course: Course, way: str) -> None:
    assert course.makes is not None
    size = len(tiny_place.files[course.makes])
    for room in some(size, course):
        tiny_place.prepare(course)
        result = tiny_place.run(course, way, room)
        assert not tiny_place.judge(course, result), result.describe()
        assert os_message(errno.ENOSPC) in result.err, result.describe()
    tiny_place.prepare(course)
    assert tiny_place.judge(course, tiny_place.run(course, way, size))


@way
@course
def test_the_disk_is_full_anywhere_in_a_longer_file(place: Place, course: Course, way: str) -> None:
    """Where whole chunks are written, and the kernel copies."""
    assert course.makes is not None
    size = len(place.files[course.makes])
    for room in range(size // 60, size, size // 30):
        place.prepare(course)
        result = place.run(course, way, room)
        assert not place.judge(course, result), result.describe()
        assert os_message(errno.ENOSPC) in result.err, result.describe()


@way
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@course
def test_asked_to_end_before_every_call(place: Place, course: Course, number: int, way: str) -> None:
    step = 1 if number == signal.SIGTERM or THOROUGH else 5
    for at in some(place.count(course, way), course)[::step]:
        place.prepare(course)
        result = place.run(course, f"{way} any:{at}:s{int(number)}", killed=True)
        assert result.status == -number, result.describe()
        assert place.left() == [], result.describe()
        place.content(course)


@pytest.mark.parametrize(
    ("words", "call"),
    [(("signature", "pipe", OUT), "open:0"), (("delta", "signature", "pipe", OUT), "open:1"),
     (("signature", "basis", "pipe"), "openat:1"), (("signature", "--json=pipe", "basis", OUT), "open:0")],
)  # fmt: skip
def test_asked_to_end_before_a_named_pipe_is_opened(place: Place, words: tuple[str, ...], call: str) -> None:
    """Nobody has its other end open, so opening it would never end."""
    it = Course("redelta", words, "signature", None)
    place.prepare(it)
    os.mkfifo(place.folder / "pipe")
    try:
        result = place.run(it, f"{call}:s{int(signal.SIGTERM)}", killed=True)
    finally:
        (place.folder / "pipe").unlink()
    assert result.status == -signal.SIGTERM, result.describe()
    assert b": interrupted by a signal; no file was replaced\n" in result.err
    assert place.content(it) == "old"
    assert place.left() == []


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has an allocator of its own")
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for_good"])
@any_course
def test_every_allocation_fails(place: Place, course: Course, lasting: bool) -> None:
    """Those of the C library, too. The numbers end when a run makes fewer."""
    for number in itertools.count():
        place.prepare(course)
        result = place.run(course, f"memory:{number}{'-' if lasting else ''}:{errno.ENOMEM}")
        if not place.logged():
            break
        if not place.judge_file(course, result):
            assert result.status in MEMORY_STATUSES[course.tool], result.describe()
            assert b"memory" in result.err, result.describe()
    assert number >= 5
