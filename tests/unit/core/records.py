"""Event and decision lines of these tests; members are JSON texts, so that their spelling can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FINGERPRINT: Final = "0f" * 32
PARAMETERS: Final = "a1" * 32
RUN: Final = "0b" * 16


def json_object(members: dict[str, str]) -> bytes:
    """An object of these members, in this order; values are JSON texts."""
    return ("{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}").encode()


def pins(scenario: str = "s1") -> dict[str, str]:
    """The required pins."""
    return {
        "manifest_fingerprint": f'"{FINGERPRINT}"',
        "parameter_hash": f'"{PARAMETERS}"',
        "scenario_id": f'"{scenario}"',
        "run_id": f'"{RUN}"',
    }


def envelope(**changed: str | None) -> bytes:
    """A good event with members changed or, where None, left out."""
    members: dict[str, str | None] = {
        "event_id": '"e1"',
        "event_type": '"auth"',
        "ts_utc": '"1970-01-01T00:00:01Z"',
        **pins(),
        "payload": "{}",
        **changed,
    }
    return json_object({name: text for name, text in members.items() if text is not None})


def decision(
    decision_id: str, *, scenario: str = "s1", cuts: tuple[int, ...] = (5,), **changed: str | None
) -> bytes:
    """A regular decision of one card and one group, over the partitions of stream s."""
    basis = ",".join(
        f'{{"stream":"s","partition":{partition},"next_offset":{cut}}}' for partition, cut in enumerate(cuts)
    )
    context_pins = json_object(pins(scenario)).decode()
    return decision_with(decision_id, {"context_pins": context_pins, "basis": f"[{basis}]", **changed})


def decision_with(decision_id: str, changed: Mapping[str, str | None]) -> bytes:
    """A regular decision with members changed or, where None, left out."""
    members: dict[str, str | None] = {
        "decision_id": f'"{decision_id}"',
        "context_pins": json_object(pins()).decode(),
        "feature_keys": '[{"key_type":"card","key_id":"c1"}]',
        "feature_groups": '[{"name":"g","version":"v1"}]',
        "as_of_spec": '{"as_of_time_utc":"1970-01-01T00:00:01Z","as_of_basis":"event_time"}',
        "basis": '[{"stream":"s","partition":0,"next_offset":5}]',
        **changed,
    }
    return json_object({name: text for name, text in members.items() if text is not None})
