"""The run loop of a bounded replay: read the batch, plan, fold every partition, assemble, write, certify."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ofs.canonical import HASH_RULES, jcs, sha256_hex
from ofs.contracts import (
    CutCertificate,
    Reason,
    ReasonDetail,
    ReplayBasis,
    ReplayRequest,
    RunRecord,
    SelfCheck,
    SnapshotOutput,
    TimeMapping,
)
from ofs.contracts.identity import BasisRange
from ofs.engine.port import Engine
from ofs.errors import SourceError, UsageError
from ofs.features import Registry, definition_bytes
from ofs.planner.log_facts import Each, LogFacts
from ofs.planner.plan import PartitionPlan, ReplayPlan, make_plan
from ofs.planner.request import replay_id as identify
from ofs.planner.request import replay_request
from ofs.ports import PARITY, DecisionSource, EventLog, OutputSink, StreamInfo
from ofs.runtime.batch import Batch, chunks, read_batch
from ofs.runtime.behind import Behind
from ofs.runtime.certificate import certificate
from ofs.runtime.clock import Clock
from ofs.runtime.garbage import rare_collections
from ofs.runtime.memory import peak_memory_bytes
from ofs.runtime.outcome import Assembled, OutcomeWriter, Tally
from ofs.runtime.report import Progress, ProgressCallback, ReplayReport
from ofs.runtime.stages import Stages
from ofs.runtime.task import PartitionTask, TaskContext
from ofs.runtime.task_state import OpenStore, StateOptions
from ofs.units import OffsetRange, format_timestamp_us
from ofs.version import VERSION

Reasons = dict[int, tuple[ReasonDetail, ...]]
_PLAN_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How a run is executed. Only `snapshots` and `max_skew_us` change bytes of its outputs.

    `batch_size`: records a read, and decisions a chunk. `end_wait_us`: how long a cut beyond the log's end is waited
    for (the last stable offset of a live topic can lag behind). `state_memory_bytes`: how much of the state stays
    resident where it is kept in a store; None: all of it. `checkpoint_records`, `checkpoint_us`: a checkpoint of a
    partition's state after so many offsets, or so much time; `checkpoint_at_end`: and one at the end of the run.
    `self_checked`: what a self-check of the batch found.
    """

    snapshots: SnapshotOutput = SnapshotOutput.ALL
    workers: int = 1
    batch_size: int = 8_192
    max_skew_us: int = 300_000_000
    end_wait_us: int = 10_000_000
    state_memory_bytes: int | None = None
    checkpoint_records: int | None = None
    checkpoint_us: int | None = None
    checkpoint_at_end: bool = True
    self_checked: SelfCheck | None = None


@dataclass(frozen=True, slots=True)
class ReplayInput:
    """What a run works on. `basis` and `time_mapping`: where the log was restricted to a replay basis."""

    log: EventLog
    decisions: DecisionSource
    registry: Registry
    basis: ReplayBasis | None = None
    time_mapping: tuple[TimeMapping, ...] | None = None


@rare_collections()
def run_replay(
    engine: Engine,
    given: ReplayInput,
    sink: OutputSink,
    options: ReplayOptions,
    *,
    clock: Clock,
    open_store: OpenStore,
    progress: ProgressCallback,
    notices: tuple[str, ...] = (),
) -> ReplayReport:
    """Run a bounded replay to its end.

    Effects: writes the sink, and the stores that `open_store` gives. Raises SourceError, SinkError, StateError and
    RequestConflictError; the sink is then aborted and nothing of the run is visible.
    """
    started_us = clock.now_us()
    stages = Stages()
    with ThreadPoolExecutor(options.workers, "ofs-read") as readers:
        with stages.timed("decisions"):
            submit = stages.counted("decisions", readers.submit)
            batch = read_batch(engine, given.decisions, progress, submit)
        facts, plan = _planned(given, batch, options, clock, readers.map)
    request = replay_request(
        plan,
        facts,
        decisions_digest=batch.digest,
        hash_rules=list(HASH_RULES),
        max_skew_us=options.max_skew_us,
        snapshots=options.snapshots,
        basis=given.basis,
    )
    run = _Run(engine, given, options, batch, plan, facts, identify(request), request, stages)
    _refuse_inputs(sink.topics, {*facts.streams, given.decisions.name})
    if not sink.begin(run.replay_id):
        return run.report_verified(sink.finished_run(), notices)
    try:
        return run.execute(sink, open_store, clock, started_us, progress, notices)
    except BaseException:
        sink.abort()
        raise


