"""The JSON Schema of the project file, with the parameters of every installed family."""

from __future__ import annotations

from typing import Any

from fairlead.models.family import families, family
from fairlead.project.schema import project_schema


def schema() -> dict[str, Any]:
    """The schema, for editors."""
    return project_schema(
        {name: family(name).parameters.model_json_schema() for name in families()}
    )
