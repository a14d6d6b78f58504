from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from fairlead.bundle.compiling import compile_model
from fairlead.bundle.parity import prove
from fairlead.data.contract import Contract
from fairlead.errors import FoldsError, ParityError
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec
from fairlead.training.ablation import without
from fairlead.training.fitting import Candidate, FittedModel, Prediction, fit
from fairlead.training.nesting import Nesting

ROWS = 240
COLUMNS = {
    "a": ColumnSpec(type="number"),
    "b": ColumnSpec(type="number", nullable=True),
    "c": ColumnSpec(type="category", values=("x", "y", "z"), unknown="flag"),
}
MEMBERS: dict[str, dict[str, Any]] = {
    "trees": {"family": "hist_gradient_boosting", "max_iter": 10, "min_samples_leaf": 5},
    "light": {"family": "lightgbm", "n_estimators": 10, "min_child_samples": 5},
    "x": {"family": "xgboost", "n_estimators": 10},
    "line": {"family": "ridge"},
    "classes": {"family": "logistic"},
    "constant": {"family": "dummy"},
    "logarithmic": {"family": "ridge", "transform_target": "log"},
    "near": {
        "family": "decision_tree",
        "max_depth": 4,
        "without": ["product"],
        "neighbours": {"columns": {"a": 1.0}, "k": [3], "mean": ["t"]},
    },
}
SPECS = {name: CandidateSpec.model_validate(keys) for name, keys in MEMBERS.items()}


@pytest.fixture
def X() -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.uniform(-4, 4, ROWS), rng.normal(size=ROWS), np.arange(ROWS) % 3.0])
    X[::17, 1] = np.nan
    return X


def target(X: NDArray[np.float64], classes: int) -> NDArray[Any]:
    noise = np.random.default_rng(2).normal(size=ROWS)
    value = 20 + X[:, 0] ** 2 + np.nan_to_num(X[:, 1]) + X[:, 2] + noise
    if not classes:
        return value
    return np.digitize(value, np.quantile(value, np.arange(1, classes) / classes))


def contract(classes: int) -> Contract:
    labels = ("p", "q", "r")[:classes]
    task = "classification" if classes else "regression"
    return Contract(task, COLUMNS, TargetSpec(name="t"), labels)  # type: ignore[arg-type]


def candidate(family: str, *of: str, **keys: Any) -> Candidate:
    spec = CandidateSpec.model_validate({"family": family, "of": of, **keys})
    return Candidate.of("whole", spec, {"product": "a * b"}, 42, SPECS)


def fitted(X: NDArray[np.float64], classes: int, family: str, *of: str, **keys: Any) -> FittedModel:
    return fit(candidate(family, *of, **keys), contract(classes), X, target(X, classes))


@pytest.mark.parametrize("family", ["blend", "stack"])
@pytest.mark.parametrize(
    ("classes", "of"),
    [
        (0, ("trees", "light", "x")),
        (0, ("line", "logarithmic", "trees")),
        (0, ("near", "trees")),
        (2, ("trees", "classes")),
        (3, ("light", "x", "classes")),
    ],
)
def test_every_member_and_the_whole_are_proved(
    family: str, classes: int, of: tuple[str, ...], X: NDArray[np.float64]
) -> None:
    model = fitted(X, classes, family, *of)
    proof = prove(model, compile_model(model), X, 42)
    names = {output.output for output in proof.outputs}
    assert "prediction" in names
    kept = [name for name, weight in model.learned().get("weights", {}).items() if weight > 0]
    for name in kept or of:
        assert {f"{name}/prediction", f"{name}/design"} <= names
    assert proof.threshold_rows > 0
    if not {"line", "logarithmic", "classes", "x"} & set(of) and family == "blend":
        assert all(output.differing == 0 for output in proof.outputs)


def test_a_wrong_leaf_of_one_member_is_found(X: NDArray[np.float64]) -> None:
    model = fitted(X, 0, "blend", "trees", "light", weights=[1, 2])
    graph = compile_model(model)
    for number in (0, 1):
        changed = onnx.ModelProto()
        changed.CopyFrom(graph)
        nodes = [node for node in changed.graph.node if node.op_type == "TreeEnsemble"]
        (field,) = (each for each in nodes[number].attribute if each.name == "leaf_weights")
        values = numpy_helper.to_array(field.t).copy()
        values[1:] *= 1.000001
        field.t.CopyFrom(numpy_helper.from_array(values, field.name))
        with pytest.raises(ParityError):
            prove(model, changed, X, 42)


def test_given_weights_are_relative_and_added_in_order(X: NDArray[np.float64]) -> None:
    model = fitted(X, 0, "blend", "line", "trees", weights=[3, 1])
    alone = [
        fit(Candidate.of(name, SPECS[name], {"product": "a * b"}, 42), contract(0), X, target(X, 0))
        for name in ("line", "trees")
    ]
    line, trees = (each.predict(X).values for each in alone)
    assert (model.predict(X).values == line * 0.75 + trees * 0.25).all()


