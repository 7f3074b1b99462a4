"""The exact answers of a sample of events, by brute force over the columns, and how far a program's answers agree.

Two references: by arrival, the events that came before (what was known), and by event time, all events with an earlier
time, also those that came later. Both windows are `[t - size, t)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tests.bench.definitions import KEYS, WINDOWS_US
from tests.bench.streams import Events, Integers
from tests.bench.texts import event_id

SAMPLE: Final = 2_500
_VALUES_A_KEY: Final = 2 * len(WINDOWS_US)

Answers = Mapping[str, tuple[int, ...]]
"""Event id to its twelve values: per key and window, count and sum of cents."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The exact answers of the sampled events."""

    by_arrival: Answers
    by_event_time: Answers


def sample_of(count: int, size: int = SAMPLE) -> list[int]:
    """Positions of sampled events: evenly spread, the first of each stretch moved by a fixed pattern."""
    size = min(size, count)
    step = count // size
    return [number * step + (number * 7_919) % step for number in range(size)]


def reference(events: Events, sample: list[int]) -> Reference:
    """The answers of the sampled positions."""
    by_arrival: dict[str, list[int]] = {event: [] for event in _ids(events, sample)}
    by_event_time: dict[str, list[int]] = {event: [] for event in by_arrival}
    for key in KEYS:
        members = _members(events, getattr(events, key))
        for position, event in zip(sample, by_arrival, strict=True):
            inside = members[int(getattr(events, key)[position])]
            end_us = int(events.time_us[position])
            by_arrival[event] += _windows(inside, int(np.searchsorted(inside.positions, position)), end_us)
            by_event_time[event] += _windows(inside, len(inside.positions), end_us)
    return Reference(
        {event: tuple(values) for event, values in by_arrival.items()},
        {event: tuple(values) for event, values in by_event_time.items()},
    )


def _ids(events: Events, sample: list[int]) -> list[str]:
    return [event_id(int(events.id_high[position]), int(events.id_low[position])) for position in sample]


@dataclass(frozen=True, slots=True)
class _Key:
    """The events of one key in the order of arrival."""

    positions: Integers
    time_us: Integers
    cents: Integers


def _members(events: Events, keys: Integers) -> dict[int, _Key]:
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return {
        key: _Key(positions, events.time_us[positions], events.cents[positions])
        for key, positions in zip(found.tolist(), np.split(order, starts[1:]), strict=True)
    }


def _windows(key: _Key, count: int, end_us: int) -> list[int]:
    """Count and sum of each window over the first `count` events of the key."""
    times, cents = key.time_us[:count], key.cents[:count]
    is_before = times < end_us
    values: list[int] = []
    for size_us in WINDOWS_US.values():
        inside = is_before & (times >= end_us - size_us)
        values += [int(np.count_nonzero(inside)), int(np.sum(cents, where=inside))]
    return values


def agreement(answers: Answers, exact: Reference) -> dict[str, Any]:
    """Shares of the sampled events whose values are exact, by key and reference, and how far counts are off."""
    found = {event: values for event, values in answers.items() if event in exact.by_arrival}
    told: dict[str, Any] = {"sampled": len(exact.by_arrival), "answered": len(found)}
    for name, truth in (("arrival", exact.by_arrival), ("event_time", exact.by_event_time)):
        for number, key in enumerate(KEYS):
            part = slice(number * _VALUES_A_KEY, (number + 1) * _VALUES_A_KEY)
            equal = sum(values[part] == truth[event][part] for event, values in found.items())
            told[f"{name}_{key}"] = equal / len(found) if found else 0.0
            told[f"{name}_{key}_count_error"] = _count_error(found, truth, part.start)
    return told


def _count_error(found: Answers, truth: Answers, index: int) -> float:
    """The 99th percentile of the relative error of the count over 1 h."""
    errors = sorted(
        abs(values[index] - truth[event][index]) / max(1, truth[event][index])
        for event, values in found.items()
    )
    return errors[int(len(errors) * 0.99)] if errors else 0.0
