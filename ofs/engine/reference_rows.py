"""Rows by the executable semantics: slow, and the judge of the native ones."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ofs.canonical import format_integer, jcs
from ofs.canonical.content import ContentDigest
from ofs.engine.rows import Merged, RowJob, row_fields
from ofs.ports import OutputRecords, RecordBatch, RowColumn, RowField
from ofs.semantics import Event, Group, PartitionHistory
from ofs.semantics.rows import (
    EventRow,
    LoggedRecord,
    RowScope,
    arrival_order,
    first_copy,
    is_established,
    open_histories,
    row_of,
)
from ofs.units import INT64_MAX, format_timestamp_us, next_offset, parse_timestamp_us

_DECIMAL_DIGITS: Final = 38


@dataclass(frozen=True, slots=True)
class ReferenceChunk:
    """(partition, index) in the order of arrival; `cuts`: each partition's head before it."""

    batches: Sequence[RecordBatch | None]
    order: list[tuple[int, int]]
    positions: list[int]
    cuts: dict[int, int]

    def __len__(self) -> int:
        return len(self.order)


class ReferenceRowIntake:
    """A PartitionHistory, fed with the partition's records of each chunk."""

    def __init__(self, scope: RowScope, history: PartitionHistory) -> None:
        self.history: Final = history
        self._scope: Final = scope
        self._digest: Final = ContentDigest()

    def take(self, chunk: ReferenceChunk) -> _Taken:
        """See RowIntake."""
        partition = self.history.partition
        batch = chunk.batches[partition]
        indexes = [index for place, index in chunk.order if place == partition]
        return _Taken(self.history, {} if batch is None else self._apply(batch, indexes))

    def end(self, to: int) -> bytes:
        """See RowIntake."""
        self.history.advance(to)
        return jcs(self.history.certificate(self._digest.root()))

    def _apply(self, batch: RecordBatch, indexes: Sequence[int]) -> dict[int, Event]:
        """Fold these records; the first copies among them, by index."""
        if not indexes:
            return {}
        some = batch.slice(indexes[0], indexes[0] + len(indexes))
        columns = (some.offsets, some.log_ts_us, some.ts_types, some.keys, some.values, some.headers)
        self._digest.update(*columns)
        found: dict[int, Event] = {}
        for index in indexes:
            record = LoggedRecord(batch.offsets[index], batch.log_ts_us[index], batch.values[index])
            event = first_copy(self._scope, self.history, record)
            if event is not None:
                found[index] = event
        return found


@dataclass(frozen=True, slots=True)
class _Taken:
    """The history, which leaves out what lies behind a cut, and the first copies of its partition in the chunk."""

    history: PartitionHistory
    events: dict[int, Event]


class ReferenceRowShard:
    """Holds nothing: the histories are asked when rows are made of a chunk."""

    def answer(self, _chunk: ReferenceChunk, _taken: Sequence[_Taken]) -> None:
        """See RowShard."""


@dataclass(frozen=True, slots=True)
class ReferenceMerged:
    """See `ofs.engine.rows.Merged`."""

    rows: int
    left_out: int
    blocks: list[ReferenceRows]


class ReferenceRowEngine:
    """See `ofs.engine.rows.RowEngine`."""

    name = "reference"

    def open(self, job: RowJob) -> ReferenceRowMaker:
        """The definitions as objects."""
        return ReferenceRowMaker(job)


class ReferenceRowMaker:
    """See `ofs.engine.rows.RowMaker`."""

    def __init__(self, job: RowJob) -> None:
        both = zip(job.definitions, job.digests, strict=True)
        groups = [Group(index, json.loads(text), digest) for index, (text, digest) in enumerate(both)]
        self._job: Final = job
        self._fields: Final = row_fields([group.definition for group in groups])
        self._scope: Final = RowScope(
            stream=job.stream,
            pins=job.pins,
            groups=groups,
            starts={partition: span.start for partition, span in enumerate(job.spans)},
            max_skew_us=job.max_skew_us,
            known_after_us=job.known_after_us,
        )

    def decode(self, batch: RecordBatch) -> RecordBatch:
        """The batch as it is: the semantics decode one record at a time."""
        return batch

    def arrive(self, batches: Sequence[RecordBatch | None], positions: list[int]) -> ReferenceChunk:
        """See RowMaker."""
        heads = {
            place: batch.log_ts_us[positions[place] :]
            for place, batch in enumerate(batches)
            if batch is not None
        }
        order: list[tuple[int, int]] = []
        reached = list(positions)
        for place, _ in arrival_order(heads):
            batch = batches[place]
            order.append((place, reached[place]))
            reached[place] += 1
            if batch is None or reached[place] == len(batch):
                break
        cuts = {
            place: INT64_MAX if batch is None else batch.offsets[positions[place]]
            for place, batch in enumerate(batches)
        }
        return ReferenceChunk(tuple(batches), order, reached, cuts)

    def intake(self, partition: int) -> ReferenceRowIntake:
        """The empty history of a partition."""
        return ReferenceRowIntake(self._scope, open_histories(self._scope)[partition])

    def shard(self, _number: int) -> ReferenceRowShard:
        """See RowMaker."""
        return ReferenceRowShard()

    def merger(self) -> ReferenceRowMerger:
        """See RowMaker."""
        return ReferenceRowMerger(self._job, self._fields, self._scope)


