"""One side ends before its time: it is killed, interrupted, or has no room.

The other one ends as well, the destination is the complete old file or the complete new one, and nothing else is left.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import signal
import time
from pathlib import Path

import pytest

from helpers.places import MIB, Places
from helpers.samples import prose
from helpers.tool import Tool
from network.remote import PAIR, Pair, Sides, large_pair, many_edits
from sshd import Sshd

KILLS = int(os.environ.get("REDELTA_KILLS", "60"))
LARGE = large_pair(4 * MIB)
SERIES = 4
GREETS = 'echo Welcome!; exec sh -c "$2"'

both = pytest.mark.parametrize("push", [True, False], ids=["push", "pull"])


def duration(sides: Sides) -> float:
    """Of a run that nobody disturbs. Only chooses moments."""
    sides.reset()
    started = time.monotonic()
    assert sides.finish(sides.start()).status == 0
    sides.reset()
    return time.monotonic() - started


def check_what_a_kill_left(sides: Sides) -> None:
    """Nothing, unless the old and the new file were just changing places: docs/security.md. The next run removes what
    has the name of a place; a random name stays, as nobody knows whose the file is."""
    left = sides.left()
    assert len(left) <= 1, left
    for name in left:
        assert re.fullmatch(r"\.redelta-[0-9a-f]{16}(-[0-7])?", name), name
        file = sides.destination.with_name(name)
        assert file.read_bytes() in (sides.pair.old, sides.pair.new)
        if not name.endswith(tuple(f"-{place}" for place in range(8))):
            file.unlink()
            continue
        sides.source.write_bytes(sides.pair.new + b"more")
        assert sides.run().status == 0
        assert sides.left() == []


@both
@pytest.mark.parametrize("whom", ["client", "server"])
def test_a_side_is_killed(redelta: Tool, relay: Path, tmp_path: Path, push: bool, whom: str) -> None:
    sides = Sides(redelta, tmp_path, str(relay), LARGE, push)
    chance = random.Random(f"{push} {whom}")
    most = duration(sides)
    killed = 0
    while killed < max(1, KILLS // SERIES):
        sides.reset()
        started = sides.start()
        time.sleep(chance.uniform(0, most))
        if whom == "client":
            started.kill()
        else:
            sides.kill_other_side()
        result = sides.finish(started)
        killed += result.status != 0
        assert sides.content() == "new" or result.status != 0
        if whom == "server":
            assert result.status >= 0, result.describe()
        check_what_a_kill_left(sides)


@both
@pytest.mark.parametrize("through", ["relay", "ssh"])
def test_ctrl_c_ends_both_sides(
    redelta: Tool, relay: Path, sshd: Sshd, tmp_path: Path, push: bool, through: str
) -> None:
    """It is sent to all processes of the terminal; those of the other machine do not belong to it."""
    shell = sshd.shell if through == "ssh" else f"{relay} --delay 30"
    sides = Sides(redelta, tmp_path, shell, PAIR, push)
    chance = random.Random(f"{push} {through}")
    most = duration(sides)
    for _ in range(6):
        sides.reset()
        started = sides.start()
        time.sleep(chance.uniform(0, most))
        os.killpg(started.pid, signal.SIGINT)
        result = sides.finish(started)
        assert result.status in (0, -signal.SIGINT), result.describe()
        assert sides.content() == "new" or result.status != 0
        assert sides.left() == []


@both
@pytest.mark.parametrize("way", ["up", "down"])
def test_ssh_ends(redelta: Tool, relay: Path, sshd: Sshd, tmp_path: Path, push: bool, way: str) -> None:
    """The other machine's sshd is left with a process that nobody listens to."""
    sides = Sides(redelta, tmp_path, "", PAIR, push)
    for at in (50, 150, 350, 5000):
        sides.reset()
        result = sides.run(shell=f"{relay} --cut {way}:{at} --keep {sshd.shell}")
        sides.judge(result)
        assert result.status != 0 or at > 150, result.describe()


@both
def test_a_full_disk_of_the_receiver(redelta: Tool, relay: Path, places: Places, push: bool) -> None:
    place = places.new_folder("sides")
    full = places.tmpfs("3m")
    old = prose(1_600_000, 7)
    sides = Sides(redelta, place, str(relay), Pair(old, many_edits(old, 100, 8)), push)
    receiver = sides.destination.parent
    sides.destination.unlink()
    receiver.rmdir()
    receiver.symlink_to(full)
    sides.reset()
    result = sides.run()
    assert result.status == 1, result.describe()
    assert b"No space left on device" in result.err, result.describe()
    assert sides.judge(result) == "old"


@both
def test_a_destination_that_changes_meanwhile_keeps_what_was_done(
    redelta: Tool, relay: Path, tmp_path: Path, push: bool
) -> None:
    sides = Sides(redelta, tmp_path, f"{relay} --delay 40", PAIR, push)
    started = sides.start()
    while sides.other_side() is None and started.poll() is None:
        time.sleep(0.002)
    time.sleep(0.1)
    with sides.destination.open("ab") as file:
        file.write(b"somebody else's line\n")
    result = sides.finish(started)
    data = sides.destination.read_bytes()
    if result.status == 0:  # it came too late, or too early to matter
        assert data in (PAIR.new, PAIR.new + b"somebody else's line\n")
    else:
        assert result.status == 4, result.describe()
        assert data == (PAIR.old or b"") + b"somebody else's line\n"
    assert sides.left() == []


@both
def test_a_source_that_changes_meanwhile_makes_no_mixture(
    redelta: Tool, relay: Path, tmp_path: Path, push: bool
) -> None:
    sides = Sides(redelta, tmp_path, f"{relay} --delay 40", PAIR, push)
    after = PAIR.new[:1000] + b"changed" + PAIR.new[1007:]
    started = sides.start()
    while sides.other_side() is None and started.poll() is None:
        time.sleep(0.002)
    time.sleep(0.1)
    sides.source.write_bytes(after)
    result = sides.finish(started)
    data = sides.destination.read_bytes()
    if result.status == 0:
        assert data in (PAIR.new, after)
    else:
        assert result.status == 6, result.describe()
        assert data == PAIR.old
    assert sides.left() == []


def test_a_remote_shell_that_says_something_else(redelta: Tool, tmp_path: Path) -> None:
    """Such as a login script that greets."""
    sides = Sides(redelta, tmp_path, f"sh -c {shlex.quote(GREETS)} sh")
    result = sides.run()
    assert result.status not in (0, 99)
    assert sides.judge(result) == "old"


@pytest.mark.parametrize(
    "command", ["exit 255", "exit 127", "kill -9 $$", "cat", "cat /dev/zero", "exec >&-; sleep 0.1"]
)
def test_a_remote_shell_that_is_none(redelta: Tool, tmp_path: Path, command: str) -> None:
    sides = Sides(redelta, tmp_path, f"sh -c {shlex.quote(command)} sh")
    result = sides.run()
    assert result.status not in (0, 99)
    assert sides.judge(result) == "old"
