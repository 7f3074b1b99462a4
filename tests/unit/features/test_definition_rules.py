"""Every rule of the definition language: what breaks it is named by file, line, field, found and allowed."""

from __future__ import annotations

import pytest

from ofs.errors import DefinitionError, ExitCode
from ofs.features import FeatureGroup, read_definition

BASE = """\
feature_group: account_velocity
version: v1
key: {type: account_id, field: payload.account_id}
event_types: [card_auth]
where:
  - {field: payload.status, eq: APPROVED}
late: {policy: include}
stale_after: 2d
features:
  - {name: n_count, op: count, window: 1h}
  - {name: n_sum, op: sum, field: payload.amount, type: decimal(2), window: 24h}
  - {name: n_mean, op: mean, field: payload.amount, type: decimal(2), window: {tumbling: 1h, back: 1}, scale: 6}
  - {name: n_max, op: max, field: payload.at, type: timestamp, window: {hopping: 1h, every: 5m}}
  - {name: n_last, op: last_k, k: 5, field: payload.country, type: string, window: {session: 30m, max: 24h}}
  - {name: n_ratio, op: ratio, of: [n_sum, n_count], scale: 6}
"""

COUNT, SUM, MEAN, MAX, LAST, RATIO = (
    line.removeprefix("  - ") for line in BASE.splitlines() if line.startswith("  - {name")
)
NUMBER_COUNT = "{name: n_count, op: count, window: 1h"


def read(text: str) -> FeatureGroup:
    return read_definition(text.encode(), "g/v1.yaml")


def test_the_base_of_this_table_is_a_definition() -> None:
    """The definition that every case below breaks in one place is itself read without an error."""
    group = read(BASE)
    assert [feature.name for feature in group.features] == [
        "n_count", "n_last", "n_max", "n_mean", "n_ratio", "n_sum",
    ]  # fmt: skip


# old text, new text, line, field, found, a part of allowed
TOP_CASES = [
    ("account_velocity", "Account", 1, "feature_group", "'Account'", "[a-z][a-z0-9_]*"),
    ("account_velocity", "1a", 1, "feature_group", "'1a'", "[a-z][a-z0-9_]*"),
    ("account_velocity", "a" * 129, 1, "feature_group", "'aaa", "up to 128 characters"),
    ("account_velocity", "", 1, "feature_group", "nothing", "a name"),
    ("account_velocity", "[a]", 1, "feature_group", "a list", "a name"),
    ("feature_group: account_velocity\n", "", 1, "feature_group", "nothing", "a required feature_group"),
    ("version: v1", "version: 1", 2, "version", "'1'", "v1, v2"),
    ("version: v1", "version: v0", 2, "version", "'v0'", "v1, v2"),
    ("version: v1", "version: v01", 2, "version", "'v01'", "v1, v2"),
    ("version: v1", "version: v1\nowner: me", 3, "owner", "an unknown member", "feature_group"),
    ("{type: account_id, field", "{type: Account, field", 3, "key.type", "'Account'", "[a-z]"),
    ("{type: account_id, field", "{field", 3, "key.type", "nothing", "a required type"),
    ("payload.account_id}", "account_id}", 3, "key.field", "'account_id'", "payload.NAME"),
    ("payload.account_id}", "payload}", 3, "key.field", "'payload'", "payload.NAME"),
    ("payload.account_id}", "payload.a-b}", 3, "key.field", "'payload.a-b'", "payload.NAME"),
    ("payload.account_id}", "payload..b}", 3, "key.field", "'payload..b'", "payload.NAME"),
    ("payload.account_id}", "payload.á}", 3, "key.field", "'payload.á'", "payload.NAME"),
    ("payload.account_id}", "payload.a, kind: x}", 3, "key.kind", "an unknown member", "type, field"),
    ("key: {type: account_id, field: payload.account_id}", "key: account_id", 3, "key", "'account_id'", "a mapping"),
    ("[card_auth]", "[]", 4, "event_types", "an empty list", "a list of event types"),
    ("[card_auth]", "card_auth", 4, "event_types", "'card_auth'", "a list of event types"),
    ("[card_auth]", "[a, b, a]", 4, "event_types[2]", "'a' for a second time", "once"),
    ("[card_auth]", "['']", 4, "event_types[0]", "''", "1 to 256"),
    ("[card_auth]", f"[{'x' * 257}]", 4, "event_types[0]", "'xxx", "1 to 256"),
    ("stale_after: 2d", "stale_after: 0d", 8, "stale_after", "'0d'", "a duration"),
    ("stale_after: 2d", "stale_after: 2", 8, "stale_after", "'2'", "us, ms, s, m, h, d, w"),
    ("stale_after: 2d", "stale_after: 02d", 8, "stale_after", "'02d'", "a duration"),
    ("stale_after: 2d", "stale_after: 9007199254740992us", 8, "stale_after", "'90071", "2^53-1"),
    ("{policy: include}", "{policy: keep}", 7, "late.policy", "'keep'", "one of include, drop"),
    ("{policy: include}", "{}", 7, "late.policy", "nothing", "a required policy"),
    ("{policy: include}", "include", 7, "late", "'include'", "a mapping"),
    ("{policy: include}", "{policy: drop}", 7, "late.allowed_lateness", "nothing", "required duration"),
    ("{policy: include}", "{policy: drop, allowed_lateness: 0s}", 7, "late.allowed_lateness", "'0s'", "a duration"),
    (
        "{policy: include}", "{policy: include, allowed_lateness: 5m}",
        7, "late.allowed_lateness", "allowed_lateness with include", "only policy",
    ),
    ("{policy: include}", "{policy: include, since: 5m}", 7, "late.since", "an unknown member", "policy"),
]  # fmt: skip

