"""Where this process runs: `FAIRLEAD_*`, read once."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from fairlead.errors import SettingsError

PREFIX = "FAIRLEAD_"
MAX_PORT = 65535


def _listed(value: object) -> object:
    """`a, b` and the JSON list `["a", "b"]` say the same."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.startswith("[") else value.replace(",", " ").split()
    except ValueError as error:
        raise ValueError("expected a list, such as `a, b`") from error


class Settings(BaseModel):
    """Settings of one process; each field is the environment variable `FAIRLEAD_<FIELD>`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid")

    model: str | None = None
    """What `fairlead serve` serves: a candidate's name, an alias or a version number."""
    data_mirror: str | None = None
    """Folder or address that holds the files of `data.source.url` by their base name."""
    host: str = "127.0.0.1"
    """Address on which the service listens."""
    port: int = Field(default=8000, ge=0, le=MAX_PORT)
    """Port on which the service listens; 0 takes a free one."""
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Origins that browsers may call from, with commas between them; none by default."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    jobs: int = Field(default=0, ge=0)
    """Processes that train in parallel; 0 takes one per core."""
    drain_s: float = Field(default=10.0, ge=0)
    """Seconds that a stopping service gives the requests in flight."""
    max_body_bytes: int = Field(default=16 * 2**20, ge=1024)
    """Largest request body that the service reads."""
    max_rows: int = Field(default=10_000, ge=1)
    """Most rows that one request may have."""
    workers: int = Field(default=1, ge=1, le=256)
    """Processes that answer requests."""
    poll_s: float = Field(default=2.0, gt=0)
    """Seconds between two looks at the aliases in the registry."""
    state: Path | None = None
    """Folder of a service's routing table and counters; by default beside the project file."""
    max_queue: int = Field(default=64, ge=0)
    """Large requests that may wait for a thread; one more is answered with 503."""
    max_connections: int = Field(default=4096, ge=1)
    """Connections of one worker; requests on one more are answered with 503."""
    request_timeout_s: float = Field(default=60.0, gt=0)
    """Seconds in which a large request must be answered, or else 504."""
    read_timeout_s: float = Field(default=60.0, gt=0)
    """Seconds in which a request must have arrived, or else 408."""
    keep_alive_s: int = Field(default=75, ge=0)
    """Seconds that an idle connection is kept; longer than the 60 of common proxies."""
    model_control: bool = False
    """Whether callers may load and unload models."""
    admin_token: SecretStr | None = None
    """Bearer token of the admin routes; without one there are none."""
    prediction_log: Path | None = None
    """Folder of the prediction log; without one, a served project logs beside its file."""
    prediction_log_sample: float = Field(default=1.0, ge=0, le=1)
    """Share of the requests that are logged."""
    prediction_log_mask: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Columns whose values are logged as missing."""
    prediction_log_omit: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Columns that are not logged at all."""
    prediction_log_days: int = Field(default=7, ge=1, le=36_500)
    """Days that predictions and labels are kept; a service deletes older ones by itself."""
    prediction_sketch_days: int = Field(default=90, ge=1, le=36_500)
    """Days that sketches of the logged predictions are kept; they hold no rows."""
    traces: bool = False
    """Whether each request is traced with OpenTelemetry, to the collector that `OTEL_*` names."""
    cache: Path | None = None
    """Folder for downloaded bundles; by default `.fairlead/bundles` beside the project file."""
    alert_webhook: SecretStr | None = None
    """Address to which a monitor posts each alert as JSON."""
    alert_secret: SecretStr | None = None
    """Key with which the webhook is signed, at least 16 characters; without it, it is not."""
    alertmanager: str | None = None
    """Address of a Prometheus Alertmanager, such as `https://alertmanager:9093`."""
    alert_plain_http: bool = False
    """Whether alerts may be sent to other machines without TLS."""


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment; a variable that is set to nothing counts as not set.

    Raises:
        SettingsError: a variable is misspelt or has an illegal value; all are listed.
    """
    environ = os.environ if environ is None else environ
    fields = {f"{PREFIX}{name}".upper(): name for name in Settings.model_fields}
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    problems = []
    for name in sorted(given.keys() - fields.keys()):
        # Without the prefix, which alone makes any two names look alike.
        own = name.removeprefix(PREFIX).lower()
        close = difflib.get_close_matches(own, Settings.model_fields, n=1)
        hint = (
            f"did you mean {PREFIX}{close[0].upper()}?"
            if close
            else f"known: {', '.join(sorted(fields))}"
        )
        problems.append(f"{name} is not a setting; {hint}")
    try:
        settings = Settings.model_validate(
            {fields[name]: value for name, value in given.items() if value and name in fields}
        )
    except ValidationError as error:
        problems += [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise SettingsError(tuple(problems)) from None
    if problems:
        raise SettingsError(tuple(problems))
    return settings
