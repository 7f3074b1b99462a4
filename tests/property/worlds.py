"""Random worlds for property tests: a log of several streams, definitions over all operators, decisions on it.

Times and values come from small sets, so that ties, window edges, duplicates and differing copies are common. All
chance is the `random.Random` that is passed in (Hypothesis shrinks it).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ofs.features import FeatureGroup, read_definition
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange, format_timestamp_us

SECOND = 1_000_000
EPOCH = 1_700_000_000 * SECOND
PINS = (
    {"manifest_fingerprint": "a" * 64, "parameter_hash": "b" * 64, "scenario_id": "base", "run_id": "c" * 32},
    {
        "manifest_fingerprint": "a" * 64,
        "parameter_hash": "b" * 64,
        "scenario_id": 'bäse/"2"',
        "run_id": "c" * 32,
        "seed": 2**63 - 1,
        "platform_run_id": "p\U0001f600",
        "scenario_run_id": "d" * 32,
    },
    {
        "manifest_fingerprint": "e" * 64,
        "parameter_hash": "b" * 64,
        "scenario_id": "other",
        "run_id": "c" * 32,
    },
)
KEYS = ("A", "B", "ключ", "\ue000~/", "\U0001f600", "12")
TYPES = {
    "i": ("int", "int"),
    "d": ("decimal(2)", "decimal"),
    "s": ("string", "string"),
    "b": ("bool", "bool"),
    "t": ("timestamp", "timestamp"),
    "n.x": ("decimal(0)", "decimal"),
}
_POOLS: dict[str, tuple[Any, ...]] = {
    "i": (0, 1, 2, -3, 7, 2**53, -(2**63) + 1, 2**63 - 1),
    "d": ("1.00", "2.5", "-0.01", "0", "92233720368547758.07", "-92233720368547758.07", "3.10"),
    "s": ("x", "y", "", "é", "\U0001f600", "\ue000", 'q"\\\n\u0001\u007f'),
    "b": (True, False),
    "t": (
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20.5Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
    ),
    "n.x": ("1", "10", "-2"),
}
_ILL_TYPED: tuple[Any, ...] = (
    "1e5",
    "+1",
    "01",
    1.5,
    True,
    [],
    {},
    "x",
    2**63,
    "0.001",
    "2023-02-30T00:00:00Z",
)
_RAW_DECIMALS = ("1.50", "2e0", "1.0e1", "-0", "-0.00", "1E-2", "5e-30", "1e31", "12e-1", "0.010")
_MALFORMED = (
    None,
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"a":1}{"b":2}',
    b'{"a":NaN}',
    b'{"event_id":"x"}',
)
OPERATORS = (
    *("count", "age_of_last", "age_of_first", "count_distinct", "top_k", "sum", "mean", "variance", "stddev"),
    *("min", "max", "first", "last", "first_k", "last_k"),
)
Windows = Callable[[random.Random], Any]
SIZES = ("3s", "5s", "1s", "250000us", "10s")


@dataclass(slots=True)
class World:
    """A log, its definitions, and decisions as objects (without recorded hashes)."""

    log: MemoryLog
    groups: list[FeatureGroup]
    decisions: list[dict[str, Any]]
    streams: dict[str, int] = field(default_factory=dict)


def make_world(
    chance: random.Random,
    *,
    events_max: int = 60,
    decisions_max: int = 12,
    in_log_order: bool = False,
    is_bounded: bool = False,
) -> World:
    """Draw a world. `in_log_order`: log timestamps never go back; `is_bounded`: every window is finite, no lateness."""
    streams = {"cards": chance.randint(1, 3)}
    if chance.random() < 0.3:
        streams["Events-é"] = chance.randint(1, 2)
    names = ("alpha", "beta", "gamma")[: chance.randint(1, 3)]
    groups = [make_group(chance, name, is_bounded=is_bounded) for name in names]
    log = MemoryLog()
    for stream, partitions in streams.items():
        log.create(stream, partitions)
    for _ in range(chance.randint(0, events_max)):
        stream = chance.choice(list(streams))
        _append(chance, log, stream, chance.randrange(streams[stream]), in_log_order=in_log_order)
    world = World(log, groups, [], streams)
    world.decisions = [
        make_decision(chance, world, number) for number in range(chance.randint(1, decisions_max))
    ]
    return world


def make_group(
    chance: random.Random, name: str, *, is_bounded: bool = False, window: Windows | None = None
) -> FeatureGroup:
    """Draw a definition; every operator and window kind is as likely. `window`: draws other windows."""
    draw = window or (lambda chance: _window(chance, is_bounded=is_bounded))
    features = [_feature(chance, number, draw) for number in range(chance.randint(1, 7))]
    numbers = [
        f["name"] for f in features if f["op"] in ("count", "sum", "mean", "count_distinct", "age_of_last")
    ]
    if numbers:
        pair = [chance.choice(numbers), chance.choice(numbers)]
        features.append({"name": "ratio_of", "op": "ratio", "of": pair, "scale": chance.choice((0, 4, 18))})
    definition: dict[str, Any] = {
        "feature_group": name,
        "version": "v1",
        "key": {
            "type": chance.choice(("account", "card")),
            "field": chance.choice(("payload.key", "payload.n.key")),
        },
        "event_types": chance.choice((["auth"], ["auth", "refund"])),
        "features": features,
    }
    if chance.random() < 0.3:
        definition["where"] = [_condition(chance)]
    if chance.random() < 0.3 and not is_bounded:
        definition["late"] = {"policy": "drop", "allowed_lateness": chance.choice(("1s", "2s", "1us"))}
    if chance.random() < 0.5:
        definition["stale_after"] = chance.choice(("1s", "4s"))
    # JSON is YAML; quoted scalars are typed by the schema all the same
    return read_definition(json.dumps(definition, ensure_ascii=False).encode(), f"{name}.yaml")


def _condition(chance: random.Random) -> dict[str, Any]:
    return chance.choice(
        (
            {"field": "payload.i", "gt": 0},
            {"field": "payload.i", "lte": -3},
            {"field": "payload.d", "ne": 2.50},
            {"field": "payload.b", "eq": True},
            {"field": "payload.s", "in": ["x", "é", "\U0001f600"]},
            {"field": "payload.n.x", "in": [1, "1", True]},
        )
    )


def _feature(chance: random.Random, number: int, window: Windows) -> dict[str, Any]:
    op = chance.choice(OPERATORS)
    feature: dict[str, Any] = {
        "name": f"f{number}_{op}",
        "op": op,
        "window": window(chance),
    }
    allowed: tuple[str, ...]
    if op in ("sum", "mean", "variance", "stddev"):
        allowed = ("i", "d", "n.x")
    elif op in ("min", "max"):
        allowed = ("i", "d", "n.x", "s", "t")
    else:
        allowed = tuple(TYPES)
    if op not in ("count", "age_of_last", "age_of_first"):
        path = chance.choice(allowed)
        feature |= {"field": f"payload.{path}", "type": TYPES[path][0]}
    if op in ("mean", "variance", "stddev"):
        feature["scale"] = chance.choice((0, 1, 6, 18))
    if op in ("first_k", "last_k", "top_k"):
        feature["k"] = chance.choice((1, 2, 5))
    return feature


def _window(chance: random.Random, *, is_bounded: bool) -> Any:
    finite = ("sliding", "sliding", "tumbling", "hopping", "session_max")
    kind = chance.choice(finite if is_bounded else (*finite, "session", "lifetime"))
    size = chance.choice(SIZES)
    if kind == "sliding":
        return size
    if kind == "tumbling":
        return (
            {"tumbling": size, "back": chance.choice((0, 1, 3))}
            if chance.random() < 0.6
            else {"tumbling": size}
        )
    if kind == "hopping":
        return {"hopping": size, "every": chance.choice(SIZES)}
    if kind == "session":
        return {"session": chance.choice(("1s", "2s"))}
    return {"session": "1s", "max": size} if kind == "session_max" else "lifetime"


def _append(
    chance: random.Random, log: MemoryLog, stream: str, partition: int, *, in_log_order: bool
) -> None:
    hole = chance.choice((0, 0, 0, 1, 5))
    info = log.describe(stream)
    end = 0 if info is None else info.partitions[partition].end
    event_us = _time(chance)
    log_ts_us = event_us + chance.choice((0, 1, SECOND, 3 * SECOND, -SECOND, 20 * SECOND))
    if in_log_order and end > 0:
        log_ts_us = max(log_ts_us, _last_log_ts_us(log, stream, partition))
    record = Record(value=_value(chance, event_us), log_ts_us=log_ts_us, offset=end + hole)
    if chance.random() < 0.3:
        record = Record(
            value=record.value,
            key=chance.choice((None, b"", b"k")),
            log_ts_us=log_ts_us,
            offset=end + hole,
            headers=(("h", None), ("é", b"v")),
        )
    log.append(stream, partition, record)


def _last_log_ts_us(log: MemoryLog, stream: str, partition: int) -> int:
    info = log.describe(stream)
    span = OffsetRange(0, 0 if info is None else info.partitions[partition].end)
    return max(time for batch in log.read(stream, partition, span, 1000) for time in batch.log_ts_us)


def _time(chance: random.Random) -> int:
    ticks = chance.randint(0, 24) * SECOND // 2
    return EPOCH + ticks + chance.choice((0, 0, 0, 1, -1))


def _value(chance: random.Random, event_us: int) -> bytes | None:
    if chance.random() < 0.06:
        return chance.choice(_MALFORMED)
    event: dict[str, Any] = {
        **chance.choice(PINS if chance.random() < 0.3 else PINS[:1]),
        "event_id": f"e{chance.randint(0, 80)}",
        "event_type": chance.choice(("auth", "auth", "auth", "refund", "other")),
        "ts_utc": format_timestamp_us(event_us),
        "payload": _payload(chance),
    }
    text = json.dumps(event, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.15:
        text = text.replace('"d": ', f'"d": {chance.choice(_RAW_DECIMALS)}, "d_": ', 1)
    if chance.random() < 0.05:
        text = text[:-1] + chance.choice(
            (
                ', "payload": 1}',
                ', "x": {"y": [1, {"z": 1e999}]}}',
                ', "\\u0065vent_id": "dup"}',
                ', "ts_utc": null}',
            )
        )
    return text.encode()


def _payload(chance: random.Random) -> dict[str, Any]:
    payload: dict[str, Any] = {"key": _key(chance), "n": {"key": _key(chance)}}
    for path, pool in _POOLS.items():
        if chance.random() < 0.85:
            value = chance.choice(pool) if chance.random() < 0.97 else chance.choice(_ILL_TYPED)
            if path == "n.x":
                payload["n"]["x"] = value
            else:
                payload[path] = value if chance.random() < 0.95 else None
    if chance.random() < 0.05:
        payload["n"] = chance.choice((None, 1, []))
    return payload


def _key(chance: random.Random) -> Any:
    return (
        chance.choice((*KEYS, 12, -0, 10**30))
        if chance.random() < 0.95
        else chance.choice(("", None, 1.0, True))
    )


def make_decision(chance: random.Random, world: World, number: int) -> dict[str, Any]:
    """Draw a decision on the world: cuts need not be comparable, and may be behind those before."""
    streams = [s for s in world.streams if s == "cards" or chance.random() < 0.6]
    basis = [
        {"stream": stream, "partition": partition, "next_offset": _cut(chance, world, stream, partition)}
        for stream in streams
        for partition in range(world.streams[stream])
    ]
    chance.shuffle(basis)
    groups = [group for group in world.groups if chance.random() < 0.8] or world.groups[:1]
    key_types = ("account", "card")
    keys = {(chance.choice(key_types), str(chance.choice(KEYS))) for _ in range(chance.randint(1, 3))}
    as_of_basis = chance.choice(("event_time", "event_time", "event_time", "ingest_time", "watermark"))
    spec = {"as_of_basis": as_of_basis}
    if as_of_basis != "watermark":
        spec["as_of_time_utc"] = format_timestamp_us(_as_of(chance))
    return {
        "decision_id": f"d{number}",
        "request_id": chance.choice((None, "r\n1")),
        "context_pins": chance.choice(PINS if chance.random() < 0.3 else PINS[:1]),
        "feature_keys": [{"key_type": key_type, "key_id": key_id} for key_type, key_id in sorted(keys)],
        "feature_groups": [{"name": group.name, "version": "v1"} for group in groups],
        "as_of_spec": spec,
        "basis": basis,
    }


def _cut(chance: random.Random, world: World, stream: str, partition: int) -> int:
    info = world.log.describe(stream)
    end = 0 if info is None else info.partitions[partition].end
    return chance.choice((0, end, chance.randint(0, end), chance.randint(0, end)))


def _as_of(chance: random.Random) -> int:
    return EPOCH + chance.randint(0, 30) * SECOND // 2 + chance.choice((0, 0, 0, 1, -1, 250_000))