WHERE_CASES = [
    ("eq: APPROVED", "eq: A, ne: B", 6, "where[0]", "eq and ne", "exactly one of"),
    (", eq: APPROVED", "", 6, "where[0]", "no comparison", "exactly one of"),
    ("eq: APPROVED", "like: A", 6, "where[0].like", "an unknown member", "field, eq"),
    ("eq: APPROVED", "eq: [A]", 6, "where[0].eq", "a list", "a plain JSON number"),
    ("eq: APPROVED", "eq: ", 6, "where[0].eq", "nothing", "a plain JSON number"),
    ("eq: APPROVED", "in: A", 6, "where[0].in", "'A'", "a list of scalars"),
    ("eq: APPROVED", "in: []", 6, "where[0].in", "an empty list", "at least one"),
    ("eq: APPROVED", "in: [1, [2]]", 6, "where[0].in[1]", "a list", "a plain JSON number"),
    ("eq: APPROVED", "in: [1, a, 1.0]", 6, "where[0].in[2]", "'1.0' for a second time", "once"),
    ("eq: APPROVED", "gt: A", 6, "where[0].gt", "'A'", "a plain JSON number with gt"),
    ("eq: APPROVED", "gte: '1'", 6, "where[0].gte", "'1'", "a plain JSON number with gte"),
    ("eq: APPROVED", "lt: true", 6, "where[0].lt", "'true'", "a plain JSON number with lt"),
    ("eq: APPROVED", "lte: 010", 6, "where[0].lte", "'010'", "a plain JSON number with lte"),
    ("eq: APPROVED", "gt: 1e100", 6, "where[0].gt", "'1e100'", "up to 100 characters"),
    ("eq: APPROVED", f"eq: {'1' * 101}", 6, "where[0].eq", "'111", "up to 100 characters"),
    ("field: payload.status, eq", "eq", 6, "where[0].field", "nothing", "a required field"),
    ("payload.status", "status", 6, "where[0].field", "'status'", "payload.NAME"),
    ("  - {field: payload.status, eq: APPROVED}\n", "", 5, "where", "nothing", "a list of conditions"),
]  # fmt: skip

