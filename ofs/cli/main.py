"""The command `ofs`: its subcommands, and how the process starts and ends."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, Final, NoReturn

import click
from click.shell_completion import shell_complete

from ofs.cli.archive import archive
from ofs.cli.certificate import certificate
from ofs.cli.contracts import contracts
from ofs.cli.demo import demo
from ofs.cli.failures import TERMINATED, run
from ofs.cli.features import features
from ofs.cli.replay import replay
from ofs.cli.rows import rows
from ofs.cli.selfcheck import selfcheck
from ofs.cli.snapshot import snapshot
from ofs.cli.state import state
from ofs.version import VERSION

HELP_WIDTH: Final = 100
_COMPLETE: Final = "_OFS_COMPLETE"

_EPILOG: Final = """\b
Exit codes:
  0    done; of a replay: every decision is a MATCH
  1    at least one decision is a MISMATCH; or `contracts export --check` found another file,
       or `certificate verify` another log
  2    the command line, a request or a feature definition is wrong
  3    no MISMATCH, but decisions are UNCHECKABLE or dead letters; or a snapshot cannot be established,
       or rows are left out
  4    a source, sink, archive or state cannot be reached, read or written
  5    a defect of OFS
  130  interrupted (Ctrl-C); 143 terminated; 141 whoever read stdout has gone

\b
Data goes to stdout, messages and progress to stderr. With --json the result is one JSON document on
stdout, and an error is an ErrorResponse, one JSON document on stderr.

\b
Environment:
  NO_COLOR=1    no colours
  OFS_DEBUG=1   a stack trace before the line of an error

\b
Completion of commands and options, in bash (also zsh, fish):
  eval "$(_OFS_COMPLETE=bash_source ofs)"
"""


class _Root(click.Group):
    """The root command: whatever calls it, it ends as the process does."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run the arguments, those of the process by default, and exit."""
        sys.exit(run(self, sys.argv[1:] if args is None else args))


@click.group(
    "ofs",
    cls=_Root,
    epilog=_EPILOG,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": HELP_WIDTH,
        "show_default": True,
    },
)
@click.version_option(VERSION, message="ofs %(version)s")
def root() -> None:
    """Offline Feature Shadow: recompute by replay what an online feature plane knew at a decision.

    The log is only read, never written to; every answer is a hash over canonical bytes: MATCH, MISMATCH, or
    UNCHECKABLE with the reason.
    """


for _command in (replay, selfcheck, snapshot, rows, features, archive, certificate, state, contracts, demo):
    root.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, of the process by default, and return its exit code.

    Effects: takes SIGTERM, so that what was begun is undone before the process ends.
    """
    wanted = os.environ.get(_COMPLETE)
    if wanted:
        return shell_complete(root, {}, "ofs", _COMPLETE, wanted)
    signal.signal(signal.SIGTERM, _terminate)
    return _run_process() if arguments is None else run(root, arguments)


def _run_process() -> int:
    """The command line of the process, of which nothing else is to come."""
    # pyarrow loads numpy where it is installed, and does without where it is not; nothing here has a use for it
    sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]  # so the import system says: not to be found
    try:
        return run(root, sys.argv[1:])
    finally:
        gc.freeze()  # what is there now goes with the process: nobody need look which of it is garbage


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)
