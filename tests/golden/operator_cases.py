"""Small replays for every operator, with features worked out by hand.

Times are microseconds after BASE; as-of is one hour after it where a case says nothing else, so that a window of 1h
is [0, HOUR). A record is (time, members of the payload as written), or with its partition in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.golden.scenes import Scene, definition, envelope
from tests.golden.window_cases import FIRST, LAST

BASE: Final = 1_704_067_200_000_000
"""2024-01-01T00:00:00Z"""
HOUR: Final = 3_600_000_000
_MAX: Final = 2**63 - 1
Row = tuple[int, str] | tuple[int, int, str]


@dataclass(frozen=True)
class OperatorCase:
    """`features`: expected, by name; `freshness`: where it is not that of the last row in [0, as-of)."""

    yaml: str
    rows: Sequence[Row]
    features: dict[str, Any]
    rest: str = ""
    as_of: int = HOUR
    base: int = BASE
    state: str | None = None

    @property
    def scene(self) -> Scene:
        """The whole replay; a record is logged when it happens."""
        ends: dict[int, int] = {}
        records = []
        for row in self.rows:
            partition, time, members = row if len(row) == 3 else (0, *row)
            offset = ends.get(partition, 0)
            ends[partition] = offset + 1
            happened = self.base + time
            records.append(
                (partition, offset, happened, envelope(f"e{partition}-{offset}", happened, members))
            )
        return Scene(definition(self.yaml, self.rest), self.base + self.as_of, records)


def _values(*texts: str) -> list[Row]:
    """One event a second with `v` as written; an empty text is an event without it."""
    return [(second * 1_000_000, f'"v":{text}' if text else "") for second, text in enumerate(texts)]


def _line(name: str, op: str, value_type: str = "", *more: str) -> str:
    typed = f", field: payload.v, type: {value_type}" if value_type else ""
    return f"name: {name}, op: {op}{typed}, window: 1h" + "".join(f", {item}" for item in more)


def _lines(*lines: str) -> str:
    return "\n".join(lines)


_EVERY: Final = _lines(
    _line("n", "count"),
    _line("total", "sum", "decimal(2)"),
    _line("mid", "mean", "decimal(2)", "scale: 6"),
    _line("low", "min", "decimal(2)"),
    _line("high", "max", "decimal(2)"),
    _line("var", "variance", "decimal(2)", "scale: 4"),
    _line("std", "stddev", "decimal(2)", "scale: 4"),
    _line("kinds", "count_distinct", "decimal(2)"),
    _line("one", "first", "decimal(2)"),
    _line("end", "last", "decimal(2)"),
    _line("ones", "first_k", "decimal(2)", "k: 2"),
    _line("ends", "last_k", "decimal(2)", "k: 2"),
    _line("top", "top_k", "decimal(2)", "k: 2"),
    _line("age", "age_of_last"),
    _line("oldest", "age_of_first"),
    "name: share, op: ratio, of: [total, n], scale: 3",
)
_NOTHING: Final[dict[str, Any]] = {
    **dict.fromkeys(("mid", "low", "high", "var", "std", "one", "end", "age", "oldest", "share")),
    "n": 0,
    "total": "0.00",
    "kinds": 0,
    "ones": [],
    "ends": [],
    "top": [],
}
_ANY: Final = ("first", "last", "count_distinct")


def _any_value(value_type: str, k: int = 9) -> str:
    listing = [_line(op, op, value_type, f"k: {k}") for op in ("first_k", "last_k", "top_k")]
    return _lines(*(_line(op, op, value_type) for op in _ANY), *listing)


def _of_type(value_type: str, texts: Sequence[str], seen: Sequence[Any], top: list[Any]) -> OperatorCase:
    """Every operator that takes any type, over the values `seen` in order."""
    return OperatorCase(
        _any_value(value_type),
        _values(*texts),
        {
            "first": seen[0],
            "last": seen[-1],
            "count_distinct": len(top),
            "first_k": list(seen),
            "last_k": list(seen),
            "top_k": top,
        },
    )


def _number(op: str, value_type: str, texts: Sequence[str], expected: Any, *more: str) -> OperatorCase:
    return OperatorCase(_line("x", op, value_type, *more), _values(*texts), {"x": expected})


CASES: Final[dict[str, OperatorCase]] = {
    "nothing at all": OperatorCase(_EVERY, [], _NOTHING, state="NO_DATA"),
    "nothing in the window": OperatorCase(
        _EVERY, [(-1, '"v":1'), (HOUR, '"v":2'), (HOUR + 1, '"v":3')], _NOTHING, state="NO_DATA"
    ),
    "events without the value": OperatorCase(
        _EVERY,
        [(0, ""), (1, '"v":null'), (2, '"w":7')],
        {**_NOTHING, "n": 3, "age": HOUR - 2, "oldest": HOUR, "share": "0.000"},
    ),
    "every operator": OperatorCase(
        _EVERY,
        _values("1.00", "2", "", '"4.50"', "2.0"),
        {
            "n": 5,
            "total": "9.50",
            "mid": "2.375000",
            "low": "1.00",
            "high": "4.50",
            "var": "1.6719",
            "std": "1.2930",
            "kinds": 3,
            "one": "1.00",
            "end": "2.00",
            "ones": ["1.00", "2.00"],
            "ends": ["4.50", "2.00"],
            "top": [["2.00", 2], ["1.00", 1]],
            "age": HOUR - 4_000_000,
            "oldest": HOUR,
            "share": "1.900",
        },
    ),
    "one event": OperatorCase(
        _EVERY,
        [(HOUR - 1, '"v":-0.05')],
        {
            "n": 1,
            "total": "-0.05",
            "mid": "-0.050000",
            "low": "-0.05",
            "high": "-0.05",
            "var": "0.0000",
            "std": "0.0000",
            "kinds": 1,
            "one": "-0.05",
            "end": "-0.05",
            "ones": ["-0.05"],
            "ends": ["-0.05"],
            "top": [["-0.05", 1]],
            "age": 1,
            "oldest": 1,
            "share": "-0.050",
        },
    ),
    "sum of ints": _number("sum", "int", ["1", "-5", "0", "-0"], -4),
    "sum at the largest safe integer": _number("sum", "int", ["9007199254740990", "1"], 9007199254740991),
    "sum beyond the safe integers": _number("sum", "int", ["9007199254740991", "1"], "9007199254740992"),
    "sum below the safe integers": _number("sum", "int", ["-9007199254740991", "-1"], "-9007199254740992"),
    "sum beyond 64 bits": _number("sum", "int", [str(_MAX)] * 3, "27670116110564327421"),
    "sum that returns from beyond 64 bits": _number(
        "sum", "int", [str(_MAX), str(_MAX), str(-_MAX), str(-_MAX), "7"], 7
    ),
    "sum of decimals in every form": _number(
        "sum",
        "decimal(2)",
        ["0.1", '"0.2"', "3e-1", "1E0", '"-0.50"', "100e-2", "0.10000", '"1.1000"'],
        "3.30",
    ),
    "sum of decimals that is zero": _number(
        "sum", "decimal(2)", ["-0.05", "0.05", "-0.0", '"-0.00"'], "0.00"
    ),
    "sum of decimals below zero": _number("sum", "decimal(3)", ["0.001", '"-0.006"'], "-0.005"),
    "sum of the largest decimals": _number(
        "sum", "decimal(2)", ['"92233720368547758.07"'] * 2, "184467440737095516.14"
    ),
    "sum of decimals at scale 0": _number("sum", "decimal(0)", ["1.0", "2e1", '"3.000"'], "24"),
    "sum of decimals at scale 18": _number(
        "sum", "decimal(18)", ["9.223372036854775807", "1e-18"], "9.223372036854775808"
    ),
    "mean rounds half to even, down": _number("mean", "int", ["2", "3"], "2", "scale: 0"),
    "mean rounds half to even, up": _number("mean", "int", ["1", "2"], "2", "scale: 0"),
    "mean rounds half to even below zero": _number("mean", "int", ["-2", "-3"], "-2", "scale: 0"),
    "mean rounds to zero without a sign": _number("mean", "int", ["-1", "0", "0"], "0", "scale: 0"),
    "mean of thirds": _number("mean", "decimal(2)", ["0.01", "0.01", "0.02"], "0.013333", "scale: 6"),
    "mean of two thirds": _number("mean", "int", ["0", "1", "1"], "0.666667", "scale: 6"),
    "mean at a scale below its type's": _number("mean", "decimal(2)", ["1.05"], "1.0", "scale: 1"),
    "mean of the largest": _number("mean", "int", [str(_MAX), str(_MAX)], f"{_MAX}.00", "scale: 2"),
    "mean at scale 18": _number("mean", "int", ["1", "0", "0"], "0.333333333333333333", "scale: 18"),
    "variance of 1 to 4": _number("variance", "int", ["1", "2", "3", "4"], "1.25", "scale: 2"),
    "variance rounds half to even": _number("variance", "int", ["1", "2", "3", "4"], "1.2", "scale: 1"),
    "variance of one value": _number("variance", "int", ["7"], "0.00", "scale: 2"),
    "variance of decimals": _number("variance", "decimal(1)", ["0.1", "0.3"], "0.01", "scale: 2"),
    "variance far from zero": _number(
        "variance", "int", ["9007199254740993", "9007199254740994"], "0.2500", "scale: 4"
    ),
    "variance of the largest": _number(
        "variance", "int", [str(_MAX), str(-_MAX)], "85070591730234615847396907784232501249", "scale: 0"
    ),
    "stddev that is whole": _number(
        "stddev", "int", ["2", "4", "4", "4", "5", "5", "7", "9"], "2.000", "scale: 3"
    ),
    "stddev of a half rounds to even, down": _number("stddev", "int", ["1", "2"], "0", "scale: 0"),
    "stddev of one and a half rounds to even, up": _number("stddev", "int", ["1", "4"], "2", "scale: 0"),
    "stddev of two and a half rounds to even, down": _number("stddev", "int", ["1", "6"], "2", "scale: 0"),
    "stddev at scale 18": _number("stddev", "int", ["1", "2", "3"], "0.816496580927726033", "scale: 18"),
    "stddev of decimals": _number("stddev", "decimal(2)", ["0.10", "0.30"], "0.1", "scale: 1"),
    "stddev of the largest": _number("stddev", "int", [str(_MAX), str(-_MAX)], f"{_MAX}.0", "scale: 1"),
    "min and max of ints": OperatorCase(
        _lines(_line("low", "min", "int"), _line("high", "max", "int")),
        _values("3", "-7", "", "9007199254740992", "0"),
        {"low": -7, "high": "9007199254740992"},
    ),
    "min and max of strings by code point": OperatorCase(
        _lines(_line("low", "min", "string"), _line("high", "max", "string")),
        _values('"b"', '"\ue000"', '"\\ud83d\\ude00"', '"B"', '"ba"'),
        {"low": "B", "high": "\U0001f600"},
    ),
    "min and max of strings, the empty one": OperatorCase(
        _lines(_line("low", "min", "string"), _line("high", "max", "string")),
        _values('"a"', '""'),
        {"low": "", "high": "a"},
    ),
    "min and max of timestamps": OperatorCase(
        _lines(_line("low", "min", "timestamp"), _line("high", "max", "timestamp")),
        _values('"1970-01-01T00:00:00.1Z"', '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999Z"'),
        {"low": "0001-01-01T00:00:00.000000Z", "high": "9999-12-31T23:59:59.999999Z"},
    ),
    "ints as any value": _of_type(
        "int",
        ["2", "1", "2", "-0", "0", str(_MAX)],
        [2, 1, 2, 0, 0, str(_MAX)],
        [[0, 2], [2, 2], [1, 1], [str(_MAX), 1]],
    ),
    "decimals as any value": _of_type(
        "decimal(2)",
        ["1.0", '"1.00"', "-1e0", "0.5"],
        ["1.00", "1.00", "-1.00", "0.50"],
        [["1.00", 2], ["-1.00", 1], ["0.50", 1]],
    ),
    "strings as any value": _of_type(
        "string",
        ['"b"', '"\\u0062"', '"é"', '"e\u0301"', '""', '"\U0001f600"', '"\ue000"'],
        ["b", "b", "é", "e\u0301", "", "\U0001f600", "\ue000"],
        [["b", 2], ["", 1], ["e\u0301", 1], ["é", 1], ["\ue000", 1], ["\U0001f600", 1]],
    ),
    "bools as any value": _of_type(
        "bool", ["true", "false", "true", "false"], [True, False, True, False], [[False, 2], [True, 2]]
    ),
    "timestamps as any value": _of_type(
        "timestamp",
        ['"1970-01-01T00:00:00Z"', '"1969-12-31T23:59:59.9Z"', '"1970-01-01T00:00:00.000000Z"'],
        ["1970-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.900000Z", "1970-01-01T00:00:00.000000Z"],
        [["1970-01-01T00:00:00.000000Z", 2], ["1969-12-31T23:59:59.900000Z", 1]],
    ),
    "lists shorter than k, and longer": OperatorCase(
        _any_value("int", k=2),
        _values("5", "", "4", "3", "4"),
        {
            "first": 5,
            "last": 4,
            "count_distinct": 3,
            "first_k": [5, 4],
            "last_k": [3, 4],
            "top_k": [[4, 2], [3, 1]],
        },
    ),
    "events out of order": OperatorCase(
        _lines(
            _line("one", "first", "int"), _line("end", "last", "int"), _line("all", "last_k", "int", "k: 9")
        ),
        [(30, '"v":3'), (10, '"v":1'), (40, '"v":4'), (20, '"v":2')],
        {"one": 1, "end": 4, "all": [1, 2, 3, 4]},
    ),
    "ties go by partition, then offset": OperatorCase(
        _lines(
            _line("one", "first", "int"), _line("end", "last", "int"), _line("all", "first_k", "int", "k: 9")
        ),
        [
            (1, 5, '"v":4'),
            (0, 9, '"v":9'),
            (0, 5, '"v":1'),
            (0, 5, '"v":2'),
            (1, 5, '"v":5'),
            (2, 5, '"v":6'),
        ],
        {"one": 1, "end": 9, "all": [1, 2, 4, 5, 6, 9]},
    ),
    "three partitions": OperatorCase(
        _EVERY,
        [(0, 3, '"v":1'), (1, 1, '"v":2'), (2, 2, '"v":3'), (2, HOUR, '"v":9')],
        {
            "n": 3,
            "total": "6.00",
            "mid": "2.000000",
            "low": "1.00",
            "high": "3.00",
            "var": "0.6667",
            "std": "0.8165",
            "kinds": 3,
            "one": "2.00",
            "end": "1.00",
            "ones": ["2.00", "3.00"],
            "ends": ["3.00", "1.00"],
            "top": [["1.00", 1], ["2.00", 1]],
            "age": HOUR - 3,
            "oldest": HOUR - 1,
            "share": "2.000",
        },
    ),
    "ages of one event": OperatorCase(
        _lines("name: a, op: age_of_last, window: lifetime", "name: b, op: age_of_first, window: lifetime"),
        [(-10 * HOUR, "")],
        {"a": 11 * HOUR, "b": 11 * HOUR},
    ),
    "ages beyond the safe integers": OperatorCase(
        _lines("name: a, op: age_of_last, window: lifetime", "name: b, op: age_of_first, window: lifetime"),
        [(FIRST, "")],
        {"a": "315537897599999999", "b": "315537897599999999"},
        base=0,
        as_of=LAST,
    ),
    "ratio of counts": OperatorCase(
        _lines(
            "name: few, op: count, window: 1us",
            "name: all, op: count, window: 1h",
            "name: x, op: ratio, of: [few, all], scale: 6",
            "name: y, op: ratio, of: [all, few], scale: 0",
        ),
        [(0, ""), (1, ""), (HOUR - 1, "")],
        {"few": 1, "all": 3, "x": "0.333333", "y": "3"},
    ),
    "ratio by zero": OperatorCase(
        _lines(
            "name: few, op: count, window: 1us",
            "name: all, op: count, window: 1h",
            "name: x, op: ratio, of: [all, few], scale: 2",
            "name: y, op: ratio, of: [few, all], scale: 2",
        ),
        [(0, "")],
        {"few": 0, "all": 1, "x": None, "y": "0.00"},
    ),
    "ratio of nothing": OperatorCase(
        _lines(
            _line("low", "min", "int"),
            _line("n", "count"),
            "name: x, op: ratio, of: [low, n], scale: 2",
            "name: y, op: ratio, of: [n, low], scale: 2",
        ),
        _values("", ""),
        {"low": None, "n": 2, "x": None, "y": None},
    ),
    "ratio of unrounded means": OperatorCase(
        _lines(
            _line("mid", "mean", "int", "scale: 0"),
            _line("n", "count"),
            "name: x, op: ratio, of: [mid, n], scale: 3",
            "name: y, op: ratio, of: [n, mid], scale: 3",
        ),
        _values("1", "2"),
        {"mid": "2", "n": 2, "x": "0.750", "y": "1.333"},
    ),
    "ratio of decimals at other scales": OperatorCase(
        _lines(
            "name: a, op: sum, field: payload.a, type: decimal(2), window: 1h",
            "name: b, op: max, field: payload.b, type: decimal(4), window: 1h",
            "name: x, op: ratio, of: [a, b], scale: 4",
        ),
        [(0, '"a":1.25,"b":0.0005'), (1, '"a":-2.5,"b":-9')],
        {"a": "-1.25", "b": "0.0005", "x": "-2500.0000"},
    ),
    "ratio of ages and distinct values": OperatorCase(
        _lines(
            _line("new", "age_of_last"),
            _line("old", "age_of_first"),
            _line("kinds", "count_distinct", "string"),
            "name: x, op: ratio, of: [new, old], scale: 2",
            "name: y, op: ratio, of: [kinds, new], scale: 18",
        ),
        [(0, '"v":"a"'), (HOUR // 2, '"v":"b"')],
        {"new": HOUR // 2, "old": HOUR, "kinds": 2, "x": "0.50", "y": "0.000000001111111111"},
    ),
    "ratio rounds half to even": OperatorCase(
        _lines(_line("t", "sum", "int"), _line("n", "count"), "name: x, op: ratio, of: [t, n], scale: 0"),
        _values("-2", "-3"),
        {"t": -5, "n": 2, "x": "-2"},
    ),
    "one group, every window": OperatorCase(
        _lines(
            "name: slide, op: sum, field: payload.v, type: int, window: 10us",
            "name: bucket, op: sum, field: payload.v, type: int, window: {tumbling: 10us}",
            "name: before, op: sum, field: payload.v, type: int, window: {tumbling: 10us, back: 1}",
            "name: hop, op: sum, field: payload.v, type: int, window: {hopping: 10us, every: 5us}",
            "name: chain, op: sum, field: payload.v, type: int, window: {session: 3us}",
            "name: short, op: sum, field: payload.v, type: int, window: {session: 3us, max: 4us}",
            "name: ever, op: sum, field: payload.v, type: int, window: lifetime",
        ),
        [(time, f'"v":{2**index}') for index, time in enumerate((0, 8, 13, 15, 18, 20, 22, 23))],
        {"slide": 124, "bucket": 96, "before": 28, "hop": 28, "chain": 124, "short": 96, "ever": 127},
        as_of=23,
    ),
    "a value that cannot be used spoils the event for the whole group": OperatorCase(
        _lines(
            _line("n", "count"),
            _line("t", "sum", "int"),
            "name: s, op: last, field: payload.s, type: string, window: 1h",
        ),
        [
            (1, '"v":1,"s":"a"'),
            (2, '"v":1.0,"s":"b"'),
            (3, '"v":2,"s":3'),
            (4, f'"v":{2**63},"s":"c"'),
            (5, '"v":true'),
        ],
        {"n": 1, "t": 1, "s": "a"},
    ),
    "nested fields": OperatorCase(
        "name: x, op: sum, field: payload.a.b.c, type: int, window: 1h\nname: n, op: count, window: 1h",
        [
            (1, '"a":{"b":{"c":1}}'),
            (2, '"a":{"b":7}'),
            (3, '"a":[{"b":{"c":9}}]'),
            (4, '"a":{"b":{"c":5},"b":{"c":2}}'),
            (5, ""),
        ],
        {"x": 3, "n": 5},
    ),
    "where": OperatorCase(
        _line("n", "count"),
        [
            (1, '"s":"A","x":1.50'),
            (2, '"s":"A","x":15e-1'),
            (3, '"s":"A","x":1.5000000000000000000000001'),
            (4, '"s":"B","x":1'),
            (5, '"s":"A"'),
            (6, '"x":1'),
            (7, '"s":"A","x":"1"'),
            (8, '"s":"A","x":-1e999999999'),
        ],
        {"n": 3},
        rest="where: [{field: payload.s, eq: A}, {field: payload.x, lte: 1.5}]\n",
    ),
    "late events dropped at the allowance": OperatorCase(
        _line("all", "last_k", "int", "k: 9"),
        [
            (1, 10, '"v":9'),
            (0, 100, '"v":1'),
            (0, 90, '"v":2'),
            (0, 89, '"v":3'),
            (0, 101, '"v":4'),
            (0, 90, '"v":5'),
            (0, 91, '"v":6'),
        ],
        {"all": [9, 2, 6, 1, 4]},
        rest="late: {policy: drop, allowed_lateness: 10us}\n",
    ),
    "stale": OperatorCase(
        _line("n", "count"), [(HOUR - 1_000_001, "")], {"n": 1}, rest="stale_after: 1s\n", state="STALE"
    ),
    "not yet stale": OperatorCase(
        _line("n", "count"), [(HOUR - 1_000_000, "")], {"n": 1}, rest="stale_after: 1s\n", state="FRESH"
    ),
}
