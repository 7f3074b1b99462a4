"""The outputs of a run in Kafka: whole, once, readable, and never in an input topic."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ofs
from ofs.errors import ExitCode, SinkError, TopicMissingError, UsageError
from ofs.runtime.report import ReplayReport
from tests.integration.broker import Broker
from tests.integration.conftest import OUTPUT_TOPICS
from tests.integration.scenario import (
    Auth,
    decision,
    read_lines,
    registry,
    verdicts,
    write_decisions,
    written,
)
from tests.integration.topics import Topics

TEN = [Auth(second=60 * number) for number in range(10)]
PARITY, SNAPSHOTS, RUNS, DEAD_LETTERS = OUTPUT_TOPICS
STREAM = "cards"


@dataclass
class Batch:
    """A topic of events and a file of decisions: five that match, one that does not, one dead letter."""

    bootstrap: str
    topics: Topics
    features: Path
    folder: Path
    decisions: Path

    def replay(self, **given: Any) -> ReplayReport:
        """Replay the batch."""
        report: ReplayReport = ofs.replay(
            **{"events": f"kafka://{self.bootstrap}"} | given,
            decisions=str(self.decisions),
            features=str(self.features),
        )
        return report

    def to_kafka(self, **given: Any) -> ReplayReport:
        """Replay the batch into topics of the same broker."""
        return self.replay(sink=f"kafka://{self.bootstrap}", **given)


def _decisions(features: Path, stream: str = STREAM) -> Sequence[dict[str, Any]]:
    def decide(number: int, seen: int) -> dict[str, Any]:
        return decision(
            f"d{number}",
            stream=stream,
            applied=TEN[:seen],
            cut={0: number},
            as_of_s=3_600,
            registry_dir=features,
        )

    return [*(decide(number, number) for number in range(1, 6)), decide(6, 5)]


@pytest.fixture
def batch(own_broker: Broker, own_topics: Topics, tmp_path: Path) -> Batch:
    """The batch, with its events in the topic."""
    own_topics.create(STREAM)
    own_topics.write(STREAM, written(TEN))
    features = registry(tmp_path / "features")
    path = write_decisions(tmp_path / "decisions.ndjson", _decisions(features))
    path.write_text(path.read_text("utf-8") + "[]\n", encoding="utf-8")
    return Batch(own_broker.bootstrap, own_topics, features, tmp_path, path)


def _records(topics: Topics, topic: str, count: int) -> list[tuple[str, dict[str, Any]]]:
    return sorted(
        ((message.key() or b"").decode(), json.loads(message.value() or b"null"))
        for message in topics.read(topic, count)
    )


def test_outputs_are_read_back_as_a_folder_holds_them(batch: Batch) -> None:
    """The topics hold the records that a folder would hold, by decision, and one record of the run."""
    folder = batch.replay(out=str(batch.folder / "out"))
    report = batch.to_kafka(create_topics=True)
    assert verdicts(report) == (5, 1, 0)
    assert report.exit_code is ExitCode.MISMATCH
    assert (report.replay_id, report.parity_digest) == (folder.replay_id, folder.parity_digest)
    for topic, file in ((PARITY, "parity"), (SNAPSHOTS, "snapshots")):
        lines = read_lines(batch.folder / "out" / f"{file}.jsonl")
        keys = [line.get("decision_id") or line["provenance"]["decision_id"] for line in lines]
        assert _records(batch.topics, topic, 6) == sorted(zip(keys, lines, strict=True))
    *progress, certificate, last = batch.topics.read(RUNS, 3)
    assert [record.key() for record in progress] == [f"{report.replay_id}/progress".encode()]
    run = json.loads(last.value() or b"null")
    assert (certificate.key(), last.key()) == (
        f"{report.replay_id}/certificate".encode(),
        report.replay_id.encode(),
    )
    assert (run["replay_id"], run["results"]) == (report.replay_id, report.results)
    assert (batch.folder / "out" / "certificate.json").read_bytes().rstrip() == certificate.value()
    ((source, letter),) = _records(batch.topics, DEAD_LETTERS, 1)
    assert source == f"{letter['source']}:{letter['line']}"
    assert letter["reason"] == "NOT_AN_OBJECT"


def test_a_finished_run_is_not_written_again(batch: Batch) -> None:
    """The same request into the same topics is recognised, and adds no record."""
    first = batch.to_kafka(create_topics=True)
    counts = [batch.topics.count(topic) for topic in OUTPUT_TOPICS]
    second = batch.to_kafka()
    assert (second.replay_id, second.verified_only) == (first.replay_id, True)
    assert [batch.topics.count(topic) for topic in OUTPUT_TOPICS] == counts


def test_missing_output_topics_are_named_with_what_to_do(batch: Batch) -> None:
    """Without --create-topics a missing output topic ends the run before anything is written."""
    with pytest.raises(TopicMissingError, match="--create-topics") as caught:
        batch.to_kafka()
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert not any(batch.topics.exists(topic) for topic in OUTPUT_TOPICS)


def test_an_input_topic_is_never_written(batch: Batch) -> None:
    """A run whose output would go to one of its input topics is refused."""
    batch.topics.create(PARITY)
    batch.topics.write(PARITY, written(TEN))
    write_decisions(batch.decisions, _decisions(batch.features, PARITY))
    with pytest.raises(UsageError, match=r"ofs\.parity\.v1"):
        batch.to_kafka(create_topics=True)
    assert batch.topics.count(PARITY) == len(TEN)


def test_a_sink_that_is_down_is_named(batch: Batch, second_broker: Broker) -> None:
    """Outputs that cannot be written end the run with the sink's address and exit code 4."""
    second_broker.stop()
    with pytest.raises(SinkError) as caught:
        batch.replay(sink=f"kafka://{second_broker.bootstrap}")
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert second_broker.bootstrap in str(caught.value)
    assert "\n" not in str(caught.value)
