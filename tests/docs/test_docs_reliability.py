"""Every promise of docs/reliability.md names a test that exists."""

from __future__ import annotations

import re

from tests.docs import specs

PAGE = specs.ROOT / "docs" / "reliability.md"


def rows() -> list[list[str]]:
    """The cells of each fault's row."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("fault", "---")]


def test_every_fault_has_a_promise_and_tests_that_exist() -> None:
    """A row has three cells; the last one names at least one test, and each that it names is there."""
    found = rows()
    assert len(found) > 30
    assert [row[0] for row in found if len(row) != 3] == []
    named = {row[0]: re.findall(r"`(tests/[\w/.]+)::(\w+)`", row[2]) for row in found}
    assert [fault for fault, tests in named.items() if not tests] == []
    assert [
        f"{path}::{name}" for tests in named.values() for path, name in tests if not specs.exists(path, name)
    ] == []
