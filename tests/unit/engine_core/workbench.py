"""A small log, decisions on it and their verdicts, through the native core alone. Times are microseconds of 1970."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ofs import _core
from ofs.canonical import jcs, sha256_hex
from ofs.units import format_timestamp_us

Json = dict[str, Any]
EVERY_CUT: Final = 2**62
PINS: Final[Json] = {
    "manifest_fingerprint": "0f" * 32,
    "parameter_hash": "a1" * 32,
    "run_id": "0b" * 16,
    "scenario_id": "s1",
}
OTHER_PINS: Final[Json] = {**PINS, "scenario_id": "s2"}
CENTS: Final[Json] = {"kind": "decimal", "scale": 2}
LIFETIME: Final[Json] = {"kind": "lifetime"}


def sliding(size_us: int) -> Json:
    """A sliding window."""
    return {"kind": "sliding", "size_us": size_us}


def feature(name: str, op: str, window: Json | None = None, **members: Any) -> Json:
    """A feature; an operator with a field reads payload.amount in cents unless told otherwise."""
    chosen: Json = {"name": name, "op": op, **members}
    if window is not None:
        chosen["window"] = window
    if op not in ("count", "age_of_first", "age_of_last", "ratio"):
        chosen = {"field": "payload.amount", "type": CENTS, **chosen}
    return chosen


def group(*features: Json, name: str = "velocity", **members: Any) -> Json:
    """A definition over auth events, keyed by payload.card."""
    return {
        "feature_group": name,
        "version": "v1",
        "key": {"type": "card", "field": "payload.card"},
        "event_types": ["auth"],
        "where": [],
        "late": {"policy": "include"},
        "features": sorted(features, key=lambda one: str(one["name"])),
        **members,
    }


def plan_of(*groups: Json) -> _core.Plan:
    """The compiled groups."""
    definitions = [jcs(definition) for definition in groups]
    return _core.Plan(definitions, [sha256_hex(definition) for definition in definitions])


@dataclass(frozen=True)
class Row:
    """A record. `log_ts_us` and the value may be chosen; else logged at its time, a good event of card A."""

    offset: int
    value: bytes | None
    log_ts_us: int


def event(
    offset: int,
    time_us: int,
    amount: Any = "1.00",
    *,
    card: Any = "A",
    log_ts_us: int | None = None,
    event_id: str | None = None,
    event_type: str = "auth",
    pins: Json = PINS,
    **payload: Any,
) -> Row:
    """A record with an event of one card."""
    envelope = {
        "event_id": f"e{offset}" if event_id is None else event_id,
        "event_type": event_type,
        "ts_utc": format_timestamp_us(time_us),
        **pins,
        "payload": {"card": card, "amount": amount, **payload},
    }
    return Row(offset, json.dumps(envelope).encode(), time_us if log_ts_us is None else log_ts_us)


def decision(
    number: int,
    as_of_us: int | None,
    cuts: Sequence[int],
    *,
    cards: Sequence[str] = ("A",),
    basis: str = "event_time",
    groups: Sequence[str] = ("velocity",),
    **members: Any,
) -> Json:
    """A decision over the partitions of stream s."""
    as_of = {} if as_of_us is None else {"as_of_time_utc": format_timestamp_us(as_of_us)}
    return {
        "decision_id": f"d{number}",
        "context_pins": PINS,
        "feature_keys": [{"key_type": "card", "key_id": card} for card in cards],
        "feature_groups": [{"name": name, "version": "v1"} for name in groups],
        "as_of_spec": {"as_of_basis": basis, **as_of},
        "basis": [
            {"stream": "s", "partition": partition, "next_offset": cut} for partition, cut in enumerate(cuts)
        ],
        **members,
    }


def bound(groups: Sequence[Json], decisions: Sequence[Json]) -> _core.Decisions:
    """Sealed decisions, each shape bound to the groups that it names."""
    sealed = _core.Decisions()
    sealed.add([json.dumps(one).encode() for one in decisions])
    sealed.seal()
    names = [definition["feature_group"] for definition in groups]
    for place, shape in enumerate(sealed.shapes()):
        sealed.bind(place, [names.index(name) for name, _, _ in shape.groups])
    return sealed


def new_fold(
    plan: _core.Plan, partition: int = 0, *, start: int = 0, max_skew_us: int = 10**12
) -> _core.Fold:
    """A fold of the pins of this module."""
    return _core.Fold(plan, [jcs(PINS)], "s", partition, start, max_skew_us)


def apply(
    fold: _core.Fold, rows: Sequence[Row], queries: _core.Queries, *, first: int = 0, limit: int = EVERY_CUT
) -> int:
    """One call of `Fold.apply`."""
    return fold.apply(decoded(fold, rows), first, limit, queries)


def assembled(
    plan: _core.Plan,
    sealed: _core.Decisions,
    answers: Sequence[_core.Queries],
    snapshots: str = "all",
) -> list[_core.Verdict]:
    """The verdicts of all decisions that are answerable."""
    found = _core.assemble(plan, sealed, 0, len(sealed), list(answers), "r1", snapshots)
    return [verdict for index in range(len(sealed)) if (verdict := found.verdict(index)) is not None]


def decoded(fold: _core.Fold, rows: Sequence[Row]) -> _core.Decoded:
    """The rows as the fold takes them."""
    return fold.decoder().decode(
        [row.offset for row in rows],
        [row.log_ts_us for row in rows],
        [2] * len(rows),
        [None] * len(rows),
        [row.value for row in rows],
        None,
    )


@dataclass
class Bench:
    """Groups, the rows of each partition, and what comes of decisions."""

    groups: Sequence[Json]
    partitions: Sequence[Sequence[Row]]
    batch_size: int = 1000
    folds: list[_core.Fold] = field(default_factory=list)

    def verdicts(self, decisions: Sequence[Json], snapshots: str = "all") -> list[_core.Verdict]:
        """The verdicts of decisions that are all answerable."""
        plan, sealed = plan_of(*self.groups), bound(self.groups, decisions)
        answers = [self.answers(plan, sealed, partition) for partition in range(len(self.partitions))]
        return assembled(plan, sealed, answers, snapshots)

    def answers(self, plan: _core.Plan, sealed: _core.Decisions, partition: int) -> _core.Queries:
        """One partition folded to its end, every cut answered on the way."""
        queries = sealed.queries("s", partition, 0, len(sealed), 0, EVERY_CUT)
        fold = new_fold(plan, partition)
        rows = self.partitions[partition]
        for at in range(0, len(rows), self.batch_size):
            apply(fold, rows[at : at + self.batch_size], queries)
        fold.advance(1_000, queries)
        self.folds.append(fold)
        return queries

    def snapshot(self, as_of_us: int, cuts: Sequence[int], **members: Any) -> Json:
        """The snapshot of one decision."""
        (verdict,) = self.verdicts([decision(0, as_of_us, cuts, **members)])
        assert verdict.snapshot is not None
        snapshot: Json = json.loads(verdict.snapshot)
        return snapshot

    def features(
        self, as_of_us: int, cuts: Sequence[int], card: str = "A", **members: Any
    ) -> Mapping[str, Any]:
        """The features of one card in the first group."""
        snapshot = self.snapshot(as_of_us, cuts, cards=[card], **members)
        values: Mapping[str, Any] = snapshot["features"][f"card:{card}"][self.groups[0]["feature_group"]]
        return values
