"""The windows of a feature, on event time, half-open, ending at or before as-of. Durations in microseconds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ofs.units import MAX_DURATION_US

__all__ = [
    "BACK_MAX",
    "Duration",
    "HoppingWindow",
    "LifetimeWindow",
    "Model",
    "SessionWindow",
    "SlidingWindow",
    "TumblingWindow",
    "Window",
]

BACK_MAX = 1_000

Duration = Annotated[int, Field(ge=1, le=MAX_DURATION_US)]


class Model(BaseModel):
    """What every model of a definition is: frozen, without coercion, without unknown members."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class SlidingWindow(Model):
    """`[as_of - size, as_of)`."""

    kind: Literal["sliding"] = "sliding"
    size_us: Duration

    @property
    def reach_us(self) -> int | None:
        """How far before as-of the window can start; None without a bound."""
        return self.size_us


class TumblingWindow(Model):
    """The epoch-aligned bucket that holds as-of, up to as-of; `back` n: the n-th complete one before it."""

    kind: Literal["tumbling"] = "tumbling"
    size_us: Duration
    back: Annotated[int, Field(ge=0, le=BACK_MAX)] = 0

    @model_validator(mode="after")
    def _reach_is_bounded(self) -> TumblingWindow:
        if self.reach_us > MAX_DURATION_US:
            raise ValueError("size_us * (back + 1) exceeds 2^53-1")
        return self

    @property
    def reach_us(self) -> int:
        """How far before as-of the window can start."""
        return self.size_us * (self.back + 1)


class HoppingWindow(Model):
    """`[b - size, b)` with b the last multiple of `every` at or before as-of."""

    kind: Literal["hopping"] = "hopping"
    size_us: Duration
    every_us: Duration

    @property
    def reach_us(self) -> int | None:
        """How far before as-of the window can start; None without a bound."""
        return self.size_us + self.every_us


class SessionWindow(Model):
    """The chain of events at most `gap` apart that ends with the last before as-of, cut to `max` if given."""

    kind: Literal["session"] = "session"
    gap_us: Duration
    max_us: Duration | None = None

    @property
    def reach_us(self) -> int | None:
        """How far before as-of the window can start; None without a bound."""
        return self.max_us


class LifetimeWindow(Model):
    """All before as-of."""

    kind: Literal["lifetime"] = "lifetime"

    @property
    def reach_us(self) -> int | None:
        """How far before as-of the window can start: without a bound."""
        return None


Window = Annotated[
    SlidingWindow | TumblingWindow | HoppingWindow | SessionWindow | LifetimeWindow,
    Field(discriminator="kind"),
]
