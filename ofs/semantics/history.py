"""One partition's log, folded record by record into contributions; every count of the certificate is kept here.

The order is fixed: decode, admit, duplicates, event type, `where`, key, values, lateness. Visibility comes later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ofs.canonical import format_integer
from ofs.semantics.admission import Event, Rejection, admit
from ofs.semantics.conditions import holds
from ofs.semantics.values import KeyInvalidError, Typed, ValueInvalidError, key_text, member, typed

LISTED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one usable event gives to a group's key: its place in the total order and its typed values by field."""

    event_time_us: int
    stream: str
    partition: int
    offset: int
    log_ts_us: int
    values: Mapping[str, Typed | None]

    @property
    def order(self) -> tuple[int, str, int, int]:
        """The total order of events."""
        return self.event_time_us, self.stream, self.partition, self.offset


@dataclass(slots=True)
class Listing:
    """A full count and the first 1,000 entries."""

    count: int = 0
    entries: list[Any] = field(default_factory=list)

    def add(self, entry: Any, weight: int = 1) -> None:
        self.count += weight
        if len(self.entries) < LISTED_MAX:
            self.entries.append(entry)

    def to_dict(self, name: str = "offsets") -> dict[str, Any]:
        return {"count": self.count, name: self.entries}


@dataclass(slots=True)
class GroupTally:
    """What became of a group's events."""

    usable: int = 0
    filtered: int = 0
    listings: dict[str, Listing] = field(
        default_factory=lambda: {
            name: Listing() for name in ("no_key", "key_invalid", "value_invalid", "value_missing", "late")
        }
    )

    def to_dict(self) -> dict[str, Any]:
        listed = {name: listing.to_dict() for name, listing in self.listings.items()}
        return {"usable": self.usable, "filtered": self.filtered, **listed}


