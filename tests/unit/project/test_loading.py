"""A project file is read whole or not at all, and all of its faults are told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import Problem, ProjectError
from fairlead.project.document import read_document
from fairlead.project.loading import (
    Project,
    canonical_json,
    dump_spec,
    load_project,
    spec_digest,
)
from fairlead.project.readiness import ScoreSpec
from fairlead.project.salvage import salvage
from fairlead.project.spec import ProjectSpec

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        (tmp_path / "fairlead.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def problems_of(path: Path, *checks: Callable[[ProjectSpec], Iterator[Problem]]) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load_project(path, *checks)
    return [f"{problem.line} {problem.where}" for problem in caught.value.problems]


def test_a_project_is_loaded_from_its_folder_or_its_file(write: Write, text: str) -> None:
    root = write(text)
    project = load_project(root)
    assert project == load_project(root / "fairlead.yaml") == load_project(str(root))
    assert (project.path, project.root) == (root / "fairlead.yaml", root)
    assert project.spec.name == "flats"


def test_words_that_other_yaml_takes_for_booleans_are_categories(write: Write, text: str) -> None:
    column = load_project(write(text)).spec.data.columns["heating"]
    assert column.values == ("no", "gas", "1")


def test_three_mistakes_in_three_places_are_all_reported(write: Write, text: str) -> None:
    def check(spec: ProjectSpec) -> Iterator[Problem]:
        assert spec.candidates["tree"].parameters == {"max_depth": -3}
        yield Problem("candidates.tree.max_depth", "`-3`", "a value >= 1")

    broken = (
        text.replace("holdout: 0.25", "holdot: 0.25")
        .replace("area / rooms", "area / room")
        .replace("max_depth: 3", "max_depth: -3")
    )
    with pytest.raises(ProjectError) as caught:
        load_project(write(broken), check)
    message = str(caught.value)
    assert [problem.line for problem in caught.value.problems] == [12, 14, 17]
    assert message.startswith("3 problems in the project file")
    assert "fairlead.yaml:14: data.split.holdot: found `holdot`, expected `holdout`" in message
    assert "did you mean `rooms`?" in message


@pytest.mark.parametrize(
    ("line", "right", "wrong", "told"),
    [
        (7, "max: 500", "mx: 500", "found `mx`, expected `max` (did you mean that?)"),
        (7, "type: number", "type: numbr", "found `numbr`, expected `number` (did you mean that?)"),
        (2, "task: regression", "task: guess", "found `guess`, expected one of `classification`"),
        (8, "min: 1", "min: one", "found `one`, expected a number"),
        (8, "min: 1", 'min: "1"', "found `1`, expected a number"),
        (10, "nullable: true", "nullable: yes", "found `yes`, expected `true` or `false`"),
        (14, "holdout: 0.25", "holdout: 1.5", "found `1.5`, expected a value < 1"),
        (14, "holdout: 0.25", "seed: 1.5", "found `1.5`, expected a whole number"),
        (7, "min: 5", "min: .nan", "found `nan`, expected a finite number"),
        (1, "name: flats", "name: Flats", "found `Flats`, expected a text such as `housing`"),
        (4, "path: data/flats.csv", "path: 7", "found `7`, expected a text (write it in quotes)"),
        (20, "[heating]", "heating", "found `heating`, expected a list"),
        (14, "{holdout: 0.25}", "random", "found `random`, expected a mapping of keys to values"),
        (20, "[heating]", "[heatin]", "found `heatin`, expected the name of a column"),
        (10, "    built:", "    1st-floor:", "expected letters, digits and _, not starting with"),
        (18, "  metric: rmse\n", "", "found nothing, expected this key, which is required"),
        (19, "  metric: rmse", "  metrik: rmse", "found `metrik`, expected `metric`"),
        (13, "rows >= 10", "rows >=", "syntax error"),
        (13, "rows >= 10", "area * 2", "found a number: `area * 2`, expected a condition"),
        (22, "rmse <= 100", "rmse", "found a number: `rmse`, expected a condition"),
        (
            10,
            "missing: median",
            "missing: median, fill: 3",
            "expected `missing: constant` beside it",
        ),
        (10, "missing: median", "missing: constant, fill: [3]", "expected a number or a text"),
    ],
)
def test_one_mistake_is_one_problem_in_plain_words(
    write: Write, text: str, line: int, right: str, wrong: str, told: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        load_project(write(text.replace(right, wrong, 1)))
    (problem,) = caught.value.problems
    assert told in str(problem)
    assert problem.line == line


def test_a_broken_column_is_not_told_again_by_what_uses_it(write: Write, text: str) -> None:
    root = write(text.replace("area: {type: number,", "area: {type: nmber,"))
    assert problems_of(root) == ["7 data.columns.area.type"]


def test_other_expressions_are_checked_beside_a_broken_column(write: Write, text: str) -> None:
    broken = text.replace("rooms: {type: integer,", "rooms: {type: whole,")
    root = write(broken.replace("rent > 0", "rnt > 0"))
    assert problems_of(root) == ["8 data.columns.rooms.type", "13 data.checks[1]"]


def test_contradictions_are_found_beside_other_mistakes(write: Write, text: str) -> None:
    broken = text.replace("min: 5, max: 500", "min: 500, max: 5").replace(
        "rmse\n", "rmse\n  x: 1\n"
    )
    root = write(broken.replace("line:", "Line:").replace("[heating]", "[hating]"))
    assert problems_of(root) == [
        "7 data.columns.area.min",
        "16 candidates.Line",
        "20 evaluation.x",
        "21 evaluation.slices[0]",
    ]


def test_text_faults_and_spec_faults_are_told_together(write: Write, text: str) -> None:
    root = write(text + "name: again\nserving: {champion: 50}\n")
    assert problems_of(root) == ["23 name", "24 serving"]


def test_without_data_there_is_nothing_more_to_check(write: Write, text: str) -> None:
    start, end = text.index("data:"), text.index("candidates:")
    assert problems_of(write(text[:start] + text[end:])) == ["1 data"]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a list\n", "a text\n", "name: [\n"])
def test_what_is_no_mapping_is_refused(write: Write, text: str) -> None:
    assert len(problems_of(write(text))) == 1


@pytest.mark.parametrize("content", [b"name: caf\xe9\n", b"name: \x00\n"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fairlead.yaml").write_bytes(content)
    assert problems_of(tmp_path)[0].startswith("1 ")


def test_a_path_that_is_not_there_is_told_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="found nothing at this path"):
        load_project(tmp_path / "nowhere")
    with pytest.raises(ProjectError, match=r"found a folder without fairlead\.yaml"):
        load_project(tmp_path)


def test_a_folder_of_projects_names_them(tmp_path: Path, text: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fairlead.yaml").write_text(text)
    with pytest.raises(ProjectError, match=r"found a folder of projects \(one, two\)"):
        load_project(tmp_path)


def test_a_project_can_be_made_in_python(write: Write, text: str) -> None:
    loaded = load_project(write(text))
    made = Project.from_spec(ProjectSpec.model_validate(loaded.spec.model_dump()), loaded.root)
    assert made == loaded


def test_a_project_made_in_python_is_checked_too(write: Write, text: str) -> None:
    spec = load_project(write(text)).spec
    data = spec.data.model_copy(update={"derived": {"x": "are * 2"}})
    with pytest.raises(ProjectError, match=r"data\.derived\.x"):
        Project.from_spec(spec.model_copy(update={"data": data}), Path())


def test_the_digest_is_of_what_is_said_not_of_how(write: Write, text: str) -> None:
    first = load_project(write(text))
    other = text.replace(
        "family: decision_tree, max_depth: 3", "max_depth: 3, family: decision_tree"
    )
    same = load_project(write("# a comment\n" + other + "spec_version: 1\n"))
    assert same.digest == first.digest
    assert len(first.digest) == 64


def test_the_digest_changes_with_the_order_of_the_columns(write: Write, text: str) -> None:
    spec = load_project(write(text)).spec
    turned = dict(reversed(spec.data.columns.items()))
    data = spec.data.model_copy(update={"columns": turned})
    assert spec_digest(spec.model_copy(update={"data": data})) != spec_digest(spec)


@pytest.mark.parametrize("name", ["housing", "iris", "obesity"])
def test_a_reference_project_survives_dump_and_load(write: Write, name: str) -> None:
    project = load_project(Path(__file__).parents[3] / "projects" / name)
    again = load_project(write(dump_spec(project.spec)))
    assert (again.spec, again.digest) == (project.spec, project.digest)
    canonical = canonical_json(project.spec)
    untold = project.spec.model_copy(update={"score": ScoreSpec()})
    assert ProjectSpec.model_validate_json(canonical) == untold
    assert sha256(canonical).hexdigest() == project.digest


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
    lambda word: word == word.strip()
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
columns = st.one_of(
    st.fixed_dictionaries({"type": st.just("number"), "min": numbers}, optional={"unit": words}),
    st.fixed_dictionaries(
        {
            "type": st.just("category"),
            "values": st.lists(words, min_size=1, max_size=4, unique=True),
        },
        optional={"description": words},
    ),
    st.just({"type": "boolean", "nullable": True, "missing": "constant", "fill": True}),
)


@settings(max_examples=40)
@given(
    made=st.dictionaries(names, columns, min_size=1, max_size=4),
    parameters=st.dictionaries(names, words | numbers, max_size=3),
)
def test_any_spec_survives_dump_and_load(
    made: dict[str, object], parameters: dict[str, object]
) -> None:
    spec = ProjectSpec.model_validate(
        {
            "name": "any",
            "task": "regression",
            "data": {"path": "x.csv", "target": {"name": "Target"}, "columns": made},
            "candidates": {"one": {**parameters, "family": "linear"}},
            "evaluation": {"metric": "rmse"},
        }
    )
    document = read_document(dump_spec(spec))
    assert salvage(document.values).spec == spec


def test_a_path_that_cannot_be_looked_at_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="File name too long"):
        load_project(tmp_path / ("x" * 300))


def test_a_lost_name_that_is_an_english_word_hides_no_other_problem(write: Write) -> None:
    root = write(
        "name: t\ntask: regression\n"
        "data:\n  path: a.csv\n  target: {name: y}\n  columns: {x: {type: number}}\n"
        "  derived:\n    a: 3\n    b: x +\n"
        "candidates: {r: {family: ridge}}\nevaluation: {metric: rmse}\n"
    )
    assert problems_of(root) == ["8 data.derived.a", "9 data.derived.b"]
