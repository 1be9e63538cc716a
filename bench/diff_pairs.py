"""Pairs of files for bench/versus-diff: those of a folder, and those that it makes itself.

It makes three pairs of what every machine with Python has, so that they are like what people keep: an archive of the
standard library, a database of SQLite, and the machine code of Python. The old one of each is real, or made by the real
program; the new one has edits from a seeded generator. They differ between releases of Python, so figures of two
machines are of the same kind and not of the same bytes.

The large pair is random, so that nothing is found by chance, and each MiB of it can be made again by itself: no file of
it needs to be in memory.
"""

from __future__ import annotations

import bisect
import io
import itertools
import random
import re
import sqlite3
import sysconfig
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from measuring import refuse

SEED = 1996


@dataclass(frozen=True)
class Pair:
    name: str
    old: Path
    new: Path

    @property
    def label(self) -> str:
        return f"{self.name} ({self.new.stat().st_size:,} bytes)"


# ---- Pairs of a folder -----------------------------------------------------------------------------------------------


def version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]


def subject(path: Path) -> str:
    """A file's name up to its version: that of linux-6.1.tar is linux."""
    found = re.match(r"(.*?)[-_.]?\d", path.name)
    return found[1] if found else ""


def found_in(folder: Path) -> list[Pair]:
    """Of the files NAME-VERSION of each name the oldest and the newest, and NAME/old with NAME/new."""
    pairs = [Pair(each.name, each / "old", each / "new") for each in folder.iterdir() if (each / "old").is_file()]
    pairs = [pair for pair in pairs if pair.new.is_file()]
    files = sorted((each for each in folder.iterdir() if each.is_file() and subject(each)), key=subject)
    for _, group in itertools.groupby(files, key=subject):
        ordered = sorted(group, key=version)
        if len(ordered) > 1:
            pairs.append(Pair(f"{ordered[0].name} to {ordered[-1].name}", ordered[0], ordered[-1]))
    return sorted(pairs, key=lambda pair: (pair.new.stat().st_size, pair.name))


# ---- Its own pairs ---------------------------------------------------------------------------------------------------

ARCHIVE_MOST = 48 << 20
Made = tuple[bytes, bytes]


def edited_lines(text: bytes, rng: random.Random) -> bytes:
    """A few lines removed, repeated elsewhere, or with a word replaced."""
    lines = text.splitlines(keepends=True)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(lines) + 1)
        kind = rng.randrange(3)
        if kind == 0:
            del lines[at : at + rng.randint(1, 12)]
        elif kind == 1:
            start = rng.randrange(len(lines) + 1)
            lines[at:at] = lines[start : start + rng.randint(1, 12)]
        elif at < len(lines):
            lines[at] = re.sub(rb"\w+", lambda found: found[0][::-1], lines[at], count=2)
    return b"".join(lines)


def archive(members: list[tuple[str, bytes]], time: int) -> bytes:
    """A tar archive, as of a release: all members have its time."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), time
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def archives() -> Made:
    """The standard library, and the next release of it: a tenth of its files are edited, some are new or gone."""
    rng = random.Random(SEED)
    library = Path(sysconfig.get_path("stdlib"))
    paths = sorted(path for path in library.rglob("*.py") if "site-packages" not in path.parts)
    members: list[tuple[str, bytes]] = []
    size = 0
    for path in paths:
        if size < ARCHIVE_MOST:
            members.append((f"python/{path.relative_to(library)}"[:100], path.read_bytes()))
            size += len(members[-1][1])
    after = []
    for name, content in members:
        kind = rng.randrange(100)
        if kind == 0:
            continue
        if kind == 1:
            after.append((f"{name[:90]}_new", content.swapcase()))
        after.append((name, edited_lines(content, rng) if kind < 10 else content))
    return archive(members, 1_700_000_000), archive(after, 1_710_000_000)


def database_rows(rng: random.Random, first: int, count: int) -> Iterator[tuple[int, str, str, float, bytes]]:
    words = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))).decode() for _ in range(2000)]
    for number in range(first, first + count):
        text = " ".join(rng.choices(words, k=rng.randint(5, 60)))
        yield number, " ".join(rng.sample(words, 2)), text, rng.random() * 1e6, rng.randbytes(rng.choice((0, 16, 64)))


def databases(count: int = 80_000) -> Made:
    """A table with an index, and the same after some rows were altered, removed and added."""
    rng = random.Random(SEED)
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, text TEXT, price REAL, hash BLOB)")
        database.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?)", database_rows(rng, 1, count))
        database.execute("CREATE INDEX item_name ON item (name)")
        database.commit()
        old = database.serialize()
        for number in rng.sample(range(1, count + 1), count // 50):
            database.execute("UPDATE item SET price = ?, name = name || ' new' WHERE id = ?", (rng.random(), number))
        for number in rng.sample(range(1, count + 1), count // 200):
            database.execute("DELETE FROM item WHERE id = ?", (number,))
        database.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?)", database_rows(rng, count + 1, count // 50))
        database.commit()
        return old, database.serialize()


def machine_code() -> bytes:
    """The largest file of which this process runs code: Python, or its library."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = {Path(words[5]) for words in map(str.split, lines) if len(words) == 6 and "x" in words[1]}
    there = [path for path in mapped if path.is_file()]
    return max(there, key=lambda path: path.stat().st_size).read_bytes()


