"""A feature definition laid out for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ofs.cli.terminal import columns
from ofs.units import format_duration

if TYPE_CHECKING:
    from ofs.features import Shown


def definition_lines(shown: Shown) -> list[str]:
    """A head with name, version and digest, what the group is over, and a table of its features."""
    canonical: dict[str, Any] = dict(shown.canonical)
    features = [("feature", "op", "of", "type", "window", "more"), *map(_feature, canonical["features"])]
    return [
        f"{shown.name} {shown.version}  {'locked' if shown.locked else 'not locked'}",
        *(f"  {line}" for line in columns(_head(shown.digest, canonical))),
        *(f"  {line}" for line in columns(features)),
    ]


def _head(digest: str, canonical: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("digest", digest),
        ("key", f"{canonical['key']['type']} from {canonical['key']['field']}"),
        ("events", ", ".join(canonical["event_types"])),
    ]
    rows += [
        ("where", f"{condition['field']} {condition['op']} {_operand(condition['operand'])}")
        for condition in canonical["where"]
    ]
    late = canonical["late"]
    if late["policy"] == "drop":
        rows.append(("late", f"dropped, {format_duration(late['allowed_lateness_us'])} allowed"))
    else:
        rows.append(("late", "included"))
    if "stale_after_us" in canonical:
        rows.append(("stale after", format_duration(canonical["stale_after_us"])))
    return rows


def _feature(feature: dict[str, Any]) -> tuple[str, ...]:
    of = " / ".join(feature["of"]) if "of" in feature else feature.get("field", "")
    more = ", ".join(f"{name} {feature[name]}" for name in ("k", "scale") if name in feature)
    return (
        feature["name"],
        feature["op"],
        of,
        _type(feature["type"]) if "type" in feature else "",
        _window(feature["window"]) if "window" in feature else "",
        more,
    )


def _type(value_type: dict[str, Any]) -> str:
    kind = str(value_type["kind"])
    return kind if "scale" not in value_type else f"{kind}({value_type['scale']})"


def _window(window: dict[str, Any]) -> str:
    match window["kind"]:
        case "sliding":
            return format_duration(window["size_us"])
        case "tumbling":
            back = f" back {window['back']}" if window["back"] else ""
            return f"tumbling {format_duration(window['size_us'])}{back}"
        case "hopping":
            return f"hopping {format_duration(window['size_us'])} every {format_duration(window['every_us'])}"
        case "session":
            limit = f" max {format_duration(window['max_us'])}" if "max_us" in window else ""
            return f"session {format_duration(window['gap_us'])}{limit}"
    return str(window["kind"])


def _operand(operand: Any) -> str:
    if isinstance(operand, list):
        return f"[{', '.join(map(_operand, operand))}]"
    ((kind, value),) = operand.items()
    match kind:
        case "number":
            return str(value)
        case "bool":
            return "true" if value else "false"
    return f'"{value}"'
