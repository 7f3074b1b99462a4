"""Reads the numbered clauses of the specifications and the tests that they name."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPECS = tuple(sorted((ROOT / "docs" / "specs").glob("OFS*.md")))
OUTLINE = "OFS4"
_CLAUSE = re.compile(
    r"^\*\*(?P<id>OFS\d+-\d+\.\d+)\*\* (?P<text>.*?)(?=^\*\*OFS|^## |\Z)", re.MULTILINE | re.DOTALL
)
_HELD_BY = re.compile(r"^Held by: (?P<tests>.*)", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"`(?P<path>[\w/.]+\.(?:py|rs))::(?P<name>\w+)`")


@dataclass(frozen=True, slots=True)
class Clause:
    """One numbered rule: its text, and what stands behind `Held by:`."""

    id: str
    text: str
    held_by: str

    @property
    def number(self) -> tuple[int, ...]:
        """The parts of its number, for the order."""
        return tuple(map(int, re.findall(r"\d+", self.id)))

    @property
    def tests(self) -> tuple[tuple[str, str], ...]:
        """(path, name) of each test that it names."""
        return tuple((found["path"], found["name"]) for found in _TEST.finditer(self.held_by))


def clauses(text: str) -> list[Clause]:
    """All clauses of a specification, in order."""
    found = []
    for match in _CLAUSE.finditer(text):
        held = _HELD_BY.search(match["text"])
        body = match["text"] if held is None else match["text"][: held.start()]
        found.append(Clause(match["id"], body.strip(), "" if held is None else held["tests"].strip()))
    return found


def exists(path: str, name: str) -> bool:
    """Whether the repository has this test: a Python function, or a Rust one marked as a test."""
    return name in _tests(ROOT / path)


@cache
def _tests(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    text = path.read_text("utf-8")
    if path.suffix == ".rs":
        return frozenset(re.findall(r"#\[test\]\s+(?:#\[[^\]]*\]\s+)*fn (\w+)\(", text))
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))
