"""Where the recorded features and the rebuilt ones differ, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ofs.contracts import FieldMismatch

_ABSENT: Final = object()
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
    sides = [side for side in (online, offline) if side is not _ABSENT]
    if len(path) <= _LEVELS and all(isinstance(side, Mapping) for side in sides) and any(sides):
        left, right = ({} if side is _ABSENT else side for side in (online, offline))
        for name in sorted(set(left) | set(right)):
            yield from _differences((*path, name), left.get(name, _ABSENT), right.get(name, _ABSENT))
    elif len(sides) == 1 or not same_json(online, offline):
        values = [None if side is _ABSENT else side for side in (online, offline)]
        yield FieldMismatch(path=pointer(*path), online=values[0], offline=values[1])


def same_json(left: Any, right: Any) -> bool:
    """Equal as JSON: unlike Python's `==`, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same_json(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same_json(left[name], right[name]) for name in left)
    return bool(left == right)
