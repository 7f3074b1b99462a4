"""A replay request: what identifies a run, and how it is to be executed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ofs.contracts.identity import ReplayBasis
from ofs.contracts.model import Contract, Count, Hex64, NonEmpty, StreamName


class SnapshotOutput(StrEnum):
    """Which rebuilt snapshots are written."""

    ALL = "all"
    MISMATCH = "mismatch"
    NONE = "none"


class StreamIdentity(Contract):
    """A stream and the topic or archive that stands behind it."""

    stream: StreamName
    log_id: NonEmpty


class DefinitionIdentity(Contract):
    """A feature group version and the digest of its definition."""

    name: NonEmpty
    version: NonEmpty
    digest: Hex64


class ReplayRequest(Contract):
    """All that the bytes of a run's outputs depend on: its digest is the replay id.

    Never paths, addresses, workers or batch sizes.
    """

    schema_version: Annotated[str, Field(pattern=r"^ofs\.request/v0$")]
    streams: tuple[StreamIdentity, ...]
    basis: ReplayBasis | None = None
    decisions_digest: Hex64
    definitions: tuple[DefinitionIdentity, ...]
    max_clock_skew_us: Count
    hash_rules: tuple[NonEmpty, ...]
    snapshots: Annotated[SnapshotOutput, Field(strict=False)]
