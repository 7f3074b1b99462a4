"""What every StateStore must do: `check_state_store` runs it all and raises ContractBroken at the first difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ofs.errors import StateError
from ofs.ports import StateStore
from ofs.testing.broken import expect, expect_raises

StoreFactory = Callable[[], StateStore]
"""Gives a new, empty store at every call."""


def check_state_store(factory: StoreFactory) -> None:
    """Run every check, each over a store of its own."""
    for check in STATE_CHECKS:
        store = factory()
        try:
            check(store)
        finally:
            store.close()


def check_empty(store: StateStore) -> None:
    """An empty store holds nothing."""
    expect("get of nothing", None, store.get(b"a"))
    expect("get_many of nothing", [None, None], store.get_many([b"a", b""]))
    expect("get_many of no keys", [], store.get_many([]))
    expect("scan of nothing", [], list(store.scan(b"")))


def check_write_and_get(store: StateStore) -> None:
    """What was put is got back, the last put of a key counts, and empty keys and values are entries like others."""
    store.write([(b"a", b"1"), (b"b", b""), (b"", b"empty key"), (b"a", b"2")])
    expect("get", b"2", store.get(b"a"))
    expect("get of an empty value", b"", store.get(b"b"))
    expect("get of the empty key", b"empty key", store.get(b""))
    expect("get_many in order", [b"", None, b"2", b"2"], store.get_many([b"b", b"c", b"a", b"a"]))


def check_delete(store: StateStore) -> None:
    """A deleted entry is gone, deleting what is not there is fine, and deletes are applied after puts."""
    store.write([(b"a", b"1"), (b"b", b"2")])
    store.write([(b"b", b"3"), (b"c", b"4")], [b"b", b"never"])
    expect("after the deletes", [(b"a", b"1"), (b"c", b"4")], list(store.scan(b"")))


def check_scan_order(store: StateStore) -> None:
    """A scan gives the entries of its prefix in byte order, whatever bytes they hold."""
    keys = [b"", b"\x00", b"a", b"a\x00", b"aa", b"a\xff", b"b", b"d", b"m", b"\xff", b"\xff\xff"]
    store.write([(key, b"v" + key) for key in reversed(keys)])
    expect("all in byte order", [(key, b"v" + key) for key in keys], list(store.scan(b"")))
    expect("prefix a", [b"a", b"a\x00", b"aa", b"a\xff"], [key for key, _ in store.scan(b"a")])
    expect("prefix ff", [b"\xff", b"\xff\xff"], [key for key, _ in store.scan(b"\xff")])
    expect("prefix of nothing", [], list(store.scan(b"ab")))


def check_scan_many(store: StateStore) -> None:
    """Many prefixes give what each alone gives, in any order, also where one comes twice or lies inside another."""
    store.write([(key, b"v" + key) for key in (b"", b"a", b"aa", b"aa\x00", b"ab", b"b", b"d", b"\xff")])
    store.write([(b"aa", b"new"), (b"c", b"")], [b"ab"])
    prefixes = [b"b", b"aa", b"", b"ab", b"a", b"aa", b"\xff", b"\xff\xff"]
    expect("scan_many", [list(store.scan(prefix)) for prefix in prefixes], store.scan_many(prefixes))
    expect("scan_many of no prefixes", [], store.scan_many([]))
    firsts = [b"b", b"aa\x00", b"b", b"ab", b"aa\x00", b"aab", b"\xff", b"\xff\xff"]
    found = [
        [entry for entry in store.scan(prefix) if entry[0] >= first]
        for prefix, first in zip(prefixes, firsts, strict=True)
    ]
    expect("scan_many from keys on", found, store.scan_many(prefixes, firsts))


def check_last(store: StateStore) -> None:
    """The last entry under a prefix up to a key, that one included, is of the prefix or none."""
    store.write([(key, b"v" + key) for key in (b"", b"a", b"aa", b"ac", b"b", b"m", b"\xff")], [b"a"])
    asked = [(b"", b""), (b"a", b"a"), (b"a", b"aa"), (b"a", b"ab"), (b"a", b"a\xff"), (b"aa", b"aa\xff")]
    asked += [(b"ab", b"ab\xff"), (b"\xff", b"\xff\xff"), (b"n", b"n")]
    found = [store.last(prefix, upto) for prefix, upto in asked]
    expect("last", [b"", None, b"aa", b"aa", b"ac", b"aa", None, b"\xff", None], [e and e[0] for e in found])
    expect("its value", (b"ac", b"vac"), store.last(b"a", b"az"))


def check_scan_isolated(store: StateStore) -> None:
    """A scan shows the entries as they were when it began."""
    store.write([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")])
    scan = store.scan(b"")
    first = next(scan)
    store.write([(b"b", b"9"), (b"bb", b"new")], [b"c"])
    expect("the rest", [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], [first, *scan])
    expect("a new scan", [(b"a", b"1"), (b"b", b"9"), (b"bb", b"new")], list(store.scan(b"")))


def check_write_is_atomic(store: StateStore) -> None:
    """A write whose entries fail half-way leaves nothing."""
    store.write([(b"a", b"1")])

    def failing() -> Iterator[tuple[bytes, bytes]]:
        yield b"a", b"2"
        yield b"b", b"2"
        raise KeyError("no more")

    expect_raises("a failing write", KeyError, lambda: store.write(failing()))
    expect("after it", [(b"a", b"1")], list(store.scan(b"")))


def check_many_entries(store: StateStore) -> None:
    """Thousands of entries over many writes are all there."""
    for lot in range(20):
        store.write([(b"%06d" % (number * 20 + lot), b"x" * (number % 50)) for number in range(200)])
    store.write([], [b"%06d" % number for number in range(0, 4000, 2)])
    expect(
        "the odd ones", [b"%06d" % number for number in range(1, 4000, 2)], [k for k, _ in store.scan(b"00")]
    )


def check_closed(store: StateStore) -> None:
    """A closed store says so, and closing it again does nothing."""
    store.write([(b"a", b"1")])
    store.close()
    store.close()
    expect_raises("get after close", StateError, lambda: store.get(b"a"))
    expect_raises("get_many after close", StateError, lambda: store.get_many([b"a"]))
    expect_raises("write after close", StateError, lambda: store.write([(b"a", b"2")]))
    expect_raises("scan after close", StateError, lambda: list(store.scan(b"")))
    expect_raises("scan_many after close", StateError, lambda: store.scan_many([b""]))
    expect_raises("last after close", StateError, lambda: store.last(b"", b""))


STATE_CHECKS: tuple[Callable[[StateStore], None], ...] = (
    check_empty,
    check_write_and_get,
    check_delete,
    check_scan_order,
    check_scan_many,
    check_last,
    check_scan_isolated,
    check_write_is_atomic,
    check_many_entries,
    check_closed,
)
