"""What the documentation shows is true: code compiles, files load, commands and links exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fairlead.cli.main import app
from fairlead.models.candidates import check_candidates
from fairlead.project.document import read_document
from fairlead.project.salvage import salvage
from fairlead.project.scope import check_expressions

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("projects/*/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(*languages: str) -> list[Any]:
    return [
        pytest.param(body, id=f"{name_of(page)}-{number}")
        for page in PAGES
        for number, (language, body) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
        if language in languages
    ]


def commands(block: str) -> Iterator[list[str]]:
    """Every call of `fairlead` in a block, without prompt, environment, comment and redirection."""
    call = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*fairlead (.*?)(?: [>|&].*)?$", re.MULTILINE)
    for arguments in call.findall(block.replace("\\\n", " ")):
        yield shlex.split(arguments, comments=True)


def unknown(words: list[str]) -> list[str]:
    """The words of a call that the command line does not know."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        default = getattr(command, "default", None)
        if default and not (words and words[0] in command.commands):
            words = [default, *words]
        if not words or words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            return words[:1]
        command, words = command.commands[words[0]], words[1:]
    known = {"--help"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    given = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
    return sorted(given - known)


@pytest.mark.parametrize("block", blocks("python"))
def test_python_compiles(block: str) -> None:
    compile(block, "example", "exec")


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if "task:" in block.values[0]])
def test_a_project_file_is_valid(block: str) -> None:
    read = salvage(read_document(block.replace("sha256: …", f"sha256: {'a' * 64}")).values)
    assert read.problems == []
    assert read.spec
    assert [*check_expressions(read.spec), *check_candidates(read.spec)] == []


@pytest.mark.parametrize("block", blocks("sh", "bash", "console", "shell"))
def test_commands_and_their_options_exist(block: str) -> None:
    assert [words for words in commands(block) if unknown(words)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)[^)]*\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
