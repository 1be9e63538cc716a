"""The examples in C: each is compiled as users compile it, against the built library, and run."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS

OLD = noise(3_000_000, 1)
NEW = random_edits(OLD, 30, 2)


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{name} is not set; run this test with ctest")
    return value


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.environ.get("REDELTA_EMULATED"):
        pytest.skip("the program is for another machine")
    source = Path(setting("REDELTA_SOURCE_DIR"))
    library = Path(setting("REDELTA_LIBRARY"))
    made = tmp_path_factory.mktemp("program") / "socket_sync"
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    subprocess.run(
        [setting("REDELTA_CC"), "-std=c11", *warnings, f"-I{source / 'include'}", source / "examples/c/socket_sync.c",
         "-o", made, library, f"-Wl,-rpath,{library.parent}"],
        check=True,
    )  # fmt: skip
    return made


def run(program: Path, *words: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == status, done.stderr
    return done


def test_a_file_is_brought_up_to_date(program: Path, tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_bytes(NEW)
    old.write_bytes(OLD)
    words = run(program, new, old).stdout.split()
    assert old.read_bytes() == NEW
    assert words[:2] == ["updated:", str(len(NEW))]
    assert int(words[3]) + int(words[5]) < len(NEW) // 10
    before = old.stat()
    assert run(program, new, old).stdout.startswith("identical: ")
    assert (old.stat().st_ino, old.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    old.unlink()
    run(program, new, old)
    assert old.read_bytes() == NEW
    assert sorted(os.listdir(tmp_path)) == ["new", "old"]


@pytest.mark.parametrize(("old", "new"), [(b"", NEW), (OLD, b""), (OLD, noise(3_000_000, 3)), (b"", b"")])
def test_any_two_files(program: Path, tmp_path: Path, old: bytes, new: bytes) -> None:
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    run(program, tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == new


def test_what_goes_wrong_is_told(program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    errors = run(program, tmp_path / "none", tmp_path / "file", status=1).stderr
    assert "none: No such file or directory" in errors
    assert "file: the connection ended too early" in errors
    errors = run(program, tmp_path / "file", tmp_path / "none" / "file", status=1).stderr
    assert "none/file: No such file or directory" in errors
    assert (tmp_path / "file").read_bytes() == OLD
    assert os.listdir(tmp_path) == ["file"]
    assert "usage" in run(program, status=2).stderr


def test_a_full_disk_leaves_the_old_file_and_both_sides_tell(program: Path, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    done = subprocess.run(
        [program, tmp_path / "new", tmp_path / "old"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        preexec_fn=lambda: limit_files(len(OLD) // 2),
    )
    assert done.returncode == 1
    assert "old: File too large" in done.stderr
    assert f"{tmp_path / 'new'}: " in done.stderr
    assert (tmp_path / "old").read_bytes() == OLD
    assert sorted(os.listdir(tmp_path)) == ["new", "old"]


def limit_files(size: int) -> None:
    """Files of this process cannot become larger; writing fails instead of a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
