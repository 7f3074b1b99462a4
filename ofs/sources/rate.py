"""A limit on how many records a second are read, shared by all readers of a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_BURST_S: Final = 0.1


class RateLimiter:
    """Lets through `records_per_s` on average, in bursts of a tenth of a second at most. Safe to share by threads."""

    def __init__(
        self,
        records_per_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Bounds: records_per_s > 0, else ValueError."""
        if not records_per_s > 0:
            raise ValueError(f"a read rate must be above 0, found {records_per_s}")
        self._records_per_s = records_per_s
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    def burst(self, wanted: int) -> int:
        """How many of the wanted records may be asked for at once: 1 to `wanted`."""
        return max(1, min(wanted, int(self._records_per_s * _BURST_S)))

    def spend(self, records: int) -> None:
        """Take down records that were read, and wait until the rate allows the next ones."""
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - _BURST_S) + records / self._records_per_s
            wait_s = self._free_at - now
        if wait_s > 0:
            self._sleep(wait_s)
