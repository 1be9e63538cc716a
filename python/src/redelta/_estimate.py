"""What would be sent at each block length, and which one is best: the trials of the command's `estimate`.

A signature is built in memory for each length, and a delta whose bytes are only counted. The usual length comes first,
then two on each side of it, a factor of 2 apart, and more in a direction as long as the outermost is the best, unless
the first shows that no other is worth a trial. One delta shows both sizes: that of the plain one follows from its
commands.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from redelta import _core
from redelta._context import Context
from redelta._errors import ParameterError, warn_of_change
from redelta._files import Files, Input, in_main_thread
from redelta._operations import delta, signature
from redelta._params import change_number, native_context, signature_params, thread_number
from redelta._types import Basis, Changed, Hash, Names, Numbers, Progress, Reading, StrongLength

BLOCK_LEN_LEAST = 64
"""Shorter blocks have sums nearly as long as themselves."""

STEPS_AT_FIRST = 2
TRIALS_MAX = 16


@dataclass(frozen=True)
class Trial:
    """What would be sent with one block length, in bytes."""

    block_len: int
    """The length of a block."""
    signature_bytes: int
    """The signature of the old file: one way."""
    delta_bytes: int
    """The delta that makes the new file: the other way."""
    compressed_bytes: int | None
    """The same delta, compressed by `compress=True`; None if this redelta was built without zstd."""
    literal_bytes: int
    """Bytes of the new file that are not found in the old one."""

    @property
    def total(self) -> int:
        """Both ways, uncompressed."""
        return self.signature_bytes + self.delta_bytes

    @property
    def compressed_total(self) -> int | None:
        """Both ways, with the delta compressed."""
        return None if self.compressed_bytes is None else self.signature_bytes + self.compressed_bytes


@dataclass(frozen=True)
class Estimate:
    """What would be sent to make a new file of an old one."""

    old_size: int
    """Of the old file, in bytes."""
    new_size: int
    """Of the new file, in bytes: what would be sent without an old file."""
    identical: bool
    """The files are equal."""
    usual_block_len: int
    """What a signature of the old file gets if no block length is asked for, in bytes."""
    trials: tuple[Trial, ...]
    """What was tried, from the shortest blocks to the longest."""

    @property
    def best(self) -> Trial:
        """The trial to choose: that of the usual length, unless another sends less by more than a hundredth of it."""
        return self._best(total_of)

    @property
    def best_compressed(self) -> Trial | None:
        """The same, if the delta is compressed; None if this redelta was built without zstd."""
        return None if self.trials[0].compressed_bytes is None else self._best(compressed_total_of)

    def _best(self, cost: Callable[[Trial], int]) -> Trial:
        best = min(self.trials, key=cost)
        usual = next(trial for trial in self.trials if trial.block_len == self.usual_block_len)
        return usual if cost(usual) - cost(best) <= cost(usual) // 100 else best


def total_of(trial: Trial) -> int:
    return trial.total


def compressed_total_of(trial: Trial) -> int:
    return trial.total if trial.compressed_total is None else trial.compressed_total


class _Trials:
    """The trials of two open files, as they are made."""

    def __init__(
        self,
        old: Reading,
        new: Reading,
        strong_len: StrongLength,
        hash: Hash,
        threads: int,
        progress: Progress | None,
        context: _core.Context | None,
        changed: int,
        names: Names,
    ) -> None:
        self.made: list[Trial] = []
        self.old_size = self.new_size = self.changed = 0
        self.identical = False
        self._old, self._new = old, new
        self._strong_len, self._hash = strong_len, hash
        self._threads, self._context, self._change, self._names = threads, context, changed, names
        self._progress = progress
        self._read = 0
        self._no_delta = len(delta(signature(b""), b""))  # what a delta takes without a command

    def add(self, block_len: int | None) -> Trial:
        params = signature_params(block_len, self._strong_len, self._hash)
        table, signed = _core.build_signature(
            self._old,
            **params,
            memory_max=0,
            threads=self._threads,
            main=in_main_thread(),
            progress=self._shown(),
            names=self._names,
            context=self._context,
            changed=self._change,
        )
        self._note(signed)
        _, stats = _core.make_delta(
            table,
            self._new,
            lambda data: None,
            verify=_core.VERIFY_DEFAULT,
            compression=_core.COMPRESSION_DEFAULT if _core.COMPRESSION_MAX > 0 else 0,
            threads=self._threads,
            main=in_main_thread(),
            progress=self._shown(),
            names=self._names,
            context=self._context,
            changed=self._change,
            flush=False,
        )
        self._note(stats)
        self.old_size, self.new_size = signed[0], stats[0]
        self.identical = self.identical or stats[11]
        return self._keep(table, stats)

    def _keep(self, table: _core.Table, stats: Numbers) -> Trial:
        _, _, block_len, strong_len = table.params()
        literal, copied = stats[4] + stats[5], stats[8]  # bytes of the delta
        compressed = stats[1] if _core.COMPRESSION_MAX > 0 else None
        trial = Trial(
            block_len, 12 + len(table) * (4 + strong_len), self._no_delta + literal + copied, compressed, stats[4]
        )
        self.made = sorted([*self.made, trial], key=lambda trial: trial.block_len)
        return trial

    def _note(self, stats: Numbers) -> None:
        self._read += stats[0]
        self.changed = self.changed or stats[-1]

    def _shown(self) -> Progress | None:
        """What all trials have read: how many there will be is not known."""
        show, before = self._progress, self._read
        return None if show is None else lambda done, total: show(before + done, None)

    def can_be_shorter(self) -> bool:
        return len(self.made) < TRIALS_MAX and self.made[0].block_len // 2 >= BLOCK_LEN_LEAST

    def can_be_longer(self) -> bool:
        """A block longer than the old file is no different from one just as long."""
        longest = self.made[-1].block_len
        return len(self.made) < TRIALS_MAX and longest < self.old_size and longest <= _core.BLOCK_LEN_MAX // 2

    def longest_copies(self) -> bool:
        """If nothing is copied, longer blocks are not found either, though their signature is smaller."""
        return self.made[-1].literal_bytes < self.new_size

    def is_best(self, trial: Trial) -> bool:
        return any(min(self.made, key=cost) is trial for cost in (total_of, compressed_total_of))

    def run(self) -> int:
        """All of them. Returns the usual length."""
        usual = self.add(None).block_len
        if self.identical or self.new_size == 0:  # every length would show the same
            return usual
        for _ in range(STEPS_AT_FIRST):
            if self.can_be_shorter():
                self.add(self.made[0].block_len // 2)
        for _ in range(STEPS_AT_FIRST):
            if self.can_be_longer():
                self.add(self.made[-1].block_len * 2)
        while self.can_be_shorter() and self.is_best(self.made[0]):
            self.add(self.made[0].block_len // 2)
        while self.can_be_longer() and self.longest_copies() and self.is_best(self.made[-1]):
            self.add(self.made[-1].block_len * 2)
        return usual


def check_repeats(role: str, opened: Input) -> None:
    """It must be there to be read several times."""
    native = opened.native
    again = not isinstance(native, tuple) or native[1] is not None
    if isinstance(native, int):
        try:
            os.lseek(native, 0, os.SEEK_CUR)
        except OSError:
            again = False
    if not again:
        raise ParameterError(f"{role}: it is read several times, so it cannot be a pipe: name a file")


def estimate(
    old: Basis,
    new: Basis,
    *,
    strong_len: StrongLength = None,
    hash: Hash = "rk-blake2",
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> Estimate:
    """How much would be sent to make `new` of `old`, by block length: signature, delta, and the delta compressed; and
    which length is best. It is found out by trial: usually five to eight signatures and as many deltas are made, of
    which only the figures are kept. These are the trials of the command `redelta estimate`, which also says what the
    files look like.

    Both are read at any offset, several times. `strong_len` and `hash` are those of `signature`. What a delta takes
    with both files at hand is another matter: see `diff`.

    At most `threads` work at once, by default one for each processor. `progress` gets the bytes that were read by all
    trials, and None, because their number is not known. `context` keeps threads and buffers for the next operation.
    `changed` is that of `signature`. Memory: that of the signature with the shortest blocks.

    Raises ParameterError, also for a pipe; FileChangedError, OSError, and the exceptions of the readers and of
    `progress`.

    >>> import redelta
    >>> old = bytes(range(256)) * 1000
    >>> estimate = redelta.estimate(old, b"something new" + old)
    >>> estimate.best.total < estimate.new_size
    True
    """
    signature_params(None, strong_len, hash)
    most = thread_number(threads)
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        opened = files.read_basis(old, sized=True)
        other = files.read_basis(new, role="new file", sized=True)
        check_repeats("basis", opened)
        check_repeats("new file", other)
        trials = _Trials(opened.native, other.native, strong_len, hash, most, progress, kept, change, dict(files.names))
        usual = trials.run()
    warn_of_change(changed, trials.changed, files.names)
    return Estimate(trials.old_size, trials.new_size, trials.identical, usual, tuple(trials.made))
