"""Worlds for the live plane's tests: every operator in every window, and odd records on a dense time line."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any, Final

from ofs.features import (
    OPERATORS,
    Condition,
    DropLate,
    Feature,
    FeatureGroup,
    HoppingWindow,
    IncludeLate,
    Key,
    LifetimeWindow,
    NumberOperand,
    Operator,
    SessionWindow,
    SlidingWindow,
    StringOperand,
    TumblingWindow,
    ValueKind,
    ValueType,
    Window,
)
from ofs.features.operators import RATIO_OPERANDS
from ofs.units import format_timestamp_us

STREAM: Final = "s"
PARTITIONS: Final = 3
PINS: Final[dict[str, str | int]] = {
    "manifest_fingerprint": "a" * 64,
    "parameter_hash": "b" * 64,
    "scenario_id": "s é",
    "run_id": "c" * 32,
    "seed": 2**53,
}
OTHER_PINS: Final = {**PINS, "run_id": "d" * 32}

WINDOWS: Final[dict[str, Window]] = {
    "sliding": SlidingWindow(size_us=9),
    "long": SlidingWindow(size_us=40),
    "bucket": TumblingWindow(size_us=8),
    "before": TumblingWindow(size_us=8, back=2),
    "hop": HoppingWindow(size_us=10, every_us=4),
    "sparse": HoppingWindow(size_us=3, every_us=7),
    "session": SessionWindow(gap_us=4),
    "session_max": SessionWindow(gap_us=5, max_us=12),
    "session_short": SessionWindow(gap_us=12, max_us=5),
    "lifetime": LifetimeWindow(),
}
FIELDS: Final = {
    "i": ValueType(kind=ValueKind.INT),
    "n.d": ValueType(kind=ValueKind.DECIMAL, scale=2),
    "s": ValueType(kind=ValueKind.STRING),
    "b": ValueType(kind=ValueKind.BOOL),
    "t": ValueType(kind=ValueKind.TIMESTAMP),
}

# literals as they stand in JSON; some are of another type, too large or too fine
LITERALS: Final = {
    "i": [
        "0",
        "-0",
        "1",
        "-2",
        "3",
        "3",
        "9007199254740993",
        "-9223372036854775807",
        "9223372036854775808",
        "1.0",
        '"1"',
    ],
    "n.d": [
        "0",
        "-0.00",
        "1.5",
        '"1.50"',
        "-2.25",
        "1e1",
        "25e-1",
        "12.340",
        '"-3.00"',
        "0.001",
        '"1e1"',
        "92233720368547758.07",
        "1e31",
        "true",
        "[1]",
    ],
    "s": ['""', '"a"', '"b"', '"\\u0061"', '"\\ud83d\\ude00"', '"\\uffff"', '"\\u0001\\""', "1"],
    "b": ["true", "false", "true", '"true"'],
    "t": [
        '"1970-01-01T00:00:00Z"',
        '"1969-12-31T23:59:59.5Z"',
        '"2000-02-29T12:00:00.000001Z"',
        '"1970-01-01"',
    ],
}


@dataclass(frozen=True)
class LogLine:
    """One record of a test log."""

    partition: int
    offset: int
    log_ts_us: int
    value: bytes | None


def every_feature(windows: dict[str, Window]) -> tuple[Feature, ...]:
    """Every operator over every field type that it takes, in every window; ratios of some of them."""
    features = []
    for window_name, window in windows.items():
        for op, rule in OPERATORS.items():
            if op is Operator.RATIO:
                continue
            kinds: list[tuple[str, ValueType | None]] = [
                (name, kind) for name, kind in FIELDS.items() if kind.kind in rule.kinds
            ]
            if not rule.kinds:
                kinds = [("", None)]
            for field, kind in kinds:
                features.append(
                    Feature(
                        name=f"{op}_{window_name}_{field.replace('.', '_')}",
                        op=op,
                        field=f"payload.{field}" if field else None,
                        type=kind,
                        window=window,
                        scale=3 if "scale" in rule.members else None,
                        k=2 if "k" in rule.members else None,
                    )
                )
    divisible = [
        f.name
        for f in features
        if f.op in RATIO_OPERANDS and (f.type is None or f.type.kind in RATIO_OPERANDS[f.op])
    ]
    chance = random.Random(7)
    for index in range(40):
        pair = (chance.choice(divisible), chance.choice(divisible))
        features.append(Feature(name=f"ratio_{index}", op=Operator.RATIO, of=pair, scale=index % 5))
    return tuple(sorted(features, key=lambda feature: feature.name))


def groups() -> list[FeatureGroup]:
    """One group with everything, one with conditions and lateness, one with finite windows only."""
    finite = {name: WINDOWS[name] for name in ("sliding", "before", "hop", "session_max")}
    return [
        FeatureGroup(
            name="everything",
            version="v1",
            key=Key(type="k", field="payload.key"),
            event_types=("seen", "also"),
            late=IncludeLate(),
            stale_after_us=6,
            features=every_feature(WINDOWS),
        ),
        FeatureGroup(
            name="finite",
            version="v2",
            key=Key(type="other", field="payload.n.key"),
            event_types=("seen",),
            where=(
                Condition(field="payload.w", op="gte", operands=(NumberOperand(digits="-1.5"),)),
                Condition(
                    field="payload.s",
                    op="in",
                    operands=(StringOperand(text="a"), StringOperand(text="b"), NumberOperand(digits="1")),
                ),
            ),
            late=DropLate(allowed_lateness_us=7),
            features=every_feature(finite),
        ),
        FeatureGroup(
            name="narrow",
            version="v1",
            key=Key(type="k", field="payload.key"),
            event_types=("also",),
            where=(Condition(field="payload.w", op="ne", operands=(NumberOperand(digits="2"),)),),
            features=every_feature({"bucket": WINDOWS["bucket"]}),
        ),
    ]


def log_of(chance: random.Random, length: int) -> list[LogLine]:
    """A log of some partitions: disorder, ties, duplicates, holes, odd values, negative times."""
    lines: list[LogLine] = []
    frontiers = [chance.randrange(3) for _ in range(PARTITIONS)]
    for step in range(length):
        partition = chance.randrange(PARTITIONS)
        offset = frontiers[partition]
        frontiers[partition] += 1 + (chance.random() < 0.1)
        event_time_us = chance.choice([step, step // 2, chance.randrange(-30, length)])
        value = _value(chance, step, event_time_us)
        if lines and chance.random() < 0.08:
            value = chance.choice(lines).value
        lines.append(LogLine(partition, offset, event_time_us + chance.randrange(-2, 9), value))
    return lines


def _value(chance: random.Random, step: int, event_time_us: int) -> bytes | None:
    if chance.random() < 0.04:
        return chance.choice([None, b"", b"{}", b"\xff", b'{"a":1,', b"[1]", b"\xef\xbb\xbf{}"])
    pins = OTHER_PINS if chance.random() < 0.05 else PINS
    head: dict[str, Any] = {
        "event_id": f"e{step if chance.random() < 0.95 else 0}",
        "event_type": chance.choice(["seen", "seen", "also", "none"]),
        "ts_utc": format_timestamp_us(event_time_us),
        **pins,
    }

    def literal(field: str) -> str:
        # the sound ones come first in the lists, and most of the time
        options = LITERALS[field]
        return chance.choice(options if chance.random() < 0.06 else options[: len(options) // 2 + 1])

    payload = [f'"{name}":{literal(name)}' for name in ("i", "s", "b", "t") if chance.random() < 0.9]
    payload += [f'"w":{chance.choice(["-2", "-1.5", "-15e-1", "0", "2", "2.0", "1e90", "null"])}'] * (
        chance.random() < 0.9
    )
    keys = ['"A"', '"A"', '"B"', "7", "-0", "null", '""', "1.5"] if chance.random() < 0.3 else ['"A"', '"B"']
    payload.append(f'"key":{chance.choice(keys)}')
    payload.append(
        f'"n":{{"d":{literal("n.d")},"key":{chance.choice(keys)}}}' if chance.random() < 0.9 else '"n":3'
    )
    text = json.dumps(head)[:-1] + ', "payload": {' + ", ".join(payload) + "}}"
    return text.encode()
