"""The vectors in contracts/vectors: `python -m tests.golden.make_vectors` compares them, `--update` writes them.

Published vectors never change; cases are only added. definitions.json has its own script beside this one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from ofs.canonical import canonical_text, jcs, sha256_hex
from ofs.canonical.content import ContentDigest
from ofs.canonical.strict_json import NotJsonError, NotUtf8Error
from ofs.features import definition_bytes, definition_digest
from ofs.semantics import Rejection, admit
from ofs.semantics.windows import bounds, select
from ofs.units import format_timestamp_us
from tests.golden import admission_cases, canonical_cases, content_cases
from tests.golden.byte_values import Written, bytes_of, text_bytes
from tests.golden.operator_cases import CASES as OPERATOR_CASES
from tests.golden.scenes import by_semantics, decision
from tests.golden.snapshot_cases import identities
from tests.golden.window_cases import CASES as WINDOW_CASES

FOLDER: Final = Path(__file__).parents[2] / "contracts" / "vectors"
Vector = dict[str, Any]


def canonical_vectors() -> list[Vector]:
    """Open JSON texts: canonical bytes and their hash, or why the text is no JSON."""
    accepted = [(name, text) for name, (text, _) in canonical_cases.ACCEPTED.items()]
    rejected = [*canonical_cases.NOT_UTF8.items(), *canonical_cases.NOT_JSON.items()]
    return [_canonical(name, text) for name, text in (*accepted, *rejected)]


def _canonical(name: str, text: Written) -> Vector:
    try:
        canonical = canonical_text(text_bytes(text))
    except NotUtf8Error:
        return {"name": name, "text": text, "rejected": "not_utf8"}
    except NotJsonError:
        return {"name": name, "text": text, "rejected": "not_json"}
    shown: Written = canonical.decode() if len(canonical) < 1_000 or isinstance(text, str) else text
    return {"name": name, "text": text, "canonical": shown, "sha256": sha256_hex(canonical)}


def hash_vectors() -> list[Vector]:
    """Identity parts of snapshots, their canonical text and snapshot hash."""
    return [
        {
            "name": name,
            "identity": part,
            "canonical": jcs(part).decode(),
            "snapshot_hash": sha256_hex(jcs(part)),
        }
        for name, part in identities().items()
    ]


def content_vectors() -> list[Vector]:
    """Ranges of records: record digests, block digests, root."""
    found = []
    for name, records in content_cases.CASES.items():
        digest = ContentDigest()
        digest.update(
            [record[0] for record in records],
            [record[1] for record in records],
            [record[2] for record in records],
            [record[3] for record in records],
            [record[4] for record in records],
            [record[5] for record in records],
        )
        listed = [
            {**content_cases.written(record), "digest": content_cases.record_digest(record).hex()}
            for record in records
        ]
        blocks = [{"block": str(b), "records": count, "digest": text} for b, count, text in digest.blocks()]
        found.append({"name": name, "records": listed, "blocks": blocks, "root": digest.root()})
    return found


def admission_vectors() -> list[Vector]:
    """Record values: what is admitted, or the reason of the rejection."""
    accepted = [(name, value) for name, (value, _) in admission_cases.ACCEPTED.items()]
    rejected = [(name, value) for name, (value, _) in admission_cases.REJECTED.items()]
    return [{"name": name, "value": value, **admitted(value)} for name, value in (*accepted, *rejected)]


def admitted(value: Written) -> Vector:
    """What the semantics make of a record value."""
    event = admit(bytes_of(value))
    if isinstance(event, Rejection):
        return {"rejected": event.value}
    return {
        "admitted": {
            "event_id": event.event_id,
            "event_type": event.event_type,
            "ts_us": str(event.event_time_us),
            "pins": json.loads(event.pins),
        }
    }


def window_vectors() -> list[Vector]:
    """Windows: bounds, and which events are inside; times as decimal strings."""
    found = []
    for name, case in WINDOW_CASES.items():
        start, end = bounds(case.window, case.as_of_us)
        inside = select([_At(time) for time in case.events], case.window, case.as_of_us)
        found.append(
            {
                "name": name,
                "window": case.window,
                "as_of_us": str(case.as_of_us),
                "start_us": None if start is None else str(start),
                "end_us": str(end),
                "events_us": [str(time) for time in case.events],
                "inside_us": [str(event.event_time_us) for event in inside],
            }
        )
    return found


class _At:
    """An event that is nothing but its time."""

    def __init__(self, event_time_us: int) -> None:
        self.event_time_us = event_time_us


def operator_vectors() -> list[Vector]:
    """Small replays: definition, records, decision, and what the snapshot holds."""
    found = []
    for name, case in OPERATOR_CASES.items():
        scene, group = case.scene, case.scene.group
        part = by_semantics(scene)
        found.append(
            {
                "name": name,
                "definition": json.loads(definition_bytes(group)),
                "digest": definition_digest(group),
                "records": [
                    {"partition": p, "offset": o, "log_time_utc": format_timestamp_us(t), "value": value}
                    for p, o, t, value in scene.records
                ],
                "decision": json.loads(canonical_text(decision(scene))),
                "features": part["features"],
                "freshness": part["freshness"],
                "snapshot_hash": sha256_hex(jcs(part)),
            }
        )
    return found


FILES: Final = {
    "canonical.json": canonical_vectors,
    "hashes.json": hash_vectors,
    "content.json": content_vectors,
    "admission.json": admission_vectors,
    "windows.json": window_vectors,
    "operators.json": operator_vectors,
}


def file_text(vectors: list[Vector]) -> str:
    """A file of vectors: one vector a line."""
    lines = ",\n".join(json.dumps(vector, ensure_ascii=True, separators=(",", ":")) for vector in vectors)
    return f"[\n{lines}\n]\n"


def read_vectors(name: str) -> list[Vector]:
    """The vectors of a file."""
    vectors: list[Vector] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return vectors


def main(arguments: list[str]) -> int:
    """0 where the files are current or were written; 1 where they are not current; 2 on wrong usage."""
    if arguments not in ([], ["--update"]):
        print("usage: python -m tests.golden.make_vectors [--update]", file=sys.stderr)
        return 2
    if arguments and os.environ.get("CI"):
        print("vectors are not written under CI: write them by hand and read the difference", file=sys.stderr)
        return 2
    stale = []
    for name, vectors in FILES.items():
        text, path = file_text(vectors()), FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if arguments:
                path.write_text(text, encoding="utf-8")
    verb = "written" if arguments else "not current"
    print(f"{verb}: {', '.join(stale)}" if stale else "all current")
    return 1 if stale and not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
