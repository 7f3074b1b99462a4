"""The decision batch: read once into the engine's compact form, and again where a line's text is needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from ofs.canonical import sha256_hex
from ofs.contracts import DeadLetter
from ofs.engine.port import DecisionSet, Engine
from ofs.errors import SourceError, invariant
from ofs.planner.decisions import Decision, decode_decision
from ofs.ports import DecisionSource
from ofs.runtime.feed import Submit
from ofs.runtime.report import Progress, ProgressCallback

_AHEAD: Final = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed decision set, the decisions among it that are not well-formed, and the lines that name none."""

    source: DecisionSource
    decisions: DecisionSet
    irregular: dict[int, Decision]
    dead_letters: tuple[DeadLetter, ...]
    digest: str


def at_once(job: Callable[..., Any], *given: Any) -> Future[Any]:
    """A job done by its caller."""
    done: Future[Any] = Future()
    done.set_result(job(*given))
    return done


def read_batch(
    engine: Engine, source: DecisionSource, progress: ProgressCallback, submit: Submit = at_once
) -> Batch:
    """Read all decisions; lines are decoded by jobs, ahead of the one that is taken up next.

    Raises SourceError, also where a second reading shows other lines.
    """
    decisions = engine.decisions()
    done = 0
    for lines in _decoded(decisions, source, submit):
        decisions.append(lines)
        done += len(lines)
        progress(Progress("reading decisions", done, None))
    decisions.seal()
    irregular, dead = decisions.irregular(), decisions.dead_letters()
    line_of = dict(zip(irregular, (decisions.lines(index, index + 1)[0] for index in irregular), strict=True))
    texts = _texts(source, {*line_of.values(), *(line for line, _ in dead)})
    digest = decisions.digest([texts[line] for line, _ in dead])
    return Batch(
        source=source,
        decisions=decisions,
        irregular={index: decode_line(texts[line]) for index, line in line_of.items()},
        dead_letters=tuple(_dead_letter(digest, line, reason, texts[line]) for line, reason in dead),
        digest=digest,
    )


def _decoded(decisions: DecisionSet, source: DecisionSource, submit: Submit) -> Iterator[Any]:
    """The decoded lines of each block in order; a few blocks are read and decoded ahead."""
    jobs: deque[Future[Any]] = deque()
    for block in source.blocks():
        if len(jobs) == _AHEAD:
            yield jobs.popleft().result()
        jobs.append(submit(decisions.decode, block))
    for job in jobs:
        yield job.result()


class LineCursor:
    """Goes forward through the decision lines, to those whose text is asked for."""

    def __init__(self, source: DecisionSource) -> None:
        self._blocks: Final = source.blocks()
        self._name: Final = source.name
        self._block: Sequence[bytes] = []
        self._first = 0

    def text(self, line: int) -> bytes:
        """The text of a line; asked for in ascending order."""
        while line >= self._first + len(self._block):
            self._first += len(self._block)
            block = next(self._blocks, None)
            if block is None:
                raise SourceError(
                    f"{self._name}: line {line + 1} is gone, it was there when the run began",
                    hint="keep the decisions as they are during a run",
                )
            self._block = block
        return self._block[line - self._first]


def decode_line(text: bytes) -> Decision:
    """The decision of a line that the engine accepted as one."""
    decision = decode_decision(text)
    if not isinstance(decision, Decision):
        raise SourceError(
            "a decision line changed during the run", hint="keep the decisions as they are during a run"
        )
    return decision


def _texts(source: DecisionSource, wanted: set[int]) -> dict[int, bytes]:
    if not wanted:
        return {}
    cursor = LineCursor(source)
    return {line: cursor.text(line) for line in sorted(wanted)}


def _dead_letter(digest: str, line: int, reason: str, text: bytes) -> DeadLetter:
    decision = decode_decision(text)
    invariant(
        reason in ("NOT_AN_OBJECT", "DECISION_ID_MISSING", "DECISION_CONFLICT"),
        f"dead letter reason {reason}",
    )
    return DeadLetter.model_validate(
        {
            "source": f"decisions-{digest[:16]}",
            "line": line,
            "reason": reason,
            "decision_id": decision.decision_id if isinstance(decision, Decision) else None,
            "sha256": sha256_hex(text),
            "text": text.decode("utf-8", "backslashreplace"),
        }
    )


def chunks(count: int, size: int) -> Iterator[tuple[int, int]]:
    """`[lo, hi)` over `count` decisions, in order."""
    for lo in range(0, count, size):
        yield lo, min(lo + size, count)
