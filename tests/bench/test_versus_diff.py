"""bench/versus-diff: the pairs that it makes, what it gives other programs, and its tables."""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import diff_hostile
import diff_pairs
from diff_pairs import MIB, found_in
from diff_programs import BSDIFF_MOST, OTHERS, PROGRAMS, ZSTD_19_MOST, Program, Task, chosen, lacking
from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS, Tool
from tables import Sample, Table

ROOT = Path(__file__).parents[2]
SIZE = 200_000


def versus_diff(
    redelta: Tool, place: Path, *words: str | Path, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs it; its tables are left in tables.json."""
    environment = {**os.environ, "REDELTA": str(redelta.path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"TMPDIR": str(place), "PATH": path or os.environ["PATH"]}
    called = [sys.executable, ROOT / "bench/versus-diff", "--json", place / "tables.json", *words]
    done = subprocess.run(called, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert "Traceback" not in done.stderr, done.stderr
    assert not list(place.glob("redelta-versus-diff-*"))
    return done


def tables(place: Path) -> dict[str, Table]:
    read = [Table.from_json(each) for each in json.loads((place / "tables.json").read_text())]
    return {table.name: table for table in read}


def program(name: str) -> Program:
    (found,) = [each for each in PROGRAMS if each.name == name]
    return found


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(noise(300_000, 1))
    new.write_bytes(random_edits(old.read_bytes(), 20, 2))
    return old, new


# ---- The script ------------------------------------------------------------------------------------------------------


def test_each_program_has_a_row_with_its_bytes(redelta: Tool, pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = versus_diff(
        redelta,
        tmp_path,
        *pair,
        "--rounds",
        "2",
        "--only",
        "rdiff",
        "--only",
        "redelta diff",
        "--only",
        "redelta diff -z",
    )
    assert done.returncode == 0, done.stderr
    made, applied, sizes, seconds, _ = tables(tmp_path).values()
    rows = {str(row[1]).split(" -b")[0]: row for row in made.rows}
    assert set(rows) == {"rdiff", "redelta diff", "redelta diff -z"}, made.notes
    _, name, size, signature, wall, _, _, bytes_to, times_to = rows["rdiff"]
    block_len = int(str(name).split()[-1])
    assert isinstance(size, int)
    assert 1000 < size < pair[1].stat().st_size
    assert signature == 12 + 36 * -(-pair[0].stat().st_size // block_len)  # a whole signature, whose sums have 32 bytes
    assert isinstance(wall, Sample)
    assert len(wall.values) == 2
    assert isinstance(bytes_to, float)
    assert bytes_to > 1
    assert isinstance(times_to, Sample)
    assert rows["redelta diff -z"][3] is None
    assert rows["redelta diff -z"][7:] == [None, None]
    assert [row[:2] for row in applied.rows] == [row[:2] for row in made.rows]
    assert [column.heading for column in sizes.columns] == ["pair", "diff kB", "diff -z kB", "rdiff kB"]
    assert sizes.rows[0][3] == (size + signature) / 1000
    assert seconds.rows[0][3] == wall


def test_a_program_that_makes_another_file_is_told_of(redelta: Tool, pair: tuple[Path, Path], tmp_path: Path) -> None:
    fake = tmp_path / "bin/rdiff"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\ncase "$1 $3" in\n*signature) : >"$5" ;;\nesac\nfor last; do :; done\necho wrong >"$last"\n'
    )
    fake.chmod(0o755)
    done = versus_diff(redelta, tmp_path, *pair, "--only", "rdiff", path=f"{fake.parent}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "does not make the new file" in done.stderr


def test_what_a_program_complains_of_is_noted(redelta: Tool, pair: tuple[Path, Path], tmp_path: Path) -> None:
    fake = tmp_path / "bin/rdiff"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho first >&2\necho 'rdiff is out of sorts' >&2\nexit 3\n")
    fake.chmod(0o755)
    done = versus_diff(redelta, tmp_path, *pair, "--only", "rdiff", path=f"{fake.parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    made = tables(tmp_path)["versus-diff"]
    assert (made.rows, made.notes) == ([], ["old to new, rdiff: rdiff is out of sorts"])


def test_crafted_pairs_are_compared_with_random_ones(redelta: Tool, tmp_path: Path) -> None:
    words = ("--hostile", "--megabytes", "1", "--crafted", "word", "--only", "redelta diff", "--rounds", "2")
    done = versus_diff(redelta, tmp_path, *words)
    assert done.returncode in (0, 1), done.stderr  # no test depends on time
    table, worst = tables(tmp_path).values()
    assert [row[0] for row in table.rows] == ["Thue-Morse word", "Fibonacci word", "de Bruijn word"]
    assert worst.rows == [row for row in table.rows if isinstance(row[4], Sample) and row[4].median > 1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("old",), "files come in pairs"),
        (("old", "new", "--hostile"), "exclude each other"),
        (("--large", "1", "--hostile"), "exclude each other"),
        (("--large", "0"), "less than 1"),
        (("--only", "nothing"), "no program is named nothing"),
        (("--pairs", "."), "no pairs in"),
    ],
)
def test_a_wrong_command_line_is_refused(redelta: Tool, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    done = versus_diff(redelta, tmp_path, *[tmp_path if word == "." else word for word in words])
    assert done.returncode == 2
    assert why in done.stderr


# ---- The programs ----------------------------------------------------------------------------------------------------


def test_a_name_chooses_a_program_and_its_first_word_all_levels() -> None:
    assert [each.name for each in chosen(["xdelta3"])] == ["xdelta3 -1", "xdelta3 -9"]
    assert [each.name for each in chosen(["zstd -3", "rdiff"])] == ["zstd -3", "rdiff"]
    assert chosen([]) == list(PROGRAMS)
    with pytest.raises(LookupError, match=r"zstd -1\b"):
        chosen(["zstd -1"])


def test_the_others_are_those_that_are_not_redelta() -> None:
    assert not [name for name in OTHERS if name.startswith("redelta")]
    assert {name.split()[0] for name in OTHERS} == {"xdelta3", "zstd", "bsdiff", "rdiff"}


def test_a_program_gets_what_a_large_file_needs(tmp_path: Path) -> None:
    task = Task(tmp_path / "old", tmp_path / "new", tmp_path)
    for size, window in ((0, 1 << 14), (100_000_000, 100_000_000), (5 << 30, (1 << 31) - 1)):
        with task.old.open("wb") as file:
            file.truncate(size)
        for command in (*program("xdelta3 -9").make(task, ""), program("xdelta3 -9").apply(task)):
            assert command[command.index("-B") + 1] == str(window)
    (command,) = program("zstd -19").make(task, "")
    assert {"-19", "--long=31", f"--patch-from={task.old}"} <= set(command)


def test_what_would_take_too_much_is_not_run(tmp_path: Path) -> None:
    task = Task(tmp_path / "old", tmp_path / "new", tmp_path)
    for name, most in (("bsdiff", BSDIFF_MOST), ("zstd -19", ZSTD_19_MOST)):
        for size, refused in ((most, False), (most + 1, True)):
            with task.old.open("wb") as file:
                file.truncate(size)
            assert bool(program(name).refuses(task)) == refused
    assert not any(program(name).refuses(task) for name in ("redelta diff", "zstd -3", "xdelta3 -9", "rdiff"))


def test_a_program_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lacking(program("bsdiff")) == "bsdiff, bspatch not installed"


def test_the_plain_delta_is_applied_by_stock_rdiff_too(tmp_path: Path) -> None:
    task = Task(tmp_path / "old", tmp_path / "new", tmp_path, threads=3)
    command = program("redelta diff").also_apply(task)
    assert command
    assert command[:2] == ["rdiff", "patch"]
    assert program("redelta diff --dense").also_apply(task) is None
    (command,) = program("redelta diff --dense").make(task, "")
    assert command[1:] == ["diff", "--dense", "-T", "3", *(f"{tmp_path}/{name}" for name in ("old", "new", "delta"))]


# ---- The pairs -------------------------------------------------------------------------------------------------------


def test_a_folder_has_the_oldest_and_the_newest_of_each_name(tmp_path: Path) -> None:
    for name in ("linux-6.1.9.tar", "linux-6.1.10.tar", "linux-6.1.2.tar", "app-1.db", "app-2.db", "alone-1", "notes"):
        (tmp_path / name).write_bytes(b"x" * (2 if name.startswith("linux") else 1))
    for name in ("whole/old", "whole/new", "half/old"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"xxx")
    names = [(pair.old.name, pair.new.name) for pair in found_in(tmp_path)]
    assert names == [("app-1.db", "app-2.db"), ("linux-6.1.2.tar", "linux-6.1.10.tar"), ("old", "new")]


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def test_its_own_archives_differ_in_some_members() -> None:
    old, new = map(members, diff_pairs.archives())
    kept = [name for name in old if old[name] == new.get(name)]
    assert len(old) > 500
    assert 0.8 * len(old) < len(kept) < 0.97 * len(old)
    assert set(new) - set(old)
    assert set(old) - set(new)


def test_its_own_databases_are_sound_and_differ_in_some_rows() -> None:
    counts = []
    for data in diff_pairs.databases(2000):
        database = sqlite3.connect(":memory:")
        database.deserialize(data)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        counts.append(database.execute("SELECT count(*), sum(name LIKE '% new') FROM item").fetchone())
        database.close()
    assert counts[0] == (2000, 0)
    assert counts[1][0] == 2030
    assert counts[1][1] in range(35, 41)  # of those altered some are removed


def test_code_that_moves_keeps_its_calls_right() -> None:
    """A call across an insertion leads to the same bytes as before."""
    rng = random.Random(3)
    old = bytearray(rng.choices(range(128), k=60_000))  # without an opcode of a call
    calls = sorted(rng.sample(range(0, 59_990, 5), 300))
    for at in calls:
        target = rng.randrange(0, 59_000)
        old[at : at + 5] = b"\xe8" + (target - at - 5).to_bytes(4, "little", signed=True)
    new = diff_pairs.shifted_code(bytes(old), random.Random(4), insertions=5)
    assert len(new) > len(old)
    assert new != bytes(old)
    changed = sum(new.count(bytes(old[at : at + 5])) == 0 for at in calls)
    assert 50 < changed < 300
    same = diff_pairs.shifted_code(bytes(old), random.Random(4), insertions=0)
    assert same == bytes(old)


def test_the_large_pair_is_made_of_parts_that_can_be_made_again(tmp_path: Path) -> None:
    count = 3
    pair = diff_pairs.make_large(tmp_path, count)
    assert pair.old.read_bytes() == b"".join(map(diff_pairs.large_old, range(count)))
    assert abs(pair.new.stat().st_size - count * MIB) < count * diff_pairs.EDIT_MAX
    order = diff_pairs.large_order(1000)
    assert sorted(order) == list(range(1000))
    moved = sum(place != number for place, number in enumerate(order))
    assert 100 < moved < 500
    kept = fresh = 0
    for place in range(200):
        new, old = diff_pairs.large_new(place, place), diff_pairs.large_old(place)
        kept += new == old
        fresh += new[:4096] != old[:4096] and new[-4096:] != old[-4096:]
    assert 130 < kept < 170
    assert 2 <= fresh < 20


# ---- The crafted pairs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*diff_hostile.HOSTILE])
def test_a_crafted_pair_is_as_long_as_asked_for_and_always_the_same(name: str) -> None:
    make = diff_hostile.HOSTILE[name]
    old, new = make(SIZE, random.Random(name))
    for data in (old, new):
        assert 0.85 * SIZE < len(data) <= 1.15 * SIZE
    assert old != new
    assert make(SIZE, random.Random(name)) == (old, new)


def test_the_words_have_the_factors_that_define_them() -> None:
    word = diff_hostile.thue_morse_word(4096)
    assert not [
        length for length in range(1, 60) for at in range(200) if word[at:][:length] * 3 == word[at:][: 3 * length]
    ]
    word = diff_hostile.fibonacci_word(4000)
    for length in (1, 5, 30):
        assert len({word[at : at + length] for at in range(3000)}) == length + 1
    word = diff_hostile.de_bruijn_word(1 << 16)
    assert len({word[at : at + 24] for at in range(len(word) - 23)}) == len(word) - 23


def test_a_periodic_file_differs_in_one_byte_of_each_few_thousand() -> None:
    old, new = diff_hostile.periodic(7, SIZE, random.Random(1))
    assert old[7:] == old[:-7]
    shifted = old[1:] + old[:1]
    assert sum(a != b for a, b in zip(shifted, new, strict=True)) == SIZE // diff_hostile.CHANGE_EVERY


def test_neighbours_of_wide_gaps_are_far_apart() -> None:
    order = diff_hostile.far_ends(1000)
    assert sorted(order) == list(range(1000))
    assert sum(abs(one - other) for one, other in itertools.pairwise(order)) > 999 * 400
