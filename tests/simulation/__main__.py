"""`python -m tests.simulation --seed N` repeats one seed and says what happened; `--minutes M` runs as many as fit."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.simulation.simulation import SimulationFailed, Story, simulate


def main() -> int:
    """0: all seeds did what is promised; 1: one did not, and what happened was printed."""
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    arguments.add_argument("--seed", type=int, default=0, help="the seed, or the first one")
    arguments.add_argument("--minutes", type=float, help="run seed after seed for so long")
    given = arguments.parse_args()
    if given.minutes is None:
        return _one(given.seed)
    return _many(given.seed, time.monotonic() + given.minutes * 60)


def _run(seed: int) -> Story:
    memory = Path("/dev/shm")  # the files of a seed are many and short-lived
    folder = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="ofs-simulation-", dir=folder) as scratch:
        return simulate(seed, Path(scratch))


def _one(seed: int) -> int:
    try:
        story = _run(seed)
    except SimulationFailed as failure:
        print(failure)
        return 1
    print("\n".join(story.trace))
    print(f"seed {seed}: outputs in {story.place}; launches {', '.join(story.ends)}; {story.calls} calls")
    return 0


def _many(first: int, deadline: float) -> int:
    ends: Counter[str] = Counter()
    fired: Counter[str] = Counter()
    results: Counter[str] = Counter()
    seed, failed = first, []
    while time.monotonic() < deadline:
        try:
            story = _run(seed)
        except SimulationFailed as failure:
            failed.append(seed)
            print(str(failure).splitlines()[0])
        else:
            ends.update(story.ends)
            fired.update(story.fired)
            results.update(story.results)
        seed += 1
    print(f"{seed - first} seeds from {first}: {len(failed)} failed {failed[:20]}")
    for name, counted in (("launches", ends), ("faults", fired), ("verdicts", results)):
        print(f"{name}: {', '.join(f'{what} {count}' for what, count in sorted(counted.items()))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
