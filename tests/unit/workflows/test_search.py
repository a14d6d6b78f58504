"""One search: what it finds, what it keeps, and that nothing but its trials decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairlead.adapters.optuna_search import OptunaSampler
from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.search_report import search_text
from fairlead.models.search_space import Space
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import CandidateSpec, CrossValidationSpec
from fairlead.training.fitting import Candidate
from fairlead.training.search import SearchResult, Trial
from fairlead.workflows.sample import Sample
from fairlead.workflows.search import Search

SPACE: Space = {"max_depth": (1, 2, 3, 4, 5), "min_samples_leaf": (1, 2, 3, 4, 5, 6)}
TREE = CandidateSpec.model_validate({"family": "decision_tree", "max_depth": 1})


class Impatient(OptunaSampler):
    """Somebody who presses Ctrl-C when the fourth trial is to be proposed."""

    def propose(self, trials: Sequence[Trial]) -> dict[str, Any]:
        if len(trials) == 3:
            raise KeyboardInterrupt
        return super().propose(trials)


class Stranger(OptunaSampler):
    """Proposes what the family refuses."""

    def propose(self, trials: Sequence[Trial]) -> dict[str, Any]:
        return {"max_depth": -len(trials), "min_samples_leaf": 1}


def sample(rows: int = 80, kind: Any = "kfold") -> Sample:
    rng = np.random.default_rng(0)
    X = rng.random((rows, 2))
    return Sample(
        contract=Contract(
            "regression", dict.fromkeys("ab", ColumnSpec(type="number")), TargetSpec(name="t")
        ),
        X=X,
        y=np.sin(6 * X[:, 0]) + 0.1 * rng.random(rows),
        groups=None,
        times=None,
        cv=CrossValidationSpec(kind=kind),
        metric="rmse",
    )


def search(store: Path, trials: int = 12, timeout_s: float | None = None) -> Search:
    candidate = Candidate.of("tree", TREE, {}, 42)
    return Search(candidate, SPACE, trials, timeout_s, store, {"numpy": "2"})


def test_the_first_trial_is_what_is_written_and_the_best_is_chosen(tmp_path: Path) -> None:
    told: list[int] = []
    found = search(tmp_path).run(
        sample(), OptunaSampler, told=lambda result: told.append(len(result.trials))
    )
    assert found.trials[0].parameters == {"max_depth": 1, "min_samples_leaf": 1}
    values = [trial.value for trial in found.trials if trial.value is not None]
    assert found.chosen.value == min(values) < values[0]
    assert found.count("pruned") > 0
    assert told == list(range(13))


def test_interrupted_anywhere_it_ends_where_it_would_have(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole").run(sample(), OptunaSampler)
    again = search(tmp_path / "again")
    with pytest.raises(KeyboardInterrupt, match=r"3 of 12 trials of tree are kept: the same comm"):
        again.run(sample(), Impatient)
    assert again.run(sample(), OptunaSampler) == whole
    (file,) = (tmp_path / "again" / "tree").iterdir()
    (other,) = (tmp_path / "whole" / "tree").iterdir()
    assert file.name == other.name
    assert file.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_one_process_and_two_try_the_same(tmp_path: Path) -> None:
    one = search(tmp_path / "one", 7).run(sample(), OptunaSampler, jobs=1)
    assert search(tmp_path / "two", 7).run(sample(), OptunaSampler, jobs=2) == one


def test_a_finished_search_is_not_run_again_and_fewer_trials_are_its_beginning(
    tmp_path: Path,
) -> None:
    whole = search(tmp_path).run(sample(), OptunaSampler)
    assert search(tmp_path, 5).run(sample(), Stranger).trials == whole.trials[:5]
    assert search(tmp_path, 14).run(sample(), OptunaSampler).trials[:12] == whole.trials


def test_other_rows_candidates_spaces_and_libraries_begin_another_search(tmp_path: Path) -> None:
    first = search(tmp_path, 1)
    deeper = Candidate.of("tree", TREE.model_copy(update={"family": "extra_trees"}), {}, 42)
    others = [
        (first, sample(79)),
        (first, replace(sample(), metric="mae")),
        (first, replace(sample(), cv=CrossValidationSpec(seed=1))),
        (replace(first, space={"max_depth": (1, 2)}), sample()),
        (replace(first, candidate=deeper), sample()),
        (replace(first, libraries={"numpy": "3"}), sample()),
    ]
    for count, (each, rows) in enumerate([(first, sample()), *others], 1):
        each.run(rows, OptunaSampler)
        assert len(list((tmp_path / "tree").iterdir())) == count


def test_trials_that_the_family_refuses_have_failed_and_the_written_one_stands(
    tmp_path: Path,
) -> None:
    found = search(tmp_path, 4).run(sample(), Stranger)
    assert [trial.state for trial in found.trials] == ["complete", "failed", "failed", "failed"]
    assert found.is_as_written
    assert "max_depth" in (found.trials[1].error or "")


def test_without_a_sound_trial_the_candidate_fails(tmp_path: Path) -> None:
    rows = sample()
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(TrainingError, match="no trial of its search could be scored"),
    ):
        search(tmp_path, 3).run(replace(rows, X=rows.X * 1e300), Stranger)


def test_a_timeout_ends_it_after_the_trial_that_was_running(tmp_path: Path) -> None:
    found = search(tmp_path, timeout_s=0.0).run(sample(), OptunaSampler)
    assert len(found.trials) == 1


def test_a_damaged_history_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = search(tmp_path, 3).run(sample(), OptunaSampler)
    (file,) = (tmp_path / "tree").iterdir()
    for text in ("{", "[]", json.dumps({"format": 99, "trials": []})):
        file.write_text(text)
        assert search(tmp_path, 3).run(sample(), OptunaSampler) == first
    assert [record.message for record in caplog.records] == ["search_begins_anew"] * 3


def test_no_set_of_parameters_is_fitted_twice(tmp_path: Path) -> None:
    small = replace(search(tmp_path, 8), space={"max_depth": (1, 2)})
    found = small.run(sample(), OptunaSampler)
    assert len(found.trials) == 8
    assert len({(trial.parameters["max_depth"], trial.value) for trial in found.trials}) == 2


def test_leaving_one_out_is_searched_on_five_folds(tmp_path: Path) -> None:
    found = search(tmp_path, 1).run(sample(kind="leave_one_out"), OptunaSampler)
    assert found.folds == 5


TRIALS = (
    Trial({"max_depth": 1}, "complete", 2.0, 0.1, 2.0),
    Trial({"max_depth": 2}, "pruned", partial=3.0),
    Trial({"max_depth": 3}, "complete", 1.0, 0.1, 1.0),
    Trial({"max_depth": 4}, "failed", error="no"),
)


def words(trials: tuple[Trial, ...]) -> list[str]:
    found = SearchResult("tree", {"max_depth": (1, 2)}, "rmse", "smaller", 5, 42, trials)
    written = CandidateSpec.model_validate(
        {"family": "decision_tree", "ccp_alpha": 0.1, "without": ["a"], "search": {}}
    )
    return search_text(found, written, find_metric("rmse", "regression"), "USD")


def test_in_words_it_has_the_line_that_fixes_what_was_found() -> None:
    said, line = words(TRIALS)
    assert said == (
        f"tree: 4 trials (2 complete, 1 given up early, 1 failed), {RMSE} 1.00 ± 0.10 USD, "
        "as written 2.00 ± 0.10 USD. To fix what was found, write:"
    )
    assert line == "  tree: {family: decision_tree, without: [a], ccp_alpha: 0.1, max_depth: 3}"


def test_in_words_it_says_where_nothing_better_was_found() -> None:
    head = "tree: 2 trials (1 complete, 1 given up early), none better than as written"
    assert words(TRIALS[:2]) == [f"{head}: {RMSE} 2.00 ± 0.10 USD."]


RMSE = "rmse on the 5 folds of the search"
