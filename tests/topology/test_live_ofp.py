"""The live plane answers what the executable semantics says, byte for byte, though it shares no code with it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.canonical import DEFAULT_HASH_RULE, jcs
from ofs.contracts import AsOfBasis, DecisionRecord
from ofs.errors import UsageError
from ofs.features import FeatureGroup, canonical_definition, definition_digest
from ofs.semantics import Group, PartitionHistory, Rejection, identity, watermark_us
from ofs.semantics import Question as SemanticQuestion
from ofs.semantics import admit as semantic_admit
from ofs.sources.memory import MemoryLog, Record
from ofs.units import parse_timestamp_us
from tests.topology.live_ofp_worlds import OTHER_PINS, PARTITIONS, PINS, STREAM, LogLine, groups, log_of
from topologies.live_ofp import Event, LiveOfp, OnlineSnapshot, Pins, Question, admit, decision_record, play
from topologies.live_ofp.snapshot import canonical_pins

GROUPS = groups()
NAMES = tuple((group.name, group.version) for group in GROUPS)
KEYS = (("k", "A"), ("other", "B"), ("k", "7"), ("k", "never"), ("k", "0"), ("unknown", "A"))


class Oracle:
    """The executable semantics over the same records."""

    def __init__(self, definitions: Sequence[FeatureGroup]) -> None:
        canonical = [canonical_definition(group) for group in definitions]
        self.groups = [
            Group(index, definition, definition_digest(group))
            for index, (definition, group) in enumerate(zip(canonical, definitions, strict=True))
        ]
        scopes = [jcs(canonical_pins(pins)) for pins in (PINS, OTHER_PINS)]
        self.histories = [
            PartitionHistory(canonical, scopes, stream=STREAM, partition=p, start=0, max_skew_us=10**9)
            for p in range(PARTITIONS)
        ]

    def apply(self, line: LogLine) -> None:
        self.histories[line.partition].apply(line.offset, line.log_ts_us, line.value)

    def answer(self, served: OnlineSnapshot, pins: Pins, as_of_us: int) -> bytes:
        asked = {(name, version) for name, version, _ in served.groups}
        chosen = [g for g in self.groups if (g.definition["feature_group"], g.definition["version"]) in asked]
        question = SemanticQuestion(
            pins=jcs(canonical_pins(pins)),
            pins_object=canonical_pins(pins),
            keys=served.keys,
            groups=chosen,
            as_of_us=as_of_us,
            as_of_basis=served.as_of_basis.value,
            cut={(STREAM, h.partition): h.frontier for h in self.histories},
            hash_rule=DEFAULT_HASH_RULE,
        )
        return jcs(identity(question, self.histories))


def apply_to(ofp: LiveOfp, line: LogLine) -> None:
    ofp.apply(STREAM, line.partition, line.offset, line.log_ts_us, line.value)


@given(seed=st.integers(0, 2**32), length=st.integers(1, 90))
def test_snapshot_equals_semantics_when_events_are_disordered(seed: int, length: int) -> None:
    """Every operator in every window has the specified bytes after any record, for as-ofs that move either way."""
    chance = random.Random(seed)
    ofp, oracle = LiveOfp(GROUPS, {STREAM: PARTITIONS}), Oracle(GROUPS)
    for step, line in enumerate(log_of(chance, length)):
        apply_to(ofp, line)
        oracle.apply(line)
        if chance.random() < 0.25:
            as_of_us = chance.choice([step, step + 3, chance.randrange(-40, length + 40)])
            basis = chance.choice([AsOfBasis.EVENT_TIME, AsOfBasis.EVENT_TIME, AsOfBasis.INGEST_TIME])
            pins = OTHER_PINS if chance.random() < 0.1 else PINS
            served = ofp.serve(Question(pins, KEYS, NAMES, as_of_us, basis))
            assert served.canonical_bytes == oracle.answer(served, pins, as_of_us)
            assert served.canonical_bytes == jcs(served.identity)


@given(seed=st.integers(0, 2**32))
def test_watermark_equals_semantics_when_it_is_derived(seed: int) -> None:
    """A watermark as-of is the one that the semantics derives; a given time that differs is refused."""
    chance = random.Random(seed)
    ofp, oracle = LiveOfp(GROUPS, {STREAM: PARTITIONS}), Oracle(GROUPS)
    question = Question(PINS, KEYS[:1], NAMES[:1], None, AsOfBasis.WATERMARK)
    for line in log_of(chance, 30):
        apply_to(ofp, line)
        oracle.apply(line)
        expected_us = watermark_us(jcs(canonical_pins(PINS)), ofp.cut, oracle.histories)
        if expected_us is None:
            with pytest.raises(UsageError):
                ofp.serve(question)
            continue
        served = ofp.serve(question)
        assert served.canonical_bytes == oracle.answer(served, PINS, expected_us)
        with pytest.raises(UsageError):
            ofp.serve(Question(PINS, KEYS[:1], NAMES[:1], expected_us + 1, AsOfBasis.WATERMARK))


@given(seed=st.integers(0, 2**32))
def test_answer_is_the_same_when_contributions_were_taken_out_and_put_back(seed: int) -> None:
    """Taking contributions out answers as if they never came, and putting them back restores every byte."""
    chance = random.Random(seed)
    lines = log_of(chance, 60)
    ofp, without = LiveOfp(GROUPS, {STREAM: PARTITIONS}), LiveOfp(GROUPS, {STREAM: PARTITIONS})
    taken = []
    for line in lines:
        event = ofp.apply(STREAM, line.partition, line.offset, line.log_ts_us, line.value)
        if event is None:
            # nothing came of it; a duplicate of one that is taken out must not come in its place
            without.advance(STREAM, line.partition, line.offset + 1)
        elif chance.random() < 0.2 and event.scope[3] == PINS["run_id"]:
            place = (STREAM, line.partition, line.offset, line.log_ts_us)
            # an include group's contribution does not depend on what came before
            found = ofp.contributions(event, place, max_before_us=None)
            taken += [contribution for contribution in found if contribution.group != ("finite", "v2")]
            without.advance(STREAM, line.partition, line.offset + 1)
        else:
            apply_to(without, line)
    question = Question(PINS, KEYS, (NAMES[0], NAMES[2]), chance.randrange(-10, 70))
    whole = ofp.serve(question).canonical_bytes
    chance.shuffle(taken)
    for contribution in taken:
        ofp.remove(contribution)
        if chance.random() < 0.3:
            ofp.serve(Question(PINS, KEYS, NAMES, chance.randrange(-10, 70)))
    assert ofp.serve(question).features == without.serve(question).features
    for contribution in taken:
        ofp.insert(contribution)
        if chance.random() < 0.3:
            ofp.serve(Question(PINS, KEYS, NAMES, chance.randrange(-10, 70)))
    assert ofp.serve(question).canonical_bytes == whole


_MEMBERS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.text(max_size=4),
        st.sampled_from(["1e400", "-0", "1.5E+3", "9" * 101, "0." + "1" * 99, "NaN", "01", "1.", "-"]).map(
            lambda text: text.encode()
        ),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def _text(value: Any) -> str:
    """JSON text in which bytes stand as raw literals."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return (
            "{" + ",\t".join(f"{json.dumps(name)}: {_text(member)}" for name, member in value.items()) + "}"
        )
    return json.dumps(value)


