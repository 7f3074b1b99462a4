"""Medians, ratios, targets, rounds and the report over results made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench import figures, report, tables
from tests.bench.measure import Measured, last_result
from tests.bench.rounds import interleaved, rate


def _run(events: int, seconds: float, *, failure: str | None = None, **more: Any) -> dict[str, Any]:
    told = {
        "wall_s": seconds + 1,
        "cpu_s": 2 * seconds,
        "peak_bytes": 2**30,
        "broker_cpu_s": 1.0,
        "result": {},
    }
    return {**told, "events": events, "seconds": seconds, "failure": failure, **more}


def _entry(*runs: dict[str, Any], label: str = "a program", peer: str | None = "peer") -> dict[str, Any]:
    return {"label": label, "kind": "features", "peer": peer, "cannot": "", "check": None, "runs": list(runs)}


def _part(contenders: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {
        "took_s": 60.0,
        "machine": {"cores": "2"},
        "versions": {"OFS": "0"},
        "finished_at_utc": "2026-01-01T00:00:00Z",
    }
    return {**told, "events": 1_000, "contenders": contenders, **more}


def _measured(events: int, seconds: float | None, failure: str | None = None) -> Measured:
    return Measured(1.0, 1.0, 1, 0.0, seconds, events, {}, failure)


def test_rates_are_medians_of_the_runs_that_gave_a_result() -> None:
    """A run that failed does not count; no run, no rate."""
    entry = _entry(_run(100, 1.0), _run(100, 2.0), _run(100, 4.0), _run(0, 9.0, failure="killed"))
    assert figures.rates(entry) == figures.Spread(50.0, 25.0, 100.0, 3)
    assert figures.rates(_entry()) is None
    assert figures.rates(None) is None


def test_a_ratio_needs_both_sides() -> None:
    """None where one side was not measured."""
    two, four = figures.spread([2.0]), figures.spread([4.0])
    assert figures.ratio(four, two) == 2.0
    assert figures.ratio(None, two) is None
    assert figures.ratio(two, figures.spread([0.0])) is None


def test_the_rate_on_the_long_log_leaves_out_the_history() -> None:
    """1,000 verdicts more than the one, in the time beyond the history."""
    part = _part({"judged": _entry(_run(1_001, 7.0)), "history": _entry(_run(1, 2.0))}, judged=1_001)
    assert figures.long_rate({"long": part}) == 200.0
    assert figures.long_rate({}) is None


def test_bytes_of_a_key_are_the_difference_of_the_peaks_over_all_keys() -> None:
    """10 accounts and 10 merchants more take 20 kB more: 1,000 bytes a key."""
    few = _entry(_run(1, 1.0, peak_bytes=1_000_000))
    many = _entry(_run(1, 1.0, peak_bytes=1_020_000))
    assert figures.key_bytes({"keys": _part({"10": few, "20": many}, keys=[10, 20])}) == 1_000.0


def test_operators_are_set_beside_sum_over_the_same_window() -> None:
    """A window without sum has nothing to stand beside."""
    told = {
        "sum sliding": {"fold_s": 0.5},
        "max sliding": {"fold_s": 2.0},
        "max session": {"fold_s": 2.0},
    }
    costs = figures.operator_costs({"operators": {"operators": told}})
    assert costs == {"sum sliding": 1.0, "max sliding": 4.0}


@pytest.mark.parametrize(
    ("found", "is_at_least", "reached"),
    [(1.5, True, False), (2.0, True, True), (2.5, False, False), (None, True, None)],
)
def test_a_target_is_reached_on_its_own_side(
    found: float | None, is_at_least: bool, reached: bool | None
) -> None:
    """At least, or at most; not measured is neither."""
    assert figures.Target("what", 2.0, found, "x", is_at_least).is_reached is reached


def test_stages_are_the_figures_of_the_run_and_what_is_in_none() -> None:
    """The rest of the process's time is told, too."""
    told = {
        "cpu_us_fold": 2_000_000,
        "cpu_us_write": 500_000,
        "cpu_us": 3_000_000,
        "elapsed_us": 9,
        "workers": 2,
    }
    assert figures.stages_of({"result": {"figures": told}}) == {"fold": 2.0, "write": 0.5, "other": 0.5}
    assert figures.stages_of({"result": {}}) == {}


def test_rounds_run_all_in_turn_and_the_slow_once() -> None:
    """Slow peers and those that fail run once, those to be repeated always."""
    order: list[tuple[str, int]] = []
    speeds = {"fast": 1.0, "slow": 100.0, "own": 100.0}

    def run(name: str, number: int) -> Measured:
        order.append((name, number))
        return _measured(1_000_000, None, "killed") if name == "ill" else _measured(1_000_000, speeds[name])

    runs = interleaved(["fast", "slow", "own", "ill"], 3, frozenset({"own", "ill"}), run)
    assert {name: len(found) for name, found in runs.items()} == {"fast": 3, "slow": 1, "own": 3, "ill": 1}
    assert order[:4] == [("fast", 0), ("slow", 0), ("own", 0), ("ill", 0)]
    assert order[4:] == [("fast", 1), ("own", 1), ("fast", 2), ("own", 2)]
    assert rate(runs["ill"][0]) == 0.0


def test_the_last_result_line_counts() -> None:
    """Other lines are a program's own; none is no result."""
    assert last_result('noise\nRESULT {"events": 1}\nRESULT {"events": 2}\nmore') == {"events": 2}
    assert last_result("noise") == {}


def test_the_report_says_what_was_reached_and_what_was_not_measured() -> None:
    """Every target has its line, also where its part did not run; failures are told with their reason."""
    own = _entry(_run(1_000, 0.01), label="OFS verdicts", peer=None)
    ill = _entry(_run(0, 1.0, failure="ended with 1: no"), label="Quix")
    part = _part(
        {"ofs-verdicts-kafka": own, "flink-rocksdb": _entry(_run(1_000, 0.1)), "quix": ill},
        absent={"X": "no java"},
    )
    text = report.render({"per-event": part}, {"peers"}, "Some notes.")
    assert (
        "| verdicts from Kafka, beside Flink (RocksDB) features only | at least 4.00 x | 10.00 x | reached |"
        in text
    )
    assert "| memory of an active key | at most 4,096 bytes |  | not measured |" in text
    assert "Quix failed 1 of 1 times: ended with 1: no." in text
    assert "X did not run: no java." in text
    assert "![Events a second by program](performance/peers.png)" in text
    assert "performance/workers.png" not in text
    assert text.endswith("## Notes\n\nSome notes.\n")


def test_tables_are_left_out_where_there_is_nothing_to_show() -> None:
    """No results, no tables, but the targets."""
    assert tables.table(("a",), []) == ""
    text = report.render({}, set(), "")
    assert "## What was to be shown" in text
    assert "## Workers" not in text
