"""The reference engine: the executable semantics behind the engine's port. Slow, and the judge of the native one."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ofs.canonical import HASH_RULES, canonical_text, jcs
from ofs.canonical.content import ContentDigest
from ofs.contracts import Result
from ofs.engine.port import DecisionSet, Fold
from ofs.packed import Packed
from ofs.parity.records import Rebuilt, parity_result
from ofs.planner.decisions import DeadLetterReason, Decision, decode_decision
from ofs.ports import RecordBatch
from ofs.semantics import Group, PartitionHistory, Question, identity
from ofs.units import INT64_MIN

ShapeKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Definitions as objects, with their digests."""

    groups: list[Group]


@dataclass(slots=True)
class ShapeColumns:
    """One shape with the indexes of its decisions; see `ofs.engine.port.Shape`."""

    pins: bytes
    hash_rule: str
    groups: list[tuple[str, str, str | None]]
    streams: list[tuple[str, list[str | None]]]
    as_of_basis: str
    has_hash: bool
    indexes: list[int] = field(default_factory=list)
    as_of_us: list[int | None] = field(default_factory=list)
    decided_us: list[int] = field(default_factory=list)
    cuts: list[list[int]] = field(default_factory=list)
    group_indexes: list[int] | None = None

    @property
    def count(self) -> int:
        return len(self.indexes)

    @property
    def as_of_us_min(self) -> int | None:
        return min((time for time in self.as_of_us if time is not None), default=None)

    @property
    def as_of_us_max(self) -> int | None:
        return max((time for time in self.as_of_us if time is not None), default=None)

    @property
    def decided_us_min(self) -> int:
        return min(self.decided_us)

    @property
    def decided_us_max(self) -> int:
        return max(self.decided_us)

    @property
    def cuts_min(self) -> list[list[int]]:
        return self._split([min(column) for column in zip(*self.cuts, strict=True)])

    @property
    def cuts_max(self) -> list[list[int]]:
        return self._split([max(column) for column in zip(*self.cuts, strict=True)])

    def _split(self, flat: list[int]) -> list[list[int]]:
        """A flat row of cuts by stream."""
        position, rows = 0, []
        for _, topic_ids in self.streams:
            rows.append(flat[position : position + len(topic_ids)])
            position += len(topic_ids)
        return rows


@dataclass(slots=True)
class _Entry:
    decision: Decision
    line: int
    text: bytes
    shape: int | None
    as_of_us: int | None
    is_excluded: bool = False


