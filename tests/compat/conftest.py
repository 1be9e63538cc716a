"""The two programs under test beside stock rdiff: our rdiff, and Debian's on our library."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from helpers.tool import SANITIZED, Tool, shell


@pytest.fixture(scope="session")
def ours() -> Tool:
    """The rdiff under test."""
    name = os.environ.get("REDELTA_RDIFF")
    if not name:
        pytest.fail("set REDELTA_RDIFF to the path of the rdiff under test")
    path = Path(name).resolve()
    if not os.access(path, os.X_OK):
        pytest.fail(f"REDELTA_RDIFF names {path}, which cannot be run")
    return Tool(path)


@pytest.fixture(scope="session")
def debians(rdiff: Tool, tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """Debian's rdiff, the same program as stock, on our library."""
    if SANITIZED:
        pytest.skip("Debian's rdiff loads no library with a sanitizer in it")
    library = Path(os.environ["REDELTA_LIBRSYNC"])
    script = tmp_path_factory.mktemp("debian") / "rdiff"
    script.write_text(f"#!/bin/sh\nLD_LIBRARY_PATH='{library.parent}' exec '{rdiff.path}' \"$@\"\n")
    script.chmod(0o755)
    maps = shell('LD_DEBUG=libs "$1" --version 2>&1', script).done()
    loaded = {Path(os.fsdecode(name)).resolve() for name in re.findall(rb"calling init: (\S*/librsync\S*)", maps)}
    assert loaded == {library.resolve()}
    return Tool(script)
