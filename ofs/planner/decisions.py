"""The typed decoder of decision records. What is wrong with one is a reason, never an exception.

The native core decodes the entirely well-formed ones itself; this decoder reads all others, and every decision for
the reference engine. `Decision.problems` is empty exactly for those that the core calls regular.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ofs.canonical import DEFAULT_HASH_RULE, NotJsonError, Number, parse
from ofs.canonical.strict_json import NotUtf8Error
from ofs.contracts import AsOfBasis, Reason, ReasonDetail
from ofs.units import INT64_MAX, parse_timestamp_us

Cut = dict[tuple[str, int], int]

MAX_LINE_BYTES: Final = 16 * 1024 * 1024

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,127}", re.ASCII)
_HEX64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INTEGER: Final = re.compile(r"-?[0-9]+", re.ASCII)
_PIN_NAMES: Final = frozenset(
    (
        "manifest_fingerprint",
        "parameter_hash",
        "scenario_id",
        "run_id",
        "seed",
        "platform_run_id",
        "scenario_run_id",
    )
)


class DeadLetterReason(StrEnum):
    """Why a line names no decision."""

    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    DECISION_ID_MISSING = "DECISION_ID_MISSING"
    DECISION_CONFLICT = "DECISION_CONFLICT"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision record; a member that is missing or ill-typed is None, and `problems` says so."""

    decision_id: str
    request_id: str | None
    pins: bytes | None
    keys: tuple[tuple[str, str], ...] | None
    groups: tuple[tuple[str, str, str | None], ...] | None
    as_of_us: int | None
    as_of_basis: AsOfBasis | None
    cut: Cut | None
    topic_ids: dict[tuple[str, int], str]
    hash_rule: str | None
    online_hash: str | None
    online_features: dict[str, Any] | None
    decided_us: int | None
    problems: tuple[ReasonDetail, ...] = field(default=())


def decode_decision(line: bytes) -> Decision | DeadLetterReason:
    """The decision that a line holds, or why it names none."""
    if len(line) > MAX_LINE_BYTES:
        return DeadLetterReason.NOT_AN_OBJECT
    try:
        record = parse(line)
    except (NotJsonError, NotUtf8Error):
        return DeadLetterReason.NOT_AN_OBJECT
    if not isinstance(record, dict):
        return DeadLetterReason.NOT_AN_OBJECT
    decision_id = record.get("decision_id")
    if not _is_string(decision_id):
        return DeadLetterReason.DECISION_ID_MISSING
    return _Reader(record).decision(str(decision_id))


