"""The benchmark suite: `python -m tests.bench [PART …]`.

Parts: per-event, limits, workers, scaling, long, wide, operators, keys, batch; none named: all. A part that is
finished is not run again unless `--again`. The report and its plots are written after the last part: to `docs` once
every part has a result, else beside the results.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.bench import quick
from tests.bench.broker import REPOSITORY
from tests.bench.parts import batch, keys, limits, long, operators, per_event, scaling, wide, workers
from tests.bench.report import write_report
from tests.bench.scene import SMALL, Scene, Sizes, machine

PARTS: Final[dict[str, Callable[[Scene], dict[str, Any]]]] = {
    "per-event": per_event.run,
    "limits": limits.run,
    "workers": workers.run,
    "scaling": scaling.run,
    "long": long.run,
    "wide": wide.run,
    "operators": operators.run,
    "keys": keys.run,
    "batch": batch.run,
}


def main() -> int:
    """Run the parts that are asked for and not finished, then write the report."""
    arguments = _parser().parse_args()
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown:
        sys.stderr.write(f"bench: no part {unknown[0]}; parts: {', '.join(PARTS)}\n")
        return 2
    root = arguments.dir / "small" if arguments.small else arguments.dir
    scene = Scene(
        root=root.resolve(),
        sizes=SMALL if arguments.small else Sizes(),
        runs=arguments.runs,
        python=arguments.dir.resolve() / "venv" / "bin" / "python",
        is_profiled=arguments.profile,
        only=frozenset(arguments.only),
    )
    try:
        if arguments.quick:
            return quick.run(scene)
        for part in arguments.parts or PARTS:
            _run_part(scene, part, is_again=arguments.again)
    finally:
        scene.close()
    missing = [part for part in PARTS if not _result(scene, part).exists()]
    if missing:
        scene.say(f"docs/performance.md stays as it is: not measured yet: {', '.join(missing)}")
    target = root if arguments.small or missing else REPOSITORY / "docs"
    scene.say(f"report: {write_report(results_folder(scene), target, scene.python)}")
    return 0


def results_folder(scene: Scene) -> Path:
    """One JSON file a finished part."""
    return scene.root / "results"


def _result(scene: Scene, part: str) -> Path:
    return results_folder(scene) / f"{part}.json"


def _run_part(scene: Scene, part: str, *, is_again: bool) -> None:
    path = _result(scene, part)
    if path.exists() and not is_again and not scene.only:
        scene.say(f"{part}: finished before ({path}); --again runs it again")
        return
    scene.say(f"{part}: begins")
    started = time.perf_counter()
    found = PARTS[part](scene)
    if scene.only and path.exists():
        before = json.loads(path.read_text("utf-8"))
        found["contenders"] = {**before["contenders"], **found["contenders"]}
    seconds = time.perf_counter() - started
    result = {
        "part": part,
        "finished_at_utc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "took_s": round(seconds, 1),
        "machine": machine(),
        "versions": scene.versions(),
        **found,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    partial.replace(path)
    scene.say(f"{part}: done in {seconds:.0f} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--runs", type=int, default=3, help="rounds; medians are of so many runs")
    parser.add_argument("--again", action="store_true", help="also run parts that are finished")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="these contenders of a part alone, beside the results it has; repeat",
    )
    parser.add_argument("--quick", action="store_true", help="OFS alone, 200,000 events, no report")
    parser.add_argument(
        "--small", action="store_true", help="tiny sizes, for trying the suite; a folder of its own"
    )
    parser.add_argument("--profile", action="store_true", help="say where the time of OFS goes")
    parser.add_argument(
        "--dir", type=Path, default=REPOSITORY / "build" / "bench", help="data, programs, results"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
