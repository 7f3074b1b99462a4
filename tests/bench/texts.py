"""Events and decisions of a workload as the JSON texts that a platform would have written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from tests.bench.streams import PARTITIONS, Events, Integers

EVENT_TYPE: Final = "s3_event_stream_with_fraud_6B"
PINS: Final = {
    "manifest_fingerprint": "a" * 64,
    "parameter_hash": "b" * 64,
    "seed": 42,
    "scenario_id": "baseline",
    "platform_run_id": "platform_20260101T000000Z",
    "scenario_run_id": "c" * 32,
    "run_id": "c" * 32,
}
HASH_MEMBER: Final = b',"online_snapshot_hash":"'


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


_ENVELOPE: Final = (
    _compact(PINS)[:-1]
    + ',"event_id":"%016x%016x","event_type":"'
    + EVENT_TYPE
    + '","ts_utc":"%sZ","schema_version":"v1","payload":{"flow_id":%d,"account_id":"A%06d","merchant_id":"M%05d",'
    '"amount":"%d.%02d","currency":"GBP"}}'
)


def event_id(high: int, low: int) -> str:
    """32 hex digits."""
    return f"{high:016x}{low:016x}"


def account_id(account: int) -> str:
    """The account's id, which is also the record's key."""
    return f"A{account:06d}"


def merchant_id(merchant: int) -> str:
    """The merchant's id."""
    return f"M{merchant:05d}"


def times(time_us: Integers) -> list[str]:
    """RFC 3339 with six digits, without the Z."""
    texts: list[str] = np.datetime_as_string(time_us.astype("datetime64[us]"), unit="us").tolist()
    return texts


def envelopes(events: Events, chosen: slice | Integers) -> list[bytes]:
    """The record values of the chosen events."""
    columns = (
        events.id_high[chosen].tolist(),
        events.id_low[chosen].tolist(),
        times(events.time_us[chosen]),
        events.flow[chosen].tolist(),
        events.account[chosen].tolist(),
        events.merchant[chosen].tolist(),
        (events.cents[chosen] // 100).tolist(),
        (events.cents[chosen] % 100).tolist(),
    )
    return [(_ENVELOPE % row).encode() for row in zip(*columns, strict=True)]


def _decision_template(stream: str, groups: Sequence[str]) -> str:
    text = _compact(
        {
            "decision_id": "<id>",
            "request_id": "<request>",
            "context_pins": PINS,
            "feature_keys": [
                {"key_type": "account_id", "key_id": "<account>"},
                {"key_type": "merchant_id", "key_id": "<merchant>"},
            ],
            "feature_groups": [{"name": name, "version": "v1"} for name in groups],
            "as_of_spec": {"as_of_time_utc": "<time>", "as_of_basis": "event_time"},
            "basis": [
                {"stream": stream, "partition": number, "next_offset": f"<{number}>"}
                for number in range(PARTITIONS)
            ],
        }
    )
    filled = text.replace("%", "%%")
    marks = {
        "<id>": "d%09d",
        "<request>": "r%016x",
        "<account>": "A%06d",
        "<merchant>": "M%05d",
        "<time>": "%sZ",
    }
    for mark, field in marks.items():
        filled = filled.replace(mark, field)
    for number in range(PARTITIONS):
        filled = filled.replace(f'"<{number}>"', "%d")
    return filled


def decisions(
    stream: str,
    groups: Sequence[str],
    events: Events,
    first: int = 0,
    step: int = 1,
    cuts: Integers | None = None,
) -> Iterator[bytes]:
    """One decision each `step` events from the event `first` on, just before that event is applied; without hashes.

    `cuts`: other cuts, one row an event.
    """
    template = _decision_template(stream, groups)
    cuts = events.cuts() if cuts is None else cuts
    for start in range(first, len(events), 32_768 * step):
        chosen = slice(start, min(start + 32_768 * step, len(events)), step)
        columns = (
            range(start, len(events), step)[: len(events.time_us[chosen])],
            events.id_low[chosen].tolist(),
            events.account[chosen].tolist(),
            events.merchant[chosen].tolist(),
            times(events.time_us[chosen]),
            *cuts[chosen].T.tolist(),
        )
        for row in zip(*columns, strict=True):
            yield (template % row).encode()


def with_hash(decision: bytes, snapshot_hash: bytes) -> bytes:
    """The decision with the hash that was recorded for it."""
    return decision[:-1] + HASH_MEMBER + snapshot_hash + b'"}'
