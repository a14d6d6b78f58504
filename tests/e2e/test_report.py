"""`fairlead report` after `fairlead train`: what a person sees of it in a browser."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow


def loaded(path: Path) -> ModuleType:
    """A file beside the tests as a module; pytest makes none of what holds no test."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


chromium = loaded(Path(__file__).parent / "chromium.py")

LIMIT_BYTES = 3_000_000
HEADINGS = "JSON.stringify([...document.querySelectorAll('h2')].map(h => h.textContent))"
LINKS = "[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))"
PICTURES = "[...document.images].every(image => image.naturalWidth > 0 && image.alt)"


def fairlead(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fairlead", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(reference_project: Callable[[str], Path]) -> Path:
    root = reference_project("iris")
    fairlead("train", root, "--candidate", "rules", "--candidate", "decision_tree", "--jobs", "1")
    return root


@pytest.fixture(scope="module")
def told(project: Path) -> str:
    return fairlead("report", project).replace("\n", "")


def test_a_report_is_made_of_what_a_training_left(project: Path, told: str) -> None:
    results = project / ".fairlead" / "results"
    assert str(results / "report.html") in told
    assert (results / "report.html").stat().st_size < LIMIT_BYTES
    summary = (results / "report.md").read_text()
    assert "`rules` beats the baseline by 64.7 ± 4.0 %" in summary
    assert "By one 80/20 split the figure of `rules` is a matter of luck" in summary
    assert "[confusion matrix](./figures/rules/confusion_matrix.png)" in summary


@pytest.mark.usefixtures("told")
@pytest.mark.skipif(chromium.find() is None, reason="needs Chromium or Chrome")
def test_a_browser_shows_it_without_an_error_on_every_width(project: Path) -> None:
    page = project / ".fairlead" / "results" / "report.html"
    with chromium.tab() as browser:
        for width in (390, 1280):
            browser.open(page, width)
            assert browser.ask("document.documentElement.scrollWidth") == width
        headings = json.loads(browser.ask(HEADINGS))
        links, drawn = browser.ask(LINKS), browser.ask(PICTURES)
    assert headings[0] == "Question and verdict"
    assert len(headings) == 7
    assert links
    assert drawn
    assert browser.messages == []
    assert {url.partition(":")[0] for url in browser.requests} == {"file", "data"}
