"""Hash rules: named, looked up, and named inside the bytes that they hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final


def sha256_hex(data: bytes) -> str:
    """Lower-case hex SHA-256.

    >>> sha256_hex(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


DEFAULT_HASH_RULE: Final = "ofs-jcs-sha256/v1"

HASH_RULES: Final[Mapping[str, Callable[[bytes], str]]] = MappingProxyType({DEFAULT_HASH_RULE: sha256_hex})
"""Rule name to the function from identity bytes to hash. A rule never changes; another one gets another name."""
