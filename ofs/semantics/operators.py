"""Operators: what a feature is over the contributions of its window. Exact first, rounded once when it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isqrt
from typing import Any

from ofs.canonical import format_integer, format_scaled
from ofs.semantics.history import Contribution
from ofs.semantics.values import Typed, render

Feature = Mapping[str, Any]


def value_of(feature: Feature, events: Sequence[Contribution], as_of_us: int) -> Any:
    """The canonical JSON value of a feature that has a window.

    `events`: those of its window, in the total order.
    """
    op = feature["op"]
    if op == "count":
        return len(events)
    if op in ("age_of_last", "age_of_first"):
        exact = exact_of(feature, events, as_of_us)
        return None if exact is None else format_integer(int(exact))
    values = _present(feature, events)
    if op == "count_distinct":
        return len(set(values))
    if op in ("sum", "min", "max", "first", "last"):
        chosen = _single(op, values)
        return (
            None
            if chosen is None
            else render(chosen, feature["type"])
            if op != "sum"
            else _sum(chosen, feature)
        )
    if op in ("first_k", "last_k"):
        listed = values[: feature["k"]] if op == "first_k" else values[-feature["k"] :]
        return [render(value, feature["type"]) for value in listed]
    if op == "top_k":
        ranked = sorted(Counter(values).items(), key=lambda entry: (-entry[1], entry[0]))
        return [[render(value, feature["type"]), count] for value, count in ranked[: feature["k"]]]
    if op == "stddev":
        variance = exact_of({**feature, "op": "variance"}, events, as_of_us)
        return (
            None
            if variance is None
            else format_scaled(_sqrt_half_even(variance, feature["scale"]), feature["scale"])
        )
    exact = exact_of(feature, events, as_of_us)
    return None if exact is None else format_scaled(_half_even(exact, feature["scale"]), feature["scale"])


def ratio_of(
    feature: Feature,
    numerator: Fraction | None,
    denominator: Fraction | None,
) -> str | None:
    """The rounded quotient of two exact values; None where one is missing or the denominator is 0."""
    if numerator is None or denominator is None or denominator == 0:
        return None
    return format_scaled(_half_even(numerator / denominator, feature["scale"]), feature["scale"])


def exact_of(feature: Feature, events: Sequence[Contribution], as_of_us: int) -> Fraction | None:
    """The unrounded number behind a feature: what a ratio divides. None where there is no value."""
    op = feature["op"]
    if op == "count":
        return Fraction(len(events))
    if op == "age_of_last":
        return Fraction(as_of_us - events[-1].event_time_us) if events else None
    if op == "age_of_first":
        return Fraction(as_of_us - events[0].event_time_us) if events else None
    values = _present(feature, events)
    if op == "count_distinct":
        return Fraction(len(set(values)))
    unit = Fraction(1, 10 ** feature["type"].get("scale", 0))
    if op in ("sum", "min", "max"):
        chosen = _single(op, values)
        return None if chosen is None else int(chosen) * unit
    if not values:
        return None
    mean = Fraction(sum(int(value) for value in values), len(values))
    if op == "mean":
        return mean * unit
    squares = Fraction(sum(int(value) ** 2 for value in values), len(values))
    return (squares - mean**2) * unit**2


def _present(feature: Feature, events: Sequence[Contribution]) -> list[Typed]:
    """The values of the feature's field; events without one are skipped."""
    values = (event.values[feature["field"]] for event in events)
    return [value for value in values if value is not None]


def _single(op: str, values: Sequence[Typed]) -> Typed | None:
    if op == "sum":
        return sum(int(value) for value in values)
    if not values:
        return None
    if op in ("first", "last"):
        return values[0 if op == "first" else -1]
    ordered = sorted(values)  # of one type: a field has one type in a group
    return ordered[0 if op == "min" else -1]


def _sum(total: Typed, feature: Feature) -> int | str:
    kind = feature["type"]
    return (
        format_scaled(int(total), kind["scale"]) if kind["kind"] == "decimal" else format_integer(int(total))
    )


def _half_even(exact: Fraction, scale: int) -> int:
    rounded: int = round(exact * 10**scale)  # a Fraction rounds half to even
    return rounded


def _sqrt_half_even(exact: Fraction, scale: int) -> int:
    """round(sqrt(exact) * 10**scale), ties to even, without a float."""
    target = exact * 10 ** (2 * scale)
    root = isqrt(target.numerator // target.denominator)
    half_way = Fraction(2 * root + 1, 2) ** 2
    return root + (target > half_way or (target == half_way and root % 2 == 1))
