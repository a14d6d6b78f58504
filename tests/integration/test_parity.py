"""Every family on every reference data set: the graph gives what the fitted estimator gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from fairlead.bundle.making import compile_and_prove
from fairlead.data.enforcement import Dataset, read_dataset
from fairlead.models.family import families, family
from fairlead.project.spec import CandidateSpec
from fairlead.training.fitting import Candidate, fit
from fairlead.workflows.load import load

pytestmark = pytest.mark.slow

TASKS = {"iris": "classification", "housing": "regression", "obesity": "classification"}
PARAMETERS: dict[str, dict[str, object]] = {
    "random_forest": {"n_estimators": 30},
    "extra_trees": {"n_estimators": 30},
}
CASES = [
    (project, name)
    for project, task in TASKS.items()
    for name in sorted(families())
    # The rules of a project are its own: they are proved where it is trained.
    if name != "rules" and task in family(name).tasks
]
LINEAR = {"linear", "ridge", "logistic", "lda"}


@pytest.fixture(scope="module")
def datasets(reference_project: Callable[[str], Path]) -> dict[str, tuple[Dataset, dict[str, str]]]:
    read = {}
    for name in TASKS:
        project = load(reference_project(name))
        data = project.spec.data
        dataset = read_dataset(project.root / data.path, project.spec.task, data)
        read[name] = (dataset, dict(data.derived))
    return read


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize(("project", "name"), CASES)
def test_the_graph_equals_the_estimator(
    project: str, name: str, datasets: dict[str, tuple[Dataset, dict[str, str]]]
) -> None:
    dataset, derived = datasets[project]
    spec = CandidateSpec.model_validate({"family": name, **PARAMETERS.get(name, {})})
    fitted = fit(Candidate.of(name, spec, derived, 42), dataset.contract, dataset.X, dataset.y)
    proof = compile_and_prove(fitted, dataset.X).proof
    worst = {output.output: output.worst for output in proof.outputs}
    # Labels, and the numbers of tree families, to the last bit; linear ones to 1e-12.
    linear_number = name in LINEAR and dataset.contract.task == "regression"
    assert worst["prediction"] <= (1e-12 if linear_number else 0.0)
    if name in LINEAR:
        assert worst.get("scores", 0.0) <= 1e-12
    else:
        assert worst.get("scores", 0.0) == 0.0
        # A baseline tests nothing of a row.
        assert (proof.threshold_rows > 0) == (name != "dummy")
