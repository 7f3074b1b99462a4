"""The references name everything that the code has: commands, options, errors, reasons, contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ofs import errors
from ofs.cli.main import root
from ofs.contracts import LISTED_MAX, PUBLIC_CONTRACTS, Reason
from ofs.errors import ExitCode, OfsError
from ofs.features import OPERATORS
from ofs.planner.decisions import DeadLetterReason
from ofs.semantics import Rejection
from ofs.semantics.history import GroupTally

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def _section(page: str, title: str) -> str:
    """The text below a second-level heading, up to the next one."""
    text = (REFERENCE / page).read_text("utf-8")
    found = re.search(rf"^## {re.escape(title)}\n(?P<body>.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no section {title}"
    return found["body"]


def _first_cells(section: str) -> list[str]:
    """The words in the first column of a section's tables."""
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def _commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from _commands(part, (*path, name))


def test_every_command_and_option_is_documented() -> None:
    """The reference of the command line has a section for each command, and names each of its options there."""
    missing = []
    for path, command in _commands(root, ("ofs",)):
        section = _section("cli.md", " ".join(path))
        options = [
            name for option in command.params if isinstance(option, click.Option) for name in option.opts
        ]
        missing += [f"{' '.join(path)} {name}" for name in options if name not in section]
    assert missing == []


def test_every_uncheckable_reason_is_documented_in_its_order() -> None:
    """The table of reasons is the enumeration, in its order of precedence."""
    assert _first_cells(_section("reasons.md", "UNCHECKABLE")) == [reason.value for reason in Reason]


def test_every_dead_letter_reason_is_documented() -> None:
    """The table of dead letters is the enumeration."""
    assert _first_cells(_section("reasons.md", "Dead letters")) == [
        reason.value for reason in DeadLetterReason
    ]


def test_every_reject_reason_is_documented_in_its_order() -> None:
    """The table of rejected records is the enumeration, in its order of precedence."""
    assert _first_cells(_section("reasons.md", "Rejected records")) == [reason.value for reason in Rejection]


def test_every_class_of_events_is_documented() -> None:
    """The table of a group's events names what a certificate counts."""
    documented = _first_cells(_section("reasons.md", "What became of an event in a group"))
    assert set(documented) == set(GroupTally().to_dict())
    assert len(documented) == len(set(documented))


def test_every_exit_code_is_documented() -> None:
    """The table of exit codes has each code with its name."""
    section = _section("errors_and_exit_codes.md", "Exit codes")
    documented = dict(re.findall(r"^\| (\d+) \| `([A-Z_]+)` \|", section, re.MULTILINE))
    assert documented == {str(code.value): code.name for code in ExitCode}


def _error_classes() -> list[type[OfsError]]:
    found = (getattr(errors, name) for name in errors.__all__)
    return [item for item in found if isinstance(item, type) and issubclass(item, OfsError)]


def test_every_error_is_documented_with_its_exit_code() -> None:
    """The table of errors has each code with its classes and its exit code."""
    section = _section("errors_and_exit_codes.md", "Errors")
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| (\d+) \|", section, re.MULTILINE)
    documented = {
        (name, code, int(exit_code)) for code, names, exit_code in rows for name in re.findall(r"\w+", names)
    }
    assert documented == {(item.__name__, item.code, int(item.exit_code)) for item in _error_classes()}


@pytest.mark.parametrize("contract", PUBLIC_CONTRACTS, ids=lambda contract: contract.__name__)
def test_every_member_of_a_contract_is_documented(contract: type) -> None:
    """Each public contract has a section that names all of its members."""
    section = _section("contracts.md", contract.__name__)
    fields: dict[str, object] = contract.model_fields  # type: ignore[attr-defined]  # all of them are models
    missing = [name for name in fields if f"`{name}`" not in section]
    assert missing == []


def test_the_limit_of_lists_is_documented() -> None:
    """The reference of the certificate says where lists of single findings stop."""
    assert f"{LISTED_MAX:,} entries" in _section("contracts.md", "CutCertificate")


def test_every_operator_stands_in_the_specification() -> None:
    """The table of operators in OFS3 has each operator once."""
    spec = (REFERENCE.parent / "specs" / "OFS3_feature_versioning_and_snapshot_reconstruction.md").read_text(
        "utf-8"
    )
    table = spec[spec.index("| operators |") : spec.index("Types are")]
    rows = [row for row in table.splitlines()[2:] if row.startswith("|")]
    named = [name for row in rows for name in row.split("|")[1].replace(",", " ").split()]
    assert sorted(named) == sorted(operator.value for operator in OPERATORS)
