"""The run of a verb: whatever happens in it becomes a line, a record and an exit status, as those of the command.

A signal that asks the process to end is raised as an exception, so that everything is cleaned up in the ordinary way;
then the process dies of the same signal, so that a shell loop stops as it should. Worker processes do not hear Ctrl-C:
this process ends them, and it does so at once, because what they leave unfinished is done again by the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import logging
import multiprocessing
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from redelta import _core
from redelta._cli._progress import Progress
from redelta._cli._records import (
    STATUS_CHANGED,
    STATUS_CONNECTION,
    STATUS_DONE,
    STATUS_INPUT,
    STATUS_IO,
    STATUS_MISMATCH,
    STATUS_USAGE,
    OutputClosedError,
    Records,
    name_members,
    shown,
)
from redelta._cli._words import in_words_of_the_command
from redelta._errors import (
    BadMagicError,
    CorruptError,
    FileChangedError,
    LimitError,
    ParameterError,
    PeerError,
    RedeltaError,
    TruncatedError,
    VerifyError,
)

EXTRAS = {
    "pyarrow": "dataset",
    "dask": "dask",
    "distributed": "dask",
    "fsspec": "fsspec",
    "boto3": "s3",
    "botocore": "s3",
    "s3fs": "s3",
    "azure": "azure",
    "adlfs": "azure",
    "mpi4py": "mpi",
}
"""What brings a module."""

STATUSES: list[tuple[type[Exception], int]] = [
    (ParameterError, STATUS_USAGE),
    (BadMagicError, STATUS_INPUT),
    (TruncatedError, STATUS_INPUT),
    (CorruptError, STATUS_INPUT),
    (LimitError, STATUS_INPUT),
    (VerifyError, STATUS_MISMATCH),
    (FileChangedError, STATUS_CHANGED),
    (PeerError, STATUS_CONNECTION),
]

OTHER_STATUSES = {
    "ObjectChangedError": STATUS_CHANGED,
    "UnavailableError": STATUS_CONNECTION,
    "NoDatasetError": STATUS_IO,
}
"""By the names of exceptions of `redelta.store` and `redelta.dataset`, which are imported only where they are
needed."""

RESULTS = {getattr(_core, name): f"RD_{name}" for name in dir(_core) if name.startswith("E_")}
"""The names of results, by number."""

ADVICE = {
    errno.ENOENT: "check the name",
    errno.ENOTDIR: "check the name",
    errno.EISDIR: "name a file",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.ECONNREFUSED: "check that it runs, and its address",
    errno.ENOSPC: "free some space or choose another place",
}

NO_CREDENTIALS = "give them by the environment, a profile, or --storage-option"
NO_SCHEDULER = "no scheduler answers"
DAMAGED = "make or fetch the dataset again"

ROLES = {"new file": "new"}
FAILURES_SHOWN = 10


class Interrupted(BaseException):
    """A signal asks the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Run:
    """A run of a verb with its common options."""

    def __init__(self, verb: str, arguments: argparse.Namespace) -> None:
        self.verb = verb
        self.arguments = arguments
        self.records = Records(verb, arguments.json)
        self.quiet: bool = arguments.quiet
        self.progress = Progress(verb.split()[-1], False if self.quiet else arguments.progress, self.records)
        self.start = time.monotonic()

    def told(self, message: str) -> None:
        """A line on standard error."""
        self.progress.clear()
        print(f"redelta: {self.verb}: {message}", file=sys.stderr, flush=True)

    def verbose(self, message: str) -> None:
        if self.arguments.verbose and not self.quiet:
            self.told(message)

    def table(self, rows: list[tuple[str, str, str]], *, output: bool = False) -> None:
        """Statistics: a label, a figure and what it is of. On standard error, or standard output."""
        self.progress.clear()
        for label, figure, unit in rows:
            print(f"{label:<16}{figure:>19} {unit}".rstrip(), file=sys.stdout if output else sys.stderr)

    def result(self, status: int, size: int, **members: Any) -> None:
        """The record of what was done; `size` is that of the largest thing that was worked on, in bytes."""
        seconds = time.monotonic() - self.start
        rate = size / seconds if seconds > 0 else None
        self.records.write("result", status=status, **members, seconds=seconds, bytes_per_second=rate)


