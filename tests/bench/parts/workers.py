"""One worker and two, over the archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.bench.contenders import Stage, rows_to_parquet, verdicts_from_archive
from tests.bench.measure import Measured
from tests.bench.rounds import interleaved, rate
from tests.bench.scene import Scene

WORKERS = (1, 2)


def run(scene: Scene) -> dict[str, Any]:
    """Verdicts and features, by the number of workers."""
    stage = Stage(scene, scene.per_event(), "per-event")
    stage.prepare(with_topics=False)
    ways: dict[str, Callable[[Stage, int], Measured]] = {
        "verdicts": verdicts_from_archive,
        "features": rows_to_parquet,
    }

    def one(name: str, number: int) -> Measured:
        way, _, workers = name.rpartition("-")
        measured = ways[way](stage, int(workers))
        scene.say(f"round {number + 1}: {name}: {measured.failure or f'{rate(measured):,.0f} events/s'}")
        return measured

    names = [f"{way}-{workers}" for way in ways for workers in WORKERS]
    runs = interleaved(names, scene.runs, frozenset(names), one)
    return {
        "events": stage.data.count,
        "contenders": {name: {"runs": [run.to_dict() for run in runs[name]]} for name in names},
    }
