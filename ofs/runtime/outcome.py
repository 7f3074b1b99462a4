"""Verdicts become output records, in the order of the decisions, and are counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

from ofs.contracts import ParityResult, Reason, ReasonDetail, Result, SnapshotOutput
from ofs.engine.port import DecisionSet, Verdict, Verdicts
from ofs.packed import Packed
from ofs.parity.records import Rebuilt, parity_result
from ofs.planner.plan import ReplayPlan
from ofs.ports import OutputRecords, OutputSink
from ofs.runtime.batch import Batch, LineCursor, decode_line

_HASH_ONLY: Final = "snapshot_hash"
# a transaction a chunk would be waited for longer than the chunk takes to compute
_CHUNKS_A_COMMIT: Final = 3


@dataclass(slots=True)
class Tally:
    """Counts over a run's verdicts."""

    results: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    mismatch_fields: Counter[str] = field(default_factory=Counter)

    def add(self, parity: ParityResult) -> None:
        self.results[parity.result.value] += 1
        if parity.reason is not None:
            self.reasons[parity.reason.value] += 1
        if parity.result is Result.MISMATCH:
            paths = {_without_key(item.path) for item in parity.evidence.mismatch_fields}
            self.mismatch_fields.update(paths or {_HASH_ONLY})


@dataclass(frozen=True, slots=True)
class Assembled:
    """The verdicts on the decisions `[lo, hi)` with their ids, and the lines of those whose record is not finished."""

    lo: int
    hi: int
    verdicts: Verdicts
    ids: Packed
    unfinished: list[tuple[int, int]]

    @classmethod
    def of(cls, decisions: DecisionSet, lo: int, hi: int, verdicts: Verdicts) -> Assembled:
        """Ask the decision set all that is needed of it: it must not be asked while it is changed."""
        indexes = verdicts.unfinished()
        lines = [decisions.lines(index, index + 1)[0] for index in indexes]
        ids = Packed(*decisions.ids(lo, hi))
        return cls(lo, hi, verdicts, ids, list(zip(indexes, lines, strict=True)))

    def finished(self, lo: int, hi: int) -> OutputRecords:
        """The records of decisions that have a finished one each."""
        return OutputRecords(
            self.ids.slice(lo - self.lo, hi - self.lo), Packed(*self.verdicts.parity(lo, hi))
        )

    def record(self, index: int, text: bytes) -> OutputRecords:
        """A record of one decision."""
        at = index - self.lo
        return OutputRecords(self.ids.slice(at, at + 1), Packed.of([text + b"\n"]))


class OutcomeWriter:
    """Writes the outputs of a run to its sink, chunk by chunk."""

    def __init__(
        self, sink: OutputSink, batch: Batch, plan: ReplayPlan, replay_id: str, snapshots: SnapshotOutput
    ) -> None:
        self._sink: Final = sink
        self._batch: Final = batch
        self._digests: Final = plan.digests
        self._replay_id: Final = replay_id
        self._snapshots: Final = snapshots
        self._cursor: Final = LineCursor(batch.source)
        self._chunks = 0
        self.tally: Final = Tally()

    def write_chunk(
        self, answers: Sequence[Assembled], reasons: Mapping[int, tuple[ReasonDetail, ...]]
    ) -> None:
        """Every decision of the chunk gives one parity record: from its verdict, or from its reasons."""
        for part in answers:
            for records in self._parity(part, reasons):
                self._sink.put_parity(records)
            for records in self._wanted_snapshots(part):
                self._sink.put_snapshots(records)
        self._chunks += 1
        if self._chunks % _CHUNKS_A_COMMIT == 0:
            self._sink.end_chunk()

    def write_dead_letters(self) -> None:
        """The lines that name no decision, by source and line."""
        letters = [
            (f"{letter.source}:{letter.line}", letter.to_bytes()) for letter in self._batch.dead_letters
        ]
        self._sink.put_dead_letters(OutputRecords.of(letters))
        self._sink.end_chunk()

    def _parity(
        self, part: Assembled, reasons: Mapping[int, tuple[ReasonDetail, ...]]
    ) -> Iterator[OutputRecords]:
        """The finished records as they are; between them those that need evidence."""
        matches = part.verdicts.matches
        self.tally.results.update({Result.MATCH.value: matches} if matches else {})
        at = part.lo
        for index, line in part.unfinished:
            if at < index:
                yield part.finished(at, index)
            text = self._elaborate(part.verdicts.verdict(index), line, reasons.get(index, ()))
            yield part.record(index, text)
            at = index + 1
        if at < part.hi:
            yield part.finished(at, part.hi)

    def _wanted_snapshots(self, part: Assembled) -> Iterator[OutputRecords]:
        if self._snapshots is SnapshotOutput.ALL:
            ids, lines = part.ids, Packed(*part.verdicts.snapshots(part.lo, part.hi))
            lengths = lines.lengths()
            if not all(lengths):
                ids, lines = Packed.of(compress(ids, lengths)), Packed.of(compress(lines, lengths))
            yield OutputRecords(ids, lines)
        elif self._snapshots is SnapshotOutput.MISMATCH:
            for index, _ in part.unfinished:
                verdict = part.verdicts.verdict(index)
                if verdict is not None and verdict.status == Result.MISMATCH and verdict.snapshot is not None:
                    yield part.record(index, verdict.snapshot)

    def _elaborate(self, verdict: Verdict | None, line: int, reasons: tuple[ReasonDetail, ...]) -> bytes:
        """The record of a decision that does not simply match, with its evidence."""
        text = self._cursor.text(line)
        snapshot = None if verdict is None or verdict.snapshot is None else json.loads(verdict.snapshot)
        if verdict is not None and verdict.status == Reason.ONLINE_HASH_MISSING:
            reasons = (ReasonDetail(reason=Reason.ONLINE_HASH_MISSING),)
        parity = parity_result(
            decode_line(text),
            line=text,
            replay_id=self._replay_id,
            rebuilt=None if snapshot is None else Rebuilt(snapshot),
            reasons=reasons,
            digests=self._digests,
        )
        self.tally.add(parity)
        return parity.to_bytes()


def _without_key(path: str) -> str:
    """`/features/<key>/<group>/<feature>` without the key."""
    parts = path.split("/")[1:]
    return "/".join([parts[0], *parts[2:]]) if len(parts) > 2 else "/".join(parts)
