"""From a window's running IRs to the values of its features: exact integers, rounded once, canonical."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from math import isqrt
from operator import itemgetter
from typing import Any, Protocol

from ofs.canonical import format_integer, format_scaled
from ofs.features import Feature, Operator, ValueKind, ValueType
from ofs.units import format_timestamp_us
from topologies.live_ofp.running import Extremes, Moments, Row, Tally, Total

__all__ = ["Answer", "Exact", "Span", "answer_of", "exact_of", "quotient", "running_of"]


class Span(Protocol):
    """A window as it stands: its rows are rows[first:end]."""

    @property
    def first(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def running(self) -> tuple[Any, ...]: ...


Answer = Callable[[Span, list[Row], int], Any]
"""(window, the key's rows, as-of µs) to the canonical value."""

Exact = Callable[[Span, list[Row], int], tuple[int, int] | None]
"""The same to the unrounded value as numerator and denominator; None without a value."""

_RUNNING: dict[Operator, type[Total | Moments | Extremes | Tally]] = {
    Operator.SUM: Total,
    Operator.MEAN: Total,
    Operator.VARIANCE: Moments,
    Operator.STDDEV: Moments,
    Operator.MIN: Extremes,
    Operator.MAX: Extremes,
    Operator.COUNT_DISTINCT: Tally,
    Operator.TOP_K: Tally,
}


def running_of(op: Operator) -> type[Total | Moments | Extremes | Tally] | None:
    """The running IR that an operator needs; None where it reads the rows themselves."""
    return _RUNNING.get(op)


def _render_of(value_type: ValueType) -> Callable[[Any], Any]:
    match value_type.kind:
        case ValueKind.INT:
            return format_integer
        case ValueKind.DECIMAL:
            scale = value_type.scale or 0
            return lambda value: format_scaled(value, scale)
        case ValueKind.TIMESTAMP:
            return format_timestamp_us
        case ValueKind.STRING | ValueKind.BOOL:
            return lambda value: value


def answer_of(feature: Feature, slot: int, column: int) -> Answer:
    """How a feature with a window is answered. `slot`: its running IR in the window; `column`: its value in a row."""
    match feature.op:
        case Operator.COUNT:
            return lambda window, _rows, _as_of_us: window.end - window.first
        case Operator.AGE_OF_LAST | Operator.AGE_OF_FIRST:
            exact = exact_of(feature, slot)

            def age(window: Span, rows: list[Row], as_of_us: int) -> Any:
                found = exact(window, rows, as_of_us)
                return None if found is None else format_integer(found[0])

            return age
        case Operator.MEAN | Operator.VARIANCE | Operator.STDDEV:
            return _rounded(feature, slot)
        case Operator.COUNT_DISTINCT:
            return lambda window, _rows, _as_of_us: len(window.running[slot].counts)
        case Operator.TOP_K:
            return _top_k(feature, slot)
        case Operator.FIRST | Operator.LAST | Operator.FIRST_K | Operator.LAST_K:
            return _at_the_end(feature, column)
        case _:
            return _chosen(feature, slot)


def _chosen(feature: Feature, slot: int) -> Answer:
    render = _render_of(_type_of(feature))
    if feature.op is Operator.SUM:
        return lambda window, _rows, _as_of_us: render(window.running[slot].total)
    index = 0 if feature.op is Operator.MIN else -1

    def extreme(window: Span, _rows: list[Row], _as_of_us: int) -> Any:
        values = window.running[slot].values
        return render(values[index]) if values else None

    return extreme


def _rounded(feature: Feature, slot: int) -> Answer:
    scale, value_scale = feature.scale or 0, _type_of(feature).scale or 0
    up, down = 10**scale, 10**value_scale

    def mean(window: Span, _rows: list[Row], _as_of_us: int) -> Any:
        kept = window.running[slot]
        return format_scaled(_half_even(kept.total * up, kept.count * down), scale) if kept.count else None

    def variance(window: Span, _rows: list[Row], _as_of_us: int) -> Any:
        kept = window.running[slot]
        n = kept.count
        spread = n * kept.squares - kept.total * kept.total
        return format_scaled(_half_even(spread * up, n * n * down * down), scale) if n else None

    def stddev(window: Span, _rows: list[Row], _as_of_us: int) -> Any:
        kept = window.running[slot]
        n = kept.count
        spread = n * kept.squares - kept.total * kept.total
        return format_scaled(_root_half_even(spread * up * up, n * n * down * down), scale) if n else None

    return {Operator.MEAN: mean, Operator.VARIANCE: variance}.get(feature.op, stddev)


def _top_k(feature: Feature, slot: int) -> Answer:
    render, k = _render_of(_type_of(feature)), feature.k or 0
    count = itemgetter(1)

    def top(window: Span, _rows: list[Row], _as_of_us: int) -> Any:
        # sorting is stable: by value first, then by count, leaves ties in ascending order of value
        ranked = sorted(sorted(window.running[slot].counts.items()), key=count, reverse=True)
        return [[render(value), times] for value, times in ranked[:k]]

    return top


def _at_the_end(feature: Feature, column: int) -> Answer:
    """first, last and their lists: read from the rows at either end of the window."""
    render = _render_of(_type_of(feature))
    forward = feature.op in (Operator.FIRST, Operator.FIRST_K)
    wanted = feature.k or 1

    def ends(window: Span, rows: list[Row], _as_of_us: int) -> list[Any]:
        indexes = range(window.first, window.end)
        present = (
            rows[index][column]
            for index in (indexes if forward else reversed(indexes))
            if rows[index][column] is not None
        )
        found = [render(value) for value in islice(present, wanted)]
        return found if forward else found[::-1]

    if feature.k is not None:
        return ends

    def single(window: Span, rows: list[Row], as_of_us: int) -> Any:
        found = ends(window, rows, as_of_us)
        return found[0] if found else None

    return single


def exact_of(feature: Feature, slot: int) -> Exact:
    """The unrounded value of a feature that a ratio may divide."""
    unit = 10 ** ((feature.type.scale or 0) if feature.type is not None else 0)
    match feature.op:
        case Operator.COUNT:
            return lambda window, _rows, _as_of_us: (window.end - window.first, 1)
        case Operator.AGE_OF_LAST:
            return lambda window, rows, as_of_us: (
                (as_of_us - rows[window.end - 1][0], 1) if window.end > window.first else None
            )
        case Operator.AGE_OF_FIRST:
            return lambda window, rows, as_of_us: (
                (as_of_us - rows[window.first][0], 1) if window.end > window.first else None
            )
        case Operator.COUNT_DISTINCT:
            return lambda window, _rows, _as_of_us: (len(window.running[slot].counts), 1)
        case Operator.SUM:
            return lambda window, _rows, _as_of_us: (window.running[slot].total, unit)
        case Operator.MEAN:

            def mean(window: Span, _rows: list[Row], _as_of_us: int) -> tuple[int, int] | None:
                kept = window.running[slot]
                return (kept.total, kept.count * unit) if kept.count else None

            return mean
        case _:
            index = 0 if feature.op is Operator.MIN else -1

            def extreme(window: Span, _rows: list[Row], _as_of_us: int) -> tuple[int, int] | None:
                values = window.running[slot].values
                return (values[index], unit) if values else None

            return extreme


def quotient(
    numerator: tuple[int, int] | None, denominator: tuple[int, int] | None, *, scale: int
) -> str | None:
    """The rounded quotient of two exact values; None where one is missing or the denominator is 0."""
    if numerator is None or denominator is None or denominator[0] == 0:
        return None
    over, under = numerator[0] * denominator[1] * 10**scale, numerator[1] * denominator[0]
    return format_scaled(_half_even(-over, -under) if under < 0 else _half_even(over, under), scale)


def _type_of(feature: Feature) -> ValueType:
    return feature.type or ValueType(kind=ValueKind.INT)


def _half_even(over: int, under: int) -> int:
    """over / under to the nearest integer, ties to even; under > 0."""
    whole, rest = divmod(over, under)
    twice = 2 * rest
    return whole + (twice > under or (twice == under and whole % 2 == 1))


def _root_half_even(over: int, under: int) -> int:
    """The root of over / under to the nearest integer, ties to even; under > 0."""
    root = isqrt(over // under)
    middle = (2 * root + 1) ** 2 * under
    return root + (4 * over > middle or (4 * over == middle and root % 2 == 1))
