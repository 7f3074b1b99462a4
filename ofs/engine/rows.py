"""What an engine is for rows: batches decoded, put into the order of arrival, taken, answered, and merged.

A run goes on in chunks. A chunk is what arrives until one partition's batch is used up; it is one call a partition
(`take`), then one a shard of the keys (`answer`), then one for all (`merge`); calls of one kind on a chunk may come in
any order or at once, on one object in the order of the chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ofs.errors import UsageError
from ofs.ports import RecordBatch, RowBlock, RowField, RowKind
from ofs.units import OffsetRange

__all__ = [
    "Chunk",
    "Decoded",
    "Merged",
    "RowEngine",
    "RowIntake",
    "RowJob",
    "RowMaker",
    "RowMerger",
    "RowShard",
    "row_fields",
]

_ROW_FIELDS: Final = (
    RowField("stream", "utf8", nullable=False),
    RowField("partition", "int32", nullable=False),
    RowField("offset", "int64", nullable=False),
    RowField("event_id", "utf8", nullable=False),
    RowField("event_type", "utf8", nullable=False),
    RowField("as_of_time_utc", "timestamp", nullable=False),
)
_KIND_OF_TYPE: Final[Mapping[str, RowKind]] = {
    "int": "int64",
    "decimal": "decimal",
    "string": "utf8",
    "bool": "bool",
    "timestamp": "timestamp",
}


@dataclass(frozen=True, slots=True)
class RowJob:
    """What all rows of a run share.

    `definitions`: RFC 8785 bytes, with their `digests`, in name order. `pins`: canonical. `spans`: of partitions 0 to
    n-1, what is read; together at most 2^63-1 offsets. `known_after_us`: see `ofs.semantics.rows.RowScope`.
    `block_rows`: rows are made as columns, so many a block but for the last one; None: as records, those of a chunk a
    block. `shards`: among how many the keys are divided.
    """

    definitions: tuple[bytes, ...]
    digests: tuple[str, ...]
    pins: bytes
    stream: str
    spans: tuple[OffsetRange, ...]
    max_skew_us: int
    known_after_us: int | None
    replay_id: str
    block_rows: int | None
    shards: int


class Decoded(Protocol):
    """A batch of one partition's records, admitted or rejected."""

    def __len__(self) -> int: ...


class Chunk(Protocol):
    """The next records in the order of arrival. `positions`: by partition, where in its batch the next chunk begins."""

    def __len__(self) -> int: ...
    @property
    def positions(self) -> list[int]: ...


class RowIntake(Protocol):
    """What one partition knows: which events are first copies, and in time."""

    def take(self, chunk: Any) -> Any:
        """Take the partition's own records of the chunk; what of them has rows, and counts."""
        ...

    def end(self, to: int) -> bytes:
        """The certificate's counts over `[start, to)`; what was not read there delivered nothing."""
        ...


class RowShard(Protocol):
    """Some of the keys, over all partitions."""

    def answer(self, chunk: Any, taken: Sequence[Any]) -> Any:
        """Answer for the events of the chunk, each as of just before it arrived. `taken`: one a partition, in order."""
        ...


class Merged(Protocol):
    """What came of a chunk.

    `rows`: how many it has. `left_out`: those among its first copies that are not established. `blocks`: those that
    are whole now, also with rows of chunks before.
    """

    @property
    def rows(self) -> int: ...
    @property
    def left_out(self) -> int: ...
    @property
    def blocks(self) -> Sequence[RowBlock]: ...


class RowMerger(Protocol):
    """Makes rows of chunks, in their order; those that are no block yet wait."""

    def merge(self, chunk: Any, taken: Sequence[Any], answers: Sequence[Any]) -> Merged:
        """The rows of a chunk, of what each partition took and each shard answered, in order.

        Raises ValueError where a value has no place in its column; there is nothing to merge then any more.
        """
        ...

    def rest(self) -> RowBlock | None:
        """The rows that wait; None where there are none. Raises ValueError as `merge` does."""
        ...


class RowMaker(Protocol):
    """The parts of a run. Calls do not wait for each other, but those on one intake, shard or
    merger.
    """

    def decode(self, batch: RecordBatch) -> Any:
        """Pure. Raises ValueError where a record has no content digest."""
        ...

    def arrive(self, batches: Sequence[Any], positions: list[int]) -> Any:
        """The next chunk, of each partition's batch (None: it has ended) from a position on.

        It goes as far as the order is known: until a batch is used up.
        """
        ...

    def intake(self, partition: int) -> RowIntake:
        """That of a partition, at its start."""
        ...

    def shard(self, number: int) -> RowShard:
        """One of the job's, empty."""
        ...

    def merger(self) -> RowMerger:
        """One for the run."""
        ...


class RowEngine(Protocol):
    """Makes rows. `name` is what a run record says."""

    @property
    def name(self) -> str: ...
    def open(self, job: RowJob) -> RowMaker: ...


def row_fields(definitions: Sequence[Mapping[str, Any]]) -> tuple[RowField, ...]:
    """The columns of rows of these groups (canonical definitions, in name order).

    Raises UsageError where two of them would have one name.
    """
    fields = list(_ROW_FIELDS)
    for definition in definitions:
        group = definition["feature_group"]
        fields.append(RowField(f"{group}.key_id", "utf8"))
        fields += [_feature_field(group, feature) for feature in definition["features"]]
    names = [field.name for field in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two columns of the rows would be named {twice[0]}", hint="one version of a group")
    return tuple(fields)


def _feature_field(group: str, feature: Mapping[str, Any]) -> RowField:
    name, op = f"{group}.{feature['name']}", feature["op"]
    if op in ("count", "count_distinct", "age_of_last", "age_of_first"):
        return RowField(name, "int64")
    if op in ("mean", "variance", "stddev", "ratio"):
        return RowField(name, "decimal", feature["scale"])
    if op in ("first_k", "last_k", "top_k"):
        return RowField(name, "utf8")
    kind = feature["type"]["kind"]
    if op == "sum":
        return RowField(name, "decimal", feature["type"].get("scale", 0))
    return RowField(name, _KIND_OF_TYPE[kind], feature["type"].get("scale", 0))
