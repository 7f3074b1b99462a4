"""The one place through which every port call of a simulated run goes: where faults, crashes and changes come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from ofs.errors import OfsError, SinkError, SourceError, StateError
from tests.simulation.scheduler import Baton

PORTS: Final[dict[str, type[OfsError]]] = {
    "source": SourceError,
    "decisions": SourceError,
    "clock": SourceError,
    "state": StateError,
    "sink": SinkError,
    "broker": SinkError,
}
CALLS: Final = (
    "source.describe",
    "source.offset_at",
    "source.open",
    "source.read",
    "decisions.lines",
    "state.open",
    "state.write",
    "state.read",
    "state.take",
    "sink.begin",
    "sink.put",
    "sink.end_chunk",
    "sink.commit",
    "clock.sleep",
    "broker.ask",
    "broker.open",
    "broker.read",
    "broker.commit",
)


class CrashError(BaseException):
    """The process is killed here: no Exception, so that no handler of the run takes it; every later call raises it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The `nth` call of a kind fails (or the process dies), before its effect or after it."""

    call: str
    nth: int
    is_crash: bool
    is_after: bool

    def __str__(self) -> str:
        what = "crash" if self.is_crash else "error"
        return f"{what} {'after' if self.is_after else 'before'} {self.call} {self.nth}"


@dataclass(frozen=True, slots=True)
class Change:
    """What happens by itself before the `nth` call whose kind begins with `among`."""

    nth: int
    name: str
    apply: Callable[[], str]
    among: str = ""


@dataclass(slots=True)
class Gate:
    """The port calls of one launch. `trace`: one line a call, the whole of what it did."""

    baton: Baton
    faults: list[Fault]
    changes: list[Change]
    is_dead: bool = False
    died_of: Fault | None = None
    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    fired: list[str] = field(default_factory=list)
    injected: list[OfsError] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)

    @contextmanager
    def call(self, kind: str, what: str = "") -> Iterator[None]:
        """One port call around its effect."""
        self.baton.switch()
        self._live()
        self.total += 1
        self.counts[kind] += 1
        nth = self.counts[kind]
        self.trace.append(f"{self.total} thread {self.baton.holder}: {kind} {what}".rstrip())
        self._change()
        self._fail(kind, nth, is_after=False)
        yield
        self._fail(kind, nth, is_after=True)

    def revive(self) -> None:
        """The process was not dead but only believed so; nothing more is planned for it."""
        self.is_dead = False
        self.faults.clear()
        self.changes.clear()

    def _live(self) -> None:
        if self.is_dead:
            raise CrashError

    def _change(self) -> None:
        for change in list(self.changes):
            if change.nth <= self._count(change.among):
                self.changes.remove(change)
                told = change.apply()
                self.trace.append(f"{self.total} meanwhile: {change.name} {told}")
                self.fired.append(change.name)

    def _count(self, among: str) -> int:
        return sum(count for call, count in self.counts.items() if call.startswith(among))

    def _fail(self, kind: str, nth: int, *, is_after: bool) -> None:
        for fault in self.faults:
            if (fault.call, fault.nth, fault.is_after) == (kind, nth, is_after):
                self.trace.append(f"{self.total} {fault}")
                self.fired.append(f"{'crash' if fault.is_crash else 'error'} {kind}")
                if fault.is_crash:
                    self.is_dead, self.died_of = True, fault
                    raise CrashError
                error = PORTS[kind.split(".")[0]](f"simulated: {fault}")
                self.injected.append(error)
                raise error
