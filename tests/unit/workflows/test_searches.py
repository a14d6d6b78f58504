"""The searches of a training: which there are, and where what they found goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.adapters.memory_tracking import MemoryTracker
from fairlead.adapters.optuna_search import OptunaSampler
from fairlead.errors import ExtraMissingError, FoldsError, ProjectError
from fairlead.models.family import Range
from fairlead.training.search import Trial
from fairlead.workflows.experiment import Experiment
from fairlead.workflows.load import load
from fairlead.workflows.read import read
from fairlead.workflows.reproduce import reproduce
from fairlead.workflows.searches import Searches
from fairlead.workflows.train import TrainingResult, _candidates, train

SPEC = """
name: small
task: regression
data:
  path: small.csv
  target: {name: t}
  columns: {a: {type: number}, b: {type: number}}
  split: {kind: random, holdout: 0.25}
candidates:
  tree:
    family: decision_tree
    max_depth: 1
    search: {trials: 6, timeout: 2h, space: {max_depth: [1, 2, 3, 4, 5, 6, 7, 8]}}
  line: {family: linear}
evaluation: {metric: rmse, cv: {kind: kfold, folds: 3}}
"""


class Recorded:
    """Notes what was told."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.notes: list[str] = []

    def start(self, totals: Mapping[str, int]) -> None:
        self.totals |= totals
        self.done |= dict.fromkeys(totals, 0)

    def advance(self, candidate: str, steps: int) -> None:
        self.done[candidate] += steps

    def note(self, candidate: str, text: str) -> None:
        self.notes.append(f"{candidate}: {text}")


def written(root: Path, text: str = SPEC) -> Path:
    root.mkdir(exist_ok=True)
    rows = [f"{n * 37 % 80},{n * 11 % 17},{(n * 37 % 80) ** 2 + n % 7}" for n in range(80)]
    (root / "small.csv").write_text("\n".join(["a,b,t", *rows]))
    (root / "fairlead.yaml").write_text(text)
    return root


Trained = tuple[Path, TrainingResult, Recorded, MemoryTracker]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root, told, tracker = written(tmp_path_factory.mktemp("small")), Recorded(), MemoryTracker()
    result = train(
        load(root),
        registry=MemoryRegistry(),
        tracker=tracker,
        jobs=1,
        nested=True,
        make_sampler=OptunaSampler,
        progress=told,
    )
    return root, result, told, tracker


def test_the_bundle_has_what_was_found_and_says_so(trained: Trained) -> None:
    _, result, _, _ = trained
    search, manifest = result.searches["tree"], result.bundle("tree").manifest
    found = dict(search.chosen.parameters)
    assert {name: manifest["parameters"][name] for name in found} == found
    assert manifest["search"]["found"] == found
    assert manifest["search"]["trials"] == 6
    assert "search" not in result.bundle("line").manifest


def test_where_the_folds_are_those_of_the_leaderboard_the_value_is_too(trained: Trained) -> None:
    _, result, _, _ = trained
    (entry,) = [each for each in result.leaderboard.entries if each.name == "tree"]
    assert entry.cv["rmse"].value == result.searches["tree"].chosen.value


def test_what_was_tried_is_written_with_a_picture(trained: Trained) -> None:
    root, result, _, _ = trained
    folder = root / ".fairlead" / "results" / "search"
    history = json.loads((folder / "tree.json").read_text())["history"]
    assert tuple(map(Trial.from_dict, history)) == result.searches["tree"].trials
    assert (folder / "tree.png").read_bytes().startswith(b"\x89PNG")


def test_the_run_is_tagged_with_the_search(trained: Trained) -> None:
    _, _, _, tracker = trained
    tags = {run.record.candidate: run.record.tags for run in tracker.runs.values()}
    assert tags["tree"]["search_trials"] == "6"
    assert "search_trials" not in tags["line"]


def test_progress_counts_trials_and_folds_and_tells_the_best(trained: Trained) -> None:
    _, result, told, _ = trained
    assert told.totals["tree (search)"] == 6
    assert told.totals["(nested)"] == 3
    assert told.done == told.totals
    assert told.notes[-1].startswith(
        f"tree (search): best {result.searches['tree'].chosen.value:.0f}"
    )


