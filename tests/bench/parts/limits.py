"""What can be read at all, by clients that do nothing else."""

from __future__ import annotations

from typing import Any

from tests.bench.contenders import LIMITS, Stage
from tests.bench.parts.per_event import compare
from tests.bench.scene import Scene


def run(scene: Scene) -> dict[str, Any]:
    """The limits, interleaved."""
    stage = Stage(scene, scene.per_event(), "per-event")
    stage.prepare(with_topics=True)
    return compare(stage, LIMITS)
