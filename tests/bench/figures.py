"""Medians, spreads, ratios and targets over the results of the parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

Results = Mapping[str, Any]
"""Part name to the content of its results file."""

STAGE: Final = "cpu_us_"
"""What the names of a run's stage figures begin with; `cpu_us` is the whole process."""
_OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of some runs, and how many there were."""

    median: float
    low: float
    high: float
    runs: int


def spread(values: Sequence[float]) -> Spread | None:
    """None of no values."""
    if not values:
        return None
    return Spread(median(values), min(values), max(values), len(values))


def good(contender: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The runs that gave a result."""
    if contender is None:
        return []
    return [run for run in contender["runs"] if run["failure"] is None]


def rates(contender: Mapping[str, Any] | None) -> Spread | None:
    """Events a second by the program's own clock."""
    return spread([run["events"] / run["seconds"] for run in good(contender) if run["seconds"]])


def over(contender: Mapping[str, Any] | None, member: str) -> Spread | None:
    """The spread of a member of the runs."""
    return spread([run[member] for run in good(contender) if run[member] is not None])


def ratio(first: Spread | None, second: Spread | None) -> float | None:
    """Of medians; None where one is missing or the second is 0."""
    if first is None or second is None or second.median == 0:
        return None
    return first.median / second.median


def stages_of(run: Mapping[str, Any]) -> dict[str, float]:
    """CPU seconds by stage, as the run record's figures tell them, and what is in none; empty where it tells none."""
    figures: Mapping[str, int] = run["result"].get("figures", {})
    stages = {name.removeprefix(STAGE): us / 1e6 for name, us in figures.items() if name.startswith(STAGE)}
    if stages and "cpu_us" in figures:
        stages[_OTHER] = max(0.0, figures["cpu_us"] / 1e6 - sum(stages.values()))
    return stages


def contender(results: Results, part: str, name: str) -> Mapping[str, Any] | None:
    """A contender of a part; None where the part or the contender did not run."""
    found: Mapping[str, Any] | None = results.get(part, {}).get("contenders", {}).get(name)
    return found


@dataclass(frozen=True, slots=True)
class Target:
    """One line of what is to be shown. `found` None: not measured. `is_at_least`: else at most."""

    what: str
    wanted: float
    found: float | None
    unit: str
    is_at_least: bool = True

    @property
    def is_reached(self) -> bool | None:
        """None where nothing was measured."""
        if self.found is None:
            return None
        return self.found >= self.wanted if self.is_at_least else self.found <= self.wanted


def targets(results: Results) -> list[Target]:
    """Every target with what was found."""
    verdicts = rates(contender(results, "per-event", "ofs-verdicts-kafka"))

    def beside(*names: str) -> float | None:
        """Beside the fastest of them."""
        found = [ratio(verdicts, rates(contender(results, "per-event", name))) for name in names]
        return min((value for value in found if value is not None), default=None)

    topic = rates(contender(results, "per-event", "ofs-rows-topic"))
    parquet = rates(contender(results, "per-event", "ofs-rows-parquet"))
    limit = rates(contender(results, "per-event", "limit-tuned"))
    polars = rates(contender(results, "per-event", "polars"))
    return [
        Target(
            "verdicts from Kafka, beside Flink (RocksDB) features only",
            4.0,
            beside("flink-rocksdb", "flink-rocksdb-arrival"),
            "x",
        ),
        Target(
            "verdicts from Kafka, beside Kafka Streams features only", 5.0, beside("kstreams-rocksdb"), "x"
        ),
        Target("features to a topic, beside tuned consume only", 0.35, ratio(topic, limit), "x"),
        Target("features archive to Parquet, beside Polars", 1.0, ratio(parquet, polars), "x"),
        *_long_targets(results),
        *_wide_targets(results),
        *_batch_targets(results),
        Target("verdicts from the archive, two workers over one", 1.7, two_workers(results, "verdicts"), "x"),
        Target("features from the archive, two workers over one", 1.7, two_workers(results, "features"), "x"),
        Target("memory of an active key", 4_096, key_bytes(results), "bytes", is_at_least=False),
    ]


def two_workers(results: Results, way: str) -> float | None:
    """The rate of two workers over that of one."""
    one, two = (rates(contender(results, "workers", f"{way}-{workers}")) for workers in (1, 2))
    return ratio(two, one)


def long_rate(results: Results) -> float | None:
    """Verdicts a second at the end of the long log: without what reading the history takes."""
    judged = over(contender(results, "long", "judged"), "seconds")
    history = over(contender(results, "long", "history"), "seconds")
    if judged is None or history is None or judged.median <= history.median:
        return None
    return float((results["long"]["judged"] - 1) / (judged.median - history.median))


def _long_targets(results: Results) -> list[Target]:
    short = rates(contender(results, "long", "per-event"))
    rate = long_rate(results)
    slower = None if short is None or rate is None else short.median / rate
    peaks = [over(contender(results, "long", name), "peak_bytes") for name in ("judged", "sparse")]
    peak = max((found.high for found in peaks if found is not None), default=None)
    return [
        Target("long: per-event rate over the rate on 30 days", 1.5, slower, "x", is_at_least=False),
        Target("long: peak memory", 1.5, None if peak is None else peak / 2**30, "GiB", is_at_least=False),
    ]


def _wide_targets(results: Results) -> list[Target]:
    wide = ratio(rates(contender(results, "wide", "wide")), rates(contender(results, "wide", "per-event")))
    costs = operator_costs(results)
    worst = max((cost for cost in costs.values()), default=None)
    return [
        Target("wide (40 features), beside the per-event rate", 0.25, wide, "x"),
        Target("the dearest operator, beside sum over the same window", 10.0, worst, "x", is_at_least=False),
    ]


def operator_costs(results: Results) -> dict[str, float]:
    """CPU time of folding and answering with each operator, beside sum over the same kind of window."""
    found: Mapping[str, Any] = results.get("operators", {}).get("operators", {})
    costs = {}
    for name, told in found.items():
        base = found.get(f"sum {name.partition(' ')[2]}")
        if base is not None and base["fold_s"] > 0:
            costs[name] = told["fold_s"] / base["fold_s"]
    return costs


def _batch_targets(results: Results) -> list[Target]:
    found = results.get("batch", {}).get("contenders", {})
    told = []
    for name in sorted(found, key=int):
        wall = over(found[name], "wall_s")
        what = f"batch of 1,000 on a log of {int(name):,}, whole process"
        told.append(Target(what, 3.0, None if wall is None else wall.median, "s", is_at_least=False))
    return told


def key_bytes(results: Results) -> float | None:
    """Bytes an active key of one group takes, its share of the event ids included."""
    part = results.get("keys")
    if part is None:
        return None
    few, many = part["keys"]
    peaks = [over(contender(results, "keys", str(keys)), "peak_bytes") for keys in (few, many)]
    if peaks[0] is None or peaks[1] is None:
        return None
    return float((peaks[1].median - peaks[0].median) / (2 * (many - few)))
