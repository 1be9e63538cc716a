"""What is in the wheel and in the source distribution, and what is not. REDELTA_DIST names the folder of both."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import redelta


def dist(pattern: str) -> Path:
    folder = os.environ.get("REDELTA_DIST")
    if not folder:
        pytest.fail("REDELTA_DIST is not set; run this test with ctest")
    (found,) = Path(folder).glob(pattern)
    return found


@pytest.fixture(scope="session")
def wheel() -> zipfile.ZipFile:
    return zipfile.ZipFile(dist("*.whl"))


@pytest.fixture(scope="session")
def extension(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(wheel.extract("redelta/_core.abi3.so", tmp_path_factory.mktemp("wheel")))


def test_one_wheel_is_for_every_python_from_3_11_on(wheel: zipfile.ZipFile) -> None:
    assert re.fullmatch(rf"redelta-{redelta.__version__}-cp311-abi3-\w+\.whl", Path(wheel.filename or "").name)


def test_the_wheel_has_the_package_and_the_command_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    version = redelta.__version__
    assert tops >= {"redelta", f"redelta-{version}.data", f"redelta-{version}.dist-info"}
    assert tops - {"librsync", "py_rdiff"} == {"redelta", f"redelta-{version}.data", f"redelta-{version}.dist-info"}
    assert [name for name in names if ".data/" in name] == [f"redelta-{version}.data/scripts/redelta"]
    known = (".py", ".pyi", "py.typed", "_core.abi3.so")
    strange = [name for name in names if not name.endswith(known) and "-" not in name.split("/")[0]]
    assert strange == []
    assert not any("test" in name or "bench" in name for name in names)


def test_the_licence_comes_with_it(wheel: zipfile.ZipFile) -> None:
    (licence,) = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert wheel.read(licence) == (Path(__file__).parents[2] / "LICENSE").read_bytes()
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["License-Expression"] == "MIT"
    assert f"Copyright (c) 2026 {metadata['Author']}\n" in (Path(__file__).parents[2] / "LICENSE").read_text()
    assert metadata["Requires-Python"] == ">=3.11"
    assert all("extra ==" in needed for needed in metadata.get_all("Requires-Dist") or [])


def test_the_extension_needs_no_library_but_that_of_c(extension: Path) -> None:
    dynamic = subprocess.run(["readelf", "-d", extension], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
    assert needed <= {"libc.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def test_zstd_is_inside() -> None:
    signature = redelta.signature(bytes(100_000), compress=3)
    assert len(redelta.Signature.load(signature)) > 0
    assert signature.startswith(bytes.fromhex("28b52ffd"))


def test_the_extension_is_stripped_and_exports_its_start_alone(extension: Path) -> None:
    sections = subprocess.run(["readelf", "-S", extension], capture_output=True, text=True, check=True).stdout
    assert ".debug" not in sections
    assert ".symtab" not in sections
    symbols = subprocess.run(["nm", "-D", "--defined-only", extension], capture_output=True, text=True, check=True)
    assert [line.split()[-1] for line in symbols.stdout.splitlines()] == ["PyInit__core"]


def test_the_source_distribution_has_what_a_build_and_its_tests_need() -> None:
    with tarfile.open(dist("*.tar.gz")) as archive:
        names = {"/".join(name.split("/")[1:]) for name in archive.getnames()}
    assert names >= {
        "CMakeLists.txt",
        "LICENSE",
        "README.md",
        "include/redelta.h",
        "pyproject.toml",
        "python/CMakeLists.txt",
        "python/ext/module.c",
        "python/src/redelta/__init__.py",
        "python/src/redelta/py.typed",
        "src/engine/scanner.c",
        "tests/python/test_wheel.py",
    }
    assert not any(name.startswith(("build/", "fuzz/seeds/", ".ci/")) or ".git/" in name for name in names)


def test_the_command_in_the_wheel_writes_json_and_pages(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("redelta")
    (tmp_path / "new").write_bytes(b"new" * 1000)
    subprocess.run([command, "signature", "/dev/null", "sig"], cwd=tmp_path, check=True)
    subprocess.run([command, "delta", "sig", "new", "delta"], cwd=tmp_path, check=True)
    run = subprocess.run([command, "--json", "inspect", "delta"], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads(run.stdout)["inspected"]["new_size"] == 3000
    subprocess.run([command, "inspect", "--html", "page", "delta"], cwd=tmp_path, check=True)
    assert (tmp_path / "page").read_text().startswith("<!doctype html>")
