"""However a command ends, it says so by its exit code, and by one line where it failed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from ofs import errors
from ofs.cli.failures import INTERRUPTED, PIPE_CLOSED, run
from ofs.cli.main import root
from ofs.errors import DefinitionError, ExitCode, InvariantViolation, OfsError, SinkError

OFS_ERRORS = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, OfsError) and error is not DefinitionError
]


def command(body: Callable[[], object]) -> click.Command:
    """A command that does this."""

    @click.command()
    @click.option("--json", is_flag=True)
    @click.option("--count", type=int)
    def raising(**_: object) -> object:
        return body()

    return raising


def fail_with(error: BaseException) -> click.Command:
    def body() -> object:
        raise error

    return command(body)


@pytest.fixture(autouse=True)
def _no_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OFS_DEBUG", raising=False)


@pytest.mark.parametrize("error", OFS_ERRORS, ids=lambda error: error.__name__)
def test_every_error_of_ofs_is_one_line_with_its_exit_code(
    error: type[OfsError], capsys: pytest.CaptureFixture[str]
) -> None:
    """Message and hint stand on one line of stderr, nothing on stdout, and the exit code is the error's own."""
    assert run(fail_with(error("stream s:\n  gone", hint="look again")), []) == error.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ofs: error: stream s: gone; hint: look again")
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", OFS_ERRORS, ids=lambda error: error.__name__)
def test_every_error_of_ofs_is_an_error_response_with_json(
    error: type[OfsError], capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json stderr is one ErrorResponse with the error's code, and nothing stands on stdout."""
    run(fail_with(error("gone")), ["--json"])
    out, err = capsys.readouterr()
    response = json.loads(err)
    assert out == ""
    assert (response["error"], response["message"], response["exit_code"]) == (
        error.code,
        "gone",
        error.exit_code,
    )


def test_a_definition_error_names_file_line_field_found_and_allowed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All five parts of a broken definition stand in the line."""
    error = DefinitionError(file="g/v1.yaml", line=3, field="features[0].op", found="'sun'", allowed="sum")
    assert run(fail_with(error), []) == ExitCode.USAGE
    assert capsys.readouterr().err == "ofs: error: g/v1.yaml:3: features[0].op: found 'sun'; allowed: sum\n"


def test_an_unknown_exception_is_one_line_and_exit_code_5(capsys: pytest.CaptureFixture[str]) -> None:
    """A defect shows its kind and how to see more, and no stack trace."""
    assert run(fail_with(KeyError("x")), []) == ExitCode.INTERNAL
    assert (
        capsys.readouterr().err
        == "ofs: error: defect in OFS: KeyError: 'x'; hint: set OFS_DEBUG=1 to see where, and report it\n"
    )


@pytest.mark.parametrize("error", [KeyError("x"), SinkError("full"), InvariantViolation("defect in OFS: y")])
def test_the_debug_setting_shows_the_stack_trace(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With OFS_DEBUG=1 the stack trace stands before the line, and the exit code is the same."""
    monkeypatch.setenv("OFS_DEBUG", "1")
    code = run(fail_with(error), [])
    lines = capsys.readouterr().err.splitlines()
    assert code == getattr(error, "exit_code", ExitCode.INTERNAL)
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("ofs: error: ")


def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is one line and the exit code of an interrupted program."""
    assert run(fail_with(KeyboardInterrupt()), []) == INTERRUPTED
    assert capsys.readouterr() == ("", "ofs: error: interrupted\n")


def test_a_closed_pipe_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever stops reading stdout gets no message."""
    assert run(fail_with(BrokenPipeError()), []) == PIPE_CLOSED
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--cuont", "1"], "no such option: --cuont; hint: did you mean --count? see `ofs --help`"),
        (["--count", "x"], "invalid value for '--count': 'x' is not a valid integer; hint: see `ofs --help`"),
        (["extra"], "got unexpected extra argument (extra); hint: see `ofs --help`"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What click refuses looks like every other error."""
    assert run(command(lambda: None), arguments) == ExitCode.USAGE
    assert capsys.readouterr() == ("", f"ofs: error: {line}\n")


def test_a_message_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters from the data stand in a message as escapes."""
    run(fail_with(SinkError("topic \x1b[31mred\x07")), [])
    assert capsys.readouterr().err == "ofs: error: topic \\x1b[31mred\\x07\n"


@pytest.mark.parametrize("answer", [None, 0, ExitCode.INCOMPLETE])
def test_a_command_returns_its_exit_code(answer: int | None) -> None:
    """What a command returns is the exit code; nothing is 0."""
    assert run(command(lambda: answer), []) == (answer or 0)


def test_a_null_byte_in_an_argument_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused before any library sees it, whatever the command: found by fuzzing."""
    assert run(root, ["contracts", "export", "--out", f"{tmp_path}\0"]) == ExitCode.USAGE
    assert capsys.readouterr().err == "ofs: error: an argument holds a null byte\n"
    assert run(command(lambda: None), ["--json", "\0"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().err)["error"] == "USAGE"
