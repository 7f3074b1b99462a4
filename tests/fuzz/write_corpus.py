"""`python -m tests.fuzz.write_corpus DIR`: what `cargo fuzz` starts from, one folder a target."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from tests.fuzz import corpus


def write(folder: Path, inputs: Iterable[bytes]) -> None:
    """One file an input, named by its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def write_all(folder: str) -> None:
    """A folder a target: three for the core, three for Python."""
    out, lines = Path(folder), corpus.decisions()
    write(out / "record", corpus.records())
    write(out / "decisions", [*lines, *(b"\n".join(pair) for pair in pairwise(lines))])
    write(out / "definition", corpus.canonical_definitions())
    write(out / "python-record", corpus.records())
    write(out / "python-decisions", lines)
    write(out / "python-definition", corpus.definitions())


if __name__ == "__main__":
    write_all(sys.argv[1])
