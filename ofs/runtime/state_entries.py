"""The entries of a state that a person can read: what it is of, and a key's contributions.

The format is the native core's, `ofs/core/src/state.rs`; runs never decode it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ofs.canonical import format_integer, format_scaled
from ofs.errors import StateError
from ofs.features import FeatureGroup, ValueKind, ValueType
from ofs.units import format_timestamp_us

IDENTITY_KEY: Final = b"I"
_CONTRIBUTIONS: Final = b"C"

Value = int | str | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A typed field of a group, of which every contribution holds a value."""

    field: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Contribution:
    """A usable event of a key. `values`: by column, None where the event lacks the field."""

    time_us: int
    offset: int
    log_ts_us: int
    values: tuple[Value, ...]


def columns_of(group: FeatureGroup) -> list[Column]:
    """The columns of a group: each field and type once, in the order of the features that read it."""
    columns: list[Column] = []
    for feature in group.features:
        if feature.field is not None and feature.type is not None:
            column = Column(feature.field, feature.type)
            if column not in columns:
                columns.append(column)
    return columns


def contributions_prefix(scope_digest: str, group_digest: str, key_id: str) -> bytes:
    """What the keys of a key's entries start with; behind it stands the first offset of each."""
    key = key_id.encode()
    return (
        _CONTRIBUTIONS
        + bytes.fromhex(scope_digest)
        + bytes.fromhex(group_digest)
        + len(key).to_bytes(4, "big")
        + key
    )


def read_contributions(value: bytes, columns: list[Column]) -> list[Contribution]:
    """The contributions of one entry, as they stand. Raises StateError where it is not one of these columns."""
    reader, found = _Reader(value), []
    while not reader.is_empty:
        time_us, offset, log_ts_us = reader.signed(), reader.signed(), reader.signed()
        values = tuple(_value(reader, column.type) if reader.byte() else None for column in columns)
        found.append(Contribution(time_us, offset, log_ts_us, values))
    return found


def read_scopes(identity: bytes) -> list[bytes]:
    """The canonical pins of a state's scopes, from its entry `I`. Raises StateError."""
    reader = _Reader(identity)
    reader.text()  # format
    reader.text()  # stream
    reader.unsigned()  # partition
    reader.signed()  # start
    reader.signed()  # skew
    for _ in range(reader.unsigned()):
        reader.text()  # group
    return [reader.bytes() for _ in range(reader.unsigned())]


def _value(reader: _Reader, kind: ValueType) -> Value:
    """As canonical JSON shows it."""
    match kind.kind:
        case ValueKind.STRING:
            return reader.text()
        case ValueKind.BOOL:
            return reader.signed() != 0
        case ValueKind.TIMESTAMP:
            return _timestamp(reader.signed())
        case ValueKind.DECIMAL:
            return format_scaled(reader.signed(), kind.scale or 0)
        case ValueKind.INT:
            return format_integer(reader.signed())


def _timestamp(time_us: int) -> str:
    try:
        return format_timestamp_us(time_us)
    except OverflowError as error:
        raise _damaged() from error


def _damaged() -> StateError:
    return StateError("an entry of the state is damaged or of another plan", hint="run `ofs state verify`")


class _Reader:
    """LEB128 integers, zigzag where signed, bytes behind their length."""

    def __init__(self, data: bytes) -> None:
        self._data: Final = data
        self._position = 0

    @property
    def is_empty(self) -> bool:
        return self._position == len(self._data)

    def byte(self) -> int:
        if self.is_empty:
            raise _damaged()
        self._position += 1
        return self._data[self._position - 1]

    def unsigned(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise _damaged()

    def signed(self) -> int:
        raw = self.unsigned()
        return (raw >> 1) ^ -(raw & 1)

    def bytes(self) -> bytes:
        length = self.unsigned()
        data = self._data[self._position : self._position + length]
        if len(data) != length:
            raise _damaged()
        self._position += length
        return data

    def text(self) -> str:
        try:
            return self.bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise _damaged() from error
