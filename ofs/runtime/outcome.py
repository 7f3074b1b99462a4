"""Verdicts become output records, in the order of the decisions, and are counted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ofs.contracts import ParityResult, Reason, ReasonDetail, Result, SnapshotOutput
from ofs.engine.port import Verdict
from ofs.parity.records import Rebuilt, parity_result
from ofs.planner.plan import ReplayPlan
from ofs.ports import OutputSink
from ofs.runtime.batch import Batch, LineCursor, decode_line

_HASH_ONLY: Final = "snapshot_hash"
Records = list[tuple[str, bytes]]


@dataclass(slots=True)
class OutputDigest:
    """SHA-256 and count over the lines of one output."""

    records: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)

    def add(self, records: Records) -> None:
        if records:
            self.sha256.update(b"\n".join([text for _, text in records]) + b"\n")
            self.records += len(records)

    def to_dict(self) -> dict[str, Any]:
        return {"records": self.records, "sha256": self.sha256.hexdigest()}


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
        self.tally: Final = Tally()
        self.outputs: Final = {
            name: OutputDigest() for name in ("parity.jsonl", "snapshots.jsonl", "deadletter.jsonl")
        }

    def write_chunk(
        self, lo: int, hi: int, verdicts: Sequence[Verdict], reasons: Mapping[int, tuple[ReasonDetail, ...]]
    ) -> None:
        """Every decision of `[lo, hi)` gives one parity record: from its verdict, or from its reasons."""
        by_index = {verdict.index: verdict for verdict in verdicts}
        texts: list[bytes | None] = [None] * (hi - lo)
        for verdict in verdicts:
            texts[verdict.index - lo] = verdict.parity
        matches = hi - lo - texts.count(None)
        self.tally.results.update({Result.MATCH.value: matches} if matches else {})
        ids, lines = self._batch.decisions.ids(lo, hi), self._batch.decisions.lines(lo, hi)
        parity = [
            (ids[row], self._elaborate(by_index.get(lo + row), lines[row], reasons.get(lo + row, ())))
            if text is None
            else (ids[row], text)
            for row, text in enumerate(texts)
        ]
        snapshots = [
            (ids[verdict.index - lo], verdict.snapshot)
            for verdict in verdicts
            if verdict.snapshot is not None and self._is_wanted(verdict)
        ]
        self._put("parity.jsonl", parity)
        self._put("snapshots.jsonl", snapshots)
        self._sink.end_chunk()

    def write_dead_letters(self) -> None:
        """The lines that name no decision, by source and line."""
        letters = [
            (f"{letter.source}:{letter.line}", letter.to_bytes()) for letter in self._batch.dead_letters
        ]
        self._put("deadletter.jsonl", letters)
        self._sink.end_chunk()

    def _is_wanted(self, verdict: Verdict) -> bool:
        if self._snapshots is SnapshotOutput.MISMATCH:
            return verdict.status == Result.MISMATCH
        return self._snapshots is SnapshotOutput.ALL

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

    def _put(self, name: str, records: Records) -> None:
        put = {
            "parity.jsonl": self._sink.put_parity,
            "snapshots.jsonl": self._sink.put_snapshots,
            "deadletter.jsonl": self._sink.put_dead_letters,
        }[name]
        self.outputs[name].add(records)
        if records:
            put(records)


def _without_key(path: str) -> str:
    """`/features/<key>/<group>/<feature>` without the key."""
    parts = path.split("/")[1:]
    return "/".join([parts[0], *parts[2:]]) if len(parts) > 2 else "/".join(parts)
