"""A described log, definitions and decision records, for tests of the planner."""

from __future__ import annotations

import json
from typing import Any, Final

from ofs.features import Registry, read_definition
from ofs.planner.log_facts import LogFacts
from ofs.ports import PartitionInfo, StreamInfo
from ofs.units import OffsetRange, format_timestamp_us
from tests.golden.admission_cases import PINS

SECOND: Final = 1_000_000
HOUR: Final = 3_600 * SECOND
AS_OF: Final = 100 * HOUR
"""Offset n was logged at n hours, so the horizon of a 1h window without skew is offset 99."""


def group(name: str, window: str, rest: str = "", version: str = "v1") -> Any:
    """A group that counts in one window."""
    text = (
        f"feature_group: {name}\nversion: {version}\nkey: {{type: account_id, field: payload.k}}\nevent_types: [t]\n"
        f"{rest}features: [{{name: n, op: count, window: {window}}}]\n"
    )
    return read_definition(text.encode(), "test.yaml")


REGISTRY: Final = Registry.of(
    [
        group("hour", "1h"),
        group("day", "1d"),
        group("ever", "lifetime"),
        group("strict", "1h", "late: {policy: drop, allowed_lateness: 1s}\n"),
        group("hour", "2h", version="v2"),
    ]
)


def digest(name: str, version: str = "v1") -> str:
    """A published digest."""
    locked = REGISTRY.get(name, version)
    return "" if locked is None else locked.digest


def partition(
    low: int = 0, end: int = 200, *ranges: tuple[int, int], number: int = 0, first_us: int | None = -1
) -> PartitionInfo:
    """Offsets `[low, end)`, whole where no ranges are given; the first record was logged at its offset's hour."""
    given = ranges or (((low, end),) if low < end else ())
    return PartitionInfo(
        partition=number,
        low=low,
        end=end,
        ranges=tuple(OffsetRange(start, stop) for start, stop in given),
        first_log_ts_us=(low * HOUR if low < end else None) if first_us == -1 else first_us,
    )


def stream(*partitions: PartitionInfo, name: str = "events", **members: Any) -> StreamInfo:
    """A stream of the broker's timestamps under the topic id T1."""
    given: dict[str, Any] = {
        "log_id": "T1",
        "topic_id": "T1",
        "log_append": True,
        "compacted": False,
        **members,
    }
    return StreamInfo(stream=name, partitions=partitions, **given)


def facts(*streams: StreamInfo, unknown: tuple[str, ...] = ()) -> LogFacts:
    """What the log says; a time finds the readable offset that was logged at that hour or after."""
    by_name: dict[str, StreamInfo | None] = {info.stream: info for info in streams}

    def lookup(name: str, number: int, log_ts_us: int) -> int | None:
        info = by_name[name]
        ranges = () if info is None else info.partitions[number].ranges
        return next(
            (o for span in ranges for o in range(span.start, span.end) if o * HOUR >= log_ts_us), None
        )

    def first_us(name: str, number: int, span: OffsetRange) -> int | None:
        """The record at offset n was logged at hour n."""
        info = by_name[name]
        first = None if info is None else info.partitions[number]
        if first is not None and first.first_log_ts_us is None:
            return None
        return first.first_log_ts_us if first is not None and span.start == first.low else span.start * HOUR

    return LogFacts({**by_name, **dict.fromkeys(unknown)}, lookup, first_us)


def record(**members: Any) -> dict[str, Any]:
    """A well-formed decision; a member given as `...` is left out."""
    base: dict[str, Any] = {
        "decision_id": "d1",
        "context_pins": PINS,
        "feature_keys": [{"key_type": "account_id", "key_id": "K"}],
        "feature_groups": [{"name": "hour", "version": "v1"}],
        "as_of_spec": {"as_of_time_utc": format_timestamp_us(AS_OF), "as_of_basis": "event_time"},
        "basis": [{"stream": "events", "partition": 0, "next_offset": 100}],
        "online_snapshot_hash": "ab" * 32,
    }
    return {name: value for name, value in {**base, **members}.items() if value is not ...}


def line(**members: Any) -> bytes:
    """The record as it stands in the log of decisions."""
    return json.dumps(record(**members)).encode()
