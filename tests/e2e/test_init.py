"""From a CSV that Fairlead has never seen to a served model, without an edit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairlead.bundle.reading import Bundle, load_bundle

pytestmark = pytest.mark.slow
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("FAIRLEAD", "MLFLOW"))}


def run(*command: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def customers() -> str:
    """Numbers with gaps, dates, categories, texts with quotes and line ends, an identifier."""
    rng = np.random.default_rng(1)
    lines = ["Customer ID,Age,Joined on,Plan,Newsletter,Spent,Comment,Country,Churned"]
    for row in range(400):
        age = "" if rng.random() < 0.1 else str(rng.integers(18, 90))
        plan = rng.choice(["basic", "plus, with extras", "pro"])
        spent = "NA" if rng.random() < 0.05 else f"{rng.gamma(2, 40):.2f}"
        churned = "yes" if rng.random() < (0.6 if plan == "basic" else 0.2) else "no"
        joined = f"20{rng.integers(10, 26)}-0{rng.integers(1, 10)}-{rng.integers(10, 29)}"
        comment = f'"Said ""no"" {row} times,\nthen left"'
        news = rng.choice(["true", "false"])
        lines.append(f'C{row:05},{age},{joined},"{plan}",{news},{spent},{comment},DE,{churned}')
    return "\n".join(lines) + "\n"


def sensors() -> str:
    """Two hundred columns, one of which is a number for each row."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 198))
    y = X[:, 0] * 3 - X[:, 7] + rng.normal(size=300) * 0.3
    lines = [",".join(["", *(f"s{number}" for number in range(198)), "y"])]
    for row, (x, value) in enumerate(zip(X, y, strict=True)):
        lines.append(",".join([str(row), *(f"{number:.4f}" for number in x), f"{value:.4f}"]))
    return "\n".join(lines) + "\n"


def flats() -> str:
    """Semicolons, decimal commas, headers that are no names, CRLF and a byte order mark."""
    rng = np.random.default_rng(3)
    lines = ["Fläche (m²);Zimmer;Heizung;Baujahr;Miete (€)"]
    for _ in range(250):
        area, rooms = rng.uniform(20, 150), rng.integers(1, 6)
        heating = rng.choice(["Gas", "Fernwärme", "keine"])
        built = "" if rng.random() < 0.2 else str(rng.integers(1900, 2025))
        rent = area * 11.5 + rooms * 20 + rng.normal() * 50
        line = f"{area:.2f};{rooms};{heating};{built};{rent:.2f}"
        lines.append(line.replace(".", ","))
    return "\ufeff" + "\r\n".join(lines) + "\r\n"


@dataclass(frozen=True)
class Case:
    text: Callable[[], str]
    target: str
    record: dict[str, Any]
    told: tuple[str, ...]


CASES = {
    "customers": Case(
        customers,
        "Churned",
        {
            "Age": None,
            "Joined_on": "2020-05-17",
            "Plan": "basic",
            "Newsletter": True,
            "Spent": 81.5,
        },
        (
            "customers: classification of Churned from 5 of 8 columns, 400 rows",
            "Customer_ID is different in every row",
            "Comment is different in every row",
            "Country is the same in every row",
            "Joined_on is a time",
        ),
    ),
    "sensors": Case(
        sensors,
        "y",
        {f"s{number}": 0.25 for number in range(198)},
        ("regression of y from 198 of 198 columns", "A column without a name is left out"),
    ),
    "flats": Case(
        flats,
        "Miete (€)",
        {"Fläche_m2": 61.5, "Zimmer": 2, "Heizung": "Gas", "Baujahr": 1984},
        ("regression of Miete from 4 of 4 columns, 250 rows",),
    ),
}


@dataclass(frozen=True)
class Made:
    """A project that was made of a CSV and trained."""

    root: Path
    case: Case
    told: str
    seconds: float

    def bundles(self) -> list[Bundle]:
        return [load_bundle(path) for path in (self.root / ".fairlead/bundles").iterdir()]


@pytest.fixture(scope="module", params=CASES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, case = tmp_path_factory.mktemp("csv"), CASES[request.param]
    (folder / f"{request.param}.csv").write_text(case.text(), "utf-8", newline="")
    started = time.perf_counter()
    told = run("fairlead", "init", f"{request.param}.csv", "--target", case.target, cwd=folder)
    run("fairlead", "check", request.param, cwd=folder)
    trained = run("fairlead", "train", request.param, cwd=folder)
    assert "Champion: " in trained.stdout
    return Made(folder / request.param, case, told.stdout, time.perf_counter() - started)


def test_the_author_is_told_what_was_inferred(made: Made) -> None:
    assert [line for line in made.case.told if line not in made.told] == []


def test_it_takes_minutes(made: Made) -> None:
    assert made.seconds < 240


def test_every_candidate_answers(made: Made) -> None:
    bundles = made.bundles()
    assert len(bundles) == 4
    for bundle in bundles:
        assert len(bundle.predict([made.case.record])) == 1


def test_the_champion_is_served(made: Made) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "fairlead", "serve", ".", "--port", "0"],
        cwd=made.root,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert service.stdout is not None
            events = map(json.loads, service.stdout)
            url = next(event["url"] for event in events if event["event"] == "ready")
            asked = urllib.request.Request(  # noqa: S310
                f"{url}/predict",
                json.dumps(made.case.record).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
                assert json.load(answer)["prediction"] is not None
        finally:
            service.terminate()
            assert service.wait(20) == 0


@pytest.mark.parametrize("made", ["flats"], indirect=True)
def test_the_tests_of_the_new_project_pass(made: Made) -> None:
    done = run("pytest", "-q", "-p", "no:cacheprovider", cwd=made.root)
    assert "3 passed" in done.stdout


def test_a_second_init_changes_nothing(made: Made) -> None:
    before = (made.root / "fairlead.yaml").read_bytes()
    data = f"{made.root.name}/data/{made.root.name}.csv"
    target = made.case.target
    done = run("fairlead", "init", data, "--target", target, cwd=made.root.parent, code=1)
    assert "nothing was written" in done.stderr
    assert (made.root / "fairlead.yaml").read_bytes() == before


def test_a_target_with_gaps_needs_a_decision(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(customers())
    done = run("fairlead", "init", "c.csv", "--target", "Age", cwd=tmp_path, code=1)
    assert "rows without a value of `Age`" in done.stderr
    assert "to decide: what it is there, or to leave these rows out" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["c.csv"]
