"""The events of a workload as columns, from a seed. Every column has a generator of its own, so a shorter stream is a
prefix of a longer one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

PARTITIONS: Final = 4
START_US: Final = 1_767_225_600_000_000
LATE_US: Final = 5_000_000
LATE_SHARE: Final = 0.2
DAY_S: Final = 86_400
SEED: Final = 7

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Events:
    """Events in the order of arrival, which is that of their log timestamps.

    Units: `time_us` the event time, `log_ms` the log timestamp, strictly increasing; `cents` hundredths.
    `offset`: inside its partition. `id_high`, `id_low`: the two halves of the event id.
    """

    time_us: Integers
    log_ms: Integers
    account: Integers
    merchant: Integers
    cents: Integers
    flow: Integers
    id_high: Integers
    id_low: Integers
    partition: Integers
    offset: Integers

    def __len__(self) -> int:
        return len(self.time_us)

    def prefix(self, count: int) -> Events:
        """The first events."""
        return Events(*(getattr(self, field.name)[:count] for field in fields(self)))

    def at(self, positions: list[int]) -> Events:
        """The events at these positions."""
        return Events(*(getattr(self, field.name)[positions] for field in fields(self)))

    def counts(self) -> list[int]:
        """Records a partition."""
        return [int(count) for count in np.bincount(self.partition, minlength=PARTITIONS)]

    def cuts(self) -> Integers:
        """For every event, what each partition held just before it arrived: shape (events, PARTITIONS)."""
        seen = (self.partition[:, None] == np.arange(PARTITIONS)).cumsum(axis=0, dtype=np.int64)
        return np.vstack([np.zeros((1, PARTITIONS), np.int64), seen[:-1]])


@dataclass(frozen=True, slots=True)
class Traffic:
    """How a stream is drawn. `tail`: shape of the two Pareto laws (account, merchant); None: the milder skew.

    `is_even`: instead, every key has as many events as any other.
    """

    stream: str
    events_a_second: float
    accounts: int
    merchants: int
    tail: tuple[float, float] | None = None
    is_even: bool = False


PER_EVENT: Final = Traffic("traffic", 200.0, 50_000, 5_000, (0.6, 0.8))
"""A third of the events on one account, 43 % on one merchant; 1,000,000 events are 83 minutes."""


def long_traffic(events: int) -> Traffic:
    """30 days, whatever their number; the busiest account has 0.3 % of the events, the busiest merchant 1.4 %."""
    return Traffic("traffic_long", events / (30 * DAY_S), 100_000, 5_000)


def even_traffic(keys: int, events: int) -> Traffic:
    """So many accounts and as many merchants, all alike, within an hour."""
    return Traffic(f"traffic_even_{keys}", events / 3_500, keys, keys, is_even=True)


def draw(traffic: Traffic, count: int) -> Events:
    """The first `count` events of the stream."""
    seeds = iter(np.random.SeedSequence(SEED).spawn(10))

    def chance() -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(next(seeds)))

    elapsed_s = chance().exponential(1.0 / traffic.events_a_second, count).cumsum()
    is_late = chance().random(count) < LATE_SHARE
    late_s = np.where(is_late, chance().random(count) * (LATE_US / 1e6), 0.0)
    tails = (None, None) if traffic.tail is None else traffic.tail
    account = _keys(chance(), count, traffic.accounts, tails[0])
    merchant = _keys(chance(), count, traffic.merchants, tails[1])
    if traffic.is_even:
        account, merchant = np.arange(count) % traffic.accounts, np.arange(count) * 7 % traffic.merchants
    cents = np.maximum(1, np.rint(np.exp(chance().normal(3.0, 1.0, count)) * 100)).astype(np.int64)
    order = np.arange(count)
    arrived_ms = np.ceil(elapsed_s * 1e3).astype(np.int64)
    partition = account % PARTITIONS
    return Events(
        time_us=START_US + np.floor((elapsed_s - late_s) * 1e6).astype(np.int64),
        log_ms=START_US // 1_000 + np.maximum.accumulate(arrived_ms - order) + order,
        account=account,
        merchant=merchant,
        cents=cents,
        flow=chance().integers(0, 10**12, count),
        id_high=chance().integers(0, 2**63, count),
        id_low=chance().integers(0, 2**63, count),
        partition=partition,
        offset=_offsets(partition),
    )


def _keys(chance: np.random.Generator, count: int, keys: int, tail: float | None) -> Integers:
    uniform = 1.0 - chance.random(count)
    if tail is None:
        return np.minimum(keys - 1, np.floor(keys * uniform * uniform)).astype(np.int64)
    return np.fmod(np.floor(uniform ** (-1.0 / tail)), keys).astype(np.int64)


def _offsets(partition: Integers) -> Integers:
    """The position of each event among those of its partition."""
    offsets = np.empty(len(partition), np.int64)
    for number in range(PARTITIONS):
        inside = partition == number
        offsets[inside] = np.arange(int(inside.sum()))
    return offsets
