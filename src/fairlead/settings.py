"""Where this process runs: `FAIRLEAD_*`, read once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from fairlead.errors import SettingsError

PREFIX = "FAIRLEAD_"


class Settings(BaseSettings):
    """Settings of one process; each field is the environment variable `FAIRLEAD_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True, extra="forbid"
    )

    model: str | None = None
    """What `fairlead serve` serves: a candidate's name, an alias or a version number."""
    data_mirror: str | None = None
    """Folder or address that holds the files of `data.source.url` by their base name."""
    host: str = "127.0.0.1"
    """Address on which the service listens."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port on which the service listens; 0 takes a free one."""
    cors_origins: tuple[str, ...] = ()
    """Origins that browsers may call from, as a JSON list; none by default."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    jobs: int = Field(default=0, ge=0)
    """Processes that train in parallel; 0 takes one per core."""
    drain_s: float = Field(default=10.0, ge=0)
    """Seconds that a stopping service gives the requests in flight."""
    max_body_bytes: int = Field(default=16 * 2**20, ge=1024)
    """Largest request body that the service reads."""
    cache: Path | None = None
    """Folder for downloaded bundles; by default `.fairlead/cache` beside the project file."""


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a variable is misspelt or has an illegal value; all are listed.
    """
    environ = os.environ if environ is None else environ
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    problems = []
    for name in sorted(environ):
        # pydantic-settings ignores unknown variables even with `extra="forbid"`.
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
            problems.append(f"{name} is not a setting; {hint}")
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()
        ]
        raise SettingsError(tuple(problems)) from None
    if problems:
        raise SettingsError(tuple(problems))
    return settings
