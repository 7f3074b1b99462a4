"""Random worlds of one hot key: long logs, events near their end and far behind it, decisions that follow one another.

What a core keeps from answer to answer shows in them: cuts and as-ofs rise, stand still and fall; windows hold dozens
of events of a partition; sessions are many, few or one.
"""

from __future__ import annotations

import json
import random
from typing import Any

from ofs.sources.memory import MemoryLog, Record
from ofs.units import format_timestamp_us
from tests.property.worlds import EPOCH, PINS, SECOND, World, make_group

HOT = "A"
COLD = ("B", "12")
_TIMES = ("2023-11-14T22:13:20Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")


def make_hot_world(chance: random.Random, *, events_max: int = 300, decisions_max: int = 60) -> World:
    """Draw a world. Events of all partitions are about a tick apart, a tenth of a second to a second."""
    streams = {"cards": chance.choice((1, 1, 2, 3))}
    groups = [make_group(chance, name, window=_window) for name in ("alpha", "beta")[: chance.randint(1, 2)]]
    log = MemoryLog()
    log.create("cards", streams["cards"])
    world = World(log, groups, [], streams)
    tick_us = chance.choice((SECOND // 10, SECOND // 4, SECOND))
    ends = [0] * streams["cards"]
    follow = _Follower(chance, tick_us)
    rate = decisions_max / events_max
    for number in range(chance.randint(events_max // 4, events_max)):
        partition = chance.randrange(len(ends))
        offset = ends[partition] + chance.choice((0, 0, 0, 0, 0, 2))
        event_us = follow.event_us()
        record = Record(value=_event(chance, number, event_us), log_ts_us=follow.now_us, offset=offset)
        log.append("cards", partition, record)
        ends[partition] = offset + 1
        if chance.random() < rate:
            world.decisions.append(_decision(chance, world, follow, ends, len(world.decisions)))
    if chance.random() < 0.2:
        chance.shuffle(world.decisions)
    return world


class _Follower:
    """The time that goes on: events mostly at it, a few behind it, some in the same microsecond."""

    def __init__(self, chance: random.Random, tick_us: int) -> None:
        self._chance = chance
        self._tick_us = tick_us
        self.now_us = EPOCH
        self._late = chance.choice((0.0, 0.1, 0.4))
        self._pause = chance.choice((0.0, 0.02, 0.1))

    def event_us(self) -> int:
        chance = self._chance
        self.now_us += chance.choice((0, self._tick_us, self._tick_us, self._tick_us + 1))
        if chance.random() < self._pause:
            self.now_us += chance.choice((2, 6)) * SECOND
        late_ticks = chance.choice((1, 2, 3, 8, 60)) if chance.random() < self._late else 0
        return self.now_us - late_ticks * self._tick_us

    def as_of_us(self) -> int:
        chance = self._chance
        back_us = (
            chance.choice((0, 1, self._tick_us, 5 * SECOND, 60 * SECOND)) if chance.random() < 0.15 else 0
        )
        return self.now_us - back_us + chance.choice((0, 0, 1, self._tick_us, 3 * SECOND))


def _window(chance: random.Random) -> Any:
    size = chance.choice(("2s", "10s", "30s", "100s"))
    gap = chance.choice(("150ms", "400ms", "1s", "5s"))
    kinds: tuple[Any, ...] = (
        size,
        size,
        {"tumbling": size, "back": chance.choice((0, 1))},
        {"hopping": size, "every": chance.choice(("1s", "10s"))},
        "lifetime",
        {"session": gap},
        {"session": gap, "max": size},
    )
    return chance.choice(kinds)


def _event(chance: random.Random, number: int, event_us: int) -> bytes:
    """An admitted event; a few are copies of one shortly before, of another pins or of another key."""
    if chance.random() < 0.05:
        number = max(0, number - chance.randint(0, 5))
    payload: dict[str, Any] = {
        "key": HOT if chance.random() < 0.9 else chance.choice(COLD),
        "n": {"key": HOT if chance.random() < 0.9 else chance.choice(COLD), "x": str(chance.randint(-2, 2))},
        "i": chance.choice((chance.randint(0, 3), chance.randint(-(10**6), 10**6))),
        "d": f"{chance.randint(0, 999)}.{chance.randint(0, 99):02}",
        "s": chance.choice(("x", "é", "", f"s{chance.randint(0, 40):02}")),
        "b": chance.random() < 0.5,
        "t": chance.choice(_TIMES),
    }
    for name in ("i", "d", "s", "b", "t"):
        if chance.random() < 0.1:
            del payload[name]
    event = {
        **(PINS[0] if chance.random() < 0.95 else PINS[1]),
        "event_id": f"e{number}",
        "event_type": chance.choice(("auth", "auth", "auth", "refund")),
        "ts_utc": format_timestamp_us(event_us),
        "payload": payload,
    }
    return json.dumps(event).encode()


def _decision(
    chance: random.Random, world: World, follow: _Follower, ends: list[int], number: int
) -> dict[str, Any]:
    """A decision at what was appended so far; its cuts may fall behind."""
    cuts = ends if chance.random() < 0.93 else [chance.randint(0, end) for end in ends]
    as_of_basis = chance.choice(("event_time",) * 12 + ("ingest_time", "watermark"))
    spec: dict[str, Any] = {"as_of_basis": as_of_basis}
    if as_of_basis != "watermark":
        spec["as_of_time_utc"] = format_timestamp_us(follow.as_of_us())
    keys = {("account", HOT), ("card", HOT)}
    if chance.random() < 0.2:
        keys |= {("card", chance.choice(COLD))}
    groups = world.groups if chance.random() < 0.9 else world.groups[:1]
    return {
        "decision_id": f"d{number}",
        "context_pins": PINS[0] if chance.random() < 0.95 else PINS[1],
        "feature_keys": [{"key_type": key_type, "key_id": key_id} for key_type, key_id in sorted(keys)],
        "feature_groups": [{"name": group.name, "version": "v1"} for group in groups],
        "as_of_spec": spec,
        "basis": [
            {"stream": "cards", "partition": partition, "next_offset": cut}
            for partition, cut in enumerate(cuts)
        ],
    }
