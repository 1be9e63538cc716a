"""What else can be installed: `import redelta` needs none of it, and each extra names what it brings."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata

import pytest

EXTRAS = {
    "dataset": {"pyarrow"},
    "dask": {"pyarrow", "distributed"},
    "fsspec": {"fsspec"},
    "s3": {"fsspec", "awscrt", "boto3", "s3fs"},
    "azure": {"fsspec", "azure-storage-blob", "adlfs"},
    "mpi": {"pyarrow", "mpi4py"},
    "all": {"pyarrow", "distributed", "fsspec", "awscrt", "boto3", "s3fs", "azure-storage-blob", "adlfs"},
}

MODULES = "pyarrow numpy pandas dask distributed fsspec s3fs boto3 botocore adlfs azure mpi4py tqdm rich asyncio"


def required(extra: str) -> set[str]:
    """The distributions that an extra brings, also by way of other extras of redelta."""
    found: set[str] = set()
    for line in metadata.requires("redelta") or []:
        need, condition = line.split(";")
        if re.search(rf"extra == ['\"]{extra}['\"]", condition):
            name, _, rest = re.match(r"([\w-]+)(\[([\w,-]+)\])?", need).groups()  # type: ignore[union-attr]
            found |= set().union(*map(required, rest.split(","))) if name == "redelta" else {name}
    return found


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_it_says(extra: str) -> None:
    assert required(extra) == EXTRAS[extra]


def test_all_extras_are_tested() -> None:
    assert set(metadata.metadata("redelta").get_all("Provides-Extra") or []) == set(EXTRAS)


@pytest.mark.parametrize("statement", ["import redelta", "import redelta.progress, redelta.sync, librsync, py_rdiff"])
def test_importing_it_imports_none_of_them(statement: str) -> None:
    program = f"{statement}\nimport sys\nprint(*[name for name in {MODULES.split()} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"


def test_what_an_import_needs_is_told() -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "try: import redelta.dataset\n"
        "except ImportError as error: print(error.name, error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "pyarrow redelta.dataset needs pyarrow: pip install 'redelta[dataset]'\n"


def test_each_extra_can_be_resolved_where_it_is_installed() -> None:
    """What the tests have installed is what the extras ask for: the same names, in versions that are recent enough."""
    from packaging.requirements import Requirement

    checked = set()
    for line in metadata.requires("redelta") or []:
        need = Requirement(line)
        try:
            version = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            continue
        assert need.specifier.contains(version), line
        checked.add(need.name)
    assert checked >= {"redelta", "pyarrow", "distributed", "fsspec", "boto3", "s3fs", "adlfs"}
