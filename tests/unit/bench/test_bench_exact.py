"""The exact reference, against the plainest counting there is; and how agreement is told."""

from __future__ import annotations

from tests.bench.definitions import KEYS, WINDOWS_US
from tests.bench.exact import Reference, agreement, reference, sample_of
from tests.bench.streams import PER_EVENT, Events, draw, long_traffic
from tests.bench.texts import event_id


def _plain(events: Events, position: int, *, is_by_arrival: bool) -> tuple[int, ...]:
    """The answers by one loop over all events."""
    end_us = int(events.time_us[position])
    found: list[int] = []
    for key in KEYS:
        keys = getattr(events, key)
        for size_us in WINDOWS_US.values():
            inside = [
                int(events.cents[other])
                for other in range(position if is_by_arrival else len(events))
                if keys[other] == keys[position] and end_us - size_us <= int(events.time_us[other]) < end_us
            ]
            found += [len(inside), sum(inside)]
    return tuple(found)


def test_the_reference_is_what_plain_counting_finds() -> None:
    """By arrival and by event time, on the skewed stream and on one in which windows evict."""
    for traffic in (PER_EVENT, long_traffic(600)):
        events = draw(traffic, 600)
        sample = sample_of(600, 40)
        exact = reference(events, sample)
        for position in sample:
            event = event_id(int(events.id_high[position]), int(events.id_low[position]))
            assert exact.by_arrival[event] == _plain(events, position, is_by_arrival=True)
            assert exact.by_event_time[event] == _plain(events, position, is_by_arrival=False)


def test_a_sample_is_spread_over_the_stream_without_repetition() -> None:
    """As many positions as asked, ascending, each in its own stretch; never more than there are."""
    sample = sample_of(10_007, 100)
    assert len(sample) == len(set(sample)) == 100
    assert sample == sorted(sample)
    assert sample[0] < 101
    assert sample[-1] >= 9_900
    assert sample_of(3, 100) == [0, 1, 2]


def test_agreement_tells_the_share_that_is_exact_and_how_far_counts_are_off() -> None:
    """Half of the answers wrong in the merchant alone: the account is whole, the merchant half."""
    right = (1, 100) * 6
    wrong = (*right[:6], 3, *right[7:])
    exact = Reference({"a": right, "b": right}, {"a": right, "b": right})
    told = agreement({"a": right, "b": wrong, "not sampled": wrong}, exact)
    assert (told["sampled"], told["answered"]) == (2, 2)
    assert (told["arrival_account"], told["arrival_merchant"]) == (1.0, 0.5)
    assert (told["event_time_account_count_error"], told["event_time_merchant_count_error"]) == (0.0, 2.0)


def test_answers_that_are_missing_are_not_exact() -> None:
    """No answer at all is no agreement."""
    right = (0, 0) * 6
    told = agreement({}, Reference({"a": right}, {"a": right}))
    assert (told["answered"], told["arrival_account"]) == (0, 0.0)
