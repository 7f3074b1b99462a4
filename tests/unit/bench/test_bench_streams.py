"""The suite's data: drawn from a seed, the same at every drawing, and texts that OFS admits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ofs
from ofs.contracts import DecisionRecord, EventEnvelope
from tests.bench.dataset import Dataset
from tests.bench.definitions import (
    OPERATOR_WINDOWS,
    OPERATORS,
    names,
    registry,
    single,
    velocity,
    wide,
    wide_columns,
)
from tests.bench.streams import LATE_US, PARTITIONS, PER_EVENT, Traffic, draw, even_traffic, long_traffic
from tests.bench.texts import decisions, envelopes, with_hash

STREAMS = (PER_EVENT, long_traffic(10_000), even_traffic(20, 1_000))
COLUMNS = (
    "time_us",
    "log_ms",
    "account",
    "merchant",
    "cents",
    "flow",
    "id_high",
    "id_low",
    "partition",
    "offset",
)


@pytest.mark.parametrize("traffic", STREAMS, ids=lambda traffic: traffic.stream)
def test_a_shorter_stream_is_a_prefix_of_a_longer_one(traffic: Traffic) -> None:
    """Drawing fewer events gives the same first events, in every column."""
    longer, shorter = draw(traffic, 1_000), draw(traffic, 100)
    for name in COLUMNS:
        assert np.array_equal(getattr(shorter, name), getattr(longer.prefix(100), name)), name


@pytest.mark.parametrize("traffic", STREAMS, ids=lambda traffic: traffic.stream)
def test_log_timestamps_ascend_and_event_times_lag_behind_at_most_as_far_as_stated(traffic: Traffic) -> None:
    """Arrival is unambiguous; nothing is logged before it happened, and nothing is later than stated."""
    events = draw(traffic, 2_000)
    assert (np.diff(events.log_ms) > 0).all()
    assert (events.log_ms * 1_000 >= events.time_us).all()
    assert int((np.maximum.accumulate(events.time_us) - events.time_us).max()) <= LATE_US


def test_offsets_count_each_partition_from_zero() -> None:
    """Cut and offset agree: an event's own offset is what its partition held before it."""
    events = draw(PER_EVENT, 500)
    cuts = events.cuts()
    own = cuts[np.arange(len(events)), events.partition]
    assert np.array_equal(own, events.offset)
    assert events.counts() == [int((events.partition == number).sum()) for number in range(PARTITIONS)]


def test_even_traffic_gives_every_key_as_many_events() -> None:
    """50 events of each account and each merchant where 50 times the keys are drawn."""
    events = draw(even_traffic(20, 1_000), 1_000)
    assert set(np.bincount(events.account)) == {50}
    assert set(np.bincount(events.merchant)) == {50}


def test_envelopes_and_decisions_are_what_the_contracts_say() -> None:
    """Every text is a record of its contract; an envelope has about 620 bytes, a decision about 1.1 kB."""
    events = draw(PER_EVENT, 50)
    for value in envelopes(events, slice(None)):
        EventEnvelope.model_validate_json(value)
        assert 600 <= len(value) <= 640
    for line in decisions("traffic", names(velocity()), events):
        recorded = with_hash(line, b"0" * 64)
        DecisionRecord.model_validate_json(recorded)
        assert 1_000 <= len(recorded) <= 1_200


def test_decisions_stand_just_before_their_events() -> None:
    """The sum of a decision's cut is the number of events before it, also where only each third is asked."""
    events = draw(PER_EVENT, 40)
    found = [
        DecisionRecord.model_validate_json(with_hash(line, b"0" * 64))
        for line in decisions("traffic", names(velocity()), events, first=4, step=3)
    ]
    assert [int(record.decision_id[1:]) for record in found] == list(range(4, 40, 3))
    for record in found:
        assert sum(entry.next_offset for entry in record.basis) == int(record.decision_id[1:])


def test_all_definitions_are_accepted() -> None:
    """The wide set has 40 features, all operators and all kinds of windows; each single one is accepted, too."""
    registry(velocity())
    registry(wide())
    assert len(wide_columns()) == len(set(wide_columns())) == 40
    used = {feature["op"] for group in wide() for feature in group["features"]}
    assert used == {*OPERATORS, "ratio"}
    for window in OPERATOR_WINDOWS:
        for op in OPERATORS:
            registry(single(op, window))


@pytest.mark.slow
def test_a_dataset_is_an_archive_that_answers_with_the_hashes_recorded(tmp_path: Path) -> None:
    """Archive and decisions as the suite makes them: every decision MATCHes."""
    data = Dataset(tmp_path, PER_EVENT, 300)
    path = data.decisions("velocity", velocity())
    report = ofs.replay(
        events=f"archive:{data.archive}", decisions=str(path), features=data.registry("velocity", velocity())
    )
    assert report.results == {"MATCH": 300}
