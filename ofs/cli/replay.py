"""`ofs replay`: a batch of decisions is replayed and judged."""

from __future__ import annotations

from typing import Any

import click

from ofs.cli.parameters import (
    Duration,
    Json,
    Size,
    Timestamp,
    check_folders,
    engine_option,
    events_options,
    features_option,
    json_option,
    read_basis,
    read_rate_option,
)
from ofs.cli.progress import progress_bar
from ofs.cli.summary import summary_json, summary_lines
from ofs.cli.terminal import say, write, write_json

_EXAMPLES = """\b
Examples:
  ofs replay --events archive:archive --decisions decisions.ndjson --features registry --out out
  ofs replay --events kafka://localhost:9092 --archive archive --features registry \\
      --decisions 'kafka://localhost:9092/decisions.v1?0=10-200' --sink kafka://localhost:9092 --create-topics
"""


@click.command("replay", short_help="Replay a batch of decisions and judge each.", epilog=_EXAMPLES)
@events_options
@click.option(
    "--decisions",
    required=True,
    metavar="DECISIONS",
    help="One DecisionRecord a line: a file (plain or gzip; - is stdin), or kafka://HOST:PORT/TOPIC, all of it or "
    "offsets [START, END) of partitions, as in ?0=10-200&1=0-50.",
)
@features_option
@click.option(
    "--out", metavar="DIR", help="Write the outputs to this folder; it is new, or of the same request."
)
@click.option(
    "--sink", metavar="KAFKA", help="Write the outputs to topics: kafka://HOST:PORT. Instead of --out."
)
@click.option("--create-topics", is_flag=True, help="With --sink: make the output topics that do not exist.")
@click.option(
    "--self-check",
    "self_check_runs",
    type=click.IntRange(min=2),
    metavar="N",
    help="Before anything is written, run the batch N times and compare, as `ofs selfcheck` does. Default: not.",
)
@click.option(
    "--snapshots",
    type=click.Choice(["all", "mismatch", "none"]),
    default="all",
    help="Which rebuilt snapshots are written.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Partitions that are replayed at a time.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8192,
    metavar="N",
    help="Records a read, and decisions a chunk.",
)
@click.option(
    "--max-clock-skew",
    type=Duration(),
    default="5m",
    help="How much earlier than it happened an event may have been logged: a number and us, ms, s, m, h, d or w.",
)
@read_rate_option
@engine_option
@click.option(
    "--state",
    metavar="DIR",
    help="Keep states and checkpoints in this folder: the run starts from the best checkpoint there and leaves one at "
    "its end. Default: in memory, from the log alone.",
)
@click.option(
    "--state-memory",
    type=Size(),
    metavar="SIZE",
    help="With --state: how much of it stays in memory, as in 512MiB. Default: all of it.",
)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --state: a checkpoint after so many offsets of a partition. Default: at the end alone.",
)
@click.option(
    "--checkpoint-after",
    type=Duration(),
    metavar="DURATION",
    help="With --state: a checkpoint after so much time, as in 30s. Default: at the end alone.",
)
@click.option(
    "--basis",
    type=Json(read_basis),
    metavar="JSON|@FILE",
    help='Read only these offsets [START, END): {"STREAM": {"PARTITION": [START, END]}}. Default: what the decisions '
    "name.",
)
@click.option(
    "--from",
    "time_from",
    type=Timestamp(),
    help="With --to: read only the records logged from this time (UTC, as in 2026-01-05T00:00:00Z).",
)
@click.option("--to", "time_to", type=Timestamp(), help="With --from: and before this time.")
@click.option(
    "--stream",
    "streams",
    metavar="NAME",
    multiple=True,
    help="With --from and --to: a stream that is read so; all that the decisions name. Repeat.",
)
@json_option
def replay(
    *,
    out: str | None,
    sink: str | None,
    create_topics: bool,
    basis: dict[str, dict[str, list[int]]] | None,
    time_from: str | None,
    time_to: str | None,
    streams: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> int:
    """Replay a batch of decisions and judge each: MATCH, MISMATCH or UNCHECKABLE.

    The log is read once up to the largest cut, every decision's snapshot is rebuilt at its own cut and as-of, and
    its hash is compared with the one recorded. One bad decision never stops the batch.

    Outputs: parity, snapshots, dead letters, the certificate of what was read, and the run's own record. A folder
    appears whole or not at all; the same request into a finished folder verifies it and changes nothing.

    Exit code: 0 all MATCH, 1 any MISMATCH, 3 no MISMATCH but UNCHECKABLE or dead letters.
    """
    check_outputs(out, sink, create_topics=create_topics)
    _check_state(given)
    check_basis(basis, time_from, time_to, streams)
    check_folders(given["events"], given["archive"])
    import ofs

    with progress_bar("decisions") as tell:
        report = ofs.replay(
            **given,
            out=out,
            sink=sink,
            create_topics=create_topics,
            basis=basis,
            basis_time=None if time_from is None or time_to is None else (time_from, time_to),
            streams=streams,
            progress=lambda at: tell(at.stage, at.done, at.total),
        )
    if as_json:
        write_json(summary_json(report, outputs=out or sink))
    else:
        write("\n".join(summary_lines(report, outputs=out or sink)))
        for notice in report.notices:
            say(notice)
    return report.exit_code


def check_outputs(out: str | None, sink: str | None, *, create_topics: bool) -> None:
    if (out is None) == (sink is None):
        raise click.UsageError(
            "give one of --out DIR and --sink kafka://HOST:PORT", click.get_current_context()
        )
    if create_topics and sink is None:
        raise click.UsageError("--create-topics goes with --sink", click.get_current_context())


def _check_state(given: dict[str, Any]) -> None:
    options = ("state_memory", "checkpoint_every", "checkpoint_after")
    if given["state"] is None and any(given[name] is not None for name in options):
        raise click.UsageError(
            "--state-memory, --checkpoint-every and --checkpoint-after go with --state",
            click.get_current_context(),
        )


def check_basis(basis: object, time_from: str | None, time_to: str | None, streams: tuple[str, ...]) -> None:
    """Raise click's UsageError where the options of the replay basis do not go together."""
    if len({time_from is None, time_to is None, not streams}) != 1:
        raise click.UsageError("--from, --to and --stream go together", click.get_current_context())
    if basis is not None and time_from is not None:
        raise click.UsageError(
            "give offsets (--basis) or times (--from, --to), not both", click.get_current_context()
        )
