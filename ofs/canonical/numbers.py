"""Numbers as canonical JSON writes them: exact, without exponent, without negative zero."""

from __future__ import annotations

from typing import Final

MAX_SAFE_INTEGER: Final = 2**53 - 1


def format_integer(value: int) -> int | str:
    """The integer itself up to 2^53-1 in magnitude, beyond it a string of its digits.

    >>> format_integer(2**53)
    '9007199254740992'
    """
    return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)


def format_scaled(scaled: int, scale: int) -> str:
    """The decimal `scaled / 10**scale` with exactly `scale` digits.

    >>> format_scaled(-5, 2), format_scaled(0, 2), format_scaled(7, 0)
    ('-0.05', '0.00', '7')
    """
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled)).rjust(scale + 1, "0")
    return (
        f"{sign}{digits[: len(digits) - scale]}.{digits[len(digits) - scale :]}" if scale else sign + digits
    )
