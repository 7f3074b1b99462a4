"""A batch of decisions is replayed from a real topic, with all that a real topic does to its records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ofs
from ofs.errors import ExitCode, SourceError
from ofs.runtime.report import ReplayReport
from ofs.sources.archive import export
from ofs.sources.kafka import KafkaLog
from ofs.units import format_timestamp_us
from tests.integration.broker import Broker
from tests.integration.scenario import (
    Auth,
    decision,
    read_lines,
    registry,
    time_us,
    verdicts,
    write_decisions,
    written,
)
from tests.integration.topics import Topics, Written

TEN = [Auth(second=60 * number, amount=f"{number}.50") for number in range(10)]


@dataclass
class Run:
    """What the tests of this module share: a topic, a registry and a place for files."""

    bootstrap: str
    topics: Topics
    topic: str
    features: Path
    folder: Path

    def decide(
        self, decision_id: str, applied: Sequence[Auth], cut: dict[int, int], **given: Any
    ) -> dict[str, Any]:
        """A decision at the end of the first hour, unless told otherwise."""
        settings: dict[str, Any] = {"as_of_s": 3_600} | given
        return decision(
            decision_id, stream=self.topic, applied=applied, cut=cut, registry_dir=self.features, **settings
        )

    def replay(self, decisions: Sequence[dict[str, Any]], out: str = "out", **given: Any) -> ReplayReport:
        """Replay from the topic into a folder."""
        path = write_decisions(self.folder / f"{out}.ndjson", decisions)
        settings: dict[str, Any] = {
            "events": f"kafka://{self.bootstrap}",
            "out": str(self.folder / out),
        } | given
        report: ReplayReport = ofs.replay(decisions=str(path), features=str(self.features), **settings)
        return report

    def export(self) -> Path:
        """An archive of what the topic holds now."""
        out = self.folder / "archive"
        log = KafkaLog(self.bootstrap)
        try:
            export(log, self.topic, out)
        finally:
            log.close()
        return out

    def parity(self, out: str = "out") -> list[dict[str, Any]]:
        """The parity results that a run wrote."""
        return read_lines(self.folder / out / "parity.jsonl")


@pytest.fixture
def run(bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path) -> Run:
    """A run whose topic is not yet created."""
    return Run(bootstrap, topics, name(), registry(tmp_path / "features"), tmp_path)


def _partition(report: ReplayReport, number: int = 0) -> Any:
    if report.certificate is None:
        pytest.fail("the run has no certificate")
    return next(part for part in report.certificate.partitions if part.partition == number)


def test_replay_matches_when_the_topic_has_aborted_and_control_records(run: Run) -> None:
    """Aborted records are not seen; control records at the end, an empty partition and an empty cut hold nothing up."""
    run.topics.create(run.topic, partitions=3)
    run.topics.write_transaction(run.topic, written(TEN[:4]), transactional_id=f"{run.topic}-a", commit=True)
    lost = written([Auth(second=1, amount="99.00")] * 3, first=100)
    run.topics.write_transaction(run.topic, lost, transactional_id=f"{run.topic}-b", commit=False)
    offsets = run.topics.write_transaction(
        run.topic, written(TEN[4:], first=4), transactional_id=f"{run.topic}-c", commit=True
    )
    run.topics.write(run.topic, written([Auth(second=5, partition=2)], first=200))
    end = offsets[-1] + 2  # the last record and the commit marker behind it
    report = run.replay([run.decide("d1", TEN, {0: end, 1: 0, 2: 0})])
    assert verdicts(report) == (1, 0, 0)
    assert report.exit_code is ExitCode.ALL_MATCH
    first = _partition(report)
    assert (first.start, first.end, first.records, first.holes.count) == (0, end, 10, 6)
    for number in (1, 2):
        assert (_partition(report, number).start, _partition(report, number).end) == (0, 0)


def test_replay_answers_cuts_that_are_not_comparable(run: Run) -> None:
    """Two decisions whose cuts cross in two partitions are each answered at their own cut."""
    run.topics.create(run.topic, partitions=2)
    left = [Auth(second=10 * number) for number in range(5)]
    right = [Auth(second=7 * number, partition=1, amount="2.25") for number in range(5)]
    run.topics.write(run.topic, written([*left, *right]))
    decisions = [
        run.decide("d1", [*left[:1], *right], {0: 1, 1: 5}),
        run.decide("d2", [*left, *right[:2]], {0: 5, 1: 2}),
    ]
    report = run.replay(decisions)
    assert verdicts(report) == (2, 0, 0)


def test_replay_finds_the_mismatch_when_a_decision_saw_one_event_less(run: Run) -> None:
    """A hash over fewer events than the cut holds is a MISMATCH, with exit code 1."""
    run.topics.create(run.topic)
    run.topics.write(run.topic, written(TEN))
    report = run.replay([run.decide("d1", TEN[:9], {0: 10}), run.decide("d2", TEN, {0: 10})])
    assert verdicts(report) == (1, 1, 0)
    assert report.exit_code is ExitCode.MISMATCH
    assert [line["result"] for line in run.parity()] == ["MISMATCH", "MATCH"]


def test_replay_gives_equal_bytes_from_broker_and_archive(run: Run) -> None:
    """The same decisions over a topic and over its archive give the same parity, snapshots and content digests."""
    run.topics.create(run.topic, partitions=2)
    spread = [Auth(second=9 * number, partition=number % 2, card=f"c{number % 3}") for number in range(200)]
    run.topics.write(run.topic, written(spread))
    decisions = [
        run.decide(f"d{cut}", [a for i, a in enumerate(spread) if i // 2 < cut], {0: cut, 1: cut}, card="c2")
        for cut in (1, 50, 100)
    ]
    archive = run.export()
    live = run.replay(decisions, "live")
    stored = run.replay(decisions, "stored", events=f"archive:{archive}")
    assert verdicts(live) == (3, 0, 0)
    assert live.parity_digest == stored.parity_digest
    for file in ("parity.jsonl", "snapshots.jsonl", "deadletter.jsonl"):
        assert (run.folder / "live" / file).read_bytes() == (run.folder / "stored" / file).read_bytes()
    for number in (0, 1):
        assert _partition(live, number).content_digest == _partition(stored, number).content_digest


def test_replay_counts_malformed_records_and_goes_on(run: Run) -> None:
    """Records that are no events are counted by reason in the certificate, with their offsets."""
    run.topics.create(run.topic)
    bad = [Written(b"{", timestamp_ms=time_us(0) // 1_000), Written(None, timestamp_ms=time_us(0) // 1_000)]
    run.topics.write(run.topic, [*bad, *written(TEN)])
    report = run.replay([run.decide("d1", TEN, {0: 12})])
    assert verdicts(report) == (1, 0, 0)
    rejected = _partition(report).rejected
    assert rejected.by_reason == {"not_json": 1, "value_null": 1}
    assert [tuple(item) for item in rejected.offsets] == [(0, "not_json"), (1, "value_null")]


def test_compacted_topic_is_refused_when_no_archive_covers_it(run: Run) -> None:
    """A compacted topic is UNCHECKABLE STREAM_COMPACTED; where an archive covers the range, it is answered."""
    run.topics.create(run.topic)
    run.topics.write(run.topic, written(TEN))
    archive = run.export()
    run.topics.configure(run.topic, cleanup_policy="compact")
    decisions = [run.decide("d1", TEN, {0: 10})]
    refused = run.replay(decisions, "refused")
    assert refused.reasons == {"STREAM_COMPACTED": 1}
    assert refused.exit_code is ExitCode.INCOMPLETE
    answered = run.replay(decisions, "answered", archive=str(archive))
    assert verdicts(answered) == (1, 0, 0)


def test_removed_head_is_history_truncated_when_no_archive_holds_it(run: Run) -> None:
    """What retention removed is missing by its exact range, and comes from the archive where there is one."""
    run.topics.create(run.topic)
    run.topics.write(run.topic, written(TEN))
    archive = run.export()
    run.topics.delete_before(run.topic, 0, 4)
    decisions = [run.decide("d1", TEN, {0: 10})]
    truncated = run.replay(decisions, "truncated")
    assert truncated.reasons == {"HISTORY_TRUNCATED": 1}
    (line,) = run.parity("truncated")
    missing = [item for detail in line["evidence"]["reason_details"] for item in detail.get("missing", [])]
    assert {"stream": run.topic, "partition": 0, "start": 0, "end": 4} in missing
    whole = run.replay(decisions, "whole", archive=str(archive))
    assert verdicts(whole) == (1, 0, 0)


def test_removed_head_does_not_matter_when_every_window_is_finite(run: Run) -> None:
    """A finite window that begins after what retention removed is answered from the rest, from a proven start."""
    run.topics.create(run.topic)
    later = [Auth(second=5 * 3_600 + number) for number in range(5)]
    run.topics.write(run.topic, written([*TEN, *later]))
    run.topics.delete_before(run.topic, 0, 8)
    report = run.replay([run.decide("d1", later, {0: 15}, as_of_s=5 * 3_600 + 60, group="card_recent")])
    assert verdicts(report) == (1, 0, 0)
    assert (_partition(report).start, _partition(report).start_from) == (10, "bound")


def test_topic_created_again_is_recognised_by_its_recorded_id(run: Run) -> None:
    """A decision that recorded the id of a topic is UNCHECKABLE once another topic has its name."""
    before = run.topics.create(run.topic)
    after = run.topics.recreate(run.topic)
    run.topics.write(run.topic, written(TEN))
    report = run.replay(
        [
            run.decide("d1", TEN, {0: 10}, topic_id=before),
            run.decide("d2", TEN, {0: 10}, topic_id=after),
        ]
    )
    assert report.reasons == {"TOPIC_RECREATED": 1}
    assert [line["result"] for line in run.parity()] == ["UNCHECKABLE", "MATCH"]


def test_time_basis_is_resolved_once_and_recorded(run: Run) -> None:
    """A time range becomes offsets, the certificate holds what it was resolved to, and what lies before is gone."""
    run.topics.create(run.topic)
    later = [Auth(second=3 * 3_600 + 600), *(Auth(second=5 * 3_600 + number) for number in range(5))]
    run.topics.write(run.topic, written([*TEN, *later]))
    times = (format_timestamp_us(time_us(3 * 3_600)), format_timestamp_us(time_us(9 * 3_600)))
    decisions = [
        run.decide("d1", later, {0: 16}, as_of_s=5 * 3_600 + 60, group="card_recent"),
        run.decide("d2", later, {0: 16}, as_of_s=3 * 3_600 + 1_200, group="card_recent"),
    ]
    report = run.replay(decisions, basis_time=times, streams=[run.topic])
    assert verdicts(report) == (1, 0, 1)
    assert report.reasons == {"HISTORY_TRUNCATED": 1}
    mapping = report.certificate.time_mapping if report.certificate is not None else None
    found = {entry.log_time_utc: entry.offset for entry in mapping or ()}
    assert found == {times[0]: 10, times[1]: None}


def test_decisions_are_read_from_a_topic_range(run: Run, name: Callable[[], str]) -> None:
    """A range of a topic of decisions is a batch like a file."""
    run.topics.create(run.topic)
    run.topics.write(run.topic, written(TEN))
    decisions = [run.decide(f"d{cut}", TEN[:cut], {0: cut}) for cut in range(1, 6)]
    path = write_decisions(run.folder / "all.ndjson", decisions)
    log = name()
    run.topics.create(log)
    run.topics.write(log, [Written(line) for line in path.read_bytes().splitlines()])
    report = ofs.replay(
        events=f"kafka://{run.bootstrap}",
        decisions=f"kafka://{run.bootstrap}/{log}?0=1-4",
        features=str(run.features),
        out=str(run.folder / "out"),
    )
    assert verdicts(report) == (3, 0, 0)
    assert [line["decision_id"] for line in run.parity()] == ["d2", "d3", "d4"]


def test_replay_names_the_broker_when_it_is_down(run: Run, second_broker: Broker) -> None:
    """A broker that is gone is one line and exit code 4, and nothing is written."""
    second_broker.stop()
    with pytest.raises(SourceError) as caught:
        run.replay([run.decide("d1", TEN, {0: 10})], events=f"kafka://{second_broker.bootstrap}")
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert second_broker.bootstrap in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (run.folder / "out").exists()
