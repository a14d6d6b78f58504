"""The command line, as a user types it, on iris: from the data to rollback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from fairlead.bundle.reading import load_bundle
from fairlead.cli.main import app
from fairlead.serving.prediction_log import PredictionLog
from fairlead.wiring import registry_or_none
from fairlead.workflows.load import load
from fairlead.workflows.read import read
from fairlead.workflows.standing import champion_of

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def fairlead(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FAIRLEAD", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, "-m", "fairlead", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Iris, trained once: two quick candidates, so that there is something to promote."""
    root = tmp_path_factory.mktemp("iris")
    shutil.copy(ROOT / "projects/iris/fairlead.yaml", root)
    fairlead("data", "fetch", cwd=root)
    trained = fairlead("train", "--candidate", "lda", "--candidate", "decision_tree", cwd=root)
    assert "Champion: lda (version " in trained.stdout
    return root


def test_check_reports_and_passes(project: Path) -> None:
    assert "150" in fairlead("check", cwd=project).stdout
    report = json.loads(fairlead("check", "--json", cwd=project).stdout)
    assert report["rows_read"] == 150


def test_the_ml_test_score_tries_the_champion_and_fails_below_a_bound(project: Path) -> None:
    shutil.copytree(ROOT / "projects/iris/tests", project / "tests")
    command = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1", "tests"]
    result = "--junit-xml=.fairlead/results/tests.xml"
    done = subprocess.run(
        [*command, f"--rootdir={project}", result],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    done = fairlead("score", "--json", "--at-least", "5", cwd=project, code=1)
    assert "under 5" in done.stderr
    found = json.loads(done.stdout)
    points = {each["id"]: each["points"] for each in found["tests"]}
    assert len(points) == 28
    assert found["score"] == min(found["sections"].values())
    tested = ("data_7", "infrastructure_2", "infrastructure_3")
    tried = ("data_6", "infrastructure_5", "monitoring_2", "monitoring_3", "monitoring_5")
    assert {points[name] for name in (*tested, *tried)} == {0.5}


def test_the_leaderboard_can_be_shown_again(project: Path) -> None:
    assert "lda" in fairlead("leaderboard", cwd=project).stdout
    for named in (("-p", str(project)), (f"--project={project}",), (str(project),)):
        assert "lda" in fairlead("leaderboard", *named, cwd=project.parent).stdout
    assert json.loads(fairlead("leaderboard", "--json", cwd=project).stdout)["metric"] == "accuracy"
    assert "| ★ lda |" in fairlead("leaderboard", "--markdown", cwd=project).stdout


def test_promotion_and_rollback_move_the_champion(project: Path) -> None:
    refused = fairlead("promote", "decision_tree", cwd=project, code=1).stdout
    assert "is not made champion: inconclusive: beats_champion" in refused
    assert champion(project) == "lda"
    because = ("--force", "--reason", "to go back")
    fairlead("promote", "decision_tree", *because, cwd=project)
    assert champion(project) == "decision_tree"
    fairlead("rollback", cwd=project)
    assert champion(project) == "lda"
    nothing = fairlead("rollback", cwd=project, code=1)
    assert "nothing_to_roll_back" in nothing.stderr


def test_the_history_tells_what_was_decided_and_notices_what_was_changed(project: Path) -> None:
    entries = json.loads(fairlead("history", "--json", cwd=project).stdout)
    kinds = [each["kind"] for each in entries]
    assert kinds[:2] == ["alias", "alias"]
    assert kinds[-4:] == ["decision", "decision", "promotion", "rollback"]
    ledger = project / ".fairlead" / "ledger.jsonl"
    kept = ledger.read_bytes()
    ledger.write_bytes(b"".join(kept.splitlines(keepends=True)[:-1]))
    found = fairlead("history", "verify", cwd=project, code=1).stderr
    assert f"ledger.jsonl:{len(kinds)}: is gone" in found
    ledger.write_bytes(kept)


def champion(project: Path) -> str:
    versions = json.loads(fairlead("models", "list", "--json", cwd=project).stdout)
    (name,) = [v["candidate"] for v in versions if "champion" in v["aliases"]]
    return str(name)


def test_models_are_shown_compared_and_aliased(project: Path) -> None:
    assert "iris: lda" in fairlead("models", "show", "lda", cwd=project).stdout
    compared = fairlead("models", "compare", "lda", "decision_tree", cwd=project).stdout
    assert "cv accuracy" in compared
    assert (
        "On the same 150 rows of the cross-validation, accuracy of lda less decision_tree"
        in compared
    )
    rows = json.loads(
        fairlead("models", "compare", "lda", "decision_tree", "--json", cwd=project).stdout
    )
    assert rows[0]["name"] == "version"
    assert rows[-1]["comparison"]["verdict"] in ("better", "worse", "inconclusive")
    fairlead("models", "alias", "staging", "lda", cwd=project)
    assert "staging" in fairlead("models", "list", cwd=project).stdout


def test_an_unknown_model_lists_those_there_are(project: Path) -> None:
    done = fairlead("models", "show", "forest", cwd=project, code=1)
    assert "decision_tree" in done.stderr


def test_a_bundle_with_one_flipped_byte_is_named(project: Path, tmp_path: Path) -> None:
    bundle = bundle_of(project, "lda")
    assert "is sound" in fairlead("bundle", "verify", str(bundle), cwd=project).stdout
    for name in ("model.onnx", "manifest.json", "golden.json", "card.md"):
        copy = tmp_path / name / bundle.name
        shutil.copytree(bundle, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        done = fairlead("bundle", "verify", str(copy), cwd=project, code=1)
        assert name in done.stderr


def test_three_mistakes_are_all_reported_with_their_lines(tmp_path: Path) -> None:
    text = (ROOT / "projects/iris/fairlead.yaml").read_text()
    text = text.replace("task: classification", "task: clasification")
    text = text.replace("max_depth: 3\n", "max_depht: 3\n", 1)
    text = text.replace("petal_length * petal_width", "petal_lenght * petal_width")
    (tmp_path / "fairlead.yaml").write_text(text)
    done = fairlead("check", cwd=tmp_path, code=1)
    assert "3 problems" in done.stderr
    for number, line in enumerate(text.splitlines(), 1):
        for wrong in ("clasification", "max_depht", "petal_lenght"):
            if wrong in line:
                (said,) = [said for said in done.stderr.splitlines() if wrong in said]
                assert f"fairlead.yaml:{number}: " in said


BAD_DATA = {
    "missing file": (None, "fairlead data fetch"),
    "empty file": ("", "empty"),
    "wrong header": ("a,b,c\n1,2,3\n", "sepal_length"),
    "target missing": (
        "sepal_length,sepal_width,petal_length,petal_width\n5,3,1,0.2\n",
        "species",
    ),
    "wrong type": (
        "sepal_length,sepal_width,petal_length,petal_width,species\n5,wide,1,0.2,setosa\n",
        "sepal_width",
    ),
    "undeclared class": (
        "sepal_length,sepal_width,petal_length,petal_width,species\n5,3,1,0.2,rose\n",
        "species",
    ),
}


@pytest.mark.parametrize("what", BAD_DATA)
def test_bad_data_is_refused_with_a_clear_error_and_nothing_is_written(
    what: str, tmp_path: Path
) -> None:
    content, expected = BAD_DATA[what]
    text = (ROOT / "projects/iris/fairlead.yaml").read_text()
    if content is not None:
        # Without a declared digest, which would refuse the file at once.
        text = re.sub(r"  source:\n(    .*\n)+", "", text)
    (tmp_path / "fairlead.yaml").write_text(text)
    if content is not None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/iris.csv").write_text(content)
    done = fairlead("train", cwd=tmp_path, code=1)
    assert expected in done.stderr
    assert not (tmp_path / ".fairlead").exists()


def test_data_with_a_wrong_digest_is_refused(tmp_path: Path) -> None:
    shutil.copy(ROOT / "projects/iris/fairlead.yaml", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/iris.csv").write_text("not,iris\n1,2\n")
    for command in (["data", "fetch"], ["check"], ["train"]):
        done = fairlead(*command, cwd=tmp_path, code=1)
        assert "SHA-256" in done.stderr
    assert (tmp_path / "data/iris.csv").read_text() == "not,iris\n1,2\n"


def test_help_starts_quickly_and_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['fairlead', '--help']\n"
        "from fairlead.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'mlflow', 'pandas', 'sklearn', 'onnx', 'onnxruntime', 'polars', 'fastapi'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=tmp_path)


def test_a_command_whose_extra_is_missing_names_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "projects/iris/fairlead.yaml", tmp_path)
    script = (
        "import sys; sys.modules['polars'] = None; sys.argv = ['fairlead', 'check']\n"
        "from fairlead.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "pip install 'fairlead[train]'" in done.stderr


WITHOUT_FAIRLEAD = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('fairlead', 'polars', 'sklearn', 'onnx'):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/iris@champion")
frame = pandas.read_csv(sys.argv[2]).drop(columns="species")
print(json.dumps([
    list(model.predict(frame)),
    model.predict(frame, params={"probabilities": True}).to_numpy().tolist(),
]))
"""


def test_mlflow_loads_the_champion_without_fairlead_and_gives_the_same_numbers(
    project: Path,
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_FAIRLEAD,
            f"sqlite:///{project}/.fairlead/mlflow.db",
            str(project / "data/iris.csv"),
        ],
        capture_output=True,
        text=True,
        cwd=project,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    labels, probabilities = json.loads(done.stdout)
    frame = pl.read_csv(project / "data/iris.csv")
    bundle = load_bundle(bundle_of(project, champion(project)))
    assert labels == bundle.predict(frame).tolist()
    assert probabilities == bundle.predict_proba(frame).tolist()


def bundle_of(project: Path, candidate: str) -> Path:
    (bundle,) = [
        path
        for path in (project / ".fairlead/bundles").iterdir()
        if json.loads((path / "manifest.json").read_text())["candidate"] == candidate
    ]
    return bundle


@pytest.mark.parametrize(
    ("variables", "options", "expected"),
    [
        ({}, [], "lda"),
        ({"FAIRLEAD_MODEL": "decision_tree"}, [], "decision_tree"),
        ({"FAIRLEAD_MODEL": "decision_tree"}, ["--model", "lda"], "lda"),
    ],
)
def test_the_served_model_is_picked_without_a_code_change(
    variables: dict[str, str], options: list[str], expected: str, project: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FAIRLEAD", "MLFLOW"))}
    with subprocess.Popen(
        [sys.executable, "-m", "fairlead", "serve", ".", "--port", "0", *options],
        cwd=project,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert service.stdout is not None
            url = next(
                event["url"]
                for event in map(json.loads, service.stdout)
                if event["event"] == "ready"
            )
            with urllib.request.urlopen(f"{url}/model_info", timeout=10) as answer:  # noqa: S310
                assert json.load(answer)["candidate"] == expected
            record = {
                "sepal_length": 5.1,
                "sepal_width": 3.5,
                "petal_length": 1.4,
                "petal_width": 0.2,
            }
            asked = urllib.request.Request(  # noqa: S310
                f"{url}/predict",
                json.dumps(record).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
                assert json.load(answer)["prediction"] == "setosa"
        finally:
            service.terminate()
            assert service.wait(20) == 0
    assert [*(project / ".fairlead/predictions/iris").glob("*/*.jsonl")]


def log_predictions(project: Path, folder: Path, rows: int, labelled: int) -> Path:
    """Predictions of the champion in a log, and a CSV with labels of the first ones."""
    loaded = load(project)
    bundle, _ = champion_of(loaded, registry_or_none(project))
    assert bundle is not None
    dataset = read(loaded)
    drawn = np.random.default_rng(42).integers(0, len(dataset.X), rows)
    log = PredictionLog(folder / "log")
    target = log.target(bundle.name, "1", bundle.digest, bundle.contract)
    X = dataset.X[drawn]
    log.add(target, "r", "champion", X, bundle.score(X), 1e-4, range(rows))
    log.close()
    truth = enumerate(dataset.y[drawn[:labelled]])
    lines = [f"r-{place},{bundle.contract.classes[int(code)]}\n" for place, code in truth]
    file = folder / "labels.csv"
    file.write_text("prediction_id,label\n" + "".join(lines))
    return file


def test_a_file_of_labels_becomes_a_figure_and_a_picture(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb")
    monkeypatch.setenv("FAIRLEAD_PREDICTION_LOG", str(tmp_path / "log"))
    monkeypatch.chdir(project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*words: str) -> Any:
        done = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    bring = ("labels", "import", str(log_predictions(project, tmp_path, 400, 300)))
    before = run("quality", "--window", "1h")["qualities"][0]
    tried, first, again = run(*bring, "--dry-run"), run(*bring), run(*bring)
    counts = run("labels", "status")
    found = run("quality", "--window", "1h", "--picture")
    picture = (project / ".fairlead" / "monitoring" / "quality.png").read_bytes()
    assert (before["rows"], before["labelled"], before["measured"]) == (400, 0, None)
    assert [(each["is_new"], each["is_written"]) for each in (tried, first, again)] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    assert (counts["labels"], counts["all"]["labelled"], counts["unmatched"]) == (300, 300, 0)
    every, version = found["qualities"][:2]
    assert (every["rows"], every["labelled"], version["version"]) == (400, 300, "1")
    assert every["measured"]["low"] < every["measured"]["value"] <= every["measured"]["high"]
    assert abs(every["measured"]["value"] - every["expected"]["value"]) < 0.05
    assert abs(every["drop"]["value"]) < 0.05
    assert len(found["history"]) == 12
    assert picture.startswith(b"\x89PNG")