class _Run:
    """One execution of a plan."""

    def __init__(
        self,
        engine: Engine,
        given: ReplayInput,
        options: ReplayOptions,
        batch: Batch,
        plan: ReplayPlan,
        facts: LogFacts,
        replay_id: str,
        request: ReplayRequest,
        stages: Stages,
    ) -> None:
        self.replay_id: Final = replay_id
        self._engine: Final = engine
        self._given: Final = given
        self._options: Final = options
        self._batch: Final = batch
        self._plan: Final = plan
        self._facts: Final = facts
        self._request: Final = request
        self._stages: Final = stages
        self._reasons: Final[Reasons] = dict(plan.reasons)
        shapes = batch.decisions.shapes()
        self._has_watermarks: Final = any(shape.as_of_basis == "watermark" for shape in shapes)

    def execute(
        self,
        sink: OutputSink,
        open_store: OpenStore,
        clock: Clock,
        started_us: int,
        progress: ProgressCallback,
        notices: tuple[str, ...],
    ) -> ReplayReport:
        writer = OutcomeWriter(sink, self._batch, self._plan, self.replay_id, self._options.snapshots)
        with ExitStack() as stack:
            opened = stack.enter_context(ExitStack())
            workers = stack.enter_context(ThreadPoolExecutor(self._options.workers, "ofs-task"))
            tasks = self._tasks(opened, open_store, clock, workers)
            stack.callback(_stop, tasks)
            writing = stack.enter_context(ThreadPoolExecutor(1, "ofs-writer"))
            self._bind()
            self._answer_chunks(tasks, workers, writing, writer, progress)
            list(workers.map(PartitionTask.finish, tasks))
            proof = self._certificate(tasks)
            records_read = sum(task.records_read for task in tasks)
        writer.write_dead_letters()
        outputs = {name: digest.to_dict() for name, digest in sink.digests().items()}
        run = self._run_record(writer.tally, outputs, proof, records_read, started_us, clock.now_us())
        sink.commit(run.to_dict(), proof.to_dict())
        return _report(run, proof, notices, (clock.now_us() - started_us) / 1e6)

    def report_verified(self, finished: Mapping[str, object], notices: tuple[str, ...]) -> ReplayReport:
        """The report of a run whose outputs are finished already: what its record says."""
        run = RunRecord.model_validate_json(jcs(dict(finished)))
        return ReplayReport(
            replay_id=run.replay_id,
            decisions=run.decisions,
            duplicates=run.duplicate_decisions,
            dead_letters=run.dead_letters,
            results=run.results,
            reasons=run.reasons,
            mismatch_fields=run.mismatch_fields,
            records_read=0,
            seconds=0.0,
            parity_digest=run.parity_digest,
            certificate=None,
            certificate_digest=run.certificate_digest,
            engine=run.engine,
            notices=notices,
            run=run,
            verified_only=True,
        )

    def _tasks(
        self, opened: ExitStack, open_store: OpenStore, clock: Clock, workers: ThreadPoolExecutor
    ) -> list[PartitionTask]:
        compiled = self._engine.compile(
            [definition_bytes(locked.group) for locked in self._plan.locked],
            [locked.digest for locked in self._plan.locked],
        )
        context = TaskContext(
            engine=self._engine,
            compiled=compiled,
            scopes=self._batch.decisions.pins(),
            log=self._given.log,
            submit=workers.submit,
            stages=self._stages,
            batch_size=self._options.batch_size,
            max_skew_us=self._options.max_skew_us,
            open_store=open_store,
            state=StateOptions(
                replay_id=self.replay_id,
                digests=self._plan.digests,
                memory_bytes=self._memory_bytes(),
                checkpoint_records=self._options.checkpoint_records,
                checkpoint_us=self._options.checkpoint_us,
                now_us=clock.now_us,
                checkpoint_at_end=self._options.checkpoint_at_end,
            ),
        )
        self._compiled = compiled

        def open_task(partition: PartitionPlan) -> PartitionTask:
            task = PartitionTask(context, partition)
            opened.callback(task.close)
            return task

        # a state is digested before it is used
        return list(workers.map(open_task, self._plan.partitions))

    def _memory_bytes(self) -> int | None:
        """Each partition's part of the limit."""
        limit = self._options.state_memory_bytes
        return None if limit is None else limit // max(1, len(self._plan.partitions))

    def _bind(self) -> None:
        decisions = self._batch.decisions
        for shape, groups in self._plan.shape_groups.items():
            decisions.bind(shape, groups)
        decisions.exclude(sorted(self._reasons))

    def _answer_chunks(
        self,
        tasks: list[PartitionTask],
        workers: ThreadPoolExecutor,
        writing: ThreadPoolExecutor,
        writer: OutcomeWriter,
        progress: ProgressCallback,
    ) -> None:
        """Chunk by chunk: one is folded as soon as the one before it is, so that no worker waits for a chunk to end.

        One is assembled while the tasks fold for the next, and written while the next is assembled.
        """
        spans = list(chunks(len(self._batch.decisions), self._options.batch_size))
        folding = self._fold(tasks, workers, spans[0]) if spans else []
        written = Behind(writing.submit)

        def hand_on(jobs: list[Future[Assembled]]) -> None:
            assembled = [job.result() for job in jobs]
            if assembled:
                written.add(self._write, writer, assembled)
                progress(Progress("replaying", assembled[-1].hi, len(self._batch.decisions)))

        before: list[Future[Assembled]] = []
        for number, span in enumerate(spans):
            answers = self._answers(tasks, workers, span, folding, before)
            # the decision set is changed above only, where no job asks it
            folding = self._fold(tasks, workers, spans[number + 1]) if number + 1 < len(spans) else []
            pieces = _pieces(span, self._options.workers)
            assembling = [workers.submit(self._assemble, answers, piece) for piece in pieces]
            hand_on(before)
            before = assembling
        hand_on(before)
        written.settle()

    def _assemble(self, answers: list[Any], piece: tuple[int, int]) -> Assembled:
        decisions, (lo, hi) = self._batch.decisions, piece
        with self._stages.timed("assemble"):
            verdicts = self._engine.assemble(
                self._compiled, decisions, lo, hi, answers, self.replay_id, self._options.snapshots.value
            )
            return Assembled.of(decisions, lo, hi, verdicts)

    def _write(self, writer: OutcomeWriter, assembled: list[Assembled]) -> None:
        with self._stages.timed("write"):
            writer.write_chunk(assembled, self._reasons)

    def _fold(
        self, tasks: list[PartitionTask], workers: ThreadPoolExecutor, span: tuple[int, int]
    ) -> list[Future[list[Any]]]:
        decisions = self._batch.decisions
        targets = [(task, task.target(decisions, *span)) for task in tasks]
        heaviest_first = sorted(targets, key=lambda job: job[0].frontier - job[1])
        return [workers.submit(task.advance, decisions, *span, target) for task, target in heaviest_first]

    def _answers(
        self,
        tasks: list[PartitionTask],
        workers: ThreadPoolExecutor,
        span: tuple[int, int],
        folding: list[Future[list[Any]]],
        asking: list[Future[Assembled]],
    ) -> list[Any]:
        """The tasks' answers; asked again where an as-of was derived or decisions were given up meanwhile.

        `asking`: the jobs that may still ask the decision set, which is not changed before they end.
        """
        answers = _flat(future.result() for future in folding)
        if not self._has_watermarks and all(task.lost_from is None for task in tasks):
            return answers
        for job in asking:
            job.result()
        is_changed = self._resolve_watermarks(tasks, *span)
        is_changed = self._exclude_lost(tasks, *span) or is_changed
        if is_changed:
            answers = _flat(future.result() for future in self._fold(tasks, workers, span))
        return answers

    def _resolve_watermarks(self, tasks: list[PartitionTask], lo: int, hi: int) -> bool:
        """Derive the as-of of the chunk's watermark decisions; True where there are any."""
        if not self._has_watermarks:
            return False
        maxima: dict[int, list[int | None]] = defaultdict(list)
        for task in tasks:
            for index, time_us in task.watermarks(self._batch.decisions, lo, hi):
                maxima[index].append(time_us)
        given = self._given_as_of() if maxima else {}
        for index, times in sorted(maxima.items()):
            derived_us = min((time for time in times if time is not None), default=None)
            problem = _watermark_problem(derived_us, given.get(index))
            if problem is not None:
                self._give_up(index, ReasonDetail(reason=Reason.AS_OF_INVALID, detail=problem))
            elif derived_us is not None:
                self._batch.decisions.set_as_of(index, derived_us)
        return bool(maxima)

    def _given_as_of(self) -> dict[int, int]:
        """The times that watermark decisions name themselves."""
        decisions = self._batch.decisions
        named: dict[int, int] = {}
        for number, shape in enumerate(decisions.shapes()):
            if shape.as_of_basis == "watermark":
                members = decisions.members(number)
                rows = zip(members.indexes, members.as_of_us, strict=True)
                named.update({index: time for index, time in rows if time is not None})
        return named

    def _exclude_lost(self, tasks: list[PartitionTask], lo: int, hi: int) -> bool:
        """Give up the decisions whose start bound is void and whose history is gone; True where there are any."""
        is_changed = False
        for task in tasks:
            if task.lost_from is not None:
                for index in self._beyond(task, task.lost_from, lo, hi):
                    self._give_up(index, _lost(task))
                    is_changed = True
        return is_changed

    def _beyond(self, task: PartitionTask, void_from: int, lo: int, hi: int) -> list[int]:
        """The answerable decisions of `[lo, hi)` with a cut above the offset in the task's partition."""
        decisions, found = self._batch.decisions, []
        place = (task.plan.stream, task.plan.partition)
        for number, shape in enumerate(decisions.shapes()):
            places = [(stream, partition) for stream, ids in shape.streams for partition in range(len(ids))]
            if place in places:
                column = places.index(place)
                members = decisions.members(number)
                rows = zip(members.indexes, members.cuts, strict=True)
                found += [index for index, cuts in rows if lo <= index < hi and cuts[column] > void_from]
        return [index for index in found if index not in self._reasons]

    def _give_up(self, index: int, detail: ReasonDetail) -> None:
        self._reasons[index] = (detail,)
        self._batch.decisions.exclude([index])

    def _certificate(self, tasks: list[PartitionTask]) -> CutCertificate:
        unproven = [
            name
            for name, info in sorted(self._facts.streams.items())
            if info is not None and not self._names_topic_id(name)
        ]
        return certificate(
            [task.certificate() for task in tasks],
            replay_id=self.replay_id,
            max_skew_us=self._options.max_skew_us,
            time_mapping=self._given.time_mapping,
            topic_ids_unproven=tuple(unproven),
            partition_counts={
                name: len(info.partitions) for name, info in self._facts.streams.items() if info is not None
            },
        )

    def _names_topic_id(self, stream: str) -> bool:
        shapes = [dict(shape.streams) for shape in self._batch.decisions.shapes()]
        return all(None not in ids for streams in shapes for name, ids in streams.items() if name == stream)

    def _run_record(
        self,
        tally: Tally,
        outputs: dict[str, dict[str, Any]],
        proof: CutCertificate,
        records_read: int,
        started_us: int,
        finished_us: int,
    ) -> RunRecord:
        return RunRecord(
            schema_version="ofs.run/v0",
            replay_id=self.replay_id,
            request=self._request.to_dict(),
            engine=self._engine.name,
            engine_version=VERSION,
            started_at_utc=format_timestamp_us(started_us),
            finished_at_utc=format_timestamp_us(finished_us),
            decisions=len(self._batch.decisions),
            duplicate_decisions=self._batch.decisions.duplicates,
            dead_letters=len(self._batch.dead_letters),
            results=dict(sorted(tally.results.items())),
            reasons=dict(sorted(tally.reasons.items())),
            certificate_digest=sha256_hex(proof.to_bytes()),
            mismatch_fields=dict(sorted(tally.mismatch_fields.items())),
            parity_digest=outputs[PARITY]["sha256"],
            outputs=outputs,
            figures={
                "records_read": records_read,
                "elapsed_us": finished_us - started_us,
                "workers": self._options.workers,
                "batch_size": self._options.batch_size,
                "peak_memory_bytes": peak_memory_bytes(),
                **self._stages.figures(),
            },
            self_check=self._options.self_checked,
        )


