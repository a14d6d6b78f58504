from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from fairlead import wiring
from fairlead.bundle.reading import Bundle, verify_bundle
from fairlead.errors import AdoptionError, ContractError
from fairlead.workflows.adopt import adopt

pytestmark = pytest.mark.slow

Adopter = Callable[..., Bundle]
NUMBERS = ["area (m2)", "built"]


def frame() -> pd.DataFrame:
    """Numbers with gaps, categories, a target of each kind."""
    rng = np.random.default_rng(0)
    area, built = rng.uniform(20, 150, 300), rng.integers(1900, 2025, 300).astype(float)
    heating = rng.choice(["gas", "none", "district"], 300)
    rent = area * 11 + (heating == "gas") * 100 + rng.normal(size=300) * 30
    built[rng.random(300) < 0.1] = np.nan
    kind = np.where(rent > 1200, "dear", np.where(rent > 700, "fair", "cheap"))
    return pd.DataFrame(
        {"area (m2)": area, "built": built, "heating": heating, "rent": rent, "kind": kind}
    )


def prepared() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("heating", OneHotEncoder(handle_unknown="ignore"), ["heating"]),
        ]
    )


@pytest.fixture
def adopter(tmp_path: Path) -> Adopter:
    def adopted(model: Any, target: str, data: pd.DataFrame | None = None) -> Bundle:
        joblib.dump(model, tmp_path / "model.joblib")
        sample = frame() if data is None else data
        sample.to_csv(tmp_path / "sample.csv", index=False)
        result = adopt(
            tmp_path / "model.joblib", tmp_path / "sample.csv", target, trust=True, root=tmp_path
        )
        return verify_bundle(result.bundle)

    return adopted


def renamed(data: pd.DataFrame) -> pd.DataFrame:
    """The columns as the bundle calls them."""
    return data.rename(columns={"area (m2)": "area_m2"})


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), Ridge(), ExtraTreesRegressor(n_estimators=5, n_jobs=2),
     HistGradientBoostingRegressor(max_iter=5)],
    ids=lambda estimator: type(estimator).__name__,
)  # fmt: skip
def test_a_pipeline_for_numbers_is_adopted_as_it_is(adopter: Adopter, estimator: Any) -> None:
    data = frame()
    model = make_pipeline(prepared(), estimator).fit(data, data["rent"])
    bundle = adopter(model, "rent")
    np.testing.assert_allclose(bundle.predict(renamed(data)), model.predict(data), rtol=1e-12)
    assert bundle.manifest["provenance"]["adopted"]["sample_rows"] == 300


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), LinearDiscriminantAnalysis(), DecisionTreeClassifier(max_depth=4),
     RandomForestClassifier(n_estimators=5), HistGradientBoostingClassifier(max_iter=5)],
    ids=lambda estimator: type(estimator).__name__,
)  # fmt: skip
def test_a_pipeline_for_classes_is_adopted_as_it_is(adopter: Adopter, estimator: Any) -> None:
    data = frame()
    model = make_pipeline(prepared(), estimator).fit(data, data["kind"])
    bundle = adopter(model, "kind")
    assert bundle.predict(renamed(data)).tolist() == model.predict(data).tolist()
    np.testing.assert_allclose(
        bundle.predict_proba(renamed(data)), model.predict_proba(data), rtol=1e-12, atol=1e-15
    )


def test_boosters_of_other_libraries_are_adopted(adopter: Adopter) -> None:
    import lightgbm
    import xgboost

    data = frame()[[*NUMBERS, "rent"]]
    for model in (
        xgboost.XGBRegressor(n_estimators=5),
        lightgbm.LGBMRegressor(n_estimators=5, verbosity=-1),
    ):
        named = renamed(data)
        model.fit(named[["area_m2", "built"]], named["rent"])
        bundle = adopter(model, "rent", named)
        expected = model.predict(named[["area_m2", "built"]])
        np.testing.assert_array_equal(bundle.predict(named), expected)


def test_labels_of_other_boosters_are_kept(adopter: Adopter) -> None:
    import lightgbm
    import xgboost

    data = renamed(frame())
    features = data[["area_m2", "built"]]
    words = lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1).fit(features, data["kind"])
    bundle = adopter(words, "kind", data)
    assert bundle.predict(data).tolist() == words.predict(features).tolist()
    data["code"] = data["kind"].map({"cheap": 0, "fair": 1, "dear": 2})
    codes = xgboost.XGBClassifier(n_estimators=5).fit(features, data["code"])
    bundle = adopter(codes, "code", data)
    assert bundle.predict(data).tolist() == [str(code) for code in codes.predict(features)]


