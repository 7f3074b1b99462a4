"""A served snapshot, its canonical bytes and hash, and the decision record that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from ofs.canonical import DEFAULT_HASH_RULE, format_integer, jcs, sha256_hex
from ofs.contracts import SNAPSHOT_SCHEMA, AsOfBasis
from ofs.units import format_timestamp_us

__all__ = ["OnlineSnapshot", "Pins", "canonical_pins", "decision_record", "freshness", "time_text"]

Pins = Mapping[str, str | int | None]
"""ContextPins as an object; a pin that is absent or null is not there."""


@dataclass(frozen=True, slots=True)
class OnlineSnapshot:
    """What the plane answered. `cut`: (stream, partition) to next offset; `groups`: name, version, digest."""

    context_pins: Mapping[str, Any]
    as_of_basis: AsOfBasis
    as_of_time_utc: str
    cut: Mapping[tuple[str, int], int]
    groups: tuple[tuple[str, str, str], ...]
    keys: tuple[tuple[str, str], ...]
    features: Mapping[str, Any]
    freshness: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """The members that are hashed."""
        return {
            "schema_version": SNAPSHOT_SCHEMA,
            "hash_rule": DEFAULT_HASH_RULE,
            "context_pins": self.context_pins,
            "as_of_spec": {
                "as_of_basis": self.as_of_basis.value,
                "as_of_time_utc": self.as_of_time_utc,
            },
            "basis": _basis(self.cut),
            "feature_groups": _group_refs(self.groups),
            "features": self.features,
            "freshness": self.freshness,
        }

    @property
    def canonical_bytes(self) -> bytes:
        """RFC 8785 bytes of the identity."""
        # orjson sorts members by code point: that is the order of RFC 8785 while their names are ASCII
        if all(key.isascii() for _, key in self.keys):
            return orjson.dumps(self.identity, option=orjson.OPT_SORT_KEYS)
        return jcs(self.identity)


@lru_cache(maxsize=4096)
def time_text(time_us: int) -> str:
    """RFC 3339 with six digits; decisions that follow each other ask for the same times."""
    return format_timestamp_us(time_us)


def canonical_pins(pins: Pins) -> dict[str, Any]:
    """The pins as hashed bytes have them: a seed beyond 2^53-1 as a string."""
    return {
        name: format_integer(value) if isinstance(value, int) else value
        for name, value in pins.items()
        if value is not None
    }


def freshness(last_us: int | None, as_of_us: int, stale_after_us: int | None) -> dict[str, Any]:
    """How old the last event is."""
    if last_us is None:
        return {"last_event_time_utc": None, "age_us": None, "state": "NO_DATA"}
    age_us = as_of_us - last_us
    is_stale = stale_after_us is not None and age_us > stale_after_us
    return {
        "last_event_time_utc": time_text(last_us),
        "age_us": format_integer(age_us),
        "state": "STALE" if is_stale else "FRESH",
    }


def decision_record(
    snapshot: OnlineSnapshot,
    *,
    decision_id: str,
    pins: Pins,
    decided_at_utc: str,
    with_features: bool,
) -> dict[str, Any]:
    """The DecisionRecord of an answer, as the decision log holds it."""
    record: dict[str, Any] = {
        "decision_id": decision_id,
        "context_pins": pins,
        "feature_keys": [{"key_type": key_type, "key_id": key} for key_type, key in snapshot.keys],
        "feature_groups": _group_refs(snapshot.groups),
        "as_of_spec": {
            "as_of_basis": snapshot.as_of_basis.value,
            "as_of_time_utc": snapshot.as_of_time_utc,
        },
        "basis": _basis(snapshot.cut),
        "hash_rule": DEFAULT_HASH_RULE,
        "online_snapshot_hash": sha256_hex(snapshot.canonical_bytes),
        "decided_at_utc": decided_at_utc,
    }
    if with_features:
        record["online_features"] = snapshot.features
    return record


def _basis(cut: Mapping[tuple[str, int], int]) -> list[dict[str, Any]]:
    return [
        {"stream": stream, "partition": partition, "next_offset": offset}
        for (stream, partition), offset in sorted(cut.items())
    ]


def _group_refs(groups: tuple[tuple[str, str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "version": version, "digest": digest} for name, version, digest in groups]
