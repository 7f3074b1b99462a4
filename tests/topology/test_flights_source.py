"""The table of flights becomes a log as it was: departures by the clock, reports in the order of landing."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from ofs.contracts import ContextPins, EventEnvelope
from ofs.errors import UsageError
from ofs.units import parse_timestamp_us
from topologies.flights.events import PARTITIONS, PINS, partition_of, reports
from topologies.flights.source import FLIGHTS, Flight, load
from topologies.live_ofp import Event, admit

DAYS = 2


@pytest.fixture(scope="module")
def flights() -> list[Flight]:
    return load(DAYS)


def test_first_flight_is_the_one_that_the_table_begins_with(flights: list[Flight]) -> None:
    """UA 1545 left Newark at 5:17, two minutes late, local time UTC-5, and flew 227 minutes."""
    first = flights[0]
    assert first.flight_id == "2013-01-01-UA-1545-EWR"
    assert (first.dep_delay, first.air_time, first.distance, first.tailnum) == (2, 227, 1400, "N14228")
    assert first.event_time_us == parse_timestamp_us("2013-01-01T10:17:00Z")
    assert first.logged_us == parse_timestamp_us("2013-01-01T14:04:00Z")


def test_cancelled_flight_is_logged_as_scheduled(flights: list[Flight]) -> None:
    """A flight without a departure has its scheduled time, as event time and in the log."""
    cancelled = next(flight for flight in flights if flight.flight_id == "2013-01-01-EV-4308-EWR")
    assert cancelled.is_cancelled
    assert cancelled.event_time_us == cancelled.logged_us == parse_timestamp_us("2013-01-01T21:30:00Z")


def test_flight_without_air_time_is_logged_at_departure(flights: list[Flight]) -> None:
    """A flight that left but has no air time is logged when it left."""
    found = [flight for flight in flights if flight.air_time is None and not flight.is_cancelled]
    assert found
    assert all(flight.logged_us == flight.event_time_us for flight in found)


def test_log_is_in_order_of_landing_and_departures_are_not(flights: list[Flight]) -> None:
    """Each partition has offsets without holes and ascending log times, while departures are out of order."""
    logged = reports(flights)
    disorder = 0
    for partition in range(PARTITIONS):
        records = [report for report in logged if report.partition == partition]
        assert [report.offset for report in records] == list(range(len(records)))
        assert all(a.logged_us <= b.logged_us for a, b in pairwise(records))
        disorder += sum(a.flight.event_time_us > b.flight.event_time_us for a, b in pairwise(records))
        assert all(partition_of(report.flight.carrier) == partition for report in records)
    assert disorder > len(flights) // 10


def test_reports_are_admitted_envelopes_with_exact_distances(flights: list[Flight]) -> None:
    """Every report keeps the envelope contract and has the distance in kilometres with all its digits."""
    ContextPins.model_validate(PINS)
    for report in reports(flights)[:200]:
        EventEnvelope.model_validate(json.loads(report.value))
        event = admit(report.value)
        assert isinstance(event, Event)
        assert event.event_time_us == report.flight.event_time_us
        whole, _, fraction = str(event.payload["distance_km"]).partition(".")
        assert int(whole) * 10**6 + int(fraction.ljust(6, "0")) == report.flight.distance * 1_609_344


@pytest.mark.slow
def test_whole_year_is_as_it_is_known() -> None:
    """The year has 336,776 flights; the rest of what is known of the table is checked while it is read."""
    assert len(load()) == FLIGHTS


@pytest.mark.parametrize("days", [0, 366])
def test_days_outside_the_year_are_refused(days: int) -> None:
    """A slice has 1 to 365 days."""
    with pytest.raises(UsageError, match="1 to 365"):
        load(days)
