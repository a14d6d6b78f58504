"""What was found of a project, for the rules to judge; nothing here reads or runs anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.monitoring.records import Quality
from fairlead.project.spec import ProjectSpec
from fairlead.readiness.in_use import LABELLED_DAYS, Promotion, Served, Watch
from fairlead.readiness.records import AUTOMATED, MANUAL, Verdict
from fairlead.serving.records import label_of


@dataclass(frozen=True)
class Champion:
    """The model that is judged.

    Attributes:
        label: such as `housing version 3 (boosting)`.
        digest: of its bundle.
        manifest: of its bundle.
        registered_at: when it was registered; None without a registry.
        version: its number; None without a registry.
    """

    label: str
    digest: str
    manifest: Mapping[str, Any]
    registered_at: datetime | None = None
    version: int | None = None

    @property
    def served_as(self) -> str:
        """Its label in the prediction log."""
        return label_of(self.version, self.digest)

    @property
    def candidate(self) -> str:
        """Its name in the project file."""
        return str(self.manifest["candidate"])

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where it comes from."""
        found: Mapping[str, Any] = self.manifest["provenance"]
        return found


@dataclass(frozen=True)
class CheckedRows:
    """What `fairlead check` finds now.

    Attributes:
        rows: that are kept.
        problems: what breaks the contract, a check, or a rule of `data.quality`.
    """

    rows: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repository:
    """What git says of the project file.

    Attributes:
        commit: the last one that touched it, short; None if it is not committed.
        subject: of that commit.
        changed: whether the file differs from it.
        review: the trace of a review of that commit; None if there is none.
    """

    commit: str | None = None
    subject: str = ""
    changed: bool = False
    review: str | None = None


@dataclass(frozen=True)
class ProjectTests:
    """The last run of the project's own tests.

    Attributes:
        claims: id of a test of the score -> the tests that passed and say they are it.
        passed: how many passed.
        failed: names of those that did not.
        sources: the text of the tests.
        trouble: why the run does not count; None if it does.
    """

    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passed: int = 0
    failed: tuple[str, ...] = ()
    sources: str = ""
    trouble: str | None = None


@dataclass(frozen=True)
class Canary:
    """A part of the traffic that the champion answered before all of it was its own.

    Attributes:
        percent: the smallest share.
        at: when, as the ledger has it.
        entry: which line of the ledger.
        answered: whether the prediction log has answers of the champion.
        judged: what the last look of `fairlead canary` said of it; None if there was none.
    """

    percent: float
    at: str
    entry: int
    answered: bool
    judged: str | None = None


@dataclass(frozen=True)
class Former:
    """The champion before the present one, loaded now.

    Attributes:
        label: such as `housing version 1 (ridge)`.
        seconds: to verify and load it.
        problem: why it could not answer in the champion's place; None if it could.
    """

    label: str
    seconds: float = 0.0
    problem: str | None = None


@dataclass(frozen=True)
class Probed:
    """What a trial of the champion gave, made now.

    Attributes:
        passed: whether it went as it must.
        text: what was done and found.
    """

    passed: bool
    text: str


@dataclass(frozen=True)
class Evidence:
    """Everything that the rules look at; what is not there is None or empty.

    Attributes:
        spec, spec_digest: the project file.
        now: when it was looked, UTC.
        champion: the model.
        rows: the data, checked now; a text where it cannot be read.
        board: the leaderboard of the champion's training.
        searches: other candidates of that training -> how many trials found their parameters.
        importance, ablation: what features are worth, of the champion's training.
        environment: as `provenance` describes what runs now.
        pinned: what the data is compared with, such as `data.source.sha256`.
        pipeline: command, such as `fairlead score` -> file of CI or DVC that runs it.
        repository: the project file in git.
        tests: the project's own.
        reproduction: what `fairlead reproduce` found of the champion.
        canary: before it became champion.
        promotion: how the champion became champion; a text where nothing tells.
        former: where a rollback leads.
        served: labelled predictions; a text where they cannot be told.
        watch: the monitor; None where nobody has looked yet.
        probes: name of a trial -> what it gave.
    """

    spec: ProjectSpec
    spec_digest: str
    now: datetime
    champion: Champion | None = None
    rows: CheckedRows | str = "the data was not read"
    board: Leaderboard | None = None
    searches: Mapping[str, int] = field(default_factory=dict)
    importance: Mapping[str, Any] | None = None
    ablation: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    pinned: str | None = None
    pipeline: Mapping[str, str] = field(default_factory=dict)
    repository: Repository = Repository()
    tests: ProjectTests = ProjectTests(trouble="there was no run of them")
    reproduction: Mapping[str, Any] | None = None
    canary: Canary | None = None
    promotion: Promotion | str = "the ledger does not say how it became champion"
    former: Former | None = None
    served: Served | str = "no predictions were looked for"
    watch: Watch | None = None
    probes: Mapping[str, Probed] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that the model takes, and the derived ones."""
        data = self.spec.data
        columns = [name for name, column in data.columns.items() if column.role == "feature"]
        return (*columns, *data.derived)


NO_CHAMPION = Verdict(0, "there is no champion", "fairlead train")


def repeated(evidence: Evidence, command: str, text: str) -> Verdict:
    """A test that a command makes: a whole point where CI or DVC runs it, half where people do."""
    place = evidence.pipeline.get(command)
    if place is not None:
        return Verdict(AUTOMATED, f"{text} ({place} runs `{command}`)")
    return Verdict(MANUAL, f"{text}, by hand", f"`{command}` in CI or a DVC stage")


def probed(evidence: Evidence, name: str) -> Verdict:
    """A test that `fairlead score` makes itself."""
    found = evidence.probes.get(name)
    if found is None:
        return NO_CHAMPION
    return (
        repeated(evidence, "fairlead score", found.text) if found.passed else Verdict(0, found.text)
    )


def quality_in_use(evidence: Evidence) -> Quality | Verdict:
    """The champion's quality on labelled predictions of late, else why it is not known."""
    if evidence.champion is None:
        return NO_CHAMPION
    found = evidence.served
    if isinstance(found, str):
        return Verdict(0, found, "`POST /feedback` or fairlead labels import FILE")
    own = found.qualities.get(evidence.champion.served_as)
    if own is None or own.measured is None or not own.baseline.is_defined:
        rows, needed = 0 if own is None else own.labelled, evidence.spec.monitoring.min_rows
        text = f"{rows:,} labelled predictions of the champion in {LABELLED_DAYS} days"
        text += f", {needed:,} are needed" if rows < needed else f"; no {own and own.metric}"
        return Verdict(0, text, "`POST /feedback` or fairlead labels import FILE")
    return own


def claimed(evidence: Evidence, test: str) -> Verdict:
    """A test that the project's own tests say they make."""
    remedy = f'a project test with `record_property("ml_test_score", "{test}")`'
    names = evidence.tests.claims.get(test)
    if not names:
        return Verdict(0, "no project test claims it", remedy)
    if evidence.tests.trouble:
        return Verdict(0, f"{names[0]} claims it, but {evidence.tests.trouble}", RUN_TESTS)
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return repeated(evidence, "pytest", f"{names[0]}{more} passed")


RUN_TESTS = "pytest -o junit_family=xunit1 --junit-xml=.fairlead/results/tests.xml"


def whole_word(name: str, text: str) -> bool:
    """Whether a name stands in a text, not as part of another one."""
    return re.search(rf"\b{re.escape(name)}\b", text) is not None
