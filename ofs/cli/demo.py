"""`ofs demo`: the main job on real input."""

from __future__ import annotations

import click

from ofs.cli.parameters import json_option


@click.command("demo", short_help="Replay and prove the decisions of 336,776 real flights.")
@json_option
def demo(*, as_json: bool) -> int:
    """Replay."""
    raise NotImplementedError(str(as_json))
