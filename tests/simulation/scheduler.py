"""Threads of which one runs at a time, and chance says which: the interleaving of a run depends on its seed alone."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self
from unittest import mock

from ofs.runtime import replay as run_loop

_MAIN: Final = 0
Job = tuple["BatonFuture", Callable[..., Any], tuple[Any, ...]]


class Baton:
    """Only its holder runs. It changes hands at port calls, where a thread waits for another, and where one ends.

    `restlessness`: how likely it changes hands at a port call, 0 to 1.
    """

    def __init__(self, chance: random.Random, restlessness: float) -> None:
        self._chance: Final = chance
        self._restlessness: Final = restlessness
        self._turns: Final[dict[int, threading.Semaphore]] = {_MAIN: threading.Semaphore(0)}
        self._ready: Final[list[int]] = [_MAIN]
        self.holder = _MAIN

    def join(self) -> int:
        """Add a thread; it is not ready yet."""
        number = len(self._turns)
        self._turns[number] = threading.Semaphore(0)
        return number

    def ready(self, number: int) -> None:
        """The thread has something to do."""
        if number not in self._ready:
            self._ready.append(number)

    def wait_turn(self, number: int) -> None:
        """Sleep until the baton comes."""
        self._turns[number].acquire()

    def switch(self) -> None:
        """A port call: perhaps another goes first."""
        if len(self._ready) > 1 and self._chance.random() < self._restlessness:
            self._give_away()

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        """Let the others run until the condition holds. Raises RuntimeError where none of them can."""
        while not is_true():
            if len(self._ready) == 1:
                raise RuntimeError("deadlock: the run waits for what nobody does")
            self._give_away()

    def rest(self, number: int) -> None:
        """The holder has nothing left to do; it sleeps until it is made ready again and its turn comes."""
        self.leave(number)
        self.wait_turn(number)

    def leave(self, number: int) -> None:
        """The holder has nothing left to do, and does not come back by itself."""
        self._ready.remove(number)
        self._hand_to(self._chance.choice(self._ready))

    def _give_away(self) -> None:
        me = self.holder
        self._hand_to(self._chance.choice([number for number in self._ready if number != me]))
        self.wait_turn(me)

    def _hand_to(self, number: int) -> None:
        self.holder = number
        self._turns[number].release()


class BatonFuture(Future[Any]):
    """A result that is waited for by handing the baton on."""

    def __init__(self, baton: Baton) -> None:
        super().__init__()
        self._baton = baton

    def result(self, timeout: float | None = None) -> Any:
        """As Future.result."""
        self._baton.wait_until(self.done)
        return super().result(timeout)


class BatonPool:
    """What the run loop uses of ThreadPoolExecutor, over threads that share a baton."""

    def __init__(self, baton: Baton, workers: int) -> None:
        self._baton: Final = baton
        self._jobs: Final[deque[Job]] = deque()
        self._numbers: Final = [baton.join() for _ in range(workers)]
        self._idle: Final[set[int]] = set(self._numbers)
        self._is_ending = False
        self._threads: Final = [
            threading.Thread(target=self._work, args=(number,), daemon=True) for number in self._numbers
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All jobs end first, as those of a ThreadPoolExecutor do."""
        self._baton.wait_until(lambda: not self._jobs and len(self._idle) == len(self._numbers))
        self._is_ending = True
        for number, thread in zip(self._numbers, self._threads, strict=True):
            self._baton.ready(number)
            self._baton.wait_until(lambda number=number: number not in self._idle)  # type: ignore[misc]  # mypy: a default in a lambda
            thread.join()

    def submit(self, work: Callable[..., Any], *args: Any) -> BatonFuture:
        """As Executor.submit."""
        future = BatonFuture(self._baton)
        self._jobs.append((future, work, args))
        if self._idle:
            number = min(self._idle)
            self._idle.discard(number)
            self._baton.ready(number)
        return future

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """As Executor.map."""
        futures = [self.submit(work, item) for item in items]
        return (future.result() for future in futures)

    def _work(self, number: int) -> None:
        self._baton.wait_turn(number)
        while not self._is_ending:
            while self._jobs:
                _perform(*self._jobs.popleft())
                self._baton.switch()
            self._idle.add(number)
            self._baton.rest(number)
        self._idle.discard(number)
        self._baton.leave(number)


@contextmanager
def one_at_a_time(baton: Baton) -> Iterator[None]:
    """The run loop's tasks run in threads that share the baton."""
    with mock.patch.object(run_loop, "ThreadPoolExecutor", lambda workers, _name: BatonPool(baton, workers)):
        yield


def _perform(future: BatonFuture, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work(*args))
    except BaseException as error:  # noqa: BLE001  (whatever it is, the run loop gets it with the result)
        future.set_exception(error)
