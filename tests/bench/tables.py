"""The tables of the report, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.figures import (
    Results,
    Spread,
    contender,
    key_bytes,
    long_rate,
    operator_costs,
    over,
    rates,
    ratio,
    two_workers,
)

_MIB = 2**20


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty of no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def amount(value: float, unit: str) -> str:
    """A figure with its unit; ratios with two digits."""
    if unit == "x":
        return f"{value:.2f} x"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


def count(found: Spread | None) -> str:
    """A rate: median, and the range where there are several runs."""
    if found is None:
        return "none"
    if found.runs == 1:
        return f"{found.median:,.0f} (one run)"
    return f"{found.median:,.0f} ({found.low:,.0f} to {found.high:,.0f})"


def seconds(found: Spread | None) -> str:
    """Seconds, likewise."""
    if found is None:
        return "none"
    return (
        f"{found.median:.2f}"
        if found.runs == 1
        else f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f})"
    )


def _mib(found: Spread | None) -> str:
    return "" if found is None else f"{found.high / _MIB:,.0f}"


def _number(found: Spread | None) -> str:
    return "" if found is None else f"{found.median:.1f}"


def all_rates(results: Results) -> list[Spread]:
    """Every contender's rates, to tell how many runs there were."""
    return [
        found
        for part in results.values()
        for entry in part.get("contenders", {}).values()
        if (found := rates(entry)) is not None
    ]


def _failures(part: Mapping[str, Any]) -> list[str]:
    told = [f"{label} did not run: {reason}." for label, reason in part.get("absent", {}).items()]
    for name, entry in part.get("contenders", {}).items():
        failures = [run["failure"] for run in entry["runs"] if run["failure"] is not None]
        if failures:
            told.append(
                f"{entry.get('label', name)} failed {len(failures)} of {len(entry['runs'])} times: "
                f"{failures[0]}."
            )
    return told


def per_event(results: Results) -> str:
    """Every program, what it cost, how right it was."""
    part = results.get("per-event")
    if part is None:
        return ""
    base = rates(contender(results, "per-event", "ofs-verdicts-kafka"))
    speed, right = [], []
    for entry in part["contenders"].values():
        beside = ratio(base, rates(entry))
        speed.append(
            (
                entry["label"],
                count(rates(entry)),
                "" if beside is None else f"{beside:.2f}",
                _number(over(entry, "cpu_s")),
                _number(over(entry, "broker_cpu_s")),
                _mib(over(entry, "peak_bytes")),
            )
        )
        check = entry["check"]
        if check is not None and "sampled" in check:
            right.append((entry["label"], *_shares(check), entry["cannot"]))
    head = ("program", "events/s", "OFS verdicts beside it", "CPU s", "broker CPU s", "peak MiB")
    checked = (
        "program",
        "all events answered",
        "exact by arrival: account, merchant",
        "by event time",
        "count 1h off",
        "cannot",
    )
    introduction = (
        f"{part['events']:,} envelopes of 620 bytes, a third of them on one account, 43 % on one "
        "merchant, 20 % up to 5 s out "
        "of order; two keys, windows of 1 h, 24 h and 7 d, count and sum, answered for every event. "
        "OFS's verdicts do more: "
        "a decision record an event (1.1 kB), the features as of its cut, canonical bytes, SHA-256, "
        "comparison with the "
        "recorded hash, a parity record."
    )
    sampled = (
        "Answers of a sample of events against exact ones by brute force. By arrival: what was known "
        "when the event came. "
        "By event time: also events that came later. *Count 1h off*: 99th percentile of the relative "
        "error, against the "
        "better of the two."
    )
    return "\n\n".join([introduction, table(head, speed), *_failures(part), sampled, table(checked, right)])


def _shares(check: Mapping[str, Any]) -> tuple[str, str, str, str]:
    def share(name: str) -> str:
        return f"{check[f'{name}_account']:.1%}, {check[f'{name}_merchant']:.1%}"

    off = [
        max(check[f"{name}_account_count_error"], check[f"{name}_merchant_count_error"])
        for name in ("arrival", "event_time")
    ]
    return "yes" if check["complete"] else "no", share("arrival"), share("event_time"), f"{min(off):.1%}"


