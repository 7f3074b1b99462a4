"""What the documents tell their readers to type works, and prints what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import console

DOCUMENTS = sorted(
    path for path in [*console.ROOT.glob("*.md"), *console.ROOT.glob("docs/**/*.md")] if path.is_file()
)
WITH_COMMANDS = [path for path in DOCUMENTS if any(console.commands(path.read_text("utf-8")))]


def _id(path: Path) -> str:
    return str(path.relative_to(console.ROOT))


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=_id)
def test_the_commands_of_a_document_print_what_it_shows(path: Path, tmp_path: Path) -> None:
    """Every console block of the document runs, in order, with the output that stands below each command."""
    problems = console.problems(path.read_text("utf-8"), console.workplace(tmp_path))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_id)
def test_the_make_targets_of_a_document_exist(path: Path) -> None:
    """Every make target that the document names is one of the Makefile."""
    makefile = (console.ROOT / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert console.make_targets(path.read_text("utf-8")) <= known


@pytest.mark.parametrize("path", DOCUMENTS, ids=_id)
def test_the_files_that_a_document_names_exist(path: Path) -> None:
    """Every path in backticks that begins with a folder of the repository is there."""
    named = re.findall(
        r"`((?:ofs|tests|topologies|docs|contracts|deploy)/[\w./-]+)`", path.read_text("utf-8")
    )
    assert [name for name in named if not (console.ROOT / name).exists()] == []


def test_make_help_lists_every_target_that_is_for_people() -> None:
    """A phony target either has a line of help or is marked as a part of another by a comment above it."""
    makefile = (console.ROOT / "Makefile").read_text("utf-8")
    phony = re.findall(r"^\.PHONY: ([a-z-]+)$", makefile, re.MULTILINE)
    helped = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert set(phony) - set(helped) == {"core", "kafka-ready"}


BAD = """
```console
$ echo one
two
```
"""
GOOD = """
```python file=shown/three.py
print("three")
```
```console
$ python shown/three.py
three
$ printf 'one\\ntwo\\nthree\\n'
one
...
three
$ false
$ echo $?
1
$ echo a > file && cat \\
  file
a
$ cat > file <<'END'
> one
> END
$ cat file
one
```
"""


def test_a_document_that_shows_another_output_is_found(tmp_path: Path) -> None:
    """A wrong output and a failing command are found; files, wildcards, continued lines, named failures pass."""
    assert len(console.problems(BAD, tmp_path)) == 1
    assert len(console.problems("```console\n$ false\n```\n", tmp_path)) == 1
    assert console.problems(GOOD, tmp_path) == []


def test_make_targets_are_found_in_blocks_and_in_text() -> None:
    """Targets are read from code blocks and from inline code, and not from prose."""
    assert console.make_targets("```sh\nmake setup test\n```\nuse `make ci` to make sure") == {
        "setup",
        "test",
        "ci",
    }
