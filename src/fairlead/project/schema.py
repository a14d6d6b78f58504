"""The JSON Schema of the project file, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.project.spec import CandidateSpec, ProjectSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def project_schema(families: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of a whole project file.

    Args:
        families: name of a family -> JSON Schema of its parameters, an object schema as pydantic
            writes it; other families are refused.
    """
    schema = ProjectSpec.model_json_schema()
    definitions = schema.pop("$defs")
    common = definitions[CandidateSpec.__name__]["properties"]
    branches = []
    for name, parameters in sorted(families.items()):
        own, inner = _hoisted(name, parameters)
        definitions |= inner
        own["properties"] = {**common, "family": {"const": name}, **own.get("properties", {})}
        definitions[name] = own
        when = {"properties": {"family": {"const": name}}}
        branches.append({"if": when, "then": {"$ref": f"#/$defs/{name}"}})
    definitions[CandidateSpec.__name__] = {
        "description": CandidateSpec.__doc__,
        "type": "object",
        "properties": {
            **common,
            "family": {
                "description": CandidateSpec.model_fields["family"].description,
                "enum": sorted(families),
            },
        },
        "required": ["family"],
        **({"allOf": branches} if branches else {}),
    }
    head = {"$schema": DIALECT, "title": "Fairlead project file"}
    return {**head, **schema, **head, "$defs": dict(sorted(definitions.items()))}


def _hoisted(family: str, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema with its own definitions renamed, to lie beside those of other families."""
    own = _renamed(parameters, family)
    inner = own.pop("$defs", {})
    return own, {f"{family}.{name}": definition for name, definition in inner.items()}


def _renamed(part: Any, family: str) -> Any:
    if isinstance(part, Mapping):
        return {
            key: value.replace("#/$defs/", f"#/$defs/{family}.")
            if key == "$ref" and isinstance(value, str)
            else _renamed(value, family)
            for key, value in part.items()
        }
    return [_renamed(item, family) for item in part] if isinstance(part, list) else part
