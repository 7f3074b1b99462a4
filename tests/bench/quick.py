"""The quick run for daily work: OFS alone on 200,000 events, and on request where its time goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from tests.bench.contenders import LIMITS, OFS, Contender, Stage, verdicts_from_archive
from tests.bench.figures import stages_of
from tests.bench.measure import Measured
from tests.bench.rounds import rate
from tests.bench.scene import Scene

EVENTS: Final = 200_000
_SHOWN_PLACES: Final = 10
_SHOWN_THREADS: Final = 8
_ONE_WORKER: Final = Contender(
    "ofs-verdicts-archive-1",
    "OFS verdicts, archive, one worker",
    "verdicts",
    lambda stage: verdicts_from_archive(stage, 1),
)


def run(scene: Scene) -> int:
    """Print a table; exit code 1 where a run fails or a verdict is no MATCH."""
    stage = Stage(scene, scene.per_event(EVENTS), "per-event")
    stage.prepare(with_topics=True)
    contenders = [
        contender
        for contender in (_ONE_WORKER, *OFS, LIMITS[0])
        if not scene.only or contender.name in scene.only
    ]
    is_sound = True
    for contender in contenders:
        reason = None if contender.peer is None else scene.prepare_peer(contender.peer)
        if reason is not None:
            scene.say(f"{contender.label}: {reason}")
            continue
        measured = best_of(scene.runs, contender.run, stage)
        print(_line(contender, measured))
        is_sound = is_sound and _is_sound(contender, measured)
        if scene.is_profiled and contender.peer is None and measured.failure is None:
            _print_profile(scene, contender, measured)
    return 0 if is_sound else 1


def best_of(runs: int, run: Callable[[Stage], Measured], stage: Stage) -> Measured:
    """The fastest of several runs; the first that fails, where one does."""
    best = run(stage)
    for _ in range(runs - 1):
        again = run(stage)
        if again.failure is not None:
            return again
        if rate(again) > rate(best):
            best = again
    return best


def _line(contender: Contender, measured: Measured) -> str:
    if measured.failure is not None:
        return f"{contender.label:40} {measured.failure}"
    speed = (
        f"{rate(measured):>10,.0f} events/s  {measured.seconds or 0:7.2f} s  wall {measured.wall_s:6.2f} s"
    )
    cost = f"CPU {measured.cpu_s:6.2f} s  broker {measured.broker_cpu_s:5.2f} s  {measured.peak_bytes >> 20:6,} MiB"
    return f"{contender.label:40} {speed}  {cost}"


def _is_sound(contender: Contender, measured: Measured) -> bool:
    if contender.kind != "verdicts":
        return True
    return measured.failure is None and measured.result["results"] == {"MATCH": EVENTS}


def _print_profile(scene: Scene, contender: Contender, measured: Measured) -> None:
    """The stages that the run itself tells; else samples of its threads."""
    stages = stages_of(measured.to_dict())
    for name, seconds in stages.items():
        print(f"    {name:34} {seconds:8.3f} s {seconds / EVENTS * 1e6:8.2f} us an event")
    profiles = sorted((scene.root / "work").glob("*/profile.json"), key=lambda path: path.stat().st_mtime)
    if profiles:
        profile: dict[str, dict[str, float]] = json.loads(profiles[-1].read_text("utf-8"))
        for name, seconds in list(profile["threads"].items())[:_SHOWN_THREADS]:
            print(f"    {seconds:6.2f} s CPU  thread {name}")
        for place, share in list(profile["places"].items())[:_SHOWN_PLACES]:
            print(f"    {share:6.1%} of samples  {place}")
