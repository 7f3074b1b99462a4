"""The feature definitions of the workloads, and registries of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ofs.features import Registry, lock, read_definition
from tests.bench.texts import EVENT_TYPE

Definition = dict[str, Any]

WINDOWS_US: Final = {"1h": 3_600_000_000, "24h": 86_400_000_000, "7d": 604_800_000_000}
KEYS: Final = ("account", "merchant")
AMOUNT: Final = {"field": "payload.amount", "type": "decimal(2)"}
MERCHANT: Final = {"field": "payload.merchant_id", "type": "string"}
ACCOUNT: Final = {"field": "payload.account_id", "type": "string"}
SESSION: Final = {"session": "30m", "max": "24h"}
OPERATORS: Final[dict[str, Definition]] = {
    "count": {},
    "sum": AMOUNT,
    "mean": {**AMOUNT, "scale": 6},
    "variance": {**AMOUNT, "scale": 6},
    "stddev": {**AMOUNT, "scale": 6},
    "min": AMOUNT,
    "max": AMOUNT,
    "first": AMOUNT,
    "last": AMOUNT,
    "first_k": {**AMOUNT, "k": 5},
    "last_k": {**AMOUNT, "k": 5},
    "count_distinct": MERCHANT,
    "top_k": {**MERCHANT, "k": 3},
    "age_of_first": {},
    "age_of_last": {},
}
"""Every operator but ratio, which is of two others, with what it needs."""
OPERATOR_WINDOWS: Final[dict[str, Any]] = {
    "sliding": "24h",
    "tumbling": {"tumbling": "1h"},
    "hopping": {"hopping": "1h", "every": "5m"},
    "session": SESSION,
}


def _group(name: str, key: str, features: list[Definition]) -> Definition:
    return {
        "feature_group": name,
        "version": "v1",
        "key": {"type": f"{key}_id", "field": f"payload.{key}_id"},
        "event_types": [EVENT_TYPE],
        "features": features,
    }


def velocity() -> list[Definition]:
    """Account and merchant velocity: three sliding windows, count and sum."""
    found = []
    for key in KEYS:
        features: list[Definition] = []
        for size in WINDOWS_US:
            features.append({"name": f"count_{size}", "op": "count", "window": size})
            features.append({"name": f"sum_{size}", "op": "sum", **AMOUNT, "window": size})
        found.append(_group(f"{key}_velocity", key, features))
    return found


def velocity_columns() -> list[str]:
    """Names of the answers, in the order in which the peers give them."""
    return [f"{key}_{kind}_{size}" for key in KEYS for size in WINDOWS_US for kind in ("count", "sum")]


def _feature(name: str, op: str, window: Any, **more: Any) -> Definition:
    return {"name": name, "op": op, **OPERATORS[op], **more, "window": window}


def wide() -> list[Definition]:
    """40 features in two groups: all operators and all kinds of windows."""
    account = [
        _feature("count_1h", "count", "1h"),
        _feature("count_24h", "count", "24h"),
        _feature("count_7d", "count", "7d"),
        _feature("count_hour", "count", {"tumbling": "1h"}),
        _feature("count_hour_before", "count", {"tumbling": "1h", "back": 1}),
        _feature("count_hop", "count", {"hopping": "1h", "every": "5m"}),
        _feature("count_session", "count", SESSION),
        _feature("sum_1h", "sum", "1h"),
        _feature("sum_24h", "sum", "24h"),
        _feature("sum_7d", "sum", "7d"),
        _feature("sum_ever", "sum", "lifetime"),
        _feature("sum_session", "sum", SESSION),
        _feature("mean_24h", "mean", "24h"),
        _feature("stddev_24h", "stddev", "24h"),
        _feature("variance_7d", "variance", "7d"),
        _feature("min_24h", "min", "24h"),
        _feature("max_24h", "max", "24h"),
        _feature("max_7d", "max", "7d"),
        _feature("merchants_1h", "count_distinct", "1h"),
        _feature("merchants_24h", "count_distinct", "24h"),
        _feature("merchants_top_24h", "top_k", "24h"),
        _feature("first_24h", "first", "24h"),
        _feature("last_ever", "last", "lifetime"),
        _feature("last_five_7d", "last_k", "7d"),
        _feature("age_of_last", "age_of_last", "lifetime"),
        _feature("age_of_first_24h", "age_of_first", "24h"),
        {"name": "sum_ratio", "op": "ratio", "of": ["sum_1h", "sum_24h"], "scale": 6},
    ]
    merchant = [
        _feature("count_1h", "count", "1h"),
        _feature("count_24h", "count", "24h"),
        _feature("sum_1h", "sum", "1h"),
        _feature("sum_24h", "sum", "24h"),
        _feature("mean_1h", "mean", "1h"),
        _feature("stddev_1h", "stddev", "1h"),
        _feature("min_1h", "min", "1h"),
        _feature("max_24h", "max", "24h"),
        _feature("accounts_1h", "count_distinct", "1h", **ACCOUNT),
        _feature("accounts_24h", "count_distinct", "24h", **ACCOUNT),
        _feature("accounts_top_1h", "top_k", "1h", **ACCOUNT),
        _feature("first_five_24h", "first_k", "24h"),
        {"name": "sum_ratio", "op": "ratio", "of": ["sum_1h", "sum_24h"], "scale": 6},
    ]
    return [_group("account_wide", "account", account), _group("merchant_wide", "merchant", merchant)]


def wide_columns() -> list[str]:
    """`group.feature`, in the order of the definitions."""
    return [f"{group['feature_group']}.{item['name']}" for group in wide() for item in group["features"]]


def single(op: str, window: str) -> list[Definition]:
    """One feature of one operator over one kind of window, on the account."""
    return [_group("account_single", "account", [_feature("value", op, OPERATOR_WINDOWS[window])])]


def names(definitions: list[Definition]) -> list[str]:
    """Group names."""
    return [group["feature_group"] for group in definitions]


def registry(definitions: list[Definition]) -> Registry:
    """The definitions as a registry in memory."""
    return Registry.of(
        [read_definition(json.dumps(group).encode(), group["feature_group"]) for group in definitions]
    )


def publish(definitions: list[Definition], folder: Path) -> Path:
    """The definitions as a registry's folder, made where it is not there yet."""
    if not (folder / "lock.json").exists():
        for group in definitions:
            path = folder / group["feature_group"] / "v1.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(group), "utf-8")  # JSON is YAML
        lock(folder)
    return folder
