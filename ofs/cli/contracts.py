"""`ofs contracts export`: the JSON Schema of the public contracts."""

from __future__ import annotations

from pathlib import Path

import click

from ofs.cli.parameters import json_option
from ofs.cli.terminal import say, write, write_json
from ofs.errors import ExitCode, SinkError


@click.group("contracts", short_help="Write the JSON Schema of the public contracts.")
def contracts() -> None:
    """Write the JSON Schema of the public contracts: what OFS reads and writes."""


@contracts.command(
    "export", epilog="\b\nExamples:\n  ofs contracts export --out schemas\n  ofs contracts export --check\n"
)
@click.option(
    "--out", metavar="DIR", default="contracts", help="The folder to write to; made where it is missing."
)
@click.option("--check", is_flag=True, help="Write nothing; say whether the file there is current.")
@json_option
def export(*, out: str, check: bool, as_json: bool) -> int:
    """Write ofs_public_contracts_v0.schema.json, generated from the models.

    Exit code: 0 written, or current; 1 with --check: the file is missing or another one.
    """
    from ofs.contracts import public_schema_text
    from ofs.contracts.schema import SCHEMA_FILE

    path, text = Path(out) / SCHEMA_FILE, public_schema_text()
    is_current = _read(path) == text
    if not check and not is_current:
        _write(path, text)
    if as_json:
        write_json(
            {"path": str(path), "current": is_current or not check, "written": not check and not is_current}
        )
    elif is_current or not check:
        write(str(path))
    if check and not is_current:
        if not as_json:
            say(f"error: {path} is not what the models say; hint: run `ofs contracts export --out {out}`")
        return ExitCode.MISMATCH
    return ExitCode.ALL_MATCH


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise SinkError(f"{path}: {error.strerror}", hint="choose another --out") from error


def _write(path: Path, text: str) -> None:
    """Effects: the file is replaced at once. Raises SinkError."""
    aside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, "utf-8")
        aside.replace(path)
    except OSError as error:
        raise SinkError(f"{path}: {error.strerror}", hint="choose another --out") from error
