"""The page on Python and the examples of docstrings are run: they give what they show."""

from __future__ import annotations

import ast
import doctest
import io
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from fairlead import workbench

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "python-api.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(code: str, names: dict[str, Any]) -> str:
    """What a block prints and what its last expression is, as a console would show it."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(tree, "page", "exec"), names)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = compile(ast.Expression(last.value), "page", "eval")
            print(repr(eval(value, names)))  # noqa: S307
    return printed.getvalue()


@pytest.fixture
def in_repository(
    reference_project: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "iris").symlink_to(reference_project("iris"))


@pytest.mark.slow
@pytest.mark.usefixtures("in_repository")
def test_every_block_gives_what_the_page_shows() -> None:
    names: dict[str, Any] = {}
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    shown = [(code, wanted, run(code, names)) for code, wanted in blocks]
    same = doctest.OutputChecker().check_output
    assert [
        found for _, wanted, found in shown if wanted and not same(wanted, found, LENIENT)
    ] == []
    assert all(wanted for _, wanted, _ in shown)


def test_the_examples_of_docstrings_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = doctest.testmod(workbench, optionflags=LENIENT)
    assert (result.attempted > 0, result.failed) == (True, 0)
