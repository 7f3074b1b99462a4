"""A snapshot is a pure function of a set: records inside the cut, definitions, pins, keys, as-of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ofs.canonical import format_integer
from ofs.semantics.history import Contribution, PartitionHistory
from ofs.semantics.operators import exact_of, ratio_of, value_of
from ofs.semantics.windows import bounds, select
from ofs.units import format_timestamp_us

SCHEMA_VERSION: Final = "ofs.snapshot/v0"


@dataclass(frozen=True, slots=True)
class Group:
    """A feature group: its canonical definition, digest, and index among the histories' definitions."""

    index: int
    definition: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `pins`: canonical bytes and the same as an object; `cut`: (stream, partition) to next offset."""

    pins: bytes
    pins_object: Mapping[str, Any]
    keys: Sequence[tuple[str, str]]
    groups: Sequence[Group]
    as_of_us: int
    as_of_basis: str
    cut: Mapping[tuple[str, int], int]
    hash_rule: str


def identity(question: Question, histories: Sequence[PartitionHistory]) -> dict[str, Any]:
    """The identity part of the snapshot: exactly the members that are hashed."""
    features: dict[str, dict[str, Any]] = {}
    freshness: dict[str, dict[str, Any]] = {}
    for key_type, key_id in question.keys:
        name = f"{key_type}:{key_id}"
        features[name], freshness[name] = {}, {}
        for group in question.groups:
            if group.definition["key"]["type"] == key_type:
                events = _visible(question, histories, group, key_id)
                group_name = group.definition["feature_group"]
                features[name][group_name] = _features(group.definition, events, question.as_of_us)
                freshness[name][group_name] = _freshness(group.definition, events, question.as_of_us)
    return {
        "schema_version": SCHEMA_VERSION,
        "hash_rule": question.hash_rule,
        "context_pins": dict(question.pins_object),
        "as_of_spec": {
            "as_of_basis": question.as_of_basis,
            "as_of_time_utc": format_timestamp_us(question.as_of_us),
        },
        "basis": [
            {"stream": stream, "partition": partition, "next_offset": offset}
            for (stream, partition), offset in sorted(question.cut.items())
        ],
        "feature_groups": [
            {"name": g.definition["feature_group"], "version": g.definition["version"], "digest": g.digest}
            for g in sorted(question.groups, key=lambda g: str(g.definition["feature_group"]))
        ],
        "features": features,
        "freshness": freshness,
    }


def watermark_us(
    pins: bytes, cut: Mapping[tuple[str, int], int], histories: Sequence[PartitionHistory]
) -> int | None:
    """The derived as-of: the smallest over the partitions of the largest event time inside the cut."""
    maxima = (
        history.max_event_time_us(pins, cut[history.stream, history.partition])
        for history in histories
        if (history.stream, history.partition) in cut
    )
    return min((time for time in maxima if time is not None), default=None)


def _visible(
    question: Question, histories: Sequence[PartitionHistory], group: Group, key_id: str
) -> list[Contribution]:
    """The key's visible contributions of all partitions, in the total order."""
    visible = [
        event
        for history in histories
        for event in history.contributions(group.index, question.pins, key_id)
        if event.offset < question.cut.get((history.stream, history.partition), 0)
        and (question.as_of_basis != "ingest_time" or event.log_ts_us < question.as_of_us)
    ]
    return sorted(visible, key=lambda event: event.order)


def _features(definition: Mapping[str, Any], events: Sequence[Contribution], as_of_us: int) -> dict[str, Any]:
    by_name = {feature["name"]: feature for feature in definition["features"]}
    values: dict[str, Any] = {}
    for name, feature in by_name.items():
        if feature["op"] == "ratio":
            operands = [by_name[operand] for operand in feature["of"]]
            exact = [exact_of(f, select(events, f["window"], as_of_us), as_of_us) for f in operands]
            values[name] = ratio_of(feature, *exact)
        else:
            values[name] = value_of(feature, select(events, feature["window"], as_of_us), as_of_us)
    return values


def _freshness(
    definition: Mapping[str, Any], events: Sequence[Contribution], as_of_us: int
) -> dict[str, Any]:
    """The last event from the earliest start of any of the group's windows up to as-of."""
    starts = [bounds(f["window"], as_of_us)[0] for f in definition["features"] if "window" in f]
    earliest = None if None in starts else min(start for start in starts if start is not None)
    inside = [
        event.event_time_us
        for event in events
        if event.event_time_us < as_of_us and (earliest is None or event.event_time_us >= earliest)
    ]
    if not inside:
        return {"last_event_time_utc": None, "age_us": None, "state": "NO_DATA"}
    age_us = as_of_us - inside[-1]
    is_stale = "stale_after_us" in definition and age_us > definition["stale_after_us"]
    return {
        "last_event_time_utc": format_timestamp_us(inside[-1]),
        "age_us": format_integer(age_us),
        "state": "STALE" if is_stale else "FRESH",
    }
