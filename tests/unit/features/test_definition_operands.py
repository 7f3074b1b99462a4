"""Numbers of `where` in their shortest plain digits, against exact decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.features import NumberOperand
from ofs.features.operands import NUMBER_LENGTH_MAX, plain_digits

LITERALS = st.from_regex(
    r"\A-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?\Z", fullmatch=True
).filter(str.isascii)


@given(LITERALS)
def test_plain_digits_keep_the_exact_value(literal: str) -> None:
    """What is found is the same number, in the one form that the model takes; none only where it is too long."""
    plain = plain_digits(literal)
    if plain is None:
        assert len(f"{Decimal(literal):f}") > NUMBER_LENGTH_MAX
    else:
        assert Decimal(plain) == Decimal(literal)
        assert NumberOperand(digits=plain).digits == plain
        assert plain_digits(plain) == plain


@given(LITERALS, st.integers(0, 5))
def test_equal_numbers_have_equal_digits(literal: str, shift: int) -> None:
    """Another way to write a number gives the same digits."""
    mantissa, _, exponent = literal.lower().partition("e")
    zeros = "0" * shift
    longer = mantissa + (zeros if "." in mantissa else f".{zeros}0")
    other = f"{longer}E{int(exponent or '0')}"
    assert plain_digits(other) == plain_digits(literal)


@pytest.mark.parametrize("text", ["", "01", "+1", "1.", ".5", "1e", "0x1", "1_0", "NaN", "1 ", "1\n", "٣"])
def test_what_is_no_json_number_has_no_digits(text: str) -> None:
    """Only the grammar of JSON numbers is read."""
    assert plain_digits(text) is None


@pytest.mark.parametrize(
    ("literal", "length"),
    [
        ("1e99", 100),
        ("-1e98", 100),
        ("1e-98", 100),
        ("-1e-97", 100),
        ("1e100", None),
        ("-1e99", None),
        ("1e-99", None),
    ],
)
def test_plain_digits_end_at_100_characters(literal: str, length: int | None) -> None:
    """A number is taken as long as its plain digits, sign included, fit into 100 characters."""
    plain = plain_digits(literal)
    assert (None if plain is None else len(plain)) == length
