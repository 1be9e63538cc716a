"""Nothing leaks over thousands of calls; interpreters end, start and live side by side in peace."""

from __future__ import annotations

import gc
import io
import resource
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.sources import Fake, SeekableFake, Sink
from helpers.tool import HANG_SECONDS
from redelta import _core
from redelta.sync import Session

CALLS = 10_000
BASIS = bytes(range(256)) * 4
NEW = b"new" + BASIS
SIGNATURE = redelta.signature(BASIS, block_len=64)
TABLE = redelta.Signature.load(SIGNATURE)
DELTA = redelta.delta(SIGNATURE, NEW)


def failing(call: Callable[[], object]) -> Callable[[], None]:
    def work() -> None:
        try:
            call()
        except (redelta.RedeltaError, ZeroDivisionError, OSError, TypeError, BufferError):
            return
        raise AssertionError("it did not fail")

    return work


class Raising(SeekableFake):
    def read(self, size: int) -> Any:
        raise ZeroDivisionError


class RaisingSink(Sink):
    def write(self, data: bytes) -> int | None:
        raise ZeroDivisionError


def raising(done: int, total: int | None) -> None:
    raise ZeroDivisionError


def patch_in_pieces() -> None:
    patcher = redelta.Patcher(SeekableFake(BASIS))
    patcher.update(DELTA[:10])
    patcher.update(DELTA[10:])
    patcher.finish()


def cycle() -> None:
    """A patcher whose basis refers to it: only the collector can free the two."""
    basis: Any = SeekableFake(BASIS)
    basis.patcher = redelta.Patcher(basis)


def read_file() -> None:
    with redelta.PatchReader(io.BytesIO(BASIS), Fake(DELTA)) as file:
        file.read()


def read_lines() -> None:
    with redelta.PatchReader(io.BytesIO(BASIS), Fake(DELTA)) as file:
        list(file)


def read_commands() -> None:
    with redelta.open_delta(Fake(DELTA)) as delta:
        for op in delta:
            if isinstance(op, redelta.OpenLiteral):
                op.read()


def leave_commands() -> None:
    """A literal that refers to its delta, and the delta to it: only the collector can free the two."""
    for op in redelta.open_delta(Fake(DELTA)):
        if isinstance(op, redelta.OpenLiteral):
            break


def write_commands(out: Any = None) -> None:
    with redelta.DeltaWriter(out, SeekableFake(BASIS), compress=True) as writer:
        writer.copy(10, 100)
        writer.literal(NEW)


def leave_writer() -> None:
    """A basis that refers to the writer that reads it."""
    basis: Any = SeekableFake(BASIS)
    basis.writer = redelta.DeltaWriter(Sink(), basis)
    basis.writer.literal(NEW)


def use_context() -> None:
    with redelta.Context() as context:
        redelta.patch(BASIS, redelta.delta(SIGNATURE, NEW, compress=True, context=context), context=context)


def join_parts() -> None:
    parts = [redelta.SignaturePart.build(BASIS, at, 512, block_len=64) for at in (0, 512)]
    redelta.Signature.join(parts).save(Sink())


def patch_temporary_file() -> None:
    with tempfile.SpooledTemporaryFile() as basis, tempfile.SpooledTemporaryFile() as output:
        basis.write(BASIS)
        redelta.write_patch(basis, DELTA, output)


def patch_into_exported() -> None:
    memory = io.BytesIO()
    with memory.getbuffer():
        redelta.write_patch(BASIS, DELTA, memory)


def converse(new: Any, old: Any, out: Any) -> None:
    with Session.sender(new) as sender, Session.receiver(old, out) as receiver:
        said = b""
        while not (sender.done and receiver.done):
            said = receiver.step(sender.step(said))
        assert receiver.file
        assert receiver.state.done == len(NEW)


def leave_session() -> None:
    """A file that refers to the session that writes it; one is not done, and one was cancelled."""
    out: Any = Sink()
    sender, receiver = Session.sender(NEW), Session.receiver(BASIS, out)
    out.sessions = sender, receiver
    receiver.step(sender.step())
    receiver.cancel()


def fail_in_session() -> None:
    with pytest.raises(ZeroDivisionError):
        converse(NEW, BASIS, RaisingSink())


