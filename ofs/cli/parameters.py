"""What options hold: times, durations, keys, groups, JSON; each is checked before anything is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from ofs.errors import SourceError, UsageError
from ofs.units import parse_duration_us, parse_timestamp_us

Command = Callable[..., Any]

_ARCHIVE: Final = "archive:"
_OFFSET_MAX: Final = 2**63 - 1
_SHOWN_MAX: Final = 80


class Duration(click.ParamType):
    """A duration as text, checked."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is; fails where it is no duration."""
        try:
            parse_duration_us(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


class Timestamp(click.ParamType):
    """A time as text, checked."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is; fails where it is no time of UTC."""
        if parse_timestamp_us(value) is None:
            self.fail(f"{value!r} is not a time: YYYY-MM-DDThh:mm:ss[.1-6 digits]Z, in UTC", param, ctx)
        return value


class Size(click.ParamType):
    """A size in bytes, from a whole number and KiB, MiB or GiB."""

    name = "size"
    _FORM: Final = re.compile(r"([1-9][0-9]{0,9})(KiB|MiB|GiB)", re.ASCII)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes; fails where it is no size."""
        match = self._FORM.fullmatch(str(value))
        if match is None:
            self.fail(
                f"{value!r} is not a size: a whole number and KiB, MiB or GiB, as in 512MiB", param, ctx
            )
        return int(match[1]) << {"KiB": 10, "MiB": 20, "GiB": 30}[match[2]]


class Matching(click.ParamType):
    """A text of a form; `example` says it in an error."""

    def __init__(self, name: str, pattern: str, example: str) -> None:
        self.name = name
        self._pattern: Final = re.compile(pattern, re.ASCII | re.DOTALL)
        self._example: Final = example

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is; fails where it is of another form."""
        if self._pattern.fullmatch(value) is None:
            self.fail(f"{value!r} is not {self.name}, as in {self._example}", param, ctx)
        return value


FEATURE_KEY: Final = Matching("TYPE:ID", r"[a-z][a-z0-9_]*:.+", "account_id:A1")
FEATURE_GROUP: Final = Matching(
    "NAME:VERSION", r"[a-z][a-z0-9_]*:(v[1-9][0-9]*|latest)", "account_velocity:v1 or account_velocity:latest"
)
DEFINITION: Final = Matching(
    "NAME[:VERSION]", r"[a-z][a-z0-9_]*(:v[1-9][0-9]*)?", "account_velocity or account_velocity:v1"
)


class Json(click.ParamType):
    """JSON given as it stands, or as `@FILE`; `read` makes of it what is wanted, or raises ValueError."""

    name = "json"

    def __init__(self, read: Callable[[object], Any]) -> None:
        self._read: Final = read

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """What was read of it; fails where it is no JSON, or another one than is wanted."""
        try:
            text = Path(value[1:]).read_text("utf-8") if value.startswith("@") else value
            return self._read(parse_json(text))
        except OSError as error:
            self.fail(f"{value[1:]}: {error.strerror}", param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def parse_json(text: str) -> object:
    """The document. Raises ValueError that says where it breaks, also for a member given twice, NaN and Infinity."""
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise ValueError("not JSON: nested too deeply") from error


def read_json_file(path: str, what: str) -> dict[str, Any]:
    """The JSON object in a file, or in standard input (`-`). Raises UsageError that names the file."""
    try:
        text = click.get_binary_stream("stdin").read() if path == "-" else Path(path).read_bytes()
        document = parse_json(text.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint=f"name the file of {what}") from error
    except ValueError as error:
        message = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UsageError(f"{path}: {message}", hint=f"{what} is one JSON object") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: found {_shown(document)}, expected {what} as one JSON object")
    return document


def read_cut(document: object) -> dict[str, int]:
    """`{"PARTITION": NEXT_OFFSET}`. Raises ValueError that names the member."""
    expected = 'expected {"PARTITION": NEXT_OFFSET, ...}, as in {"0": 123, "1": 77}'
    if not isinstance(document, dict) or not document:
        raise ValueError(f"found {_shown(document)}; {expected}")
    for partition, offset in document.items():
        if not _is_partition(partition) or not _is_offset(offset):
            raise ValueError(f"found {_shown({partition: offset})}; {expected}")
    return document


def read_basis(document: object) -> dict[str, dict[str, list[int]]]:
    """`{"STREAM": {"PARTITION": [START, END)}}`. Raises ValueError that names the member."""
    expected = 'expected {"STREAM": {"PARTITION": [START, END], ...}, ...}, as in {"cards": {"0": [0, 100]}}'
    if not isinstance(document, dict) or not document:
        raise ValueError(f"found {_shown(document)}; {expected}")
    for stream, partitions in document.items():
        if not isinstance(partitions, dict) or not partitions:
            raise ValueError(f"found {_shown({stream: partitions})}; {expected}")
        for partition, span in partitions.items():
            if not _is_partition(partition) or not _is_span(span):
                raise ValueError(f"{stream}: found {_shown({partition: span})}; {expected}")
    return document


def _is_partition(text: str) -> bool:
    return re.fullmatch(r"0|[1-9][0-9]{0,9}", text, re.ASCII) is not None and int(text) < 2**31


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _OFFSET_MAX


def _is_span(value: object) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(map(_is_offset, value)) and value[0] <= value[1]
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice!r} stands twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name}")


def json_option(command: Command) -> Command:
    """`--json`, which every command has."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Result as one JSON document; errors as ErrorResponse on stderr.",
    )(command)


def check_folders(events: str, archive: str | None) -> None:
    """Raise SourceError where an archive that is named is no folder."""
    named = [events] if events.startswith(_ARCHIVE) else []
    named += [] if archive is None else [archive]
    for folder in (address.removeprefix(_ARCHIVE) for address in named):
        if not Path(folder).is_dir():
            raise SourceError(
                f"archive {folder}: not a folder", hint="give the folder that `ofs archive` made"
            )


def events_options(command: Command) -> Command:
    """`--events` and `--archive`: which log is read."""
    events = click.option(
        "--events",
        required=True,
        metavar="LOG",
        help="The log: archive:DIR, or kafka://HOST:PORT.",
    )
    archive = click.option(
        "--archive",
        metavar="DIR",
        help="With kafka:// events: the archive that holds what retention removed; both are one logical stream. "
        "Default: none.",
    )
    return events(archive(command))


def features_option(command: Command) -> Command:
    """`--features`: the registry of feature definitions."""
    return click.option(
        "--features",
        required=True,
        metavar="DIR",
        help="Registry of the feature definitions, a folder with lock.json.",
    )(command)


def engine_option(command: Command) -> Command:
    """`--engine`: what computes the features."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", "native", "reference"]),
        default="auto",
        help="auto: the native core, or where none was built the reference engine, which is slow and gives the same "
        "bytes.",
    )(command)


def read_rate_option(command: Command) -> Command:
    """`--read-rate`: how fast the log is read at most."""
    return click.option(
        "--read-rate",
        type=click.IntRange(min=1),
        metavar="RECORDS",
        help="With kafka:// events: read at most this many records a second. Default: no limit.",
    )(command)
