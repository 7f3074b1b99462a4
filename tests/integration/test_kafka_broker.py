"""The broker of the tests is a real one: it keeps times, hides aborted records, removes what it is told to."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.topics import Topics, Written


def test_committed_records_are_read_back_as_they_were_written(
    topics: Topics, name: Callable[[], str]
) -> None:
    """Key, value, time and headers of a committed record come back; aborted ones do not."""
    topic = name()
    topics.create(topic)
    first = Written(b"v", key=b"k", timestamp_ms=1_000, headers=[("h", b"x"), ("n", None)])
    topics.write_transaction(topic, [Written(b"lost")] * 3, transactional_id=f"{topic}-a", commit=False)
    offsets = topics.write_transaction(topic, [first], transactional_id=f"{topic}-b", commit=True)
    (read,) = topics.read(topic, 1)
    assert (read.key(), read.value(), read.timestamp()) == (b"k", b"v", (1, 1_000))
    assert read.headers() == [("h", b"x"), ("n", None)]
    assert offsets == [4]
    assert topics.count(topic) == 6


def test_a_topic_created_again_has_another_id(topics: Topics, name: Callable[[], str]) -> None:
    """A topic of the same name is another topic."""
    topic = name()
    before = topics.create(topic)
    topics.write(topic, [Written(b"v")])
    assert topics.recreate(topic) != before
    assert topics.count(topic) == 0


def test_records_below_an_offset_are_gone_after_removal(topics: Topics, name: Callable[[], str]) -> None:
    """What retention removes is no longer counted."""
    topic = name()
    topics.create(topic)
    topics.write(topic, [Written(b"%d" % number) for number in range(5)])
    topics.delete_before(topic, 0, 3)
    assert topics.count(topic) == 2
