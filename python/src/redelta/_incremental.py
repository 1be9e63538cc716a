"""The three steps incrementally: objects that take bytes and return bytes, and do no input or output of their own.

Each has `update`, which takes some bytes and returns what is ready, and `finish`, which ends the input and returns the
rest. The output does not depend on the sizes of the chunks. Several threads may use an object; they wait for each
other.
"""

from __future__ import annotations

from typing import NoReturn, Self

from redelta import _core
from redelta._core import VERIFY_NEVER
from redelta._errors import CorruptError
from redelta._files import Input
from redelta._params import (
    compression_level,
    delta_verify,
    output_limit,
    patch_verify,
    signature_params,
)
from redelta._signature import Signature
from redelta._stats import Stats
from redelta._types import Basis, Buffer, Compression, Hash, PatchVerify, StrongLength

ALL = 0


class _Incremental:
    """What the three have in common."""

    __slots__ = ("_stream",)

    _stream: _core.Stream

    def update(self, data: Buffer) -> bytes:
        """Takes some bytes, and returns the output that is ready, which is often none. Raises what the function of the
        same step raises; after an error the object cannot be used."""
        return self._stream.step(data)[0]

    def finish(self) -> bytes:
        """Ends the input, and returns the rest of the output. The object takes nothing after that. Errors about the
        whole input are raised here: TruncatedError, or the VerifyError of a patch."""
        return self._stream.step(b"", last=True)[0]

    def __reduce__(self) -> NoReturn:
        """A copy would share the stream."""
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

    @property
    def stats(self) -> Stats:
        """What has been done so far."""
        return Stats._of(self._stream.stats())


class Signer(_Incremental):
    """Takes a basis and returns its signature. The parameters are those of `signature`.

    The size of the basis is not known at the start, so `block_len` is 2048 unless it is given.

    >>> import redelta
    >>> signer = redelta.Signer(block_len=1000)
    >>> made = signer.update(bytes(1500)) + signer.update(bytes(1500)) + signer.finish()
    >>> made == redelta.signature(bytes(3000), block_len=1000)
    True
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        block_len: int | None = None,
        strong_len: StrongLength = None,
        hash: Hash = "rk-blake2",
        compress: Compression = None,
    ) -> None:
        params = signature_params(block_len, strong_len, hash)
        self._stream = _core.signature_stream(**params, compression=compression_level(compress))


class DeltaEncoder(_Incremental):
    """Takes a new file and returns the delta against a loaded signature. `verify` is that of `delta`.

    It works in the thread that calls it. Memory: up to two blocks, because a copy is written only when it ends.

    >>> import redelta
    >>> encoder = redelta.DeltaEncoder(redelta.Signature.load(redelta.signature(b"old")))
    >>> redelta.patch(b"old", encoder.update(b"n") + encoder.update(b"ew") + encoder.finish())
    b'new'
    """

    __slots__ = ()

    def __init__(self, signature: Signature, *, verify: bool = True, compress: Compression = None) -> None:
        if not isinstance(signature, Signature):
            raise TypeError(f"a Signature is needed (see Signature.load), not {type(signature).__name__}")
        self._stream = _core.delta_stream(
            signature._table, verify=delta_verify(verify), compression=compression_level(compress)
        )


class Patcher(_Incremental):
    """Takes a delta and returns the new file. `max_output` and `verify` are those of `patch`.

    The output is valid only when `finish` has returned, because the digest of the new file comes last. A few bytes of a
    delta can copy much of the basis, and one `update` returns all of it at once: `max_length` limits that, and
    `max_output` the whole output. The basis stays open until `close`, which the end of a `with` calls.

    >>> import redelta
    >>> delta = redelta.delta(redelta.signature(b"old"), b"new")
    >>> with redelta.Patcher(b"old") as patcher:
    ...     patcher.update(delta) + patcher.finish()
    b'new'
    """

    __slots__ = ("_basis", "_held", "_strict", "eof", "needs_input")

    def __init__(self, basis: Basis, *, max_output: int | None = None, verify: PatchVerify = "auto") -> None:
        limit = output_limit(max_output)
        how = patch_verify(verify)
        self.eof = False
        self.needs_input = True
        self._held = memoryview(b"")
        self._strict = how != VERIFY_NEVER
        self._basis = Input(basis, basis=True)
        try:
            self._stream = _core.patch_stream(self._basis.native, output_max=limit, verify=how)
        except BaseException:
            self._basis.close()
            raise

    def update(self, data: Buffer, max_length: int = -1) -> bytes:
        """Takes some of the delta, and returns what it makes, at most `max_length` bytes if that is not negative. The
        unused input is kept: as long as `needs_input` is false, `update(b"", max_length)` returns more. `eof` is true
        once the delta has ended. Bytes after its end are an error, but with `verify=False` they are ignored, as in
        librsync."""
        given = memoryview(data).cast("B")
        if self._held:
            given = memoryview(self._held.tobytes() + given) if given else self._held
        if max_length == 0:
            self._hold(given)
            return b""
        return self._step(given, False, max(max_length, ALL))

    def finish(self) -> bytes:
        return self._step(self._held, True, ALL)

    finish.__doc__ = _Incremental.finish.__doc__

    def _hold(self, rest: memoryview) -> None:
        """Keeps the unused input, in bytes that cannot change."""
        self._held = rest if isinstance(rest.obj, bytes) else memoryview(rest.tobytes())

    def _step(self, given: memoryview, last: bool, most: int) -> bytes:
        made, taken, self.eof = self._stream.step(given, last=last, most=most)
        self._hold(given[taken:])
        self.needs_input = not (self.eof or self._held or len(made) == most != ALL)
        if self.eof and self._held and self._strict:
            raise CorruptError("the delta continues after its end; make or fetch the delta again", role="delta")
        return made

    def close(self) -> None:
        """Closes the basis. The patcher cannot be used after that."""
        self._stream.close()
        self._basis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