@contextlib.contextmanager
def engine(arguments: argparse.Namespace) -> Iterator[Any]:
    """The executor that the options ask for."""
    if arguments.scheduler is None:
        start_quietly()
        yield arguments.workers
        return
    from distributed import Client

    client = client_of(Client, arguments.scheduler)
    try:
        yield client
    finally:
        client.close()


def client_of(kind: Any, address: str) -> Any:
    """A client of the scheduler at an address. Raises ParameterError for what is none, and ConnectionError if nobody is
    there."""
    try:
        return kind(address, timeout=10)
    except ValueError as error:
        raise ParameterError(f"the address '{address}' of a scheduler is not like tcp://host:8786") from error
    except OSError as error:
        raise ConnectionError(errno.ECONNREFUSED, NO_SCHEDULER, address) from error


def start_quietly() -> None:
    """Starts the server that starts the workers, and what counts their resources, while the signals that a terminal
    sends to all of its processes are ignored: so these ignore them, too."""
    from multiprocessing import forkserver, resource_tracker

    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        resource_tracker.ensure_running()
        forkserver.ensure_running()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---- Failures --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """What is said of an exception: the members of a record."""

    status: int
    result: str
    message: str
    role: str | None = None
    name: str | None = None
    system: str | None = None
    offset: int | None = None
    advice: str | None = None
    rows: list[Any] = field(default_factory=list)

    def line(self) -> str:
        where = f"{shown(self.name)}: " if self.name is not None else ""
        system = f": {self.system}" if self.system is not None else ""
        return f"{where}{self.message}{system}{f'; {self.advice}' if self.advice else ''}"


def missing_module(error: BaseException | None) -> str | None:
    """The module that is not installed, if that is why."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return error.name.partition(".")[0]
        error = error.__cause__ or error.__context__
    return None


def one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def failure_of(error: Exception, verb: str = "") -> Failure:
    """What is said of an exception of the work of a verb."""
    if isinstance(error, ImportError):
        return failure_of_import(error)
    if isinstance(error, RedeltaError):
        return failure_of_ours(error, verb)
    if isinstance(error, OSError) and error.strerror:
        name = error.filename if isinstance(error.filename, str | bytes) else None
        advice = NO_CREDENTIALS if "credentials" in error.strerror else ADVICE.get(error.errno or 0)
        return Failure(
            STATUS_CONNECTION if isinstance(error, ConnectionError | TimeoutError) else STATUS_IO,
            "RD_E_IO",
            "cannot be used",
            name=None if name is None else without_slash(os.fsdecode(name)),
            system=error.strerror,
            advice=advice,
        )
    if isinstance(error, FileNotFoundError | PermissionError):
        return Failure(STATUS_IO, "RD_E_IO", one_line(error))
    if isinstance(error, MemoryError):
        return Failure(STATUS_IO, "RD_E_MEMORY", "there is not enough memory")
    status = STATUS_CONNECTION if isinstance(error, OSError) else STATUS_IO  # dask's and urllib's, about connections
    return Failure(status, "RD_E_IO", f"{type(error).__name__}: {one_line(error)}")


def failure_of_ours(error: RedeltaError, verb: str) -> Failure:
    """What is said of an exception of the package. Of files that failed, `tell` says the names."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    status = next((number for kind, number in STATUSES if isinstance(error, kind)), STATUS_IO)
    status = next((OTHER_STATUSES[name] for name in kinds if name in OTHER_STATUSES), status)
    role = ROLES.get(error.role or "", error.role)
    name = getattr(error, "url", None)
    rows = list(getattr(error, "failures", []))
    text = in_words_of_the_command(one_line(error.reason if rows else error))
    advice = None
    if "; " not in text and status == STATUS_USAGE and verb:
        advice = f"try 'redelta {verb} --help'"
    elif "DatasetCorruptError" in kinds and "; " not in text:
        advice = DAMAGED
    return Failure(
        status,
        RESULTS.get(error.code, "RD_E_IO"),
        text,
        role=role if role in ("basis", "signature", "new", "delta", "output") else None,
        name=None if name is None or name in text else name,
        offset=error.offset,
        advice=advice,
        rows=rows,
    )


def without_slash(name: str) -> str:
    """A name without the slashes at its end, which the package adds to that of a directory."""
    return name.rstrip("/") or name


