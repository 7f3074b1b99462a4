"""Fuzz targets: each draws inputs from its mutator and holds them to what must be true; a round is some inputs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from ofs.features import FeatureGroup, Registry
from tests.fuzz import agreement, corpus
from tests.fuzz.mutation import Mutator
from tests.property.worlds import make_group
from topologies.card_payments import REGISTRY

REPLAYED_RECORDS: Final = 192
LINES: Final = 6
ALIKE: Final = 8
REPLAY_EVERY: Final = 24


@dataclass(slots=True)
class FoundError(Exception):
    """An input that broke what must hold."""

    target: str
    inputs: list[bytes]
    error: str


@dataclass(slots=True)
class Figures:
    """What ran: inputs, and how they behaved."""

    inputs: int = 0
    behaviours: Counter[str] = field(default_factory=Counter)

    def count(self, *behaviours: str) -> None:
        self.inputs += len(behaviours)
        self.behaviours.update(behaviours)


class Target(Protocol):
    """Each call is a round: some inputs drawn and held. Raises FoundError."""

    def __call__(self) -> Figures: ...

    def close(self) -> None: ...


def held(target: str, inputs: list[bytes], check: Callable[[], object]) -> None:
    """Run a check. Raises FoundError for whatever it raises, a panic of the core too."""
    try:
        check()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise FoundError(target, inputs, f"{type(error).__name__}: {str(error)[:2_000]}") from error


class _Memory:
    """A target that holds nothing outside of this process."""

    def close(self) -> None:
        """Nothing to give back."""


class Records(_Memory):
    """Each record alone; then all of the round together, replayed by both engines."""

    def __init__(self, seed: int) -> None:
        self.mutator: Final = Mutator(seed, corpus.records())
        self._groups: Final = _groups(seed)

    def __call__(self) -> Figures:
        figures = Figures()
        half = REPLAYED_RECORDS // 2
        values = [self.mutator.draw() for _ in range(half)]
        values.extend(value for _ in range(half // ALIKE) for value in self.mutator.draw_alike(ALIKE))
        for value in values:
            held("records", [value], lambda value=value: self._one(value, figures))  # type: ignore[misc]  # bound now
        groups = self.mutator.chance.choice(self._groups)
        held("records, replayed", values, lambda: agreement.replay(values, groups))
        return figures

    def _one(self, value: bytes, figures: Figures) -> None:
        behaviour = agreement.record(value)
        self.mutator.learn(value, behaviour)
        reason = behaviour[0] if isinstance(behaviour, tuple) else None
        figures.count(str(reason or "admitted"))


def _groups(seed: int) -> list[list[FeatureGroup]]:
    """Definitions on the fields that the records have."""
    registry = Registry.load(REGISTRY)
    named = [registry.get(*name) for name in (("account_velocity", "v1"), ("card_usage", "v1"))]
    cards = [locked.group for locked in named if locked is not None]
    drawn = [[make_group(random.Random(seed + number), "alpha")] for number in range(20)]
    return [cards, *drawn]


class Decisions(_Memory):
    """Some lines together: whole ones among broken ones, some of them twice."""

    def __init__(self, seed: int) -> None:
        self.mutator: Final = Mutator(seed, corpus.decisions())

    def __call__(self) -> Figures:
        figures = Figures()
        if self.mutator.chance.random() < 0.5:
            name, alike = b'"decision_id": "', self.mutator.draw_alike(LINES)
            lines = [line.replace(name, name + str(number).encode()) for number, line in enumerate(alike)]
        else:
            lines = [self.mutator.draw() for _ in range(LINES)]
        if self.mutator.chance.random() < 0.2:
            lines.append(self.mutator.chance.choice(lines))
        held("decisions", lines, lambda: self._some(lines, figures))
        return figures

    def _some(self, lines: list[bytes], figures: Figures) -> None:
        behaviour = agreement.decisions(lines)
        reasons, irregular = (behaviour[0], behaviour[1]) if isinstance(behaviour, tuple) else ((), 0)
        for line in lines:
            self.mutator.learn(line, behaviour)
        whole = len(lines) - len(reasons) - irregular
        figures.count(*reasons, *["irregular"] * irregular, *["regular or a copy"] * whole)


class Definitions(_Memory):
    """A file is refused by name, or the core compiles it and both engines give equal answers by it."""

    def __init__(self, seed: int) -> None:
        self.mutator: Final = Mutator(seed, corpus.definitions())
        self._values: Final = [value for value in corpus.records() if b'"payload"' in value][:60]
        self._accepted = 0

    def __call__(self) -> Figures:
        figures = Figures()
        text = self.mutator.draw()
        held("definitions", [text], lambda: self._one(text, figures))
        return figures

    def _one(self, text: bytes, figures: Figures) -> None:
        group, behaviour = agreement.definition(text)
        self.mutator.learn(text, behaviour)
        figures.count("refused" if group is None else "accepted")
        if group is not None:
            self._accepted += 1
            if self._accepted % REPLAY_EVERY == 0:
                agreement.replay(self._values, [group])


class Compiled(_Memory):
    """Canonical definitions that the features package would never write: refused, never a panic."""

    def __init__(self, seed: int) -> None:
        self.mutator: Final = Mutator(seed, corpus.canonical_definitions())

    def __call__(self) -> Figures:
        figures = Figures()
        text = self.mutator.draw()
        held("compiled", [text], lambda: self._one(text, figures))
        return figures

    def _one(self, text: bytes, figures: Figures) -> None:
        behaviour = agreement.compiled(text)
        self.mutator.learn(text, behaviour)
        figures.count("compiled" if behaviour is None else "refused")
