"""Makes a bundle of a model fitted elsewhere, with parity proved, or says why it cannot."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from threadpoolctl import threadpool_limits

from fairlead.bundle.making import ProvedGraph, compile_and_prove, make_bundle
from fairlead.bundle.manifest import ENVIRONMENT, to_json
from fairlead.bundle.parity import compare, random_rows
from fairlead.data.encoding import UNKNOWN
from fairlead.data.enforcement import Dataset, read_dataset
from fairlead.data.fetch import sha256_of
from fairlead.data.inference import Inferred, identifiers, infer_column, infer_decimal
from fairlead.data.sources import read_table
from fairlead.errors import AdoptionError, FairleadError, ParityError
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.graph.runtime import Session
from fairlead.models.estimators import family_of, labels_to_codes, plain
from fairlead.models.family import FitContext
from fairlead.project.columns import ColumnSpec, Task
from fairlead.project.spec import DataSpec
from fairlead.training.adoption import Encoded, Followed, follow, label_text
from fairlead.training.fitting import Candidate, Fitted, Prediction
from fairlead.training.preprocessing import Features
from fairlead.workflows.environment import environment_of
from fairlead.workflows.init import project_name
from fairlead.workflows.provenance import provenance
from fairlead.workflows.store import bundles_of

SEED = 42
METRICS: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
SAMPLE = "sample"
"""What the metrics are of: rows that the model may have been fitted on."""


class AdoptedParameters(BaseModel):
    """The parameters of an estimator, as it has them."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclass(frozen=True)
class Offer:
    """A fitted model that is not loaded yet.

    Attributes:
        name: its file or address, for errors.
        title: what it is called, if nothing else is said.
        load: gives the model, and may run what its maker has written.
        origin: what a bundle records of it, as JSON values.
    """

    name: str
    title: str
    load: Callable[[], Any]
    origin: Callable[[], dict[str, Any]]


def joblib_file(path: Path) -> Offer:
    """The model in a joblib file."""

    def load() -> Any:
        import joblib

        return joblib.load(path)

    return Offer(path.name, path.name, load, lambda: {"file": path.name, "sha256": sha256_of(path)})


@dataclass(frozen=True)
class Adopted:
    """A bundle that was made of a model.

    Attributes:
        bundle: its folder.
        family: the family whose graph it has.
        rows: rows of the sample.
        compared: rows on which graph and model were compared.
        metrics: name -> value on the sample.
    """

    bundle: Path
    family: str
    rows: int
    compared: int
    metrics: dict[str, float]


def adopt(
    model: Path | Offer,
    data: Path,
    target: str,
    *,
    trust: bool,
    name: str | None = None,
    root: Path | None = None,
) -> Adopted:
    """Make a bundle of a fitted model.

    Args:
        model: an estimator, or a Pipeline that ends in one: its joblib file, or an offer of it.
        data: CSV with the columns that the model was fitted on, and its target.
        target: what the target is called there.
        trust: whether it may run the code that it holds.
        name: of the model; that of the file, or of the registered model, if not given.
        root: folder in whose `.fairlead/bundles` the bundle goes; the current one if not given.

    Raises:
        AdoptionError: it cannot be adopted; which step or parameter is to blame is said.
        CompileError: it has no exact graph.
        DataError: the sample is not what the model takes.
        StorageError: the bundle could not be written.
    """
    offer = joblib_file(model) if isinstance(model, Path) else model
    name = project_name(name, offer.title)
    loaded = _loaded(offer, trust=trust)
    headers = _inputs(loaded, data, target)
    followed = follow(loaded, len(headers))
    if hasattr(loaded, "feature_names_in_"):
        # A ColumnTransformer may have seen columns that it leaves out, the target even.
        followed, used = followed.of_used()
        headers = [headers[position] for position in used]
    if target in headers:
        raise AdoptionError(followed.step, f"is fitted on the target `{target}` itself")
    family = family_of(followed.estimator, followed.step)
    if hasattr(followed.estimator, "n_jobs"):
        # Threads of a forest add up in any order.
        followed.estimator.n_jobs = 1
    dataset = _sample(data, headers, target, followed)
    fitted = _fitted(followed, family, dataset)
    with threadpool_limits(1), warnings.catch_warnings():
        # What is compared is the matrix, which has no names.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        try:
            graph = compile_and_prove(fitted, dataset.X)
        except ParityError as error:
            raise AdoptionError(followed.step, f"has no exact graph: {error}") from error
        compared = _compare(loaded, headers, followed, fitted, graph, dataset)
    report = evaluate(
        Predictions(dataset.y, compared.values, compared.probabilities, dataset.contract.classes),
        METRICS[dataset.contract.task],
    )
    root = root or Path()
    environment = environment_of(root)
    origin = {
        **offer.origin(),
        "class": f"{type(followed.estimator).__module__}.{type(followed.estimator).__qualname__}",
        "sample_rows": len(dataset.y),
    }
    bundle = make_bundle(
        bundles_of(root),
        name,
        fitted,
        graph,
        dataset.X,
        metrics={SAMPLE: report.to_dict()},
        slices={},
        provenance={
            **provenance(root, environment),
            "data_fingerprint": dataset.fingerprint,
            "spec_digest": None,
            "seed": SEED,
            "training_rows": None,
            "holdout_rows": None,
            "adopted": origin,
        },
        recipe={ENVIRONMENT: to_json(environment)},
        description=None,
    )
    values = {metric: estimate.value for metric, estimate in report.items()}
    proof = graph.proof
    rows = proof.training_rows + proof.random_rows + proof.threshold_rows
    return Adopted(bundle, family, len(dataset.y), rows, values)


