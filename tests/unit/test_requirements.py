"""The lock files pin everything once, with hashes, and say nothing of where they were made."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")


def pins(lock: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([a-z0-9._-]+)==(\S+)", text_of(lock), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\s\[<>=~!;]", requirement)[0].lower() for requirement in requirements}
    return found - {"fairlead"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_no_address_and_no_folder(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r"^.*(?:://| @ |^ *-(?!-hash)).*$", text, re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_pin_has_a_hash(lock: Path) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", lock.read_text(encoding="utf-8"))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == ["#"] * (
        blocks[0].startswith("#")
    )


@pytest.mark.parametrize("lock", ["serving", "demo"])
def test_development_installs_what_the_others_install(lock: str) -> None:
    assert pins(lock) <= pins("dev")


def test_serving_needs_the_core_alone() -> None:
    locked = {name for name, _ in pins("serving")}
    assert names(PROJECT["project"]["dependencies"]) <= locked
    assert {"pandas", "polars", "scikit-learn", "onnx", "mlflow-skinny"}.isdisjoint(locked)


def test_development_needs_every_extra_and_every_tool() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["dependency-groups"]["dev"], *(one for extra in extras for one in extra)]
    assert names(wanted) <= {name for name, _ in pins("dev")}