def _report(run: RunRecord, proof: CutCertificate, notices: tuple[str, ...], seconds: float) -> ReplayReport:
    return ReplayReport(
        replay_id=run.replay_id,
        decisions=run.decisions,
        duplicates=run.duplicate_decisions,
        dead_letters=run.dead_letters,
        results=run.results,
        reasons=run.reasons,
        mismatch_fields=run.mismatch_fields,
        records_read=run.figures["records_read"],
        seconds=seconds,
        parity_digest=run.parity_digest,
        certificate=proof,
        certificate_digest=run.certificate_digest,
        engine=run.engine,
        notices=notices,
        run=run,
    )


def _planned(
    given: ReplayInput, batch: Batch, options: ReplayOptions, clock: Clock, each: Each
) -> tuple[LogFacts, ReplayPlan]:
    """The log as it is described, and the plan on it; both again where something was lost before the plan stood.

    A start is looked up in what the log holds by then: what went away in between would be missing without a word.
    """
    for _ in range(_PLAN_TRIES):
        facts = _facts(given.log, batch, options, clock, each)
        plan = make_plan(
            batch.decisions, batch.irregular, given.registry, facts, max_skew_us=options.max_skew_us
        )
        if not any(_is_lost(info, given.log.describe(stream)) for stream, info in facts.streams.items()):
            return facts, plan
    raise SourceError(
        "the log lost records each time while the run was planned",
        hint="retention is at work: run again, or put an archive beside the broker",
    )


