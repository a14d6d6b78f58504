"""The files of a new project: its commented project file, and what stands around it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fairlead import __version__
from fairlead.project import FILE_NAME
from fairlead.project.columns import Task
from fairlead.project.document import write_entry
from fairlead.project.pipeline import PINS, pipeline

Comments = Mapping[str, Sequence[str]]
"""Key path -> the sentences above that key; `""` is the top of the file."""

WIDTH = 100
# What is written as a block, one key a line; everything else stands on its line.
_BLOCKS = ("data", "data.columns", "candidates", "evaluation")


def project_file(values: Mapping[str, Any], comments: Comments) -> str:
    """The text of a project file.

    Args:
        values: what it says, as plain values.
        comments: what is said about it.
    """
    lines = [*_commented(comments.get("", ()), 0)]
    for key, value in values.items():
        if key in _BLOCKS:
            lines.append("")
        lines += _entry(key, value, comments, key, 0)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, comments: Comments, path: str, depth: int) -> Iterator[str]:
    yield from _commented(comments.get(path, ()), depth)
    margin = "  " * depth
    if path in _BLOCKS:
        yield f"{margin}{key}:"
        for inner, part in value.items():
            yield from _entry(inner, part, comments, f"{path}.{inner}", depth + 1)
    else:
        yield from (margin + line for line in write_entry(key, value))


def _commented(sentences: Sequence[str], depth: int) -> Iterator[str]:
    margin = "  " * depth + "# "
    for sentence in sentences:
        yield from textwrap.wrap(
            sentence,
            WIDTH,
            initial_indent=margin,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )


def other_files(name: str, target: str, task: Task, data_path: str) -> dict[str, str]:
    """Path -> text of what stands around a project file.

    Args:
        name: of the project.
        target: what it predicts.
        task: what the target is.
        data_path: of the data, as in the project file.
    """
    words = {
        "name": name,
        "target": target,
        "data": data_path,
        "file": FILE_NAME,
        "extras": "mlflow,train",
        "version": __version__,
    }
    files = {
        path: re.sub(r"\{(\w+)\}", lambda found: words[found[1]], text)
        for path, text in _TEMPLATES.items()
    }
    return {**files, "dvc.yaml": pipeline(data_path, task, fetched=False)}


_GITIGNORE = """\
.fairlead/
.pytest_cache/
__pycache__/
# What DVC keeps; the metrics are small, and stay in git.
/bundle
/check.json
/evaluation/*
!/evaluation/metrics.json
"""

_PINS = """\
fairlead[{extras}]=={version}
"""

_README = """\
# {name}

Predicts `{target}` from `{data}`; [{file}]({file}) says how.

```sh
fairlead check       # the contract against the data
fairlead train       # candidates, leaderboard, bundles, versions
fairlead serve       # the champion, on port 8000; its documentation is at /docs
pytest               # what must hold for this project
git init && dvc init # once, with `pip install 'fairlead[dvc]'`
dvc repro            # the same steps, each where what it depends on has changed
```

`{file}` is a first draft that `fairlead init` made of the data: read its comments.
The continuous integration in `.github` runs where this folder is the root of a repository.
Data too large for git: `dvc add {data}` and commit `{data}.dvc` instead.
"""

_CI = """\
name: ci

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - run: pip install -r requirements.txt pytest
      - run: fairlead check
      - run: pytest
"""

_TEST = '''\
"""What must hold for this project; `pytest` runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import fairlead
from fairlead.workflows.read import read
from fairlead.workflows.train import TrainingResult, train

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """All candidates, trained in a copy: the versions of the project stay as they are."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True)
    return train(fairlead.load(copy))


def test_the_data_keeps_the_contract_and_passes_the_checks() -> None:
    read(fairlead.load(ROOT))


def test_every_candidate_can_be_trained(trained: TrainingResult) -> None:
    errors = {entry.name: entry.error for entry in trained.leaderboard.entries}
    assert errors == dict.fromkeys(errors)


def test_the_best_candidate_answers(trained: TrainingResult) -> None:
    bundle = trained.bundle()
    records = bundle.golden()["records"]
    assert len(bundle.predict(records)) == len(records)
'''

_TEMPLATES = {
    ".github/workflows/ci.yml": _CI,
    ".gitignore": _GITIGNORE,
    "README.md": _README,
    PINS: _PINS,
    "tests/test_project.py": _TEST,
}
