"""The ports between the engine and the world: what adapters in sources, state and sinks implement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from ofs.packed import Packed
from ofs.units import OffsetRange

TIMESTAMP_NONE: Final = 0
TIMESTAMP_CREATE: Final = 1
TIMESTAMP_LOG_APPEND: Final = 2
PARITY: Final = "parity.jsonl"
SNAPSHOTS: Final = "snapshots.jsonl"
DEAD_LETTERS: Final = "deadletter.jsonl"

Header = tuple[str, bytes | None]


@dataclass(frozen=True)
class RecordBatch:
    """Records of one partition in offset order, as columns of equal length.

    Units: `log_ts_us` microseconds UTC; `ts_types` one of the TIMESTAMP_ constants.
    Order: offsets strictly ascending; holes are allowed.
    `headers` is None where no record of the batch has any; else one list a record.
    `arrow`: the same records as something that Arrow's C interface reads (`__arrow_c_array__`), of the archive's
    columns, where they came as such; then the lists are made only when they are asked for.
    """

    stream: str
    partition: int
    offsets: list[int]
    log_ts_us: list[int]
    ts_types: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[list[Header]] | None

    @property
    def arrow(self) -> Any:
        return None

    def __len__(self) -> int:
        return len(self.offsets)

    def slice(self, start: int, end: int) -> RecordBatch:
        """The records at the indexes `[start, end)`."""
        return RecordBatch(
            self.stream,
            self.partition,
            self.offsets[start:end],
            self.log_ts_us[start:end],
            self.ts_types[start:end],
            self.keys[start:end],
            self.values[start:end],
            None if self.headers is None else self.headers[start:end],
        )


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """What of a partition can be read now.

    `ranges`: sorted, neither overlapping nor touching; the first starts at the earliest readable offset (its low
    watermark), the last ends at the last stable offset. Empty when nothing was ever readable (`low` says where).
    `first_log_ts_us`: log timestamp of the first readable record, None when there is none. `outside_log_ts_us`: where
    a replay basis hides the partition's beginning, that of the first record that is hidden.
    `broker`: the range that a broker itself holds now, None without a broker; offsets below it are expired there.
    """

    partition: int
    low: int
    end: int
    ranges: tuple[OffsetRange, ...]
    first_log_ts_us: int | None
    broker: OffsetRange | None = None
    outside_log_ts_us: int | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream as the log describes it when a plan is made.

    `log_id`: the topic's id, or that of the archive's origin; it names the stream in a run's identity.
    `topic_id`: None where the log does not know it. `log_append`: log timestamps are the broker's.
    `compacted`: the topic's cleanup.policy has `compact`, so only archived ranges are in `ranges`.
    """

    stream: str
    log_id: str
    topic_id: str | None
    log_append: bool
    compacted: bool
    partitions: tuple[PartitionInfo, ...]


class EventLog(Protocol):
    """A log of records that is only read: Kafka, archive, memory, or several of them as one.

    Raises: SourceError (and its subclasses) from every call when the log cannot be reached or is damaged.
    """

    def describe(self, stream: str) -> StreamInfo | None:
        """What can be read of the stream now; None where the log does not know it."""
        ...

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        """The delivered records of `span` in offset order, in batches of 1 to max_records.

        Ends when the position has reached `span.end`; offsets that deliver nothing are simply absent.
        Raises SourceError where an offset of the span is no longer there (never skips it silently).
        """
        ...

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The first offset whose log timestamp is at or after the time; None where no readable record is."""
        ...

    def close(self) -> None:
        """Release what is held; calling it again does nothing."""
        ...


class StateStore(Protocol):
    """Ordered map of bytes; one `write` is atomic: after a crash all of it is there or nothing.

    Raises StateError when the store is damaged, closed or cannot be written.
    """

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None: ...

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: list[bytes]) -> list[bytes | None]: ...

    def scan_many(
        self, prefixes: list[bytes], firsts: list[bytes] | None = None
    ) -> list[list[tuple[bytes, bytes]]]:
        """What `scan` gives for each prefix, in their order; from the keys `firsts` on, which begin with them."""
        ...

    def last(self, prefix: bytes, upto: bytes) -> tuple[bytes, bytes] | None:
        """The last entry under the prefix with a key up to `upto`, that one included; None where there is none."""
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key starts with the prefix, in byte order. Raises StateError on a damaged block."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class OutputRecords:
    """Records of one output, in order. `keys`: UTF-8; `lines`: canonical JSON, each with its line end."""

    keys: Packed
    lines: Packed

    @classmethod
    def of(cls, records: Iterable[tuple[str, bytes]]) -> OutputRecords:
        """From keys and texts without line end."""
        pairs = list(records)
        keys = Packed.of(key.encode() for key, _ in pairs)
        return cls(keys, Packed.of(text + b"\n" for _, text in pairs))

    def __len__(self) -> int:
        return len(self.keys)

    def slice(self, first: int, end: int) -> OutputRecords:
        """The records `[first, end)`; nothing is copied."""
        return OutputRecords(self.keys.slice(first, end), self.lines.slice(first, end))

    def pairs(self) -> list[tuple[str, bytes]]:
        """Keys and texts without line end."""
        return [(key.decode(), line[:-1]) for key, line in zip(self.keys, self.lines, strict=True)]


@dataclass(slots=True)
class OutputDigest:
    """Number and SHA-256 of the lines of one output so far, as a file of them has."""

    records: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)

    def add(self, records: OutputRecords) -> None:
        self.sha256.update(records.lines.joined())
        self.records += len(records)

    def to_dict(self) -> dict[str, object]:
        return {"records": self.records, "sha256": self.sha256.hexdigest()}


def no_outputs() -> dict[str, OutputDigest]:
    """The digests of a run's outputs before anything was put."""
    return {name: OutputDigest() for name in (PARITY, SNAPSHOTS, DEAD_LETTERS)}