WORK: dict[str, Callable[[], object]] = {
    "signature": lambda: redelta.signature(BASIS),
    "load": lambda: redelta.Signature.load(SIGNATURE),
    "bytes and items": lambda: (bytes(TABLE), list(TABLE), repr(TABLE)),
    "delta": lambda: redelta.delta(TABLE, NEW),
    "patch": lambda: redelta.patch(BASIS, DELTA),
    "inspect": lambda: redelta.inspect(DELTA),
    "fakes": lambda: redelta.write_patch(SeekableFake(BASIS), Fake(DELTA), Sink(), progress=print_nothing),
    "BytesIO": lambda: redelta.write_patch(io.BytesIO(BASIS), io.BytesIO(DELTA), io.BytesIO()),
    "signer": lambda: redelta.Signer().update(BASIS),
    "encoder": lambda: redelta.DeltaEncoder(TABLE).update(NEW),
    "patcher": patch_in_pieces,
    "patcher in a cycle": cycle,
    "file": read_file,
    "lines": read_lines,
    "temporary files": patch_temporary_file,
    "writer of parts": lambda: redelta.write_patch(BASIS, DELTA, Sink(most=100)),
    "commands": read_commands,
    "commands that are left": leave_commands,
    "writer": write_commands,
    "writer to a writer": lambda: write_commands(Sink()),
    "writer that is left": leave_writer,
    "context": use_context,
    "parts": join_parts,
    "digest": lambda: redelta.digest(NEW),
    "session": lambda: converse(NEW, BASIS, io.BytesIO()),
    "session that is left": leave_session,
    "session whose writer raises": fail_in_session,
    "session that is told junk": failing(lambda: Session.sender(NEW).step(b"junk", end=True)),
    "sender without a file": failing(lambda: Session.sender("/missing/file")),
    "receiver without a folder": failing(lambda: Session.receiver(BASIS, "/missing/file")),
    "build": lambda: bytes(redelta.Signature.build(BASIS)),
    "commands truncated": failing(lambda: list(redelta.open_delta(DELTA[:-60]))),
    "basis of a writer raises": failing(lambda: redelta.DeltaWriter(None, Raising(b"")).copy(0, 1)),
    "writer without a digest": failing(lambda: redelta.DeltaWriter(verify=True).finish()),
    "parts that do not fit": failing(lambda: redelta.Signature.join([])),
    "truncated": failing(lambda: redelta.patch(BASIS, DELTA[:-60])),
    "no signature": failing(lambda: redelta.Signature.load(b"rubbish")),
    "parameter": failing(lambda: redelta.signature(BASIS, block_len=-1)),
    "keyword": failing(lambda: _core.make_signature(BASIS, None, level=1)),  # type: ignore[call-arg]
    "exported": failing(patch_into_exported),
    "no buffer": failing(lambda: redelta.Signer().update("text")),  # type: ignore[arg-type]
    "reader raises": failing(lambda: redelta.signature(Raising(b""))),
    "basis raises": failing(lambda: redelta.Patcher(Raising(b"")).update(DELTA)),
    "progress raises": failing(lambda: redelta.signature(BASIS, progress=raising)),
    "missing": failing(lambda: redelta.signature("/missing/file")),
}


def print_nothing(done: int, total: int | None) -> None:
    pass


def growth(work: Callable[[], object], calls: int) -> tuple[int, int, int]:
    """How many objects and references so many calls left, and how many KiB the peak of memory grew."""
    kept = (None, BASIS, DELTA, TABLE, raising, print_nothing, type(TABLE))
    gc.collect()
    objects, references = len(gc.get_objects()), [sys.getrefcount(value) for value in kept]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(calls):
        work()
    gc.collect()
    after = [sys.getrefcount(value) for value in kept]
    return (
        len(gc.get_objects()) - objects,
        max(abs(now - then) for now, then in zip(after, references, strict=True)),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak,
    )


