"""What is to be served is found, and a service has a state folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.errors import BundleError, DataMissingError
from fairlead.settings import Settings
from fairlead.testing.registry import sample_bundle
from fairlead.workflows.serve import Registered, Targets, find, state_of


@pytest.mark.parametrize(
    ("target", "model", "reference"),
    [
        ("models:/iris", None, "champion"),
        ("models:/iris@challenger", None, "challenger"),
        ("models:/iris/7", None, "7"),
        ("models:/iris@challenger", "lda", "lda"),
    ],
)
def test_a_model_of_the_registry_is_named_with_what_is_to_be_served_of_it(
    target: str, model: str | None, reference: str
) -> None:
    assert find([target], model) == Targets((Registered(Path.cwd(), "iris", reference),), ())


def test_a_bundle_is_named_by_its_folder(tmp_path: Path) -> None:
    path = sample_bundle(tmp_path)
    assert find([str(path)], None) == Targets((), (path.resolve(),))


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    path = sample_bundle(tmp_path)
    (path / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError):
        find([str(path)], None)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="name a project, a bundle"):
        find([str(tmp_path / "nowhere")], None)


def test_a_port_has_a_state_folder_that_stays(tmp_path: Path) -> None:
    targets = Targets((Registered(tmp_path, "iris", "champion"),), ())
    with state_of(targets, 8000) as first:
        first.mkdir(parents=True)
    with state_of(targets, 8000) as again:
        assert (again, again.is_dir()) == (tmp_path / ".fairlead/serving/8000", True)


def test_services_on_free_ports_share_no_state_and_leave_none(tmp_path: Path) -> None:
    targets = Targets((Registered(tmp_path, "iris", "champion"),), ())
    with state_of(targets, 0) as one, state_of(targets, 0) as two:
        (one / "routes.json").touch()
        assert one != two
        assert one.parent == two.parent == tmp_path / ".fairlead" / "serving"
    assert list((tmp_path / ".fairlead" / "serving").iterdir()) == []


def test_one_project_logs_beside_its_file_unless_told_otherwise(tmp_path: Path) -> None:
    alone = Targets((Registered(tmp_path, "iris", "champion", is_project=True),), ())
    named = Settings(prediction_log=tmp_path / "log")
    assert alone.prediction_log(Settings(), wanted=True) == tmp_path / ".fairlead/predictions"
    assert alone.prediction_log(named, wanted=True) == tmp_path / "log"
    assert alone.prediction_log(named, wanted=False) is None


def test_what_is_not_one_project_logs_only_where_the_settings_say(tmp_path: Path) -> None:
    project = Registered(tmp_path, "iris", "champion", is_project=True)
    address = Registered(tmp_path, "iris", "champion")
    named = Settings(prediction_log=tmp_path / "log")
    for targets in (
        Targets((project, project), ()),
        Targets((project,), (tmp_path,)),
        Targets((address,), ()),
        Targets((), (tmp_path,)),
    ):
        assert targets.prediction_log(Settings(), wanted=True) is None
        assert targets.prediction_log(named, wanted=True) == tmp_path / "log"
