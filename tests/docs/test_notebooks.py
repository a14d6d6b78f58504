"""The notebooks of the reference projects run as they are, and are kept without outputs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = ["iris", "housing", "obesity"]
PATIENCE_S = 300


def notebook_of(project: str) -> Any:
    return nbformat.read(ROOT / "projects" / project / "explore.ipynb", as_version=4)


@pytest.mark.parametrize("project", PROJECTS)
def test_a_notebook_is_kept_without_outputs_and_without_places(project: str) -> None:
    notebook = notebook_of(project)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert [
        cell.id
        for cell in notebook.cells
        if re.search(r"/(?:home|root|Users|tmp|work)\b", cell.source)
    ] == []
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_every_reference_project_has_a_notebook() -> None:
    found = sorted(path.parent.name for path in ROOT.glob("projects/*/explore.ipynb"))
    assert found == sorted(path.parent.name for path in ROOT.glob("projects/*/fairlead.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS)
def test_a_notebook_runs_and_leaves_nothing_behind(
    project: str, data_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRLEAD_DATA_MIRROR", str(data_mirror))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    folder = tmp_path / project
    folder.mkdir()
    shutil.copy(ROOT / "projects" / project / "fairlead.yaml", folder)
    notebook = notebook_of(project)
    NotebookClient(notebook, timeout=PATIENCE_S, resources={"metadata": {"path": folder}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output.text for output in outputs if output.output_type == "stream"] == []
    shown = [kind for output in outputs for kind in output.get("data", {})]
    assert shown.count("image/png") >= 4
    assert shown.count("text/markdown") >= 4
    assert [path.name for path in folder.iterdir()] == ["fairlead.yaml"]
