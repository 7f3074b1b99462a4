"""The help is whole: every command has an example, every option says what it is; and the page shows the same."""

from __future__ import annotations

import re

import click
import pytest

from ofs.cli.main import root
from ofs.errors import ExitCode
from tests.unit.cli.write_reference import REFERENCE, commands, reference

ALL = dict(commands(root, "ofs"))
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


def test_the_reference_page_is_current() -> None:
    """docs/reference/cli.md is what `python -m tests.unit.cli.write_reference` writes."""
    assert REFERENCE.read_text("utf-8") == reference()


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_an_example_and_takes_json(path: str) -> None:
    """Each command shows how it is called, and each has --json."""
    assert f"{path} " in f"{LEAVES[path].epilog} "
    assert "--json" in {name for param in LEAVES[path].params for name in param.opts}


@pytest.mark.parametrize("path", LEAVES)
def test_every_option_says_what_it_is_and_what_holds_without_it(path: str) -> None:
    """An option has a sentence of help; it is a flag, is required, has a default, or says in words when it is given."""
    in_words = re.compile(r"Default: |Or --|With --|Instead of |Repeat|\(- is stdin\)|UTC|stream|as \{")
    for param in LEAVES[path].params:
        if isinstance(param, click.Option):
            said = param.help or ""
            assert said.endswith("."), param.opts
            is_told = param.is_flag or param.required or param.default is not None or in_words.search(said)
            assert is_told, param.opts


def test_the_help_lists_every_exit_code() -> None:
    """`ofs --help` names each code of ExitCode at the begin of a line."""
    listed = re.findall(r"^ +(\d) ", root.get_help(click.Context(root)), re.MULTILINE)
    assert {int(code) for code in listed} >= {int(code) for code in ExitCode}


@pytest.mark.parametrize("path", ALL)
def test_examples_use_options_that_exist(path: str) -> None:
    """Every long option in an example is one of the command."""
    named = set(re.findall(r"(?<![\w-])--[a-z-]+", ALL[path].epilog or ""))
    known = {name for param in ALL[path].params for name in param.opts} | {"--json", "--check"}
    assert named <= known
