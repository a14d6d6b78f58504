"""JSON answers of the routes that are no predictions."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response

NO_CONTROL = "models are not loaded or unloaded by request here: FAIRLEAD_MODEL_CONTROL is off"


def as_json(content: Any, status: int = 200) -> Response:
    """Any JSON content."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")
