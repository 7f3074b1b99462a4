"""Draws the report's plots: `python plots.py RESULTS FOLDER`, in the suite's own environment (matplotlib).

Reads the JSON files of the parts and nothing else of the suite, for that environment has no OFS.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt  # after the backend is chosen

Results = dict[str, Any]
OFS_COLOUR, PEER_COLOUR, LIMIT_COLOUR = "#1b6ca8", "#b0b7bf", "#e0a23b"
STAGE_COLOURS = (
    "#1b6ca8",
    "#5fa8d3",
    "#9ad1d4",
    "#e0a23b",
    "#d1603d",
    "#8f5ea2",
    "#6b8f71",
    "#b0b7bf",
    "#444444",
)
LABELS = {
    "ofs-verdicts-kafka": "OFS verdicts\nKafka",
    "ofs-verdicts-archive": "OFS verdicts\narchive",
    "ofs-rows-topic": "OFS features\nKafka",
    "ofs-rows-parquet": "OFS features\narchive",
}


def main() -> None:
    """Draw what the results hold."""
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in Path(sys.argv[1]).glob("*.json")}
    folder = Path(sys.argv[2])
    plt.rcParams.update(
        {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 150}
    )
    plots: dict[str, Callable[[Results], Any]] = {
        "peers": peers,
        "stages": stages,
        "events": lambda found: scale(found, "events", "events in the stream"),
        "keys": lambda found: scale(found, "keys", "accounts, and as many merchants"),
        "workers": workers,
    }
    for name, draw in plots.items():
        figure = draw(results)
        path = folder / f"{name}.png"
        path.unlink(missing_ok=True)
        if figure is not None:
            figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
            plt.close(figure)


def rates(entry: dict[str, Any]) -> list[float]:
    """Events a second of the runs that gave a result."""
    return [
        run["events"] / run["seconds"] for run in entry["runs"] if run["failure"] is None and run["seconds"]
    ]


def peers(results: Results) -> Any:
    """Bars, the fastest on top."""
    found = [
        (median(rates(entry)), rates(entry), entry)
        for entry in results.get("per-event", {}).get("contenders", {}).values()
        if rates(entry)
    ]
    if not found:
        return None
    found.sort(key=lambda item: item[0])
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(found) + 1.2))
    for place, (middle, values, entry) in enumerate(found):
        colour = (
            LIMIT_COLOUR if entry["kind"] == "limit" else OFS_COLOUR if entry["peer"] is None else PEER_COLOUR
        )
        spread = [[middle - min(values)], [max(values) - middle]]
        axes.barh(
            place, middle, color=colour, xerr=spread, error_kw={"ecolor": "#333333", "capsize": 2, "lw": 1}
        )
        axes.text(max(values) + found[-1][0] * 0.012, place, f"{middle:,.0f}", va="center", fontsize=9)
    axes.set_yticks(range(len(found)), [entry["label"] for _, _, entry in found])
    axes.set_xlim(0, max(max(values) for _, values, _ in found) * 1.14)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e3:,.0f}")
    axes.set_xlabel("thousand events a second (median; bars from the slowest to the fastest run)")
    axes.set_title("An answer for every event, by program", loc="left", fontweight="bold")
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (OFS_COLOUR, PEER_COLOUR, LIMIT_COLOUR)
    ]
    axes.legend(handles, ["OFS", "peer, features only", "only reading"], loc="lower right", frameon=False)
    return figure


def stages(results: Results) -> Any:
    """Stacked bars of microseconds an event, by the stages that the run record tells."""
    bars: dict[str, dict[str, float]] = {}
    for name, label in LABELS.items():
        entry = results.get("per-event", {}).get("contenders", {}).get(name)
        good = [run for run in entry["runs"] if run["failure"] is None] if entry else []
        told = [stage_us(run) for run in good if stage_us(run)]
        if told:
            bars[label] = {stage: median(run.get(stage, 0.0) for run in told) for stage in told[0]}
    if not bars:
        return None
    names = list(dict.fromkeys(stage for bar in bars.values() for stage in bar))
    figure, axes = plt.subplots(figsize=(8, 4.4))
    bottoms = [0.0] * len(bars)
    for number, stage in enumerate(names):
        heights = [bar.get(stage, 0.0) for bar in bars.values()]
        axes.bar(
            list(bars), heights, bottom=bottoms, width=0.55, label=stage, color=STAGE_COLOURS[number % 9]
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.set_ylabel("CPU microseconds an event, over all threads")
    axes.set_title("Where the time of OFS goes", loc="left", fontweight="bold")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def stage_us(run: dict[str, Any]) -> dict[str, float]:
    """CPU microseconds an event by stage; as in figures.py, which this environment does not have."""
    figures = run["result"].get("figures", {})
    stages = {
        name.removeprefix("cpu_us_"): value / run["events"]
        for name, value in figures.items()
        if name.startswith("cpu_us_")
    }
    if stages:
        stages["other"] = max(0.0, figures["cpu_us"] / run["events"] - sum(stages.values()))
    return stages


def scale(results: Results, kind: str, what: str) -> Any:
    """A line with the range of the runs, over a logarithmic size."""
    found = [
        (int(name.partition("-")[2]), rates(entry))
        for name, entry in results.get("scaling", {}).get("contenders", {}).items()
        if name.startswith(f"{kind}-") and rates(entry)
    ]
    if len(found) < 2:
        return None
    found.sort()
    sizes = [size for size, _ in found]
    middles = [median(values) / 1e3 for _, values in found]
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    axes.fill_between(
        sizes,
        [min(values) / 1e3 for _, values in found],
        [max(values) / 1e3 for _, values in found],
        color=OFS_COLOUR,
        alpha=0.18,
        lw=0,
    )
    axes.plot(sizes, middles, marker="o", color=OFS_COLOUR)
    for size, middle in zip(sizes, middles, strict=True):
        axes.annotate(
            f"{middle:,.0f}", (size, middle), textcoords="offset points", xytext=(0, 7), ha="center"
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(0, max(max(values) for _, values in found) / 1e3 * 1.2)
    axes.set_xlabel(what)
    axes.set_ylabel("thousand verdicts a second")
    axes.set_title(f"Verdicts from the archive, one worker, by {kind}", loc="left", fontweight="bold")
    return figure


def workers(results: Results) -> Any:
    """Pairs of bars."""
    entries = results.get("workers", {}).get("contenders", {})
    ways = {
        label: [rates(entries[f"{way}-{number}"]) for number in (1, 2)]
        for way, label in (("verdicts", "verdicts"), ("features", "features only"))
        if all(rates(entries.get(f"{way}-{number}", {"runs": []})) for number in (1, 2))
    }
    if not ways:
        return None
    figure, axes = plt.subplots(figsize=(6.4, 4.0))
    highest = max(max(values) for pair in ways.values() for values in pair) / 1e3
    for place, pair in enumerate(ways.values()):
        for number, values in enumerate(pair):
            middle = median(values) / 1e3
            at = place + (number - 0.5) * 0.36
            colour = OFS_COLOUR if number else "#9ac3de"
            axes.bar(
                at,
                middle,
                width=0.33,
                color=colour,
                label=("one worker", "two workers")[number] if not place else None,
            )
            gain = f"\n{median(values) / median(pair[0]):.2f} x" if number else ""
            axes.text(
                at, middle + highest * 0.015, f"{middle:,.0f}{gain}", ha="center", va="bottom", fontsize=9
            )
    axes.set_xlim(-0.7, max(len(ways), 2) - 0.3)
    axes.set_xticks(range(len(ways)), list(ways))
    axes.set_ylim(0, highest * 1.2)
    axes.set_ylabel("thousand events a second")
    axes.set_title("From the archive, one worker and two", loc="left", fontweight="bold")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2)
    return figure


if __name__ == "__main__":
    main()
