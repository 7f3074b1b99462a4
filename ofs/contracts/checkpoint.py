"""What a checkpoint of a state says of itself: which state it is, at which cut, made of which bytes.

Not a public contract: the format of a state folder's manifests, which the planner reads and the state adapters write.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from ofs.canonical import format_integer, jcs, sha256_hex
from ofs.contracts.identity import FeatureGroupRef
from ofs.contracts.model import Contract, Count, Hex64, NonEmpty, PartitionId, StreamName
from ofs.units import INT64_MAX

STATE_FORMAT: Final = "ofs-state/v1"
"""The encoding of a state's entries, by the native core. A state of another format is another state."""
CHECKPOINT_FORMAT: Final = "ofs-checkpoint/v1"

_BEYOND_SAFE: Final = re.compile(r"-?[1-9][0-9]{15,18}", re.ASCII)


def _integer(value: object) -> object:
    """Canonical JSON writes an integer beyond ±(2^53-1) as its digits."""
    return int(value) if isinstance(value, str) and _BEYOND_SAFE.fullmatch(value) else value


_Integer = BeforeValidator(_integer)
_Offset = Annotated[int, Field(ge=0, le=INT64_MAX), _Integer]
_TimeUs = Annotated[int, Field(ge=-(2**63), le=INT64_MAX), _Integer]


class _Manifest(Contract):
    """Integers are written as canonical JSON has them: beyond ±(2^53-1) as a string of their digits."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values that canonical JSON can hold."""
        return {name: _writable(value) for name, value in super().to_dict().items()}


class StateIdentity(_Manifest):
    """What a state is of: all of one partition's fold from `start` on, for these definitions and pins.

    `groups`: definition digests. `scopes`: SHA-256 of each scope's canonical pins. Order: both ascend.
    """

    format: Literal["ofs-state/v1"] = STATE_FORMAT
    stream: StreamName
    log_id: NonEmpty
    partition: PartitionId
    groups: tuple[Hex64, ...]
    scopes: tuple[Hex64, ...]
    max_skew_us: Count
    start: _Offset

    @classmethod
    def of(
        cls,
        *,
        stream: str,
        log_id: str,
        partition: int,
        group_digests: list[str],
        scopes: list[bytes],
        max_skew_us: int,
        start: int,
    ) -> StateIdentity:
        """The identity of a fold. `scopes`: canonical ContextPins, in any order."""
        return cls(
            stream=stream,
            log_id=log_id,
            partition=partition,
            groups=tuple(sorted(group_digests)),
            scopes=tuple(sorted(sha256_hex(pins) for pins in scopes)),
            max_skew_us=max_skew_us,
            start=start,
        )

    @model_validator(mode="after")
    def _ascending(self) -> StateIdentity:
        for name, digests in (("groups", self.groups), ("scopes", self.scopes)):
            if list(digests) != sorted(set(digests)):
                raise ValueError(f"{name} do not ascend")
        return self

    @property
    def state_id(self) -> str:
        """SHA-256 of the canonical bytes: another format, definition, scope, skew or start is another state."""
        return sha256_hex(jcs(self.to_dict()))


class CheckpointFile(_Manifest):
    """One file of the checkpoint's database."""

    name: NonEmpty
    size_bytes: Count
    sha256: Hex64


class CheckpointManifest(_Manifest):
    """A state's database at a cut.

    `since`: the oldest cut that it can answer. `frontier`: the cut at which it was taken; it answers every cut from
    `since` to there. `start_from`: whether `state.start` is the log's beginning or a proven bound in time.
    `unread`: what of `[start, frontier)` the log did not hold when it was read, as half-open ranges.
    `watermark_us`: the largest event time it has seen. `input_digest`: content digest over `[start, frontier)`.
    `content_digest`: over names, sizes and digests of the files. `created_from`: the run that made it.
    Order: files by name, groups by name and version, ranges ascend and do not touch.
    """

    format: Literal["ofs-checkpoint/v1"] = CHECKPOINT_FORMAT
    state_id: Hex64
    state: StateIdentity
    topic_id: NonEmpty | None
    groups: tuple[FeatureGroupRef, ...]
    start_from: Literal["origin", "bound"]
    since: _Offset
    frontier: _Offset
    unread: tuple[tuple[_Offset, _Offset], ...]
    watermark_us: _TimeUs | None
    input_digest: Hex64
    files: tuple[CheckpointFile, ...]
    content_digest: Hex64
    created_from: Hex64

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Null where the log knows no topic id, and before the first event."""
        return frozenset({"topic_id", "watermark_us"})

    @model_validator(mode="after")
    def _agrees(self) -> CheckpointManifest:
        if self.state_id != self.state.state_id:
            raise ValueError("state_id is not that of the state")
        if not self.state.start == self.since <= self.frontier:
            raise ValueError("not start = since <= frontier")
        edges = [edge for span in self.unread for edge in span]
        if edges != sorted(set(edges)) or edges[-1:] > [self.frontier]:
            raise ValueError("unread ranges do not ascend below the frontier")
        if tuple(sorted(group.digest or "" for group in self.groups)) != self.state.groups:
            raise ValueError("groups are not those of the state")
        if self.content_digest != files_digest(self.files):
            raise ValueError("content_digest is not that of the files")
        return self

    @property
    def size_bytes(self) -> int:
        """The size of all files; those that are hard links count in every checkpoint that has them."""
        return sum(file.size_bytes for file in self.files)


def files_digest(files: tuple[CheckpointFile, ...]) -> str:
    """The digest of a checkpoint's content."""
    return sha256_hex(jcs([file.to_dict() for file in files]))


def _writable(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return format_integer(value)
    if isinstance(value, dict):
        return {name: _writable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_writable(item) for item in value]
    return value
