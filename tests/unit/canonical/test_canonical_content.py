"""The content digest in Python: what it refuses, how it is carried over, and that a whole block is a block."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.canonical.content import BLOCK_OFFSETS, ContentDigest, content_root, new_content_digest
from ofs.native import core
from tests.golden import content_cases
from tests.golden.content_cases import Record

DIGESTS: list[Any] = [ContentDigest, *([] if core is None else [core.RangeDigest])]
_HEADER = st.tuples(st.text(st.characters(codec="utf-8"), max_size=3), st.none() | st.binary(max_size=3))
_OFFSETS = st.lists(st.integers(0, 3 * BLOCK_OFFSETS), unique=True, max_size=8).map(sorted)


def _column(records: list[Record], index: int) -> list[Any]:
    return [record[index] for record in records]


def feed(digest: Any, records: list[Record]) -> Any:
    """The digest after these records."""
    digest.update(*(_column(records, index) for index in range(6)))
    return digest


@pytest.fixture(params=DIGESTS, ids=lambda kind: str(kind.__module__))
def kind(request: pytest.FixtureRequest) -> Any:
    """The digest in Python and, where it was built, the core's."""
    return request.param


def test_a_whole_block_and_one_record(kind: Any) -> None:
    """4,096 records are one block, the next begins another; as the second way to compute them says."""
    records: list[Record] = [
        (offset, offset, 2, None, b"%d" % offset, []) for offset in range(BLOCK_OFFSETS + 1)
    ]
    expected = content_cases.blocks(records)
    digest = feed(kind(), records)
    assert digest.blocks() == [(block, count, text.hex()) for block, count, text in expected]
    assert digest.root() == content_root([text.hex() for _, _, text in expected])


@given(_OFFSETS, st.data())
def test_batches_restores_and_engines_do_not_matter(offsets: list[int], data: st.DataObject) -> None:
    """Whatever the cuts into batches and the restores between them, root and blocks are those of one batch."""
    records: list[Record] = [
        (
            offset,
            data.draw(st.integers(-(2**63), 2**63 - 1)),
            data.draw(st.integers(0, 2)),
            data.draw(st.none() | st.binary(max_size=3)),
            data.draw(st.none() | st.binary(max_size=3)),
            data.draw(st.lists(_HEADER, max_size=2)),
        )
        for offset in offsets
    ]
    whole = feed(ContentDigest(), records)
    assert (
        whole.root() == content_cases.root([digest for _, _, digest in content_cases.blocks(records)]).hex()
    )
    for kind in DIGESTS:
        digest, position = kind(), 0
        while position < len(records):
            stop = data.draw(st.integers(position + 1, len(records)))
            digest = kind.restore(feed(digest, records[position:stop]).state())
            position = stop
        assert (digest.root(), digest.blocks()) == (whole.root(), whole.blocks())


def test_no_headers_is_a_null_column(kind: Any) -> None:
    """A batch without headers and one with empty lists have one digest."""
    digest = kind()
    digest.update([1], [2], [0], [b"k"], [b"v"], None)
    assert digest.root() == feed(kind(), [(1, 2, 0, b"k", b"v", [])]).root()


@pytest.mark.parametrize("offsets", [[1, 1], [2, 1], [-1]])
def test_offsets_must_ascend(kind: Any, offsets: list[int]) -> None:
    """A repeated, falling or negative offset is refused, and the digest is as it was."""
    digest = feed(kind(), [(0, 0, 0, None, b"a", [])])
    before = digest.root()
    with pytest.raises(ValueError):
        digest.update(
            offsets, [0] * len(offsets), [0] * len(offsets), [None] * len(offsets), [b""] * len(offsets), None
        )
    assert digest.root() == before


def test_an_offset_behind_the_last_batch_is_refused(kind: Any) -> None:
    """Order holds over batches, also after a restore."""
    digest = kind.restore(feed(kind(), [(7, 0, 0, None, b"a", [])]).state())
    with pytest.raises(ValueError):
        feed(digest, [(7, 0, 0, None, b"b", [])])


@pytest.mark.parametrize("column", range(1, 6))
def test_columns_must_have_one_length(kind: Any, column: int) -> None:
    """A column that is too short is refused."""
    columns: list[Any] = [[0, 1], [0, 0], [0, 0], [None, None], [b"", b""], [[], []]]
    columns[column] = columns[column][:1]
    with pytest.raises(ValueError):
        kind().update(*columns)


@pytest.mark.parametrize(
    "change",
    [lambda state: b"", lambda state: state[:-1], lambda state: b"x" + state, lambda state: state[:30]],
)
def test_another_state_is_refused(kind: Any, change: Any) -> None:
    """What is no state of this digest, or is cut off, is refused."""
    state = feed(kind(), [(0, 0, 0, None, b"a", []), (5000, 0, 0, None, b"b", [])]).state()
    with pytest.raises(ValueError):
        kind.restore(change(state))


def test_the_new_digest_is_the_cores_where_it_was_built() -> None:
    """Whichever it is, it gives the same root."""
    digest = new_content_digest()
    assert type(digest) is (ContentDigest if core is None else core.RangeDigest)
    assert digest.root() == content_root([])
