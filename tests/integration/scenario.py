"""A small card stream and its decisions: what an online plane would have answered, added up by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ofs.canonical import jcs
from ofs.features import Registry, lock
from ofs.runtime.report import ReplayReport
from ofs.units import SECOND_US, format_timestamp_us, parse_timestamp_us
from tests.integration.topics import Written

START = "2024-05-01T00:00:00Z"
HOUR_S = 3_600
PINS = {
    "manifest_fingerprint": "a1" * 32,
    "parameter_hash": "b2" * 32,
    "scenario_id": "integration",
    "run_id": "c3" * 16,
}
DEFINITION = """
feature_group: card_activity
version: v1
key: {type: card_id, field: payload.card_id}
event_types: [card_auth]
features:
  - {name: auths_1h,     op: count, window: 1h}
  - {name: amount_total, op: sum, field: payload.amount, type: decimal(2), window: lifetime}
"""
DEFINITION_FINITE = """
feature_group: card_recent
version: v1
key: {type: card_id, field: payload.card_id}
event_types: [card_auth]
features:
  - {name: auths_1h, op: count, window: 1h}
"""


def registry(folder: Path) -> Path:
    """A registry folder with the two groups of this module, locked."""
    for name, text in (("card_activity", DEFINITION), ("card_recent", DEFINITION_FINITE)):
        (folder / name).mkdir(parents=True)
        (folder / name / "v1.yaml").write_text(text, encoding="utf-8")
    lock(folder)
    return folder


def time_us(second: float) -> int:
    """Microseconds of a second after START."""
    start = parse_timestamp_us(START)
    if start is None:
        raise ValueError(START)
    return start + int(second * SECOND_US)


@dataclass(frozen=True, slots=True)
class Auth:
    """One authorisation; `second` is its event time after START."""

    second: int
    amount: str = "1.00"
    card: str = "c1"
    partition: int = 0

    def record(self, event_id: str) -> Written:
        """As it stands in the log, a second after it happened."""
        envelope = {
            "event_id": event_id,
            "event_type": "card_auth",
            "ts_utc": format_timestamp_us(time_us(self.second)),
            **PINS,
            "payload": {"card_id": self.card, "amount": self.amount},
        }
        stamp_ms = time_us(self.second + 1) // 1_000
        return Written(json.dumps(envelope).encode(), partition=self.partition, timestamp_ms=stamp_ms)


def written(auths: Sequence[Auth], first: int = 0) -> list[Written]:
    """The records of these events, with event ids that count on from `first`."""
    return [auth.record(f"e{number}") for number, auth in enumerate(auths, first)]


def decision(
    decision_id: str,
    *,
    stream: str,
    applied: Sequence[Auth],
    cut: Mapping[int, int],
    as_of_s: int,
    registry_dir: Path,
    card: str = "c1",
    group: str = "card_activity",
    topic_id: str | None = None,
) -> dict[str, Any]:
    """The record of a decision that saw exactly `applied`, in the form that the decision log holds."""
    locked = Registry.load(registry_dir).get(group, "v1")
    if locked is None:
        raise ValueError(group)
    reference = {"name": group, "version": "v1", "digest": locked.digest}
    basis = [
        {"stream": stream, "partition": partition, "next_offset": offset}
        for partition, offset in sorted(cut.items())
    ]
    as_of = {"as_of_basis": "event_time", "as_of_time_utc": format_timestamp_us(time_us(as_of_s))}
    identity = {
        "schema_version": "ofs.snapshot/v0",
        "hash_rule": "ofs-jcs-sha256/v1",
        "context_pins": PINS,
        "as_of_spec": as_of,
        "basis": basis,
        "feature_groups": [reference],
        **_answer(applied, card, as_of_s, group),
    }
    named = basis if topic_id is None else [entry | {"topic_id": topic_id} for entry in basis]
    return {
        "decision_id": decision_id,
        "context_pins": PINS,
        "feature_keys": [{"key_type": "card_id", "key_id": card}],
        "feature_groups": [reference],
        "as_of_spec": as_of,
        "basis": named,
        "online_snapshot_hash": hashlib.sha256(jcs(identity)).hexdigest(),
        "decided_at_utc": as_of["as_of_time_utc"],
    }


def _answer(applied: Sequence[Auth], card: str, as_of_s: int, group: str) -> dict[str, Any]:
    mine = [auth for auth in applied if auth.card == card and auth.second < as_of_s]
    recent = [auth for auth in mine if auth.second >= as_of_s - HOUR_S]
    values: dict[str, Any] = {"auths_1h": len(recent)}
    seen = recent
    if group == "card_activity":
        values["amount_total"] = f"{sum((Decimal(auth.amount) for auth in mine), Decimal('0.00')):.2f}"
        seen = mine
    last = max((auth.second for auth in seen), default=None)
    fresh: dict[str, Any] = {"last_event_time_utc": None, "age_us": None, "state": "NO_DATA"}
    if last is not None:
        fresh = {
            "last_event_time_utc": format_timestamp_us(time_us(last)),
            "age_us": (as_of_s - last) * SECOND_US,
            "state": "FRESH",
        }
    name = f"card_id:{card}"
    return {"features": {name: {group: values}}, "freshness": {name: {group: fresh}}}


def write_decisions(path: Path, decisions: Sequence[Mapping[str, Any]]) -> Path:
    """The decisions as lines of a file."""
    path.write_text("".join(json.dumps(item) + "\n" for item in decisions), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file of lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def verdicts(report: ReplayReport) -> tuple[int, int, int]:
    """How many decisions are MATCH, MISMATCH and UNCHECKABLE."""
    match, mismatch, uncheckable = (
        report.results.get(name, 0) for name in ("MATCH", "MISMATCH", "UNCHECKABLE")
    )
    return match, mismatch, uncheckable
