"""Strict JSON takes time and memory in proportion to the text, whatever it holds."""

from __future__ import annotations

import pytest

from ofs.canonical import NotJsonError, parse


def test_deep_nesting_before_an_open_string_is_refused_at_once() -> None:
    """Many escapes in a string that never ends: the scan for depth does not go back over them."""
    with pytest.raises(NotJsonError):
        parse(b"[" * 129 + b'"' + b'\\"' * 200_000)


def test_brackets_in_strings_do_not_count_as_nesting() -> None:
    """A long string full of brackets is one value."""
    text = b'"' + b"[" * 1_000_000 + b'"'
    assert parse(b"[" * 128 + text + b"]" * 128)
    with pytest.raises(NotJsonError):
        parse(b"[" * 129 + text + b"]" * 129)
