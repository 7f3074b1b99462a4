"""One process, measured from outside: wall time, CPU, the peak of its memory, and what the broker used meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.broker import Broker

_SAMPLE_S: Final = 0.1
_RESULT: Final = "RESULT "
_KIB: Final = 1_024
_SHOWN_CHARACTERS: Final = 400


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run cost. `peak_bytes`: the sum of the largest resident sizes of the process and of what it started.

    `seconds`: the program's own, from the first record to outputs flushed; None where it says none.
    `failure`: why it gave no result, None where it did.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    broker_cpu_s: float
    seconds: float | None
    events: int
    result: dict[str, Any]
    failure: str | None

    def to_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self)


def run_measured(
    command: Sequence[str | Path],
    *,
    log: Path,
    limit_s: float,
    broker: Broker | None = None,
    environment: Mapping[str, str] | None = None,
    result_of: Callable[[str], dict[str, Any]] | None = None,
) -> Measured:
    """Run a command to its end in a session of its own, and kill that session after `limit_s`.

    `result_of`: reads the result out of the output; None: the last RESULT line.
    """
    broker_before = 0.0 if broker is None else broker.cpu_s()
    started = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        watch = _MemoryWatch(process.pid)
        timer = threading.Timer(limit_s, _kill_session, [process.pid])
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            _kill_session(process.pid)
            raise
        finally:
            timer.cancel()
            watched_bytes = watch.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - started
    _kill_session(process.pid)  # whatever it left behind
    result = (result_of or last_result)(log.read_text("utf-8", "replace"))
    return Measured(
        wall_s=round(wall_s, 3),
        cpu_s=round(usage.ru_utime + usage.ru_stime, 2),
        peak_bytes=watched_bytes,
        broker_cpu_s=0.0 if broker is None else round(broker.cpu_s() - broker_before, 2),
        seconds=result.get("seconds"),
        events=result.get("events", 0),
        result=result,
        failure=_failure(process.returncode, result, wall_s, limit_s, log),
    )


def last_result(text: str) -> dict[str, Any]:
    """The last RESULT line of a program's output; empty where it has none."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        if line.startswith(_RESULT):
            found = json.loads(line.removeprefix(_RESULT))
    return found


def _failure(status: int, result: Mapping[str, Any], wall_s: float, limit_s: float, log: Path) -> str | None:
    if wall_s >= limit_s:
        return f"not finished after {limit_s:.0f} s"
    if status == 0 and result:
        return None
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1][:_SHOWN_CHARACTERS] if lines else "no output"
    return f"ended with {status}: {last}"


def _kill_session(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


class _MemoryWatch:
    """Samples a session: workers in processes of their own count, too.

    The usage that a process leaves behind would not do: it begins with the size of the process that forked it.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self._peaks: dict[str, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return sum(self._peaks.values())

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            for path in Path("/proc").iterdir():
                if path.name.isdecimal() and _session_of(path) == self._session:
                    self._peaks[path.name] = max(self._peaks.get(path.name, 0), _peak_bytes(path))


def _session_of(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return None


def _peak_bytes(process: Path) -> int:
    """Its largest resident size since it began its program; 0 where it is gone."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * _KIB for line in lines if line.startswith("VmHWM:")), 0)
