"""The searches of one training: which there are, what they find, and all of it once more inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlead.bundle.manifest import to_json
from fairlead.errors import ExtraMissingError, FairleadError, Problem, ProjectError
from fairlead.evaluation.drawing import write
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.search_figure import search_png
from fairlead.evaluation.search_report import value_text
from fairlead.models.search_space import search_space
from fairlead.progress import Progress
from fairlead.project.spec import SearchSpec
from fairlead.storage import write_whole
from fairlead.training.fitting import Candidate
from fairlead.training.search import MakeSampler, SearchResult, with_parameters
from fairlead.workflows.experiment import Experiment
from fairlead.workflows.nested import NestedRun, Procedure, run_nested
from fairlead.workflows.search import Search
from fairlead.workflows.store import searches_of

NESTED = "(nested)"
"""No candidate can be called so."""


@dataclass(frozen=True)
class Searches:
    """What is searched in one training.

    Attributes:
        experiment: the training.
        planned: candidate -> what is searched for it; those without a search are not in it.
        make_sampler: who proposes; there is one wherever something is searched.
    """

    experiment: Experiment
    planned: Mapping[str, Search]
    make_sampler: MakeSampler | None

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        candidates: Sequence[Candidate],
        named: Sequence[str],
        trials: int | None,
        timeout_s: float | None,
        make_sampler: MakeSampler | None,
    ) -> Searches:
        """What the project file asks for, and what was asked for beside it.

        Args:
            experiment: the training.
            candidates: those that are trained.
            named: those that were named one by one: `trials` and `timeout_s` search the whole
                space of their family, too, where the file has no `search` for them.
            trials: for each search, instead of the file's; 0 for no search at all.
            timeout_s: for each search, instead of the file's.
            make_sampler: who proposes.

        Raises:
            ProjectError: trials or a timeout were asked for where nothing can be searched.
            ExtraMissingError: there is something to search, and nobody to propose.
        """
        asked = bool(trials) or timeout_s is not None
        planned = {}
        for candidate in candidates if trials != 0 else ():
            written = experiment.spec.candidates[candidate.name]
            space = search_space(written, experiment.spec.task)
            if written.search is None and not (asked and candidate.name in named and space):
                continue
            search = written.search or SearchSpec()
            planned[candidate.name] = Search(
                candidate=candidate,
                space=space,
                trials=trials or search.trials,
                timeout_s=search.timeout_s if timeout_s is None else timeout_s,
                store=searches_of(experiment.project.root),
                libraries=experiment.origin["libraries"],
            )
        if asked and not planned:
            expected = "a candidate with `search`, or one with a space that is named (--candidate)"
            found = "nothing to search"
            raise ProjectError(experiment.project.path, (Problem("candidates", found, expected),))
        if planned and make_sampler is None:
            raise ExtraMissingError("the search for parameters", "search")
        return cls(experiment, planned, make_sampler)

    def run(
        self, candidates: Sequence[Candidate], jobs: int, progress: Progress
    ) -> tuple[list[Candidate], dict[str, SearchResult], dict[str, FairleadError]]:
        """Search one after another, and write what was tried: `search/<candidate>.json` and `.png`.

        Returns:
            The candidates with the parameters that were found, without those whose search has
            failed; what was tried; and why a search has failed.
        """
        tuned: list[Candidate] = []
        found: dict[str, SearchResult] = {}
        failed: dict[str, FairleadError] = {}
        for candidate in candidates:
            if candidate.name not in self.planned:
                tuned.append(candidate)
                continue
            try:
                result = self._search(self.planned[candidate.name], jobs, progress)
            except FairleadError as error:
                failed[candidate.name] = error
                continue
            self._write(result)
            found[candidate.name] = result
            tuned.append(with_parameters(candidate, result.chosen.parameters))
        return tuned, found, failed

    def nested(self, candidates: Sequence[Candidate], jobs: int, progress: Progress) -> NestedRun:
        """Repeat the whole training inside every fold; see `run_nested`."""
        select = self.experiment.spec.evaluation.select
        procedure = Procedure(candidates, self.planned, self.make_sampler, select)
        progress.start({NESTED: len(self.experiment.layout)})
        return run_nested(self.experiment, procedure, jobs, lambda: progress.advance(NESTED, 1))

    def _search(self, search: Search, jobs: int, progress: Progress) -> SearchResult:
        if self.make_sampler is None:
            raise ExtraMissingError("the search for parameters", "search")
        bar = f"{search.candidate.name} (search)"
        spec = self.experiment.spec
        rule = find_metric(self.experiment.metric, spec.task)
        progress.start({bar: search.trials})
        shown = 0

        def tell(result: SearchResult) -> None:
            nonlocal shown
            progress.advance(bar, len(result.trials) - shown)
            shown = len(result.trials)
            if result.best is not None:
                progress.note(bar, f"best {value_text(result.chosen, rule, spec.data.target.unit)}")

        return search.run(self.experiment.sample, self.make_sampler, jobs=jobs, told=tell)

    def _write(self, result: SearchResult) -> None:
        file = self.experiment.results / "search" / f"{result.candidate}.json"
        origin = {key: self.experiment.origin[key] for key in ("created_at", "data_fingerprint")}
        trials = [trial.to_dict() for trial in result.trials]
        document = {**origin, "candidate": result.candidate, **result.summary()}
        write_whole(file, to_json({**document, "history": trials}))
        picture = search_png(
            result,
            find_metric(result.metric, self.experiment.spec.task),
            unit=self.experiment.spec.data.target.unit,
        )
        write(picture, file.with_suffix(".png"))