class _Reader:
    """Reads one record's members and gathers what is wrong with them."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self._problems: list[ReasonDetail] = []

    def decision(self, decision_id: str) -> Decision:
        if not 1 <= len(decision_id) <= 256:
            self._problem(Reason.DECISION_INVALID, "decision_id must have 1 to 256 characters")
        as_of_us, as_of_basis = self._as_of()
        cut, topic_ids = self._basis()
        self._optional("online_snapshot_ref", _is_string, "a string")
        self._optional("extensions", _is_object, "an object")
        decided = self._optional("decided_at_utc", _is_timestamp, "a timestamp")
        return Decision(
            decision_id=decision_id,
            request_id=self._optional("request_id", _is_string, "a string"),
            pins=self._pins(),
            keys=self._keys(),
            groups=self._groups(),
            as_of_us=as_of_us,
            as_of_basis=as_of_basis,
            cut=cut,
            topic_ids=topic_ids,
            hash_rule=self._hash_rule(),
            online_hash=self._optional("online_snapshot_hash", _is_hex64, "64 lower-case hex digits"),
            online_features=self._optional("online_features", _is_object, "an object"),
            decided_us=None if decided is None else parse_timestamp_us(decided),
            problems=tuple(self._problems),
        )

    def _problem(self, reason: Reason, detail: str) -> None:
        self._problems.append(ReasonDetail(reason=reason, detail=detail))

    def _optional(self, name: str, is_valid: Any, allowed: str) -> Any:
        value = self._record.get(name)
        if value is None or is_valid(value):
            return value
        self._problem(Reason.DECISION_INVALID, f"{name} must be {allowed}")
        return None

    def _pins(self) -> bytes | None:
        from ofs.semantics.admission import canonical_pins  # few runs meet a line that is decoded here

        pins = self._record.get("context_pins")
        if not isinstance(pins, dict):
            self._problem(Reason.PINS_INVALID, "context_pins must be an object")
            return None
        unknown = sorted(set(pins) - _PIN_NAMES)
        canonical = canonical_pins(pins)
        if unknown or canonical is None:
            self._problem(
                Reason.PINS_INVALID, "context_pins is missing a required pin, or one is malformed or unknown"
            )
            return None
        return canonical

    def _keys(self) -> tuple[tuple[str, str], ...] | None:
        keys = self._record.get("feature_keys")
        if not isinstance(keys, list) or not keys or not all(_is_key(key) for key in keys):
            self._problem(
                Reason.KEY_INVALID, "feature_keys must be a list of {key_type, key_id}, at least one"
            )
            return None
        pairs = tuple((str(key["key_type"]), str(key["key_id"])) for key in keys)
        if len(set(pairs)) != len(pairs):
            self._problem(Reason.KEY_INVALID, "feature_keys names a key twice")
            return None
        return pairs

    def _groups(self) -> tuple[tuple[str, str, str | None], ...] | None:
        groups = self._record.get("feature_groups")
        if not isinstance(groups, list) or not groups or not all(_is_group(group) for group in groups):
            self._problem(
                Reason.DECISION_INVALID, "feature_groups must be a list of {name, version, digest?}"
            )
            return None
        triples = [(str(g["name"]), str(g["version"]), g.get("digest")) for g in groups]
        if len({name for name, _, _ in triples}) != len(triples):
            self._problem(Reason.DECISION_INVALID, "feature_groups names a group twice")
            return None
        return tuple(sorted(triples, key=lambda triple: triple[0]))

    def _as_of(self) -> tuple[int | None, AsOfBasis | None]:
        spec = self._record.get("as_of_spec")
        allowed = {"as_of_time_utc", "as_of_basis"}
        if not isinstance(spec, dict) or set(spec) - allowed or not _is_string(spec.get("as_of_basis")):
            self._problem(Reason.AS_OF_INVALID, "as_of_spec must be {as_of_time_utc, as_of_basis}")
            return None, None
        name, time = str(spec["as_of_basis"]), spec.get("as_of_time_utc")
        if name not in list(AsOfBasis):
            self._problem(Reason.AS_OF_INVALID, "as_of_basis must be event_time, ingest_time or watermark")
            return None, None
        basis = AsOfBasis(name)
        if time is None and basis is AsOfBasis.WATERMARK:
            return None, basis
        if not _is_timestamp(time):
            self._problem(Reason.AS_OF_INVALID, "as_of_time_utc must be a timestamp")
            return None, None
        return parse_timestamp_us(str(time)), basis

    def _basis(self) -> tuple[Cut | None, dict[tuple[str, int], str]]:
        entries = self._record.get("basis")
        if entries is None or entries == []:
            self._problem(Reason.BASIS_MISSING, "the decision names no basis")
            return None, {}
        problem = _basis_problem(entries)
        if problem is not None:
            self._problem(Reason.BASIS_INCOMPLETE, problem)
            return None, {}
        cut = {(str(e["stream"]), int(e["partition"])): int(e["next_offset"]) for e in entries}
        topic_ids = {
            (str(e["stream"]), int(e["partition"])): str(e["topic_id"])
            for e in entries
            if e.get("topic_id") is not None
        }
        return cut, topic_ids

    def _hash_rule(self) -> str | None:
        rule = self._record.get("hash_rule")
        if rule is None:
            return DEFAULT_HASH_RULE
        if _is_string(rule):
            return str(rule)
        self._problem(Reason.HASH_RULE_UNKNOWN, "hash_rule must be a string")
        return None


def _basis_problem(entries: Any) -> str | None:
    """What keeps a basis from being a cut: each partition 0 to n-1 of each stream, once."""
    if not isinstance(entries, list) or not all(_is_basis_entry(entry) for entry in entries):
        return "basis must be a list of {stream, partition, next_offset, topic_id?}"
    partitions: dict[str, list[int]] = {}
    for entry in entries:
        partitions.setdefault(str(entry["stream"]), []).append(int(entry["partition"]))
    for stream, named in sorted(partitions.items()):
        if sorted(named) != list(range(len(named))):
            return f"stream {stream}: partitions {sorted(named)} are not 0 to n-1, once each"
    return None


def _is_string(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_timestamp(value: Any) -> bool:
    return _is_string(value) and parse_timestamp_us(value) is not None


def _is_hex64(value: Any) -> bool:
    return _is_string(value) and _HEX64.fullmatch(value) is not None


def _is_integer(value: Any, largest: int) -> bool:
    return isinstance(value, Number) and _INTEGER.fullmatch(value) is not None and 0 <= int(value) <= largest


def _is_key(key: Any) -> bool:
    if not isinstance(key, dict) or set(key) != {"key_type", "key_id"}:
        return False
    key_type, key_id = key["key_type"], key["key_id"]
    return (
        _is_string(key_type) and _NAME.fullmatch(key_type) is not None and _is_string(key_id) and key_id != ""
    )


def _is_group(group: Any) -> bool:
    if not isinstance(group, dict) or not {"name", "version"} <= set(group) <= {"name", "version", "digest"}:
        return False
    has_names = all(_is_string(group[name]) and group[name] != "" for name in ("name", "version"))
    return has_names and (group.get("digest") is None or _is_hex64(group["digest"]))


def _is_basis_entry(entry: Any) -> bool:
    from ofs.semantics.admission import is_text

    required, allowed = (
        {"stream", "partition", "next_offset"},
        {"stream", "partition", "next_offset", "topic_id"},
    )
    if not isinstance(entry, dict) or not required <= set(entry) <= allowed:
        return False
    topic_id = entry.get("topic_id")
    return (
        is_text(entry["stream"], 249)
        and _is_integer(entry["partition"], 2**31 - 1)
        and _is_integer(entry["next_offset"], INT64_MAX)
        and (topic_id is None or (_is_string(topic_id) and topic_id != ""))
    )
