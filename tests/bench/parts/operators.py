"""What each operator costs beside sum, over each kind of window, on a stream with a hot key: a third of all events."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.dataset import Dataset
from tests.bench.definitions import OPERATOR_WINDOWS, OPERATORS, single
from tests.bench.figures import STAGE
from tests.bench.measure import Measured
from tests.bench.scene import Scene

_RUNS: Final = 2


def run(scene: Scene) -> dict[str, Any]:
    """Medians of the run's seconds, and of the stage that folds and answers where the run tells it."""
    data = scene.per_event(scene.sizes.operators)
    scene.say(f"data of {data.folder.name}")
    data.prepare()
    found: dict[str, dict[str, Any]] = {}
    for window in OPERATOR_WINDOWS:
        for op in OPERATORS:
            decisions = data.decisions(f"{op}-{window}", single(op, window))
            runs = [_one(scene, data, op, window, decisions) for _ in range(min(_RUNS, scene.runs))]
            decisions.unlink()
            found[f"{op} {window}"] = _told(runs)
            scene.say(f"{op} {window}: {found[f'{op} {window}']}")
    return {"events": data.count, "operators": found}


def _one(scene: Scene, data: Dataset, op: str, window: str, decisions: Path) -> Measured:
    definitions = single(op, window)
    given = {
        "events": f"archive:{data.archive}",
        "decisions": str(decisions),
        "features": str(data.registry(f"{op}-{window}", definitions)),
        "snapshots": "none",
    }
    return scene.ofs("ofs-operator", "replay", given, uses_broker=False)


def _told(runs: list[Measured]) -> dict[str, Any]:
    failures = [run.failure for run in runs if run.failure is not None]
    if failures:
        return {"failure": failures[0]}
    told: dict[str, Any] = {"seconds": median(run.seconds or 0.0 for run in runs)}
    folds = [run.result["figures"][FOLD] for run in runs if FOLD in run.result["figures"]]
    if folds:
        told["fold_s"] = median(folds) / 1e6
    return told


FOLD: Final = f"{STAGE}fold"
"""The figure of a run that tells how long folding and answering took."""