def limits(results: Results) -> str:
    """Consume only."""
    part = results.get("limits")
    if part is None:
        return ""
    rows = [
        (
            entry["label"],
            count(rates(entry)),
            _number(over(entry, "cpu_s")),
            _number(over(entry, "broker_cpu_s")),
        )
        for entry in part["contenders"].values()
    ]
    head = ("program", "events/s", "CPU s", "broker CPU s")
    return "\n\n".join([table(head, rows), *_failures(part)])


def workers(results: Results) -> str:
    """One and two."""
    part = results.get("workers")
    if part is None:
        return ""
    rows = []
    for way, what in (
        ("verdicts", "verdicts, archive to files"),
        ("features", "features, archive to Parquet"),
    ):
        one, two = (contender(results, "workers", f"{way}-{number}") for number in (1, 2))
        gain = two_workers(results, way)
        rows.append((what, count(rates(one)), count(rates(two)), "" if gain is None else f"{gain:.2f} x"))
    return "\n\n".join([table(("events/s", "one worker", "two workers", ""), rows), *_failures(part)])


def scaling(results: Results) -> str:
    """By events and keys."""
    part = results.get("scaling")
    if part is None:
        return ""
    rows = []
    for name, entry in part["contenders"].items():
        kind, _, number = name.partition("-")
        rows.append((kind, int(number), count(rates(entry)), _mib(over(entry, "peak_bytes"))))
    rows.sort(key=lambda row: row[:2])
    text = [(kind, f"{number:,}", *rest) for kind, number, *rest in rows]
    introduction = (
        "Verdicts from the archive with one worker. By events: the beginning of the skewed stream. By "
        "keys: 200,000 events, "
        "so many accounts and as many merchants, all alike."
    )
    return "\n\n".join(
        [introduction, table(("by", "number", "verdicts/s", "peak MiB"), text), *_failures(part)]
    )


def long(results: Results) -> str:
    """The long log."""
    part = results.get("long")
    if part is None:
        return ""
    labels = {
        "per-event": f"the skewed stream, {part['per_event']:,} verdicts",
        "history": "seven days of history, then one verdict",
        "judged": f"the same history, then {part['judged']:,} verdicts, one an event",
        "sparse": f"all {part['events']:,} events, {part['sparse']:,} verdicts",
        "rows": f"features of all {part['events']:,} events, archive to Parquet",
    }
    rows = [
        (
            label,
            seconds(over(entry, "seconds")),
            "" if name == "history" else count(rates(entry)),
            _number(over(entry, "cpu_s")),
            _mib(over(entry, "peak_bytes")),
        )
        for name, label in labels.items()
        if (entry := part["contenders"].get(name)) is not None
    ]
    rate = long_rate(results)
    found = "" if rate is None else f"Behind the history, {rate:,.0f} verdicts a second."
    introduction = (
        "100,000 accounts, 5,000 merchants, milder skew (the busiest account has 0.3 % of the events, "
        "the busiest merchant "
        "1.4 %), 30 days, so every window evicts. Two workers, from the archive. A decision an event for "
        "ten million events "
        "would be a file of 11 GB and more memory than the bound allows in one batch, so the last "
        "million events have a "
        "decision each, and a second batch asks at each tenth event from the first day on."
    )
    head = ("what", "seconds", "verdicts (rows) a second", "CPU s", "peak MiB")
    return "\n\n".join([introduction, table(head, rows), found, _peers(part), *_failures(part)])


def _columns_exact(entry: Mapping[str, Any]) -> str:
    inexact = entry.get("inexact")
    if inexact is None:
        return ""
    worse = ", ".join(f"{name} {1 - share:.1%}" for name, share in inexact.items())
    return f"all but {worse}" if worse else "all features"


