"""Memory of an active key: two groups, three windows, 50 events in the window.

Two logs that differ in the number of keys alone, each replayed for one decision at its end; the difference of the
peaks is what the keys take.
"""

from __future__ import annotations

from typing import Any

from tests.bench.contenders import Stage, verdicts_from_archive
from tests.bench.definitions import velocity
from tests.bench.measure import Measured
from tests.bench.rounds import interleaved
from tests.bench.scene import Scene

GROUPS = 2


def run(scene: Scene) -> dict[str, Any]:
    """Peaks of both logs, one worker, and the bytes a key."""
    sizes = scene.sizes
    stages: dict[str, Stage] = {}
    for keys in sizes.keys:
        data = scene.even(keys, keys * sizes.key_events)
        scene.say(f"data of {data.folder.name}")
        data.prepare()
        stages[str(keys)] = Stage(scene, data, "even")

    def one(name: str, number: int) -> Measured:
        stage = stages[name]
        path = stage.data.decisions("velocity-end", velocity(), first=stage.data.count - 1)
        measured = verdicts_from_archive(stage, 1, decisions=str(path))
        scene.say(
            f"round {number + 1}: {name} keys: {measured.failure or f'{measured.peak_bytes >> 20} MiB'}"
        )
        return measured

    runs = interleaved(list(stages), scene.runs, frozenset(stages), one)
    return {
        "keys": list(sizes.keys),
        "events_a_key": sizes.key_events,
        "contenders": {name: {"runs": [run.to_dict() for run in runs[name]]} for name in stages},
    }
