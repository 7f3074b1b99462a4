"""A batch to be replayed under faults, and what an undisturbed run writes for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ofs
from tests.fault.kill import committed
from tests.integration.scenario import Auth, decision, registry, written
from tests.integration.topics import Topics

EVENTS = 600
PARITY, SNAPSHOTS, RUNS, DEAD_LETTERS = (
    "ofs.parity.v1",
    "ofs.snapshots.v1",
    "ofs.runs.v1",
    "ofs.deadletter.v1",
)
FILES = {PARITY: "parity.jsonl", SNAPSHOTS: "snapshots.jsonl", DEAD_LETTERS: "deadletter.jsonl"}
_MATCH_EVERY = 5


def auths(count: int = EVENTS) -> list[Auth]:
    """Events of two cards."""
    return [
        Auth(second=7 * number, amount=f"{number % 50}.25", card=f"c{number % 2}") for number in range(count)
    ]


@dataclass
class Requests:
    """Replay requests over one topic of events, each with decisions of its own; their outputs are read back."""

    bootstrap: str
    topics: Topics
    stream: str
    folder: Path
    chunk: int = 20

    def __post_init__(self) -> None:
        self.features = registry(self.folder / "features")

    def write_events(self) -> str:
        """Create the topic of events and fill it; returns its id."""
        topic_id = self.topics.create(self.stream)
        self.topics.write(self.stream, written(auths()))
        return topic_id

    def decisions(self, name: str, *, topic_id: str | None = None) -> Path:
        """A file of 600 decisions, one an event, a fifth of which match, with a line that is none in between."""
        path = self.folder / f"{name}.ndjson"
        if not path.exists():
            lines = [json.dumps(item) for item in self._templates]
            lines = [line.replace('"d-', f'"{name}-') for line in lines]
            if topic_id is not None:
                lines = [
                    line.replace('"next_offset"', f'"topic_id": "{topic_id}", "next_offset"')
                    for line in lines
                ]
            path.write_text("\n".join([*lines[:100], "[]", *lines[100:]]) + "\n", encoding="utf-8")
        return path

    def arguments(self, name: str, *given: str) -> list[str]:
        """The command line that replays the decisions of that name from the broker."""
        return [
            *("replay", "--events", f"kafka://{self.bootstrap}", "--features", str(self.features)),
            *("--decisions", str(self.decisions(name)), "--batch-size", str(self.chunk), *given),
        ]

    def to_kafka(self, name: str, *given: str) -> list[str]:
        """The same, into topics of the broker."""
        return self.arguments(name, "--sink", f"kafka://{self.bootstrap}", *given)

    def undisturbed(self, name: str) -> Path:
        """The folder that a run nobody disturbs writes for these decisions; made once."""
        out = self.folder / f"{name}-undisturbed"
        if not out.exists():
            ofs.replay(
                events=f"kafka://{self.bootstrap}",
                decisions=str(self.decisions(name)),
                features=str(self.features),
                out=str(out),
            )
        return out

    def compare(self, names: Sequence[str], *, is_same_log: bool = True) -> list[str]:
        """What differs between the topics and the folders of undisturbed runs: nothing where all is well.

        The certificate says what the log held: it is equal only where the log still was the same.
        """
        held = {topic: committed(self.bootstrap, topic) for topic in (*FILES, RUNS)}
        owners = {topic: [_owner(message) for message in held[topic]] for topic in FILES}
        problems = []
        for name in names:
            folder = self.undisturbed(name)
            replay_id = json.loads((folder / "run.json").read_bytes())["replay_id"]
            for topic, file in FILES.items():
                expected = (folder / file).read_bytes().splitlines()
                # a dead letter does not name its run, but the digest of the decisions
                mine_are = {
                    replay_id,
                    *(json.loads(line)["source"] for line in expected if topic == DEAD_LETTERS),
                }
                rows = zip(held[topic], owners[topic], strict=True)
                mine = [_text(message) for message, owner in rows if owner in mine_are]
                if mine != expected:
                    problems.append(
                        f"{name}: {topic} holds {len(mine)} records, not those {len(expected)} of {file}"
                    )
            keys = (f"{replay_id}/certificate".encode(), replay_id.encode())
            ends = [
                # where the reading began is the one thing that a state changes
                _text(message).replace(b'"start_from":"checkpoint"', b'"start_from":"origin"')
                for message in held[RUNS]
                if message.key() in keys
            ]
            certificate = (folder / "certificate.json").read_bytes().rstrip()
            if (
                len(ends) != 2
                or (is_same_log and ends[0] != certificate)
                or json.loads(ends[1])["replay_id"] != replay_id
            ):
                problems.append(
                    f"{name}: {RUNS} holds {len(ends)} records of the end, or another certificate"
                )
        return problems

    @cached_property
    def _templates(self) -> list[dict[str, Any]]:
        events = auths()
        made: list[dict[str, Any]] = []
        for number in range(1, EVENTS + 1):
            if number % _MATCH_EVERY == 1:
                made.append(
                    decision(
                        f"d-{number}",
                        stream=self.stream,
                        applied=events[:number],
                        cut={0: number},
                        as_of_s=7 * EVENTS,
                        registry_dir=self.features,
                    )
                )
            else:
                basis = [made[-1]["basis"][0] | {"next_offset": number}]
                made.append(made[-1] | {"decision_id": f"d-{number}", "basis": basis})
        return made


def _text(message: Any) -> bytes:
    return bytes(message.value() or b"")


def _owner(message: Any) -> str | None:
    """Whose record of an output topic it is: a run's, or that of the decisions with a line that is none."""
    found = json.loads(_text(message))
    owner = found.get("source") or found.get("replay_id") or found.get("provenance", {}).get("replay_id")
    return None if owner is None else str(owner)
