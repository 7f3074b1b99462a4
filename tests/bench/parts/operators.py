"""What each operator costs beside sum, over each kind of window, on a stream with a hot key: a third of all events."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.bench.definitions import OPERATOR_WINDOWS, OPERATORS, single
from tests.bench.measure import run_measured
from tests.bench.scene import LIMIT_S, Scene


def run(scene: Scene) -> dict[str, Any]:
    """CPU seconds of folding and answering, by operator and window."""
    data = scene.per_event(scene.sizes.operators)
    scene.say(f"data of {data.folder.name}")
    data.prepare()
    work = scene.scratch("operators")
    registries = {
        f"{op} {window}": str(data.registry(f"{op}-{window}", single(op, window)))
        for window in OPERATOR_WINDOWS
        for op in OPERATORS
    }
    job = {
        "archive": str(data.archive),
        "decisions": str(data.decisions("single", single("sum", "sliding"), is_hashed=False)),
        "registries": registries,
        "rounds": scene.runs,
    }
    spec = work / "spec.json"
    spec.write_text(json.dumps(job), "utf-8")
    measured = run_measured(
        [sys.executable, "-m", "tests.bench.operator_costs", spec], log=work / "log", limit_s=2 * LIMIT_S
    )
    if measured.failure is not None:
        raise RuntimeError(f"operators: {measured.failure}")
    return {"events": data.count, "operators": measured.result["operators"]}
