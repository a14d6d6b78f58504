"""What the documentation shows of `curl` works, with the real one and a live service."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fairlead.wiring import train
from fairlead.workflows.load import load

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "reference").glob("*.md")),
    ROOT / "docs" / "how-to" / "bring-labels-back.md",
]
BLOCK = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVED = re.compile(r"^(?:\$ )?fairlead serve projects/(\w+)", re.MULTILINE)
CURL = re.compile(r"^(?:\$ )?(?=curl )", re.MULTILINE)
SPOKEN_TO = "localhost:8000"
CANDIDATES = {"iris": "lda", "housing": "ridge"}
"""Project -> the candidate that answers here: a quick one."""
PATIENCE_S = 60
PREDICTED = {"prediction", "predictions", "results", "outputs", "accepted"}


def calls_of(block: str) -> Iterator[list[str]]:
    """Every call of `curl` in a block: up to the end of the line that closes its quotes."""
    block = block.replace("\\\n", " ")
    for start in CURL.finditer(block):
        lines = block[start.end() :].splitlines()
        for count in range(1, len(lines) + 1):
            try:
                words = shlex.split("\n".join(lines[:count]), comments=True)
            except ValueError:
                # A quote is open still.
                continue
            yield words
            break
        else:
            pytest.fail(f"a call of curl does not end: {lines[0]}")


def shown() -> Iterator[Any]:
    """Each call, with the project that its page serves by then; iris where none is named."""
    for page in PAGES:
        project = "iris"
        for block in BLOCK.findall(page.read_text("utf-8")):
            project = next(iter(SERVED.findall(block)), project)
            for words in calls_of(block):
                path = next(word for word in words if word.startswith(SPOKEN_TO))
                name = f"{page.relative_to(ROOT)}-{path.removeprefix(SPOKEN_TO)}"
                yield pytest.param(project, words, id=name)


@contextmanager
def serving(bundle: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "fairlead.serving.worker", "--bundle", str(bundle)]
    command += ["--log", str(bundle.parent.parent / "predictions")]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        try:
            events = map(json.loads, worker.stdout)
            url = next(str(event["url"]) for event in events if event["event"] == "ready")
            yield url.removeprefix("http://")
        finally:
            worker.kill()


@pytest.fixture(scope="module")
def addresses(reference_project: Callable[[str], Path]) -> Iterator[dict[str, str]]:
    """Project -> host and port of a service of it."""
    with ExitStack() as services, pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        found = {}
        for name, candidate in CANDIDATES.items():
            result = train(load(reference_project(name)), only=[candidate], jobs=1)
            found[name] = services.enter_context(serving(result.bundles[candidate]))
        yield found


@pytest.fixture(scope="module")
def curl() -> str:
    path = shutil.which("curl")
    if path is None:
        pytest.fail("curl is not installed; these tests run what the documentation shows of it")
    return path


def test_the_pages_of_the_protocols_show_a_call() -> None:
    pages = {str(param.id).partition(".md")[0] for param in shown()}
    protocols = {f"docs/reference/{page.stem}" for page in PAGES if "protocol" in page.stem}
    assert protocols | {"README"} <= pages


@pytest.mark.parametrize(("project", "words"), list(shown()))
def test_a_call_is_answered(
    curl: str, addresses: dict[str, str], tmp_path: Path, project: str, words: list[str]
) -> None:
    arguments = [word.replace(SPOKEN_TO, addresses[project]) for word in words[1:]]
    # Nothing of the machine's own settings, and what to tell of the answer.
    told = ["--output", tmp_path / "body", "--write-out", "%{http_code} %{content_type} %{method}"]
    done = subprocess.run(
        [curl, "--disable", "--noproxy", "*", "--max-time", str(PATIENCE_S), *told, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    body = (tmp_path / "body").read_text("utf-8")
    status, kind, method = done.stdout.split()
    assert status == "200", body
    if kind == "application/json":
        document = json.loads(body)
        assert method != "POST" or PREDICTED & document.keys()
    else:
        assert kind == "text/csv"
        assert body.strip()


@pytest.mark.parametrize(
    ("block", "calls"),
    [
        ("curl -s a  # why\ncurl b\n", [["curl", "-s", "a"], ["curl", "b"]]),
        ("$ curl a -d '{\n  \"b\": 1}'\n{}\n", [["curl", "a", "-d", '{\n  "b": 1}']]),
        ("curl a \\\n  -d 'b'\nfairlead serve\n", [["curl", "a", "-d", "b"]]),
    ],
)
def test_a_call_ends_with_its_line(block: str, calls: list[list[str]]) -> None:
    assert list(calls_of(block)) == calls
