"""What requests and bytes cost, by the public price lists: for estimates, which a bill decides.

They were put together in 2025 of what the providers publish, and have not been compared with it since: a guide, in US
dollars without tax, of the region that is named, without free amounts and without what depends on the time that
something is stored. They are data, and nothing is fetched: who pays other prices gives a `Price` of their own to the
functions that estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

GB = 10**9


@dataclass(frozen=True)
class Price:
    """What a store takes, in US dollars."""

    write: float
    """For a thousand requests that write, copy or list."""
    read: float
    """For a thousand requests that read."""
    sent_out: float
    """For a GB (10^9 bytes) that leaves the store for the internet."""
    source: str
    """Where the provider publishes it."""
    date: str
    """Of which year it is."""


PRICES: dict[str, Price] = {
    "s3": Price(0.005, 0.0004, 0.09, "https://aws.amazon.com/s3/pricing/ (Standard, us-east-1)", "2025"),
    "r2": Price(0.0045, 0.00036, 0.0, "https://developers.cloudflare.com/r2/pricing/ (Standard)", "2025"),
    "azure": Price(
        0.0065, 0.0005, 0.087, "https://azure.microsoft.com/pricing/details/storage/blobs/ (hot, LRS)", "2025"
    ),
    "google": Price(0.005, 0.0004, 0.12, "https://cloud.google.com/storage/pricing (Standard, us-east1)", "2025"),
}
"""By the name of the store (`Limits.name`). What is free or unknown is not in it."""


def cost(store: str, writes: int, reads: int, received: int) -> float | None:
    """What it costs by the list, in US dollars; None if the store has no list. Bytes that are sent to a store are
    free."""
    price = PRICES.get(store)
    if price is None:
        return None
    return round(writes / 1000 * price.write + reads / 1000 * price.read + received / GB * price.sent_out, 9)
