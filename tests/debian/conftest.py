"""The packages that scripts/package makes, and a fresh Debian for them.

The packages are made once for all tests of a module. The fresh Debian is kept in build/debian, because it takes minutes
to make; each module of tests gets a copy.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from debian.tools import Debian, Package, fresh_debian, run, setting


@pytest.fixture(scope="session")
def source() -> Path:
    return Path(setting("REDELTA_SOURCE_DIR"))


@pytest.fixture(scope="session")
def directory(source: Path) -> Path:
    """The directory where scripts/package, which is run here, leaves the packages."""
    if shutil.which("dpkg-shlibdeps") is None:
        pytest.skip("this machine cannot make packages of Debian (no dpkg-dev)")
    run(source / "scripts/package")
    return source / "build/package/packages"


@pytest.fixture(scope="session")
def packages(directory: Path) -> dict[str, Package]:
    """The packages by name."""

    def read(file: Path) -> Package:
        text = run("dpkg-deb", "--field", file)
        return Package(file, dict(re.findall(r"^(\S+): (.*)$", text, flags=re.MULTILINE)))

    made = [read(file) for file in directory.glob("*.deb")]
    return {package.name: package for package in made}


@pytest.fixture(scope="module")
def debian(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    """A fresh Debian for the tests of a module, in order."""
    tree = fresh_debian(source / "build/debian")
    root = tmp_path_factory.mktemp("debian") / "root"
    run("cp", "-a", "--reflink=auto", tree, root)
    yield Debian(root)
    shutil.rmtree(root)
