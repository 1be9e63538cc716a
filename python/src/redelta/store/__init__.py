"""Objects in buckets."""

from redelta.store._limits import AZURE, GOOGLE, LOCAL, OTHER, PROVIDERS, R2, S3, Limits
from redelta.store._plan import CopyPart, Mode, Plan, PutPart, Stage, plan

__all__ = [
    "AZURE",
    "GOOGLE",
    "LOCAL",
    "OTHER",
    "PROVIDERS",
    "R2",
    "S3",
    "CopyPart",
    "Limits",
    "Mode",
    "Plan",
    "PutPart",
    "Stage",
    "plan",
]
