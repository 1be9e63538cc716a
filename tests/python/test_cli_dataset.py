"""`redelta dataset`: what it does is what `redelta.dataset` does, and what it says of it is true."""

from __future__ import annotations

import filecmp
import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.cluster import Cluster
from helpers.programs import records_of, run_program
from helpers.samples import noise

CONTENTS = {f"dir{number % 3}/file{number}": noise(20_000 + number, number) for number in range(12)}


def plant(root: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return plant(tmp_path / "old", CONTENTS)


@pytest.fixture
def new(tmp_path: Path, old: Path) -> Path:
    """One file is changed, one renamed, one removed, one added; all others are the same, with their times."""
    root = Path(shutil.copytree(old, tmp_path / "new"))
    (root / "dir1/file1").write_bytes(CONTENTS["dir1/file1"] + b"more")
    (root / "dir2/file2").rename(root / "dir2/renamed")
    (root / "dir0/file0").unlink()
    (root / "dir0/added").write_bytes(b"new")
    return root


def run(*words: Any) -> subprocess.CompletedProcess[str]:
    return run_program("dataset", *map(str, words), *([] if words[0] == "diff" else ["--workers=1"]))


def good(*words: Any) -> str:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def trees(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_three_steps_make_the_new_version(tmp_path: Path, old: Path, new: Path) -> None:
    assert good("signature", old, tmp_path / "sig", "--min-size=1K", "-b", "512", "-S", "8") == ""
    assert good("delta", tmp_path / "sig", new, tmp_path / "delta", "-z3") == ""
    before = trees(old)
    told = good("patch", "-n", tmp_path / "delta", old)
    assert trees(old) == before
    assert "delete" in told
    assert good("patch", tmp_path / "delta", old, f"--backup={tmp_path / 'backup'}") == ""
    assert trees(old) == trees(new)
    assert (tmp_path / "backup/dir0/file0").read_bytes() == CONTENTS["dir0/file0"]


def test_a_dataset_is_that_of_the_package(tmp_path: Path, old: Path, new: Path) -> None:
    dataset = importlib.import_module("redelta.dataset")
    good("signature", old, tmp_path / "sig", "--shard-files=5")
    good("delta", tmp_path / "sig", new, tmp_path / "delta", "--no-renames")
    with ThreadPoolExecutor(1) as threads:
        dataset.write_signature(old, tmp_path / "own.sig", shard_files=5, executor=threads)
        dataset.write_delta(tmp_path / "sig", new, tmp_path / "own.delta", renames=False, executor=threads)
    for mine, theirs in ("sig", "own.sig"), ("delta", "own.delta"):
        compared = filecmp.dircmp(tmp_path / mine, tmp_path / theirs)
        assert (compared.left_only, compared.right_only) == ([], [])
        assert filecmp.cmpfiles(tmp_path / mine, tmp_path / theirs, compared.common_files, shallow=False)[1:] == (
            [],
            [],
        )


def test_records_have_the_figures(tmp_path: Path, old: Path) -> None:
    *_, result = records_of(good("signature", old, tmp_path / "sig", "--json"))
    assert result["verb"] == "dataset signature"
    assert result["dataset"]["files"] == len(CONTENTS)
    assert result["dataset"]["bytes"] == sum(map(len, CONTENTS.values()))
    assert not result["dry_run"]
    told = run("signature", old, tmp_path / "sig", "-s", f"--json={tmp_path / 'records'}")
    assert f"files{len(CONTENTS):>30}" in told.stderr
    *_, again = records_of((tmp_path / "records").read_text())
    assert again["dataset"]["shards_skipped"] == again["dataset"]["shards"] == 1
    *_, anew = records_of(good("signature", old, tmp_path / "sig", "--json", "--no-resume"))
    assert anew["dataset"]["shards_skipped"] == 0


def test_what_is_being_done_is_told_if_that_is_wanted(tmp_path: Path, old: Path) -> None:
    told = run("signature", "-v", old, tmp_path / "sig").stderr
    assert told == f"redelta: dataset signature: {old}, {tmp_path / 'sig'}, by 1 process\n"
    assert run("signature", "-v", "-q", old, tmp_path / "sig").stderr == ""


def test_known_files_are_not_read(tmp_path: Path, old: Path) -> None:
    good("signature", old, tmp_path / "sig")
    (old / "dir0/new").write_bytes(b"new")
    *_, result = records_of(good("signature", old, tmp_path / "two", f"--known={tmp_path / 'sig'}", "--json"))
    assert result["dataset"]["read_files"] == 1


def test_diff_tells_what_differs(tmp_path: Path, old: Path, new: Path) -> None:
    good("signature", old, tmp_path / "one")
    good("signature", new, tmp_path / "two")
    shown = good("diff", tmp_path / "one", tmp_path / "two").splitlines()
    assert sorted(shown) == [
        "added    dir0/added",
        "changed  dir1/file1",
        "removed  dir0/file0",
        "renamed  dir2/file2 -> dir2/renamed",
    ]
    *changes, result = records_of(good("diff", "--json", tmp_path / "one", tmp_path / "two"))
    assert {(each["kind"], each["name"], each["old_name"]) for each in changes} == {
        ("added", "dir0/added", None),
        ("changed", "dir1/file1", None),
        ("removed", "dir0/file0", None),
        ("renamed", "dir2/renamed", "dir2/file2"),
    }
    assert (result["identical"], result["changes"]) == (False, 4)
    assert run("diff", "--exit-code", tmp_path / "one", tmp_path / "two").returncode == 0
    same = run("diff", "--exit-code", tmp_path / "one", tmp_path / "one")
    assert (same.returncode, same.stdout) == (5, "")


def test_verify_tells_what_differs(tmp_path: Path, old: Path, new: Path) -> None:
    good("signature", old, tmp_path / "sig")
    assert good("verify", tmp_path / "sig", old) == ""
    done = run("verify", tmp_path / "sig", new, "--extra")
    assert done.returncode == 4
    assert done.stderr == "redelta: dataset verify: 5 paths differ\n"
    assert [line.split(":")[0] for line in sorted(done.stdout.splitlines())] == [
        "added    dir0/added",
        "added    dir2/renamed",
        "changed  dir1/file1",
        "missing  dir0/file0",
        "missing  dir2/file2",
    ]
    recorded = run("verify", tmp_path / "sig", new, "--json", "--quick")
    assert recorded.returncode == 4
    *changes, result = records_of(recorded.stdout)
    assert (result["status"], result["verified"], result["changes"]) == (4, False, 3)
    assert {each["type"] for each in changes} <= {"change", "progress"}


def test_sync_makes_a_directory_the_same(tmp_path: Path, old: Path, new: Path) -> None:
    before = trees(old)
    good("sync", new, old, "-n", "--delete")
    assert trees(old) == before
    good("sync", new, old)
    assert trees(old) == {**before, **trees(new)}
    good("sync", new, old, "--delete", f"--state={tmp_path / 'state'}")
    assert trees(old) == trees(new)


def test_a_dataset_that_lies_is_refused(tmp_path: Path, old: Path, new: Path) -> None:
    good("signature", old, tmp_path / "sig")
    good("delta", tmp_path / "sig", new, tmp_path / "delta")
    before = trees(old)
    limited = run("patch", tmp_path / "delta", old, "--max-output=1K")
    assert limited.returncode == 3
    (pack,) = (tmp_path / "delta").glob("*.pack")
    pack.write_bytes(pack.read_bytes()[:-1] + b"!")
    refused = run("patch", tmp_path / "delta", old)
    assert refused.returncode == 3
    for done in (limited, refused):
        assert done.stderr.startswith("redelta: dataset patch: ")
        assert done.stderr.count("\n") == 1
    assert trees(old) == before


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a dask scheduler with one worker: processes of their own."""
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.add_worker()
        yield json.loads(cluster.file.read_text())["address"]
    finally:
        cluster.close()


def test_the_workers_of_a_scheduler_make_the_same_dataset(tmp_path: Path, old: Path, scheduler: str) -> None:
    good("signature", old, tmp_path / "one")
    done = run_program("dataset", "signature", str(old), str(tmp_path / "two"), f"--scheduler={scheduler}")
    assert (done.returncode, done.stderr) == (0, "")
    assert trees(tmp_path / "one") == trees(tmp_path / "two")


def test_no_scheduler_is_a_failed_connection(tmp_path: Path, old: Path) -> None:
    done = run_program(
        "dataset", "signature", str(old), str(tmp_path / "sig"), "--scheduler=tcp://127.0.0.1:1",
        DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s",
    )  # fmt: skip
    assert done.returncode == 7
    assert done.stderr.startswith("redelta: dataset signature: ")
    assert done.stderr.count("\n") == 1


def test_urls_of_fsspec_are_taken(tmp_path: Path, old: Path) -> None:
    """`file://` is one that processes share; an option for it is passed on."""
    good("signature", f"file://{old}", f"file://{tmp_path}/sig")
    good("signature", f"local://{old}", tmp_path / "local", "--storage-option", "auto_mkdir=true")
    assert (tmp_path / "sig/manifest.json").exists()
    assert os.listdir(tmp_path / "local")
    refused = run("signature", old, tmp_path / "x", "--storage-option", "anon=true")
    assert refused.returncode == 2
    assert "options" in refused.stderr