def test_nested_repeats_searches_and_choice_in_every_fold(trained: Trained) -> None:
    root, result, _, _ = trained
    nested = result.leaderboard.nested
    assert nested is not None
    assert nested.inner == "3-fold"
    assert sum(nested.counts.values()) == 3
    assert set(nested.estimates) == {"rmse"}
    assert all(each.parameters for each in nested.chosen if each.candidate == "tree")
    # One search of the whole, and one for each fold, all of which could be resumed.
    assert len(list((root / ".fairlead" / "search" / "tree").iterdir())) == 4


@pytest.mark.slow
def test_nested_does_not_depend_on_the_number_of_processes(trained: Trained) -> None:
    root, result, _, _ = trained
    again = train(load(root), jobs=2, nested=True, make_sampler=OptunaSampler)
    assert again.leaderboard.nested == result.leaderboard.nested


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_search_without_a_sound_trial_fails_its_candidate_only(tmp_path: Path) -> None:
    root = written(tmp_path, SPEC.replace("linear", "dummy"))
    huge = "\n1e300,1,1"  # beyond float32, which scikit-learn's trees read
    (root / "small.csv").write_text((root / "small.csv").read_text() + 4 * huge)
    result = train(load(root), jobs=1, trials=1, make_sampler=OptunaSampler)
    tree, line = result.leaderboard.entries
    assert "no trial of its search could be scored" in (tree.error or "")
    assert line.error is None


def test_rows_too_few_for_folds_inside_folds_are_refused_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    text = SPEC.replace("kind: kfold, folds: 3", "kind: group, folds: 2")
    root = written(tmp_path, text.replace("b: {type: number}", "b: {type: number, role: group}"))
    (root / "small.csv").write_text("\n".join(["a,b,t", *(f"{n},{n % 2},{n}" for n in range(40))]))
    told = Recorded()
    with pytest.raises(FoldsError, match="cannot cut"):
        train(load(root), nested=True, trials=0, progress=told)
    assert told.totals == {}


def planned(root: Path, named: list[str], **asked: Any) -> Searches:
    project = load(root)
    options = {"trials": None, "timeout_s": None, "make_sampler": OptunaSampler, **asked}
    candidates = _candidates(project, named)
    return Searches.of(Experiment(project, read(project)), candidates, named, **options)


def test_the_file_decides_where_nothing_else_is_asked_for(tmp_path: Path) -> None:
    (search,) = planned(written(tmp_path), []).planned.values()
    assert (search.candidate.name, search.trials, search.timeout_s) == ("tree", 6, 7200)
    assert set(search.space) == {"max_depth", "min_samples_leaf", "ccp_alpha"}


def test_what_is_asked_for_beside_the_file_takes_its_place(tmp_path: Path) -> None:
    (search,) = planned(written(tmp_path), [], trials=9, timeout_s=1.5).planned.values()
    assert (search.trials, search.timeout_s) == (9, 1.5)


def test_no_trials_skip_every_search_and_need_nobody_to_propose(tmp_path: Path) -> None:
    assert planned(written(tmp_path), [], trials=0, make_sampler=None).planned == {}


def test_a_named_candidate_is_searched_though_the_file_asks_for_nothing(tmp_path: Path) -> None:
    text = SPEC.replace("family: linear", "family: ridge, alpha: 1.0")
    root = written(tmp_path, text)
    (search,) = planned(root, ["line"], trials=3).planned.values()
    assert search.space == {"alpha": Range(1e-3, 1e3, log=True)}
    assert planned(root, ["line"]).planned == {}
    assert set(planned(root, [], trials=3).planned) == {"tree"}


def test_trials_for_nothing_that_can_be_searched_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="found nothing to search, expected a candidate"):
        planned(written(tmp_path), ["line"], trials=3)
    with pytest.raises(ProjectError, match="nothing to search"):
        planned(tmp_path, ["line"], timeout_s=3.0)


def test_a_search_without_anybody_to_propose_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(ExtraMissingError, match=r"fairlead\[search\]"):
        planned(written(tmp_path), [], make_sampler=None)


def test_a_searched_model_is_made_again_without_a_search(trained: Trained) -> None:
    root, result, *_ = trained
    found = reproduce(load(root), str(result.bundles["tree"]), jobs=1)
    assert found.is_reproduced, found.to_json()
