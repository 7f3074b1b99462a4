"""Writes contracts/vectors/definitions.json: `python -m tests.golden.definitions.write_vectors`.

Each vector: the YAML of a definition, its canonical form as RFC 8785 text, and the digest. Published vectors never
change; cases are only added.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from ofs.features import definition_bytes, definition_digest, read_definition

VECTORS: Final = Path(__file__).parents[3] / "contracts" / "vectors" / "definitions.json"


def _yaml(features: str, rest: str = "", event_types: str = "[card_auth]") -> str:
    lines = "\n".join(f"  - {{{line.strip()}}}" for line in features.strip().splitlines())
    return (
        "feature_group: vectors\nversion: v1\nkey: {type: account_id, field: payload.account_id}\n"
        f"event_types: {event_types}\n{rest}features:\n{lines}\n"
    )


CASES: Final[dict[str, str]] = {
    "smallest": _yaml("name: n, op: count, window: 1us"),
    "features are sorted by name": _yaml(
        """
        name: b_count, op: count, window: 1h
        name: a_count, op: count, window: 60m
        name: b, op: count, window: 3600s
        """
    ),
    "every operator without a field": _yaml(
        """
        name: n, op: count, window: 1h
        name: last_us, op: age_of_last, window: 1d
        name: first_us, op: age_of_first, window: 1w
        """
    ),
    "every numeric operator": _yaml(
        """
        name: a, op: sum, field: payload.amount, type: decimal(2), window: 1h
        name: b, op: mean, field: payload.amount, type: decimal(2), window: 1h, scale: 0
        name: c, op: variance, field: payload.tries, type: int, window: 1h, scale: 18
        name: d, op: stddev, field: payload.tries, type: int, window: 1h, scale: 6
        name: e, op: min, field: payload.amount, type: decimal(2), window: 1h
        name: f, op: max, field: payload.amount, type: decimal(2), window: 1h
        """
    ),
    "every operator of any value": _yaml(
        """
        name: a, op: first, field: payload.deep.est.flag, type: bool, window: 1h
        name: b, op: last, field: payload.at, type: timestamp, window: 1h
        name: c, op: first_k, k: 1, field: payload.country, type: string, window: 1h
        name: d, op: last_k, k: 1000, field: payload.amount, type: decimal(18), window: 1h
        name: e, op: count_distinct, field: payload.tries, type: int, window: 1h
        name: f, op: top_k, k: 3, field: payload.rate, type: decimal(0), window: 1h
        """
    ),
    "ratios": _yaml(
        """
        name: share, op: ratio, of: [part, whole], scale: 6
        name: self, op: ratio, of: [part, part], scale: 0
        name: part, op: count, window: 1h
        name: whole, op: max, field: payload.amount, type: int, window: 1d
        """
    ),
    "sliding windows and every unit": _yaml(
        "\n".join(
            f"name: n_{unit}, op: count, window: 7{unit}" for unit in ("us", "ms", "s", "m", "h", "d", "w")
        )
        + "\nname: longest, op: count, window: 9007199254740991us"
    ),
    "tumbling, hopping, session and lifetime windows": _yaml(
        """
        name: a, op: count, window: {tumbling: 1h}
        name: b, op: count, window: {tumbling: 1h, back: 0}
        name: c, op: count, window: {back: 1000, tumbling: 1m}
        name: d, op: count, window: {hopping: 1h, every: 5m}
        name: e, op: count, window: {session: 30m}
        name: f, op: count, window: {session: 30m, max: 24h}
        name: g, op: count, window: lifetime
        """
    ),
    "where with every comparison": _yaml(
        "name: n, op: count, window: 1h",
        "where:\n"
        "  - {field: payload.a, eq: APPROVED}\n"
        "  - {field: payload.b, ne: false}\n"
        "  - {field: payload.c, in: [1, '1', true, 'true', NO, 1.5e3]}\n"
        "  - {field: payload.d, gt: -0.0}\n"
        "  - {field: payload.e, gte: 1.50}\n"
        "  - {field: payload.f, lt: 125E-5}\n"
        "  - {field: payload.g, lte: -9007199254740993}\n",
    ),
    "where with text that YAML would resolve": _yaml(
        "name: n, op: count, window: 1h",
        'where: [{field: payload.a, in: [NO, 1:30, 010, ~, "", "é\\U0001F600\\n\\"", 0x1F, 2026-01-01]}]\n',
        "[NO, 010, '1', zahlung.erfaßt]",
    ),
    "late events dropped": _yaml(
        "name: n, op: count, window: 1h", "late: {allowed_lateness: 90s, policy: drop}\n"
    ),
    "defaults written out": _yaml("name: n, op: count, window: 1us", "late: {policy: include}\n"),
    "stale after": _yaml("name: n, op: count, window: 1h", "stale_after: 36h\n"),
}


def vectors() -> list[dict[str, str]]:
    """The vectors that this code gives for the cases."""
    found: list[dict[str, str]] = []
    for name, text in CASES.items():
        group = read_definition(text.encode(), name)
        found.append(
            {
                "name": name,
                "yaml": text,
                "canonical": definition_bytes(group).decode(),
                "digest": definition_digest(group),
            }
        )
    return found


if __name__ == "__main__":
    VECTORS.parent.mkdir(parents=True, exist_ok=True)
    VECTORS.write_bytes(json.dumps(vectors(), indent=2, ensure_ascii=False).encode() + b"\n")
