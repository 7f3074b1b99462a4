"""The summary of a replay: for people, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ofs.cli.terminal import coloured, columns

if TYPE_CHECKING:
    from ofs.runtime.report import ReplayReport

RESULTS: Final = {"MATCH": "green", "MISMATCH": "red", "UNCHECKABLE": "yellow"}
"""The verdicts in the order in which they are shown, and their colours."""


def summary_json(report: ReplayReport, *, outputs: str | None) -> dict[str, Any]:
    """The report's members; `results` has every verdict, also those that no decision got."""
    return {
        "replay_id": report.replay_id,
        "decisions": report.decisions,
        "duplicates": report.duplicates,
        "dead_letters": report.dead_letters,
        "results": {result: report.results.get(result, 0) for result in RESULTS},
        "reasons": report.reasons,
        "mismatch_fields": report.mismatch_fields,
        "records_read": report.records_read,
        "seconds": round(report.seconds, 3),
        "engine": report.engine,
        "outputs": outputs,
        "verified_only": report.verified_only,
        "parity_digest": report.parity_digest,
        "certificate_digest": report.certificate_digest,
        "notices": list(report.notices),
        "exit_code": int(report.exit_code),
    }


def summary_lines(report: ReplayReport, *, outputs: str | None) -> list[str]:
    """Counts by verdict with what they are made of, then what was read, and where the outputs are."""
    return [*verdict_lines(report), "", *_run_lines(report, outputs)]


def verdict_lines(report: ReplayReport) -> list[str]:
    """The counts: decisions, each verdict, under MISMATCH the fields and under UNCHECKABLE the reasons."""
    rows = [("decisions", report.decisions)]
    for result in RESULTS if is_known(report) else ():
        rows.append((result, report.results.get(result, 0)))
        parts = {"MISMATCH": report.mismatch_fields, "UNCHECKABLE": report.reasons}.get(result, {})
        rows += [(f"  {name}", count) for name, count in sorted(parts.items(), key=_largest_first)]
    rows += [("repeated decisions", report.duplicates), ("dead letters", report.dead_letters)]
    lines = columns([(name, f"{count:,}") for name, count in rows], right=frozenset({1}))
    return [
        line.replace(name, coloured(name, RESULTS[name]), 1) if count and name in RESULTS else line
        for line, (name, count) in zip(lines, rows, strict=True)
    ]


def is_known(report: ReplayReport) -> bool:
    """Whether the report has the results; it lacks those of a run that was finished before, into topics."""
    return bool(report.results) or not report.verified_only


def _run_lines(report: ReplayReport, outputs: str | None) -> list[str]:
    if report.verified_only:
        read = "nothing: this run was finished before; its outputs were verified and not changed"
    else:
        rate = report.records_read / report.seconds if report.seconds > 0 else 0
        read = f"{report.records_read:,} records in {report.seconds:.1f} s ({rate:,.0f}/s), {report.engine} engine"
    rows = [
        ("read", read),
        ("memory", _memory(report)),
        ("outputs", outputs or "none"),
        ("replay id", report.replay_id),
        ("parity", report.parity_digest),
        ("certificate", report.certificate_digest),
    ]
    return columns([row for row in rows if row[1]])


def _memory(report: ReplayReport) -> str:
    """The peak of the process, where this run measured it."""
    if report.run is None or report.verified_only:
        return ""
    return f"{report.run.figures.get('peak_memory_bytes', 0) / 2**20:,.0f} MiB at most"


def _largest_first(part: tuple[str, int]) -> tuple[int, str]:
    return -part[1], part[0]
