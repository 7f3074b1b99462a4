"""The state of one key at a cut, as a checkpoint holds it: for people who want to see why a feature has its value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ofs.canonical import sha256_hex
from ofs.contracts.checkpoint import CheckpointManifest
from ofs.errors import NotCheckableError, StateError, UsageError
from ofs.features import Locked, Registry
from ofs.ports import StateStore
from ofs.runtime.state_entries import (
    IDENTITY_KEY,
    Column,
    Contribution,
    columns_of,
    contributions_prefix,
    read_contributions,
    read_scopes,
)
from ofs.state.inventory import inventory, reading


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `cut`: None for that of the newest checkpoint. `state_id`: how it begins, None for any state."""

    stream: str
    partition: int
    group: str
    version: str
    key_type: str
    key_id: str
    cut: int | None = None
    state_id: str | None = None


@dataclass(frozen=True, slots=True)
class ScopedState:
    """The contributions under one set of pins with offsets below the cut. Order: event time, then offset."""

    pins: bytes
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class KeyState:
    """The answer. `others`: states that could have answered too, of other groups, pins, skew or start."""

    manifest: CheckpointManifest
    cut: int
    definition: Locked
    columns: tuple[Column, ...]
    scopes: tuple[ScopedState, ...]
    others: tuple[str, ...]


def inspect_key(root: Path, registry: Registry, question: Question) -> KeyState:
    """Read the contributions of a key. The checkpoint is checked first; nothing is written.

    Taken is a checkpoint at or behind the cut that is as near to it as any, of the state that starts first.
    Raises UsageError, NotCheckableError where no checkpoint holds it, StateError where the one that does is damaged.
    """
    is_latest = question.version == "latest"
    locked = registry.latest(question.group) if is_latest else registry.get(question.group, question.version)
    if locked is None:
        raise UsageError(
            f"{question.group}:{question.version} is not published in the registry",
            hint="`ofs features show DIR` lists what is",
        )
    if question.key_type != locked.group.key.type:
        raise UsageError(
            f"{locked.name}:{locked.version} is keyed by {locked.group.key.type}, not by {question.key_type}"
        )
    chosen, others = _choose(root, question, locked)
    cut = chosen.frontier if question.cut is None else question.cut
    columns = columns_of(locked.group)
    with reading(root, chosen) as store:
        scopes = _scopes(store, locked.digest, question.key_id, columns, cut)
    return KeyState(chosen, cut, locked, tuple(columns), scopes, others)


def _choose(root: Path, question: Question, locked: Locked) -> tuple[CheckpointManifest, tuple[str, ...]]:
    holding = [
        entry.manifest
        for entry in inventory(root).entries
        if (entry.stream, entry.partition) == (question.stream, question.partition)
        and entry.manifest is not None
        and locked.digest in entry.manifest.state.groups
        and entry.state_id.startswith(question.state_id or "")
    ]
    what = f"{locked.name}:{locked.version} of {question.stream}:{question.partition}"
    if not holding:
        raise NotCheckableError(
            f"no checkpoint holds {what}", hint="`ofs state list DIR` shows what is there"
        )
    if question.cut is None:
        order = sorted(holding, key=lambda entry: (-entry.frontier, entry.since, entry.state_id))
    else:
        fitting = [entry for entry in holding if entry.since <= question.cut <= entry.frontier]
        order = sorted(fitting, key=lambda entry: (entry.frontier, entry.since, entry.state_id))
        if not order:
            spans = ", ".join(sorted({f"[{entry.since}, {entry.frontier}]" for entry in holding}))
            raise NotCheckableError(
                f"no checkpoint of {what} can answer cut {question.cut}", hint=f"they answer cuts in {spans}"
            )
    others = {entry.state_id for entry in order} - {order[0].state_id}
    return order[0], tuple(sorted(others))


def _scopes(
    store: StateStore, digest: str, key_id: str, columns: list[Column], cut: int
) -> tuple[ScopedState, ...]:
    identity = store.get(IDENTITY_KEY)
    if identity is None:
        raise StateError("the checkpoint holds no state", hint="remove it, it is rebuilt from the log")
    found = []
    for pins in sorted(read_scopes(identity)):
        prefix = contributions_prefix(sha256_hex(pins), digest, key_id)
        entries = [
            entry
            for _, value in store.scan(prefix)
            for entry in read_contributions(value, columns)
            if entry.offset < cut
        ]
        entries.sort(key=lambda entry: (entry.time_us, entry.offset))
        found.append(ScopedState(pins, tuple(entries)))
    return tuple(found)
