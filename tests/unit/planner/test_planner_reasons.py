"""Every reason of the log and the registry, with its evidence, and the edges at which it begins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ofs.contracts import Reason
from ofs.planner.demand import INT64_MIN, Demand, reach_of, reasons
from ofs.planner.log_facts import LogFacts
from tests.unit.planner.facts import AS_OF, HOUR, REGISTRY, SECOND, digest, facts, partition, stream

BASE = Demand(
    groups=(("hour", "v1", None),),
    hash_rule="ofs-jcs-sha256/v1",
    as_of_us=AS_OF,
    as_of_basis="event_time",
    cut={("events", 0): 100},
    topic_ids={},
    decided_us=AS_OF,
    has_hash=True,
)
WHOLE = facts(stream(partition()))
EVER, STRICT = (("ever", "v1", None),), (("strict", "v1", None),)


def asked(log: LogFacts = WHOLE, *, skew: int = 0, **members: Any) -> list[tuple[str, Any]]:
    """(reason, names or missing ranges) of the base demand with other members."""
    return [
        (
            detail.reason.value,
            detail.names or [(r.stream, r.partition, r.start, r.end) for r in detail.missing or ()],
        )
        for detail in reasons(replace(BASE, **members), REGISTRY, log, skew)
    ]


def missing(start: int, end: int, number: int = 0, name: str = "events") -> list[tuple[str, int, int, int]]:
    """One missing range as evidence."""
    return [(name, number, start, end)]


def test_a_demand_that_the_log_satisfies_has_no_reason() -> None:
    """Everything is there."""
    assert asked() == []


def test_an_unknown_hash_rule_is_named() -> None:
    """Rules are looked up by name; none given is no reason of its own."""
    assert asked(hash_rule="md5/v1") == [("HASH_RULE_UNKNOWN", ("md5/v1",))]
    assert asked(hash_rule=None) == []


def test_missing_definitions_are_named() -> None:
    """Unknown groups and unknown versions, all of them."""
    groups = (("hour", "v9", None), ("nope", "v1", None), ("day", "v1", None))
    assert asked(groups=groups) == [("DEFINITION_MISSING", ("hour:v9", "nope:v1"))]
    assert asked(groups=(("hour", "latest", None),)) == [("DEFINITION_MISSING", ("hour:latest",))]


def test_another_recorded_digest_is_named_with_both() -> None:
    """A published version never changes, so another digest is another definition."""
    assert asked(groups=(("hour", "v1", digest("hour")),)) == []
    found = asked(groups=(("hour", "v1", "0" * 64),))
    assert found == [
        ("DEFINITION_DIGEST_MISMATCH", (f"hour:v1: recorded {'0' * 64}, registry {digest('hour')}",))
    ]


def test_a_hash_that_is_missing_is_a_reason() -> None:
    """The last of all."""
    assert asked(has_hash=False) == [("ONLINE_HASH_MISSING", [])]


def test_ingest_time_needs_the_brokers_timestamps() -> None:
    """Other timestamps cannot date what was visible; other bases do not ask."""
    created = facts(stream(partition(), log_append=False))
    assert asked(created, as_of_basis="ingest_time") == [("AS_OF_INVALID", [])]
    assert asked(created) == []
    assert asked(as_of_basis="ingest_time") == []


@pytest.mark.parametrize(
    ("first_us", "decided_us", "named"),
    [(AS_OF - 1, AS_OF, True), (AS_OF, AS_OF, False), (None, AS_OF, False), (AS_OF - 1, INT64_MIN, False)],
)
def test_an_unnamed_partition_counts_from_its_first_record(
    first_us: int | None, decided_us: int, named: bool
) -> None:
    """Logged before the decision, it should have been in the cut; an empty or later one need not be."""
    added = partition(0, 0 if first_us is None else 5, number=1, first_us=first_us)
    found = asked(facts(stream(partition(), added)), decided_us=decided_us)
    assert found == ([("BASIS_INCOMPLETE", ("events:1",))] if named else [])


def test_an_unnamed_partition_whose_records_are_gone_counts() -> None:
    """Something was there, and whether it was before the decision cannot be known."""
    gone = partition(7, 7, number=1)
    assert asked(facts(stream(partition(), gone))) == [("BASIS_INCOMPLETE", ("events:1",))]


def test_a_recorded_topic_id_must_be_the_topics() -> None:
    """Another id means another topic of the same name; a log without an id cannot tell."""
    assert asked(topic_ids={("events", 0): "T1"}) == []
    assert asked(topic_ids={("events", 0): "T0"}) == [("TOPIC_RECREATED", ("T0",))]
    assert asked(facts(stream(partition(), topic_id=None)), topic_ids={("events", 0): "T0"}) == []


@pytest.mark.parametrize(("cut", "found"), [(199, []), (200, []), (201, [(200, 201)]), (500, [(200, 500)])])
def test_a_cut_beyond_the_end_names_what_is_missing(cut: int, found: list[tuple[int, int]]) -> None:
    """The end itself is inside: it is the next offset."""
    reason = [("BASIS_BEYOND_LOG_END", missing(*span)) for span in found]
    assert asked(cut={("events", 0): cut}, as_of_us=300 * HOUR) == reason


def test_an_unknown_stream_or_partition_is_beyond_the_log() -> None:
    """All of it is missing."""
    assert asked(facts(unknown=("events",))) == [("BASIS_BEYOND_LOG_END", missing(0, 100))]
    assert asked(cut={("events", 0): 100, ("events", 1): 3}) == [("BASIS_BEYOND_LOG_END", missing(0, 3, 1))]


GAP = facts(stream(partition(0, 200, (0, 10), (20, 200))))


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"groups": EVER}, [("ARCHIVE_GAP", missing(10, 20))]),
        ({"groups": EVER, "cut": {("events", 0): 15}}, [("ARCHIVE_GAP", missing(10, 15))]),
        ({"groups": EVER, "cut": {("events", 0): 10}}, []),
        ({"groups": STRICT}, [("ARCHIVE_GAP", missing(10, 20))]),
        ({}, []),
        ({"as_of_us": 22 * HOUR}, []),
        ({"as_of_us": 21 * HOUR}, [("ARCHIVE_GAP", missing(10, 20))]),
        ({"as_of_basis": "watermark"}, [("ARCHIVE_GAP", missing(10, 20))]),
    ],
)
def test_a_gap_is_a_reason_where_a_window_reaches_it(
    members: dict[str, Any], found: list[tuple[str, Any]]
) -> None:
    """A record behind the gap that is older than every window proves that the gap is."""
    assert asked(GAP, **members) == found


@pytest.mark.parametrize(("skew", "is_proven"), [(0, True), (2 * HOUR - 1, True), (2 * HOUR, False)])
def test_the_skew_widens_what_a_window_reaches(skew: int, is_proven: bool) -> None:
    """Events may be logged that much before they happened."""
    assert asked(GAP, skew=skew, as_of_us=23 * HOUR) == (
        [] if is_proven else [("ARCHIVE_GAP", missing(10, 20))]
    )


TRUNCATED = facts(stream(partition(50, 200)))


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, []),
        ({"groups": (("day", "v1", None),)}, []),
        ({"groups": EVER}, [("HISTORY_TRUNCATED", missing(0, 50))]),
        ({"groups": (*EVER, ("hour", "v1", None))}, [("HISTORY_TRUNCATED", missing(0, 50))]),
        ({"groups": STRICT}, [("LATENESS_UNPROVEN", missing(0, 50))]),
        ({"groups": (*EVER, *STRICT)}, [("HISTORY_TRUNCATED", missing(0, 50))]),
        ({"as_of_basis": "watermark"}, [("HISTORY_TRUNCATED", missing(0, 50))]),
        ({"as_of_us": 51 * HOUR + 1}, []),
        ({"as_of_us": 51 * HOUR}, [("HISTORY_TRUNCATED", missing(0, 50))]),
        ({"as_of_us": 51 * HOUR, "groups": STRICT}, [("HISTORY_TRUNCATED", missing(0, 50))]),
        ({"as_of_us": 40 * HOUR, "cut": {("events", 0): 40}}, [("HISTORY_TRUNCATED", missing(0, 40))]),
        ({"cut": {("events", 0): 40}}, []),
        ({"cut": {("events", 0): 0}, "groups": EVER}, []),
        ({"as_of_us": None}, [("HISTORY_TRUNCATED", missing(0, 50))]),
    ],
)
def test_a_beginning_that_is_gone_is_a_reason_where_a_window_may_reach_it(
    members: dict[str, Any], found: list[tuple[str, Any]]
) -> None:
    """A first record older than every window proves that what went before is too; lateness stays unproven."""
    assert asked(TRUNCATED, **members) == found


def test_a_log_of_which_nothing_is_left_proves_nothing() -> None:
    """No record, no proof."""
    assert asked(facts(stream(partition(100, 100)))) == [("HISTORY_TRUNCATED", missing(0, 100))]


def test_a_compacted_stream_is_not_history() -> None:
    """Unless an archive has it: what is readable of it is archived."""
    compacted = stream(partition(0, 200, (0, 0)), compacted=True)
    compacted = replace(compacted, partitions=(replace(compacted.partitions[0], ranges=()),))
    assert asked(facts(compacted)) == [("STREAM_COMPACTED", missing(0, 100))]
    archived = facts(stream(partition(0, 150), compacted=True))
    assert asked(archived, groups=EVER) == []
    assert asked(archived, groups=EVER, cut={("events", 0): 160}) == [("STREAM_COMPACTED", missing(150, 160))]


def test_every_partition_and_stream_is_looked_at() -> None:
    """Evidence of each in the order of the cut."""
    log = facts(stream(partition(50, 200), partition(0, 80, number=1)), stream(partition(), name="zeta"))
    cut = {("zeta", 0): 201, ("events", 1): 100, ("events", 0): 100}
    assert asked(log, groups=EVER, cut=cut) == [
        ("HISTORY_TRUNCATED", missing(0, 50)),
        ("BASIS_BEYOND_LOG_END", missing(80, 100, 1)),
        ("BASIS_BEYOND_LOG_END", missing(200, 201, name="zeta")),
    ]


def test_a_demand_without_members_asks_nothing() -> None:
    """What a decision lacks has its own reason already."""
    assert asked(groups=None, hash_rule=None, as_of_us=None, as_of_basis=None, cut=None) == []


def test_reach_is_that_of_the_longest_window() -> None:
    """One unbounded window or a watermark makes it unbounded; one strict group asks for lateness."""
    locked = {(entry.name, entry.version): entry for entry in REGISTRY}
    hour, day, ever, strict = (locked[name, "v1"] for name in ("hour", "day", "ever", "strict"))
    found = [
        reach_of(groups, basis)
        for groups, basis in (
            ([hour, day], "event_time"),
            ([hour, ever], "event_time"),
            ([hour], "watermark"),
            ([strict], "ingest_time"),
            ([], "event_time"),
        )
    ]
    assert [(reach.reach_us, reach.has_drop, reach.needs_origin) for reach in found] == [
        (24 * HOUR, False, False),
        (None, False, True),
        (None, False, True),
        (HOUR, True, True),
        (0, False, False),
    ]


def test_a_time_is_looked_up_once() -> None:
    """A plan does not change under way, also where the log does."""
    calls: list[int] = []

    def lookup(name: str, number: int, log_ts_us: int) -> int | None:
        calls.append(log_ts_us)
        return len(calls)

    log = LogFacts({"events": stream(partition())}, lookup, lambda _stream, _partition, _span: None)
    assert [log.offset_at("events", 0, SECOND) for _ in range(3)] == [1, 1, 1]
    assert log.offset_at("events", 0, 2 * SECOND) == 2
    assert log.partition("events", 1) is log.partition("nope", 0) is None


def test_every_reason_of_the_log_is_covered() -> None:
    """The reasons that a planner gives, each seen above; the others are those of a decision's form."""
    own = {"DECISION_INVALID", "PINS_INVALID", "KEY_INVALID", "BASIS_MISSING"}
    seen = {
        *(
            "HASH_RULE_UNKNOWN",
            "DEFINITION_MISSING",
            "DEFINITION_DIGEST_MISMATCH",
            "ONLINE_HASH_MISSING",
            "AS_OF_INVALID",
        ),
        *("BASIS_INCOMPLETE", "TOPIC_RECREATED", "BASIS_BEYOND_LOG_END", "ARCHIVE_GAP", "HISTORY_TRUNCATED"),
        *("LATENESS_UNPROVEN", "STREAM_COMPACTED"),
    }
    assert own | seen == {str(reason) for reason in Reason}
