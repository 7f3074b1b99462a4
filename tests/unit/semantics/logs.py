"""A partition's history over hand-written events, for tests of the semantics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ofs.canonical import jcs
from ofs.features import canonical_definition, read_definition
from ofs.semantics import PartitionHistory
from ofs.units import format_timestamp_us
from tests.golden.admission_cases import PINS

SCOPE = jcs(PINS)
OTHER_PINS: dict[str, Any] = {**PINS, "seed": 1}


def definition(features: str, rest: str = "", name: str = "g") -> dict[str, Any]:
    """The canonical definition of a group keyed by payload.k over events of type `t`."""
    lines = "".join(f"  - {{{line.strip()}}}\n" for line in features.strip().splitlines())
    text = (
        f"feature_group: {name}\nversion: v1\nkey: {{type: account_id, field: payload.k}}\nevent_types: [t]\n"
        f"{rest}features:\n{lines}"
    )
    return canonical_definition(read_definition(text.encode(), "test.yaml"))


COUNT = definition("name: n, op: count, window: lifetime")


def event(event_id: str, time_us: int, payload: str = '{"k":"K"}', **members: Any) -> bytes:
    """An event's value; `payload` as it is written."""
    head = {
        "event_id": event_id,
        "event_type": "t",
        "ts_utc": format_timestamp_us(time_us),
        **PINS,
        **members,
    }
    return (json.dumps(head)[:-1] + f', "payload": {payload}}}').encode()


def history(
    definitions: Sequence[dict[str, Any]],
    records: Sequence[tuple[int, bytes | None]],
    *,
    scopes: Sequence[bytes] = (SCOPE,),
    start: int = 0,
    partition: int = 0,
    max_skew_us: int = 0,
) -> PartitionHistory:
    """The history after (offset, value) records, each logged at time 1,000 plus its offset."""
    folded = PartitionHistory(
        definitions, scopes, stream="events", partition=partition, start=start, max_skew_us=max_skew_us
    )
    for offset, value in records:
        folded.apply(offset, 1_000 + offset, value)
    return folded


def offsets(folded: PartitionHistory, group: int = 0, pins: bytes = SCOPE, key: str = "K") -> list[int]:
    """The offsets of a key's contributions."""
    return [entry.offset for entry in folded.contributions(group, pins, key)]
