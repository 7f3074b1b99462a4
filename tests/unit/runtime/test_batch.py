"""Reading the batch: the same whatever the blocks, and whenever the jobs that decode them are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from ofs.contracts import DeadLetter
from ofs.engine.native import NativeEngine
from ofs.engine.port import Engine
from ofs.engine.reference import ReferenceEngine
from ofs.errors import SourceError
from ofs.ports import DecisionSource
from ofs.runtime.batch import Batch, LineCursor, at_once, read_batch
from ofs.runtime.report import Progress
from tests.golden.core_presence import required_core
from tests.unit.planner.facts import line

LINES = [
    line(decision_id="a"),
    b"nonsense",
    line(decision_id="b"),
    line(decision_id="odd", basis=[]),
    b'{"x":1}',
    line(decision_id="twice"),
    line(decision_id="a"),
    line(decision_id="twice", request_id="other"),
    *[line(decision_id=f"more-{number}") for number in range(50)],
]


@pytest.fixture(params=["reference", "native"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine; the native one where it was built."""
    if request.param == "native":
        required_core()
        return NativeEngine()
    return ReferenceEngine()


class Blocks:
    """Lines, so many at a time; it counts the blocks that were taken."""

    name = "blocks"

    def __init__(self, lines: list[bytes], size: int) -> None:
        self._lines, self._size, self.taken = lines, size, 0

    def blocks(self) -> Iterator[list[bytes]]:
        """See DecisionSource."""
        for first in range(0, len(self._lines), self._size):
            self.taken += 1
            yield self._lines[first : first + self._size]


class Late:
    """Jobs that are done only when their results are wanted; it knows how many were open at most."""

    def __init__(self) -> None:
        self.open = self.open_max = 0

    def submit(self, job: Callable[..., Any], *given: Any) -> Future[Any]:
        """As Executor.submit."""
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        late = self

        class Promise(Future[Any]):
            def result(self, timeout: float | None = None) -> Any:
                late.open -= 1
                return job(*given)

        return Promise()


def _read(engine: Engine, source: DecisionSource, submit: Any = at_once) -> tuple[Batch, list[int | None]]:
    reports: list[Progress] = []
    batch = read_batch(engine, source, reports.append, submit)
    return batch, [report.done for report in reports]


def _seen(batch: Batch) -> tuple[Any, ...]:
    decisions, count = batch.decisions, len(batch.decisions)
    irregular = {index: decision.decision_id for index, decision in batch.irregular.items()}
    told = decisions.lines(0, count), decisions.ids(0, count), decisions.duplicates, decisions.line_count
    return told, irregular, batch.dead_letters, batch.digest


def _dead(letters: tuple[DeadLetter, ...]) -> list[tuple[int, str, str | None]]:
    return [(letter.line, letter.reason, letter.decision_id) for letter in letters]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_batch_does_not_depend_on_blocks_or_workers(engine: Engine, size: int) -> None:
    """Decisions, dead letters and digest are those of the lines in their order; progress follows the blocks."""
    whole, _ = _read(ReferenceEngine(), Blocks(LINES, len(LINES)))
    assert _dead(whole.dead_letters) == [
        (1, "NOT_AN_OBJECT", None),
        (4, "DECISION_ID_MISSING", None),
        (5, "DECISION_CONFLICT", "twice"),
        (7, "DECISION_CONFLICT", "twice"),
    ]
    late = Late()
    with ThreadPoolExecutor(3) as workers:
        for submit in (at_once, late.submit, workers.submit):
            batch, done = _read(engine, Blocks(LINES, size), submit)
            assert _seen(batch) == _seen(whole)
            assert done == [*range(size, len(LINES), size), len(LINES)]
    assert late.open == 0
    assert late.open_max <= 8


def test_reading_stops_at_what_the_source_or_a_job_raises(engine: Engine) -> None:
    """Neither is taken for the end of the lines."""

    class Broken(Blocks):
        def blocks(self) -> Iterator[list[bytes]]:
            yield from super().blocks()
            raise SourceError("gone")

    with pytest.raises(SourceError, match="gone"):
        _read(engine, Broken(LINES, 9))

    def failing(job: Callable[..., Any], *given: Any) -> Future[Any]:
        failed: Future[Any] = Future()
        failed.set_exception(MemoryError())
        return failed

    with pytest.raises(MemoryError):
        _read(engine, Blocks(LINES, 9), failing)


def test_line_cursor_goes_forward_to_the_lines_that_are_wanted() -> None:
    """It takes no more blocks than it needs; a line asked for again is there still; one beyond the end is gone."""
    source = Blocks(LINES, 3)
    cursor = LineCursor(source)
    assert [cursor.text(number) for number in (0, 2, 2, 3, 10)] == [LINES[n] for n in (0, 2, 2, 3, 10)]
    assert source.taken == 4
    with pytest.raises(SourceError, match=f"line {len(LINES) + 1} is gone"):
        cursor.text(len(LINES))
