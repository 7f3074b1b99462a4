"""The replay's verdicts held against what was done to the decisions: every spoiled one found, and no other."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from ofs.errors import SourceError

__all__ = ["Comparison", "compare"]

_LISTED_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """`planned` and `found` by what was done. `wrong`: the first decisions with another verdict than expected."""

    decisions: int
    planned: dict[str, int]
    found: dict[str, int]
    wrong_count: int
    wrong: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Whether every decision has its expected verdict, reason and differing fields."""
        return self.wrong_count == 0 and self.planned == self.found


def compare(parity: Path, truth: Path) -> Comparison:
    """Read the verdicts of a replay and what was to be found. Raises SourceError where one cannot be read."""
    try:
        known = json.loads(truth.read_bytes())
        expected: dict[str, dict[str, Any]] = {entry["decision_id"]: entry for entry in known["expected"]}
        planned, found = Counter(entry["kind"] for entry in expected.values()), Counter[str]()
        wrong: list[str] = []
        decisions = wrong_count = 0
        with parity.open("rb") as lines:
            for line in lines:
                verdict = orjson.loads(line)
                decisions += 1
                entry = expected.pop(verdict["decision_id"], None)
                difference = _difference(verdict, entry)
                if difference is None:
                    if entry is not None:
                        found[entry["kind"]] += 1
                    continue
                wrong_count += 1
                if len(wrong) < _LISTED_MAX:
                    wrong.append(f"{verdict['decision_id']}: {difference}")
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"the verdicts {parity} or the truth {truth} cannot be read: {error}") from error
    missing = len(expected) + abs(known["decisions"] - decisions)
    return Comparison(
        decisions,
        dict(sorted(planned.items())),
        dict(sorted(found.items())),
        wrong_count + missing,
        tuple(wrong),
    )


def _difference(verdict: dict[str, Any], entry: dict[str, Any] | None) -> str | None:
    """What is not as expected; None where all is."""
    result, reason = ("MATCH", None) if entry is None else (entry["result"], entry["reason"])
    if (verdict["result"], verdict.get("reason")) != (result, reason):
        return f"{verdict['result']} {verdict.get('reason') or ''}, expected {result} {reason or ''}"
    if entry is None or result != "MISMATCH":
        return None
    fields = sorted(mismatch["path"] for mismatch in verdict["evidence"]["mismatch_fields"])
    return None if fields == sorted(entry["fields"]) else f"other fields differ than expected: {fields}"