def test_a_model_without_names_takes_the_columns_of_the_sample(adopter: Adopter) -> None:
    data = frame().dropna()
    model = Ridge().fit(data[NUMBERS].to_numpy(), data["rent"])
    bundle = adopter(model, "rent", data[[*NUMBERS, "rent"]])
    np.testing.assert_allclose(
        bundle.predict(renamed(data)), model.predict(data[NUMBERS].to_numpy()), rtol=1e-12
    )


ENCODERS = [
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    OneHotEncoder(drop="first"),
    make_pipeline(SimpleImputer(strategy="constant", fill_value="other"), OneHotEncoder()),
    make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(), StandardScaler(with_mean=False)
    ),
]


@pytest.mark.parametrize("encoder", ENCODERS, ids=range(len(ENCODERS)))
@pytest.mark.parametrize("kind", ["text", "number"])
def test_categories_are_encoded_as_the_model_does(
    adopter: Adopter, encoder: Any, kind: str
) -> None:
    data = frame()
    if kind == "number":
        data["heating"] = data["heating"].map({"gas": 1, "none": 20, "district": 3})
    encoder = clone(encoder)
    if kind == "number" and hasattr(encoder, "steps"):
        encoder.steps[0][1].set_params(strategy="most_frequent")
    prepared = ColumnTransformer(
        [("heating", encoder, ["heating"]), ("area", "passthrough", ["area (m2)"])]
    )
    model = make_pipeline(prepared, RandomForestRegressor(n_estimators=4)).fit(data, data["rent"])
    bundle = adopter(model, "rent", data)
    assert bundle.contract.columns["heating"].type == "category"
    np.testing.assert_array_equal(bundle.predict(renamed(data)), model.predict(data))


def test_truth_values_are_called_as_the_sample_writes_them(adopter: Adopter) -> None:
    data = frame().dropna()[NUMBERS]
    data["gone"] = data["area (m2)"] > 80
    data["new"] = data["built"] > 2000
    encoder = ColumnTransformer([("new", OneHotEncoder(), ["new"])], remainder="passthrough")
    features = data.drop(columns="gone")
    model = make_pipeline(encoder, DecisionTreeClassifier()).fit(features, data["gone"])
    bundle = adopter(model, "gone", data)
    assert bundle.contract.classes == ("False", "True")
    assert bundle.contract.columns["new"].values == ("False", "True")
    record = {"area_m2": 90.0, "built": 1990.0, "new": "False"}
    assert bundle.predict([record]).tolist() == ["True"]


def test_categories_that_the_model_does_not_know_are_no_sample(adopter: Adopter) -> None:
    data = frame()
    model = make_pipeline(prepared(), Ridge()).fit(data, data["rent"])
    data["heating"] = data["heating"].str.upper()
    with pytest.raises(AdoptionError, match="heating holds no category in the sample"):
        adopter(model, "rent", data)


def test_what_a_search_has_found_is_adopted(adopter: Adopter) -> None:
    data = frame().dropna()
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(data[NUMBERS], data["rent"])
    bundle = adopter(search, "rent", data[[*NUMBERS, "rent"]])
    assert bundle.manifest["parameters"]["alpha"] == search.best_params_["alpha"]


def test_the_command_adopts_and_says_how_to_serve(tmp_path: Path) -> None:
    data = frame()
    joblib.dump(make_pipeline(prepared(), Ridge()).fit(data, data["rent"]), tmp_path / "m.joblib")
    data.to_csv(tmp_path / "sample.csv", index=False)
    command = [sys.executable, "-m", "fairlead", "adopt", "m.joblib", "--data", "sample.csv"]
    command += ["--target", "rent"]
    run = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "without --trust" in run(command).stderr
    assert not (tmp_path / ".fairlead").exists()
    said = run([*command, "--trust"]).stdout
    assert "m.joblib is adopted: a graph of the family ridge" in said
    (bundle,) = (tmp_path / ".fairlead/bundles").iterdir()
    assert verify_bundle(bundle).name == "m"
    assert bundle.name[:40] in said


def test_a_model_of_its_own_target_is_refused(adopter: Adopter) -> None:
    data = frame().dropna()[[*NUMBERS, "rent"]]
    with pytest.raises(AdoptionError, match="is fitted on the target `rent` itself"):
        adopter(Ridge().fit(data, data["rent"]), "rent", data)


def test_the_contract_is_what_the_model_takes(adopter: Adopter) -> None:
    data = frame()
    bundle = adopter(make_pipeline(prepared(), Ridge()).fit(data, data["rent"]), "rent")
    record = {"area_m2": 50.0, "built": None, "heating": "heat pump"}
    assert np.isfinite(bundle.predict([record])).all()
    with pytest.raises(ContractError, match="column heating: must be not missing"):
        bundle.predict([{**record, "heating": None}])