def _peers(part: Mapping[str, Any]) -> str:
    rows = []
    for entry in part["peers"].values():
        if "absent" in entry:
            rows.append((entry["label"], "", entry["absent"], "", "", ""))
            continue
        run = entry["runs"][0]
        told = run["failure"] or count(rates(entry))
        check = entry.get("check")
        exact = _columns_exact(entry)
        if check is not None:
            exact = f"{check['event_time_account']:.1%}, {check['event_time_merchant']:.1%}"
        events = entry.get("events", part["events"])
        features = str(entry.get("features", ""))
        rows.append(
            (entry["label"], f"{events:,}", told, features, f"{run['peak_bytes'] / _MIB:,.0f}", exact)
        )
    return table(("peer", "events", "events/s", "features", "peak MiB", "exact by event time"), rows)


def wide(results: Results) -> str:
    """40 features."""
    part = results.get("wide")
    if part is None:
        return ""
    labels = {"per-event": "12 features (per-event)", "wide": "40 features"}
    rows = [
        (labels[name], count(rates(entry)), _number(over(entry, "cpu_s")), _mib(over(entry, "peak_bytes")))
        for name, entry in part["contenders"].items()
    ]
    introduction = (
        f"The first {part['events']:,} events of the skewed stream, a decision an event, from the archive "
        "with two workers: "
        "40 features, every operator and every kind of window. The executable semantics, a slow engine "
        "that shares no code "
        f"with the core, found the same hash for {part['semantics_agree']:,} of the first "
        f"{part['semantics_agree']:,} decisions."
    )
    head = ("OFS", "verdicts/s", "CPU s", "peak MiB")
    return "\n\n".join([introduction, table(head, rows), _peers(part), *_failures(part)])


def operators(results: Results) -> str:
    """Each operator beside sum."""
    part = results.get("operators")
    if part is None:
        return ""
    costs = operator_costs(results)
    names = sorted({name.partition(" ")[0] for name in part["operators"]})
    windows = sorted({name.partition(" ")[2] for name in part["operators"]})
    rows = []
    for op in names:
        cells = [costs.get(f"{op} {window}") for window in windows]
        rows.append((op, *("" if cell is None else f"{cell:.2f}" for cell in cells)))
    introduction = (
        f"One feature of one operator on the account, a decision an event, the first {part['events']:,} "
        "events, a third of them on one account: the CPU time of folding and answering beside that of sum "
        "over the same kind of window."
    )
    return "\n\n".join([introduction, table(("operator", *windows), rows)])


def keys(results: Results) -> str:
    """Bytes a key."""
    part, found = results.get("keys"), key_bytes(results)
    if part is None:
        return ""
    rows = [
        (
            f"{int(name):,} accounts and as many merchants",
            f"{int(name) * part['events_a_key']:,}",
            _mib(over(entry, "peak_bytes")),
        )
        for name, entry in sorted(part["contenders"].items(), key=lambda item: int(item[0]))
    ]
    told = (
        ""
        if found is None
        else (
            f"So an active key, of one group, three windows, {part['events_a_key']} events in the window, "
            f"takes {found:,.0f} bytes, "
            f"its share of the event ids included; an account and a merchant together {2 * found:,.0f}."
        )
    )
    return "\n\n".join([table(("log", "events", "peak MiB"), rows), told])


def batch(results: Results) -> str:
    """The command from a checkpoint."""
    part = results.get("batch")
    if part is None:
        return ""
    rows = [
        (
            f"{int(name):,}",
            seconds(over(entry, "wall_s")),
            _number(over(entry, "cpu_s")),
            _mib(over(entry, "peak_bytes")),
        )
        for name, entry in sorted(part["contenders"].items(), key=lambda item: int(item[0]))
    ]
    introduction = (
        f"`ofs replay … --state DIR` for {part['decisions']:,} decisions at the end of the log, "
        f"{part['distance']:,} events "
        "behind a checkpoint: the whole process from outside, start included. The log is the beginning "
        "of that of 30 days. "
        "Flink starts from a savepoint of its own only, and Polars reads the whole table: neither "
        "answers at a cut."
    )
    head = ("events in the log", "seconds", "CPU s", "peak MiB")
    return "\n\n".join([introduction, table(head, rows), *_failures(part)])
