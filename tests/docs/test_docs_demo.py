"""The README shows the demo's digest once, in a mark and in the output that it shows."""

from __future__ import annotations

import pytest

from tests.docs.check_demo_digest import README, main, recorded_digest


def test_the_shown_output_has_the_recorded_digest() -> None:
    """The digest of the mark stands in the output of `make demo` above it."""
    text = README.read_text("utf-8")
    digest = recorded_digest(text)
    shown = text[text.index("$ make demo") : text.index("<!-- demo-digest")]
    assert digest in shown


def test_another_digest_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The recorded digest passes; another one, or none, is an exit code and a line."""
    digest = recorded_digest(README.read_text("utf-8"))
    assert main([digest]) == 0
    assert (main(["0" * 64]), main([])) == (1, 2)
    assert digest in capsys.readouterr().err


def test_a_missing_or_repeated_mark_is_an_error() -> None:
    """Without exactly one mark there is nothing to compare with."""
    for text in ("", f"<!-- demo-digest: {'a' * 64} -->\n" * 2):
        with pytest.raises(ValueError, match="expected one"):
            recorded_digest(text)
