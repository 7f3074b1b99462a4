"""Where a run spends its processor time: by stage, over all of its threads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

STAGES: Final = ("decisions", "fetch", "decode", "fold", "assemble", "write")
"""Read and decode the decisions; fetch records; decode them; fold and answer; merge, hash and compare; hand over."""


class Stages:
    """CPU time of the threads inside a stage; what libraries do on threads of their own is in none."""

    def __init__(self) -> None:
        self._start_ns = time.process_time_ns()
        self._spent: list[tuple[str, int]] = []  # appended to by any thread, which needs no lock

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """What is inside counts for the stage, and for no stage around it."""
        start_ns = time.thread_time_ns()
        try:
            yield
        finally:
            self._spent.append((stage, time.thread_time_ns() - start_ns))

    def counted(self, stage: str, submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        """Starts jobs as `submit` does; they count for the stage."""
        return lambda *job: submit(self._call, stage, *job)

    def _call(self, stage: str, job: Callable[..., Any], *given: Any) -> Any:
        with self.timed(stage):
            return job(*given)

    def figures(self) -> dict[str, int]:
        """Microseconds: `cpu_us` of the whole process, and `cpu_us_<stage>`."""
        spent: Counter[str] = Counter(dict.fromkeys(STAGES, 0))
        for stage, span_ns in self._spent:
            spent[stage] += span_ns
        total_ns = time.process_time_ns() - self._start_ns
        return {"cpu_us": total_ns // 1000} | {f"cpu_us_{stage}": ns // 1000 for stage, ns in spent.items()}
