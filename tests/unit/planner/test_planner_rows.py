"""The plan of rows: what is read, from when on features are known, and what cannot be planned."""

from __future__ import annotations

import pytest

from ofs.contracts.identity import CanonicalPins
from ofs.errors import NotCheckableError, UsageError
from ofs.features import Locked
from ofs.planner.rows import plan_rows, rows_id, rows_request
from ofs.ports import StreamInfo
from ofs.units import INT64_MAX
from tests.golden.admission_cases import PINS
from tests.unit.planner.facts import HOUR, REGISTRY, SECOND, partition, stream


def locked(*names: str) -> list[Locked]:
    """Published groups, as `name` or `name:version`."""
    found = [REGISTRY.get(*((*name.split(":"), "v1")[:2])) for name in names]
    return [entry for entry in found if entry is not None]


def request_id(info: StreamInfo, *groups: str, skew_us: int = 0) -> str:
    """What names the run."""
    plan = plan_rows(info, locked(*groups), max_skew_us=skew_us)
    pins = CanonicalPins.model_validate(PINS)
    return rows_id(rows_request(plan, pins=pins, max_skew_us=skew_us, time_mapping=None))


def test_all_of_every_partition_is_read() -> None:
    """Each partition is planned from its first readable offset to its last; from the origin all is known."""
    plan = plan_rows(stream(partition(0, 7), partition(0, 0, number=1)), locked("ever"), max_skew_us=0)
    assert [(part.start, part.end, part.start_from) for part in plan.partitions] == [
        (0, 7, "origin"),
        (0, 0, "origin"),
    ]
    assert plan.known_after_us is None


def test_features_are_known_once_no_window_reaches_what_is_gone() -> None:
    """Behind a truncated start: the latest first log time, the longest reach and the skew."""
    info = stream(partition(3, 9), partition(5, 9, number=1), partition(0, 9, number=2))
    plan = plan_rows(info, locked("hour", "day"), max_skew_us=SECOND)
    assert plan.known_after_us == 5 * HOUR + 24 * HOUR + SECOND
    assert [part.start_from for part in plan.partitions] == ["bound", "bound", "origin"]


@pytest.mark.parametrize(
    ("group", "reason"), [("ever", "HISTORY_TRUNCATED"), ("strict", "LATENESS_UNPROVEN")]
)
def test_nothing_is_planned_where_no_row_could_be_established(group: str, reason: str) -> None:
    """A window without an end, or lateness, rests on all that was before."""
    with pytest.raises(NotCheckableError, match=rf"{reason}: events lacks 0: \[0, 3\)"):
        plan_rows(stream(partition(3, 9)), locked("hour", group), max_skew_us=0)


def test_a_truncated_partition_without_a_record_leaves_nothing_established() -> None:
    """When the lost records were logged cannot be told."""
    with pytest.raises(NotCheckableError, match="HISTORY_TRUNCATED"):
        plan_rows(stream(partition(3, 3), partition(0, 9, number=1)), locked("hour"), max_skew_us=0)


def test_a_gap_is_named() -> None:
    """Offsets between the first and the last that cannot be read are refused."""
    with pytest.raises(NotCheckableError, match=r"ARCHIVE_GAP: events/0 lacks \[4, 6\)"):
        plan_rows(stream(partition(0, 9, (0, 4), (6, 9))), locked("hour"), max_skew_us=0)
    compacted = stream(partition(0, 9, (6, 9)), compacted=True)
    with pytest.raises(NotCheckableError, match=r"STREAM_COMPACTED: events/0 lacks \[0, 6\)"):
        plan_rows(compacted, locked("hour"), max_skew_us=0)


def test_partitions_have_no_more_offsets_than_one_number_tells() -> None:
    """Their offsets are numbered one partition behind the other."""
    most = stream(partition(0, INT64_MAX - 2), partition(0, 2, number=1))
    assert len(plan_rows(most, locked("ever"), max_skew_us=0).partitions) == 2
    with pytest.raises(UsageError, match="more than 63 bits"):
        plan_rows(stream(*most.partitions, partition(0, 1, number=2)), locked("ever"), max_skew_us=0)


def test_groups_are_given_each_in_one_version() -> None:
    """None at all, and two versions of one, are refused."""
    for groups in (locked(), locked("hour", "hour:v2")):
        with pytest.raises(UsageError, match="each in one version"):
            plan_rows(stream(partition()), groups, max_skew_us=0)


def test_the_request_is_what_the_rows_depend_on() -> None:
    """Ranges, definitions and skew change the id; the order of the groups does not."""
    info = stream(partition(0, 9))
    same = request_id(info, "hour", "day")
    assert request_id(info, "day", "hour") == same
    others = [
        request_id(stream(partition(0, 10)), "hour", "day"),
        request_id(info, "hour"),
        request_id(info, "hour:v2", "day"),
        request_id(info, "hour", "day", skew_us=1),
        request_id(stream(partition(0, 9), log_id="T2"), "hour", "day"),
    ]
    assert len({same, *others}) == 6
