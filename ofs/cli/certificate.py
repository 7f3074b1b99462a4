"""`ofs certificate verify`: what a finished run read, read again."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ofs.cli.parameters import check_folders, events_options, json_option, read_rate_option
from ofs.cli.progress import progress_bar
from ofs.cli.terminal import coloured, columns, write, write_json
from ofs.errors import ExitCode

if TYPE_CHECKING:
    from ofs.runtime.verify_certificate import Difference, Finding, PartitionFinding


@click.group("certificate", short_help="Verify what a run read.")
def certificate() -> None:
    """Verify the certificate of a run: the proof of what it read."""


@certificate.command(
    "verify",
    epilog="\b\nExamples:\n  ofs certificate verify out --events archive:archive\n"
    "  ofs certificate verify out --events kafka://localhost:9092 --archive archive\n",
)
@click.argument("run", metavar="RUN")
@events_options
@read_rate_option
@json_option
def verify(*, run: str, events: str, archive: str | None, read_rate: int | None, as_json: bool) -> int:
    """Read again what the certificate of RUN covers, and say what changed.

    RUN is a folder that `ofs replay` or `ofs rows` wrote.

    Of each partition the content digest, the records and the holes are compared, and the ids and the number of
    partitions of its stream. What moved beside them (the low watermark, partitions that were added) is said, and is
    no difference.

    Exit code: 0 the same, 1 something differs, 4 the log or RUN cannot be read.
    """
    check_folders(events, archive)
    from ofs.runtime.endpoints import open_events
    from ofs.runtime.verify_certificate import load_certificate, verify_certificate

    proof = load_certificate(Path(run))
    with (
        closing(open_events(events, archive=archive, read_rate=read_rate)) as log,
        progress_bar("records") as tell,
    ):
        finding = verify_certificate(log, proof, lambda done, total: tell("reading again", done, total))
    if as_json:
        write_json(_json(finding))
    else:
        write("\n".join(_lines(finding)))
    return ExitCode.ALL_MATCH if finding.is_same else ExitCode.MISMATCH


def _json(finding: Finding) -> dict[str, Any]:
    return {
        "replay_id": finding.replay_id,
        "same": finding.is_same,
        "partitions": [
            {
                "stream": part.certified.stream,
                "partition": part.certified.partition,
                "start": part.certified.start,
                "end": part.certified.end,
                "same": not part.differences,
                "differences": [_difference_json(item) for item in part.differences],
                "moved": [_difference_json(item) for item in part.moved],
            }
            for part in finding.partitions
        ],
    }


def _difference_json(item: Difference) -> dict[str, Any]:
    return {"what": item.what, "certified": item.certified, "found": item.found}


def _lines(finding: Finding) -> list[str]:
    rows: list[tuple[str, ...]] = [("stream", "partition", "start", "end", "records", "")]
    for part in finding.partitions:
        proof = part.certified
        numbers = (proof.partition, proof.start, proof.end, proof.records)
        rows.append((proof.stream, *map(str, numbers), _result(part)))
    head, *lines = columns(rows, right=frozenset({1, 2, 3, 4}))
    told: list[str] = []
    for line, part in zip(lines, finding.partitions, strict=True):
        colour = "red" if part.differences else "green"
        told += [line.removesuffix(_result(part)) + coloured(_result(part), colour), *_said(part)]
    said = "same" if finding.is_same else "differs: the log is not what the run read"
    return [head, *told, "", said]


def _result(part: PartitionFinding) -> str:
    return "differs" if part.differences else "same"


def _said(part: PartitionFinding) -> list[str]:
    differs = [
        f"  {item.what}: certified {_shown(item.certified)}, found {_shown(item.found)}"
        for item in part.differences
    ]
    moved = [
        f"  {item.what} moved from {_shown(item.certified)} to {_shown(item.found)}" for item in part.moved
    ]
    return differs + moved


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
