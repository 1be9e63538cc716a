"""What goes wrong with stores, besides `FileNotFoundError` and `PermissionError`, which say what they say of files."""

from __future__ import annotations

import errno
import os
from types import ModuleType

from redelta._errors import RedeltaError


class StoreError(RedeltaError):
    """The base of the exceptions of stores. `url` is the object that it is about, or None. The object is as it was,
    unless the message says otherwise."""

    def __init__(self, message: str, *, url: str | None = None) -> None:
        super().__init__(message)
        self.url = url


class ObjectChangedError(StoreError):
    """The object is not the one that was read or signed: somebody else has replaced it. Nothing was replaced."""


class SignatureMissingError(StoreError):
    """There is no signature beside the object."""


class StaleSignatureError(ObjectChangedError):
    """The signature beside the object is one of another version of it."""


class UnavailableError(StoreError):
    """The store did not answer, or was too busy, also after all attempts. It can be tried again later; what was put
    together so far was removed, or is removed by the next push."""


class MissingExtraError(StoreError, ImportError):
    """A package that this store needs is not installed; the message says what to install."""


def missing_extra(package: str, extra: str, url: str | None = None) -> MissingExtraError:
    """The exception for a package that is not there."""
    return MissingExtraError(f"{package} is needed and not installed: pip install 'redelta[{extra}]'", url=url)


def imported(name: str, extra: str, url: str | None = None) -> ModuleType:
    """A module of a package that only this extra brings."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise missing_extra(name.partition(".")[0], extra, url) from error


class NoBucketError(FileNotFoundError):
    """There is not even a bucket."""


def no_bucket(url: str, kind: str = "bucket") -> NoBucketError:
    """The bucket of this object is missing."""
    return NoBucketError(errno.ENOENT, f"The specified {kind} does not exist", url)


def not_found(url: str) -> FileNotFoundError:
    """There is no such object."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url)


def forbidden(url: str, reason: str) -> PermissionError:
    """The store refuses."""
    return PermissionError(errno.EACCES, reason or os.strerror(errno.EACCES), url)


def changed(url: str) -> ObjectChangedError:
    """A condition of the store was not met."""
    return ObjectChangedError(
        f"{url!r} was replaced by somebody else in the meantime, and stays as it is now; "
        "do it again against the new object (sign it again if its signature is kept beside it)",
        url=url,
    )
