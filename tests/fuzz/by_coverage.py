"""`python -m tests.fuzz.by_coverage TARGET CORPUS [libFuzzer options]`: the Python parts, guided by coverage.

Needs atheris, which the project does not depend on: `pip install atheris` beside it. TARGET: record, decisions,
definition.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Hashable
from typing import Final


def main(arguments: list[str]) -> None:
    """Fuzz until an option of libFuzzer ends it; a finding ends it too, with the input written."""
    atheris = importlib.import_module("atheris")
    # what is imported in here is instrumented: nothing of the package may be imported before
    with atheris.instrument_imports(include=["ofs"]):
        agreement = importlib.import_module("tests.fuzz.agreement")
        write_corpus = importlib.import_module("tests.fuzz.write_corpus")
    checks: Final[dict[str, Callable[[bytes], Hashable]]] = {
        "record": agreement.record,
        "decisions": lambda line: agreement.decisions([line]),
        "definition": lambda text: agreement.definition(text)[1],
    }
    target, folder, *options = arguments
    check = checks[target]
    write_corpus.write_all(folder)

    def one(data: bytes) -> None:
        check(data)

    atheris.Setup([sys.argv[0], f"{folder}/python-{target}", *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
