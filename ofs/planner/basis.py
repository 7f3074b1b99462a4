"""The replay basis of a request: offsets, or a time range that is resolved once and recorded with its mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ofs.errors import UsageError
from ofs.units import OffsetRange, parse_timestamp_us


@dataclass(frozen=True, slots=True)
class OffsetBasis:
    """What a run may read, per stream and partition."""

    ranges: Mapping[str, Mapping[int, OffsetRange]]


@dataclass(frozen=True, slots=True)
class TimeBasis:
    """Log time `[start_us, end_us)` of these streams; resolved by the log's own time index."""

    streams: tuple[str, ...]
    start_us: int
    end_us: int


BasisRequest = OffsetBasis | TimeBasis


def offset_basis(given: Mapping[str, Mapping[str, list[int]]]) -> OffsetBasis:
    """From `{stream: {"0": [start, end]}}`. Raises UsageError."""
    ranges: dict[str, dict[int, OffsetRange]] = {}
    for stream, partitions in given.items():
        if not partitions:
            raise UsageError(
                f"basis: {stream}: found {partitions!r}", hint='write {"STREAM": {"0": [START, END]}}'
            )
        for partition, span in partitions.items():
            if not str(partition).isdecimal() or not _is_range(span):
                raise UsageError(
                    f"basis: {stream}: {partition}: found {span!r}",
                    hint='write {"STREAM": {"0": [START, END]}}',
                )
            ranges.setdefault(stream, {})[int(partition)] = OffsetRange(span[0], span[1])
    if not ranges:
        raise UsageError("basis: names no stream", hint='write {"STREAM": {"0": [START, END]}}')
    return OffsetBasis(ranges)


def time_basis(streams: tuple[str, ...], start: str, end: str) -> TimeBasis:
    """From two timestamps. Raises UsageError."""
    start_us, end_us = parse_timestamp_us(start), parse_timestamp_us(end)
    if start_us is None or end_us is None or start_us > end_us:
        raise UsageError(
            f"basis: found {start} to {end}",
            hint="two timestamps in order, as 2013-01-01T00:00:00Z, the end excluded",
        )
    return TimeBasis(streams, start_us, end_us)


def _is_range(span: object) -> bool:
    if not isinstance(span, list | tuple) or len(span) != 2:
        return False
    start, end = span
    return type(start) is int and type(end) is int and 0 <= start <= end
