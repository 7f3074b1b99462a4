"""The tidy rules as pure functions: text in, findings out. Each finding is `where: what to do`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
BANNED_NAMES = ("utils", "helpers", "common", "manager")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def oversized_file(path: str, text: str) -> list[str]:
    """A file above the limit holds more than one concept."""
    count = text.count("\n")
    return [f"{path}: {count} lines, above {FILE_LINES_MAX}: split it"] if count > FILE_LINES_MAX else []


def banned_name(path: str) -> list[str]:
    """A module is named for what it holds."""
    stems = {part.removesuffix(".py") for part in PurePosixPath(path).parts}
    return [f"{path}: the name {name!r} says nothing" for name in BANNED_NAMES if name in stems]


def long_functions(path: str, tree: ast.Module) -> list[str]:
    """Function bodies above the limit, the docstring not counted."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            first = node.body[0]
            is_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            doc_lines = (first.end_lineno or 0) - first.lineno + 1 if is_doc else 0
            lines = (node.end_lineno or 0) - node.lineno + 1 - doc_lines
            if lines > FUNCTION_LINES_MAX:
                found.append(
                    f"{path}:{node.lineno}: {node.name} has {lines} lines, above {FUNCTION_LINES_MAX}"
                )
    return found


def bare_asserts(path: str, tree: ast.Module) -> list[str]:
    """Asserts vanish under `python -O`."""
    return [
        f"{path}:{node.lineno}: assert in the package: use ofs.errors.invariant"
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]


def vacuous_asserts(path: str, tree: ast.Module) -> list[str]:
    """`assert a if c else b` asserts b, which is mostly true as it stands; a tuple or a text always is."""
    return [
        f"{path}:{node.lineno}: an assert that cannot fail as meant"
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        and (
            isinstance(node.test, ast.IfExp | ast.Tuple | ast.JoinedStr)
            or (isinstance(node.test, ast.Constant) and bool(node.test.value))
        )
    ]


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for body in bodies:
        for node in body:
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
                yield node


def untold_tests(path: str, tree: ast.Module) -> list[str]:
    """Tests without a docstring that says what is true."""
    return [
        f"{path}:{test.lineno}: {test.name} has no docstring that says what is true"
        for test in _tests(tree)
        if not (ast.get_docstring(test) or "").strip()
    ]


def checkless_tests(path: str, tree: ast.Module) -> list[str]:
    """Tests that neither assert, nor call a function that does: one of the module, or one named for it."""
    checking = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS) and not node.name.startswith("test_") and _asserts(node)
    }
    return [
        f"{path}:{test.lineno}: {test.name} checks nothing"
        for test in _tests(tree)
        if not _asserts(test) and not (_calls(test) & checking) and not any(map(_CHECK.match, _calls(test)))
    ]


_CHECK = re.compile(r"_*(assert|check|verify|raises|fail|expect|run_state_machine)")


def _asserts(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def _calls(tree: ast.AST) -> set[str]:
    return {_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def _called(call: ast.Call) -> str:
    target = call.func
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""


def sleeping_tests(path: str, tree: ast.Module) -> list[str]:
    """Tests that wait for a time instead of a condition."""
    return [
        f"{path}:{node.lineno}: sleep in a test: wait for the condition"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) == "sleep"
    ]


CLOCK_AND_FILE_CALLS = {"now", "utcnow", "today", "fromtimestamp", "open", "print", "input", "getenv"}


def impure_calls(path: str, tree: ast.Module) -> list[str]:
    """Calls that read a clock, a file or the process, which an import alone does not show."""
    return [
        f"{path}:{node.lineno}: {_called(node)}() in a pure package"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) in CLOCK_AND_FILE_CALLS
    ]


_SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore|ruff:\s*noqa|pragma:\s*no cover)\b(?P<rest>.*)")
_CODES = re.compile(r"^(?:\[[\w\-, ]+\]|:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)")


def unreasoned_suppressions(path: str, text: str) -> list[str]:
    """Suppressed findings that name no rule or give no reason behind it."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _SUPPRESSION.search(line)
        if match is None:
            continue
        rest = match["rest"].strip()
        reason = _CODES.sub("", rest).strip(" #:-()")
        if not _CODES.match(rest) and "pragma" not in match[0]:
            found.append(f"{path}:{number}: name the rule that is suppressed")
        elif not re.search(r"\w{2,}", reason):
            found.append(f"{path}:{number}: give the reason for the suppression behind it")
    return found


_FENCE = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)


def titles(path: str, text: str) -> list[str]:
    """A document has exactly one title."""
    count = len(re.findall(r"^# \S", _FENCE.sub("", text), re.MULTILINE))
    return [] if count == 1 else [f"{path}: {count} titles (# ...), not one"]


_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")


def anchor(heading: str) -> str:
    """The fragment under which a heading is reached."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def relative_links(text: str) -> list[tuple[str, str]]:
    """(path, fragment) of each link that leads into the repository; an empty path is the document itself."""
    found = []
    for match in _LINK.finditer(_FENCE.sub("", text)):
        target = match["target"]
        if not re.match(r"[a-z][a-z0-9+.\-]*:", target):
            path, _, fragment = target.partition("#")
            found.append((path, fragment))
    return found


def headings(text: str) -> set[str]:
    """The fragments that a document offers."""
    return {anchor(title) for title in re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", text), re.MULTILINE)}


# in pieces, so that this file does not find itself
_FOLDERS = ("wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers", "fa" + "rm")
_HOSTS = (
    "files.python" + "hosted",
    "py" + "pi.org",
    "crates." + "io/",
    "registry.npm" + "js",
    "proxy.gol" + "ang",
    "repo.mav" + "en",
    "repo1.mav" + "en",
    "deb.deb" + "ian",
    "index-" + "url =",
)
_MACHINE = re.compile(rf"(?<![\w.\-/])/(?:{'|'.join(_FOLDERS)})/\w")
_REGISTRY = re.compile("|".join(map(re.escape, _HOSTS)))


def machine_paths(path: str, text: str) -> list[str]:
    """Paths of one machine and addresses of package registries, which are true nowhere else."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if _MACHINE.search(line):
            found.append(f"{path}:{number}: a path of one machine")
        if _REGISTRY.search(line):
            found.append(f"{path}:{number}: the address of a package registry")
    return found
