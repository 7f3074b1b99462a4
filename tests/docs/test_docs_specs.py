"""Every clause of the specifications is held by tests that exist."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs import specs


def _id(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", specs.SPECS, ids=_id)
def test_every_clause_names_a_test_that_exists(path: Path) -> None:
    """A clause names at least one test, and all that it names exist; those of the outline may say so instead."""
    wrong = []
    for clause in specs.clauses(path.read_text("utf-8")):
        may_be_outline = path.name.startswith(specs.OUTLINE) and clause.held_by.startswith("outline")
        if not clause.tests and not may_be_outline:
            wrong.append(f"{clause.id}: held by no test")
        wrong += [
            f"{clause.id}: no {path}::{name}" for path, name in clause.tests if not specs.exists(path, name)
        ]
    assert wrong == []


@pytest.mark.parametrize("path", specs.SPECS, ids=_id)
def test_clauses_are_numbered_in_order(path: Path) -> None:
    """Every bold number at the start of a line is a clause of this document, and they ascend without a gap."""
    text = path.read_text("utf-8")
    found = specs.clauses(text)
    assert [clause.id for clause in found] == re.findall(r"^\*\*(OFS[\d.\-]+)", text, re.MULTILINE)
    assert {clause.number[0] for clause in found} == {int(path.name[3])}
    for before, after in pairwise(found):
        same_section = before.number[1] == after.number[1]
        follows = after.number[2] == before.number[2] + 1 if same_section else after.number[2] == 1
        assert follows, f"{after.id} behind {before.id}"


def test_all_five_specifications_are_there() -> None:
    """OFS1 to OFS5 each have one document."""
    assert [path.name[:4] for path in specs.SPECS] == ["OFS1", "OFS2", "OFS3", "OFS4", "OFS5"]


def test_references_to_clauses_lead_to_one() -> None:
    """A clause or section that any document names by its number exists."""
    known = {clause.id for path in specs.SPECS for clause in specs.clauses(path.read_text("utf-8"))}
    known |= {f"{path.name[:4]}-{number}" for path in specs.SPECS for number in _sections(path)}
    known |= {path.name[:4] for path in specs.SPECS}
    documents = [*specs.ROOT.glob("*.md"), *specs.ROOT.glob("docs/**/*.md")]
    named = {
        found
        for path in documents
        for found in re.findall(r"\bOFS\d(?:-\d+(?:\.\d+)?)?\b", path.read_text("utf-8"))
    }
    assert named <= known, sorted(named - known)


def _sections(path: Path) -> list[str]:
    return re.findall(r"^## (\d+) ", path.read_text("utf-8"), re.MULTILINE)


UNHELD = "**OFS9-1.1** It MUST.\n\n**OFS9-1.2** It MUST.\n\nHeld by: `tests/docs/specs.py::nothing`.\n"


def test_a_clause_without_a_test_is_found() -> None:
    """A clause that names no test, and a test that does not exist, are told from good ones."""
    first, second = specs.clauses(UNHELD)
    assert (first.tests, second.tests) == ((), (("tests/docs/specs.py", "nothing"),))
    assert not specs.exists(*second.tests[0])
    assert specs.exists("tests/docs/test_docs_specs.py", "test_a_clause_without_a_test_is_found")