REFERENCES = re.compile(rb"[\xe8\xe9]|\x48[\x8b\x8d][\x05\x0d\x15\x1d\x25\x2d\x35\x3d]", re.DOTALL)  # x86's


def shifted_code(old: bytes, rng: random.Random, insertions: int = 60) -> bytes:
    """Functions grow at some places, so what lies behind them moves, and each relative address that leads across such a
    place changes: calls, jumps, and loads of x86. What only looks like one of these is altered, too."""
    places = sorted(rng.sample(range(0, len(old), 16), insertions))
    grown = [rng.choice((16, 32, 64, 400, 3000)) for _ in places]
    moved = [0, *itertools.accumulate(grown)]

    def move(at: int) -> int:
        return moved[bisect.bisect_right(places, at)]

    code = bytearray(old)
    for found in REFERENCES.finditer(old):
        at = found.end()
        target = at + 4 + int.from_bytes(old[at : at + 4], "little", signed=True)
        change = move(target) - move(at) if 0 <= target < len(old) and at + 4 <= len(old) else 0
        if change:
            value = target - at - 4 + change
            code[at : at + 4] = value.to_bytes(4, "little", signed=True)
    pieces: list[bytes | bytearray] = []
    before = 0
    for place, size in zip(places, grown, strict=True):
        start = rng.randrange(len(old) - size)
        pieces += [code[before:place], old[start : start + size]]
        before = place
    return b"".join([*pieces, code[before:]])


def programs() -> Made:
    old = machine_code()
    return old, shifted_code(old, random.Random(SEED))


OWN: dict[str, Callable[[], Made]] = {"archive": archives, "database": databases, "program": programs}


def make_own(folder: Path) -> list[Pair]:
    """Writes its own pairs into a folder."""
    pairs = []
    for name, make in OWN.items():
        pair = Pair(name, folder / name / "old", folder / name / "new")
        pair.old.parent.mkdir(parents=True)
        for path, content in zip((pair.old, pair.new), make(), strict=True):
            path.write_bytes(content)
        pairs.append(pair)
    return pairs


# ---- The large pair --------------------------------------------------------------------------------------------------

MIB = 1 << 20
GROUP = 64  # MiB that are moved as one
MOVED = 4  # one of so many groups changes places with another
FRESH = 25  # one of so many MiB is new
EDITED = 4  # one of so many is edited
EDIT_MAX = 8192


def large_old(number: int) -> bytes:
    """A MiB of the old file, by its number."""
    return random.Random(f"old {number}").randbytes(MIB)


def large_order(count: int) -> list[int]:
    """Which MiB of the old file stands at each place of the new one."""
    groups = [list(range(at, min(at + GROUP, count))) for at in range(0, count, GROUP)]
    rng = random.Random(f"order {count}")
    movable = rng.sample(range(len(groups)), len(groups) // MOVED // 2 * 2)
    for one, other in zip(movable[::2], movable[1::2], strict=True):
        groups[one], groups[other] = groups[other], groups[one]
    return [number for group in groups for number in group]


def large_new(place: int, number: int) -> bytes:
    """What stands at a place of the new file, which has MiB `number` of the old one there: that, edited, or other
    bytes."""
    rng = random.Random(f"new {place}")
    if rng.randrange(FRESH) == 0:
        return rng.randbytes(MIB)
    data = large_old(number)
    if rng.randrange(EDITED):
        return data
    at, size = rng.randrange(MIB), rng.randint(1, EDIT_MAX)
    return data[:at] + rng.choice((b"", rng.randbytes(size))) + data[at + rng.choice((0, size)) :]


def make_large(folder: Path, count: int) -> Pair:
    """Writes the pair of `count` MiB."""
    pair = Pair(f"{count / 1024:g} GiB", folder / f"old-{count}", folder / f"new-{count}")
    try:
        with pair.old.open("wb") as old:
            old.writelines(map(large_old, range(count)))
        with pair.new.open("wb") as new:
            new.writelines(large_new(place, number) for place, number in enumerate(large_order(count)))
    except OSError as error:
        refuse(f"the large pair: {error.strerror}")
    return pair
