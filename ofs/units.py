"""Times, durations and ranges: integers only, microseconds UTC, every range half-open.

This is the one module that may add or subtract 1 from an offset or a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

SECOND_US: Final = 1_000_000
MAX_DURATION_US: Final = 2**53 - 1  # the largest integer that canonical JSON writes as a number
INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)

_UNIT_US: Final = {
    "us": 1,
    "ms": 1_000,
    "s": SECOND_US,
    "m": 60 * SECOND_US,
    "h": 3_600 * SECOND_US,
    "d": 86_400 * SECOND_US,
    "w": 7 * 86_400 * SECOND_US,
}
_DURATION: Final = re.compile(r"([1-9][0-9]*)(us|ms|s|m|h|d|w)", re.ASCII)
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?Z", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


def parse_duration_us(text: str) -> int:
    """Microseconds of `[1-9][0-9]*(us|ms|s|m|h|d|w)`.

    Bounds: 1 to 2^53-1. Raises ValueError that says what is allowed.

    >>> parse_duration_us("24h")
    86400000000
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a duration: a whole number and one of us, ms, s, m, h, d, w, as in 24h"
        )
    digits, unit = match.groups()
    if len(digits) > 16 or int(digits) * _UNIT_US[unit] > MAX_DURATION_US:
        raise ValueError(f"{text!r} is longer than the largest duration of 2^53-1 us")
    return int(digits) * _UNIT_US[unit]


def format_duration(duration_us: int) -> str:
    """The shortest text that parse_duration_us reads back.

    >>> format_duration(86_400_000_000)
    '1d'
    """
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if duration_us % _UNIT_US[unit] == 0:
            return f"{duration_us // _UNIT_US[unit]}{unit}"
    return f"{duration_us}us"


def parse_timestamp_us(text: str) -> int | None:
    """Microseconds since 1970 of `YYYY-MM-DDThh:mm:ss[.1-6 digits]Z`, or None where it is not one.

    Bounds: real dates of the years 1 to 9999, seconds to 59.

    >>> parse_timestamp_us("1970-01-01T00:00:01.5Z")
    1500000
    >>> parse_timestamp_us("1970-02-30T00:00:00Z") is None
    True
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None
    micros = int((match.group(7) or "").ljust(6, "0"))
    return ((days * 24 + hour) * 60 + minute) * 60 * SECOND_US + second * SECOND_US + micros


def format_timestamp_us(time_us: int) -> str:
    """RFC 3339 with six digits and Z; raises OverflowError outside the years 1 to 9999.

    >>> format_timestamp_us(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    moment = _EPOCH + timedelta(microseconds=time_us)
    return f"{moment:%Y}".rjust(4, "0") + f"{moment:-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"


@dataclass(frozen=True, slots=True, order=True)
class OffsetRange:
    """Offsets `[start, end)`: `end` is the next offset to read, Kafka's own sense. Bounds: 0 <= start <= end."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not an offset range: [{self.start}, {self.end})")

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    def intersection(self, other: OffsetRange) -> OffsetRange | None:
        """What both hold; None where they share nothing."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return OffsetRange(start, end) if start < end else None


def next_offset(offset: int) -> int:
    """The offset after this one: where reading goes on."""
    return offset + 1


def merge_ranges(ranges: list[OffsetRange]) -> list[OffsetRange]:
    """The same offsets as sorted ranges that neither overlap nor touch; empty ones are left out."""
    merged: list[OffsetRange] = []
    for item in sorted(r for r in ranges if not r.is_empty):
        if merged and item.start <= merged[-1].end:
            merged[-1] = OffsetRange(merged[-1].start, max(merged[-1].end, item.end))
        else:
            merged.append(item)
    return merged


def missing_ranges(wanted: OffsetRange, covered: list[OffsetRange]) -> list[OffsetRange]:
    """The parts of `wanted` that no range of `covered` holds, in order."""
    missing: list[OffsetRange] = []
    position = wanted.start
    for item in merge_ranges(covered):
        if item.start > position and position < wanted.end:
            missing.append(OffsetRange(position, min(item.start, wanted.end)))
        position = max(position, item.end)
    if position < wanted.end:
        missing.append(OffsetRange(position, wanted.end))
    return missing
