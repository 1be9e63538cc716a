"""Ctrl-C, and other exceptions in the middle of a run: it ends at once, with all that it has started, and what is not
complete is gone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import redelta
from helpers.processes import group_members, wait_for
from helpers.roots import make_root
from helpers.tool import HANG_SECONDS
from redelta.dataset import write_signature

PROGRAM = """
import sys
from redelta import dataset
if __name__ == "__main__":
    print("ready", flush=True)
    dataset.write_signature(sys.argv[1], sys.argv[2], executor=int(sys.argv[3]) or None, shard_files=1, min_size=0)
    print("done", flush=True)
"""


@pytest.mark.parametrize("whom", ["all", "driver"])
@pytest.mark.parametrize("seed", range(6))
def test_ctrl_c_ends_everything(tmp_path: Path, whom: str, seed: int) -> None:
    """As a terminal sends it, to all processes of the group; or to the driver alone."""
    chance = random.Random(f"{whom} {seed}")
    make_root(tmp_path / "root", 1, files=200)
    (tmp_path / "program.py").write_text(PROGRAM)
    words = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "root"), str(tmp_path / "made"), "2"]
    running = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stdout is not None
    running.stdout.readline()
    time.sleep(chance.uniform(0.05, 1.2))
    if whom == "all":
        os.killpg(running.pid, signal.SIGINT)
    else:
        os.kill(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=HANG_SECONDS)
    assert b"done" in out or b"KeyboardInterrupt" in err
    wait_for(lambda: not group_members(running.pid))
    write_signature(tmp_path / "root", tmp_path / "made", executor=1, shard_files=1, min_size=0)
    assert not [name for name in os.listdir(tmp_path / "made") if name.startswith(".redelta-")]


class Stop(Exception):
    """Of a caller's own."""


def test_an_exception_of_progress_ends_the_workers(tmp_path: Path) -> None:
    make_root(tmp_path / "root", 1)

    def progress(done: int, total: int | None) -> None:
        raise Stop

    with pytest.raises(Stop):
        write_signature(tmp_path / "root", tmp_path / "made", executor=2, shard_files=1, progress=progress)
    assert not [name for name in os.listdir(tmp_path / "made") if name.startswith(".redelta-")]
    assert write_signature(tmp_path / "root", tmp_path / "made", executor=2, shard_files=1).shards_skipped


def test_a_script_without_a_guard_is_told(tmp_path: Path) -> None:
    make_root(tmp_path / "root", 1)
    script = f"from redelta import dataset\ndataset.write_signature({str(tmp_path / 'root')!r}, 'made', executor=2)\n"
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=HANG_SECONDS
    )
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("redelta.") and "workers were lost" in line]
    assert told
    assert "__main__" in told[-1]


def test_files_of_others_are_not_mixed_with_a_dataset(tmp_path: Path) -> None:
    make_root(tmp_path / "root", 1)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "thesis.tex").write_bytes(b"x")
    with pytest.raises(redelta.ParameterError, match=r"thesis\.tex"):
        write_signature(tmp_path / "root", tmp_path / "made", executor=1)
    assert os.listdir(tmp_path / "made") == ["thesis.tex"]