class OutputSink(Protocol):
    """Where a run's outputs go: canonical JSON lines in output order.

    Life: `begin` once, then any number of the `put_` calls with `end_chunk` after each chunk, then `commit` or `abort`
    once. The records of each output are the same ones in the same order whenever the run is made again; how they are
    cut into chunks is not.
    Raises SinkError when the outputs cannot be written; then nothing is half-written, and nothing looks finished.
    """

    @property
    def topics(self) -> frozenset[str]:
        """The topics that it writes; none of them may be an input of the run."""
        ...

    def begin(self, replay_id: str) -> bool:
        """True: the run is to be written. False: this very run is finished here already and was verified.

        Raises RequestConflictError where another request's outputs are.
        """
        ...

    def finished_run(self) -> Mapping[str, object]:
        """The run record of the run that `begin` found finished."""
        ...

    def put_parity(self, records: OutputRecords) -> None:
        """ParityResults by decision id."""
        ...

    def put_snapshots(self, records: OutputRecords) -> None:
        """RebuiltFeatureSnapshots by decision id."""
        ...

    def put_dead_letters(self, records: OutputRecords) -> None:
        """Dead letters by source and line, as `SOURCE:LINE`."""
        ...

    def digests(self) -> Mapping[str, OutputDigest]:
        """What was put so far: under PARITY, SNAPSHOTS and DEAD_LETTERS."""
        ...

    def end_chunk(self) -> None:
        """What was put since the last call may be made durable now, together."""
        ...

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Make the outputs visible; the run record last."""
        ...

    def abort(self) -> None:
        """Discard what was not committed."""
        ...


class DecisionSource(Protocol):
    """Decision lines, the same ones at every reading (a run reads them twice)."""

    name: str

    def blocks(self) -> Iterator[Sequence[bytes]]:
        """The lines in their order, some at a time: one JSON text a line, without the line end. Raises SourceError."""
        ...


RowKind = Literal["int32", "int64", "decimal", "bool", "timestamp", "utf8"]


@dataclass(frozen=True, slots=True)
class RowField:
    """A column of rows. Units: a timestamp is microseconds UTC. `scale`: of a decimal, else 0."""

    name: str
    kind: RowKind
    scale: int = 0
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class RowColumn:
    """The values of a column as buffers, laid out as Arrow has it: little-endian, bits from the lowest.

    They are read by the buffer protocol, for as long as they are held. `validity`: a bit a value, None where none is
    null. `offsets`: of utf8, int32, one more than values; else None. A decimal takes 16 bytes, a bool one bit.
    """

    validity: bytes | memoryview | None
    offsets: bytes | memoryview | None
    data: bytes | memoryview


class RowBlock(Protocol):
    """Some rows, in their order, in the form that their sink takes."""

    def __len__(self) -> int: ...

    def columns(self) -> list[RowColumn]:
        """The rows as columns, in the order of the run's fields."""
        ...

    def records(self) -> OutputRecords:
        """EventRows by event id."""
        ...


class RowSink(Protocol):
    """Where rows go. Life: `begin` once, `put` any number of times, then `commit` or `abort` once.

    The rows are the same ones in the same order whenever the run is made again; how they are cut into blocks is not.
    Raises SinkError when they cannot be written; then nothing is half-written, and nothing looks finished.
    """

    @property
    def topics(self) -> frozenset[str]:
        """The topics that it writes; none of them may be an input of the run."""
        ...

    @property
    def block_rows(self) -> int | None:
        """It takes columns, best in blocks of so many rows (at least 1); None: it takes records."""
        ...

    def begin(self, replay_id: str, fields: Sequence[RowField], /) -> bool:
        """True: the rows are to be written. False: this very run is finished here already and was verified.

        Raises RequestConflictError where another request's outputs are.
        """
        ...

    def finished_run(self) -> Mapping[str, object]:
        """The run record of the run that `begin` found finished."""
        ...

    def put(self, rows: RowBlock) -> None:
        """The next rows."""
        ...

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Make the rows visible; the run record last."""
        ...

    def abort(self) -> None:
        """Discard what was not committed."""
        ...
