"""Where the recorded features and the rebuilt ones differ, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ofs.contracts import FieldMismatch

_LEVELS: Final = 3  # key, group, feature: a feature's value is compared whole


def pointer(*tokens: str) -> str:
    """RFC 6901 pointer.

    >>> pointer("features", "account_id:a/b", "g")
    '/features/account_id:a~1b/g'
    """
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


def mismatch_fields(online: Mapping[str, Any], offline: Mapping[str, Any]) -> tuple[FieldMismatch, ...]:
    """The features whose canonical values differ, sorted by path; a side that lacks one is null.

    Shape: both are `{"<key_type>:<key_id>": {"<group>": {"<feature>": value}}}`.
    """
    return tuple(_differences(("features",), online, offline))


def _differences(path: tuple[str, ...], online: Any, offline: Any) -> Iterator[FieldMismatch]:
    both_objects = isinstance(online, Mapping) and isinstance(offline, Mapping)
    one_object = isinstance(online, Mapping) or isinstance(offline, Mapping)
    if len(path) <= _LEVELS and (both_objects or (one_object and None in (online, offline))):
        left, right = online or {}, offline or {}
        for name in sorted(set(left) | set(right)):
            yield from _differences((*path, name), left.get(name), right.get(name))
    elif not same_json(online, offline):
        yield FieldMismatch(path=pointer(*path), online=online, offline=offline)


def same_json(left: Any, right: Any) -> bool:
    """Equal as JSON: unlike Python's `==`, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same_json(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same_json(left[name], right[name]) for name in left)
    return bool(left == right)
