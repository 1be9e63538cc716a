"""Tracing: what `librsync.debug` turns on. By default nothing is shown, for the exceptions say what is wrong."""

from __future__ import annotations

import logging
from typing import Final

from redelta import Stats

# The levels of syslog, which not every system has.
TRACE_LEVELS: Final = tuple(range(8))
LOG_DEBUG: Final = 7

_LEVELS: Final = (
    logging.CRITICAL,
    logging.CRITICAL,
    logging.CRITICAL,
    logging.ERROR,
    logging.WARNING,
    logging.INFO,
    logging.INFO,
    logging.DEBUG,
)

_logger: Final = logging.getLogger("librsync")


def enable(level: int) -> None:
    """Shows messages of this level of syslog and of those below it."""
    if not _logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("librsync: %(levelname)s: %(message)s"))
        _logger.addHandler(handler)
    _logger.setLevel(_LEVELS[level])


def done(operation: str, stats: Stats) -> None:
    """Tells of an operation that went well."""
    _logger.info("%s: %d bytes read, %d bytes written", operation, stats.in_bytes, stats.out_bytes)
    _logger.debug("%s: %r", operation, stats)
