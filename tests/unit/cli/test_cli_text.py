"""What people read: definitions, summaries, columns; and no progress bar where nobody watches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ofs.cli.definition_text import definition_lines
from ofs.cli.progress import progress_bar
from ofs.cli.summary import summary_json, summary_lines
from ofs.cli.terminal import columns
from ofs.features import Shown, canonical_definition, read_definition
from ofs.runtime.report import ReplayReport
from tests.unit.cli.write_reference import REPLAY_RESULT

DEFINITION = b"""
feature_group: g
version: v2
key: {type: account_id, field: payload.account.id}
event_types: [card_auth, card_refund]
where: [{field: payload.status, in: [OK, 7, true]}, {field: payload.amount, gte: 1.5}]
late: {policy: drop, allowed_lateness: 5m}
stale_after: 36h
features:
  - {name: a, op: count, window: 24h}
  - {name: b, op: sum, field: payload.amount, type: decimal(2), window: {tumbling: 1h}}
  - {name: c, op: mean, field: payload.amount, type: decimal(2), window: {tumbling: 1h, back: 2}, scale: 6}
  - {name: d, op: last_k, k: 5, field: payload.c, type: string, window: {hopping: 1h, every: 5m}}
  - {name: e, op: max, field: payload.amount, type: decimal(2), window: {session: 30m, max: 24h}}
  - {name: f, op: count, window: {session: 90s}}
  - {name: g, op: age_of_last, window: lifetime}
  - {name: h, op: ratio, of: [b, a], scale: 3}
"""

REPORT = ReplayReport(
    replay_id="ab" * 32,
    decisions=12_345,
    duplicates=3,
    dead_letters=1,
    results={"MATCH": 12_000, "MISMATCH": 300},
    reasons={"BASIS_MISSING": 5, "HISTORY_TRUNCATED": 40},
    mismatch_fields={"features/g/a": 100, "features/g/b": 200},
    records_read=1_000_000,
    seconds=4.0,
    parity_digest="cd" * 32,
    certificate=None,
    certificate_digest="ef" * 32,
    engine="native",
    notices=("a notice",),
    run=None,
)


def test_a_definition_is_laid_out_for_reading() -> None:
    """Every member of a definition is shown: head, conditions, policy, each window and its parameters."""
    group = read_definition(DEFINITION, "g/v2.yaml")
    lines = definition_lines(Shown("g", "v2", "0" * 64, True, canonical_definition(group)))
    assert lines == [
        "g v2  locked",
        "  digest       0000000000000000000000000000000000000000000000000000000000000000",
        "  key          account_id from payload.account.id",
        "  events       card_auth, card_refund",
        '  where        payload.status in ["OK", 7, true]',
        "  where        payload.amount gte 1.5",
        "  late         dropped, 5m allowed",
        "  stale after  36h",
        "  feature  op           of              type        window               more",
        "  a        count                                    1d",
        "  b        sum          payload.amount  decimal(2)  tumbling 1h",
        "  c        mean         payload.amount  decimal(2)  tumbling 1h back 2   scale 6",
        "  d        last_k       payload.c       string      hopping 1h every 5m  k 5",
        "  e        max          payload.amount  decimal(2)  session 30m max 1d",
        "  f        count                                    session 90s",
        "  g        age_of_last                              lifetime",
        "  h        ratio        b / a                                            scale 3",
    ]


def test_a_summary_shows_every_verdict_and_what_it_is_made_of() -> None:
    """Counts by verdict, the differing fields and reasons below theirs with the largest first, then the run."""
    assert summary_lines(REPORT, outputs="out") == [
        "decisions            12,345",
        "MATCH                12,000",
        "MISMATCH                300",
        "  features/g/b          200",
        "  features/g/a          100",
        "UNCHECKABLE               0",
        "  HISTORY_TRUNCATED      40",
        "  BASIS_MISSING           5",
        "repeated decisions        3",
        "dead letters              1",
        "",
        "read         1,000,000 records in 4.0 s (250,000/s), native engine",
        "outputs      out",
        f"replay id    {'ab' * 32}",
        f"parity       {'cd' * 32}",
        f"certificate  {'ef' * 32}",
    ]


def test_a_summary_of_an_unknown_result_shows_no_zeros() -> None:
    """A run that was finished before, into topics, has no counts by verdict here, and says why."""
    report = replace(
        REPORT,
        results={},
        reasons={},
        mismatch_fields={},
        verified_only=True,
        parity_digest="",
        certificate_digest="",
    )
    assert summary_lines(report, outputs="kafka://h:1") == [
        "decisions           12,345",
        "repeated decisions       3",
        "dead letters             1",
        "",
        "read       nothing: this run was finished before; its outputs were verified and not changed",
        "outputs    kafka://h:1",
        f"replay id  {'ab' * 32}",
    ]


def test_the_json_summary_has_every_verdict_and_the_documented_members() -> None:
    """A verdict that no decision got stands as 0, and the members are those of the reference page."""
    summary = summary_json(REPORT, outputs="out")
    assert summary["results"] == {"MATCH": 12_000, "MISMATCH": 300, "UNCHECKABLE": 0}
    assert summary["exit_code"] == 1
    assert list(summary) == list(REPLAY_RESULT)


def test_columns_of_nothing_are_no_lines() -> None:
    """No rows give no lines, and a cell cannot break the layout."""
    assert columns([]) == []
    assert columns([("a\nb", "c")]) == ["a\\nb  c"]


def test_no_progress_bar_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress into a file or a pipe is nothing at all."""
    with progress_bar("records") as tell:
        tell("reading", 1, None)
        tell("reading", 2, 2)
    assert capsys.readouterr() == ("", "")
