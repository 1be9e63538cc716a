"""Another distribution beside redelta with one of its modules, in a new environment of Python, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers.tool import HANG_SECONDS

MODULES = {"librsync": "python_librsync", "py_rdiff": "py_rdiff"}


class Environment:
    """A Python of its own, with the pip of the one that runs the tests."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin/python"

    def pip(self, *words: str | Path) -> None:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "--python", self.python, *words]
        subprocess.run(command, check=True, capture_output=True, timeout=HANG_SECONDS)

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-index", "--no-deps", "--force-reinstall", wheel)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-c", script], capture_output=True, text=True, timeout=HANG_SECONDS, check=False, cwd="/"
        )


@pytest.fixture
def ours() -> Path:
    folder = os.environ.get("REDELTA_DIST")
    if not folder:
        pytest.fail("REDELTA_DIST is not set; run this test with ctest")
    (found,) = Path(folder).glob("*.whl")
    return found


@pytest.fixture
def environment(tmp_path: Path, ours: Path) -> Environment:
    made = Environment(tmp_path / "environment")
    made.install(ours)
    return made


def wheel_of(distribution: str, module: str, folder: Path) -> Path:
    """A distribution with this module alone."""
    path = folder / f"{distribution}-0.1-py3-none-any.whl"
    info = f"{distribution}-0.1.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", "theirs = True\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(
            f"{info}/RECORD", f"{module}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return path


@pytest.mark.parametrize("module", MODULES)
def test_another_owner_of_a_module_is_told_and_can_be_removed(
    environment: Environment, ours: Path, tmp_path: Path, module: str
) -> None:
    (tmp_path / "program.py").write_text(f"import {module}\n")
    environment.install(wheel_of(MODULES[module], module, tmp_path))
    assert "theirs" in environment.run(f"import {module}; print(dir({module}))").stdout  # the last one has it
    environment.install(ours)
    told = environment.run(f"import runpy; runpy.run_path({str(tmp_path / 'program.py')!r})")
    distribution = MODULES[module].replace("_", "-")
    assert told.returncode == 0
    assert f"program.py:1: RuntimeWarning: the distribution {distribution} is installed too" in told.stderr

    environment.pip("uninstall", "--yes", distribution)
    assert environment.run("import redelta").returncode == 0
    assert environment.run(f"import {module}; print({module}.__file__)").stdout == "None\n"  # what the warning is about
    environment.install(ours)
    mended = environment.run(f"import {module}; print({module}.__all__)")
    assert (mended.returncode, mended.stderr) == (0, "")


def test_alone_or_beside_others_nothing_is_told(environment: Environment, tmp_path: Path) -> None:
    environment.install(wheel_of("rdiff_like", "rdiff_like", tmp_path))
    quiet = environment.run("import librsync, py_rdiff, sys; print('importlib.metadata' in sys.modules)")
    assert (quiet.stdout, quiet.stderr) == ("False\n", "")
