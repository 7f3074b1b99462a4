"""The run loop of rows: read every partition, put the records into the order of arrival, take, answer, merge, write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from ofs.canonical import jcs, sha256_hex
from ofs.contracts import CutCertificate, Reason, RowsRequest, RowsRunRecord, TimeMapping
from ofs.contracts.identity import CanonicalPins
from ofs.engine.rows import RowEngine, RowIntake, RowJob, RowShard, row_fields
from ofs.errors import SinkError, SourceError, UsageError
from ofs.features import Locked
from ofs.planner.plan import PartitionPlan
from ofs.planner.rows import RowsPlan, plan_rows, rows_id, rows_request
from ofs.ports import EventLog, RowBlock, RowField, RowSink
from ofs.runtime.behind import UNWRITTEN_MAX, Behind
from ofs.runtime.certificate import certificate
from ofs.runtime.clock import Clock
from ofs.runtime.feed import Feed, Submit
from ofs.runtime.garbage import rare_collections
from ofs.runtime.memory import peak_memory_bytes
from ofs.runtime.report import Progress, ProgressCallback
from ofs.runtime.rows_report import RowsReport
from ofs.runtime.stages import Stages
from ofs.units import OffsetRange, format_timestamp_us
from ofs.version import VERSION

_BLOCKS_BEHIND_MAX: Final = 2
"""Of columns a block is many chunks."""
_ONE_COPY: Final = "no event before the start has a copy behind it"


@dataclass(frozen=True, slots=True)
class RowsOptions:
    """How a run is executed. Only `max_skew_us` is part of the request. `batch_size`: records a read."""

    workers: int = 1
    batch_size: int = 8_192
    max_skew_us: int = 300_000_000


@dataclass(frozen=True, slots=True)
class RowsInput:
    """What a run works on. `time_mapping`: where the log was restricted to a basis in time."""

    log: EventLog
    stream: str
    locked: tuple[Locked, ...]
    pins: CanonicalPins
    time_mapping: tuple[TimeMapping, ...] | None = None


@rare_collections()
def run_rows(
    engine: RowEngine,
    given: RowsInput,
    sink: RowSink,
    options: RowsOptions,
    *,
    clock: Clock,
    progress: ProgressCallback,
    notices: tuple[str, ...] = (),
) -> RowsReport:
    """Write a row for every event of the stream.

    Effects: writes the sink. Raises UsageError, NotCheckableError, SourceError, SinkError and RequestConflictError; the
    sink is then aborted and nothing of the run looks finished.
    """
    started_us = clock.now_us()
    info = given.log.describe(given.stream)
    if info is None:
        raise SourceError(f"stream {given.stream}: the log does not know it", hint="check the stream's name")
    plan = plan_rows(info, given.locked, max_skew_us=options.max_skew_us)
    request = rows_request(
        plan, pins=given.pins, max_skew_us=options.max_skew_us, time_mapping=given.time_mapping
    )
    if given.stream in sink.topics:
        raise UsageError(
            f"topic {given.stream} is an input of this run", hint="outputs never go to an input topic"
        )
    run = _Run(engine, given, options, plan, request, sink.block_rows)
    if not sink.begin(run.replay_id, run.fields):
        record = RowsRunRecord.model_validate_json(jcs(dict(sink.finished_run())))
        return RowsReport(record, None, notices, verified_only=True)
    try:
        proof = run.execute(sink, progress)
        record = run.record(proof, started_us, clock.now_us())
        sink.commit(record.to_dict(), proof.to_dict())
    except BaseException:
        sink.abort()
        raise
    return RowsReport(record, proof, notices, seconds=(clock.now_us() - started_us) / 1e6)


class _Run:
    """One execution of a plan."""

    def __init__(
        self,
        engine: RowEngine,
        given: RowsInput,
        options: RowsOptions,
        plan: RowsPlan,
        request: RowsRequest,
        block_rows: int | None,
    ) -> None:
        self._log: Final = given.log
        self._options: Final = options
        self._plan: Final = plan
        self._time_mapping: Final = given.time_mapping
        self._request: Final = request
        self.fields: Final[tuple[RowField, ...]] = row_fields([entry.canonical for entry in plan.locked])
        self.replay_id: Final = rows_id(request)
        self._engine_name: Final = engine.name
        self._maker: Final = engine.open(
            RowJob(
                definitions=tuple(entry.canonical_bytes for entry in plan.locked),
                digests=tuple(entry.digest for entry in plan.locked),
                pins=given.pins.to_bytes(),
                stream=given.stream,
                spans=tuple(OffsetRange(part.start, part.end) for part in plan.partitions),
                max_skew_us=options.max_skew_us,
                known_after_us=plan.known_after_us,
                replay_id=self.replay_id,
                block_rows=block_rows,
                shards=options.workers,
            )
        )
        self._merger: Final = self._maker.merger()
        self._written_behind_max: Final = UNWRITTEN_MAX if block_rows is None else _BLOCKS_BEHIND_MAX
        self._rows = 0
        self._left_out = 0
        self._records_read = 0
        self._stages: Final = Stages()

    def execute(self, sink: RowSink, progress: ProgressCallback) -> CutCertificate:
        """Chunk by chunk; one is taken while the one before is answered, and those before are merged and written."""
        intakes = [self._maker.intake(part.partition) for part in self._plan.partitions]
        shards = [self._maker.shard(number) for number in range(self._options.workers)]
        total = sum(span.end - span.start for part in self._plan.partitions for span in part.spans)
        with (
            ThreadPoolExecutor(self._options.workers, "ofs-rows") as workers,
            ThreadPoolExecutor(1, "ofs-rows-write") as writer,
            ExitStack() as stack,
        ):
            feeds = [self._feed(part, workers) for part in self._plan.partitions]
            for feed in feeds:
                stack.callback(feed.stop)
            writing = Behind(writer.submit, self._written_behind_max)
            merging = Behind(workers.submit, 1)
            for chunk, taken, answers in self._answered(self._chunks(feeds), intakes, shards, workers.submit):
                merging.add(self._merge, chunk, taken, answers, sink, writing)
                self._records_read += len(chunk)
                progress(Progress("making rows", self._records_read, total))
            merging.add(self._merge_rest, sink, writing)
            merging.settle()
            writing.settle()
        return self._certificate(intakes)

    def record(self, proof: CutCertificate, started_us: int, finished_us: int) -> RowsRunRecord:
        """The run's record; the sink adds what its outputs are."""
        left_out = {Reason.HISTORY_TRUNCATED.value: self._left_out} if self._left_out else {}
        return RowsRunRecord(
            schema_version="ofs.rows-run/v0",
            replay_id=self.replay_id,
            request=self._request.to_dict(),
            engine=self._engine_name,
            engine_version=VERSION,
            started_at_utc=format_timestamp_us(started_us),
            finished_at_utc=format_timestamp_us(finished_us),
            rows=self._rows,
            left_out=left_out,
            columns=tuple({"name": field.name, "type": _type_name(field)} for field in self.fields),
            certificate_digest=sha256_hex(proof.to_bytes()),
            outputs={},
            figures={
                "records_read": self._records_read,
                "elapsed_us": finished_us - started_us,
                "workers": self._options.workers,
                "batch_size": self._options.batch_size,
                "peak_memory_bytes": peak_memory_bytes(),
                **self._stages.figures(),
            },
        )

    def _chunks(self, feeds: Sequence[Feed]) -> Iterator[Any]:
        """The log in the order of arrival."""
        batches: list[Any] = [None] * len(feeds)
        used = list(range(len(feeds)))
        positions = [0] * len(feeds)
        while True:
            for place in used:
                batches[place], positions[place] = feeds[place].take(), 0
            if all(batch is None for batch in batches):
                return
            with self._stages.timed("fold"):
                chunk = self._maker.arrive(batches, positions)
            positions = list(chunk.positions)
            yield chunk
            used = [p for p, batch in enumerate(batches) if batch is not None and positions[p] == len(batch)]

    def _feed(self, part: PartitionPlan, workers: ThreadPoolExecutor) -> Feed:
        batches = (
            batch
            for span in part.spans
            for batch in self._log.read(part.stream, part.partition, span, self._options.batch_size)
        )
        return Feed(batches, self._maker, workers.submit, self._stages)

    def _answered(
        self, chunks: Iterator[Any], intakes: Sequence[RowIntake], shards: Sequence[RowShard], submit: Submit
    ) -> Iterator[tuple[Any, list[Any], list[Any]]]:
        """Each chunk, what the partitions took of it, and what the shards answer; the next one is taken meanwhile."""
        submit = self._stages.counted("fold", submit)
        last, before = None, None  # the chunk that is being taken; the one being answered, and what was taken
        taking, answering = list[Future[Any]](), list[Future[Any]]()
        for chunk in chain(chunks, (None, None)):
            taken = _results(taking)
            taking = [] if chunk is None else [submit(intake.take, chunk) for intake in intakes]
            answers = _results(answering)
            answering = [] if last is None else [submit(shard.answer, last, taken) for shard in shards]
            if before is not None:
                yield *before, answers
            last, before = chunk, None if last is None else (last, taken)

    def _merge(
        self, chunk: Any, taken: list[Any], answers: list[Any], sink: RowSink, writing: Behind
    ) -> None:
        """Merge a chunk and have it written."""
        with self._merging():
            merged = self._merger.merge(chunk, taken, answers)
        self._rows += merged.rows
        self._left_out += merged.left_out
        for block in merged.blocks:
            writing.add(self._write, sink, block)

    def _merge_rest(self, sink: RowSink, writing: Behind) -> None:
        with self._merging():
            rest = self._merger.rest()
        if rest is not None:
            writing.add(self._write, sink, rest)

    def _write(self, sink: RowSink, rows: RowBlock) -> None:
        with self._stages.timed("write"):
            sink.put(rows)

    @contextmanager
    def _merging(self) -> Iterator[None]:
        try:
            with self._stages.timed("assemble"):
                yield
        except ValueError as error:
            raise SinkError(
                f"a value has no place in its column: {error}",
                hint="give the feature a smaller scale, or write to topics",
            ) from error

    def _certificate(self, intakes: Sequence[RowIntake]) -> CutCertificate:
        info = self._plan.stream
        proof = certificate(
            [
                (part, intake.end(part.end))
                for part, intake in zip(self._plan.partitions, intakes, strict=True)
            ],
            replay_id=self.replay_id,
            max_skew_us=self._options.max_skew_us,
            time_mapping=self._time_mapping,
            topic_ids_unproven=(),
            partition_counts={info.stream: len(info.partitions)},
        )
        if self._plan.known_after_us is None:
            return proof
        return proof.model_copy(update={"assumptions": (*proof.assumptions, _ONE_COPY)})


def _results(futures: Sequence[Future[Any]]) -> list[Any]:
    return [future.result() for future in futures]


def _type_name(field: RowField) -> str:
    return f"decimal(38, {field.scale})" if field.kind == "decimal" else field.kind
