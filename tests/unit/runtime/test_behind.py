"""What is written behind the work that makes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from ofs.runtime.behind import Behind


def test_jobs_are_done_in_order() -> None:
    """Whatever the limit, and all of them once `settle` returns."""
    done: list[int] = []
    with ThreadPoolExecutor(1) as thread:
        behind = Behind(thread.submit, limit=2)
        for number in range(20):
            behind.add(done.append, number)
        behind.settle()
        assert done == list(range(20))


def test_no_job_is_done_after_one_that_failed() -> None:
    """Those that waited already are passed over, and the failure is raised."""
    done: list[int] = []
    begin = Event()

    def fail() -> None:
        begin.wait(10)
        raise OSError("the disk is full")

    with ThreadPoolExecutor(1) as thread:
        behind = Behind(thread.submit)
        behind.add(done.append, 1)
        behind.add(fail)
        behind.add(done.append, 2)
        behind.add(done.append, 3)
        begin.set()
        with pytest.raises(OSError, match="the disk is full"):
            behind.settle()
    assert done == [1]


def test_the_caller_waits_at_the_limit() -> None:
    """A job beyond the limit is taken once the first is done: here that one failed, which is told."""

    def fail() -> None:
        raise OSError("the disk is full")

    with ThreadPoolExecutor(1) as thread:
        behind = Behind(thread.submit, limit=1)
        behind.add(fail)
        with pytest.raises(OSError, match="the disk is full"):
            behind.add(fail)
