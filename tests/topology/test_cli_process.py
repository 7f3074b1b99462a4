"""The command as a process: how it starts and ends, on pipes, files and terminals, and under signals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from ofs.errors import ExitCode
from ofs.version import VERSION
from tests.unit.cli.scene import Scene, build

LIMIT_S: Final = 60
OFS: Final = (sys.executable, "-m", "ofs")
HEAVY: Final = ("pydantic", "pyarrow", "confluent_kafka", "rocksdict", "rich", "yaml", "ofs._core")
PLAIN: Final = {name: value for name, value in os.environ.items() if name not in ("OFS_DEBUG", "NO_COLOR")}
TERMINAL: Final = PLAIN | {"TERM": "xterm"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A card log as an archive, and the decisions of a live plane, all to match."""
    return build(tmp_path_factory.mktemp("scene"))


def ofs(*arguments: str, env: dict[str, str] = PLAIN, **streams: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with its streams caught."""
    caught: dict[str, Any] = {"stdin": subprocess.DEVNULL} if "input" not in streams else {}
    caught |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run([*OFS, *arguments], env=env, text=True, timeout=LIMIT_S, check=False, **caught)


def test_the_start_loads_nothing_heavy() -> None:
    """Help and version come without the libraries that only commands need."""
    program = f"import sys, ofs.cli.main; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_replay_loads_what_it_needs(scene: Scene, tmp_path: Path) -> None:
    """Not the other engine, not what makes archives or rows, no client of a broker, and no library's own extras."""
    names = "[name for name, module in sys.modules.items() if module]"
    program = f"import sys; from ofs.cli.main import main; main(); print(*{names}, file=sys.stderr)"
    command = [sys.executable, "-c", program, *scene.replay_arguments(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert {"pyarrow", "ofs.sources.archive.log", "ofs.engine.native"} <= loaded
    assert not loaded & {
        "confluent_kafka",
        "numpy",
        "ofs.contracts.rows",
        "ofs.engine.reference",
        "ofs.runtime.rows",
        "ofs.semantics",
        "ofs.sources.archive.exporting",
        "ofs.sources.archive.importing",
        "ofs.sources.archive.verifying",
    }


def test_version_and_help_are_data() -> None:
    """What is asked for stands on stdout, with exit code 0 and nothing on stderr."""
    version, asked = ofs("--version"), ofs("replay", "-h")
    assert (version.returncode, version.stdout, version.stderr) == (0, f"ofs {VERSION}\n", "")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith("Usage: ofs replay [OPTIONS]")


def test_decisions_come_from_standard_input(scene: Scene, tmp_path: Path) -> None:
    """`--decisions -` reads the batch from stdin, and gives the run of the file."""
    arguments = ("replay", "--events", scene.events, "--features", str(scene.registry), "--json")
    text = scene.decisions.read_text("utf-8")
    piped = ofs(*arguments, "--decisions", "-", "--out", str(tmp_path / "a"), input=text)
    named = ofs(*arguments, "--decisions", str(scene.decisions), "--out", str(tmp_path / "b"))
    assert (piped.returncode, piped.stderr) == (0, "")
    assert json.loads(piped.stdout)["replay_id"] == json.loads(named.stdout)["replay_id"]


def test_an_error_leaves_stdout_empty(tmp_path: Path) -> None:
    """A failing command writes one line on stderr; with --json one document, whatever else is wrong."""
    plain = ofs("archive", "verify", str(tmp_path))
    assert (plain.returncode, plain.stdout) == (ExitCode.UNREACHABLE, "")
    assert plain.stderr.startswith("ofs: error: ")
    as_json = ofs("archive", "verify", "--json", "--wrong", str(tmp_path))
    assert (as_json.returncode, as_json.stdout) == (ExitCode.USAGE, "")
    error = json.loads(as_json.stderr)
    assert (error["error"], error["message"], error["exit_code"]) == ("USAGE", "no such option: --wrong", 2)


def test_the_debug_setting_shows_where(tmp_path: Path) -> None:
    """OFS_DEBUG=1 puts the stack trace before the line."""
    done = ofs("archive", "verify", str(tmp_path), env=PLAIN | {"OFS_DEBUG": "1"})
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stderr.startswith("Traceback")
    assert done.stderr.splitlines()[-1].startswith("ofs: error: ")


def test_a_reader_that_goes_away_is_no_error(scene: Scene) -> None:
    """A closed pipe behind stdout ends the command quietly, with the exit code of SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = ofs("features", "show", str(scene.registry), stdout=closed)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_behind_stdout_is_exit_code_4(scene: Scene) -> None:
    """What cannot be written is said in one line."""
    with Path("/dev/full").open("wb") as full:
        done = ofs("features", "show", str(scene.registry), stdout=full)
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stderr.startswith("ofs: error: standard output: No space left on device")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "ofs: error: interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_a_signal_leaves_nothing_half_written(
    number: signal.Signals, code: int, said: str, tmp_path: Path
) -> None:
    """An import that is stopped while it waits for its input removes what it began, and says so by its exit code."""
    os.mkfifo(tmp_path / "log")
    out = tmp_path / "archive"
    arguments = ("archive", "import", str(tmp_path / "log"), "--stream", "s", "--out", str(out))
    with subprocess.Popen(
        [*OFS, *arguments], env=PLAIN, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        writer = _writer(tmp_path / "log", process)
        try:
            assert [path.name for path in out.iterdir()] == [".s.partial"]
            process.send_signal(number)
            _, err = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
            os.close(writer)
    assert (process.returncode, err) == (code, said)
    assert list(out.iterdir()) == []


def _writer(fifo: Path, process: subprocess.Popen[str]) -> int:
    """The pipe's other end, as soon as the process waits for what comes.

    Python sees a signal that comes a moment before only after the read, which ends nowhere here.
    """
    writer = _awaited(process, lambda: _opened(fifo))
    _awaited(process, lambda: _sleeps(process) or None)
    return writer


def _awaited(process: subprocess.Popen[str], reached: Callable[[], int | None]) -> int:
    """What is found once it is not None, while the process runs."""
    while (found := reached()) is None:
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"the command ended before it read: {process.communicate()[1]}")
    return found


def _opened(fifo: Path) -> int | None:
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None  # nobody reads it


def _sleeps(process: subprocess.Popen[str]) -> bool:
    """Whether its main thread waits for something."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def on_terminal(
    arguments: Sequence[str], stream: str, tmp_path: Path, env: dict[str, str] = TERMINAL
) -> tuple[int, str, str]:
    """Run with one stream on a terminal; the exit code, what stood there, and what the other stream got."""
    master, slave = pty.openpty()
    other = "stdout" if stream == "stderr" else "stderr"
    with (tmp_path / "other").open("w+b") as file:
        streams: dict[str, Any] = {stream: slave, other: file}
        with subprocess.Popen([*OFS, *arguments], env=env, stdin=subprocess.DEVNULL, **streams) as process:
            os.close(slave)
            shown = bytearray()
            while block := _block(master):
                shown += block
            code = process.wait(LIMIT_S)
        os.close(master)
        file.seek(0)
        return code, shown.decode(), file.read().decode()


def _block(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError:  # Linux says so that the last one has closed the terminal
        return b""


def test_a_terminal_gets_a_progress_bar(scene: Scene, tmp_path: Path) -> None:
    """Long work shows its stages, count and rate on stderr where that is a terminal; stdout holds the data alone."""
    arguments = (*scene.replay_arguments(tmp_path / "out"), "--json")
    code, shown, out = on_terminal(arguments, "stderr", tmp_path)
    assert code == ExitCode.ALL_MATCH
    assert "replaying" in shown
    assert "decisions" in shown
    assert json.loads(out)["exit_code"] == 0


def test_colours_are_for_terminals_without_no_color(scene: Scene, tmp_path: Path) -> None:
    """A verdict is coloured on a terminal, but not under NO_COLOR or on a dumb one, and the words are the same."""
    texts = []
    for number, more in enumerate(({}, {"NO_COLOR": "1"}, {"TERM": "dumb"})):
        arguments = scene.replay_arguments(tmp_path / f"out{number}")
        code, shown, _ = on_terminal(arguments, "stdout", tmp_path, TERMINAL | more)
        assert code == ExitCode.ALL_MATCH
        texts.append(shown.splitlines()[1])
    assert texts[0].startswith("\x1b[32mMATCH\x1b[0m")
    assert texts[1] == texts[2] == texts[0].replace("\x1b[32m", "").replace("\x1b[0m", "")


def test_a_snapshot_is_indented_on_a_terminal(scene: Scene, tmp_path: Path) -> None:
    """For people it is laid out, with --json and in a pipe it is one line; the content is the same."""
    decision = tmp_path / "decision.json"
    decision.write_text(json.dumps(scene.records()[-1]), encoding="utf-8")
    question = ("--events", scene.events, "--features", str(scene.registry), "--decision", str(decision))
    arguments = ("snapshot", *question)
    _, laid_out, _ = on_terminal(arguments, "stdout", tmp_path)
    _, one_line, _ = on_terminal((*arguments, "--json"), "stdout", tmp_path)
    piped = ofs(*arguments).stdout
    assert laid_out.count("\n") > 20
    assert (one_line.count("\n"), piped.count("\n")) == (1, 1)
    assert json.loads(laid_out) == json.loads(one_line) == json.loads(piped)


def test_completion_names_the_commands() -> None:
    """The shell's completion finds the commands."""
    env = PLAIN | {"_OFS_COMPLETE": "bash_complete", "COMP_WORDS": "ofs re", "COMP_CWORD": "1"}
    done = ofs(env=env)
    assert done.stdout == "plain,replay\n"
