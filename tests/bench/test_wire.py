"""bench/wire: what it runs, counts and checks."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS, Tool
from links import LinkSpeed, slow_link
from tables import Sample, Table
from wire_programs import OTHERS, made_up, noise_of, words_of

ROOT = Path(__file__).parents[2]
SMALL = ("--megabytes", "1", "--image", "2", "--rounds", "2")


def wire(
    redelta: Tool, place: Path, *words: str | Path, path: str | None = None
) -> tuple[subprocess.CompletedProcess[str], dict[str, Table]]:
    """Runs it; returns its tables as well, by name."""
    environment = {**os.environ, "REDELTA": str(redelta.path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"PATH": path or os.environ["PATH"]}
    called = [sys.executable, ROOT / "bench/wire", "--directory", place, "--json", place / "tables.json", *words]
    done = subprocess.run(called, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert "Traceback" not in done.stderr, done.stderr
    assert not list(place.glob("redelta-wire-*"))
    made = place / "tables.json"
    read = [Table.from_json(each) for each in json.loads(made.read_text())] if made.exists() else []
    return done, {table.name: table for table in read}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(noise(300_000, 1))
    new.write_bytes(random_edits(old.read_bytes(), 20, 2))
    return old, new


def test_bytes_are_those_of_the_pipe_and_times_of_other_runs(
    redelta: Tool, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    done, tables = wire(redelta, tmp_path, *pair, *SMALL, "--only", "rsync", "--link", "100:2")
    assert done.returncode == 0, done.stderr
    table = tables["wire"]
    assert table.notes == []
    assert [row[1] for row in table.rows] == 3 * OTHERS + 2 * [*OTHERS, "zstd -3"] + OTHERS
    for row in table.rows:
        if row[1] == "zstd -3":
            continue
        both, up, down, rounds, wall, _, sender, receiver, share, times = row[2:]
        assert isinstance(up, int)
        assert isinstance(down, int)
        assert (both, rounds) == (up + down, None)
        assert isinstance(wall, Sample)
        assert len(wall.values) == 2
        assert isinstance(sender, Sample)
        assert isinstance(receiver, Sample)
        assert min(*sender.values, *receiver.values) > 1
        assert (share is None, times is None) == ((True, False) if row[1] == "rsync -z" else (False, True))
    by_name = {str(row[0]).partition(" (")[0]: row[2] for row in table.rows if row[1] == "rsync"}
    assert by_name["identical, and of one time"] < by_name["identical"] < 1 << 20  # type: ignore[operator]
    assert by_name["nothing in common, random"] > 1 << 20  # type: ignore[operator]
    assert by_name["image, one block changed"] < 100_000  # type: ignore[operator]
    assert [row[2] for row in tables["wire-links"].rows] == 2 * OTHERS


def test_redelta_tells_its_round_trips(redelta: Tool, pair: tuple[Path, Path], tmp_path: Path) -> None:
    words = ("--only", "redelta", "--only", "rsync -z", "--skip", "made-up", "--link", "100:2", "--rounds", "1")
    done, tables = wire(redelta, tmp_path, *pair, *words)
    assert done.returncode == 0, done.stderr
    ours, fewer, theirs = tables["wire"].rows
    assert [row[1] for row in (ours, fewer, theirs)] == ["redelta sync", "redelta sync --max-rounds=10", "rsync -z"]
    assert isinstance(ours[5], int)
    assert isinstance(fewer[5], int)
    assert 2 < fewer[5] <= ours[5]
    assert isinstance(ours[10], float)
    assert ours[10] < 1
    assert len(tables["wire-links"].rows) == 3


def test_a_program_that_makes_another_file_is_told_of(redelta: Tool, pair: tuple[Path, Path], tmp_path: Path) -> None:
    fake = tmp_path / "bin/rsync"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nfor last; do :; done\necho wrong >"${last#*:}"\n')
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    done, _ = wire(redelta, tmp_path, *pair, "--only", "rsync", "--skip", "made-up", "--skip", "links", path=path)
    assert done.returncode == 1
    assert "does not make the new file" in done.stderr


def test_what_a_program_complains_of_is_noted(redelta: Tool, pair: tuple[Path, Path], tmp_path: Path) -> None:
    fake = tmp_path / "bin/rsync"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'rsync is out of sorts' >&2\nexit 3\n")
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    done, tables = wire(redelta, tmp_path, *pair, "--only", "rsync -z", "--skip", "made-up", path=path)
    assert done.returncode == 0, done.stderr
    assert tables["wire"].notes == ["old to new, rsync -z: rsync is out of sorts"]
    assert len(tables["wire-links"].notes) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("old",), "files come in pairs"),
        (("--link", "10"), "invalid"),
        (("--link", "0:5"), "invalid"),
        (("--only", "nothing"), "no program is named nothing"),
        (("--pairs", "."), "no pairs in"),
    ],
)
def test_a_wrong_command_line_is_refused(redelta: Tool, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    done, _ = wire(redelta, tmp_path, *[str(tmp_path) if word == "." else word for word in words])
    assert done.returncode == 2
    assert why in done.stderr


def test_made_up_files_are_the_same_each_time(tmp_path: Path) -> None:
    first, again = made_up(tmp_path / "first", 1, 2), made_up(tmp_path / "again", 1, 2)
    for one, other in zip(first, again, strict=True):
        assert one.pair.old.read_bytes() == other.pair.old.read_bytes()
        assert one.pair.new.read_bytes() == other.pair.new.read_bytes()
    image = first[-1].pair
    old, new = image.old.read_bytes(), image.new.read_bytes()
    different = [at for at in range(0, len(old), 4096) if old[at : at + 4096] != new[at : at + 4096]]
    assert (len(new), len(different)) == (2 << 20, 1)


@pytest.mark.parametrize("make", [words_of, noise_of])
@pytest.mark.parametrize("size", [0, 1, 1_000_000, (1 << 20) + 1])
def test_made_up_bytes_are_as_many_as_asked(make: type, size: int) -> None:
    assert sum(map(len, make(random.Random(1), size))) == size


def test_there_is_a_slow_link_of_one_kind_or_the_other(pair: tuple[Path, Path]) -> None:
    with slow_link(LinkSpeed.of("10:100")) as link:
        assert link.label.startswith("10 Mbit/s, 100 ms")
        assert bool(link.options) != bool(link.shell)
