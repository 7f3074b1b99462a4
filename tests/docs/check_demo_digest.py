"""Compares the digest that the demo printed with the one in the README.

Run by CI after the demo: `python -m tests.docs.check_demo_digest DIGEST`. Exit code 0: equal, 1: not, 2: usage.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
_MARK = re.compile(r"^<!-- demo-digest: (?P<digest>[0-9a-f]{64}) -->$", re.MULTILINE)


def recorded_digest(readme: str) -> str:
    """The digest in the README's mark. Raises ValueError where it stands there not exactly once."""
    found = _MARK.findall(readme)
    if len(found) != 1:
        raise ValueError(
            f"README.md has {len(found)} marks <!-- demo-digest: 64 hex digits -->, expected one"
        )
    return str(found[0])


def main(arguments: list[str]) -> int:
    """Compare and say what was found."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.docs.check_demo_digest DIGEST\n")
        return 2
    recorded = recorded_digest(README.read_text("utf-8"))
    if arguments[0] != recorded:
        sys.stderr.write(f"the demo's digest is {arguments[0]}, the README says {recorded}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
