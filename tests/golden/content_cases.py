"""Ranges of records for content digests, with a second way to compute a record's digest."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

Header = tuple[str, bytes | None]
Record = tuple[int, int, int, bytes | None, bytes | None, list[Header]]
"""(offset, log timestamp in µs, timestamp type, key, value, headers)"""

_T: Final = 1_700_000_000_000_000


def _plain(*offsets: int) -> list[Record]:
    return [(offset, _T + offset, 2, b"k", f'{{"n":{offset}}}'.encode(), []) for offset in offsets]


CASES: Final[dict[str, list[Record]]] = {
    "no record": [],
    "one record with nothing in it": [(0, 0, 0, None, None, [])],
    "an empty key and value are not null": [(0, 0, 0, b"", b"", [])],
    "a null key": [(0, _T, 1, None, b"{}", [])],
    "a null value": [(0, _T, 1, b"k", None, [])],
    "timestamp types": [(0, _T, 0, b"k", b"v", []), (1, _T, 1, b"k", b"v", []), (2, _T, 2, b"k", b"v", [])],
    "bytes that are no text": [(5, _T, 2, bytes(range(256)), b"\xff\x00\xfe", [])],
    "headers": [
        (0, _T, 2, b"k", b"v", [("a", b"1")]),
        (1, _T, 2, b"k", b"v", [("a", None), ("a", b""), ("", b"x"), ("ü\U0001f600", b"\x00\xff")]),
        (2, _T, 2, b"k", b"v", [("b", b"1"), ("a", b"2")]),
        (3, _T, 2, b"k", b"v", [("a", b"2"), ("b", b"1")]),
    ],
    "where key, value and header meet": [
        (0, _T, 2, b"ab", b"c", []),
        (1, _T, 2, b"a", b"bc", []),
        (2, _T, 2, b"a", b"b", [("c", b"")]),
        (3, _T, 2, b"a", b"b", [("", b"c")]),
    ],
    "the ends of the integers": [
        (0, -(2**63), 1, None, b"v", []),
        (1, -1, 1, None, b"v", []),
        (2**53, 2**53, 1, None, b"v", []),
        (2**63 - 1, 2**63 - 1, 2, None, b"v", []),
    ],
    "over a block's border": _plain(4094, 4095, 4096, 4097),
    "from within a block": _plain(5000, 5001, 8191, 8192),
    "holes and blocks left out": _plain(0, 3, 8192, 40_960_000),
    "a block with its first and last offset": _plain(4096, 8191),
    **{f"{count} blocks": _plain(*(4096 * block for block in range(count))) for count in range(2, 10)},
}


def record_digest(record: Record) -> bytes:
    """SHA-256 of the framed record, written down a second time."""
    offset, log_ts_us, ts_type, key, value, headers = record
    framed = b"ofs-record/v1\x00" + offset.to_bytes(8, "big") + log_ts_us.to_bytes(8, "big", signed=True)
    framed += bytes([ts_type]) + _framed(key) + _framed(value) + len(headers).to_bytes(4, "big")
    for name, content in headers:
        framed += len(name.encode()).to_bytes(4, "big") + name.encode() + _framed(content)
    return hashlib.sha256(framed).digest()


def _framed(data: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if data is None else len(data).to_bytes(4, "big") + data


def blocks(records: list[Record]) -> list[tuple[int, int, bytes]]:
    """(block, record count, digest) of the blocks, written down a second time."""
    by_block: dict[int, list[bytes]] = {}
    for record in records:
        by_block.setdefault(record[0] // 4096, []).append(record_digest(record))
    return [
        (
            block,
            len(digests),
            hashlib.sha256(
                b"\x00" + block.to_bytes(8, "big") + len(digests).to_bytes(4, "big") + b"".join(digests)
            ).digest(),
        )
        for block, digests in sorted(by_block.items())
    ]


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962's tree as its text defines it: split at the largest power of two below the count."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def written(record: Record) -> dict[str, Any]:
    """The record as a vector holds it: integers as decimal strings, bytes as base64."""
    offset, log_ts_us, ts_type, key, value, headers = record
    return {
        "offset": str(offset),
        "log_ts_us": str(log_ts_us),
        "ts_type": ts_type,
        "key": _base64(key),
        "value": _base64(value),
        "headers": [[name, _base64(content)] for name, content in headers],
    }


def read(vector: dict[str, Any]) -> Record:
    """The record of a vector."""
    return (
        int(vector["offset"]),
        int(vector["log_ts_us"]),
        vector["ts_type"],
        _bytes(vector["key"]),
        _bytes(vector["value"]),
        [(name, _bytes(content)) for name, content in vector["headers"]],
    )


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
