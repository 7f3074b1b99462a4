"""On a real topic: what a certificate holds and how it is verified again, a self-check, and an archive that follows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import ofs
from ofs.contracts import PartitionCertificate
from ofs.runtime.endpoints import open_events
from ofs.runtime.verify_certificate import PartitionFinding, load_certificate, verify_certificate
from ofs.sources.archive import Pace, export, follow, verify
from ofs.sources.kafka import KafkaLog
from tests.integration.scenario import Auth, decision, registry, write_decisions, written
from tests.integration.topics import Topics

TEN = [Auth(second=60 * number, amount=f"{number}.50") for number in range(10)]


class Scene:
    """A topic of two partitions with ten events in the first, replayed into `out`."""

    def __init__(self, bootstrap: str, topics: Topics, topic: str, folder: Path) -> None:
        self.events = f"kafka://{bootstrap}"
        self.topics, self.topic, self.folder = topics, topic, folder
        self.topic_id = topics.create(topic, partitions=2, message_timestamp_type="LogAppendTime")
        self.end = topics.write(topic, written(TEN))[-1] + 1
        features = registry(folder / "registry")
        asked = decision(
            "d1", stream=topic, applied=TEN, cut={0: self.end, 1: 0}, as_of_s=3_600, registry_dir=features
        )
        self.batch: dict[str, Any] = {
            "events": self.events,
            "decisions": str(write_decisions(folder / "decisions.ndjson", [asked])),
            "features": str(features),
        }
        assert ofs.replay(**self.batch, out=folder / "out").results == {"MATCH": 1}

    def certified(self) -> PartitionCertificate:
        """What the run proves of the first partition."""
        return load_certificate(self.folder / "out").partitions[0]

    def verified(self, archive: Path | None = None) -> PartitionFinding:
        """The first partition's finding of today."""
        with closing(open_events(self.events, archive=None if archive is None else str(archive))) as log:
            return verify_certificate(log, load_certificate(self.folder / "out")).partitions[0]


def test_a_certificate_names_what_the_broker_said(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """Topic id, number of partitions, low watermark and last stable offset are the broker's, and verify as the same."""
    scene = Scene(bootstrap, topics, name(), tmp_path)
    proof = scene.certified()
    assert (proof.topic_id, proof.partition_count) == (scene.topic_id, 2)
    assert (proof.low_watermark, proof.last_stable_offset, proof.records) == (0, scene.end, 10)
    found = scene.verified()
    assert (found.differences, found.moved) == ((), ())
    report = ofs.selfcheck(**scene.batch)
    assert report.is_equal
    assert report.runs[0].digests["certificate.json"] == ofs.replay(**scene.batch).certificate_digest


def test_retention_is_a_difference_unless_an_archive_stands_in(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """What retention removed is named by its range; with the archive all is read again, and only the mark has moved."""
    scene = Scene(bootstrap, topics, name(), tmp_path)
    with closing(KafkaLog(bootstrap)) as log:
        export(log, scene.topic, tmp_path / "archive")
    topics.delete_before(scene.topic, 0, 4)
    gone = {item.what: item.found for item in scene.verified().differences}
    assert gone == {"readable": [[0, 4]]}
    found = scene.verified(tmp_path / "archive")
    assert found.differences == ()
    assert [(item.what, item.certified, item.found) for item in found.moved] == [("low_watermark", 0, 4)]


def test_a_topic_created_anew_is_a_difference(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """Another topic of the name is told by its id."""
    scene = Scene(bootstrap, topics, name(), tmp_path)
    topics.recreate(scene.topic, partitions=2)
    assert {"log_id", "topic_id"} <= {item.what for item in scene.verified().differences}


def test_an_archive_that_follows_a_topic_is_the_topic(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """What is written while it follows is archived, and its digests are those of an export of the whole."""
    topic = name()
    topics.create(topic, partitions=2, message_timestamp_type="LogAppendTime")
    topics.write(topic, written(TEN))

    class Rounds:
        """At each of three waits more is written; then it is stopped."""

        left = 3

        def is_set(self) -> bool:
            return False

        def wait(self, timeout: float) -> bool:
            if self.left == 0:
                return True
            self.left -= 1
            topics.write(topic, written([Auth(second=1, partition=1)] * 5, first=100 + 5 * self.left))
            return False

    with closing(KafkaLog(bootstrap)) as log:
        followed = follow(log, topic, tmp_path / "followed", Pace(records=5, seconds=0.0), Rounds())
        whole = export(log, topic, tmp_path / "whole")
    assert [part.content_root for part in followed.partitions] == [
        part.content_root for part in whole.partitions
    ]
    assert len(followed.partitions[1].files) > 1
    assert verify(tmp_path / "followed").is_sound
