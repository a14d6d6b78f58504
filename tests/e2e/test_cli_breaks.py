"""What goes wrong around the command line ends in a message, never in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FILE = """\
name: t
task: regression
data: {path: a.csv, target: {name: y}, columns: {x: {type: number}}}
candidates: {r: {family: ridge}}
evaluation: {metric: rmse}
"""


def fairlead(
    *arguments: str | Path, code: int, output: str | None = None, **environment: str
) -> str:
    """Run a command; return what it said, on either stream."""
    with Path(output or os.devnull).open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "fairlead", *map(str, arguments)],
            env={k: v for k, v in os.environ.items() if not k.startswith("FAIRLEAD")} | environment,
            stdout=file if output else subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            timeout=100,
        )
    said = ((done.stdout or b"") + done.stderr).decode()
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    # A folder may have any name: neither markup nor a place to fill in.
    root = tmp_path / "a[" / "b] {x}"
    root.mkdir(parents=True)
    (root / "fairlead.yaml").write_text(FILE)
    (root / "a.csv").write_text("x,y\n" + "".join(f"{i},{i}\n" for i in range(20)))
    return root


def test_a_folder_that_looks_like_markup_is_a_folder(project: Path) -> None:
    assert f"{project / 'a.csv'}  20 rows" in fairlead("check", project, code=0)
    nowhere = project / "[" / "nowhere]"
    assert f"{nowhere}: file: found nothing" in fairlead("check", nowhere, code=1)


def test_what_cannot_be_encoded_is_replaced(project: Path) -> None:
    assert "? the contract holds" in fairlead("check", project, code=0, PYTHONIOENCODING="ascii")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_the_output_is_told(project: Path) -> None:
    said = fairlead("check", project, "--json", code=1, output="/dev/full")
    assert "No space left" in said


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[]", b'{"format": 1}'])
def test_a_damaged_leaderboard_is_told_with_what_to_do(content: bytes, project: Path) -> None:
    path = project / ".fairlead/results/leaderboard.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    said = fairlead("leaderboard", project, code=1)
    assert f"{path}: found" in said
    assert "run it again" in said


@pytest.mark.parametrize("place", [".fairlead", ".fairlead/bundles", ".fairlead/results"])
def test_a_file_where_a_folder_must_be_ends_training_with_its_name(
    place: str, project: Path
) -> None:
    (project / place).parent.mkdir(exist_ok=True)
    (project / place).write_text("in the way")
    said = fairlead("train", project, code=1, MLFLOW_TRACKING_URI="")
    assert str(project / ".fairlead") in said
    assert not [path for path in project.rglob("*") if path.name.endswith(".part")]
