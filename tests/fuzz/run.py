"""`python -m tests.fuzz.run --inputs N --seed S [--target NAME]`: fuzz, say what ran, keep what was found.

A finding is written to `--out`, one file an input, and the run goes on; the same seed finds it again. Files below
`--corpus` (those of `cargo fuzz`) are checked first, each as a record and as a decision.
Exit code 1: something was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.fuzz import agreement
from tests.fuzz.commands import Commands
from tests.fuzz.targets import Compiled, Decisions, Definitions, Figures, FoundError, Records, Target, held

TARGETS: Final[dict[str, tuple[Callable[[int], Target], float]]] = {
    "records": (Records, 0.6),
    "decisions": (Decisions, 0.25),
    "definitions": (Definitions, 0.1),
    "compiled": (Compiled, 0.04),
    "commands": (Commands, 0.01),
}
"""Each target, and its share of the inputs where all of them run."""

HANG_S: Final = 60
FINDINGS_MAX: Final = 20


def main(arguments: list[str]) -> int:
    """Fuzz; 1 where anything was found."""
    options = _options(arguments)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # a command that reads its standard input finds it empty
    out, found = Path(options.out), 0
    for path in sorted(Path(options.corpus).rglob("*")) if options.corpus else ():
        if path.is_file():
            found += sum(_kept(finding, out) for finding in _replayed(path.read_bytes()))
    for name, (target, share) in TARGETS.items():
        if options.target in ("all", name):
            inputs = round(options.inputs * (share if options.target == "all" else 1))
            with closing(target(options.seed)) as fuzz_round:
                found += _fuzz(name, fuzz_round, inputs, out)
    return 1 if found else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run")
    parser.add_argument("--inputs", type=int, default=20_000, help="how many inputs, over all targets")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same inputs")
    parser.add_argument("--target", choices=["all", *TARGETS], default="all")
    parser.add_argument("--out", default="build/fuzz", help="where findings are kept")
    parser.add_argument("--corpus", default="", help="a folder of inputs that are checked first")
    return parser.parse_args(arguments)


def _fuzz(name: str, fuzz_round: Target, inputs: int, out: Path) -> int:
    """Rounds until so many inputs were held; how many findings."""
    done, findings, behaviours = 0, 0, Counter[str]()
    started = time.monotonic()
    while done < inputs and findings < FINDINGS_MAX:
        # a hang is a finding too: where it hangs is said, and the process ends
        faulthandler.dump_traceback_later(HANG_S, exit=True, file=2)
        try:
            figures: Figures = fuzz_round()
            done += figures.inputs
            behaviours.update(figures.behaviours)
        except FoundError as finding:
            findings += _kept(finding, out)
            done += len(finding.inputs)
        finally:
            faulthandler.cancel_dump_traceback_later()
    seconds = time.monotonic() - started
    shown = ", ".join(f"{behaviour} {count:,}" for behaviour, count in behaviours.most_common(12))
    print(f"{name}: {done:,} inputs in {seconds:.0f} s, {findings} findings ({shown})")
    return findings


def _replayed(data: bytes) -> Iterator[FoundError]:
    checks: dict[str, Callable[[], Hashable]] = {
        "records": lambda: agreement.record(data),
        "decisions": lambda: agreement.decisions([data]),
    }
    for name, check in checks.items():
        try:
            held(name, [data], check)
        except FoundError as finding:
            yield finding


def _kept(finding: FoundError, out: Path) -> int:
    """Write the finding's inputs and say it; always 1."""
    name = hashlib.sha256(b"\0".join(finding.inputs)).hexdigest()[:12]
    folder = out / f"{finding.target.replace(', ', '-')}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(finding.inputs):
        (folder / f"{number:04d}").write_bytes(data)
    (folder / "error.txt").write_text(finding.error + "\n", encoding="utf-8")
    print(f"FOUND by {finding.target}: {finding.error[:300]}; inputs in {folder}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