def _good() -> dict[str, Any]:
    return {"event_id": "e", "event_type": "t", "ts_utc": "1970-01-01T00:00:00Z", **PINS, "payload": {"a": 1}}


@given(
    replaced=st.dictionaries(
        st.sampled_from([*_good(), "platform_run_id", "scenario_run_id", "x"]), _MEMBERS
    ),
    dropped=st.sets(st.sampled_from(list(_good())), max_size=1),
)
def test_admission_equals_semantics_when_members_are_odd(replaced: dict[str, Any], dropped: set[str]) -> None:
    """The plane's gate admits and rejects, with the same word, what the specified admission does."""
    envelope = {**_good(), **replaced}
    value = _text({name: member for name, member in envelope.items() if name not in dropped}).encode()
    _assert_same_verdict(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" \n\t\r{} ",
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"null",
        b'{"a":"\\ud800"}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\\\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":"\\ud800","a":1}',
        b'{"a":"\x01"}',
        b'{"a":1,}',
        b'{"a":' + b"[" * 127 + b"]" * 127 + b"}",
        b'{"a":' + b"[" * 128 + b"]" * 128 + b"}",
        b'{"a":' + b"[" * 128 + b"]" * 128 + b',"a":1}',
        b'{"a":"' + b"[" * 200 + b'"}',
        b'{"a":"' + b"1" * 200 + b'"}',
        b'{"a":' + b"1" * 100 + b"}",
        b'{"a":' + b"1" * 101 + b"}",
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":-' + b"1" * 100 + b',"a":1}',
        b'{"a":' + b"[" * 100_000,
        b'{"a":Infinity}',
        b"\x00",
    ],
)
def test_admission_equals_semantics_when_the_text_is_odd(value: bytes) -> None:
    """Texts at the limits of JSON get the verdict of the specified admission."""
    _assert_same_verdict(value)


