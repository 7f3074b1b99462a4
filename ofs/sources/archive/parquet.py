"""Records as Parquet files; the one module that knows pyarrow.

Columns: offset int64, log_ts_us int64, ts_type int8, key binary, value binary, headers list<struct<name, value>>; zstd.
Only key, value, headers and a header's value may be null. Row groups hold up to 32,768 records, so that a span in the
middle of a file is found by the statistics of the offset column.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ofs.errors import ArchiveError, SinkError
from ofs.ports import Header, RecordBatch
from ofs.units import OffsetRange

ROW_GROUP_RECORDS: Final = 32_768
_HEADER: Final = pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.binary())])
_SCHEMA: Final = pa.schema(
    [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("log_ts_us", pa.int64(), nullable=False),
        pa.field("ts_type", pa.int8(), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(pa.field("element", _HEADER, nullable=False))),
    ]
)


class ParquetWriter:
    """Writes batches to one new file. Use it inside `mapped_write_errors`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = pq.ParquetWriter(
            path, _SCHEMA, compression="zstd", use_dictionary=False, write_statistics=["offset", "log_ts_us"]
        )

    def write(self, batch: RecordBatch) -> None:
        """Append one row group."""
        headers = None if batch.headers is None else [_plain(entry) for entry in batch.headers]
        columns = [
            pa.array(batch.offsets, pa.int64()),
            pa.array(batch.log_ts_us, pa.int64()),
            pa.array(batch.ts_types, pa.int8()),
            pa.array(batch.keys, pa.binary()),
            pa.array(batch.values, pa.binary()),
            pa.nulls(len(batch), _SCHEMA.field("headers").type)
            if headers is None
            else pa.array(headers, _SCHEMA.field("headers").type),
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA), ROW_GROUP_RECORDS)

    def close(self) -> None:
        """Write the footer; calling it again does nothing."""
        self._writer.close()


def read_records(
    path: Path, *, stream: str, partition: int, span: OffsetRange, max_records: int
) -> Iterator[RecordBatch]:
    """The file's records with an offset in `span`, in offset order. Raises ArchiveError where the file is damaged."""
    with _opened(path) as file:
        groups = _row_groups(file, "offset", span.start, span.end)
        if not groups:
            return
        for arrow in file.iter_batches(
            batch_size=max(max_records, 4096), row_groups=groups, use_threads=False
        ):
            inside = _inside(arrow, span)
            for start in range(0, inside.num_rows, max_records):
                yield ArrowRecords(stream, partition, inside.slice(start, max_records))


class ArrowRecords(RecordBatch):
    """Records as Parquet gave them. The lists are made on demand; an engine that reads Arrow needs none of them."""

    def __init__(self, stream: str, partition: int, arrow: Any) -> None:
        self.__dict__.update(stream=stream, partition=partition, _arrow=arrow)

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    @property
    def arrow(self) -> Any:
        return self.__dict__["_arrow"]

    @cached_property
    def offsets(self) -> list[int]:
        return _integers(self.arrow.column(0))

    @cached_property
    def log_ts_us(self) -> list[int]:
        return _integers(self.arrow.column(1))

    @cached_property
    def ts_types(self) -> list[int]:
        return _integers(self.arrow.column(2))

    @cached_property
    def keys(self) -> list[bytes | None]:
        return list(self.arrow.column(3).to_pylist())

    @cached_property
    def values(self) -> list[bytes | None]:
        return list(self.arrow.column(4).to_pylist())

    @cached_property
    def headers(self) -> list[list[Header]] | None:
        headers = self.arrow.column(5)
        if not len(headers.flatten()):
            return None
        return [_pairs(entry) for entry in headers.to_pylist()]


def first_at_or_after(path: Path, log_ts_us: int) -> int | None:
    """The first offset in the file whose log timestamp is at or after the time; None where there is none."""
    with _opened(path) as file:
        groups = _row_groups(file, "log_ts_us", log_ts_us, 2**63)
        for arrow in file.iter_batches(columns=["offset", "log_ts_us"], row_groups=groups, use_threads=False):
            for offset, time_us in zip(_integers(arrow.column(0)), _integers(arrow.column(1)), strict=True):
                if time_us >= log_ts_us:
                    return offset
    return None


@contextmanager
def mapped_write_errors(path: Path) -> Iterator[None]:
    """What the file system or pyarrow raise while writing becomes a SinkError that names the path."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise SinkError(f"{path}: cannot be written: {_first_line(error)}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        # read ahead, a file would be held whole: its records are decoded ahead already
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if not file.schema_arrow.equals(_SCHEMA):
                raise ArchiveError(
                    f"{path}: columns expected {_SCHEMA.names}, found {file.schema_arrow.names}"
                )
            yield file
    except (pa.ArrowException, OSError) as error:
        raise ArchiveError(f"{path}: cannot be read as Parquet: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]


def _row_groups(file: Any, column: str, low: int, high: int) -> list[int]:
    """The row groups whose statistics of the column meet `[low, high)`."""
    position = _SCHEMA.get_field_index(column)
    found = []
    for index in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(index)
        statistics = group.column(position).statistics
        if group.num_rows and (
            statistics is None
            or not statistics.has_min_max
            or (statistics.min < high and statistics.max >= low)
        ):
            found.append(index)
    return found


def _inside(arrow: Any, span: OffsetRange) -> Any:
    """The rows with an offset in the span; offsets ascend."""
    offsets = _view(arrow.column(0))
    first = bisect_left(offsets, span.start)
    return arrow.slice(first, bisect_left(offsets, span.end) - first)


def _integers(column: Any) -> list[int]:
    """An int8 or int64 column without nulls as ints; straight from its buffer, three times as fast as to_pylist."""
    return _view(column).tolist()


def _view(column: Any) -> memoryview[int]:
    raw = memoryview(column.buffers()[1])
    view = raw.cast("b") if column.type == pa.int8() else raw.cast("q")
    return view[column.offset : column.offset + len(column)]


def _plain(headers: list[Header]) -> list[dict[str, object]] | None:
    return [{"name": name, "value": value} for name, value in headers] if headers else None


def _pairs(headers: list[dict[str, Any]] | None) -> list[Header]:
    return [(entry["name"], entry["value"]) for entry in headers or ()]
