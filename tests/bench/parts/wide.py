"""The wide workload: 40 features, all operators and all kinds of windows, on a prefix of the skewed stream."""

from __future__ import annotations

from typing import Any

from tests.bench.answers import agrees_with_semantics, by_event_time, inexact_columns
from tests.bench.contenders import Stage, verdicts_from_archive
from tests.bench.dataset import Dataset
from tests.bench.definitions import wide, wide_columns
from tests.bench.exact import sample_of
from tests.bench.measure import Measured
from tests.bench.rounds import interleaved, rate
from tests.bench.scene import Scene
from tests.bench.topics import ensure_events, values

_SAMPLE = 500
FLINK_MODES = ("heap",)


def run(scene: Scene) -> dict[str, Any]:
    """OFS with 40 features and with 12 on the same events; Flink and Polars with those that they have."""
    data = scene.per_event(scene.sizes.wide)
    scene.say(f"data of {data.folder.name}")
    decisions = data.decisions("wide", wide())
    agreed = agrees_with_semantics(data, wide(), decisions, scene.sizes.semantics)
    if agreed != scene.sizes.semantics:
        raise RuntimeError(f"the executable semantics agree on {agreed} of {scene.sizes.semantics} decisions")
    narrow = Stage(scene, data, "per-event")
    narrow.prepare(with_topics=False)

    def one(name: str, number: int) -> Measured:
        measured = _wide_verdicts(scene, data) if name == "wide" else verdicts_from_archive(narrow, 2)
        scene.say(f"round {number + 1}: {name}: {measured.failure or f'{rate(measured):,.0f} events/s'}")
        return measured

    names = ["per-event", "wide"]
    runs = interleaved(names, scene.runs, frozenset(names), one)
    return {
        "events": data.count,
        "semantics_agree": agreed,
        "contenders": {name: {"runs": [run.to_dict() for run in runs[name]]} for name in names},
        "peers": _peers(scene, data),
    }


def _wide_verdicts(scene: Scene, data: Dataset) -> Measured:
    given = {
        "events": f"archive:{data.archive}",
        "decisions": str(data.decisions("wide", wide())),
        "features": str(data.registry("wide", wide())),
        "out": "{work}/out",
        "snapshots": "none",
        "workers": 2,
    }
    return scene.ofs("ofs-wide", "replay", given, uses_broker=False)


def _peers(scene: Scene, data: Dataset) -> dict[str, Any]:
    """One run each."""
    found: dict[str, Any] = {}
    if (reason := scene.prepare_peer("flink")) is None:
        topic = f"{data.traffic.stream}.wide"
        ensure_events(scene.broker, data, topic)
        exact = by_event_time(data, wide(), sample_of(data.count, _SAMPLE))
        for mode in FLINK_MODES:
            scene.broker.fresh_topics([f"out.wide.{mode}"], 4)
            job = _job(data, mode) | {"topic": topic, "out": {"topic": f"out.wide.{mode}"}}
            measured = scene.peer("flink", job, uses_broker=True)
            told = found[f"flink-{mode}"] = _told(f"Flink, {mode}", measured)
            if measured.failure is None:
                records = values(scene.broker, f"out.wide.{mode}")
                told["inexact"] = inexact_columns(
                    records, measured.result.get("columns", wide_columns()), exact
                )
    else:
        found["flink"] = {"label": "Flink", "absent": reason}
    job = _job(data, None) | {"out": {"parquet": str(scene.root / "work" / "polars-only" / "wide.parquet")}}
    found["polars"] = _told("Polars", scene.peer("polars", job, uses_broker=False))
    return found


def _job(data: Dataset, mode: str | None) -> dict[str, Any]:
    return {
        "workload": "wide",
        "mode": mode,
        "topic": None,
        "partitions": data.events.counts(),
        "events": data.count,
        "archive": str(data.archive / data.traffic.stream),
        "columns": wide_columns(),
        "groups": wide(),
    }


def _told(label: str, measured: Measured) -> dict[str, Any]:
    columns = measured.result.get("columns", wide_columns())
    return {"label": label, "features": len(columns), "runs": [measured.to_dict()]}
