"""One task a partition: reads its log in offset order, folds it, and answers every cut on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ofs.engine.port import DecisionSet, Decoded, Engine
from ofs.errors import invariant
from ofs.planner.plan import PartitionPlan
from ofs.ports import EventLog, RecordBatch
from ofs.runtime.feed import Feed, Submit
from ofs.runtime.stages import Stages
from ofs.runtime.task_state import OpenStore, StateOptions, TaskState
from ofs.units import INT64_MAX, INT64_MIN

_ANY_CUT: Final = INT64_MAX
# what folding a record costs, in contributions that are passed to leave out later ones
_SCANS_A_RECORD: Final = 50
# or, else, when a log would grow
_FORGETS_AT_ONCE: Final = False


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What all tasks of a run share. `submit`: starts a job of the run's workers."""

    engine: Engine
    compiled: Any
    scopes: list[bytes]
    log: EventLog
    submit: Submit
    stages: Stages
    batch_size: int
    max_skew_us: int
    open_store: OpenStore
    state: StateOptions


class FoldTask:
    """Folds one partition from one start.

    Effects: reads the log, writes the store: one atomic batch for each batch read.
    """

    def __init__(self, context: TaskContext, plan: PartitionPlan) -> None:
        self._context: Final = context
        self._state: Final = TaskState(
            context.engine,
            context.compiled,
            context.scopes,
            context.max_skew_us,
            context.open_store,
            context.state,
        )
        self.plan, self._fold = self._state.open(plan)
        self._feed = self._new_feed()
        self._stages: Final = context.stages
        self._records: Decoded | None = None
        self._position = 0
        self.records_read = 0

    def _new_feed(self) -> Feed:
        decoder = self._context.engine.decoder(self._fold)
        return Feed(_batches(self._context, self.plan), decoder, self._context.submit, self._context.stages)

    def fold_to(self, target: int, queries: Any, as_of_min_us: int = INT64_MIN) -> None:
        """Apply every record below `target` and answer `queries` with a cut up to there, also behind the frontier.

        `as_of_min_us`: these queries and all still to come have no as-of before it.
        """
        self._catch_up(queries)
        if self._state.is_kept:  # a state is whole, for whoever goes on with it
            self._state.narrow(as_of_min_us)
        else:
            self._fold.forget(as_of_min_us, at_once=_FORGETS_AT_ONCE)
        while self._fold.frontier < target and (records := self._next_below(target)) is not None:
            with self._stages.timed("fold"):
                first = self._position
                self._state.supply(records, first, target, queries)
                self._position = self._fold.apply(records, first, target, queries)
                self.records_read += self._position - first
                self._state.keep()
        with self._stages.timed("fold"):
            reached = max(target, self._fold.frontier)
            self._state.supply(None, 0, reached, queries)
            self._fold.advance(reached, queries)
            self._state.make_room()

    def _catch_up(self, queries: Any) -> None:
        """Answer cuts behind the frontier; once they have cost as much as another fold of the log, fold it again.

        Decisions in another order than their cuts, as those of several partitions one after the other, would else cost
        the square of the log. A state in a store stays where it is.
        """
        if self._state.is_kept:
            return
        scans = _SCANS_A_RECORD * (self._fold.frontier - self.plan.start)
        with self._stages.timed("fold"):
            is_done = self._fold.catch_up(queries, scans)
        if not is_done:
            self._feed.settle()
            self.plan, self._fold = self._state.open(self.plan)
            self._feed = self._new_feed()
            self._records, self._position = None, 0

    def _next_below(self, target: int) -> Decoded | None:
        """The batch whose record at the position is the next one; None where that lies at or beyond the target."""
        if self._records is None or self._position >= len(self._records):
            self._records, self._position = self._feed.take(), 0
        records = self._records
        offset = None if records is None else records.offset(self._position)
        return None if offset is None or offset >= target else records

    @property
    def frontier(self) -> int:
        """The next offset to apply."""
        return self._fold.frontier

    def watermarks(self, decisions: DecisionSet, lo: int, hi: int) -> list[tuple[int, int | None]]:
        """See `ofs/_core.pyi`, Fold.watermarks."""
        self._state.supply_watermarks()
        return self._fold.watermarks(decisions, lo, hi)

    def end(self) -> None:
        """Keep a checkpoint of what was folded; all was read well."""
        self._feed.settle()
        self._state.end()

    def skew_violation(self) -> int | None:
        """The first offset read that voids a start bound in time."""
        return self._fold.skew_violation()

    def certificate(self) -> bytes:
        """The fold's counts over what was read."""
        return self._fold.certificate()

    def stop(self) -> None:
        """Read no further."""
        self._feed.stop()

    def close(self) -> None:
        """Release the state."""
        self._state.close()


