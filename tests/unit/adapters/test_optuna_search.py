from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.adapters.optuna_search import OptunaSampler
from fairlead.models.family import Range
from fairlead.training.search import Trial

SPACE = {
    "rate": Range(0.01, 0.2, log=True),
    "depth": Range(2, 9, whole=True),
    "kind": (None, "a", 3),
}


def loss(parameters: dict[str, Any]) -> float:
    depth = parameters["depth"] or 20
    return abs(parameters["rate"] - 0.05) + abs(depth - 4) / 10 + (parameters["kind"] != "a")


def tried(count: int, trials: tuple[Trial, ...] = (), seed: int = 42) -> tuple[Trial, ...]:
    sampler = OptunaSampler(SPACE, "smaller", seed)
    trials = trials or (Trial({"rate": 0.3, "depth": None, "kind": 3}, "complete", 3.0, 0.1, 3.0),)
    while len(trials) < count:
        parameters = sampler.propose(trials)
        value = loss(parameters)
        if sampler.is_hopeless(trials, value):
            trials = (*trials, Trial(parameters, "pruned", partial=value))
        else:
            trials = (*trials, Trial(parameters, "complete", value, 0.1, value))
    return trials


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_what_is_proposed_lies_in_the_space_and_has_few_digits(seed: int) -> None:
    for trial in tried(14, seed=seed)[1:]:
        rate, depth = trial.parameters["rate"], trial.parameters["depth"]
        assert 0.01 <= rate <= 0.2
        assert float(f"{rate:.4g}") == rate
        assert isinstance(depth, int)
        assert 2 <= depth <= 9
        assert trial.parameters["kind"] in SPACE["kind"]  # type: ignore[operator]


def test_the_next_proposal_follows_from_the_finished_trials_alone() -> None:
    whole = tried(24)
    for cut in (1, 9, 13, 20):
        assert tried(24, whole[:cut]) == whole


def test_another_seed_proposes_something_else() -> None:
    assert tried(5, seed=1) != tried(5, seed=2)


def test_it_finds_what_is_good() -> None:
    values = [trial.value for trial in tried(30) if trial.value is not None]
    assert min(values) < 0.1


@pytest.mark.parametrize(("better", "hopeless"), [("smaller", 2.5), ("greater", 1.5)])
def test_a_trial_worse_than_the_median_of_the_complete_ones_is_hopeless(
    better: Any, hopeless: float
) -> None:
    sampler = OptunaSampler({"rate": Range(0, 1)}, better, 42)
    trials = [Trial({"rate": 0.5}, "complete", 2.0, 0.1, 2.0)] * 5
    assert sampler.is_hopeless(trials, hopeless)
    assert not sampler.is_hopeless(trials, 2.0)
    assert not sampler.is_hopeless(trials[:4], hopeless)


def test_failed_trials_do_not_disturb_it() -> None:
    sampler = OptunaSampler({"rate": Range(0, 1)}, "smaller", 42)
    assert sampler.propose([Trial({"rate": 0.5}, "failed", error="no")])


def test_without_optuna_the_extra_is_named_and_nothing_else_is_loaded_before() -> None:
    code = "import sys; sys.modules['optuna'] = None\n"
    code += "import fairlead.wiring, fairlead.workflows.train\n"
    code += "from fairlead.adapters.optuna_search import OptunaSampler\n"
    code += "try: OptunaSampler({}, 'smaller', 1)\n"
    code += "except Exception as error: print(error)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'fairlead[search]'" in done.stdout
