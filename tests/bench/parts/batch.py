"""The batch workload: 1,000 decisions at a distance of 100,000 events from a checkpoint, on a short and a long log.

Each run is the command as a user types it, measured as a whole process, on a copy of the state that the first job left.
"""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

from tests.bench.dataset import Dataset
from tests.bench.definitions import velocity
from tests.bench.measure import Measured
from tests.bench.rounds import interleaved
from tests.bench.scene import Scene


def run(scene: Scene) -> dict[str, Any]:
    """The command on both logs."""
    logs = {str(count): scene.long(count) for count in scene.sizes.batch}
    first_jobs = {name: _first_job(scene, data) for name, data in logs.items()}

    def one(name: str, number: int) -> Measured:
        data = logs[name]
        work = scene.scratch("batch")
        shutil.copytree(data.folder / "state", work / "state")
        arguments = [
            *_arguments(data, _batch(scene, data)),
            "--state",
            str(work / "state"),
            "--out",
            str(work / "out"),
        ]
        measured = scene.cli("run", arguments, work)
        scene.say(f"round {number + 1}: log of {name}: {measured.failure or f'{measured.wall_s} s'}")
        if measured.result.get("results", {}).get("MATCH") != scene.sizes.batch_decisions:
            raise RuntimeError(f"expected every decision to MATCH: {measured.result}")
        return measured

    runs = interleaved(list(logs), scene.runs, frozenset(logs), one)
    return {
        "decisions": scene.sizes.batch_decisions,
        "distance": scene.sizes.batch_distance,
        "first_jobs_s": first_jobs,
        "contenders": {name: {"runs": [run.to_dict() for run in runs[name]]} for name in logs},
    }


def _cuts(scene: Scene, data: Dataset) -> tuple[int, int]:
    """The event of the first job's decision, and the first of the batch."""
    first = data.count - scene.sizes.batch_decisions
    return first - scene.sizes.batch_distance, first


def _batch(scene: Scene, data: Dataset) -> Path:
    return data.decisions("velocity-batch", velocity(), first=_cuts(scene, data)[1])


def _first_job(scene: Scene, data: Dataset) -> float | None:
    """Leave a checkpoint at the distance; seconds, None where it is there already."""
    scene.say(f"data of {data.folder.name}")
    data.prepare()
    _batch(scene, data)
    state = data.folder / "state"
    if state.exists():
        return None
    work = scene.scratch("batch-first")
    at = _cuts(scene, data)[0]
    decision = data.decisions("velocity-first", velocity(), first=at, end=at + 1)
    one = work / "decision.ndjson"
    with decision.open("rb") as lines:
        one.write_bytes(b"".join(islice(lines, 1)))
    arguments = [*_arguments(data, one), "--state", str(work / "state"), "--out", str(work / "out")]
    measured = scene.cli("first", arguments, work)
    if measured.failure is not None:
        raise RuntimeError(f"the job that leaves the checkpoint: {measured.failure}")
    (work / "state").rename(state)
    return measured.wall_s


def _arguments(data: Dataset, decisions: Path) -> list[str]:
    registry = data.registry("velocity", velocity())
    given = {"events": f"archive:{data.archive}", "decisions": str(decisions), "features": str(registry)}
    options = [part for name, value in given.items() for part in (f"--{name}", value)]
    return ["replay", *options, "--snapshots", "none", "--workers", "2"]
