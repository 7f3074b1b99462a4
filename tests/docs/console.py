"""Reads and runs the console blocks of documents.

A block is fenced as `console`. A line `$ command` is run by bash; the lines up to the next one are its output, where
`...` alone stands for any lines, and nothing is compared where none are given. A command may fail only where the next
is `$ echo $?`. A block of another language with ` file=PATH` behind it is that file's content. All blocks of a document
run in one folder that shows the repository's, so that what they write stays out of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("contracts", "docs", "tests", "topologies", "README.md")
LIMIT_S = 120
ANY_LINES = "..."
_BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```[a-z]+ file=(?P<path>\S+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE = re.compile(r"<<-?'?(?P<word>\w+)'?")
_STATUS = "echo $?"


@dataclass(frozen=True, slots=True)
class Command:
    """One command with the output that the document shows."""

    line: int
    text: str
    output: tuple[str, ...]


def commands(document: str) -> Iterator[Command]:
    """The commands of a document's console blocks, in order; a trailing backslash or a here-document continues one."""
    for block in _BLOCK.finditer(document):
        first = document.count("\n", 0, block.start("body")) + 1
        found: list[tuple[int, str, list[str]]] = []
        for number, line in enumerate(block["body"].splitlines(), first):
            if line.startswith("$ "):
                found.append((number, line[2:], []))
            elif found and found[-1][1].endswith("\\"):
                at, text, output = found[-1]
                found[-1] = (at, f"{text[:-1]}{line.strip()}", output)
            elif found and _is_open(found[-1][1]):
                at, text, output = found[-1]
                found[-1] = (at, f"{text}\n{line.removeprefix('> ')}", output)
            elif found:
                found[-1][2].append(line)
        yield from (Command(at, text, tuple(output)) for at, text, output in found)


def files(document: str) -> Iterator[tuple[Path, str]]:
    """The files that the document shows whole, with their content."""
    for block in _FILE.finditer(document):
        yield Path(block["path"]), block["body"]


def _is_open(text: str) -> bool:
    """Whether a here-document of the command has not ended yet."""
    first, *rest = text.split("\n")
    word = _HERE.search(first)
    return word is not None and word["word"] not in rest


def workplace(folder: Path) -> Path:
    """A folder in which the repository's examples are found under their names."""
    for name in SHOWN:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


def problems(document: str, folder: Path) -> list[str]:
    """What does not hold when the commands are run one after another; empty when all of it does."""
    found: list[str] = []
    status = 0
    for path, text in files(document):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    listed = list(commands(document))
    for command, following in zip(listed, [*listed[1:], None], strict=True):
        if command.text.split()[0] == "make":
            continue  # those set up, test or take minutes: that the target exists is checked apart
        done = _run(command.text, status, folder)
        status = done.returncode
        if status != 0 and (following is None or following.text != _STATUS):
            found.append(f"line {command.line}: {command.text}: exit {status}: {done.stderr.strip()}")
        elif not matches(command.output, tuple(done.stdout.rstrip("\n").splitlines())):
            found.append(f"line {command.line}: {command.text}: printed\n{done.stdout}{done.stderr}")
    return found


def matches(expected: tuple[str, ...], printed: tuple[str, ...]) -> bool:
    """Whether the output is the expected one, where `...` stands for any lines."""
    if not expected:
        return True
    pattern = "".join(
        r"(?:[^\n]*\n)*" if line.strip() == ANY_LINES else re.escape(line.rstrip()) + r"[ ]*\n"
        for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def make_targets(document: str) -> set[str]:
    """The make targets that a document tells its reader to run."""
    in_blocks = re.findall(r"^(?:\$ )?make ((?:[a-z-]+ ?)+)", document, re.MULTILINE)
    in_text = re.findall(r"`make ([a-z-]+)`", document)
    return {target for found in in_blocks for target in found.split()} | set(in_text)


def _run(text: str, status: int, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", f"(exit {status})\n{text}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