def _is_lost(before: StreamInfo | None, now: StreamInfo | None) -> bool:
    """Whether something that was described is no longer there; what was added does not matter."""
    if before is None:
        return False
    if now is None or (before.log_id, before.compacted) != (now.log_id, now.compacted):
        return True
    return any(
        (old.low, old.outside_log_ts_us) != (new.low, new.outside_log_ts_us)
        or (old.broker and old.broker.start) != (new.broker and new.broker.start)
        or old.end > new.end
        for old, new in zip(before.partitions, now.partitions, strict=False)
    )


def _facts(log: EventLog, batch: Batch, options: ReplayOptions, clock: Clock, each: Each) -> LogFacts:
    """Describe the streams of the batch, waiting a while for cuts that the log has not reached yet.

    Starts are looked up by the workers: an archive digests a file of each partition for that.
    """
    wanted = _cuts_max(batch)
    streams = {stream: log.describe(stream) for stream in sorted({stream for stream, _ in wanted})}
    deadline_us = clock.now_us() + options.end_wait_us
    while _is_behind(streams, wanted) and clock.now_us() < deadline_us:
        clock.sleep_us(100_000)
        streams = {stream: log.describe(stream) for stream in streams}
    return LogFacts(streams, log.offset_at, partial(_first_us, log), each)


