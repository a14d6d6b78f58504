from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from fairlead.errors import ExtraMissingError, UnknownFamilyError
from fairlead.models.family import FitContext, families, family

CONTEXT = FitContext("regression", (), ("a",), {}, 0)


def test_the_families_are_the_entry_points_of_the_project(request: pytest.FixtureRequest) -> None:
    declared = tomllib.loads((request.config.rootpath / "pyproject.toml").read_text("utf-8"))
    assert set(families()) >= set(declared["project"]["entry-points"]["fairlead.families"])


def test_every_family_is_found_under_its_own_name() -> None:
    assert [family(name).name for name in families()] == list(families())


def test_an_unknown_family_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownFamilyError, match=r"known: .*decision_tree"):
        family("oracle")


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_family_without_its_library_loads_and_names_its_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    chosen = family(name)
    with pytest.raises(ExtraMissingError, match=rf"fairlead\[{name}\]"):
        chosen.build(chosen.parameters(), CONTEXT)


def test_loading_families_imports_no_library_to_fit_with() -> None:
    """They take a second, which every command would wait for that reads a project."""
    script = (
        "import sys; from fairlead.models.family import families, family; "
        "[family(name) for name in families()]; "
        "print({'sklearn', 'scipy', 'xgboost', 'lightgbm', 'pandas', 'polars'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()"
