"""`ofs state list | inspect | verify | prune`: the checkpoints that replays leave in a state folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ofs.cli.parameters import FEATURE_GROUP, FEATURE_KEY, features_option, json_option
from ofs.cli.progress import progress_bar
from ofs.cli.terminal import columns, say, write, write_json
from ofs.errors import ExitCode
from ofs.state.policy import KEEP
from ofs.units import INT64_MAX, format_timestamp_us

if TYPE_CHECKING:
    from ofs.runtime.inspect_state import KeyState
    from ofs.runtime.state_entries import Value
    from ofs.state.inventory import Checked, Entry, Inventory, Pruned

_ID_SHOWN: Final = 12
_NOTHING: Final = "-"
_folder = click.argument("folder", metavar="DIR")
_Rows = list[tuple[str, ...]]


@click.group("state", short_help="List, inspect, verify and prune checkpoints.")
def state() -> None:
    """List, inspect, verify and prune the checkpoints that replays leave in their --state folder.

    A checkpoint holds all of one partition's state at a cut; a later replay of the same definitions and pins starts
    from it. A state folder may be pruned at any time, and removed while no replay runs: what is missing is read from
    the log again.
    """


@state.command("list", epilog="\b\nExample:\n  ofs state list state\n")
@_folder
@json_option
def list_(*, folder: str, as_json: bool) -> None:
    """Show every checkpoint in DIR: stream, partition, cut, the oldest cut it answers, watermark, groups, size.

    Sizes count a file in every checkpoint that shares it, so that their sum may be more than the disk holds.
    """
    from ofs.state.inventory import inventory

    found = inventory(Path(folder))
    if as_json:
        write_json(
            {
                "folder": folder,
                "checkpoints": [_entry_json(entry) for entry in found.entries],
                "set_aside": [str(path) for path in found.set_aside],
            }
        )
    else:
        _write_list(folder, found)


@state.command(
    "inspect",
    epilog="\b\nExample:\n"
    "  ofs state inspect state --stream card.events.v1 --partition 0 --features registry \\\n"
    "      --group account_velocity:v1 --key account_id:A1 --cut 120\n",
)
@_folder
@features_option
@click.option("--stream", required=True, metavar="NAME", help="The stream's name.")
@click.option("--partition", required=True, type=click.IntRange(min=0), help="The partition.")
@click.option("--group", required=True, type=FEATURE_GROUP, help="Which group, as account_velocity:v1.")
@click.option("--key", required=True, type=FEATURE_KEY, help="Whose state, as account_id:A1.")
@click.option(
    "--cut",
    type=click.IntRange(0, INT64_MAX),
    metavar="OFFSET",
    help="The first offset that is left out. Default: that of the newest checkpoint.",
)
@click.option("--state", "state_id", metavar="ID", help="How the state's id begins. Default: any state.")
@json_option
def inspect(
    *,
    folder: str,
    features: str,
    stream: str,
    partition: int,
    group: str,
    key: str,
    cut: int | None,
    state_id: str | None,
    as_json: bool,
) -> None:
    """Show what a checkpoint in DIR holds of one key: the events that count for a group, with offsets and values.

    One line an event, by event time. The checkpoint is verified first; DIR is only read.

    Exit code: 0 done (also where the key has no event), 3 no checkpoint holds this group at this cut.
    """
    from ofs.features import Registry
    from ofs.runtime.inspect_state import Question, inspect_key

    name, _, version = group.partition(":")
    key_type, _, key_id = key.partition(":")
    question = Question(stream, partition, name, version, key_type, key_id, cut, state_id)
    found = inspect_key(Path(folder), Registry.load(features), question)
    if as_json:
        write_json(_inspect_json(found, key_type, key_id))
    else:
        _write_inspect(found, key)


@state.command("verify", epilog="\b\nExample:\n  ofs state verify state\n")
@_folder
@json_option
def verify(*, folder: str, as_json: bool) -> int:
    """Read every file of every checkpoint in DIR and compare it with the digest in its manifest.

    Nothing is changed: a replay that meets a damaged checkpoint sets it aside and uses the one before.

    Exit code: 0 sound, 4 damaged (every problem is named).
    """
    from ofs.state.inventory import verify as examine

    with progress_bar("checkpoints") as tell:
        checked = examine(Path(folder), lambda done, total: tell("verifying", done, total))
    is_sound = not any(entry.problems for entry in checked)
    if as_json:
        reports = [{**_place(item.entry), "problems": list(item.problems)} for item in checked]
        write_json({"folder": folder, "sound": is_sound, "checkpoints": reports})
    else:
        _write_verify(checked, is_sound=is_sound)
    return ExitCode.ALL_MATCH if is_sound else ExitCode.UNREACHABLE


@state.command("prune", epilog="\b\nExample:\n  ofs state prune state --keep 3\n")
@_folder
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=KEEP,
    help="How many of the newest are all kept, in each state.",
)
@json_option
def prune(*, folder: str, keep: int, as_json: bool) -> None:
    """Thin out the checkpoints in DIR, and remove those that were set aside and what killed replays left behind.

    Of each state the newest are kept, and of the older ones fewer the further back they lie: one or two at each power
    of two of the distance in offsets. Replays that are going on are not disturbed. What is removed is said.
    """
    from ofs.state.inventory import prune as thin_out

    pruned = thin_out(Path(folder), keep)
    if as_json:
        write_json(
            {
                "folder": folder,
                "removed": [_place(entry) for entry in pruned.checkpoints],
                "set_aside": [str(path) for path in pruned.set_aside],
                "left_behind": [str(path) for path in pruned.left_behind],
            }
        )
    else:
        _write_prune(pruned)


def _place(entry: Entry) -> dict[str, object]:
    return {
        "stream": entry.stream,
        "partition": entry.partition,
        "cut": entry.frontier,
        "state_id": entry.state_id,
    }


def _entry_json(entry: Entry) -> dict[str, object]:
    manifest = entry.manifest
    if manifest is None:
        return {**_place(entry), "problem": entry.problem}
    return {
        **_place(entry),
        "since": manifest.since,
        "start_from": manifest.start_from,
        "watermark_utc": _time(manifest.watermark_us),
        "groups": [f"{group.name}:{group.version}" for group in manifest.groups],
        "size_bytes": manifest.size_bytes,
        "input_digest": manifest.input_digest,
        "content_digest": manifest.content_digest,
        "created_from": manifest.created_from,
    }


def _write_list(folder: str, found: Inventory) -> None:
    rows: _Rows = [("stream", "partition", "cut", "since", "watermark", "groups", "bytes", "state")]
    for entry in found.entries:
        manifest = entry.manifest
        if manifest is not None:
            groups = " ".join(f"{group.name}:{group.version}" for group in manifest.groups)
            middle = (str(manifest.since), _time(manifest.watermark_us) or _NOTHING, groups)
            place = (entry.stream, str(entry.partition), str(entry.frontier))
            rows.append((*place, *middle, str(manifest.size_bytes), entry.state_id[:_ID_SHOWN]))
    write("\n".join(columns(rows, right=frozenset({1, 2, 3, 6}))))
    for entry in found.entries:
        if entry.problem is not None:
            say(f"error: {entry.path}: {entry.problem}")
    for path in found.set_aside:
        say(f"{path} was damaged and is set aside; `ofs state prune {folder}` removes it")


def _inspect_json(found: KeyState, key_type: str, key_id: str) -> dict[str, object]:
    manifest = found.manifest
    return {
        "stream": manifest.state.stream,
        "partition": manifest.state.partition,
        "cut": found.cut,
        "since": manifest.since,
        "frontier": manifest.frontier,
        "state_id": manifest.state_id,
        "group": {
            "name": found.definition.name,
            "version": found.definition.version,
            "digest": found.definition.digest,
        },
        "key": {"key_type": key_type, "key_id": key_id},
        "columns": [{"field": column.field, "type": str(column.type)} for column in found.columns],
        "scopes": [
            {
                "context_pins": json.loads(scope.pins),
                "contributions": [
                    {
                        "event_time_utc": _time(event.time_us),
                        "offset": event.offset,
                        "log_time_utc": _time(event.log_ts_us),
                        "values": list(event.values),
                    }
                    for event in scope.contributions
                ],
            }
            for scope in found.scopes
        ],
        "other_states": list(found.others),
    }


def _write_inspect(found: KeyState, key: str) -> None:
    state, definition = found.manifest.state, found.definition
    write(
        f"{definition.name}:{definition.version} {key} in {state.stream}:{state.partition} at cut {found.cut}, "
        f"from the checkpoint at {found.manifest.frontier} of state {found.manifest.state_id[:_ID_SHOWN]}"
    )
    head = (
        "event time",
        "offset",
        "log time",
        *(f"{column.field} {column.type}" for column in found.columns),
    )
    for scope in found.scopes:
        rows: _Rows = [head]
        for event in scope.contributions:
            times = (_time(event.time_us) or "", str(event.offset), _time(event.log_ts_us) or "")
            values = zip(event.values, (column.type.kind for column in found.columns), strict=True)
            rows.append((*times, *(_shown(value, is_text=kind == "string") for value, kind in values)))
        write(f"\n{scope.pins.decode()}")
        write("\n".join(columns(rows, right=frozenset({1}))) if scope.contributions else "no event")
    if found.others:
        say(
            f"other states hold this too, name one by --state: {', '.join(i[:_ID_SHOWN] for i in found.others)}"
        )


def _write_verify(checked: tuple[Checked, ...], *, is_sound: bool) -> None:
    rows: _Rows = [("stream", "partition", "cut", "state", "result")]
    for item in checked:
        entry = item.entry
        place = (entry.stream, str(entry.partition), str(entry.frontier), entry.state_id[:_ID_SHOWN])
        rows.append((*place, "damaged" if item.problems else "sound"))
    write("\n".join(columns(rows, right=frozenset({1, 2}))))
    for item in checked:
        for problem in item.problems:
            say(f"error: {item.entry.path}: {problem}")
    if is_sound:
        write("sound: every digest is as recorded")
    else:
        say("error: damaged; hint: nothing is lost, a replay sets it aside and reads the log instead")


def _write_prune(pruned: Pruned) -> None:
    paths = [*(entry.path for entry in pruned.checkpoints), *pruned.set_aside, *pruned.left_behind]
    for path in paths:
        write(f"removed {path}")
    if not paths:
        say("nothing to remove")


def _shown(value: Value, *, is_text: bool) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if is_text else str(value)


def _time(time_us: int | None) -> str | None:
    """A log timestamp may be any integer, which is no date then."""
    if time_us is None:
        return None
    try:
        return format_timestamp_us(time_us)
    except OverflowError:
        return f"{time_us}us"
