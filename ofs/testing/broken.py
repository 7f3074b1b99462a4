"""How a contract check says that a contract is broken."""

from __future__ import annotations

from collections.abc import Callable


class ContractBroken(Exception):  # noqa: N818  (it names what happened, a test framework shows it)
    """An implementation of a port does not do what the port promises."""


def expect(what: str, expected: object, found: object) -> None:
    """Raises ContractBroken unless both are equal."""
    if expected != found:
        raise ContractBroken(f"{what}: expected {expected!r}, found {found!r}")


def expect_raises(what: str, error: type[Exception], call: Callable[[], object]) -> None:
    """Raises ContractBroken unless the call raises this error or a subclass."""
    try:
        found = call()
    except error:
        return
    raise ContractBroken(f"{what}: expected {error.__name__}, found {found!r}")
