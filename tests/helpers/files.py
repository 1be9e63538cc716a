"""The files of one synchronisation, in a folder of their own, with a subfolder for outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from helpers.tool import Argument, Tool


@dataclass(frozen=True)
class Files:
    """Their names. Outputs have a folder of their own, so that files left over are seen."""

    folder: Path

    @property
    def basis(self) -> Path:
        return self.folder / "basis"

    @property
    def signature(self) -> Path:
        return self.folder / "signature"

    @property
    def new(self) -> Path:
        return self.folder / "new"

    @property
    def delta(self) -> Path:
        return self.folder / "delta"

    @property
    def output(self) -> Path:
        return self.folder / "outputs" / "output"

    def outputs(self) -> list[str]:
        """The names in the outputs' folder."""
        return sorted(path.name for path in self.output.parent.iterdir())


def synchronised(redelta: Tool, folder: Path, basis: bytes, new: bytes, *options: Argument) -> Files:
    """Makes all of them but the output, the signature with these options."""
    files = Files(folder)
    files.output.parent.mkdir()
    files.basis.write_bytes(basis)
    files.new.write_bytes(new)
    files.signature.write_bytes(redelta.run("signature", *options, files.basis).done())
    files.delta.write_bytes(redelta.run("delta", files.signature, files.new).done())
    return files