def _first_us(log: EventLog, stream: str, partition: int, span: OffsetRange) -> int | None:
    """The log timestamp of the first record in a range."""
    for batch in log.read(stream, partition, span, 1):
        return batch.log_ts_us[0]
    return None


def _cuts_max(batch: Batch) -> dict[tuple[str, int], int]:
    """The largest next offset of each partition that any decision names."""
    wanted: dict[tuple[str, int], int] = {}
    for shape in batch.decisions.shapes():
        for (stream, _), row in zip(shape.streams, shape.cuts_max, strict=True):
            for partition, offset in enumerate(row):
                wanted[stream, partition] = max(offset, wanted.get((stream, partition), 0))
    for decision in batch.irregular.values():
        for place, offset in (decision.cut or {}).items():
            wanted.setdefault(place, offset)
    return wanted


def _is_behind(streams: dict[str, StreamInfo | None], wanted: dict[tuple[str, int], int]) -> bool:
    """Whether a live topic's last stable offset is below a cut."""
    for (stream, partition), offset in wanted.items():
        info = streams[stream]
        if info is not None and partition < len(info.partitions):
            part = info.partitions[partition]
            if part.broker is not None and not info.compacted and part.broker.end < offset:
                return True
    return False


def _watermark_problem(derived_us: int | None, given_us: int | None) -> str | None:
    if derived_us is None:
        return "no partition has an event of these pins inside the cut"
    if given_us is not None and given_us != derived_us:
        return f"the watermark is {format_timestamp_us(derived_us)}, the decision says {format_timestamp_us(given_us)}"
    return None


def _lost(task: PartitionTask) -> ReasonDetail:
    plan = task.plan
    return ReasonDetail(
        reason=Reason.HISTORY_TRUNCATED,
        detail=f"offset {task.lost_from} was logged earlier than it happened by more than the clock skew allows,"
        " so older offsets may count",
        missing=(BasisRange(stream=plan.stream, partition=plan.partition, start=0, end=plan.info.low),),
    )


def _refuse_inputs(outputs: frozenset[str], inputs: set[str]) -> None:
    """A run never writes to what it, or the live loop, reads."""
    both = sorted(outputs & inputs)
    if both:
        raise UsageError(
            f"topic {both[0]} is an input of this run", hint="outputs never go to an input topic"
        )


def _pieces(span: tuple[int, int], workers: int) -> Iterator[tuple[int, int]]:
    """The span in a part for each worker."""
    lo, hi = span
    size = max(1, -(-(hi - lo) // workers))
    for first in range(lo, hi, size):
        yield first, min(first + size, hi)


def _stop(tasks: list[PartitionTask]) -> None:
    for task in tasks:
        task.stop()


def _flat(lists: Iterable[list[Any]]) -> list[Any]:
    return [item for items in lists for item in items]
