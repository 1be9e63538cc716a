"""Context: what operations keep for the next one. Results are the same; one operation at a time uses it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.processes import wait_for
from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS

BASIS = noise(300_000, 1)
NEW = random_edits(BASIS, 30, 2)
SIGNATURE = redelta.signature(BASIS)
DELTA = redelta.delta(SIGNATURE, NEW)
PARTS = [redelta.SignaturePart.build(BASIS, 0, 204_800, block_len=2048)]

OPERATIONS: dict[str, Callable[[redelta.Context | None], Any]] = {
    "signature": lambda context: redelta.signature(BASIS, context=context),
    "compressed signature": lambda context: redelta.signature(BASIS, compress=True, context=context),
    "write_signature": lambda context: redelta.write_signature(BASIS, "/dev/null", context=context),
    "delta": lambda context: redelta.delta(SIGNATURE, NEW, context=context),
    "compressed delta": lambda context: redelta.delta(SIGNATURE, NEW, compress=19, context=context),
    "write_delta": lambda context: redelta.write_delta(SIGNATURE, NEW, "/dev/null", context=context).digest,
    "patch": lambda context: redelta.patch(BASIS, DELTA, context=context),
    "write_patch": lambda context: redelta.write_patch(BASIS, DELTA, "/dev/null", context=context),
    "digest": lambda context: redelta.digest(NEW, context=context),
    "inspect": lambda context: redelta.inspect(SIGNATURE, context=context),
    "load": lambda context: redelta.Signature.load(SIGNATURE, context=context),
    "build": lambda context: redelta.Signature.build(BASIS, context=context),
    "save": lambda context: redelta.Signature.load(SIGNATURE).save("/dev/null", context=context),
    "part": lambda context: redelta.SignaturePart.build(BASIS, 2048, block_len=2048, context=context),
    "load part": lambda context: redelta.SignaturePart.load(SIGNATURE, 0, context=context),
    "join": lambda context: redelta.Signature.join(PARTS, context=context),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_result_does_not_depend_on_it(name: str) -> None:
    work = OPERATIONS[name]
    expected = work(None)
    with redelta.Context() as context:
        assert [work(context) for _ in range(3)] == [expected] * 3
    with pytest.raises(redelta.RedeltaError, match="the context is closed"):
        work(context)
    with pytest.raises(TypeError, match=r"redelta\.Context"):
        work(7)  # type: ignore[arg-type]


def test_it_serves_operations_of_all_kinds_in_turn_and_outlives_failures() -> None:
    with redelta.Context() as context:
        for _ in range(3):
            for work in OPERATIONS.values():
                assert work(context) == work(None)
                with pytest.raises(redelta.BadMagicError):
                    redelta.delta(b"rubbish", NEW, context=context)
                with pytest.raises(FileNotFoundError):
                    redelta.digest("/missing", context=context)


def test_an_operation_may_not_share_it_with_what_it_calls() -> None:
    with redelta.Context() as context:

        class Calling:
            def read(self, size: int) -> bytes:
                return redelta.signature(b"", context=context)

        with pytest.raises(redelta.RedeltaError, match="the context is in use"):
            redelta.signature(Calling(), context=context)
        assert redelta.signature(BASIS, context=context) == SIGNATURE


def test_threads_may_not_share_it() -> None:
    inside, may_end = threading.Event(), threading.Event()

    class Waiting:
        def read(self, size: int) -> bytes:
            inside.set()
            may_end.wait(HANG_SECONDS)
            return b""

    with redelta.Context() as context, ThreadPoolExecutor() as pool:
        work = pool.submit(lambda: redelta.signature(Waiting(), context=context))
        inside.wait(HANG_SECONDS)
        with pytest.raises(redelta.RedeltaError, match="each thread must make its own"):
            redelta.signature(b"", context=context)
        with pytest.raises(redelta.RedeltaError, match="the context is in use"):
            context.close()
        may_end.set()
        assert len(work.result()) == 12
        assert redelta.signature(BASIS, context=context) == SIGNATURE


def test_threads_may_use_it_in_turn() -> None:
    context = redelta.Context()
    for _ in range(20):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: redelta.signature(BASIS, context=context)).result() == SIGNATURE
    context.close()
    context.close()


def test_it_may_be_closed_with_its_last_reference() -> None:
    before = threads_of_this_process()
    for _ in range(20):
        redelta.signature(BASIS * 10, threads=4, context=redelta.Context())
    wait_for(lambda: threads_of_this_process() <= before)


def threads_of_this_process() -> int:
    """The system shows one for a moment after whoever joins it goes on."""
    return len(os.listdir("/proc/self/task"))


def test_it_does_not_go_through_a_fork() -> None:
    script = """
        import os, redelta
        context = redelta.Context()
        data = bytes(range(256)) * 40_000
        expected = redelta.signature(data, threads=4, context=context)
        if os.fork() == 0:
            try:
                redelta.signature(data, context=context)
            except redelta.RedeltaError as error:
                print(error, flush=True)
            del context
            assert redelta.signature(data, context=redelta.Context()) == expected
            os._exit(0)
        assert os.wait()[1] == 0
        assert redelta.signature(data, context=context) == expected
        os.fork()  # both end with it
    """
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=True, cwd="/")
    assert done.stdout == "the context was made before a fork: each process must make its own\n"
    assert done.stderr == ""


def test_many_small_files(tmp_path: Path) -> None:
    """Each through the same context: a signature, a delta and a patch."""
    with redelta.Context() as context:
        for number in range(300):
            basis, new = bytes([number % 256]) * 4096, bytes([number % 256]) * 5000
            (tmp_path / "basis").write_bytes(basis)
            redelta.write_signature(tmp_path / "basis", tmp_path / "signature", context=context)
            redelta.write_delta(tmp_path / "signature", new, tmp_path / "delta", context=context)
            redelta.write_patch(tmp_path / "basis", tmp_path / "delta", tmp_path / "basis", context=context)
            assert (tmp_path / "basis").read_bytes() == new
