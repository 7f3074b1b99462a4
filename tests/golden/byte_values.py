"""How vectors write bytes: text where it is UTF-8 and short, base64 where it is not, repetitions where it is long."""

from __future__ import annotations

import base64
from typing import Any

Written = str | dict[str, Any] | None
"""A text; `{"base64": …}`; `{"repeat": [before, unit, count, after]}`; null."""


def repeated(before: str, unit: str, count: int, after: str = "") -> Written:
    """`before`, `count` times `unit`, `after`."""
    return {"repeat": [before, unit, count, after]}


def raw(data: bytes) -> Written:
    """Bytes that are no text."""
    return {"base64": base64.b64encode(data).decode("ascii")}


def bytes_of(written: Written) -> bytes | None:
    """The bytes that a vector writes."""
    if written is None:
        return None
    if isinstance(written, str):
        return written.encode()
    if "base64" in written:
        return base64.b64decode(written["base64"], validate=True)
    before, unit, count, after = written["repeat"]
    return (str(before) + str(unit) * int(count) + str(after)).encode()


def text_bytes(written: Written) -> bytes:
    """The same, of what is never null."""
    data = bytes_of(written)
    if data is None:
        raise ValueError("a vector without bytes")
    return data
