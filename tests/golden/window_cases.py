"""Windows: which of some events are inside, and the bounds, written by hand. Times are microseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

DAY: Final = 86_400_000_000
FIRST: Final = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z"""
LAST: Final = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z"""


@dataclass(frozen=True)
class WindowCase:
    """`bounds`: start (None: since ever) and end; `inside`: of `events`, in order of time."""

    window: dict[str, Any]
    as_of_us: int
    bounds: tuple[int | None, int]
    events: list[int]
    inside: list[int] = field(default_factory=list)


def _sliding(size: int) -> dict[str, Any]:
    return {"kind": "sliding", "size_us": size}


def _tumbling(size: int, back: int = 0) -> dict[str, Any]:
    return {"kind": "tumbling", "size_us": size, "back": back}


def _hopping(size: int, every: int) -> dict[str, Any]:
    return {"kind": "hopping", "size_us": size, "every_us": every}


def _session(gap: int, longest: int | None = None) -> dict[str, Any]:
    return {"kind": "session", "gap_us": gap} | ({} if longest is None else {"max_us": longest})


_LIFETIME: Final = {"kind": "lifetime"}

CASES: Final[dict[str, WindowCase]] = {
    "sliding: start inside, as-of outside": WindowCase(
        _sliding(10), 100, (90, 100), [89, 90, 91, 99, 100, 101], [90, 91, 99]
    ),
    "sliding: one microsecond": WindowCase(_sliding(1), 100, (99, 100), [98, 99, 100], [99]),
    "sliding: over 1970": WindowCase(_sliding(10), 3, (-7, 3), [-8, -7, -1, 0, 2, 3], [-7, -1, 0, 2]),
    "sliding: before 1970": WindowCase(_sliding(10), -5, (-15, -5), [-16, -15, -6, -5], [-15, -6]),
    "sliding: nothing": WindowCase(_sliding(10), 100, (90, 100), [], []),
    "sliding: all outside": WindowCase(_sliding(10), 100, (90, 100), [1, 89, 100, 1000], []),
    "sliding: equal times": WindowCase(_sliding(10), 100, (90, 100), [90, 90, 100, 100], [90, 90]),
    "sliding: the longest, to the first time": WindowCase(
        _sliding(2**53 - 1),
        FIRST + 5,
        (FIRST + 5 - (2**53 - 1), FIRST + 5),
        [FIRST, FIRST + 4, FIRST + 5],
        [FIRST, FIRST + 4],
    ),
    "sliding: the last time": WindowCase(
        _sliding(2), LAST, (LAST - 2, LAST), [LAST - 3, LAST - 2, LAST - 1, LAST], [LAST - 2, LAST - 1]
    ),
    "tumbling: within the bucket": WindowCase(_tumbling(10), 25, (20, 25), [19, 20, 24, 25, 29], [20, 24]),
    "tumbling: as-of on the border is an empty bucket": WindowCase(
        _tumbling(10), 20, (20, 20), [10, 19, 20, 21], []
    ),
    "tumbling: one after the border": WindowCase(_tumbling(10), 21, (20, 21), [19, 20, 21], [20]),
    "tumbling: before 1970": WindowCase(_tumbling(10), -1, (-10, -1), [-11, -10, -2, -1, 0], [-10, -2]),
    "tumbling: a border before 1970": WindowCase(_tumbling(10), -10, (-10, -10), [-11, -10], []),
    "tumbling: a day": WindowCase(
        _tumbling(DAY), DAY + 5, (DAY, DAY + 5), [DAY - 1, DAY, DAY + 4, DAY + 5], [DAY, DAY + 4]
    ),
    "tumbling back 1: the whole bucket before": WindowCase(
        _tumbling(10, 1), 25, (10, 20), [9, 10, 19, 20, 24], [10, 19]
    ),
    "tumbling back 1: as-of on the border": WindowCase(
        _tumbling(10, 1), 20, (10, 20), [9, 10, 19, 20], [10, 19]
    ),
    "tumbling back 3": WindowCase(_tumbling(10, 3), 25, (-10, 0), [-11, -10, -1, 0], [-10, -1]),
    "tumbling back 1: before 1970": WindowCase(
        _tumbling(10, 1), -1, (-20, -10), [-21, -20, -11, -10], [-20, -11]
    ),
    "tumbling back 1000": WindowCase(
        _tumbling(10, 1000), 25, (-9980, -9970), [-9981, -9980, -9971, -9970], [-9980, -9971]
    ),
    "hopping: up to the last step": WindowCase(_hopping(10, 5), 23, (10, 20), [9, 10, 19, 20, 22], [10, 19]),
    "hopping: as-of on a step": WindowCase(_hopping(10, 5), 20, (10, 20), [9, 10, 19, 20], [10, 19]),
    "hopping: one before a step": WindowCase(_hopping(10, 5), 19, (5, 15), [4, 5, 14, 15, 18], [5, 14]),
    "hopping: steps that do not divide the size": WindowCase(
        _hopping(10, 3), 11, (-1, 9), [-2, -1, 8, 9, 10], [-1, 8]
    ),
    "hopping: a step as long as the window": WindowCase(
        _hopping(10, 10), 19, (0, 10), [-1, 0, 9, 10], [0, 9]
    ),
    "hopping: before 1970": WindowCase(_hopping(10, 5), -1, (-15, -5), [-16, -15, -6, -5, -2], [-15, -6]),
    "session: a chain": WindowCase(_session(5), 100, (None, 100), [80, 86, 91, 96], [86, 91, 96]),
    "session: as-of exactly the gap after": WindowCase(_session(5), 101, (None, 101), [90, 96], [96]),
    "session: as-of more than the gap after": WindowCase(_session(5), 102, (None, 102), [91, 96], []),
    "session: differences of exactly the gap": WindowCase(
        _session(5), 100, (None, 100), [84, 85, 90, 95], [84, 85, 90, 95]
    ),
    "session: one microsecond too far": WindowCase(_session(5), 100, (None, 100), [84, 90, 95], [90, 95]),
    "session: an event at as-of is no link": WindowCase(_session(5), 100, (None, 100), [90, 100, 101], []),
    "session: equal times": WindowCase(
        _session(5), 100, (None, 100), [90, 95, 95, 99, 99], [90, 95, 95, 99, 99]
    ),
    "session: nothing": WindowCase(_session(5), 100, (None, 100), [], []),
    "session: over 1970": WindowCase(_session(5), 3, (None, 3), [-12, -6, -2, 1], [-6, -2, 1]),
    "session with max: the chain is cut": WindowCase(
        _session(5, 10), 100, (90, 100), [86, 89, 90, 94, 98], [90, 94, 98]
    ),
    "session with max: shorter than max": WindowCase(_session(5, 50), 100, (50, 100), [80, 94, 98], [94, 98]),
    "session with max: as long as the gap": WindowCase(
        _session(5, 5), 100, (95, 100), [91, 94, 95, 99], [95, 99]
    ),
    "session with max: too long ago": WindowCase(_session(5, 10), 100, (90, 100), [89, 94], []),
    "lifetime": WindowCase(_LIFETIME, 100, (None, 100), [FIRST, -1, 0, 99, 100], [FIRST, -1, 0, 99]),
    "lifetime: as-of is outside": WindowCase(_LIFETIME, FIRST, (None, FIRST), [FIRST, FIRST + 1], []),
}


def yaml_of(window: dict[str, Any]) -> str:
    """The window as a definition writes it."""
    kind = window["kind"]
    if kind == "sliding":
        return f"{window['size_us']}us"
    if kind == "tumbling":
        return f"{{tumbling: {window['size_us']}us, back: {window['back']}}}"
    if kind == "hopping":
        return f"{{hopping: {window['size_us']}us, every: {window['every_us']}us}}"
    if kind == "session":
        longest = f", max: {window['max_us']}us" if "max_us" in window else ""
        return f"{{session: {window['gap_us']}us{longest}}}"
    return "lifetime"
