"""Verdicts a second by the number of events, and by the number of keys."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from tests.bench.contenders import Stage, verdicts_from_archive
from tests.bench.dataset import Dataset
from tests.bench.definitions import velocity
from tests.bench.measure import Measured
from tests.bench.rounds import interleaved, rate
from tests.bench.scene import Scene


def run(scene: Scene) -> dict[str, Any]:
    """Both scales; one worker, so that nothing but the size differs."""
    stage = Stage(scene, scene.per_event(), "per-event")
    stage.prepare(with_topics=False)
    everything = stage.data.decisions("velocity", velocity())
    by_name: dict[str, tuple[Stage, str]] = {}
    for count in scene.sizes.scaling:
        by_name[f"events-{count}"] = (stage, str(head_of(everything, count)))
    for keys in scene.sizes.many_keys:
        data = scene.even(keys, scene.sizes.many_keys_events)
        scene.say(f"data of {data.folder.name}")
        path = data.decisions("velocity", velocity())
        by_name[f"keys-{keys}"] = (Stage(scene, data, "even"), str(path))

    def one(name: str, number: int) -> Measured:
        at, path = by_name[name]
        measured = verdicts_from_archive(at, 1, decisions=path)
        scene.say(f"round {number + 1}: {name}: {measured.failure or f'{rate(measured):,.0f} events/s'}")
        return measured

    runs = interleaved(list(by_name), scene.runs, frozenset(by_name), one)
    return {"contenders": {name: {"runs": [run.to_dict() for run in found]} for name, found in runs.items()}}


def head_of(path: Path, count: int) -> Path:
    """The first lines of a decisions file as a file beside it; made where missing."""
    target = path.with_name(f"{path.stem}-head-{count}.ndjson")
    if not target.exists():
        partial = target.with_suffix(".partial")
        with path.open("rb") as lines, partial.open("wb") as file:
            file.writelines(islice(lines, count))
        partial.rename(target)
    return target


def prefix_of(scene: Scene, data: Dataset) -> Dataset:
    """What slow peers get of a stream."""
    return Dataset(scene.data, data.traffic, min(data.count, scene.sizes.prefix))
