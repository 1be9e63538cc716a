"""`manifest.json`: what a dataset consists of.

It is written last, so a directory without it is no dataset, only the beginnings of one. It names the shards in the
order of their paths, with the digest of each file; everything else is found from there. Paths are written as in URLs,
`%` and two digits for every byte that is not printable ASCII, since they need not be text. One shard a line: a
difference of two manifests shows the shards that differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from redelta.dataset._failures import DatasetCorruptError
from redelta.dataset._limits import Limits
from redelta.dataset._places import PRIVATE, Place
from redelta.dataset._schema import DELTA_KIND, SIGNATURE_KIND, VERSION, DatasetKind

NAME = "manifest.json"
STEM = re.compile(r"shard-[0-9a-f]{32}")
LEFT = re.compile(
    r"shard-[0-9a-f]{32}\.(parquet|pack)|part-index-[0-9a-f]{32}|part-[0-9a-f]{32}-[0-9]{6,}|"
    + re.escape(PRIVATE)
    + ".*"
)
"""Names of the files that runs leave: others call files part-something, too."""
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
COUNT_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class Shard:
    """What the manifest says of a shard. `stem` is the name of its files, without `.parquet` and `.pack`."""

    stem: str
    first: bytes
    """The least path of its rows."""
    last: bytes
    """The greatest one."""
    rows: int
    files: int
    bytes: int
    """The sizes of its files, in bytes."""
    failures: int
    """Rows that have one."""
    ops: dict[str, int]
    """Of a delta: how many rows have which op."""
    parquet_bytes: int
    parquet_digest: str
    """BLAKE3 of the file, in hexadecimal."""
    pack_bytes: int
    """0: there is no pack."""
    pack_digest: str
    """BLAKE3 of the pack, in hexadecimal; empty if there is none."""

    def to_json(self) -> dict[str, Any]:
        """Its line in the manifest."""
        return {**asdict(self), "first": shown(self.first), "last": shown(self.last)}

    @property
    def parquet(self) -> str:
        """The name of the file with the rows."""
        return self.stem + ".parquet"

    @property
    def pack(self) -> str:
        """The name of the file with the signatures or deltas."""
        return self.stem + ".pack"


@dataclass(frozen=True)
class Manifest:
    """A dataset's manifest. Of a delta, `basis` is the digest of the manifest of the signature that it was made
    against."""

    kind: DatasetKind
    parameters: dict[str, Any]
    shards: tuple[Shard, ...]
    basis: str = ""

    def to_bytes(self) -> bytes:
        """The file."""
        head = {
            "redelta": self.kind,
            "version": VERSION,
            "parameters": self.parameters,
            **({"basis": self.basis} if self.basis else {}),
            **{
                name: sum(getattr(each, name) for each in self.shards)
                for name in ("rows", "files", "bytes", "failures")
            },
        }
        lines = ",\n".join("  " + json.dumps(each.to_json(), separators=(", ", ": ")) for each in self.shards)
        opened = ",\n".join(f" {json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in head.items())
        shards = f"[\n{lines}\n ]" if lines else "[]"
        return f'{{\n{opened},\n "shards": {shards}\n}}\n'.encode()

    @classmethod
    def of_bytes(cls, data: bytes, limits: Limits) -> Manifest:
        """Reads the file of a stranger. Raises DatasetCorruptError or LimitError."""
        try:
            told = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DatasetCorruptError(f"{NAME}: it is not JSON: {error}") from error
        if not isinstance(told, dict) or told.get("redelta") not in (SIGNATURE_KIND, DELTA_KIND):
            raise DatasetCorruptError(f"{NAME}: it is not that of a dataset")
        if told.get("version") != VERSION:
            raise DatasetCorruptError(
                f"{NAME}: version {told.get('version')!r} is not known: this redelta reads {VERSION}"
            )
        found, parameters, basis = told.get("shards"), told.get("parameters"), told.get("basis", "")
        if not isinstance(found, list) or not isinstance(parameters, dict) or not isinstance(basis, str):
            raise DatasetCorruptError(f"{NAME}: a field is missing or has another type")
        limits.check("shards", len(found))
        shards = tuple(shard_of(each) for each in found)
        check_order(shards)
        self = cls(told["redelta"], parameters, shards, basis)
        for name in ("rows", "files", "bytes", "failures"):
            if told.get(name) != sum(getattr(each, name) for each in shards):
                raise DatasetCorruptError(f"{NAME}: {name} is not the sum of those of the shards")
        limits.check("rows", sum(each.rows for each in shards))
        limits.check("file_bytes", sum(each.bytes for each in shards))
        return self


def shown(path: bytes) -> str:
    """A path as text."""
    return quote_from_bytes(path, safe=PRINTABLE)


def shard_of(told: Any) -> Shard:
    """A line of the manifest, whose fields all have their types and possible values."""
    if not isinstance(told, dict) or sorted(told) != sorted(each.name for each in fields(Shard)):
        raise DatasetCorruptError(f"{NAME}: a shard does not have the fields of one")
    numbers = [told[name] for name in ("rows", "files", "bytes", "failures", "parquet_bytes", "pack_bytes")]
    texts = [told[name] for name in ("stem", "first", "last", "parquet_digest", "pack_digest")]
    if not all(type(each) is int and 0 <= each <= COUNT_MAX for each in numbers):
        raise DatasetCorruptError(f"{NAME}: a number of a shard is none, or out of range")
    if not all(isinstance(each, str) and each.isascii() for each in texts):
        raise DatasetCorruptError(f"{NAME}: a text of a shard is none")
    if not STEM.fullmatch(told["stem"]) or not HEX_DIGEST.fullmatch(told["parquet_digest"]):
        raise DatasetCorruptError(f"{NAME}: {told['stem']!r} is not the name of a shard, or has no digest")
    if bool(told["pack_bytes"]) != bool(HEX_DIGEST.fullmatch(told["pack_digest"])):
        raise DatasetCorruptError(f"{NAME}: a pack has no digest, or there is one without a pack")
    ops = told["ops"]
    if not isinstance(ops, dict) or not all(type(each) is int and 0 < each <= told["rows"] for each in ops.values()):
        raise DatasetCorruptError(f"{NAME}: the ops of a shard are no numbers of rows")
    if told["rows"] < 1 or told["rows"] < told["files"]:
        raise DatasetCorruptError(f"{NAME}: a shard has no rows, or more files than rows")
    return Shard(**{**told, "first": unquote_to_bytes(told["first"]), "last": unquote_to_bytes(told["last"])})


def check_order(shards: Iterable[Shard]) -> None:
    """Shards must not overlap, and no two may have the same files."""
    last = None
    stems = set()
    for each in shards:
        if each.first > each.last or (last is not None and each.first <= last):
            raise DatasetCorruptError(f"{NAME}: shards overlap, or are not in order, at {each.stem}")
        if each.stem in stems:
            raise DatasetCorruptError(f"{NAME}: {each.stem} is there twice")
        last = each.last
        stems.add(each.stem)


def write_manifest(place: Place, manifest: Manifest) -> None:
    """Writes it: from now on, the place has a dataset. Then removes files of shards that it does not name, which
    earlier or killed runs have left."""
    with place.new_file(NAME) as new:
        new.file.write(manifest.to_bytes())
    named = {
        name for each in manifest.shards for name in (each.parquet, each.pack if each.pack_bytes else each.parquet)
    }
    for name in place.sizes():
        if LEFT.fullmatch(name) and name not in named:
            place.remove(name)


def read_manifest(place: Place, limits: Limits) -> tuple[Manifest, str]:
    """Reads it, with its digest. Raises FileNotFoundError if there is none."""
    from redelta import digest

    with place.open(NAME) as file:
        data = file.read(limits.manifest_bytes + 1)
    limits.check("manifest_bytes", len(data))
    return Manifest.of_bytes(data, limits), digest(data, threads=1).hex()
