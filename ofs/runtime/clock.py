"""The wall clock: of the shell only, for waiting and for run records; no result depends on it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Microseconds UTC, and waiting."""

    def now_us(self) -> int: ...

    def sleep_us(self, duration_us: int) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Microseconds UTC."""
        return time.time_ns() // 1_000

    def sleep_us(self, duration_us: int) -> None:
        """Wait."""
        time.sleep(duration_us / 1e6)
