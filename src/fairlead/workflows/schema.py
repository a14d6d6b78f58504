"""The JSON Schema of the project file, with the parameters of every installed family."""

from __future__ import annotations

from typing import Any

from fairlead.models.combinations import COMBINATIONS
from fairlead.models.family import families, family
from fairlead.project.schema import project_schema


def schema() -> dict[str, Any]:
    """The schema, for editors."""
    own = {name: family(name).parameters for name in families()}
    combined = {name: each.parameters for name, each in COMBINATIONS.items()}
    return project_schema(
        {name: parameters.model_json_schema() for name, parameters in (own | combined).items()}
    )
