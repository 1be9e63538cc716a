"""Progress of a verb, as the command shows it: a line that is drawn over itself, and records.

The line appears when the work takes longer than people like to wait, is removed with nothing but a carriage return and
spaces, and is for somebody who watches: on a terminal, in the foreground, and not among records.
"""

from __future__ import annotations

import os
import sys
import time

from redelta._cli._records import Records

PATIENCE = 0.5
LINE_INTERVAL = 0.1
RECORD_INTERVAL = 0.5
COLUMNS_MAX = 100


def amount(size: float) -> str:
    """Three digits: 999 B, 12.3 kB, 1.05 GB."""
    units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    unit = 0
    while size >= 999.5 and unit + 1 < len(units):
        size, unit = size / 1000, unit + 1
    decimals = 0 if unit == 0 or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{decimals}f} {units[unit]}"


def duration(seconds: float) -> str:
    """Whole seconds as 1:05 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def in_foreground(fd: int) -> bool:
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True


class Progress:
    """What is passed as `progress=`. `wish` is whether it is always shown or never, or None."""

    def __init__(self, step: str, wish: bool | None, records: Records) -> None:
        now = time.monotonic()
        watched = sys.stderr.isatty() and in_foreground(sys.stderr.fileno()) if wish is None else wish
        self._step = step
        self._records = records if records and wish is not False else None
        self._line = watched and not records.on_output
        self._start = now
        self._next_line = self._next_record = now if wish else now + PATIENCE
        self._width = 0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self._line and now >= self._next_line:
            self._draw(done, total, now - self._start)
            self._next_line = now + LINE_INTERVAL
        if self._records is not None and now >= self._next_record:
            self._send(self._records, done, total, now - self._start)
            self._next_record = now + RECORD_INTERVAL

    def _draw(self, done: int, total: int | None, seconds: float) -> None:
        rate = done / seconds if seconds > 0 else 0.0
        fields = [f"{self._step}:"]
        if total is not None and 0 < total >= done:
            fields += [f"{100 * done // total:3} %", f"{amount(done):>7} of {amount(total)}", f"{amount(rate):>7}/s"]
            fields.append(f"{duration((total - done) / rate + 0.5)} left" if rate > 0 else duration(seconds))
        else:
            fields += [f"{amount(done):>7}", f"{amount(rate):>7}/s", duration(seconds)]
        try:
            columns = min((os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1, COLUMNS_MAX)
        except OSError:
            columns = 79
        line = ""
        for field in fields:
            longer = f"{line}  {field}" if line else field
            line = longer if len(longer) <= columns else line
        sys.stderr.write(f"\r{line}{' ' * (self._width - len(line))}")
        sys.stderr.flush()
        self._width = len(line)

    def _send(self, records: Records, done: int, total: int | None, seconds: float) -> None:
        rate = done / seconds if seconds > 0 else None
        records.write("progress", step=self._step, done=done, total=total, seconds=seconds, bytes_per_second=rate)

    def clear(self) -> None:
        """Removes the line."""
        if self._width > 0:
            sys.stderr.write(f"\r{' ' * self._width}\r")
            sys.stderr.flush()
        self._width = 0
