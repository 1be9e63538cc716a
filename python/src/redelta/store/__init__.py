"""Objects in buckets: a new version of one is put together within the store, of what the old one has and the bytes that
are new; and one is fetched by the ranges that an old file here has not.

>>> import pathlib, tempfile
>>> from redelta import store
>>> with tempfile.TemporaryDirectory() as folder:  # or "s3://bucket/key", "az://container/blob", ...
...     file = pathlib.Path(folder, "file")
...     _ = file.write_bytes(bytes(range(256)) * 1000)
...     _ = store.push(bytes(range(256)) * 1000 + b"more", file)
...     file.stat().st_size
256004

Nothing is imported for a store before an object of it is named: `pip install 'redelta[s3]'` and its like bring what is
needed. docs/stores.md says how each store is used, and what was tried on which.
"""

from types import FunctionType

from redelta.store._basis import open_basis
from redelta.store._clean import clean
from redelta.store._errors import (
    MissingExtraError,
    ObjectChangedError,
    SignatureMissingError,
    StaleSignatureError,
    StoreError,
    UnavailableError,
)
from redelta.store._limits import AZURE, GOOGLE, LOCAL, OTHER, PROVIDERS, R2, S3, Limits
from redelta.store._patch import patch
from redelta.store._plan import CopyPart, Mode, Plan, PutPart, Stage, plan
from redelta.store._prices import PRICES, Price
from redelta.store._pull import pull
from redelta.store._push import push
from redelta.store._results import Cleaned, Pulled, Pushed, Result, Signed, Verified
from redelta.store._sign import sign
from redelta.store._verify import verify

__all__ = [
    "AZURE",
    "GOOGLE",
    "LOCAL",
    "OTHER",
    "PRICES",
    "PROVIDERS",
    "R2",
    "S3",
    "Cleaned",
    "CopyPart",
    "Limits",
    "MissingExtraError",
    "Mode",
    "ObjectChangedError",
    "Plan",
    "Price",
    "Pulled",
    "Pushed",
    "PutPart",
    "Result",
    "SignatureMissingError",
    "Signed",
    "Stage",
    "StaleSignatureError",
    "StoreError",
    "UnavailableError",
    "Verified",
    "clean",
    "open_basis",
    "patch",
    "plan",
    "pull",
    "push",
    "sign",
    "verify",
]

for _public in [globals()[name] for name in __all__]:  # in tracebacks and pickles
    if isinstance(_public, type | FunctionType):
        _public.__module__ = __name__
del _public