class ReferenceDecisions:
    """See `ofs/_core.pyi`, Decisions."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._entries: list[_Entry] = []
        self._dead: list[tuple[int, str]] = []
        self._shapes: list[ShapeColumns] = []
        self._pins: list[bytes] = []
        self.duplicates = 0

    @staticmethod
    def decode(lines: Sequence[bytes]) -> list[bytes]:
        return list(lines)

    def append(self, lines: list[bytes]) -> None:
        self._lines.extend(lines)

    def add(self, lines: list[bytes]) -> None:
        self.append(self.decode(lines))

    @property
    def line_count(self) -> int:
        return len(self._lines)

    def seal(self) -> None:
        copies: dict[str, list[tuple[int, Decision, bytes]]] = {}
        for number, text in enumerate(self._lines):
            decision = decode_decision(text)
            if isinstance(decision, DeadLetterReason):
                self._dead.append((number, decision.value))
            else:
                copies.setdefault(decision.decision_id, []).append((number, decision, canonical_text(text)))
        for same in copies.values():
            number, decision, canonical = same[0]
            if any(other != canonical for _, _, other in same[1:]):
                self._dead.extend((copy, DeadLetterReason.DECISION_CONFLICT.value) for copy, _, _ in same)
            else:
                self.duplicates += len(same) - 1
                self._append(decision, number)
        self._dead.sort()

    def _append(self, decision: Decision, number: int) -> None:
        shape = None if decision.problems else self._shape(decision, len(self._entries))
        self._entries.append(_Entry(decision, number, self._lines[number], shape, decision.as_of_us))

    def _shape(self, decision: Decision, index: int) -> int:
        cut, pins = decision.cut or {}, decision.pins or b""
        streams: dict[str, list[str | None]] = {}
        for stream, partition in sorted(cut):
            streams.setdefault(stream, []).append(decision.topic_ids.get((stream, partition)))
        if pins not in self._pins:
            self._pins.append(pins)
        shape = ShapeColumns(
            pins,
            str(decision.hash_rule),
            list(decision.groups or ()),
            list(streams.items()),
            str(decision.as_of_basis),
            decision.online_hash is not None,
        )
        key = _shape_key(shape)
        position = next(
            (i for i, known in enumerate(self._shapes) if _shape_key(known) == key), len(self._shapes)
        )
        if position == len(self._shapes):
            self._shapes.append(shape)
        columns = self._shapes[position]
        columns.indexes.append(index)
        columns.as_of_us.append(decision.as_of_us)
        decided_us = decision.as_of_us if decision.decided_us is None else decision.decided_us
        columns.decided_us.append(INT64_MIN if decided_us is None else decided_us)
        columns.cuts.append([cut[partition] for partition in sorted(cut)])
        return position

    def __len__(self) -> int:
        return len(self._entries)

    def dead_letters(self) -> list[tuple[int, str]]:
        return self._dead

    def digest(self, dead: list[bytes]) -> str:
        digest = hashlib.sha256()
        for entry in self._entries:
            digest.update(b"\x00" + hashlib.sha256(canonical_text(entry.text)).digest())
        for (number, _), line in zip(self._dead, dead, strict=True):
            digest.update(b"\x01" + number.to_bytes(8, "big") + hashlib.sha256(line).digest())
        return digest.hexdigest()

    def lines(self, lo: int, hi: int) -> list[int]:
        return [entry.line for entry in self._entries[lo:hi]]

    def ids(self, lo: int, hi: int) -> tuple[bytes, bytes]:
        return _packed(entry.decision.decision_id.encode() for entry in self._entries[lo:hi])

    def irregular(self) -> list[int]:
        return [index for index, entry in enumerate(self._entries) if entry.shape is None]

    def shapes(self) -> list[ShapeColumns]:
        return self._shapes

    def members(self, shape: int) -> ShapeColumns:
        return self._shapes[shape]

    def pins(self) -> list[bytes]:
        return self._pins

    def bind(self, shape: int, group_indexes: list[int]) -> None:
        self._shapes[shape].group_indexes = group_indexes

    def exclude(self, indexes: list[int]) -> None:
        for index in indexes:
            self._entries[index].is_excluded = True

    def set_as_of(self, index: int, as_of_us: int) -> None:
        self._entries[index].as_of_us = as_of_us

    def queries(
        self, stream: str, partition: int, lo: int, hi: int, cut_from: int, cut_to: int
    ) -> ReferenceQueries:
        asked: list[tuple[int, int]] = []
        for index in range(lo, hi):
            cut = (self._entries[index].decision.cut or {}).get((stream, partition))
            if cut is not None and cut_from <= cut < cut_to and self.is_answerable(index):
                asked.append((cut, index))
        return ReferenceQueries(sorted(asked))

    def cut_max(self, stream: str, partition: int, lo: int, hi: int) -> int:
        cuts = (
            (self._entries[index].decision.cut or {}).get((stream, partition), -1)
            for index in range(lo, hi)
            if self.is_bound(index)
        )
        return max(cuts, default=-1)

    def as_of_min(self, lo: int) -> int:  # noqa: ARG002  (nothing is ever forgotten)
        return INT64_MIN

    def is_bound(self, index: int) -> bool:
        entry = self._entries[index]
        return (
            entry.shape is not None
            and not entry.is_excluded
            and self._shapes[entry.shape].group_indexes is not None
        )

    def is_answerable(self, index: int) -> bool:
        return self.is_bound(index) and self.as_of_us(index) is not None

    def as_of_us(self, index: int) -> int | None:
        return self._entries[index].as_of_us

    def entry(self, index: int) -> tuple[Decision, bytes]:
        return self._entries[index].decision, self._entries[index].text

    def group_indexes(self, index: int) -> list[int]:
        shape = self._entries[index].shape
        return [] if shape is None else self._shapes[shape].group_indexes or []


def _shape_key(shape: ShapeColumns) -> ShapeKey:
    return shape.pins, shape.hash_rule, shape.groups, shape.streams, shape.as_of_basis, shape.has_hash


class ReferenceQueries:
    """Which decisions ask at which cut; the answer is the history itself."""

    def __init__(self, asked: list[tuple[int, int]]) -> None:
        self._asked: Final = asked
        self._answered: dict[int, PartitionHistory] = {}

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def answered(self) -> int:
        return len(self._answered)

    def answer(self, to: int, history: PartitionHistory) -> None:
        """Every query with a cut up to `to` is answered by this history."""
        while self.answered < len(self._asked) and self._asked[self.answered][0] <= to:
            self._answered[self._asked[self.answered][1]] = history

    def history_of(self, index: int) -> PartitionHistory | None:
        return self._answered.get(index)


@dataclass(frozen=True, slots=True)
class ReferenceRecords:
    """Records as they came: the history decodes them one by one."""

    batch: RecordBatch

    def __len__(self) -> int:
        return len(self.batch)

    def offset(self, index: int) -> int | None:
        return self.batch.offsets[index] if index < len(self.batch) else None


class ReferenceDecoder:
    """See `ofs/_core.pyi`, Decoder."""

    def decode(self, batch: RecordBatch) -> ReferenceRecords:
        return ReferenceRecords(batch)


class ReferenceFold:
    """A PartitionHistory, fed with batches."""

    def __init__(self, history: PartitionHistory) -> None:
        self._history: Final = history
        self._digest: Final = ContentDigest()

    @property
    def frontier(self) -> int:
        return self._history.frontier

    def apply(self, records: Any, first: int, limit: int, queries: Any) -> int:
        last = max(first, bisect_left(records.batch.offsets, limit))
        some = records.batch.slice(first, last)
        self._digest.update(some.offsets, some.log_ts_us, some.ts_types, some.keys, some.values, some.headers)
        for offset, time_us, value in zip(some.offsets, some.log_ts_us, some.values, strict=True):
            queries.answer(offset, self._history)
            self._history.apply(offset, time_us, value)
        return last

    def catch_up(self, queries: Any, scans: int) -> bool:  # noqa: ARG002  (a history is scanned at any cut)
        queries.answer(self._history.frontier, self._history)
        return True

    def forget(self, as_of_us: int, *, at_once: bool) -> None:
        """Nothing is forgotten here."""

    def advance(self, to: int, queries: Any) -> None:
        self._history.advance(to)
        queries.answer(to, self._history)

    def watermarks(self, decisions: Any, lo: int, hi: int) -> list[tuple[int, int | None]]:
        place = (self._history.stream, self._history.partition)
        found: list[tuple[int, int | None]] = []
        for index in range(lo, hi):
            decision, _ = decisions.entry(index)
            if decisions.is_bound(index) and decision.as_of_basis == "watermark" and place in decision.cut:
                found.append((index, self._history.max_event_time_us(decision.pins, decision.cut[place])))
        return found

    def skew_violation(self) -> int | None:
        return self._history.skew_violation

    def certificate(self) -> bytes:
        return jcs(self._history.certificate(self._digest.root()))


@dataclass(frozen=True, slots=True)
class ReferenceVerdict:
    """See `ofs/_core.pyi`, Verdict."""

    index: int
    status: str
    parity: bytes | None
    snapshot: bytes | None


@dataclass(frozen=True, slots=True)
class ReferenceVerdicts:
    """See `ofs/_core.pyi`, Verdicts."""

    lo: int
    rows: list[ReferenceVerdict | None]

    @property
    def matches(self) -> int:
        return sum(row is not None and row.parity is not None for row in self.rows)

    def unfinished(self) -> list[int]:
        rows = enumerate(self.rows, self.lo)
        return [index for index, row in rows if row is None or row.parity is None]

    def verdict(self, index: int) -> ReferenceVerdict | None:
        return self.rows[index - self.lo]

    def parity(self, lo: int, hi: int) -> tuple[bytes, bytes]:
        return _lines(None if row is None else row.parity for row in self.rows[lo - self.lo : hi - self.lo])

    def snapshots(self, lo: int, hi: int) -> tuple[bytes, bytes]:
        return _lines(None if row is None else row.snapshot for row in self.rows[lo - self.lo : hi - self.lo])


def _lines(texts: Iterable[bytes | None]) -> tuple[bytes, bytes]:
    """The texts with line ends, nothing for None."""
    return _packed(b"" if text is None else text + b"\n" for text in texts)


def _packed(strings: Iterable[bytes]) -> tuple[bytes, bytes]:
    packed = Packed.of(strings)
    return packed.data, packed.offsets


class ReferenceEngine:
    """Runs where no native core was built, and on demand."""

    name = "reference"

    def decisions(self) -> DecisionSet:
        """An empty decision set."""
        return ReferenceDecisions()

    def compile(self, definitions: list[bytes], digests: list[str]) -> Plan:
        """The definitions as objects."""
        both = zip(definitions, digests, strict=True)
        return Plan([Group(index, json.loads(text), digest) for index, (text, digest) in enumerate(both)])

    def decoder(self, fold: Any) -> ReferenceDecoder:  # noqa: ARG002  (the port's)
        """Leaves records as they are."""
        return ReferenceDecoder()

    def fold(
        self, plan: Any, scopes: list[bytes], stream: str, partition: int, start: int, max_skew_us: int
    ) -> Fold:
        """The empty history of a partition."""
        history = PartitionHistory(
            [group.definition for group in plan.groups],
            scopes,
            stream=stream,
            partition=partition,
            start=start,
            max_skew_us=max_skew_us,
        )
        return ReferenceFold(history)

    def assemble(
        self, plan: Any, decisions: Any, lo: int, hi: int, answers: list[Any], replay_id: str, snapshots: str
    ) -> ReferenceVerdicts:
        """Verdicts on the decisions `[lo, hi)`."""
        found = [
            _verdict(plan, decisions, index, answers, replay_id, snapshots)
            if decisions.is_answerable(index)
            else None
            for index in range(lo, hi)
        ]
        return ReferenceVerdicts(lo, found)


def _verdict(
    plan: Plan,
    decisions: ReferenceDecisions,
    index: int,
    answers: Sequence[Any],
    replay_id: str,
    snapshots: str,
) -> ReferenceVerdict:
    decision, line = decisions.entry(index)
    histories = [history for queries in answers if (history := queries.history_of(index)) is not None]
    if len(histories) != len(decision.cut or {}):
        raise ValueError(
            f"decision {index}: {len(histories)} of {len(decision.cut or {})} partitions answered"
        )
    groups = [plan.groups[position] for position in decisions.group_indexes(index)]
    snapshot = _snapshot(decision, groups, histories, decisions.as_of_us(index), replay_id)
    if decision.online_hash is None:
        return ReferenceVerdict(index, "ONLINE_HASH_MISSING", None, jcs(snapshot))
    is_match = snapshot["snapshot_hash"] == decision.online_hash
    if not is_match:
        return ReferenceVerdict(index, Result.MISMATCH, None, jcs(snapshot))
    digests = {(g.definition["feature_group"], g.definition["version"]): g.digest for g in groups}
    parity = parity_result(
        decision, line=line, replay_id=replay_id, rebuilt=Rebuilt(snapshot), reasons=(), digests=digests
    )
    return ReferenceVerdict(
        index, Result.MATCH, parity.to_bytes(), jcs(snapshot) if snapshots == "all" else None
    )


def _snapshot(
    decision: Decision,
    groups: list[Group],
    histories: list[PartitionHistory],
    as_of_us: int | None,
    replay_id: str,
) -> dict[str, Any]:
    """The whole RebuiltFeatureSnapshot."""
    question = Question(
        pins=decision.pins or b"",
        pins_object=json.loads(decision.pins or b"{}"),
        keys=decision.keys or (),
        groups=groups,
        as_of_us=as_of_us or 0,
        as_of_basis=str(decision.as_of_basis),
        cut=decision.cut or {},
        hash_rule=str(decision.hash_rule),
    )
    hashed = identity(question, histories)
    states = [
        state["state"] for groups_of_key in hashed["freshness"].values() for state in groups_of_key.values()
    ]
    return {
        **hashed,
        "snapshot_hash": HASH_RULES[question.hash_rule](jcs(hashed)),
        "provenance": {
            "decision_id": decision.decision_id,
            "replay_id": replay_id,
            "events_matched": any(state != "NO_DATA" for state in states),
        },
    }