FEATURE_CASES = [
    (COUNT, "{op: count, window: 1h}", 10, "features[0].name", "nothing", "a required name"),
    (COUNT, "{name: n_count, window: 1h}", 10, "features[0].op", "nothing", "a required op"),
    (COUNT, "{name: N, op: count, window: 1h}", 10, "features[0].name", "'N'", "[a-z]"),
    (COUNT, "{name: n_count, op: median, window: 1h}", 10, "features[0].op", "'median'", "one of count"),
    (COUNT, "{name: n_count, op: count}", 10, "features[0].window", "nothing", "a required window"),
    (COUNT, NUMBER_COUNT + ", field: payload.a}", 10, "features[0].field", "field with count", "only name, op, window"),
    (COUNT, NUMBER_COUNT + ", type: int}", 10, "features[0].type", "type with count", "only name, op, window"),
    (COUNT, NUMBER_COUNT + ", scale: 2}", 10, "features[0].scale", "scale with count", "only name, op, window"),
    (COUNT, NUMBER_COUNT + ", k: 2}", 10, "features[0].k", "k with count", "only name, op, window"),
    (COUNT, NUMBER_COUNT + ", of: [n_sum, n_sum]}", 10, "features[0].of", "of with count", "only name, op, window"),
    (COUNT, NUMBER_COUNT + ", note: x}", 10, "features[0].note", "an unknown member", "name, op"),
    (COUNT, "count", 10, "features[0]", "'count'", "a mapping"),
    (SUM, SUM.replace("type: decimal(2), ", ""), 11, "features[1].type", "nothing", "a required type with sum"),
    (SUM, SUM.replace("field: payload.amount, ", ""), 11, "features[1].field", "nothing", "a required field with sum"),
    (SUM, SUM.replace("24h", "24h, scale: 2"), 11, "features[1].scale", "scale with sum", "only name, op, field"),
    (SUM, SUM.replace("decimal(2)", "string"), 11, "features[1].type", "string with sum", "one of int"),
    (SUM, SUM.replace("decimal(2)", "bool"), 11, "features[1].type", "bool with sum", "one of int"),
    (SUM, SUM.replace("decimal(2)", "timestamp"), 11, "features[1].type", "timestamp with sum", "one of int"),
    (SUM, SUM.replace("decimal(2)", "decimal"), 11, "features[1].type", "'decimal'", "decimal(SCALE)"),
    (SUM, SUM.replace("decimal(2)", "decimal(19)"), 11, "features[1].type", "'decimal(19)'", "0 to 18"),
    (SUM, SUM.replace("decimal(2)", "decimal(02)"), 11, "features[1].type", "'decimal(02)'", "0 to 18"),
    (SUM, SUM.replace("decimal(2)", "float"), 11, "features[1].type", "'float'", "one of int"),
    (SUM, SUM.replace("decimal(2)", "Int"), 11, "features[1].type", "'Int'", "one of int"),
    (SUM, SUM.replace("payload.amount", "amount"), 11, "features[1].field", "'amount'", "payload.NAME"),
    (MEAN, MEAN.replace(", scale: 6", ""), 12, "features[2].scale", "nothing", "a required scale with mean"),
    (MEAN, MEAN.replace("scale: 6", "scale: 19"), 12, "features[2].scale", "'19'", "0 to 18"),
    (MEAN, MEAN.replace("scale: 6", "scale: -1"), 12, "features[2].scale", "'-1'", "0 to 18"),
    (MEAN, MEAN.replace("scale: 6", "scale: 06"), 12, "features[2].scale", "'06'", "0 to 18"),
    (MEAN, MEAN.replace("scale: 6", "scale: 6.0"), 12, "features[2].scale", "'6.0'", "0 to 18"),
    (MEAN, MEAN.replace("decimal(2)", "decimal(3)"), 12, "features[2].type", "decimal(3) for", "decimal(2)"),
    (MAX, MAX.replace("timestamp", "bool"), 13, "features[3].type", "bool with max", "timestamp, string"),
    (LAST, LAST.replace("k: 5, ", ""), 14, "features[4].k", "nothing", "a required k with last_k"),
    (LAST, LAST.replace("k: 5", "k: 0"), 14, "features[4].k", "'0'", "1 to 1000"),
    (LAST, LAST.replace("k: 5", "k: 1001"), 14, "features[4].k", "'1001'", "1 to 1000"),
    (LAST, LAST.replace("name: n_last", "name: n_sum"), 14, "features[4].name", "'n_sum' for a second time", "once"),
    (RATIO, RATIO.replace(", scale: 6", ""), 15, "features[5].scale", "nothing", "a required scale with ratio"),
    (RATIO, RATIO.replace("of: [n_sum, n_count], ", ""), 15, "features[5].of", "nothing", "a required of"),
    (RATIO, RATIO.replace("scale: 6", "scale: 6, window: 1h"), 15, "features[5].window", "window with", "only"),
    (RATIO, RATIO.replace("scale: 6", "scale: 6, type: int"), 15, "features[5].type", "type with ratio", "only name"),
    (RATIO, RATIO.replace("[n_sum, n_count]", "[n_sum]"), 15, "features[5].of", "a list of 1", "two feature"),
    (RATIO, RATIO.replace("[n_sum, n_count]", "n_sum"), 15, "features[5].of", "'n_sum'", "two feature"),
    (RATIO, RATIO.replace("n_count]", "n_other]"), 15, "features[5].of[1]", "'n_other'", "a feature of this group"),
    (RATIO, RATIO.replace("n_count]", "n_ratio]"), 15, "features[5].of[1]", "'n_ratio', ratio", "count_distinct, sum"),
    (RATIO, RATIO.replace("[n_sum", "[n_last"), 15, "features[5].of[0]", "'n_last', last_k of string", "count"),
    (RATIO, RATIO.replace("[n_sum", "[n_max"), 15, "features[5].of[0]", "'n_max', max of timestamp", "int or decimal"),
    (BASE[BASE.index("features:") :], "features: []\n", 9, "features", "an empty list", "at least one"),
    (BASE[BASE.index("features:") :], "features: {}\n", 9, "features", "a mapping", "a list of features"),
    (BASE[BASE.index("features:") :], "", 1, "features", "nothing", "a required features"),
]  # fmt: skip

