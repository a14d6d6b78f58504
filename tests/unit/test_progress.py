"""Bars are drawn where somebody looks, and nowhere else."""

from __future__ import annotations

import pytest

from fairlead.progress import NotebookBars, in_notebook, training_bars

EVIL = "<script>"


def test_bars_of_a_notebook_are_drawn_now_and_then_and_end_as_one_line() -> None:
    drawn: list[str] = []
    bars = NotebookBars(drawn.append)
    bars.start({EVIL: 1000})
    for _ in range(1000):
        bars.advance(EVIL, 1)
    bars.close(failed=False)
    assert 2 <= len(drawn) < 100
    assert 'max="1000"' in drawn[0]
    assert "<progress" not in drawn[-1]
    assert all("<script>" not in html for html in drawn)


def test_outside_of_notebook_and_terminal_there_is_silence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert not in_notebook()
    with training_bars() as bars:
        bars.start({"a": 2})
        bars.advance("a", 2)
    assert capfd.readouterr() == ("", "")
