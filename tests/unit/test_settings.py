"""Settings come from the environment alone, and a misspelt one is never ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.errors import SettingsError
from fairlead.settings import Settings, read_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_variables_are_read_from_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_PORT", "1")
    assert read_settings({"FAIRLEAD_PORT": "81", "PATH": "/bin"}).port == 81
    assert read_settings({}).port == Settings().port


def test_the_process_environment_is_read_when_none_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAIRLEAD_CACHE", "/a/b")
    assert read_settings().cache == Path("/a/b")


def test_a_variable_set_to_nothing_is_not_set() -> None:
    assert read_settings({"FAIRLEAD_PORT": ""}) == Settings()


@pytest.mark.parametrize("text", ["https://a, https://b", '["https://a", "https://b"]'])
def test_a_list_is_written_with_commas_or_as_json(text: str) -> None:
    assert read_settings({"FAIRLEAD_CORS_ORIGINS": text}).cors_origins == ("https://a", "https://b")


def test_a_misspelt_variable_names_the_closest() -> None:
    with pytest.raises(SettingsError, match=r"FAIRLEAD_PROT is not a setting; did you mean FAIRL"):
        read_settings({"FAIRLEAD_PROT": "80"})


def test_an_unknown_variable_names_them_all() -> None:
    with pytest.raises(SettingsError, match=r"known: FAIRLEAD_ADMIN_TOKEN, .*FAIRLEAD_PORT"):
        read_settings({"FAIRLEAD_XYZ": "80"})


def test_all_problems_are_listed() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(
            {
                "FAIRLEAD_PORT": "many",
                "FAIRLEAD_LOG_LEVEL": "loud",
                "FAIRLEAD_CORS_ORIGINS": "[",
                "FAIRLEAD_MODLE": "x",
            }
        )
    assert [problem.split(" ")[0].rstrip(":") for problem in caught.value.problems] == [
        "FAIRLEAD_MODLE", "FAIRLEAD_PORT", "FAIRLEAD_CORS_ORIGINS", "FAIRLEAD_LOG_LEVEL"
    ]  # fmt: skip
    assert "many" not in str(caught.value)
