"""The package in a Python without a global interpreter lock, if there is one on this machine: PATH or
REDELTA_FREE_THREADED names it. The extension is built for it, without the Limited API, which that Python does not have;
then threads use the same objects at once, and nothing turns the lock on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.tool import HANG_SECONDS

ROOT = Path(__file__).parents[2]
NAMES = ("python3.14t", "python3.13t")

PROGRAM = r"""
import io, sys, threading
import redelta

assert not sys._is_gil_enabled()
old = bytes(range(256)) * 2000
new = old[:100_000] + b"something new" + old[150_000:]
table = redelta.Signature.build(old, block_len=512)
expected = redelta.delta(table, new)
parts = [new[at : at + 4096] for at in range(0, len(new), 4096)]
THREADS, TURNS = 8, 30
failures = []


def run(work):
    start = threading.Barrier(THREADS)

    def run_one(number):
        try:
            start.wait()
            for turn in range(TURNS):
                work(number, turn)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run_one, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def share_a_signature(number, turn):
    assert redelta.delta(table, new, threads=1) == expected
    assert table.weak[turn] == table[turn][0]


def share_nothing(number, turn):
    assert redelta.patch(old, io.BytesIO(expected), threads=1) == new
    assert redelta.verify(expected, new, threads=1).digest == redelta.digest(new, threads=1)
    encoder = redelta.DeltaEncoder(table)
    assert b"".join([*map(encoder.update, parts), encoder.finish()]) == expected


run(share_a_signature)
run(share_nothing)

signer, made, lock = redelta.Signer(block_len=512), [], threading.Lock()


def share_a_stream(number, turn):
    with lock:  # the pieces are all the same, so their order does not matter
        made.append(signer.update(old[:512]))


run(share_a_stream)
made.append(signer.finish())
assert b"".join(made) == redelta.signature(old[:512] * (THREADS * TURNS), block_len=512)

racing = redelta.Signer(block_len=512)
run(lambda number, turn: racing.update(old[:512]))
racing.finish()
assert racing.stats.blocks == THREADS * TURNS

context, refused, done = redelta.Context(), [], []


def share_a_context(number, turn):
    try:
        done.append(redelta.signature(old, context=context, block_len=512) == bytes(table))
    except redelta.RedeltaError as error:
        refused.append("in use" in str(error))


run(share_a_context)
assert all(done) and all(refused) and done and len(done) + len(refused) == THREADS * TURNS

with redelta.PatchReader(old, expected) as reader:
    total = [0] * THREADS

    def share_a_reader(number, turn):
        total[number] += len(reader.read(1000))

    run(share_a_reader)
    assert sum(total) == min(len(new), 1000 * THREADS * TURNS)

delta = redelta.open_delta(expected)
ops = []


def share_an_open_delta(number, turn):
    try:
        ops.append(next(delta))
    except StopIteration:
        pass


run(share_an_open_delta)
assert len(ops) == len(list(redelta.inspect(expected).ops))
assert not sys._is_gil_enabled()
print("done")
"""


def interpreter() -> str:
    named = os.environ.get("REDELTA_FREE_THREADED")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no free-threaded Python: none of {', '.join(NAMES)} is in PATH")
    if shutil.which("cmake") is None:
        pytest.skip("no cmake")
    return found


def test_threads_use_the_same_objects_without_the_lock(tmp_path: Path) -> None:
    python = interpreter()
    definitions = [
        *("-DSKBUILD=ON", "-DSKBUILD_SCRIPTS_DIR=bin", f"-DPython_EXECUTABLE={python}", "-DCMAKE_BUILD_TYPE=Release"),
        *("-DREDELTA_TESTS=OFF", "-DREDELTA_COMPAT=OFF", "-DREDELTA_INSTALL=OFF"),
    ]
    steps: tuple[list[str | Path], ...] = (
        ["cmake", "-S", ROOT, "-B", tmp_path / "build", *definitions],
        ["cmake", "--build", tmp_path / "build", "--parallel", str(os.cpu_count())],
        ["cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "site"],
    )
    for words in steps:
        built = subprocess.run(words, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stdout + built.stderr
    shutil.copytree(ROOT / "python/src/redelta", tmp_path / "site/redelta", dirs_exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    for _ in range(3):
        run = subprocess.run(
            [python, "-X", "dev", "-W", "error", "-c", PROGRAM],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=HANG_SECONDS,
        )  # fmt: skip
        assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")
