"""`flush`: whether a file is replaced only once the new one is on the disk. A library that is loaded before that of C
counts the flushes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COUNTER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int fsync(int fd) {
    int log = open(getenv("FLUSHES"), O_CREAT | O_WRONLY | O_APPEND, 0600);
    (void)!write(log, "f", 1);
    close(log);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
"""

START = """
import redelta
from pathlib import Path
old, new = bytes(range(256)) * 40, b"new" + bytes(range(256)) * 40
signature, delta = redelta.signature(old), redelta.delta(redelta.signature(old), new)
dense = redelta.diff(old, new, dense=True)
loaded = redelta.Signature.load(signature)
Path("there").write_bytes(b"there")
"""

CALLS = {
    "write_signature": "redelta.write_signature(old, {path}{flush})",
    "write_delta": "redelta.write_delta(signature, new, {path}{flush})",
    "write_patch": "redelta.write_patch(old, delta, {path}{flush})",
    "write_diff": "redelta.write_diff(old, new, {path}{flush})",
    "write_merged": "redelta.write_merged([delta], {path}{flush})",
    "write_reversed": "redelta.write_reversed(old, delta, {path}{flush})",
    "write_expanded": "redelta.write_expanded(old, dense, {path}{flush})",
    "save": "loaded.save({path}{flush})",
    "DeltaWriter": "redelta.DeltaWriter({path}, old{flush}).finish()",
}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("counter")
    (folder / "counter.c").write_text(COUNTER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "counter.so", "counter.c", "-ldl"], cwd=folder, check=True)
    return folder / "counter.so"


def flushes(counter: Path, folder: Path, call: str) -> int:
    """How many files are flushed by the call."""
    log = folder / "log"
    log.write_bytes(b"")
    variables = {**os.environ, "LD_PRELOAD": str(counter), "FLUSHES": str(log)}
    subprocess.run([sys.executable, "-c", START + call], cwd=folder, check=True, env=variables)
    return log.stat().st_size


@pytest.mark.parametrize("name", CALLS)
def test_a_file_is_flushed_before_it_is_replaced_if_that_is_wanted(counter: Path, tmp_path: Path, name: str) -> None:
    def found(path: str, flush: str) -> int:
        return flushes(counter, tmp_path, CALLS[name].format(path=f"'{path}'", flush=flush))

    assert found("there", ", flush=True") > 0
    assert found("there", ", flush=False") == 0
    assert (found("there", "") > 0) == (name == "write_patch")
    assert found("free", ", flush=True") == 0
