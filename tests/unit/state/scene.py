"""A state with a checkpoint or more, made of entries that stand for a fold's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ofs.contracts import FeatureGroupRef
from ofs.contracts.checkpoint import CheckpointManifest, StateIdentity
from ofs.state.folder import CheckpointFacts, LiveState, StateFolder

STREAM: Final = "card.events/é"
DIGEST: Final = "aa" * 32
GROUP: Final = FeatureGroupRef(name="velocity", version="v1", digest=DIGEST)
FRONTIER: Final = b"M"


def identity(**members: Any) -> StateIdentity:
    """The identity of a state of one group and one scope."""
    given: dict[str, Any] = {
        "stream": STREAM,
        "log_id": "T1",
        "partition": 3,
        "group_digests": [DIGEST],
        "scopes": [b"{}"],
        "max_skew_us": 5,
        "start": 0,
        **members,
    }
    return StateIdentity.of(**given)


def facts(frontier: int, **members: Any) -> CheckpointFacts:
    """What a run says of its state at a cut."""
    given: dict[str, Any] = {
        "frontier": frontier,
        "start_from": "origin",
        "topic_id": "T1",
        "groups": (GROUP,),
        "watermark_us": 1_000 + frontier,
        "input_digest": f"{frontier:064x}",
        "created_from": "cc" * 32,
        **members,
    }
    return CheckpointFacts(**given)


def fold_to(state: LiveState, frontier: int) -> None:
    """Write what a fold would: an entry an offset and the frontier, in one batch."""
    done = int(state.get(FRONTIER) or b"0")
    entries = [(b"k%09d" % offset, b"v%d" % offset * 5) for offset in range(done, frontier)]
    state.write([*entries, (FRONTIER, b"%d" % frontier)])


def held_by(state: LiveState) -> int:
    """The frontier up to which the state holds every entry. Fails where it holds another number of them."""
    frontier = int(state.get(FRONTIER) or b"0")
    assert len(list(state.scan(b"k"))) == frontier
    return frontier


def with_checkpoints(
    root: Path, *frontiers: int, keep: int = 99, of: StateIdentity | None = None
) -> list[CheckpointManifest]:
    """One state with a checkpoint at each of these cuts, ascending."""
    folder = StateFolder(root, keep=keep)
    state = folder.open(identity() if of is None else of)
    taken = []
    for frontier in frontiers:
        fold_to(state, frontier)
        taken.append(state.take(facts(frontier)))
    state.close()
    return taken


def folder_of(root: Path, manifest: CheckpointManifest) -> Path:
    """Where the checkpoint lies."""
    return next(root.glob(f"*/*/{manifest.state_id}/checkpoints/{manifest.frontier:020d}"))
