"""`build` in a process of its own, so that the memory of a year of live features is gone before the replay starts.

The child is this module; it writes one JSON line for each step of progress, and a last one with the report or error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ofs.errors import InvariantViolation, OfsError, SinkError, SourceError, UsageError
from topologies.flights.build import BuildReport, Progress, build

__all__ = ["build_apart"]

_ERRORS: Final = {error.code: error for error in (SinkError, SourceError, UsageError)}


def build_apart(folder: Path, *, days: int, progress: Progress) -> BuildReport:
    """As `build`; raises the errors of `build`, and InvariantViolation where the process ended without a word."""
    command = [sys.executable, "-m", "topologies.flights.build_apart", str(folder), str(days)]
    # the child imports what this process imports, however it was started
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:  # noqa: S603 (our own module)
        try:
            for line in child.stdout or ():
                told = json.loads(line)
                if "report" in told:
                    return BuildReport(**told["report"])
                if "error" in told:
                    raise _error(told["error"])
                progress(told["stage"], told["done"], told["total"])
        finally:
            child.kill()
    raise InvariantViolation(f"defect in OFS: building the input ended early, exit {child.returncode}")


def _error(told: dict[str, Any]) -> OfsError:
    return _ERRORS.get(told["code"], InvariantViolation)(told["message"], hint=told["hint"])


def _tell(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _main(folder: str, days: str) -> None:
    try:
        report = build(
            Path(folder),
            days=int(days),
            progress=lambda stage, done, total: _tell({"stage": stage, "done": done, "total": total}),
        )
        _tell({"report": asdict(report)})
    except OfsError as error:
        _tell({"error": {"code": error.code, "message": error.message, "hint": error.hint}})


if __name__ == "__main__":
    _main(*sys.argv[1:])
