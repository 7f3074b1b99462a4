"""Writing: data to stdout, messages to stderr, text laid out in columns, colour only where it is wanted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Final

import click

from ofs.errors import SinkError

_GAP: Final = "  "


def write(text: str | bytes) -> None:
    """One piece of data and a line end to stdout. Raises BrokenPipeError, and SinkError where stdout is full."""
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SinkError(
            f"standard output: {error.strerror or error}", hint="make room, or send the output elsewhere"
        ) from error


def write_json(document: Mapping[str, object]) -> None:
    """One JSON document on one line to stdout."""
    write(json.dumps(document, ensure_ascii=False).encode())


def say(text: str) -> None:
    """A message to stderr."""
    click.echo(f"ofs: {one_line(text)}", err=True)


def one_line(text: str) -> str:
    """The text on one line, with what would steer a terminal written as an escape.

    >>> one_line("a\\n\\tb\\x1b[2J")
    'a b\\\\x1b[2J'
    """
    return harmless(" ".join(text.split()))


def harmless(text: str) -> str:
    """The text with what would steer a terminal, line ends too, written as an escape."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def columns(rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Lines with the cells under one another; `right`: the columns that are flush right.

    >>> columns([("a", "10"), ("  b", "9")], right=frozenset({1}))
    ['a    10', '  b   9']
    """
    table = [[harmless(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return _GAP.join(cells).rstrip()

    return [line(row) for row in table]


def coloured(text: str, colour: str) -> str:
    """The text in a colour where stdout is a terminal that shows it and NO_COLOR is not set."""
    return click.style(text, fg=colour) if is_lively(sys.stdout) and not os.environ.get("NO_COLOR") else text


def is_lively(stream: IO[str]) -> bool:
    """Whether somebody looks at this stream, on a terminal that can do more than print lines."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
