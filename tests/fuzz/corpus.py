"""What mutation starts from: real traffic, random worlds, the golden cases, and definitions of each kind."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Final

from tests.golden import admission_cases, canonical_cases
from tests.golden.byte_values import bytes_of
from tests.property.harness import decision_lines
from tests.property.worlds import make_group, make_world
from topologies.card_payments import REGISTRY
from topologies.card_payments.generator import Traffic, generate

SEED: Final = 20_260_105
_BYTES_MAX: Final = 4_096
_TRAFFIC: Final = Traffic(partitions=1, accounts=12, merchants=4)


def records() -> list[bytes]:
    """Card events with all that goes wrong in them, records of random worlds, and the golden values."""
    values = [record.value for record in generate(SEED, 150, _TRAFFIC)]
    for number in range(25):
        log = make_world(random.Random(SEED + number), events_max=20).log
        values += [value for stream in ("cards",) for value in _values(log, stream)]
    cases = (*admission_cases.ACCEPTED.values(), *admission_cases.REJECTED.values())
    values += [bytes_of(written) for written, _ in (*cases, *canonical_cases.ACCEPTED.values())]
    return _distinct([value for value in values if value is not None])


def _values(log: object, stream: str) -> list[bytes | None]:
    from ofs.sources.memory import MemoryLog
    from ofs.units import OffsetRange

    found: list[bytes | None] = []
    if isinstance(log, MemoryLog):
        info = log.describe(stream)
        for part in () if info is None else info.partitions:
            span = OffsetRange(part.low, part.end)
            found += [
                value for batch in log.read(stream, part.partition, span, 1000) for value in batch.values
            ]
    return found


def decisions() -> list[bytes]:
    """Decisions of random worlds, with what a live plane adds to them."""
    lines: list[bytes] = []
    for number in range(40):
        world = make_world(random.Random(SEED + number), events_max=5)
        for decision in world.decisions[:4]:
            more = {
                "online_snapshot_hash": "ab" * 32,
                "online_features": {"account:A": {"alpha": {"x": 1.5}}},
            }
            more |= {"decided_at_utc": "2023-11-14T22:13:20.5Z", "extensions": {"trace": [1, None]}}
            lines += decision_lines([decision, {**decision, **more, "hash_rule": "ofs-jcs-sha256/v1"}])
    return _distinct(lines)


def definitions() -> list[bytes]:
    """The definitions of card payments, and random ones as JSON, which is YAML."""
    texts = [path.read_bytes() for path in sorted(Path(REGISTRY).glob("*/*.yaml"))]
    texts += [_text(number) for number in range(60)]
    return _distinct(texts)


def _text(number: int) -> bytes:
    """One of many definitions over all operators and windows, in block or flow style."""
    from ofs.features import definition_bytes

    group = make_group(random.Random(SEED + number), "alpha")
    canonical = json.loads(definition_bytes(group))
    return json.dumps(_authored(canonical), ensure_ascii=False).encode()


def _authored(canonical: dict[str, object]) -> dict[str, object]:
    """A canonical definition as somebody writes it: durations as text, types by name."""

    def feature(item: dict[str, object]) -> dict[str, object]:
        kind, window = item.get("type"), item.get("window")
        written = {name: value for name, value in item.items() if name not in ("type", "window")}
        if isinstance(kind, dict):
            written["type"] = f"decimal({kind['scale']})" if kind["kind"] == "decimal" else kind["kind"]
        if isinstance(window, dict):
            written["window"] = _window(window)
        return written

    features = canonical["features"]
    written = {name: canonical[name] for name in ("feature_group", "version", "key", "event_types")}
    written["features"] = [feature(item) for item in features] if isinstance(features, list) else []
    written["where"] = [{"field": "payload.i", "gt": 0}, {"field": "payload.s", "in": ["x", "é", True]}]
    if "stale_after_us" in canonical:
        written["stale_after"] = f"{canonical['stale_after_us']}us"
    if isinstance(late := canonical["late"], dict) and late["policy"] == "drop":
        written["late"] = {"policy": "drop", "allowed_lateness": f"{late['allowed_lateness_us']}us"}
    return written


def _window(window: dict[str, object]) -> object:
    kind = window["kind"]
    if kind == "lifetime":
        return "lifetime"
    if kind == "sliding":
        return f"{window['size_us']}us"
    if kind == "session":
        bound = {} if "max_us" not in window else {"max": f"{window['max_us']}us"}
        return {"session": f"{window['gap_us']}us", **bound}
    if kind == "tumbling":
        return {"tumbling": f"{window['size_us']}us", "back": window["back"]}
    return {"hopping": f"{window['size_us']}us", "every": f"{window['every_us']}us"}


def canonical_definitions() -> list[bytes]:
    """What the core compiles."""
    from ofs.features import definition_bytes

    return [definition_bytes(make_group(random.Random(SEED + number), "alpha")) for number in range(60)]


def _distinct(values: list[bytes]) -> list[bytes]:
    return list(dict.fromkeys(value for value in values if len(value) <= _BYTES_MAX))
