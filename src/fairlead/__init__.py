"""Fairlead takes a tabular model from `train.py` to a governed, monitored, fast service."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairlead.bundle.reading import Bundle, load_bundle
    from fairlead.errors import FairleadError
    from fairlead.wiring import train
    from fairlead.workbench import Project, load

__version__ = "0.1.0"
__all__ = ["Bundle", "FairleadError", "Project", "__version__", "load", "load_bundle", "train"]

# Name -> module, imported on first use: `import fairlead` stays light.
_HOMES = {
    "Bundle": "fairlead.bundle.reading",
    "FairleadError": "fairlead.errors",
    "Project": "fairlead.workbench",
    "load": "fairlead.workbench",
    "load_bundle": "fairlead.bundle.reading",
    "train": "fairlead.wiring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
