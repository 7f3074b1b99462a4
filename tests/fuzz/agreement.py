"""What must hold of any input: core and executable semantics agree, and nothing crashes. Each check returns how the
input behaved, so that what is new is kept; a finding is an `AssertionError`, a defect whatever else is raised.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from typing import Any, Final

from ofs.canonical import NotJsonError, canonical_text, jcs, sha256_hex
from ofs.canonical.strict_json import NotUtf8Error, Number
from ofs.engine.port import DecisionSet
from ofs.engine.reference import ReferenceDecisions
from ofs.errors import DefinitionError
from ofs.features import FeatureGroup, definition_bytes, definition_digest, read_definition
from ofs.semantics import Event, admit
from ofs.sources.memory import MemoryLog, Record
from ofs.units import format_timestamp_us
from tests.golden.core_presence import required_core
from tests.property.harness import decision_lines, run
from tests.property.worlds import World

PATHS: Final = (
    "payload.key",
    "payload.n.key",
    "payload.i",
    "payload.d",
    "payload.amount",
    "payload.n.x",
    "payload.a",
)
STREAM: Final = "cards"
KEYS_MAX: Final = 4
LOG_STEP_US: Final = 1_000_000
_KIND: Final = {bool: "bool", Number: "number", str: "string"}
_SHAPE: Final = (
    *(
        "pins",
        "hash_rule",
        "groups",
        "streams",
        "as_of_basis",
        "has_hash",
        "count",
        "as_of_us_min",
        "as_of_us_max",
    ),
    *("decided_us_min", "decided_us_max", "cuts_min", "cuts_max"),
)


def record(value: bytes) -> Hashable:
    """Core and semantics admit it alike, down to each field, or reject it alike; and so with its canonical form."""
    core = required_core()
    event = admit(value)
    expected: dict[str, Any] = {"rejected": str(event)}
    if isinstance(event, Event):
        expected = {
            "event_id": event.event_id,
            "event_type": event.event_type,
            "fields": {path: _field(event.payload, path) for path in PATHS},
            "pins": json.loads(event.pins),
            "ts_us": str(event.event_time_us),
        }
    found: bytes = core.inspect(value, list(PATHS))
    assert found == jcs(expected), f"the core: {found!r}, the semantics: {jcs(expected)!r}"
    assert _core_canonical(value) == _canonical(value), "another canonical form"
    fields = expected.get("fields", {})
    return (
        expected.get("rejected"),
        tuple(str(field)[:8] for field in fields.values()),
        len(expected.get("pins", ())),
    )


def _field(payload: Any, path: str) -> dict[str, Any] | None:
    """What `inspect` says of a field, apart from the code of the semantics that folds it."""
    value = payload
    for name in path.split(".")[1:]:
        if not isinstance(value, dict) or name not in value:
            return {"missing": True}
        value = value[name]
    if value is None:
        return None
    kind = _KIND.get(type(value))
    return {"other": True} if kind is None else {kind: value if kind == "bool" else str(value)}


def _canonical(value: bytes) -> bytes | None:
    try:
        return canonical_text(value)
    except (NotJsonError, NotUtf8Error):
        return None


def _core_canonical(value: bytes) -> bytes | None:
    try:
        canonical: bytes = required_core().canonical(value)
        return canonical
    except ValueError:
        return None


def decisions(lines: Sequence[bytes]) -> Hashable:
    """Both engines see the same decisions in the lines: dead letters, irregular ones, digest, shapes, members."""
    native, reference = required_core().Decisions(), ReferenceDecisions()
    for some in (native, reference):
        some.add(list(lines))
        some.seal()
    expected = _seen(reference, lines)
    found = _seen(native, lines)
    assert found == expected, _differing(found, expected)
    return (
        tuple(reason for _, reason in expected["dead_letters"]),
        len(expected["irregular"]),
        len(expected["shapes"]),
    )


def _differing(found: dict[str, Any], expected: dict[str, Any]) -> str:
    parts = (name for name in expected if found[name] != expected[name])
    return "; ".join(f"{name}: the core {found[name]!r}, the reference {expected[name]!r}" for name in parts)


def _seen(found: DecisionSet, lines: Sequence[bytes]) -> dict[str, Any]:
    count = len(found)
    shapes = found.shapes()
    members = [found.members(number) for number in range(len(shapes))]
    return {
        "count": count,
        "lines": (found.line_count, found.lines(0, count), found.ids(0, count), found.duplicates),
        "dead_letters": found.dead_letters(),
        "irregular": found.irregular(),
        "digest": found.digest([lines[number] for number, _ in found.dead_letters()]),
        "pins": found.pins(),
        "shapes": [{name: _plain(getattr(shape, name)) for name in _SHAPE} for shape in shapes],
        "members": [(some.indexes, some.as_of_us, some.decided_us, some.cuts) for some in members],
    }


def _plain(value: Any) -> Any:
    """Sequences as lists, enumerations as texts: the engines differ in these alone."""
    if isinstance(value, str):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def definition(text: bytes) -> tuple[FeatureGroup | None, Hashable]:
    """A definition is refused with file, line and field, or it is one that the core compiles, too."""
    try:
        group = read_definition(text, "fuzz.yaml")
    except DefinitionError as error:
        return None, (error.field, error.allowed)
    canonical = definition_bytes(group)
    required_core().Plan([canonical], [definition_digest(group)])
    assert canonical == jcs(json.loads(canonical))
    kinds = sorted({(feature.op.value, type(feature.window).__name__) for feature in group.features})
    return group, (len(group.where), type(group.late).__name__, tuple(kinds))


def compiled(text: bytes) -> Hashable:
    """The core compiles a canonical definition, under its true digest, or refuses it as a ValueError."""
    canonical = _canonical(text) or text
    try:
        required_core().Plan([canonical], [sha256_hex(canonical)])
    except ValueError as error:
        return str(error).partition(": ")[2][:40]
    return None


def replay(values: Sequence[bytes | None], groups: list[FeatureGroup]) -> None:
    """Both engines fold the records alike, and answer alike for keys that occur in them: bytes and certificate."""
    log = MemoryLog()
    log.create(STREAM, 1)
    events = [event for event in map(admit, values) if isinstance(event, Event)]
    times = sorted(event.event_time_us for event in events) or [0]
    for number, value in enumerate(values):
        log.append(STREAM, 0, Record(value=value, log_ts_us=times[len(times) // 2] + number * LOG_STEP_US))
    world = World(log, groups, [], {STREAM: 1})
    for number, event in enumerate(events[-KEYS_MAX:]):
        as_of_us = min(event.event_time_us + LOG_STEP_US, 253_402_300_799_000_000)
        world.decisions.append(_decision(number, event, groups, format_timestamp_us(as_of_us), len(values)))
    lines = decision_lines(world.decisions)
    native, reference = (run(world, lines, engine=engine) for engine in ("native", "reference"))
    assert native == reference, "the engines' outputs differ"


def _decision(
    number: int, event: Event, groups: list[FeatureGroup], as_of: str, next_offset: int
) -> dict[str, Any]:
    """What the event's keys had at an as-of."""
    named = (_field(event.payload, group.key.field) or {} for group in groups)
    keys = {
        (group.key.type, text)
        for group, field in zip(groups, named, strict=True)
        if (text := field.get("string", field.get("number"))) and text
    }
    pins = {name: int(value) if name == "seed" else value for name, value in json.loads(event.pins).items()}
    return {
        "decision_id": f"d{number}",
        "context_pins": pins,
        "feature_keys": [{"key_type": kind, "key_id": key} for kind, key in sorted(keys)]
        or [{"key_type": "account", "key_id": "A"}],
        "feature_groups": [{"name": group.name, "version": group.version} for group in groups],
        "as_of_spec": {"as_of_basis": "event_time", "as_of_time_utc": as_of},
        "basis": [{"stream": STREAM, "partition": 0, "next_offset": next_offset}],
    }
