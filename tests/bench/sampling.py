"""Where a process is, by samples of all its threads: the innermost function of the package that each is in.

A thread that holds the interpreter inside a native call is seen when it comes out of it, in the function that called.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import PurePath
from types import FrameType
from typing import Final

_EVERY_S: Final = 0.005
_PACKAGE: Final = "ofs"


class Sampler:
    """Samples from its making until `stop`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        """Share of the samples by place, largest first; a place is `module:function`."""
        self._ended.set()
        self._thread.join()
        total = sum(self._seen.values())
        return {place: count / total for place, count in self._seen.most_common()}

    def _sample(self) -> None:
        own = threading.get_ident()
        while not self._ended.wait(_EVERY_S):
            for ident, frame in sys._current_frames().items():
                place = None if ident == own else place_of(frame)
                if place is not None:
                    self._seen[place] += 1


def place_of(frame: FrameType | None) -> str | None:
    """The innermost frame inside the package; None where the thread is outside of it."""
    while frame is not None:
        parts = PurePath(frame.f_code.co_filename).parts
        if _PACKAGE in parts:
            module = ".".join(parts[len(parts) - parts[::-1].index(_PACKAGE) - 1 :]).removesuffix(".py")
            return f"{module}:{frame.f_code.co_name}"
        frame = frame.f_back
    return None
