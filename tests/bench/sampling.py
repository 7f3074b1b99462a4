"""Where a process is, by samples: the innermost function of the package that each of its Python threads is in, and the
CPU time of all its threads by the names that libraries give them.

A thread that holds the interpreter inside a native call is seen when it comes out of it, in the function that called.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from pathlib import Path, PurePath
from types import FrameType
from typing import Any, Final

_EVERY_S: Final = 0.005
_THREADS_EVERY: Final = 20
_PACKAGE: Final = "ofs"
_TASKS: Final = Path("/proc/self/task")


class Sampler:
    """Samples from its making until `stop`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._threads: dict[str, tuple[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, Any]:
        """`places`: share of the samples by `module:function`, largest first; `threads`: CPU seconds by name."""
        self._ended.set()
        self._thread.join()
        total = sum(self._seen.values())
        spent: Counter[str] = Counter()
        for name, seconds in self._threads.values():
            spent[name] += seconds  # type: ignore[assignment]  # a Counter holds floats as well
        return {
            "places": {place: count / total for place, count in self._seen.most_common()},
            "threads": {name: round(seconds, 2) for name, seconds in spent.most_common()},
        }

    def _sample(self) -> None:
        own = threading.get_ident()
        number = 0
        while not self._ended.wait(_EVERY_S):
            for ident, frame in sys._current_frames().items():
                place = None if ident == own else place_of(frame)
                if place is not None:
                    self._seen[place] += 1
            if number % _THREADS_EVERY == 0:
                self._read_threads()
            number += 1
        self._read_threads()

    def _read_threads(self) -> None:
        """A thread that has ended keeps what it was last seen with."""
        for task in _TASKS.iterdir():
            try:
                before, _, after = (task / "stat").read_text().rpartition(")")
            except OSError:
                continue
            fields = after.split()
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            self._threads[task.name] = (before.partition("(")[2], seconds)


def place_of(frame: FrameType | None) -> str | None:
    """The innermost frame inside the package; None where the thread is outside of it."""
    while frame is not None:
        parts = PurePath(frame.f_code.co_filename).parts
        if _PACKAGE in parts:
            module = ".".join(parts[len(parts) - parts[::-1].index(_PACKAGE) - 1 :]).removesuffix(".py")
            return f"{module}:{frame.f_code.co_name}"
        frame = frame.f_back
    return None
