"""`ofs snapshot`: one rebuilt snapshot, for what is asked or for a decision."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click

from ofs.cli.parameters import (
    FEATURE_GROUP,
    FEATURE_KEY,
    Duration,
    Json,
    Timestamp,
    check_folders,
    engine_option,
    events_options,
    features_option,
    json_option,
    read_cut,
    read_json_file,
)
from ofs.cli.pins import read_pins
from ofs.cli.terminal import write

_EXAMPLES: Final = """\b
Examples:
  ofs snapshot --events archive:archive --features registry --stream card.events.v1 \\
      --key account_id:A1 --group account_velocity:v1 --pins pins.json \\
      --as-of 2026-01-05T12:00:00Z --cut '{"0": 123, "1": 77}'
  ofs snapshot --events kafka://localhost:9092 --features registry --decision decision.json
"""
_ASKED: Final = {
    "stream": "--stream",
    "keys": "--key",
    "groups": "--group",
    "pins": "--pins",
    "as_of": "--as-of",
    "cut": "--cut",
    "at_time": "--at-time",
}


@click.command("snapshot", short_help="Rebuild one snapshot.", epilog=_EXAMPLES)
@events_options
@features_option
@click.option(
    "--decision", metavar="FILE", help="One DecisionRecord as JSON (- is stdin). Instead of what follows."
)
@click.option("--stream", metavar="NAME", help="The stream of the events; on Kafka the topic's name.")
@click.option(
    "--key", "keys", type=FEATURE_KEY, multiple=True, help="Whose features, as account_id:A1. Repeat."
)
@click.option(
    "--group",
    "groups",
    type=FEATURE_GROUP,
    multiple=True,
    help="Which features, as account_velocity:v1, or :latest for the version published last. Repeat.",
)
@click.option("--pins", metavar="FILE", help="The ContextPins as JSON (- is stdin).")
@click.option("--as-of", type=Timestamp(), help="When windows end (UTC, as in 2026-01-05T12:00:00Z).")
@click.option(
    "--basis",
    type=click.Choice(["event_time", "ingest_time", "watermark"]),
    default="event_time",
    help="The clock of as-of. ingest_time: only events logged before it. watermark: derived, --as-of may be left out.",
)
@click.option(
    "--cut",
    type=Json(read_cut),
    metavar="JSON|@FILE",
    help='Next offset to apply in every partition of the stream, as {"0": 123, "1": 77}.',
)
@click.option("--at-time", type=Timestamp(), help="Instead of --cut: what was logged before this time (UTC).")
@click.option(
    "--max-clock-skew",
    type=Duration(),
    default="5m",
    help="How much earlier than it happened an event may have been logged: a number and us, ms, s, m, h, d or w.",
)
@engine_option
@click.option(
    "--state",
    metavar="DIR",
    help="Go on from the best checkpoint in this folder. Default: read the log alone.",
)
@json_option
def snapshot(
    *,
    decision: str | None,
    pins: str | None,
    basis: str,
    as_json: bool,
    events: str,
    archive: str | None,
    features: str,
    max_clock_skew: str,
    engine: str,
    state: str | None,
    **asked: Any,
) -> None:
    """Rebuild one snapshot: the features of some keys at a cut of the log and an as-of.

    Prints one RebuiltFeatureSnapshot: canonical JSON (RFC 8785) on one line; indented on a terminal, but with --json.

    Exit code: 0 done, 3 it cannot be established (the reason is in the message).
    """
    question: dict[str, Any]
    if decision is None:
        _check_asked({**asked, "pins": pins}, basis)
        question = {**asked, "pins": read_pins(str(pins)), "basis": basis}
    else:
        _check_alone({**asked, "pins": pins})
        question = {"decision": read_json_file(decision, "a DecisionRecord")}
    check_folders(events, archive)
    import ofs

    rebuilt = ofs.snapshot(
        events=events,
        archive=archive,
        features=features,
        max_clock_skew=max_clock_skew,
        engine=engine,
        state=state,
        **question,
    )
    if sys.stdout.isatty() and not as_json:
        write(json.dumps(rebuilt, indent=2, ensure_ascii=False))
    else:
        from ofs.canonical import jcs

        write(jcs(rebuilt))


def _check_asked(asked: dict[str, Any], basis: str) -> None:
    needed = {"stream", "keys", "groups", "pins"} | (set() if basis == "watermark" else {"as_of"})
    missing = [option for name, option in _ASKED.items() if name in needed and not asked[name]]
    if missing:
        raise click.UsageError(
            f"missing {', '.join(missing)}; or give --decision FILE", click.get_current_context()
        )
    if (asked["cut"] is None) == (asked["at_time"] is None):
        raise click.UsageError("give one of --cut and --at-time", click.get_current_context())


def _check_alone(asked: dict[str, Any]) -> None:
    given = [option for name, option in _ASKED.items() if asked[name]]
    if given:
        raise click.UsageError(
            f"--decision says it all already: leave out {', '.join(given)}", click.get_current_context()
        )
