"""Writes docs/reference/cli.md from the commands' own help: `python -m tests.unit.cli.write_reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from ofs.cli.main import HELP_WIDTH, root

REFERENCE: Final = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
REPLAY_RESULT: Final = {
    "replay_id": "what identifies the run: the digest of its request",
    "decisions": "decisions that were judged, each once",
    "duplicates": "further copies of a decision, equal in canonical bytes",
    "dead_letters": "lines that name no decision, or contradict another one",
    "results": "number of decisions by verdict: `MATCH`, `MISMATCH`, `UNCHECKABLE`",
    "reasons": "number of UNCHECKABLE decisions by reason",
    "mismatch_fields": "number of MISMATCH decisions by feature that differs; `snapshot_hash` where none does",
    "records_read": "records read from the log",
    "seconds": "duration in seconds",
    "engine": "`native` or `reference`",
    "outputs": "the folder, or the address of the broker",
    "verified_only": "true: the run was finished before; its outputs were verified and nothing was written",
    "parity_digest": "SHA-256 of the parity records as `parity.jsonl` holds them",
    "certificate_digest": "SHA-256 of the certificate's canonical bytes",
    "notices": "what else should be known, as texts",
    "exit_code": "the exit code of the command",
}
"""The members of what `ofs replay --json` prints."""

ROWS_RESULT: Final = {
    "replay_id": "what identifies the run: the digest of its request",
    "rows": "number of rows",
    "left_out": "events without a row, by the reason",
    "records_read": "records read from the log",
    "seconds": "duration in seconds",
    "engine": "`native` or `reference`",
    "outputs": "the folder, or the address of the broker",
    "verified_only": "true: the run was finished before; its outputs were verified and nothing was written",
    "certificate_digest": "SHA-256 of the certificate's canonical bytes",
    "notices": "what else should be known, as texts",
    "exit_code": "the exit code of the command",
}
"""The members of what `ofs rows --json` prints."""

_HEAD: Final = """# The command line

This page is what `--help` prints; `python -m tests.unit.cli.write_reference` writes it, and a test holds it to that.

The result of a command is data and goes to stdout: text for people, or with `--json` one JSON document on one line.
Messages, progress and errors go to stderr. An error is one line, `ofs: error: WHAT; hint: WHAT TO DO`, or with `--json`
an `ErrorResponse` (`error`, `message`, `hint`, `exit_code`) on one line of stderr, and then nothing on stdout.
A check that finds something (`features check`, `archive verify`, `contracts export --check`) prints its result in
either case, and says by its exit code that it found something.
"""


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The command and all below it, by their full names."""
    yield path, command
    if isinstance(command, click.Group):
        for name, sub in sorted(command.commands.items()):
            yield from commands(sub, f"{path} {name}")


def reference() -> str:
    """The page."""
    sections = [
        f"## {path}\n\n```text\n{_help(command, path)}\n```\n" for path, command in commands(root, "ofs")
    ]
    results = [_result("replay", REPLAY_RESULT), _result("rows", ROWS_RESULT)]
    return "\n".join([_HEAD, *sections, *results])


def _result(command: str, members: dict[str, str]) -> str:
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in members.items())
    return f"## What `ofs {command} --json` prints\n\n| member | meaning |\n| --- | --- |\n{rows}\n"


def _help(command: click.Command, path: str) -> str:
    context = click.Context(
        command,
        info_name=path,
        terminal_width=HELP_WIDTH,
        help_option_names=["-h", "--help"],
        show_default=True,
    )
    lines = command.get_help(context).splitlines()
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    REFERENCE.parent.mkdir(parents=True, exist_ok=True)
    REFERENCE.write_text(reference(), encoding="utf-8")
