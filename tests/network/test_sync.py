"""`redelta sync` to and from another machine: over a real sshd, as its users would, over a slow link, and with what an
administrator allows."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import Tool
from links import LinkSpeed, slow_link
from network.remote import PAIR, SHORT, Pair, Sides
from sshd import Sshd

IDENTICAL_MOST = 250  # bytes in both directions

both = pytest.mark.parametrize("push", [True, False], ids=["push", "pull"])


@both
@pytest.mark.parametrize(
    "pair",
    [PAIR, SHORT, Pair(None, PAIR.new), Pair(b"", PAIR.new), Pair(PAIR.old, b""), Pair(noise(200_000, 1), PAIR.new)],
    ids=["long", "short", "missing", "empty", "to empty", "unrelated"],
)
def test_over_ssh(redelta: Tool, sshd: Sshd, tmp_path: Path, push: bool, pair: Pair) -> None:
    sides = Sides(redelta, tmp_path, sshd.shell, pair, push)
    assert sides.judge(sides.run()) == "new"
    before = sides.destination.stat().st_ino
    assert sides.judge(sides.run()) == "new"
    assert sides.destination.stat().st_ino == before  # it was identical


@both
def test_the_time_travels(redelta: Tool, sshd: Sshd, tmp_path: Path, push: bool) -> None:
    sides = Sides(redelta, tmp_path, sshd.shell, PAIR, push)
    os.utime(sides.source, ns=(0, 1_234_567_890_123_456_789))
    sides.run("-t").done()
    assert sides.destination.stat().st_mtime_ns == 1_234_567_890_123_456_789


@both
@pytest.mark.parametrize(
    "names", [["a b", "it's", "ä\n!", "-n"], ['"$(touch x)', "* ?", "a:b", "~", "\\"]], ids=["some", "more"]
)
def test_no_name_is_more_than_a_name(redelta: Tool, sshd: Sshd, tmp_path: Path, push: bool, names: list[str]) -> None:
    """The shell of the other machine does not see it."""
    sides = Sides(redelta, tmp_path, sshd.shell, SHORT, push)
    for name in names:
        sides.reset()
        there = sides.there / name
        (sides.destination if push else sides.source).rename(there)
        files: list[str | Path] = [sides.source, f"host:{there}"] if push else [f"host:{there}", sides.destination]
        redelta.run("sync", f"--rsh={sshd.shell}", f"--remote-program={sides.program}", *files).done()
        assert (there if push else sides.destination).read_bytes() == SHORT.new
        assert os.listdir(sides.there) == [name]
        there.unlink()


@both
def test_over_a_slow_link(redelta: Tool, relay: Path, tmp_path: Path, push: bool) -> None:
    with slow_link(LinkSpeed.of("20:20")) as link:
        words = [str(relay), *link.options, *(["--keep", *shlex.split(link.shell)] if link.shell else [])]
        sides = Sides(redelta, tmp_path, shlex.join(words), PAIR, push)
        assert sides.judge(sides.run()) == "new"


@both
def test_what_an_identical_file_costs(redelta: Tool, relay: Path, tmp_path: Path, push: bool) -> None:
    """Whatever it is that the two sides say to each other, and in one round trip."""
    sides = Sides(redelta, tmp_path, f"{relay} --report {tmp_path}/report", Pair(PAIR.new, PAIR.new), push)
    record = json.loads(sides.run("--json").done())
    report = json.loads((tmp_path / "report").read_text())
    path = len(os.fsencode(sides.there / "file"))
    assert report["up"] + report["down"] <= IDENTICAL_MOST + path
    assert record["connection"]["rounds"] == 1
    assert record["identical"]


@both
def test_the_bytes_that_are_told_are_those_of_the_pipe(redelta: Tool, relay: Path, tmp_path: Path, push: bool) -> None:
    sides = Sides(redelta, tmp_path, f"{relay} --report {tmp_path}/report", PAIR, push)
    record = json.loads(sides.run("--json").done())
    report = json.loads((tmp_path / "report").read_text())
    assert (record["connection"]["sent"], record["connection"]["received"]) == (report["up"], report["down"])
    assert report["up"] + report["down"] < len(PAIR.new) / 10


# ---- What an administrator allows ------------------------------------------------------------------------------------


def forced(sshd: Sshd, sides: Sides, *options: str) -> str:
    """A remote shell whose key leads to one command, whatever is asked for."""
    words = shlex.join([str(sides.program), "serve", "--stdio", *options])
    quoted = words.replace("\\", "\\\\").replace('"', '\\"')
    return sshd.login("restrict", f'command="{quoted}"')


def ask(sides: Sides, path: str | Path) -> list[str | Path]:
    """The command line with another name on the other side, and a program that is not started."""
    files: list[str | Path] = [sides.source, f"host:{path}"] if sides.push else [f"host:{path}", sides.destination]
    return ["sync", f"--rsh={sides.shell}", "--remote-program=/nowhere/redelta", *files]


@both
def test_a_forced_command_serves_its_directory(redelta: Tool, sshd: Sshd, tmp_path: Path, push: bool) -> None:
    sides = Sides(redelta, tmp_path, "", PAIR, push)
    sides.shell = forced(sshd, sides, f"--root={sides.there}")
    redelta.run(*ask(sides, "file" if push else "new")).done()
    assert sides.content() == "new"


@both
@pytest.mark.parametrize(
    "name", ["../outside", "folder/../../outside", "link/outside", "{outside}", "within/../link/outside"]
)
def test_no_name_leads_out_of_the_directory(redelta: Tool, sshd: Sshd, tmp_path: Path, push: bool, name: str) -> None:
    sides = Sides(redelta, tmp_path, "", PAIR, push)
    outside = tmp_path / "outside"
    outside.write_bytes(b"not for you")
    for folder in ("folder", "within"):
        (sides.there / folder).mkdir()
    (sides.there / "link").symlink_to(tmp_path)
    sides.shell = forced(sshd, sides, f"--root={sides.there}")
    result = redelta.run(*ask(sides, name.format(outside=outside)))
    assert result.status not in (0, 99), result.describe()
    assert outside.read_bytes() == b"not for you"
    if not push:
        assert sides.destination.read_bytes() == PAIR.old


@both
def test_who_may_only_read_cannot_write(redelta: Tool, sshd: Sshd, tmp_path: Path, push: bool) -> None:
    sides = Sides(redelta, tmp_path, "", PAIR, push)
    sides.shell = forced(sshd, sides, f"--root={sides.there}", "--read-only")
    result = redelta.run(*ask(sides, "file" if push else "new"))
    assert (result.status == 0) == (not push), result.describe()
    assert sides.content() == ("old" if push else "new")


def test_an_administrator_decides_what_runs(redelta: Tool, sshd: Sshd, tmp_path: Path) -> None:
    sides = Sides(redelta, tmp_path, "")
    sides.shell = forced(sshd, sides, f"--root={sides.there}")
    words: list[str | Path] = [
        "sync",
        f"--rsh={sides.shell}",
        f"--remote-program=touch {tmp_path}/made; redelta",
        sides.source,
        "host:file",
    ]
    redelta.run(*words).done()
    assert sides.content() == "new"
    assert not (tmp_path / "made").exists()


# ---- What cannot be reached ------------------------------------------------------------------------------------------


def test_a_machine_without_redelta(redelta: Tool, sshd: Sshd, tmp_path: Path) -> None:
    sides = Sides(redelta, tmp_path, sshd.shell)
    words: list[str | Path] = [
        "sync",
        f"--rsh={sshd.shell}",
        "--remote-program=redelta-is-not-here",
        sides.source,
        f"host:{sides.destination}",
    ]
    result = redelta.run(*words)
    assert result.status not in (0, 99), result.describe()
    assert b"redelta-is-not-here" in result.err, result.describe()
    assert sides.content() == "old"


def test_a_machine_that_lets_nobody_in(redelta: Tool, sshd: Sshd, tmp_path: Path) -> None:
    sides = Sides(redelta, tmp_path, f"{sshd.shell} -o IdentityFile=none -o PubkeyAuthentication=no")
    result = sides.run()
    assert result.status not in (0, 99), result.describe()
    assert sides.judge(result) == "old"


def test_a_file_that_is_not_there(redelta: Tool, sshd: Sshd, tmp_path: Path) -> None:
    sides = Sides(redelta, tmp_path, sshd.shell, push=False)
    missing = sides.there / "missing"
    result = redelta.run(
        "sync", f"--rsh={sshd.shell}", f"--remote-program={sides.program}", f"host:{missing}", sides.destination
    )
    assert result.status == 1, result.describe()
    assert b"No such file or directory" in result.err, result.describe()
    assert sides.content() == "old"