def test_the_card_says_where_the_model_comes_from(adopter: Adopter) -> None:
    data = frame()
    bundle = adopter(make_pipeline(prepared(), Ridge()).fit(data, data["rent"]), "rent")
    card = (bundle.path / "card.md").read_text("utf-8")
    assert "Adopted from `model.joblib`" in card
    assert "None" not in card


def of(*steps: Any, target: str = "rent") -> Any:
    data = frame().dropna()
    return make_pipeline(*steps).fit(data[NUMBERS], data[target])


REFUSED = {
    "step": (lambda: of(PCA(), Ridge()), "Pipeline.pca is a PCA; what can be followed"),
    "estimator": (
        lambda: of(GaussianNB(), target="kind"),
        "Pipeline.gaussiannb is a GaussianNB; what can be adopted: DecisionTree",
    ),
    "parameter": (
        lambda: of(SimpleImputer(add_indicator=True), Ridge()),
        "Pipeline.simpleimputer `add_indicator=True` is not supported",
    ),
    "order": (
        lambda: of(StandardScaler(), SimpleImputer(), Ridge()),
        "Pipeline.simpleimputer fills after encoding or scaling",
    ),
    "loss": (
        lambda: of(HistGradientBoostingRegressor(loss="poisson", max_iter=3)),
        "Pipeline.histgradientboostingregressor `loss=poisson` is not one of",
    ),
    "not fitted": (lambda: Ridge(), "Ridge is not fitted"),
    "no model": (lambda: {"a": 1}, "dict is no estimator"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_adopted_says_which_step_and_why(adopter: Adopter, what: str) -> None:
    make, told = REFUSED[what]
    data = frame().dropna()[[*NUMBERS, "rent", "kind"]]
    target = "kind" if what == "estimator" else "rent"
    other = "rent" if target == "kind" else "kind"
    with pytest.raises(AdoptionError, match=told):
        adopter(make(), target, data.drop(columns=other))


def test_a_file_is_not_loaded_without_trust(tmp_path: Path) -> None:
    with pytest.raises(AdoptionError, match="not loaded without --trust"):
        adopt(tmp_path / "model.joblib", tmp_path / "sample.csv", "y", trust=False)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"nothing")
    with pytest.raises(AdoptionError, match=r"model\.joblib cannot be loaded"):
        adopt(tmp_path / "model.joblib", tmp_path / "sample.csv", "y", trust=True)


@pytest.fixture
def mlflow_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow on a database of its own, and the working folder beside it."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("e", f"file://{tmp_path}/files"))
    yield mlflow
    mlflow.set_tracking_uri(before)


def test_models_that_were_logged_to_mlflow_are_adopted(mlflow_store: Any, tmp_path: Path) -> None:
    data = frame().dropna()
    data.to_csv("sample.csv", index=False)
    forest = RandomForestRegressor(n_estimators=5, random_state=0).fit(data[NUMBERS], data["rent"])
    booster = xgboost.XGBRegressor(n_estimators=5).fit(data[NUMBERS], data["rent"])
    with mlflow_store.start_run() as run:
        options = {"name": "forest", "registered_model_name": "Flats", "pip_requirements": []}
        trusted = ["sklearn.tree._tree.Tree"]
        mlflow_store.sklearn.log_model(forest, **options, skops_trusted_types=trusted)
        mlflow_store.xgboost.log_model(booster, name="booster", pip_requirements=[])
    own = f"runs:/{run.info.run_id}/booster"
    for address, name, model in (
        ("models:/Flats/1", "flats", forest),
        (own, "booster", booster),
    ):
        made = wiring.adopt(address, tmp_path / "sample.csv", "rent", trust=True)
        bundle = verify_bundle(made.bundle)
        found = bundle.predict(renamed(data))
        np.testing.assert_allclose(found, model.predict(data[NUMBERS]), rtol=1e-6)
        assert bundle.name == name
        assert bundle.manifest["provenance"]["adopted"]["address"] == address


def test_a_model_in_mlflow_that_cannot_be_followed_is_named(mlflow_store: Any) -> None:
    frame().to_csv("sample.csv", index=False)

    class Own(mlflow_store.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, model_input: list[str]) -> list[str]:
            return model_input

    with mlflow_store.start_run():
        options = {"registered_model_name": "own", "pip_requirements": []}
        mlflow_store.pyfunc.log_model(name="own", python_model=Own(), **options)
    with pytest.raises(AdoptionError, match="is of the flavours python_function; expected sklearn"):
        wiring.adopt("models:/own/1", Path("sample.csv"), "rent", trust=True)
    with pytest.raises(AdoptionError, match=r"models:/nobody/1 cannot be loaded"):
        wiring.adopt("models:/nobody/1", Path("sample.csv"), "rent", trust=True)
    with pytest.raises(AdoptionError, match="not loaded without --trust"):
        wiring.adopt("models:/own/1", Path("sample.csv"), "rent", trust=False)
