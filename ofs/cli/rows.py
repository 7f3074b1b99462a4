"""`ofs rows`: for every event of a stream the features of its own keys just before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ofs.cli.parameters import (
    FEATURE_GROUP,
    Duration,
    Json,
    Timestamp,
    check_folders,
    engine_option,
    events_options,
    features_option,
    json_option,
    read_basis,
    read_rate_option,
)
from ofs.cli.pins import read_pins
from ofs.cli.progress import progress_bar
from ofs.cli.replay import check_basis, check_outputs
from ofs.cli.terminal import columns, say, write, write_json

if TYPE_CHECKING:
    from ofs.runtime.rows_report import RowsReport

_EXAMPLES: Final = """\b
Examples:
  ofs rows --events archive:archive --stream card.events.v1 --features registry --pins pins.json --out rows
  ofs rows --events kafka://localhost:9092 --stream card.events.v1 --features registry --pins pins.json \\
      --group account_velocity:v1 --sink kafka://localhost:9092 --create-topics
"""


@click.command("rows", short_help="Make a row of features for every event.", epilog=_EXAMPLES)
@events_options
@click.option(
    "--stream", required=True, metavar="NAME", help="The stream of the events; on Kafka the topic's name."
)
@features_option
@click.option(
    "--group",
    "groups",
    type=FEATURE_GROUP,
    multiple=True,
    help="Which features, as account_velocity:v1, or :latest for the version published last. Repeat. Default: every "
    "group of the registry, at its latest version.",
)
@click.option(
    "--pins",
    required=True,
    metavar="FILE",
    help="The ContextPins whose events have rows, as JSON (- is stdin).",
)
@click.option(
    "--out", metavar="DIR", help="Write rows.parquet into this folder; it is new, or of the same request."
)
@click.option(
    "--sink", metavar="KAFKA", help="Write the rows to topics: kafka://HOST:PORT. Instead of --out."
)
@click.option("--create-topics", is_flag=True, help="With --sink: make the output topics that do not exist.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Partitions that are worked on at a time.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=8192, metavar="N", help="Records a read.")
@click.option(
    "--max-clock-skew",
    type=Duration(),
    default="5m",
    help="How much earlier than it happened an event may have been logged: a number and us, ms, s, m, h, d or w.",
)
@read_rate_option
@engine_option
@click.option(
    "--basis",
    type=Json(read_basis),
    metavar="JSON|@FILE",
    help='Read only these offsets [START, END): {"STREAM": {"PARTITION": [START, END]}}. Default: all of the stream.',
)
@click.option(
    "--from",
    "time_from",
    type=Timestamp(),
    help="With --to: read only the records logged from this time (UTC, as in 2026-01-05T00:00:00Z).",
)
@click.option("--to", "time_to", type=Timestamp(), help="With --from: and before this time.")
@json_option
def rows(
    *,
    stream: str,
    pins: str,
    out: str | None,
    sink: str | None,
    create_topics: bool,
    basis: dict[str, dict[str, list[int]]] | None,
    time_from: str | None,
    time_to: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Make a row for every event of a stream: what a training set is made from.

    A row holds the features of the event's own keys, one in each group, as of the event's time, and as they were known
    just before the event arrived: the same values as a snapshot. Events arrive in the order of the log: the partition
    whose next record was logged first goes next.

    Outputs: the rows, as one Parquet file with typed columns or as JSON records in a topic; the certificate of what was
    read, and the run's own record. A folder appears whole or not at all; the same request into a finished folder
    verifies it and changes nothing.

    Exit code: 0 a row for every event, 3 some are left out: what their features rest on is gone.
    """
    check_outputs(out, sink, create_topics=create_topics)
    check_basis(basis, time_from, time_to, () if time_from is None and time_to is None else (stream,))
    read = read_pins(pins)
    check_folders(given["events"], given["archive"])
    import ofs

    with progress_bar("events") as tell:
        report = ofs.rows(
            **given,
            stream=stream,
            pins=read,
            out=out,
            sink=sink,
            create_topics=create_topics,
            basis=basis,
            basis_time=None if time_from is None or time_to is None else (time_from, time_to),
            progress=lambda at: tell(at.stage, at.done, at.total),
        )
    if as_json:
        write_json(_as_json(report, out or sink))
    else:
        write("\n".join(_lines(report, str(out or sink))))
        for notice in report.notices:
            say(notice)
    return report.exit_code


def _as_json(report: RowsReport, outputs: str | None) -> dict[str, Any]:
    return {
        "replay_id": report.replay_id,
        "rows": report.rows,
        "left_out": report.left_out,
        "records_read": report.records_read,
        "seconds": round(report.seconds, 3),
        "engine": report.run.engine,
        "outputs": outputs,
        "verified_only": report.verified_only,
        "certificate_digest": report.run.certificate_digest,
        "notices": list(report.notices),
        "exit_code": int(report.exit_code),
    }


def _lines(report: RowsReport, outputs: str) -> list[str]:
    if report.verified_only:
        read = "nothing: this run was finished before; its outputs were verified and not changed"
    else:
        rate = report.records_read / report.seconds if report.seconds > 0 else 0
        read = f"{report.records_read:,} records in {report.seconds:.1f} s ({rate:,.0f}/s), {report.run.engine} engine"
    return columns(
        [
            ("rows", f"{report.rows:,}"),
            *((f"left out, {reason}", f"{count:,}") for reason, count in sorted(report.left_out.items())),
            ("read", read),
            ("outputs", outputs),
            ("replay id", report.replay_id),
            ("certificate", report.run.certificate_digest),
        ]
    )
