"""RFC 8785 bytes of a Python value: members sorted by UTF-16 code units, minimal escapes, no white space."""

from __future__ import annotations

from typing import Any, cast

import rfc8785


def jcs(value: object) -> bytes:
    """Canonical JSON of dicts, lists, strings, ints, bools and None.

    Format: RFC 8785. Since v1; a change is a new hash rule with vectors of its own.
    Bounds: integers within ±(2^53-1); larger ones are written as strings beforehand (`format_integer`).
    Raises ValueError outside these bounds, on lone surrogates and on members that are no strings.

    >>> jcs({"b": [1, None], "a": "\\u00e9"})
    b'{"a":"\\xc3\\xa9","b":[1,null]}'
    """
    try:
        return rfc8785.dumps(cast(Any, value))
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"no canonical JSON: {error}") from error
