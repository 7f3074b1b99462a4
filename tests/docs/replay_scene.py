"""A log in memory with one account, and decisions about it: the smallest thing that a replay rule can be seen on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ofs.features import Registry, read_definition
from ofs.runtime.replay import ReplayOptions
from ofs.runtime.report import ReplayReport
from ofs.sinks.memory import MemorySink
from ofs.sources.decisions import MemoryDecisionSource
from ofs.sources.memory import MemoryLog, Record
from ofs.units import SECOND_US, format_timestamp_us
from topologies.bounded_replay import BoundedReplay

PINS: dict[str, Any] = {
    "manifest_fingerprint": "a" * 64,
    "parameter_hash": "b" * 64,
    "scenario_id": "base",
    "run_id": "c" * 32,
}
EPOCH_US = 1_700_000_000 * SECOND_US
STREAM = "cards"


def at(seconds: float) -> int:
    """Microseconds of a second of the scene's own clock."""
    return EPOCH_US + round(seconds * SECOND_US)


def registry(window: str = "1h", **members: Any) -> Registry:
    """One group `spend` with a count and a sum over one window."""
    features = [
        {"name": "n", "op": "count", "window": window},
        {"name": "total", "op": "sum", "field": "payload.amount", "type": "decimal(2)", "window": window},
    ]
    definition = {
        "feature_group": "spend",
        "version": "v1",
        "key": {"type": "account", "field": "payload.account"},
        "event_types": ["auth"],
        "features": features,
        **members,
    }
    return Registry.of([read_definition(json.dumps(definition).encode(), "spend.yaml")])


def event(number: int, seconds: float, *, log_seconds: float | None = None, **members: Any) -> Record:
    """Event `e<number>` of account A over 1.00, logged when it happened unless said otherwise."""
    envelope = {
        "event_id": f"e{number}",
        "event_type": "auth",
        "ts_utc": format_timestamp_us(at(seconds)),
        **PINS,
        "payload": {"account": "A", "amount": "1.00"},
        **members,
    }
    return Record(
        value=json.dumps(envelope).encode(), log_ts_us=at(seconds if log_seconds is None else log_seconds)
    )


def decision(name: str, next_offset: int, as_of_seconds: float, **members: Any) -> dict[str, Any]:
    """A decision about account A at a cut of partition 0."""
    return {
        "decision_id": name,
        "context_pins": PINS,
        "feature_keys": [{"key_type": "account", "key_id": "A"}],
        "feature_groups": [{"name": "spend", "version": "v1"}],
        "as_of_spec": {"as_of_basis": "event_time", "as_of_time_utc": format_timestamp_us(at(as_of_seconds))},
        "basis": [{"stream": STREAM, "partition": 0, "next_offset": next_offset}],
        **members,
    }


@dataclass
class HandClock:
    """A clock that moves when somebody waits; `on_wait` sees each wait."""

    now: int = EPOCH_US
    waits: int = 0
    on_wait: Any = None

    def now_us(self) -> int:
        """Where the hand stands."""
        return self.now

    def sleep_us(self, duration_us: int) -> None:
        """Move the hand."""
        self.now += duration_us
        self.waits += 1
        if self.on_wait is not None:
            self.on_wait()


@dataclass
class Outcome:
    """What a run wrote, by decision id."""

    report: ReplayReport
    parity: dict[str, Any] = field(default_factory=dict)
    snapshots: dict[str, Any] = field(default_factory=dict)


def replay(
    log: MemoryLog,
    decisions: list[dict[str, Any]],
    features: Registry,
    *,
    engine: str = "auto",
    clock: HandClock | None = None,
    **options: Any,
) -> Outcome:
    """Run the bounded replay over the log. Five seconds of clock skew are allowed."""
    sink = MemorySink()
    lines = [json.dumps(item).encode() for item in decisions]
    report = BoundedReplay(
        log=log,
        decisions=MemoryDecisionSource(lines),
        registry=features,
        sink=sink,
        options=ReplayOptions(max_skew_us=5 * SECOND_US, **options),
        engine=engine,
        clock=HandClock() if clock is None else clock,
    ).run()
    return Outcome(
        report,
        {name: json.loads(text) for name, text in sink.parity},
        {name: json.loads(text) for name, text in sink.snapshots},
    )
