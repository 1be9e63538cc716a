"""Which store a URL is of."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

from redelta._errors import ParameterError
from redelta.store._backend import WORKERS, Backend
from redelta.store._limits import PROVIDERS, Limits

Url: TypeAlias = str | os.PathLike[str]
Options: TypeAlias = Mapping[str, Any] | None

AZURE_SCHEMES = ("az", "abfs", "abfss")
S3_SCHEMES = ("s3", "s3a")

S3_OPTIONS = ("key", "secret", "token", "profile", "endpoint_url", "client_kwargs", "config_kwargs", "anon")
AZURE_OPTIONS = (
    "connection_string",
    "account_name",
    "account_key",
    "sas_token",
    "credential",
    "account_host",
    "config_kwargs",
    "anon",
)
"""All that these stores take. What fsspec opens checks its options itself."""


def scheme_of(url: str) -> str:
    """Of a URL; "file" for a path."""
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark and len(scheme) > 1 else "file"


def limits_named(limits: Limits | str | None) -> Limits | None:
    """Limits, perhaps given by the name of a store."""
    if isinstance(limits, str):
        if limits not in PROVIDERS:
            raise ParameterError(f"limits must be a Limits or one of {', '.join(PROVIDERS)}, not {limits!r}")
        return PROVIDERS[limits]
    return limits


def check_options(url: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raises ParameterError for an option that the store would not look at."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            those = f"there are {', '.join(known)}" if known else "a file has none"
            raise ParameterError(f"{url!r}: unknown storage option {name!r}: {meant}{those}")


def open_store(
    url: Url, options: Options = None, limits: Limits | str | None = None, workers: int = WORKERS
) -> Backend:
    """The store of a URL, and the object in it. Nothing is asked yet. Raises MissingExtraError, ParameterError."""
    name = os.fspath(url)
    scheme = scheme_of(name)
    given = dict(options or {})
    known = limits_named(limits)
    if scheme == "file":
        from redelta.store._local import LocalStore

        check_options(name, given, ())
        return LocalStore(name)
    if scheme in S3_SCHEMES:
        from redelta.store._s3 import S3Store

        check_options(name, given, S3_OPTIONS)
        return S3Store(name, given, known, workers)
    if scheme in AZURE_SCHEMES:
        from redelta.store._azure import AzureStore

        check_options(name, given, AZURE_OPTIONS)
        return AzureStore(name, given, known, workers)
    from redelta.store._fsspec import FsspecStore

    return FsspecStore(name, given, workers)
