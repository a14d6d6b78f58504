"""Each rule of the ML Test Score: with its evidence, without it, and where it is stale."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.records import Estimate
from fairlead.monitoring.alerts import Alert, Kind
from fairlead.monitoring.policy import PolicyState
from fairlead.monitoring.records import Quality, Window
from fairlead.monitoring.state import Looked, MonitorState
from fairlead.project.spec import ProjectSpec
from fairlead.readiness.assessment import CRITERIA
from fairlead.readiness.evidence import (
    Canary,
    Champion,
    CheckedRows,
    Evidence,
    Former,
    Probed,
    ProjectTests,
    Repository,
)
from fairlead.readiness.in_use import Aged, Promotion, Served, Watch

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LIBRARIES = {"numpy": "2.4.0", "onnxruntime": "1.31.0"}
COMMANDS = (
    "fairlead check",
    "fairlead reproduce",
    "fairlead score",
    "fairlead canary start",
    "fairlead monitor",
    "pytest",
)
PROBES = ("refusals", "extremes", "feature_cost", "one_row", "skew", "new_feature", "speed")
CLAIMS = ("data_7", "infrastructure_2", "infrastructure_3")


def spec(**changes: Any) -> ProjectSpec:
    values: dict[str, Any] = {
        "name": "flats",
        "task": "regression",
        "data": {
            "path": "data/flats.csv",
            "target": {"name": "rent"},
            "columns": {
                "area": {"type": "number", "min": 5, "max": 500},
                "rooms": {"type": "integer", "min": 1},
            },
            "derived": {"area_per_room": "area / rooms"},
            "checks": ["rows >= 100"],
            "quality": {"id_column": "fail"},
        },
        "candidates": {
            "ridge": {"family": "ridge"},
            "forest": {"family": "random_forest"},
        },
        "evaluation": {"metric": "rmse", "slices": ["rooms"]},
        "promotion": {"gates": ["rmse <= 100", "r2 > 0.5"]},
        "retraining": {"max_age": "90d"},
    }
    return ProjectSpec.model_validate({**values, **changes})


def versus(verdict: Any, difference: float = 5.0, error: float = 1.0) -> Comparison:
    return Comparison("rmse", Estimate(difference, error), 0.95, 0.9, verdict, 100)


def board(*entries: Entry) -> Leaderboard:
    return Leaderboard("regression", "rmse", "5-fold, 100 rows", entries)


def entry(name: str, rmse: float, simplicity: Any, **more: Any) -> Entry:
    return Entry(
        name,
        name,
        cv={"rmse": Estimate(rmse, 1.0)},
        interpretability=simplicity,
        **{"against_baseline": versus("better"), **more},
    )


def slice_score(value: str, *, worse: bool = False, rmse: float | None = 60.0) -> dict[str, Any]:
    return {"column": "rooms", "value": value, "estimate": {"value": rmse}, "is_worse": worse}


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "candidate": "forest",
        "metrics": {"holdout": {"rmse": {"value": 61.0}, "r2": {"value": 0.8}}},
        "slices": {"holdout": [slice_score("<= 2"), slice_score("> 2")]},
        "search": {"trials": 40},
        "provenance": {
            "created_at": "2026-11-20T12:00:00+00:00",
            "spec_digest": "d1",
            "python": "3.11.9",
            "fairlead": "0.1.0",
            "libraries": LIBRARIES,
        },
        **changes,
    }


def effects(**needed: bool) -> dict[str, Any]:
    features = [{"feature": name, "is_needed": each} for name, each in needed.items()]
    return {"rows": 100, "features": features}


def quality(version: str, rmse: float, training: float = 61.0, error: float = 0.5) -> Quality:
    measured, baseline = (Estimate(each, error, each - 1, each + 1) for each in (rmse, training))
    return Quality("rmse", "smaller", 400, 400, measured, None, baseline, version)


def served(*qualities: Quality, days: float = 9.0) -> Served:
    aged = Aged("2", "rmse", days, 200, Estimate(60, 1), Estimate(66, 1))
    return Served({str(each.version): each for each in qualities}, aged)


DAY = Window(NOW - timedelta(days=1), NOW)


def watch(*kinds: Kind, running: bool = False, ticked_at: datetime = NOW, **look: Any) -> Watch:
    alerts = tuple(
        Alert(
            "0007-it",
            kind,
            "warning",
            (),
            f"{kind} is found",
            *("flats", "2", "a" * 64, None),
            *(DAY, NOW, NOW, NOW),
        )
        for kind in kinds
    )
    looked = Looked(NOW, DAY, **{"version": "2", "measured": 62.0, **look})
    state = MonitorState(policy=PolicyState(alerts=alerts), looks=(looked,), ticked_at=ticked_at)
    return Watch(state, running)


OWN, OTHER = quality("2", 61.5), quality("1", 71, 70)
GATES = {"beats_champion": "pass", "rmse <= 100": "pass", "r2 > 0.5": "pass"}


@pytest.fixture
def evidence() -> Evidence:
    """Everything is there, and CI makes all of it again."""
    against = versus("worse")
    return Evidence(
        spec=spec(),
        spec_digest="d1",
        now=NOW,
        champion=Champion("flats version 2 (forest)", "a" * 64, manifest(), NOW, 2),
        rows=CheckedRows(100),
        board=board(entry("forest", 60, "low"), entry("ridge", 65, "high", against_best=against)),
        importance=effects(area=True, rooms=True),
        environment={"python": "3.11.9", "fairlead": "0.1.0", "libraries": LIBRARIES},
        pinned="the data",
        pipeline=dict.fromkeys(COMMANDS, ".github/workflows/ci.yml"),
        repository=Repository("abc1234", "Add rooms", review="merged by def5678"),
        tests=ProjectTests(dict.fromkeys(CLAIMS, ("test_it",)), 1, (), "area_per_room"),
        reproduction={"reproduced": True, "digest": "a" * 64, "at": "2026-11-25"},
        canary=Canary(5.0, "2026-11-24", 3, answered=True, judged="pass"),
        promotion=Promotion(7, "2026-11-24", GATES),
        former=Former("flats version 1 (ridge)", 0.2),
        served=served(OWN, OTHER),
        watch=watch(),
        probes={name: Probed(passed=True, text=f"{name} passed") for name in PROBES},
    )


def points(evidence: Evidence, test: str) -> float:
    return CRITERIA[test].rule(evidence).points


def champion(**changes: Any) -> Champion:
    return Champion("flats version 2 (forest)", "a" * 64, manifest(**changes), NOW)


ONLY_PEOPLE_KNOW = ("data_5", "model_7")


@pytest.mark.parametrize("test", CRITERIA)
def test_with_all_evidence_each_test_has_its_point(evidence: Evidence, test: str) -> None:
    assert points(evidence, test) == (test not in ONLY_PEOPLE_KNOW)


@pytest.mark.parametrize("test", CRITERIA)
def test_without_any_evidence_no_test_has_a_point(test: str) -> None:
    bare = ProjectSpec.model_validate(
        {
            "name": "bare",
            "task": "regression",
            "data": {"path": "a", "target": {"name": "y"}, "columns": {"a": {"type": "number"}}},
            "candidates": {"one": {"family": "linear"}},
            "evaluation": {"metric": "rmse"},
        }
    )
    verdict = CRITERIA[test].rule(Evidence(bare, "d", NOW))
    assert verdict.points == 0
    assert verdict.text


BY_COMMAND = {
    "fairlead check": ["data_4"],
    "fairlead reproduce": ["infrastructure_1"],
    "fairlead score": [
        "data_3",
        "data_6",
        "model_2",
        "model_4",
        "infrastructure_5",
        "infrastructure_7",
        *(f"monitoring_{number}" for number in range(1, 7)),
    ],
    "fairlead canary start": ["infrastructure_6"],
    "fairlead monitor": ["monitoring_7"],
    "pytest": list(CLAIMS),
}


@pytest.mark.parametrize("command", BY_COMMAND)
def test_what_nothing_runs_by_itself_has_half_a_point(evidence: Evidence, command: str) -> None:
    others = {name: "ci.yml" for name in COMMANDS if name != command}
    without = replace(evidence, pipeline=others)
    halved = [name for name in CRITERIA if points(without, name) < points(evidence, name)]
    assert halved == sorted(BY_COMMAND[command], key=list(CRITERIA).index)
    assert {points(without, name) for name in halved} == {0.5}


def data(**changes: Any) -> dict[str, Any]:
    return {**spec().model_dump(mode="json")["data"], **changes}


LOOSE = {"area": {"type": "number"}, "rooms": {"type": "integer", "min": 1}}
OTHER_SEARCHED = {"searches": {"ridge": 20}, "champion": champion(search=None)}
LESS = [
    ("data_1", {"rows": "there is no file"}, 0, "no file"),
    ("data_1", {"rows": CheckedRows(9, ("area: too large", "b"))}, 0, "too large, and 1 more"),
    ("data_1", {"spec": spec(data=data(columns=LOOSE))}, 0, "no range is declared for area"),
    ("data_2", {"importance": effects(area=True, rooms=False)}, 0, "needed: rooms"),
    (
        "data_2",
        {"importance": effects(area=True, rooms=False), "ablation": effects(rooms=True)},
        1,
        "all 2",
    ),
    ("data_2", {"importance": None}, 0, "not measured"),
    ("data_3", {"probes": {"feature_cost": Probed(passed=False, text="too dear")}}, 0, "too dear"),
    ("data_4", {"spec": spec(data=data(quality={}))}, 0, "forbids nothing"),
    ("data_4", {"rows": CheckedRows(9, ("id column",))}, 0, "does not pass"),
    ("data_6", {"probes": {"new_feature": Probed(passed=False, text="not so")}}, 0, "not so"),
    ("data_7", {"tests": ProjectTests({"data_7": ("a",)}, 1, (), "other")}, 0, "area_per_room"),
    ("data_7", {"tests": ProjectTests({"data_7": ("a",)}, trouble="b failed")}, 0, "b failed"),
    ("model_1", {"repository": Repository()}, 0, "not committed"),
    ("model_1", {"repository": Repository("abc", changed=True)}, 0, "differs"),
    ("model_1", {"repository": Repository("abc")}, 0.5, "no trace of a review"),
    ("model_1", {"spec_digest": "d2"}, 0, "another fairlead.yaml"),
    ("model_2", {"served": "no labels"}, 0, "no labels"),
    ("model_2", {"served": served(OTHER)}, 0, "0 labelled predictions of the champion"),
    ("model_2", {"served": served(OWN)}, 0.5, "of no other version"),
    ("model_2", {"served": served(quality("2", 50), OTHER)}, 0, "differ: rmse 50 on 400"),
    ("model_2", {"served": served(quality("2", 50, error=9), OTHER)}, 1, "version 1 agrees"),
    ("model_2", {"served": served(OWN, quality("1", 55, 70))}, 0, "other way round"),
    ("model_2", {"served": served(OWN, quality("1", 61, 70))}, 1, "version 1 agrees"),
    ("model_3", {"champion": champion(search=None)}, 0, "written down"),
    ("model_3", {"champion": champion(search={"trials": 9})}, 0, "written down"),
    ("model_3", {"champion": champion(search={"trials": 10})}, 1, "10 trials"),
    ("model_3", OTHER_SEARCHED, 1, "no worse than ridge"),
    ("model_3", {**OTHER_SEARCHED, "board": None}, 0, "written down"),
    ("model_4", {"served": Served({"2": OWN})}, 0, "days apart"),
    ("model_4", {"served": served()}, 1, "60 ± 1 at first, 66 ± 1 9.0 days later"),
    ("model_5", {"board": None}, 0, "another training"),
    ("model_5", {"board": board(entry("forest", 60, "low"))}, 0, "nothing simpler"),
    (
        "model_5",
        {"board": board(entry("forest", 60, "low", against_baseline=versus("inconclusive")))},
        0,
        "beat the baseline",
    ),
    (
        "model_5",
        {
            "board": board(
                entry("forest", 60, "low"),
                entry("ridge", 60.5, "high", against_best=versus("inconclusive", 0.5)),
            )
        },
        0,
        "ridge is simpler",
    ),
    ("model_6", {"spec": spec(evaluation={"metric": "rmse"})}, 0, "names no slices"),
    ("model_6", {"champion": champion(slices={})}, 0, "no slice was scored"),
    ("model_6", {"champion": champion(slices={"cv": [slice_score("a", rmse=None)]})}, 0, "scored"),
    (
        "model_6",
        {"champion": champion(slices={"cv": [slice_score("1", worse=True)]})},
        0,
        "rooms 1",
    ),
    ("infrastructure_1", {"reproduction": None}, 0, "nobody"),
    ("infrastructure_1", {"reproduction": {"reproduced": False, "at": "today"}}, 0, "differs"),
    ("infrastructure_2", {"tests": ProjectTests()}, 0, "no project test"),
    ("infrastructure_4", {"spec": spec(promotion={"gates": ["rmse <= 60"]})}, 0, "rmse <= 60"),
    ("infrastructure_4", {"spec": spec(promotion={"gates": ["mae <= 60"]})}, 0, "mae <= 60"),
    ("infrastructure_4", {"spec": spec(promotion={})}, 0, "no gates"),
    ("infrastructure_4", {"spec": spec(promotion={"gates": ["rmse <= 99"]})}, 0.5, "present gates"),
    ("infrastructure_4", {"promotion": "it was moved"}, 0.5, "it was moved"),
    ("infrastructure_4", {"promotion": Promotion(7, "", GATES, forced=True)}, 0.5, "by force"),
    (
        "infrastructure_4",
        {"promotion": Promotion(7, "", {**GATES, "slices": "inconclusive"})},
        0.5,
        "not by the present gates",
    ),
    ("infrastructure_6", {"canary": None}, 0, "never"),
    ("infrastructure_6", {"canary": Canary(5, "", 3, answered=False)}, 0.5, "no answer"),
    ("infrastructure_6", {"canary": Canary(5, "", 3, answered=True)}, 0.5, "judged by nobody"),
    ("infrastructure_6", {"canary": Canary(5, "", 3, answered=True, judged="fail")}, 0, "failed"),
    ("infrastructure_7", {"former": None}, 0, "no former"),
    ("infrastructure_7", {"former": Former("v1", 1, "other rows")}, 0, "other rows"),
    (
        "monitoring_1",
        {
            "environment": {
                "python": "3.11.9",
                "fairlead": "0.1.0",
                "libraries": {**LIBRARIES, "numpy": "3"},
            }
        },
        0,
        "numpy 2.4.0 is now 3",
    ),
    ("monitoring_1", {"pinned": None}, 0, "would not be noticed"),
    ("monitoring_1", {"rows": "another digest"}, 0, "another digest"),
    ("monitoring_2", {"probes": {"refusals": Probed(passed=False, text="took 5")}}, 0, "took 5"),
    ("monitoring_2", {"watch": watch("pipeline")}, 0, "pipeline is found"),
    ("monitoring_3", {"watch": watch("drift")}, 0, "drift is found"),
    ("monitoring_7", {"served": "no labels"}, 0, "no labels"),
    ("monitoring_7", {"served": served(quality("2", 70))}, 0, "it got worse"),
    ("monitoring_7", {"watch": watch("quality")}, 0, "quality is found"),
    ("monitoring_7", {"watch": watch("drift")}, 1, "raises no alert"),
    ("monitoring_7", {"watch": None}, 0.5, "no monitor looks"),
    ("monitoring_7", {"watch": watch(ticked_at=NOW - timedelta(days=2))}, 0.5, "last on"),
    ("monitoring_7", {"watch": watch(version="1")}, 0.5, "has not measured"),
    ("monitoring_7", {"watch": watch(measured=None)}, 0.5, "has not measured"),
    ("monitoring_7", {"watch": watch(running=True), "pipeline": {}}, 1, "a monitor runs"),
    ("monitoring_4", {"now": NOW + timedelta(days=90)}, 0, "95.0 days old, over 90d"),
    ("monitoring_4", {"spec": spec(retraining={})}, 0, "nothing says how old"),
]


@pytest.mark.parametrize(("test", "change", "expected", "told"), LESS)
def test_a_rule_says_what_is_missing(
    evidence: Evidence, test: str, change: dict[str, Any], expected: float, told: str
) -> None:
    verdict = CRITERIA[test].rule(replace(evidence, **change))
    assert verdict.points == expected
    assert told in verdict.text
