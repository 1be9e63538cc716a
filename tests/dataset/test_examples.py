"""The programs of examples/python that work on datasets, run as their users run them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from helpers.cluster import Cluster
from helpers.examples import run
from helpers.roots import later_version, make_root, snapshot
from redelta import dataset


def test_the_picture_of_a_run_has_every_task(tmp_path: Path) -> None:
    make_root(tmp_path / "root", 1)
    done = run(
        "run_picture.py", tmp_path / "root", tmp_path / "made", tmp_path / "run.svg", "--workers", 2, "--shard-files", 5
    )
    files, _, _, shards, *_ = done.stdout.split()
    assert dataset.verify(tmp_path / "made", tmp_path / "root", executor=1).files == int(files)
    check_picture(tmp_path / "run.svg", int(shards))


def test_the_picture_of_a_cluster(tmp_path: Path) -> None:
    make_root(tmp_path / "root", 1)
    (tmp_path / "dask").mkdir()
    cluster = Cluster(tmp_path / "dask")
    try:
        cluster.add_worker()
        with cluster.client(1) as client:
            address = client.scheduler.address
        done = run("run_picture.py", tmp_path / "root", tmp_path / "made", tmp_path / "run.svg", "--scheduler", address)
    finally:
        cluster.close()
    check_picture(tmp_path / "run.svg", int(done.stdout.split()[3]))


def check_picture(file: Path, shards: int) -> None:
    titles = [each.text or "" for each in ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}title")]
    assert sum(title.startswith("sign_shard") for title in titles) == shards
    assert any(title.startswith("list_part") for title in titles)


def test_versions_of_a_directory(tmp_path: Path) -> None:
    store = tmp_path / "store"
    make_root(tmp_path / "one", 1)
    later_version(tmp_path / "one", tmp_path / "two", 1)
    for number, name in enumerate(["one", "two", "one"], 1):
        done = run("dataset_versions.py", "--workers", 1, "commit", store, tmp_path / name)
        assert done.stdout == f"version {number}\n"
    sizes = [
        int(line.split()[1].replace(",", "")) for line in run("dataset_versions.py", "list", store).stdout.splitlines()
    ]
    assert len(sizes) == 3
    assert sizes[1] < sizes[0]
    for number, name in enumerate(["one", "two", "one"], 1):
        made = tmp_path / f"made{number}"
        run("dataset_versions.py", "--workers", 1, "checkout", store, number, made)
        assert snapshot(made) == snapshot(tmp_path / name)
    assert "not empty" in run("dataset_versions.py", "checkout", store, 1, tmp_path / "made1", status=1).stderr
    assert "no version 4" in run("dataset_versions.py", "checkout", store, 4, tmp_path / "made4", status=1).stderr
    assert "added fresh/file" in run("dataset_versions.py", "diff", store, 1, 2).stdout
    assert run("dataset_versions.py", "diff", store, 1, 3).stdout == ""


@pytest.mark.parametrize("damage", ["parquet", "pack"])
def test_a_damaged_version_is_told(tmp_path: Path, damage: str) -> None:
    store = tmp_path / "store"
    make_root(tmp_path / "one", 1)
    run("dataset_versions.py", "--workers", 1, "commit", store, tmp_path / "one")
    victim = next((store / "0001.delta").glob(f"*.{damage}"))
    victim.write_bytes(victim.read_bytes()[:-1])
    done = run("dataset_versions.py", "--workers", 1, "checkout", store, 1, tmp_path / "made", status=1)
    assert victim.name in done.stderr
    assert not any((tmp_path / "made").iterdir())