def _loaded(offer: Offer, *, trust: bool) -> Any:
    """The model, if it may be loaded."""
    if not trust:
        raise AdoptionError(
            offer.name,
            "is not loaded without --trust: such a file runs the code that it holds. Say it if "
            "you know who made the file",
        )
    try:
        model = offer.load()
    except FairleadError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        found = f"cannot be loaded ({type(error).__name__}: {reason})"
        raise AdoptionError(offer.name, found) from error
    # Of a search for parameters, what it found.
    return getattr(model, "best_estimator_", model)


def _inputs(model: Any, data: Path, target: str) -> list[str]:
    """What the columns that a model takes are called in the sample, in its order."""
    if hasattr(model, "feature_names_in_"):
        return [str(name) for name in model.feature_names_in_]
    if not hasattr(model, "predict"):
        raise AdoptionError(type(model).__name__, "is no estimator: it has no `predict`")
    others = [
        name for name in read_table(data, [target], rest=True).frame.columns if name != target
    ]
    width = getattr(model, "n_features_in_", len(others))
    if width != len(others):
        found = f"was fitted on {width} columns without names; the sample has {len(others)}"
        raise AdoptionError(type(model).__name__, found)
    return others


def _sample(data: Path, headers: Sequence[str], target: str, followed: Followed) -> Dataset:
    """The sample, read by the contract that the model implies."""
    frame = read_table(data, [*headers, target]).frame
    decimal = infer_decimal(frame)
    names = identifiers(frame.columns)
    columns = {
        names[header]: _declaration(
            infer_column(names[header], frame[header], decimal),
            followed.encoded.get(position),
            set(frame[header]),
            filled=followed.always_filled(position),
        )
        for position, header in enumerate(headers)
    }
    described: dict[str, Any] = {"name": names[target]}
    if names[target] != target:
        described["header"] = target
    labels = getattr(followed.estimator, "classes_", None)
    if labels is not None:
        written = set(frame[target])
        described["classes"] = [label_text(label, written) for label in labels.tolist()]
    spec = {
        "path": data.name,
        "decimal": decimal,
        "target": described,
        "columns": {
            name: column.model_dump(mode="json", exclude_defaults=True)
            for name, column in columns.items()
        },
    }
    task: Task = "regression" if labels is None else "classification"
    return read_dataset(data, task, DataSpec.model_validate(spec))


