"""Command lines of real and spoiled words: every one ends with a documented exit code and at most one line of error."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from ofs.cli.failures import run
from ofs.cli.main import root
from tests.fuzz.mutation import Mutator
from tests.fuzz.targets import Figures, held
from tests.unit.cli.scene import build

# what runs until it is stopped, takes minutes, or waits for a broker that is not there
LEFT_OUT: Final = ("demo", "--follow", "--sink")
CODES: Final = frozenset({0, 1, 2, 3, 4})
_VALUES: Final = (
    *(
        "0",
        "1",
        "7",
        "-1",
        "1.5",
        "99999999999999999999",
        "",
        " ",
        "x",
        "é",
        "\x00",
        "\n",
        "-",
        "--",
        "-h",
        "--help",
    ),
    *(
        "5m",
        "0s",
        "1h",
        "-5m",
        "1e3s",
        "2026-01-05T12:00:00Z",
        "2026-02-30T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ),
    *(
        "archive:archive",
        "archive:",
        "archive:none",
        "kafka://",
        "kafka://x",
        "kafka://a:b:c",
        "http://x",
        "file:x",
    ),
    *("account_id:A1", "account_velocity:v1", "account_velocity:latest", "card.events.v1", ":", "a:"),
    *(
        '{"0": 12, "1": 7, "2": 3}',
        '{"0": 1}',
        "{}",
        "[]",
        "@pins.json",
        "@none",
        '{"card.events.v1": {"0": [0, 9]}}',
    ),
    *(
        "archive",
        "registry",
        "decisions.ndjson",
        "log.ndjson.gz",
        "pins.json",
        "out",
        "none",
        ".",
        "out/parity.jsonl",
    ),
    *(
        "event_time",
        "watermark",
        "auto",
        "native",
        "reference",
        "all",
        "none",
        "mismatch",
        "log-append",
        "create",
    ),
)


def _leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from _leaves(part, (*path, name))
    else:
        yield path, command


class Commands:
    """Runs in a folder of its own, which it makes the process's working folder."""

    def __init__(self, seed: int) -> None:
        self._chance: Final = random.Random(seed)
        self._mutator: Final = Mutator(seed, [value.encode() for value in _VALUES])
        self._leaves: Final = [
            (path, [option for param in leaf.params for option in param.opts if option not in LEFT_OUT])
            for path, leaf in _leaves(root, ())
            if path[0] not in LEFT_OUT
        ]
        self._home = tempfile.TemporaryDirectory(prefix="ofs-fuzz-")
        folder = Path(self._home.name)
        scene = build(folder)
        shutil.copytree(scene.registry, folder / "registry")  # a command may write to it
        _run(scene.replay_arguments(folder / "run"), folder)

    def __call__(self) -> Figures:
        figures = Figures()
        words = self._draw()
        held("commands", [json.dumps(words).encode()], lambda: self._one(words, figures))
        return figures

    def close(self) -> None:
        """Remove the folder."""
        self._home.cleanup()

    def _draw(self) -> list[str]:
        path, options = self._chance.choice(self._leaves)
        words = [*path, *self._whole(path)] if self._chance.random() < 0.7 else list(path)
        for _ in range(self._chance.choice((0, 1, 1, 2, 3))):
            at = self._chance.randint(0, len(words))
            more = [self._chance.choice(options), self._value()] if options else [self._value()]
            words[at:at] = more[self._chance.choice((0, 0, 0, 1)) :]
        if words and self._chance.random() < 0.3:
            del words[self._chance.randrange(len(words))]
        return [word for word in words if word not in LEFT_OUT and not word.startswith(("/", "~", ".."))]

    def _whole(self, path: tuple[str, ...]) -> list[str]:
        """What makes the command run, mostly."""
        read = ["--events", "archive:archive", "--features", "registry"]
        asked = ["--stream", "card.events.v1", "--key", "account_id:A1", "--group", "account_velocity:v1"]
        at = ["--pins", "pins.json", "--as-of", "2026-01-05T12:00:00Z", "--cut", '{"0": 9, "1": 9, "2": 9}']
        out = f"out{self._chance.randrange(3)}"
        return {
            ("replay",): [*read, "--decisions", "decisions.ndjson", "--out", out, "--state", "state"],
            ("snapshot",): [*read, *asked, *at],
            ("rows",): [*read, "--stream", "card.events.v1", "--pins", "pins.json", "--out", f"rows{out}"],
            ("features", "show"): ["registry"],
            ("features", "check"): ["registry"],
            ("archive", "verify"): ["archive"],
            ("archive", "export"): [
                "--events",
                "archive:archive",
                "--stream",
                "card.events.v1",
                "--out",
                "copy",
            ],
            ("certificate", "verify"): ["run", "--events", "archive:archive"],
            ("selfcheck",): [*read, "--decisions", "decisions.ndjson", "--runs", "2"],
            ("state", "list"): ["state"],
            ("state", "verify"): ["state"],
        }.get(path, [])

    def _value(self) -> str:
        if self._chance.random() < 0.7:
            return self._chance.choice(_VALUES)
        return self._mutator.draw()[:200].decode("utf-8", "replace").replace("/", "")

    def _one(self, words: list[str], figures: Figures) -> None:
        code, err = _run(words, Path(self._home.name))
        assert code in CODES, err
        assert "Traceback" not in err
        assert code in (0, 1, 3) or err.strip(), "failed without a word"
        figures.count(f"exit {code}")


def _run(words: list[str], folder: Path) -> tuple[int, str]:
    before, streams = Path.cwd(), (sys.stdin, sys.stdout, sys.stderr)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.ExitStack() as stack:
        stack.callback(os.chdir, before)
        os.chdir(folder)
        sys.stdin = io.TextIOWrapper(io.BytesIO(b""), "utf-8")
        sys.stdout, sys.stderr = out, err
        try:
            code = int(run(root, words))
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
    err.seek(0)
    return code, err.read()
