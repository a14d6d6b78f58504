"""Every family that ships passes the suite that a user's own must pass."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from fairlead.models.family import FitContext, families
from fairlead.testing.families import FamilyContract


class TestDummy(FamilyContract):
    family = "dummy"


class TestRules(FamilyContract):
    family = "rules"

    def parameters_for(self, context: FitContext) -> Mapping[str, Any]:
        first, last = (context.classes[0], context.classes[-1]) if context.classes else (1.5, -2)
        return {
            "rules": [
                {"when": "size < 9 and count <= 4", "predict": first},
                {"when": "colour == 'red' or is_missing(income)", "predict": last},
                {"when": "log(income) > 10", "predict": last},
            ],
            "otherwise": first,
        }


class TestLinear(FamilyContract):
    family = "linear"


class TestRidge(FamilyContract):
    family = "ridge"


class TestLogistic(FamilyContract):
    family = "logistic"


class TestLda(FamilyContract):
    family = "lda"


class TestDecisionTree(FamilyContract):
    family = "decision_tree"


class TestRandomForest(FamilyContract):
    family = "random_forest"
    parameters: ClassVar = {"n_estimators": 12}


class TestExtraTrees(FamilyContract):
    family = "extra_trees"
    parameters: ClassVar = {"n_estimators": 12}


class TestHistGradientBoosting(FamilyContract):
    family = "hist_gradient_boosting"
    parameters: ClassVar = {"max_iter": 12, "min_samples_leaf": 5}


class TestXgboost(FamilyContract):
    family = "xgboost"
    parameters: ClassVar = {"n_estimators": 12}


class TestLightgbm(FamilyContract):
    family = "lightgbm"
    parameters: ClassVar = {"n_estimators": 12, "min_child_samples": 5}


DIGESTS = """
import hashlib
import numpy as np
from fairlead.bundle.compiling import compile_model
from fairlead.data.contract import Contract
from fairlead.graph.builder import serialize
from fairlead.models.family import families, family
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec
from fairlead.training.fitting import Candidate, fit
rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(size=(120, 2)), rng.integers(-1, 3, 120)])
X[::7, 1] = np.nan
columns = {
    "a": ColumnSpec(type="number", min=-1, max=1, outliers="clip"),
    "b": ColumnSpec(type="number", nullable=True),
    "c": ColumnSpec(type="category", values=("x", "y", "z"), unknown="flag"),
}
small = {"n_estimators": 5, "max_iter": 500}
for name in sorted(families()):
    known = family(name).parameters.model_fields
    parameters = {key: small[key] for key in small if key in known}
    for labels in ((), ("p", "q"), ("p", "q", "r")):
        task = "classification" if labels else "regression"
        if task not in family(name).tasks:
            continue
        y = rng.permutation(120) % len(labels) if labels else X[:, 0] * 2
        if name == "rules":
            first, last = (labels[0], labels[-1]) if labels else (1, 2)
            parameters["rules"] = [{"when": "a * b > log(2) and c == 'x'", "predict": first}]
            parameters["otherwise"] = last
        spec = CandidateSpec.model_validate({"family": name, **parameters})
        candidate = Candidate.of(name, spec, {"d": "a / b", "e": "exp(d)"}, 42)
        contract = Contract(task, columns, TargetSpec(name="t"), labels)
        graph = serialize(compile_model(fit(candidate, contract, X, y)))
        print(name, len(labels), hashlib.sha256(graph).hexdigest())
"""


def digests(hash_seed: str) -> str:
    """The digest of every family's whole graph, fitted in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", DIGESTS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.slow
def test_every_family_gives_the_same_bytes_in_fresh_processes() -> None:
    first = digests("0")
    assert {line.split()[0] for line in first.splitlines()} == set(families())
    assert digests("12345") == first


def test_every_installed_family_passes_the_contract() -> None:
    tested = {
        suite.family for suite in FamilyContract.__subclasses__() if suite.__module__ == __name__
    }
    assert tested == set(families())
