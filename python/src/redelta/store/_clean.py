"""What killed pushes have left."""

from __future__ import annotations

from redelta.store._limits import Limits
from redelta.store._open import Options, Url, open_store
from redelta.store._results import Cleaned
from redelta.store._staging import DAY


def clean(
    url: Url,
    *,
    older_than: float = DAY,
    limits: Limits | str | None = None,
    storage_options: Options = None,
) -> Cleaned:
    """Removes what pushes of the object at `url` that were killed have left: staging objects, and uploads that were not
    completed. `push` does it, too.

    What a push of this machine has left is removed once that process is gone; what one of another machine has left, and
    uploads without parts that nothing tells of, once it is `older_than` seconds old, by default a day. 0 is for when
    nobody else pushes. Nothing else in the bucket is touched. On Azure there is nothing to remove: blocks that are not
    used disappear within a week.

    Raises PermissionError, UnavailableError, MissingExtraError, StoreError.
    """
    store = open_store(url, storage_options, limits)
    try:
        objects, uploads, kept = store.clean(older_than)
        numbers = store.meter.numbers(store.limits.name)
        return Cleaned(
            url=store.url, store=store.limits.name, size=0, objects=objects, uploads=uploads, kept=kept, **numbers
        )
    finally:
        store.close()
