"""`ofs archive export | import | verify`: the long copy of a log."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ofs.cli.parameters import Duration, check_folders, events_options, json_option, read_rate_option
from ofs.cli.progress import progress_bar
from ofs.cli.stopping import stopped_by_signals
from ofs.cli.terminal import columns, say, write, write_json
from ofs.errors import ExitCode, SourceError
from ofs.units import SECOND_US, parse_duration_us

if TYPE_CHECKING:
    from ofs.sources.archive import Manifest, PartitionReport, VerifyReport

_stream = click.option("--stream", required=True, metavar="NAME", help="The stream's name.")
_out = click.option("--out", required=True, metavar="DIR", help="The archive's folder.")
_Rows = list[tuple[str, ...]]


@click.group("archive", short_help="Export, import and verify archives.")
def archive() -> None:
    """Export, import and verify archives: Parquet copies of a log, with offsets, times and bytes as they were.

    An archive folder holds any number of streams; content digests cover every record.
    """


@archive.command(
    "export",
    epilog="\b\nExamples:\n"
    "  ofs archive export --events kafka://localhost:9092 --stream card.events.v1 --out archive\n"
    "  ofs archive export --events kafka://localhost:9092 --stream card.events.v1 --out archive --follow\n",
)
@events_options
@_stream
@_out
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C or SIGTERM.")
@click.option(
    "--flush-records",
    type=click.IntRange(min=1),
    default=100_000,
    metavar="N",
    help="With --follow: write files when so many offsets are new.",
)
@click.option(
    "--flush-every",
    type=Duration(),
    default="1m",
    help="With --follow: or write them when the first new offset has waited so long.",
)
@read_rate_option
@json_option
def export(
    *,
    events: str,
    archive: str | None,
    stream: str,
    out: str,
    follow: bool,
    flush_records: int,
    flush_every: str,
    read_rate: int | None,
    as_json: bool,
) -> None:
    """Copy what the log holds of a stream into an archive, or extend the one that is there.

    What was copied stays valid when it is interrupted, also by a kill; the same command then goes on from there.
    With --follow the archive stays ahead of retention. Stopped, it finishes what it has read and ends with 0.
    """
    check_folders(events, archive)
    from ofs.runtime.endpoints import open_events
    from ofs.sources.archive import Pace
    from ofs.sources.archive import export as copy
    from ofs.sources.archive import follow as keep_up

    with (
        closing(open_events(events, archive=archive, read_rate=read_rate)) as log,
        progress_bar("records") as tell,
    ):
        if follow:
            pace = Pace(records=flush_records, seconds=parse_duration_us(flush_every) / SECOND_US)
            with stopped_by_signals() as stop:
                manifest = keep_up(
                    log,
                    stream,
                    Path(out),
                    pace,
                    stop,
                    progress=lambda done, total: tell("following", done, total),
                    notice=say,
                )
        else:
            manifest = copy(log, stream, Path(out), lambda done, total: tell("exporting", done, total))
    _write_manifest(manifest, out, as_json=as_json)


@archive.command(
    "import", epilog="\b\nExample:\n  ofs archive import log.ndjson --stream card.events.v1 --out archive\n"
)
@click.argument("log", metavar="LOG.ndjson")
@_stream
@_out
@click.option(
    "--timestamps",
    type=click.Choice(["log-append", "create"]),
    default="log-append",
    help="What timestamp_us is: the broker's time of appending, or the producer's.",
)
@json_option
def import_(
    *, log: str, stream: str, out: str, timestamps: Literal["log-append", "create"], as_json: bool
) -> None:
    """Make an archive of LOG.ndjson (plain or gzip; - is stdin), one record a line.

    \b
    {"partition": 0, "offset": 12, "timestamp_us": 1767571200000000, "key": "k", "value": {...}}

    timestamp_us is microseconds since 1970 UTC; key a string or null; value a string (the raw text), an object
    (encoded compactly) or null. Offsets ascend in each partition. The archive appears whole or not at all.
    """
    from ofs.sources.archive import import_ndjson

    with progress_bar("records") as tell:
        manifest = import_ndjson(
            _lines(log), stream, Path(out), timestamps, lambda done, total: tell("importing", done, total)
        )
    _write_manifest(manifest, out, as_json=as_json)


@archive.command("verify", epilog="\b\nExample:\n  ofs archive verify archive\n")
@click.argument("folder", metavar="DIR")
@json_option
def verify(*, folder: str, as_json: bool) -> int:
    """Read every file of the archive in DIR again and recompute every digest.

    Exit code: 0 sound, 4 damaged (every problem is named).
    """
    from ofs.sources.archive import verify as examine

    with progress_bar("records") as tell:
        report = examine(Path(folder), lambda done, total: tell("verifying", done, total))
    if as_json:
        write_json(_verify_json(report))
    else:
        _write_verify(report)
    return ExitCode.ALL_MATCH if report.is_sound else ExitCode.UNREACHABLE


def _lines(path: str) -> Iterator[bytes]:
    """The lines of a file or of stdin, unzipped where they are gzip. Raises SourceError."""
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            zipped = file.peek(2)[:2] == b"\x1f\x8b"
            yield from gzip.GzipFile(fileobj=file) if zipped else file
    except (OSError, EOFError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SourceError(
            f"{path}: {reason}", hint="name a file of NDJSON, plain or gzip, or - for stdin"
        ) from error


def _write_manifest(manifest: Manifest, out: str, *, as_json: bool) -> None:
    partitions = [
        {
            "partition": entry.partition,
            "start": entry.start,
            "end": entry.end,
            "records": entry.records,
            "content_root": entry.content_root,
        }
        for entry in manifest.partitions
    ]
    if as_json:
        head = {"out": out, "stream": manifest.stream, "archive_id": manifest.archive_id}
        write_json({**head, "timestamps": manifest.timestamps, "partitions": partitions})
        return
    rows: _Rows = [("partition", "start", "end", "records", "content root")]
    rows += [tuple(map(str, entry.values())) for entry in partitions]
    write("\n".join(columns(rows, right=frozenset({0, 1, 2, 3}))))


def _verify_json(report: VerifyReport) -> dict[str, object]:
    return {
        "sound": report.is_sound,
        "streams": [
            {
                "stream": stream.stream,
                "archive_id": stream.archive_id,
                "partitions": [_partition_json(part) for part in stream.partitions],
            }
            for stream in report.streams
        ],
        "problems": list(report.problems),
        "unlisted": list(report.unlisted),
    }


def _partition_json(part: PartitionReport) -> dict[str, object]:
    return {
        "partition": part.partition,
        "start": part.start,
        "end": part.end,
        "records": part.records,
        "files": part.files,
        "gaps": [[gap.start, gap.end] for gap in part.gaps],
        "content_root": part.content_root,
    }


def _write_verify(report: VerifyReport) -> None:
    rows: _Rows = [("stream", "partition", "start", "end", "records", "files", "gaps", "content root")]
    for stream in report.streams:
        for part in stream.partitions:
            numbers = (part.partition, part.start, part.end, part.records, part.files, len(part.gaps))
            rows.append((stream.stream, *map(str, numbers), part.content_root))
    write("\n".join(columns(rows, right=frozenset({1, 2, 3, 4, 5, 6}))))
    for problem in report.problems:
        say(f"error: {problem}")
    for path in report.unlisted:
        say(f"{path} is in no manifest and is not read; an export that was interrupted left it")
    if report.is_sound:
        write("sound: every digest is as recorded")
    else:
        say(f"error: damaged: {len(report.problems)} problem(s); hint: export or import it anew")