class PartitionHistory:
    """The contributions of a partition from `start` on, for the groups and the scopes (canonical pins) asked for.

    Order: `apply` needs ascending offsets.
    """

    def __init__(
        self,
        definitions: Sequence[Mapping[str, Any]],
        scopes: Sequence[bytes],
        *,
        stream: str,
        partition: int,
        start: int,
        max_skew_us: int,
    ) -> None:
        self.definitions: Final = definitions
        self.stream: Final = stream
        self.partition: Final = partition
        self.start: Final = start
        self.frontier = start
        self.records = 0
        self.admitted = 0
        self.rejected = Listing()
        self.rejected_by_reason: Counter[str] = Counter()
        self.duplicates = Listing()
        self.duplicates_differing = Listing()
        self.other_pins = 0
        self.holes = Listing()
        self.skew_us_max: int | None = None
        self.skew_violation: int | None = None
        self.tallies: Final = [GroupTally() for _ in definitions]
        self._scopes: Final = frozenset(scopes)
        self._max_skew_us: Final = max_skew_us
        self._first_copies: dict[tuple[bytes, str, str], bytes] = {}
        self._contributions: dict[tuple[int, bytes, str], list[Contribution]] = {}
        self._maxima: dict[bytes, list[tuple[int, int]]] = {}

    def apply(self, offset: int, log_ts_us: int, value: bytes | None) -> None:
        """Fold the next record."""
        self.advance(offset)
        self.frontier = offset + 1
        self.records += 1
        event = admit(value)
        if isinstance(event, Rejection):
            self.rejected.add([offset, event.value])
            self.rejected_by_reason[event.value] += 1
            return
        self.admitted += 1
        self._observe_skew(offset, event.event_time_us - log_ts_us)
        self.other_pins += event.pins not in self._scopes
        if self._is_duplicate(offset, event, value or b""):
            return
        if event.pins in self._scopes:
            self._contribute(offset, log_ts_us, event)

    def advance(self, to: int) -> None:
        """Move the frontier; what was passed over delivered nothing."""
        if to <= self.frontier:
            return
        listed = self.holes.entries
        if listed and listed[-1][1] == self.frontier:
            self.holes.count += to - self.frontier
            listed[-1] = [listed[-1][0], to]
        else:
            self.holes.add([self.frontier, to], to - self.frontier)
        self.frontier = to

    def contributions(self, group: int, pins: bytes, key: str) -> list[Contribution]:
        """All contributions of a key so far, in offset order."""
        return self._contributions.get((group, pins, key), [])

    def max_event_time_us(self, pins: bytes, cut: int) -> int | None:
        """The largest event time of the first copies with these pins and an offset below the cut."""
        return max((time for offset, time in self._maxima.get(pins, []) if offset < cut), default=None)

    def certificate(self, content_digest: str) -> dict[str, Any]:
        """The counts over `[start, frontier)`, as PartitionCertificate has them."""
        return {
            "stream": self.stream,
            "partition": self.partition,
            "start": self.start,
            "end": self.frontier,
            "records": self.records,
            "admitted": self.admitted,
            "rejected": {
                **self.rejected.to_dict(),
                "by_reason": dict(sorted(self.rejected_by_reason.items())),
            },
            "duplicates": self.duplicates.to_dict(),
            "duplicates_differing": self.duplicates_differing.to_dict(),
            "other_pins": self.other_pins,
            "holes": self.holes.to_dict("ranges"),
            "skew_us_max": None if self.skew_us_max is None else format_integer(self.skew_us_max),
            "skew_violation": self.skew_violation,
            "content_digest": content_digest,
            "groups": {
                f"{definition['feature_group']}:{definition['version']}": tally.to_dict()
                for definition, tally in zip(self.definitions, self.tallies, strict=True)
            },
        }

    def _observe_skew(self, offset: int, skew_us: int) -> None:
        if self.skew_us_max is None or skew_us > self.skew_us_max:
            self.skew_us_max = skew_us
        if skew_us > self._max_skew_us and self.skew_violation is None:
            self.skew_violation = offset

    def _is_duplicate(self, offset: int, event: Event, value: bytes) -> bool:
        identity = (event.pins, event.event_type, event.event_id)
        if identity not in self._first_copies:
            self._first_copies[identity] = value
            return False
        self.duplicates.add(offset)
        if self._first_copies[identity] != value:
            self.duplicates_differing.add(offset)
        return True

    def _contribute(self, offset: int, log_ts_us: int, event: Event) -> None:
        maxima = self._maxima.setdefault(event.pins, [])
        max_before_us = maxima[-1][1] if maxima else None
        if max_before_us is None or event.event_time_us > max_before_us:
            maxima.append((offset, event.event_time_us))
        for index, definition in enumerate(self.definitions):
            if event.event_type in definition["event_types"]:
                self._contribute_to(index, offset, log_ts_us, event, max_before_us)

    def _contribute_to(
        self, index: int, offset: int, log_ts_us: int, event: Event, max_before_us: int | None
    ) -> None:
        definition, tally = self.definitions[index], self.tallies[index]
        if not all(holds(condition, event.payload) for condition in definition["where"]):
            tally.filtered += 1
            return
        try:
            key = key_text(member(event.payload, definition["key"]["field"]))
            if key is None:
                tally.listings["no_key"].add(offset)
                return
            values = {
                feature["field"]: typed(member(event.payload, feature["field"]), feature["type"])
                for feature in definition["features"]
                if "field" in feature
            }
        except KeyInvalidError:
            tally.listings["key_invalid"].add(offset)
            return
        except ValueInvalidError:
            tally.listings["value_invalid"].add(offset)
            return
        if _is_late(definition["late"], event.event_time_us, max_before_us):
            tally.listings["late"].add(offset)
            return
        tally.usable += 1
        if None in values.values():
            tally.listings["value_missing"].add(offset)
        self._contributions.setdefault((index, event.pins, key), []).append(
            Contribution(event.event_time_us, self.stream, self.partition, offset, log_ts_us, values)
        )


def _is_late(policy: Mapping[str, Any], event_time_us: int, max_before_us: int | None) -> bool:
    if policy["policy"] == "include" or max_before_us is None:
        return False
    return event_time_us < max_before_us - int(policy["allowed_lateness_us"])
