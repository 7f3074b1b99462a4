"""The long workload: 30 days in which every window evicts.

A decision an event for the last 1,000,000 events. The planner starts seven days before them, so a run reads history
first; what that takes is measured by the first of those decisions alone, and the rate is that of the rest. A sparser
batch, each tenth event from the first day on, holds every part of the log to the same cost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.contenders import PEERS, Contender, Stage, peer_run, rows_to_parquet, verdicts_from_archive
from tests.bench.dataset import Dataset
from tests.bench.definitions import velocity
from tests.bench.exact import agreement, reference, sample_of
from tests.bench.measure import Measured
from tests.bench.parts.scaling import head_of, prefix_of
from tests.bench.rounds import interleaved, rate
from tests.bench.scene import Scene
from tests.bench.topics import ensure_events

SPARSE = 10
_PEERS = ("flink-rocksdb", "flink-heap", "polars")


def run(scene: Scene) -> dict[str, Any]:
    """OFS, Flink and Polars."""
    data = scene.long()
    stage = Stage(scene, data, "long")
    scene.say(f"data of {data.folder.name}")
    data.prepare()
    judged = scene.sizes.long_judged
    dense = data.decisions("velocity-last", velocity(), first=data.count - judged)
    sparse = data.decisions("velocity-tenth", velocity(), step=SPARSE)
    short = Stage(scene, scene.per_event(), "per-event")
    short.prepare(with_topics=False)
    ways: dict[str, tuple[Stage, Path | None]] = {
        "per-event": (short, None),
        "history": (stage, head_of(dense, 1)),
        "judged": (stage, dense),
        "sparse": (stage, sparse),
    }

    def one(name: str, number: int) -> Measured:
        if name == "rows":
            measured = rows_to_parquet(stage, 2)
        else:
            at, path = ways[name]
            measured = verdicts_from_archive(at, 2, decisions=None if path is None else str(path))
        scene.say(f"round {number + 1}: {name}: {measured.failure or f'{measured.seconds} s'}")
        return measured

    names = [*ways, "rows"]
    runs = interleaved(names, scene.runs, frozenset(ways), one)
    return {
        "events": data.count,
        "judged": judged,
        "sparse": data.count // SPARSE,
        "per_event": short.data.count,
        "contenders": {name: {"runs": [run.to_dict() for run in runs[name]]} for name in names},
        "peers": _peers(scene, data),
    }


def _peers(scene: Scene, data: Dataset) -> dict[str, Any]:
    """Flink on a prefix, Polars on the whole: one run each."""
    prefix = prefix_of(scene, data)
    found: dict[str, Any] = {}
    for contender in PEERS:
        if contender.name not in _PEERS:
            continue
        reason = scene.prepare_peer(str(contender.peer))
        if reason is not None:
            found[contender.name] = {"label": contender.label, "absent": reason}
            continue
        is_streaming = contender.peer == "flink"
        stage = Stage(scene, prefix if is_streaming else data, "long")
        if is_streaming:
            ensure_events(scene.broker, prefix, prefix.traffic.stream)
        found[contender.name] = _one_peer(stage, contender)
    return found


def _one_peer(stage: Stage, contender: Contender) -> dict[str, Any]:
    is_streaming = contender.peer == "flink"
    mode = contender.name.partition("-")[2] or None
    measured = peer_run(stage, str(contender.peer), mode, to_topic=is_streaming, reads_topic=is_streaming)
    stage.scene.say(f"{contender.label}: {measured.failure or f'{rate(measured):,.0f} events/s'}")
    told: dict[str, Any] = {
        "label": contender.label,
        "events": stage.data.count,
        "runs": [measured.to_dict()],
        "cannot": contender.cannot,
    }
    if measured.failure is None and contender.answers is not None:
        exact = reference(stage.data.events, sample_of(stage.data.count))
        count, answers = contender.answers(stage, exact.by_arrival.keys())
        told["check"] = {"complete": count == stage.data.count, **agreement(answers, exact)}
    return told
