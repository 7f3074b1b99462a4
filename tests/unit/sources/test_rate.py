"""The read rate."""

from __future__ import annotations

import pytest

from ofs.sources.rate import RateLimiter


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_rate_holds_over_time_whatever_reading_costs() -> None:
    """Ten thousand records at 1,000 a second take ten seconds, also where reading itself takes part of them."""
    for cost_s in (0.0, 0.05):
        clock = _Clock()
        limiter = RateLimiter(1000, clock=clock, sleep=clock.sleep)
        done = 0
        while done < 10_000:
            burst = limiter.burst(10_000 - done)
            assert 1 <= burst <= 100
            clock.now += cost_s
            limiter.spend(burst)
            done += burst
        assert clock.now - 100.0 == pytest.approx(10.0, abs=0.2)


def test_idle_time_is_no_credit() -> None:
    """After an hour without reading the next second lets through no more than a second's worth and one burst."""
    clock = _Clock()
    limiter = RateLimiter(1000, clock=clock, sleep=clock.sleep)
    clock.now += 3600
    start = clock.now
    for _ in range(11):
        limiter.spend(100)
    assert clock.now - start == pytest.approx(1.0)


def test_low_rate_reads_one_record_at_a_time() -> None:
    """Below ten a second a burst is one record; a rate of nothing is a ValueError."""
    clock = _Clock()
    limiter = RateLimiter(0.5, clock=clock, sleep=clock.sleep)
    assert limiter.burst(100) == 1
    limiter.spend(1)
    assert clock.now == pytest.approx(102.0)
    with pytest.raises(ValueError, match="above 0"):
        RateLimiter(0)
