"""The records of a partition, fetched and decoded ahead of the fold that takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Final

from ofs.engine.port import Decoded, Decoder
from ofs.ports import RecordBatch
from ofs.runtime.stages import Stages

Submit = Callable[..., Future[Any]]
_AHEAD: Final = 2


class Feed:
    """Hands out decoded batches in order; the next ones are made by a job meanwhile.

    One caller at a time. A job that has not begun when its batch is wanted is taken back and done by the caller, so
    that nothing waits for a worker that is not there. What reading or decoding raises is raised by `take`.
    """

    def __init__(
        self, batches: Iterator[RecordBatch], decoder: Decoder, submit: Submit, stages: Stages
    ) -> None:
        self._batches: Final = batches
        self._decoder: Final = decoder
        self._submit: Final = submit
        self._stages: Final = stages
        self._ready: Final[deque[Decoded]] = deque()
        self._job: Future[None] | None = None
        self._is_ended = False

    def take(self) -> Decoded | None:
        """The next batch that holds a record; None at the end."""
        while not self._ready and not self._is_ended:
            job, self._job = self._job, None
            if job is None or job.cancel():
                self._make_one()
            else:
                job.result()
        taken = self._ready.popleft() if self._ready else None
        if not self._is_ended and (self._job is None or (self._job.done() and self._job.exception() is None)):
            self._job = self._submit(self._make_some)
        return taken

    def settle(self) -> None:
        """Raise what reading ahead has met, also where nobody took it."""
        self._is_ended = True
        if self._job is not None and not self._job.cancel():
            self._job.result()

    def stop(self) -> None:
        """Make no more; a job at work ends with the batch at hand."""
        self._is_ended = True

    def _make_some(self) -> None:
        while not self._is_ended and len(self._ready) < _AHEAD:
            self._make_one()

    def _make_one(self) -> None:
        with self._stages.timed("fetch"):
            batch = next(self._batches, None)
        if batch is None:
            self._is_ended = True
        elif len(batch):
            with self._stages.timed("decode"):
                self._ready.append(self._decoder.decode(batch))
