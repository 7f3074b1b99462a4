"""The content digest: the format by hand, laws, and agreement with the core."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.canonical.content import BLOCK_OFFSETS, ContentDigest, content_root
from ofs.native import core

Columns = tuple[
    list[int],
    list[int],
    list[int],
    list[bytes | None],
    list[bytes | None],
    list[list[tuple[str, bytes | None]]] | None,
]


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    """Columns of records that jump over blocks."""
    steps = draw(st.lists(st.integers(1, 3 * BLOCK_OFFSETS), max_size=30))
    offsets = [sum(steps[: i + 1]) for i in range(len(steps))]
    count = len(offsets)
    content = st.one_of(st.none(), st.binary(max_size=8))
    times = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=count, max_size=count))
    types = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    keys = draw(st.lists(content, min_size=count, max_size=count))
    values = draw(st.lists(content, min_size=count, max_size=count))
    header = st.lists(st.tuples(st.text(max_size=3), content), max_size=2)
    headers = draw(st.one_of(st.none(), st.lists(header, min_size=count, max_size=count)))
    return offsets, times, types, keys, values, headers


def _part(whole: Columns, start: int, end: int) -> Columns:
    offsets, times, types, keys, values, headers = whole
    cut = slice(start, end)
    return (
        offsets[cut],
        times[cut],
        types[cut],
        keys[cut],
        values[cut],
        None if headers is None else headers[cut],
    )


def test_record_and_block_have_the_documented_bytes() -> None:
    """A digest over two records of one block is what the format says, put together by hand."""
    first = (
        b"ofs-record/v1\0"
        + struct.pack(">qqB", 7, 1_000_000, 1)
        + struct.pack(">i", 1)
        + b"k"
        + struct.pack(">i", -1)
        + struct.pack(">I", 1)
        + struct.pack(">I", 2)
        + "é".encode()
        + struct.pack(">i", 0)
    )
    second = (
        b"ofs-record/v1\0"
        + struct.pack(">qqB", 9, -1, 2)
        + struct.pack(">ii", -1, 1)
        + b"v"
        + struct.pack(">I", 0)
    )
    leaves = hashlib.sha256(first).digest() + hashlib.sha256(second).digest()
    block = hashlib.sha256(b"\x00" + struct.pack(">QI", 0, 2) + leaves).hexdigest()
    digest = ContentDigest()
    digest.update([7, 9], [1_000_000, -1], [1, 2], [b"k", None], [None, b"v"], [[("é", b"")], []])
    assert digest.blocks() == [(0, 2, block)]
    assert digest.root() == block


def test_root_of_nothing_is_the_hash_of_nothing() -> None:
    """No record gives SHA-256 of no bytes."""
    assert ContentDigest().root() == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("count", range(1, 18))
def test_root_has_the_shape_of_rfc_6962(count: int) -> None:
    """The stack gives the tree that splits at the largest power of two below n."""

    def tree(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        left = 1 << ((len(leaves) - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + tree(leaves[:left]) + tree(leaves[left:])).digest()

    leaves = [bytes([number]) * 32 for number in range(count)]
    assert content_root([leaf.hex() for leaf in leaves]) == tree(leaves).hex()


@given(columns(), st.integers(0, 30))
def test_digest_does_not_depend_on_batches_or_restarts(whole: Columns, middle: int) -> None:
    """Split anywhere, carried over by its state, it is the digest of the whole."""
    once = ContentDigest()
    once.update(*whole)
    left = ContentDigest()
    left.update(*_part(whole, 0, middle))
    right = ContentDigest.restore(left.state())
    right.update(*_part(whole, middle, len(whole[0])))
    assert (right.blocks(), right.root()) == (once.blocks(), once.root())
    assert once.root() == content_root([digest for _, _, digest in once.blocks()])


@given(columns())
def test_any_change_of_a_record_changes_the_root(whole: Columns) -> None:
    """No headers and no header list are the same; a missing last record is not."""
    once, again, shorter = ContentDigest(), ContentDigest(), ContentDigest()
    once.update(*whole)
    again.update(*whole[:5], whole[5] if whole[5] is not None else [[] for _ in whole[0]])
    assert once.root() == again.root()
    if whole[0]:
        shorter.update(*_part(whole, 0, len(whole[0]) - 1))
        assert shorter.root() != once.root()


def test_update_refuses_offsets_that_do_not_ascend() -> None:
    """An offset twice, or a smaller one, is a ValueError and changes nothing."""
    digest = ContentDigest()
    digest.update([1, 2], [0, 0], [1, 1], [None, None], [b"a", b"b"], None)
    before = digest.root()
    for offsets in ([2], [1], [5, 5], [6, 4]):
        with pytest.raises(ValueError, match="does not follow"):
            digest.update(
                offsets, [0] * len(offsets), [1] * len(offsets), [None] * len(offsets), [b""] * 2, None
            )
    with pytest.raises(ValueError, match="differ in length"):
        digest.update([9], [0], [1], [None], [], None)
    assert digest.root() == before


def test_restore_refuses_what_is_no_state() -> None:
    """Foreign and cut-off bytes are a ValueError."""
    digest = ContentDigest()
    digest.update([1], [0], [1], [None], [b"a"], None)
    for state in (b"", b"ofs", digest.state()[:-1], b"x" + digest.state()):
        with pytest.raises(ValueError, match="state of a content digest"):
            ContentDigest.restore(state)


@pytest.mark.skipif(core is None, reason="the native core is not built")
@given(columns())
def test_core_and_python_agree(whole: Columns) -> None:
    """Both give the same blocks and root."""
    assert core is not None
    ours, theirs = ContentDigest(), core.RangeDigest()
    ours.update(*whole)
    theirs.update(*whole)
    assert (ours.blocks(), ours.root()) == (theirs.blocks(), theirs.root())
