"""Who runs on the per-event stream: OFS in its ways, the peers, the limit; how each is run, where its answers are."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.bench import answers, texts
from tests.bench.answers import Found
from tests.bench.dataset import Dataset
from tests.bench.definitions import velocity, velocity_columns
from tests.bench.measure import Measured
from tests.bench.scene import OFS_TOPICS, Scene
from tests.bench.topics import ensure_decisions, ensure_events

Kind = Literal["verdicts", "features", "limit"]
DECISION_PARTITIONS: Final = 1
"""Partitions of the topic of decisions: 1, or 4, by account as the events."""
DECISIONS_TOPIC: Final = f"decisions.{DECISION_PARTITIONS}"
PARQUET: Final = "answers.parquet"


@dataclass(frozen=True, slots=True)
class Stage:
    """A dataset, ready for contenders: its archive, registry, decisions; its topics where a broker is used."""

    scene: Scene
    data: Dataset
    workload: str

    def prepare(self, *, with_topics: bool) -> None:
        """Make what is missing."""
        scene, data = self.scene, self.data
        scene.say(f"data of {data.folder.name}")
        data.prepare()
        decisions = data.decisions("velocity", velocity())
        if with_topics:
            ensure_events(scene.broker, data, data.traffic.stream)
            with decisions.open("rb") as lines:
                ensure_decisions(scene.broker, data, DECISIONS_TOPIC, lines, DECISION_PARTITIONS)


@dataclass(frozen=True, slots=True)
class Contender:
    """`answers`: the sampled answers of its last run, None where it gives verdicts or nothing.

    `cannot`: what its answers are not; the report says it. `is_peer`: not OFS.
    """

    name: str
    label: str
    kind: Kind
    run: Callable[[Stage], Measured]
    answers: Callable[[Stage, Collection[str]], Found] | None = None
    peer: str | None = None
    cannot: str = ""
    is_repeated: bool = False


def verdicts_from_kafka(stage: Stage, workers: int) -> Measured:
    """Decisions and events from topics, parity to a topic."""
    address = f"kafka://{stage.scene.broker.bootstrap}"
    for topic in (stage.data.traffic.stream, DECISIONS_TOPIC):
        stage.scene.warm_topic(topic)
    given = {
        "events": address,
        "decisions": f"{address}/{DECISIONS_TOPIC}",
        "features": str(stage.data.registry("velocity", velocity())),
        "sink": address,
        "create_topics": True,
        "snapshots": "none",
        "workers": workers,
    }
    return stage.scene.ofs("ofs-verdicts-kafka", "replay", given, uses_broker=True)


def verdicts_from_archive(stage: Stage, workers: int, *, decisions: str | None = None) -> Measured:
    """Decisions from a file, events from the archive, parity to a folder."""
    path = stage.data.decisions("velocity", velocity()) if decisions is None else decisions
    given = {
        "events": f"archive:{stage.data.archive}",
        "decisions": str(path),
        "features": str(stage.data.registry("velocity", velocity())),
        "out": "{work}/out",
        "snapshots": "none",
        "workers": workers,
    }
    return stage.scene.ofs(f"ofs-verdicts-archive-{workers}", "replay", given, uses_broker=False)


def rows_to_topic(stage: Stage, workers: int) -> Measured:
    """Features of every event, from a topic to a topic."""
    address = f"kafka://{stage.scene.broker.bootstrap}"
    stage.scene.warm_topic(stage.data.traffic.stream)
    given = {**_rows(stage, workers), "events": address, "sink": address, "create_topics": True}
    return stage.scene.ofs("ofs-rows-topic", "rows", given, uses_broker=True)


def rows_to_parquet(stage: Stage, workers: int) -> Measured:
    """Features of every event, from the archive to Parquet."""
    given = {**_rows(stage, workers), "events": f"archive:{stage.data.archive}", "out": "{work}/out"}
    return stage.scene.ofs(f"ofs-rows-parquet-{workers}", "rows", given, uses_broker=False)


def _rows(stage: Stage, workers: int) -> dict[str, Any]:
    return {
        "stream": stage.data.traffic.stream,
        "features": str(stage.data.registry("velocity", velocity())),
        "pins": texts.PINS,
        "workers": workers,
    }


def peer_run(stage: Stage, peer: str, mode: str | None, *, to_topic: bool, reads_topic: bool) -> Measured:
    """A peer's program over the whole dataset."""
    if reads_topic:
        stage.scene.warm_topic(stage.data.traffic.stream)
    out: dict[str, str] = {"parquet": str(stage.scene.root / "work" / f"{peer}-{mode or 'only'}" / PARQUET)}
    if to_topic:
        topic = _topic(peer, mode)
        stage.scene.broker.fresh_topics([topic], 4)
        out = {"topic": topic}
    job = {
        "workload": stage.workload,
        "mode": mode,
        "topic": stage.data.traffic.stream,
        "partitions": stage.data.events.counts(),
        "events": stage.data.count,
        "archive": str(stage.data.archive / stage.data.traffic.stream),
        "out": out,
        "columns": velocity_columns(),
    }
    return stage.scene.peer(peer, job, uses_broker=reads_topic)


