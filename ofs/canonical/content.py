"""Content digest of a range of records: what archive, certificate and broker are compared by.

Format: a record is `"ofs-record/v1\\0" | offset i64 | log timestamp in us i64 | timestamp type u8 | key | value |
header count u32 | headers`, big-endian; key, value and a header's value are an i32 length (-1 for null) and the bytes;
a header is a u32 length, its UTF-8 name, its value. A block is 4,096 aligned offsets: SHA-256 of
`0x00 | block u64 | record count u32 | SHA-256 of each record in offset order`; blocks without a record are left out.
The root is a Merkle tree over the blocks in the shape of RFC 6962.
Since v1; a change is a new record prefix with vectors of its own.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ofs.native import core

if TYPE_CHECKING:
    from ofs.ports import Header

BLOCK_OFFSETS: Final = 4096
_RECORD: Final = struct.Struct(">qqB")
_LENGTH: Final = struct.Struct(">i")
_COUNT: Final = struct.Struct(">I")
_BLOCK: Final = struct.Struct(">BQI")
_STATE: Final = struct.Struct(">qQ")
_STATE_BLOCK: Final = struct.Struct(">QI32s")
_RECORD_PREFIX: Final = b"ofs-record/v1\0"
_STATE_PREFIX: Final = b"ofs-content-python/v1\0"
_NULL: Final = _LENGTH.pack(-1)
_NO_HEADERS: Final = _COUNT.pack(0)
_DIGEST_BYTES: Final = 32


class RangeContent(Protocol):
    """Content digest over the records of one partition, fed in offset order: the core's or the one in Python."""

    def update(
        self,
        offsets: list[int],
        log_ts_us: list[int],
        ts_types: list[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[list[Header]] | None,
    ) -> None:
        """Add records. Raises ValueError where offsets do not ascend or columns differ in length."""
        ...

    def root(self) -> str:
        """Hex Merkle root over the blocks so far, the unfinished one included."""
        ...

    def blocks(self) -> list[tuple[int, int, str]]:
        """(block index, record count, hex digest) of every block with a record."""
        ...

    def state(self) -> bytes:
        """What `restore` of the same class takes; for one machine and version only."""
        ...


class ContentDigest:
    """The content digest in plain Python: the same answers as `_core.RangeDigest`."""

    def __init__(self) -> None:
        self._last_offset = -1
        self._finished: list[tuple[int, int, bytes]] = []
        self._block = 0
        self._records: list[bytes] = []

    def update(
        self,
        offsets: list[int],
        log_ts_us: list[int],
        ts_types: list[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[list[Header]] | None,
    ) -> None:
        """Add records in offset order. Raises ValueError where offsets do not ascend or columns differ in length."""
        last = self._last_offset
        for offset in offsets:
            if offset <= last:
                raise ValueError(f"offset {offset} does not follow {last}")
            last = offset
        columns = (log_ts_us, ts_types, keys, values, offsets if headers is None else headers)
        if any(len(column) != len(offsets) for column in columns):
            raise ValueError("columns of records differ in length")
        for index, offset in enumerate(offsets):
            block = offset // BLOCK_OFFSETS
            if block != self._block:
                self._finish_block()
                self._block = block
            framed = _frame(
                offset,
                log_ts_us[index],
                ts_types[index],
                keys[index],
                values[index],
                () if headers is None else headers[index],
            )
            self._records.append(hashlib.sha256(framed).digest())
        self._last_offset = last

    def root(self) -> str:
        """Hex Merkle root over the blocks so far, the unfinished one included."""
        return _merkle([digest for _, _, digest in self._finished + self._open_block()]).hex()

    def blocks(self) -> list[tuple[int, int, str]]:
        """(block index, record count, hex digest) of every block with a record."""
        return [(block, count, digest.hex()) for block, count, digest in self._finished + self._open_block()]

    def state(self) -> bytes:
        """What `restore` takes."""
        parts = [_STATE_PREFIX, _STATE.pack(self._last_offset, len(self._finished))]
        parts += [_STATE_BLOCK.pack(*entry) for entry in self._finished]
        return b"".join([*parts, *self._records])

    @staticmethod
    def restore(state: bytes) -> ContentDigest:
        """The digest that gave this state. Raises ValueError where it is not one."""
        head = len(_STATE_PREFIX) + _STATE.size
        if not state.startswith(_STATE_PREFIX) or len(state) < head:
            raise ValueError("not the state of a content digest")
        last_offset, finished = _STATE.unpack_from(state, len(_STATE_PREFIX))
        body = head + finished * _STATE_BLOCK.size
        if len(state) < body or (len(state) - body) % _DIGEST_BYTES:
            raise ValueError("the state of a content digest is cut off")
        digest = ContentDigest()
        digest._last_offset = last_offset
        digest._finished = list(_STATE_BLOCK.iter_unpack(state[head:body]))
        digest._records = [state[at : at + _DIGEST_BYTES] for at in range(body, len(state), _DIGEST_BYTES)]
        digest._block = max(last_offset, 0) // BLOCK_OFFSETS
        return digest

    def _finish_block(self) -> None:
        self._finished += self._open_block()
        self._records = []

    def _open_block(self) -> list[tuple[int, int, bytes]]:
        if not self._records:
            return []
        count = len(self._records)
        digest = hashlib.sha256(_BLOCK.pack(0, self._block, count) + b"".join(self._records)).digest()
        return [(self._block, count, digest)]


def new_content_digest() -> RangeContent:
    """An empty digest: the core's where it was built, else the one in Python."""
    if core is None:
        return ContentDigest()
    digest: RangeContent = core.RangeDigest()
    return digest


def content_root(block_digests: Sequence[str]) -> str:
    """Hex Merkle root over hex block digests in block order.

    >>> content_root([])[:8]
    'e3b0c442'
    """
    return _merkle([bytes.fromhex(digest) for digest in block_digests]).hex()


def _frame(
    offset: int,
    log_ts_us: int,
    ts_type: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[Header],
) -> bytes:
    parts = [_RECORD_PREFIX, _RECORD.pack(offset, log_ts_us, ts_type), _field(key), _field(value)]
    if not headers:
        parts.append(_NO_HEADERS)
        return b"".join(parts)
    parts.append(_COUNT.pack(len(headers)))
    for name, content in headers:
        encoded = name.encode("utf-8")
        parts += [_COUNT.pack(len(encoded)), encoded, _field(content)]
    return b"".join(parts)


def _field(data: bytes | None) -> bytes:
    return _NULL if data is None else _LENGTH.pack(len(data)) + data


def _merkle(leaves: list[bytes]) -> bytes:
    """RFC 6962's tree by a stack of perfect subtrees; the unfinished ones are joined from the right."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        size, node = 1, leaf
        while stack and stack[-1][0] == size:
            left_size, left = stack.pop()
            size, node = left_size + size, hashlib.sha256(b"\x01" + left + node).digest()
        stack.append((size, node))
    _, root = stack.pop()
    while stack:
        _, left = stack.pop()
        root = hashlib.sha256(b"\x01" + left + root).digest()
    return root
