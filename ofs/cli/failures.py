"""How a command ends: its exit code, and where it failed one line on stderr that says what to do."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import click
from click.exceptions import Exit, NoArgsIsHelpError

from ofs.cli.terminal import one_line
from ofs.errors import ExitCode, OfsError

INTERRUPTED: Final = 130
TERMINATED: Final = 143
PIPE_CLOSED: Final = 141

_DEBUG: Final = "OFS_DEBUG"


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command line to its end and return the exit code; no exception leaves, but SystemExit of a signal.

    A command returns its exit code, or nothing for 0.
    """
    as_json = "--json" in arguments
    if any("\0" in argument for argument in arguments):
        # no process is given one, but a caller in this process may; every library says something else to it
        return _report("USAGE", "an argument holds a null byte", None, ExitCode.USAGE, as_json=as_json)
    try:
        code = _invoke(command, arguments)
        sys.stdout.flush()
        return code
    except NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except BrokenPipeError:
        return _pipe_closed()
    except (KeyboardInterrupt, click.Abort):
        return _report("INTERRUPTED", "interrupted", None, INTERRUPTED, as_json=as_json)
    except click.ClickException as error:
        return _report("USAGE", _of_click(error), _help_of(error), ExitCode.USAGE, as_json=as_json)
    except OfsError as error:
        hint = error.hint if error.exit_code is not ExitCode.INTERNAL else _debug_hint(error.hint)
        return _report(error.code, error.message, hint, error.exit_code, as_json=as_json)
    except Exception as error:  # noqa: BLE001  (the last line of defence: a defect is one line too)
        message = f"defect in OFS: {type(error).__name__}: {error}"
        return _report("INTERNAL", message, _debug_hint(None), ExitCode.INTERNAL, as_json=as_json)


def _invoke(command: click.Command, arguments: Sequence[str]) -> int:
    try:
        with command.make_context("ofs", list(arguments)) as context:
            code = command.invoke(context)
            return ExitCode.ALL_MATCH if code is None else int(code)
    except Exit as end:
        return end.exit_code


def _report(code: str, message: str, hint: str | None, exit_code: int, *, as_json: bool) -> int:
    if os.environ.get(_DEBUG) == "1":
        traceback.print_exc()
    message = one_line(message)
    if as_json:
        from ofs.contracts import ErrorResponse

        response = ErrorResponse(error=code, message=message, hint=hint, exit_code=exit_code)
        line = json.dumps(response.to_dict(), ensure_ascii=False)
    else:
        line = f"ofs: error: {message}" + ("" if hint is None else f"; hint: {one_line(hint)}")
    click.echo(line, err=True)
    return exit_code


def _of_click(error: click.ClickException) -> str:
    """Click's message in the form of ours: no capital, no full stop, no second sentence."""
    message = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
    message = message.strip().removesuffix(".")
    return message[:1].lower() + message[1:]


def _help_of(error: click.ClickException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return None
    near = error.possibilities if isinstance(error, click.NoSuchOption) else None
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}see `{context.command_path} --help`"


def _debug_hint(hint: str | None) -> str:
    what = f"set {_DEBUG}=1 to see where, and report it"
    return what if hint is None else f"{hint}; {what}"


def _pipe_closed() -> int:
    """Whoever read stdout has gone: that is no error, and nothing more is to be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
