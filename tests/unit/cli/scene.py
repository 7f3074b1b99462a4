"""A small card log with the decisions that a live plane took on it, as files for the command line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ofs.features import Registry
from ofs.sources.archive import ArchiveLog, import_ndjson
from topologies.card_payments import REGISTRY
from topologies.card_payments.envelope import PINS as CARD_PINS
from topologies.card_payments.generator import STREAM, Traffic, generate, to_ndjson
from topologies.live_ofp import LiveOfp, play

PINS: Final[dict[str, Any]] = dict(CARD_PINS)
GROUPS: Final = (("account_velocity", "v1"), ("merchant_activity", "v1"))
_TRAFFIC: Final = Traffic(partitions=3, accounts=20, merchants=5, text_only=True)
_EVENTS: Final = 300
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Scene:
    """`log`: NDJSON; `archive`: the same as an archive; `decisions`: what the live plane recorded, all to match."""

    folder: Path
    log: Path
    archive: Path
    decisions: Path
    pins: Path
    registry: Path = REGISTRY

    @property
    def events(self) -> str:
        """The address of the archive."""
        return f"archive:{self.archive}"

    def records(self) -> list[dict[str, Any]]:
        """The decisions as objects."""
        return [json.loads(line) for line in self.decisions.read_bytes().splitlines()]

    def with_decisions(self, name: str, decisions: list[Any]) -> Path:
        """Another decision file: objects as lines; a text stands as it is."""
        path = self.folder / name
        lines = [item if isinstance(item, str) else json.dumps(item) for item in decisions]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def replay_arguments(self, out: Path, decisions: Path | None = None) -> list[str]:
        """`ofs replay` on this scene."""
        return [
            *("replay", "--events", self.events, "--features", str(self.registry)),
            *("--decisions", str(decisions or self.decisions), "--out", str(out)),
        ]


def build(folder: Path) -> Scene:
    """Write the scene's files."""
    scene = Scene(
        folder,
        folder / "log.ndjson.gz",
        folder / "archive",
        folder / "decisions.ndjson",
        folder / "pins.json",
    )
    lines = list(to_ndjson(generate(_SEED, _EVENTS, _TRAFFIC)))
    scene.log.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))
    import_ndjson(lines, STREAM, scene.archive)
    scene.decisions.write_bytes(b"".join(line + b"\n" for line in _decide(scene.archive)))
    scene.pins.write_text(json.dumps(PINS), encoding="utf-8")
    return scene


def _decide(archive: Path) -> Iterator[bytes]:
    registry = Registry.load(REGISTRY)
    found = [registry.get(*name) for name in GROUPS]
    ofp = LiveOfp([locked.group for locked in found if locked is not None], {STREAM: _TRAFFIC.partitions})
    return play(ArchiveLog(archive), ofp, (STREAM,), pins=PINS, groups=GROUPS, seed=_SEED, every=5)