@pytest.mark.parametrize("name", WORK)
def test_nothing_leaks(name: str) -> None:
    """Neither Python's objects nor memory of the library's: each call would leave a kilobyte, or an object, behind.

    The peak depends on when the collector frees garbage in cycles, so it may grow once or twice. A leak makes it grow
    each time.
    """
    work = WORK[name]
    for _ in range(CALLS // 3):
        work()
    for _ in range(4):
        objects, references, memory = growth(work, CALLS)
        assert objects < 100
        assert references < 100
        if memory < 8 * 1024:
            return
    raise AssertionError(f"the peak grew each time, by {memory} KiB at last")


# ---- Interpreters ---------------------------------------------------------------------------------------------------


def run_python(script: str, *, status: int = 0) -> str:
    """Runs a script in a Python of its own; it must end by itself, with this status, and complain of nothing."""
    command = [sys.executable, "-X", "dev", "-X", "faulthandler", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, cwd="/")
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


def test_a_pipe_that_is_full_lets_its_reader_work() -> None:
    """The work is small, but what it makes is more than a pipe holds, and its reader is a thread of the same Python."""
    printed = run_python(
        """
        import os, redelta, threading
        there, here = os.pipe()
        def read():
            with open(there, "rb") as pipe:
                print(len(pipe.read()))
        thread = threading.Thread(target=read)
        thread.start()
        with open(here, "wb", buffering=0) as pipe:
            redelta.write_signature(bytes(60_000), pipe, block_len=1)
        thread.join()
        """
    )
    assert int(printed) == 12 + 60_000 * 36


SHUTDOWN = """
    import redelta, threading, time

    class Endless:
        def read(self, size):
            {read}
            return bytes(size)
        def seek(self, position):
            pass

    def work(source, progress):
        redelta.write_signature(source, "/dev/null", progress=progress)

    for source in ("/dev/zero", Endless()):
        for progress in (None, lambda done, total: None):
            threading.Thread(target=work, args=(source, progress), daemon=True).start()
    time.sleep(0.3)
    print("end")
"""


@pytest.mark.parametrize("read", ["pass", "time.sleep(0.01)", "time.sleep(1000)"])
def test_an_interpreter_ends_in_the_midst_of_the_work(read: str) -> None:
    for _ in range(5):
        assert run_python(SHUTDOWN.format(read=read)) == "end\n"


def test_an_operation_ends_the_interpreter() -> None:
    run_python(
        """
        import redelta, sys
        class Exits:
            def read(self, size):
                sys.exit(7)
        redelta.signature(Exits())
        """,
        status=7,
    )


def test_it_still_works_when_the_interpreter_ends() -> None:
    printed = run_python(
        """
        import atexit
        class Late:
            def read(self, size):
                return b""
        def late():
            import redelta
            print(len(redelta.signature(bytes(10**6))), len(redelta.signature(Late())))
        atexit.register(late)
        import redelta
        """
    )
    assert printed.split()[1] == "12"


def test_objects_are_freed_after_their_module() -> None:
    run_python(
        """
        import redelta, sys
        kept = redelta.Patcher(b"basis"), redelta.Signature.load(redelta.signature(b"basis"))
        kept += redelta.Context(), redelta.DeltaWriter(), redelta.open_delta(b"delta")
        sys.kept = kept
        del sys.modules["redelta"], sys.modules["redelta._core"]
        """
    )


def test_every_interpreter_has_its_own() -> None:
    printed = run_python(
        """
        import redelta
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        script = '''if True:
            import redelta
            delta = redelta.delta(redelta.signature(b"old" * 9999), b"new" * 9999)
            assert redelta.patch(b"old" * 9999, delta) == b"new" * 9999
            try:
                redelta.patch(b"", b"rubbish")
            except redelta.BadMagicError:
                print("good", flush=True)
        '''
        for _ in range(5):
            name = interpreters.create()
            failure = interpreters.run_string(name, script)
            if failure:
                print(failure)
            interpreters.destroy(name)
        redelta.signature(b"still here")
        """
    )
    assert printed == "good\n" * 5


def test_a_fork_goes_on() -> None:
    run_python(
        """
        import os, redelta
        data = bytes(5_000_000)
        signature = redelta.Signature.load(redelta.signature(data))
        child = os.fork()
        assert redelta.patch(data, redelta.delta(signature, data)) == data
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """
    )


def test_the_package_is_not_that_of_the_checkout() -> None:
    """These tests are about what was installed."""
    assert Path(redelta.__file__ or "").is_relative_to(sys.prefix)
