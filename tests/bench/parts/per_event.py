"""The per-event workload: an answer for every event of the skewed stream; OFS, the peers and the limit in rounds."""

from __future__ import annotations

from typing import Any

from tests.bench import answers
from tests.bench.contenders import (
    LIMITS,
    OFS,
    PEERS,
    Contender,
    Stage,
    rows_to_topic,
    verdicts_from_kafka,
)
from tests.bench.definitions import velocity
from tests.bench.exact import Reference, agreement, reference, sample_of
from tests.bench.measure import Measured
from tests.bench.rounds import interleaved, rate
from tests.bench.scene import Scene


def run(scene: Scene) -> dict[str, Any]:
    """All contenders."""
    stage = Stage(scene, scene.per_event(), "per-event")
    stage.prepare(with_topics=True)
    return compare(stage, (*OFS, LIMITS[0], *PEERS))


def compare(stage: Stage, contenders: tuple[Contender, ...]) -> dict[str, Any]:
    """Rounds of the contenders, and each one's answers after its first run against the exact ones."""
    scene = stage.scene
    able, absent = _able(scene, contenders)
    sample = sample_of(stage.data.count)
    scene.say("exact answers of a sample")
    exact = reference(stage.data.events, sample)
    checks: dict[str, dict[str, Any]] = {}
    _warm_broker(stage)

    def one(name: str, number: int) -> Measured:
        contender = able[name]
        measured = contender.run(stage)
        if measured.failure is None:
            scene.say(f"round {number + 1}: {contender.label}: {rate(measured):,.0f} events/s")
        else:
            scene.say(f"round {number + 1}: {contender.label}: {measured.failure}")
        if number == 0 and measured.failure is None:
            checks[name] = _checked(stage, contender, measured, exact, sample)
        return measured

    repeated = frozenset(
        name for name, contender in able.items() if contender.is_repeated or contender.peer is None
    )
    runs = interleaved(list(able), scene.runs, repeated, one)
    return {
        "events": stage.data.count,
        "contenders": {
            name: {
                "label": contender.label,
                "kind": contender.kind,
                "peer": contender.peer,
                "cannot": contender.cannot,
                "runs": [measured.to_dict() for measured in runs[name]],
                "check": checks.get(name),
            }
            for name, contender in able.items()
        },
        "absent": absent,
    }


def _warm_broker(stage: Stage) -> None:
    """Reading, writing and transactions, uncounted.

    A broker that was just started compiles itself on the cores of whoever runs first; that is nobody's rate.
    """
    stage.scene.say("warming the broker")
    for _ in range(2):
        for way in (verdicts_from_kafka, rows_to_topic):
            way(stage, 2)


def _able(scene: Scene, contenders: tuple[Contender, ...]) -> tuple[dict[str, Contender], dict[str, str]]:
    """Who can run here, and why the others cannot."""
    able: dict[str, Contender] = {}
    absent: dict[str, str] = {}
    for contender in contenders:
        if scene.only and contender.name not in scene.only:
            continue
        reason = None if contender.peer is None else scene.prepare_peer(contender.peer)
        if reason is None:
            able[contender.name] = contender
        else:
            absent[contender.label] = reason
    return able, absent


def _checked(
    stage: Stage, contender: Contender, measured: Measured, exact: Reference, sample: list[int]
) -> dict[str, Any]:
    """What is right of the run that has just ended."""
    if contender.kind == "limit":
        return {"complete": measured.events == stage.data.count}
    if contender.answers is not None:
        count, found = contender.answers(stage, exact.by_arrival.keys())
        return {"complete": count == stage.data.count, "records": count, **agreement(found, exact)}
    if measured.result["results"] != {"MATCH": stage.data.count}:
        raise RuntimeError(
            f"{contender.label}: expected every decision to MATCH: {measured.result['results']}"
        )
    decisions = stage.data.decisions("velocity", velocity())
    _, found = answers.of_snapshots(stage.data, decisions, sample)
    return {"complete": True, "records": measured.events, **agreement(found, exact)}
