"""Every family that ships passes the suite that a user's own must pass."""

from __future__ import annotations

from fairlead.testing.families import FamilyContract


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
    parameters = {"n_estimators": 12}


class TestExtraTrees(FamilyContract):
    family = "extra_trees"
    parameters = {"n_estimators": 12}


class TestHistGradientBoosting(FamilyContract):
    family = "hist_gradient_boosting"
    parameters = {"max_iter": 12, "min_samples_leaf": 5}


class TestXgboost(FamilyContract):
    family = "xgboost"
    parameters = {"n_estimators": 12}


class TestLightgbm(FamilyContract):
    family = "lightgbm"
    parameters = {"n_estimators": 12, "min_child_samples": 5}
