from __future__ import annotations

from fairlead.project.document import read_document
from fairlead.project.scaffolding import other_files, project_file

VALUES = {
    "name": "any",
    "data": {"path": "a.csv", "columns": {"x": {"type": "number"}, "no": {"type": "text"}}},
    "candidates": {"one": {"family": "ridge"}},
}


def test_a_project_file_says_what_it_was_given() -> None:
    assert read_document(project_file(VALUES, {})).values == VALUES


def test_comments_stand_above_their_keys_and_change_nothing() -> None:
    comments = {"": ["The top."], "data.columns.no": ["word " * 40, "another"], "name": ["- n: 1"]}
    text = project_file(VALUES, comments)
    assert read_document(text).values == VALUES
    lines = text.splitlines()
    assert lines[:3] == ["# The top.", "# - n: 1", "name: any"]
    assert lines[lines.index("    'no': {type: text}") - 1] == "    # another"
    assert max(map(len, lines)) <= 100


def test_no_template_is_left_with_a_gap() -> None:
    for text in other_files("any", "y", "regression", "data/a.csv").values():
        assert "{name}" not in text
        assert "{file}" not in text
