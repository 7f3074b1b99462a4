"""Rows by the native core, as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ofs.engine.rows import Merged, RowIntake, RowJob, RowMerger, RowShard
from ofs.native import core
from ofs.packed import Packed
from ofs.ports import OutputRecords, RecordBatch, RowColumn


class NativeRowEngine:
    """See `ofs.engine.rows.RowEngine`. Raises ImportError where the core was not built."""

    name = "native"

    def __init__(self) -> None:
        if core is None:
            raise ImportError("the native core ofs._core was not built")

    def open(self, job: RowJob) -> NativeRowMaker:
        """The definitions, compiled."""
        return NativeRowMaker(core, job)


class NativeRowMaker:
    """See `ofs.engine.rows.RowMaker`."""

    def __init__(self, core: Any, job: RowJob) -> None:
        plan = core.Plan(list(job.definitions), list(job.digests))
        self._maker: Final[Any] = core.RowMaker(
            plan,
            job.pins,
            job.stream,
            [(span.start, span.end) for span in job.spans],
            job.max_skew_us,
            job.known_after_us,
            job.replay_id,
            job.block_rows,
            job.shards,
        )

    def decode(self, batch: RecordBatch) -> Any:
        """See RowMaker; takes Arrow batches as they are."""
        if batch.arrow is not None:
            return self._maker.decode_arrow(batch.arrow)
        return self._maker.decode(
            batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, batch.headers
        )

    def arrive(self, batches: Sequence[Any], positions: list[int]) -> Any:
        """See RowMaker."""
        return self._maker.arrive(list(batches), positions)

    def intake(self, partition: int) -> RowIntake:
        """See RowMaker."""
        intake: RowIntake = self._maker.intake(partition)
        return intake

    def shard(self, number: int) -> RowShard:
        """See RowMaker."""
        shard: RowShard = self._maker.shard(number)
        return shard

    def merger(self) -> RowMerger:
        """See RowMaker."""
        return NativeRowMerger(self._maker.merger())


class NativeRowMerger:
    """See `ofs.engine.rows.RowMerger`."""

    def __init__(self, merger: Any) -> None:
        self._merger: Final[Any] = merger

    def merge(self, chunk: Any, taken: Sequence[Any], answers: Sequence[Any]) -> Merged:
        """See RowMerger."""
        return NativeMerged(self._merger.merge(chunk, taken, answers))

    def rest(self) -> NativeRows | None:
        """See RowMerger."""
        rows = self._merger.rest()
        return None if rows is None else NativeRows(rows)


class NativeMerged:
    """See `ofs.engine.rows.Merged`."""

    def __init__(self, made: Any) -> None:
        self.rows: Final[int] = made.rows
        self.left_out: Final[int] = made.left_out
        self.blocks: Final = [NativeRows(rows) for rows in made.blocks]


class NativeRows:
    """See `ofs.ports.RowBlock`."""

    def __init__(self, rows: Any) -> None:
        self._rows: Final[Any] = rows

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self) -> list[RowColumn]:
        """See RowBlock; the buffers are those of the core."""
        return [_column(column) for column in self._rows.columns().columns]

    def records(self) -> OutputRecords:
        """See RowBlock."""
        return OutputRecords(*(Packed(*packed) for packed in self._rows.records()))


def _column(arrow: Any) -> RowColumn:
    buffers = [None if buffer is None else memoryview(buffer).cast("B") for buffer in arrow.buffers()]
    validity, *offsets, data = buffers
    return RowColumn(validity, offsets[0] if offsets else None, data or b"")
