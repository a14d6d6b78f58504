"""Optuna as a sampler: TPE proposes, the median of the earlier trials prunes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fairlead.errors import ExtraMissingError
from fairlead.models.family import Range
from fairlead.models.search_space import Space
from fairlead.training.search import Better, Trial

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

DIGITS = 4
"""Numbers are tried as a person would write them, so that they can be written down exactly."""
BEFORE_PRUNING = 5
"""So many complete trials come before the first is pruned."""
STEP = 1


class OptunaSampler:
    """A `Sampler` with Optuna's TPE and median pruner; nothing is stored and nothing is sent.

    Args:
        space: what may be tried.
        better: which values are better.
        seed: seeds every proposal, together with the number of finished trials.

    Raises:
        ExtraMissingError: Optuna is not installed.
    """

    def __init__(self, space: Space, better: Better, seed: int) -> None:
        try:
            with warnings.catch_warnings():
                # Its bars, which are not used, miss their widgets in a notebook.
                warnings.filterwarnings("ignore", message="IProgress not found")
                import optuna
        except ModuleNotFoundError as error:
            raise ExtraMissingError("the search for parameters", "search") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._better, self._seed = space, better, seed
        self._distributions = {name: _distribution(values) for name, values in space.items()}

    def propose(self, trials: Sequence[Trial]) -> dict[str, Any]:
        """Parameters for the next trial; see `Sampler`."""
        study = self._study(trials)
        asked = study.ask(self._distributions)
        return {name: self._brief(name, value) for name, value in asked.params.items()}

    def is_hopeless(self, trials: Sequence[Trial], partial: float) -> bool:
        """Whether the value is worse than the median of the complete trials; see `Sampler`."""
        from optuna.trial import TrialState, create_trial

        study = self._study(trials)
        running = create_trial(state=TrialState.RUNNING, intermediate_values={STEP: partial})
        return study.pruner.prune(study, running)

    def _study(self, trials: Sequence[Trial]) -> Study:
        """The finished trials as a study, whose random state depends on nothing else."""
        import optuna

        seed = np.random.SeedSequence([self._seed, len(trials)]).generate_state(1)[0]
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=int(seed)),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=BEFORE_PRUNING),
            direction="maximize" if self._better == "greater" else "minimize",
        )
        study.add_trials([self._frozen(trial) for trial in trials])
        return study

    def _frozen(self, trial: Trial) -> FrozenTrial:
        from optuna.trial import TrialState, create_trial

        states = {
            "complete": TrialState.COMPLETE,
            "pruned": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }
        # What is written may lie outside the space: TPE does without that parameter.
        known = {
            name: value
            for name, value in trial.parameters.items()
            if _contains(self._space[name], value)
        }
        return create_trial(
            state=states[trial.state],
            value=trial.value,
            params=known,
            distributions={name: self._distributions[name] for name in known},
            intermediate_values={} if trial.partial is None else {STEP: trial.partial},
        )

    def _brief(self, name: str, value: Any) -> Any:
        values = self._space[name]
        if not isinstance(values, Range) or values.whole:
            return value
        return min(max(float(f"{value:.{DIGITS}g}"), values.low), values.high)


def _distribution(values: Range | tuple[Any, ...]) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if not isinstance(values, Range):
        return CategoricalDistribution(values)
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def _contains(values: Range | tuple[Any, ...], value: Any) -> bool:
    if not isinstance(values, Range):
        return value in values
    return isinstance(value, int | float) and values.low <= value <= values.high