WINDOW_CASES = [
    ("window: 24h", "window: 24", "features[1].window", "'24'", "{tumbling: DURATION"),
    ("window: 24h", "window: 1.5h", "features[1].window", "'1.5h'", "a duration as in 24h"),
    ("window: 24h", "window: 24H", "features[1].window", "'24H'", "a duration as in 24h"),
    ("window: 24h", "window: forever", "features[1].window", "'forever'", "lifetime"),
    ("window: 24h", "window: [24h]", "features[1].window", "a list", "lifetime"),
    ("window: 24h", "window: {}", "features[1].window", "an empty mapping", "lifetime"),
    ("window: 24h", "window: {sliding: 24h}", "features[1].window", "a mapping of sliding", "lifetime"),
    ("window: 24h", "window: {back: 1}", "features[1].window", "a mapping of back", "lifetime"),
    ("window: 24h", "window: {tumbling: 1h, session: 1h}", "features[1].window", "a mapping of tumbling, session", ""),
    ("window: 24h", "window: {tumbling: 1h, every: 5m}", "features[1].window.every", "an unknown", "tumbling"),
    ("window: 24h", "window: {tumbling: 0h}", "features[1].window.tumbling", "'0h'", "a duration"),
    ("window: 24h", "window: {tumbling: [1h]}", "features[1].window.tumbling", "a list", "a duration"),
    ("window: 24h", "window: {tumbling: 1h, back: -1}", "features[1].window.back", "'-1'", "0 to 1000"),
    ("window: 24h", "window: {tumbling: 1h, back: 1001}", "features[1].window.back", "'1001'", "0 to 1000"),
    ("window: 24h", "window: {tumbling: 105d, back: 1000}", "features[1].window.back", "'1000'", "2^53-1"),
    ("window: 24h", "window: {hopping: 1h}", "features[1].window.every", "nothing", "a required duration"),
    ("window: 24h", "window: {hopping: 1h, every: x}", "features[1].window.every", "'x'", "a duration"),
    ("window: 24h", "window: {hopping: 1h, every: 5m, back: 1}", "features[1].window.back", "an unknown", "hopping"),
    ("window: 24h", "window: {session: 1h, max: 0h}", "features[1].window.max", "'0h'", "a duration"),
    ("window: 24h", "window: {session: 1h, gap: 2h}", "features[1].window.gap", "an unknown member", "session, max"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "found", "allowed"),
    [*TOP_CASES, *WHERE_CASES, *FEATURE_CASES, *((c[0], c[1], 11, *c[2:]) for c in WINDOW_CASES)],
)
def test_a_broken_rule_is_named_by_line_and_field(
    old: str, new: str, line: int, field: str, found: str, allowed: str
) -> None:
    """A file that breaks one rule gives an error with file, line, field, what was found and what is allowed."""
    assert BASE.count(old) >= 1
    with pytest.raises(DefinitionError) as raised:
        read(BASE.replace(old, new, 1))
    error = raised.value
    assert (error.file, error.line, error.field) == ("g/v1.yaml", line, field)
    assert error.found.startswith(found)
    assert allowed in error.allowed
    assert str(error) == f"g/v1.yaml:{line}: {field}: found {error.found}; allowed: {error.allowed}"
    assert error.exit_code is ExitCode.USAGE


def test_the_largest_bucket_that_fits_is_allowed() -> None:
    """`back` 1,000 is allowed up to a bucket whose reach still fits into 2^53-1 microseconds."""
    group = read(BASE.replace("window: 24h", "window: {tumbling: 104d, back: 1000}"))
    assert group.reach_us() == 104 * 86_400_000_000 * 1_001


def test_a_long_value_is_cut_in_the_message() -> None:
    """A value of 10,000 characters does not flood the terminal."""
    with pytest.raises(DefinitionError) as raised:
        read(BASE.replace("version: v1", f"version: {'x' * 10_000}"))
    assert len(str(raised.value)) < 300


def test_a_file_above_one_mebibyte_is_refused() -> None:
    """A file larger than any definition is refused before it is parsed."""
    with pytest.raises(DefinitionError) as raised:
        read_definition(b"#" * ((1 << 20) + 1), "g/v1.yaml")
    assert (raised.value.line, raised.value.field) == (None, "document")
    assert raised.value.found == "1048577 bytes"
