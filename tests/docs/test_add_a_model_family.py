from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = re.compile(r'```python title="([^"]+)"\n(.*?)```', re.DOTALL)


@pytest.mark.slow
def test_the_family_of_the_how_to_passes_the_contract(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = request.config.rootpath / "docs" / "how-to" / "add-a-model-family.md"
    for name, code in BLOCK.findall(page.read_text("utf-8")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "--import-mode=importlib"]
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    (tmp_path / "conftest.py").write_text(path, "utf-8")
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
