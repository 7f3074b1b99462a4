"""The identity of a run: all that the bytes of its outputs depend on."""

from __future__ import annotations

from ofs.canonical import sha256_hex
from ofs.contracts import DefinitionIdentity, ReplayBasis, ReplayRequest, SnapshotOutput, StreamIdentity
from ofs.planner.log_facts import LogFacts
from ofs.planner.plan import ReplayPlan

UNKNOWN_LOG: str = "unknown"


def replay_request(
    plan: ReplayPlan,
    facts: LogFacts,
    *,
    decisions_digest: str,
    hash_rules: list[str],
    max_skew_us: int,
    snapshots: SnapshotOutput,
    basis: ReplayBasis | None,
) -> ReplayRequest:
    """The request behind a plan: streams by log id, definitions by digest, and the options that change bytes."""
    return ReplayRequest(
        schema_version="ofs.request/v0",
        streams=tuple(
            StreamIdentity(stream=name, log_id=UNKNOWN_LOG if info is None else info.log_id)
            for name, info in sorted(facts.streams.items())
        ),
        basis=basis,
        decisions_digest=decisions_digest,
        definitions=tuple(
            DefinitionIdentity(name=locked.group.name, version=locked.group.version, digest=locked.digest)
            for locked in plan.locked
        ),
        max_clock_skew_us=max_skew_us,
        hash_rules=tuple(sorted(set(hash_rules))),
        snapshots=snapshots,
    )


def replay_id(request: ReplayRequest) -> str:
    """SHA-256 of the request's canonical bytes, hex."""
    return sha256_hex(request.to_bytes())
