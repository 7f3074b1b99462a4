"""Formats that outlive a process: canonical bytes, hashes, digests. Golden vectors stand in contracts/vectors."""

from ofs.canonical.hashing import DEFAULT_HASH_RULE, HASH_RULES, sha256_hex
from ofs.canonical.jcs import jcs
from ofs.canonical.numbers import format_integer, format_scaled
from ofs.canonical.open_json import canonical_text, open_value
from ofs.canonical.strict_json import NotJsonError, Number, parse

__all__ = [
    "DEFAULT_HASH_RULE",
    "HASH_RULES",
    "NotJsonError",
    "Number",
    "canonical_text",
    "format_integer",
    "format_scaled",
    "jcs",
    "open_value",
    "parse",
    "sha256_hex",
]