def _topic(peer: str, mode: str | None) -> str:
    return f"out.{peer}.{mode or 'only'}"


def _streaming(name: str, label: str, peer: str, mode: str | None, cannot: str, **more: Any) -> Contender:
    return Contender(
        name,
        label,
        "features",
        lambda stage: peer_run(stage, peer, mode, to_topic=True, reads_topic=True),
        lambda stage, sample: answers.of_topic(stage.scene.broker, _topic(peer, mode), sample),
        peer=peer,
        cannot=cannot,
        **more,
    )


def _batch(peer: str, label: str, cannot: str) -> Contender:
    return Contender(
        peer,
        label,
        "features",
        lambda stage: peer_run(stage, peer, None, to_topic=False, reads_topic=False),
        lambda stage, sample: answers.of_parquet(
            stage.scene.root / "work" / f"{peer}-only" / PARQUET, sample
        ),
        peer=peer,
        cannot=cannot,
    )


def limit(mode: str, label: str) -> Contender:
    """Only reading."""
    return Contender(
        f"limit-{mode}",
        label,
        "limit",
        lambda stage: peer_run(stage, "limits", mode, to_topic=False, reads_topic=True),
        peer="limits",
        is_repeated=True,
    )


OFS: Final = (
    Contender(
        "ofs-verdicts-kafka",
        "OFS verdicts, Kafka to Kafka",
        "verdicts",
        lambda at: verdicts_from_kafka(at, 2),
    ),
    Contender(
        "ofs-verdicts-archive",
        "OFS verdicts, archive to files",
        "verdicts",
        lambda at: verdicts_from_archive(at, 2),
    ),
    Contender(
        "ofs-rows-topic",
        "OFS features, Kafka to Kafka",
        "features",
        lambda at: rows_to_topic(at, 2),
        lambda at, sample: answers.of_rows_topic(at.scene.broker, OFS_TOPICS[-1], sample),
    ),
    Contender(
        "ofs-rows-parquet",
        "OFS features, archive to Parquet",
        "features",
        lambda at: rows_to_parquet(at, 2),
        lambda at, sample: answers.of_rows_folder(
            at.scene.root / "work" / "ofs-rows-parquet-2" / "out", sample
        ),
    ),
)
LIMITS: Final = (
    limit("tuned", "confluent-kafka, consume only, tuned"),
    limit("defaults", "confluent-kafka, consume only, defaults"),
    limit("c", "librdkafka in C, consume only"),
)
_NO_CUT: Final = (
    "answers by event time once its watermark has passed: not as known at the event, no cut of offsets"
)
_NO_CUT_BATCH: Final = (
    "answers by event time over the whole table: not as known at the event; all data in memory"
)
_UNALIGNED: Final = "partitions drain at unequal rates, so keys spread over them see events in another order"
PEERS: Final = (
    _streaming("flink-rocksdb", "Flink, RocksDB", "flink", "rocksdb", _NO_CUT),
    _streaming("flink-rocksdb-arrival", "Flink, RocksDB, by arrival", "flink", "rocksdb-arrival", _UNALIGNED),
    _streaming("flink-heap", "Flink, heap", "flink", "heap", _NO_CUT),
    _streaming("kstreams-rocksdb", "Kafka Streams, RocksDB", "kstreams", "rocksdb", _UNALIGNED),
    _streaming("kstreams-memory", "Kafka Streams, in memory", "kstreams", "memory", _UNALIGNED),
    _streaming(
        "bytewax",
        "Bytewax",
        "bytewax",
        None,
        "keeps its state in memory only, without recovery; the merge of the partitions is a source of our own",
    ),
    _streaming("quix", "Quix Streams", "quix", None, _UNALIGNED),
    _batch("duckdb", "DuckDB", _NO_CUT_BATCH),
    _batch("polars", "Polars", _NO_CUT_BATCH),
)
