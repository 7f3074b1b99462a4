"""A progress bar on stderr for long work; nothing at all where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ofs.cli.terminal import is_lively

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Tell = Callable[[str, int, int | None], None]
"""(stage, done, total); total None: not known."""


@contextmanager
def progress_bar(unit: str) -> Iterator[Tell]:
    """Shows a bar a stage with count, rate in `unit` a second, and time left, until the block ends."""
    if not is_lively(sys.stderr):
        yield lambda _stage, _done, _total: None
        return
    with _bars(unit) as bars:
        yield _Stages(bars).tell


class _Stages:
    """One bar a stage, in the order in which the stages are first heard of."""

    def __init__(self, bars: Bars) -> None:
        self._bars: Final = bars
        self._tasks: Final[dict[str, TaskID]] = {}

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """Move the stage's bar; a stage that comes after it has finished it."""
        if stage not in self._tasks:
            for task in self._bars.tasks:
                self._bars.update(task.id, total=task.completed)
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)


def _bars(unit: str) -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """`12,345 decisions, 6,789/s`."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            rate = "" if speed is None else f", {speed:,.0f}/s"
            return Text(f"{task.completed:,.0f} {unit}{rate}")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        RateColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        refresh_per_second=5,
        transient=True,
    )
