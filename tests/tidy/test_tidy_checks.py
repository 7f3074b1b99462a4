"""Each tidy check finds what it is for, and lets the right form pass."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from tests.tidy import checks

TreeCheck = Callable[[str, ast.Module], list[str]]
TextCheck = Callable[[str, str], list[str]]

LONG_FUNCTION = "def f():\n" + '    """Doc."""\n' + "    x = 1\n" * 60
FITTING_FUNCTION = "def f():\n" + '    """Doc."""\n' + "    x = 1\n" * 59


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (checks.long_functions, LONG_FUNCTION, FITTING_FUNCTION),
        (checks.bare_asserts, "assert x", "invariant(x, 'x')"),
        (checks.vacuous_asserts, "assert a == 1 if c else 2", "assert (a if c else b) == 1"),
        (checks.vacuous_asserts, "assert (a, 'message')", "assert a, 'message'"),
        (checks.vacuous_asserts, "assert 'text'", "assert text"),
        (
            checks.untold_tests,
            "def test_a():\n    assert x",
            'def test_a():\n    """X holds."""\n    assert x',
        ),
        (
            checks.untold_tests,
            "class TestA:\n    def test_a(self):\n        assert x",
            "def helper():\n    pass",
        ),
        (checks.checkless_tests, "def test_a():\n    run()", "def test_a():\n    assert run()"),
        (checks.checkless_tests, "def test_a():\n    run()", "def test_a():\n    check_log(run)"),
        (
            checks.checkless_tests,
            "def test_a():\n    run()",
            "def test_a():\n    with pytest.raises(E):\n        run()",
        ),
        (
            checks.checkless_tests,
            "def same(a):\n    return a\ndef test_a():\n    same(1)",
            "def same(a):\n    assert a\ndef test_a():\n    same(1)",
        ),
        (checks.impure_calls, "datetime.now(UTC)", "datetime(2020, 1, 1, tzinfo=UTC)"),
        (checks.sleeping_tests, "time.sleep(1)", "clock.advance(1)"),
    ],
)
def test_a_check_of_python_finds_the_bad_and_passes_the_good(check: TreeCheck, bad: str, good: str) -> None:
    """Every check over syntax trees can fail, and does not fail for the right form."""
    assert len(check("a.py", ast.parse(bad))) == 1
    assert check("a.py", ast.parse(good)) == []


# in pieces, so that the tidy tests do not find them here
NOQA = "x = 1  # no" + "qa"
IGNORE = "x = 1  # type: ig" + "nore"


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (checks.oversized_file, "x\n" * 601, "x\n" * 600),
        (checks.unreasoned_suppressions, NOQA, NOQA + ": E501 (a table)"),
        (checks.unreasoned_suppressions, NOQA + ": E501", NOQA + ": E501, B008 the table reads better"),
        (checks.unreasoned_suppressions, IGNORE, IGNORE + "[arg-type]  # the library's stub is wrong"),
        (checks.unreasoned_suppressions, IGNORE + "[arg-type]", "x = 1"),
        (checks.titles, "# One\n# Two\n", "# One\n```sh\n# a comment\n```\n## Part\n"),
        (checks.titles, "no title\n", "# One\n"),
        (checks.machine_paths, "see /wo" + "rk/main", "see docs/work/main"),
        (checks.machine_paths, "from py" + "pi.org", "from the package index"),
    ],
)
def test_a_check_of_text_finds_the_bad_and_passes_the_good(check: TextCheck, bad: str, good: str) -> None:
    """Every check over text can fail, and does not fail for the right form."""
    assert len(check("a.md", bad)) == 1
    assert check("a.md", good) == []


def test_banned_names_are_found_as_files_and_as_folders() -> None:
    """A module and a folder of a banned name are both found, and a longer name is not."""
    assert checks.banned_name("ofs/utils.py")
    assert checks.banned_name("ofs/common/x.py")
    assert checks.banned_name("ofs/commonality.py") == []


def test_links_are_read_without_code_blocks_and_addresses() -> None:
    """Only links into the repository are followed, with their fragments."""
    text = "[a](b.md#part-one) [c](https://example.org) [d](#here)\n```\n[e](f.md)\n```\n"
    assert checks.relative_links(text) == [("b.md", "part-one"), ("", "here")]
    assert checks.headings("# Part: `One`, two\n## Here\n") == {"part-one-two", "here"}
