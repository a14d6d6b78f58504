"""How command lines are read: a default among sub-commands, and one way to name the project."""

from __future__ import annotations

from typing import Any, ClassVar

from typer.core import TyperCommand, TyperGroup

NAMES = ("--project", "-p")


class WithDefault(TyperGroup):
    """A group that runs its sub-command `default` where none is named."""

    default: ClassVar[str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the sub-command where the first word is none of them."""
        is_known = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_known else [self.default, *args])


class TakesProject(TyperCommand):
    """A command whose project is a word, and which takes it as `--project` or `-p` as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the named project where the word belongs: behind all others."""
        words = {each.name for each in self.params if each.param_type_name == "argument"}
        if "project" not in words:
            return super().parse_args(ctx, args)
        others, projects, rest = [], [], iter(args)
        for word in rest:
            name, has_value, value = word.partition("=")
            if word in NAMES and (named := next(rest, None)) is not None:
                projects.append(named)
            elif has_value and name == "--project":
                projects.append(value)
            else:
                others.append(word)
        return super().parse_args(ctx, [*others, *projects])
