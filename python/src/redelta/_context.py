"""What operations keep for the next one."""

from __future__ import annotations

from typing import NoReturn, Self

from redelta import _core


class Context:
    """Threads, buffers and states of zstd that operations keep for the next one, given to them as `context=`.

    For thousands of small files: without a context each operation makes its own and frees it, which can take longer
    than the work. Results do not depend on it. It takes some MiB of memory for each thread.

    One operation at a time may use a context: another thread that uses it meanwhile, or a callback of the operation,
    gets a RedeltaError, and so does a process that was forked from the one that made it. So make one in each thread. It
    is freed when it is closed, by `close` or by leaving a `with`, or with its last reference.

    >>> import redelta
    >>> with redelta.Context() as context:
    ...     signatures = [redelta.signature(bytes(size), context=context) for size in range(1000)]
    >>> len(signatures)
    1000
    """

    __slots__ = ("_native",)

    def __init__(self) -> None:
        self._native = _core.new_context()

    def close(self) -> None:
        """Ends its threads, and frees all it keeps. Operations then refuse it. Raises RedeltaError if it is in use."""
        self._native.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Context cannot be copied or pickled: each process must make its own")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