def _assert_same_verdict(value: bytes) -> None:
    expected, found = semantic_admit(value), admit(value)
    if isinstance(expected, Rejection):
        assert found == expected.value
    else:
        assert isinstance(found, Event)
        assert (found.event_id, found.event_type, found.event_time_us) == (
            expected.event_id,
            expected.event_type,
            expected.event_time_us,
        )


def test_play_writes_decisions_that_the_semantics_confirms() -> None:
    """Decisions over a log with its own interleaving are valid records whose hash and cut the semantics confirms."""
    log = MemoryLog()
    log.create(STREAM, partitions=PARTITIONS)
    lines = log_of(random.Random(5), 120)
    for line in lines:
        log.append(STREAM, line.partition, Record(line.value, log_ts_us=line.log_ts_us, offset=line.offset))
    ofp = LiveOfp(GROUPS, {STREAM: PARTITIONS})
    records = [
        DecisionRecord.model_validate_json(text)
        for text in play(log, ofp, (STREAM,), pins=PINS, groups=NAMES[:2], seed=3, every=7)
    ]
    assert len(records) > 5
    for record in records:
        cut = {entry.partition: entry.next_offset for entry in record.basis}
        oracle, again = Oracle(GROUPS), LiveOfp(GROUPS, {STREAM: PARTITIONS})
        for line in lines:
            if line.offset < cut[line.partition]:
                oracle.apply(line)
                apply_to(again, line)
        assert record.as_of_spec.as_of_time_utc is not None
        as_of_us = parse_timestamp_us(record.as_of_spec.as_of_time_utc)
        keys = tuple((key.key_type, key.key_id) for key in record.feature_keys)
        served = again.serve(Question(PINS, keys, NAMES[:2], as_of_us))
        assert as_of_us is not None
        assert served.canonical_bytes == oracle.answer(served, PINS, as_of_us)
        rewritten = decision_record(
            served, decision_id=record.decision_id, pins=PINS, decided_at_utc="", with_features=True
        )
        assert record.online_snapshot_hash == rewritten["online_snapshot_hash"]
        assert record.online_features == rewritten["online_features"]


def test_canonical_bytes_are_rfc_8785_when_a_key_is_not_ascii() -> None:
    """Members are sorted by UTF-16 code units, not by code points, where keys call for it."""
    ofp = LiveOfp(GROUPS, {STREAM: 1})
    served = ofp.serve(Question(PINS, (("k", "\U0001f600"), ("k", "\uffff")), NAMES[2:], 0))
    assert served.canonical_bytes == jcs(served.identity)
    assert served.canonical_bytes.index("\U0001f600".encode()) < served.canonical_bytes.index(
        "\uffff".encode()
    )


def test_apply_refuses_an_offset_when_it_lies_below_the_frontier() -> None:
    """An offset that was applied is refused, never applied twice."""
    ofp = LiveOfp(GROUPS, {STREAM: 1})
    ofp.apply(STREAM, 0, 4, 0, None)
    with pytest.raises(UsageError, match="next is 5"):
        ofp.apply(STREAM, 0, 4, 0, None)
