"""The repository holds its own rules: sizes, bans, tests that can fail, links that lead somewhere."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

import ofs
from tests.tidy import checks

ROOT = Path(__file__).resolve().parents[2]


@cache
def _tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = (name for name in listed.stdout.decode().split("\0") if name)
    return tuple(name for name in names if (ROOT / name).is_file())


@cache
def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def _named(*suffixes: str) -> list[str]:
    return [name for name in _tracked() if name.endswith(suffixes)]


def _python(*folders: str) -> list[tuple[str, ast.Module]]:
    return [(name, ast.parse(_text(name))) for name in _named(".py") if name.startswith(folders)]


def _check_found(findings: list[str]) -> None:
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


def _check_none(findings: list[list[str]]) -> None:
    _check_found([line for part in findings for line in part])


PURE = tuple(
    f"ofs/{name}"
    for name in (
        "errors.py",
        "units.py",
        "ports.py",
        "canonical/",
        "contracts/",
        "semantics/",
        "planner/",
        "parity/",
        "engine/",
    )
)
CODE = (".py", ".rs", ".mjs", ".sh", ".pyi")


def test_no_source_file_is_too_long() -> None:
    """No source file has more than 600 lines."""
    _check_none([checks.oversized_file(name, _text(name)) for name in _named(*CODE)])


def test_no_function_is_too_long() -> None:
    """No function of the package, the topologies or the tests has more than 60 lines."""
    _check_none([checks.long_functions(*module) for module in _python("ofs/", "topologies/", "tests/")])


def test_pure_packages_read_no_clock_and_no_file() -> None:
    """No pure package calls what reads a clock, a file or the process."""
    _check_none([checks.impure_calls(*module) for module in _python(*PURE)])


def test_modules_are_named_for_what_they_hold() -> None:
    """No module or folder is called utils, helpers, common or manager."""
    _check_none([checks.banned_name(name) for name in _named(".py", ".rs")])


def test_the_package_does_not_rest_on_assert() -> None:
    """No assert statement stands in the package or the topologies."""
    _check_none([checks.bare_asserts(*module) for module in _python("ofs/", "topologies/")])


def test_no_assert_is_vacuous() -> None:
    """No assert of a test is a conditional expression, a tuple or a constant."""
    _check_none([checks.vacuous_asserts(*module) for module in _python("tests/", "ofs/testing/")])


def test_every_test_says_what_is_true() -> None:
    """Every test has a docstring."""
    _check_none([checks.untold_tests(*module) for module in _python("tests/")])


def test_every_test_checks_something() -> None:
    """Every test asserts, expects an error, or calls a check."""
    _check_none([checks.checkless_tests(*module) for module in _python("tests/")])


def test_no_test_sleeps() -> None:
    """No test waits for a time instead of a condition."""
    _check_none([checks.sleeping_tests(*module) for module in _python("tests/")])


def test_suppressions_have_a_rule_and_a_reason() -> None:
    """Every noqa, type: ignore and no cover names its rule and gives its reason."""
    _check_none([checks.unreasoned_suppressions(name, _text(name)) for name in _named(".py", ".pyi")])


def test_every_document_has_one_title() -> None:
    """Every Markdown file has exactly one first-level heading."""
    _check_none([checks.titles(name, _text(name)) for name in _named(".md")])


def test_links_of_documents_lead_somewhere() -> None:
    """Every relative link of a Markdown file names a file of the repository, and a heading that it has."""
    dead = []
    for name in _named(".md"):
        for path, fragment in checks.relative_links(_text(name)):
            target = (ROOT / name).parent / path if path else ROOT / name
            if not target.exists():
                dead.append(f"{name}: {path} does not exist")
            elif (
                fragment
                and target.suffix == ".md"
                and fragment not in checks.headings(target.read_text("utf-8"))
            ):
                dead.append(f"{name}: {path}#{fragment}: no such heading")
    _check_found(dead)


def test_no_file_names_a_machine_or_a_registry() -> None:
    """No tracked file holds a path of one machine or the address of a package registry."""
    _check_none([checks.machine_paths(name, _text(name)) for name in _tracked()])


def test_the_version_is_said_once() -> None:
    """The package, its description and the native core have one version."""
    crate = tomllib.loads(_text("ofs/core/Cargo.toml"))["package"]["version"]
    assert tomllib.loads(_text("pyproject.toml"))["project"]["version"] == ofs.__version__ == crate


def test_no_large_file_is_tracked() -> None:
    """No tracked file is larger than one megabyte."""
    _check_found([f"{name}: over 1 MB" for name in _tracked() if (ROOT / name).stat().st_size > 1_000_000])
