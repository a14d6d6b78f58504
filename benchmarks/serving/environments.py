"""An environment for each peer: what they need does not fit together in one."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.machine import UnfitMachineError

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).with_name("peers")
TOOLS = ROOT / ".tools" / "bench"


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment."""
    return TOOLS / peer / "bin" / "python"


def build(peer: str) -> None:
    """Install what a peer's lock names, if that has not been done.

    Raises:
        UnfitMachineError: uv is missing, or the installation failed.
    """
    lock = PEERS / f"{peer}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = TOOLS / peer / "lock.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    if not Path(uv).exists():
        raise UnfitMachineError("uv is missing: make .tools/bin/uv")
    print(f"installing {peer}", flush=True)
    python = sys.executable
    for arguments in (
        ["venv", "--quiet", "--clear", "--python", python, str(TOOLS / peer)],
        [
            "pip",
            "sync",
            "--quiet",
            "--python",
            str(python_of(peer)),
            "--require-hashes",
            "--compile-bytecode",
            str(lock),
        ],
    ):
        try:
            subprocess.run([uv, *arguments], check=True)
        except subprocess.CalledProcessError as error:
            raise UnfitMachineError(f"{peer} could not be installed") from error
    stamp.write_text(digest)


def versions(python: Path, packages: list[str]) -> dict[str, str]:
    """Those of the packages that an environment has, with their versions."""
    code = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
    run = subprocess.run(
        [str(python), "-c", code, *packages], check=True, capture_output=True, text=True
    )
    found: dict[str, str] = json.loads(run.stdout)
    return found
