"""docs/performance.md from the results of the parts: what was measured, on what, and what of it was to "
"be shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import tables
from tests.bench.figures import Results, targets

NOTES: Final = Path(__file__).resolve().parent / "notes.md"
_PLOTS: Final = (
    ("peers", "Events a second by program"),
    ("stages", "Stages of OFS"),
    ("events", "Verdicts a second by the number of events"),
    ("keys", "Verdicts a second by the number of keys"),
    ("workers", "Two workers beside one"),
)


def write_report(results: Path, target: Path, python: Path) -> Path:
    """Write `performance.md` and the plots below the target; plots that cannot be drawn are left out."""
    found = load(results)
    plots = target / "performance"
    plots.mkdir(parents=True, exist_ok=True)
    if python.exists():
        drawing = Path(__file__).resolve().parent / "plots.py"
        subprocess.run([python, drawing, results, plots], check=False)
    path = target / "performance.md"
    drawn = {name for name, _ in _PLOTS if (plots / f"{name}.png").exists()}
    path.write_text(render(found, drawn, notes()), "utf-8")
    return path


def load(results: Path) -> dict[str, Any]:
    """Every finished part's results, by part."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(results.glob("*.json"))}


def notes() -> str:
    """What people wrote about the figures, without its title; empty where there is none."""
    return NOTES.read_text("utf-8").partition("\n")[2].strip() if NOTES.exists() else ""


def render(results: Results, drawn: set[str], notes_text: str) -> str:
    """The whole document."""
    parts: list[str] = ["# Performance", _introduction(results)]
    sections = (
        ("What was to be shown", _targets(results)),
        ("Machine and versions", _setting(results)),
        ("An answer for every event", tables.per_event(results)),
        ("What can be read at all", tables.limits(results)),
        ("Workers", tables.workers(results)),
        ("By events and by keys", tables.scaling(results)),
        ("30 days", tables.long(results)),
        ("40 features", tables.wide(results)),
        ("Operators", tables.operators(results)),
        ("Memory of a key", tables.keys(results)),
        ("A batch from a checkpoint", tables.batch(results)),
    )
    images = {
        "An answer for every event": ("peers", "stages"),
        "Workers": ("workers",),
        "By events and by keys": ("events", "keys"),
    }
    titles = dict(_PLOTS)
    for title, text in sections:
        if not text:
            continue
        shown = [
            f"![{titles[name]}](performance/{name}.png)" for name in images.get(title, ()) if name in drawn
        ]
        parts += [f"## {title}", text, *shown]
    if notes_text:
        parts += ["## Notes", notes_text]
    return "\n\n".join(parts) + "\n"


def _introduction(results: Results) -> str:
    took_s = sum(part["took_s"] for part in results.values())
    runs = max((entry.runs for entry in tables.all_rates(results)), default=0)
    return (
        "Written by `make bench` from its own results; the programs are in "
        "[tests/bench](../tests/bench), those of the "
        "peers with their settings in [tests/bench/peers](../tests/bench/peers/README.md).\n\n"
        "```sh\nmake bench                     # all parts, then this page; a finished part is not run "
        "again\n"
        'make bench PART="long batch" ARGS=--again\n'
        "make bench-quick ARGS=--profile   # OFS alone, and where its time goes\n```\n\n"
        f"All parts together took {took_s / 60:.0f} minutes. Each run is a fresh process; contenders run "
        "in turn, round "
        f"by round. Figures are medians of {runs} runs with the smallest and the largest behind them; a "
        "peer below "
        "50,000 events a second ran once. A rate is by the program's own clock, from the first record to "
        "outputs flushed "
        "(OFS: from the start of the run, decisions read included). CPU seconds and peak memory are seen "
        "from outside, "
        "over all processes of a program; the broker's CPU seconds stand apart. The broker runs on the "
        "same machine; "
        "where contenders use it in rounds, uncounted runs of OFS warm it up before the first."
    )


def _targets(results: Results) -> str:
    words = {True: "reached", False: "**not reached**", None: "not measured"}
    rows = []
    for target in targets(results):
        bound = "at least" if target.is_at_least else "at most"
        rows.append(
            (
                target.what,
                f"{bound} {tables.amount(target.wanted, target.unit)}",
                "" if target.found is None else tables.amount(target.found, target.unit),
                words[target.is_reached],
            )
        )
    return tables.table(("figure", "wanted", "found", ""), rows)


def _setting(results: Results) -> str:
    if not results:
        return ""
    newest = max(results.values(), key=lambda part: str(part["finished_at_utc"]))
    rows: Sequence[tuple[str, str]] = [
        *newest["machine"].items(),
        *newest["versions"].items(),
        *_peer_versions(results).items(),
        ("finished", ", ".join(f"{name} {part['finished_at_utc']}" for name, part in results.items())),
    ]
    return tables.table(("", ""), rows)


def _peer_versions(results: Results) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in results.values():
        named: Mapping[str, Any] = {**part.get("contenders", {}), **part.get("peers", {})}
        for contender in named.values():
            for run in contender.get("runs", []):
                version = run["result"].get("version")
                if version and contender.get("label") and not contender["label"].startswith("OFS"):
                    found[contender["label"].partition(",")[0]] = str(version)
    return found
