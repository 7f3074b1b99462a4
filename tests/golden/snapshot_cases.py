"""Snapshots whose identity parts hold what is hard to write canonically."""

from __future__ import annotations

import json
from typing import Any, Final

from ofs.canonical import DEFAULT_HASH_RULE, jcs
from ofs.features import canonical_definition, definition_digest, read_definition
from ofs.semantics import Group, PartitionHistory, Question, identity
from tests.golden.admission_cases import PINS
from tests.golden.operator_cases import BASE, HOUR
from tests.golden.operator_cases import CASES as OPERATOR_CASES
from tests.golden.scenes import by_semantics, definition, envelope

_SCENES: Final = (
    "nothing at all",
    "every operator",
    "strings as any value",
    "sum beyond 64 bits",
    "ages beyond the safe integers",
)
_COUNT: Final = definition(
    "name: n, op: count, window: 1h\nname: total, op: sum, field: payload.v, type: int, window: 1h"
)
_ALL_PINS: Final = {
    **PINS,
    "scenario_id": 'é"\\\n\U0001f600',
    "seed": "9223372036854775807",
    "platform_run_id": "p/1~",
    "scenario_run_id": "a" * 32,
}


def _group(index: int, name: str, version: str, key_type: str) -> Group:
    text = _COUNT.replace("feature_group: vectors", f"feature_group: {name}").replace(
        "version: v1", f"version: {version}"
    )
    group = read_definition(text.replace("type: account_id", f"type: {key_type}").encode(), "vector.yaml")
    return Group(index, canonical_definition(group), definition_digest(group))


def _identity(**members: Any) -> dict[str, Any]:
    """A snapshot of two groups over two streams; members replace those of the question."""
    groups = [_group(0, "velocity", "v2", "account_id"), _group(1, "activity", "v10", "merchant_id")]
    pins = members.get("pins_object", PINS)
    history = PartitionHistory(
        [group.definition for group in groups],
        [jcs(pins)],
        stream="events",
        partition=0,
        start=0,
        max_skew_us=0,
    )
    value = json.loads(envelope("e1", BASE + 1, '"v":9007199254740993'))
    history.apply(0, BASE + 1, json.dumps({**value, **pins, "seed": _seed(pins)}).encode())
    question: dict[str, Any] = {
        "pins": jcs(pins),
        "pins_object": pins,
        "keys": [("account_id", "K"), ("merchant_id", "K")],
        "groups": groups,
        "as_of_us": BASE + HOUR,
        "as_of_basis": "event_time",
        "cut": {("events", 0): 1},
        "hash_rule": DEFAULT_HASH_RULE,
    }
    return identity(Question(**{**question, **members}), [history])


def _seed(pins: dict[str, Any]) -> int | None:
    return int(pins["seed"]) if "seed" in pins else None


def identities() -> dict[str, dict[str, Any]]:
    """Identity parts by name."""
    return {
        **{f"scene: {name}": by_semantics(OPERATOR_CASES[name].scene) for name in _SCENES},
        "two groups, sorted by name": _identity(),
        "all pins, a seed beyond the safe integers": _identity(pins_object=_ALL_PINS, pins=jcs(_ALL_PINS)),
        "seed zero": _identity(pins_object={**PINS, "seed": 0}, pins=jcs({**PINS, "seed": 0})),
        "keys in UTF-16 order": _identity(
            keys=[
                ("account_id", key)
                for key in ("\ue000", "\U0001f600", "b:c", "B", "", '"\\\x00\x7f', "é", "K", "10", "9")
            ]
        ),
        "a key that no group has": _identity(keys=[("device_id", "K"), ("account_id", "K")]),
        "a basis sorted by stream in code points, then by number": _identity(
            cut={
                (stream, partition): partition
                for partition in (10, 9, 2, 0)
                for stream in ("\U0001f600", "\ue000", "b", "B", "é")
            }
        ),
        "the largest safe offset": _identity(cut={("events", 0): 2**53 - 1}),
        "as of ingest time": _identity(as_of_basis="ingest_time", as_of_us=BASE + 2),
        "as of the watermark": _identity(as_of_basis="watermark", as_of_us=BASE + 1),
        "the first and the last time": _identity(
            as_of_us=253_402_300_799_999_999, keys=[("account_id", "K")]
        ),
        "before 1970": _identity(as_of_us=-1),
    }
