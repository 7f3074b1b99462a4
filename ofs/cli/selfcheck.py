"""`ofs selfcheck`: one batch against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ofs.cli.parameters import check_folders, json_option
from ofs.cli.progress import progress_bar
from ofs.cli.replay import check_basis, replay
from ofs.cli.terminal import coloured, columns, write, write_json
from ofs.errors import ExitCode

if TYPE_CHECKING:
    from ofs.runtime.selfcheck import CheckedRun, SelfCheckReport

_TAKEN: Final = frozenset(
    {
        *(
            "events",
            "archive",
            "decisions",
            "features",
            "snapshots",
            "workers",
            "batch_size",
            "max_clock_skew",
        ),
        *("read_rate", "engine", "basis", "time_from", "time_to", "streams"),
    }
)
_SHOWN: Final = 12
_OUTPUTS: Final = ("parity.jsonl", "snapshots.jsonl", "deadletter.jsonl", "certificate.json")


@click.command(
    "selfcheck",
    short_help="Run one batch several times and compare.",
    epilog="\b\nExample:\n  ofs selfcheck --events archive:archive --decisions decisions.ndjson --features registry\n",
)
@click.option(
    "--runs", type=click.IntRange(min=2), default=3, metavar="N", help="How many times the batch is run."
)
@json_option
def selfcheck(
    *,
    runs: int,
    as_json: bool,
    basis: dict[str, dict[str, list[int]]] | None,
    time_from: str | None,
    time_to: str | None,
    streams: tuple[str, ...],
    **given: Any,
) -> int:
    """Run one batch several times, executed otherwise each time, and compare the digests of all outputs (A/A).

    The runs differ in batch size, workers, the lengths of reads, and where state is kept; the first is as the
    options say. Nothing is written. Whatever the verdicts are, they must be the same in each run, and so must
    snapshots, dead letters and the certificate.

    Exit code: 0 all runs are equal, 5 they are not, which is a defect of OFS.
    """
    check_basis(basis, time_from, time_to, streams)
    check_folders(given["events"], given["archive"])
    import ofs

    with progress_bar("decisions") as tell:
        report = ofs.selfcheck(
            **given,
            runs=runs,
            basis=basis,
            basis_time=None if time_from is None or time_to is None else (time_from, time_to),
            streams=streams,
            progress=lambda at: tell(at.stage, at.done, at.total),
        )
    if as_json:
        write_json(_json(report))
    else:
        write("\n".join(_lines(report)))
    return ExitCode.ALL_MATCH if report.is_equal else ExitCode.INTERNAL


# the batch and how it is executed are said as for `ofs replay`
selfcheck.params[:0] = [param for param in replay.params if param.name in _TAKEN]


def _json(report: SelfCheckReport) -> dict[str, Any]:
    runs = zip(report.to_contract().to_dict()["runs"], report.runs, strict=True)
    return {
        "replay_id": report.replay_id,
        "equal": report.is_equal,
        "differing": report.differing,
        "runs": [
            {
                **manner,
                "digests": run.digests,
                "records_read": run.records_read,
                "seconds": round(run.seconds, 3),
            }
            for manner, run in runs
        ],
    }


def _lines(report: SelfCheckReport) -> list[str]:
    head = ("batch size", "workers", "reads", "state", "seconds", *_OUTPUTS)
    rows = columns([head, *map(_row, report.runs)], right=frozenset({0, 1, 4}))
    if report.is_equal:
        said = f"{coloured('equal', 'green')}: {len(report.runs)} runs of {report.replay_id}"
    else:
        said = f"{coloured('DIFFERS', 'red')} in {', '.join(report.differing)}: a defect of OFS; report it"
    return [*rows, "", said]


def _row(run: CheckedRun) -> tuple[str, ...]:
    manner = run.manner
    return (
        str(manner.batch_size),
        str(manner.workers),
        "uneven" if manner.has_uneven_reads else "full",
        "on disk" if manner.is_on_disk else "in memory",
        f"{run.seconds:.1f}",
        *(run.digests.get(name, "")[:_SHOWN] for name in _OUTPUTS),
    )
