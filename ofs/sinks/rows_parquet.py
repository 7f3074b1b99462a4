"""Rows as one Parquet file: typed columns, the same bytes however the rows come in.

Row groups hold 65,536 rows but for the last one; each is written from one contiguous table, so that pages end at the
same rows whatever the blocks were.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ofs.ports import RowBlock, RowField

ROW_GROUP_ROWS: Final = 65_536
_CHOSEN_BY: Final = ("partition", "offset", "as_of_time_utc")
_WRITE_ROWS: Final = 16_384
_TYPES: Final = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "utf8": pa.utf8(),
}


class ParquetRows:
    """A new file of rows. Raises OSError where it cannot be written."""

    def __init__(self, path: Path, fields: Sequence[RowField]) -> None:
        self._schema: Final = pa.schema(
            [pa.field(field.name, arrow_type(field), nullable=field.nullable) for field in fields]
        )
        self._file: Final = _HashedFile(path)
        self._writer: Any = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            **_encodings(fields),
            # where events stand and happened is what a part of the rows is chosen by
            write_statistics=[name for name in _CHOSEN_BY if name in self._schema.names],
            write_batch_size=_WRITE_ROWS,
        )
        self._pending: list[Any] = []
        self._pending_rows = 0
        self._rows = 0

    def write(self, rows: RowBlock) -> None:
        """Append rows."""
        if len(rows) == 0:
            return
        arrays = [
            pa.Array.from_buffers(
                field.type,
                len(rows),
                [None if buffer is None else pa.py_buffer(buffer) for buffer in _buffers(column)],
            )
            for field, column in zip(self._schema, rows.columns(), strict=True)
        ]
        self._pending.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._pending_rows += len(rows)
        while self._pending_rows >= ROW_GROUP_ROWS:
            self._write_group(ROW_GROUP_ROWS)

    def finish(self) -> dict[str, object]:
        """Write what is left and the footer, make it durable; what a run record says of the file."""
        if self._pending_rows:
            self._write_group(self._pending_rows)
        self._writer.close()
        return {"records": self._rows, "sha256": self._file.finish()}

    def discard(self) -> None:
        """Close the file without finishing it; calling it again does nothing."""
        self._file.drop()
        self._writer.close()

    def _write_group(self, count: int) -> None:
        table = pa.Table.from_batches(self._pending, self._schema)
        self._writer.write_table(table.slice(0, count).combine_chunks(), count)
        rest = table.slice(count)
        self._pending, self._pending_rows = rest.to_batches(), rest.num_rows
        self._rows += count


def arrow_type(field: RowField) -> Any:
    """The Arrow type of a column."""
    return pa.decimal128(38, field.scale) if field.kind == "decimal" else _TYPES[field.kind]


def _encodings(fields: Sequence[RowField]) -> dict[str, object]:
    """How columns are told, where it is not plainly.

    Ids are all different, so only other texts are worth a dictionary; what an id shares with the one before is left
    out. Whole numbers are differences in as few bits as they need, which leaves little to compress.
    """
    numbers = [field.name for field in fields if field.kind in ("int32", "int64", "timestamp")]
    ids = [field.name for field in fields if field.name == "event_id"]
    texts = [field.name for field in fields if field.kind == "utf8" and field.name not in ids]
    encoding = dict.fromkeys(numbers, "DELTA_BINARY_PACKED") | dict.fromkeys(ids, "DELTA_BYTE_ARRAY")
    return {"use_dictionary": texts, "column_encoding": encoding}


def _buffers(column: Any) -> list[bytes | None]:
    if column.offsets is None:
        return [column.validity, column.data]
    return [column.validity, column.offsets, column.data]


class _HashedFile(io.RawIOBase):
    """A file written from its beginning to its end, with the digest of its bytes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file: Final[IO[bytes]] = path.open("wb", buffering=1024 * 1024)
        self._digest: Final = hashlib.sha256()
        self._is_dropped = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._is_dropped:
            return len(data)
        self._digest.update(data)
        return self._file.write(data)

    def drop(self) -> None:
        """Write no more: what a writer adds on being closed has nowhere to go."""
        self._is_dropped = True
        self.close()

    def finish(self) -> str:
        """Make it durable; the SHA-256 of it, hex."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        return self._digest.hexdigest()

    def close(self) -> None:
        if not self.closed:
            with suppress(OSError):  # the disk is full: whoever closes it so removes it
                self._file.close()
        super().close()