class ReferenceRowMerger:
    """See `ofs.engine.rows.RowMerger`."""

    def __init__(self, job: RowJob, fields: Sequence[RowField], scope: RowScope) -> None:
        self._job: Final = job
        self._fields: Final = fields
        self._scope: Final = scope
        self._waiting: list[EventRow] = []

    def merge(self, chunk: ReferenceChunk, taken: Sequence[_Taken], _answers: Sequence[None]) -> Merged:
        """See RowMerger."""
        histories = {some.history.partition: some.history for some in taken}
        cuts, rows, left_out = dict(chunk.cuts), [], 0
        for place, index in chunk.order:
            batch, event = chunk.batches[place], taken[place].events.get(index)
            if batch is None:
                continue
            if event is not None and is_established(self._scope, histories, event.event_time_us, cuts):
                rows.append(row_of(self._scope, histories, place, batch.offsets[index], event, cuts))
            elif event is not None:
                left_out += 1
            cuts[place] = next_offset(batch.offsets[index])
        self._waiting += rows
        count = self._job.block_rows or max(len(self._waiting), 1)
        blocks = [self._take(count) for _ in range(len(self._waiting) // count)]
        return ReferenceMerged(len(rows), left_out, blocks)

    def rest(self) -> ReferenceRows | None:
        """See RowMerger."""
        return self._take(len(self._waiting)) if self._waiting else None

    def _take(self, count: int) -> ReferenceRows:
        rows, self._waiting = self._waiting[:count], self._waiting[count:]
        return ReferenceRows(self._job, self._fields, rows)


class ReferenceRows:
    """See `ofs.ports.RowBlock`."""

    def __init__(self, job: RowJob, fields: Sequence[RowField], rows: list[EventRow]) -> None:
        self._job: Final = job
        self._rows: Final = rows
        self._columns: Final = [] if job.block_rows is None else self._make_columns(fields)

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self) -> list[RowColumn]:
        """See RowBlock."""
        return self._columns

    def records(self) -> OutputRecords:
        """See RowBlock."""
        return OutputRecords.of((row.event_id, jcs(self._object(row))) for row in self._rows)

    def _make_columns(self, fields: Sequence[RowField]) -> list[RowColumn]:
        table = [self._flat(row) for row in self._rows]
        return [column_of(field, [row.get(field.name) for row in table]) for field in fields]

    def _object(self, row: EventRow) -> dict[str, Any]:
        return {
            "replay_id": self._job.replay_id,
            "stream": self._job.stream,
            "partition": row.partition,
            "offset": format_integer(row.offset),
            "event_id": row.event_id,
            "event_type": row.event_type,
            "as_of_time_utc": format_timestamp_us(row.as_of_us),
            "groups": {
                name: {"key_id": group.key_id, "features": group.features}
                for name, group in row.groups.items()
            },
        }

    def _flat(self, row: EventRow) -> dict[str, Any]:
        flat = {**self._object(row), "offset": row.offset}
        for name, group in row.groups.items():
            flat[f"{name}.key_id"] = group.key_id
            flat |= {f"{name}.{feature}": value for feature, value in (group.features or {}).items()}
        return flat


def column_of(field: RowField, values: Sequence[Any]) -> RowColumn:
    """The column of values as canonical JSON has them. Raises ValueError where a decimal has more than 38 digits."""
    bits = [value is not None for value in values]
    validity = None if all(bits) else _bits(bits)
    if field.kind == "utf8":
        texts = [_text(value) for value in values]
        ends = [0]
        for text in texts:
            ends.append(ends[-1] + len(text))
        return RowColumn(validity, struct.pack(f"<{len(ends)}i", *ends), b"".join(texts))
    if field.kind == "bool":
        return RowColumn(validity, None, _bits(value is True for value in values))
    if field.kind == "decimal":
        scaled = [_scaled(field, value) for value in values]
        return RowColumn(validity, None, b"".join(n.to_bytes(16, "little", signed=True) for n in scaled))
    numbers = [_number(field, value) for value in values]
    return RowColumn(
        validity, None, struct.pack(f"<{len(numbers)}{'i' if field.kind == 'int32' else 'q'}", *numbers)
    )


def _text(value: Any) -> bytes:
    """A string as it stands, a list as its canonical JSON."""
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else jcs(value)


def _number(field: RowField, value: Any) -> int:
    if value is None:
        return 0
    return (parse_timestamp_us(value) or 0) if field.kind == "timestamp" else int(value)


def _scaled(field: RowField, value: Any) -> int:
    """A decimal's digits as an integer; an integer is one of scale 0."""
    if value is None:
        return 0
    scaled = int(str(value).replace(".", ""))
    if abs(scaled) >= 10**_DECIMAL_DIGITS:
        raise ValueError(f"{field.name}: {value} has more than {_DECIMAL_DIGITS} digits")
    return scaled


def _bits(values: Iterable[bool]) -> bytes:
    packed = bytearray()
    for place, value in enumerate(values):
        if place % 8 == 0:
            packed.append(0)
        packed[-1] |= value << place % 8
    return bytes(packed)
