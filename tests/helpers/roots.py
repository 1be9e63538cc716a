"""Roots of the tests: trees of files, made by chance, and later versions of them."""

from __future__ import annotations

import os
import random
import shutil
import stat
from concurrent.futures import Executor
from pathlib import Path

from helpers.samples import noise
from redelta.dataset import write_delta, write_signature


def snapshot(root: Path) -> dict[bytes, tuple[object, ...]]:
    """All that a patch makes: kinds, contents, targets, permissions and times, but for the time of the root itself."""
    found: dict[bytes, tuple[object, ...]] = {}
    base = os.fsencode(root)
    for folder, directories, files in os.walk(base):
        for name in [*directories, *files]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
            mode = None if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode)
            found[path[len(base) + 1 :]] = (stat.S_IFMT(status.st_mode), mode, status.st_mtime_ns, content)
    return found


def edited(data: bytes, chance: random.Random) -> bytes:
    """Some bytes replaced in the middle."""
    at = chance.randint(0, len(data))
    return data[:at] + chance.randbytes(chance.randint(1, 40)) + data[at + chance.randint(0, 40) :]


def make_root(root: Path, seed: int, files: int = 40) -> None:
    """Files of many sizes, in directories of several levels, with links and unusual names."""
    chance = random.Random(seed)
    root.mkdir()
    folders = [root, root / "a", root / "a" / "b", root / "a.b", root / "empty", root / "c d"]
    for folder in folders[1:]:
        folder.mkdir()
    for number in range(files):
        folder = chance.choice([each for each in folders if each.name != "empty"])
        size = chance.choice([0, 1, 100, 3000, 20_000, 120_000])
        (folder / f"file{number}").write_bytes(noise(size, seed * 1000 + number))
    with open(os.path.join(os.fsencode(root), b"not \xff UTF-8"), "wb") as file:
        file.write(b"name")
    (root / "link").symlink_to("a/b")
    (root / "a" / "dangling").symlink_to("nowhere")


def later_version(old: Path, new: Path, seed: int) -> None:
    """A copy of a root in which much has changed: contents, names, kinds, modes, times."""
    chance = random.Random(seed)
    shutil.copytree(old, new, symlinks=True)
    files = sorted(each for each in new.rglob("file*") if each.is_file())
    for number, file in enumerate(files):
        way = number % 8
        if way == 0:
            file.write_bytes(edited(file.read_bytes(), chance))
        elif way == 1:
            file.unlink()
        elif way == 2:
            file.rename(file.with_name(f"moved{number}"))
        elif way == 3:
            shutil.copy2(file, file.with_name(f"copied{number}"))
        elif way == 4:
            file.chmod(chance.choice([0o600, 0o755]))
        elif way == 5:
            os.utime(file, ns=(0, chance.randrange(10**18)))
    (new / "fresh").mkdir()
    (new / "fresh" / "file").write_bytes(noise(30_000, seed))
    (new / "link").unlink()
    (new / "link").mkdir()  # a directory in the place of a link
    (new / "link" / "inside").write_bytes(b"x")
    shutil.rmtree(new / "c d")
    (new / "c d").write_bytes(b"a file in the place of a directory")
    (new / "empty").rmdir()
    (new / "a" / "dangling").unlink()
    (new / "a" / "dangling").symlink_to("elsewhere")
    (new / "a" / "b").chmod(0o700)


def put(root: Path, files: dict[str, bytes]) -> Path:
    """A root with these files."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def delta_of(folder: Path, threads: Executor, old: Path, new: Path, name: str = "delta") -> Path:
    """The delta of two roots."""
    write_signature(old, folder / f"{name}-signature", executor=threads)
    write_delta(folder / f"{name}-signature", new, folder / name, executor=threads)
    return folder / name
