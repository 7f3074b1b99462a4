"""What is written behind the work that makes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from ofs.runtime.feed import Submit

UNWRITTEN_MAX: Final = 4
"""Chunks that may wait, so that a commit of several of them is not waited for."""


class Behind:
    """Does jobs in order, up to `limit` of them behind the caller; none after one that failed.

    `submit`: of an executor with one thread or, where the limit is 1, any number. What a job raises is raised by
    a later `add`, or by `settle`.
    """

    def __init__(self, submit: Submit, limit: int = UNWRITTEN_MAX) -> None:
        self._submit: Final = submit
        self._limit: Final = limit
        self._jobs: Final[deque[Future[None]]] = deque()

    def add(self, job: Callable[..., None], *given: Any) -> None:
        """Do the job after those before it."""
        if len(self._jobs) == self._limit:
            self._jobs.popleft().result()
        self._jobs.append(self._submit(_after, self._jobs[-1] if self._jobs else None, job, *given))

    def settle(self) -> None:
        """Wait until all is done."""
        while self._jobs:
            self._jobs.popleft().result()


def _after(before: Future[None] | None, job: Callable[..., None], *given: Any) -> None:
    if before is not None:
        before.result()
    job(*given)