def failure_of_import(error: ImportError) -> Failure:
    module = missing_module(error)
    if module in EXTRAS:
        return Failure(
            STATUS_USAGE,
            "RD_E_PARAMETER",
            f"{module} is not installed",
            advice=f"pip install 'redelta[{EXTRAS[module]}]'",
        )
    return Failure(STATUS_USAGE, "RD_E_PARAMETER", one_line(error))


def tell(run: Run, failure: Failure) -> None:
    """The failure, and the files that failed: some of them for people, unless all are asked for."""
    many = len(failure.rows) if run.arguments.verbose else FAILURES_SHOWN
    for row in failure.rows[:many]:
        run.told(f"{shown(row.path)}: {row.text}")
    for row in failure.rows:
        run.records.write("failure", kind=row.kind, **name_members("name", row.path), message=row.text)
    run.told(failure.line())
    run.records.error(
        failure.status,
        failure.result,
        failure.message,
        role=failure.role,
        name=failure.name,
        system=failure.system,
        offset=failure.offset,
        advice=failure.advice,
    )


# ---- What others say -------------------------------------------------------------------------------------------------


class Told(logging.Handler):
    """What the package logs, as lines of the verb."""

    def __init__(self, run: Run) -> None:
        super().__init__(logging.ERROR if run.quiet else logging.WARNING)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        self._run.told(f"warning: {one_line(record.getMessage())}")


@contextlib.contextmanager
def listening(run: Run) -> Iterator[None]:
    """Warnings, and what the package logs, become lines of the verb."""

    def show(message: Warning | str, *where: object, **more: object) -> None:
        if not run.quiet:
            run.told(f"warning: {one_line(message)}")

    log, handler = logging.getLogger("redelta"), Told(run)
    log.addHandler(handler)
    log.propagate, before = False, log.propagate
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        log.removeHandler(handler)
        log.propagate = before


# ---- The run ---------------------------------------------------------------------------------------------------------


def interrupt(number: int, frame: object) -> NoReturn:
    for each in multiprocessing.active_children():
        each.terminate()
    raise Interrupted(number)


def install_signals() -> None:
    """A signal that was ignored when the process started, as under nohup, stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def forget_signals() -> None:
    """One more of them is not an exception, but ends the process at once."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is interrupt:
            signal.signal(number, signal.SIG_DFL)


def die(number: int) -> NoReturn:
    """Ends the process by a signal, so that who started it knows."""
    forget_signals()
    signal.signal(number, signal.SIG_DFL)
    gc.collect()  # what workers shared is given back
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)


def attempt(run: Run, work: Callable[[Run], int]) -> int:
    """The work, and its exit status."""
    try:
        return work(run)
    except OutputClosedError:
        raise
    except Exception as error:
        if os.environ.get("REDELTA_DEBUG"):
            traceback.print_exc()
        failure = failure_of(error, run.verb)
        tell(run, failure)
        return failure.status


def tell_interrupted(run: Run, left: str) -> None:
    """What a signal has ended, and what is left of it, as far as somebody hears it."""
    if getattr(run.arguments, "dry_run", None):
        left = "nothing was changed"
    message = "interrupted by a signal"
    with contextlib.suppress(OSError, ValueError, OutputClosedError):
        run.told(f"{message}; {left}")
        run.records.error(STATUS_IO, "RD_E_CANCELLED", message, advice=left)


def main(verb: str, arguments: argparse.Namespace, work: Callable[[Run], int], left: str) -> int:
    """Runs a verb. Returns the exit status, or ends the process by a signal; `left` says what that leaves."""
    install_signals()
    run = None
    try:
        run = Run(verb, arguments)
        with listening(run):
            return attempt(run, work)
    except OSError as error:  # of the records
        print(f"redelta: {verb}: {shown(str(arguments.json))}: cannot be written: {error.strerror}", file=sys.stderr)
        return STATUS_IO
    except OutputClosedError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        die(signal.SIGPIPE)
    except Interrupted as caught:
        number = caught.number
        forget_signals()
        if run is not None:
            tell_interrupted(run, left)
    finally:
        if run is not None:
            run.progress.clear()
            run.records.close()
    die(number)


__all__ = ["STATUS_DONE", "Run", "engine", "main"]
