"""Which family a fitted estimator of scikit-learn, XGBoost or LightGBM is of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from fairlead.errors import AdoptionError

_FAMILIES = {
    ("sklearn", "LinearRegression"): "linear",
    ("sklearn", "Ridge"): "ridge",
    ("sklearn", "LogisticRegression"): "logistic",
    ("sklearn", "LinearDiscriminantAnalysis"): "lda",
    ("sklearn", "DecisionTreeClassifier"): "decision_tree",
    ("sklearn", "DecisionTreeRegressor"): "decision_tree",
    ("sklearn", "RandomForestClassifier"): "random_forest",
    ("sklearn", "RandomForestRegressor"): "random_forest",
    ("sklearn", "ExtraTreesClassifier"): "extra_trees",
    ("sklearn", "ExtraTreesRegressor"): "extra_trees",
    ("sklearn", "HistGradientBoostingClassifier"): "hist_gradient_boosting",
    ("sklearn", "HistGradientBoostingRegressor"): "hist_gradient_boosting",
    ("xgboost", "XGBClassifier"): "xgboost",
    ("xgboost", "XGBRegressor"): "xgboost",
    ("lightgbm", "LGBMClassifier"): "lightgbm",
    ("lightgbm", "LGBMRegressor"): "lightgbm",
}
"""Package and class -> family. A class of one's own may compute anything, a subclass too."""
EXACT_LOSSES = ("squared_error", "absolute_error", "quantile", "log_loss")
EXACT_OBJECTIVES = {
    "xgboost": (
        "reg:squarederror",
        "reg:absoluteerror",
        "reg:pseudohubererror",
        "binary:logistic",
        "multi:softprob",
    ),
    "lightgbm": ("regression", "regression_l1", "huber", "quantile", "binary", "multiclass"),
}


def family_of(estimator: Any, step: str) -> str:
    """The family whose graph a fitted estimator can become.

    Args:
        estimator: fitted, or so it is hoped.
        step: where it stands, for errors.

    Raises:
        AdoptionError: it is of none, is not fitted, or has a parameter that no graph has.
    """
    kind = type(estimator)
    family = _FAMILIES.get((kind.__module__.partition(".")[0], kind.__name__))
    if family is None:
        names = ", ".join(sorted({name for _, name in _FAMILIES}))
        raise AdoptionError(step, f"is a {kind.__name__}; what can be adopted: {names}")
    for reason in _obstacles(estimator, family):
        raise AdoptionError(step, reason)
    return family


def _obstacles(estimator: Any, family: str) -> Iterator[str]:
    """Why an estimator of a known class cannot become a graph all the same."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        yield "is not fitted"
        return
    if getattr(estimator, "n_outputs_", 1) != 1 or np.ndim(getattr(estimator, "coef_", 0.0)) > 2:
        yield "predicts several targets"
    if family in ("linear", "ridge") and np.ndim(estimator.coef_) == 2:
        yield "was fitted on a target with two dimensions; fit it on one of shape (n,)"
    if family == "hist_gradient_boosting":
        if estimator.is_categorical_ is not None:
            yield "`categorical_features` splits on categories, which is not supported"
        if estimator.loss not in EXACT_LOSSES:
            yield f"`loss={estimator.loss}` is not one of {', '.join(EXACT_LOSSES)}"
    if family in EXACT_OBJECTIVES:
        yield from _booster_obstacles(estimator, family)


def _booster_obstacles(estimator: Any, family: str) -> Iterator[str]:
    objective = str(getattr(estimator, "objective_", None) or estimator.objective)
    if objective not in EXACT_OBJECTIVES[family]:
        yield f"`objective={objective}` is not one of {', '.join(EXACT_OBJECTIVES[family])}"
    if family == "xgboost":
        if estimator.booster not in (None, "gbtree"):
            yield f"`booster={estimator.booster}` is not gbtree"
        if getattr(estimator, "early_stopping_rounds", None):
            yield "`early_stopping_rounds` leaves trees behind that it does not use"
    elif estimator.boosting_type != "gbdt":
        yield f"`boosting_type={estimator.boosting_type}` is not gbdt"
    elif (estimator.best_iteration_ or 0) > 0:
        yield "early stopping leaves trees behind that it does not use"


def labels_to_codes(labels: Any, classes: Any) -> Any:
    """The position of each label among the classes, shape (n,)."""
    place = {label: code for code, label in enumerate(classes.tolist())}
    return np.array([place[label] for label in np.asarray(labels).tolist()])


def plain(estimator: Any, family: str) -> Any:
    """A copy that takes a matrix without names and, if it is a classifier, predicts codes."""
    copied = copy.copy(estimator)
    if family == "xgboost":
        copied._Booster = booster = estimator.get_booster().copy()  # noqa: SLF001
        booster.feature_names = booster.feature_types = None
    if not hasattr(estimator, "classes_"):
        return copied
    codes = np.arange(len(estimator.classes_))
    return _RELABELLED.get(family, _relabelled)(copied, codes)


def _relabelled(estimator: Any, codes: Any) -> Any:
    estimator.classes_ = codes
    return estimator


def _xgboost(estimator: Any, codes: Any) -> Any:
    from fairlead.models.xgboost import XgboostClassifier

    return XgboostClassifier(estimator, codes)


def _lightgbm(estimator: Any, codes: Any) -> Any:
    from sklearn.preprocessing import LabelEncoder

    # LightGBM has no public way to say what its classes are called.
    estimator._classes = codes  # noqa: SLF001
    estimator._le = LabelEncoder().fit(codes)  # noqa: SLF001
    return estimator


_RELABELLED: dict[str, Callable[[Any, Any], Any]] = {"xgboost": _xgboost, "lightgbm": _lightgbm}
