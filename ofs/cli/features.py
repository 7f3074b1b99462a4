"""`ofs features check | lock | show`: the registry of feature definitions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from ofs.cli.parameters import DEFINITION, json_option
from ofs.cli.terminal import columns, say, write, write_json
from ofs.errors import ExitCode

if TYPE_CHECKING:
    from ofs.features import CheckReport, FileReport

_DIGEST_SHOWN: Final = 12

_registry = click.argument("folder", metavar="DIR")


@click.group("features", short_help="Check, publish and show feature definitions.")
def features() -> None:
    """Check, publish and show the feature definitions of a registry folder.

    A registry holds one file a version, DIR/<group>/<version>.yaml, and lock.json with the digests in the order of
    publication. Only published versions are used, and a published version never changes.
    """


@features.command("check", epilog="\b\nExample:\n  ofs features check registry\n")
@_registry
@json_option
def check(*, folder: str, as_json: bool) -> int:
    """Read every definition in DIR and compare it with lock.json.

    A wrong file is reported with line, field, what was found and what is allowed.

    Exit code: 0 every file is well, 2 one is not.
    """
    from ofs.features import check_registry

    report = check_registry(folder)
    if as_json:
        write_json(report.to_json())
    else:
        _write_check(report)
    return ExitCode.ALL_MATCH if report.ok else ExitCode.USAGE


@features.command("lock", epilog="\b\nExample:\n  ofs features lock registry\n")
@_registry
@json_option
def lock(*, folder: str, as_json: bool) -> None:
    """Publish every definition in DIR that is not in lock.json yet.

    Nothing is published where any file of the folder is wrong.
    """
    from ofs.features import lock as publish

    published = publish(folder)
    if as_json:
        entries = [
            {"name": entry.name, "version": entry.version, "digest": entry.digest} for entry in published
        ]
        write_json({"folder": folder, "published": entries})
        return
    _write_columns((entry.name, entry.version, entry.digest) for entry in published)
    say(f"{len(published)} published" if published else "nothing new to publish")


@features.command(
    "show",
    epilog="\b\nExamples:\n  ofs features show registry\n  ofs features show registry account_velocity:v1\n",
)
@_registry
@click.argument("definition", metavar="[NAME[:VERSION]]", type=DEFINITION, required=False)
@json_option
def show(*, folder: str, definition: str | None, as_json: bool) -> None:
    """Show the definitions in DIR, published or not; all, those of a group, or one version.

    With --json each `definition` is what the digest covers: the SHA-256 of its RFC 8785 bytes.
    """
    from ofs.cli.definition_text import definition_lines
    from ofs.features import show as find

    name, _, version = (definition or "").partition(":")
    shown = find(folder, name or None, version or None)
    if as_json:
        write_json({"folder": folder, "definitions": [item.to_json() for item in shown]})
        return
    for number, item in enumerate(shown):
        write("\n".join(["", *definition_lines(item)] if number else definition_lines(item)))
    if not shown:
        say(f"{folder} holds no definition")


def _write_check(report: CheckReport) -> None:
    _write_columns((file.path, file.status, (file.digest or "")[:_DIGEST_SHOWN]) for file in report.files)
    for file in report.files:
        if not file.ok:
            say(f"error: {_problem(file)}")
    if report.not_locked:
        say(
            f"{len(report.not_locked)} not locked: no replay uses them until `ofs features lock {report.folder}`"
        )
    if not report.files:
        say(f"{report.folder} holds no definition")


def _problem(file: FileReport) -> str:
    message = file.message or f"{file.path} is {file.status}"
    return message if file.hint is None else f"{message}; hint: {file.hint}"


def _write_columns(rows: Iterable[tuple[str, ...]]) -> None:
    lines = columns(rows)
    if lines:
        write("\n".join(lines))