def test_a_member_without_weight_is_not_in_the_graph(X: NDArray[np.float64]) -> None:
    model = fitted(X, 0, "blend", "trees", "constant", weights=[1, 0])
    assert [member.candidate.name for member in model.members] == ["trees"]  # type: ignore[attr-defined]
    assert model.learned()["weights"] == {"trees": 1.0, "constant": 0.0}
    assert [each["name"] for each in model.learned()["members"]] == ["trees", "constant"]


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_fitted_weights_prefer_who_knows_something(classes: int, X: NDArray[np.float64]) -> None:
    of = ("trees", "constant") if classes else ("trees", "constant", "line")
    weights = fitted(X, classes, "blend", *of).learned()["weights"]
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0
    assert weights["trees"] > 0.8


@pytest.mark.parametrize("family", ["blend", "stack"])
def test_one_row_gives_what_many_rows_give(family: str, X: NDArray[np.float64]) -> None:
    session = Session(serialize(compile_model(fitted(X, 3, family, "trees", "x", "classes"))))
    whole = session.run(X)
    for row in range(0, ROWS, 7):
        for name, values in session.run(X[row : row + 1]).items():
            assert values.tobytes() == whole[name][row : row + 1].tobytes()


def test_weights_come_from_rows_that_the_members_have_not_seen(X: NDArray[np.float64]) -> None:
    # A tree knows every training row by heart: judged by those, it would get all the weight.
    y = np.random.default_rng(5).normal(size=ROWS) + X[:, 0]
    specs = {"heart": CandidateSpec(family="decision_tree"), "line": SPECS["line"]}
    spec = CandidateSpec.model_validate({"family": "blend", "of": ["heart", "line"]})
    blend = Candidate.of("it", spec, {}, 42, specs)
    assert fit(blend, contract(0), X, y).learned()["weights"]["line"] > 0.8


def test_fitting_twice_gives_the_same_bytes(X: NDArray[np.float64]) -> None:
    graphs = {serialize(compile_model(fitted(X, 2, "stack", "trees", "classes"))) for _ in range(2)}
    assert len(graphs) == 1


def test_the_final_model_of_a_stack_has_its_own_parameters(X: NDArray[np.float64]) -> None:
    model = fitted(X, 0, "stack", "trees", "line", final={"family": "ridge", "alpha": 1e9})
    assert np.std(model.predict(X).values) < 0.01
    assert model.learned()["final"]["parameters"]["alpha"] == 1e9
    assert fitted(X, 0, "stack", "trees", "line", final="linear").learned()["final"] == {
        "family": "linear",
        "parameters": {"fit_intercept": True, "positive": False},
    }


def test_a_class_that_is_not_in_training_has_probability_zero(X: NDArray[np.float64]) -> None:
    y = np.where(target(X, 2) == 1, 2, 0)
    for family in ("blend", "stack"):
        model = fit(candidate(family, "trees", "classes"), contract(3), X, y)
        prove(model, compile_model(model), X, 42)
        shares = model.predict(X).probabilities
        assert shares is not None
        assert not shares[:, 1].any()


def test_an_ablation_leaves_the_feature_out_of_all_members(X: NDArray[np.float64]) -> None:
    less, columns, matrix = without("b", candidate("blend", "trees", "line"), contract(0), X)
    assert less.features.derived == {}
    assert [member.features.derived for member in less.members] == [{}, {}]
    assert fit(less, columns, matrix, target(X, 0)).predict(matrix).values.shape == (ROWS,)


def test_a_group_is_never_on_both_sides_of_an_inner_fold() -> None:
    groups = np.repeat(np.arange(12), 20)
    layout = Nesting(groups=groups).take(np.arange(40, ROWS)).layout(np.zeros(200), 42)
    assert len(layout) == 5
    for fold in layout:
        inner = groups[40:]
        assert not set(inner[fold.train]) & set(inner[fold.test])


def test_inner_folds_go_forward_in_time_where_the_outer_ones_do() -> None:
    times = np.arange(60.0)[::-1]
    for fold in Nesting(times=times).layout(np.zeros(60), 42):
        assert times[fold.train].max() < times[fold.test].min()


@pytest.mark.parametrize(("counts", "folds"), [((30, 30), 5), ((30, 3), 3), ((30, 30, 1), 5)])
def test_there_are_no_more_inner_folds_than_rows_of_a_class(
    counts: tuple[int, ...], folds: int
) -> None:
    assert len(Nesting().layout(np.repeat(np.arange(len(counts)), counts), 42)) == folds


def test_too_few_rows_for_inner_folds_are_an_error_of_the_data(X: NDArray[np.float64]) -> None:
    with pytest.raises(FoldsError):
        fit(candidate("blend", "line", "constant"), contract(0), X[:1], np.zeros(1))


def test_a_blend_that_is_perfect_still_has_weights(X: NDArray[np.float64]) -> None:
    model = fit(candidate("blend", "line", "constant"), contract(0), X, np.full(ROWS, 7.0))
    assert sum(model.learned()["weights"].values()) == pytest.approx(1)
    assert isinstance(model.predict(X), Prediction)
