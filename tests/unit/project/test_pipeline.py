from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import fairlead
from fairlead.project.document import read_document
from fairlead.project.loading import load_project
from fairlead.project.pipeline import pipeline

PROJECTS = Path(__file__).resolve().parents[3] / "projects"
REFERENCE = ["iris", "housing", "obesity"]


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_projects_have_the_pipeline_of_a_new_project(name: str) -> None:
    root = PROJECTS / name
    spec = load_project(root).spec
    expected = pipeline(spec.data.path, spec.task, fetched=spec.data.source is not None)
    assert (root / "dvc.yaml").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_projects_ask_for_this_version(name: str) -> None:
    pins = (PROJECTS / name / "requirements.txt").read_text(encoding="utf-8")
    assert pins.strip().endswith(f"]=={fairlead.__version__}")


@pytest.mark.parametrize("path", ["data/a.csv", "my data/it's: a #1, [b].csv", "{file}.csv"])
def test_a_path_of_any_kind_is_a_dependency(path: str) -> None:
    stages = read_document(pipeline(path, "regression", fetched=True)).values["stages"]
    assert stages["check"]["deps"][0] == stages["train"]["deps"][0] == path
    place = shlex.split(stages["fetch"]["cmd"])[-1]
    assert [place] == [*stages["fetch"]["outs"][0]]
    assert Path(place).name == Path(path).name


def test_what_makes_a_model_is_a_parameter_of_its_training() -> None:
    stages = read_document(pipeline("a.csv", "regression", fetched=False)).values["stages"]
    (keys,) = stages["train"]["params"]
    assert {"data", "candidates", "evaluation"} <= set(keys["fairlead.yaml"])
    assert "candidates" not in stages["check"]["params"][0]["fairlead.yaml"]
    assert "fetch" not in stages


def test_no_output_is_made_by_two_stages() -> None:
    stages = read_document(pipeline("a.csv", "classification", fetched=True)).values["stages"]
    made = [
        out if isinstance(out, str) else next(iter(out))
        for stage in stages.values()
        for out in (*stage.get("outs", ()), *stage.get("metrics", ()))
    ]
    assert len(made) == len(set(made)) == 7