def _batches(context: TaskContext, plan: PartitionPlan) -> Iterator[RecordBatch]:
    for span in plan.spans:
        yield from context.log.read(plan.stream, plan.partition, span, context.batch_size)


class PartitionTask:
    """The task of one partition: the planned start, and the log's beginning where a record read voids the bound.

    A start bound in time rests on the clock skew. A record at offset v that exceeds the skew voids it for every cut
    above v: those are answered by a second fold from offset 0, or not at all where that is gone.
    """

    def __init__(self, context: TaskContext, plan: PartitionPlan) -> None:
        self._context: Final = context
        self._planned: Final = FoldTask(context, plan)
        self._from_origin: FoldTask | None = None
        self.plan: Final = self._planned.plan

    @property
    def records_read(self) -> int:
        """Records applied, those read twice counted twice."""
        again = 0 if self._from_origin is None else self._from_origin.records_read
        return self._planned.records_read + again

    @property
    def void_from(self) -> int | None:
        """Cuts above this offset cannot rest on the planned start."""
        return self._planned.skew_violation() if self.plan.start > 0 else None

    @property
    def lost_from(self) -> int | None:
        """Cuts above this offset cannot be answered at all: the bound is void and the beginning is gone."""
        return self.void_from if self.plan.info.low > 0 else None

    @property
    def frontier(self) -> int:
        """The next offset to apply."""
        return self._planned.frontier

    def target(self, decisions: DecisionSet, lo: int, hi: int) -> int:
        """The largest cut of the decisions `[lo, hi)`; -1 where none names the partition."""
        return decisions.cut_max(self.plan.stream, self.plan.partition, lo, hi)

    def advance(self, decisions: DecisionSet, lo: int, hi: int, target: int) -> list[Any]:
        """Read up to the target of the decisions `[lo, hi)` and answer them."""
        if target < 0:
            return []
        queries = self._queries(decisions, lo, hi, 0, _ANY_CUT)
        self._planned.fold_to(target, queries, decisions.as_of_min(lo))
        void_from = self.void_from
        if void_from is None or void_from >= target:
            return [queries]
        return self._answer_beyond(decisions, lo, hi, target, void_from)

    def watermarks(self, decisions: DecisionSet, lo: int, hi: int) -> list[tuple[int, int | None]]:
        """The largest event times inside the cuts; these decisions are planned from the log's beginning."""
        return self._planned.watermarks(decisions, lo, hi)

    def finish(self) -> None:
        """Read what the certificate covers and no cut asked for."""
        nothing = self._context.engine.decisions()
        nothing.seal()
        for task in self._tasks():
            task.fold_to(self.plan.end, self._queries(nothing, 0, 0, 0, _ANY_CUT))
            task.end()

    def certificate(self) -> tuple[PartitionPlan, bytes]:
        """What was read, by the fold that reaches furthest back."""
        task = self._tasks()[-1]
        return task.plan, task.certificate()

    def stop(self) -> None:
        """Read no further."""
        for task in self._tasks():
            task.stop()

    def close(self) -> None:
        """Release the state."""
        for task in self._tasks():
            task.close()

    def _tasks(self) -> list[FoldTask]:
        return [self._planned] if self._from_origin is None else [self._planned, self._from_origin]

    def _queries(self, decisions: DecisionSet, lo: int, hi: int, cut_from: int, cut_to: int) -> Any:
        with self._context.stages.timed("fold"):
            return decisions.queries(self.plan.stream, self.plan.partition, lo, hi, cut_from, cut_to)

    def _answer_beyond(
        self, decisions: DecisionSet, lo: int, hi: int, target: int, void_from: int
    ) -> list[Any]:
        """Answer cuts up to the voiding offset from the planned start, those above it from the beginning."""
        within = self._queries(decisions, lo, hi, 0, void_from + 1)
        as_of_min_us = decisions.as_of_min(lo)
        self._planned.fold_to(target, within, as_of_min_us)
        if self.lost_from is not None:
            return [within]
        if self._from_origin is None:
            origin = replace(self.plan, start=0, start_from="origin", resume_from=0)
            self._from_origin = FoldTask(self._context, origin)
        beyond = self._queries(decisions, lo, hi, void_from + 1, _ANY_CUT)
        self._from_origin.fold_to(target, beyond, as_of_min_us)
        invariant(beyond.answered == len(beyond), "a query was left unanswered")
        return [within, beyond]
