"""A feature group made ready to run: its windows, the running IRs that each shares, how features are answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ofs.features import (
    Feature,
    FeatureGroup,
    Operator,
    SessionWindow,
    Window,
    definition_digest,
)
from topologies.live_ofp.answers import Answer, Exact, answer_of, exact_of, running_of
from topologies.live_ofp.intake import Intake
from topologies.live_ofp.placing import Place, certain_reach_us, place_of
from topologies.live_ofp.running import Extremes, Moments, Tally, Total

__all__ = ["FIRST_COLUMN", "GroupPlan", "RatioPlan", "WindowPlan"]

FIRST_COLUMN: Final = 5
"""Where a row's values begin, after event time, stream, partition, offset and log time."""

_AGES: Final = (Operator.AGE_OF_FIRST, Operator.AGE_OF_LAST)

Kept = tuple[type[Total | Moments | Extremes | Tally], int]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """`running`: kind and column of each IR. `answers` change with the rows inside only, `ages` with as-of too."""

    window: Window
    place: Place
    running: tuple[Kept, ...]
    answers: tuple[tuple[str, Answer], ...]
    ages: tuple[tuple[str, Answer], ...]


@dataclass(frozen=True, slots=True)
class RatioPlan:
    """A ratio: for each side the index of its window and its exact value."""

    name: str
    scale: int
    numerator: tuple[int, Exact]
    denominator: tuple[int, Exact]


class GroupPlan:
    """What running a feature group takes; made once."""

    def __init__(self, group: FeatureGroup) -> None:
        self.group: Final = group
        self.digest: Final = definition_digest(group)
        self.intake: Final = Intake(group)
        self._columns: Final = {field: FIRST_COLUMN + index for index, field in enumerate(self.intake.fields)}
        self._features: Final[dict[Window, list[Feature]]] = {}
        for feature in group.features:
            if feature.window is not None:
                self._features.setdefault(feature.window, []).append(feature)
        self._kept: Final = {window: self._kept_in(features) for window, features in self._features.items()}
        self.windows: Final = tuple(self._window(window) for window in self._features)
        self.ratios: Final = tuple(self._ratio(f) for f in group.features if f.op is Operator.RATIO)
        self.gaps_us: Final = tuple({w.gap_us for w in self._features if isinstance(w, SessionWindow)})
        reaches = [certain_reach_us(window) for window in self._features]
        self.certain_reach_us: Final = (
            None if None in reaches else max(reach for reach in reaches if reach is not None)
        )

    def column(self, field: str) -> int:
        """Where the group's rows hold a field's value. Raises KeyError for a field that no feature has."""
        return self._columns[field]

    def _kept_in(self, features: list[Feature]) -> list[Kept]:
        kept: list[Kept] = []
        for feature in features:
            kind = running_of(feature.op)
            if kind is not None and (kind, self._column(feature)) not in kept:
                kept.append((kind, self._column(feature)))
        # moments hold what a total holds
        return [(kind, column) for kind, column in kept if kind is not Total or (Moments, column) not in kept]

    def _column(self, feature: Feature) -> int:
        return self._columns.get(feature.field or "", -1)

    def _slot(self, feature: Feature) -> int:
        kind = running_of(feature.op)
        if kind is None or feature.window is None:
            return -1
        kept, column = self._kept[feature.window], self._column(feature)
        return kept.index((kind, column) if (kind, column) in kept else (Moments, column))

    def _window(self, window: Window) -> WindowPlan:
        features = self._features[window]
        answers = [(f, (f.name, answer_of(f, self._slot(f), self._column(f)))) for f in features]
        return WindowPlan(
            window,
            place_of(window),
            tuple(self._kept[window]),
            answers=tuple(answer for f, answer in answers if f.op not in _AGES),
            ages=tuple(answer for f, answer in answers if f.op in _AGES),
        )

    def _ratio(self, feature: Feature) -> RatioPlan:
        numerator, denominator = (self._operand(name) for name in feature.of or ())
        return RatioPlan(feature.name, feature.scale or 0, numerator, denominator)

    def _operand(self, name: str) -> tuple[int, Exact]:
        feature = self.group.feature(name)
        index = next(i for i, window in enumerate(self._features) if window == feature.window)
        return index, exact_of(feature, self._slot(feature))