def _declaration(
    column: Inferred, encoded: Encoded | None, written: set[str], *, filled: bool
) -> ColumnSpec:
    """What a column may hold: what the model takes, not what the sample happens to have."""
    header, nullable = column.spec.header, column.spec.nullable or filled
    if encoded is not None:
        values = tuple(label_text(value, written) for value in encoded.values)
        if not written & {*values}:
            found = "holds no category in the sample that the model knows"
            raise AdoptionError(column.name, found)
        return ColumnSpec(
            type="category",
            values=values,
            unknown="flag" if encoded.flag else "reject",
            nullable=nullable,
            header=header,
        )
    if column.spec.type == "boolean":
        return ColumnSpec(type="boolean", nullable=nullable, header=header)
    if column.spec.numeric:
        return ColumnSpec(type="number", nullable=nullable, header=header)
    found = "holds other things than numbers in the sample, and no step makes categories of them"
    raise AdoptionError(column.name, found)


def _fitted(followed: Followed, family: str, dataset: Dataset) -> Fitted:
    """The model as if it had been trained here."""
    contract = dataset.contract
    preprocessing = followed.preprocessing(tuple(contract.columns))
    parameters = {
        name: value
        for name, value in followed.estimator.get_params(deep=False).items()
        if value is None or (isinstance(value, bool | int | float | str) and value == value)
    }
    context = FitContext(
        task=contract.task,
        classes=contract.classes,
        columns=preprocessing.columns,
        categories={},
        seed=SEED,
    )
    candidate = Candidate(family, family, AdoptedParameters(**parameters), Features({}), SEED)
    estimator = plain(followed.estimator, family)
    return Fitted(candidate, contract, preprocessing, estimator, context, 0.0)


def _compare(
    model: Any,
    headers: Sequence[str],
    followed: Followed,
    fitted: Fitted,
    graph: ProvedGraph,
    dataset: Dataset,
) -> Prediction:
    """Compare the graph with the whole model, its own preprocessing included.

    Returns:
        What the graph says of the sample.

    Raises:
        AdoptionError: they differ.
    """
    random = random_rows(fitted.contract, dataset.X, np.random.default_rng(SEED))
    X = np.vstack([dataset.X, random])
    rows = _rows(model, headers, followed, X)
    outputs = Session(graph.model).run(X)
    allowed = fitted.candidate.family.tolerance
    try:
        predicted = model.predict(rows)
        shares = model.predict_proba(rows) if fitted.contract.classes else None
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        found = f"refuses rows like those of the sample ({type(error).__name__}: {reason})"
        raise AdoptionError(type(model).__name__, found) from error
    if shares is not None:
        predicted = labels_to_codes(predicted, followed.estimator.classes_)
    values = outputs["prediction"][:, 0]
    differences = [compare("prediction", values, predicted, allowed.prediction)]
    if shares is not None:
        differences.append(
            compare("probabilities", outputs["probabilities"], shares, allowed.probabilities)
        )
    for difference in differences:
        if not difference.is_allowed:
            found = (
                f"gives another {difference.output} than its graph on {difference.differing} of "
                f"{difference.rows} rows (largest difference {difference.worst:.3g}); no bundle "
                "was written"
            )
            raise AdoptionError(type(model).__name__, found)
    count = len(dataset.y)
    probabilities = outputs.get("probabilities")
    return Prediction(values[:count], None if probabilities is None else probabilities[:count])


def _rows(model: Any, headers: Sequence[str], followed: Followed, X: NDArray[np.float64]) -> Any:
    """Encoded rows as the model itself takes them."""
    columns = [
        x if position not in followed.encoded else _values(followed.encoded[position], x)
        for position, x in enumerate(X.T)
    ]
    if not hasattr(model, "feature_names_in_"):
        return X if not followed.encoded else np.column_stack([c.astype(object) for c in columns])
    import pandas as pd

    return pd.DataFrame(dict(zip(headers, columns, strict=True)))


def _values(encoded: Encoded, codes: NDArray[np.float64]) -> NDArray[Any]:
    """Codes as the categories that they stand for; an unknown one as something that is none."""
    texts = isinstance(encoded.values[0], str)
    unknown = "(not declared)" if texts else max(encoded.values) + 1
    table = np.array([*encoded.values, unknown], object)
    known = np.where(np.isnan(codes), UNKNOWN, codes).astype(np.int64)
    values = table[known]
    values[np.isnan(codes)] = np.nan
    return values if texts or np.isnan(codes).any() else np.array(values.tolist())
